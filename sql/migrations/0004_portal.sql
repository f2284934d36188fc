-- The patient portal: whom an account looks after beside itself.

-- A link from an account to a patient.  A new link makes the dependent's
-- patient record; deleting the link ends access and keeps the record.  Names,
-- birth date and gender are the patient's, kept equal in both directions.
CREATE TABLE ehr.family_members (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id         uuid NOT NULL
                    CONSTRAINT family_members_user_id_fkey
                    REFERENCES ehr.users,
    patient_id      uuid NOT NULL
                    CONSTRAINT family_members_patient_id_fkey
                    REFERENCES ehr.patients,
    relation        text NOT NULL
                    CONSTRAINT family_members_relation_check
                    CHECK (relation IN ('SPOUSE', 'CHILD', 'PARENT',
                                        'SIBLING', 'OTHER')),
    first_name      text NOT NULL
                    CONSTRAINT family_members_first_name_check
                    CHECK (char_length(first_name) BETWEEN 1 AND 100),
    last_name       text NOT NULL
                    CONSTRAINT family_members_last_name_check
                    CHECK (char_length(last_name) BETWEEN 1 AND 100),
    date_of_birth   date,
    gender          text NOT NULL DEFAULT 'UNKNOWN'
                    CONSTRAINT family_members_gender_check
                    CHECK (gender IN ('MALE', 'FEMALE', 'OTHER', 'UNKNOWN')),
    additional_data jsonb NOT NULL DEFAULT '{}'
                    CONSTRAINT family_members_additional_data_check
                    CHECK (jsonb_typeof(additional_data) = 'object'),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid,
    deleted_at      timestamptz
);

CREATE UNIQUE INDEX family_members_patient_id_key
    ON ehr.family_members (user_id, patient_id) WHERE deleted_at IS NULL;
CREATE INDEX family_members_patient_id ON ehr.family_members (patient_id);

-- The link is the actor's, and its patient a new one: nobody links oneself to
-- a record that is there.  Only the system does both.
CREATE FUNCTION ehr.check_family_member() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.user_id := OLD.user_id;
        NEW.patient_id := OLD.patient_id;
        RETURN NEW;
    END IF;

    IF ehr.scope() <> 'system' THEN
        NEW.user_id := ehr.actor();
        NEW.patient_id := NULL;
    END IF;

    IF NEW.patient_id IS NULL THEN
        INSERT INTO ehr.patients (first_name, last_name, date_of_birth,
                gender)
        VALUES (NEW.first_name, NEW.last_name, NEW.date_of_birth, NEW.gender)
        RETURNING id INTO NEW.patient_id;
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_family_member BEFORE INSERT OR UPDATE
    ON ehr.family_members
    FOR EACH ROW EXECUTE FUNCTION ehr.check_family_member();

-- Both functions change only what differs, so that neither calls the other
-- back.
CREATE FUNCTION ehr.family_member_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.patients p
       SET first_name = NEW.first_name, last_name = NEW.last_name,
           date_of_birth = NEW.date_of_birth, gender = NEW.gender
     WHERE p.id = NEW.patient_id
       AND (p.first_name, p.last_name, p.date_of_birth, p.gender)
           IS DISTINCT FROM (NEW.first_name, NEW.last_name,
                             NEW.date_of_birth, NEW.gender);
    RETURN NULL;
END
$$;

CREATE TRIGGER family_member_changed
    AFTER UPDATE OF first_name, last_name, date_of_birth, gender
    ON ehr.family_members
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION ehr.family_member_changed();

CREATE FUNCTION ehr.patient_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.family_members f
       SET first_name = NEW.first_name, last_name = NEW.last_name,
           date_of_birth = NEW.date_of_birth, gender = NEW.gender
     WHERE f.patient_id = NEW.id
       AND (f.first_name, f.last_name, f.date_of_birth, f.gender)
           IS DISTINCT FROM (NEW.first_name, NEW.last_name,
                             NEW.date_of_birth, NEW.gender);
    RETURN NULL;
END
$$;

CREATE TRIGGER family_follows
    AFTER UPDATE OF first_name, last_name, date_of_birth, gender
    ON ehr.patients
    FOR EACH ROW WHEN ((OLD.first_name, OLD.last_name, OLD.date_of_birth,
                        OLD.gender)
                       IS DISTINCT FROM (NEW.first_name, NEW.last_name,
                                         NEW.date_of_birth, NEW.gender))
    EXECUTE FUNCTION ehr.patient_changed();

CALL ehr.install_record('ehr.family_members', 'custom');
CALL ehr.install_policies('ehr.family_members',
    '(SELECT ehr.sees_all()) OR user_id = (SELECT ehr.actor())',
    '(SELECT ehr.scope()) = ''system'' OR user_id = (SELECT ehr.actor())');
