/*
 * nginx-ehr: electronic health records inside nginx.
 *
 * This file is all that knows nginx.conf: directives, the shared zone, what
 * happens at start and end of a process, and which handler a location gets.
 * Loaded without directives it does nothing.
 */

#include "src/care/availability.h"
#include "src/care/care.h"
#include "src/http/directives.h"
#include "src/http/http.h"
#include "src/http/pages.h"
#include "src/http/variables.h"
#include "ehr_version.h"


static void *ehr_create_main_conf(ngx_conf_t *cf);
static char *ehr_init_main_conf(ngx_conf_t *cf, void *conf);
static void *ehr_create_loc_conf(ngx_conf_t *cf);
static ngx_int_t ehr_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ehr_hide_path(ngx_http_request_t *r);
static ngx_int_t ehr_init_module(ngx_cycle_t *cycle);
static ngx_int_t ehr_init_process(ngx_cycle_t *cycle);
static void ehr_exit_process(ngx_cycle_t *cycle);

static char *ehr_conf_serves(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
static char *ehr_conf_check(ngx_conf_t *cf, ehr_main_conf_t *conf);
static char *ehr_conf_check_keys(ngx_conf_t *cf, ehr_main_conf_t *conf);
static char *ehr_conf_fault(ngx_conf_t *cf, const char *fault);

static ehr_main_conf_t *ehr_cycle_conf(ngx_cycle_t *cycle);


/* tokens a worker keeps verified */
#define EHR_TOKEN_CACHE  8192


/* days from today that the engine can hold */
static ngx_conf_num_bounds_t  ehr_horizon_bounds = {
    ngx_conf_check_num_bounds, 1, EHR_ENGINE_DAYS_MAX - 2
};


ehr_worker_t  ehr_worker;


static ngx_command_t  ehr_commands[] = {

    /* what a location serves: api, health, ready, metrics, jwks, error */
    { ngx_string("ehr"),
      NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ehr_conf_serves,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ehr_conf_zone,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_availability_zone"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ehr_conf_availability,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_booking_horizon"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, horizon),
      &ehr_horizon_bounds },

    { ngx_string("ehr_database"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ehr_conf_database,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_database_feed"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ehr_conf_feed,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_feed_stale"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, feed_stale),
      NULL },

    { ngx_string("ehr_database_connect_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, store.connect_timeout),
      NULL },

    { ngx_string("ehr_database_deadline"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_msec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, store.deadline),
      NULL },

    { ngx_string("ehr_database_reconnect"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ehr_conf_reconnect,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_database_recycle"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, store.recycle),
      NULL },

    { ngx_string("ehr_jwt_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_2MORE,
      ehr_conf_jwt_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_jwt_issuer"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, tokens.issuer),
      NULL },

    { ngx_string("ehr_jwt_leeway"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, tokens.leeway),
      NULL },

    { ngx_string("ehr_access_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, tokens.lifetime),
      NULL },

    { ngx_string("ehr_refresh_lifetime"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_sec_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, refresh_lifetime),
      NULL },

    { ngx_string("ehr_field_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE2,
      ehr_conf_field_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_index_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE123,
      ehr_conf_index_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_audit_key"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE12,
      ehr_conf_audit_key,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_audit_head"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, audit_head),
      NULL },

    { ngx_string("ehr_password_pool"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_1MORE,
      ehr_conf_passwords,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_rate_limit"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE23,
      ehr_conf_rate,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_setup_token"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ehr_conf_setup_token,
      NGX_HTTP_MAIN_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("ehr_drain_file"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_str_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, drain_file),
      NULL },

    { ngx_string("ehr_json_depth"),
      NGX_HTTP_MAIN_CONF|NGX_CONF_TAKE1,
      ngx_conf_set_num_slot,
      NGX_HTTP_MAIN_CONF_OFFSET,
      offsetof(ehr_main_conf_t, max_depth),
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ehr_module_context = {
    ehr_variables_add,             /* preconfiguration */
    ehr_postconfiguration,         /* postconfiguration */

    ehr_create_main_conf,          /* create main configuration */
    ehr_init_main_conf,            /* init main configuration */

    NULL,                          /* create server configuration */
    NULL,                          /* merge server configuration */

    ehr_create_loc_conf,           /* create location configuration */
    NULL                           /* merge location configuration */
};


ngx_module_t  ngx_http_ehr_module = {
    NGX_MODULE_V1,
    &ehr_module_context,           /* module context */
    ehr_commands,                  /* module directives */
    NGX_HTTP_MODULE,               /* module type */
    NULL,                          /* init master */
    ehr_init_module,               /* init module */
    ehr_init_process,              /* init process */
    NULL,                          /* init thread */
    NULL,                          /* exit thread */
    ehr_exit_process,              /* exit process */
    NULL,                          /* exit master */
    NGX_MODULE_V1_PADDING
};


/* What a location can serve, and its content handler. */
static const struct {
    ngx_str_t               name;
    ehr_serves_t            serves;
    ngx_http_handler_pt     handler;
} ehr_served[] = {
    { ngx_string("api"), EHR_SERVES_API, ehr_http_api_handler },
    { ngx_string("health"), EHR_SERVES_HEALTH, ehr_page_handler },
    { ngx_string("ready"), EHR_SERVES_READY, ehr_page_handler },
    { ngx_string("metrics"), EHR_SERVES_METRICS, ehr_page_handler },
    { ngx_string("jwks"), EHR_SERVES_JWKS, ehr_page_handler },
    { ngx_string("error"), EHR_SERVES_ERROR, ehr_page_error },
    { ngx_null_string, EHR_SERVES_NOTHING, NULL }
};


/* -- configuration --------------------------------------------------------- */


static void *
ehr_create_main_conf(ngx_conf_t *cf)
{
    ngx_uint_t        i;
    ehr_main_conf_t  *conf;

    conf = ngx_pcalloc(cf->pool, sizeof(ehr_main_conf_t));
    if (conf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&conf->tokens.keys, cf->pool, 2, sizeof(ehr_key_t))
        != NGX_OK
        || ngx_array_init(&conf->keys.keys, cf->pool, 2, sizeof(ehr_key_t))
           != NGX_OK
        || ngx_array_init(&conf->keys.index_keys, cf->pool, EHR_INDEX_KEYS,
                          sizeof(ehr_key_t))
           != NGX_OK
        || ngx_array_init(&conf->keys.audit_keys, cf->pool, 2,
                          sizeof(ehr_key_t))
           != NGX_OK)
    {
        return NULL;
    }

    conf->store.connect_timeout = NGX_CONF_UNSET_MSEC;
    conf->store.deadline = NGX_CONF_UNSET_MSEC;
    conf->store.reconnect_min = NGX_CONF_UNSET_MSEC;
    conf->store.reconnect_max = NGX_CONF_UNSET_MSEC;
    conf->store.recycle = NGX_CONF_UNSET_UINT;
    conf->store.schema = EHR_SCHEMA_VERSION;
    conf->horizon = NGX_CONF_UNSET_UINT;
    conf->feed_stale = NGX_CONF_UNSET_MSEC;
    conf->tokens.lifetime = NGX_CONF_UNSET;
    conf->tokens.leeway = NGX_CONF_UNSET;
    conf->refresh_lifetime = NGX_CONF_UNSET;
    conf->max_depth = NGX_CONF_UNSET_UINT;

    for (i = 0; i < EHR_LIMITS; i++) {
        conf->rates[i].rate = NGX_CONF_UNSET_UINT;
    }

    return conf;
}


static char *
ehr_init_main_conf(ngx_conf_t *cf, void *data)
{
    ngx_uint_t        i;
    ehr_main_conf_t  *conf = data;

    /* requests a minute and burst, unless configured */
    static const ehr_rate_t  rates[EHR_LIMITS] = {
        [EHR_LIMIT_ADDRESS] = { 6000, 1000 },
        [EHR_LIMIT_ACCOUNT] = { 3000, 500 },
        [EHR_LIMIT_LOGIN_ADDRESS] = { 60, 30 },
        [EHR_LIMIT_LOGIN_ACCOUNT] = { 10, 10 }
    };

    ngx_conf_init_msec_value(conf->store.connect_timeout, 2000);
    ngx_conf_init_msec_value(conf->store.deadline, 10000);
    ngx_conf_init_msec_value(conf->store.reconnect_min, 50);
    ngx_conf_init_msec_value(conf->store.reconnect_max, 500);
    ngx_conf_init_uint_value(conf->store.recycle, 100000);
    ngx_conf_init_uint_value(conf->horizon, 120);
    ngx_conf_init_msec_value(conf->feed_stale, 2000);
    ngx_conf_init_value(conf->tokens.lifetime, 15 * 60);
    ngx_conf_init_value(conf->tokens.leeway, 5);
    ngx_conf_init_value(conf->refresh_lifetime, 30 * 24 * 3600);
    ngx_conf_init_uint_value(conf->max_depth, 16);

    for (i = 0; i < EHR_LIMITS; i++) {
        if (conf->rates[i].rate == NGX_CONF_UNSET_UINT) {
            conf->rates[i] = rates[i];
        }
    }

    if (conf->tokens.issuer.len == 0) {
        ngx_str_set(&conf->tokens.issuer, "nginx-ehr");
    }

    if (!conf->used) {
        return NGX_CONF_OK;
    }

    return ehr_conf_check(cf, conf);
}


static char *
ehr_conf_fault(ngx_conf_t *cf, const char *fault)
{
    return fault ? EHR_INVALID("ehr: %s", fault) : NGX_CONF_OK;
}


/* Nothing may be missing once a location is served. */

static char *
ehr_conf_check(ngx_conf_t *cf, ehr_main_conf_t *conf)
{
    if (conf->zone == NULL) {
        return EHR_INVALID("ehr: \"ehr_zone\" is missing; "
                           "add: ehr_zone ehr 16m;");
    }

    if (conf->store.lanes[EHR_LANE_MAIN].conninfo.len == 0) {
        return EHR_INVALID("ehr: \"ehr_database main\" is missing");
    }

    if ((conf->availability == NULL) != (conf->store.feed.conninfo.len == 0))
    {
        return EHR_INVALID("ehr: \"ehr_availability_zone\" and "
                           "\"ehr_database_feed\" need each other");
    }

    if (conf->feed_stale < 200) {
        return EHR_INVALID("ehr: \"ehr_feed_stale\" is below 200ms");
    }

    if (ehr_conf_check_keys(cf, conf) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->password_pool.len == 0) {
        return EHR_INVALID("ehr: \"ehr_password_pool\" is missing; it "
                           "names a thread_pool");
    }

    if ((conf->audit_head.len
         && ngx_conf_full_name(cf->cycle, &conf->audit_head, 0) != NGX_OK)
        || (conf->drain_file.len
            && ngx_conf_full_name(cf->cycle, &conf->drain_file, 0)
               != NGX_OK))
    {
        return NGX_CONF_ERROR;
    }

    if (conf->availability) {
        conf->availability->init = ehr_availability_init_zone;
        conf->availability->data = conf;
    }

    if (ehr_store_prepare_conf(cf, &conf->store) != NGX_CONF_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ehr_conf_check_keys(ngx_conf_t *cf, ehr_main_conf_t *conf)
{
    if (conf->tokens.keys.nelts == 0 || conf->tokens.signer == NULL) {
        return EHR_INVALID("ehr: no \"ehr_jwt_key\" signs; add one "
                           "with the parameter \"sign\"");
    }

    if (conf->keys.keys.nelts == 0) {
        return EHR_INVALID("ehr: \"ehr_field_key\" is missing; patients' "
                           "data cannot be kept without it");
    }

    if (conf->keys.index_keys.nelts == 0) {
        return EHR_INVALID("ehr: \"ehr_index_key\" is missing");
    }

    if (conf->keys.audit_key == NULL) {
        return EHR_INVALID("ehr: \"ehr_audit_key\" is missing");
    }

    return NGX_CONF_OK;
}


static void *
ehr_create_loc_conf(ngx_conf_t *cf)
{
    return ngx_pcalloc(cf->pool, sizeof(ehr_loc_conf_t));
}


/* The tables are checked once, and only where they are used. */

static ngx_int_t
ehr_postconfiguration(ngx_conf_t *cf)
{
    ehr_main_conf_t            *conf;
    ngx_http_handler_pt        *handler;
    ngx_http_core_main_conf_t  *core;

    conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ehr_module);

    if (!conf->used) {
        return NGX_OK;
    }

    if (ehr_conf_fault(cf, ehr_model_init()) != NGX_CONF_OK
        || ehr_conf_fault(cf, ehr_router_init(cf->pool)) != NGX_CONF_OK)
    {
        return NGX_ERROR;
    }

    core = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    handler = ngx_array_push(&core->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (handler == NULL) {
        return NGX_ERROR;
    }

    *handler = ehr_hide_path;

    return NGX_OK;
}


/* Before any other module of this location can log: its lines name the route's
 * template, too, never the path.  nginx runs the handlers of a phase from the
 * last module to the first. */

static ngx_int_t
ehr_hide_path(ngx_http_request_t *r)
{
    ehr_loc_conf_t  *location;

    location = ngx_http_get_module_loc_conf(r, ngx_http_ehr_module);

    if (location->serves != EHR_SERVES_NOTHING) {
        r->main->log_handler = ehr_log_request;
    }

    return NGX_DECLINED;
}


static char *
ehr_conf_serves(ngx_conf_t *cf, ngx_command_t *cmd, void *data)
{
    ngx_str_t                 *value = cf->args->elts;
    ngx_uint_t                 i;
    ehr_loc_conf_t            *conf = data;
    ehr_main_conf_t           *main_conf;
    ngx_http_core_loc_conf_t  *location;

    if (conf->serves != EHR_SERVES_NOTHING) {
        return "is duplicate";
    }

    for (i = 0; ehr_served[i].handler; i++) {
        if (ehr_served[i].name.len == value[1].len
            && ngx_strncmp(ehr_served[i].name.data, value[1].data,
                           value[1].len)
               == 0)
        {
            break;
        }
    }

    if (ehr_served[i].handler == NULL) {
        return EHR_INVALID("\"%V\" is not something ehr serves: api, "
                           "health, ready, metrics, jwks or error",
                           &value[1]);
    }

    location = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    location->handler = ehr_served[i].handler;

    conf->serves = ehr_served[i].serves;
    conf->mount = location->name;

    if (conf->mount.len && conf->mount.data[conf->mount.len - 1] == '/') {
        conf->mount.len--;
    }

    main_conf = ngx_http_conf_get_module_main_conf(cf, ngx_http_ehr_module);
    main_conf->used = 1;

    return NGX_CONF_OK;
}


/* -- processes ------------------------------------------------------------- */


/* Before fork: statements of all resources and capabilities. */

static ngx_int_t
ehr_init_module(ngx_cycle_t *cycle)
{
    const char       *fault;
    ehr_main_conf_t  *conf;

    conf = ehr_cycle_conf(cycle);

    if (conf == NULL || !conf->used) {
        return NGX_OK;
    }

    if (ehr_store_init_cycle(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    fault = ehr_care_init(cycle);

    if (fault) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0, "ehr: %s", fault);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Cache manager and loader run this too, and must stay inert. */

static ngx_int_t
ehr_init_process(ngx_cycle_t *cycle)
{
    ehr_main_conf_t  *conf;

    conf = ehr_cycle_conf(cycle);

    if (conf == NULL || !conf->used
        || (ngx_process != NGX_PROCESS_WORKER
            && ngx_process != NGX_PROCESS_SINGLE))
    {
        return NGX_OK;
    }

    ehr_worker.conf = conf;
    ehr_worker.shared = ehr_shared_of(conf->zone);
    ehr_worker.tokens = ehr_token_cache_create(cycle, EHR_TOKEN_CACHE);
    ehr_worker.store = ehr_store_create(cycle, &conf->store);

    if (ehr_worker.tokens == NULL || ehr_worker.store == NULL) {
        return NGX_ERROR;
    }

    return ehr_care_start(cycle);
}


static void
ehr_exit_process(ngx_cycle_t *cycle)
{
    if (ehr_worker.store == NULL) {
        return;
    }

    ehr_care_stop(cycle);
    ehr_store_destroy(ehr_worker.store);
    ehr_worker.store = NULL;
}


static ehr_main_conf_t *
ehr_cycle_conf(ngx_cycle_t *cycle)
{
    return ngx_http_cycle_get_module_main_conf(cycle, ngx_http_ehr_module);
}
