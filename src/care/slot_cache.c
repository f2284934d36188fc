/*
 * Answers about a doctor's slots that a worker gave a moment ago.  The engine
 * says whether it would give them again; time is watched here.
 */

#include "slot.h"


#define EHR_SLOT_ANSWERS   1024
#define EHR_SLOT_QUERY       96     /* longer query strings are not kept */
#define EHR_SLOT_ANSWER   32768     /* nor are longer answers */

typedef struct {
    ehr_uuid_t              doctor;
    u_char                  query[EHR_SLOT_QUERY];
    size_t                  query_len;

    int32_t                 resource;
    uint64_t                version;
    time_t                  until;

    u_char                 *json;           /* NULL: empty */
    size_t                  len;
    size_t                  size;           /* allocated */
} ehr_slot_answer_t;

static ehr_slot_answer_t  ehr_slot_answers[EHR_SLOT_ANSWERS];


static ehr_slot_answer_t *ehr_slot_cache_place(const ehr_uuid_t *doctor,
    const ngx_str_t *query);


static ehr_slot_answer_t *
ehr_slot_cache_place(const ehr_uuid_t *doctor, const ngx_str_t *query)
{
    u_char    name[sizeof(ehr_uuid_t) + EHR_SLOT_QUERY];
    uint32_t  hash;

    ngx_memcpy(name, doctor->bytes, sizeof(ehr_uuid_t));
    ngx_memcpy(name + sizeof(ehr_uuid_t), query->data, query->len);

    hash = ngx_murmur_hash2(name, sizeof(ehr_uuid_t) + query->len);

    return &ehr_slot_answers[hash % EHR_SLOT_ANSWERS];
}


ngx_int_t
ehr_slot_cache_find(const ehr_uuid_t *doctor, const ngx_str_t *query,
    ehr_out_t *out)
{
    ehr_engine_t       *engine;
    ehr_slot_answer_t  *answer;

    if (query->len > EHR_SLOT_QUERY) {
        return NGX_DECLINED;
    }

    engine = ehr_slot_engine();
    if (engine == NULL) {
        return NGX_DECLINED;
    }

    answer = ehr_slot_cache_place(doctor, query);

    if (answer->json == NULL || answer->until <= ngx_time()
        || answer->query_len != query->len
        || ngx_memcmp(answer->doctor.bytes, doctor->bytes,
                      sizeof(ehr_uuid_t))
           != 0
        || ngx_memcmp(answer->query, query->data, query->len) != 0
        || ehr_engine_version(engine, answer->resource) != answer->version)
    {
        return NGX_DECLINED;
    }

    ehr_out_raw(out, answer->json, answer->len);

    return NGX_OK;
}


void
ehr_slot_cache_keep(const ehr_uuid_t *doctor, const ngx_str_t *query,
    int32_t resource, uint64_t version, time_t until, const ehr_out_t *out)
{
    u_char             *p;
    ngx_chain_t        *link;
    ehr_slot_answer_t  *answer;

    if (version == 0 || query->len > EHR_SLOT_QUERY || out->failed
        || out->size > EHR_SLOT_ANSWER)
    {
        return;
    }

    answer = ehr_slot_cache_place(doctor, query);

    if (answer->size < out->size) {
        p = ngx_alloc(out->size, ngx_cycle->log);
        if (p == NULL) {
            return;
        }

        if (answer->json) {
            ngx_free(answer->json);
        }

        answer->json = p;
        answer->size = out->size;
    }

    p = answer->json;

    for (link = out->first; link; link = link->next) {
        p = ngx_cpymem(p, link->buf->pos, link->buf->last - link->buf->pos);
    }

    answer->len = out->size;
    answer->doctor = *doctor;
    ngx_memcpy(answer->query, query->data, query->len);
    answer->query_len = query->len;
    answer->resource = resource;
    answer->version = version;
    answer->until = until;
}
