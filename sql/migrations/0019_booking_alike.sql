-- Whatever books an appointment takes the same: series and follow-ups have
-- rooms, equipment, video and holds, too.  And nobody who books goes back to
-- the doctor with the patient in hand.


-- -- series ----------------------------------------------------------------

-- What each of its appointments has.
ALTER TABLE ehr.appointment_series
    ADD COLUMN room_id uuid
        CONSTRAINT appointment_series_room_id_fkey REFERENCES ehr.rooms,
    ADD COLUMN equipment_ids uuid[] NOT NULL DEFAULT '{}'
        CONSTRAINT appointment_series_equipment_ids_check
            CHECK (cardinality(equipment_ids) <= 10),
    ADD COLUMN is_virtual boolean NOT NULL DEFAULT false;

CREATE INDEX appointment_series_room_id
    ON ehr.appointment_series (room_id) WHERE room_id IS NOT NULL;

DROP FUNCTION ehr.series_book(uuid, uuid, uuid, timestamptz, integer, text,
    text, jsonb, text);
DROP FUNCTION ehr.series_date_book(uuid, uuid, uuid, timestamptz, integer,
    text, text, uuid);

-- What stands against one date of a series: null once it is booked.
CREATE FUNCTION ehr.series_date_book(appointment uuid,
    s ehr.appointment_series, starts timestamptz, hold uuid) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    symbol text;
    fields text;
BEGIN
    PERFORM ehr.appointment_book(appointment, s.patient_id, s.doctor_id,
        starts, s.duration_minutes, s.type, s.reason, s.room_id,
        s.equipment_ids, hold, s.is_virtual, NULL, s.id, NULL, '{}', NULL,
        CASE WHEN s.is_virtual THEN ehr.meeting_url() END);
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

-- Books a series.  Each date is booked or reported with the next free start;
-- with on_conflict FAIL, or when no date can be had, nothing is booked and the
-- report is the refusal's detail.  hold: of the first date.
CREATE FUNCTION ehr.series_book(series uuid, patient uuid, doctor uuid,
    first timestamptz, minutes integer, visit text, why text, rule jsonb,
    on_conflict text, room uuid, machines uuid[], is_remote boolean,
    hold uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone    text := ehr.doctor_zone(doctor, first);
    starts  timestamptz[] := ehr.series_starts(first, zone, rule);
    report  jsonb := '[]';
    s       ehr.appointment_series;
    one     uuid;
    against jsonb;
    done    integer := 0;
BEGIN
    IF NOT EXISTS (SELECT FROM ehr.doctors d
                    WHERE d.id = doctor AND d.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'doctorId');
    END IF;
    PERFORM ehr.check_room_of_clinic(room, NULL);
    PERFORM ehr.equipment_numbers(machines);

    INSERT INTO ehr.appointment_series (id, patient_id, doctor_id, time_zone,
            starts_at, duration_minutes, type, reason, recurrence,
            on_conflict, room_id, equipment_ids, is_virtual)
    VALUES (series, patient, doctor, zone, first, minutes, visit, why, rule,
            series_book.on_conflict, room, machines, is_remote)
    RETURNING * INTO s;

    FOR i IN 1 .. cardinality(starts) LOOP
        one := ehr.time_uuid();
        against := ehr.series_date_book(one, s, starts[i],
            CASE WHEN i = 1 THEN hold END);

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

    UPDATE ehr.appointment_series t
       SET booked = done, dates = report
     WHERE t.id = series;

    PERFORM ehr.notify_patient(patient, 'BOOKING_CONFIRMATION',
        'SERIES_BOOKED', jsonb_build_object('seriesId', series));
END
$$;


-- -- follow-ups ------------------------------------------------------------

DROP FUNCTION ehr.follow_up_book(uuid, uuid, uuid, uuid, timestamptz,
    integer, integer, text);

-- Books a follow-up at `starts`, or at the first start `days` days after the
-- appointment it follows (or from now) that is free for all who and what is
-- needed.
CREATE FUNCTION ehr.follow_up_book(appointment uuid, earlier uuid,
    patient uuid, doctor uuid, starts timestamptz, days integer,
    minutes integer, why text, room uuid, machines uuid[], is_remote boolean,
    hold uuid, seat integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seen ehr.appointments;
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
    ELSIF hold IS NOT NULL AND starts IS NULL THEN
        PERFORM ehr.refuse('EH422', 'field_required', 'start');
    END IF;

    IF starts IS NOT NULL THEN
        PERFORM ehr.appointment_book(appointment, patient, doctor, starts,
            minutes, 'FOLLOW_UP', why, room, machines, hold, is_remote, NULL,
            NULL, earlier, '{}', seat,
            CASE WHEN is_remote THEN ehr.meeting_url() END);
    ELSE
        PERFORM ehr.follow_up_find(appointment, earlier, patient, doctor,
            greatest(now(), coalesce(seen.ends_at, now())
                            + make_interval(days => days)),
            minutes, why, room, machines, is_remote);
    END IF;
END
$$;

-- The same at the first start from `earliest` on, within 90 days.  Somebody
-- quicker may take that one: then at the next.
CREATE FUNCTION ehr.follow_up_find(appointment uuid, earlier uuid,
    patient uuid, doctor uuid, earliest timestamptz, minutes integer,
    why text, room uuid, machines uuid[], is_remote boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    latest timestamptz := earliest + interval '90 days';
    others integer[];
    slot   record;
    met    boolean;
BEGIN
    PERFORM ehr.check_room_of_clinic(room, NULL);
    others := ehr.equipment_numbers(machines)
        || ARRAY(SELECT r.id FROM ehr.resources r
                  WHERE r.kind = 'patient' AND r.entity_id = patient
                     OR r.kind = 'room' AND r.entity_id = room);

    LOOP
        met := false;

        FOR slot IN
            SELECT f.* FROM ehr.free_slots(ARRAY[doctor], earliest, latest,
                minutes, 20) AS f
        LOOP
            met := true;
            earliest := slot.starts_at + interval '5 minutes';

            CONTINUE WHEN EXISTS (
                SELECT FROM ehr.claims c
                 WHERE c.resource = ANY (others) AND c.seat = 0
                   AND c.during && tstzrange(slot.starts_at, slot.starts_at
                                   + make_interval(mins => slot.minutes))
                   AND (c.expires_at IS NULL
                        OR c.expires_at > clock_timestamp()));

            BEGIN
                PERFORM ehr.appointment_book(appointment, patient, doctor,
                    slot.starts_at, slot.minutes, 'FOLLOW_UP', why, room,
                    machines, NULL, is_remote, NULL, NULL, earlier, '{}',
                    slot.seat, CASE WHEN is_remote THEN ehr.meeting_url() END);
                RETURN;
            EXCEPTION WHEN SQLSTATE 'EH409' THEN
                IF SQLERRM <> 'slot_taken' THEN
                    RAISE;
                END IF;
            END;
        END LOOP;

        EXIT WHEN NOT met;
    END LOOP;

    PERFORM ehr.refuse('EH409', 'nothing_free', 'afterDays');
END
$$;


-- -- claims ----------------------------------------------------------------

-- As 0009 has it, but that the patient is claimed only after the doctor.  Who
-- did not get the doctor had the patient, went back to the doctor's seats and
-- waited there for one who waited for the patient.
CREATE OR REPLACE FUNCTION ehr.claim_wish(wish ehr.booking_wish,
    wanted_seat integer, why text, act uuid, holder uuid, until timestamptz,
    OUT seat integer, OUT room boolean, OUT busy text)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    others integer[];
    got    integer[];
BEGIN
    -- Nearly always: one doctor, one patient, both free.
    IF wish.seats = 1 AND wish.room IS NULL AND wish.equipment = '{}' THEN
        WITH claimed AS (
            INSERT INTO ehr.claims (resource, during, kind, ref, actor_id,
                    expires_at)
            VALUES (wish.doctor, wish.during, why, act, holder, until)
            ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING
            RETURNING id
        )
        INSERT INTO ehr.claims (resource, during, kind, ref, actor_id,
                expires_at)
        SELECT wish.patient, wish.during, why, act, holder, until
          FROM claimed
        ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
        IF FOUND THEN
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


GRANT EXECUTE ON FUNCTION
    ehr.series_book(uuid, uuid, uuid, timestamptz, integer, text, text,
        jsonb, text, uuid, uuid[], boolean, uuid),
    ehr.follow_up_book(uuid, uuid, uuid, uuid, timestamptz, integer, integer,
        text, uuid, uuid[], boolean, uuid, integer)
TO ehr_app;
