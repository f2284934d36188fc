/*
 * The board of a ward, as GET /wards/{id}/board shows it.
 */

#include "describe.h"


#define SHOWN_ID(key, says)                                                  \
    { .name = key, .column = key, .type = EHR_TYPE_UUID, .flags = EHR_SHOWN, \
      .about = says }

#define SHOWN_TEXT(key, more, says)                                          \
    { .name = key, .column = key, .type = EHR_TYPE_TEXT, .max = 500,         \
      .flags = EHR_READ_ONLY|(more), .about = says }

#define SHOWN_ENUM(key, list, more, says)                                    \
    { .name = key, .column = key, .type = EHR_TYPE_ENUM, .values = list,     \
      .flags = EHR_READ_ONLY|(more), .about = says }

#define SHOWN_NUMBER(key, more, says)                                        \
    { .name = key, .column = key, .type = EHR_TYPE_INTEGER,                  \
      .flags = EHR_READ_ONLY|(more), .about = says }

static const char *const  statuses[] = {
    "AVAILABLE", "OCCUPIED", "RESERVED", "CLEANING", "OUT_OF_SERVICE", NULL
};

static const char *const  policies[] = {
    "ANY", "MALE", "FEMALE", "SAME", NULL
};

static const char *const  ages[] = {
    "ADULT", "CHILD", "NEWBORN", NULL
};

static const ehr_field_t  patient_fields[] = {
    SHOWN_TEXT("initials", EHR_NOT_NULL, "Of first and last name."),
    SHOWN_ENUM("sex", ehr_genders, 0,
               "This and what follows: for who may read the record."),
    SHOWN_NUMBER("age", 0, "Whole years; null if it is not known."),
    { .name = "admissionId", .column = "admissionId",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY,
      .about = "The admission." },
    { .name = "flags", .column = "flags", .type = EHR_TYPE_TEXT_LIST,
      .flags = EHR_READ_ONLY,
      .about = "What is to be known: ON_LEAVE, DISCHARGE_ORDERED, "
               "DISCHARGE_OVERDUE (the expected time is past), ISOLATION "
               "(asked for), NEWBORN (beside its mother), ALLERGIES (active "
               "ones, for who may read them)." }
};

static const ehr_resource_t  board_patient = {
    .name = "board-patient", .schema = "BoardPatient",
    EHR_FIELDS(patient_fields), .about = "Who lies there."
};

static const ehr_field_t  bed_fields[] = {
    SHOWN_ID("bedId", "The bed."),
    SHOWN_TEXT("bedNumber", EHR_NOT_NULL, "Its number."),
    SHOWN_ENUM("status", statuses, EHR_NOT_NULL,
               "Whether it can be used."),
    SHOWN_TEXT("statusReason", 0, "Why it has this status."),
    { .name = "statusSince", .column = "statusSince",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_READ_ONLY,
      .about = "Since when." },
    { .name = "isolation", .column = "isolation", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_SHOWN, .about = "Whether one is isolated there." },
    { .name = "equipment", .column = "equipment",
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_SHOWN,
      .about = "What it has." },
    SHOWN_ENUM("ageGroup", ages, 0, "For whom; null: anybody."),
    { .name = "patient", .column = "patient", .type = EHR_TYPE_OBJECT,
      .flags = EHR_READ_ONLY, .shape = &board_patient,
      .about = "Who lies there, as far as the reader may see it; null: "
               "nobody, or not to be seen." }
};

static const ehr_resource_t  board_bed = {
    .name = "board-bed", .schema = "BoardBed",
    EHR_FIELDS(bed_fields), .about = "A bed."
};

static const ehr_field_t  room_fields[] = {
    SHOWN_ID("roomId", "The room."),
    SHOWN_TEXT("roomNumber", EHR_NOT_NULL, "The number on the door."),
    SHOWN_ID("roomClassId", "What kind of room it is."),
    SHOWN_TEXT("roomClass", EHR_NOT_NULL, "The name of that."),
    SHOWN_ENUM("sexPolicy", policies, EHR_NOT_NULL,
               "Who may lie in it; SAME: all of one sex."),
    { .name = "beds", .column = "beds", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_SHOWN, .shape = &board_bed, .about = "Its beds." }
};

static const ehr_resource_t  board_room = {
    .name = "board-room", .schema = "BoardRoom",
    EHR_FIELDS(room_fields), .about = "A room."
};

static const ehr_field_t  count_fields[] = {
    SHOWN_NUMBER("beds", EHR_NOT_NULL, "All beds."),
    SHOWN_NUMBER("available", EHR_NOT_NULL, "AVAILABLE ones."),
    SHOWN_NUMBER("occupied", EHR_NOT_NULL, "OCCUPIED ones."),
    SHOWN_NUMBER("reserved", EHR_NOT_NULL, "RESERVED ones."),
    SHOWN_NUMBER("cleaning", EHR_NOT_NULL, "Those being cleaned."),
    SHOWN_NUMBER("outOfService", EHR_NOT_NULL, "Those OUT_OF_SERVICE.")
};

static const ehr_resource_t  board_counts = {
    .name = "board-counts", .schema = "BoardCounts",
    EHR_FIELDS(count_fields), .about = "How many beds."
};

static const ehr_field_t  board_fields[] = {
    SHOWN_ID("wardId", "The ward."),
    SHOWN_TEXT("name", EHR_NOT_NULL, "Its name."),
    SHOWN_ID("hospitalId", "Its hospital."),
    { .name = "counts", .column = "counts", .type = EHR_TYPE_OBJECT,
      .flags = EHR_SHOWN, .shape = &board_counts,
      .about = "How many beds have which status." },
    { .name = "rooms", .column = "rooms", .type = EHR_TYPE_OBJECT_LIST,
      .flags = EHR_SHOWN, .shape = &board_room,
      .about = "Its rooms, in the order of their numbers." }
};

const ehr_resource_t  ehr_output_board = {
    .name = "board", .schema = "WardBoard", EHR_FIELDS(board_fields),
    .about = "A ward as it is now."
};
