/*
 * What the access token of a request says: for a client that wants to know
 * as whom it is signed in.  Answered without the database.
 */

#include "account.h"


ngx_int_t
ehr_account_token(ehr_request_t *req)
{
    ehr_out_t         data;
    ngx_uint_t        i;
    ehr_reply_t       reply;
    ehr_principal_t  *who = &req->who;

    ehr_out_init(&data, req->pool);

    ehr_out_literal(&data, "{\"id\":");
    ehr_out_string(&data, who->user_text, EHR_UUID_TEXT);
    ehr_out_literal(&data, ",\"sessionId\":");
    ehr_out_string(&data, who->session_text, EHR_UUID_TEXT);

    if (who->audience == EHR_AUDIENCE_PORTAL) {
        ehr_out_literal(&data, ",\"audience\":\"portal\",\"roles\":[");
    } else {
        ehr_out_literal(&data, ",\"audience\":\"staff\",\"roles\":[");
    }

    for (i = 0; i < who->nroles; i++) {
        if (i) {
            ehr_out_literal(&data, ",");
        }

        ehr_out_string(&data, who->roles[i], ngx_strlen(who->roles[i]));
    }

    ehr_out_literal(&data, "],\"expiresIn\":");
    ehr_out_integer(&data, who->expires - ngx_time());
    ehr_out_literal(&data, "}");

    ngx_memzero(&reply, sizeof(ehr_reply_t));
    reply.status = NGX_HTTP_OK;
    reply.message = EHR_MESSAGE_SUCCESS;
    reply.data = &data;

    ehr_reply(req, &reply);

    return NGX_OK;
}
