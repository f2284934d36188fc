/*
 * Whether a request may go on: its token, audience, permission and rate.
 */

#include "body.h"


static ngx_str_t ehr_request_client(ehr_request_t *req);
static ngx_int_t ehr_request_sign_in(ehr_request_t *req);


ngx_int_t
ehr_request_wait(ehr_request_t *req, time_t seconds)
{
    if (seconds == 0) {
        return NGX_OK;
    }

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_RATE_LIMITED, 1);
    ehr_reply_later(req, NGX_HTTP_TOO_MANY_REQUESTS,
                    EHR_MESSAGE_TOO_MANY_REQUESTS, seconds);

    return NGX_DONE;
}


ngx_int_t
ehr_request_limit(ehr_request_t *req, ehr_limit_t limit, const u_char *key,
    size_t len)
{
    return ehr_request_wait(req, ehr_rate_take(ehr_worker.shared, limit,
                                               &req->conf->rates[limit], key,
                                               len));
}


ngx_int_t
ehr_request_limit_address(ehr_request_t *req, ehr_limit_t limit)
{
    ngx_str_t  client = ehr_request_client(req);

    return ehr_request_limit(req, limit, client.data, client.len);
}


/* What one client cannot change: the address, but of IPv6's the first half,
 * for the other half is the client's to choose (RFC 4291, 2.5.1). */

static ngx_str_t
ehr_request_client(ehr_request_t *req)
{
    ngx_str_t             client;
    struct in6_addr      *address;
    ngx_connection_t     *c = req->http->connection;

    if (c->sockaddr->sa_family != AF_INET6) {
        return c->addr_text;
    }

    address = &((struct sockaddr_in6 *) c->sockaddr)->sin6_addr;

    if (IN6_IS_ADDR_V4MAPPED(address)) {
        client.data = address->s6_addr + 12;
        client.len = 4;

    } else {
        client.data = address->s6_addr;
        client.len = 8;
    }

    return client;
}


/* Token, audience, permission, and the account's rate. */

ngx_int_t
ehr_request_access(ehr_request_t *req)
{
    ngx_int_t           rc;
    ngx_uint_t          accepted;
    const ehr_route_t  *route = req->route;

    if (route->flags & EHR_ROUTE_PUBLIC) {
        return NGX_OK;
    }

    rc = ehr_request_sign_in(req);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ehr_request_limit(req, EHR_LIMIT_ACCOUNT, req->who.user.bytes,
                           sizeof(req->who.user.bytes));
    if (rc != NGX_OK) {
        return rc;
    }

    accepted = (req->who.audience == EHR_AUDIENCE_PORTAL)
               ? EHR_ROUTE_PORTAL : EHR_ROUTE_STAFF;

    if ((route->flags & accepted) == 0 || !ehr_may(req, route->permission)) {
        ehr_reply_message(req, NGX_HTTP_FORBIDDEN, EHR_MESSAGE_FORBIDDEN);
        return NGX_DONE;
    }

    return NGX_OK;
}


static ngx_int_t
ehr_request_sign_in(ehr_request_t *req)
{
    ngx_str_t            token;
    ehr_message_t        message;
    ehr_principal_t     *who;
    ngx_table_elt_t     *header;
    ehr_token_result_t   result;

    header = req->http->headers_in.authorization;

    if (header == NULL || header->value.len < sizeof("Bearer ") - 1
        || ngx_strncasecmp(header->value.data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        ehr_reply_message(req, NGX_HTTP_UNAUTHORIZED,
                        EHR_MESSAGE_NOT_SIGNED_IN);
        return NGX_DONE;
    }

    token.data = header->value.data + sizeof("Bearer ") - 1;
    token.len = header->value.len - (sizeof("Bearer ") - 1);

    result = ehr_token_verify(&req->conf->tokens, ehr_worker.tokens,
                              ehr_worker.shared, &token, ngx_time(), &who);

    if (result == EHR_TOKEN_OK) {
        req->who = *who;
        req->signed_in = 1;
        return NGX_OK;
    }

    if (result == EHR_TOKEN_NOT_READY) {
        ehr_reply_later(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                        EHR_MESSAGE_UNAVAILABLE, 1);
        return NGX_DONE;
    }

    message = (result == EHR_TOKEN_EXPIRED) ? EHR_MESSAGE_TOKEN_EXPIRED
              : (result == EHR_TOKEN_REVOKED) ? EHR_MESSAGE_TOKEN_REVOKED
              : EHR_MESSAGE_BAD_TOKEN;

    ehr_metrics_count(ehr_worker.shared, EHR_COUNT_TOKENS_REFUSED, 1);
    ehr_reply_message(req, NGX_HTTP_UNAUTHORIZED, message);

    return NGX_DONE;
}
