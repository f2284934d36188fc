/*
 * How full wards are: what is asked and what is answered.
 */

#include "describe.h"


static const char *const  buckets[] = {
    "hour", "day", "week", "month", NULL
};

#define FIELD_ID(key, col, more, refers, says)                               \
    { .name = key, .column = col, .type = EHR_TYPE_UUID, .flags = (more),    \
      .reference = refers, .about = says }

#define FIELD_TIME(key, col, more, says)                                     \
    { .name = key, .column = col, .type = EHR_TYPE_TIMESTAMP,                \
      .flags = (more), .about = says }

#define FIELD_COUNT(key, col, says)                                          \
    { .name = key, .column = col, .type = EHR_TYPE_INTEGER,                  \
      .flags = EHR_SHOWN, .about = says }

#define FIELD_HOURS(key, col, says)                                          \
    { .name = key, .column = col, .type = EHR_TYPE_DECIMAL, .scale = 4,      \
      .unit = "h", .flags = EHR_SHOWN, .about = says }

#define FIELD_OCCUPANCY(says)                                                \
    { .name = "occupancy", .column = "occupancy", .type = EHR_TYPE_DECIMAL,  \
      .scale = 4, .flags = EHR_READ_ONLY, .about = says }

#define FIELDS_STATES                                                        \
    FIELD_COUNT("beds", "beds", "How many beds there are."),                 \
    FIELD_COUNT("available", "available", "How many are AVAILABLE."),        \
    FIELD_COUNT("occupied", "occupied", "How many are OCCUPIED."),           \
    FIELD_COUNT("reserved", "reserved", "How many are RESERVED."),           \
    FIELD_COUNT("cleaning", "cleaning", "How many are in CLEANING."),        \
    FIELD_COUNT("outOfService", "out_of_service",                            \
                "How many are OUT_OF_SERVICE."),                             \
    FIELD_OCCUPANCY("OCCUPIED of those in service; null if there are none.")


/* -- the query ------------------------------------------------------------- */


/* In the order of the statements OCCUPANCY_NOW and OCCUPANCY_OVER_TIME. */
static const ehr_field_t  query_fields[] = {

    FIELD_ID("hospital", "hospital_id", 0, "hospitals",
             "Only beds of this hospital."),

    FIELD_ID("ward", "ward_id", 0, "wards", "Only beds of this ward."),

    FIELD_ID("class", "room_class_id", 0, "room-classes",
             "Only beds in rooms of this class."),

    FIELD_TIME("from", "since", 0,
               "Over time, from here on; thirty buckets before to if it is "
               "left out."),

    FIELD_TIME("to", "until", 0,
               "Over time, until here; now if it is left out or to come."),

    { .name = "bucket", .column = "bucket", .type = EHR_TYPE_ENUM,
      .values = buckets,
      .about = "Over time, how long each part is: day if it is left out; "
               "1000 parts at most." },
};

const ehr_resource_t  ehr_input_occupancy = {
    .name = "occupancy-query", .schema = "OccupancyQuery",
    EHR_FIELDS(query_fields),
    .about = "Which beds, and when: over time if any of from, to and bucket "
             "is there."
};


/* -- now ------------------------------------------------------------------- */


static const ehr_field_t  ward_fields[] = {
    FIELD_ID("hospitalId", "hospital_id", EHR_SHOWN, "hospitals",
             "The hospital."),
    FIELD_ID("wardId", "ward_id", EHR_SHOWN, "wards", "The ward."),
    FIELD_ID("roomClassId", "room_class_id", EHR_SHOWN, "room-classes",
             "The class of rooms."),
    FIELDS_STATES
};

static const ehr_resource_t  ward = {
    .name = "occupancy-ward", .schema = "OccupancyOfWard",
    EHR_FIELDS(ward_fields), .about = "A ward's beds of one class."
};

static const ehr_field_t  now_fields[] = {
    FIELDS_STATES,
    { .name = "wards", .column = "wards", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_SHOWN, .shape = &ward,
      .about = "The same for each ward and class of rooms." }
};

static const ehr_resource_t  now = {
    .name = "occupancy-now", .schema = "OccupancyNow",
    EHR_FIELDS(now_fields), .about = "How many beds are in which state."
};


/* -- over time ------------------------------------------------------------- */


#define FIELDS_BED_TIME                                                      \
    FIELD_HOURS("occupiedHours", "occupied_hours",                           \
                "Bed-hours in which somebody lay there, on leave included."),\
    FIELD_HOURS("bedHours", "bed_hours", "Bed-hours in service."),           \
    FIELD_OCCUPANCY("The ratio of both; null if there was no bed.")

static const ehr_field_t  bucket_fields[] = {
    FIELD_TIME("start", "starts_at", EHR_SHOWN, "When it begins."),
    FIELD_TIME("end", "ends_at", EHR_SHOWN, "When it ends."),
    FIELDS_BED_TIME,
    { .name = "beds", .column = "beds", .type = EHR_TYPE_DECIMAL,
      .scale = 2, .flags = EHR_SHOWN,
      .about = "How many beds were in service, on average." }
};

static const ehr_resource_t  bucket = {
    .name = "occupancy-bucket", .schema = "OccupancyBucket",
    EHR_FIELDS(bucket_fields), .about = "A part of the time."
};

static const ehr_field_t  over_time_fields[] = {
    FIELD_TIME("from", "since", EHR_SHOWN, "When it begins."),
    FIELD_TIME("to", "until", EHR_SHOWN, "When it ends."),
    { .name = "bucket", .column = "bucket", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN, .values = buckets, .about = "How long parts are." },
    { .name = "timeZone", .column = "time_zone", .type = EHR_TYPE_TEXT,
      .flags = EHR_SHOWN, .format = EHR_FORMAT_TIME_ZONE,
      .about = "Whose days, weeks and months these are: the hospital's, or "
               "UTC if there are several with different ones." },
    FIELDS_BED_TIME,
    { .name = "buckets", .column = "buckets", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_SHOWN, .shape = &bucket, .about = "The parts." }
};

static const ehr_resource_t  over_time = {
    .name = "occupancy-over-time", .schema = "OccupancyOverTime",
    EHR_FIELDS(over_time_fields), .about = "How full beds were."
};


static const ehr_field_t  occupancy_fields[] = {
    { .name = "now", .column = "now", .type = EHR_TYPE_OBJECT,
      .flags = EHR_SHOWN, .shape = &now, .about = "How full beds are." },
    { .name = "overTime", .column = "over_time", .type = EHR_TYPE_OBJECT,
      .flags = EHR_READ_ONLY, .shape = &over_time,
      .about = "How full they were; null if that was not asked." }
};

const ehr_resource_t  ehr_output_occupancy = {
    .name = "occupancy", .schema = "Occupancy",
    EHR_FIELDS(occupancy_fields), .about = "How full beds are and were."
};
