/*
 * As much of nginx as src/access/ calls, for tests that run without it.
 */

#ifndef NGINX_STUBS_H
#define NGINX_STUBS_H

#include <ngx_config.h>
#include <ngx_core.h>

/* The last message logged, formatted only as far as its fmt. */
extern char        stub_log[1024];
extern ngx_uint_t  stub_log_level;

/* Sets what ngx_time() says. */
void stub_set_time(time_t now);

/* A pool whose every allocation is a malloc(), so that ASan sees each. */
ngx_pool_t *stub_pool_create(void);
void stub_pool_destroy(ngx_pool_t *pool);

/* A zone shared with forked children; NULL data, not initialised by the
 * module. */
void stub_zone_create(ngx_shm_zone_t *zone, size_t size);
void stub_zone_destroy(ngx_shm_zone_t *zone);
/* What nginx's master does for a dead worker. */
void stub_zone_unlock(ngx_shm_zone_t *zone, ngx_pid_t pid);

/* Runs the completion handlers of thread tasks until `n` have run. */
void stub_run_tasks(ngx_uint_t n);

#endif /* NGINX_STUBS_H */
