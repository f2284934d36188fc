-- Inpatients: beds and their states, admissions, where a patient lay and when,
-- and the acts that change all of it.  What a claim, a movement, a bed and an
-- admission say is the same; triggers see to that when a transaction ends,
-- whoever wrote it (sql/README.md).


-- -- who may ---------------------------------------------------------------

CALL ehr.add_permission('admissions.read', 'DOCTOR', 'NURSE', 'RECEPTIONIST',
    'PATIENT');
CALL ehr.add_permission('admissions.write', 'DOCTOR', 'NURSE',
    'RECEPTIONIST');
CALL ehr.add_permission('admissions.discharge', 'DOCTOR', 'NURSE');
CALL ehr.add_permission('admissions.order', 'DOCTOR');
CALL ehr.add_permission('admissions.backdate', 'DOCTOR', 'NURSE');
CALL ehr.add_permission('beds.status', 'NURSE', 'RECEPTIONIST');


-- -- beds and their rooms --------------------------------------------------

-- SAME: all who lie there at a time are of one sex, whichever.
ALTER TABLE ehr.ward_rooms
    ADD sex_policy text NOT NULL DEFAULT 'ANY'
        CONSTRAINT ward_rooms_sex_policy_check
            CHECK (sex_policy IN ('ANY', 'MALE', 'FEMALE', 'SAME'));

-- admission_id: because of which admission it has its status.  occupant_sex:
-- of who lies there.  Both and the time are written by acts.
ALTER TABLE ehr.beds
    ADD isolation boolean NOT NULL DEFAULT false,
    ADD equipment text[] NOT NULL DEFAULT '{}'
        CONSTRAINT beds_equipment_check
            CHECK (equipment <@ ARRAY['MONITOR', 'OXYGEN', 'SUCTION',
                    'VENTILATOR', 'TELEMETRY', 'DIALYSIS', 'INFUSION_PUMP',
                    'BARIATRIC', 'NEGATIVE_PRESSURE', 'WARMER']
                AND cardinality(equipment) <= 10),
    ADD age_group text
        CONSTRAINT beds_age_group_check
            CHECK (age_group IN ('ADULT', 'CHILD', 'NEWBORN')),
    ADD status_reason text
        CONSTRAINT beds_status_reason_check
            CHECK (char_length(status_reason) BETWEEN 1 AND 500),
    ADD status_since timestamptz NOT NULL DEFAULT now(),
    ADD occupant_sex text
        CONSTRAINT beds_occupant_sex_check
            CHECK (occupant_sex IS NULL OR status = 'OCCUPIED'
                AND occupant_sex IN ('MALE', 'FEMALE', 'OTHER', 'UNKNOWN')),
    ADD admission_id uuid;

-- Until now nothing said who lies in a bed: such a one takes nobody before
-- somebody has looked.
UPDATE ehr.beds
   SET status = 'OUT_OF_SERVICE',
       status_reason = status || ' before admissions were kept'
 WHERE status IN ('OCCUPIED', 'RESERVED');
UPDATE ehr.beds SET status_reason = 'No reason was given'
 WHERE status = 'OUT_OF_SERVICE' AND status_reason IS NULL;

ALTER TABLE ehr.beds
    ADD CONSTRAINT beds_reason_check
        CHECK (status <> 'OUT_OF_SERVICE' OR status_reason IS NOT NULL);

-- What the acts write is not for statements of the application.
REVOKE UPDATE ON ehr.beds FROM ehr_app;
GRANT UPDATE (ward_room_id, bed_number, status, status_reason, isolation,
    equipment, age_group, additional_data, deleted_at) ON ehr.beds TO ehr_app;

-- Every status a bed ever had; was: null when it was new.
CREATE TABLE ehr.bed_status_changes (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    bed_id uuid NOT NULL
        CONSTRAINT bed_status_changes_bed_id_fkey REFERENCES ehr.beds,
    was text,
    status text NOT NULL,
    reason text,
    admission_id uuid,
    actor_id uuid,
    at timestamptz NOT NULL,
    -- What every list of records knows.
    created_at timestamptz NOT NULL GENERATED ALWAYS AS (at) STORED,
    created_by uuid GENERATED ALWAYS AS (actor_id) STORED
);

CREATE INDEX bed_status_changes_bed_id
    ON ehr.bed_status_changes (bed_id, at, id);
CREATE INDEX bed_status_changes_at ON ehr.bed_status_changes (at);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ehr.bed_status_changes
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();

-- Written by the trigger of beds.  No audit: the change of the bed is audited.
ALTER TABLE ehr.bed_status_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.bed_status_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.bed_status_changes TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.bed_status_changes FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all()));
GRANT SELECT ON ehr.bed_status_changes TO ehr_app;

INSERT INTO ehr.bed_status_changes (bed_id, status, reason, at)
SELECT b.id, b.status, b.status_reason, b.status_since FROM ehr.beds b;


-- -- admissions ------------------------------------------------------------

-- A stay, from the plan or the wait to the discharge.  bed_id: where the
-- patient lies, or what is reserved or offered; null when it is over.
-- wanted_*: what was asked for by criteria.
--
-- Ward, class and hospital are no foreign keys: each admission would lock the
-- one row that a whole ward shares.  Rows there are never removed.
CREATE TABLE ehr.admissions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT admissions_patient_id_fkey REFERENCES ehr.patients,
    bed_id uuid
        CONSTRAINT admissions_bed_id_fkey REFERENCES ehr.beds,
    ward_id uuid,
    status text NOT NULL
        CONSTRAINT admissions_status_check
            CHECK (status IN ('PLANNED', 'WAITING', 'ADMITTED', 'ON_LEAVE',
                'DISCHARGED', 'CANCELLED')),
    type text NOT NULL
        CONSTRAINT admissions_type_check
            CHECK (type IN ('EMERGENCY', 'ELECTIVE', 'TRANSFER_IN',
                'NEWBORN', 'OBSERVATION')),
    admitting_doctor_id uuid
        CONSTRAINT admissions_admitting_doctor_id_fkey
            REFERENCES ehr.doctors,
    diagnosis text
        CONSTRAINT admissions_diagnosis_check
            CHECK (char_length(diagnosis) <= 2000),
    diagnosis_code text
        CONSTRAINT admissions_diagnosis_code_check
            CHECK (diagnosis_code ~ '^[A-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?$'),
    reason text
        CONSTRAINT admissions_reason_check
            CHECK (char_length(reason) <= 1000),
    appointment_id uuid,
    mother_admission_id uuid
        CONSTRAINT admissions_mother_admission_id_fkey
            REFERENCES ehr.admissions,
    planned_start timestamptz,
    planned_end timestamptz
        CONSTRAINT admissions_planned_end_check
            CHECK (planned_end > planned_start),
    expected_discharge_at timestamptz,
    admitted_at timestamptz,
    leave_since timestamptz,
    leave_until timestamptz,
    leave_reason text
        CONSTRAINT admissions_leave_reason_check
            CHECK (char_length(leave_reason) <= 1000),
    discharge_ordered_at timestamptz,
    discharge_ordered_by uuid,
    discharged_at timestamptz,
    disposition text
        CONSTRAINT admissions_disposition_check
            CHECK (disposition IN ('HOME', 'TRANSFERRED', 'HOSPICE',
                'REHABILITATION', 'AGAINST_ADVICE', 'DECEASED', 'OTHER')),
    discharge_reason text
        CONSTRAINT admissions_discharge_reason_check
            CHECK (char_length(discharge_reason) <= 1000),
    cancel_reason text
        CONSTRAINT admissions_cancel_reason_check
            CHECK (char_length(cancel_reason) <= 1000),
    offer_expires_at timestamptz,
    wanted_hospital_id uuid,
    wanted_ward_id uuid,
    wanted_room_class_id uuid,
    wanted_isolation boolean,
    wanted_equipment text[],
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT admissions_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
        CONSTRAINT admissions_deleted_at_check
            CHECK (deleted_at IS NULL
                OR status IN ('DISCHARGED', 'CANCELLED')),

    CONSTRAINT admissions_patient_id_key UNIQUE (patient_id, id),
    CONSTRAINT admissions_appointment_id_fkey
        FOREIGN KEY (patient_id, appointment_id)
        REFERENCES ehr.appointments (patient_id, id),

    -- What each status has, and has not.
    CONSTRAINT admissions_shape_check CHECK (
        CASE status
        WHEN 'PLANNED' THEN planned_start IS NOT NULL AND bed_id IS NOT NULL
            AND admitted_at IS NULL
        WHEN 'WAITING' THEN (bed_id IS NULL) = (offer_expires_at IS NULL)
            AND admitted_at IS NULL
        WHEN 'DISCHARGED' THEN discharged_at > admitted_at
            AND disposition IS NOT NULL AND bed_id IS NULL
        WHEN 'CANCELLED' THEN bed_id IS NULL
        ELSE bed_id IS NOT NULL AND ward_id IS NOT NULL
            AND admitted_at IS NOT NULL
        END
        AND (status = 'DISCHARGED') = (discharged_at IS NOT NULL)
        AND (status = 'ON_LEAVE') = (leave_since IS NOT NULL)
        AND (leave_until IS NULL OR leave_until > leave_since)
        AND (offer_expires_at IS NULL OR status = 'WAITING')
        AND (discharge_ordered_by IS NULL
            OR discharge_ordered_at IS NOT NULL))
);

CREATE UNIQUE INDEX admissions_one_stay ON ehr.admissions (patient_id)
    WHERE status IN ('ADMITTED', 'ON_LEAVE');
CREATE INDEX admissions_patient_id
    ON ehr.admissions (patient_id, created_at, id);
CREATE INDEX admissions_bed_id ON ehr.admissions (bed_id)
    WHERE bed_id IS NOT NULL;
CREATE INDEX admissions_ward_id ON ehr.admissions (ward_id, status);
CREATE INDEX admissions_created_at ON ehr.admissions (created_at, id);
CREATE INDEX admissions_admitting_doctor_id
    ON ehr.admissions (admitting_doctor_id, created_at, id);
CREATE INDEX admissions_expected_discharge_at
    ON ehr.admissions (expected_discharge_at, id)
    WHERE status IN ('ADMITTED', 'ON_LEAVE');
CREATE INDEX admissions_mother_admission_id
    ON ehr.admissions (mother_admission_id)
    WHERE mother_admission_id IS NOT NULL;
CREATE INDEX admissions_appointment_id
    ON ehr.admissions (patient_id, appointment_id)
    WHERE appointment_id IS NOT NULL;
CREATE INDEX admissions_planned_start ON ehr.admissions (planned_start)
    WHERE status = 'PLANNED';
CREATE INDEX admissions_waiting ON ehr.admissions (created_at, id)
    WHERE status = 'WAITING';

-- Acts alone move it; the rest may be corrected.
CALL ehr.install_record('ehr.admissions', 'custom');
REVOKE INSERT, UPDATE ON ehr.admissions FROM ehr_app;
GRANT UPDATE (admitting_doctor_id, diagnosis, diagnosis_code,
    expected_discharge_at, additional_data, deleted_at)
    ON ehr.admissions TO ehr_app;
CREATE POLICY reads ON ehr.admissions FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));
CREATE POLICY updates ON ehr.admissions FOR UPDATE TO ehr_app
    USING ((SELECT ehr.scope()) IN ('all', 'system')
           OR (SELECT ehr.sees_all()) AND ehr.may_write(patient_id))
    WITH CHECK ((SELECT ehr.scope()) IN ('all', 'system')
                OR (SELECT ehr.sees_all()) AND ehr.may_write(patient_id));


-- -- where a patient lay ---------------------------------------------------

-- One row a stay in a bed; closed when it ends, never changed else, and kept
-- when the admission was entered in error (cancelled_at).  Room, ward and sex
-- are what they were; the trigger below fills them in.  seat: 0, or from 1 on
-- a newborn in its mother's bed.
--
-- Two who lie in a room for one sex at once are of one sex: the constraint.
-- No audit: the admission's change is audited, and this is its history.
CREATE TABLE ehr.admission_movements (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    admission_id uuid NOT NULL,
    patient_id uuid NOT NULL,
    bed_id uuid NOT NULL
        CONSTRAINT admission_movements_bed_id_fkey REFERENCES ehr.beds,
    ward_room_id uuid NOT NULL,
    ward_id uuid NOT NULL,
    seat integer NOT NULL DEFAULT 0
        CONSTRAINT admission_movements_seat_check CHECK (seat >= 0),
    kind text NOT NULL
        CONSTRAINT admission_movements_kind_check
            CHECK (kind IN ('ADMIT', 'TRANSFER', 'SWAP', 'ROOM_IN')),
    during tstzrange NOT NULL
        CONSTRAINT admission_movements_during_check
            CHECK (NOT isempty(during) AND isfinite(lower(during))
                AND lower_inc(during) AND NOT upper_inc(during)
                AND (upper_inf(during) OR isfinite(upper(during)))),
    sex text NOT NULL,
    is_same_sex boolean NOT NULL,
    reason text
        CONSTRAINT admission_movements_reason_check
            CHECK (char_length(reason) <= 1000),
    cancelled_at timestamptz,
    starts_at timestamptz NOT NULL
        GENERATED ALWAYS AS (lower(during)) STORED,
    ends_at timestamptz GENERATED ALWAYS AS (upper(during)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,

    -- An act lays the patient down, then writes the admission, once.
    CONSTRAINT admission_movements_admission_id_fkey
        FOREIGN KEY (patient_id, admission_id)
        REFERENCES ehr.admissions (patient_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT admission_movements_sex_excl EXCLUDE USING gist (
        ward_room_id WITH =, sex WITH <>, during WITH &&)
        WHERE (is_same_sex AND cancelled_at IS NULL)
);

CREATE INDEX admission_movements_admission_id
    ON ehr.admission_movements (admission_id);
CREATE INDEX admission_movements_patient_id
    ON ehr.admission_movements (patient_id);
CREATE INDEX admission_movements_bed_id
    ON ehr.admission_movements (bed_id);
CREATE INDEX admission_movements_ward_id
    ON ehr.admission_movements USING gist (ward_id, during);

ALTER TABLE ehr.admission_movements ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.admission_movements FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.admission_movements TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.admission_movements FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));
GRANT SELECT ON ehr.admission_movements TO ehr_app;
CREATE TRIGGER stamp BEFORE INSERT ON ehr.admission_movements
    FOR EACH ROW EXECUTE FUNCTION ehr.stamp_created();


-- -- small rules -----------------------------------------------------------

-- Refuses, and names the rule to the client: {"rule": …} and what else is
-- known about it.
CREATE FUNCTION ehr.refuse_rule(state text, rule text, columns text,
    more jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = state, MESSAGE = rule, COLUMN = columns,
        DETAIL = (jsonb_build_object('rule', rule) || more)::text;
END
$$;

-- RFC 3339 with the fraction, as records show times.
CREATE FUNCTION ehr.rfc3339_exact(at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

-- NEWBORN up to 28 days, CHILD below 18 years, else ADULT; so is who has no
-- date of birth.
CREATE FUNCTION ehr.age_group(born date, at timestamptz) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN (at AT TIME ZONE 'UTC')::date - born <= 28 THEN 'NEWBORN'
        WHEN (born + interval '18 years')::date > (at AT TIME ZONE 'UTC')::date
            THEN 'CHILD'
        ELSE 'ADULT' END
$$;

-- A newborn is a child too.
CREATE FUNCTION ehr.age_fits(bed_group text, age text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT bed_group IS NULL OR age IS NULL OR bed_group = age
        OR bed_group = 'CHILD' AND age = 'NEWBORN'
$$;

CREATE FUNCTION ehr.is_inside(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT status IN ('ADMITTED', 'ON_LEAVE')
$$;


-- -- rules of beds ---------------------------------------------------------

-- From status to status, a reason where one is due, and nothing taken away
-- under somebody.  OCCUPIED and RESERVED come and go by acts, as the owner.
CREATE FUNCTION ehr.bed_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status IN ('OCCUPIED', 'RESERVED') THEN
            PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
        END IF;
        NEW.status_since := clock_timestamp();
        NEW.occupant_sex := NULL;
        NEW.admission_id := NULL;

    ELSIF NEW.status <> OLD.status THEN
        IF NOT (OLD.status, NEW.status) IN (
               ('AVAILABLE', 'CLEANING'), ('AVAILABLE', 'OUT_OF_SERVICE'),
               ('AVAILABLE', 'RESERVED'), ('AVAILABLE', 'OCCUPIED'),
               ('RESERVED', 'OCCUPIED'), ('RESERVED', 'AVAILABLE'),
               ('RESERVED', 'CLEANING'), ('RESERVED', 'OUT_OF_SERVICE'),
               ('OCCUPIED', 'CLEANING'),
               ('CLEANING', 'AVAILABLE'), ('CLEANING', 'OUT_OF_SERVICE'),
               ('OUT_OF_SERVICE', 'AVAILABLE'),
               ('OUT_OF_SERVICE', 'CLEANING'))
           OR current_user = 'ehr_app'
              AND (OLD.status IN ('OCCUPIED', 'RESERVED')
                   OR NEW.status IN ('OCCUPIED', 'RESERVED'))
        THEN
            PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
        END IF;

        -- A reason does not outlive its status.
        IF NEW.status_reason = OLD.status_reason THEN
            NEW.status_reason := NULL;
        END IF;
        IF NEW.status IN ('AVAILABLE', 'OUT_OF_SERVICE') THEN
            NEW.admission_id := NULL;
        END IF;
        IF NEW.status <> 'OCCUPIED' THEN
            NEW.occupant_sex := NULL;
        END IF;
        NEW.status_since := clock_timestamp();

    ELSE
        NEW.status_since := CASE
            WHEN NEW.admission_id IS DISTINCT FROM OLD.admission_id
            THEN clock_timestamp() ELSE OLD.status_since END;
    END IF;

    IF NEW.status = 'OUT_OF_SERVICE' AND NEW.status_reason IS NULL THEN
        PERFORM ehr.refuse_rule('EH422', 'field_required',
            CASE TG_OP WHEN 'INSERT' THEN 'statusReason' ELSE 'reason' END);
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.beds
    FOR EACH ROW EXECUTE FUNCTION ehr.bed_rules();

-- Why a bed is not to be had from now on, or null: 'bed_taken' while somebody
-- lies in it, 'bed_reserved' while it is promised.
CREATE FUNCTION ehr.bed_claimed(bed uuid) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT CASE c.kind WHEN 'admission' THEN 'bed_taken'
                       ELSE 'bed_reserved' END
      FROM ehr.resources r
      JOIN ehr.claims c ON c.resource = r.id
     WHERE r.kind = 'bed' AND r.entity_id = bed
       AND c.during && tstzrange(clock_timestamp(), NULL)
     ORDER BY lower(c.during)
     LIMIT 1);
END
$$;

-- Trigger: what is claimed is neither deleted, nor taken out of service, nor
-- carried into another room.
CREATE FUNCTION ehr.bed_in_use() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why text := ehr.bed_claimed(OLD.id);
BEGIN
    IF why IS NOT NULL THEN
        PERFORM ehr.refuse_rule('EH409', why, CASE
            WHEN NEW.deleted_at IS NOT NULL THEN ''
            WHEN NEW.ward_room_id <> OLD.ward_room_id THEN 'wardRoomId'
            ELSE 'status' END);
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER in_use BEFORE UPDATE ON ehr.beds
    FOR EACH ROW WHEN (
        OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL
        OR NEW.ward_room_id <> OLD.ward_room_id
        OR NEW.status = 'OUT_OF_SERVICE' AND OLD.status <> 'OUT_OF_SERVICE')
    EXECUTE FUNCTION ehr.bed_in_use();

CREATE FUNCTION ehr.bed_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.bed_status_changes (bed_id, was, status, reason,
            admission_id, actor_id, at)
    VALUES (NEW.id, CASE TG_OP WHEN 'UPDATE' THEN OLD.status END, NEW.status,
            NEW.status_reason,
            CASE WHEN TG_OP = 'UPDATE' AND NEW.admission_id IS NULL
                 THEN OLD.admission_id ELSE NEW.admission_id END,
            ehr.actor(), NEW.status_since);
    RETURN NULL;
END
$$;

CREATE TRIGGER history_new AFTER INSERT ON ehr.beds
    FOR EACH ROW EXECUTE FUNCTION ehr.bed_changed();
CREATE TRIGGER history AFTER UPDATE ON ehr.beds
    FOR EACH ROW WHEN (NEW.status <> OLD.status
        OR NEW.admission_id IS DISTINCT FROM OLD.admission_id)
    EXECUTE FUNCTION ehr.bed_changed();


-- -- rules of admissions ---------------------------------------------------

CREATE FUNCTION ehr.admission_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.patient_id, NEW.mother_admission_id)
           IS DISTINCT FROM (OLD.patient_id, OLD.mother_admission_id)
        THEN
            PERFORM ehr.refuse('EH422', 'field_immutable', 'patientId');
        END IF;

        IF NEW.status <> OLD.status AND NOT (OLD.status, NEW.status) IN (
               ('PLANNED', 'ADMITTED'), ('PLANNED', 'CANCELLED'),
               ('WAITING', 'ADMITTED'), ('WAITING', 'CANCELLED'),
               ('ADMITTED', 'ON_LEAVE'), ('ON_LEAVE', 'ADMITTED'),
               ('ADMITTED', 'DISCHARGED'), ('ON_LEAVE', 'DISCHARGED'),
               ('ADMITTED', 'CANCELLED'))
        THEN
            PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
        END IF;
    ELSIF NEW.status NOT IN ('PLANNED', 'WAITING', 'ADMITTED') THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    END IF;

    IF NEW.expected_discharge_at
       < coalesce(NEW.admitted_at, NEW.planned_start)
       AND (TG_OP = 'INSERT' OR NEW.expected_discharge_at
            IS DISTINCT FROM OLD.expected_discharge_at)
    THEN
        PERFORM ehr.refuse_rule('EH422', 'ends_before_start',
            'expectedDischarge');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.admissions
    FOR EACH ROW EXECUTE FUNCTION ehr.admission_rules();

-- Trigger: who is in hospital, or is expected there, is not deleted.
CREATE FUNCTION ehr.check_no_admission() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM ehr.admissions a
                WHERE a.patient_id = OLD.id
                  AND a.status NOT IN ('DISCHARGED', 'CANCELLED'))
    THEN
        PERFORM ehr.refuse('EH409', 'still_referenced');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_no_admission BEFORE UPDATE ON ehr.patients
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_no_admission();


-- -- rules of movements ----------------------------------------------------

-- Refuses who does not belong into the room or the bed; field: of the input,
-- that named it.
CREATE FUNCTION ehr.check_belongs(policy text, bed_group text, sex text,
    age text, field text DEFAULT 'bedId') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF policy IN ('MALE', 'FEMALE') AND sex <> policy THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', field,
            jsonb_build_object('sexPolicy', policy));
    ELSIF NOT ehr.age_fits(bed_group, age) THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_age_group', field,
            jsonb_build_object('ageGroup', bed_group));
    END IF;
END
$$;

-- A movement knows where and who; a newborn in its mother's bed has neither a
-- sex nor an age as far as the room is concerned.  Patient and room are locked
-- so that neither changes before this is committed.
CREATE FUNCTION ehr.movement_new() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lies record;
    who  record;
BEGIN
    IF lower(NEW.during) > clock_timestamp()
       OR upper(NEW.during) > clock_timestamp()
    THEN
        PERFORM ehr.refuse_rule('EH422', 'in_the_future', 'at');
    END IF;

    SELECT p.gender, p.date_of_birth INTO who
      FROM ehr.patients p WHERE p.id = NEW.patient_id
       FOR SHARE;
    SELECT r.id, r.ward_id, r.sex_policy, b.age_group INTO lies
      FROM ehr.beds b
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE b.id = NEW.bed_id
       FOR SHARE OF r;

    NEW.ward_room_id := lies.id;
    NEW.ward_id := lies.ward_id;
    NEW.sex := who.gender;
    NEW.is_same_sex := lies.sex_policy = 'SAME' AND NEW.seat = 0;

    IF NEW.seat = 0 THEN
        PERFORM ehr.check_belongs(lies.sex_policy, lies.age_group, NEW.sex,
            ehr.age_group(who.date_of_birth, coalesce(
                (SELECT a.admitted_at FROM ehr.admissions a
                  WHERE a.id = NEW.admission_id), lower(NEW.during))));
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules_new BEFORE INSERT ON ehr.admission_movements
    FOR EACH ROW EXECUTE FUNCTION ehr.movement_new();

-- History is not rewritten: it ends, or was an error as a whole.  While it is
-- open, sex and policy follow the patient and the room.
CREATE FUNCTION ehr.movement_kept() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    may constant text[] := '{during, starts_at, ends_at, cancelled_at, sex,
        is_same_sex}';
BEGIN
    IF TG_OP = 'UPDATE'
       AND to_jsonb(NEW) - may = to_jsonb(OLD) - may
       AND (OLD.cancelled_at IS NULL
            OR NEW.cancelled_at = OLD.cancelled_at)
       AND (NEW.during = OLD.during
            OR upper_inf(OLD.during) AND lower(NEW.during) = lower(OLD.during)
               AND upper(NEW.during) <= clock_timestamp())
       AND ((NEW.sex, NEW.is_same_sex) = (OLD.sex, OLD.is_same_sex)
            OR upper_inf(OLD.during)
               AND NEW.sex = (SELECT p.gender FROM ehr.patients p
                               WHERE p.id = NEW.patient_id)
               AND NEW.is_same_sex = (NEW.seat = 0 AND EXISTS (
                       SELECT FROM ehr.ward_rooms r
                        WHERE r.id = NEW.ward_room_id
                          AND r.sex_policy = 'SAME')))
    THEN
        RETURN NEW;
    END IF;

    RAISE EXCEPTION 'a movement only ends, or is cancelled'
        USING ERRCODE = 'EH403';
END
$$;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON ehr.admission_movements
    FOR EACH ROW EXECUTE FUNCTION ehr.movement_kept();
CREATE TRIGGER append_only BEFORE TRUNCATE ON ehr.admission_movements
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();

-- Trigger: a room gets another policy, or another ward, only if that suits
-- those who lie in it.
CREATE FUNCTION ehr.room_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.ward_id <> OLD.ward_id
       AND EXISTS (SELECT FROM ehr.beds b
                    WHERE b.ward_room_id = NEW.id AND b.deleted_at IS NULL
                      AND ehr.bed_claimed(b.id) IS NOT NULL)
    THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_taken', 'wardId');
    END IF;

    IF EXISTS (SELECT FROM ehr.beds b
                WHERE b.ward_room_id = NEW.id AND b.status = 'OCCUPIED'
                  AND NEW.sex_policy IN ('MALE', 'FEMALE')
                  AND b.occupant_sex <> NEW.sex_policy)
    THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'sexPolicy');
    END IF;

    UPDATE ehr.admission_movements m
       SET is_same_sex = (NEW.sex_policy = 'SAME')
     WHERE m.bed_id IN (SELECT b.id FROM ehr.beds b
                         WHERE b.ward_room_id = NEW.id)
       AND m.seat = 0 AND upper_inf(m.during) AND m.cancelled_at IS NULL
       AND m.is_same_sex <> (NEW.sex_policy = 'SAME');
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'sexPolicy');
END
$$;

CREATE TRIGGER room_changed AFTER UPDATE ON ehr.ward_rooms
    FOR EACH ROW WHEN (NEW.ward_id <> OLD.ward_id
        OR NEW.sex_policy <> OLD.sex_policy)
    EXECUTE FUNCTION ehr.room_changed();

-- Trigger: so does a patient get another sex: the bed has to suit, or to be
-- left first.
CREATE FUNCTION ehr.patient_sex_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lies uuid;
BEGIN
    SELECT a.bed_id INTO lies
      FROM ehr.admissions a
     WHERE a.patient_id = NEW.id AND ehr.is_inside(a.status)
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    PERFORM FROM ehr.beds b WHERE b.id = lies FOR NO KEY UPDATE;
    PERFORM ehr.lock_rooms(lies);

    UPDATE ehr.admission_movements m SET sex = NEW.gender
     WHERE m.patient_id = NEW.id AND upper_inf(m.during)
       AND m.cancelled_at IS NULL;
    PERFORM ehr.check_belongs(r.sex_policy, NULL, NEW.gender, NULL)
       FROM ehr.beds b
       JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
       JOIN ehr.admission_movements m ON m.bed_id = b.id
      WHERE b.id = lies AND m.patient_id = NEW.id AND m.seat = 0
        AND upper_inf(m.during) AND m.cancelled_at IS NULL;
    UPDATE ehr.beds b SET occupant_sex = NEW.gender
      FROM ehr.admissions a
     WHERE b.id = lies AND a.id = b.admission_id AND a.patient_id = NEW.id;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'gender');
END
$$;

CREATE TRIGGER sex_changed AFTER UPDATE ON ehr.patients
    FOR EACH ROW WHEN (NEW.gender <> OLD.gender)
    EXECUTE FUNCTION ehr.patient_sex_changed();


-- -- all of it is one thing ------------------------------------------------
--
-- Looked at when the transaction is about to be committed; nothing here asks
-- who acts.  enable_seqscan: as in 0009.

-- Whether an admission, its movements and its claims say the same: without a
-- gap one stay after the other from its admission on, each with the claim of
-- its bed and the patient's on seat 1; what is reserved or offered with one
-- claim; nothing else.
CREATE FUNCTION ehr.stay_is_whole(admission uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a        ehr.admissions;
    lain     record;
    claimed  record;
    expected tstzrange;
BEGIN
    SELECT * INTO a FROM ehr.admissions t WHERE t.id = admission;

    SELECT count(*) AS moves, range_agg(m.during) AS during,
           count(*) FILTER (WHERE upper_inf(m.during)) AS open,
           bool_and(m.bed_id = a.bed_id AND m.ward_id = a.ward_id)
               FILTER (WHERE upper_inf(m.during)) AS is_there,
           array_agg((m.bed_id, m.seat, m.during) ORDER BY m.during) AS beds,
           array_agg((m.patient_id, 1, m.during) ORDER BY m.during)
               AS patients
      INTO lain
      FROM ehr.admission_movements m
     WHERE m.admission_id = admission AND m.cancelled_at IS NULL;

    -- By ref, then by number: no plan of this ever reads more.
    SELECT array_agg((r.entity_id, c.seat, c.during) ORDER BY c.during)
               FILTER (WHERE c.kind = 'admission' AND r.kind = 'bed')
               AS beds,
           array_agg((r.entity_id, c.seat, c.during) ORDER BY c.during)
               FILTER (WHERE c.kind = 'admission' AND r.kind <> 'bed')
               AS patients,
           count(*) FILTER (WHERE c.kind = 'reservation') AS reserved,
           bool_and(r.kind = 'bed' AND r.entity_id = a.bed_id AND c.seat = 0
               AND CASE a.status
                   WHEN 'PLANNED' THEN c.during
                       = tstzrange(a.planned_start, a.planned_end)
                   ELSE upper(c.during) = a.offer_expires_at END)
               FILTER (WHERE c.kind = 'reservation') AS fits
      INTO claimed
      FROM ehr.claims c
      JOIN ehr.resources r ON r.id = c.resource
     WHERE c.ref = admission AND c.kind IN ('admission', 'reservation');

    IF lain.beds IS DISTINCT FROM claimed.beds
       OR lain.patients IS DISTINCT FROM claimed.patients
    THEN
        RETURN false;
    END IF;

    CASE
    WHEN a.id IS NULL OR a.status = 'CANCELLED' THEN
        RETURN lain.moves = 0 AND claimed.reserved = 0;
    WHEN a.status IN ('PLANNED', 'WAITING') THEN
        RETURN lain.moves = 0
           AND claimed.reserved = (a.bed_id IS NOT NULL)::integer
           AND coalesce(claimed.fits, true);
    ELSE
        RETURN claimed.reserved = 0
           AND lain.during = tstzmultirange(
                   tstzrange(a.admitted_at, a.discharged_at))
           AND lain.open = ehr.is_inside(a.status)::integer
           AND coalesce(lain.is_there, true);
    END CASE;
END
$$;

CREATE FUNCTION ehr.check_stay() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    here jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    one  uuid;
BEGIN
    FOR one IN
        SELECT DISTINCT (t.entry ->> TG_ARGV[0])::uuid
          FROM (VALUES (gone), (here)) AS t (entry)
         WHERE t.entry IS NOT NULL
    LOOP
        IF NOT ehr.stay_is_whole(one) THEN
            RAISE EXCEPTION 'admission %, its movements and claims differ',
                one USING ERRCODE = 'integrity_constraint_violation',
                          CONSTRAINT = TG_NAME;
        END IF;
    END LOOP;

    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER admissions_claims
    AFTER INSERT OR DELETE OR UPDATE OF status, patient_id, bed_id, ward_id,
        admitted_at, discharged_at, planned_start, planned_end,
        offer_expires_at
    ON ehr.admissions DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ehr.check_stay('id');
CREATE CONSTRAINT TRIGGER admission_movements_claims
    AFTER INSERT OR UPDATE ON ehr.admission_movements
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ehr.check_stay('admission_id');

CREATE CONSTRAINT TRIGGER claims_admission
    AFTER INSERT ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_stay('ref');
CREATE CONSTRAINT TRIGGER claims_admission_changed
    AFTER UPDATE OR DELETE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_stay('ref');

-- A bed is OCCUPIED while somebody lies in it, who it says and of that sex,
-- and at no other time; RESERVED because of a reservation that has begun since; and what
-- is deleted or out of service is not claimed.  A newborn is with its mother.
-- The lock: of two transactions of which each breaks it a half, the later
-- sees the earlier's half.
CREATE FUNCTION ehr.bed_is_whole(bed uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    b      ehr.beds;
    number integer := ehr.resource_of('bed', bed);
    lies   uuid;
    forth  tstzrange := tstzrange(clock_timestamp(), NULL);
BEGIN
    SELECT * INTO b FROM ehr.beds t WHERE t.id = bed FOR SHARE;

    SELECT c.ref INTO lies
      FROM ehr.claims c
     WHERE c.resource = number AND c.seat = 0 AND c.kind = 'admission'
       AND c.during && forth AND upper_inf(c.during);

    IF EXISTS (SELECT FROM ehr.claims c
                 LEFT JOIN ehr.admissions a ON a.id = c.ref
                WHERE c.resource = number AND c.seat > 0
                  AND c.during && forth AND upper_inf(c.during)
                  AND (a.mother_admission_id = lies) IS NOT TRUE)
    THEN
        RETURN false;
    END IF;

    CASE
    WHEN b.id IS NULL OR b.deleted_at IS NOT NULL
         OR b.status = 'OUT_OF_SERVICE'
    THEN
        RETURN ehr.bed_claimed(bed) IS NULL;
    WHEN b.status = 'OCCUPIED' THEN
        RETURN lies IS NOT NULL AND lies = b.admission_id AND EXISTS (
            SELECT FROM ehr.admission_movements m
             WHERE m.admission_id = lies AND upper_inf(m.during)
               AND m.cancelled_at IS NULL AND m.sex = b.occupant_sex);
    WHEN b.status = 'RESERVED' THEN
        RETURN lies IS NULL AND EXISTS (
            SELECT FROM ehr.claims c
             WHERE c.resource = number AND c.seat = 0
               AND c.kind = 'reservation' AND c.ref = b.admission_id
               AND c.during && tstzrange(b.status_since, clock_timestamp(),
                                         '[]'));
    ELSE
        RETURN lies IS NULL;
    END CASE;
END
$$;

CREATE FUNCTION ehr.check_bed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one uuid;
BEGIN
    FOR one IN
        SELECT r.entity_id FROM ehr.resources r
         WHERE TG_TABLE_NAME = 'claims' AND r.kind = 'bed'
           AND r.id IN (
               (to_jsonb(CASE TG_OP WHEN 'INSERT' THEN NEW ELSE OLD END)
                ->> 'resource')::integer,
               (to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END)
                ->> 'resource')::integer)
        UNION ALL
        SELECT (to_jsonb(CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END)
                ->> 'id')::uuid
         WHERE TG_TABLE_NAME = 'beds'
    LOOP
        IF NOT ehr.bed_is_whole(one) THEN
            RAISE EXCEPTION 'bed % and its claims differ', one
                USING ERRCODE = 'integrity_constraint_violation',
                      CONSTRAINT = TG_NAME;
        END IF;
    END LOOP;

    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER beds_claims
    AFTER INSERT OR DELETE OR UPDATE OF status, admission_id, occupant_sex,
        deleted_at
    ON ehr.beds DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ehr.check_bed();
CREATE CONSTRAINT TRIGGER claims_bed
    AFTER INSERT ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_bed();
CREATE CONSTRAINT TRIGGER claims_bed_changed
    AFTER UPDATE OR DELETE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_bed();


-- -- which bed -------------------------------------------------------------

-- What is looked for, and for whom.  bed_id: that one; else any that has what
-- is asked for (null: anything).  is_now: somebody lies down at once.
CREATE TYPE ehr.bed_wish AS (
    admission_id  uuid,
    patient_id    uuid,
    sex           text,         -- null: for nobody in particular
    age           text,
    bed_id        uuid,
    hospital_id   uuid,
    ward_id       uuid,
    room_class_id uuid,
    isolation     boolean,
    equipment     text[],
    during        tstzrange,
    is_now        boolean
);

-- Refuses what is asked for and does not exist.
CREATE FUNCTION ehr.check_wish(wish ehr.bed_wish) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- One of both: criteria that a named bed need not meet are no criteria.
    IF (wish.bed_id IS NULL) = (num_nonnulls(wish.hospital_id, wish.ward_id,
           wish.room_class_id, wish.isolation, wish.equipment) = 0)
    THEN
        PERFORM ehr.refuse_rule('EH422', 'bed_or_criteria', 'bedId');
    END IF;
    IF wish.hospital_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM ehr.hospitals h
            WHERE h.id = wish.hospital_id AND h.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'hospitalId');
    END IF;
    IF wish.ward_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM ehr.wards w
            WHERE w.id = wish.ward_id AND w.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'wardId');
    END IF;
    IF wish.room_class_id IS NOT NULL AND NOT EXISTS (
           SELECT FROM ehr.room_classes c
            WHERE c.id = wish.room_class_id AND c.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'roomClassId');
    END IF;
END
$$;

-- Whether a bed is of the kind that is asked for, and takes such a patient.
CREATE FUNCTION ehr.bed_suits(b ehr.beds, r ehr.ward_rooms, w ehr.wards,
    wish ehr.bed_wish) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT b.deleted_at IS NULL
       AND ((wish).hospital_id IS NULL OR w.hospital_id = (wish).hospital_id)
       AND ((wish).ward_id IS NULL OR r.ward_id = (wish).ward_id)
       AND ((wish).room_class_id IS NULL
            OR r.room_class_id = (wish).room_class_id)
       AND ((wish).isolation IS NOT TRUE OR b.isolation)
       AND ((wish).equipment IS NULL OR b.equipment @> (wish).equipment)
       AND (r.sex_policy NOT IN ('MALE', 'FEMALE') OR (wish).sex IS NULL
            OR r.sex_policy = (wish).sex)
       AND ehr.age_fits(b.age_group, (wish).age)
$$;

-- Whether it is free for the period, but for what the admission itself holds.
CREATE FUNCTION ehr.bed_is_unclaimed(bed uuid, wish ehr.bed_wish)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    RETURN NOT EXISTS (
        SELECT FROM ehr.resources n
          JOIN ehr.claims c ON c.resource = n.id
         WHERE n.kind = 'bed' AND n.entity_id = bed AND c.seat = 0
           AND c.during && wish.during
           AND c.ref IS DISTINCT FROM wish.admission_id);
END
$$;

-- Whether a room for one sex has nobody of another.
CREATE FUNCTION ehr.room_is_free(room uuid, policy text, wish ehr.bed_wish)
RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    RETURN policy <> 'SAME' OR wish.sex IS NULL OR NOT wish.is_now
        OR NOT EXISTS (
           SELECT FROM ehr.admission_movements m
            WHERE m.ward_room_id = room AND m.sex <> wish.sex
              AND m.during && wish.during AND m.is_same_sex
              AND m.cancelled_at IS NULL);
END
$$;

-- Both.
CREATE FUNCTION ehr.bed_is_free(bed uuid, room uuid, policy text,
    wish ehr.bed_wish) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT ehr.bed_is_unclaimed(bed, wish)
       AND ehr.room_is_free(room, policy, wish)
$$;

-- The first `most` free beds but those that were tried, best first: the fewest attributes that nobody
-- asked for; then a room for that sex, or where that sex lies already, before
-- any other; then by ward, room and number.
CREATE FUNCTION ehr.beds_wished(wish ehr.bed_wish, tried uuid[],
    most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    one       record;
    left_over integer := most;

    -- Claims say whether a bed is in the way of who comes later.
    usable    text[] := CASE WHEN wish.is_now THEN ARRAY['AVAILABLE']
        ELSE ARRAY['AVAILABLE', 'RESERVED', 'CLEANING'] END;
BEGIN
    FOR one IN
        SELECT b.id, r.id AS room, r.sex_policy
          FROM ehr.beds b
          JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
          JOIN ehr.wards w ON w.id = r.ward_id
         WHERE b.deleted_at IS NULL AND b.status = ANY (usable)
           AND ehr.bed_suits(b, r, w, wish)
           AND b.id <> ALL (tried)
         ORDER BY cardinality(b.equipment)
                  + (b.isolation AND wish.isolation IS NOT TRUE)::integer,
                  r.sex_policy NOT IN ('MALE', 'FEMALE')
                  AND NOT (r.sex_policy = 'SAME' AND EXISTS (
                      SELECT FROM ehr.beds o
                       WHERE o.ward_room_id = r.id AND o.deleted_at IS NULL
                         AND o.occupant_sex = wish.sex)),
                  w.name, r.room_number, b.bed_number, b.id
    LOOP
        IF ehr.bed_is_free(one.id, one.room, one.sex_policy, wish) THEN
            RETURN NEXT one.id;
            left_over := left_over - 1;
            EXIT WHEN left_over = 0;
        END IF;
    END LOOP;
END
$$;

-- The same for reading: what is free for a patient (null: anybody) in a
-- period, without an end if until is null.
CREATE FUNCTION ehr.beds_free(patient uuid, hospital uuid, ward uuid,
    room_class uuid, isolation boolean, equipment text[],
    since timestamptz, until timestamptz, most integer) RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wish ehr.bed_wish;
BEGIN
    SELECT p.gender, ehr.age_group(p.date_of_birth, clock_timestamp())
      INTO wish.sex, wish.age
      FROM ehr.patients p WHERE p.id = patient;
    wish.hospital_id := hospital;
    wish.ward_id := ward;
    wish.room_class_id := room_class;
    wish.isolation := isolation;
    wish.equipment := equipment;
    wish.is_now := coalesce(since <= clock_timestamp(), true);
    wish.during := tstzrange(coalesce(since, clock_timestamp()), until);

    RETURN QUERY SELECT ehr.beds_wished(wish, '{}', most);
END
$$;

-- What of that kind is free next: what is being cleaned, then by expected
-- discharge.
CREATE FUNCTION ehr.beds_expected(wish ehr.bed_wish, most integer)
RETURNS TABLE (bed_id uuid, ward_id uuid, expected_at timestamptz,
    status text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    cleaning interval := make_interval(mins => nullif(
        ehr.booking_limit('bedCleaningMinutes', 0), 0));
    found_so_far integer;
BEGIN
    RETURN QUERY
    SELECT b.id, r.ward_id, b.status_since + cleaning, b.status
      FROM ehr.beds b
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE b.status = 'CLEANING' AND b.deleted_at IS NULL
       AND ehr.bed_suits(b, r, w, wish)
     ORDER BY b.status_since, b.id
     LIMIT most;
    GET DIAGNOSTICS found_so_far = ROW_COUNT;

    RETURN QUERY
    SELECT b.id, r.ward_id, a.expected_discharge_at, b.status
      FROM ehr.admissions a
      JOIN ehr.beds b ON b.id = a.bed_id AND b.admission_id = a.id
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE a.status IN ('ADMITTED', 'ON_LEAVE')
       AND b.status = 'OCCUPIED' AND ehr.bed_suits(b, r, w, wish)
     ORDER BY a.expected_discharge_at, a.id
     LIMIT most - found_so_far;
END
$$;

-- What a refusal says is free next: of the kind that is asked for, or in the
-- ward of the bed that was to be.
CREATE FUNCTION ehr.beds_expected_json(wish ehr.bed_wish) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF wish.bed_id IS NOT NULL THEN
        SELECT r.ward_id INTO wish.ward_id
          FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
         WHERE b.id = wish.bed_id;
    END IF;

    RETURN coalesce((
        SELECT jsonb_agg(jsonb_build_object('bedId', e.bed_id,
                   'wardId', e.ward_id,
                   'expectedAt', ehr.rfc3339(e.expected_at),
                   'status', e.status))
          FROM ehr.beds_expected(wish, 5) AS e), '[]');
END
$$;

-- The same for whoever may ask for a bed, and for anybody who would lie there.
CREATE FUNCTION ehr.beds_expected_next(bed uuid, hospital uuid, ward uuid,
    room_class uuid, isolation boolean, equipment text[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wish ehr.bed_wish;
BEGIN
    IF NOT ehr.actor_may('admissions.write') THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    wish.bed_id := bed;
    wish.hospital_id := hospital;
    wish.ward_id := ward;
    wish.room_class_id := room_class;
    wish.isolation := isolation;
    wish.equipment := equipment;

    RETURN ehr.beds_expected_json(wish);
END
$$;

-- Refuses for want of a bed, and says which are free next.
CREATE FUNCTION ehr.refuse_bed(rule text, wish ehr.bed_wish) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.refuse_rule('EH409', rule, CASE
        WHEN wish.bed_id IS NOT NULL THEN 'bedId' ELSE '' END,
        jsonb_build_object('expected', ehr.beds_expected_json(wish)));
END
$$;

-- Refuses a bed, by what stands against it.
CREATE FUNCTION ehr.check_bed_for(b ehr.beds, wish ehr.bed_wish)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    against ehr.claims;
    room    ehr.ward_rooms;
BEGIN
    IF b.status = 'OUT_OF_SERVICE' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_out_of_service', 'bedId');
    ELSIF wish.is_now AND b.status = 'CLEANING' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_being_cleaned', 'bedId');
    ELSIF wish.is_now AND b.status = 'OCCUPIED' THEN
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    SELECT * INTO room FROM ehr.ward_rooms r WHERE r.id = b.ward_room_id;
    PERFORM ehr.check_belongs(room.sex_policy, b.age_group, wish.sex,
        wish.age);

    SELECT c.* INTO against
      FROM ehr.resources n
      JOIN ehr.claims c ON c.resource = n.id
     WHERE n.kind = 'bed' AND n.entity_id = b.id AND c.seat = 0
       AND c.during && wish.during
       AND c.ref IS DISTINCT FROM wish.admission_id
     ORDER BY lower(c.during)
     LIMIT 1;
    IF against.kind = 'reservation' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_reserved', 'bedId',
            jsonb_build_object('reservedFrom',
                ehr.rfc3339(lower(against.during))));
    ELSIF FOUND THEN
        PERFORM ehr.refuse_bed('bed_taken', wish);
    ELSIF NOT ehr.room_is_free(room.id, room.sex_policy, wish) THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'bedId',
            jsonb_build_object('sexPolicy', room.sex_policy));
    END IF;
END
$$;

-- The bed that is named, locked together with the one that is left, or a
-- refusal.  Who wants an occupied one need not wait for that.
CREATE FUNCTION ehr.bed_named(wish ehr.bed_wish, leaves uuid)
RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    SELECT * INTO b FROM ehr.beds t
     WHERE t.id = wish.bed_id AND t.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'bedId');
    END IF;
    PERFORM ehr.check_bed_for(b, wish);

    PERFORM FROM ehr.beds t WHERE t.id IN (wish.bed_id, leaves)
      ORDER BY t.id
        FOR NO KEY UPDATE;
    SELECT * INTO b FROM ehr.beds t
     WHERE t.id = wish.bed_id AND t.deleted_at IS NULL;
    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'bedId');
    END IF;
    PERFORM ehr.check_bed_for(b, wish);

    RETURN b;
END
$$;


-- -- lying down and getting up ---------------------------------------------
--
-- Lock order: patients by id; admissions, mothers before newborns, by id; beds
-- by id (one that is searched for first: nobody else has it); rooms by id;
-- movements; claims by resource.

-- Locks the rooms of beds.  A room for one sex is locked for itself: two whose
-- movements in it are to change would wait for each other's.
CREATE FUNCTION ehr.lock_rooms(VARIADIC beds uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room record;
BEGIN
    FOR room IN
        SELECT DISTINCT r.id, r.sex_policy
          FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
         WHERE b.id = ANY (beds)
         ORDER BY r.id
    LOOP
        IF room.sex_policy = 'SAME' THEN
            PERFORM FROM ehr.ward_rooms r WHERE r.id = room.id
                FOR NO KEY UPDATE;
        ELSE
            PERFORM FROM ehr.ward_rooms r WHERE r.id = room.id FOR SHARE;
        END IF;
    END LOOP;
END
$$;

-- The one place that moves a bed along.
CREATE FUNCTION ehr.bed_set(bed uuid, target text, why text, because uuid,
    sex text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.beds b
       SET status = target, status_reason = why, admission_id = because,
           occupant_sex = sex
     WHERE b.id = bed;
END
$$;

-- After somebody left it, or does not need it any more.
CREATE FUNCTION ehr.bed_left(bed uuid, admission uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.beds b
       SET status = CASE b.status WHEN 'OCCUPIED' THEN 'CLEANING'
                                  ELSE 'AVAILABLE' END
     WHERE b.id = bed AND b.admission_id = admission
       AND b.status IN ('OCCUPIED', 'RESERVED');
END
$$;

-- A bed whose reservation has begun is RESERVED.
CREATE FUNCTION ehr.bed_reserve_begun(bed uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    because uuid;
BEGIN
    SELECT c.ref INTO because
      FROM ehr.resources r
      JOIN ehr.claims c ON c.resource = r.id
     WHERE r.kind = 'bed' AND r.entity_id = bed AND c.seat = 0
       AND c.kind = 'reservation' AND c.during @> clock_timestamp();

    IF FOUND THEN
        UPDATE ehr.beds b SET status = 'RESERVED', admission_id = because
         WHERE b.id = bed AND b.status = 'AVAILABLE';
    END IF;
END
$$;

-- Ends what an admission has: its open stay at that moment, its reservation
-- as if it had never been.
CREATE FUNCTION ehr.stay_end(admission uuid, at timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    UPDATE ehr.admission_movements m
       SET during = tstzrange(lower(m.during), at)
     WHERE m.admission_id = admission AND upper_inf(m.during)
       AND m.cancelled_at IS NULL;
    UPDATE ehr.claims c
       SET during = tstzrange(lower(c.during), at)
     WHERE c.ref = admission AND c.kind = 'admission'
       AND upper_inf(c.during);
    DELETE FROM ehr.claims c
     WHERE c.ref = admission AND c.kind = 'reservation';
END
$$;

-- Lays a patient into a bed that the caller has locked.  False: the room has
-- got somebody of another sex meanwhile.
CREATE FUNCTION ehr.stay_begin(wish ehr.bed_wish, bed uuid, seat integer,
    act text, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    place   integer := ehr.resource_of('bed', bed);
    patient integer := ehr.resource_of('patient', wish.patient_id);
    claimed integer[];
BEGIN
    INSERT INTO ehr.admission_movements (admission_id, patient_id, bed_id,
            seat, kind, during, reason)
    VALUES (wish.admission_id, wish.patient_id, bed, stay_begin.seat, act,
            wish.during, why)
    ON CONFLICT ON CONSTRAINT admission_movements_sex_excl DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    WITH made AS (
        INSERT INTO ehr.claims (resource, seat, during, kind, ref)
        SELECT c.resource, c.seat, wish.during, 'admission',
               wish.admission_id
          FROM (VALUES (place, stay_begin.seat), (patient, 1))
               AS c (resource, seat)
         ORDER BY c.resource
        ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING
        RETURNING claims.resource
    )
    SELECT array_agg(m.resource) INTO claimed FROM made m;

    IF (patient = ANY (claimed)) IS NOT TRUE THEN
        PERFORM ehr.refuse_rule('EH409', 'patient_in_bed', 'patientId');
    ELSIF cardinality(claimed) < 2 THEN
        wish.bed_id := bed;
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    RETURN true;
END
$$;

-- Refuses who lies in a bed in that period, but by this admission.
CREATE FUNCTION ehr.check_not_in_bed(wish ehr.bed_wish) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    IF EXISTS (SELECT FROM ehr.resources r
                 JOIN ehr.claims c ON c.resource = r.id AND c.seat = 1
                WHERE r.kind = 'patient' AND r.entity_id = wish.patient_id
                  AND c.during && wish.during
                  AND c.ref IS DISTINCT FROM wish.admission_id)
    THEN
        PERFORM ehr.refuse_rule('EH409', 'patient_in_bed', 'patientId');
    END IF;
END
$$;

-- Gives a bed that is locked and free: the patient gives up what the admission
-- has (leaves: the bed of that, or null) and lies down; or it is reserved.
-- False: its room has got somebody of another sex meanwhile.
CREATE FUNCTION ehr.bed_give(b ehr.beds, wish ehr.bed_wish, act text,
    why text, leaves uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    IF NOT wish.is_now THEN
        INSERT INTO ehr.claims (resource, during, kind, ref)
        VALUES (ehr.resource_of('bed', b.id), wish.during, 'reservation',
                wish.admission_id)
        ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
        IF FOUND THEN
            PERFORM ehr.bed_reserve_begun(b.id);
            RETURN true;
        END IF;
        RETURN false;
    END IF;

    PERFORM FROM ehr.beds t WHERE t.id = leaves FOR NO KEY UPDATE;
    PERFORM ehr.lock_rooms(b.id, leaves);
    PERFORM ehr.stay_end(wish.admission_id, lower(wish.during));
    IF NOT ehr.stay_begin(wish, b.id, 0, act, why) THEN
        RETURN false;
    END IF;

    IF leaves IS DISTINCT FROM b.id THEN
        PERFORM ehr.bed_left(leaves, wish.admission_id);
    END IF;
    PERFORM ehr.bed_set(b.id, 'OCCUPIED', NULL, wish.admission_id, wish.sex);
    RETURN true;
END
$$;

-- Locks one bed if nobody else has it, or waits for it, and returns it if it
-- is free still.
CREATE FUNCTION ehr.bed_lock(bed uuid, wish ehr.bed_wish, waits boolean)
RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    IF waits THEN
        PERFORM FROM ehr.beds t WHERE t.id = bed FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM ehr.beds t WHERE t.id = bed
            FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;

    -- In a new snapshot: the one before is of a time when others had it.
    SELECT t.* INTO b
      FROM ehr.beds t
      JOIN ehr.ward_rooms r ON r.id = t.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE t.id = bed AND t.deleted_at IS NULL
       AND (t.status = 'AVAILABLE'
            OR NOT wish.is_now AND t.status <> 'OUT_OF_SERVICE')
       AND ehr.bed_suits(t, r, w, wish)
       AND ehr.bed_is_free(t.id, r.id, r.sex_policy, wish);
    RETURN b;
END
$$;

-- Gives one bed, if it can be had.  Null: it cannot, and is not locked any
-- more, nor is anything else changed: who waits for a bed must not keep one
-- that others wait for.
CREATE FUNCTION ehr.bed_try(bed uuid, wish ehr.bed_wish, act text, why text,
    leaves uuid, waits boolean) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    b := ehr.bed_lock(bed, wish, waits);
    IF b.id IS NULL OR NOT ehr.bed_give(b, wish, act, why, leaves) THEN
        RAISE SQLSTATE 'EH000';
    END IF;

    RETURN b;
EXCEPTION
    WHEN SQLSTATE 'EH000' THEN
        RETURN NULL;
END
$$;

-- Gives the bed that is wished, or the best that is free, first of those that
-- are advised.  Null: none is free, and not only none that nobody else has
-- locked.
CREATE FUNCTION ehr.stay_place(wish ehr.bed_wish, act text, why text,
    advice uuid[], leaves uuid) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b        ehr.beds;
    one      uuid;
    tries    uuid[] := coalesce(advice, '{}');
    searched boolean := false;
BEGIN
    IF wish.bed_id IS NOT NULL THEN
        b := ehr.bed_named(wish, leaves);
        IF NOT ehr.bed_give(b, wish, act, why, leaves) THEN
            PERFORM ehr.refuse_rule('EH409', CASE WHEN wish.is_now
                THEN 'room_sex_policy' ELSE 'bed_reserved' END, 'bedId');
        END IF;
        RETURN b;
    END IF;

    LOOP
        FOREACH one IN ARRAY tries LOOP
            b := ehr.bed_try(one, wish, act, why, leaves, false);
            IF b.id IS NOT NULL THEN
                RETURN b;
            END IF;
        END LOOP;

        -- Others are taking them all, and some may give theirs back.
        IF searched THEN
            b := ehr.bed_try(tries[1], wish, act, why, leaves, true);
            IF b.id IS NOT NULL THEN
                RETURN b;
            END IF;
        END IF;

        tries := ARRAY(SELECT ehr.beds_wished(wish, '{}', 16));
        searched := true;
        IF tries = '{}' THEN
            RETURN NULL;
        END IF;
    END LOOP;
END
$$;

CREATE FUNCTION ehr.bed_ward(bed uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT r.ward_id
      FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE b.id = bed
$$;


-- -- who acts, on what, when -----------------------------------------------

-- What the actor may do with a permission: 'all', 'team' (on patients whose
-- record the actor writes) or ''.
CREATE FUNCTION ehr.stay_power(wanted text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN ehr.scope() = 'system' THEN 'all'
                WHEN ehr.sees_all() AND ehr.actor_may(wanted)
                THEN ehr.scope()
                ELSE '' END
$$;

-- The admission, locked with the other one, if there is one, and with mothers
-- and newborns who move with them; if the actor may do this to it in this
-- version.  What may not be written is not there.
CREATE FUNCTION ehr.admission_locked(admission uuid, wanted integer,
    permission text, other uuid DEFAULT NULL) RETURNS ehr.admissions
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    power  text := ehr.stay_power(permission);
    family uuid[];
    a      ehr.admissions;
BEGIN
    IF power = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    family := ARRAY(
        SELECT unnest(ARRAY[t.id, t.mother_admission_id])
          FROM ehr.admissions t WHERE t.id IN (admission, other)
        UNION
        SELECT n.id FROM ehr.admissions n
         WHERE n.mother_admission_id IN (admission, other)
           AND ehr.is_inside(n.status));
    PERFORM FROM ehr.patients p
      WHERE p.id IN (SELECT t.patient_id FROM ehr.admissions t
                      WHERE t.id = ANY (family))
      ORDER BY p.id
        FOR SHARE;
    PERFORM FROM ehr.admissions t WHERE t.id = ANY (family)
      ORDER BY t.mother_admission_id IS NOT NULL, t.id
        FOR NO KEY UPDATE;

    SELECT * INTO a FROM ehr.admissions t
     WHERE t.id = admission AND t.deleted_at IS NULL;
    IF a.id IS NULL OR power = 'team' AND NOT ehr.may_write(a.patient_id)
    THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    END IF;
    IF wanted <> a.version THEN
        PERFORM ehr.refuse('EH412', 'stale_version');
    END IF;

    RETURN a;
END
$$;

-- The moment of an act: now, or the one that is told; never in the future, nor
-- before the last movement began (since); in the past for those only who may.
CREATE FUNCTION ehr.stay_moment(told timestamptz, since timestamptz,
    field text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clock timestamptz := clock_timestamp();
BEGIN
    IF told IS NULL THEN
        RETURN greatest(clock, since + interval '1 microsecond');
    END IF;

    IF NOT isfinite(told) OR told > clock THEN
        PERFORM ehr.refuse_rule('EH422', 'in_the_future', field);
    ELSIF told < clock - interval '1 minute'
          AND ehr.stay_power('admissions.backdate') = ''
    THEN
        PERFORM ehr.refuse_rule('EH403', 'backdate_not_allowed', field);
    ELSIF told <= since THEN
        PERFORM ehr.refuse_rule('EH409', 'before_last_movement', field,
            jsonb_build_object('lastMovement', ehr.rfc3339(since)));
    END IF;

    RETURN told;
END
$$;

-- When the last of these admissions moved.
CREATE FUNCTION ehr.last_movement(VARIADIC stays uuid[]) RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT max(lower(m.during))
      FROM ehr.admission_movements m
     WHERE m.admission_id = ANY (stays) AND m.cancelled_at IS NULL
$$;

-- The newborns in the bed of their mother.
CREATE FUNCTION ehr.newborns_in_bed(mother uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT n.id
          FROM ehr.admissions n
          JOIN ehr.admission_movements m ON m.admission_id = n.id
         WHERE n.mother_admission_id = mother AND m.seat > 0
           AND upper_inf(m.during) AND m.cancelled_at IS NULL
         ORDER BY n.id)
$$;

-- Whom a stay is for; the caller adds what is wished and when.
CREATE FUNCTION ehr.stay_wish(admission uuid, patient uuid,
    admitted timestamptz, bed uuid, hospital uuid, ward uuid,
    room_class uuid, isolation boolean, equipment text[],
    during tstzrange, is_now boolean) RETURNS ehr.bed_wish
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT admission, p.id, p.gender,
           ehr.age_group(p.date_of_birth, admitted), bed, hospital, ward,
           room_class, isolation, equipment, during, is_now
      FROM ehr.patients p
     WHERE p.id = patient
$$;

-- Lays a newborn into the bed where its mother lies, whose bed the caller has
-- locked: on the first seat that is free.
CREATE FUNCTION ehr.stay_room_in(wish ehr.bed_wish, bed uuid, act text,
    why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    seat integer;
BEGIN
    SELECT min(s.n) INTO seat
      FROM generate_series(1, 20) AS s (n)
     WHERE NOT EXISTS (
           SELECT FROM ehr.claims c
            WHERE c.resource = ehr.resource_of('bed', bed)
              AND c.seat = s.n AND c.during && wish.during);
    IF seat IS NULL THEN
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    PERFORM ehr.stay_begin(wish, bed, seat, act, why);
END
$$;

-- Takes the newborns of a stay along into another bed.
CREATE FUNCTION ehr.newborns_follow(newborns uuid[], bed uuid, ward uuid,
    at timestamptz, act text, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n ehr.admissions;
BEGIN
    FOR n IN SELECT t.* FROM ehr.admissions t
              WHERE t.id = ANY (newborns) ORDER BY t.id
    LOOP
        PERFORM ehr.stay_end(n.id, at);
        PERFORM ehr.stay_room_in(ehr.stay_wish(n.id, n.patient_id,
            n.admitted_at, NULL, NULL, NULL, NULL, NULL, NULL,
            tstzrange(at, NULL), true), bed, act, why);
        UPDATE ehr.admissions t SET bed_id = bed, ward_id = ward
         WHERE t.id = n.id;
    END LOOP;
END
$$;


-- -- the acts --------------------------------------------------------------

-- The mother's stay of a newborn that is to room in, locked.
CREATE FUNCTION ehr.mother_locked(mother uuid) RETURNS ehr.admissions
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    m ehr.admissions;
BEGIN
    SELECT * INTO m FROM ehr.admissions t
     WHERE t.id = mother AND t.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF m.id IS NULL OR m.mother_admission_id IS NOT NULL
       OR ehr.stay_power('admissions.write') = 'team'
          AND NOT ehr.may_write(m.patient_id)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown',
            'motherAdmissionId');
    END IF;

    RETURN m;
END
$$;

-- Admits now (or at `admitted`), plans (planned_start), or waits if nothing is
-- free and one may.  The bed is named, or searched for by criteria: of what is
-- advised first.  A newborn with a mother and neither is in its mother's bed.
CREATE FUNCTION ehr.admission_create(id uuid, patient uuid, bed uuid,
    hospital uuid, ward uuid, room_class uuid, isolation boolean,
    equipment text[], type text, doctor uuid, diagnosis text,
    diagnosis_code text, expected_discharge timestamptz, appointment uuid,
    mother uuid, admitted timestamptz, planned_start timestamptz,
    planned_end timestamptz, waits boolean, reason text, additional jsonb,
    advice uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    power   text := ehr.stay_power('admissions.write');
    rooming boolean := mother IS NOT NULL AND planned_start IS NULL
        AND num_nonnulls(bed, hospital, ward, room_class, isolation,
                         equipment) = 0;
    parent  ehr.admissions;
    wish    ehr.bed_wish;
    b       ehr.beds;
    at      timestamptz;
    became  text;
BEGIN
    IF power = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    PERFORM FROM ehr.patients p
      WHERE p.id = patient AND p.deleted_at IS NULL
        FOR SHARE;
    IF NOT FOUND OR power = 'team' AND NOT ehr.may_write(patient) THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'patientId');
    END IF;
    IF doctor IS NOT NULL AND NOT EXISTS (
           SELECT FROM ehr.doctors d
            WHERE d.id = doctor AND d.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown',
            'admittingDoctorId');
    END IF;
    IF mother IS NOT NULL THEN
        parent := ehr.mother_locked(mother);
    END IF;

    IF planned_start IS NULL THEN
        at := ehr.stay_moment(admitted, NULL, 'admittedAt');
        wish := ehr.stay_wish(id, patient, at, bed, hospital, ward,
            room_class, isolation, equipment, tstzrange(at, NULL), true);
        PERFORM ehr.check_not_in_bed(wish);
    ELSE
        PERFORM ehr.check_plan(planned_start, planned_end, admitted);
        wish := ehr.stay_wish(id, patient, planned_start, bed, hospital,
            ward, room_class, isolation, equipment,
            tstzrange(planned_start, planned_end), false);
    END IF;
    IF (rooming OR type = 'NEWBORN') AND wish.age <> 'NEWBORN' THEN
        PERFORM ehr.refuse_rule('EH422', 'not_newborn', 'patientId');
    END IF;

    IF rooming THEN
        IF NOT ehr.is_inside(parent.status) THEN
            PERFORM ehr.refuse_rule('EH409', 'illegal_status',
                'motherAdmissionId');
        END IF;
        PERFORM ehr.stay_moment(at, ehr.last_movement(mother)
            - interval '1 microsecond', 'admittedAt');
        SELECT * INTO b FROM ehr.beds t
         WHERE t.id = parent.bed_id FOR NO KEY UPDATE;
        PERFORM ehr.stay_room_in(wish, b.id, 'ROOM_IN', reason);
    ELSE
        PERFORM ehr.check_wish(wish);
        b := ehr.stay_place(wish, 'ADMIT', reason, advice, NULL);
    END IF;

    became := CASE WHEN b.id IS NULL THEN 'WAITING'
                   WHEN planned_start IS NULL THEN 'ADMITTED'
                   ELSE 'PLANNED' END;
    IF became = 'WAITING' AND waits IS NOT TRUE THEN
        PERFORM ehr.refuse_bed('no_bed_free', wish);
    END IF;

    INSERT INTO ehr.admissions AS t (id, patient_id, bed_id, ward_id, status,
            type, admitting_doctor_id, diagnosis, diagnosis_code, reason,
            appointment_id, mother_admission_id, planned_start, planned_end,
            expected_discharge_at, admitted_at, wanted_hospital_id,
            wanted_ward_id, wanted_room_class_id, wanted_isolation,
            wanted_equipment, additional_data)
    VALUES (id, patient, b.id, coalesce(ehr.bed_ward(b.id), ward), became,
            type, doctor, diagnosis, diagnosis_code, reason, appointment,
            mother, planned_start, planned_end, expected_discharge,
            CASE became WHEN 'ADMITTED' THEN at END, hospital, ward,
            room_class, isolation, equipment, coalesce(additional, '{}'));

    PERFORM ehr.admission_team(patient, doctor);
END
$$;

-- A plan that is none.
CREATE FUNCTION ehr.check_plan(starts timestamptz, ends timestamptz,
    admitted timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF admitted IS NOT NULL THEN
        PERFORM ehr.refuse_rule('EH422', 'value_refused', 'admittedAt');
    ELSIF NOT isfinite(starts)
          OR starts < clock_timestamp() - interval '1 minute'
    THEN
        PERFORM ehr.refuse_rule('EH422', 'in_the_past', 'plannedStart');
    ELSIF ends <= starts OR NOT isfinite(ends) THEN
        PERFORM ehr.refuse_rule('EH422', 'ends_before_start', 'plannedEnd');
    END IF;
END
$$;

-- Whoever admits a patient may write to the record.
CREATE FUNCTION ehr.admission_team(patient uuid, doctor uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM ehr.care_team t
                    WHERE t.patient_id = patient AND t.doctor_id = doctor
                      AND t.deleted_at IS NULL)
    THEN
        PERFORM ehr.join_care_team(patient, doctor, 'TREATING');
    END IF;
END
$$;

-- Makes a plan or a wait an admission: in the bed that is named, or searched
-- for, or else the one reserved or offered, or else by what was wanted.
CREATE FUNCTION ehr.admission_admit(id uuid, version integer, bed uuid,
    hospital uuid, ward uuid, room_class uuid, isolation boolean,
    equipment text[], admitted timestamptz, reason text, advice uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a    ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
    at   timestamptz;
    wish ehr.bed_wish;
    b    ehr.beds;
BEGIN
    IF a.status NOT IN ('PLANNED', 'WAITING') THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    END IF;

    at := ehr.stay_moment(admitted, NULL, 'admittedAt');
    wish := ehr.stay_wish(a.id, a.patient_id, at, bed, hospital, ward,
        room_class, isolation, equipment, tstzrange(at, NULL), true);
    IF num_nonnulls(bed, hospital, ward, room_class, isolation, equipment)
       = 0
    THEN
        wish := CASE WHEN a.bed_id IS NOT NULL
            THEN ehr.stay_wish(a.id, a.patient_id, at, a.bed_id, NULL, NULL,
                NULL, NULL, NULL, wish.during, true)
            ELSE ehr.stay_wish(a.id, a.patient_id, at, NULL,
                a.wanted_hospital_id, a.wanted_ward_id,
                a.wanted_room_class_id, a.wanted_isolation,
                a.wanted_equipment, wish.during, true) END;
    END IF;
    PERFORM ehr.check_wish(wish);
    PERFORM ehr.check_not_in_bed(wish);

    b := ehr.stay_place(wish, 'ADMIT', reason, advice, a.bed_id);
    IF b.id IS NULL THEN
        PERFORM ehr.refuse_bed('no_bed_free', wish);
    END IF;

    UPDATE ehr.admissions t
       SET status = 'ADMITTED', bed_id = b.id, ward_id = ehr.bed_ward(b.id),
           admitted_at = at, offer_expires_at = NULL
     WHERE t.id = a.id;
END
$$;

-- Moves a patient to another bed, and newborns along; a newborn into its
-- mother's bed if that is named.
CREATE FUNCTION ehr.admission_transfer(id uuid, version integer, bed uuid,
    hospital uuid, ward uuid, room_class uuid, isolation boolean,
    equipment text[], at timestamptz, reason text, advice uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a        ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
    newborns uuid[] := ehr.newborns_in_bed(id);
    moment   timestamptz;
    wish     ehr.bed_wish;
    b        ehr.beds;
    mothers  uuid;
BEGIN
    IF NOT ehr.is_inside(a.status) THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF bed = a.bed_id THEN
        PERFORM ehr.refuse_rule('EH409', 'same_bed', 'bedId');
    END IF;

    moment := ehr.stay_moment(at, ehr.last_movement(VARIADIC
        newborns || a.id), 'at');
    wish := ehr.stay_wish(a.id, a.patient_id, a.admitted_at, bed, hospital,
        ward, room_class, isolation, equipment, tstzrange(moment, NULL),
        true);
    PERFORM ehr.check_wish(wish);

    SELECT m.bed_id INTO mothers FROM ehr.admissions m
     WHERE m.id = a.mother_admission_id AND ehr.is_inside(m.status);
    IF bed = mothers THEN
        b := ehr.stay_join_mother(wish, a, moment, reason);
    ELSE
        b := ehr.stay_place(wish, 'TRANSFER', reason, advice, a.bed_id);
        IF b.id IS NULL THEN
            PERFORM ehr.refuse_bed('no_bed_free', wish);
        END IF;
        PERFORM ehr.newborns_follow(newborns, b.id, ehr.bed_ward(b.id),
            moment, 'TRANSFER', reason);
    END IF;

    UPDATE ehr.admissions t
       SET bed_id = b.id, ward_id = ehr.bed_ward(b.id)
     WHERE t.id = a.id;
END
$$;

-- A newborn comes from a bed of its own to its mother.
CREATE FUNCTION ehr.stay_join_mother(wish ehr.bed_wish, a ehr.admissions,
    at timestamptz, why text) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    PERFORM FROM ehr.beds t WHERE t.id IN (wish.bed_id, a.bed_id)
      ORDER BY t.id
        FOR NO KEY UPDATE;
    SELECT * INTO b FROM ehr.beds t WHERE t.id = wish.bed_id;

    PERFORM ehr.lock_rooms(wish.bed_id, a.bed_id);
    PERFORM ehr.stay_end(a.id, at);
    PERFORM ehr.stay_room_in(wish, b.id, 'ROOM_IN', why);
    PERFORM ehr.bed_left(a.bed_id, a.id);
    RETURN b;
END
$$;

-- Two patients change beds, and their newborns with them.
CREATE FUNCTION ehr.admission_swap(id uuid, version integer, other uuid,
    at timestamptz, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a      ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write', other);
    o      ehr.admissions;
    mine   uuid[] := ehr.newborns_in_bed(id);
    theirs uuid[] := ehr.newborns_in_bed(other);
    moment timestamptz;
BEGIN
    SELECT * INTO o FROM ehr.admissions t
     WHERE t.id = other AND t.deleted_at IS NULL;
    IF o.id IS NULL OR ehr.stay_power('admissions.write') = 'team'
                       AND NOT ehr.may_write(o.patient_id)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown',
            'otherAdmissionId');
    ELSIF NOT ehr.is_inside(a.status) THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF NOT ehr.is_inside(o.status) THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status',
            'otherAdmissionId');
    ELSIF a.bed_id = o.bed_id THEN
        PERFORM ehr.refuse_rule('EH409', 'same_bed', 'otherAdmissionId');
    END IF;

    PERFORM FROM ehr.beds b WHERE b.id IN (a.bed_id, o.bed_id)
      ORDER BY b.id
        FOR NO KEY UPDATE;
    IF EXISTS (SELECT FROM ehr.beds b
                WHERE b.id IN (a.bed_id, o.bed_id)
                  AND b.admission_id NOT IN (a.id, o.id))
    THEN
        PERFORM ehr.refuse_rule('EH409', 'newborn_in_bed',
            'otherAdmissionId');
    END IF;
    PERFORM ehr.lock_rooms(a.bed_id, o.bed_id);

    moment := ehr.stay_moment(at, ehr.last_movement(VARIADIC
        mine || theirs || a.id || o.id), 'at');
    PERFORM ehr.stay_end(e.id, moment)
       FROM unnest(mine || theirs || a.id || o.id) AS e (id);
    PERFORM ehr.stay_swapped(a, o.bed_id, moment, reason, mine);
    PERFORM ehr.stay_swapped(o, a.bed_id, moment, reason, theirs);
END
$$;

-- One half of a swap: into the other's bed.
CREATE FUNCTION ehr.stay_swapped(a ehr.admissions, bed uuid,
    at timestamptz, why text, newborns uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wish ehr.bed_wish := ehr.stay_wish(a.id, a.patient_id, a.admitted_at,
        NULL, NULL, NULL, NULL, NULL, NULL, tstzrange(at, NULL), true);
BEGIN
    PERFORM ehr.check_belongs(r.sex_policy, b.age_group, wish.sex, wish.age,
        'otherAdmissionId')
       FROM ehr.beds b
       JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      WHERE b.id = bed;
    IF NOT ehr.stay_begin(wish, bed, 0, 'SWAP', why) THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy',
            'otherAdmissionId');
    END IF;

    PERFORM ehr.bed_set(bed, 'OCCUPIED', NULL, a.id, wish.sex);
    UPDATE ehr.admissions t SET bed_id = bed, ward_id = ehr.bed_ward(bed)
     WHERE t.id = a.id;
    PERFORM ehr.newborns_follow(newborns, bed, ehr.bed_ward(bed), at, 'SWAP',
        why);
END
$$;

-- Orders a discharge, withdraws the order, or does it.  Only what is done
-- frees the bed; without an order one leaves against advice or dead.
CREATE FUNCTION ehr.admission_discharge(id uuid, version integer, step text,
    disposition text, at timestamptz, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a      ehr.admissions := ehr.admission_locked(id, version,
        'admissions.discharge');
    leaves text := coalesce(disposition, a.disposition);
    moment timestamptz;
BEGIN
    IF step <> 'DONE' AND ehr.stay_power('admissions.order') = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    ELSIF NOT ehr.is_inside(a.status)
          OR step = 'ORDERED' AND a.discharge_ordered_at IS NOT NULL
    THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF step = 'WITHDRAWN' AND a.discharge_ordered_at IS NULL THEN
        PERFORM ehr.refuse_rule('EH409', 'not_ordered', 'step');
    END IF;

    CASE step
    WHEN 'ORDERED' THEN
        moment := ehr.stay_moment(at, a.admitted_at, 'at');
        UPDATE ehr.admissions t
           SET discharge_ordered_at = moment,
               discharge_ordered_by = ehr.actor(), disposition = leaves,
               discharge_reason = coalesce(admission_discharge.reason,
                                           a.discharge_reason)
         WHERE t.id = a.id;
    WHEN 'WITHDRAWN' THEN
        UPDATE ehr.admissions t
           SET discharge_ordered_at = NULL, discharge_ordered_by = NULL,
               disposition = NULL, discharge_reason = NULL
         WHERE t.id = a.id;
    WHEN 'DONE' THEN
        IF leaves IS NULL THEN
            PERFORM ehr.refuse_rule('EH422', 'field_required',
                'disposition');
        ELSIF a.discharge_ordered_at IS NULL
              AND leaves NOT IN ('DECEASED', 'AGAINST_ADVICE')
        THEN
            PERFORM ehr.refuse_rule('EH409', 'not_ordered', 'step');
        ELSIF ehr.newborns_in_bed(a.id) <> '{}' THEN
            PERFORM ehr.refuse_rule('EH409', 'newborn_in_bed', 'step');
        END IF;

        PERFORM FROM ehr.beds b WHERE b.id = a.bed_id FOR NO KEY UPDATE;
        PERFORM ehr.lock_rooms(a.bed_id);
        moment := ehr.stay_moment(at, ehr.last_movement(a.id), 'at');
        PERFORM ehr.stay_end(a.id, moment);
        PERFORM ehr.bed_left(a.bed_id, a.id);
        UPDATE ehr.admissions t
           SET status = 'DISCHARGED', discharged_at = moment, bed_id = NULL,
               disposition = leaves, leave_since = NULL, leave_until = NULL,
               leave_reason = NULL,
               discharge_reason = coalesce(admission_discharge.reason,
                                           a.discharge_reason)
         WHERE t.id = a.id;
    ELSE
        PERFORM ehr.refuse_rule('EH422', 'value_refused', 'step');
    END CASE;
END
$$;

-- Leave of absence: the bed is kept.
CREATE FUNCTION ehr.admission_leave(id uuid, version integer,
    until timestamptz, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
BEGIN
    IF a.status <> 'ADMITTED' THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF until <= clock_timestamp() OR NOT isfinite(until) THEN
        PERFORM ehr.refuse_rule('EH422', 'in_the_past', 'until');
    END IF;

    UPDATE ehr.admissions t
       SET status = 'ON_LEAVE', leave_since = clock_timestamp(),
           leave_until = until,
           leave_reason = admission_leave.reason
     WHERE t.id = a.id;
END
$$;

CREATE FUNCTION ehr.admission_return(id uuid, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
BEGIN
    IF a.status <> 'ON_LEAVE' THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    END IF;

    UPDATE ehr.admissions t
       SET status = 'ADMITTED', leave_since = NULL, leave_until = NULL,
           leave_reason = NULL
     WHERE t.id = a.id;
END
$$;

-- Gives up a plan or a wait; an admission that is cancelled was entered in
-- error: its movements stay, marked, and it never lay anywhere.
CREATE FUNCTION ehr.admission_cancel(id uuid, version integer, reason text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
BEGIN
    IF a.status NOT IN ('PLANNED', 'WAITING', 'ADMITTED') THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF ehr.newborns_in_bed(a.id) <> '{}' THEN
        PERFORM ehr.refuse_rule('EH409', 'newborn_in_bed', 'status');
    END IF;

    PERFORM FROM ehr.beds b WHERE b.id = a.bed_id FOR NO KEY UPDATE;
    UPDATE ehr.admission_movements m SET cancelled_at = clock_timestamp()
     WHERE m.admission_id = a.id AND m.cancelled_at IS NULL;
    DELETE FROM ehr.claims c
     WHERE c.ref = a.id AND c.kind IN ('admission', 'reservation');
    PERFORM ehr.bed_left(a.bed_id, a.id);
    UPDATE ehr.admissions t
       SET status = 'CANCELLED', cancel_reason = admission_cancel.reason,
           bed_id = NULL, offer_expires_at = NULL
     WHERE t.id = a.id;
END
$$;

-- Housekeeping and repair: to AVAILABLE, CLEANING or OUT_OF_SERVICE.
CREATE FUNCTION ehr.bed_status(id uuid, version integer, status text,
    reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    IF ehr.scope() <> 'system' AND NOT ehr.actor_may('beds.status') THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    SELECT * INTO b FROM ehr.beds t
     WHERE t.id = bed_status.id AND t.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF b.id IS NULL THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    ELSIF bed_status.version <> b.version THEN
        PERFORM ehr.refuse('EH412', 'stale_version');
    END IF;

    IF bed_status.status NOT IN ('AVAILABLE', 'CLEANING', 'OUT_OF_SERVICE')
       OR bed_status.status = b.status OR b.status = 'OCCUPIED'
       OR b.status = 'RESERVED' AND bed_status.status <> 'OUT_OF_SERVICE'
    THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    END IF;

    PERFORM ehr.bed_set(b.id, bed_status.status, bed_status.reason, NULL,
        NULL);
    IF bed_status.status = 'AVAILABLE' THEN
        PERFORM ehr.bed_reserve_begun(b.id);
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION
    ehr.refuse_rule(text, text, text, jsonb),
    ehr.age_group(date, timestamptz), ehr.age_fits(text, text),
    ehr.is_inside(text), ehr.rfc3339_exact(timestamptz),
    ehr.beds_free(uuid, uuid, uuid, uuid, boolean, text[], timestamptz,
        timestamptz, integer),
    ehr.beds_expected_next(uuid, uuid, uuid, uuid, boolean, text[]),
    ehr.admission_create(uuid, uuid, uuid, uuid, uuid, uuid, boolean, text[],
        text, uuid, text, text, timestamptz, uuid, uuid, timestamptz,
        timestamptz, timestamptz, boolean, text, jsonb, uuid[]),
    ehr.admission_admit(uuid, integer, uuid, uuid, uuid, uuid, boolean,
        text[], timestamptz, text, uuid[]),
    ehr.admission_transfer(uuid, integer, uuid, uuid, uuid, uuid, boolean,
        text[], timestamptz, text, uuid[]),
    ehr.admission_swap(uuid, integer, uuid, timestamptz, text),
    ehr.admission_discharge(uuid, integer, text, text, timestamptz, text),
    ehr.admission_leave(uuid, integer, timestamptz, text),
    ehr.admission_return(uuid, integer),
    ehr.admission_cancel(uuid, integer, text),
    ehr.bed_status(uuid, integer, text, text)
TO ehr_app;


-- -- the change feed -------------------------------------------------------

-- What it begins with, in the order in which beds are given.
GRANT SELECT (kind, ref) ON ehr.claims TO ehr_feed;
GRANT SELECT (id, ward_room_id, bed_number, status, isolation, equipment,
    age_group, occupant_sex, deleted_at) ON ehr.beds TO ehr_feed;
CREATE POLICY feed ON ehr.beds FOR SELECT TO ehr_feed USING (true);
GRANT SELECT (id, ward_id, room_class_id, room_number, sex_policy)
    ON ehr.ward_rooms TO ehr_feed;
CREATE POLICY feed ON ehr.ward_rooms FOR SELECT TO ehr_feed USING (true);
GRANT SELECT (id, hospital_id, name) ON ehr.wards TO ehr_feed;
CREATE POLICY feed ON ehr.wards FOR SELECT TO ehr_feed USING (true);

-- And follows.  Of a transfer it hears by both beds.
ALTER PUBLICATION ehr_feed ADD TABLE
    ehr.beds (id, ward_room_id, status, isolation, equipment, age_group,
        occupant_sex, deleted_at),
    ehr.ward_rooms (id, ward_id, room_class_id, sex_policy),
    ehr.wards (id, hospital_id),
    ehr.admissions (id, bed_id);
