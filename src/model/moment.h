/*
 * Calendar dates and instants as clients write them.  Proleptic Gregorian,
 * no clock, no time zones: an instant carries its offset.
 */

#ifndef EHR_MOMENT_H
#define EHR_MOMENT_H

#include <stddef.h>
#include <stdint.h>


/* What may be stored: beyond these it is a typing error. */
#define EHR_FIRST_YEAR  1800
#define EHR_LAST_YEAR   2200
#define EHR_FIRST_DATE  "1800-01-01"
#define EHR_LAST_DATE   "2200-12-31"

/* "2026-01-31 09:30:00.000000+00" and the terminator */
#define EHR_INSTANT_SIZE  30

typedef struct {
    int     year;           /* 1 to 9999 */
    int     month;
    int     day;
    long    second;         /* of the day */
    long    microsecond;
} ehr_moment_t;

/* How strictly an instant is read. */
typedef enum {
    EHR_INSTANT_RFC3339,    /* 2026-01-31T09:30:00.5+01:00, …Z */
    EHR_INSTANT_SQL         /* also as PostgreSQL prints it:
                               2026-01-31 09:30:00.5+01 */
} ehr_instant_style_t;

/* "2026-02-29" is not a date.  0, or -1 and moment undefined. */
int ehr_date_parse(const char *text, size_t len, ehr_moment_t *moment);

/* The moment in UTC.  At most six digits after the point; no leap seconds.
 * 0, or -1 and moment undefined. */
int ehr_instant_parse(const char *text, size_t len, ehr_instant_style_t style,
    ehr_moment_t *moment);

/* Whole seconds since 1970 of a moment in UTC. */
int64_t ehr_moment_epoch(const ehr_moment_t *moment);

/* Writes "2026-01-31 09:30:00.500000+00". */
void ehr_instant_print(const ehr_moment_t *moment,
    char out[EHR_INSTANT_SIZE]);

#endif /* EHR_MOMENT_H */
