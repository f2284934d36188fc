-- When doctors are there: weekly rules in the wall time of their clinic,
-- exceptions as instants, and what follows from both.


-- -- weekly rules ----------------------------------------------------------

-- Minutes since midnight of a wall time, 'HH:MM'.
CREATE FUNCTION ehr.minute_of_day(wall text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT left(wall, 2)::integer * 60 + right(wall, 2)::integer
$$;

GRANT EXECUTE ON FUNCTION ehr.minute_of_day(text) TO ehr_app;

-- From start_time to end_time (24:00 is midnight) on one day of each week, 1
-- Monday to 7 Sunday, in slots of slot_minutes with `capacity` seats each.
CREATE TABLE ehr.doctor_schedules (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    doctor_id uuid NOT NULL
        CONSTRAINT doctor_schedules_doctor_id_fkey REFERENCES ehr.doctors,
    clinic_id uuid NOT NULL
        CONSTRAINT doctor_schedules_clinic_id_fkey REFERENCES ehr.clinics,
    room_id uuid
        CONSTRAINT doctor_schedules_room_id_fkey REFERENCES ehr.rooms,
    day_of_week integer NOT NULL
        CONSTRAINT doctor_schedules_day_of_week_check
            CHECK (day_of_week BETWEEN 1 AND 7),
    start_time text NOT NULL
        CONSTRAINT doctor_schedules_start_time_check
            CHECK (start_time ~ '^([01][0-9]|2[0-3]):[0-5][05]$'),
    end_time text NOT NULL
        CONSTRAINT doctor_schedules_end_time_check
            CHECK (end_time ~ '^(([01][0-9]|2[0-3]):[0-5][05]|24:00)$'
                AND end_time COLLATE "C" > start_time COLLATE "C"),
    slot_minutes integer NOT NULL DEFAULT 30
        CONSTRAINT doctor_schedules_slot_minutes_check
            CHECK (slot_minutes BETWEEN 5 AND 480 AND slot_minutes % 5 = 0),
    capacity integer NOT NULL DEFAULT 1
        CONSTRAINT doctor_schedules_capacity_check
            CHECK (capacity BETWEEN 1 AND 500),
    valid_from date NOT NULL DEFAULT CURRENT_DATE,
    valid_to date
        CONSTRAINT doctor_schedules_valid_to_check
            CHECK (valid_to >= valid_from),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT doctor_schedules_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz,

    -- A doctor is not in two places, or in two rhythms, at once.
    CONSTRAINT doctor_schedules_start_time_excl EXCLUDE USING gist (
        doctor_id WITH =, day_of_week WITH =,
        int4range(ehr.minute_of_day(start_time),
                  ehr.minute_of_day(end_time)) WITH &&,
        daterange(valid_from, valid_to, '[]') WITH &&)
        WHERE (deleted_at IS NULL)
);

CREATE INDEX doctor_schedules_doctor_id
    ON ehr.doctor_schedules (doctor_id, day_of_week)
    WHERE deleted_at IS NULL;
CREATE INDEX doctor_schedules_clinic_id ON ehr.doctor_schedules (clinic_id);
CREATE INDEX doctor_schedules_room_id ON ehr.doctor_schedules (room_id)
    WHERE room_id IS NOT NULL;
CALL ehr.install_record('ehr.doctor_schedules', 'shared');


-- -- exceptions ------------------------------------------------------------

-- TIME_OFF and HOLIDAY close what rules and extra hours open: for a doctor,
-- for a clinic with all its doctors, or, with both, for a doctor at that
-- clinic.  EXTRA_HOURS open a period of their own; room, slot_minutes (null:
-- 30) and capacity (null: 1) are theirs.
CREATE TABLE ehr.schedule_exceptions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    kind text NOT NULL
        CONSTRAINT schedule_exceptions_kind_check
            CHECK (kind IN ('TIME_OFF', 'HOLIDAY', 'EXTRA_HOURS')),
    doctor_id uuid
        CONSTRAINT schedule_exceptions_doctor_id_fkey
            REFERENCES ehr.doctors
        CONSTRAINT schedule_exceptions_doctor_id_check
            CHECK (doctor_id IS NOT NULL OR kind <> 'EXTRA_HOURS'),
    clinic_id uuid
        CONSTRAINT schedule_exceptions_clinic_id_fkey
            REFERENCES ehr.clinics
        CONSTRAINT schedule_exceptions_clinic_id_check
            CHECK (clinic_id IS NOT NULL
                OR kind <> 'EXTRA_HOURS' AND doctor_id IS NOT NULL),
    room_id uuid
        CONSTRAINT schedule_exceptions_room_id_fkey REFERENCES ehr.rooms,
    starts_at timestamptz NOT NULL
        CONSTRAINT schedule_exceptions_starts_at_check
            CHECK (date_bin('5 minutes', starts_at, '2000-01-01 00:00Z')
                   = starts_at),
    ends_at timestamptz NOT NULL
        CONSTRAINT schedule_exceptions_ends_at_check
            CHECK (date_bin('5 minutes', ends_at, '2000-01-01 00:00Z')
                   = ends_at
                AND ends_at > starts_at
                AND ends_at - starts_at <= CASE WHEN kind = 'EXTRA_HOURS'
                        THEN interval '24 hours'
                        ELSE interval '9600 hours' END),
    slot_minutes integer
        CONSTRAINT schedule_exceptions_slot_minutes_check
            CHECK (slot_minutes BETWEEN 5 AND 480 AND slot_minutes % 5 = 0),
    capacity integer
        CONSTRAINT schedule_exceptions_capacity_check
            CHECK (capacity BETWEEN 1 AND 500),
    reason text
        CONSTRAINT schedule_exceptions_reason_check
            CHECK (char_length(reason) <= 500),
    additional_data jsonb NOT NULL DEFAULT '{}'
        CONSTRAINT schedule_exceptions_additional_data_check
            CHECK (jsonb_typeof(additional_data) = 'object'),
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

-- By its end: what is past is never looked at again.
CREATE INDEX schedule_exceptions_doctor_id
    ON ehr.schedule_exceptions (doctor_id, ends_at)
    WHERE doctor_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX schedule_exceptions_clinic_id
    ON ehr.schedule_exceptions (clinic_id, ends_at)
    WHERE doctor_id IS NULL AND deleted_at IS NULL;
CREATE INDEX schedule_exceptions_ends_at
    ON ehr.schedule_exceptions (ends_at)
    WHERE deleted_at IS NULL;
CALL ehr.install_record('ehr.schedule_exceptions', 'shared');


-- -- rules of both ---------------------------------------------------------

-- Refuses a room that is in another clinic.
CREATE FUNCTION ehr.check_room_of_clinic(room uuid, clinic uuid)
RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF room IS NOT NULL AND NOT EXISTS (
           SELECT FROM ehr.rooms r
            WHERE r.id = room AND r.clinic_id = coalesce(clinic, r.clinic_id)
              AND r.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'roomId');
    END IF;
END
$$;

CREATE FUNCTION ehr.doctor_schedule_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.end_time COLLATE "C" <= NEW.start_time COLLATE "C" THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'endTime');
    END IF;
    IF NEW.valid_to < NEW.valid_from THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'validTo');
    END IF;
    IF NEW.slot_minutes % 5 <> 0 THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'slotMinutes');
    END IF;

    PERFORM ehr.check_room_of_clinic(NEW.room_id, NEW.clinic_id);
    RETURN NEW;
END
$$;

CREATE TRIGGER rules_new BEFORE INSERT ON ehr.doctor_schedules
    FOR EACH ROW EXECUTE FUNCTION ehr.doctor_schedule_rules();
CREATE TRIGGER rules BEFORE UPDATE ON ehr.doctor_schedules
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION ehr.doctor_schedule_rules();

CREATE FUNCTION ehr.schedule_exception_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    granule interval := '5 minutes';
    origin  timestamptz := '2000-01-01 00:00Z';
    missing text;
BEGIN
    IF NEW.ends_at <= NEW.starts_at THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'end');
    END IF;
    IF date_bin(granule, NEW.starts_at, origin) <> NEW.starts_at THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'start');
    END IF;
    IF date_bin(granule, NEW.ends_at, origin) <> NEW.ends_at THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'end');
    END IF;
    IF NEW.slot_minutes % 5 <> 0 THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'slotMinutes');
    END IF;

    IF TG_OP = 'INSERT' AND EXISTS (
           SELECT FROM ehr.doctors d
            WHERE d.id = NEW.doctor_id AND d.deleted_at IS NOT NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'doctorId');
    END IF;

    IF NEW.kind = 'EXTRA_HOURS' THEN
        missing := concat_ws(',',
            CASE WHEN NEW.doctor_id IS NULL THEN 'doctorId' END,
            CASE WHEN NEW.clinic_id IS NULL THEN 'clinicId' END);
    ELSIF num_nonnulls(NEW.doctor_id, NEW.clinic_id) = 0 THEN
        missing := 'clinicId';
    END IF;

    IF missing <> '' THEN
        PERFORM ehr.refuse('EH422', 'field_required', missing);
    END IF;

    PERFORM ehr.check_room_of_clinic(NEW.room_id, NEW.clinic_id);
    RETURN NEW;
END
$$;

CREATE TRIGGER rules_new BEFORE INSERT ON ehr.schedule_exceptions
    FOR EACH ROW EXECUTE FUNCTION ehr.schedule_exception_rules();
CREATE TRIGGER rules BEFORE UPDATE ON ehr.schedule_exceptions
    FOR EACH ROW WHEN (NEW.deleted_at IS NULL)
    EXECUTE FUNCTION ehr.schedule_exception_rules();

CREATE TRIGGER check_unused_schedules BEFORE UPDATE ON ehr.clinics
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.doctor_schedules', 'clinic_id');
CREATE TRIGGER check_unused_schedules BEFORE UPDATE ON ehr.rooms
    FOR EACH ROW WHEN (OLD.deleted_at IS NULL AND NEW.deleted_at IS NOT NULL)
    EXECUTE FUNCTION ehr.check_unused('ehr.doctor_schedules', 'room_id');


-- -- from wall time to instants --------------------------------------------

-- What a clock on the wall shows: 24:00 is the next day's midnight.
CREATE FUNCTION ehr.wall_clock(day date, wall text) RETURNS timestamp
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT day + make_interval(mins => ehr.minute_of_day(wall))
$$;

-- The instant of a wall time of a day in a time zone.  One that is skipped
-- counts with the offset before the gap, one that comes twice is the second.
-- All arithmetic with time zones is this function and its callers below.
CREATE FUNCTION ehr.instant(day date, wall text, zone text)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT ehr.wall_clock(day, wall) AT TIME ZONE zone
$$;

-- Everything that is open in the window: rules and extra hours without time
-- off and holidays, of doctors (null: all) who are available; in no order.
--
-- Bookable starts are starts_at + k * slot_minutes: a period that time off
-- cuts at its beginning starts at the next point of its own grid.  Periods of
-- a doctor do not overlap: of two that would, the later begins when the
-- earlier ends.  A period that begins before the window or ends after it is
-- given whole.
CREATE FUNCTION ehr.open_periods(doctors uuid[], window_from timestamptz,
    window_to timestamptz)
RETURNS TABLE (doctor_id uuid, resource integer, clinic_id uuid,
    room_id uuid, starts_at timestamptz, ends_at timestamptz,
    slot_minutes integer, capacity integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
SET jit = off AS $$
#variable_conflict use_column
DECLARE
    -- What begins before the window may reach into it.
    reach_from timestamptz := window_from - interval '26 hours';
BEGIN
    RETURN QUERY
    WITH bookable AS MATERIALIZED (
        SELECT d.id, r.id AS resource
          FROM ehr.doctors d
          JOIN ehr.resources r ON r.kind = 'doctor' AND r.entity_id = d.id
         WHERE (doctors IS NULL OR d.id = ANY (doctors))
           AND d.is_available AND d.deleted_at IS NULL
    ), rules AS MATERIALIZED (
        SELECT b.resource, s.doctor_id, s.clinic_id, s.room_id, s.id,
               s.slot_minutes, s.capacity, s.valid_from,
               coalesce(s.valid_to, 'infinity') AS valid_to,
               c.time_zone, s.day_of_week, s.start_time, s.end_time
          FROM bookable b
          JOIN ehr.doctor_schedules s ON s.doctor_id = b.id
          JOIN ehr.clinics c ON c.id = s.clinic_id
         WHERE (doctors IS NULL OR s.doctor_id = ANY (doctors))
           AND s.deleted_at IS NULL AND c.deleted_at IS NULL
    ), extra AS MATERIALIZED (
        SELECT b.resource, e.doctor_id, e.clinic_id, e.room_id, e.id,
               coalesce(e.slot_minutes, 30) AS slot_minutes,
               coalesce(e.capacity, 1) AS capacity, e.starts_at AS begins,
               e.ends_at AS ends
          FROM bookable b
          JOIN ehr.schedule_exceptions e ON e.doctor_id = b.id
          JOIN ehr.clinics c ON c.id = e.clinic_id
         WHERE e.kind = 'EXTRA_HOURS'
           AND e.deleted_at IS NULL AND c.deleted_at IS NULL
           AND e.starts_at < window_to AND e.ends_at > reach_from

    -- Many rules are alike: each wall time is converted once.  It is skewed
    -- where a gap moves it; only then can two rules of a clinic overlap.
    ), dated AS MATERIALIZED (
        SELECT h.time_zone, h.day_of_week, h.start_time, h.end_time, g.day,
               i.begins, i.ends,
               (i.begins AT TIME ZONE h.time_zone, i.ends AT TIME ZONE
                h.time_zone) IS DISTINCT FROM
               (ehr.wall_clock(g.day, h.start_time),
                ehr.wall_clock(g.day, h.end_time)) AS skewed
          FROM (SELECT DISTINCT r.time_zone, r.day_of_week, r.start_time,
                       r.end_time
                  FROM rules r) AS h
         CROSS JOIN LATERAL (
               SELECT (reach_from AT TIME ZONE h.time_zone)::date - 1
                          AS first,
                      (window_to AT TIME ZONE h.time_zone)::date + 1
                          AS last) AS w
         CROSS JOIN LATERAL (
               SELECT w.first + n AS day
                 FROM generate_series(
                          (h.day_of_week + 7
                           - extract(isodow FROM w.first)::integer) % 7,
                          w.last - w.first, 7) AS n) AS g
         CROSS JOIN LATERAL (
               SELECT ehr.instant(g.day, h.start_time, h.time_zone)
                          AS begins,
                      ehr.instant(g.day, h.end_time, h.time_zone)
                          AS ends) AS i
         WHERE i.begins < i.ends
           AND i.begins < window_to AND i.ends > reach_from

    -- Whose periods may overlap.
    ), crowded AS MATERIALIZED (
        SELECT e.resource FROM extra e
        UNION
        SELECT r.resource FROM rules r
         GROUP BY r.resource HAVING min(r.time_zone) < max(r.time_zone)
        UNION
        SELECT r.resource
          FROM rules r
          JOIN dated t USING (time_zone, day_of_week, start_time, end_time)
         WHERE t.skewed

    ), closed AS MATERIALIZED (
        SELECT e.doctor_id, e.clinic_id,
               range_agg(tstzrange(e.starts_at, e.ends_at)) AS during
          FROM ehr.schedule_exceptions e
         WHERE e.kind <> 'EXTRA_HOURS' AND e.deleted_at IS NULL
           AND (doctors IS NULL OR e.doctor_id IS NULL
                OR e.doctor_id = ANY (doctors))
           AND e.starts_at < window_to + interval '26 hours'
           AND e.ends_at > reach_from
         GROUP BY e.doctor_id, e.clinic_id
    ), places AS MATERIALIZED (
        SELECT p.resource, p.clinic_id,
               EXISTS (SELECT FROM crowded o WHERE o.resource = p.resource)
                   AS is_crowded,
               CASE WHEN num_nonnulls(x.during, y.during, z.during) > 0
                    THEN coalesce(x.during, '{}') + coalesce(y.during, '{}')
                         + coalesce(z.during, '{}') END AS off
          FROM (SELECT r.resource, r.doctor_id, r.clinic_id FROM rules r
                UNION
                SELECT e.resource, e.doctor_id, e.clinic_id FROM extra e)
               AS p
          LEFT JOIN closed x ON x.doctor_id = p.doctor_id
                            AND x.clinic_id IS NULL
          LEFT JOIN closed y ON y.clinic_id = p.clinic_id
                            AND y.doctor_id IS NULL
          LEFT JOIN closed z ON z.doctor_id = p.doctor_id
                            AND z.clinic_id = p.clinic_id
    ), placed_rules AS MATERIALIZED (
        SELECT r.*, p.off, p.is_crowded
          FROM rules r JOIN places p USING (resource, clinic_id)
    ), ruled AS NOT MATERIALIZED (
        SELECT r.resource, r.doctor_id, r.clinic_id, r.room_id, r.id,
               r.slot_minutes, r.capacity, t.begins, t.ends, r.off,
               r.is_crowded
          FROM placed_rules r
          JOIN dated t USING (time_zone, day_of_week, start_time, end_time)
         WHERE t.day BETWEEN r.valid_from AND r.valid_to
    ), cut AS (
        SELECT b.resource, b.doctor_id, b.clinic_id, b.room_id, b.id,
               b.slot_minutes, b.capacity, b.begins AS grid,
               lower(c.piece) AS begins, upper(c.piece) AS ends,
               b.is_crowded
          FROM (SELECT * FROM ruled
                 WHERE ruled.off IS NOT NULL OR ruled.is_crowded
                UNION ALL
                SELECT e.*, p.off, p.is_crowded
                  FROM extra e JOIN places p USING (resource, clinic_id))
               AS b
         CROSS JOIN LATERAL unnest(
               tstzmultirange(tstzrange(b.begins, b.ends))
               - coalesce(b.off, '{}')) AS c (piece)
    ), folded AS (
        SELECT c.*, greatest(c.begins, max(c.ends) OVER (
                   PARTITION BY c.resource ORDER BY c.begins, c.ends, c.id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))
                   AS free_from
          FROM cut c
         WHERE c.is_crowded
        UNION ALL
        SELECT c.*, c.begins FROM cut c WHERE NOT c.is_crowded
    ), placed AS (
        SELECT f.*,
               CASE WHEN f.free_from = f.grid THEN f.grid
                    ELSE f.grid + make_interval(mins => f.slot_minutes
                         * ceil(extract(epoch FROM f.free_from - f.grid)
                                / (60 * f.slot_minutes))::integer)
               END AS placed_at
          FROM folded f
    )
    SELECT r.doctor_id, r.resource, r.clinic_id, r.room_id, r.begins, r.ends,
           r.slot_minutes, r.capacity
      FROM ruled r
     WHERE r.off IS NULL AND NOT r.is_crowded AND r.ends > window_from
    UNION ALL
    SELECT p.doctor_id, p.resource, p.clinic_id, p.room_id, p.placed_at,
           p.ends, p.slot_minutes, p.capacity
      FROM placed p
     WHERE p.placed_at < p.ends
       AND p.placed_at < window_to AND p.ends > window_from;
END
$$;

-- The open period of a doctor that holds an instant, as the above tells it
-- but for where it begins, and faster: booking asks for every start.
CREATE FUNCTION ehr.open_period_at(doctor uuid, at timestamptz,
    OUT clinic_id uuid, OUT room_id uuid, OUT grid timestamptz,
    OUT ends_at timestamptz, OUT slot_minutes integer, OUT capacity integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    today integer := extract(isodow FROM at AT TIME ZONE 'UTC');
    -- Wherever the clinic is, the rule's day is one of these.
    days  integer[] := ARRAY[today, today % 7 + 1, (today + 5) % 7 + 1,
                             (today + 4) % 7 + 1];
BEGIN
    -- Mostly there is no exception near: then the rule is all.
    SELECT b.clinic_id, b.room_id, b.begins, b.ends, b.slot_minutes,
           b.capacity
      INTO clinic_id, room_id, grid, ends_at, slot_minutes, capacity
      FROM (SELECT s.id, s.clinic_id, s.room_id, s.slot_minutes, s.capacity,
                   ehr.instant(g.day, s.start_time, c.time_zone) AS begins,
                   ehr.instant(g.day, s.end_time, c.time_zone) AS ends
              FROM ehr.doctor_schedules s
              JOIN ehr.clinics c ON c.id = s.clinic_id
             -- A gap about midnight moves the end of a day into the next.
             CROSS JOIN LATERAL (
                   SELECT (at AT TIME ZONE c.time_zone)::date - back AS day
                     FROM generate_series(0, 1) AS back) AS g
             WHERE s.doctor_id = doctor AND s.deleted_at IS NULL
               AND c.deleted_at IS NULL AND s.day_of_week = ANY (days)
               AND s.day_of_week = extract(isodow FROM g.day)
               AND g.day >= s.valid_from
               AND (s.valid_to IS NULL OR g.day <= s.valid_to)) AS b
     WHERE b.begins <= at AND b.ends > at
     ORDER BY b.begins, b.ends, b.id
     LIMIT 1;

    IF EXISTS (SELECT FROM ehr.schedule_exceptions e
                WHERE e.doctor_id = doctor AND e.deleted_at IS NULL
                  AND e.ends_at > at - interval '26 hours'
                  AND e.starts_at < at + interval '26 hours')
       OR EXISTS (SELECT FROM ehr.schedule_exceptions e
                   WHERE e.clinic_id = open_period_at.clinic_id
                     AND e.doctor_id IS NULL AND e.deleted_at IS NULL
                     AND e.ends_at > at - interval '26 hours'
                     AND e.starts_at < at + interval '26 hours')
    THEN
        SELECT * INTO clinic_id, room_id, grid, ends_at, slot_minutes,
               capacity
          FROM ehr.open_period_among(doctor, at);
    END IF;
END
$$;

-- The same with exceptions.
CREATE FUNCTION ehr.open_period_among(doctor uuid, at timestamptz,
    OUT clinic_id uuid, OUT room_id uuid, OUT grid timestamptz,
    OUT ends_at timestamptz, OUT slot_minutes integer, OUT capacity integer)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
BEGIN
    SELECT b.clinic_id, b.room_id, b.begins, least(b.ends, x.closes),
           b.slot_minutes, b.capacity
      INTO clinic_id, room_id, grid, ends_at, slot_minutes, capacity
      FROM (SELECT s.id, s.clinic_id, s.room_id, s.slot_minutes, s.capacity,
                   ehr.instant(g.day, s.start_time, c.time_zone) AS begins,
                   ehr.instant(g.day, s.end_time, c.time_zone) AS ends
              FROM ehr.doctor_schedules s
              JOIN ehr.clinics c ON c.id = s.clinic_id
             CROSS JOIN LATERAL (
                   SELECT (at AT TIME ZONE c.time_zone)::date - back AS day
                     FROM generate_series(0, 1) AS back) AS g
             WHERE s.doctor_id = doctor AND s.deleted_at IS NULL
               AND c.deleted_at IS NULL
               AND s.day_of_week = extract(isodow FROM g.day)
               AND g.day >= s.valid_from
               AND (s.valid_to IS NULL OR g.day <= s.valid_to)
            UNION ALL
            SELECT e.id, e.clinic_id, e.room_id,
                   coalesce(e.slot_minutes, 30), coalesce(e.capacity, 1),
                   e.starts_at, e.ends_at
              FROM ehr.schedule_exceptions e
              JOIN ehr.clinics c ON c.id = e.clinic_id
             WHERE e.doctor_id = doctor AND e.kind = 'EXTRA_HOURS'
               AND e.deleted_at IS NULL AND c.deleted_at IS NULL
               AND e.starts_at <= at AND e.ends_at > at) AS b
     CROSS JOIN LATERAL (
           SELECT max(o.ends_at) FILTER (WHERE o.ends_at <= at) AS opens,
                  min(o.starts_at) FILTER (WHERE o.ends_at > at) AS closes
             FROM (SELECT e.starts_at, e.ends_at
                     FROM ehr.schedule_exceptions e
                    WHERE e.doctor_id = doctor AND e.kind <> 'EXTRA_HOURS'
                      AND (e.clinic_id IS NULL OR e.clinic_id = b.clinic_id)
                      AND e.deleted_at IS NULL
                      AND e.ends_at > b.begins AND e.starts_at < b.ends
                   UNION ALL
                   SELECT e.starts_at, e.ends_at
                     FROM ehr.schedule_exceptions e
                    WHERE e.clinic_id = b.clinic_id AND e.doctor_id IS NULL
                      AND e.deleted_at IS NULL
                      AND e.ends_at > b.begins AND e.starts_at < b.ends)
                  AS o) AS x
     WHERE b.begins <= at AND b.ends > at
       AND (x.closes IS NULL OR x.closes > at)
     ORDER BY greatest(b.begins, x.opens), least(b.ends, x.closes), b.id
     LIMIT 1;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.open_periods(uuid[], timestamptz, timestamptz)
    TO ehr_app;


-- -- time off as claims ----------------------------------------------------

-- A doctor's time off is busy on every seat, but for what is booked in it
-- already; where a booking goes away, the hole is covered.  open_periods()
-- leaves time off out anyway: the claims say so to direct SQL and show it to
-- whoever reads claims.

-- Whether an exception is claimed: a doctor's time off from everywhere.
CREATE FUNCTION ehr.is_claimed(e ehr.schedule_exceptions) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT e.kind <> 'EXTRA_HOURS' AND e.doctor_id IS NOT NULL
       AND e.clinic_id IS NULL AND e.deleted_at IS NULL
$$;

-- Claims what is not claimed of a doctor's time off.
CREATE FUNCTION ehr.cover_time_off(off ehr.schedule_exceptions)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number integer := ehr.resource_of('doctor', off.doctor_id);
    period tstzrange := tstzrange(off.starts_at, off.ends_at);
    seats  integer;
    wanted integer;
    made   integer;
BEGIN
    SELECT max(s.capacity) INTO seats
      FROM (SELECT s.capacity FROM ehr.doctor_schedules s
             WHERE s.doctor_id = off.doctor_id AND s.deleted_at IS NULL
            UNION ALL
            SELECT e.capacity FROM ehr.schedule_exceptions e
             WHERE e.doctor_id = off.doctor_id AND e.deleted_at IS NULL
               AND e.ends_at > now()
            UNION ALL SELECT 1) AS s;

    -- Somebody may book in between: then what is left is covered in turn.
    LOOP
        WITH missing AS (
            SELECT s.seat, m.piece
              FROM generate_series(0, seats - 1) AS s (seat)
             CROSS JOIN LATERAL (
                   SELECT range_agg(c.during) AS busy
                     FROM ehr.claims c
                    WHERE c.resource = number AND c.seat = s.seat
                      AND c.during && period) AS b
             CROSS JOIN LATERAL unnest(
                   tstzmultirange(period) - coalesce(b.busy, '{}'))
                   AS m (piece)
        ), covered AS (
            INSERT INTO ehr.claims (resource, seat, during, kind, ref)
            SELECT number, m.seat, m.piece, 'time_off', off.id
              FROM missing m
             ORDER BY m.seat, m.piece
            ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM missing),
               (SELECT count(*) FROM covered)
          INTO wanted, made;

        EXIT WHEN made = wanted;
    END LOOP;
END
$$;

CREATE FUNCTION ehr.exception_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
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

CREATE TRIGGER claims AFTER INSERT OR UPDATE OF kind, doctor_id, clinic_id,
        starts_at, ends_at, deleted_at
    ON ehr.schedule_exceptions
    FOR EACH ROW EXECUTE FUNCTION ehr.exception_changed();

-- More seats than before are off as well.
CREATE FUNCTION ehr.capacity_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.cover_time_off(e)
       FROM ehr.schedule_exceptions e
      WHERE e.doctor_id = NEW.doctor_id AND ehr.is_claimed(e)
        AND e.deleted_at IS NULL AND e.ends_at > now();
    RETURN NULL;
END
$$;

CREATE TRIGGER claims AFTER INSERT OR UPDATE OF capacity, deleted_at
    ON ehr.doctor_schedules
    FOR EACH ROW WHEN (NEW.capacity > 1)
    EXECUTE FUNCTION ehr.capacity_changed();
CREATE TRIGGER claims_extra AFTER INSERT OR UPDATE OF capacity, deleted_at
    ON ehr.schedule_exceptions
    FOR EACH ROW WHEN (NEW.kind = 'EXTRA_HOURS' AND NEW.capacity > 1)
    EXECUTE FUNCTION ehr.capacity_changed();

-- What was booked in time off, and is not any more, is time off.
CREATE FUNCTION ehr.claims_freed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.cover_time_off(e)
       FROM gone g
       JOIN ehr.resources r ON r.id = g.resource AND r.kind = 'doctor'
       JOIN ehr.schedule_exceptions e ON e.doctor_id = r.entity_id
      WHERE g.kind IN ('appointment', 'hold')
        AND e.deleted_at IS NULL AND e.ends_at > lower(g.during)
        AND e.starts_at < upper(g.during) AND ehr.is_claimed(e);
    RETURN NULL;
END
$$;

CREATE TRIGGER freed AFTER DELETE ON ehr.claims
    REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.claims_freed();
