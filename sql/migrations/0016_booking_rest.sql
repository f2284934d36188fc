-- What booking left open: giving a room back, who arrives, changes that take hours from what is
-- booked, hours that are new, waiting in vain, and notifications of long ago.


-- -- a room that is given back ---------------------------------------------

DROP FUNCTION ehr.appointment_reschedule(uuid, integer, timestamptz, integer,
    uuid, uuid, uuid[], uuid, integer);

-- Moves an appointment to another time, doctor, room or equipment: the new is
-- claimed and the old freed as one act, or nothing happens.  Null leaves the
-- doctor, the length, the equipment and, with the same doctor, the room; with
-- roomless it has no room but that of the doctor's hours, if that is free.
CREATE FUNCTION ehr.appointment_reschedule(appointment uuid, wanted integer,
    starts timestamptz, minutes integer, doctor uuid, room uuid,
    machines uuid[], hold uuid, seat integer, roomless boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a       ehr.appointments;
    wish    ehr.booking_wish;
    claimed record;
BEGIN
    a := ehr.appointment_locked(appointment, wanted, 'appointments.write');
    IF a.status NOT IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED') THEN
        PERFORM ehr.refuse('EH409', 'illegal_status', 'status');
    END IF;

    doctor := coalesce(doctor, a.doctor_id);
    machines := coalesce(machines, a.equipment_ids);
    wish := ehr.booking_wish(a.patient_id, doctor,
        coalesce(starts, a.starts_at), coalesce(minutes, a.duration_minutes),
        coalesce(room, CASE WHEN doctor = a.doctor_id AND NOT roomless
                       THEN a.room_id END),
        machines, a.overbook_reason IS NOT NULL, hold IS NOT NULL);
    wish.room_asked := room IS NOT NULL;

    -- Two who change places wait here instead of for each other's claims.
    PERFORM pg_advisory_xact_lock(4713, l.number)
       FROM (SELECT c.resource AS number FROM ehr.claims c
              WHERE c.ref = a.id AND c.kind = 'appointment'
             UNION
             SELECT unnest(wish.equipment || wish.patient || wish.doctor
                           || wish.room)
             ORDER BY 1) AS l
      WHERE l.number IS NOT NULL;

    DELETE FROM ehr.claims c WHERE c.ref = a.id AND c.kind = 'appointment';
    claimed := ehr.claim_for_appointment(wish, hold, seat, a.id, machines);

    UPDATE ehr.appointments t
       SET status = 'RESCHEDULED', doctor_id = doctor,
           clinic_id = wish.clinic_id, room_id = claimed.room,
           equipment_ids = claimed.machines,
           starts_at = lower(wish.during), ends_at = upper(wish.during),
           duration_minutes = wish.minutes, seat = claimed.seat,
           needs_attention = false
     WHERE t.id = a.id;

    IF doctor <> a.doctor_id THEN
        PERFORM ehr.join_care_team(a.patient_id, doctor, 'TREATING');
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.appointment_reschedule(uuid, integer,
    timestamptz, integer, uuid, uuid, uuid[], uuid, integer, boolean)
TO ehr_app;


-- -- arrival ---------------------------------------------------------------

-- As before (0009), but nobody arrives weeks before, whatever the route.
CREATE OR REPLACE FUNCTION ehr.appointment_move(appointment uuid,
    wanted integer, target text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a ehr.appointments;
BEGIN
    IF target IN ('CONFIRMED', 'CANCELLED') THEN
        a := ehr.appointment_locked(appointment, wanted,
            'appointments.write');
    ELSE
        IF ehr.booking_power('visits.write') NOT IN ('all', 'team') THEN
            PERFORM ehr.refuse('EH403', 'forbidden');
        END IF;
        a := ehr.appointment_locked(appointment, wanted, 'visits.write');
    END IF;

    -- RESCHEDULED comes of rescheduling only, and nobody has missed what is
    -- still to come.
    IF target = a.status OR target IN ('RESCHEDULED', 'SCHEDULED')
       OR target = 'NO_SHOW' AND a.starts_at > now()
    THEN
        PERFORM ehr.refuse('EH409', 'illegal_status', 'status');
    ELSIF target = 'ARRIVED' AND a.starts_at > now() + interval '12 hours'
    THEN
        PERFORM ehr.refuse('EH409', 'not_the_time_to_arrive', 'status');
    END IF;

    UPDATE ehr.appointments t SET status = target WHERE t.id = a.id;
END
$$;


-- -- changes that take hours away ------------------------------------------

-- As before (0009), and those whose seat is gone.
CREATE OR REPLACE FUNCTION ehr.schedule_conflicts(doctor uuid,
    clinic uuid DEFAULT NULL)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH booked AS MATERIALIZED (
        SELECT a.id, a.doctor_id, a.starts_at, a.ends_at, a.seat
          FROM ehr.appointments a
         WHERE (a.doctor_id = doctor OR doctor IS NULL)
           AND (a.clinic_id = clinic OR clinic IS NULL)
           AND num_nonnulls(doctor, clinic) > 0
           AND a.starts_at > now() AND a.overbook_reason IS NULL
           AND a.status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED')
    )
    SELECT b.id FROM booked b
     CROSS JOIN LATERAL ehr.open_period_at(b.doctor_id, b.starts_at) AS p
      JOIN ehr.doctors d ON d.id = b.doctor_id
     WHERE p.grid IS NULL OR p.ends_at < b.ends_at OR b.seat >= p.capacity
        OR NOT d.is_available OR d.deleted_at IS NOT NULL
     ORDER BY b.starts_at, b.id;
END
$$;

-- Triggers: a clinic whose clocks are others, a doctor who sees nobody.
CREATE FUNCTION ehr.clinic_hits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.schedule_hits(NULL, NEW.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER hits AFTER UPDATE ON ehr.clinics
    FOR EACH ROW WHEN (NEW.time_zone <> OLD.time_zone)
    EXECUTE FUNCTION ehr.clinic_hits();

CREATE FUNCTION ehr.doctor_hits() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.schedule_hits(NEW.id, NULL);
    RETURN NULL;
END
$$;

CREATE TRIGGER hits AFTER UPDATE ON ehr.doctors
    FOR EACH ROW WHEN (NEW.is_available <> OLD.is_available)
    EXECUTE FUNCTION ehr.doctor_hits();


-- -- hours that are new ----------------------------------------------------

-- Offers what is open of a doctor's time, at a clinic and on a weekday (null:
-- any), to those who wait.
CREATE FUNCTION ehr.waiting_offer_hours(doctor uuid, clinic uuid,
    weekday integer, opened tstzrange) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    latest timestamptz;
    period record;
BEGIN
    SELECT max(w.latest) INTO latest
      FROM ehr.waiting_list w
     WHERE w.status = 'WAITING' AND w.deleted_at IS NULL;

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

-- Trigger: weekly hours that are new, longer or there again.
CREATE FUNCTION ehr.schedule_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.waiting_offer_hours(NEW.doctor_id, NEW.clinic_id,
        NEW.day_of_week, tstzrange(now(), 'infinity'));
    RETURN NULL;
END
$$;

-- After `claims` and `hits`, by its name: what is free is free by then.
CREATE TRIGGER opened AFTER INSERT OR UPDATE ON ehr.doctor_schedules
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION ehr.schedule_opened();

-- Trigger: extra hours; time off and holidays that are shorter or over.
CREATE FUNCTION ehr.exception_opened() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.kind = 'EXTRA_HOURS' AND NEW.deleted_at IS NULL THEN
        PERFORM ehr.waiting_offer_hours(NEW.doctor_id, NEW.clinic_id, NULL,
            tstzrange(NEW.starts_at, NEW.ends_at));
    END IF;

    IF TG_OP = 'UPDATE' AND OLD.kind <> 'EXTRA_HOURS'
       AND OLD.deleted_at IS NULL
    THEN
        PERFORM ehr.waiting_offer_hours(d.doctor_id, OLD.clinic_id, NULL,
                   tstzrange(OLD.starts_at, OLD.ends_at))
           FROM (SELECT OLD.doctor_id WHERE OLD.doctor_id IS NOT NULL
                 UNION
                 SELECT s.doctor_id FROM ehr.doctor_schedules s
                  WHERE s.clinic_id = OLD.clinic_id
                    AND s.deleted_at IS NULL AND OLD.doctor_id IS NULL)
                AS d;
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER opened AFTER INSERT OR UPDATE ON ehr.schedule_exceptions
    FOR EACH ROW EXECUTE FUNCTION ehr.exception_opened();


-- -- waiting in vain -------------------------------------------------------

-- EXPIRED: `latest` passed and nothing was booked.
ALTER TABLE ehr.waiting_list
    DROP CONSTRAINT waiting_list_status_check,
    ADD CONSTRAINT waiting_list_status_check
        CHECK (status IN ('WAITING', 'OFFERED', 'BOOKED', 'EXPIRED')
            AND (status = 'OFFERED') = (hold_token IS NOT NULL)
            AND (status = 'BOOKED') = (appointment_id IS NOT NULL));

CREATE INDEX waiting_list_latest ON ehr.waiting_list (latest)
    WHERE status = 'WAITING' AND deleted_at IS NULL;

-- Ends what nobody can wait for any more, and tells the patients; how many
-- entries that were.
CREATE FUNCTION ehr.waiting_expire() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone record;
    n    integer := 0;
BEGIN
    PERFORM ehr.check_system();

    FOR gone IN
        UPDATE ehr.waiting_list w SET status = 'EXPIRED'
         WHERE w.id IN (
               SELECT e.id FROM ehr.waiting_list e
                WHERE e.status = 'WAITING' AND e.deleted_at IS NULL
                  AND e.latest <= now()
                ORDER BY e.latest
                LIMIT 1000
                  FOR UPDATE SKIP LOCKED)
        RETURNING w.id, w.patient_id
    LOOP
        PERFORM ehr.notify_patient(gone.patient_id, 'GENERAL',
            'WAITING_LIST_EXPIRED',
            jsonb_build_object('waitingListId', gone.id));
        n := n + 1;
    END LOOP;

    RETURN n;
END
$$;

-- Trigger: who would wait longer waits again, at the old place.
CREATE FUNCTION ehr.waiting_list_goes_on() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'WAITING';
    RETURN NEW;
END
$$;

CREATE TRIGGER goes_on BEFORE UPDATE ON ehr.waiting_list
    FOR EACH ROW WHEN (OLD.status = 'EXPIRED' AND NEW.status = 'EXPIRED'
        AND NEW.latest > OLD.latest AND NEW.latest > now())
    EXECUTE FUNCTION ehr.waiting_list_goes_on();


-- -- notifications of long ago ---------------------------------------------

-- Forgets notifications, read or not, that are older than the system parameter
-- notificationDays (180 without it).  Ids sort by time.
CREATE FUNCTION ehr.notifications_purge() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    oldest timestamptz := now() - make_interval(days =>
        ehr.booking_limit('notificationDays', 180));
    n      integer;
BEGIN
    PERFORM ehr.check_system();

    DELETE FROM ehr.notifications t
     WHERE t.id IN (
           SELECT o.id FROM ehr.notifications o
            WHERE o.id < (lpad(to_hex((extract(epoch FROM oldest)
                              * 1000)::bigint), 12, '0')
                          || repeat('0', 20))::uuid
            ORDER BY o.id
            LIMIT 10000);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;


GRANT EXECUTE ON FUNCTION ehr.waiting_expire(), ehr.notifications_purge()
    TO ehr_app;
