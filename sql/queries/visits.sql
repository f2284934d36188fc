-- What follows a booking.  The actor's own scope everywhere.

-- Books a series.  Fails with EH409 series_conflicts and a report in DETAIL.
-- $1 its id; $2 patient; $3 doctor; $4 first start; $5 minutes; $6 type or
-- null; $7 reason; $8 recurrence, JSON; $9 on conflict, or null; $10 room;
-- $11 equipment, an array; $12 whether it is virtual; $13 hold of the first
-- name: SERIES_BOOK
SELECT ehr.series_book($1::uuid, $2::uuid, $3::uuid, $4::timestamptz,
           $5::integer, coalesce($6::text, 'CONSULTATION'), $7::text,
           $8::jsonb, coalesce($9::text, 'SKIP'), $10::uuid,
           coalesce($11::uuid[], '{}'), coalesce($12::boolean, false),
           $13::uuid);

-- Cancels what has not begun of a series.
-- $1 its id; $2 reason or null; $3 from when, or null: now
-- name: SERIES_CANCEL
SELECT ehr.series_cancel($1::uuid, coalesce($3::timestamptz, now()),
           $2::text);

-- Books a follow-up.
-- $1 the new appointment's id; $2 the earlier one or null; $3 patient, $4
-- doctor or null: the earlier one's; $5 start, or null and $6 days from the
-- earlier one; $7 minutes or null; $8 reason; $9 room; $10 equipment, an
-- array; $11 whether it is virtual; $12 hold; $13 seat or null
-- name: FOLLOW_UP_BOOK
SELECT ehr.follow_up_book($1::uuid, $2::uuid, $3::uuid, $4::uuid,
           $5::timestamptz, $6::integer, $7::integer, $8::text, $9::uuid,
           coalesce($10::uuid[], '{}'), coalesce($11::boolean, false),
           $12::uuid, $13::integer);

-- $1 appointment
-- name: VISIT_ARRIVE
SELECT ehr.visit_move($1::uuid, 'ARRIVED');

-- $1 appointment
-- name: VISIT_BEGIN
SELECT ehr.visit_move($1::uuid, 'IN_PROGRESS');

-- $1 appointment
-- name: VISIT_COMPLETE
SELECT ehr.visit_move($1::uuid, 'COMPLETED');

-- How long one waits.
-- $1 appointment, $2 doctor, $3 clinic: one of them
-- → id and patient of the appointment, or null; JSON
-- name: VISIT_WAIT
SELECT w.id, w.patient_id, w.shown
  FROM ehr.wait_time($1::uuid, $2::uuid, $3::uuid) AS w;

-- Who is there.
-- $1 doctor or null; $2 clinic or null
-- → appointment, patient, JSON
-- name: VISIT_QUEUE
SELECT q.id, q.patient_id, q.shown
  FROM ehr.queue_shown($1::uuid, $2::uuid) AS q;

-- $1 a notification of the actor
-- name: NOTIFICATION_READ
UPDATE ehr.notifications n SET read_at = now()
 WHERE n.id = $1::uuid AND n.user_id = ehr.actor() AND n.read_at IS NULL;

-- Those of long ago; scope 'system'.
-- name: NOTIFICATIONS_PURGE
SELECT ehr.notifications_purge() AS notifications;

-- All of the actor's.
-- name: NOTIFICATION_READ_ALL
UPDATE ehr.notifications n SET read_at = now()
 WHERE n.user_id = ehr.actor() AND n.read_at IS NULL;
