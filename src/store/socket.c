/*
 * libpq's socket in nginx's event loop.
 *
 * libpq may close its socket and open another under the same number, so nginx
 * watches a dup() of its own and the inode tells whether it is still the same
 * socket.  As long as libpq's descriptor is open, closing the dup does not
 * take it out of epoll: interest is always removed explicitly.
 *
 * Level-triggered, because PQconsumeInput() does not read until EAGAIN.
 */

#include "store_private.h"


static ngx_int_t ehr_socket_open(ehr_connection_t *connection, int fd);


ngx_int_t
ehr_socket_attach(ehr_connection_t *connection, ngx_event_handler_pt read,
    ngx_event_handler_pt write)
{
    int          fd;
    struct stat  st;

    fd = PQsocket(connection->pg);

    if (fd == -1 || fstat(fd, &st) == -1) {
        return NGX_ERROR;
    }

    if (connection->c != NULL && st.st_ino != connection->inode) {
        ehr_socket_detach(connection);
    }

    if (connection->c == NULL) {
        if (ehr_socket_open(connection, fd) != NGX_OK) {
            return NGX_ERROR;
        }

        connection->inode = st.st_ino;
    }

    connection->c->read->handler = read;
    connection->c->write->handler = write;

    return NGX_OK;
}


static ngx_int_t
ehr_socket_open(ehr_connection_t *connection, int fd)
{
    int                own;
    ngx_log_t         *log;
    ngx_connection_t  *c;

    log = connection->pool->store->log;

    own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (own == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno, "dup() failed");
        return NGX_ERROR;
    }

    c = ngx_get_connection(own, log);
    if (c == NULL) {
        (void) ngx_close_socket(own);
        return NGX_ERROR;
    }

    c->data = connection;
    c->log = log;
    c->read->log = log;
    c->write->log = log;

    connection->c = c;

    return NGX_OK;
}


static ngx_int_t
ehr_socket_set(ngx_event_t *ev, ngx_int_t event, ngx_uint_t want)
{
    if (want && !ev->active) {
        return ngx_add_event(ev, event, NGX_LEVEL_EVENT);
    }

    if (!want && ev->active) {
        return ngx_del_event(ev, event, 0);
    }

    return NGX_OK;
}


ngx_int_t
ehr_socket_interest(ehr_connection_t *connection, ngx_uint_t read,
    ngx_uint_t write)
{
    ngx_connection_t  *c;

    c = connection->c;

    if (ehr_socket_set(c->read, NGX_READ_EVENT, read) != NGX_OK
        || ehr_socket_set(c->write, NGX_WRITE_EVENT, write) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ehr_socket_detach(ehr_connection_t *connection)
{
    if (connection->c == NULL) {
        return;
    }

    (void) ehr_socket_interest(connection, 0, 0);

    ngx_close_connection(connection->c);
    connection->c = NULL;
}
