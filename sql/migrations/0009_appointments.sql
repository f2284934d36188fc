-- Appointments: the table, what keeps it and the claims together, and the acts
-- that change both: book, hold, reschedule, cancel, move.


-- -- the table -------------------------------------------------------------

-- Written by the functions below.  It is active until it is cancelled or
-- missed; while it is, claims make its doctor and its patient busy from
-- starts_at to ends_at.  seat: the doctor's, from 1000 on overbooked.
--
-- Doctor, clinic and room are no foreign keys: each booking would lock the one
-- row that all of a day share.  Rows there are never removed, and the claims
-- prove doctor and room.
CREATE TABLE ehr.appointments (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT appointments_patient_id_fkey REFERENCES ehr.patients,
    doctor_id uuid NOT NULL,
    clinic_id uuid,
    room_id uuid,
    equipment_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT appointments_equipment_ids_check
            CHECK (cardinality(equipment_ids) <= 10),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    duration_minutes integer NOT NULL
        CONSTRAINT appointments_duration_minutes_check
            CHECK (duration_minutes BETWEEN 5 AND 1440
                AND ends_at - starts_at
                    = make_interval(mins => duration_minutes)),
    type text NOT NULL DEFAULT 'CONSULTATION'
        CONSTRAINT appointments_type_check
            CHECK (type IN ('CONSULTATION', 'FOLLOW_UP', 'EMERGENCY')),
    status text NOT NULL DEFAULT 'SCHEDULED'
        CONSTRAINT appointments_status_check
            CHECK (status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED',
                'ARRIVED', 'IN_PROGRESS', 'COMPLETED', 'CANCELLED',
                'NO_SHOW')),
    reason text
        CONSTRAINT appointments_reason_check
            CHECK (char_length(reason) <= 1000),
    is_virtual boolean NOT NULL DEFAULT false,
    meeting_url text
        CONSTRAINT appointments_meeting_url_check
            CHECK (char_length(meeting_url) <= 2000),
    seat integer NOT NULL DEFAULT 0
        CONSTRAINT appointments_seat_check CHECK (seat >= 0),
    overbook_reason text
        CONSTRAINT appointments_overbook_reason_check
            CHECK (char_length(overbook_reason) BETWEEN 1 AND 500
                OR overbook_reason IS NULL AND seat < 1000),
    series_id uuid,
    follow_up_of uuid,
    cancel_reason text
        CONSTRAINT appointments_cancel_reason_check
            CHECK (char_length(cancel_reason) <= 1000),
    arrived_at timestamptz,
    began_at timestamptz,
    completed_at timestamptz,
    cancelled_at timestamptz,
    needs_attention boolean NOT NULL DEFAULT false,
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT appointments_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
        CONSTRAINT appointments_deleted_at_check
            CHECK (deleted_at IS NULL OR status IN ('CANCELLED', 'NO_SHOW')),

    CONSTRAINT appointments_patient_id_key UNIQUE (patient_id, id),
    CONSTRAINT appointments_follow_up_of_fkey
        FOREIGN KEY (patient_id, follow_up_of)
        REFERENCES ehr.appointments (patient_id, id)
);

CREATE INDEX appointments_patient_id
    ON ehr.appointments (patient_id, starts_at, id);
CREATE INDEX appointments_doctor_id
    ON ehr.appointments (doctor_id, starts_at, id);
CREATE INDEX appointments_clinic_id
    ON ehr.appointments (clinic_id, starts_at, id);
CREATE INDEX appointments_starts_at ON ehr.appointments (starts_at, id);
CREATE INDEX appointments_series_id ON ehr.appointments (series_id)
    WHERE series_id IS NOT NULL;
CREATE INDEX appointments_follow_up_of
    ON ehr.appointments (patient_id, follow_up_of)
    WHERE follow_up_of IS NOT NULL;

-- Nobody inserts but the functions; statuses and times change by them or by
-- statements that keep the rules below.
CALL ehr.install_record('ehr.appointments', 'custom');
REVOKE INSERT ON ehr.appointments FROM ehr_app;
CREATE POLICY reads ON ehr.appointments FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));
CREATE POLICY updates ON ehr.appointments FOR UPDATE TO ehr_app
    USING ((SELECT ehr.scope()) = 'system'
           OR (SELECT ehr.sees_all())
              AND ((SELECT ehr.actor_may('appointments.write'))
                   OR (SELECT ehr.actor_may('visits.write')))
           OR (SELECT ehr.actor_may('appointments.book'))
              AND patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));

-- What a record of care says it was for.  Ids written before there were
-- appointments stay.
ALTER TABLE ehr.encounters
    ADD CONSTRAINT encounters_appointment_id_fkey
    FOREIGN KEY (patient_id, appointment_id)
    REFERENCES ehr.appointments (patient_id, id) NOT VALID;
ALTER TABLE ehr.treatment_plans
    ADD CONSTRAINT treatment_plans_appointment_id_fkey
    FOREIGN KEY (patient_id, appointment_id)
    REFERENCES ehr.appointments (patient_id, id) NOT VALID;


-- -- from status to status -------------------------------------------------

CREATE FUNCTION ehr.is_active(status text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT status NOT IN ('CANCELLED', 'NO_SHOW')
$$;

-- Before the visit it is SCHEDULED, CONFIRMED or RESCHEDULED, in any order;
-- then ARRIVED, IN_PROGRESS, COMPLETED; until it begins it may be CANCELLED
-- or turn out a NO_SHOW.
CREATE FUNCTION ehr.appointment_rules() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' OR NOT (OLD.status, NEW.status) IN (
        ('SCHEDULED', 'CONFIRMED'), ('SCHEDULED', 'RESCHEDULED'),
        ('SCHEDULED', 'ARRIVED'), ('SCHEDULED', 'CANCELLED'),
        ('SCHEDULED', 'NO_SHOW'),
        ('CONFIRMED', 'RESCHEDULED'), ('CONFIRMED', 'ARRIVED'),
        ('CONFIRMED', 'CANCELLED'), ('CONFIRMED', 'NO_SHOW'),
        ('RESCHEDULED', 'CONFIRMED'), ('RESCHEDULED', 'ARRIVED'),
        ('RESCHEDULED', 'CANCELLED'), ('RESCHEDULED', 'NO_SHOW'),
        ('ARRIVED', 'IN_PROGRESS'), ('ARRIVED', 'CANCELLED'),
        ('ARRIVED', 'NO_SHOW'),
        ('IN_PROGRESS', 'COMPLETED'))
    THEN
        PERFORM ehr.refuse('EH409', 'illegal_status', 'status');
    END IF;

    CASE NEW.status
    WHEN 'ARRIVED' THEN NEW.arrived_at := now();
    WHEN 'IN_PROGRESS' THEN NEW.began_at := now();
    WHEN 'COMPLETED' THEN NEW.completed_at := now();
    WHEN 'CANCELLED', 'NO_SHOW' THEN NEW.cancelled_at := now();
    ELSE
    END CASE;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules_new BEFORE INSERT ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status <> 'SCHEDULED')
    EXECUTE FUNCTION ehr.appointment_rules();
CREATE TRIGGER rules BEFORE UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status <> OLD.status)
    EXECUTE FUNCTION ehr.appointment_rules();

-- What is over, or has begun, keeps its time; a patient's stays the patient's.
CREATE FUNCTION ehr.appointment_is_fixed() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.patient_id <> OLD.patient_id THEN
        PERFORM ehr.refuse('EH422', 'field_immutable', 'patientId');
    END IF;

    PERFORM ehr.refuse('EH409', 'illegal_status', 'status');
    RETURN NULL;
END
$$;

CREATE TRIGGER fixed BEFORE UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (NEW.patient_id <> OLD.patient_id
        OR NEW.status <> 'RESCHEDULED'
           AND (NEW.starts_at, NEW.ends_at, NEW.doctor_id)
               IS DISTINCT FROM (OLD.starts_at, OLD.ends_at, OLD.doctor_id))
    EXECUTE FUNCTION ehr.appointment_is_fixed();

CREATE FUNCTION ehr.appointment_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM ehr.claims c
     WHERE c.ref = NEW.id AND c.kind = 'appointment';
    RETURN NULL;
END
$$;

CREATE TRIGGER ended AFTER UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status <> OLD.status
        AND NEW.status IN ('CANCELLED', 'NO_SHOW'))
    EXECUTE FUNCTION ehr.appointment_ended();


-- -- claims and appointments are the same thing ----------------------------
--
-- enable_seqscan is off in what books: a connection's plans, made while tables
-- were empty, would otherwise read all of them until they are next analysed.

-- Looked at when the transaction is about to be committed: an active
-- appointment has a claim of its doctor on its seat and one of its patient, all
-- its claims have exactly its period and are of what it names; one that is
-- not active has none.
CREATE FUNCTION ehr.check_appointment() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a     ehr.appointments;
    whose uuid;
    whole boolean;
BEGIN
    IF TG_TABLE_NAME = 'appointments' THEN
        whose := CASE TG_OP WHEN 'DELETE' THEN OLD.id ELSE NEW.id END;
    ELSE
        whose := CASE TG_OP WHEN 'DELETE' THEN OLD.ref ELSE NEW.ref END;
    END IF;

    SELECT * INTO a FROM ehr.appointments t WHERE t.id = whose;

    IF a.id IS NULL OR NOT ehr.is_active(a.status) THEN
        whole := NOT EXISTS (
            SELECT FROM ehr.claims c
             WHERE c.ref = whose AND c.kind = 'appointment');
    ELSE
        SELECT count(*) FILTER (WHERE r.kind = 'doctor'
                   AND r.entity_id = a.doctor_id AND c.seat = a.seat) = 1
               AND count(*) FILTER (WHERE r.kind = 'patient'
                   AND r.entity_id = a.patient_id) = 1
               AND bool_and(c.during = tstzrange(a.starts_at, a.ends_at))
               AND bool_and(r.entity_id = a.doctor_id
                   OR r.entity_id = a.patient_id OR r.entity_id = a.room_id
                   OR r.entity_id = ANY (a.equipment_ids))
               AND count(*) = 2 + cardinality(a.equipment_ids)
                   + (a.room_id IS NOT NULL)::integer
          INTO whole
          FROM ehr.claims c
          JOIN ehr.resources r ON r.id = c.resource
         WHERE c.ref = whose AND c.kind = 'appointment';
    END IF;

    IF NOT whole THEN
        RAISE EXCEPTION 'appointment % and its claims differ', whose
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'appointments_claims';
    END IF;

    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER appointments_claims
    AFTER INSERT OR DELETE OR UPDATE OF status, starts_at, ends_at,
        doctor_id, patient_id, room_id, equipment_ids, seat
    ON ehr.appointments DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION ehr.check_appointment();

-- The other way round: what is claimed for an appointment is what it names.
CREATE FUNCTION ehr.check_claim() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    IF NOT EXISTS (
           SELECT FROM ehr.appointments a
             JOIN ehr.resources r ON r.id = NEW.resource
            WHERE a.id = NEW.ref AND ehr.is_active(a.status)
              AND NEW.during = tstzrange(a.starts_at, a.ends_at)
              AND (r.entity_id = a.doctor_id AND NEW.seat = a.seat
                   OR r.entity_id = a.patient_id OR r.entity_id = a.room_id
                   OR r.entity_id = ANY (a.equipment_ids)))
       -- It may have gone again since.
       AND EXISTS (
           SELECT FROM ehr.claims c
            WHERE c.id = NEW.id AND c.kind = 'appointment'
              AND (c.ref, c.resource, c.seat, c.during)
                  = (NEW.ref, NEW.resource, NEW.seat, NEW.during))
    THEN
        RAISE EXCEPTION 'claim % is not its appointment''s', NEW.id
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = 'claims_appointment';
    END IF;

    RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER claims_appointment
    AFTER INSERT OR UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind = 'appointment')
    EXECUTE FUNCTION ehr.check_claim();
CREATE CONSTRAINT TRIGGER claims_freed
    AFTER DELETE OR UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind = 'appointment')
    EXECUTE FUNCTION ehr.check_appointment();


-- -- who books -------------------------------------------------------------

-- What the actor may do with appointments: 'all' (staff: of every patient),
-- 'team' (of patients whose record the actor writes: booking puts the doctor
-- on the care team, and nobody makes oneself a doctor of somebody), 'own' (of
-- ehr.my_patients()) or ''.  It takes `wanted`, or for one's own
-- appointments.book.
CREATE FUNCTION ehr.booking_power(wanted text) RETURNS text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    power text;
BEGIN
    IF ehr.scope() = 'system' THEN
        RETURN 'all';
    END IF;

    SELECT CASE WHEN bool_or(wanted = ANY (r.permissions))
                     AND ehr.sees_all() THEN ehr.scope()
                WHEN bool_or('appointments.book' = ANY (r.permissions))
                THEN 'own' END
      INTO power
      FROM ehr.users u
      JOIN ehr.roles r ON r.name = ANY (u.roles) AND r.deleted_at IS NULL
     WHERE u.id = ehr.actor() AND u.status = 'ACTIVE'
       AND u.deleted_at IS NULL;

    RETURN coalesce(power, '');
END
$$;

-- What a system parameter is set to: its value or, as the API wants that to be
-- an object, the member "value" of it.  Null without it.
CREATE FUNCTION ehr.parameter(name text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
    SELECT CASE jsonb_typeof(p.value)
           WHEN 'object' THEN p.value -> 'value' ELSE p.value END
      FROM ehr.system_parameters p
     WHERE p.key = name AND p.deleted_at IS NULL);
END
$$;

-- A limit set by an administrator, or what holds without one.
CREATE FUNCTION ehr.booking_limit(name text, otherwise integer)
RETURNS integer
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((
        SELECT least(p.value::text::numeric, 1000000)::integer
          FROM ehr.parameter(name) AS p (value)
         WHERE jsonb_typeof(p.value) = 'number'
           AND p.value::text::numeric >= 0), otherwise);
END
$$;

-- What a booking, a hold and a rescheduling ask for, looked up and checked
-- but for whether it is free.
CREATE TYPE ehr.booking_wish AS (
    power       text,
    patient     integer,        -- resources
    doctor      integer,
    room        integer,        -- null: none
    room_asked  boolean,        -- without it there is no booking
    room_id     uuid,
    equipment   integer[],
    during      tstzrange,
    minutes     integer,
    clinic_id   uuid,
    seats       integer,        -- capacity; 0: by overbooking only
    overbooks   boolean
);

-- Numbers of pieces of equipment; refuses those that are not there.
CREATE FUNCTION ehr.equipment_numbers(wanted uuid[]) RETURNS integer[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    numbers integer[];
BEGIN
    IF coalesce(cardinality(wanted), 0) = 0 THEN
        RETURN '{}';
    END IF;

    SELECT array_agg(r.id) INTO numbers
      FROM ehr.equipment e
      JOIN ehr.resources r ON r.kind = 'equipment' AND r.entity_id = e.id
     WHERE e.id = ANY (wanted) AND e.deleted_at IS NULL;

    -- Twice the same is refused too: it would be busy by itself.
    IF coalesce(cardinality(numbers), 0) <> cardinality(wanted) THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'equipmentIds');
    END IF;

    RETURN numbers;
END
$$;

-- Refuses a time that is not to be booked at all.  Patients are bound by
-- lead time and horizon; what is held is theirs already.
CREATE FUNCTION ehr.check_booking_time(power text, starts timestamptz,
    minutes integer, emergency boolean, held boolean) RETURNS void
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF starts IS NULL OR NOT isfinite(starts) THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'start');
    END IF;
    IF date_bin('5 minutes', starts, '2000-01-01 00:00Z') <> starts THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'start');
    END IF;
    IF minutes % 5 <> 0 THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'durationMinutes');
    END IF;
    IF minutes NOT BETWEEN 5 AND 1440 THEN
        PERFORM ehr.refuse('EH422', 'too_long', 'durationMinutes');
    END IF;

    IF held THEN
        RETURN;
    END IF;

    -- An emergency begins now, which is inside a granule.
    IF starts < now() - (CASE WHEN emergency THEN interval '5 minutes'
                              ELSE interval '0' END)
    THEN
        PERFORM ehr.refuse('EH422', 'in_the_past', 'start');
    END IF;

    IF power = 'own' THEN
        IF starts < now() + make_interval(mins =>
               ehr.booking_limit('bookingLeadMinutes', 0))
        THEN
            PERFORM ehr.refuse('EH422', 'too_early', 'start');
        END IF;
        IF starts > now() + make_interval(days =>
               ehr.booking_limit('bookingHorizonDays', 120))
        THEN
            PERFORM ehr.refuse('EH422', 'too_far', 'start');
        END IF;
    ELSIF starts > now() + interval '2 years' THEN
        PERFORM ehr.refuse('EH422', 'too_far', 'start');
    END IF;
END
$$;

-- Looks all of it up, or refuses.  room null: the one of the doctor's hours,
-- if it is free.
CREATE FUNCTION ehr.booking_wish(patient_id uuid, doctor_id uuid,
    starts timestamptz, minutes integer, room_id uuid, equipment_ids uuid[],
    emergency boolean, held boolean) RETURNS ehr.booking_wish
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    wish   ehr.booking_wish;
    open   record;
    length integer;
BEGIN
    wish.power := ehr.booking_power('appointments.write');
    IF wish.power = '' OR wish.power = 'own' AND emergency THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    SELECT coalesce(r.id, ehr.resource_of('patient', p.id))
      INTO wish.patient
      FROM ehr.patients p
      LEFT JOIN ehr.resources r ON r.kind = 'patient' AND r.entity_id = p.id
     WHERE p.id = patient_id AND p.deleted_at IS NULL;
    IF wish.patient IS NULL
       OR wish.power = 'own' AND NOT patient_id = ANY (ehr.my_patients())
       OR wish.power = 'team' AND NOT ehr.may_write(patient_id)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'patientId');
    END IF;

    SELECT r.id INTO wish.doctor
      FROM ehr.doctors d
      JOIN ehr.resources r ON r.kind = 'doctor' AND r.entity_id = d.id
     WHERE d.id = doctor_id AND d.deleted_at IS NULL
       AND (d.is_available OR emergency);
    IF wish.doctor IS NULL THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'doctorId');
    END IF;

    PERFORM ehr.check_booking_time(wish.power, starts, minutes, emergency,
        held);

    open := ehr.open_period_at(doctor_id, starts);
    length := coalesce(minutes, open.slot_minutes, 30);
    wish.minutes := length;
    wish.during := tstzrange(starts,
        starts + make_interval(mins => length));
    wish.overbooks := emergency;
    wish.clinic_id := open.clinic_id;
    wish.seats := coalesce(open.capacity, 0);

    IF open.grid IS NULL THEN
        IF NOT emergency THEN
            PERFORM ehr.refuse('EH422', 'outside_schedule', 'start');
        END IF;
    ELSIF extract(epoch FROM starts - open.grid)::integer
          % (60 * open.slot_minutes) <> 0
    THEN
        IF NOT emergency THEN
            PERFORM ehr.refuse('EH422', 'off_grid', 'start');
        END IF;
    ELSIF upper(wish.during) > open.ends_at AND NOT emergency THEN
        PERFORM ehr.refuse('EH422', 'outside_schedule', 'durationMinutes');
    END IF;

    wish.room_asked := room_id IS NOT NULL;
    wish.room_id := coalesce(room_id, open.room_id);
    IF wish.room_id IS NOT NULL THEN
        SELECT r.id INTO wish.room
          FROM ehr.rooms t
          JOIN ehr.resources r ON r.kind = 'room' AND r.entity_id = t.id
         WHERE t.id = wish.room_id AND t.deleted_at IS NULL;
        IF wish.room IS NULL AND wish.room_asked THEN
            PERFORM ehr.refuse('EH422', 'reference_unknown', 'roomId');
        END IF;
    END IF;
    wish.equipment := ehr.equipment_numbers(equipment_ids);

    RETURN wish;
END
$$;


-- -- taking it -------------------------------------------------------------
--
-- Lock order: the appointment's row; advisory locks of resources, ascending;
-- the doctor's claim; the other claims, ascending.  An INSERT that meets a
-- claim not committed yet waits for it and holds nothing that comes later.

-- Takes a seat of a doctor that is free, the wanted one first.  Null: none.
CREATE FUNCTION ehr.claim_seat(wish ehr.booking_wish, wanted integer,
    why text, act uuid, holder uuid, until timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    try   integer := wanted;
    tries integer[];
BEGIN
    IF wish.seats > 0 THEN
        -- Without advice everybody begins elsewhere.
        IF try IS NULL OR try NOT BETWEEN 0 AND wish.seats - 1 THEN
            try := abs(hashtext(act::text)::bigint) % wish.seats;
        END IF;

        INSERT INTO ehr.claims (resource, seat, during, kind, ref, actor_id,
                expires_at)
        VALUES (wish.doctor, try, wish.during, why, act, holder, until)
        ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
        IF FOUND THEN
            RETURN try;
        END IF;

        PERFORM ehr.drop_expired(ARRAY[wish.doctor], wish.during);
    END IF;

    -- Until there is none that looks free.
    LOOP
        SELECT array_agg(s.seat ORDER BY s.seat >= 1000,
                         hashtext(act::text || s.seat))
          INTO tries
          FROM (SELECT generate_series(0, wish.seats - 1)
                UNION ALL
                SELECT generate_series(1000, 1031) WHERE wish.overbooks)
               AS s (seat)
         WHERE NOT EXISTS (
               SELECT FROM ehr.claims c
                WHERE c.resource = wish.doctor AND c.seat = s.seat
                  AND c.during && wish.during);
        IF tries IS NULL THEN
            RETURN NULL;
        END IF;

        FOREACH try IN ARRAY tries LOOP
            INSERT INTO ehr.claims (resource, seat, during, kind, ref,
                    actor_id, expires_at)
            VALUES (wish.doctor, try, wish.during, why, act, holder, until)
            ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
            IF FOUND THEN
                RETURN try;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- Forgets holds that are over.  One that somebody else is just forgetting, or
-- confirming, is left to them.
CREATE FUNCTION ehr.drop_expired(resources integer[], period tstzrange)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM ehr.claims c
     WHERE c.id IN (
           SELECT h.id FROM ehr.claims h
            WHERE h.resource = ANY (resources) AND h.during && period
              AND h.kind = 'hold' AND h.expires_at <= clock_timestamp()
            ORDER BY h.resource, h.seat, h.during
              FOR UPDATE SKIP LOCKED);
    RETURN FOUND;
END
$$;

-- Claims all that is wished.  busy: what was not to be had, as JSON names; the
-- caller raises then, for half of it may be claimed.  room: whether the room
-- was, which need not be if it was not asked for.
CREATE FUNCTION ehr.claim_wish(wish ehr.booking_wish, wanted_seat integer,
    why text, act uuid, holder uuid, until timestamptz,
    OUT seat integer, OUT room boolean, OUT busy text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    others integer[];
    got    integer[];
    n      integer;
BEGIN
    -- Nearly always: one doctor, one patient, both free.
    IF wish.seats = 1 AND wish.room IS NULL AND wish.equipment = '{}' THEN
        INSERT INTO ehr.claims (resource, during, kind, ref, actor_id,
                expires_at)
        VALUES (wish.doctor, wish.during, why, act, holder, until),
               (wish.patient, wish.during, why, act, holder, until)
        ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
        GET DIAGNOSTICS n = ROW_COUNT;
        IF n = 2 THEN
            seat := 0;
            RETURN;
        END IF;

        DELETE FROM ehr.claims c WHERE c.ref = act AND c.kind = why;
    END IF;

    seat := ehr.claim_seat(wish, wanted_seat, why, act, holder, until);

    others := wish.equipment || wish.patient;
    IF wish.room IS NOT NULL THEN
        others := others || wish.room;
    END IF;

    -- Nothing else need be claimed then, only named.
    IF seat IS NULL THEN
        SELECT string_agg(DISTINCT r.kind, ',') INTO busy
          FROM ehr.resources r
         WHERE r.id = ANY (others || wish.doctor)
           AND (r.id = wish.doctor
                OR (wish.room_asked OR r.id IS DISTINCT FROM wish.room)
                   AND EXISTS (SELECT FROM ehr.claims c
                                WHERE c.resource = r.id AND c.seat = 0
                                  AND c.during && wish.during
                                  AND (c.expires_at IS NULL OR c.expires_at
                                       > clock_timestamp())));
        RETURN;
    END IF;

    -- A group shares the room of its doctor's hours, a seat each.
    FOR i IN 1 .. 2 LOOP
        WITH claimed AS (
            INSERT INTO ehr.claims (resource, seat, during, kind, ref,
                    actor_id, expires_at)
            SELECT o.number,
                   CASE WHEN o.number = wish.room AND NOT wish.room_asked
                             AND wish.seats > 1 THEN claim_wish.seat
                        ELSE 0 END,
                   wish.during, why, act, holder, until
              FROM unnest(others) AS o (number)
             ORDER BY o.number
            ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING
            RETURNING claims.resource
        )
        SELECT got || array_agg(c.resource) INTO got FROM claimed c;

        others := ARRAY(SELECT unnest(others) EXCEPT SELECT unnest(got));
        room := wish.room = ANY (got);
        EXIT WHEN cardinality(others) = 0
            OR NOT ehr.drop_expired(others, wish.during);
    END LOOP;

    IF NOT wish.room_asked THEN
        others := array_remove(others, wish.room);
    END IF;

    IF cardinality(others) > 0 THEN
        SELECT string_agg(DISTINCT r.kind, ',') INTO busy
          FROM ehr.resources r
         WHERE r.id = ANY (others);
    END IF;
END
$$;

-- Makes a hold the claims of an appointment: it is the actor's, or (actor_id
-- null: what the waiting list offers) the patient's, it still counts, and it is
-- for this.  Of any number at once one succeeds.
CREATE FUNCTION ehr.claim_held(wish ehr.booking_wish, hold uuid, act uuid,
    OUT seat integer, OUT room uuid, OUT machines uuid[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    held integer[];
    fits boolean;
BEGIN
    WITH confirmed AS (
        UPDATE ehr.claims c
           SET kind = 'appointment', ref = act, actor_id = NULL,
               expires_at = NULL
         WHERE c.ref = hold AND c.kind = 'hold'
           AND (c.actor_id = ehr.actor() OR c.actor_id IS NULL)
           AND c.expires_at > clock_timestamp()
        RETURNING c.resource, c.seat, c.during
    )
    SELECT array_agg(c.resource), bool_and(c.during = wish.during),
           max(c.seat) FILTER (WHERE c.resource = wish.doctor)
      INTO held, fits, seat
      FROM confirmed c;

    IF held IS NULL THEN
        PERFORM ehr.refuse('EH409', 'hold_gone', 'holdToken');
    END IF;

    IF NOT fits OR NOT held @> (wish.equipment || wish.patient || wish.doctor)
       OR wish.room_asked AND NOT wish.room = ANY (held)
    THEN
        PERFORM ehr.refuse('EH422', 'hold_differs', 'holdToken');
    END IF;

    SELECT (array_agg(r.entity_id) FILTER (WHERE r.kind = 'room'))[1],
           coalesce(array_agg(r.entity_id)
                    FILTER (WHERE r.kind = 'equipment'), '{}')
      INTO room, machines
      FROM ehr.resources r
     WHERE r.id = ANY (held);
END
$$;

-- The actor's own hold of exactly this, with all that is asked for: whoever
-- booked it without its token would otherwise be in the own way.
CREATE FUNCTION ehr.own_hold(wish ehr.booking_wish) RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    RETURN (
    SELECT d.ref
      FROM ehr.claims d
      JOIN ehr.claims p ON p.ref = d.ref AND p.resource = wish.patient
     WHERE d.resource = wish.doctor AND d.during = wish.during
       AND d.kind = 'hold'
       AND (d.actor_id = ehr.actor() OR d.actor_id IS NULL)
       AND d.expires_at > clock_timestamp()
       AND (CASE WHEN wish.room_asked THEN wish.equipment || wish.room
                 ELSE wish.equipment END) <@ ARRAY(
           SELECT c.resource FROM ehr.claims c WHERE c.ref = d.ref)
     LIMIT 1);
END
$$;

-- Claims by the hold or without one; refuses what is not to be had.
CREATE FUNCTION ehr.claim_for_appointment(wish ehr.booking_wish,
    hold uuid, wanted_seat integer, act uuid, asked uuid[],
    OUT seat integer, OUT room uuid, OUT machines uuid[])
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    claimed record;
    mine    uuid := hold;
BEGIN
    IF mine IS NULL THEN
        claimed := ehr.claim_wish(wish, wanted_seat, 'appointment', act,
            NULL, NULL);
        IF claimed.busy IS NULL THEN
            seat := claimed.seat;
            room := CASE WHEN claimed.room THEN wish.room_id END;
            machines := coalesce(asked, '{}');
            RETURN;
        END IF;

        mine := ehr.own_hold(wish);
        IF mine IS NULL THEN
            PERFORM ehr.refuse('EH409', 'slot_taken', claimed.busy);
        END IF;
        DELETE FROM ehr.claims c WHERE c.ref = act;
    END IF;

    SELECT * INTO seat, room, machines
      FROM ehr.claim_held(wish, mine, act);
END
$$;


-- -- the acts --------------------------------------------------------------

-- Books.  hold: the id of a hold of the same, or null.  seat: which one to try
-- first, or null.  overbook_reason: an emergency that is squeezed in.
CREATE FUNCTION ehr.appointment_book(appointment uuid, patient uuid,
    doctor uuid, starts timestamptz, minutes integer, visit text,
    why text, room uuid, machines uuid[], hold uuid, is_remote boolean,
    overbook_why text, series uuid, following uuid, additional jsonb,
    seat integer, meeting text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    wish    ehr.booking_wish;
    claimed record;
BEGIN
    IF overbook_why IS NOT NULL AND visit IS DISTINCT FROM 'EMERGENCY' THEN
        PERFORM ehr.refuse('EH422', 'overbooks_emergencies',
            'overbookReason');
    END IF;

    wish := ehr.booking_wish(patient, doctor, starts, minutes, room, machines,
        overbook_why IS NOT NULL, hold IS NOT NULL);

    IF wish.power = 'own' THEN
        PERFORM pg_advisory_xact_lock(4713, wish.patient);
        IF (SELECT count(*) FROM ehr.appointments a
             WHERE a.patient_id = patient AND a.starts_at > now()
               AND a.status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED'))
           >= ehr.booking_limit('bookingOpenMax', 10)
        THEN
            PERFORM ehr.refuse('EH409', 'too_many_open', 'patientId');
        END IF;
    END IF;

    claimed := ehr.claim_for_appointment(wish, hold, seat, appointment,
        machines);

    INSERT INTO ehr.appointments (id, patient_id, doctor_id, clinic_id,
            room_id, equipment_ids, starts_at, ends_at, duration_minutes,
            type, reason, is_virtual, meeting_url, seat, overbook_reason,
            series_id, follow_up_of, additional_data)
    VALUES (appointment, patient, doctor, wish.clinic_id, claimed.room,
            claimed.machines, starts, upper(wish.during), wish.minutes,
            coalesce(visit, 'CONSULTATION'), why,
            coalesce(is_remote, false), meeting, claimed.seat, overbook_why,
            series, following, coalesce(additional, '{}'));

    -- Whoever is to see the patient may write to the record.
    IF NOT EXISTS (SELECT FROM ehr.care_team t
                    WHERE t.patient_id = patient AND t.doctor_id = doctor
                      AND t.deleted_at IS NULL)
    THEN
        INSERT INTO ehr.care_team (patient_id, doctor_id)
        VALUES (patient, doctor)
        ON CONFLICT (patient_id, doctor_id) WHERE deleted_at IS NULL
        DO NOTHING;
    END IF;
END
$$;

-- Keeps a slot for some minutes.  The id is the token; it is the actor's.
-- → when it ends
CREATE FUNCTION ehr.appointment_hold(token uuid, patient uuid, doctor uuid,
    starts timestamptz, minutes integer, room uuid, machines uuid[],
    seat integer) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    wish    ehr.booking_wish;
    claimed record;
    until   timestamptz;
BEGIN
    wish := ehr.booking_wish(patient, doctor, starts, minutes, room, machines,
        false, false);

    IF wish.power = 'own' THEN
        PERFORM pg_advisory_xact_lock(4714, hashtext(ehr.actor()::text));
        IF (SELECT count(DISTINCT c.ref) FROM ehr.claims c
             WHERE c.actor_id = ehr.actor() AND c.kind = 'hold'
               AND c.expires_at > clock_timestamp())
           >= ehr.booking_limit('bookingHoldsMax', 3)
        THEN
            PERFORM ehr.refuse('EH409', 'too_many_holds');
        END IF;
    END IF;

    until := clock_timestamp() + make_interval(mins =>
        greatest(1, ehr.booking_limit('bookingHoldMinutes', 10)));
    claimed := ehr.claim_wish(wish, seat, 'hold', token, ehr.actor(), until);
    IF claimed.busy IS NOT NULL THEN
        PERFORM ehr.refuse('EH409', 'slot_taken', claimed.busy);
    END IF;

    RETURN until;
END
$$;

-- Gives a hold back.  Whether there was one of the actor's, or one that the
-- waiting list offers to a patient of theirs.
CREATE FUNCTION ehr.hold_release(token uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM ehr.claims c
     WHERE c.ref = token AND c.kind = 'hold'
       AND (c.actor_id = ehr.actor()
            OR c.actor_id IS NULL AND EXISTS (
               SELECT FROM ehr.claims p
                 JOIN ehr.resources r ON r.id = p.resource
                WHERE p.ref = token AND r.kind = 'patient'
                  AND (r.entity_id = ANY (ehr.my_patients())
                       OR ehr.booking_power('appointments.write') IN ('all', 'team'))));
    RETURN FOUND;
END
$$;

-- Forgets all holds that are over; how many claims that were.
CREATE FUNCTION ehr.holds_expire() RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    n integer;
BEGIN
    PERFORM ehr.check_system();

    DELETE FROM ehr.claims c
     WHERE c.id IN (
           SELECT h.id FROM ehr.claims h
            WHERE h.kind = 'hold' AND h.expires_at <= clock_timestamp()
            ORDER BY h.expires_at, h.resource
            LIMIT 1000
              FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS n = ROW_COUNT;
    RETURN n;
END
$$;

-- The appointment, locked, if the actor may do this to it in this version;
-- what may not be seen is not there.
CREATE FUNCTION ehr.appointment_locked(appointment uuid, wanted integer,
    permission text) RETURNS ehr.appointments
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    power text := ehr.booking_power(permission);
    a     ehr.appointments;
BEGIN
    IF power = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    SELECT * INTO a FROM ehr.appointments t
     WHERE t.id = appointment AND t.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF a.id IS NULL
       OR power = 'own' AND NOT a.patient_id = ANY (ehr.my_patients())
       OR power = 'team' AND NOT ehr.may_write(a.patient_id)
    THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    END IF;
    IF wanted <> a.version THEN
        PERFORM ehr.refuse('EH412', 'stale_version');
    END IF;
    IF power = 'own' AND a.starts_at <= now()
       AND a.status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED')
    THEN
        PERFORM ehr.refuse('EH409', 'already_begun', 'start');
    END IF;

    RETURN a;
END
$$;

-- Moves an appointment to another time, doctor, room or equipment: the new is
-- claimed and the old freed as one act, or nothing happens.  Null leaves the
-- doctor, the length, the equipment and, with the same doctor, the room.
CREATE FUNCTION ehr.appointment_reschedule(appointment uuid, wanted integer,
    starts timestamptz, minutes integer, doctor uuid, room uuid,
    machines uuid[], hold uuid, seat integer) RETURNS void
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
        coalesce(room, CASE WHEN doctor = a.doctor_id THEN a.room_id END),
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

CREATE FUNCTION ehr.appointment_cancel(appointment uuid, wanted integer,
    why text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    a ehr.appointments := ehr.appointment_locked(appointment, wanted,
        'appointments.write');
BEGIN
    IF NOT ehr.is_active(a.status) THEN
        PERFORM ehr.refuse('EH409', 'illegal_status', 'status');
    END IF;

    UPDATE ehr.appointments t
       SET status = 'CANCELLED', cancel_reason = why, needs_attention = false
     WHERE t.id = a.id;
END
$$;

-- To another status.  Patients confirm and cancel; the visit itself is
-- staff's.
CREATE FUNCTION ehr.appointment_move(appointment uuid, wanted integer,
    target text) RETURNS void
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
    END IF;

    UPDATE ehr.appointments t SET status = target WHERE t.id = a.id;
END
$$;


-- -- what is free ----------------------------------------------------------

-- The first `wanted` free slots of doctors (null: all) that start in the
-- window and not in the past, by start, then doctor.  minutes null: each as
-- long as its period's slots.  What the engine answers, when it cannot.
CREATE FUNCTION ehr.free_slots(doctors uuid[], window_from timestamptz,
    window_to timestamptz, length integer, wanted integer)
RETURNS TABLE (doctor_id uuid, clinic_id uuid, room_id uuid,
    starts_at timestamptz, minutes integer, seat integer, free integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, pg_temp
SET jit = off AS $$
#variable_conflict use_column
DECLARE
    begins timestamptz := greatest(window_from, now());
    ends   timestamptz;
    left_over integer := coalesce(wanted, 2147483647);
    found  integer;
BEGIN
    -- A day at a time: the first free one is seldom far.
    WHILE begins < window_to AND left_over > 0 LOOP
        ends := least(window_to, begins + interval '24 hours');

        RETURN QUERY
        SELECT s.doctor_id, s.clinic_id, s.room_id, s.starts_at, s.minutes,
               f.seat, f.free
          FROM (SELECT p.*, g.starts_at AS starts,
                       coalesce(length, p.slot_minutes) AS minutes
                  FROM ehr.open_periods(doctors, begins, ends) p
                 CROSS JOIN LATERAL (
                       SELECT p.starts_at + make_interval(mins =>
                              n * p.slot_minutes) AS starts_at
                         FROM generate_series(0,
                              (extract(epoch FROM p.ends_at - p.starts_at)
                               / 60)::integer / p.slot_minutes) AS n) AS g
                 WHERE g.starts_at >= begins AND g.starts_at < ends
                   AND g.starts_at + make_interval(mins =>
                       coalesce(length, p.slot_minutes)) <= p.ends_at)
               AS s (doctor_id, resource, clinic_id, room_id, period_at,
                     ends_at, slot_minutes, capacity, starts_at, minutes)
         CROSS JOIN LATERAL (
               SELECT min(n) AS seat, count(*)::integer AS free
                 FROM generate_series(0, s.capacity - 1) AS n
                WHERE NOT EXISTS (
                      SELECT FROM ehr.claims c
                       WHERE c.resource = s.resource AND c.seat = n
                         AND c.during && tstzrange(s.starts_at, s.starts_at
                             + make_interval(mins => s.minutes))
                         AND (c.kind <> 'hold'
                              OR c.expires_at > clock_timestamp()))) AS f
         WHERE f.free > 0
         ORDER BY s.starts_at, s.doctor_id
         LIMIT left_over;

        GET DIAGNOSTICS found = ROW_COUNT;
        left_over := left_over - found;
        begins := ends;
    END LOOP;
END
$$;

-- Future appointments that the schedule as it is now has no place for: to be
-- asked after a change of it, in the same transaction.  doctor null: all of
-- the clinic's; clinic null: at all clinics.
CREATE FUNCTION ehr.schedule_conflicts(doctor uuid, clinic uuid DEFAULT NULL)
RETURNS SETOF uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH booked AS MATERIALIZED (
        SELECT a.id, a.doctor_id, a.starts_at, a.ends_at
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
     WHERE p.grid IS NULL OR p.ends_at < b.ends_at
        OR NOT d.is_available OR d.deleted_at IS NOT NULL
     ORDER BY b.starts_at, b.id;
END
$$;

-- Who has an appointment to come is not deleted.  Argument: column of
-- ehr.appointments.
CREATE FUNCTION ehr.check_no_appointments() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    booked boolean;
BEGIN
    EXECUTE format('SELECT EXISTS (SELECT FROM ehr.appointments a
                     WHERE a.%I = $1 AND a.starts_at > now()
                       AND ehr.is_active(a.status))', TG_ARGV[0])
       INTO booked USING OLD.id;
    IF booked THEN
        PERFORM ehr.refuse('EH409', 'still_referenced');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_no_appointments BEFORE UPDATE ON ehr.doctors
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_no_appointments('doctor_id');
CREATE TRIGGER check_no_appointments BEFORE UPDATE ON ehr.patients
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_no_appointments('patient_id');

GRANT EXECUTE ON FUNCTION
    ehr.is_active(text), ehr.booking_limit(text, integer),
    ehr.appointment_book(uuid, uuid, uuid, timestamptz, integer, text, text,
        uuid, uuid[], uuid, boolean, text, uuid, uuid, jsonb, integer, text),
    ehr.appointment_hold(uuid, uuid, uuid, timestamptz, integer, uuid,
        uuid[], integer),
    ehr.hold_release(uuid), ehr.holds_expire(),
    ehr.appointment_reschedule(uuid, integer, timestamptz, integer, uuid,
        uuid, uuid[], uuid, integer),
    ehr.appointment_cancel(uuid, integer, text),
    ehr.appointment_move(uuid, integer, text),
    ehr.free_slots(uuid[], timestamptz, timestamptz, integer, integer),
    ehr.schedule_conflicts(uuid, uuid)
TO ehr_app;
