/*
 * Key rotation while running: ciphertexts of older key versions are encrypted
 * again under the current one, in rows and in what is kept for repeated
 * requests, and blind indexes move to the index key that is to be written; a
 * few at a time, until none is left.  Nothing is looked for where only one
 * version is configured.
 */

#include "../access/encoding.h"
#include "record.h"
#include "housekeeping.h"


#define EHR_REKEY_START  "00000000-0000-0000-0000-000000000000"
#define EHR_REKEY_KEY    128            /* the longest idempotency key */
#define EHR_REKEY_TABLE  128

/* Columns of what is found. */
#define EHR_FOUND_PLACE   0
#define EHR_FOUND_KEY     1
#define EHR_FOUND_ID      2
#define EHR_FOUND_SEALED  3
#define EHR_FOUND_HASH    4

/* One of what is found, opened. */
typedef struct {
    ehr_record_t           *record;
    size_t                  field;
    u_char                  table[EHR_REKEY_TABLE];
    ngx_str_t               context;
    ngx_str_t               sealed;
    ngx_str_t               plain;
} ehr_rekey_t;

/* One kind of search.  version(): which are too old are older than this, 0 if
 * there is nothing to do; add() adds the statement that renews a row. */
typedef struct {
    ngx_uint_t              find;
    uint32_t                flag;       /* of the fields it looks at */
    ngx_uint_t            (*version)(void);
    ngx_int_t             (*add)(ehr_batch_t *batch, ehr_rekey_t *item,
                                 PGresult *found, int row);
} ehr_rekey_kind_t;


static ngx_uint_t ehr_rekey_field_version(void);
static ngx_uint_t ehr_rekey_index_version(void);
static void ehr_rekey_send_version(ngx_uint_t query, ehr_batch_done_pt done);
static void ehr_rekey_begun(ehr_batch_t *batch, void *data);
static void ehr_rekey_ended(ehr_batch_t *batch, void *data);
static ehr_record_t *ehr_rekey_next(void);
static ehr_record_t *ehr_rekey_next_of(uint32_t flag);
static void ehr_rekey_restart(void);
static void ehr_rekey_begin_field(void);
static void ehr_rekey_find(ehr_record_t *record);
static void ehr_rekey_find_done(ehr_batch_t *batch, void *data);
static void ehr_rekey_done(ehr_batch_t *batch, void *data);
static ngx_int_t ehr_rekey_add(ehr_batch_t *batch, PGresult *found, int row);
static ngx_int_t ehr_rekey_bytes(ngx_pool_t *pool, ngx_str_t hex,
    ngx_str_t *bytes);
static ngx_int_t ehr_rekey_open(ngx_pool_t *pool, ehr_rekey_t *item,
    PGresult *found, int row);
static ngx_int_t ehr_rekey_seal(ngx_pool_t *pool, ehr_rekey_t *item,
    ehr_param_t params[2]);
static void ehr_rekey_param(ehr_param_t *param, const ngx_str_t *bytes);
static ngx_int_t ehr_rekey_add_row(ehr_batch_t *batch, ehr_rekey_t *item,
    PGresult *found, int row);
static ngx_int_t ehr_rekey_add_kept(ehr_batch_t *batch, ehr_rekey_t *item,
    PGresult *found, int row);
static ngx_int_t ehr_rekey_add_index(ehr_batch_t *batch, ehr_rekey_t *item,
    PGresult *found, int row);


static const ehr_rekey_kind_t  ehr_rekey_kinds[] = {
    { EHR_QUERY_REKEY_FIND, EHR_SENSITIVE, ehr_rekey_field_version,
      ehr_rekey_add_row },
    { EHR_QUERY_REKEY_KEPT_FIND, EHR_SENSITIVE, ehr_rekey_field_version,
      ehr_rekey_add_kept },
    { EHR_QUERY_REINDEX_FIND, EHR_INDEXED, ehr_rekey_index_version,
      ehr_rekey_add_index }
};

#define EHR_REKEY_KINDS  (sizeof(ehr_rekey_kinds) / sizeof(ehr_rekey_kinds[0]))

static ngx_uint_t      ehr_rekey_kind;         /* where the search stands */
static ngx_uint_t      ehr_rekey_resource;
static size_t          ehr_rekey_field;
static u_char          ehr_rekey_after[EHR_UUID_TEXT + 1] = EHR_REKEY_START;
static u_char          ehr_rekey_key[EHR_REKEY_KEY + 1];

static ngx_uint_t      ehr_rekey_renewed;      /* in this round … */
static ngx_uint_t      ehr_rekey_closed;       /* … and what did not open */
static unsigned        ehr_rekey_writes;       /* the new index key is begun */
static unsigned        ehr_rekey_finished;


static ngx_uint_t
ehr_rekey_field_version(void)
{
    ehr_field_keys_t  *keys = &ehr_worker.conf->keys;

    return (keys->keys.nelts > 1) ? keys->current->version : 0;
}


static ngx_uint_t
ehr_rekey_index_version(void)
{
    ehr_key_t    *newest;
    ngx_array_t  *keys = &ehr_worker.conf->keys.index_keys;

    newest = (ehr_key_t *) keys->elts + keys->nelts - 1;

    return (keys->nelts > 1 && newest->sign) ? newest->version : 0;
}


/* A new index key is begun first: from that commit on nothing is written under
 * an older one, so that rounds after it find all there is.  A round that
 * renewed nothing has seen it all. */

void
ehr_rekey(void)
{
    ehr_record_t  *record;

    if (ehr_rekey_finished) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    if (ehr_rekey_index_version() && !ehr_rekey_writes) {
        ehr_rekey_send_version(EHR_QUERY_INDEX_KEY_BEGIN, ehr_rekey_begun);
        return;
    }

    record = ehr_rekey_next();

    if (record) {
        ehr_rekey_find(record);
        return;
    }

    if (ehr_rekey_renewed) {
        ehr_rekey_restart();
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    if (ehr_rekey_index_version() && ehr_rekey_closed == 0) {
        ehr_rekey_send_version(EHR_QUERY_INDEX_KEY_END, ehr_rekey_ended);
        return;
    }

    ehr_rekey_finished = 1;
    ehr_task_done(EHR_TASK_REKEY, 0);
}


/* -- a new index key ------------------------------------------------------- */


static void
ehr_rekey_send_version(ngx_uint_t query, ehr_batch_done_pt done)
{
    u_char                version[NGX_INT_T_LEN + 1];
    ehr_param_t           param;
    ehr_task_statement_t  statement = { query, 1, &param };

    *ngx_sprintf(version, "%ui", ehr_rekey_index_version()) = '\0';
    ngx_memzero(&param, sizeof(ehr_param_t));
    param.value = (char *) version;

    if (ehr_housekeeping_ask(EHR_LANE_MAIN, 1, &statement, 1, done, NULL)
        != NGX_OK)
    {
        ehr_task_done(EHR_TASK_REKEY, 0);
    }
}


static void
ehr_rekey_begun(ehr_batch_t *batch, void *data)
{
    if (ehr_housekeeping_failed(batch, "beginning with a new index key")) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    if (PQgetvalue(batch->results[1], 0, 0)[0] != 't') {
        ngx_log_error(NGX_LOG_ERR, batch->log, 0,
                      "ehr: \"ehr_index_key\" of version %ui is not written: "
                      "the database has a newer one",
                      ehr_rekey_index_version());
        ehr_rekey_finished = 1;
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    ehr_rekey_writes = 1;
    ehr_task_done(EHR_TASK_REKEY, 1);
}


static void
ehr_rekey_ended(ehr_batch_t *batch, void *data)
{
    if (!ehr_housekeeping_failed(batch, "ending with an old index key")) {
        ngx_log_error(NGX_LOG_NOTICE, batch->log, 0,
                      "ehr: all blind indexes are of version %ui",
                      ehr_rekey_index_version());
        ehr_rekey_finished = 1;
    }

    ehr_task_done(EHR_TASK_REKEY, 0);
}


/* -- the search ------------------------------------------------------------ */


/* The record of the field the search stands at; NULL: all are through. */

static ehr_record_t *
ehr_rekey_next(void)
{
    ehr_record_t            *record;
    const ehr_rekey_kind_t  *kind;

    for ( /* void */ ; ehr_rekey_kind < EHR_REKEY_KINDS;
         ehr_rekey_kind++, ehr_rekey_resource = 0, ehr_rekey_field = 0)
    {
        kind = &ehr_rekey_kinds[ehr_rekey_kind];
        record = kind->version() ? ehr_rekey_next_of(kind->flag) : NULL;

        if (record) {
            return record;
        }
    }

    return NULL;
}


static ehr_record_t *
ehr_rekey_next_of(uint32_t flag)
{
    ehr_record_t  *record;

    for ( /* void */ ; ehr_resources[ehr_rekey_resource];
         ehr_rekey_resource++, ehr_rekey_field = 0)
    {
        record = ehr_record_of(ehr_resources[ehr_rekey_resource]);

        for ( /* void */ ; ehr_rekey_field < record->fields->n;
             ehr_rekey_field++)
        {
            if (record->fields->fields[ehr_rekey_field]->flags & flag) {
                return record;
            }
        }
    }

    return NULL;
}


static void
ehr_rekey_restart(void)
{
    ehr_rekey_kind = 0;
    ehr_rekey_resource = 0;
    ehr_rekey_field = 0;
    ehr_rekey_renewed = 0;
    ehr_rekey_closed = 0;
    ehr_rekey_begin_field();
}


static void
ehr_rekey_begin_field(void)
{
    ngx_memcpy(ehr_rekey_after, EHR_REKEY_START, EHR_UUID_TEXT);
    ehr_rekey_key[0] = '\0';
}


static void
ehr_rekey_find(ehr_record_t *record)
{
    u_char                   table[EHR_REKEY_TABLE];
    u_char                   version[NGX_INT_T_LEN + 1];
    ehr_param_t              params[6];
    const ehr_rekey_kind_t  *kind = &ehr_rekey_kinds[ehr_rekey_kind];
    ehr_task_statement_t     statement = { kind->find, 6, params };

    ngx_snprintf(table, sizeof(table), "ehr.%s%Z", record->resource->table);
    *ngx_sprintf(version, "%ui", kind->version()) = '\0';

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) table;
    params[1].value = record->fields->fields[ehr_rekey_field]->column;
    params[2].value = (char *) version;
    params[3].value = "15";         /* a batch holds 16 statements */
    params[4].value = (char *) ehr_rekey_after;
    params[5].value = (char *) ehr_rekey_key;

    if (ehr_housekeeping_ask(EHR_LANE_MAIN, 0, &statement, 1,
                             ehr_rekey_find_done, NULL)
        != NGX_OK)
    {
        ehr_task_done(EHR_TASK_REKEY, 0);
    }
}


/* What was found, and last how far the search got.  What does not open stays
 * as it is and holds up no other. */

static void
ehr_rekey_find_done(ehr_batch_t *batch, void *data)
{
    int           row;
    PGresult     *found;
    ehr_batch_t  *next;

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

    next = ehr_housekeeping_batch(EHR_LANE_MAIN, 1);

    if (next == NULL) {
        ehr_task_done(EHR_TASK_REKEY, 0);
        return;
    }

    for (row = 0; row < PQntuples(found); row++) {
        if (!PQgetisnull(found, row, EHR_FOUND_SEALED)
            && ehr_rekey_add(next, found, row) != NGX_OK)
        {
            ehr_rekey_closed++;
        }
    }

    ngx_memcpy(ehr_rekey_after, PQgetvalue(found, row - 1, EHR_FOUND_PLACE),
               EHR_UUID_TEXT);
    ngx_cpystrn(ehr_rekey_key,
                (u_char *) PQgetvalue(found, row - 1, EHR_FOUND_KEY),
                sizeof(ehr_rekey_key));

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


static void
ehr_rekey_done(ehr_batch_t *batch, void *data)
{
    if (!ehr_housekeeping_failed(batch, "renewing under the current key")) {
        ehr_rekey_renewed += batch->n - 1;
        ehr_metrics_count(ehr_worker.shared, EHR_COUNT_REKEYED,
                          batch->n - 1);
        ehr_task_done(EHR_TASK_REKEY, 1);
        return;
    }

    ehr_rekey_begin_field();
    ehr_task_done(EHR_TASK_REKEY, 0);
}


/* -- one value ------------------------------------------------------------- */


static ngx_int_t
ehr_rekey_add(ehr_batch_t *batch, PGresult *found, int row)
{
    ngx_str_t     id;
    ehr_rekey_t  *item;

    item = ngx_pcalloc(batch->pool, sizeof(ehr_rekey_t));
    if (item == NULL) {
        return NGX_ERROR;
    }

    item->record = ehr_record_of(ehr_resources[ehr_rekey_resource]);
    item->field = ehr_rekey_field;

    if (ehr_rekey_open(batch->pool, item, found, row) == NGX_OK) {
        return ehr_rekey_kinds[ehr_rekey_kind].add(batch, item, found, row);
    }

    id = ehr_result_value(found, row, EHR_FOUND_ID);

    ngx_log_error(NGX_LOG_CRIT, batch->log, 0,
                  "ehr: %s.%s of row %V does not open with the configured "
                  "keys; it is not encrypted again",
                  item->record->resource->table,
                  item->record->fields->fields[item->field]->column, &id);

    return NGX_ERROR;
}


/* PostgreSQL prints \x and hex. */

static ngx_int_t
ehr_rekey_bytes(ngx_pool_t *pool, ngx_str_t hex, ngx_str_t *bytes)
{
    if (hex.len < 2) {
        return NGX_ERROR;
    }

    bytes->len = (hex.len - 2) / 2;
    bytes->data = ngx_pnalloc(pool, bytes->len + 1);

    return (bytes->data
            && ehr_hex_decode(bytes->data, hex.data + 2, bytes->len) == 0)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ehr_rekey_open(ngx_pool_t *pool, ehr_rekey_t *item, PGresult *found, int row)
{
    u_char     *p;
    ngx_str_t   id = ehr_result_value(found, row, EHR_FOUND_ID);
    ngx_str_t   hex = ehr_result_value(found, row, EHR_FOUND_SEALED);

    ngx_snprintf(item->table, EHR_REKEY_TABLE, "ehr.%s%Z",
                 item->record->resource->table);

    item->context.data = ngx_pnalloc(pool, 256);

    if (item->context.data == NULL
        || ehr_rekey_bytes(pool, hex, &item->sealed) != NGX_OK
        || item->sealed.len < EHR_CIPHER_OVERHEAD)
    {
        return NGX_ERROR;
    }

    p = ngx_snprintf(item->context.data, 256, "%V%V",
                     &item->record->purposes[item->field], &id);
    item->context.len = p - item->context.data;

    item->plain.len = item->sealed.len - EHR_CIPHER_OVERHEAD;
    item->plain.data = ngx_pnalloc(pool, item->sealed.len);

    if (item->plain.data == NULL) {
        return NGX_ERROR;
    }

    return ehr_field_decrypt(&ehr_worker.conf->keys, &item->context,
                             item->sealed.data, item->sealed.len,
                             item->plain.data);
}


static void
ehr_rekey_param(ehr_param_t *param, const ngx_str_t *bytes)
{
    param->value = (char *) bytes->data;
    param->len = (int) bytes->len;
    param->binary = 1;
}


/* The ciphertext as it was found, and the new one. */

static ngx_int_t
ehr_rekey_seal(ngx_pool_t *pool, ehr_rekey_t *item, ehr_param_t params[2])
{
    ngx_str_t  sealed;

    sealed.len = item->sealed.len;
    sealed.data = ngx_pnalloc(pool, sealed.len);

    if (sealed.data == NULL
        || ehr_field_encrypt(&ehr_worker.conf->keys, &item->context,
                             item->plain.data, item->plain.len, sealed.data)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ehr_rekey_param(&params[0], &item->sealed);
    ehr_rekey_param(&params[1], &sealed);

    return NGX_OK;
}


static ngx_int_t
ehr_rekey_add_row(ehr_batch_t *batch, ehr_rekey_t *item, PGresult *found,
    int row)
{
    ehr_param_t  params[5];

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) item->table;
    params[1].value = item->record->fields->fields[item->field]->column;
    params[2].value = PQgetvalue(found, row, EHR_FOUND_ID);

    if (ehr_rekey_seal(batch->pool, item, &params[3]) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REKEY], 5, params);
}


static ngx_int_t
ehr_rekey_add_kept(ehr_batch_t *batch, ehr_rekey_t *item, PGresult *found,
    int row)
{
    ehr_param_t  params[5];

    ngx_memzero(params, sizeof(params));
    params[0].value = PQgetvalue(found, row, EHR_FOUND_PLACE);
    params[1].value = PQgetvalue(found, row, EHR_FOUND_KEY);
    params[2].value = item->record->fields->fields[item->field]->column;

    if (ehr_rekey_seal(batch->pool, item, &params[3]) != NGX_OK) {
        return NGX_ERROR;
    }

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REKEY_KEPT], 5, params);
}


static ngx_int_t
ehr_rekey_add_index(ehr_batch_t *batch, ehr_rekey_t *item, PGresult *found,
    int row)
{
    size_t        n;
    u_char        indexes[EHR_BLIND_INDEXES];
    ngx_str_t     was, becomes;
    ehr_param_t   params[4];

    n = ehr_record_indexes(item->record, item->field,
                           (char *) item->plain.data, item->plain.len,
                           batch->pool, indexes);
    if (n == 0
        || ehr_rekey_bytes(batch->pool,
                           ehr_result_value(found, row, EHR_FOUND_HASH), &was)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* they come by version: the one to write is the last */
    becomes = ehr_record_stored(indexes + n - EHR_BLIND_INDEX);

    ngx_memzero(params, sizeof(params));
    params[0].value = (char *) item->table;
    params[1].value = item->record->fields->fields[item->field]->column;
    ehr_rekey_param(&params[2], &was);
    ehr_rekey_param(&params[3], &becomes);

    return ehr_batch_add(batch, ehr_queries[EHR_QUERY_REINDEX], 4, params);
}
