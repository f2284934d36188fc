/*
 * The query string of a list: filters, ranges, search, order, page.
 */

#include "record_list.h"


typedef ngx_int_t (*ehr_list_argument_pt)(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);

typedef struct {
    ngx_str_t               name;
    ehr_list_argument_pt    take;
} ehr_list_word_t;


static ngx_int_t ehr_list_argument(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_limit(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_sort(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_since(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_until(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_deleted(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_total(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_cursor(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_ranking(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_condition(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_field(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument);
static ngx_int_t ehr_list_take_bound(ehr_request_t *req,
    ehr_listing_t *listing, ehr_argument_t *argument, size_t len,
    ehr_value_t *values, uint64_t *fields);
static ngx_int_t ehr_list_flag(ehr_request_t *req, ehr_argument_t *argument,
    ngx_int_t *flag);
static ngx_int_t ehr_list_value(ehr_request_t *req, const ehr_field_t *field,
    ehr_argument_t *argument, ehr_value_t *value);
static ngx_int_t ehr_list_several(ehr_request_t *req,
    const ehr_field_t *field, ehr_argument_t *argument, ehr_value_t *value);
static ngx_int_t ehr_list_default_sort(ehr_request_t *req,
    ehr_listing_t *listing);


static const ehr_field_t  ehr_moment = {
    .name = "since", .type = EHR_TYPE_TIMESTAMP
};

/* The order matters for one: a cursor is checked against all others. */
static const ehr_list_word_t  ehr_list_words[] = {
    { ngx_string("limit"), ehr_list_take_limit },
    { ngx_string("sort"), ehr_list_take_sort },
    { ngx_string("since"), ehr_list_take_since },
    { ngx_string("until"), ehr_list_take_until },
    { ngx_string("deleted"), ehr_list_take_deleted },
    { ngx_string("total"), ehr_list_take_total },
    { ngx_string("cursor"), ehr_list_take_cursor },
    { ngx_null_string, NULL }
};


ngx_int_t
ehr_list_parse(ehr_request_t *req, ehr_listing_t *listing)
{
    ngx_int_t        rc;
    ngx_uint_t       i, k;
    ngx_array_t     *arguments;
    ehr_argument_t  *argument;

    rc = ehr_query_parse(req, &arguments);

    if (rc == NGX_OK) {
        rc = ehr_record_parse_fields(req, listing->record, arguments,
                                     &listing->mask);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    argument = arguments->elts;

    for (i = 0; i < arguments->nelts; i++) {

        for (k = 0; k < i; k++) {
            if (argument[k].name.len == argument[i].name.len
                && ngx_memcmp(argument[k].name.data, argument[i].name.data,
                              argument[i].name.len)
                   == 0)
            {
                return ehr_query_refuse(req, argument[i].name.data,
                                        EHR_MESSAGE_PARAMETER_REPEATED);
            }
        }

        if (argument[i].used) {
            continue;
        }

        rc = ehr_list_argument(req, listing, &argument[i]);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ehr_list_default_sort(req, listing);

    return (rc == NGX_OK) ? ehr_list_take_cursor(req, listing, NULL) : rc;
}


static ngx_int_t
ehr_list_argument(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    const ehr_list_word_t  *word;

    for (word = ehr_list_words; word->name.len; word++) {
        if (word->name.len == argument->name.len
            && ngx_memcmp(word->name.data, argument->name.data,
                          word->name.len)
               == 0)
        {
            return word->take(req, listing, argument);
        }
    }

    return ehr_list_take_ranking(req, listing, argument);
}


static ngx_int_t
ehr_list_take_limit(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    ngx_int_t  limit;

    limit = ngx_atoi(argument->value.data, argument->value.len);

    if (limit < 1 || limit > EHR_LIST_MOST) {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_LIMIT_INVALID);
    }

    listing->limit = limit;

    return NGX_OK;
}


static ngx_int_t
ehr_list_take_sort(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    int                 field;
    ngx_str_t           name = argument->value;
    const ehr_fields_t *fields = listing->record->fields;

    if (name.len && name.data[0] == '-') {
        listing->list.descending = 1;
        name.data++;
        name.len--;
    }

    field = ehr_field_index(fields, (char *) name.data, name.len);

    if (field < 0 || (fields->fields[field]->flags & EHR_SORT) == 0
        || (ehr_record_readable(req, listing->record)
            & ((uint64_t) 1 << field)) == 0)
    {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_SORT_UNKNOWN);
    }

    listing->list.sort = field;

    return NGX_OK;
}


/* One value by its field's rule. */

static ngx_int_t
ehr_list_value(ehr_request_t *req, const ehr_field_t *field,
    ehr_argument_t *argument, ehr_value_t *value)
{
    int                 message;
    ehr_field_errors_t  errors;

    errors.items[0].argument = NULL;

    message = ehr_validate_text(field, (char *) argument->value.data,
                                argument->value.len,
                                &errors.items[0].argument);
    if (message) {
        errors.n = 1;
        errors.items[0].field = (char *) argument->name.data;
        errors.items[0].message = message;
        ehr_reply_fields(req, NGX_HTTP_BAD_REQUEST, &errors);
        return NGX_DONE;
    }

    value->text = (char *) argument->value.data;
    value->len = argument->value.len;

    return NGX_OK;
}


/* Several values between commas, each by the field's rule. */

static ngx_int_t
ehr_list_several(ehr_request_t *req, const ehr_field_t *field,
    ehr_argument_t *argument, ehr_value_t *value)
{
    u_char          *p, *end, *comma;
    ngx_int_t        rc;
    ehr_argument_t   one = *argument;

    end = argument->value.data + argument->value.len;

    for (p = argument->value.data; p <= end; p = comma + 1) {
        comma = ngx_strlchr(p, end, ',');
        comma = comma ? comma : end;

        one.value.data = p;
        one.value.len = comma - p;

        rc = ehr_list_value(req, field, &one, value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    value->text = (char *) argument->value.data;
    value->len = argument->value.len;

    return NGX_OK;
}


static ngx_int_t
ehr_list_take_since(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    listing->list.since = 1;

    return ehr_list_value(req, &ehr_moment, argument, &listing->since);
}


static ngx_int_t
ehr_list_take_until(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    listing->list.until = 1;

    return ehr_list_value(req, &ehr_moment, argument, &listing->until);
}


static ngx_int_t
ehr_list_flag(ehr_request_t *req, ehr_argument_t *argument, ngx_int_t *flag)
{
    static const ehr_field_t  boolean = {
        .name = "flag", .type = EHR_TYPE_BOOLEAN
    };

    ehr_value_t  value;

    *flag = (argument->value.len == 4
             && ngx_memcmp(argument->value.data, "true", 4) == 0);

    return ehr_list_value(req, &boolean, argument, &value);
}


static ngx_int_t
ehr_list_take_deleted(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    ngx_int_t  flag;

    if (!ehr_may(req, EHR_MAY_RESTORE)) {
        ehr_reply_field(req, NGX_HTTP_FORBIDDEN, "deleted",
                        EHR_MESSAGE_FIELD_FORBIDDEN);
        return NGX_DONE;
    }

    if (listing->record->resource->flags & EHR_NO_DELETE) {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_PARAMETER_UNKNOWN);
    }

    if (ehr_list_flag(req, argument, &flag) != NGX_OK) {
        return NGX_DONE;
    }

    listing->list.deleted = (int) flag;

    return NGX_OK;
}


static ngx_int_t
ehr_list_take_total(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    ngx_int_t  flag;

    if (ehr_list_flag(req, argument, &flag) != NGX_OK) {
        return NGX_DONE;
    }

    listing->total = flag ? 1 : 0;

    return NGX_OK;
}


/*
 * First call: reads it.  Second call, without an argument, when everything
 * else is known: it must be of a list in this very order.
 */

static ngx_int_t
ehr_list_take_cursor(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    ngx_int_t      rc;
    ehr_cursor_t  *cursor = &listing->cursor;

    if (argument == NULL) {
        if (listing->list.after
            && (cursor->ranking != listing->list.ranking
                || cursor->sort != listing->list.sort
                || cursor->descending != listing->list.descending))
        {
            return ehr_query_refuse(req, (u_char *) "cursor",
                                    EHR_MESSAGE_CURSOR_INVALID);
        }

        return NGX_OK;
    }

    listing->list.after = 1;

    rc = ehr_cursor_parse(req, listing->record, &argument->value, cursor);

    return (rc == NGX_DECLINED)
           ? ehr_query_refuse(req, argument->name.data,
                              EHR_MESSAGE_CURSOR_INVALID)
           : rc;
}


static ngx_int_t
ehr_list_take_ranking(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    int                   i;
    ehr_field_t           field;
    const ehr_ranking_t  *rankings = listing->record->resource->rankings;

    for (i = 0; rankings && rankings[i].parameter; i++) {

        if (ngx_strcmp(rankings[i].parameter, argument->name.data) != 0) {
            continue;
        }

        if (listing->list.ranking >= 0) {
            return ehr_query_refuse(req, argument->name.data,
                                    EHR_MESSAGE_PARAMETER_REPEATED);
        }

        listing->list.ranking = i;

        /* an empty search would find, and rank, everybody */

        if (argument->value.len == 0) {
            return ehr_query_refuse(req, argument->name.data,
                                    rankings[i].is_position
                                    ? EHR_MESSAGE_POSITION_INVALID
                                    : EHR_MESSAGE_FIELD_REQUIRED);
        }

        if (rankings[i].is_position) {
            if (!ehr_is_position((char *) argument->value.data)) {
                return ehr_query_refuse(req, argument->name.data,
                                        EHR_MESSAGE_POSITION_INVALID);
            }

            listing->ranking.text = (char *) argument->value.data;
            return NGX_OK;
        }

        ngx_memzero(&field, sizeof(ehr_field_t));
        field.name = rankings[i].parameter;
        field.type = EHR_TYPE_TEXT;
        field.format = rankings[i].format;
        field.max = 100;

        return ehr_list_value(req, &field, argument, &listing->ranking);
    }

    return ehr_list_take_condition(req, listing, argument);
}


static ngx_int_t
ehr_list_take_condition(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    ngx_uint_t              i;
    const ehr_condition_t  *condition;

    condition = listing->record->resource->conditions;

    for (i = 0; condition && condition[i].where; i++) {

        if (ngx_strcmp(condition[i].field.name, argument->name.data) != 0) {
            continue;
        }

        listing->list.conditions |= 1u << i;

        return condition[i].is_list
               ? ehr_list_several(req, &condition[i].field, argument,
                                  &listing->conditions[i])
               : ehr_list_value(req, &condition[i].field, argument,
                                &listing->conditions[i]);
    }

    return ehr_list_take_field(req, listing, argument);
}


/* name=, nameFrom=, nameTo= of a field that may be filtered and read. */

static ngx_int_t
ehr_list_take_field(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument)
{
    int                  i;
    size_t               len = argument->name.len;
    const u_char        *name = argument->name.data;
    const ehr_fields_t  *fields = listing->record->fields;

    i = ehr_field_index(fields, (char *) name, len);

    if (i >= 0 && (fields->fields[i]->flags & EHR_FILTER)) {

        if ((ehr_record_readable(req, listing->record) & ((uint64_t) 1 << i))
            == 0)
        {
            ehr_reply_field(req, NGX_HTTP_FORBIDDEN, fields->fields[i]->name,
                            EHR_MESSAGE_FIELD_FORBIDDEN);
            return NGX_DONE;
        }

        listing->list.equal |= (uint64_t) 1 << i;

        return ehr_list_value(req, fields->fields[i], argument,
                              &listing->equal[i]);
    }

    if (len > 4 && ngx_memcmp(name + len - 4, "From", 4) == 0) {
        return ehr_list_take_bound(req, listing, argument, len - 4,
                                   listing->from, &listing->list.from);
    }

    if (len > 2 && ngx_memcmp(name + len - 2, "To", 2) == 0) {
        return ehr_list_take_bound(req, listing, argument, len - 2,
                                   listing->to, &listing->list.to);
    }

    return ehr_query_refuse(req, argument->name.data,
                            EHR_MESSAGE_PARAMETER_UNKNOWN);
}


static ngx_int_t
ehr_list_take_bound(ehr_request_t *req, ehr_listing_t *listing,
    ehr_argument_t *argument, size_t len, ehr_value_t *values,
    uint64_t *fields)
{
    int                 i;
    const ehr_field_t  *field;

    i = ehr_field_index(listing->record->fields,
                        (char *) argument->name.data, len);

    if (i < 0
        || (listing->record->fields->fields[i]->flags & EHR_RANGE) == 0
        || (ehr_record_readable(req, listing->record) & ((uint64_t) 1 << i))
           == 0)
    {
        return ehr_query_refuse(req, argument->name.data,
                                EHR_MESSAGE_PARAMETER_UNKNOWN);
    }

    field = listing->record->fields->fields[i];
    *fields |= (uint64_t) 1 << i;

    return ehr_list_value(req, field, argument, &values[i]);
}


static ngx_int_t
ehr_list_default_sort(ehr_request_t *req, ehr_listing_t *listing)
{
    const char  *sort = listing->record->resource->sort;

    if (listing->list.sort >= 0) {
        return (listing->list.ranking < 0)
               ? NGX_OK
               : ehr_query_refuse(req, (u_char *) "sort",
                                  EHR_MESSAGE_SORT_WITH_RANKING);
    }

    if (sort == NULL) {
        sort = "id";
    }

    if (*sort == '-') {
        listing->list.descending = 1;
        sort++;
    }

    listing->list.sort = ehr_field_index(listing->record->fields, sort,
                                         ngx_strlen(sort));

    return (listing->list.sort >= 0) ? NGX_OK : NGX_ERROR;
}
