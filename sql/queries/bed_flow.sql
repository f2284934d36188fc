-- What beds do by themselves, and how full they are.

-- Scope 'system'.
-- → whether there is more to do at once
-- name: BEDS_TICK
SELECT ehr.beds_tick() AS more;

-- Scope 'system'.  Each offer is told once when it is made and once when it has
-- ended, to whoever asks first.
-- → how many were made, taken, passed, expired
-- name: BED_OFFERS_TOLD
SELECT made, taken, passed, expired FROM ehr.bed_offers_told();

-- How many beds are in which state, of a hospital, a ward and a class of rooms
-- ($1 to $3; null: any).
-- → for each ward and class that has beds: hospital, ward, class, and how many
--   are AVAILABLE, OCCUPIED, RESERVED, CLEANING, OUT_OF_SERVICE
-- name: OCCUPANCY_NOW
SELECT w.hospital_id, r.ward_id, r.room_class_id,
       count(*) FILTER (WHERE b.status = 'AVAILABLE') AS available,
       count(*) FILTER (WHERE b.status = 'OCCUPIED') AS occupied,
       count(*) FILTER (WHERE b.status = 'RESERVED') AS reserved,
       count(*) FILTER (WHERE b.status = 'CLEANING') AS cleaning,
       count(*) FILTER (WHERE b.status = 'OUT_OF_SERVICE') AS out_of_service
  FROM ehr.beds b
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
  JOIN ehr.wards w ON w.id = r.ward_id
 WHERE b.deleted_at IS NULL
   AND (w.hospital_id = $1::uuid OR $1::uuid IS NULL)
   AND (w.id = $2::uuid OR $2::uuid IS NULL)
   AND (r.room_class_id = $3::uuid OR $3::uuid IS NULL)
 GROUP BY w.hospital_id, r.ward_id, r.room_class_id
 ORDER BY w.hospital_id, r.ward_id, r.room_class_id;

-- How full they were.
-- $1 to $3 as above; $4 from, $5 to, $6 hour, day, week or month; null: usual
-- → JSON
-- name: OCCUPANCY_OVER_TIME
SELECT ehr.occupancy($1::uuid, $2::uuid, $3::uuid, $4::timestamptz,
           $5::timestamptz, $6::text);
