/*
 * JSON texts read safely when there is no memory: see json_memory.h.
 */

#include <stdlib.h>
#include <string.h>

#include "json_memory.h"


/* One event loop a process: jansson is used by no other thread. */
static int  ehr_json_lacked;


static void *
ehr_json_malloc(size_t size)
{
    void  *block = malloc(size);

    if (block == NULL) {
        ehr_json_lacked = 1;
    }

    return block;
}


void
ehr_json_memory_init(void)
{
    json_set_alloc_funcs(ehr_json_malloc, free);
}


void
ehr_json_memory_watch(void)
{
    ehr_json_lacked = 0;
}


int
ehr_json_memory_lacked(void)
{
    return ehr_json_lacked;
}


/* jansson keeps the code in the last byte of the text (jansson.h). */

static void
ehr_json_out_of_memory(json_error_t *error)
{
    memset(error, 0, sizeof(json_error_t));
    error->line = -1;
    error->column = -1;
    error->text[JSON_ERROR_TEXT_LENGTH - 1] = json_error_out_of_memory;
}


json_t *
ehr_json_load(const char *text, size_t len, size_t flags, json_error_t *error)
{
    int      before;
    json_t  *json;

    before = ehr_json_lacked;
    ehr_json_lacked = 0;

    json = json_loadb(text, len, flags, error);

    if (!ehr_json_lacked) {
        ehr_json_lacked = before;
        return json;
    }

    json_decref(json);

    if (error) {
        ehr_json_out_of_memory(error);
    }

    return NULL;
}
