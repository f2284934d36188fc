/*
 * Rate limits and the lockout of accounts: one 64-bit word a key, changed by
 * compare-and-set, so that the mutex is needed only to make a new cell.
 */

#include "shared.h"


/* After so many lost races the request is let through uncounted: limits are
 * estimates, and work here must be bounded. */
#define EHR_RACES  64

/* ehr_limit_t's are 0 to EHR_LIMITS - 1. */
#define EHR_KIND_LOCKOUT  EHR_LIMITS

#define EHR_LOCKOUT_AFTER   5
#define EHR_LOCKOUT_FIRST   30
#define EHR_LOCKOUT_LONGEST 3600
#define EHR_LOCKOUT_MEMORY  3600

/* A lockout's word: milliseconds of the last failure, and failures so far. */
#define ehr_lockout_word(ms, failures)  ((ms) << 8 | (failures))
#define ehr_lockout_failures(word)      ((word) & 0xff)
#define ehr_lockout_last(word)          ((word) >> 8)


/*
 * The generic cell rate algorithm: the word is the time at which the bucket
 * will be full again.  What is due later than that is lost by forgetting.
 */
static uint64_t
ehr_rate_worth(uint64_t word, uint64_t now)
{
    return word > now ? word : 0;
}


time_t
ehr_rate_take(ehr_shared_t *shared, ehr_limit_t limit, const ehr_rate_t *rate,
    const u_char *key, size_t len)
{
    if (rate->rate == 0) {
        return 0;
    }

    return ehr_rate_take_at(shared, limit, rate, key, len,
                            ehr_monotonic_us());
}


time_t
ehr_rate_take_at(ehr_shared_t *shared, ehr_limit_t limit,
    const ehr_rate_t *rate, const u_char *key, size_t len, uint64_t now_us)
{
    uint64_t     hash[2], interval, tolerance, old, full;
    ehr_cell_t  *cell;
    ngx_uint_t   tries;

    interval = ngx_max(60 * (uint64_t) 1000000 / rate->rate, 1);
    tolerance = rate->burst ? (rate->burst - 1) * interval : 0;

    ehr_shared_hash(limit, key, len, hash);

    for (tries = 0; tries < EHR_RACES; tries++) {

        cell = ehr_cells_find(&shared->rates, hash);

        if (cell == NULL) {
            cell = ehr_cells_claim(shared, &shared->rates, hash,
                                   ehr_rate_worth, now_us);
        }

        old = ehr_load(cell->word);
        full = ngx_max(old, now_us);

        if (full - now_us > tolerance) {
            return (time_t) ((full - now_us - tolerance + 999999) / 1000000);
        }

        if (__sync_bool_compare_and_swap(&cell->word, old, full + interval)) {
            return 0;
        }
    }

    return 0;
}


/* An account under attack is not pushed out by failures of many others. */
static uint64_t
ehr_lockout_worth(uint64_t word, uint64_t now)
{
    if (ehr_lockout_last(word) + EHR_LOCKOUT_MEMORY * 1000 <= now) {
        return 0;
    }

    return ehr_lockout_failures(word) << 56 | ehr_lockout_last(word);
}


static uint64_t
ehr_lockout_length(uint64_t failures)
{
    uint64_t  doublings;

    if (failures < EHR_LOCKOUT_AFTER) {
        return 0;
    }

    doublings = ngx_min(failures - EHR_LOCKOUT_AFTER, 16);

    return ngx_min((uint64_t) EHR_LOCKOUT_FIRST << doublings,
                   EHR_LOCKOUT_LONGEST);
}


time_t
ehr_lockout_remaining(ehr_shared_t *shared, const u_char *account, size_t len)
{
    return ehr_lockout_remaining_at(shared, account, len, ehr_monotonic_us());
}


time_t
ehr_lockout_remaining_at(ehr_shared_t *shared, const u_char *account,
    size_t len, uint64_t now_us)
{
    uint64_t     hash[2], word, end, now;
    ehr_cell_t  *cell;

    ehr_shared_hash(EHR_KIND_LOCKOUT, account, len, hash);

    cell = ehr_cells_find(&shared->lockouts, hash);

    if (cell == NULL) {
        return 0;
    }

    now = now_us / 1000;
    word = ehr_load(cell->word);
    end = ehr_lockout_last(word)
          + ehr_lockout_length(ehr_lockout_failures(word)) * 1000;

    return end > now ? (time_t) ((end - now + 999) / 1000) : 0;
}


void
ehr_lockout_failure(ehr_shared_t *shared, const u_char *account, size_t len)
{
    ehr_lockout_failure_at(shared, account, len, ehr_monotonic_us());
}


void
ehr_lockout_failure_at(ehr_shared_t *shared, const u_char *account,
    size_t len, uint64_t now_us)
{
    uint64_t     hash[2], old, failures, now;
    ehr_cell_t  *cell;
    ngx_uint_t   tries;

    now = now_us / 1000;

    ehr_shared_hash(EHR_KIND_LOCKOUT, account, len, hash);

    for (tries = 0; tries < EHR_RACES; tries++) {

        cell = ehr_cells_find(&shared->lockouts, hash);

        if (cell == NULL) {
            cell = ehr_cells_claim(shared, &shared->lockouts, hash,
                                   ehr_lockout_worth, now);
        }

        old = ehr_load(cell->word);
        failures = ehr_lockout_worth(old, now) ? ehr_lockout_failures(old) : 0;
        failures = ngx_min(failures + 1, 0xff);

        if (__sync_bool_compare_and_swap(&cell->word, old,
                                         ehr_lockout_word(now, failures)))
        {
            return;
        }
    }
}


void
ehr_lockout_success(ehr_shared_t *shared, const u_char *account, size_t len)
{
    uint64_t     hash[2];
    ehr_cell_t  *cell;

    ehr_shared_hash(EHR_KIND_LOCKOUT, account, len, hash);

    cell = ehr_cells_find(&shared->lockouts, hash);

    if (cell) {
        ehr_store(cell->word, 0);
    }
}
