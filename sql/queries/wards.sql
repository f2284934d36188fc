-- The board of a ward, and what the engine's answers need.

-- Rooms and beds in the order of their numbers, and who lies there.
-- $1 ward; of patients $2 shows initials, $3 sex, age, admission and flags, $4
-- (with $3) whether there are allergies (t/f)
-- → board (JSON text), tag (of it), shown: the ids of each admission that is
--   shown and of its patient, 36 characters each, one after the other; no row:
--   no such ward
-- name: WARD_BOARD
WITH beds AS MATERIALIZED (
    SELECT r.id AS room_id, r.room_number, r.sex_policy,
           c.id AS class_id, c.name AS class,
           b.id AS bed_id, b.bed_number, b.status, b.status_reason,
           b.status_since, b.isolation, b.equipment, b.age_group,
           o.id AS admission_id, o.patient_id,
           CASE WHEN o.id IS NOT NULL AND $3::boolean
                THEN json_build_object('initials', o.initials,
                         'sex', o.gender, 'age', o.age,
                         'admissionId', o.id, 'flags', o.flags)
                WHEN o.id IS NOT NULL
                THEN json_build_object('initials', o.initials)
           END AS patient,
           regexp_replace(r.room_number, '[0-9].*', '') AS room_text,
           substring(r.room_number FROM '[0-9]+')::numeric AS room_count,
           regexp_replace(b.bed_number, '[0-9].*', '') AS bed_text,
           substring(b.bed_number FROM '[0-9]+')::numeric AS bed_count
      FROM ehr.ward_rooms r
      JOIN ehr.room_classes c ON c.id = r.room_class_id
      LEFT JOIN ehr.beds b ON b.ward_room_id = r.id AND b.deleted_at IS NULL
      LEFT JOIN LATERAL (
           SELECT a.id, a.patient_id, p.gender,
                  upper(left(p.first_name, 1) || left(p.last_name, 1))
                      AS initials,
                  extract(year FROM age(p.date_of_birth))::integer AS age,
                  to_json(array_remove(ARRAY[
                      CASE WHEN a.status = 'ON_LEAVE' THEN 'ON_LEAVE' END,
                      CASE WHEN a.discharge_ordered_at IS NOT NULL
                           THEN 'DISCHARGE_ORDERED' END,
                      CASE WHEN a.expected_discharge_at < now()
                           THEN 'DISCHARGE_OVERDUE' END,
                      CASE WHEN a.wanted_isolation THEN 'ISOLATION' END,
                      CASE WHEN EXISTS (
                           SELECT FROM ehr.admissions n
                            WHERE n.mother_admission_id = a.id
                              AND n.bed_id = a.bed_id
                              AND n.status IN ('ADMITTED', 'ON_LEAVE')
                              AND n.deleted_at IS NULL)
                           THEN 'NEWBORN' END,
                      CASE WHEN $4::boolean AND EXISTS (
                           SELECT FROM ehr.allergies g
                            WHERE g.patient_id = a.patient_id
                              AND g.status = 'ACTIVE'
                              AND g.deleted_at IS NULL)
                           THEN 'ALLERGIES' END], NULL)) AS flags
             FROM ehr.admissions a
             JOIN ehr.patients p ON p.id = a.patient_id
            WHERE $2::boolean AND a.id = b.admission_id
              AND b.status = 'OCCUPIED'
           ) o ON true
     WHERE r.ward_id = $1::uuid AND r.deleted_at IS NULL),
rooms AS (
    SELECT min(room_text) AS room_text, min(room_count) AS room_count,
           room_number,
           json_build_object('roomId', room_id, 'roomNumber', room_number,
               'roomClassId', min(class_id::text),
               'roomClass', min(class), 'sexPolicy', min(sex_policy),
               'beds', coalesce(json_agg(json_build_object(
                   'bedId', bed_id, 'bedNumber', bed_number,
                   'status', status, 'statusReason', status_reason,
                   'statusSince', to_char(status_since AT TIME ZONE 'UTC',
                                          'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                   'isolation', isolation, 'equipment', equipment,
                   'ageGroup', age_group, 'patient', patient)
                   ORDER BY bed_text, bed_count, bed_number, bed_id)
                   FILTER (WHERE bed_id IS NOT NULL), '[]')) AS room
      FROM beds
     GROUP BY room_id, room_number),
answer AS (
    SELECT json_build_object('wardId', w.id, 'name', w.name,
               'hospitalId', w.hospital_id,
               'counts', (
                   SELECT json_build_object('beds', count(bed_id),
                          'available',
                          count(*) FILTER (WHERE status = 'AVAILABLE'),
                          'occupied',
                          count(*) FILTER (WHERE status = 'OCCUPIED'),
                          'reserved',
                          count(*) FILTER (WHERE status = 'RESERVED'),
                          'cleaning',
                          count(*) FILTER (WHERE status = 'CLEANING'),
                          'outOfService',
                          count(*) FILTER (WHERE status = 'OUT_OF_SERVICE'))
                     FROM beds),
               'rooms', coalesce((
                   SELECT json_agg(room
                              ORDER BY room_text, room_count, room_number)
                     FROM rooms), '[]'))::text AS board
      FROM ehr.wards w
     WHERE w.id = $1::uuid AND w.deleted_at IS NULL)
SELECT board, hashtextextended(board, 0) AS tag,
       (SELECT string_agg(admission_id::text || patient_id::text, '')
          FROM beds
         WHERE admission_id IS NOT NULL) AS shown
  FROM answer;

-- Which beds of a kind are free next.
-- $1 bed, or null: in its ward; $2 hospital, $3 ward, $4 room class, $5
-- isolation, $6 equipment, each null: any
-- → JSON list of {bedId, wardId, expectedAt, status}, the first five
-- name: BEDS_EXPECTED
SELECT ehr.beds_expected_next($1::uuid, $2::uuid, $3::uuid, $4::uuid,
           $5::boolean, $6::text[])::text AS expected;

-- The wards whose boards an act on an admission changed.
-- $1 admission
-- → ward
-- name: ADMISSION_WARDS
SELECT a.ward_id AS ward
  FROM ehr.admissions a
 WHERE a.id = $1::uuid AND a.ward_id IS NOT NULL
 UNION
(SELECT m.ward_id
   FROM ehr.admission_movements m
  WHERE m.admission_id = $1::uuid
  ORDER BY lower(m.during) DESC
  LIMIT 2);

-- $1 bed
-- → ward
-- name: BED_WARDS
SELECT r.ward_id AS ward
  FROM ehr.beds b
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
 WHERE b.id = $1::uuid;
