-- What follows a booking: notifications, series, waiting lists, the visit at
-- the clinic, and changes of a schedule that hit what is booked.


-- -- notifications ---------------------------------------------------------

-- What somebody should know.  user_id: who reads it; null while nobody signs
-- in for the patient.  message: a symbol, which clients and mails put into
-- words; data: ids only.  Not audited: it follows from what is.
CREATE TABLE ehr.notifications (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    user_id uuid
        CONSTRAINT notifications_user_id_fkey REFERENCES ehr.users,
    patient_id uuid
        CONSTRAINT notifications_patient_id_fkey REFERENCES ehr.patients,
    type text NOT NULL
        CONSTRAINT notifications_type_check
            CHECK (type IN ('BOOKING_CONFIRMATION', 'REMINDER',
                'PRESCRIPTION', 'PAYMENT', 'GENERAL')),
    message text NOT NULL
        CONSTRAINT notifications_message_check
            CHECK (message ~ '^[A-Z][A-Z_]{1,63}$'),
    data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT notifications_data_check
            CHECK (jsonb_typeof(data) = 'object'),
    read_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid
);

CREATE INDEX notifications_user_id
    ON ehr.notifications (user_id, created_at, id);
CREATE INDEX notifications_patient_id ON ehr.notifications (patient_id);

-- Written by functions; its reader alone says that it was read.
ALTER TABLE ehr.notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.notifications FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.notifications TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY mine ON ehr.notifications TO ehr_app
    USING (user_id = (SELECT ehr.actor()));
GRANT SELECT, UPDATE (read_at) ON ehr.notifications TO ehr_app;

-- Tells a patient: the own account, or else everybody who looks after them.
CREATE FUNCTION ehr.notify_patient(patient uuid, kind text, symbol text,
    ids jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader uuid;
BEGIN
    SELECT p.user_id INTO reader FROM ehr.patients p WHERE p.id = patient;

    IF reader IS NULL THEN
        INSERT INTO ehr.notifications (user_id, patient_id, type, message,
                data, created_by)
        SELECT f.user_id, patient, kind, symbol, ids, ehr.actor()
          FROM ehr.family_members f
         WHERE f.patient_id = patient AND f.deleted_at IS NULL;

        IF FOUND THEN
            RETURN;
        END IF;
    END IF;

    INSERT INTO ehr.notifications (user_id, patient_id, type, message, data,
            created_by)
    VALUES (reader, patient, kind, symbol, ids, ehr.actor());
END
$$;


-- -- series ----------------------------------------------------------------

-- An appointment that recurs at the same wall time of its clinic.  dates: what
-- became of each date when the series was booked.
CREATE TABLE ehr.appointment_series (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT appointment_series_patient_id_fkey
            REFERENCES ehr.patients,
    doctor_id uuid NOT NULL
        CONSTRAINT appointment_series_doctor_id_fkey REFERENCES ehr.doctors,
    time_zone text NOT NULL,
    starts_at timestamptz NOT NULL,
    duration_minutes integer NOT NULL
        CONSTRAINT appointment_series_duration_minutes_check
            CHECK (duration_minutes BETWEEN 5 AND 1440),
    type text NOT NULL
        CONSTRAINT appointment_series_type_check
            CHECK (type IN ('CONSULTATION', 'FOLLOW_UP', 'EMERGENCY')),
    reason text
        CONSTRAINT appointment_series_reason_check
            CHECK (char_length(reason) <= 1000),
    recurrence jsonb NOT NULL
        CONSTRAINT appointment_series_recurrence_check
            CHECK (jsonb_typeof(recurrence) = 'object'),
    on_conflict text NOT NULL
        CONSTRAINT appointment_series_on_conflict_check
            CHECK (on_conflict IN ('SKIP', 'FAIL')),
    booked integer NOT NULL DEFAULT 0,
    dates jsonb NOT NULL DEFAULT '[]'
        CONSTRAINT appointment_series_dates_check
            CHECK (jsonb_typeof(dates) = 'array'
                AND jsonb_array_length(dates) <= 60),
    cancelled_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    CONSTRAINT appointment_series_patient_id_key UNIQUE (patient_id, id)
);

CREATE INDEX appointment_series_doctor_id
    ON ehr.appointment_series (doctor_id);

-- Written by functions only.
CALL ehr.install_record('ehr.appointment_series', 'custom');
REVOKE INSERT, UPDATE ON ehr.appointment_series FROM ehr_app;
CREATE POLICY reads ON ehr.appointment_series FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all())
           OR patient_id = ANY ((SELECT ehr.my_patients())::uuid[]));

ALTER TABLE ehr.appointments
    ADD CONSTRAINT appointments_series_id_fkey
    FOREIGN KEY (patient_id, series_id)
    REFERENCES ehr.appointment_series (patient_id, id);

-- RFC 3339, as the API writes times.
CREATE FUNCTION ehr.rfc3339(at timestamptz) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
$$;

-- When it recurs: the wall time of `first` in `zone` on each date, at most
-- `most` of them and none five years later; ehr.instant() says what becomes of
-- a wall time that a date does not have, or has twice.  Weeks begin on Monday;
-- a month without the day of `first` is left out.
CREATE FUNCTION ehr.occurrences(first timestamptz, zone text, rule jsonb,
    most integer) RETURNS SETOF timestamptz
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp AS $$
    WITH wall AS (
        SELECT (first AT TIME ZONE zone)::date AS day,
               to_char(first AT TIME ZONE zone, 'HH24:MI') AS clock,
               coalesce((rule ->> 'interval')::integer, 1) AS every,
               least((rule ->> 'until')::date,
                     ((first AT TIME ZONE zone) + interval '5 years')::date)
                   AS until
    ), days AS (
        SELECT g.day::date AS day
          FROM wall w, generate_series(w.day, w.until,
                   make_interval(days => w.every)) AS g (day)
         WHERE rule ->> 'frequency' = 'DAILY'
        UNION ALL
        SELECT (g.monday::date + d.number::integer - 1)
          FROM wall w, generate_series(date_trunc('week', w.day::timestamp),
                   w.until, make_interval(weeks => w.every)) AS g (monday),
               unnest(ARRAY['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT',
                   'SUN']) WITH ORDINALITY AS d (name, number)
         WHERE rule ->> 'frequency' = 'WEEKLY'
           AND CASE WHEN jsonb_typeof(rule -> 'byDay') = 'array'
                    THEN rule -> 'byDay' ? d.name
                    ELSE d.number = extract(isodow FROM w.day) END
        UNION ALL
        SELECT (g.month + make_interval(
                   days => extract(day FROM w.day)::integer - 1))::date
          FROM wall w, generate_series(date_trunc('month', w.day::timestamp),
                   w.until, make_interval(months => w.every)) AS g (month)
         WHERE rule ->> 'frequency' = 'MONTHLY'
           AND extract(day FROM g.month + interval '1 month - 1 day')
               >= extract(day FROM w.day)
    )
    SELECT CASE WHEN d.day = w.day THEN first
           ELSE ehr.instant(d.day, w.clock, zone) END
      FROM days d, wall w
     WHERE d.day BETWEEN w.day AND w.until
     ORDER BY d.day
     LIMIT least(most, (rule ->> 'count')::integer)
$$;

-- The zone that a doctor's time counts in at that moment: of the clinic whose
-- schedule has it, or else of any clinic of theirs.
CREATE FUNCTION ehr.doctor_zone(doctor uuid, at timestamptz) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(
        (SELECT c.time_zone
           FROM ehr.open_period_at(doctor, at) AS p
           JOIN ehr.clinics c ON c.id = p.clinic_id),
        (SELECT c.time_zone
           FROM ehr.doctor_schedules s
           JOIN ehr.clinics c ON c.id = s.clinic_id
          WHERE s.doctor_id = doctor AND s.deleted_at IS NULL
          ORDER BY (s.day_of_week = extract(isodow
                        FROM at AT TIME ZONE c.time_zone)) DESC, s.id
          LIMIT 1),
        'UTC')
$$;

-- What stands against one date of a series: null once it is booked.
CREATE FUNCTION ehr.series_date_book(appointment uuid, patient uuid,
    doctor uuid, starts timestamptz, minutes integer, visit text, why text,
    series uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    symbol text;
    fields text;
BEGIN
    PERFORM ehr.appointment_book(appointment, patient, doctor, starts,
        minutes, visit, why, NULL, '{}', NULL, false, NULL, series, NULL,
        '{}', NULL);
    RETURN NULL;
EXCEPTION
    WHEN SQLSTATE 'EH409' OR SQLSTATE 'EH422' THEN
        GET STACKED DIAGNOSTICS symbol = MESSAGE_TEXT, fields = COLUMN_NAME;

        -- Anything else is the request's fault, not the date's.
        IF symbol NOT IN ('slot_taken', 'too_many_open', 'outside_schedule',
                'off_grid', 'in_the_past', 'too_early', 'too_far')
        THEN
            RAISE;
        END IF;

        RETURN jsonb_build_object('reason', upper(symbol), 'busy',
            CASE symbol WHEN 'slot_taken'
            THEN to_jsonb(string_to_array(fields, ',')) END);
END
$$;

-- The dates of a series, or why there are none.
CREATE FUNCTION ehr.series_starts(first timestamptz, zone text, rule jsonb)
RETURNS timestamptz[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    starts timestamptz[];
BEGIN
    IF rule ? 'byDay' AND (rule ->> 'frequency' <> 'WEEKLY'
           OR NOT ARRAY(SELECT jsonb_array_elements_text(rule -> 'byDay'))
              <@ ARRAY['MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT', 'SUN'])
    THEN
        PERFORM ehr.refuse('EH422', 'value_refused', 'recurrence.byDay');
    ELSIF (rule ->> 'count') IS NULL = ((rule ->> 'until') IS NULL) THEN
        PERFORM ehr.refuse('EH422', 'count_or_until',
            'recurrence.count,recurrence.until');
    END IF;

    starts := ARRAY(SELECT ehr.occurrences(first, zone, rule, 61));

    IF cardinality(starts) = 0 OR starts[1] <> first THEN
        PERFORM ehr.refuse('EH422', 'not_the_first_date', 'start');
    ELSIF cardinality(starts) > 60 THEN
        PERFORM ehr.refuse('EH422', 'too_many_dates', 'recurrence.until');
    END IF;

    RETURN starts;
END
$$;

-- Books a series.  Each date is booked or reported with the next free start;
-- with on_conflict FAIL, or when no date can be had, nothing is booked and the
-- report is the refusal's detail.
CREATE FUNCTION ehr.series_book(series uuid, patient uuid, doctor uuid,
    first timestamptz, minutes integer, visit text, why text, rule jsonb,
    on_conflict text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone    text := ehr.doctor_zone(doctor, first);
    starts  timestamptz[] := ehr.series_starts(first, zone, rule);
    report  jsonb := '[]';
    one     uuid;
    against jsonb;
    done    integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM ehr.doctors d
                    WHERE d.id = doctor AND d.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'doctorId');
    END IF;

    INSERT INTO ehr.appointment_series (id, patient_id, doctor_id, time_zone,
            starts_at, duration_minutes, type, reason, recurrence,
            on_conflict)
    VALUES (series, patient, doctor, zone, first, minutes, visit, why, rule,
            series_book.on_conflict);

    FOR i IN 1 .. cardinality(starts) LOOP
        one := ehr.time_uuid();
        against := ehr.series_date_book(one, patient, doctor, starts[i],
            minutes, visit, why, series);

        IF against IS NULL THEN
            done := done + 1;
            against := jsonb_build_object('appointmentId', one);
        END IF;

        report := report || (against || jsonb_build_object(
            'start', ehr.rfc3339(starts[i]),
            'status', CASE WHEN against ? 'appointmentId' THEN 'BOOKED'
                      ELSE 'CONFLICT' END));
    END LOOP;

    report := ehr.series_report(report, doctor, minutes);

    IF done = 0 OR done < cardinality(starts)
       AND series_book.on_conflict = 'FAIL'
    THEN
        RAISE EXCEPTION USING ERRCODE = 'EH409',
            MESSAGE = 'series_conflicts',
            DETAIL = jsonb_build_object('dates', report)::text;
    END IF;

    UPDATE ehr.appointment_series s
       SET booked = done, dates = report
     WHERE s.id = series;

    PERFORM ehr.notify_patient(patient, 'BOOKING_CONFIRMATION',
        'SERIES_BOOKED', jsonb_build_object('seriesId', series));
END
$$;

-- The report with the next free start after each date that was not booked.
CREATE FUNCTION ehr.series_report(report jsonb, doctor uuid, minutes integer)
RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_agg(
               CASE WHEN d.entry ->> 'status' = 'BOOKED' THEN d.entry
               ELSE d.entry || jsonb_build_object('nextFree',
                   (SELECT ehr.rfc3339(f.starts_at)
                      FROM ehr.free_slots(ARRAY[doctor],
                               greatest((d.entry ->> 'start')::timestamptz,
                                   now()),
                               greatest((d.entry ->> 'start')::timestamptz,
                                   now()) + interval '14 days',
                               minutes, 1) AS f)) END
               ORDER BY d.n)
      FROM jsonb_array_elements(report) WITH ORDINALITY AS d (entry, n)
$$;

-- Cancels what has not begun of a series, from a moment on.  How many that
-- were.
CREATE FUNCTION ehr.series_cancel(series uuid, since timestamptz, why text)
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


-- -- follow-ups ------------------------------------------------------------

-- Books a follow-up at `starts`, or at the first free start `days` days after
-- the appointment it follows (or from now).  Somebody quicker may take that
-- one: the next few are tried.
CREATE FUNCTION ehr.follow_up_book(appointment uuid, earlier uuid, patient uuid,
    doctor uuid, starts timestamptz, days integer, minutes integer, why text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen     ehr.appointments;
    earliest timestamptz;
    slot     record;
BEGIN
    IF earlier IS NOT NULL THEN
        SELECT a.* INTO seen
          FROM ehr.appointments a
         WHERE a.id = earlier AND a.deleted_at IS NULL
           AND (ehr.sees_all() OR a.patient_id = ANY (ehr.my_patients()));

        IF NOT FOUND
           OR patient IS NOT NULL AND patient <> seen.patient_id
        THEN
            PERFORM ehr.refuse('EH422', 'reference_unknown',
                'appointmentId');
        END IF;
    END IF;

    patient := coalesce(patient, seen.patient_id);
    doctor := coalesce(doctor, seen.doctor_id);
    minutes := coalesce(minutes, seen.duration_minutes);

    IF patient IS NULL THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'patientId');
    ELSIF doctor IS NULL THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'doctorId');
    ELSIF (starts IS NULL) = (days IS NULL) THEN
        PERFORM ehr.refuse('EH422', 'start_or_days', 'start,afterDays');
    END IF;

    IF starts IS NOT NULL THEN
        PERFORM ehr.appointment_book(appointment, patient, doctor, starts,
            minutes, 'FOLLOW_UP', why, NULL, '{}', NULL, false, NULL, NULL,
            earlier, '{}', NULL);
        RETURN;
    END IF;

    earliest := greatest(now(), coalesce(seen.ends_at, now())
                                + make_interval(days => days));

    FOR slot IN
        SELECT f.* FROM ehr.free_slots(ARRAY[doctor], earliest,
            earliest + interval '90 days', minutes, 10) AS f
    LOOP
        BEGIN
            PERFORM ehr.appointment_book(appointment, patient, doctor,
                slot.starts_at, slot.minutes, 'FOLLOW_UP', why, NULL, '{}',
                NULL, false, NULL, NULL, earlier, '{}', slot.seat);
            RETURN;
        EXCEPTION WHEN SQLSTATE 'EH409' THEN
            -- Taken meanwhile, or the patient is elsewhere then.
            IF SQLERRM <> 'slot_taken' THEN
                RAISE;
            END IF;
        END;
    END LOOP;

    PERFORM ehr.refuse('EH409', 'nothing_free', 'afterDays');
END
$$;


-- -- waiting list ----------------------------------------------------------

-- Who waits for a doctor, a specialty or a clinic (all that are given) in a
-- time.  An entry that is OFFERED has a hold in its patient's name.
CREATE TABLE ehr.waiting_list (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    patient_id uuid NOT NULL
        CONSTRAINT waiting_list_patient_id_fkey REFERENCES ehr.patients,
    doctor_id uuid
        CONSTRAINT waiting_list_doctor_id_fkey REFERENCES ehr.doctors,
    specialty_id uuid
        CONSTRAINT waiting_list_specialty_id_fkey
            REFERENCES ehr.specialties,
    clinic_id uuid
        CONSTRAINT waiting_list_clinic_id_fkey REFERENCES ehr.clinics,
    earliest timestamptz NOT NULL DEFAULT now(),
    latest timestamptz NOT NULL
        CONSTRAINT waiting_list_latest_check CHECK (latest > earliest),
    duration_minutes integer NOT NULL
        CONSTRAINT waiting_list_duration_minutes_check
            CHECK (duration_minutes BETWEEN 5 AND 480
                AND duration_minutes % 5 = 0),
    reason text
        CONSTRAINT waiting_list_reason_check
            CHECK (char_length(reason) <= 2000),
    status text NOT NULL DEFAULT 'WAITING'
        CONSTRAINT waiting_list_status_check
            CHECK (status IN ('WAITING', 'OFFERED', 'BOOKED')
                AND (status = 'OFFERED') = (hold_token IS NOT NULL)
                AND (status = 'BOOKED') = (appointment_id IS NOT NULL)),
    hold_token uuid,
    offered_doctor_id uuid,
    offered_start timestamptz,
    offer_expires_at timestamptz,
    appointment_id uuid,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,
    CONSTRAINT waiting_list_appointment_id_fkey
        FOREIGN KEY (patient_id, appointment_id)
        REFERENCES ehr.appointments (patient_id, id)
);

CREATE INDEX waiting_list_doctor_id ON ehr.waiting_list (doctor_id)
    WHERE status = 'WAITING' AND deleted_at IS NULL;
CREATE INDEX waiting_list_specialty_id ON ehr.waiting_list (specialty_id)
    WHERE status = 'WAITING' AND deleted_at IS NULL AND doctor_id IS NULL;
CREATE INDEX waiting_list_clinic_id ON ehr.waiting_list (clinic_id)
    WHERE status = 'WAITING' AND deleted_at IS NULL AND doctor_id IS NULL
        AND specialty_id IS NULL;
CREATE UNIQUE INDEX waiting_list_hold_token_key
    ON ehr.waiting_list (hold_token) WHERE hold_token IS NOT NULL;
CREATE INDEX waiting_list_patient_id
    ON ehr.waiting_list (patient_id, created_at, id);

CALL ehr.install_record('ehr.waiting_list', 'custom');
CALL ehr.install_policies('ehr.waiting_list',
    '(SELECT ehr.sees_all()) OR patient_id
        = ANY ((SELECT ehr.my_patients())::uuid[])',
    '(SELECT ehr.sees_all()) OR patient_id
        = ANY ((SELECT ehr.my_patients())::uuid[])');

-- What was offered to whom: nobody is offered the same time twice.
CREATE TABLE ehr.waiting_offers (
    hold_token uuid PRIMARY KEY,
    entry_id uuid NOT NULL
        CONSTRAINT waiting_offers_entry_id_fkey REFERENCES ehr.waiting_list,
    doctor_id uuid NOT NULL,
    during tstzrange NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX waiting_offers_entry_id ON ehr.waiting_offers (entry_id);
ALTER TABLE ehr.waiting_offers ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.waiting_offers FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.waiting_offers TO ehr_owner
    USING (true) WITH CHECK (true);

-- What clients may say of an entry.  Functions of the owner set the rest.
CREATE FUNCTION ehr.waiting_list_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF num_nonnulls(NEW.doctor_id, NEW.specialty_id, NEW.clinic_id) = 0 THEN
        PERFORM ehr.refuse('EH422', 'field_required',
            'doctorId,specialtyId,clinicId');
    ELSIF NEW.latest <= NEW.earliest THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'latest');
    ELSIF NEW.duration_minutes % 5 <> 0 THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'durationMinutes');
    END IF;

    IF TG_OP = 'INSERT' THEN
        IF NEW.latest <= now() THEN
            PERFORM ehr.refuse('EH422', 'in_the_past', 'latest');
        END IF;

        IF NOT ehr.sees_all()
           AND (SELECT count(*) FROM ehr.waiting_list w
                 WHERE w.patient_id = NEW.patient_id
                   AND w.status <> 'BOOKED' AND w.latest > now()
                   AND w.deleted_at IS NULL) >= 10
        THEN
            PERFORM ehr.refuse('EH409', 'too_many_waiting');
        END IF;
    ELSE
        NEW.patient_id := OLD.patient_id;
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER rules BEFORE INSERT ON ehr.waiting_list
    FOR EACH ROW EXECUTE FUNCTION ehr.waiting_list_rules();
CREATE TRIGGER rules_changed BEFORE UPDATE OF doctor_id, specialty_id,
    clinic_id, earliest, latest, duration_minutes, patient_id
    ON ehr.waiting_list
    FOR EACH ROW EXECUTE FUNCTION ehr.waiting_list_rules();

-- Who leaves the line, or wants something else, gives the offer back.
CREATE FUNCTION ehr.waiting_list_leaves() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.status := 'WAITING';
    NEW.hold_token := NULL;
    NEW.offered_doctor_id := NULL;
    NEW.offered_start := NULL;
    NEW.offer_expires_at := NULL;
    RETURN NEW;
END
$$;

CREATE FUNCTION ehr.waiting_list_left() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM ehr.claims c
     WHERE c.ref = OLD.hold_token AND c.kind = 'hold';
    RETURN NULL;
END
$$;

CREATE TRIGGER leaves BEFORE UPDATE ON ehr.waiting_list
    FOR EACH ROW WHEN (OLD.status = 'OFFERED' AND NEW.status = 'OFFERED'
        AND (NEW.deleted_at IS NOT NULL
             OR (NEW.doctor_id, NEW.specialty_id, NEW.clinic_id,
                 NEW.earliest, NEW.latest, NEW.duration_minutes)
                IS DISTINCT FROM (OLD.doctor_id, OLD.specialty_id,
                 OLD.clinic_id, OLD.earliest, OLD.latest,
                 OLD.duration_minutes)))
    EXECUTE FUNCTION ehr.waiting_list_leaves();
CREATE TRIGGER left_the_line AFTER UPDATE ON ehr.waiting_list
    FOR EACH ROW WHEN (OLD.status = 'OFFERED' AND NEW.status = 'WAITING')
    EXECUTE FUNCTION ehr.waiting_list_left();

-- Holds the first slot in what became free that fits an entry; false if there
-- is none, or the patient is busy then.  Nobody holds it but the patient:
-- actor_id is null.
CREATE FUNCTION ehr.waiting_offer_make(entry ehr.waiting_list, doctor uuid,
    freed tstzrange) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
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
    WHEN SQLSTATE 'EH409' OR SQLSTATE 'EH422' OR deadlock_detected THEN
        RETURN false;
    WHEN OTHERS THEN
        -- Whoever gives a slot back is not to suffer for it.
        RAISE WARNING 'ehr: waiting list entry % passed over: % %', entry.id,
            SQLSTATE, SQLERRM;
        RETURN false;
END
$$;

-- Offers what became free of a doctor's time to those who wait, first come
-- first: each that it fits gets a hold, as long as something is left.  How
-- many offers that made.
--
-- One at a time, so that of two slots that become free at once each goes to
-- the first in line that has none yet.
CREATE FUNCTION ehr.waiting_offer(doctor uuid, freed tstzrange)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry ehr.waiting_list;
    made  integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM ehr.waiting_for(doctor, freed)) THEN
        RETURN 0;
    END IF;

    PERFORM pg_advisory_xact_lock(4715, 0);

    FOR entry IN
        SELECT w.* FROM ehr.waiting_list w
         WHERE w.id IN (SELECT f.id FROM ehr.waiting_for(doctor, freed) AS f)
           AND w.status = 'WAITING'
         ORDER BY w.created_at, w.id
           FOR UPDATE
    LOOP
        made := made + ehr.waiting_offer_make(entry, doctor, freed)::integer;
    END LOOP;

    RETURN made;
END
$$;

-- The entries that wait for some of this time of this doctor and were not
-- offered it before.
CREATE FUNCTION ehr.waiting_for(doctor uuid, freed tstzrange)
RETURNS SETOF ehr.waiting_list
LANGUAGE plpgsql SECURITY DEFINER ROWS 10
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    skills  uuid[];
    clinics uuid[];
BEGIN
    IF NOT EXISTS (SELECT FROM ehr.waiting_list w
                    WHERE w.status = 'WAITING' AND w.deleted_at IS NULL)
    THEN
        RETURN;
    END IF;

    SELECT d.specialty_ids INTO skills
      FROM ehr.doctors d WHERE d.id = doctor;
    clinics := ARRAY(SELECT p.clinic_id
        FROM ehr.open_periods(ARRAY[doctor], lower(freed), upper(freed))
            AS p);

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
       AND (w.clinic_id IS NULL OR w.clinic_id = ANY (clinics))
       AND w.earliest < upper(freed)
       AND w.latest > greatest(lower(freed), now())
       AND NOT EXISTS (
               SELECT FROM ehr.waiting_offers o
                WHERE o.entry_id = w.id AND o.doctor_id = doctor
                  AND o.during && freed);
END
$$;

-- Trigger: a hold that ended unused puts its entry back into the line, where
-- it was; and the time goes to whom it fits.  What expired goes to the line
-- before it goes to whoever found it expired: that booking is refused, and
-- rolled back with the offer, which is made again by ehr.holds_expire().
CREATE FUNCTION ehr.hold_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    doctor uuid;
BEGIN
    UPDATE ehr.waiting_list w
       SET status = 'WAITING', hold_token = NULL, offered_doctor_id = NULL,
           offered_start = NULL, offer_expires_at = NULL
     WHERE w.hold_token = OLD.ref;

    SELECT r.entity_id INTO doctor
      FROM ehr.resources r
     WHERE r.id = OLD.resource AND r.kind = 'doctor';

    IF FOUND AND upper(OLD.during) > now() THEN
        PERFORM ehr.waiting_offer(doctor, OLD.during);
    END IF;

    RETURN NULL;
END
$$;

-- One made in this transaction was never held: ehr.claim_wish() gives back
-- what it got when it did not get all.
CREATE TRIGGER waiting AFTER DELETE ON ehr.claims
    FOR EACH ROW WHEN (OLD.kind = 'hold' AND OLD.created_at <> now())
    EXECUTE FUNCTION ehr.hold_ended();

-- Trigger: so does what an appointment leaves that is cancelled, missed or
-- moved.  Its claims have changed by now (trigger `ended`,
-- ehr.appointment_reschedule()), so that what is free is free.
CREATE FUNCTION ehr.appointment_left() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF OLD.ends_at > now() THEN
        PERFORM ehr.waiting_offer(OLD.doctor_id,
            tstzrange(OLD.starts_at, OLD.ends_at));
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER waiting AFTER UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (
        ehr.is_active(OLD.status) AND NOT ehr.is_active(NEW.status)
        OR (NEW.doctor_id, NEW.starts_at, NEW.ends_at)
           IS DISTINCT FROM (OLD.doctor_id, OLD.starts_at, OLD.ends_at))
    EXECUTE FUNCTION ehr.appointment_left();

-- Trigger: a patient is told of what is booked, moved, cancelled by others or
-- no longer in the doctor's hours, and what was offered is settled.  The one
-- place, whoever wrote the appointment and how.
CREATE FUNCTION ehr.appointment_told() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind   text := 'BOOKING_CONFIRMATION';
    symbol text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        symbol := 'APPOINTMENT_BOOKED';
    ELSIF NEW.status = 'CANCELLED' AND OLD.status <> 'CANCELLED' THEN
        kind := 'GENERAL';
        symbol := 'APPOINTMENT_CANCELLED';
    ELSIF NEW.needs_attention AND NOT OLD.needs_attention THEN
        kind := 'GENERAL';
        symbol := 'APPOINTMENT_NEEDS_ATTENTION';
    ELSE
        symbol := 'APPOINTMENT_MOVED';
    END IF;

    IF TG_OP = 'INSERT' OR symbol = 'APPOINTMENT_MOVED' THEN
        UPDATE ehr.waiting_list w
           SET status = 'BOOKED', appointment_id = NEW.id, hold_token = NULL
         WHERE w.patient_id = NEW.patient_id AND w.status = 'OFFERED'
           AND w.offered_doctor_id = NEW.doctor_id
           AND w.offered_start = NEW.starts_at;
    END IF;

    -- A series is told as one; who cancels knows.
    IF TG_OP = 'INSERT' AND NEW.series_id IS NOT NULL
       OR symbol = 'APPOINTMENT_CANCELLED' AND NOT ehr.sees_all()
    THEN
        RETURN NULL;
    END IF;

    PERFORM ehr.notify_patient(NEW.patient_id, kind, symbol,
        jsonb_build_object('appointmentId', NEW.id));
    RETURN NULL;
END
$$;

CREATE TRIGGER told_new AFTER INSERT ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status IN ('SCHEDULED', 'CONFIRMED'))
    EXECUTE FUNCTION ehr.appointment_told();
CREATE TRIGGER told AFTER UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (
        NEW.status = 'CANCELLED' AND OLD.status <> 'CANCELLED'
        OR NEW.needs_attention AND NOT OLD.needs_attention
        OR (NEW.doctor_id, NEW.starts_at)
           IS DISTINCT FROM (OLD.doctor_id, OLD.starts_at))
    EXECUTE FUNCTION ehr.appointment_told();


-- -- the visit -------------------------------------------------------------

-- Patients confirm their own arrival, too.
CALL ehr.add_permission('visits.arrive', 'DOCTOR', 'NURSE', 'RECEPTIONIST',
    'PATIENT');

ALTER TABLE ehr.appointments ADD queue_number integer;

CREATE INDEX appointments_queue ON ehr.appointments (doctor_id, starts_at)
    WHERE status IN ('ARRIVED', 'IN_PROGRESS');
CREATE INDEX appointments_pace ON ehr.appointments (doctor_id, completed_at)
    WHERE status = 'COMPLETED';

-- The last number given out, for each clinic, doctor and day of the clinic.
CREATE TABLE ehr.queue_numbers (
    clinic_id uuid NOT NULL,
    doctor_id uuid NOT NULL,
    day date NOT NULL,
    last integer NOT NULL,
    PRIMARY KEY (clinic_id, doctor_id, day)
);

ALTER TABLE ehr.queue_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.queue_numbers FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.queue_numbers TO ehr_owner
    USING (true) WITH CHECK (true);

-- Trigger: who arrives gets a number.
CREATE FUNCTION ehr.appointment_arrives() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.queue_numbers AS q (clinic_id, doctor_id, day, last)
    SELECT c.id, NEW.doctor_id, (now() AT TIME ZONE c.time_zone)::date, 1
      FROM ehr.clinics c
     WHERE c.id = NEW.clinic_id
    ON CONFLICT (clinic_id, doctor_id, day) DO UPDATE SET last = q.last + 1
    RETURNING q.last INTO NEW.queue_number;

    RETURN NEW;
END
$$;

CREATE TRIGGER arrives BEFORE UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status = 'ARRIVED' AND OLD.status <> 'ARRIVED')
    EXECUTE FUNCTION ehr.appointment_arrives();

-- Trigger: the visit is an encounter, from arrival on; one that the doctor
-- opened already for this appointment is it.
CREATE FUNCTION ehr.appointment_visit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    visit ehr.encounters;
BEGIN
    SELECT e.* INTO visit
      FROM ehr.encounters e
     WHERE e.appointment_id = NEW.id AND e.patient_id = NEW.patient_id
       AND e.deleted_at IS NULL
       AND e.status NOT IN ('CANCELLED', 'ENTERED_IN_ERROR')
     ORDER BY e.created_at DESC, e.id DESC
     LIMIT 1
       FOR UPDATE;

    IF NEW.status NOT IN ('ARRIVED', 'IN_PROGRESS', 'COMPLETED') THEN
        UPDATE ehr.encounters e SET status = 'CANCELLED'
         WHERE e.id = visit.id AND e.status IN ('PLANNED', 'ARRIVED');
        RETURN NULL;
    END IF;

    IF visit.id IS NULL THEN
        INSERT INTO ehr.encounters (patient_id, doctor_id, clinic_id,
                hospital_id, appointment_id, type, status, started_at,
                reason)
        SELECT NEW.patient_id, NEW.doctor_id, NEW.clinic_id,
               (SELECT c.hospital_id FROM ehr.clinics c
                 WHERE c.id = NEW.clinic_id),
               NEW.id,
               CASE WHEN NEW.is_virtual THEN 'VIRTUAL'
                    WHEN NEW.type = 'EMERGENCY' THEN 'EMERGENCY'
                    ELSE 'AMBULATORY' END,
               NEW.status,
               coalesce(NEW.began_at, NEW.arrived_at, now()), NEW.reason;
        RETURN NULL;
    END IF;

    IF visit.status = 'PLANNED' AND NEW.status = 'ARRIVED' THEN
        UPDATE ehr.encounters e SET status = 'ARRIVED'
         WHERE e.id = visit.id;
    ELSIF visit.status IN ('PLANNED', 'ARRIVED')
          AND NEW.status <> 'ARRIVED'
    THEN
        UPDATE ehr.encounters e
           SET status = 'IN_PROGRESS',
               started_at = coalesce(NEW.began_at, now())
         WHERE e.id = visit.id;
    END IF;

    IF NEW.status = 'COMPLETED' THEN
        UPDATE ehr.encounters e SET status = 'COMPLETED'
         WHERE e.id = visit.id AND e.status = 'IN_PROGRESS';
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER visit AFTER UPDATE ON ehr.appointments
    FOR EACH ROW WHEN (NEW.status <> OLD.status
        AND (NEW.status IN ('ARRIVED', 'IN_PROGRESS', 'COMPLETED')
             OR OLD.status IN ('ARRIVED', 'IN_PROGRESS')))
    EXECUTE FUNCTION ehr.appointment_visit();

-- Moves a visit on: patients say that they have arrived, from two hours before
-- until it would be over; the rest is the staff's.  Said twice is said.
CREATE FUNCTION ehr.visit_move(appointment uuid, wanted text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    visit ehr.appointments;
    staff boolean := ehr.sees_all();
BEGIN
    IF NOT ehr.actor_may(CASE wanted WHEN 'ARRIVED' THEN 'visits.arrive'
                         ELSE 'visits.write' END)
    THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    SELECT a.* INTO visit
      FROM ehr.appointments a
     WHERE a.id = appointment AND a.deleted_at IS NULL
       AND (staff OR wanted = 'ARRIVED'
                     AND a.patient_id = ANY (ehr.my_patients()))
       FOR UPDATE;

    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    ELSIF visit.status = wanted THEN
        RETURN;
    ELSIF wanted = 'ARRIVED'
          AND (visit.starts_at > now() + CASE WHEN staff
                   THEN interval '12 hours' ELSE interval '2 hours' END
               OR NOT staff AND visit.ends_at < now())
    THEN
        PERFORM ehr.refuse('EH409', 'not_the_time_to_arrive',
            'appointmentId');
    END IF;

    UPDATE ehr.appointments a SET status = wanted WHERE a.id = appointment;
END
$$;

-- How long the doctor's visits really take, as a factor of what they were
-- booked for: by the last twenty of a month, 1 while there are too few.
CREATE FUNCTION ehr.doctor_pace(doctor uuid) RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN count(*) < 3 THEN 1
           ELSE least(4, greatest(0.25, round(
               (sum(extract(epoch FROM v.completed_at - v.began_at))
                / sum(60 * v.duration_minutes))::numeric, 3))) END
      FROM (SELECT a.began_at, a.completed_at, a.duration_minutes
              FROM ehr.appointments a
             WHERE a.doctor_id = doctor AND a.status = 'COMPLETED'
               AND a.completed_at > now() - interval '30 days'
               AND a.began_at IS NOT NULL AND a.deleted_at IS NULL
             ORDER BY a.completed_at DESC
             LIMIT 20) AS v
$$;

-- Who is at a doctor's or at a clinic's (null: any), in the order in which
-- they are seen, and when that is expected.  Emergencies first, then by the
-- time of the appointment, or of arrival for who came late.  A doctor who has
-- seen nobody yet begins at the first appointment; one with n seats sees n at
-- once, one after another on average; a visit that takes longer than expected
-- may end any minute.
--
-- As the owner: callers show people only to whom may see them.
CREATE FUNCTION ehr.queue(doctor uuid, clinic uuid)
RETURNS TABLE (id uuid, patient_id uuid, doctor_id uuid, clinic_id uuid,
    queue_number integer, status text, type text, starts_at timestamptz,
    arrived_at timestamptz, began_at timestamptz, due timestamptz,
    place integer, expected_at timestamptz, free_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 20
SET search_path = pg_catalog, pg_temp AS $$
    WITH here AS (
        SELECT a.*,
               make_interval(secs => (60 * a.duration_minutes
                   * ehr.doctor_pace(a.doctor_id))::double precision) AS takes,
               greatest(a.starts_at, a.arrived_at) AS due
          FROM ehr.appointments a
         WHERE a.status IN ('ARRIVED', 'IN_PROGRESS')
           AND a.deleted_at IS NULL
           AND (queue.doctor IS NULL OR a.doctor_id = queue.doctor)
           AND (queue.clinic IS NULL OR a.clinic_id = queue.clinic)
           AND a.starts_at BETWEEN now() - interval '1 day'
                               AND now() + interval '1 day'
    ), groups AS (
        SELECT h.doctor_id, min(h.starts_at) AS first,
               coalesce((ehr.open_period_at(h.doctor_id, min(h.starts_at)))
                        .capacity, 1) AS seats,
               count(*) FILTER (WHERE h.status = 'IN_PROGRESS') AS busy,
               min(h.began_at + h.takes)
                   FILTER (WHERE h.status = 'IN_PROGRESS') AS ends
          FROM here h
         GROUP BY h.doctor_id
    ), doctors AS (
        SELECT g.doctor_id, g.seats,
               greatest(now(),
                   CASE WHEN g.busy >= g.seats THEN g.ends END,
                   CASE WHEN g.busy = 0 AND NOT EXISTS (
                            SELECT FROM ehr.appointments b
                             WHERE b.doctor_id = g.doctor_id
                               AND b.status = 'COMPLETED'
                               AND b.completed_at
                                   > now() - interval '12 hours')
                        THEN g.first END) AS from_at
          FROM groups g
    ), line AS (
        SELECT h.*, d.from_at, d.seats,
               row_number() OVER waiting AS place,
               coalesce(sum(h.takes) OVER (waiting
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
                   '0') AS ahead
          FROM here h
          JOIN doctors d ON d.doctor_id = h.doctor_id
         WHERE h.status = 'ARRIVED'
        WINDOW waiting AS (PARTITION BY h.doctor_id
            ORDER BY (h.type = 'EMERGENCY') DESC, h.due, h.queue_number)
    )
    SELECT h.id, h.patient_id, h.doctor_id, h.clinic_id, h.queue_number,
           h.status, h.type, h.starts_at, h.arrived_at, h.began_at, h.due,
           0, h.began_at, d.from_at
      FROM here h
      JOIN doctors d ON d.doctor_id = h.doctor_id
     WHERE h.status = 'IN_PROGRESS'
    UNION ALL
    SELECT l.id, l.patient_id, l.doctor_id, l.clinic_id, l.queue_number,
           l.status, l.type, l.starts_at, l.arrived_at, l.began_at, l.due,
           l.place::integer,
           l.from_at + ((l.place - 1) / l.seats)
                       * (l.ahead / greatest(l.place - 1, 1)),
           l.from_at + (l.place / l.seats) * ((l.ahead + l.takes) / l.place)
      FROM line l
$$;

-- Whole minutes, rounded up, from one moment to another; never below zero.
CREATE FUNCTION ehr.minutes_until(since timestamptz, at timestamptz)
RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(0, ceil(extract(epoch FROM at - since) / 60))::integer
$$;

-- How long one waits: with an appointment, or (JSON of the same shape) whoever
-- came now to a doctor, or to a clinic, where it is the longest of its
-- doctors'.  Numbers only: nobody else's visit shows.
CREATE FUNCTION ehr.wait_time(appointment uuid, doctor uuid, clinic uuid)
RETURNS TABLE (id uuid, patient_id uuid, shown json)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    visit    ehr.appointments;
    place    integer;
    expected timestamptz;
    at       timestamptz;
BEGIN
    IF appointment IS NULL THEN
        shown := ehr.wait_time_now(doctor, clinic);
        RETURN NEXT;
        RETURN;
    END IF;

    SELECT a.* INTO visit
      FROM ehr.appointments a
     WHERE a.id = appointment AND a.deleted_at IS NULL
       AND (ehr.sees_all() OR a.patient_id = ANY (ehr.my_patients()));

    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    ELSIF visit.status IN ('COMPLETED', 'CANCELLED', 'NO_SHOW') THEN
        PERFORM ehr.refuse('EH409', 'visit_is_over', 'appointmentId');
    END IF;

    SELECT q.place, q.expected_at INTO place, expected
      FROM ehr.queue(visit.doctor_id, NULL) AS q WHERE q.id = appointment;

    IF NOT FOUND THEN
        -- Not here yet: behind those who are due before.
        SELECT count(*) FILTER (WHERE q.place > 0)::integer + 1,
               greatest(visit.starts_at, max(q.free_at))
          INTO place, expected
          FROM ehr.queue(visit.doctor_id, NULL) AS q
         WHERE q.place = 0 OR q.due <= greatest(visit.starts_at, now());
    END IF;

    at := CASE WHEN visit.arrived_at IS NULL
          THEN greatest(now(), visit.starts_at) ELSE now() END;

    id := visit.id;
    patient_id := visit.patient_id;
    shown := json_build_object('appointmentId', visit.id,
        'doctorId', visit.doctor_id, 'clinicId', visit.clinic_id,
        'status', visit.status, 'queueNumber', visit.queue_number,
        'place', place, 'waiting', greatest(place - 1, 0),
        'waitMinutes', ehr.minutes_until(at, expected),
        'expectedStart', ehr.rfc3339(greatest(expected,
            CASE WHEN visit.status <> 'IN_PROGRESS' THEN now() END)),
        'pace', ehr.doctor_pace(visit.doctor_id));
    RETURN NEXT;
END
$$;

CREATE FUNCTION ehr.wait_time_now(doctor uuid, clinic uuid) RETURNS json
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    WITH doctors AS (
        SELECT q.doctor_id, count(*) FILTER (WHERE q.place > 0) AS waiting,
               ehr.minutes_until(now(), max(q.free_at)) AS minutes
          FROM ehr.queue(doctor, clinic) AS q
         GROUP BY q.doctor_id
    )
    SELECT json_build_object('doctorId', doctor, 'clinicId', clinic,
               'waiting', coalesce(sum(d.waiting), 0),
               'waitMinutes', coalesce(max(d.minutes), 0),
               'expectedStart', ehr.rfc3339(now() + make_interval(
                   mins => coalesce(max(d.minutes), 0))),
               'pace', CASE WHEN doctor IS NOT NULL
                       THEN ehr.doctor_pace(doctor) END,
               'doctors', coalesce(json_agg(json_build_object(
                   'doctorId', d.doctor_id, 'waiting', d.waiting,
                   'waitMinutes', d.minutes,
                   'pace', ehr.doctor_pace(d.doctor_id))
                   ORDER BY d.doctor_id)
                   FILTER (WHERE d.doctor_id IS NOT NULL), '[]'))
      FROM doctors d
$$;

-- The queue as JSON, one row a visit; only of patients the actor sees.
CREATE FUNCTION ehr.queue_shown(doctor uuid, clinic uuid)
RETURNS TABLE (id uuid, patient_id uuid, shown json)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT ehr.sees_all() THEN
        RETURN;
    END IF;

    RETURN QUERY
    SELECT q.id, q.patient_id, json_build_object('appointmentId', q.id,
               'patientId', q.patient_id, 'doctorId', q.doctor_id,
               'clinicId', q.clinic_id, 'queueNumber', q.queue_number,
               'status', q.status, 'type', q.type,
               'start', ehr.rfc3339(q.starts_at),
               'arrivedAt', ehr.rfc3339(q.arrived_at),
               'beganAt', ehr.rfc3339(q.began_at),
               'place', q.place,
               'expectedStart', ehr.rfc3339(q.expected_at),
               'waitMinutes', ehr.minutes_until(now(), q.expected_at))
      FROM ehr.queue(queue_shown.doctor, queue_shown.clinic) AS q
     ORDER BY q.place, q.doctor_id;
END
$$;


-- -- changes of a schedule -------------------------------------------------

-- Refuses a change after which appointments of a doctor, or of a clinic, have
-- lost their hours, and names them; with ehr.force it goes on: they stay, need
-- attention, and their patients are told.
CREATE FUNCTION ehr.schedule_hits(doctor uuid, clinic uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    hit    uuid[];
    listed json;
BEGIN
    -- What has hours again needs no attention any more.
    UPDATE ehr.appointments a SET needs_attention = false
     WHERE a.needs_attention AND a.starts_at > now()
       AND (a.doctor_id = doctor OR doctor IS NULL)
       AND (a.clinic_id = clinic OR clinic IS NULL)
       AND a.id NOT IN (SELECT ehr.schedule_conflicts(doctor, clinic));

    SELECT array_agg(a.id),
           json_agg(json_strip_nulls(json_build_object(
               'appointmentId', a.id, 'doctorId', a.doctor_id,
               'patientId', CASE WHEN ehr.sees_all() THEN a.patient_id END,
               'start', ehr.rfc3339(a.starts_at),
               'end', ehr.rfc3339(a.ends_at))) ORDER BY a.starts_at, a.id)
      INTO hit, listed
      FROM ehr.schedule_conflicts(doctor, clinic) AS c (id)
      JOIN ehr.appointments a ON a.id = c.id AND NOT a.needs_attention;

    IF hit IS NULL THEN
        RETURN;
    END IF;

    IF coalesce(current_setting('ehr.force', true), '') <> 'true' THEN
        RAISE EXCEPTION USING ERRCODE = 'EH409',
            MESSAGE = 'schedule_conflicts',
            DETAIL = json_build_object('conflicts', listed)::text;
    END IF;

    UPDATE ehr.appointments a SET needs_attention = true
     WHERE a.id = ANY (hit);
END
$$;

-- Trigger: weekly rules that are changed or gone, exceptions of any kind.
CREATE FUNCTION ehr.schedule_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.schedule_hits(NEW.doctor_id,
        CASE WHEN NEW.doctor_id IS NULL THEN NEW.clinic_id END);

    IF TG_OP = 'UPDATE' AND (OLD.doctor_id, OLD.clinic_id)
           IS DISTINCT FROM (NEW.doctor_id, NEW.clinic_id)
    THEN
        PERFORM ehr.schedule_hits(OLD.doctor_id,
            CASE WHEN OLD.doctor_id IS NULL THEN OLD.clinic_id END);
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER hits AFTER UPDATE ON ehr.doctor_schedules
    FOR EACH ROW EXECUTE FUNCTION ehr.schedule_changed();
CREATE TRIGGER hits AFTER INSERT OR UPDATE ON ehr.schedule_exceptions
    FOR EACH ROW EXECUTE FUNCTION ehr.schedule_changed();


-- -- who may call what -----------------------------------------------------

GRANT EXECUTE ON FUNCTION
    ehr.series_book(uuid, uuid, uuid, timestamptz, integer, text, text,
        jsonb, text),
    ehr.series_cancel(uuid, timestamptz, text),
    ehr.follow_up_book(uuid, uuid, uuid, uuid, timestamptz, integer, integer,
        text),
    ehr.visit_move(uuid, text), ehr.wait_time(uuid, uuid, uuid),
    ehr.queue_shown(uuid, uuid)
TO ehr_app;
