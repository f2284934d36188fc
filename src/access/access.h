/*
 * Who may: keys, tokens, passwords, revocations, roles, rate limits.
 *
 * Nothing here talks HTTP or JSON to clients; the login, refresh and logout
 * endpoints are in src/care/account_*.c and call down to this.
 */

#ifndef EHR_ACCESS_H
#define EHR_ACCESS_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>
#include <jansson.h>

#include "../model/model.h"
#include "hash.h"


/* -- ids and randomness (random.c) ----------------------------------------- */

typedef struct { u_char bytes[16]; }  ehr_uuid_t;

#define EHR_UUID_TEXT  36

/* UUIDv7 (RFC 9562): time-ordered, 74 random bits, from OpenSSL's RAND.  An
 * id is no secret: what comes next lies in memory.  For one thread.
 * NGX_ERROR if there is no randomness. */
ngx_int_t ehr_uuid_new(ehr_uuid_t *uuid);
/* Accepts the 8-4-4-4-12 form in either case only; NGX_ERROR otherwise. */
ngx_int_t ehr_uuid_parse(ehr_uuid_t *uuid, const u_char *text, size_t len);
/* Writes 36 lower-case characters and returns the end. */
u_char *ehr_uuid_print(u_char *out, const ehr_uuid_t *uuid);

/* n random bytes as unpadded base64url: (n * 8 + 5) / 6 characters.
 * NGX_ERROR if there is no randomness. */
ngx_int_t ehr_random_token(u_char *out, size_t n);


/* -- keys (keys.c) --------------------------------------------------------- */

/*
 * A key file holds one key: 32 or more raw bytes as hex or base64 on one
 * line, or PEM.  It must be a regular file that group and others cannot read.
 */
typedef struct {
    ngx_str_t           id;             /* kid, or the version in decimal */
    ngx_uint_t          version;        /* all but JWT: 1 to 255 */
    ngx_str_t           secret;         /* raw bytes; none for RS/ES */
    ngx_str_t           algorithm;      /* JWT only: HS256 RS256 ES256 */
    void               *pkey;           /* JWT RS/ES: EVP_PKEY * */
    unsigned            sign:1;         /* JWT: new tokens use this one;
                                           index: rows are to */
} ehr_key_t;

/*
 * Reads a key file into pool memory.  Errors are logged with the file's name
 * and what fixes it ("chmod 600 …", "ehr needs at least 32 bytes; make one
 * with: openssl rand -hex 32 > …") at NGX_LOG_EMERG through cf.
 */
ngx_int_t ehr_key_read(ngx_conf_t *cf, ngx_str_t *path, ehr_key_t *key);
/* The same for a JWT key: algorithm fixed by the caller; PEM private keys
 * for RS256 (≥ 2048 bits) and ES256 (P-256); checks that they fit. */
ngx_int_t ehr_key_read_jwt(ngx_conf_t *cf, ngx_str_t *path, ehr_key_t *key);


/* -- field encryption (field_cipher.c) ------------------------------------- */

/* Of ehr_key_t, each by version. */
typedef struct {
    ngx_array_t         keys;           /* field keys */
    ehr_key_t          *current;        /* the last of them */
    ngx_array_t         index_keys;     /* blind indexes, hashes of bodies */
    ngx_array_t         audit_keys;
    ehr_key_t          *audit_key;      /* the last of them: it signs */
} ehr_field_keys_t;

#define EHR_INDEX_KEYS  2

/* The one of this version; NULL if it is not configured. */
ehr_key_t *ehr_key_of_version(const ngx_array_t *keys, ngx_uint_t version);

/* version byte, 12 nonce, ciphertext, 16 tag */
#define EHR_CIPHER_OVERHEAD  29
/* version byte, HMAC-SHA256 */
#define EHR_BLIND_INDEX      33
#define EHR_BLIND_INDEXES    (EHR_INDEX_KEYS * EHR_BLIND_INDEX)

/*
 * AES-256-GCM under the current key.  `context` is authenticated, not stored:
 * "patients.phone:" + 36 characters of the row's id, so that a ciphertext
 * moved to another row or column does not open.  out holds len + overhead.
 */
ngx_int_t ehr_field_encrypt(ehr_field_keys_t *keys, ngx_str_t *context,
    const u_char *text, size_t len, u_char *out);
/* out holds len - overhead; returns NGX_OK, NGX_DECLINED when the key's
 * version is not configured, NGX_ERROR when it was tampered with. */
ngx_int_t ehr_field_decrypt(ehr_field_keys_t *keys, ngx_str_t *context,
    const u_char *data, size_t len, u_char *out);
/* The key's version and HMAC-SHA256(key, purpose NUL text): purpose is
 * "table.column".  NGX_ERROR without memory; the HMAC is then all zero bytes. */
ngx_int_t ehr_blind_index(ehr_key_t *key, ngx_str_t *purpose,
    const u_char *text, size_t len, u_char out[EHR_BLIND_INDEX]);
/* One under each index key, by version: what the database is given to write
 * (sql/README.md).  *n is set to their size. */
ngx_int_t ehr_blind_indexes(ehr_field_keys_t *keys, ngx_str_t *purpose,
    const u_char *text, size_t len, u_char out[EHR_BLIND_INDEXES], size_t *n);


/* -- tokens (token.c) ------------------------------------------------------ */

typedef enum {
    EHR_AUDIENCE_STAFF  = 1,
    EHR_AUDIENCE_PORTAL = 2
} ehr_audience_t;

#define EHR_MAX_ROLES  8
#define EHR_ROLE_NAME  48

/* Who a request is from.  Lives in the worker's token cache; a request that
 * waits keeps its own copy. */
typedef struct {
    ehr_uuid_t          user;
    ehr_uuid_t          session;
    u_char              user_text[EHR_UUID_TEXT + 1];
    u_char              session_text[EHR_UUID_TEXT + 1];
    ehr_audience_t      audience;
    time_t              issued;         /* iat: the node's clock, seconds */
    int64_t             issued_at;      /* the database's clock, µs since
                                           1970: orders this token and the
                                           user's revocations exactly */
    time_t              expires;
    uint64_t            permissions;    /* union over roles, as of
                                           `generation` of the shared state */
    ngx_uint_t          nroles;
    u_char              roles[EHR_MAX_ROLES][EHR_ROLE_NAME];
} ehr_principal_t;

typedef struct {
    ngx_array_t         keys;           /* of ehr_key_t: JWT keys */
    ehr_key_t          *signer;
    ngx_str_t           issuer;
    time_t              lifetime;       /* access token, seconds */
    time_t              leeway;         /* clock skew allowed on iat/nbf */
} ehr_token_conf_t;

/*
 * Signs an access token: header alg, typ "JWT", kid; claims iss, sub, email,
 * roles, aud ("staff"/"portal"), sid, iat, issued (unless issued_at is 0),
 * exp, jti.
 * email may be empty: the claim is left out.  who->issued == 0 means now,
 * who->expires == 0 means a lifetime after that; the texts and permissions of
 * *who are not looked at.  The token is allocated from pool.
 */
ngx_int_t ehr_token_sign(ehr_token_conf_t *conf, ngx_pool_t *pool,
    const ehr_principal_t *who, ngx_str_t *email, ngx_str_t *token);

typedef enum {
    EHR_TOKEN_OK,
    EHR_TOKEN_MALFORMED,    /* not three parts, bad base64url, bad JSON,
                               duplicate members, wrong claim types, too long */
    EHR_TOKEN_UNTRUSTED,    /* unknown kid, alg other than the key's, unknown
                               header member, wrong typ, signature does not
                               verify, wrong issuer or audience, issued in
                               the future or for longer than we do */
    EHR_TOKEN_EXPIRED,
    EHR_TOKEN_REVOKED,
    EHR_TOKEN_NOT_READY     /* revocations are not loaded yet, or there is no
                               memory: answer 503 */
} ehr_token_result_t;

typedef struct ehr_token_cache_s  ehr_token_cache_t;  /* one per worker */
typedef struct ehr_shared_s       ehr_shared_t;       /* one per node */

ehr_token_cache_t *ehr_token_cache_create(ngx_cycle_t *cycle,
    ngx_uint_t entries);

/*
 * Verifies a bearer token.  A token that verified once is kept by its full
 * text (compared in constant time) until it expires; what can change
 * (revocation, the permissions of roles) is checked every time, by one atomic
 * read when nothing has changed.  *who is valid until the next call.
 */
ehr_token_result_t ehr_token_verify(ehr_token_conf_t *conf,
    ehr_token_cache_t *cache, ehr_shared_t *shared, ngx_str_t *token,
    time_t now, ehr_principal_t **who);

/* The JWKS document (public RS/ES keys only) from pool. */
ngx_int_t ehr_token_jwks(ehr_token_conf_t *conf, ngx_pool_t *pool,
    ngx_str_t *json);


/* -- passwords (password.c) ------------------------------------------------ */

/* Called in the event loop of the worker; ok: matches / was hashed. */
typedef void (*ehr_password_done_pt)(void *data, ngx_int_t ok,
    const char *hash);

typedef struct {
    ngx_thread_pool_t  *pool;
    ngx_uint_t          cost;           /* bcrypt, 4 to 16 */
    ngx_uint_t          queue;          /* at most so many at once a worker */
} ehr_password_conf_t;

/*
 * Check or hash in the thread pool, whose threads run at a lower priority
 * than the event loop, and half of the time at most (pace.h).  The job has its
 * own memory: password and hash are copied and wiped.  hash == NULL checks
 * against a dummy and fails: an unknown user costs what a wrong password costs,
 * also where the hash is of a lower cost than today's.
 * NGX_OK: done() will be called unless *job was cancelled; NGX_BUSY: over
 * the cap; NGX_ERROR.
 */
typedef struct ehr_password_job_s  ehr_password_job_t;

ngx_int_t ehr_password_check(ehr_password_conf_t *conf, ngx_str_t *password,
    const char *hash, ehr_password_done_pt done, void *data,
    ehr_password_job_t **job);
ngx_int_t ehr_password_hash(ehr_password_conf_t *conf, ngx_str_t *password,
    ehr_password_done_pt done, void *data, ehr_password_job_t **job);
/* The requester is gone: done() will not be called. */
void ehr_password_cancel(ehr_password_job_t *job);


/* -- shared state of a node (shared.c) ------------------------------------- */

/*
 * In the zone: roles → permissions, revocations, rate counters, metrics, the
 * housekeeper's lease.  Writers hold the zone's mutex (which nginx frees when
 * its holder dies) for a bounded few hundred nanoseconds.  `generation` grows
 * with every change of roles or revocations.
 */
ngx_int_t ehr_shared_init_zone(ngx_shm_zone_t *zone, void *data);
ehr_shared_t *ehr_shared_of(ngx_shm_zone_t *zone);

/* A session ends: tokens with this sid are refused from now on.  `until`:
 * when the last of them expires; the entry is dropped then.  NGX_ERROR when
 * the zone is full (logged; the caller answers 503). */
ngx_int_t ehr_revoke_session(ehr_shared_t *shared, const ehr_uuid_t *session,
    time_t until);
/* All of a user's tokens issued at `before` or earlier are refused.  Both are
 * the database's clock in µs; who was issued a token afterwards has had the
 * account's row locked after the revocation, and so has its present roles. */
ngx_int_t ehr_revoke_user(ehr_shared_t *shared, const ehr_uuid_t *user,
    int64_t before, time_t until);

/* Replaces the permissions of all roles at once. */
typedef struct {
    u_char              name[EHR_ROLE_NAME];
    uint64_t            permissions;
} ehr_role_t;

#define EHR_ROLES  256

ngx_int_t ehr_shared_set_roles(ehr_shared_t *shared, const ehr_role_t *roles,
    ngx_uint_t n);
uint64_t ehr_shared_permissions(ehr_shared_t *shared, const u_char *role);

/* Marks that roles and revocations have been loaded from the database. */
void ehr_shared_set_loaded(ehr_shared_t *shared);
ngx_int_t ehr_shared_is_loaded(ehr_shared_t *shared);

/* The lease of the one worker that does the node's background work. True if
 * this process holds it until now + ttl (taken over when the holder is dead
 * or its time is past): ask again before each piece of work. */
ngx_int_t ehr_lease_take(ehr_shared_t *shared, ngx_msec_t ttl);
void ehr_lease_release(ehr_shared_t *shared);


/* CLOCK_MONOTONIC in microseconds: the same in all processes (shared.c). */
uint64_t ehr_monotonic_us(void);


/* -- rate limits (rate_limit.c) -------------------------------------------- */

/* A token bucket a key: `rate` per minute, `burst` at once. */
typedef struct {
    ngx_uint_t          rate;           /* 0: no limit */
    ngx_uint_t          burst;
} ehr_rate_t;

typedef enum {
    EHR_LIMIT_ADDRESS,
    EHR_LIMIT_ACCOUNT,
    EHR_LIMIT_LOGIN_ADDRESS,
    EHR_LIMIT_LOGIN_ACCOUNT,
    EHR_LIMITS
} ehr_limit_t;

/* 0: go on; otherwise seconds until the next is allowed (Retry-After).  `key`
 * is hashed with a secret that is not in the zone: no address or account can
 * be found out from it.  When the table is full, the counter that is nearest
 * to being forgotten makes room. */
time_t ehr_rate_take(ehr_shared_t *shared, ehr_limit_t limit,
    const ehr_rate_t *rate, const u_char *key, size_t len);

/*
 * Progressive lockout by account: after 5 failures in a row the account is
 * locked for 30 s, doubling with each further failure up to an hour; forgotten
 * an hour after the last.  The same for accounts that do not exist.
 * Seconds that are left, 0: not locked.
 */
time_t ehr_lockout_remaining(ehr_shared_t *shared, const u_char *account,
    size_t len);
void ehr_lockout_failure(ehr_shared_t *shared, const u_char *account,
    size_t len);
void ehr_lockout_success(ehr_shared_t *shared, const u_char *account,
    size_t len);


/* -- metrics (metrics.c) --------------------------------------------------- */

#define EHR_METRIC_ROUTES   320
#define EHR_METRIC_STATUSES  24

typedef enum {
#define EHR_COUNTER(symbol, name, help)  EHR_COUNT_##symbol,
#include "counters.def"
#undef EHR_COUNTER
    EHR_COUNTERS
} ehr_counter_t;

/* Lock-free.  `route` is the route's index in the table, EHR_METRIC_ROUTES - 1
 * for requests that matched none. */
void ehr_metrics_request(ehr_shared_t *shared, ngx_uint_t route,
    ngx_uint_t status, uint64_t elapsed_us);
void ehr_metrics_count(ehr_shared_t *shared, ehr_counter_t counter,
    ngx_int_t n);

/*
 * Calls back for every value that is not zero, so that the writer of the
 * Prometheus text (http/metrics_page.c) knows nothing of the zone's layout.
 * Status 0: all that have no column of their own.
 */
typedef struct {
    ngx_uint_t          route;
    ngx_uint_t          status;
    uint64_t            requests;
} ehr_metric_status_t;

#define EHR_LATENCY_BUCKETS  14
extern const ngx_uint_t  ehr_latency_bounds_us[EHR_LATENCY_BUCKETS];

typedef struct {
    uint64_t            buckets[EHR_LATENCY_BUCKETS + 1];  /* not cumulative,
                                                              last: +Inf */
    uint64_t            sum_us;
    uint64_t            count;
} ehr_metric_latency_t;

void ehr_metrics_statuses(ehr_shared_t *shared,
    ngx_int_t (*each)(void *context, const ehr_metric_status_t *value),
    void *context);
void ehr_metrics_latency(ehr_shared_t *shared, ngx_uint_t route,
    ehr_metric_latency_t *out);
uint64_t ehr_metrics_counter(ehr_shared_t *shared, ehr_counter_t counter);


/* -- audit (audit.c) ------------------------------------------------------- */

#define EHR_AUDIT_MAC        64
#define EHR_AUDIT_SIGNATURE  (sizeof("255:") - 1 + EHR_AUDIT_MAC)

/*
 * HMAC-SHA256 under an audit key, hex (not terminated), of the parts, at most
 * EHR_AUDIT_PARTS, one after the other: what the worker knows of a request, of
 * reads, of a segment.  Of another version than 1 it covers the version, too.
 * The database stores it beside them; bin/ehr-audit-verify recomputes it.
 * NGX_ERROR without memory; out is then all '0'.
 */
#define EHR_AUDIT_PARTS  4
ngx_int_t ehr_audit_mac_by(const ehr_key_t *key, const ehr_bytes_t *parts,
    size_t n, u_char out[EHR_AUDIT_MAC]);
/* The same under the newest key. */
ngx_int_t ehr_audit_mac(ehr_field_keys_t *keys, const ehr_bytes_t *parts,
    size_t n, u_char out[EHR_AUDIT_MAC]);
/* The same as a row has it: "version:" before it unless that is 1.  Returns
 * the end, NULL without memory. */
u_char *ehr_audit_signature(ehr_field_keys_t *keys, const ehr_bytes_t *parts,
    size_t n, u_char out[EHR_AUDIT_SIGNATURE]);

#endif /* EHR_ACCESS_H */
