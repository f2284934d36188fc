/*
 * bcrypt in a thread pool.
 *
 * A job is one block of memory that only its thread touches between
 * ngx_thread_task_post() and the completion event; `done`, `data` and the
 * bookkeeping belong to the event loop all the time.  A cancelled job is
 * freed when its thread has let go of it.
 *
 * bcrypt looks at 72 bytes only.  A longer password is replaced by the
 * unpadded base64url of its SHA-256 (43 characters), so that all of it
 * counts; shorter ones are used as they are, so that hashes made elsewhere
 * verify here.
 */

#include "access.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include "encoding.h"
#include "pace.h"


/* in bytes; 256 characters, the most that descriptors let through */
#define EHR_PASSWORD_MAX   1024
#define EHR_BCRYPT_INPUT   72
#define EHR_BCRYPT_HASH    60           /* "$2b$" cost "$" salt hash */
#define EHR_BCRYPT_SALT    16
#define EHR_BCRYPT_COST_MAX  16

/* How often a worker that shuts down looks again for jobs under way. */
#define EHR_PASSWORD_WAIT  1000


struct ehr_password_job_s {
    ngx_thread_task_t       task;

    /* event loop */
    ehr_password_done_pt    done;       /* NULL: cancelled */
    void                   *data;

    /* both: set by the loop, looked at by the thread before it starts */
    ngx_uint_t              cancelled;

    /* thread */
    ngx_uint_t              check;      /* or hash */
    ngx_uint_t              known;      /* setting is a user's hash */
    ngx_uint_t              cost;       /* of the setting */
    ngx_uint_t              least;      /* what a check costs, whoever it is */
    ngx_int_t               ok;
    char                    setting[EHR_BCRYPT_HASH + 1];
    char                    hash[EHR_BCRYPT_HASH + 1];
    u_char                  password[EHR_PASSWORD_MAX + 1];

    /* 32 kilobytes: not for a thread's stack, and a thread that had to ask for
     * memory and got none would say that the password is wrong */
    struct crypt_data       crypt;
};


static ehr_password_job_t *ehr_password_job(ehr_password_conf_t *conf,
    ngx_str_t *password, ehr_password_done_pt done, void *data,
    ngx_int_t *rc);
static ngx_int_t ehr_password_shorten(ehr_password_job_t *job,
    ngx_str_t *password);
static ngx_int_t ehr_password_setting(ehr_password_job_t *job,
    ngx_uint_t cost);
static ngx_int_t ehr_password_post(ehr_password_conf_t *conf,
    ehr_password_job_t *job, ehr_password_job_t **out);
static void ehr_password_free(ehr_password_job_t *job);
static void ehr_password_run(void *data, ngx_log_t *log);
static void ehr_password_crypt(ehr_password_job_t *job);
static void ehr_password_spend(ehr_password_job_t *job);
static void ehr_password_finished(ngx_event_t *event);
static void ehr_password_hold(void);
static void ehr_password_still_pending(ngx_event_t *event);


/* Jobs of this worker that are queued or running. */
static ngx_uint_t        ehr_password_jobs;

/* A worker that shuts down waits for timers that are not cancelable. */
static ngx_event_t       ehr_password_timer;
static ngx_connection_t  ehr_password_connection;   /* for debug logs */


ngx_int_t
ehr_password_check(ehr_password_conf_t *conf, ngx_str_t *password,
    const char *hash, ehr_password_done_pt done, void *data,
    ehr_password_job_t **out)
{
    ngx_int_t            rc;
    ehr_password_job_t  *job;

    job = ehr_password_job(conf, password, done, data, &rc);

    if (job == NULL) {
        return rc;
    }

    job->check = 1;
    job->cost = conf->cost;
    job->least = conf->cost;

    if (hash
        && ngx_strlen(hash) == EHR_BCRYPT_HASH
        && hash[0] == '$' && hash[1] == '2' && hash[3] == '$'
        && hash[6] == '$')
    {
        /* a cost that would keep the thread for minutes is not ours */
        job->cost = (ngx_uint_t) ngx_atoi((u_char *) hash + 4, 2);
        job->known = job->cost <= EHR_BCRYPT_COST_MAX;
    }

    if (job->known) {
        ngx_memcpy(job->setting, hash, EHR_BCRYPT_HASH);

    } else if (ehr_password_setting(job, conf->cost) != NGX_OK) {
        ehr_password_free(job);
        return NGX_ERROR;
    }

    return ehr_password_post(conf, job, out);
}


ngx_int_t
ehr_password_hash(ehr_password_conf_t *conf, ngx_str_t *password,
    ehr_password_done_pt done, void *data, ehr_password_job_t **out)
{
    ngx_int_t            rc;
    ehr_password_job_t  *job;

    job = ehr_password_job(conf, password, done, data, &rc);

    if (job == NULL) {
        return rc;
    }

    if (ehr_password_setting(job, conf->cost) != NGX_OK) {
        ehr_password_free(job);
        return NGX_ERROR;
    }

    return ehr_password_post(conf, job, out);
}


void
ehr_password_cancel(ehr_password_job_t *job)
{
    job->done = NULL;
    job->data = NULL;
    __atomic_store_n(&job->cancelled, 1, __ATOMIC_RELAXED);
}


static ehr_password_job_t *
ehr_password_job(ehr_password_conf_t *conf, ngx_str_t *password,
    ehr_password_done_pt done, void *data, ngx_int_t *rc)
{
    ehr_password_job_t  *job;

    *rc = NGX_ERROR;

    if (password->len > EHR_PASSWORD_MAX
        || ngx_strlchr(password->data, password->data + password->len, '\0'))
    {
        return NULL;
    }

    if (ehr_password_jobs >= conf->queue) {
        *rc = NGX_BUSY;
        return NULL;
    }

    job = ngx_calloc(sizeof(ehr_password_job_t), ngx_cycle->log);

    if (job == NULL) {
        return NULL;
    }

    job->done = done;
    job->data = data;
    ngx_memcpy(job->password, password->data, password->len);

    if (password->len > EHR_BCRYPT_INPUT
        && ehr_password_shorten(job, password) != NGX_OK)
    {
        ehr_password_free(job);
        return NULL;
    }

    job->task.ctx = job;
    job->task.handler = ehr_password_run;
    job->task.event.data = job;
    job->task.event.handler = ehr_password_finished;
    job->task.event.log = ngx_cycle->log;

    return job;
}


static ngx_int_t
ehr_password_shorten(ehr_password_job_t *job, ngx_str_t *password)
{
    u_char  *end, digest[SHA256_DIGEST_LENGTH];

    if (SHA256(password->data, password->len, digest) == NULL) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    end = ehr_base64url_encode(job->password, digest, sizeof(digest));
    ngx_memzero(end, sizeof(job->password) - (end - job->password));
    ngx_explicit_memzero(digest, sizeof(digest));

    return NGX_OK;
}


/* A new salt: to hash with, or to check against what nobody has. */
static ngx_int_t
ehr_password_setting(ehr_password_job_t *job, ngx_uint_t cost)
{
    char  salt[EHR_BCRYPT_SALT];

    if (RAND_bytes((u_char *) salt, EHR_BCRYPT_SALT) != 1) {
        ERR_clear_error();
        return NGX_ERROR;
    }

    if (crypt_gensalt_rn("$2b$", cost, salt, EHR_BCRYPT_SALT, job->setting,
                         sizeof(job->setting))
        == NULL)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      "crypt_gensalt_rn() failed for cost %ui", cost);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_password_post(ehr_password_conf_t *conf, ehr_password_job_t *job,
    ehr_password_job_t **out)
{
    if (ngx_thread_task_post(conf->pool, &job->task) != NGX_OK) {
        ehr_password_free(job);
        return NGX_ERROR;
    }

    *out = job;
    ehr_password_jobs++;
    ehr_password_hold();

    return NGX_OK;
}


static void
ehr_password_free(ehr_password_job_t *job)
{
    ngx_explicit_memzero(job, sizeof(ehr_password_job_t));
    ngx_free(job);
}


/* -- in the thread --------------------------------------------------------- */

static void
ehr_password_run(void *data, ngx_log_t *log)
{
    ehr_password_job_t  *job = data;

    /* ngx_terminate: this process ends as soon as its threads are idle */
    if (!__atomic_load_n(&job->cancelled, __ATOMIC_RELAXED)
        && !ngx_terminate)
    {
        ehr_pace_begin(log);
        ehr_password_crypt(job);
        ehr_pace_end();
    }

    ngx_explicit_memzero(job->password, sizeof(job->password));
}


static void
ehr_password_crypt(ehr_password_job_t *job)
{
    char  *hash;

    hash = crypt_r((char *) job->password, job->setting, &job->crypt);

    if (hash && ngx_strlen(hash) == EHR_BCRYPT_HASH) {
        ngx_memcpy(job->hash, hash, EHR_BCRYPT_HASH);

        job->ok = !job->check
                  || (CRYPTO_memcmp(hash, job->setting, EHR_BCRYPT_HASH) == 0
                      && job->known);
    }

    ehr_password_spend(job);
    ngx_explicit_memzero(&job->crypt, sizeof(struct crypt_data));
}


/*
 * A hash that was made when the cost was lower is checked sooner, which would
 * tell that there is such an account.  Each step of the cost doubles the work,
 * so what is missing is one more of each cost below today's.
 */
static void
ehr_password_spend(ehr_password_job_t *job)
{
    for ( /* void */ ; job->cost < job->least; job->cost++) {
        job->setting[4] = (char) ('0' + job->cost / 10);
        job->setting[5] = (char) ('0' + job->cost % 10);

        (void) crypt_r((char *) job->password, job->setting, &job->crypt);
    }
}


/* -- back in the event loop ------------------------------------------------ */

static void
ehr_password_finished(ngx_event_t *event)
{
    ehr_password_job_t  *job = event->data;

    ehr_password_jobs--;

    if (ehr_password_jobs == 0 && ehr_password_timer.timer_set) {
        ngx_del_timer(&ehr_password_timer);
    }

    if (job->done) {
        job->done(job->data, job->ok, job->check || !job->ok ? NULL
                                                             : job->hash);
    }

    ehr_password_free(job);
}


static void
ehr_password_hold(void)
{
    if (ehr_password_timer.timer_set) {
        return;
    }

    ehr_password_connection.fd = (ngx_socket_t) -1;
    ehr_password_timer.data = &ehr_password_connection;
    ehr_password_timer.handler = ehr_password_still_pending;
    ehr_password_timer.log = ngx_cycle->log;
    ehr_password_timer.cancelable = 0;

    ngx_add_timer(&ehr_password_timer, EHR_PASSWORD_WAIT);
}


static void
ehr_password_still_pending(ngx_event_t *event)
{
    (void) event;

    if (ehr_password_jobs) {
        ehr_password_hold();
    }
}
