/*
 * No test by itself: linked into those beside it.
 */

#include "nginx_stubs.h"

#include <ngx_event.h>
#include <ngx_thread_pool.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>


char         stub_log[1024];
ngx_uint_t   stub_log_level;

static ngx_log_t    stub_cycle_log = { .log_level = NGX_LOG_INFO };
static ngx_cycle_t  stub_cycle = { .log = &stub_cycle_log };
static ngx_time_t   stub_time;

volatile ngx_cycle_t   *ngx_cycle = &stub_cycle;
volatile ngx_time_t    *ngx_cached_time = &stub_time;
volatile ngx_msec_t     ngx_current_msec;
ngx_pid_t               ngx_pid;
ngx_uint_t              ngx_pagesize = 4096;
sig_atomic_t            ngx_terminate;
ngx_rbtree_t            ngx_event_timer_rbtree;


__attribute__((constructor))
static void
stub_start(void)
{
    ngx_pid = getpid();
    stub_cycle.pool = NULL;
}


void
stub_set_time(time_t now)
{
    stub_time.sec = now;
}


/* -- logs ------------------------------------------------------------------ */

/* nginx's formats are not printf's: the text is kept with its %V unfilled. */
static void
stub_keep(ngx_uint_t level, const char *fmt)
{
    stub_log_level = level;
    (void) snprintf(stub_log, sizeof(stub_log), "%s", fmt);
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) log;
    (void) err;
    stub_keep(level, fmt);
}


void ngx_cdecl
ngx_conf_log_error(ngx_uint_t level, ngx_conf_t *cf, ngx_err_t err,
    const char *fmt, ...)
{
    (void) cf;
    (void) err;
    stub_keep(level, fmt);
}


ngx_int_t
ngx_conf_full_name(ngx_cycle_t *cycle, ngx_str_t *name, ngx_uint_t conf_prefix)
{
    (void) cycle;
    (void) name;
    (void) conf_prefix;

    return NGX_OK;
}


/* -- memory ---------------------------------------------------------------- */

typedef struct stub_block_s  stub_block_t;

struct stub_block_s {
    stub_block_t        *next;
    void                *memory;
};

/* The list of blocks hangs where nginx keeps large ones. */
ngx_pool_t *
stub_pool_create(void)
{
    return calloc(1, sizeof(ngx_pool_t));
}


void
stub_pool_destroy(ngx_pool_t *pool)
{
    stub_block_t        *block, *next;
    ngx_pool_cleanup_t  *cleanup;

    for (cleanup = pool->cleanup; cleanup; cleanup = cleanup->next) {
        if (cleanup->handler) {
            cleanup->handler(cleanup->data);
        }
    }

    for (block = (stub_block_t *) pool->large; block; block = next) {
        next = block->next;
        free(block->memory);
        free(block);
    }

    free(pool);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    stub_block_t  *block;

    block = malloc(sizeof(stub_block_t));

    if (block == NULL) {
        return NULL;
    }

    block->memory = malloc(size ? size : 1);

    if (block->memory == NULL) {
        free(block);
        return NULL;
    }

    block->next = (stub_block_t *) pool->large;
    pool->large = (ngx_pool_large_t *) block;

    return block->memory;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return memset(ngx_palloc(pool, size), 0, size);
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *cleanup;

    cleanup = ngx_palloc(pool, sizeof(ngx_pool_cleanup_t));
    cleanup->data = size ? ngx_palloc(pool, size) : NULL;
    cleanup->handler = NULL;
    cleanup->next = pool->cleanup;
    pool->cleanup = cleanup;

    return cleanup;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    (void) log;
    return malloc(size);
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    (void) log;
    return calloc(1, size);
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}


/* -- strings --------------------------------------------------------------- */

u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    while (n > 1 && *src) {
        *dst++ = *src++;
        n--;
    }

    if (n) {
        *dst = '\0';
    }

    return dst;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    char        text[17], *end;
    ngx_int_t   value;

    if (n == 0 || n >= sizeof(text) || !isxdigit(line[0])) {
        return NGX_ERROR;
    }

    memcpy(text, line, n);
    text[n] = '\0';
    value = (ngx_int_t) strtoul(text, &end, 16);

    return *end == '\0' ? value : NGX_ERROR;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value;

    for (value = 0; n; n--, line++) {
        if (*line < '0' || *line > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*line - '0');
    }

    return value;
}


/* -- shared memory --------------------------------------------------------- */

static ngx_log_t  stub_zone_log = { .log_level = NGX_LOG_INFO };


void
stub_zone_create(ngx_shm_zone_t *zone, size_t size)
{
    ngx_slab_pool_t  *pool;

    memset(zone, 0, sizeof(ngx_shm_zone_t));
    ngx_str_set(&zone->shm.name, "test");

    zone->shm.log = &stub_zone_log;
    zone->shm.size = size;
    zone->shm.addr = mmap(NULL, size, PROT_READ|PROT_WRITE,
                          MAP_ANON|MAP_SHARED, -1, 0);

    pool = (ngx_slab_pool_t *) zone->shm.addr;
    pool->start = zone->shm.addr + ngx_pagesize;
    pool->end = zone->shm.addr + size;
    pool->pfree = (size - ngx_pagesize) / ngx_pagesize;
    pool->mutex.lock = &pool->lock.lock;
}


void
stub_zone_destroy(ngx_shm_zone_t *zone)
{
    (void) munmap(zone->shm.addr, zone->shm.size);
}


void
stub_zone_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid)
{
    ngx_slab_pool_t  *pool = (ngx_slab_pool_t *) zone->shm.addr;

    (void) __sync_bool_compare_and_swap(pool->mutex.lock, pid, 0);
}


void *
ngx_slab_calloc(ngx_slab_pool_t *pool, size_t size)
{
    u_char  *start;

    if (size > pool->pfree * ngx_pagesize) {
        return NULL;
    }

    start = pool->start;
    pool->start += ngx_align(size, ngx_pagesize);
    pool->pfree -= ngx_align(size, ngx_pagesize) / ngx_pagesize;

    return start;
}


void
ngx_shmtx_lock(ngx_shmtx_t *mutex)
{
    while (!__sync_bool_compare_and_swap(mutex->lock, 0, getpid())) {
        sched_yield();
    }
}


void
ngx_shmtx_unlock(ngx_shmtx_t *mutex)
{
    (void) __sync_bool_compare_and_swap(mutex->lock, getpid(), 0);
}


/* -- threads and timers ---------------------------------------------------- */

static pthread_mutex_t     stub_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t      stub_cond = PTHREAD_COND_INITIALIZER;
static ngx_thread_task_t  *stub_done;


static void *
stub_thread(void *data)
{
    ngx_thread_task_t  *task = data;

    task->handler(task->ctx, &stub_cycle_log);

    pthread_mutex_lock(&stub_mutex);
    task->next = stub_done;
    stub_done = task;
    pthread_cond_signal(&stub_cond);
    pthread_mutex_unlock(&stub_mutex);

    return NULL;
}


/* A NULL pool has a full queue. */
ngx_int_t
ngx_thread_task_post(ngx_thread_pool_t *pool, ngx_thread_task_t *task)
{
    pthread_t  thread;

    if (pool == NULL
        || pthread_create(&thread, NULL, stub_thread, task) != 0)
    {
        return NGX_ERROR;
    }

    pthread_detach(thread);

    return NGX_OK;
}


void
stub_run_tasks(ngx_uint_t n)
{
    ngx_thread_task_t  *task;

    while (n--) {
        pthread_mutex_lock(&stub_mutex);

        while (stub_done == NULL) {
            pthread_cond_wait(&stub_cond, &stub_mutex);
        }

        task = stub_done;
        stub_done = task->next;
        pthread_mutex_unlock(&stub_mutex);

        task->event.handler(&task->event);
    }
}


void
ngx_rbtree_insert(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;
    (void) node;
}


void
ngx_rbtree_delete(ngx_rbtree_t *tree, ngx_rbtree_node_t *node)
{
    (void) tree;
    (void) node;
}
