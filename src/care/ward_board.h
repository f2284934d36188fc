/*
 * The board of a ward: rooms, beds, and of who lies there what the reader's
 * role may see.
 */

#ifndef EHR_WARD_BOARD_H
#define EHR_WARD_BOARD_H

#include "../engine/engine.h"
#include "../http/http.h"


/* GET /wards/{id}/board (ward_board.c) */
ngx_int_t ehr_ward_board(ehr_request_t *req);


/* -- what a worker remembers (ward_memory.c) ------------------------------- */

/* ms for which an answer may be given again: what the engine does not hear of
 * (names, allergies, that a discharge is overdue) is no older. */
#define EHR_BOARD_MEMORY     5000

/* What is shown of patients; bits. */
#define EHR_BOARD_INITIALS   0x1
#define EHR_BOARD_DETAILS    0x2        /* sex, age, admission, flags */
#define EHR_BOARD_ALLERGIES  0x4        /* among the flags */

typedef struct {
    ngx_str_t               json;
    int64_t                 tag;        /* of the content */
    ngx_str_t               shown;      /* ids of admissions and patients,
                                           as WARD_BOARD gives them */
} ehr_board_content_t;

/* The content for those who see that much, as long as the engine has heard of
 * no change since; NULL: ask PostgreSQL.  Valid in this turn of the event
 * loop. */
const ehr_board_content_t *ehr_board_recall(const ehr_uuid_t *ward,
    ngx_uint_t sees);

/* Before PostgreSQL is asked: what to keep the answer with.  0: not at all. */
uint64_t ehr_board_version(const ehr_uuid_t *ward);

/* Keeps a copy of an answer that was asked for at `since` (ngx_current_msec),
 * after ehr_board_version() had been taken. */
void ehr_board_keep(const ehr_uuid_t *ward, ngx_uint_t sees,
    uint64_t version, ngx_msec_t since, const ehr_board_content_t *content);

/* Whether an audit row of the last five minutes says that the user saw this
 * content of the ward; and that one now does. */
ngx_uint_t ehr_board_is_seen(const ehr_uuid_t *user, const ehr_uuid_t *ward,
    int64_t tag);
void ehr_board_seen(const ehr_uuid_t *user, const ehr_uuid_t *ward,
    int64_t tag);


/* -- who asks at the same time (ward_flight.c) ----------------------------- */

/* Continues with a content, valid in this turn of the event loop; NULL: there
 * is no such ward. */
typedef void (*ehr_board_found_pt)(ehr_request_t *req,
    const ehr_board_content_t *content);

/*
 * Asks PostgreSQL, or waits for the answer to who has just asked the same.
 * found() is called once, from the event loop, unless the request ends before;
 * a failure, and that it took longer than the database's deadline, is answered
 * here.  NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ehr_board_fetch(ehr_request_t *req, const ehr_uuid_t *ward,
    ngx_uint_t sees, ehr_board_found_pt found);

#endif /* EHR_WARD_BOARD_H */
