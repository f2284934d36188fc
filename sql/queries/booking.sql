-- Appointments and holds beyond what their descriptor says; the functions
-- decide who may and what is free (sql/README.md).

-- $1 id; $2 patient; $3 doctor; $4 start; $5 minutes or null; $6 type or
-- null; $7 reason; $8 room; $9 equipment, an array; $10 hold; $11 whether it
-- is virtual; $12 why it overbooks; $13 additional data; $14 seat or null
-- name: APPOINTMENT_BOOK
SELECT ehr.appointment_book($1::uuid, $2::uuid, $3::uuid, $4::timestamptz,
           $5::integer, $6::text, $7::text, $8::uuid, $9::uuid[], $10::uuid,
           $11::boolean, $12::text, NULL, NULL, $13::jsonb, $14::integer,
           CASE WHEN $11::boolean THEN ehr.meeting_url() END);

-- What an appointment has, and whether what it is moved to must be free.
-- $1 id; $2 versions or null  → as APPOINTMENT_LOCK; whether it must
-- name: APPOINTMENT_LOOK
SELECT t.doctor_id, t.room_id, array_to_json(t.equipment_ids)::text
           AS equipment_ids, t.duration_minutes,
       extract(epoch FROM t.starts_at)::bigint AS start,
       t.status IN ('SCHEDULED', 'CONFIRMED', 'RESCHEDULED')
           AND t.overbook_reason IS NULL
           AND ($2::integer[] IS NULL OR t.version = ANY ($2::integer[]))
           AS is_bound
  FROM ehr.appointments t
 WHERE t.id = $1::uuid AND t.deleted_at IS NULL;

-- The appointment before it changes, locked.  Fails with EH412 if its
-- version is not among $2; no row: it is not there or not the actor's.
-- $1 id; $2 versions or null  → doctor, room, equipment (JSON text), minutes,
-- start (seconds since 1970)
-- name: APPOINTMENT_LOCK
SELECT t.doctor_id, t.room_id, array_to_json(t.equipment_ids)::text
           AS equipment_ids, t.duration_minutes,
       extract(epoch FROM t.starts_at)::bigint AS start,
       CASE WHEN t.version <> ALL ($2::integer[])
            THEN ehr.refuse('EH412', 'stale_version')::text END AS stale
  FROM ehr.appointments t
 WHERE t.id = $1::uuid AND t.deleted_at IS NULL
   FOR NO KEY UPDATE OF t;

-- Moves it if anything differs.  null: as it is
-- $1 id; $2 start; $3 minutes; $4 doctor; $5 room; $6 equipment, an array;
-- $7 hold; $8 seat; $9 whether it gives its room back
-- name: APPOINTMENT_RESCHEDULE
SELECT ehr.appointment_reschedule($1::uuid, NULL, $2::timestamptz,
           $3::integer, $4::uuid, $5::uuid, $6::uuid[], $7::uuid,
           $8::integer, coalesce($9::boolean, false))
  FROM ehr.appointments t
 WHERE t.id = $1::uuid AND t.deleted_at IS NULL
   AND (t.starts_at <> $2::timestamptz OR t.duration_minutes <> $3::integer
        OR t.doctor_id <> $4::uuid OR t.room_id IS DISTINCT FROM
           coalesce($5::uuid, t.room_id)
        OR $9::boolean AND t.room_id IS NOT NULL
        OR t.equipment_ids <> $6::uuid[] OR $7::uuid IS NOT NULL);

-- Gives a virtual visit its address, and takes it from another.
-- $1 id
-- name: APPOINTMENT_MEETING
UPDATE ehr.appointments t
   SET meeting_url = CASE WHEN t.is_virtual THEN m.url END
  FROM (SELECT ehr.meeting_url() AS url) AS m
 WHERE t.id = $1::uuid
   AND CASE WHEN t.is_virtual THEN t.meeting_url IS NULL
                                   AND m.url IS NOT NULL
            ELSE t.meeting_url IS NOT NULL END;

-- $1 id; $2 versions or null; $3 reason or null
-- name: APPOINTMENT_CANCEL
SELECT ehr.appointment_cancel($1::uuid,
           ehr.expected('appointments', $1::uuid, $2::integer[]), $3::text);

-- $1 id; $2 versions or null; $3 status; $4 reason, for CANCELLED
-- name: APPOINTMENT_MOVE
SELECT CASE WHEN $3::text = 'CANCELLED'
            THEN ehr.appointment_cancel($1::uuid, e.version, $4::text)
            ELSE ehr.appointment_move($1::uuid, e.version, $3::text) END
  FROM ehr.expected('appointments', $1::uuid, $2::integer[]) AS e (version);

-- Takes a hold and keeps the answer for repetitions, if there is a key.
-- $1 id; $2 patient; $3 doctor; $4 start; $5 minutes or null; $6 room;
-- $7 equipment, an array; $8 seat or null; then as IDEMPOTENCY_BEGIN, or nulls
-- → the answer, JSON text
-- name: HOLD_TAKE
WITH held AS MATERIALIZED (
    SELECT jsonb_build_object('holdToken', $1::uuid, 'expiresAt',
               to_char(h.until AT TIME ZONE 'UTC',
                       'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) AS answer
      FROM ehr.appointment_hold($1::uuid, $2::uuid, $3::uuid,
               $4::timestamptz, $5::integer, $6::uuid, $7::uuid[],
               $8::integer) AS h (until)
), kept AS (
    INSERT INTO ehr.idempotency_keys (actor_id, key, route, body_hash,
            status, row)
    SELECT $9::uuid, $10::text, $11::text, $12::bytea, 201, held.answer
      FROM held
     WHERE $10::text IS NOT NULL)
SELECT answer::text FROM held;

-- $1 id  → whether there was one of the actor's
-- name: HOLD_RELEASE
SELECT ehr.hold_release($1::uuid) AS released;

-- All holds that are over; scope 'system'.
-- name: HOLDS_EXPIRE
SELECT ehr.holds_expire() AS claims;

-- Who waited in vain; scope 'system'.
-- name: WAITING_EXPIRE
SELECT ehr.waiting_expire() AS entries;

-- What is in a calendar.
-- $1 doctor or null; $2 from; $3 to; $4 how many  → one appointment each
-- name: CALENDAR_APPOINTMENTS
SELECT t.id, t.patient_id, t.doctor_id, t.clinic_id, t.room_id, t.starts_at,
       t.ends_at, t.type, t.status, t.is_virtual
  FROM ehr.appointments t
 WHERE t.starts_at < $3::timestamptz
   AND t.starts_at > $2::timestamptz - interval '24 hours'
   AND t.ends_at > $2::timestamptz
   AND ($1::uuid IS NULL OR t.doctor_id = $1::uuid)
   AND t.status <> 'CANCELLED' AND t.deleted_at IS NULL
 ORDER BY t.starts_at, t.id
 LIMIT $4::integer;

-- $1 doctor; $2 from; $3 to  → JSON text
-- name: CALENDAR_TIME_OFF
SELECT coalesce(json_agg(json_build_object('id', e.id, 'kind', e.kind,
           'doctorId', e.doctor_id, 'clinicId', e.clinic_id,
           'start', to_char(e.starts_at AT TIME ZONE 'UTC',
                            'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'end', to_char(e.ends_at AT TIME ZONE 'UTC',
                          'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'reason', e.reason) ORDER BY e.starts_at, e.id), '[]')::text
           AS time_off
  FROM ehr.schedule_exceptions e
 WHERE e.kind <> 'EXTRA_HOURS' AND e.deleted_at IS NULL
   AND e.starts_at < $3::timestamptz AND e.ends_at > $2::timestamptz
   AND (e.doctor_id = $1::uuid
        OR e.doctor_id IS NULL AND EXISTS (
           SELECT FROM ehr.doctor_schedules r
            WHERE r.doctor_id = $1::uuid AND r.clinic_id = e.clinic_id
              AND r.deleted_at IS NULL));

-- $1 doctor; $2 from; $3 to  → JSON text
-- name: CALENDAR_OPEN
SELECT coalesce(json_agg(json_build_object('doctorId', p.doctor_id,
           'clinicId', p.clinic_id, 'roomId', p.room_id,
           'start', to_char(p.starts_at AT TIME ZONE 'UTC',
                            'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'end', to_char(p.ends_at AT TIME ZONE 'UTC',
                          'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'slotMinutes', p.slot_minutes, 'capacity', p.capacity)
           ORDER BY p.starts_at), '[]')::text AS open
  FROM ehr.open_periods(ARRAY[$1::uuid], $2::timestamptz,
           $3::timestamptz) AS p;
