-- Hospitals and their parts, doctors, staff, patients and care teams.
--
-- Bounds and lengths repeat what the descriptors in src/model say, so that no
-- writer gets round them.  What is unique by custom (a name, a room number)
-- is unique among rows that are not deleted; what is a public number (MRN,
-- licence, employee number, external id) stays taken for good.


-- -- rules that several tables share --------------------------------------

-- Text as it is searched: lower case, without accents.
CREATE FUNCTION ehr.folded(written text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(normalize(lower(written), NFD),
                          '[\u0300-\u036f]', '', 'g')
$$;

GRANT EXECUTE ON FUNCTION ehr.folded(text) TO ehr_app;

-- Trigger: a date of the row is not in the future; a day of grace, because
-- the day begins earlier elsewhere.  Arguments: column, JSON field name.
CREATE FUNCTION ehr.check_not_future() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF (to_jsonb(NEW) ->> TG_ARGV[0])::date
       > (now() AT TIME ZONE 'UTC')::date + 1
    THEN
        PERFORM ehr.refuse('EH422', 'in_the_future', TG_ARGV[1]);
    END IF;

    RETURN NEW;
END
$$;

-- Trigger: a period does not end before it starts.  Arguments: column of its
-- first and of its last date, JSON field name of the last.
CREATE FUNCTION ehr.check_period() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    entry jsonb := to_jsonb(NEW);
BEGIN
    IF (entry ->> TG_ARGV[1])::date < (entry ->> TG_ARGV[0])::date THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', TG_ARGV[2]);
    END IF;

    RETURN NEW;
END
$$;

-- Trigger: time_zone is one PostgreSQL can compute with.
CREATE FUNCTION ehr.check_time_zone() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.time_zone = 'UTC'
       OR (TG_OP = 'UPDATE' AND NEW.time_zone = OLD.time_zone)
    THEN
        RETURN NEW;
    END IF;

    IF NOT EXISTS (SELECT FROM pg_catalog.pg_timezone_names z
                    WHERE z.name = NEW.time_zone)
    THEN
        PERFORM ehr.refuse('EH422', 'time_zone_unknown', 'timeZone');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_time_zone BEFORE INSERT OR UPDATE OF time_zone
    ON ehr.users FOR EACH ROW EXECUTE FUNCTION ehr.check_time_zone();

-- Trigger: what is still in use is not deleted.  Arguments: pairs of a table
-- and its column that holds the id, or an array of ids.
CREATE FUNCTION ehr.check_unused() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    used boolean;
    test text;
BEGIN
    FOR i IN 0 .. TG_NARGS - 1 BY 2 LOOP
        test := CASE WHEN TG_ARGV[i + 1] LIKE '%\_ids'
                     THEN '%I @> ARRAY[$1]' ELSE '%I = $1' END;

        EXECUTE format('SELECT EXISTS (SELECT FROM %s
                         WHERE deleted_at IS NULL AND ' || test || ')',
                       TG_ARGV[i]::regclass, TG_ARGV[i + 1])
           INTO used USING OLD.id;

        IF used THEN
            PERFORM ehr.refuse('EH409', 'still_referenced');
        END IF;
    END LOOP;

    RETURN NEW;
END
$$;

-- Attaches check_references() so that only a list that changed is checked: an
-- entry deleted since does not stand in the way of other changes.
CREATE PROCEDURE ehr.install_references(target regclass, held_in text,
    referenced text, field text)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER %I BEFORE INSERT ON %s
        FOR EACH ROW EXECUTE FUNCTION ehr.check_references(%L, %L, %L)',
        'check_new_' || held_in, target, held_in, referenced, field);
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE ON %s
        FOR EACH ROW WHEN (NEW.%I IS DISTINCT FROM OLD.%I)
        EXECUTE FUNCTION ehr.check_references(%L, %L, %L)',
        'check_' || held_in, target, held_in, held_in, held_in, referenced,
        field);
END
$$;


-- -- organisation ---------------------------------------------------------

CREATE TABLE ehr.hospitals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
        CONSTRAINT hospitals_name_check
            CHECK (char_length(name) BETWEEN 1 AND 200),
    address text
        CONSTRAINT hospitals_address_check
            CHECK (char_length(address) <= 500),
    city text
        CONSTRAINT hospitals_city_check
            CHECK (char_length(city) <= 100),
    state text
        CONSTRAINT hospitals_state_check
            CHECK (char_length(state) <= 100),
    country text
        CONSTRAINT hospitals_country_check
            CHECK (char_length(country) <= 100),
    postal_code text
        CONSTRAINT hospitals_postal_code_check
            CHECK (char_length(postal_code) <= 20),
    contact_info text
        CONSTRAINT hospitals_contact_info_check
            CHECK (char_length(contact_info) <= 1000),
    phone text
        CONSTRAINT hospitals_phone_check
            CHECK (char_length(phone) <= 30),
    email text
        CONSTRAINT hospitals_email_check
            CHECK (char_length(email) <= 254),
    time_zone text NOT NULL DEFAULT 'UTC'
        CONSTRAINT hospitals_time_zone_check
            CHECK (char_length(time_zone) <= 64),
    external_id text
        CONSTRAINT hospitals_external_id_key UNIQUE
        CONSTRAINT hospitals_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT hospitals_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE INDEX hospitals_name ON ehr.hospitals (name, id)
    WHERE deleted_at IS NULL;
CREATE TRIGGER check_time_zone BEFORE INSERT OR UPDATE ON ehr.hospitals
    FOR EACH ROW EXECUTE FUNCTION ehr.check_time_zone();
CALL ehr.install_record('ehr.hospitals', 'shared');


CREATE TABLE ehr.departments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
        CONSTRAINT departments_name_check
            CHECK (char_length(name) BETWEEN 1 AND 100),
    description text
        CONSTRAINT departments_description_check
            CHECK (char_length(description) <= 2000),
    is_active boolean NOT NULL DEFAULT true,
    hospital_id uuid
        CONSTRAINT departments_hospital_id_fkey REFERENCES ehr.hospitals,
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT departments_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX departments_name_key
    ON ehr.departments (hospital_id, lower(name)) NULLS NOT DISTINCT
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.departments', 'shared');


CREATE TABLE ehr.clinics (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hospital_id uuid
        CONSTRAINT clinics_hospital_id_fkey REFERENCES ehr.hospitals,
    name text NOT NULL
        CONSTRAINT clinics_name_check
            CHECK (char_length(name) BETWEEN 1 AND 200),
    description text
        CONSTRAINT clinics_description_check
            CHECK (char_length(description) <= 2000),
    address text
        CONSTRAINT clinics_address_check
            CHECK (char_length(address) <= 500),
    city text
        CONSTRAINT clinics_city_check
            CHECK (char_length(city) <= 100),
    state text
        CONSTRAINT clinics_state_check
            CHECK (char_length(state) <= 100),
    country text
        CONSTRAINT clinics_country_check
            CHECK (char_length(country) <= 100),
    postal_code text
        CONSTRAINT clinics_postal_code_check
            CHECK (char_length(postal_code) <= 20),
    latitude numeric(10,8)
        CONSTRAINT clinics_latitude_check
            CHECK (latitude BETWEEN -90 AND 90
                AND (latitude IS NULL) = (longitude IS NULL)),
    longitude numeric(11,8)
        CONSTRAINT clinics_longitude_check
            CHECK (longitude BETWEEN -180 AND 180),
    phone text
        CONSTRAINT clinics_phone_check
            CHECK (char_length(phone) <= 30),
    email text
        CONSTRAINT clinics_email_check
            CHECK (char_length(email) <= 254),
    time_zone text NOT NULL DEFAULT 'UTC'
        CONSTRAINT clinics_time_zone_check
            CHECK (char_length(time_zone) <= 64),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT clinics_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE INDEX clinics_name ON ehr.clinics (name, id)
    WHERE deleted_at IS NULL;
CREATE INDEX clinics_hospital_id ON ehr.clinics (hospital_id);
CREATE TRIGGER check_time_zone BEFORE INSERT OR UPDATE ON ehr.clinics
    FOR EACH ROW EXECUTE FUNCTION ehr.check_time_zone();
CALL ehr.install_record('ehr.clinics', 'shared');


CREATE TABLE ehr.specialties (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
        CONSTRAINT specialties_name_check
            CHECK (char_length(name) BETWEEN 1 AND 100),
    clinic_id uuid
        CONSTRAINT specialties_clinic_id_fkey REFERENCES ehr.clinics,
    description text
        CONSTRAINT specialties_description_check
            CHECK (char_length(description) <= 2000),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT specialties_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX specialties_name_key
    ON ehr.specialties (clinic_id, lower(name)) NULLS NOT DISTINCT
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.specialties', 'shared');


CREATE TABLE ehr.wards (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    hospital_id uuid NOT NULL
        CONSTRAINT wards_hospital_id_fkey REFERENCES ehr.hospitals,
    name text NOT NULL
        CONSTRAINT wards_name_check
            CHECK (char_length(name) BETWEEN 1 AND 100),
    description text
        CONSTRAINT wards_description_check
            CHECK (char_length(description) <= 2000),
    department_id uuid
        CONSTRAINT wards_department_id_fkey REFERENCES ehr.departments,
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT wards_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX wards_name_key
    ON ehr.wards (hospital_id, lower(name))
    WHERE deleted_at IS NULL;
CREATE INDEX wards_department_id ON ehr.wards (department_id);
CALL ehr.install_record('ehr.wards', 'shared');


CREATE TABLE ehr.room_classes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL
        CONSTRAINT room_classes_name_check
            CHECK (char_length(name) BETWEEN 1 AND 100),
    description text
        CONSTRAINT room_classes_description_check
            CHECK (char_length(description) <= 2000),
    num_beds integer NOT NULL DEFAULT 1
        CONSTRAINT room_classes_num_beds_check
            CHECK (num_beds BETWEEN 1 AND 100),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT room_classes_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX room_classes_name_key
    ON ehr.room_classes (lower(name))
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.room_classes', 'shared');


CREATE TABLE ehr.rooms (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id uuid NOT NULL
        CONSTRAINT rooms_clinic_id_fkey REFERENCES ehr.clinics,
    room_number text NOT NULL
        CONSTRAINT rooms_room_number_check
            CHECK (char_length(room_number) BETWEEN 1 AND 20),
    name text
        CONSTRAINT rooms_name_check
            CHECK (char_length(name) <= 100),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT rooms_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX rooms_room_number_key
    ON ehr.rooms (clinic_id, lower(room_number))
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.rooms', 'shared');


CREATE TABLE ehr.ward_rooms (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ward_id uuid NOT NULL
        CONSTRAINT ward_rooms_ward_id_fkey REFERENCES ehr.wards,
    room_class_id uuid NOT NULL
        CONSTRAINT ward_rooms_room_class_id_fkey REFERENCES ehr.room_classes,
    room_number text NOT NULL
        CONSTRAINT ward_rooms_room_number_check
            CHECK (char_length(room_number) BETWEEN 1 AND 20),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT ward_rooms_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX ward_rooms_room_number_key
    ON ehr.ward_rooms (ward_id, lower(room_number))
    WHERE deleted_at IS NULL;
CREATE INDEX ward_rooms_room_class_id ON ehr.ward_rooms (room_class_id);
CALL ehr.install_record('ehr.ward_rooms', 'shared');


CREATE TABLE ehr.beds (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    ward_room_id uuid NOT NULL
        CONSTRAINT beds_ward_room_id_fkey REFERENCES ehr.ward_rooms,
    bed_number text NOT NULL
        CONSTRAINT beds_bed_number_check
            CHECK (char_length(bed_number) BETWEEN 1 AND 20),
    status text NOT NULL DEFAULT 'AVAILABLE'
        CONSTRAINT beds_status_check
            CHECK (status IN ('AVAILABLE', 'OCCUPIED', 'RESERVED',
                'CLEANING', 'OUT_OF_SERVICE')),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT beds_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX beds_bed_number_key
    ON ehr.beds (ward_room_id, lower(bed_number))
    WHERE deleted_at IS NULL;
CREATE INDEX beds_status ON ehr.beds (status, bed_number, id)
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.beds', 'shared');


-- -- doctors and staff ----------------------------------------------------

-- rating_count and rating_sum are kept by the trigger of ehr.ratings.
CREATE TABLE ehr.doctors (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid
        CONSTRAINT doctors_user_id_fkey REFERENCES ehr.users,
    first_name text NOT NULL
        CONSTRAINT doctors_first_name_check
            CHECK (char_length(first_name) BETWEEN 1 AND 100),
    last_name text NOT NULL
        CONSTRAINT doctors_last_name_check
            CHECK (char_length(last_name) BETWEEN 1 AND 100),
    specialization text
        CONSTRAINT doctors_specialization_check
            CHECK (char_length(specialization) <= 200),
    qualification text
        CONSTRAINT doctors_qualification_check
            CHECK (char_length(qualification) <= 500),
    license_number text NOT NULL
        CONSTRAINT doctors_license_number_key UNIQUE
        CONSTRAINT doctors_license_number_check
            CHECK (char_length(license_number) BETWEEN 1 AND 50),
    experience_years integer NOT NULL DEFAULT 0
        CONSTRAINT doctors_experience_years_check
            CHECK (experience_years BETWEEN 0 AND 80),
    consultation_fee numeric(10,2)
        CONSTRAINT doctors_consultation_fee_check
            CHECK (consultation_fee BETWEEN 0 AND 99999999.99),
    currency text NOT NULL DEFAULT 'USD'
        CONSTRAINT doctors_currency_check
            CHECK (currency ~ '^[A-Z]{3}$'),
    photo text
        CONSTRAINT doctors_photo_check
            CHECK (char_length(photo) <= 2000),
    is_available boolean NOT NULL DEFAULT true,
    email bytea,
    email_index bytea
        CONSTRAINT doctors_email_check
            CHECK (octet_length(email_index) = 32),
    phone bytea,
    phone_index bytea
        CONSTRAINT doctors_phone_check
            CHECK (octet_length(phone_index) = 32),
    department_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT doctors_department_ids_check
            CHECK (cardinality(department_ids) <= 50),
    clinic_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT doctors_clinic_ids_check
            CHECK (cardinality(clinic_ids) <= 50),
    specialty_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT doctors_specialty_ids_check
            CHECK (cardinality(specialty_ids) <= 50),
    rating_count integer NOT NULL DEFAULT 0
        CONSTRAINT doctors_rating_count_check CHECK (rating_count >= 0),
    rating_sum integer NOT NULL DEFAULT 0,
    average_rating numeric(3,2) GENERATED ALWAYS AS
        (round(rating_sum::numeric / nullif(rating_count, 0), 2)) STORED
        CONSTRAINT doctors_average_rating_check
            CHECK (average_rating BETWEEN 1 AND 5),
    search_name text NOT NULL GENERATED ALWAYS AS
        (ehr.folded(first_name || ' ' || last_name || ' '
                    || coalesce(specialization, ''))) STORED,
    external_id text
        CONSTRAINT doctors_external_id_key UNIQUE
        CONSTRAINT doctors_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT doctors_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX doctors_user_id_key ON ehr.doctors (user_id)
    WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX doctors_email_key ON ehr.doctors (email_index)
    WHERE deleted_at IS NULL;
CREATE INDEX doctors_phone_index ON ehr.doctors (phone_index);
CREATE INDEX doctors_last_name ON ehr.doctors (last_name, id)
    WHERE deleted_at IS NULL;
CREATE INDEX doctors_search_name
    ON ehr.doctors USING gin (search_name public.gin_trgm_ops);
CREATE INDEX doctors_department_ids ON ehr.doctors USING gin (department_ids);
CREATE INDEX doctors_clinic_ids ON ehr.doctors USING gin (clinic_ids);
CREATE INDEX doctors_specialty_ids ON ehr.doctors USING gin (specialty_ids);

CALL ehr.install_references('ehr.doctors', 'department_ids',
    'ehr.departments', 'departmentIds');
CALL ehr.install_references('ehr.doctors', 'clinic_ids', 'ehr.clinics',
    'clinicIds');
CALL ehr.install_references('ehr.doctors', 'specialty_ids',
    'ehr.specialties', 'specialtyIds');
CALL ehr.install_record('ehr.doctors', 'shared');


CREATE TABLE ehr.staff (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id uuid NOT NULL
        CONSTRAINT staff_user_id_fkey REFERENCES ehr.users,
    first_name text NOT NULL
        CONSTRAINT staff_first_name_check
            CHECK (char_length(first_name) BETWEEN 1 AND 100),
    last_name text NOT NULL
        CONSTRAINT staff_last_name_check
            CHECK (char_length(last_name) BETWEEN 1 AND 100),
    search_name text NOT NULL GENERATED ALWAYS AS
        (ehr.folded(first_name || ' ' || last_name)) STORED,
    job_title text
        CONSTRAINT staff_job_title_check
            CHECK (char_length(job_title) <= 100),
    profession text NOT NULL
        CONSTRAINT staff_profession_check
            CHECK (profession IN ('NURSE', 'RECEPTIONIST', 'PHARMACIST',
                'LAB_TECHNICIAN', 'ADMINISTRATOR', 'THERAPIST', 'OTHER')),
    employee_number text
        CONSTRAINT staff_employee_number_key UNIQUE
        CONSTRAINT staff_employee_number_check
            CHECK (char_length(employee_number) BETWEEN 1 AND 50),
    department_id uuid
        CONSTRAINT staff_department_id_fkey REFERENCES ehr.departments,
    hire_date date,
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT staff_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX staff_user_id_key ON ehr.staff (user_id)
    WHERE deleted_at IS NULL;
CREATE INDEX staff_last_name ON ehr.staff (last_name, id)
    WHERE deleted_at IS NULL;
CREATE INDEX staff_department_id ON ehr.staff (department_id);
CREATE INDEX staff_search_name
    ON ehr.staff USING gin (search_name public.gin_trgm_ops);
CALL ehr.install_record('ehr.staff', 'shared');


-- What is in use stays.
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.hospitals
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.clinics', 'hospital_id',
        'ehr.departments', 'hospital_id', 'ehr.wards', 'hospital_id');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.departments
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.doctors', 'department_ids',
        'ehr.staff', 'department_id', 'ehr.wards', 'department_id');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.clinics
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.doctors', 'clinic_ids',
        'ehr.specialties', 'clinic_id', 'ehr.rooms', 'clinic_id');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.specialties
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.doctors', 'specialty_ids');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.wards
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.ward_rooms', 'ward_id');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.room_classes
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.ward_rooms', 'room_class_id');
CREATE TRIGGER check_unused BEFORE UPDATE ON ehr.ward_rooms
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.beds', 'ward_room_id');


-- -- patients -------------------------------------------------------------

CREATE SEQUENCE ehr.mrn_numbers;

-- The next medical record number nobody brought along already.
CREATE FUNCTION ehr.next_mrn() RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number text;
BEGIN
    LOOP
        number := 'MRN'
            || lpad(nextval('ehr.mrn_numbers')::text, 8, '0');
        EXIT WHEN NOT EXISTS (
            SELECT FROM ehr.patients p WHERE p.mrn = number);
    END LOOP;

    RETURN number;
END
$$;

CREATE TABLE ehr.patients (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    first_name text NOT NULL
        CONSTRAINT patients_first_name_check
            CHECK (char_length(first_name) BETWEEN 1 AND 100),
    last_name text NOT NULL
        CONSTRAINT patients_last_name_check
            CHECK (char_length(last_name) BETWEEN 1 AND 100),
    search_name text NOT NULL GENERATED ALWAYS AS
        (ehr.folded(first_name || ' ' || last_name)) STORED,
    date_of_birth date
        CONSTRAINT patients_date_of_birth_check
            CHECK (date_of_birth >= '1870-01-01'),
    gender text NOT NULL DEFAULT 'UNKNOWN'
        CONSTRAINT patients_gender_check
            CHECK (gender IN ('MALE', 'FEMALE', 'OTHER', 'UNKNOWN')),
    address text
        CONSTRAINT patients_address_check
            CHECK (char_length(address) <= 500),
    city text
        CONSTRAINT patients_city_check
            CHECK (char_length(city) <= 100),
    state text
        CONSTRAINT patients_state_check
            CHECK (char_length(state) <= 100),
    country text
        CONSTRAINT patients_country_check
            CHECK (char_length(country) <= 100),
    postal_code text
        CONSTRAINT patients_postal_code_check
            CHECK (char_length(postal_code) <= 20),
    phone bytea,
    phone_index bytea
        CONSTRAINT patients_phone_check
            CHECK (octet_length(phone_index) = 32),
    email bytea,
    email_index bytea
        CONSTRAINT patients_email_check
            CHECK (octet_length(email_index) = 32),
    emergency_contact_name text
        CONSTRAINT patients_emergency_contact_name_check
            CHECK (char_length(emergency_contact_name) <= 200),
    emergency_contact_phone bytea,
    blood_group text
        CONSTRAINT patients_blood_group_check
            CHECK (blood_group IN ('A+', 'A-', 'B+', 'B-', 'AB+', 'AB-',
                'O+', 'O-')),
    height_cm numeric(4,1)
        CONSTRAINT patients_height_cm_check
            CHECK (height_cm BETWEEN 20 AND 272),
    weight_kg numeric(6,3)
        CONSTRAINT patients_weight_kg_check
            CHECK (weight_kg BETWEEN 0.2 AND 650),
    chronic_diseases text[] NOT NULL DEFAULT '{}'
        CONSTRAINT patients_chronic_diseases_check
            CHECK (cardinality(chronic_diseases) <= 50),
    insurance_provider text
        CONSTRAINT patients_insurance_provider_check
            CHECK (char_length(insurance_provider) <= 200),
    insurance_policy_number bytea,
    insurance_policy_number_index bytea
        CONSTRAINT patients_insurance_policy_number_check
            CHECK (octet_length(insurance_policy_number_index) = 32),
    mrn text NOT NULL DEFAULT ehr.next_mrn()
        CONSTRAINT patients_mrn_key UNIQUE
        CONSTRAINT patients_mrn_check
            CHECK (char_length(mrn) BETWEEN 1 AND 50),
    user_id uuid
        CONSTRAINT patients_user_id_fkey REFERENCES ehr.users,
    primary_doctor_id uuid
        CONSTRAINT patients_primary_doctor_id_fkey REFERENCES ehr.doctors,
    deceased_at date
        CONSTRAINT patients_deceased_at_check
            CHECK (deceased_at >= date_of_birth),
    external_id text
        CONSTRAINT patients_external_id_key UNIQUE
        CONSTRAINT patients_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    possible_duplicate_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT patients_possible_duplicate_ids_check
            CHECK (cardinality(possible_duplicate_ids) <= 10),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT patients_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX patients_user_id_key ON ehr.patients (user_id)
    WHERE deleted_at IS NULL;
CREATE INDEX patients_last_name ON ehr.patients (last_name, id)
    WHERE deleted_at IS NULL;
CREATE INDEX patients_created_at ON ehr.patients (created_at, id);
CREATE INDEX patients_updated_at ON ehr.patients (updated_at, id);
CREATE INDEX patients_date_of_birth ON ehr.patients (date_of_birth);
CREATE INDEX patients_phone_index ON ehr.patients (phone_index)
    WHERE phone_index IS NOT NULL;
CREATE INDEX patients_email_index ON ehr.patients (email_index)
    WHERE email_index IS NOT NULL;
CREATE INDEX patients_insurance_policy_number_index
    ON ehr.patients (insurance_policy_number_index)
    WHERE insurance_policy_number_index IS NOT NULL;
CREATE INDEX patients_primary_doctor_id ON ehr.patients (primary_doctor_id)
    WHERE primary_doctor_id IS NOT NULL;
CREATE INDEX patients_search_name
    ON ehr.patients USING gin (search_name public.gin_trgm_ops);

-- Up to ten others who may be the same person, oldest record first.
CREATE FUNCTION ehr.find_duplicates() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    full_name text := ehr.folded(NEW.first_name || ' ' || NEW.last_name);
BEGIN
    IF TG_OP = 'UPDATE' AND (NEW.first_name, NEW.last_name,
            NEW.date_of_birth, NEW.phone_index, NEW.email_index)
        IS NOT DISTINCT FROM (OLD.first_name, OLD.last_name,
            OLD.date_of_birth, OLD.phone_index, OLD.email_index)
    THEN
        NEW.possible_duplicate_ids := OLD.possible_duplicate_ids;
        RETURN NEW;
    END IF;

    NEW.possible_duplicate_ids := ARRAY(
        SELECT d.id
          FROM ((SELECT p.id, p.created_at
                   FROM ehr.patients p
                  WHERE p.date_of_birth = NEW.date_of_birth
                    AND public.similarity(p.search_name, full_name) >= 0.4
                    AND p.id <> NEW.id AND p.deleted_at IS NULL
                  LIMIT 10)
                UNION
                (SELECT p.id, p.created_at
                   FROM ehr.patients p
                  WHERE p.phone_index = NEW.phone_index
                    AND p.id <> NEW.id AND p.deleted_at IS NULL
                  LIMIT 10)
                UNION
                (SELECT p.id, p.created_at
                   FROM ehr.patients p
                  WHERE p.email_index = NEW.email_index
                    AND p.id <> NEW.id AND p.deleted_at IS NULL
                  LIMIT 10)) AS d
         ORDER BY d.created_at, d.id
         LIMIT 10);

    RETURN NEW;
END
$$;

CREATE TRIGGER check_date_of_birth BEFORE INSERT OR UPDATE ON ehr.patients
    FOR EACH ROW EXECUTE FUNCTION
    ehr.check_not_future('date_of_birth', 'dateOfBirth');
CREATE TRIGGER check_deceased_at BEFORE INSERT OR UPDATE ON ehr.patients
    FOR EACH ROW EXECUTE FUNCTION
    ehr.check_not_future('deceased_at', 'deceasedAt');
CREATE TRIGGER check_lifetime BEFORE INSERT OR UPDATE ON ehr.patients
    FOR EACH ROW EXECUTE FUNCTION
    ehr.check_period('date_of_birth', 'deceased_at', 'deceasedAt');
CREATE TRIGGER find_duplicates BEFORE INSERT OR UPDATE ON ehr.patients
    FOR EACH ROW EXECUTE FUNCTION ehr.find_duplicates();

-- Whoever reads all patients may add one; a deleted one can be restored by
-- those who write to all.
CALL ehr.install_record('ehr.patients', 'custom');
CREATE POLICY reads ON ehr.patients FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR id = ANY ((SELECT ehr.my_patients())::uuid[]));
CREATE POLICY creates ON ehr.patients FOR INSERT TO ehr_app
    WITH CHECK ((SELECT ehr.sees_all()));
CREATE POLICY updates ON ehr.patients FOR UPDATE TO ehr_app
    USING ((SELECT ehr.scope()) IN ('all', 'system') OR ehr.may_write(id))
    WITH CHECK ((SELECT ehr.scope()) IN ('all', 'system')
                OR ehr.may_write(id));

-- Ids of the patients, doctors or staff one of whose names begins with the
-- typed text or resembles it.  As the owner: under row-level security the
-- planner may not use an index for operators that are not leakproof.  It
-- tells nobody more than the policies of these tables do.  Two letters that
-- changed places ("smiht", "kowlaski") leave a name 0.36 to 0.5 alike.
CREATE FUNCTION ehr.people_named(kind text, typed text) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE ROWS 100 SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET pg_trgm.word_similarity_threshold = 0.35 AS $$
DECLARE
    word    text := ehr.folded(left(typed, 200));
    pattern text := regexp_replace(word, '([\\%_])', '\\\1', 'g') || '%';
    people  regclass;
    alike   text := '';
    mine    text := '';
BEGIN
    IF ehr.scope() = '' OR word = '' THEN
        RETURN;
    END IF;

    -- One or two letters resemble everything.
    IF char_length(word) > 2 THEN
        alike := 'OR $2 OPERATOR(public.<%) p.search_name';
    END IF;

    CASE kind
    WHEN 'patients' THEN
        people := 'ehr.patients';
        IF NOT ehr.sees_all() THEN
            mine := 'AND p.id = ANY (ehr.my_patients())';
        END IF;
    WHEN 'doctors' THEN
        people := 'ehr.doctors';
    WHEN 'staff' THEN
        people := 'ehr.staff';
    END CASE;

    RETURN QUERY EXECUTE format(
        'SELECT p.id FROM %s p
          WHERE (p.search_name LIKE $1 OR p.search_name LIKE ''%% '' || $1
                 %s) %s',
        people, alike, mine)
        USING pattern, word;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.next_mrn(), ehr.people_named(text, text)
    TO ehr_app;


-- -- care teams -----------------------------------------------------------

CREATE TABLE ehr.care_team (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT care_team_patient_id_fkey REFERENCES ehr.patients,
    doctor_id uuid NOT NULL
        CONSTRAINT care_team_doctor_id_fkey REFERENCES ehr.doctors,
    role text NOT NULL DEFAULT 'TREATING'
        CONSTRAINT care_team_role_check
            CHECK (role IN ('PRIMARY', 'TREATING', 'CONSULTING',
                'COVERING')),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX care_team_doctor_id_key
    ON ehr.care_team (patient_id, doctor_id) WHERE deleted_at IS NULL;
CREATE INDEX care_team_doctor_id ON ehr.care_team (doctor_id);
CREATE INDEX care_team_patient_id
    ON ehr.care_team (patient_id, created_at, id);
CALL ehr.install_record('ehr.care_team', 'patient');

-- Adds a doctor to a patient's team, unless there already.
CREATE FUNCTION ehr.join_care_team(patient uuid, doctor uuid, part text)
RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO ehr.care_team (patient_id, doctor_id, role)
    SELECT patient, doctor, part
     WHERE doctor IS NOT NULL
    ON CONFLICT (patient_id, doctor_id) WHERE deleted_at IS NULL
    DO NOTHING
$$;

-- The primary doctor treats the patient, and so does a doctor who registers
-- one at work.
CREATE FUNCTION ehr.start_care_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'INSERT'
       OR NEW.primary_doctor_id IS DISTINCT FROM OLD.primary_doctor_id
    THEN
        PERFORM ehr.join_care_team(NEW.id, NEW.primary_doctor_id, 'PRIMARY');
    END IF;

    IF TG_OP = 'INSERT' AND ehr.scope() IN ('team', 'all') THEN
        PERFORM ehr.join_care_team(NEW.id, ehr.my_doctor(), 'TREATING');
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER care_team AFTER INSERT OR UPDATE ON ehr.patients
    FOR EACH ROW EXECUTE FUNCTION ehr.start_care_team();
