-- Locks are taken in the same order: four more pairs of acts waited for each
-- other, and PostgreSQL ended one of them.


-- As in 0018; but a bed is looked at, and locked, only if the claim says
-- something else of it.  Whoever changes a room's policy has the room by then,
-- and beds come before rooms.
DROP TRIGGER claims_bed_changed ON ehr.claims;
CREATE CONSTRAINT TRIGGER claims_bed_changed
    AFTER UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind IN ('admission', 'reservation')
        AND (OLD.resource, OLD.seat, OLD.during, OLD.kind, OLD.ref)
            IS DISTINCT FROM (NEW.resource, NEW.seat, NEW.during, NEW.kind,
                NEW.ref))
    EXECUTE FUNCTION ehr.check_bed();

-- As in 0013; but whoever is just taking the time, or the patient's, may wait
-- for the turn to offer: nobody who has it waits long for them.  An entry that
-- they are in the way of stays in the line.
CREATE OR REPLACE FUNCTION ehr.waiting_offer_make(entry ehr.waiting_list,
    doctor uuid, freed tstzrange) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '100ms' AS $$
DECLARE
    token   uuid := ehr.time_uuid();
    length  interval := make_interval(mins => entry.duration_minutes);
    slot    record;
    wish    ehr.booking_wish;
    claimed record;
    until   timestamptz;
    scope   text := ehr.scope();
BEGIN
    SELECT f.* INTO slot
      FROM ehr.free_slots(ARRAY[doctor],
               greatest(lower(freed) - length, entry.earliest,
                   now() + make_interval(mins => greatest(15,
                       ehr.booking_limit('bookingLeadMinutes', 0)))),
               upper(freed), entry.duration_minutes, 50) AS f
     WHERE tstzrange(f.starts_at, f.starts_at + length) && freed
       AND f.starts_at + length <= entry.latest
       AND (entry.clinic_id IS NULL OR f.clinic_id = entry.clinic_id)
     LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    until := least(slot.starts_at, clock_timestamp() + make_interval(
        mins => greatest(1, ehr.booking_limit('waitingOfferMinutes', 30))));
    -- For the patient, not for whoever made the slot free.
    PERFORM set_config('ehr.scope', 'system', true);
    wish := ehr.booking_wish(entry.patient_id, doctor, slot.starts_at,
        slot.minutes, NULL, '{}', false, false);
    PERFORM set_config('ehr.scope', scope, true);
    claimed := ehr.claim_wish(wish, slot.seat, 'hold', token, NULL, until);
    IF claimed.busy IS NOT NULL THEN
        PERFORM ehr.refuse('EH409', 'slot_taken', claimed.busy);
    END IF;

    UPDATE ehr.waiting_list w
       SET status = 'OFFERED', hold_token = token,
           offered_doctor_id = doctor, offered_start = slot.starts_at,
           offer_expires_at = until
     WHERE w.id = entry.id;
    INSERT INTO ehr.waiting_offers (hold_token, entry_id, doctor_id, during)
    VALUES (token, entry.id, doctor, wish.during);
    PERFORM ehr.notify_patient(entry.patient_id, 'GENERAL',
        'WAITING_LIST_OFFER', jsonb_build_object('waitingListId', entry.id,
            'holdToken', token, 'doctorId', doctor));
    RETURN true;
EXCEPTION
    WHEN SQLSTATE 'EH409' OR SQLSTATE 'EH422' OR lock_not_available
         OR deadlock_detected THEN
        RETURN false;
    WHEN OTHERS THEN
        -- Whoever gives a slot back is not to suffer for it.
        RAISE WARNING 'ehr: waiting list entry % passed over: % %', entry.id,
            SQLSTATE, SQLERRM;
        RETURN false;
END
$$;

-- As in 0013; but all dates are locked before the first gives its time back,
-- which takes the turn to offer it.
CREATE OR REPLACE FUNCTION ehr.series_cancel(series uuid,
    since timestamptz, why text)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner uuid;
    one   uuid;
    n     integer := 0;
BEGIN
    SELECT s.patient_id INTO owner
      FROM ehr.appointment_series s
     WHERE s.id = series
       FOR UPDATE;

    IF NOT (ehr.actor_may('appointments.write')
            OR ehr.actor_may('appointments.book'))
    THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    ELSIF owner IS NULL OR NOT (ehr.sees_all()
                                OR owner = ANY (ehr.my_patients()))
    THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    END IF;

    PERFORM FROM ehr.appointments a
      WHERE a.series_id = series AND a.starts_at >= greatest(since, now())
      ORDER BY a.starts_at, a.id
        FOR NO KEY UPDATE;

    FOR one IN
        SELECT a.id FROM ehr.appointments a
         WHERE a.series_id = series AND a.starts_at >= greatest(since, now())
           AND a.status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED')
         ORDER BY a.starts_at, a.id
    LOOP
        PERFORM ehr.appointment_cancel(one, NULL, why);
        n := n + 1;
    END LOOP;

    UPDATE ehr.appointment_series s SET cancelled_at = now()
     WHERE s.id = series AND s.cancelled_at IS NULL;

    RETURN n;
END
$$;

-- As in 0008; but the appointments in the way, which will need attention, are
-- locked before anything is claimed, like by those who move them.
CREATE OR REPLACE FUNCTION ehr.exception_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF ehr.is_claimed(NEW) THEN
        PERFORM FROM ehr.appointments a
          WHERE a.doctor_id = NEW.doctor_id AND ehr.is_active(a.status)
            AND a.starts_at < NEW.ends_at AND a.ends_at > NEW.starts_at
          ORDER BY a.starts_at, a.id
            FOR NO KEY UPDATE;
    END IF;

    IF TG_OP = 'UPDATE' AND ehr.is_claimed(OLD) THEN
        DELETE FROM ehr.claims c
         WHERE c.ref = OLD.id AND c.kind = 'time_off';
    END IF;
    IF ehr.is_claimed(NEW) THEN
        PERFORM ehr.cover_time_off(NEW);
    END IF;

    RETURN NULL;
END
$$;
