#include "shared.h"


static ehr_cell_t *
ehr_cells_set(ehr_cells_t *cells, const uint64_t key[2])
{
    return &cells->cells[key[0] % cells->sets * EHR_CELL_WAYS];
}


ehr_cell_t *
ehr_cells_find(ehr_cells_t *cells, const uint64_t key[2])
{
    ehr_cell_t  *set;
    ngx_uint_t   i;

    set = ehr_cells_set(cells, key);

    for (i = 0; i < EHR_CELL_WAYS; i++) {
        if (ehr_load(set[i].key[0]) == key[0]
            && ehr_load(set[i].key[1]) == key[1])
        {
            return &set[i];
        }
    }

    return NULL;
}


static ehr_cell_t *
ehr_cells_least(ehr_cell_t *set, ehr_cell_worth_pt worth, uint64_t now)
{
    ehr_cell_t  *least;
    uint64_t     value, smallest;
    ngx_uint_t   i;

    least = set;
    smallest = worth(ehr_load(set[0].word), now);

    for (i = 1; i < EHR_CELL_WAYS; i++) {
        value = worth(ehr_load(set[i].word), now);

        if (value < smallest) {
            smallest = value;
            least = &set[i];
        }
    }

    return least;
}


ehr_cell_t *
ehr_cells_claim(ehr_shared_t *shared, ehr_cells_t *cells,
    const uint64_t key[2], ehr_cell_worth_pt worth, uint64_t now)
{
    ehr_cell_t  *cell;

    ehr_shared_lock(shared);

    cell = ehr_cells_find(cells, key);

    if (cell == NULL) {
        cell = ehr_cells_least(ehr_cells_set(cells, key), worth, now);

        /* A worker that dies in here leaves a cell that matches no key and
         * is worth nothing: the next claim of this set takes it. */
        ehr_store(cell->key[1], 0);
        ehr_store(cell->key[0], 0);
        ehr_store(cell->word, 0);
        ehr_store(cell->key[0], key[0]);
        ehr_store(cell->key[1], key[1]);
    }

    ehr_shared_unlock(shared);

    return cell;
}
