/*
 * Where patients are seen and where they lie: rooms of clinics; wards, room
 * classes, ward rooms and beds.
 */

#include "describe.h"


static const char *const  bed_statuses[] = {
    "AVAILABLE", "OCCUPIED", "RESERVED", "CLEANING", "OUT_OF_SERVICE", NULL
};

static const char *const  sex_policies[] = {
    "ANY", "MALE", "FEMALE", "SAME", NULL
};

static const char *const  age_groups[] = {
    "ADULT", "CHILD", "NEWBORN", NULL
};

const char *const  ehr_bed_equipment[] = {
    "MONITOR", "OXYGEN", "SUCTION", "VENTILATOR", "TELEMETRY", "DIALYSIS",
    "INFUSION_PUMP", "BARIATRIC", "NEGATIVE_PRESSURE", "WARMER", NULL
};


static const ehr_field_t  ward_fields[] = {

    { .name = "hospitalId", .column = "hospital_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "hospitals",
      .about = "The hospital the ward is in." },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "The ward's name, unique in its hospital." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 2000,
      .about = "Whom the ward cares for." },

    { .name = "departmentId", .column = "department_id",
      .type = EHR_TYPE_UUID, .flags = EHR_FILTER,
      .reference = "departments",
      .about = "The department that runs the ward." },
};


const ehr_resource_t  ehr_resource_wards = {
    .name = "wards", .schema = "Ward", .table = "wards",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(ward_fields),
    .sort = "name",
    .about = "A ward of a hospital."
};


static const ehr_field_t  room_class_fields[] = {

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 100,
      .about = "Such as Private or Intensive care; unique." },

    { .name = "description", .column = "description",
      .type = EHR_TYPE_TEXT, .max = 2000,
      .about = "What a room of this class offers." },

    { .name = "numBeds", .column = "num_beds", .type = EHR_TYPE_INTEGER,
      .flags = EHR_NOT_NULL | EHR_FILTER | EHR_SORT, .min = 1, .max = 100,
      .fallback = "1", .about = "How many beds such a room has." },
};


const ehr_resource_t  ehr_resource_room_classes = {
    .name = "room-classes", .schema = "RoomClass", .table = "room_classes",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(room_class_fields),
    .sort = "name",
    .about = "A kind of ward room."
};


static const ehr_field_t  room_fields[] = {

    { .name = "clinicId", .column = "clinic_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "clinics",
      .about = "The clinic the room is in." },

    { .name = "roomNumber", .column = "room_number", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 20,
      .about = "The number on the door, unique in its clinic." },

    { .name = "name", .column = "name", .type = EHR_TYPE_TEXT,
      .format = EHR_FORMAT_LINE, .max = 100,
      .about = "What people call the room." },
};


const ehr_resource_t  ehr_resource_rooms = {
    .name = "rooms", .schema = "Room", .table = "rooms",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(room_fields),
    .sort = "roomNumber",
    .about = "A consulting or treatment room of a clinic."
};


static const ehr_field_t  ward_room_fields[] = {

    { .name = "wardId", .column = "ward_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_FILTER, .reference = "wards",
      .about = "The ward the room is in." },

    { .name = "roomClassId", .column = "room_class_id",
      .type = EHR_TYPE_UUID, .flags = EHR_MUST | EHR_FILTER,
      .reference = "room-classes", .about = "What kind of room it is." },

    { .name = "roomNumber", .column = "room_number", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 20,
      .about = "The number on the door, unique in its ward." },

    { .name = "sexPolicy", .column = "sex_policy", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_FILTER, .values = sex_policies,
      .fallback = "'ANY'",
      .about = "Whom it takes; SAME: all who lie in it are of one sex." },
};


const ehr_resource_t  ehr_resource_ward_rooms = {
    .name = "ward-rooms", .schema = "WardRoom", .table = "ward_rooms",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(ward_room_fields),
    .sort = "roomNumber",
    .about = "A room of a ward, with beds."
};


static const ehr_field_t  bed_fields[] = {

    { .name = "wardRoomId", .column = "ward_room_id",
      .type = EHR_TYPE_UUID, .flags = EHR_MUST | EHR_FILTER,
      .reference = "ward-rooms", .about = "The room the bed stands in." },

    { .name = "bedNumber", .column = "bed_number", .type = EHR_TYPE_TEXT,
      .flags = EHR_MUST | EHR_FILTER | EHR_SORT,
      .format = EHR_FORMAT_LINE, .min = 1, .max = 20,
      .about = "The bed's number, unique in its room." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_NOT_NULL | EHR_IMMUTABLE | EHR_FILTER,
      .values = bed_statuses, .fallback = "'AVAILABLE'",
      .about = "Whether it can be used. A new bed is AVAILABLE, CLEANING or "
               "OUT_OF_SERVICE; POST /beds/{id}/status changes it, "
               "admissions make it OCCUPIED and RESERVED." },

    { .name = "statusReason", .column = "status_reason",
      .type = EHR_TYPE_TEXT, .flags = EHR_IMMUTABLE, .min = 1, .max = 500,
      .about = "Why; OUT_OF_SERVICE has a reason always." },

    { .name = "statusSince", .column = "status_since",
      .type = EHR_TYPE_TIMESTAMP, .flags = EHR_SHOWN,
      .about = "Since when." },

    { .name = "isolation", .column = "isolation", .type = EHR_TYPE_BOOLEAN,
      .flags = EHR_NOT_NULL | EHR_FILTER, .fallback = "false",
      .about = "Whether a patient can be isolated in it." },

    { .name = "equipment", .column = "equipment",
      .type = EHR_TYPE_TEXT_LIST, .flags = EHR_NOT_NULL,
      .max = 10, .values = ehr_bed_equipment, .fallback = "'{}'",
      .about = "What is at it." },

    { .name = "ageGroup", .column = "age_group", .type = EHR_TYPE_ENUM,
      .flags = EHR_FILTER, .values = age_groups,
      .about = "Whom it is for; null: anybody. NEWBORN: to 28 days old at "
               "admission, CHILD: younger than 18 years." },

    { .name = "occupantSex", .column = "occupant_sex",
      .type = EHR_TYPE_ENUM, .flags = EHR_READ_ONLY, .values = ehr_genders,
      .about = "The sex of who lies in it." },

    { .name = "admissionId", .column = "admission_id",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY,
      .reference = "admissions", .read = EHR_MAY_READ_ADMISSIONS,
      .about = "The admission that it has its status from." },
};


static const ehr_condition_t  bed_conditions[] = {

    { { .name = "wardId", .type = EHR_TYPE_UUID, .reference = "wards",
        .about = "Only beds of this ward." },
      .where = "EXISTS (SELECT FROM ehr.ward_rooms AS r"
               " WHERE r.id = t.ward_room_id AND r.ward_id = $q)" },

    { { .name = "roomClassId", .type = EHR_TYPE_UUID,
        .reference = "room-classes",
        .about = "Only beds in rooms of this class." },
      .where = "EXISTS (SELECT FROM ehr.ward_rooms AS r"
               " WHERE r.id = t.ward_room_id AND r.room_class_id = $q)" },

    { { .name = "hospitalId", .type = EHR_TYPE_UUID,
        .reference = "hospitals",
        .about = "Only beds of this hospital's wards." },
      .where = "EXISTS (SELECT FROM ehr.ward_rooms AS r"
               " JOIN ehr.wards AS w ON w.id = r.ward_id"
               " WHERE r.id = t.ward_room_id AND w.hospital_id = $q)" },

    { { .name = "sexPolicy", .type = EHR_TYPE_ENUM, .values = sex_policies,
        .about = "Only beds in rooms of this policy." },
      .where = "EXISTS (SELECT FROM ehr.ward_rooms AS r"
               " WHERE r.id = t.ward_room_id AND r.sex_policy = $q)" },

    { { .name = "equipment", .type = EHR_TYPE_ENUM,
        .values = ehr_bed_equipment,
        .about = "Only beds that have all of these." },
      .is_list = 1, .where = "t.equipment @> $q" },

    { { .name = "freeFor", .type = EHR_TYPE_UUID, .reference = "patients",
        .about = "Only beds that this patient could lie down in now." },
      .where = "t.status = 'AVAILABLE'"
               " AND ehr.bed_is_free_for(t.id, $q)" },

    { .where = NULL }
};


const ehr_resource_t  ehr_resource_beds = {
    .name = "beds", .schema = "Bed", .table = "beds",
    .flags = EHR_ADDITIONAL_DATA,
    EHR_FIELDS(bed_fields),
    .sort = "bedNumber",
    .conditions = bed_conditions,
    .about = "A bed of a ward room."
};


/* -- its history ----------------------------------------------------------- */


static const ehr_field_t  bed_change_fields[] = {

    { .name = "bedId", .column = "bed_id", .type = EHR_TYPE_UUID,
      .flags = EHR_MUST | EHR_IMMUTABLE, .reference = "beds",
      .about = "The bed." },

    { .name = "was", .column = "was", .type = EHR_TYPE_ENUM,
      .flags = EHR_READ_ONLY, .values = bed_statuses,
      .about = "What it was before; null: it was new." },

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_SHOWN | EHR_FILTER, .values = bed_statuses,
      .about = "What it became." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .flags = EHR_READ_ONLY, .max = 1000, .about = "Why." },

    { .name = "admissionId", .column = "admission_id",
      .type = EHR_TYPE_UUID, .flags = EHR_READ_ONLY,
      .reference = "admissions", .read = EHR_MAY_READ_ADMISSIONS,
      .about = "The admission that brought it about." },

    { .name = "actorId", .column = "actor_id", .type = EHR_TYPE_UUID,
      .flags = EHR_READ_ONLY, .reference = "users",
      .about = "The account that did; null: the server's clock." },

    { .name = "at", .column = "at", .type = EHR_TYPE_TIMESTAMP,
      .flags = EHR_SHOWN | EHR_RANGE | EHR_SORT, .about = "When." },
};


const ehr_resource_t  ehr_resource_bed_changes = {
    .name = "bed-changes", .schema = "BedChange",
    .table = "bed_status_changes",
    .flags = EHR_NO_DELETE | EHR_NO_VERSION,
    .parent = "beds", .parent_field = "bedId",
    EHR_FIELDS(bed_change_fields),
    .sort = "-at",
    .about = "A change of a bed's status, which stays."
};


static const char *const  settable[] = {
    "AVAILABLE", "CLEANING", "OUT_OF_SERVICE", NULL
};

/* In the order of the statement BED_STATUS. */
static const ehr_field_t  bed_status_fields[] = {

    { .name = "status", .column = "status", .type = EHR_TYPE_ENUM,
      .flags = EHR_MUST, .values = settable,
      .about = "What it is from now on." },

    { .name = "reason", .column = "reason", .type = EHR_TYPE_TEXT,
      .min = 1, .max = 500,
      .about = "Why; OUT_OF_SERVICE needs a reason." },
};

const ehr_resource_t  ehr_input_bed_status = {
    .name = "bed-status", .schema = "BedStatus",
    EHR_FIELDS(bed_status_fields),
    .about = "What becomes of a bed."
};
