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

    ehr_reply_data(req, &data);

    return NGX_OK;
}
