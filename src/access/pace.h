/*
 * The pace of a thread that computes for long beside others that answer.
 */

#ifndef EHR_PACE_H
#define EHR_PACE_H

#include <ngx_config.h>
#include <ngx_core.h>

/*
 * From now on the calling thread has the lowest priority, for good, and until
 * ehr_pace_end() rests half of the time.  Only for threads that do nothing
 * else, and that hold no lock meanwhile.  Where the system refuses one of
 * these, the thread goes on without, and the log says so once a thread.
 */
void ehr_pace_begin(ngx_log_t *log);
void ehr_pace_end(void);

#endif /* EHR_PACE_H */
