/*
 * Key rotation while running: ciphertexts of older key versions are encrypted
 * again under the current one, a few rows at a time, until none is left.
 * Nothing is looked for where only one version is configured.
 */

#include "../access/encoding.h"
#include "record.h"
#include "housekeeping.h"


#define EHR_REKEY_START "00000000-0000-0000-0000-000000000000"

static ngx_uint_t      ehr_rekey_resource;     /* where the search stands */
static size_t          ehr_rekey_field;
static u_char          ehr_rekey_after[EHR_UUID_TEXT + 1] = EHR_REKEY_START;
static unsigned        ehr_rekey_finished;


static ehr_record_t *ehr_rekey_next(void);
static void ehr_rekey_begin_field(void);
static void ehr_rekey_find_done(ehr_batch_t *batch, void *data);
static ngx_int_t ehr_rekey_add(ehr_batch_t *batch, ehr_record_t *record,
    PGresult *found, int row);
static void ehr_rekey_done(ehr_batch_t *batch, void *data);


/* The sensitive field the search stands at; NULL when all are through. */

static ehr_record_t *
ehr_rekey_next(void)
{
    ehr_record_t  *record;

    for ( /* void */ ; ehr_resources[ehr_rekey_resource];
         ehr_rekey_resource++, ehr_rekey_field = 0)
    {
        record = ehr_record_of(ehr_resources[ehr_rekey_resource]);

        for ( /* void */ ; ehr_rekey_field < record->fields->n;
             ehr_rekey_field++)
        {
            if (record->fields->fields[ehr_rekey_field]->flags
                & EHR_SENSITIVE)
            {
                return record;
            }
        }
    }

    return NULL;
}


void
ehr_rekey(void)
{
    u_char               table[128], version[NGX_INT_T_LEN + 1];
    ehr_batch_t         *batch;
    ehr_param_t          params[5];
    ehr_record_t        *record;
    ehr_field_keys_t    *keys = &ehr_worker.conf->keys;

    record = (keys->keys.nelts > 1 && !ehr_rekey_finished)
             ? ehr_rekey_next() : NULL;

    if (record == NULL) {
        ehr_rekey_finished = 1;
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    batch = ehr_housekeeping_batch(EHR_LANE_MAIN, 0);

    if (batch == NULL) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    ngx_snprintf(table, sizeof(table), "ehr.%s%Z", record->resource->table);
    *ngx_sprintf(version, "%ui", keys->current->version) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) table;
    params[1].value = record->fields->fields[ehr_rekey_field]->column;
    params[2].value = (char *) version;
    params[3].value = "15";         /* a batch holds 16 statements */
    params[4].value = (char *) ehr_rekey_after;

    if (ehr_batch_add(batch, ehr_queries[EHR_QUERY_REKEY_FIND], 5, params)
        != NGX_OK)
    {
        ehr_batch_destroy(batch);
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    if (ehr_housekeeping_send(batch, ehr_rekey_find_done) != NGX_OK) {
        ehr_task_done(EHR_TASK_REKEY, 0);
    }
}


static void
ehr_rekey_begin_field(void)
{
    ngx_memcpy(ehr_rekey_after, EHR_REKEY_START, EHR_UUID_TEXT);
}


/* The ciphertexts found, and last how far the search got.  One that does not
 * open stays as it is and holds up no other. */

static void
ehr_rekey_find_done(ehr_batch_t *batch, void *data)
{
    int            row;
    ngx_str_t      id;
    PGresult      *found;
    ehr_batch_t   *next;
    ehr_record_t  *record;

    if (ehr_housekeeping_failed(batch, "looking for old key versions")) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    found = batch->results[1];

    if (PQntuples(found) == 0) {
        ehr_rekey_field++;
        ehr_rekey_begin_field();
        ehr_task_done(EHR_TASK_REKEY, 1);
        return;
    }

    record = ehr_record_of(ehr_resources[ehr_rekey_resource]);
    next = ehr_housekeeping_batch(EHR_LANE_MAIN, 1);

    if (next == NULL) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    for (row = 0; row < PQntuples(found); row++) {
        id = ehr_result_value(found, row, 0);

        if (!PQgetisnull(found, row, 1)
            && ehr_rekey_add(next, record, found, row) != NGX_OK)
        {
            ngx_log_error(NGX_LOG_CRIT, batch->log, 0,
                          "ehr: %s.%s of row %V does not open with the "
                          "configured keys; it is not encrypted again",
                          record->resource->table,
                          record->fields->fields[ehr_rekey_field]->column,
                          &id);
        }
    }

    ngx_memcpy(ehr_rekey_after, PQgetvalue(found, row - 1, 0),
               EHR_UUID_TEXT);

    if (next->n == 1) {
        ehr_batch_destroy(next);
        ehr_task_done(EHR_TASK_REKEY, 1);
        return;
    }

    if (ehr_housekeeping_send(next, ehr_rekey_done) != NGX_OK) {
        ehr_rekey_begin_field();
        ehr_task_done(EHR_TASK_REKEY, 0);
    }
}


static ngx_int_t
ehr_rekey_add(ehr_batch_t *batch, ehr_record_t *record, PGresult *found,
    int row)
{
    u_char            *table, *plain, *sealed, *p;
    ngx_str_t          id, hex, was, context;
    ehr_param_t        params[5];
    ehr_field_keys_t  *keys = &ehr_worker.conf->keys;

    id = ehr_result_value(found, row, 0);
    hex = ehr_result_value(found, row, 1);

    if (hex.len < 2 + 2 * EHR_CIPHER_OVERHEAD) {
        return NGX_ERROR;
    }

    was.len = (hex.len - 2) / 2;
    was.data = ngx_pnalloc(batch->pool, was.len);
    table = ngx_pnalloc(batch->pool, 128);
    plain = ngx_pnalloc(batch->pool, was.len);
    sealed = ngx_pnalloc(batch->pool, was.len);
    context.data = ngx_pnalloc(batch->pool, 256);

    if (was.data == NULL || table == NULL || plain == NULL || sealed == NULL
        || context.data == NULL
        || ehr_hex_decode(was.data, hex.data + 2, was.len) != 0)
    {
        return NGX_ERROR;
    }

    ngx_snprintf(table, 128, "ehr.%s%Z", record->resource->table);
    p = ngx_snprintf(context.data, 256, "%V%V",
                     &record->purposes[ehr_rekey_field], &id);
    context.len = p - context.data;

    if (ehr_field_decrypt(keys, &context, was.data, was.len, plain) != NGX_OK
        || ehr_field_encrypt(keys, &context, plain,
                             was.len - EHR_CIPHER_OVERHEAD, sealed)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) table;
    params[1].value = record->fields->fields[ehr_rekey_field]->column;
    params[2].value = (char *) id.data;
    params[3].value = (char *) was.data;
    params[3].len = (int) was.len;
    params[3].binary = 1;
    params[4].value = (char *) sealed;
    params[4].len = (int) was.len;
    params[4].binary = 1;

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REKEY], 5, params);
}


static void
ehr_rekey_done(ehr_batch_t *batch, void *data)
{
    if (!ehr_housekeeping_failed(batch, "encrypting under the current key"))
    {
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_REKEYED,
                          batch->n - 1);
        ehr_task_done(EHR_TASK_REKEY, 1);
        return;
    }

    ehr_rekey_begin_field();
    ehr_task_done(EHR_TASK_REKEY, 0);
}
