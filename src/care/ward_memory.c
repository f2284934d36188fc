/*
 * Boards that a worker showed a moment ago, and who saw what: see
 * ward_board.h.  Both are tables in which a newcomer takes the place of
 * another; what is forgotten costs a query, or an audit row too many.
 */

#include "availability.h"
#include "slot.h"
#include "ward_board.h"


#define EHR_BOARD_ANSWERS    256
#define EHR_BOARD_ANSWER  131072        /* bytes; longer ones are not kept */

#define EHR_BOARD_READERS   8192
#define EHR_BOARD_READ    300000        /* ms a look lasts in the audit log */

typedef struct {
    ehr_uuid_t              ward;
    ngx_uint_t              sees;
    uint64_t                version;        /* 0: empty */
    ngx_msec_t              since;
    ehr_board_content_t     content;        /* both texts lie in memory */
    u_char                 *memory;
    size_t                  size;
} ehr_board_answer_t;

typedef struct {
    ehr_uuid_t              user;
    ehr_uuid_t              ward;
    int64_t                 tag;
    uint64_t                at;             /* µs, monotonic; 0: empty */
} ehr_board_reader_t;


static ehr_board_answer_t *ehr_board_place(const ehr_uuid_t *ward,
    ngx_uint_t sees);
static ehr_board_reader_t *ehr_board_reader(const ehr_uuid_t *user,
    const ehr_uuid_t *ward);


static ehr_board_answer_t  ehr_board_answers[EHR_BOARD_ANSWERS];
static ehr_board_reader_t  ehr_board_readers[EHR_BOARD_READERS];


#define ehr_board_is(one, other)                                             \
    (ngx_memcmp(one, other, sizeof(ehr_uuid_t)) == 0)


uint64_t
ehr_board_version(const ehr_uuid_t *ward)
{
    ehr_engine_t  *engine = ehr_slot_engine();

    return engine ? ehr_engine_ward_version(engine, ehr_slot_engine_uuid(ward))
                  : 0;
}


static ehr_board_answer_t *
ehr_board_place(const ehr_uuid_t *ward, ngx_uint_t sees)
{
    uint32_t  hash;

    hash = ngx_murmur_hash2((u_char *) ward->bytes, sizeof(ehr_uuid_t));

    return &ehr_board_answers[(hash + sees) % EHR_BOARD_ANSWERS];
}


const ehr_board_content_t *
ehr_board_recall(const ehr_uuid_t *ward, ngx_uint_t sees)
{
    ehr_board_answer_t  *answer;

    answer = ehr_board_place(ward, sees);

    if (answer->version == 0 || answer->sees != sees
        || ngx_current_msec - answer->since >= EHR_BOARD_MEMORY
        || !ehr_board_is(&answer->ward, ward)
        || ehr_board_version(ward) != answer->version)
    {
        return NULL;
    }

    return &answer->content;
}


void
ehr_board_keep(const ehr_uuid_t *ward, ngx_uint_t sees, uint64_t version,
    ngx_msec_t since, const ehr_board_content_t *content)
{
    u_char              *p;
    size_t               len;
    ehr_board_answer_t  *answer;

    len = content->json.len + content->shown.len;

    if (version == 0 || len > EHR_BOARD_ANSWER) {
        return;
    }

    answer = ehr_board_place(ward, sees);

    if (answer->size < len) {
        p = ngx_alloc(len, ngx_cycle->log);
        if (p == NULL) {
            return;
        }

        if (answer->memory) {
            ngx_free(answer->memory);
        }

        answer->memory = p;
        answer->size = len;
    }

    answer->ward = *ward;
    answer->sees = sees;
    answer->version = version;
    answer->since = since;
    answer->content.tag = content->tag;

    answer->content.json.data = answer->memory;
    answer->content.json.len = content->json.len;
    p = ngx_cpymem(answer->memory, content->json.data, content->json.len);

    answer->content.shown.data = p;
    answer->content.shown.len = content->shown.len;

    if (content->shown.len) {
        ngx_memcpy(p, content->shown.data, content->shown.len);
    }
}


static ehr_board_reader_t *
ehr_board_reader(const ehr_uuid_t *user, const ehr_uuid_t *ward)
{
    uint32_t    hash;
    ehr_uuid_t  both[2];

    both[0] = *user;
    both[1] = *ward;

    hash = ngx_murmur_hash2((u_char *) both, sizeof(both));

    return &ehr_board_readers[hash % EHR_BOARD_READERS];
}


ngx_uint_t
ehr_board_is_seen(const ehr_uuid_t *user, const ehr_uuid_t *ward, int64_t tag)
{
    ehr_board_reader_t  *reader;

    reader = ehr_board_reader(user, ward);

    return reader->at && reader->tag == tag
           && ehr_board_is(&reader->user, user)
           && ehr_board_is(&reader->ward, ward)
           && ehr_monotonic_us() - reader->at
              < (uint64_t) EHR_BOARD_READ * 1000;
}


void
ehr_board_seen(const ehr_uuid_t *user, const ehr_uuid_t *ward, int64_t tag)
{
    ehr_board_reader_t  *reader;

    reader = ehr_board_reader(user, ward);

    reader->user = *user;
    reader->ward = *ward;
    reader->tag = tag;
    reader->at = ehr_monotonic_us();
}
