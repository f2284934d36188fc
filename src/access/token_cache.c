/*
 * The tokens a worker has verified, by their full text, so that a signature
 * costs once and not with every request.
 */

#include "token.h"

#include <openssl/err.h>
#include <openssl/rand.h>

#include "shared.h"


/* A token may lie in one of so many entries; the least recently used goes. */
#define EHR_TOKEN_WAYS  4

/* Memory for texts is taken in steps, so that it can be used again. */
#define EHR_TOKEN_STEP  256


typedef struct {
    uint64_t            hash;
    uint64_t            used;           /* the cache's clock */
    uint64_t            generation;     /* of the last check; 0: none yet */
    u_char             *text;
    size_t              len;            /* 0: the entry is free */
    size_t              capacity;
    unsigned            revoked:1;      /* as of generation */
    ehr_principal_t     who;
} ehr_token_entry_t;

struct ehr_token_cache_s {
    u_char              key[EHR_SIPHASH_KEY];
    uint64_t            clock;
    ngx_uint_t          sets;           /* a power of two */
    ehr_token_entry_t **entries;        /* NULL until used */
    ngx_log_t          *log;
};


static void ehr_token_cache_free(void *data);
static ehr_token_entry_t *ehr_token_cache_find(ehr_token_cache_t *cache,
    uint64_t hash, const ngx_str_t *token);
static ehr_token_entry_t *ehr_token_cache_room(ehr_token_cache_t *cache,
    uint64_t hash, size_t len);
static ehr_token_result_t ehr_token_check(ehr_token_entry_t *entry,
    ehr_shared_t *shared, time_t now);


ehr_token_cache_t *
ehr_token_cache_create(ngx_cycle_t *cycle, ngx_uint_t entries)
{
    ngx_pool_cleanup_t  *cleanup;
    ehr_token_cache_t   *cache;

    cleanup = ngx_pool_cleanup_add(cycle->pool, sizeof(ehr_token_cache_t));

    if (cleanup == NULL) {
        return NULL;
    }

    cache = cleanup->data;
    ngx_memzero(cache, sizeof(ehr_token_cache_t));

    cache->log = cycle->log;
    cache->sets = 1;

    while (cache->sets * EHR_TOKEN_WAYS < entries) {
        cache->sets *= 2;
    }

    cache->entries = ngx_pcalloc(cycle->pool, cache->sets * EHR_TOKEN_WAYS
                                              * sizeof(ehr_token_entry_t *));

    if (cache->entries == NULL) {
        return NULL;
    }

    if (RAND_bytes(cache->key, EHR_SIPHASH_KEY) != 1) {
        ERR_clear_error();
        return NULL;
    }

    cleanup->handler = ehr_token_cache_free;

    return cache;
}


static void
ehr_token_cache_free(void *data)
{
    ngx_uint_t          i;
    ehr_token_cache_t  *cache = data;

    for (i = 0; i < cache->sets * EHR_TOKEN_WAYS; i++) {

        if (cache->entries[i]) {

            if (cache->entries[i]->text) {
                ngx_explicit_memzero(cache->entries[i]->text,
                                     cache->entries[i]->capacity);
                ngx_free(cache->entries[i]->text);
            }

            ngx_free(cache->entries[i]);
        }
    }
}


ehr_token_result_t
ehr_token_verify(ehr_token_conf_t *conf, ehr_token_cache_t *cache,
    ehr_shared_t *shared, ngx_str_t *token, time_t now, ehr_principal_t **who)
{
    uint64_t             hash[2];
    ehr_principal_t      fresh;
    ehr_token_entry_t   *entry;
    ehr_token_result_t   result;

    *who = NULL;

    if (token->len == 0 || token->len > EHR_TOKEN_MAX) {
        return EHR_TOKEN_MALFORMED;
    }

    ehr_siphash(cache->key, token->data, token->len, hash);
    entry = ehr_token_cache_find(cache, hash[0], token);

    if (entry == NULL) {
        result = ehr_token_read(conf, token, now, &fresh);

        if (result != EHR_TOKEN_OK) {
            return result;
        }

        entry = ehr_token_cache_room(cache, hash[0], token->len);

        if (entry == NULL) {
            /* without memory: an answer of 503 fits */
            return EHR_TOKEN_NOT_READY;
        }

        ngx_memcpy(entry->text, token->data, token->len);
        entry->len = token->len;
        entry->hash = hash[0];
        entry->generation = 0;
        entry->who = fresh;
    }

    entry->used = ++cache->clock;
    result = ehr_token_check(entry, shared, now);

    if (result == EHR_TOKEN_OK) {
        *who = &entry->who;
    }

    return result;
}


/* Expiry each time; revocation and permissions when anything has changed. */
static ehr_token_result_t
ehr_token_check(ehr_token_entry_t *entry, ehr_shared_t *shared, time_t now)
{
    ngx_uint_t        i;
    ehr_principal_t  *who;

    who = &entry->who;

    if (who->expires <= now) {
        entry->len = 0;
        return EHR_TOKEN_EXPIRED;
    }

    if (entry->generation != ehr_load(shared->generation)) {

        if (!ehr_shared_is_loaded(shared)) {
            return EHR_TOKEN_NOT_READY;
        }

        ehr_shared_lock(shared);

        entry->generation = ehr_load(shared->generation);
        entry->revoked = ehr_is_revoked(shared, who, now) ? 1 : 0;
        who->permissions = 0;

        for (i = 0; i < who->nroles; i++) {
            who->permissions |= ehr_shared_role(shared, who->roles[i]);
        }

        ehr_shared_unlock(shared);
    }

    return entry->revoked ? EHR_TOKEN_REVOKED : EHR_TOKEN_OK;
}


static ehr_token_entry_t **
ehr_token_cache_set(ehr_token_cache_t *cache, uint64_t hash)
{
    return &cache->entries[(hash & (cache->sets - 1)) * EHR_TOKEN_WAYS];
}


/* How long it takes to compare texts tells nobody anything: two whose keyed
 * hash is the same cannot be made without the key. */

static ehr_token_entry_t *
ehr_token_cache_find(ehr_token_cache_t *cache, uint64_t hash,
    const ngx_str_t *token)
{
    ngx_uint_t           i;
    ehr_token_entry_t  **set;

    set = ehr_token_cache_set(cache, hash);

    for (i = 0; i < EHR_TOKEN_WAYS; i++) {

        if (set[i]
            && set[i]->hash == hash
            && set[i]->len == token->len
            && ngx_memcmp(set[i]->text, token->data, token->len) == 0)
        {
            return set[i];
        }
    }

    return NULL;
}


/* An entry with room for len bytes: a new, a free or the oldest one. */
static ehr_token_entry_t *
ehr_token_cache_room(ehr_token_cache_t *cache, uint64_t hash, size_t len)
{
    size_t               capacity;
    ngx_uint_t           i, oldest;
    ehr_token_entry_t  **set, *entry;

    set = ehr_token_cache_set(cache, hash);
    oldest = 0;

    for (i = 0; i < EHR_TOKEN_WAYS; i++) {

        if (set[i] == NULL) {
            set[i] = ngx_calloc(sizeof(ehr_token_entry_t), cache->log);
            oldest = i;
            break;
        }

        if (set[i]->len == 0) {
            oldest = i;
            break;
        }

        if (set[i]->used < set[oldest]->used) {
            oldest = i;
        }
    }

    entry = set[oldest];

    if (entry == NULL || entry->capacity >= len) {
        return entry;
    }

    capacity = ngx_align(len, EHR_TOKEN_STEP);

    ngx_free(entry->text);
    entry->len = 0;
    entry->capacity = 0;
    entry->text = ngx_alloc(capacity, cache->log);

    if (entry->text == NULL) {
        return NULL;
    }

    entry->capacity = capacity;

    return entry;
}
