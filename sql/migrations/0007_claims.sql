-- What can be busy, and why it is: resources and claims.  Nothing, not even
-- direct SQL, makes a resource busy twice at once.


-- -- equipment -------------------------------------------------------------

CREATE TABLE ehr.equipment (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    clinic_id uuid NOT NULL
        CONSTRAINT equipment_clinic_id_fkey REFERENCES ehr.clinics,
    name text NOT NULL
        CONSTRAINT equipment_name_check
            CHECK (char_length(name) BETWEEN 1 AND 100),
    kind text
        CONSTRAINT equipment_kind_check
            CHECK (char_length(kind) BETWEEN 1 AND 100),
    serial_number text
        CONSTRAINT equipment_serial_number_check
            CHECK (char_length(serial_number) BETWEEN 1 AND 100),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT equipment_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE UNIQUE INDEX equipment_name_key
    ON ehr.equipment (clinic_id, lower(name))
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.equipment', 'shared');

CREATE TRIGGER check_unused_equipment BEFORE UPDATE ON ehr.clinics
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.equipment', 'clinic_id');


-- -- resources -------------------------------------------------------------

-- A number for everything that can be busy: an exclusion constraint on
-- integers is cheaper than one on uuids.  Rows are never changed or deleted.
CREATE TABLE ehr.resources (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL
        CONSTRAINT resources_kind_check
            CHECK (kind IN ('doctor', 'patient', 'room', 'equipment',
                'bed')),
    entity_id uuid NOT NULL,
    CONSTRAINT resources_entity_id_key UNIQUE (kind, entity_id)
);

ALTER TABLE ehr.resources ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.resources FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.resources TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.resources FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR kind <> 'patient' AND (SELECT ehr.scope()) <> '');
GRANT SELECT ON ehr.resources TO ehr_app;

-- The number of a doctor, patient, room, piece of equipment or bed.  Patients
-- get theirs when it is first asked for.  Null: there is no such thing.
CREATE FUNCTION ehr.resource_of(kind text, entity uuid) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number integer;
BEGIN
    SELECT r.id INTO number
      FROM ehr.resources r
     WHERE r.kind = resource_of.kind AND r.entity_id = entity;

    IF number IS NULL AND resource_of.kind = 'patient' THEN
        INSERT INTO ehr.resources AS r (kind, entity_id)
        SELECT 'patient', p.id FROM ehr.patients p WHERE p.id = entity
        ON CONFLICT ON CONSTRAINT resources_entity_id_key DO NOTHING;

        -- In a new snapshot: somebody else may have been first.
        SELECT r.id INTO number
          FROM ehr.resources r
         WHERE r.kind = 'patient' AND r.entity_id = entity;
    END IF;

    RETURN number;
END
$$;

-- Trigger: a new row is a resource.  Argument: its kind.
CREATE FUNCTION ehr.add_resource() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.resources (kind, entity_id)
    VALUES (TG_ARGV[0], NEW.id)
    ON CONFLICT ON CONSTRAINT resources_entity_id_key DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER add_resource AFTER INSERT ON ehr.doctors
    FOR EACH ROW EXECUTE FUNCTION ehr.add_resource('doctor');
CREATE TRIGGER add_resource AFTER INSERT ON ehr.rooms
    FOR EACH ROW EXECUTE FUNCTION ehr.add_resource('room');
CREATE TRIGGER add_resource AFTER INSERT ON ehr.equipment
    FOR EACH ROW EXECUTE FUNCTION ehr.add_resource('equipment');
CREATE TRIGGER add_resource AFTER INSERT ON ehr.beds
    FOR EACH ROW EXECUTE FUNCTION ehr.add_resource('bed');

INSERT INTO ehr.resources (kind, entity_id)
SELECT 'doctor', id FROM ehr.doctors
UNION ALL SELECT 'room', id FROM ehr.rooms
UNION ALL SELECT 'bed', id FROM ehr.beds;


-- -- claims ----------------------------------------------------------------

-- One row: this seat of this resource is busy in this period, because of what
-- ref is the id of.  Several rows with one ref are one act's.  actor_id: who
-- holds a hold.
--
-- Seats: a doctor with capacity n has 0 to n - 1, overbooking begins at 1000;
-- everything else has seat 0.
CREATE TABLE ehr.claims (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    resource integer NOT NULL,
    seat integer NOT NULL DEFAULT 0
        CONSTRAINT claims_seat_check CHECK (seat >= 0),
    during tstzrange NOT NULL,
    kind text NOT NULL
        CONSTRAINT claims_kind_check
            CHECK (kind IN ('appointment', 'hold', 'time_off', 'admission',
                'reservation')),
    ref uuid NOT NULL,
    actor_id uuid,
    expires_at timestamptz
        CONSTRAINT claims_expires_at_check
            CHECK ((kind = 'hold') = (expires_at IS NOT NULL)
                AND isfinite(expires_at)),
    created_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT claims_during_excl EXCLUDE USING gist (
        resource WITH =, seat WITH =, during WITH &&),

    -- One expression, so that its parts are tried in this order.
    CONSTRAINT claims_during_check CHECK (
        CASE
        WHEN isempty(during) OR lower_inf(during) OR NOT lower_inc(during)
             OR upper_inc(during) OR NOT isfinite(lower(during))
            THEN false
        WHEN kind IN ('admission', 'reservation')
            THEN upper_inf(during) OR isfinite(upper(during))
        WHEN upper_inf(during) OR NOT isfinite(upper(during))
            THEN false
        WHEN date_bin('5 minutes', lower(during), '2000-01-01 00:00Z')
             <> lower(during)
             OR date_bin('5 minutes', upper(during), '2000-01-01 00:00Z')
             <> upper(during)
            THEN false
        ELSE kind = 'time_off'
             OR upper(during) - lower(during) <= interval '24 hours'
        END)
);

-- The change feed needs more of a row that is gone than its key.
ALTER TABLE ehr.claims REPLICA IDENTITY FULL;

CREATE INDEX claims_ref ON ehr.claims (ref);
CREATE INDEX claims_expires_at ON ehr.claims (expires_at)
    WHERE kind = 'hold';
CREATE INDEX claims_actor_id ON ehr.claims (actor_id)
    WHERE kind = 'hold';

-- Written by functions only.  Whoever sees all patients may see why something
-- is busy.  There is no audit: claims follow from what is audited.
ALTER TABLE ehr.claims ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.claims FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.claims TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.claims FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all()));
GRANT SELECT ON ehr.claims TO ehr_app;

GRANT EXECUTE ON FUNCTION ehr.resource_of(text, uuid) TO ehr_app;


-- -- who may ---------------------------------------------------------------

CALL ehr.add_permission('appointments.read', 'DOCTOR', 'NURSE',
    'RECEPTIONIST', 'PATIENT');
CALL ehr.add_permission('appointments.write', 'DOCTOR', 'RECEPTIONIST');
CALL ehr.add_permission('appointments.book', 'DOCTOR', 'RECEPTIONIST',
    'PATIENT');
CALL ehr.add_permission('schedules.read', 'DOCTOR', 'NURSE', 'RECEPTIONIST',
    'PHARMACIST', 'LAB_TECHNICIAN', 'PATIENT');
CALL ehr.add_permission('schedules.write', 'RECEPTIONIST');
CALL ehr.add_permission('visits.write', 'DOCTOR', 'NURSE', 'RECEPTIONIST');
CALL ehr.add_permission('waiting-list.write', 'DOCTOR', 'RECEPTIONIST',
    'PATIENT');
