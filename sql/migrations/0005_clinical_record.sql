-- The clinical record: encounters, notes, vital signs, history, plans,
-- allergies and medications; and the ratings that completed visits allow.
--
-- Every row belongs to a patient.  A reference to another row of the record
-- carries the patient with it, so that another patient's row is as unknown as
-- one that does not exist.


-- -- encounters -----------------------------------------------------------

CREATE TABLE ehr.encounters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT encounters_patient_id_fkey REFERENCES ehr.patients,
    doctor_id uuid
        CONSTRAINT encounters_doctor_id_fkey REFERENCES ehr.doctors,
    clinic_id uuid
        CONSTRAINT encounters_clinic_id_fkey REFERENCES ehr.clinics,
    hospital_id uuid
        CONSTRAINT encounters_hospital_id_fkey REFERENCES ehr.hospitals,
    department_id uuid
        CONSTRAINT encounters_department_id_fkey REFERENCES ehr.departments,
    appointment_id uuid,
    type text NOT NULL DEFAULT 'AMBULATORY'
        CONSTRAINT encounters_type_check
            CHECK (type IN ('AMBULATORY', 'EMERGENCY', 'INPATIENT',
                'VIRTUAL', 'HOME', 'OTHER')),
    status text NOT NULL DEFAULT 'PLANNED'
        CONSTRAINT encounters_status_check
            CHECK (status IN ('PLANNED', 'ARRIVED', 'IN_PROGRESS',
                'COMPLETED', 'CANCELLED', 'ENTERED_IN_ERROR')),
    started_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
        CONSTRAINT encounters_ended_at_check CHECK (ended_at >= started_at),
    reason text
        CONSTRAINT encounters_reason_check
            CHECK (char_length(reason) <= 2000),
    diagnosis text
        CONSTRAINT encounters_diagnosis_check
            CHECK (char_length(diagnosis) <= 5000),
    code text
        CONSTRAINT encounters_code_check
            CHECK (char_length(code) <= 64),
    code_system text
        CONSTRAINT encounters_code_system_check
            CHECK (char_length(code_system) <= 200),
    external_id text
        CONSTRAINT encounters_external_id_key UNIQUE
        CONSTRAINT encounters_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT encounters_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT encounters_patient_id_key UNIQUE (patient_id, id)
);

CREATE INDEX encounters_patient_id
    ON ehr.encounters (patient_id, started_at, id);
CREATE INDEX encounters_doctor_id
    ON ehr.encounters (doctor_id, started_at, id);
CREATE INDEX encounters_started_at ON ehr.encounters (started_at, id);
CREATE INDEX encounters_appointment_id ON ehr.encounters (appointment_id)
    WHERE appointment_id IS NOT NULL;
CALL ehr.install_record('ehr.encounters', 'patient');

-- An encounter goes PLANNED, ARRIVED, IN_PROGRESS, COMPLETED; arrival may be
-- left out; it is cancelled before it begins; an error is marked as one from
-- anywhere, for good.  What is imported begins where it is.  Times follow
-- what happens.
CREATE FUNCTION ehr.encounter_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.status <> OLD.status THEN
        IF NOT (OLD.status, NEW.status) IN (
            ('PLANNED', 'ARRIVED'), ('PLANNED', 'IN_PROGRESS'),
            ('PLANNED', 'CANCELLED'),
            ('ARRIVED', 'IN_PROGRESS'), ('ARRIVED', 'CANCELLED'),
            ('IN_PROGRESS', 'COMPLETED'),
            ('PLANNED', 'ENTERED_IN_ERROR'), ('ARRIVED', 'ENTERED_IN_ERROR'),
            ('IN_PROGRESS', 'ENTERED_IN_ERROR'),
            ('COMPLETED', 'ENTERED_IN_ERROR'),
            ('CANCELLED', 'ENTERED_IN_ERROR'))
        THEN
            PERFORM ehr.refuse('EH409', 'illegal_state_change', 'status');
        END IF;

        IF NEW.status = 'IN_PROGRESS' AND NEW.started_at > now() THEN
            NEW.started_at := now();
        END IF;
    END IF;

    IF NEW.status = 'COMPLETED' THEN
        NEW.ended_at := coalesce(NEW.ended_at,
            greatest(NEW.started_at, now()));
    END IF;

    IF NEW.ended_at < NEW.started_at THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'endedAt');
    END IF;

    IF NEW.status IN ('IN_PROGRESS', 'COMPLETED')
       AND NEW.started_at > now() + interval '5 minutes'
    THEN
        PERFORM ehr.refuse('EH422', 'in_the_future', 'startedAt');
    END IF;

    IF NEW.status = 'COMPLETED'
       AND NEW.ended_at > now() + interval '5 minutes'
    THEN
        PERFORM ehr.refuse('EH422', 'in_the_future', 'endedAt');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.encounters
    FOR EACH ROW EXECUTE FUNCTION ehr.encounter_rules();

-- The doctor of an encounter treats the patient, if the writer is that doctor
-- or may write to every patient.
CREATE FUNCTION ehr.encounter_care_team() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.doctor_id IS NOT DISTINCT FROM OLD.doctor_id
    THEN
        RETURN NULL;
    END IF;

    IF ehr.scope() IN ('all', 'system') OR NEW.doctor_id = ehr.my_doctor()
    THEN
        PERFORM ehr.join_care_team(NEW.patient_id, NEW.doctor_id,
            'TREATING');
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER care_team AFTER INSERT OR UPDATE ON ehr.encounters
    FOR EACH ROW EXECUTE FUNCTION ehr.encounter_care_team();


-- -- ratings --------------------------------------------------------------

CREATE TABLE ehr.ratings (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    doctor_id uuid NOT NULL
        CONSTRAINT ratings_doctor_id_fkey REFERENCES ehr.doctors,
    encounter_id uuid NOT NULL
        CONSTRAINT ratings_encounter_id_key UNIQUE,
    patient_id uuid NOT NULL
        CONSTRAINT ratings_patient_id_fkey REFERENCES ehr.patients,
    score integer NOT NULL
        CONSTRAINT ratings_score_check
            CHECK (score BETWEEN 1 AND 5),
    comment text
        CONSTRAINT ratings_comment_check
            CHECK (char_length(comment) <= 2000),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT ratings_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX ratings_doctor_id ON ehr.ratings (doctor_id, created_at, id);
CREATE INDEX ratings_patient_id ON ehr.ratings (patient_id);

-- Everybody who is signed in reads opinions; only the patient who was seen
-- has one.  Those who write to every patient may take one down.
CALL ehr.install_record('ehr.ratings', 'custom');
CREATE POLICY reads ON ehr.ratings FOR SELECT TO ehr_app
    USING ((SELECT ehr.scope()) <> '');
CREATE POLICY creates ON ehr.ratings FOR INSERT TO ehr_app
    WITH CHECK (patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));
CREATE POLICY updates ON ehr.ratings FOR UPDATE TO ehr_app
    USING ((SELECT ehr.scope()) IN ('all', 'system')
           OR patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));

-- The visit says whose opinion it is.  Row-level security hides visits of
-- others, so a foreign, a missing and another doctor's visit are alike.
CREATE FUNCTION ehr.rating_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    visit ehr.encounters;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.doctor_id, NEW.encounter_id, NEW.patient_id)
           IS DISTINCT FROM (OLD.doctor_id, OLD.encounter_id, OLD.patient_id)
        THEN
            PERFORM ehr.refuse('EH422', 'field_immutable', 'encounterId');
        END IF;
        RETURN NEW;
    END IF;

    SELECT e.* INTO visit
      FROM ehr.encounters e
     WHERE e.id = NEW.encounter_id AND e.doctor_id = NEW.doctor_id
       AND e.deleted_at IS NULL;

    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'encounterId');
    END IF;
    IF visit.status <> 'COMPLETED' THEN
        PERFORM ehr.refuse('EH409', 'visit_not_completed', 'encounterId');
    END IF;

    NEW.patient_id := visit.patient_id;
    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.ratings
    FOR EACH ROW EXECUTE FUNCTION ehr.rating_rules();

-- Adds what changed to the doctor's count and sum; deleted ratings count
-- nothing.
CREATE FUNCTION ehr.count_rating() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted integer := (NEW.deleted_at IS NULL)::integer;
    points  integer := NEW.score * counted;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.deleted_at IS NULL THEN
        counted := counted - 1;
        points := points - OLD.score;
    END IF;

    IF counted <> 0 OR points <> 0 THEN
        UPDATE ehr.doctors d
           SET rating_count = d.rating_count + counted,
               rating_sum = d.rating_sum + points
         WHERE d.id = NEW.doctor_id;
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER count_rating AFTER INSERT OR UPDATE ON ehr.ratings
    FOR EACH ROW EXECUTE FUNCTION ehr.count_rating();


-- -- notes ----------------------------------------------------------------

CREATE TABLE ehr.notes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT notes_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    type text NOT NULL DEFAULT 'PROGRESS'
        CONSTRAINT notes_type_check
            CHECK (type IN ('PROGRESS', 'CONSULTATION', 'DISCHARGE',
                'NURSING', 'PROCEDURE', 'REFERRAL', 'OTHER')),
    title text
        CONSTRAINT notes_title_check
            CHECK (char_length(title) <= 200),
    content text NOT NULL
        CONSTRAINT notes_content_check
            CHECK (char_length(content) BETWEEN 1 AND 20000),
    status text NOT NULL DEFAULT 'DRAFT'
        CONSTRAINT notes_status_check
            CHECK (status IN ('DRAFT', 'SIGNED')
                AND (status = 'SIGNED') = (signed_at IS NOT NULL)),
    written_by uuid
        CONSTRAINT notes_written_by_fkey REFERENCES ehr.users,
    signed_at timestamptz,
    signed_by uuid
        CONSTRAINT notes_signed_by_fkey REFERENCES ehr.users,
    amends_id uuid,
    amendment_reason text
        CONSTRAINT notes_amendment_reason_check
            CHECK (char_length(amendment_reason) BETWEEN 1 AND 2000),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT notes_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT notes_patient_id_key UNIQUE (patient_id, id),
    CONSTRAINT notes_amends_id_fkey FOREIGN KEY (patient_id, amends_id)
        REFERENCES ehr.notes (patient_id, id),
    CONSTRAINT notes_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX notes_patient_id ON ehr.notes (patient_id, created_at, id);
CREATE INDEX notes_encounter_id ON ehr.notes (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CREATE INDEX notes_amends_id ON ehr.notes (patient_id, amends_id)
    WHERE amends_id IS NOT NULL;
CREATE INDEX notes_written_by ON ehr.notes (written_by, created_at);
CALL ehr.install_record('ehr.notes', 'patient');

-- A draft is the staff's; the patient reads what was signed.
CREATE POLICY drafts ON ehr.notes AS RESTRICTIVE FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all()) OR signed_at IS NOT NULL);

-- Only its author changes and signs a draft (so that nobody signs what another
-- has just changed); a signed note never changes again.  Setting
-- signed_at signs; the server says when and who.
CREATE FUNCTION ehr.note_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE
    me      uuid := ehr.actor();
    amended text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.written_by := me;
        NEW.status := 'DRAFT';
        NEW.signed_at := NULL;
        NEW.signed_by := NULL;

        IF NEW.amends_id IS NULL THEN
            RETURN NEW;
        END IF;

        IF NEW.amendment_reason IS NULL THEN
            PERFORM ehr.refuse('EH422', 'field_required',
                'amendmentReason');
        END IF;

        SELECT n.status INTO amended
          FROM ehr.notes n
         WHERE n.id = NEW.amends_id AND n.patient_id = NEW.patient_id
           AND n.deleted_at IS NULL;

        IF NOT FOUND THEN
            PERFORM ehr.refuse('EH422', 'reference_unknown', 'amendsId');
        END IF;
        IF amended <> 'SIGNED' THEN
            PERFORM ehr.refuse('EH409', 'note_not_signed', 'amendsId');
        END IF;
        RETURN NEW;
    END IF;

    IF OLD.status = 'SIGNED' THEN
        PERFORM ehr.refuse('EH409', 'note_is_signed');
    END IF;

    IF (NEW.encounter_id, NEW.type, NEW.title, NEW.content,
            NEW.amendment_reason, NEW.additional_data)
       IS DISTINCT FROM (OLD.encounter_id, OLD.type, OLD.title, OLD.content,
            OLD.amendment_reason, OLD.additional_data)
       AND me IS DISTINCT FROM OLD.written_by
    THEN
        PERFORM ehr.refuse('EH403', 'only_author_changes');
    END IF;

    IF NEW.amends_id IS NOT NULL AND NEW.amendment_reason IS NULL THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'amendmentReason');
    END IF;

    IF NEW.signed_at IS NULL THEN
        NEW.status := 'DRAFT';
        NEW.signed_by := NULL;
    ELSIF me IS DISTINCT FROM OLD.written_by THEN
        PERFORM ehr.refuse('EH403', 'only_author_signs');
    ELSE
        NEW.status := 'SIGNED';
        NEW.signed_at := now();
        NEW.signed_by := me;
    END IF;

    NEW.written_by := OLD.written_by;
    NEW.patient_id := OLD.patient_id;
    NEW.amends_id := OLD.amends_id;
    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.notes
    FOR EACH ROW EXECUTE FUNCTION ehr.note_rules();


-- -- vital signs ----------------------------------------------------------

CREATE TABLE ehr.vitals (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT vitals_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    recorded_by uuid
        CONSTRAINT vitals_recorded_by_fkey REFERENCES ehr.users,
    bp_systolic integer
        CONSTRAINT vitals_bp_systolic_check
            CHECK (bp_systolic BETWEEN 30 AND 300
                AND bp_systolic > coalesce(bp_diastolic, 0)),
    bp_diastolic integer
        CONSTRAINT vitals_bp_diastolic_check
            CHECK (bp_diastolic BETWEEN 10 AND 200),
    heart_rate integer
        CONSTRAINT vitals_heart_rate_check
            CHECK (heart_rate BETWEEN 10 AND 350),
    respiratory_rate integer
        CONSTRAINT vitals_respiratory_rate_check
            CHECK (respiratory_rate BETWEEN 2 AND 120),
    temperature numeric(3,1)
        CONSTRAINT vitals_temperature_check
            CHECK (temperature BETWEEN 25 AND 45),
    weight numeric(6,3)
        CONSTRAINT vitals_weight_check
            CHECK (weight BETWEEN 0.2 AND 650),
    height numeric(4,1)
        CONSTRAINT vitals_height_check
            CHECK (height BETWEEN 20 AND 272),
    bmi numeric(6,1) GENERATED ALWAYS AS
        (round(weight / ((height / 100) * (height / 100)), 1)) STORED,
    oxygen_saturation numeric(4,1)
        CONSTRAINT vitals_oxygen_saturation_check
            CHECK (oxygen_saturation BETWEEN 0 AND 100),
    pain_scale integer
        CONSTRAINT vitals_pain_scale_check
            CHECK (pain_scale BETWEEN 0 AND 10),
    blood_glucose numeric(5,1)
        CONSTRAINT vitals_blood_glucose_check
            CHECK (blood_glucose BETWEEN 5 AND 2500),
    notes text
        CONSTRAINT vitals_notes_check
            CHECK (char_length(notes) <= 2000),
    external_id text
        CONSTRAINT vitals_external_id_key UNIQUE
        CONSTRAINT vitals_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT vitals_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT vitals_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX vitals_patient_id ON ehr.vitals (patient_id, recorded_at, id);
CREATE INDEX vitals_encounter_id ON ehr.vitals (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CALL ehr.install_record('ehr.vitals', 'patient');

CREATE FUNCTION ehr.vitals_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.recorded_by := CASE TG_OP
        WHEN 'INSERT' THEN ehr.actor() ELSE OLD.recorded_by END;

    IF NEW.recorded_at > now() + interval '5 minutes' THEN
        PERFORM ehr.refuse('EH422', 'in_the_future', 'recordedAt');
    END IF;

    IF NEW.bp_systolic <= NEW.bp_diastolic THEN
        PERFORM ehr.refuse('EH422', 'systolic_not_above_diastolic',
            'bpSystolic');
    END IF;

    IF num_nonnulls(NEW.bp_systolic, NEW.bp_diastolic, NEW.heart_rate,
            NEW.respiratory_rate, NEW.temperature, NEW.weight, NEW.height,
            NEW.oxygen_saturation, NEW.pain_scale, NEW.blood_glucose) = 0
    THEN
        PERFORM ehr.refuse('EH422', 'measurement_required',
            'bpSystolic,bpDiastolic,heartRate,respiratoryRate,temperature,'
            'weight,height,oxygenSaturation,painScale,bloodGlucose');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.vitals
    FOR EACH ROW EXECUTE FUNCTION ehr.vitals_rules();


-- -- medical history and treatment plans ----------------------------------

CREATE TABLE ehr.medical_history (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT medical_history_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    illness text
        CONSTRAINT medical_history_illness_check
            CHECK (char_length(illness) BETWEEN 1 AND 1000
                AND num_nonnulls(illness, surgeries, medications) > 0),
    surgeries text
        CONSTRAINT medical_history_surgeries_check
            CHECK (char_length(surgeries) BETWEEN 1 AND 5000),
    medications text
        CONSTRAINT medical_history_medications_check
            CHECK (char_length(medications) BETWEEN 1 AND 5000),
    onset_date date,
    resolved_date date
        CONSTRAINT medical_history_resolved_date_check
            CHECK (resolved_date >= onset_date),
    status text NOT NULL DEFAULT 'ACTIVE'
        CONSTRAINT medical_history_status_check
            CHECK (status IN ('ACTIVE', 'RECURRENCE', 'REMISSION',
                'INACTIVE', 'RESOLVED')),
    code text
        CONSTRAINT medical_history_code_check
            CHECK (char_length(code) <= 64),
    code_system text
        CONSTRAINT medical_history_code_system_check
            CHECK (char_length(code_system) <= 200),
    notes text
        CONSTRAINT medical_history_notes_check
            CHECK (char_length(notes) <= 5000),
    external_id text
        CONSTRAINT medical_history_external_id_key UNIQUE
        CONSTRAINT medical_history_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT medical_history_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT medical_history_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX medical_history_patient_id
    ON ehr.medical_history (patient_id, created_at, id);
CREATE INDEX medical_history_encounter_id
    ON ehr.medical_history (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CALL ehr.install_record('ehr.medical_history', 'patient');

CREATE FUNCTION ehr.medical_history_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF num_nonnulls(NEW.illness, NEW.surgeries, NEW.medications) = 0 THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'illness');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_onset_date BEFORE INSERT OR UPDATE
    ON ehr.medical_history FOR EACH ROW EXECUTE FUNCTION
    ehr.check_not_future('onset_date', 'onsetDate');
CREATE TRIGGER check_period BEFORE INSERT OR UPDATE
    ON ehr.medical_history FOR EACH ROW EXECUTE FUNCTION
    ehr.check_period('onset_date', 'resolved_date', 'resolvedDate');
CREATE TRIGGER rules BEFORE INSERT OR UPDATE ON ehr.medical_history
    FOR EACH ROW EXECUTE FUNCTION ehr.medical_history_rules();


-- appointment_id refers to nothing yet: appointments come with scheduling.
CREATE TABLE ehr.treatment_plans (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT treatment_plans_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    appointment_id uuid,
    doctor_id uuid
        CONSTRAINT treatment_plans_doctor_id_fkey REFERENCES ehr.doctors,
    title text
        CONSTRAINT treatment_plans_title_check
            CHECK (char_length(title) <= 200),
    plan_details text NOT NULL
        CONSTRAINT treatment_plans_plan_details_check
            CHECK (char_length(plan_details) BETWEEN 1 AND 20000),
    progress text
        CONSTRAINT treatment_plans_progress_check
            CHECK (char_length(progress) <= 20000),
    status text NOT NULL DEFAULT 'ACTIVE'
        CONSTRAINT treatment_plans_status_check
            CHECK (status IN ('DRAFT', 'ACTIVE', 'ON_HOLD', 'COMPLETED',
                'CANCELLED')),
    start_date date,
    end_date date
        CONSTRAINT treatment_plans_end_date_check
            CHECK (end_date >= start_date),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT treatment_plans_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT treatment_plans_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX treatment_plans_patient_id
    ON ehr.treatment_plans (patient_id, created_at, id);
CREATE INDEX treatment_plans_encounter_id
    ON ehr.treatment_plans (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CREATE INDEX treatment_plans_appointment_id
    ON ehr.treatment_plans (appointment_id) WHERE appointment_id IS NOT NULL;
CALL ehr.install_record('ehr.treatment_plans', 'patient');

CREATE TRIGGER check_period BEFORE INSERT OR UPDATE
    ON ehr.treatment_plans FOR EACH ROW EXECUTE FUNCTION
    ehr.check_period('start_date', 'end_date', 'endDate');


-- -- allergies and medications --------------------------------------------

CREATE TABLE ehr.allergies (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT allergies_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    allergen text NOT NULL
        CONSTRAINT allergies_allergen_check
            CHECK (char_length(allergen) BETWEEN 1 AND 200),
    type text NOT NULL DEFAULT 'OTHER'
        CONSTRAINT allergies_type_check
            CHECK (type IN ('MEDICATION', 'FOOD', 'ENVIRONMENT',
                'BIOLOGIC', 'OTHER')),
    reaction text
        CONSTRAINT allergies_reaction_check
            CHECK (char_length(reaction) <= 1000),
    severity text
        CONSTRAINT allergies_severity_check
            CHECK (severity IN ('MILD', 'MODERATE', 'SEVERE',
                'LIFE_THREATENING')),
    status text NOT NULL DEFAULT 'ACTIVE'
        CONSTRAINT allergies_status_check
            CHECK (status IN ('ACTIVE', 'INACTIVE', 'RESOLVED',
                'ENTERED_IN_ERROR')),
    recorded_date date NOT NULL DEFAULT CURRENT_DATE,
    code text
        CONSTRAINT allergies_code_check
            CHECK (char_length(code) <= 64),
    code_system text
        CONSTRAINT allergies_code_system_check
            CHECK (char_length(code_system) <= 200),
    notes text
        CONSTRAINT allergies_notes_check
            CHECK (char_length(notes) <= 2000),
    external_id text
        CONSTRAINT allergies_external_id_key UNIQUE
        CONSTRAINT allergies_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT allergies_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT allergies_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX allergies_patient_id
    ON ehr.allergies (patient_id, recorded_date, id);
CREATE INDEX allergies_encounter_id
    ON ehr.allergies (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CALL ehr.install_record('ehr.allergies', 'patient');

CREATE TRIGGER check_recorded_date BEFORE INSERT OR UPDATE
    ON ehr.allergies FOR EACH ROW EXECUTE FUNCTION
    ehr.check_not_future('recorded_date', 'recordedDate');


CREATE TABLE ehr.medications (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT medications_patient_id_fkey REFERENCES ehr.patients,
    encounter_id uuid,
    drug_name text NOT NULL
        CONSTRAINT medications_drug_name_check
            CHECK (char_length(drug_name) BETWEEN 1 AND 500),
    dosage text
        CONSTRAINT medications_dosage_check
            CHECK (char_length(dosage) <= 200),
    frequency text
        CONSTRAINT medications_frequency_check
            CHECK (char_length(frequency) <= 200),
    route text
        CONSTRAINT medications_route_check
            CHECK (char_length(route) <= 100),
    prescribed_by uuid
        CONSTRAINT medications_prescribed_by_fkey REFERENCES ehr.doctors,
    start_date date NOT NULL DEFAULT CURRENT_DATE,
    end_date date
        CONSTRAINT medications_end_date_check CHECK (end_date >= start_date),
    status text NOT NULL DEFAULT 'ACTIVE'
        CONSTRAINT medications_status_check
            CHECK (status IN ('ACTIVE', 'ON_HOLD', 'COMPLETED',
                'STOPPED', 'ENTERED_IN_ERROR')),
    reason text
        CONSTRAINT medications_reason_check
            CHECK (char_length(reason) <= 1000),
    code text
        CONSTRAINT medications_code_check
            CHECK (char_length(code) <= 64),
    code_system text
        CONSTRAINT medications_code_system_check
            CHECK (char_length(code_system) <= 200),
    notes text
        CONSTRAINT medications_notes_check
            CHECK (char_length(notes) <= 2000),
    external_id text
        CONSTRAINT medications_external_id_key UNIQUE
        CONSTRAINT medications_external_id_check
            CHECK (char_length(external_id) BETWEEN 1 AND 200),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT medications_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT medications_encounter_id_fkey
        FOREIGN KEY (patient_id, encounter_id)
        REFERENCES ehr.encounters (patient_id, id)
);

CREATE INDEX medications_patient_id
    ON ehr.medications (patient_id, start_date, id);
CREATE INDEX medications_encounter_id
    ON ehr.medications (patient_id, encounter_id)
    WHERE encounter_id IS NOT NULL;
CALL ehr.install_record('ehr.medications', 'patient');

CREATE TRIGGER check_period BEFORE INSERT OR UPDATE
    ON ehr.medications FOR EACH ROW EXECUTE FUNCTION
    ehr.check_period('start_date', 'end_date', 'endDate');
