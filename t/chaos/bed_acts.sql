-- Few beds, more patients, and acts on them at random, for pgbench: straight
-- at the database, so that many more of them meet than over HTTP.

CREATE SCHEMA test;
SET ehr.scope = 'system';

INSERT INTO ehr.hospitals (name) VALUES ('Acts');
INSERT INTO ehr.room_classes (name) VALUES ('Acts');
INSERT INTO ehr.wards (hospital_id, name)
SELECT h.id, 'Ward ' || n FROM ehr.hospitals h, generate_series(1, 2) AS n;
INSERT INTO ehr.ward_rooms (ward_id, room_class_id, room_number, sex_policy)
SELECT w.id, c.id, n, (ARRAY['SAME', 'SAME', 'SAME', 'ANY', 'FEMALE'])[n]
  FROM ehr.wards w, ehr.room_classes c, generate_series(1, 5) AS n;
INSERT INTO ehr.beds (ward_room_id, bed_number)
SELECT r.id, n FROM ehr.ward_rooms r, generate_series(1, 2) AS n;
INSERT INTO ehr.doctors (first_name, last_name, license_number)
VALUES ('Ines', 'Acts', 'ACTS-1');
INSERT INTO ehr.patients (first_name, last_name, gender, date_of_birth)
SELECT 'Inga', 'Acts ' || n, (ARRAY['MALE', 'FEMALE'])[1 + n % 2],
       current_date - CASE WHEN n % 5 = 0 THEN 3 ELSE 15000 END
  FROM generate_series(1, 24) AS n;

CREATE FUNCTION test.chance(share float) RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT random() < share $$;

CREATE FUNCTION test.bed() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT b.id FROM ehr.beds b ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION test.ward() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT w.id FROM ehr.wards w ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION test.patient(newborn boolean) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT p.id FROM ehr.patients p
     WHERE NOT newborn OR p.date_of_birth > current_date - 10
     ORDER BY random() LIMIT 1
$$;

CREATE FUNCTION test.inside(but uuid) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT a.id FROM ehr.admissions a
     WHERE ehr.is_inside(a.status) AND a.id <> but
     ORDER BY random() LIMIT 1
$$;

-- Most often a bed that somebody has left.
CREATE FUNCTION test.clean() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    bed uuid := coalesce((
        SELECT b.id FROM ehr.beds b
         WHERE b.status IN ('CLEANING', 'OUT_OF_SERVICE') OR test.chance(0.1)
         ORDER BY random() LIMIT 1), test.bed());
BEGIN
    PERFORM ehr.bed_status(bed, NULL, CASE
        WHEN test.chance(0.9) THEN 'AVAILABLE'
        WHEN test.chance(0.5) THEN 'CLEANING'
        ELSE 'OUT_OF_SERVICE' END, 'Acts');
END
$$;

-- Now, or planned, or with the mother.
CREATE FUNCTION test.arrive(bed uuid, ward uuid, starts timestamptz,
    mother uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    doctor uuid := (SELECT d.id FROM ehr.doctors d WHERE test.chance(0.5));
BEGIN
    PERFORM ehr.admission_create(gen_random_uuid(),
        test.patient(mother IS NOT NULL), bed, NULL, ward, NULL, NULL, NULL,
        CASE WHEN mother IS NULL THEN 'ELECTIVE' ELSE 'NEWBORN' END, doctor,
        NULL, NULL, NULL, NULL, mother, NULL, starts,
        CASE WHEN test.chance(0.5) THEN starts + interval '1 hour' END,
        bed IS NULL AND mother IS NULL AND test.chance(0.2), 'Acts', NULL,
        NULL);
END
$$;

-- Goes on with somebody who is expected, or is there.
CREATE FUNCTION test.go_on(bed uuid, ward uuid) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    a    ehr.admissions;
    what float := random();
BEGIN
    SELECT * INTO a FROM ehr.admissions t
     WHERE t.status NOT IN ('DISCHARGED', 'CANCELLED')
     ORDER BY random() LIMIT 1;

    CASE
    WHEN NOT FOUND THEN
        RETURN;
    WHEN NOT ehr.is_inside(a.status) AND what < 0.4 THEN
        PERFORM ehr.admission_admit(a.id, NULL, bed, NULL, ward, NULL, NULL,
            NULL, NULL, 'Acts', NULL);
    WHEN NOT ehr.is_inside(a.status) AND what < 0.8 THEN
        PERFORM ehr.admission_admit(a.id, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, 'Acts', NULL);
    WHEN a.mother_admission_id IS NOT NULL AND what < 0.2 THEN
        PERFORM ehr.admission_transfer(a.id, NULL, (SELECT m.bed_id
            FROM ehr.admissions m WHERE m.id = a.mother_admission_id), NULL,
            NULL, NULL, NULL, NULL, NULL, 'Acts', NULL);
    WHEN what < 0.4 THEN
        PERFORM ehr.admission_transfer(a.id, NULL, bed, NULL, ward, NULL,
            NULL, NULL, NULL, 'Acts', NULL);
    WHEN what < 0.6 THEN
        PERFORM ehr.admission_swap(a.id, NULL, test.inside(a.id), NULL,
            'Acts');
    WHEN what < 0.7 THEN
        PERFORM test.arrive(NULL, NULL, NULL, a.id);
    WHEN what < 0.85 THEN
        PERFORM ehr.admission_cancel(a.id, NULL, 'Acts');
    ELSE
        PERFORM ehr.admission_discharge(a.id, NULL, 'DONE', 'DECEASED', NULL,
            'Acts');
    END CASE;
END
$$;

-- An act.  What is refused is; anything else ends pgbench.
CREATE FUNCTION test.act() RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    bed  uuid := CASE WHEN test.chance(0.5) THEN test.bed() END;
    ward uuid := CASE WHEN bed IS NULL THEN test.ward() END;
    what float := random();
BEGIN
    PERFORM set_config('ehr.scope', 'system', true);

    CASE
    WHEN what < 0.30 THEN
        PERFORM test.clean();
    WHEN what < 0.50 THEN
        PERFORM test.arrive(bed, ward, NULL, NULL);
    WHEN what < 0.53 THEN
        PERFORM test.arrive(bed, ward, clock_timestamp()
            + random() * interval '1 second', NULL);
    WHEN what < 0.56 THEN
        PERFORM test.arrive(bed, ward, clock_timestamp()
            + random() * interval '5 days', NULL);
    ELSE
        PERFORM test.go_on(bed, ward);
    END CASE;
EXCEPTION
    WHEN OTHERS THEN
        IF SQLSTATE NOT LIKE 'EH4%' THEN
            RAISE;
        END IF;
END
$$;
