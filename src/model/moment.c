/*
 * Calendar dates and instants: see moment.h.
 */

#include <stdio.h>

#include "moment.h"


#define SECONDS_A_DAY   86400L
#define DATE_LENGTH     10
#define TIME_LENGTH      8
#define FIRST_YEAR       1
#define LAST_YEAR     9999


/* Exactly n digits as a number, -1 if they are not all digits. */
static int
digits(const char *text, size_t n)
{
    int     number;
    size_t  i;

    for (number = 0, i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }

        number = number * 10 + (text[i] - '0');
    }

    return number;
}


static int
days_of_month(int year, int month)
{
    static const int  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)) {
        return 29;
    }

    return days[month - 1];
}


int
ehr_date_parse(const char *text, size_t len, ehr_moment_t *moment)
{
    if (len != DATE_LENGTH || text[4] != '-' || text[7] != '-') {
        return -1;
    }

    moment->year = digits(text, 4);
    moment->month = digits(text + 5, 2);
    moment->day = digits(text + 8, 2);
    moment->second = 0;
    moment->microsecond = 0;

    if (moment->year < FIRST_YEAR || moment->month < 1 || moment->month > 12
        || moment->day < 1
        || moment->day > days_of_month(moment->year, moment->month))
    {
        return -1;
    }

    return 0;
}


/* "09:30:00" */
static int
parse_time(const char *text, ehr_moment_t *moment)
{
    int  hour, minute, second;

    if (text[2] != ':' || text[5] != ':') {
        return -1;
    }

    hour = digits(text, 2);
    minute = digits(text + 3, 2);
    second = digits(text + 6, 2);

    if (hour < 0 || hour > 23 || minute < 0 || minute > 59
        || second < 0 || second > 59)
    {
        return -1;
    }

    moment->second = hour * 3600L + minute * 60L + second;

    return 0;
}


/* ".5" in microseconds; returns how many characters it has, 0 if there is
 * none, -1 if it is malformed. */
static int
parse_fraction(const char *text, size_t len, ehr_moment_t *moment)
{
    int   n;
    long  weight;

    moment->microsecond = 0;

    if (len == 0 || text[0] != '.') {
        return 0;
    }

    weight = 100000;

    for (n = 1; (size_t) n < len && text[n] >= '0' && text[n] <= '9'; n++) {
        if (weight == 0) {
            return -1;
        }

        moment->microsecond += (text[n] - '0') * weight;
        weight /= 10;
    }

    return n == 1 ? -1 : n;
}


/* "Z", "+01:00", in SQL style "+01": seconds east of UTC. */
static int
parse_offset(const char *text, size_t len, ehr_instant_style_t style,
    long *offset)
{
    int  hours, minutes;

    if (len == 1 && (text[0] == 'Z' || text[0] == 'z')) {
        *offset = 0;
        return 0;
    }

    if (len != 6 && !(len == 3 && style == EHR_INSTANT_SQL)) {
        return -1;
    }

    if ((text[0] != '+' && text[0] != '-') || (len == 6 && text[3] != ':')) {
        return -1;
    }

    hours = digits(text + 1, 2);
    minutes = len == 6 ? digits(text + 4, 2) : 0;

    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return -1;
    }

    *offset = hours * 3600L + minutes * 60L;

    if (text[0] == '-') {
        *offset = -*offset;
    }

    return 0;
}


/* To UTC: an offset is less than a day, so the date moves by one at most. */
static void
subtract_offset(ehr_moment_t *moment, long offset)
{
    moment->second -= offset;

    if (moment->second < 0) {
        moment->second += SECONDS_A_DAY;

        if (--moment->day == 0) {
            if (--moment->month == 0) {
                moment->month = 12;
                moment->year--;
            }

            moment->day = days_of_month(moment->year, moment->month);
        }

    } else if (moment->second >= SECONDS_A_DAY) {
        moment->second -= SECONDS_A_DAY;

        if (++moment->day > days_of_month(moment->year, moment->month)) {
            moment->day = 1;

            if (++moment->month > 12) {
                moment->month = 1;
                moment->year++;
            }
        }
    }
}


int
ehr_instant_parse(const char *text, size_t len, ehr_instant_style_t style,
    ehr_moment_t *moment)
{
    int          n;
    long         offset;
    const char  *end;

    if (len < DATE_LENGTH + 1 + TIME_LENGTH + 1
        || ehr_date_parse(text, DATE_LENGTH, moment) != 0)
    {
        return -1;
    }

    end = text + len;
    text += DATE_LENGTH;

    if (*text != 'T' && *text != 't'
        && !(*text == ' ' && style == EHR_INSTANT_SQL))
    {
        return -1;
    }

    text++;

    if (parse_time(text, moment) != 0) {
        return -1;
    }

    text += TIME_LENGTH;

    n = parse_fraction(text, (size_t) (end - text), moment);
    if (n < 0) {
        return -1;
    }

    text += n;

    if (parse_offset(text, (size_t) (end - text), style, &offset) != 0) {
        return -1;
    }

    subtract_offset(moment, offset);

    return moment->year < FIRST_YEAR || moment->year > LAST_YEAR ? -1 : 0;
}


int64_t
ehr_moment_epoch(const ehr_moment_t *moment)
{
    int64_t  year, era, day_of_year, day_of_era, days;

    /* years begin in March, so that a leap day is the last of one; 400 of
     * them are an era of 146,097 days */

    year = moment->year - (moment->month <= 2);
    era = year / 400;
    year -= era * 400;

    day_of_year = (153 * (moment->month + (moment->month > 2 ? -3 : 9)) + 2)
                  / 5 + moment->day - 1;
    day_of_era = year * 365 + year / 4 - year / 100 + day_of_year;
    days = era * 146097 + day_of_era - 719468;

    return days * SECONDS_A_DAY + moment->second;
}


void
ehr_instant_print(const ehr_moment_t *moment, char out[EHR_INSTANT_SIZE])
{
    unsigned  second;

    second = (unsigned) moment->second;

    (void) snprintf(out, EHR_INSTANT_SIZE,
        "%04u-%02u-%02u %02u:%02u:%02u.%06u+00",
        (unsigned) moment->year % 10000, (unsigned) moment->month % 100,
        (unsigned) moment->day % 100, second / 3600 % 100, second / 60 % 60,
        second % 60, (unsigned) moment->microsecond % 1000000);
}
