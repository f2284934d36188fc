/*
 * Who has what in the stress: a word for each resource, seat and granule.
 */

#include "stress.h"


uint64_t *
word_of(int32_t resource, unsigned seat, uint32_t time)
{
    return &common->words[resource][seat][time - DAY0 * EHR_ENGINE_DAY];
}


void
name_remember(const ehr_engine_item_t *item, before_t *before)
{
    uint32_t  time;
    unsigned  seat;

    for (seat = 0; seat < SEATS; seat++) {
        for (time = item->from; time < item->to; time++) {
            before->words[seat][time - item->from]
                = __atomic_load_n(word_of(item->resource, seat, time),
                                  __ATOMIC_SEQ_CST);
        }
    }
}


/* The engine may forget a claim whose process died before it could say that it
 * is committed, until the feed shows it; what the feed had shown before is not
 * forgotten. */
int
name_put(uint64_t who, const ehr_engine_item_t *item, const before_t *before)
{
    uint32_t   time;
    uint64_t  *word, there;

    for (time = item->from; time < item->to; time++) {
        word = word_of(item->resource, item->seat, time);
        there = __atomic_load_n(word, __ATOMIC_SEQ_CST);

        do {
            if (there
                && (host_is_alive(NULL, (int32_t) (there >> 32))
                    || ((there & STATE) == SHOWN
                        && there == before->words[item->seat]
                                                 [time - item->from])))
            {
                fail("held twice", there, who);
            }

            if ((there & STATE) >= COMMITTED) {
                __atomic_add_fetch(&common->refused, 1, __ATOMIC_RELAXED);
                return 0;
            }

            if (there) {
                __atomic_add_fetch(&common->stolen, 1, __ATOMIC_RELAXED);
            }
        } while (!__atomic_compare_exchange_n(word, &there, who | HELD, 0,
                                              __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST));
    }

    return 1;
}


int
name_change(const commit_t *commit, uint64_t from, uint64_t to)
{
    int       all;
    uint32_t  time;
    uint64_t  before;

    all = 1;

    for (time = commit->from; time < commit->to; time++) {
        before = from;
        all &= __atomic_compare_exchange_n(word_of(commit->resource,
                                                   commit->seat, time),
                                           &before, to, 0, __ATOMIC_SEQ_CST,
                                           __ATOMIC_SEQ_CST);
    }

    return all;
}
