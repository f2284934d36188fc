/*
 * GET /wards/{id}/board: from what this worker answered a moment ago, if the
 * engine has heard of no change since, else from PostgreSQL, which one asks for
 * all who came meanwhile.  What is shown of
 * patients is in the audit log before it is shown: a reader who looks again
 * and sees the same is written down again after five minutes.
 */

#include "ward_board.h"


typedef struct {
    ehr_uuid_t              ward;
    ngx_uint_t              sees;           /* EHR_BOARD_… */
    int64_t                 tag;
    ehr_out_t               data;
    ehr_reply_t             reply;
} ehr_board_t;


static ngx_uint_t ehr_board_sees(ehr_request_t *req);
static void ehr_board_found(ehr_request_t *req,
    const ehr_board_content_t *content);
static ngx_int_t ehr_board_show(ehr_request_t *req, ehr_board_t *board,
    const ehr_board_content_t *content);
static ngx_int_t ehr_board_audit(ehr_request_t *req, ngx_str_t shown);
static void ehr_board_audited(ehr_request_t *req);
static void ehr_board_reply(ehr_request_t *req, ehr_board_t *board);


static const ehr_resource_t  ehr_query_board = {
    .name = "board-query", .schema = "BoardQuery",
    .about = "A board has no parameters."
};


ngx_int_t
ehr_ward_board(ehr_request_t *req)
{
    ngx_int_t                   rc;
    ehr_board_t                *board;
    ehr_values_t                query;
    const ehr_board_content_t  *content;

    rc = ehr_request_query(req, &ehr_query_board, &query);
    if (rc != NGX_OK) {
        return rc;
    }

    board = ngx_pcalloc(req->pool, sizeof(ehr_board_t));

    if (board == NULL
        || ehr_uuid_parse(&board->ward, req->params[0].data,
                          req->params[0].len)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->state = board;
    board->sees = ehr_board_sees(req);

    content = ehr_board_recall(&board->ward, board->sees);

    return content ? ehr_board_show(req, board, content)
                   : ehr_board_fetch(req, &board->ward, board->sees,
                                     ehr_board_found);
}


/* Who is not to see the clinical record sees initials only. */

static ngx_uint_t
ehr_board_sees(ehr_request_t *req)
{
    if (!ehr_may(req, EHR_MAY_READ_ADMISSIONS)
        || ngx_strcmp(ehr_request_scope(req), "own") == 0)
    {
        return 0;
    }

    if (!ehr_may(req, EHR_MAY_READ_RECORD)) {
        return EHR_BOARD_INITIALS;
    }

    return EHR_BOARD_INITIALS|EHR_BOARD_DETAILS
           |(ehr_may(req, EHR_MAY_READ_MEDICATIONS) ? EHR_BOARD_ALLERGIES : 0);
}


static void
ehr_board_found(ehr_request_t *req, const ehr_board_content_t *content)
{
    if (content == NULL) {
        ehr_reply_message(req, NGX_HTTP_NOT_FOUND, EHR_MESSAGE_NOT_FOUND);
        return;
    }

    if (ehr_board_show(req, req->state, content) != NGX_OK) {
        ehr_reply_message(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                          EHR_MESSAGE_INTERNAL_ERROR);
    }
}


static ngx_int_t
ehr_board_show(ehr_request_t *req, ehr_board_t *board,
    const ehr_board_content_t *content)
{
    board->tag = content->tag;

    ehr_out_init(&board->data, req->pool);
    ehr_out_raw(&board->data, content->json.data, content->json.len);

    board->reply.status = NGX_HTTP_OK;
    board->reply.message = EHR_MESSAGE_SUCCESS;
    board->reply.data = &board->data;
    board->reply.version = (ngx_int_t) ((uint64_t) content->tag % INT32_MAX)
                           + 1;

    if (content->shown.len
        && !ehr_board_is_seen(&req->who.user, &board->ward, content->tag))
    {
        return ehr_board_audit(req, content->shown);
    }

    ehr_board_reply(req, board);

    return NGX_OK;
}


/* Each patient on it is a read of that record. */

static ngx_int_t
ehr_board_audit(ehr_request_t *req, ngx_str_t shown)
{
    ngx_uint_t      i, n;
    ehr_audited_t  *rows;

    n = shown.len / (2 * EHR_UUID_TEXT);

    rows = ngx_palloc(req->pool, n * sizeof(ehr_audited_t));
    if (rows == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        rows[i].entity.data = shown.data + i * 2 * EHR_UUID_TEXT;
        rows[i].entity.len = EHR_UUID_TEXT;
        rows[i].patient.data = rows[i].entity.data + EHR_UUID_TEXT;
        rows[i].patient.len = EHR_UUID_TEXT;
    }

    return ehr_audit_read(req, "admissions", rows, n, ehr_board_audited);
}


static void
ehr_board_audited(ehr_request_t *req)
{
    ehr_board_t  *board = req->state;

    ehr_board_seen(&req->who.user, &board->ward, board->tag);
    ehr_board_reply(req, board);
}


static void
ehr_board_reply(ehr_request_t *req, ehr_board_t *board)
{
    ehr_reply(req, &board->reply);
}
