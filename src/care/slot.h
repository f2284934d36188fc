/*
 * Slots: times at which a doctor can be booked.  They are stored nowhere; what
 * is open less what is busy gives them.
 */

#ifndef EHR_SLOT_H
#define EHR_SLOT_H

#include "../engine/engine.h"
#include "../http/http.h"


/* Everything is in steps of five minutes. */
#define EHR_SLOT_STEP      EHR_ENGINE_GRANULE_SECONDS

/* The longest period that is listed, and the most minutes a slot may have. */
#define EHR_SLOT_PERIOD    (31 * 86400)
#define EHR_SLOT_PERIOD_DAYS  "31"
#define EHR_SLOT_MINUTES   1440

typedef struct {
    ehr_uuid_t              doctor;
    ehr_uuid_t              clinic;
    ehr_uuid_t              room;           /* all zero: none */
    int64_t                 start;          /* seconds since 1970 */
    ngx_uint_t              minutes;
    ngx_uint_t              free;           /* seats left */
} ehr_slot_t;

/* Which slots are wanted. */
typedef struct {
    ehr_uuid_t              doctor;         /* if has_doctor */
    const char             *doctor_text;
    const char             *date;           /* local day, or NULL */
    const char             *specialty;      /* UUID texts, or NULL */
    const char             *clinic;
    const char             *department;
    int64_t                 from;           /* starts in [from, to) */
    int64_t                 to;             /* 0: no end (first free) */
    ngx_uint_t              minutes;        /* 0: as long as each slot is */
    ngx_uint_t              limit;          /* 0: all */
} ehr_slot_wish_t;


/* -- ids (slot_id.c) ------------------------------------------------------- */

/* Characters of an id: base64url of version, doctor, start, minutes and a
 * keyed hash of them, so that it needs no row and cannot be made up. */
#define EHR_SLOT_ID        43

/* Writes the id; NULL without memory. */
u_char *ehr_slot_id_print(u_char *out, const ehr_slot_t *slot);

/* Sets doctor, start and minutes; NGX_DECLINED for one that this hospital did
 * not give out, NGX_ERROR without memory. */
ngx_int_t ehr_slot_id_parse(const char *text, size_t len, ehr_slot_t *slot);


/* -- JSON and rows (slot_write.c) ------------------------------------------ */

#define EHR_SLOT_INSTANT   (sizeof("2026-11-21T09:30:00Z") - 1)

/* "2026-11-21T09:30:00Z" */
u_char *ehr_slot_instant_print(u_char *out, int64_t second);
/* A checked timestamp of a body or query as seconds since 1970; fractions of
 * a second are cut off, and *is_whole says whether there were none. */
int64_t ehr_slot_instant_parse(const char *text, size_t len, int *is_whole);

void ehr_slot_write(ehr_out_t *out, const ehr_slot_t *slot);

/* A row of doctor_id, clinic_id, room_id, start (seconds), minutes, free. */
ngx_int_t ehr_slot_of_row(const PGresult *result, int row, ehr_slot_t *slot);

/* A JSON array of the rows that do not lie in the past. */
void ehr_slot_write_rows(ehr_out_t *out, const PGresult *result);

/* Whether a period to list can be listed: NGX_OK, or NGX_DONE (answered 400
 * about `to`). */
ngx_int_t ehr_slot_check_period(ehr_request_t *req, int64_t from,
    int64_t to);


/* -- from the engine (slot_engine.c) --------------------------------------- */

/* The worker's view of the engine while it is LIVE, else NULL: ask
 * PostgreSQL. */
ehr_engine_t *ehr_slot_engine(void);

#define ehr_slot_engine_uuid(uuid)  ((const ehr_engine_uuid_t *) (uuid)->bytes)

/*
 * Slots of wish->doctor as a JSON array; *first is the start of the first, 0
 * if there is none.  NGX_OK, NGX_DECLINED (ask PostgreSQL) or NGX_AGAIN: when
 * wish->date begins is not known for these clinics (at most
 * EHR_SLOT_CLINICS).  Nothing of use was written then.
 */
#define EHR_SLOT_CLINICS   8

typedef struct {
    ehr_uuid_t              ids[EHR_SLOT_CLINICS];
    ngx_uint_t              n;
} ehr_slot_clinics_t;

ngx_int_t ehr_slot_engine_doctor(const ehr_slot_wish_t *wish,
    int32_t resource, ehr_out_t *out, int64_t *first,
    ehr_slot_clinics_t *unknown);

/* The first free slots of many doctors as a JSON array: NGX_OK or
 * NGX_DECLINED. */
ngx_int_t ehr_slot_engine_first(const ehr_slot_wish_t *wish, ehr_out_t *out);
/* The same of wish->doctor after the time of a slot, remembered. */
ngx_int_t ehr_slot_engine_next(const ehr_slot_wish_t *wish, ehr_out_t *out);


/* -- what a worker remembers (slot_day.c, slot_cache.c) -------------------- */

/* Seconds for which anything is remembered. */
#define EHR_SLOT_MEMORY    60

/* When a local day begins and ends at a clinic; NGX_DECLINED: unknown. */
ngx_int_t ehr_slot_day_find(const ehr_uuid_t *clinic, const char *date,
    int64_t *from, int64_t *to);
/* Learns it from rows of clinic id, from, to (seconds). */
void ehr_slot_day_learn(const char *date, const PGresult *result);

/* An answer about a doctor for the same query string, as long as the engine
 * would give it again.  NGX_OK: it was written.  Else NGX_DECLINED. */
ngx_int_t ehr_slot_cache_find(const ehr_uuid_t *doctor,
    const ngx_str_t *query, ehr_out_t *out);
/* Keeps one; version is the engine's of before it was asked. */
void ehr_slot_cache_keep(const ehr_uuid_t *doctor, const ngx_str_t *query,
    int32_t resource, uint64_t version, time_t until, const ehr_out_t *out);


/* -- handlers -------------------------------------------------------------- */

/* GET /doctors/{doctorId}/slots (slot_doctor.c) */
ngx_int_t ehr_slots_of_doctor(ehr_request_t *req);
/* GET /slots, /booking/slots (slot_first.c) */
ngx_int_t ehr_slots_first(ehr_request_t *req);

/* Adds the question of that to PostgreSQL: rows as ehr_slot_of_row() wants
 * them. */
ngx_int_t ehr_slot_add_first(const ehr_slot_wish_t *wish,
    ehr_batch_t *batch);

#endif /* EHR_SLOT_H */
