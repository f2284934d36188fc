-- The lock order of 0014 also for newborns: two acts waited for each other, and
-- PostgreSQL ended one of them.


-- As in 0018; but a newborn that came into its mother's bed while this waited
-- for her belongs to the family too, and its patient comes before admissions
-- and beds: what is locked is given back, and locked again with it.
CREATE OR REPLACE FUNCTION ehr.admission_locked(admission uuid,
    wanted integer, permission text, VARIADIC others uuid[] DEFAULT '{}')
RETURNS ehr.admissions
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    power  text := ehr.stay_power(permission);
    named  uuid[] := others || admission;
    family uuid[];
    a      ehr.admissions;
BEGIN
    IF power = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    LOOP
        family := ehr.admission_family(named);
        BEGIN
            PERFORM FROM ehr.patients p
              WHERE p.id IN (SELECT t.patient_id FROM ehr.admissions t
                              WHERE t.id = ANY (family))
              ORDER BY p.id
                FOR SHARE;
            PERFORM FROM ehr.admissions t WHERE t.id = ANY (family)
              ORDER BY t.mother_admission_id IS NOT NULL, t.id
                FOR NO KEY UPDATE;
            EXIT WHEN ehr.admission_family(named) <@ family;
            RAISE SQLSTATE 'EH000';
        EXCEPTION
            WHEN SQLSTATE 'EH000' THEN
                NULL;
        END;
    END LOOP;

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

-- Admissions with their mothers' and those of newborns with them.
CREATE FUNCTION ehr.admission_family(named uuid[]) RETURNS uuid[]
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
    SELECT ARRAY(
        SELECT t.id FROM ehr.admissions t WHERE t.id = ANY (named)
        UNION
        SELECT t.mother_admission_id FROM ehr.admissions t
         WHERE t.id = ANY (named) AND t.mother_admission_id IS NOT NULL
        UNION
        SELECT n.id FROM ehr.admissions n
         WHERE n.mother_admission_id = ANY (named)
           AND ehr.is_inside(n.status))
$$;

-- As in 0014; but the room is locked before the patient becomes a resource,
-- which somebody who has the room may wait for.
CREATE OR REPLACE FUNCTION ehr.stay_room_in(wish ehr.bed_wish, bed uuid,
    act text, why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    seat integer;
BEGIN
    PERFORM ehr.lock_rooms(bed);

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
