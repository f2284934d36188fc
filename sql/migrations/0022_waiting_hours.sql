-- New hours of a doctor cost what waits for that doctor, not what waits
-- anywhere in the hospital.  One entry that waits for years made every rule of
-- every other doctor's week ask for the open periods of each week until then.


-- Who waits for some time of this doctor, wherever and whenever that is: all
-- that ehr.waiting_for() may find, and cheap.
CREATE FUNCTION ehr.waiting_at_all(doctor uuid, skills uuid[])
RETURNS SETOF ehr.waiting_list
LANGUAGE plpgsql SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clinics uuid[];
BEGIN
    clinics := ARRAY(
        SELECT s.clinic_id FROM ehr.doctor_schedules s
         WHERE s.doctor_id = doctor AND s.deleted_at IS NULL
        UNION
        SELECT e.clinic_id FROM ehr.schedule_exceptions e
         WHERE e.doctor_id = doctor AND e.kind = 'EXTRA_HOURS'
           AND e.deleted_at IS NULL);

    -- In these words each kind has its index.
    RETURN QUERY
    SELECT w.*
      FROM ehr.waiting_list w
     WHERE w.status = 'WAITING' AND w.deleted_at IS NULL
       AND (w.doctor_id = doctor
            OR w.doctor_id IS NULL AND w.specialty_id = ANY (skills)
            OR w.doctor_id IS NULL AND w.specialty_id IS NULL
               AND w.clinic_id = ANY (clinics))
       AND (w.specialty_id IS NULL OR w.specialty_id = ANY (skills))
       AND (w.clinic_id IS NULL OR w.clinic_id = ANY (clinics));
END
$$;

-- The entries that wait for some of this time of this doctor and were not
-- offered it before.  Where the doctor is then is asked last: it costs most.
CREATE OR REPLACE FUNCTION ehr.waiting_for(doctor uuid, freed tstzrange)
RETURNS SETOF ehr.waiting_list
LANGUAGE plpgsql SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entries ehr.waiting_list[];
    clinics uuid[];
BEGIN
    entries := ARRAY(
        SELECT w
          FROM ehr.doctors d
         CROSS JOIN LATERAL
               ehr.waiting_at_all(doctor, d.specialty_ids) AS w
         WHERE d.id = doctor
           AND w.earliest < upper(freed)
           AND w.latest > greatest(lower(freed), now())
           AND NOT EXISTS (
                   SELECT FROM ehr.waiting_offers o
                    WHERE o.entry_id = w.id AND o.doctor_id = doctor
                      AND o.during && freed));
    IF cardinality(entries) = 0 THEN
        RETURN;
    END IF;

    clinics := ARRAY(SELECT p.clinic_id
        FROM ehr.open_periods(ARRAY[doctor], lower(freed), upper(freed))
            AS p);

    RETURN QUERY
    SELECT w.*
      FROM unnest(entries) AS w
     WHERE w.clinic_id IS NULL OR w.clinic_id = ANY (clinics);
END
$$;

-- Offers what is open of a doctor's time, at a clinic and on a weekday (null:
-- any), to those who wait for this doctor.
CREATE OR REPLACE FUNCTION ehr.waiting_offer_hours(doctor uuid, clinic uuid,
    weekday integer, opened tstzrange) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest timestamptz;
    period record;
BEGIN
    SELECT max(w.latest) INTO latest
      FROM ehr.doctors d
     CROSS JOIN LATERAL ehr.waiting_at_all(doctor, d.specialty_ids) AS w
     WHERE d.id = doctor;

    opened := opened * tstzrange(now(), greatest(latest, now()));
    IF latest IS NULL OR isempty(opened) THEN
        RETURN;
    END IF;

    FOR period IN
        SELECT tstzrange(p.starts_at, p.ends_at) * opened AS during
          FROM ehr.open_periods(ARRAY[doctor], lower(opened),
                   upper(opened)) AS p
          JOIN ehr.clinics c ON c.id = p.clinic_id
         WHERE (clinic IS NULL OR p.clinic_id = clinic)
           AND (weekday IS NULL OR weekday
                = extract(isodow FROM p.starts_at AT TIME ZONE c.time_zone))
         ORDER BY p.starts_at
    LOOP
        IF NOT isempty(period.during) THEN
            PERFORM ehr.waiting_offer(doctor, period.during);
        END IF;
    END LOOP;
END
$$;
