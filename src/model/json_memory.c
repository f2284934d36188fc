/*
 * JSON texts read and written safely without memory: see json_memory.h.
 */

#include <errno.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "json_memory.h"


/*
 * What a text that is being read gets when malloc() has nothing: enough to
 * come to its end, where it is refused.  No page of it is touched before.
 */
#define EHR_JSON_RESERVE  (4 * 1024 * 1024)
#define EHR_JSON_ALIGN    _Alignof(max_align_t)

/* One event loop a process: jansson is used by no other thread. */
static int      ehr_json_lacked;
static int      ehr_json_loading;
static jmp_buf  ehr_json_give_up;
static size_t   ehr_json_used;

static _Alignas(max_align_t) unsigned char  ehr_json_reserve[EHR_JSON_RESERVE];


static void *
ehr_json_from_reserve(size_t size)
{
    void  *block;

    size = (size + EHR_JSON_ALIGN - 1) & ~(EHR_JSON_ALIGN - 1);

    if (size > sizeof(ehr_json_reserve) - ehr_json_used) {
        longjmp(ehr_json_give_up, 1);
    }

    block = ehr_json_reserve + ehr_json_used;
    ehr_json_used += size;

    return block;
}


static void *
ehr_json_malloc(size_t size)
{
    void  *block = malloc(size);

    if (block) {
        return block;
    }

    ehr_json_lacked = 1;

    return ehr_json_loading ? ehr_json_from_reserve(size) : NULL;
}


static void
ehr_json_free(void *block)
{
    unsigned char  *p = block;

    if (p < ehr_json_reserve
        || p >= ehr_json_reserve + sizeof(ehr_json_reserve))
    {
        free(block);
    }
}


void
ehr_json_memory_init(void)
{
    json_set_alloc_funcs(ehr_json_malloc, ehr_json_free);
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


/* NULL too if not even the reserve sufficed: what was read is then lost. */

static json_t *
ehr_json_read(const char *text, size_t len, size_t flags, json_error_t *error)
{
    json_t  *json;

    ehr_json_lacked = 0;
    ehr_json_loading = 1;
    ehr_json_used = 0;

    json = setjmp(ehr_json_give_up) == 0 ? json_loadb(text, len, flags, error)
                                         : NULL;
    ehr_json_loading = 0;

    return json;
}


json_t *
ehr_json_load(const char *text, size_t len, size_t flags, json_error_t *error)
{
    json_t  *json;

    json = ehr_json_read(text, len, flags, error);

    if (!ehr_json_lacked) {
        return json;
    }

    json_decref(json);
    errno = ENOMEM;

    if (error) {
        ehr_json_out_of_memory(error);
    }

    return NULL;
}


char *
ehr_json_dump(json_t *json, size_t flags)
{
    char  *text;

    ehr_json_lacked = 0;
    text = json ? json_dumps(json, flags) : NULL;
    json_decref(json);

    if (ehr_json_lacked) {
        free(text);
        return NULL;
    }

    return text;
}
