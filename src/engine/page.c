/*
 * Pages: the busy granules of a resource, day and seat, which exist only
 * where something is busy.
 */

#include "internal.h"


/* Granules of a day that one call changes. */
typedef struct {
    uint32_t            index;
    uint32_t            day;
    uint32_t            seat;
    uint32_t            from;
    uint32_t            to;
} ehr_engine_part_t;

typedef void (*ehr_engine_mark_pt)(ehr_engine_root_t *root,
    const ehr_engine_part_t *part);


static ehr_engine_result_t ehr_engine_mark(ehr_engine_t *engine,
    int32_t number, uint32_t seat, ehr_engine_time_t from,
    ehr_engine_time_t to, ehr_engine_mark_pt mark);
static void ehr_engine_mark_busy(ehr_engine_root_t *root,
    const ehr_engine_part_t *part);
static void ehr_engine_mark_free(ehr_engine_root_t *root,
    const ehr_engine_part_t *part);
static uint32_t ehr_engine_page_take(ehr_engine_root_t *root,
    ehr_engine_day_t *day, uint32_t seat);
static void ehr_engine_page_unknown(ehr_engine_root_t *root,
    ehr_engine_day_t *day, uint32_t seat);


static uint32_t *
ehr_engine_page_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_page_at(root, reference)->next;
}


/* The bits of [from, to) in one word of a page. */
static uint32_t
ehr_engine_page_mask(uint32_t word, uint32_t from, uint32_t to)
{
    uint32_t  mask;

    mask = 0xffffffff;

    if (from > word * 32) {
        mask &= 0xffffffff << (from - word * 32);
    }

    if (to < (word + 1) * 32) {
        mask &= 0xffffffff >> ((word + 1) * 32 - to);
    }

    return mask;
}


int
ehr_engine_page_has(const ehr_engine_page_t *page, uint32_t from, uint32_t to)
{
    uint32_t  word;

    for (word = from / 32; word <= (to - 1) / 32; word++) {

        if (ehr_engine_load(page->busy[word])
            & ehr_engine_page_mask(word, from, to))
        {
            return 1;
        }
    }

    return 0;
}


/* -- the feed's ------------------------------------------------------------ */

ehr_engine_result_t
ehr_engine_feed_busy(ehr_engine_t *engine, int32_t resource, uint32_t seat,
    ehr_engine_time_t from, ehr_engine_time_t to,
    const ehr_engine_uuid_t *act)
{
    ehr_engine_result_t  result;

    result = ehr_engine_mark(engine, resource, seat, from, to,
                             ehr_engine_mark_busy);

    /* busy first: nobody finds it neither busy nor tentative */
    if (act && (result == EHR_ENGINE_OK || result == EHR_ENGINE_NONE)) {
        ehr_engine_tentative_shown(engine, resource, seat, from, to, act);
    }

    return result;
}


ehr_engine_result_t
ehr_engine_feed_free(ehr_engine_t *engine, int32_t resource, uint32_t seat,
    ehr_engine_time_t from, ehr_engine_time_t to)
{
    return ehr_engine_mark(engine, resource, seat, from, to,
                           ehr_engine_mark_free);
}


static ehr_engine_result_t
ehr_engine_mark(ehr_engine_t *engine, int32_t number, uint32_t seat,
    ehr_engine_time_t from, ehr_engine_time_t to, ehr_engine_mark_pt mark)
{
    uint32_t               first, end;
    ehr_engine_part_t      part;
    ehr_engine_root_t     *root;
    ehr_engine_result_t    result;

    if (from >= to) {
        return EHR_ENGINE_INVALID;
    }

    root = engine->root;
    result = ehr_engine_feed_enter(engine);

    if (result != EHR_ENGINE_OK) {
        return result;
    }

    part.index = ehr_engine_index(root, number);
    part.seat = seat;

    if (part.index == EHR_ENGINE_NOBODY) {
        result = EHR_ENGINE_NONE;

    } else if (seat < EHR_ENGINE_SEATS) {
        first = root->first_day * EHR_ENGINE_DAY;
        end = first + root->days * EHR_ENGINE_DAY;
        from = from > first ? from : first;
        to = to < end ? to : end;

        while (from < to) {
            part.day = from / EHR_ENGINE_DAY;
            end = (part.day + 1) * EHR_ENGINE_DAY;
            part.from = from % EHR_ENGINE_DAY;
            part.to = to < end ? to % EHR_ENGINE_DAY : EHR_ENGINE_DAY;
            mark(root, &part);
            from = end;
        }
    }

    ehr_engine_feed_leave(engine);

    return result;
}


static void
ehr_engine_mark_busy(ehr_engine_root_t *root, const ehr_engine_part_t *part)
{
    uint32_t                word, reference;
    ehr_engine_day_t       *day;
    ehr_engine_page_t      *page;
    ehr_engine_resource_t  *resource;

    day = ehr_engine_day_at(root, part->index, part->day);
    resource = ehr_engine_resource_at(root, part->index);

    ehr_engine_resource_change(resource);
    reference = ehr_engine_page_take(root, day, part->seat);

    if (reference) {
        page = ehr_engine_page_at(root, reference);

        for (word = part->from / 32; word <= (part->to - 1) / 32; word++) {
            ehr_engine_store(page->busy[word], page->busy[word]
                             | ehr_engine_page_mask(word, part->from,
                                                    part->to));
        }

        ehr_engine_summarize(root, part->index, part->day, part->from,
                             part->to);

    } else {
        ehr_engine_page_unknown(root, day, part->seat);
        ehr_engine_summarize(root, part->index, part->day, 0, EHR_ENGINE_DAY);
    }

    ehr_engine_resource_changed(resource);
}


static void
ehr_engine_mark_free(ehr_engine_root_t *root, const ehr_engine_part_t *part)
{
    uint32_t                word, left, reference, *link;
    ehr_engine_day_t       *day;
    ehr_engine_page_t      *page;
    ehr_engine_resource_t  *resource;

    day = ehr_engine_day_at(root, part->index, part->day);
    resource = ehr_engine_resource_at(root, part->index);

    if (day->page & EHR_ENGINE_UNKNOWN) {
        return;
    }

    for (link = &day->page; *link; link = &page->next) {
        page = ehr_engine_page_at(root, *link);

        if (page->seat == part->seat) {
            break;
        }
    }

    reference = *link;

    if (reference == 0) {
        return;
    }

    page = ehr_engine_page_at(root, reference);
    left = 0;

    ehr_engine_resource_change(resource);

    for (word = 0; word < EHR_ENGINE_PAGE_WORDS; word++) {

        if (part->from < (word + 1) * 32 && part->to > word * 32) {
            ehr_engine_store(page->busy[word], page->busy[word]
                             & ~ehr_engine_page_mask(word, part->from,
                                                     part->to));
        }

        left |= page->busy[word];
    }

    if (left == 0) {
        ehr_engine_store(*link, page->next);
        ehr_engine_pool_give(root, &root->page_pool, ehr_engine_page_next,
                             reference);
    }

    ehr_engine_summarize(root, part->index, part->day, part->from, part->to);
    ehr_engine_resource_changed(resource);
}


/* The seat's page of that day, a new one if need be; 0: there is no room, or
 * there was none before. */
static uint32_t
ehr_engine_page_take(ehr_engine_root_t *root, ehr_engine_day_t *day,
    uint32_t seat)
{
    uint32_t            reference, missing;
    ehr_engine_page_t  *page;

    if (day->page & EHR_ENGINE_UNKNOWN) {
        return 0;
    }

    for (reference = day->page; reference; reference = page->next) {
        page = ehr_engine_page_at(root, reference);

        if (page->seat == seat) {
            return reference;
        }
    }

    missing = root->page_pool.missing;
    reference = ehr_engine_pool_take(root, &root->page_pool,
                                     ehr_engine_page_next);

    if (reference) {
        page = ehr_engine_page_at(root, reference);
        ehr_engine_clear(page->busy, sizeof(page->busy));
        ehr_engine_store(page->seat, seat);
        ehr_engine_store(page->next, day->page);
        ehr_engine_store(day->page, reference);

    } else {
        /* ehr_engine_page_unknown() knows better how many */
        ehr_engine_store(root->page_pool.missing, missing);
    }

    return reference;
}


/* A day of which not all is kept any more: keeps only how many pages it would
 * take. */
static void
ehr_engine_page_unknown(ehr_engine_root_t *root, ehr_engine_day_t *day,
    uint32_t seat)
{
    uint32_t  reference, wanted, known;

    known = 0;
    wanted = seat + 1;

    if (day->page & EHR_ENGINE_UNKNOWN) {
        known = day->page & ~EHR_ENGINE_UNKNOWN;

    } else {
        for (reference = day->page, wanted = 1; reference; wanted++) {
            reference = ehr_engine_page_at(root, reference)->next;
        }

        ehr_engine_pages_drop(root, day);
    }

    if (wanted < known) {
        wanted = known;
    }

    ehr_engine_store(day->page, EHR_ENGINE_UNKNOWN | wanted);
    ehr_engine_store(root->page_pool.missing,
                     root->page_pool.missing + wanted - known);
}


void
ehr_engine_pages_drop(ehr_engine_root_t *root, ehr_engine_day_t *day)
{
    uint32_t  reference, next;

    reference = day->page;

    if (reference == 0) {
        return;
    }

    ehr_engine_store(day->page, 0);

    if (reference & EHR_ENGINE_UNKNOWN) {
        ehr_engine_store(root->page_pool.missing,
                         root->page_pool.missing
                         - (reference & ~EHR_ENGINE_UNKNOWN));
        return;
    }

    for (/* void */; reference; reference = next) {
        next = ehr_engine_page_at(root, reference)->next;
        ehr_engine_pool_give(root, &root->page_pool, ehr_engine_page_next,
                             reference);
    }
}
