/*
 * Places where a test kills the process.  They exist only in what is built
 * with EHR_CRASH_POINTS, for t/chaos/crash_points.t and with sanitizers;
 * elsewhere they are nothing at all.
 */

#ifndef EHR_CRASH_POINT_H
#define EHR_CRASH_POINT_H


#ifdef EHR_CRASH_POINTS

/*
 * Kills the process if the file that EHR_CRASH_POINT named when the module was
 * loaded says that this is the point, and that it is passed for the last time.
 * The test writes there; see crash_point.c for what.
 */
void ehr_crash_point(const char *name);

/* Whether this process holds the mutex of the availability zone. */
void ehr_crash_locked(int is_locked);

/* Before each word that the engine stores (EHR_ENGINE_STEP). */
void ehr_crash_in_engine(void);

#else

#define ehr_crash_point(name)       ((void) 0)
#define ehr_crash_locked(is_locked) ((void) 0)

#endif

#endif /* EHR_CRASH_POINT_H */
