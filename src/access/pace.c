/*
 * A low priority counts only among the tasks of one autogroup or control
 * group (sched(7)).  PostgreSQL's processes are of another than nginx's, and
 * waited up to 70 ms for a processor on which a thread of SCHED_IDLE was
 * computing.  So such a thread also leaves the processor by itself: a timer
 * interrupts it, and the signal's handler sleeps.
 *
 * CLOCK_MONOTONIC is the same everywhere on a machine: all threads of all
 * workers rest in the same half of each period.
 */

#include "pace.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id  _sigev_un._tid
#endif


/*
 * Measured with bcrypt threads on every core beside a loop that wakes a
 * thousand times a second (README.md): at 10 they still delay it by
 * milliseconds, at 19 they do not.
 */
#define EHR_PACE_NICE    19

/* In nanoseconds; what others have to wait for at most. */
#define EHR_PACE_RUN     500000
#define EHR_PACE_PERIOD  1000000

#define EHR_PACE_SECOND  1000000000

/* Nobody else's in nginx. */
#define EHR_PACE_SIGNAL  SIGRTMIN

typedef enum {
    EHR_PACE_NEW,
    EHR_PACE_TIMED,
    EHR_PACE_REFUSED
} ehr_pace_state_e;


static void ehr_pace_lower_priority(ngx_log_t *log);
static ngx_int_t ehr_pace_timer(ngx_log_t *log);
static void ehr_pace_set(int64_t first, int64_t period);
static void ehr_pace_rest(int signo);
static int64_t ehr_pace_now(void);
static struct timespec ehr_pace_timespec(int64_t ns);


/* The calling thread's. */
static __thread ehr_pace_state_e  ehr_pace_state;
static __thread timer_t           ehr_pace_timer_id;


void
ehr_pace_begin(ngx_log_t *log)
{
    int64_t  now;

    if (ehr_pace_state == EHR_PACE_NEW) {
        ehr_pace_lower_priority(log);
        ehr_pace_state = ehr_pace_timer(log) == NGX_OK ? EHR_PACE_TIMED
                                                       : EHR_PACE_REFUSED;
    }

    if (ehr_pace_state == EHR_PACE_TIMED) {
        now = ehr_pace_now();
        ehr_pace_set(now - now % EHR_PACE_PERIOD + EHR_PACE_RUN,
                     EHR_PACE_PERIOD);
    }
}


void
ehr_pace_end(void)
{
    if (ehr_pace_state == EHR_PACE_TIMED) {
        ehr_pace_set(0, 0);
    }
}


static void
ehr_pace_lower_priority(ngx_log_t *log)
{
    struct sched_param  idle = { .sched_priority = 0 };

    /* in Linux a thread has a priority of its own */
    if (setpriority(PRIO_PROCESS, (id_t) syscall(SYS_gettid), EHR_PACE_NICE)
        == -1)
    {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "setpriority() of a password thread failed");
    }

    /* and a policy: whoever wakes up takes the processor from it at once */
    if (sched_setscheduler(0, SCHED_IDLE, &idle) == -1) {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "sched_setscheduler() of a password thread failed");
    }
}


/* A timer that interrupts this thread, which nginx made deaf to signals. */

static ngx_int_t
ehr_pace_timer(ngx_log_t *log)
{
    sigset_t          signals;
    struct sigevent   event;
    struct sigaction  action;

    ngx_memzero(&action, sizeof(action));
    action.sa_handler = ehr_pace_rest;
    action.sa_flags = SA_RESTART;

    ngx_memzero(&event, sizeof(event));
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_notify_thread_id = (pid_t) syscall(SYS_gettid);
    event.sigev_signo = EHR_PACE_SIGNAL;

    sigemptyset(&signals);
    sigaddset(&signals, EHR_PACE_SIGNAL);

    if (sigaction(EHR_PACE_SIGNAL, &action, NULL) == -1
        || timer_create(CLOCK_MONOTONIC, &event, &ehr_pace_timer_id) == -1)
    {
        ngx_log_error(NGX_LOG_WARN, log, ngx_errno,
                      "timer_create() of a password thread failed");
        return NGX_ERROR;
    }

    (void) pthread_sigmask(SIG_UNBLOCK, &signals, NULL);

    return NGX_OK;
}


/* All zero: never.  Cannot fail with a timer that is there. */

static void
ehr_pace_set(int64_t first, int64_t period)
{
    struct itimerspec  times;

    times.it_value = ehr_pace_timespec(first);
    times.it_interval = ehr_pace_timespec(period);

    (void) timer_settime(ehr_pace_timer_id, TIMER_ABSTIME, &times, NULL);
}


/*
 * In the middle of whatever the thread does: only what signal-safety(7)
 * allows.  If it comes late the thread had to wait itself.
 */

static void
ehr_pace_rest(int signo)
{
    int              error = errno;
    int64_t          now;
    struct timespec  end;

    (void) signo;

    now = ehr_pace_now();

    if (now % EHR_PACE_PERIOD >= EHR_PACE_RUN) {
        end = ehr_pace_timespec(now - now % EHR_PACE_PERIOD
                                + EHR_PACE_PERIOD);
        (void) clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL);
    }

    errno = error;
}


static int64_t
ehr_pace_now(void)
{
    struct timespec  now;

    (void) clock_gettime(CLOCK_MONOTONIC, &now);

    return (int64_t) now.tv_sec * EHR_PACE_SECOND + now.tv_nsec;
}


static struct timespec
ehr_pace_timespec(int64_t ns)
{
    struct timespec  time;

    time.tv_sec = ns / EHR_PACE_SECOND;
    time.tv_nsec = ns % EHR_PACE_SECOND;

    return time;
}
