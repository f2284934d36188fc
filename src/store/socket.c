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


static ngx_int_t ehr_socket_open(ehr_socket_t *socket, int fd, void *data,
    ngx_log_t *log);


ngx_int_t
ehr_socket_attach(ehr_socket_t *socket, PGconn *pg, void *data,
    ngx_log_t *log, ngx_event_handler_pt read, ngx_event_handler_pt write)
{
    int          fd;
    struct stat  st;

    fd = PQsocket(pg);

    if (fd == -1 || fstat(fd, &st) == -1) {
        return NGX_ERROR;
    }

    if (socket->c != NULL && st.st_ino != socket->inode) {
        ehr_socket_detach(socket);
    }

    if (socket->c == NULL) {
        if (ehr_socket_open(socket, fd, data, log) != NGX_OK) {
            return NGX_ERROR;
        }

        socket->inode = st.st_ino;
    }

    socket->c->read->handler = read;
    socket->c->write->handler = write;

    return NGX_OK;
}


static ngx_int_t
ehr_socket_open(ehr_socket_t *socket, int fd, void *data, ngx_log_t *log)
{
    int                own;
    ngx_connection_t  *c;

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

    c->data = data;
    c->log = log;
    c->read->log = log;
    c->write->log = log;

    socket->c = c;

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
ehr_socket_interest(ehr_socket_t *socket, ngx_uint_t read,
    ngx_uint_t write)
{
    ngx_connection_t  *c;

    c = socket->c;

    if (ehr_socket_set(c->read, NGX_READ_EVENT, read) != NGX_OK
        || ehr_socket_set(c->write, NGX_WRITE_EVENT, write) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ehr_socket_detach(ehr_socket_t *socket)
{
    if (socket->c == NULL) {
        return;
    }

    (void) ehr_socket_interest(socket, 0, 0);

    ngx_close_connection(socket->c);
    socket->c = NULL;
}
