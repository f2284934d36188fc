/*
 * Slots as rows and as JSON: see slot.h.
 */

#include "../model/moment.h"
#include "slot.h"


static void ehr_slot_write_id(ehr_out_t *out, const ehr_uuid_t *uuid);


u_char *
ehr_slot_instant_print(u_char *out, int64_t second)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) second, &tm);

    return ngx_sprintf(out, "%4d-%02d-%02dT%02d:%02d:%02dZ", tm.ngx_tm_year,
                       tm.ngx_tm_mon, tm.ngx_tm_mday, tm.ngx_tm_hour,
                       tm.ngx_tm_min, tm.ngx_tm_sec);
}


int64_t
ehr_slot_instant_parse(const char *text, size_t len, int *is_whole)
{
    ehr_moment_t  moment;

    /* checked before: it parses */
    (void) ehr_instant_parse(text, len, EHR_INSTANT_SQL, &moment);

    if (is_whole) {
        *is_whole = (moment.microsecond == 0);
    }

    return ehr_moment_epoch(&moment);
}


/* "…" or null */

static void
ehr_slot_write_id(ehr_out_t *out, const ehr_uuid_t *uuid)
{
    u_char             text[EHR_UUID_TEXT + 2];
    static ehr_uuid_t  none;

    if (ngx_memcmp(uuid->bytes, none.bytes, sizeof(none.bytes)) == 0) {
        ehr_out_literal(out, "null");
        return;
    }

    text[0] = '"';
    *ehr_uuid_print(text + 1, uuid) = '"';
    ehr_out_raw(out, text, sizeof(text));
}


void
ehr_slot_write(ehr_out_t *out, const ehr_slot_t *slot)
{
    u_char  text[EHR_SLOT_ID + 1], *end;

    end = ehr_slot_id_print(text, slot);
    if (end == NULL) {
        out->failed = 1;
        return;
    }

    ehr_out_literal(out, "{\"id\":\"");
    ehr_out_raw(out, text, end - text);

    ehr_out_literal(out, "\",\"start\":\"");
    end = ehr_slot_instant_print(text, slot->start);
    ehr_out_raw(out, text, end - text);

    ehr_out_literal(out, "\",\"end\":\"");
    end = ehr_slot_instant_print(text, slot->start
                                       + 60 * (int64_t) slot->minutes);
    ehr_out_raw(out, text, end - text);

    ehr_out_literal(out, "\",\"durationMinutes\":");
    ehr_out_integer(out, slot->minutes);
    ehr_out_literal(out, ",\"doctorId\":");
    ehr_slot_write_id(out, &slot->doctor);
    ehr_out_literal(out, ",\"clinicId\":");
    ehr_slot_write_id(out, &slot->clinic);
    ehr_out_literal(out, ",\"roomId\":");
    ehr_slot_write_id(out, &slot->room);
    ehr_out_literal(out, ",\"free\":");
    ehr_out_integer(out, slot->free);
    ehr_out_literal(out, "}");
}


ngx_int_t
ehr_slot_of_row(const PGresult *result, int row, ehr_slot_t *slot)
{
    int          i;
    ngx_str_t    value;
    ehr_uuid_t  *ids[3];

    ngx_memzero(slot, sizeof(ehr_slot_t));

    ids[0] = &slot->doctor;
    ids[1] = &slot->clinic;
    ids[2] = &slot->room;

    for (i = 0; i < 3; i++) {
        value = ehr_result_value(result, row, i);

        if (value.data
            && ehr_uuid_parse(ids[i], value.data, value.len) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    value = ehr_result_value(result, row, 3);
    slot->start = ngx_atotm(value.data, value.len);

    value = ehr_result_value(result, row, 4);
    slot->minutes = ngx_atoi(value.data, value.len);

    value = ehr_result_value(result, row, 5);
    slot->free = ngx_atoi(value.data, value.len);

    return NGX_OK;
}


void
ehr_slot_write_rows(ehr_out_t *out, const PGresult *result)
{
    int          row, written = 0;
    ehr_slot_t   slot;

    ehr_out_literal(out, "[");

    for (row = 0; row < PQntuples(result); row++) {

        if (ehr_slot_of_row(result, row, &slot) != NGX_OK) {
            out->failed = 1;
            return;
        }

        if (slot.start <= ngx_time()) {
            continue;
        }

        if (written++) {
            ehr_out_literal(out, ",");
        }

        ehr_slot_write(out, &slot);
    }

    ehr_out_literal(out, "]");
}


ngx_int_t
ehr_slot_check_period(ehr_request_t *req, int64_t from, int64_t to)
{
    ehr_field_errors_t   errors;

    if (to > from && to - from <= EHR_SLOT_PERIOD) {
        return NGX_OK;
    }

    errors.n = 1;
    errors.forbidden = 0;
    errors.items[0].field = "to";
    errors.items[0].message = (to > from) ? EHR_MESSAGE_PERIOD_TOO_LONG
                                          : EHR_MESSAGE_ENDS_BEFORE_START;
    errors.items[0].argument = EHR_SLOT_PERIOD_DAYS;

    ehr_reply_fields(req, NGX_HTTP_BAD_REQUEST, &errors);

    return NGX_DONE;
}
