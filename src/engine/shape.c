/*
 * Shapes: how a day is open.  Weekly schedules make few of them for many
 * days, so equal ones are kept once, with a count of the days that have them.
 * Nothing in a shape changes while a day refers to it.
 */

#include "internal.h"


static uint32_t *ehr_engine_shape_next(ehr_engine_root_t *root,
    uint32_t reference);
static uint32_t ehr_engine_shape_hash(const ehr_engine_piece_t *pieces,
    uint32_t n);
static int ehr_engine_shape_equals(ehr_engine_root_t *root,
    uint32_t reference, const ehr_engine_piece_t *pieces, uint32_t n);
static uint32_t ehr_engine_shape_make(ehr_engine_root_t *root,
    const ehr_engine_piece_t *pieces, uint32_t n);
static void ehr_engine_shape_give(ehr_engine_root_t *root,
    uint32_t reference);


static uint32_t *
ehr_engine_shape_next(ehr_engine_root_t *root, uint32_t reference)
{
    return &ehr_engine_shape_at(root, reference)->next;
}


static uint32_t *
ehr_engine_shape_head(ehr_engine_root_t *root, uint32_t hash)
{
    return ehr_engine_table(root, shape_heads, uint32_t)
           + (hash & root->shape_mask);
}


uint32_t
ehr_engine_shape_intern(ehr_engine_root_t *root,
    const ehr_engine_piece_t *pieces, uint32_t n)
{
    uint32_t             reference, hash, *head;
    ehr_engine_shape_t  *shape;

    if (n == 0) {
        return 0;
    }

    hash = ehr_engine_shape_hash(pieces, n);
    head = ehr_engine_shape_head(root, hash);

    for (reference = *head; reference; reference = shape->next) {
        shape = ehr_engine_shape_at(root, reference);

        if (shape->hash == hash
            && ehr_engine_shape_equals(root, reference, pieces, n))
        {
            ehr_engine_store(shape->references, shape->references + 1);
            return reference;
        }
    }

    reference = ehr_engine_shape_make(root, pieces, n);

    if (reference == 0) {
        return EHR_ENGINE_UNKNOWN;
    }

    shape = ehr_engine_shape_at(root, reference);
    ehr_engine_store(shape->hash, hash);
    ehr_engine_store(shape->references, 1);
    ehr_engine_store(shape->next, *head);
    ehr_engine_store(*head, reference);

    return reference;
}


void
ehr_engine_shape_drop(ehr_engine_root_t *root, uint32_t reference)
{
    uint32_t            *link;
    ehr_engine_shape_t  *shape;

    if (reference == 0 || reference == EHR_ENGINE_UNKNOWN) {
        return;
    }

    shape = ehr_engine_shape_at(root, reference);
    ehr_engine_store(shape->references, shape->references - 1);

    if (shape->references) {
        return;
    }

    link = ehr_engine_shape_head(root, shape->hash);

    while (*link != reference) {
        link = &ehr_engine_shape_at(root, *link)->next;
    }

    ehr_engine_store(*link, shape->next);
    ehr_engine_shape_give(root, reference);
}


void
ehr_engine_shapes_reset(ehr_engine_root_t *root)
{
    ehr_engine_clear(ehr_engine_table(root, shape_heads, uint32_t),
                     (root->shape_mask + 1) * sizeof(uint32_t));
    ehr_engine_pool_reset(&root->shape_pool);
}


static uint32_t
ehr_engine_shape_hash(const ehr_engine_piece_t *pieces, uint32_t n)
{
    uint32_t  i;
    uint64_t  hash;

    hash = n;

    for (i = 0; i < n; i++) {
        hash = ehr_engine_mix(hash + ((uint64_t) pieces[i].span << 32
                                      | pieces[i].grid));
        hash = ehr_engine_mix(hash + pieces[i].seats);
    }

    return (uint32_t) hash;
}


static int
ehr_engine_shape_equals(ehr_engine_root_t *root, uint32_t reference,
    const ehr_engine_piece_t *pieces, uint32_t n)
{
    uint32_t             i, there;
    ehr_engine_shape_t  *shape;

    for (/* void */; reference; reference = shape->more) {
        shape = ehr_engine_shape_at(root, reference);

        for (i = 0; i < EHR_ENGINE_SHAPE_PIECES; i++) {
            there = shape->pieces[i].span != 0;

            if (n == 0 || !there) {
                return n == 0 && !there;
            }

            if (memcmp(&shape->pieces[i], pieces, sizeof(*pieces)) != 0) {
                return 0;
            }

            pieces++;
            n--;
        }
    }

    return n == 0;
}


/* The last record is made first, so that each refers to one that is whole. */
static uint32_t
ehr_engine_shape_make(ehr_engine_root_t *root,
    const ehr_engine_piece_t *pieces, uint32_t n)
{
    uint32_t             i, first, more, reference;
    ehr_engine_shape_t  *shape;

    more = 0;
    first = (n - 1) / EHR_ENGINE_SHAPE_PIECES * EHR_ENGINE_SHAPE_PIECES;

    for ( ;; ) {
        reference = ehr_engine_pool_take(root, &root->shape_pool,
                                         ehr_engine_shape_next);

        if (reference == 0) {
            ehr_engine_shape_give(root, more);
            return 0;
        }

        shape = ehr_engine_shape_at(root, reference);
        ehr_engine_clear(shape, sizeof(ehr_engine_shape_t));

        for (i = first; i < n && i < first + EHR_ENGINE_SHAPE_PIECES; i++) {
            ehr_engine_store(shape->pieces[i - first].grid, pieces[i].grid);
            ehr_engine_store(shape->pieces[i - first].seats, pieces[i].seats);
            ehr_engine_store(shape->pieces[i - first].span, pieces[i].span);
        }

        ehr_engine_store(shape->more, more);

        if (first == 0) {
            return reference;
        }

        more = reference;
        first -= EHR_ENGINE_SHAPE_PIECES;
    }
}


/* All records of a shape that is in no chain. */
static void
ehr_engine_shape_give(ehr_engine_root_t *root, uint32_t reference)
{
    uint32_t  more;

    for (/* void */; reference; reference = more) {
        more = ehr_engine_shape_at(root, reference)->more;
        ehr_engine_pool_give(root, &root->shape_pool, ehr_engine_shape_next,
                             reference);
    }
}


/* -- reading --------------------------------------------------------------- */

ehr_engine_result_t
ehr_engine_pieces_begin(ehr_engine_root_t *root, ehr_engine_pieces_t *pieces,
    uint32_t index, uint32_t day)
{
    pieces->root = root;
    pieces->next = 0;
    pieces->seen = 0;
    pieces->shape = ehr_engine_load(ehr_engine_day_at(root, index,
                                                      day)->shape);

    return pieces->shape == EHR_ENGINE_UNKNOWN ? EHR_ENGINE_ASK
                                               : EHR_ENGINE_OK;
}


int
ehr_engine_pieces_next(ehr_engine_pieces_t *pieces, ehr_engine_open_t *open)
{
    uint32_t             span, grid, seats;
    ehr_engine_piece_t  *piece;
    ehr_engine_shape_t  *shape;

    /* what is torn may be anything, but has to end */
    if (!ehr_engine_is_entry(&pieces->root->shape_pool, pieces->shape)
        || pieces->seen++ == EHR_ENGINE_PIECES_MAX)
    {
        return 0;
    }

    shape = ehr_engine_shape_at(pieces->root, pieces->shape);
    piece = &shape->pieces[pieces->next];

    span = ehr_engine_load(piece->span);
    grid = ehr_engine_load(piece->grid);
    seats = ehr_engine_load(piece->seats);

    open->from = span & 0xffff;
    open->to = span >> 16;
    open->slot = grid & 0xff;
    open->first = grid >> 8 & 0xff;
    open->place = grid >> 16;
    open->capacity = seats & 0xffff;
    open->goes_on = seats >> 16 & EHR_ENGINE_GOES_ON;

    if (++pieces->next == EHR_ENGINE_SHAPE_PIECES) {
        pieces->shape = ehr_engine_load(shape->more);
        pieces->next = 0;
    }

    return open->from < open->to
           && open->to <= EHR_ENGINE_DAY
           && open->slot > 0
           && open->capacity > 0
           && open->capacity <= EHR_ENGINE_SEATS
           && ehr_engine_is_entry(&pieces->root->place_pool, open->place);
}


ehr_engine_time_t
ehr_engine_open_end(ehr_engine_reading_t *reading, uint32_t day,
    const ehr_engine_open_t *open)
{
    ehr_engine_open_t    next;
    ehr_engine_pieces_t  pieces;

    next = *open;

    while (next.goes_on) {

        if (++day >= reading->end_day
            || ehr_engine_pieces_begin(reading->root, &pieces, reading->index,
                                       day) != EHR_ENGINE_OK)
        {
            return 0;
        }

        if (!ehr_engine_pieces_next(&pieces, &next) || next.from != 0) {
            /* torn, or loaded only in part */
            return day * EHR_ENGINE_DAY;
        }
    }

    return day * EHR_ENGINE_DAY + next.to;
}
