/*
 * Summaries, by which a search leaves out most doctors and days without
 * looking at them.  They promise too much at most, never too little: whoever
 * is found in them has to be looked at.
 */

#include "internal.h"


/* What a day of a resource comes to. */
typedef struct {
    uint32_t            starts[EHR_ENGINE_PAGE_WORDS + 1];
    uint32_t            run;            /* longest free time after a start */
    uint32_t            is_unknown;
} ehr_engine_summary_t;

/* Granules at which no seat is free. */
typedef struct {
    uint32_t            full[EHR_ENGINE_PAGE_WORDS];
    uint32_t            capacity;       /* they are right for; 0: none */
} ehr_engine_full_t;


static void ehr_engine_summary_make(ehr_engine_root_t *root, uint32_t index,
    uint32_t day, ehr_engine_summary_t *summary);
static void ehr_engine_full_make(ehr_engine_root_t *root, uint32_t page,
    uint32_t capacity, ehr_engine_full_t *full);
static void ehr_engine_summary_add(ehr_engine_summary_t *summary,
    const ehr_engine_full_t *full, const ehr_engine_open_t *open);
static uint32_t ehr_engine_full_next(const ehr_engine_full_t *full,
    uint32_t from, uint32_t to);
static void ehr_engine_row_set(ehr_engine_root_t *root, uint32_t day,
    uint32_t row, uint32_t index, uint32_t is_set);


void
ehr_engine_summarize(ehr_engine_root_t *root, uint32_t index, uint32_t day,
    uint32_t from, uint32_t to)
{
    uint8_t               *run;
    uint32_t               quarter, bit, bits;
    ehr_engine_summary_t   summary;

    if (ehr_engine_resource_at(root, index)->kind == EHR_ENGINE_DOCTOR) {
        ehr_engine_summary_make(root, index, day, &summary);

    } else {
        memset(&summary, 0, sizeof(summary));
    }

    for (quarter = from / EHR_ENGINE_QUARTER;
         quarter <= (to - 1) / EHR_ENGINE_QUARTER; quarter++)
    {
        bit = quarter * EHR_ENGINE_QUARTER;
        bits = (uint32_t) (((uint64_t) summary.starts[bit / 32 + 1] << 32
                            | summary.starts[bit / 32]) >> bit % 32)
               & ((1 << EHR_ENGINE_QUARTER) - 1);

        ehr_engine_row_set(root, day, quarter, index, bits != 0);
    }

    ehr_engine_row_set(root, day, EHR_ENGINE_ROW_ANY, index,
                       summary.run != 0);
    ehr_engine_row_set(root, day, EHR_ENGINE_ROW_UNKNOWN, index,
                       summary.is_unknown);

    run = ehr_engine_run_at(root, day, index);

    if (*run != summary.run) {
        ehr_engine_store(*run, (uint8_t) summary.run);
    }
}


static void
ehr_engine_summary_make(ehr_engine_root_t *root, uint32_t index,
    uint32_t day, ehr_engine_summary_t *summary)
{
    uint32_t              page;
    ehr_engine_full_t     full;
    ehr_engine_open_t     open;
    ehr_engine_pieces_t   pieces;

    memset(summary, 0, sizeof(*summary));
    full.capacity = 0;
    page = ehr_engine_day_at(root, index, day)->page;

    if (ehr_engine_pieces_begin(root, &pieces, index, day) != EHR_ENGINE_OK
        || page & EHR_ENGINE_UNKNOWN)
    {
        summary->is_unknown = 1;
        return;
    }

    while (ehr_engine_pieces_next(&pieces, &open)) {

        if (open.capacity != full.capacity) {
            ehr_engine_full_make(root, page, open.capacity, &full);
        }

        ehr_engine_summary_add(summary, &full, &open);
    }
}


static void
ehr_engine_full_make(ehr_engine_root_t *root, uint32_t reference,
    uint32_t capacity, ehr_engine_full_t *full)
{
    uint32_t            word, seats;
    ehr_engine_page_t  *page;

    seats = 0;
    memset(full->full, 0xff, sizeof(full->full));
    full->capacity = capacity;

    for (/* void */; reference; reference = page->next) {
        page = ehr_engine_page_at(root, reference);

        if (page->seat < capacity) {
            seats++;

            for (word = 0; word < EHR_ENGINE_PAGE_WORDS; word++) {
                full->full[word] &= page->busy[word];
            }
        }
    }

    if (seats < capacity) {
        memset(full->full, 0, sizeof(full->full));
    }
}


static void
ehr_engine_summary_add(ehr_engine_summary_t *summary,
    const ehr_engine_full_t *full, const ehr_engine_open_t *open)
{
    uint32_t  start, end, run;

    end = 0;

    for (start = open->from + open->first; start < open->to;
         start += open->slot)
    {
        if (full->full[start / 32] >> start % 32 & 1) {
            continue;
        }

        summary->starts[start / 32] |= (uint32_t) 1 << start % 32;

        if (start < end) {
            continue;   /* the free time around it begins earlier */
        }

        end = ehr_engine_full_next(full, start, open->to);
        run = end - start;

        if (run > EHR_ENGINE_RUN_MAX || (end == open->to && open->goes_on)) {
            run = EHR_ENGINE_RUN_MAX;
        }

        if (run > summary->run) {
            summary->run = run;
        }
    }
}


/* The first full granule in [from, to), or to. */
static uint32_t
ehr_engine_full_next(const ehr_engine_full_t *full, uint32_t from,
    uint32_t to)
{
    uint32_t  word, bits, found;

    bits = full->full[from / 32] & 0xffffffff << from % 32;

    for (word = from / 32; bits == 0; bits = full->full[word]) {

        if (++word * 32 >= to) {
            return to;
        }
    }

    found = word * 32 + (uint32_t) __builtin_ctz(bits);

    return found < to ? found : to;
}


static void
ehr_engine_row_set(ehr_engine_root_t *root, uint32_t day, uint32_t row,
    uint32_t index, uint32_t is_set)
{
    uint32_t  *count;
    uint64_t  *word, bit;

    word = ehr_engine_row_at(root, day, row) + index / 64;
    bit = (uint64_t) 1 << index % 64;

    if (((*word & bit) != 0) == (is_set != 0)) {
        return;
    }

    count = ehr_engine_row_count_at(root, day, row);
    ehr_engine_store(*word, *word ^ bit);
    ehr_engine_store(*count, is_set ? *count + 1 : *count - 1);
}


void
ehr_engine_summary_clear(ehr_engine_root_t *root, uint32_t day)
{
    ehr_engine_clear(ehr_engine_row_at(root, day, 0),
                     (size_t) EHR_ENGINE_ROWS * root->words
                     * sizeof(uint64_t));
    ehr_engine_clear(ehr_engine_row_count_at(root, day, 0),
                     EHR_ENGINE_ROWS * sizeof(uint32_t));
    ehr_engine_clear(ehr_engine_run_at(root, day, 0),
                     (size_t) root->words * 64);
}


void
ehr_engine_summaries_reset(ehr_engine_root_t *root)
{
    uint32_t  day;

    for (day = 0; day < root->days; day++) {
        ehr_engine_summary_clear(root, day);
    }
}
