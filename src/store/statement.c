/*
 * Statement texts and the names PostgreSQL knows them by.
 *
 * Those registered before fork are the same in every worker; texts composed
 * while running are interned per worker.  Both number through one index, by
 * which each connection notes what it has prepared.
 */

#include "store_private.h"


#define EHR_STATEMENT_NAME_MAX  63


/* Of the newest configuration; its memory is the cycle's. */
static ngx_cycle_t      *ehr_statement_cycle;
static ngx_uint_t        ehr_statements;

ehr_statement_t         *ehr_queries[EHR_QUERIES + 1];


ngx_int_t
ehr_store_init_cycle(ngx_cycle_t *cycle)
{
    ngx_uint_t               i;
    const ehr_query_text_t  *text;

    for (i = 0; i < EHR_QUERIES; i++) {
        text = &ehr_query_texts[i];

        ehr_queries[i] = ehr_statement_register(cycle, text->name, text->sql);
        if (ehr_queries[i] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ehr_statement_t *
ehr_statement_register(ngx_cycle_t *cycle, const char *name, const char *sql)
{
    ehr_statement_t  *statement;

    if (cycle != ehr_statement_cycle) {
        ehr_statement_cycle = cycle;
        ehr_statements = 0;
    }

    if (ngx_strlen(name) > EHR_STATEMENT_NAME_MAX) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "name of statement \"%s\" is too long", name);
        return NULL;
    }

    statement = ngx_palloc(cycle->pool, sizeof(ehr_statement_t));
    if (statement == NULL) {
        return NULL;
    }

    statement->name = name;
    statement->sql = sql;
    statement->index = ehr_statements++;

    return statement;
}


ngx_uint_t
ehr_statement_registered(void)
{
    return ehr_statements;
}


typedef struct {
    ngx_str_node_t    node;         /* must be first */
    ehr_statement_t   statement;
} ehr_interned_t;


/* Adds a text to the worker's set; NULL without memory. */
static ehr_statement_t *
ehr_statement_keep(ehr_store_t *store, ngx_str_t *text, uint32_t hash)
{
    u_char          *name, *copy;
    ehr_interned_t  *interned;

    interned = ngx_palloc(store->pool, sizeof(ehr_interned_t));
    name = ngx_pnalloc(store->pool, sizeof("ehr_interned_") + NGX_INT_T_LEN);
    copy = ngx_pnalloc(store->pool, text->len + 1);

    if (interned == NULL || name == NULL || copy == NULL) {
        return NULL;
    }

    (void) ngx_sprintf(name, "ehr_interned_%ui%Z", store->interned);
    ngx_memcpy(copy, text->data, text->len + 1);

    interned->node.node.key = hash;
    interned->node.str.data = copy;
    interned->node.str.len = text->len;

    interned->statement.name = (char *) name;
    interned->statement.sql = (char *) copy;
    interned->statement.index = ehr_statements + store->interned;

    ngx_rbtree_insert(&store->texts, &interned->node.node);
    store->interned++;

    return &interned->statement;
}


/* A statement for one use; NULL without memory. */
static ehr_statement_t *
ehr_statement_unnamed(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char           *copy;
    ehr_statement_t  *statement;

    statement = ngx_palloc(pool, sizeof(ehr_statement_t));
    copy = ngx_pnalloc(pool, text->len + 1);

    if (statement == NULL || copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, text->data, text->len + 1);

    statement->name = "";
    statement->sql = (char *) copy;
    statement->index = EHR_STATEMENT_UNNAMED;

    return statement;
}


ehr_statement_t *
ehr_statement_intern(ehr_store_t *store, ngx_pool_t *pool, const char *sql)
{
    uint32_t         hash;
    ngx_str_t        text;
    ngx_str_node_t  *node;

    text.data = (u_char *) sql;
    text.len = ngx_strlen(sql);
    hash = ngx_murmur_hash2(text.data, text.len);

    node = ngx_str_rbtree_lookup(&store->texts, &text, hash);
    if (node != NULL) {
        return &((ehr_interned_t *) node)->statement;
    }

    if (store->interned == EHR_STATEMENTS_INTERNED) {
        return ehr_statement_unnamed(pool, &text);
    }

    return ehr_statement_keep(store, &text, hash);
}
