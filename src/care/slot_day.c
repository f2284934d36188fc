/*
 * Local days of clinics as instants.  Only PostgreSQL computes with time
 * zones; a worker remembers what it was told.
 */

#include "slot.h"


#define EHR_SLOT_DAYS  512
#define EHR_SLOT_DATE  (sizeof("2026-11-21") - 1)

typedef struct {
    ehr_uuid_t              clinic;
    u_char                  date[EHR_SLOT_DATE];
    int64_t                 from;
    int64_t                 to;
    time_t                  until;          /* 0: empty */
} ehr_slot_day_t;

/* A new one takes the place of another with the same place. */
static ehr_slot_day_t  ehr_slot_days[EHR_SLOT_DAYS];


static ehr_slot_day_t *ehr_slot_day_place(const ehr_uuid_t *clinic,
    const char *date);


static ehr_slot_day_t *
ehr_slot_day_place(const ehr_uuid_t *clinic, const char *date)
{
    u_char    name[sizeof(ehr_uuid_t) + EHR_SLOT_DATE];
    uint32_t  hash;

    ngx_memcpy(name, clinic->bytes, sizeof(ehr_uuid_t));
    ngx_memcpy(name + sizeof(ehr_uuid_t), date, EHR_SLOT_DATE);

    hash = ngx_murmur_hash2(name, sizeof(name));

    return &ehr_slot_days[hash % EHR_SLOT_DAYS];
}


ngx_int_t
ehr_slot_day_find(const ehr_uuid_t *clinic, const char *date, int64_t *from,
    int64_t *to)
{
    ehr_slot_day_t  *day;

    day = ehr_slot_day_place(clinic, date);

    if (day->until <= ngx_time()
        || ngx_memcmp(day->clinic.bytes, clinic->bytes, sizeof(ehr_uuid_t))
           != 0
        || ngx_memcmp(day->date, date, EHR_SLOT_DATE) != 0)
    {
        return NGX_DECLINED;
    }

    *from = day->from;
    *to = day->to;

    return NGX_OK;
}


void
ehr_slot_day_learn(const char *date, const PGresult *result)
{
    int              row;
    ngx_str_t        value;
    ehr_uuid_t       clinic;
    ehr_slot_day_t  *day;

    for (row = 0; row < PQntuples(result); row++) {
        value = ehr_result_value(result, row, 0);

        if (ehr_uuid_parse(&clinic, value.data, value.len) != NGX_OK) {
            continue;
        }

        day = ehr_slot_day_place(&clinic, date);

        day->clinic = clinic;
        ngx_memcpy(day->date, date, EHR_SLOT_DATE);
        day->until = ngx_time() + EHR_SLOT_MEMORY;

        value = ehr_result_value(result, row, 1);
        day->from = ngx_atotm(value.data, value.len);

        value = ehr_result_value(result, row, 2);
        day->to = ngx_atotm(value.data, value.len);
    }
}
