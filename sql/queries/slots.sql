-- Free slots, as long as the engine cannot tell.  A slot is doctor_id,
-- clinic_id, room_id, start (seconds since 1970), minutes, free (seats).

-- Whether there is such a doctor.
-- name: DOCTOR_FIND
SELECT d.id FROM ehr.doctors d
 WHERE d.id = $1::uuid AND d.deleted_at IS NULL;

-- $1 doctor; $2 from; $3 to; $4 a day at the slot's clinic, or null;
-- $5 minutes, or null: as long as each slot
-- name: SLOTS_OF_DOCTOR
SELECT s.doctor_id, s.clinic_id, s.room_id,
       extract(epoch FROM s.starts_at)::bigint AS start, s.minutes, s.free
  FROM ehr.free_slots(ARRAY[$1::uuid], $2::timestamptz, $3::timestamptz,
           $5::integer, NULL) AS s
  JOIN ehr.clinics c ON c.id = s.clinic_id
 WHERE $4::date IS NULL
    OR (s.starts_at AT TIME ZONE c.time_zone)::date = $4::date
 ORDER BY s.starts_at;

-- The first of all doctors that fit; day by day, so that it ends as soon as
-- there are enough.
-- $1 specialty; $2 clinic; $3 department; $4 doctor; each may be null;
-- $5 from; $6 to, or null; $7 minutes, or null; $8 how many
-- name: SLOTS_FIRST
SELECT s.doctor_id, s.clinic_id, s.room_id,
       extract(epoch FROM s.starts_at)::bigint AS start, s.minutes, s.free
  FROM (SELECT coalesce($6::timestamptz,
                        $5::timestamptz + interval '120 days') AS until,
               CASE WHEN num_nonnulls($1::uuid, $2::uuid, $3::uuid, $4::uuid)
                         > 0
               THEN ARRAY(
                   SELECT d.id FROM ehr.doctors d
                    WHERE d.deleted_at IS NULL
                      AND ($1::uuid IS NULL OR $1::uuid = ANY
                           (d.specialty_ids))
                      AND ($3::uuid IS NULL OR $3::uuid = ANY
                           (d.department_ids))
                      AND ($4::uuid IS NULL OR d.id = $4::uuid)
                      AND ($2::uuid IS NULL
                           OR EXISTS (SELECT FROM ehr.doctor_schedules r
                                       WHERE r.doctor_id = d.id
                                         AND r.clinic_id = $2::uuid
                                         AND r.deleted_at IS NULL)
                           OR EXISTS (SELECT FROM ehr.schedule_exceptions e
                                       WHERE e.doctor_id = d.id
                                         AND e.clinic_id = $2::uuid
                                         AND e.deleted_at IS NULL)))
               END AS doctors) AS w
 CROSS JOIN LATERAL generate_series($5::timestamptz,
           w.until - interval '1 microsecond', interval '1 day') AS d (day)
 CROSS JOIN LATERAL ehr.free_slots(w.doctors, d.day,
           least(d.day + interval '1 day', w.until), $7::integer,
           CASE WHEN $2::uuid IS NULL THEN $8::integer END) AS s
 WHERE $2::uuid IS NULL OR s.clinic_id = $2::uuid
 LIMIT $8::integer;

-- When a day begins and ends at clinics: the first and the last instant whose
-- local date it is.
-- $1 clinics, an array; $2 day  → clinic id, from, to (seconds since 1970)
-- name: SLOT_DAYS
SELECT c.id, extract(epoch FROM min(g.at))::bigint AS from_second,
       extract(epoch FROM max(g.at))::bigint + 300 AS to_second
  FROM ehr.clinics c
 CROSS JOIN LATERAL generate_series(
           $2::date::timestamp AT TIME ZONE 'UTC' - interval '15 hours',
           $2::date::timestamp AT TIME ZONE 'UTC' + interval '39 hours',
           interval '5 minutes') AS g (at)
 WHERE c.id = ANY ($1::uuid[])
   AND (g.at AT TIME ZONE c.time_zone)::date = $2::date
 GROUP BY c.id;
