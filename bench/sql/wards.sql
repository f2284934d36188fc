-- :wards wards of one hospital with :beds beds each, four in a room, and as
-- many patients more than patients.sql makes as there are then beds without
-- one.  Ids: wards 00000000-0000-7000-8000-5000000nnnnn, rooms 6…, beds 7…;
-- bed number n is of ward n / :beds.

SET ROLE ehr_owner;
SELECT set_config('ehr.scope', 'system', false) \g /dev/null

INSERT INTO ehr.hospitals (id, name)
VALUES ('00000000-0000-7000-8000-800000000000', 'Bench');
INSERT INTO ehr.room_classes (id, name, num_beds)
VALUES ('00000000-0000-7000-8000-900000000000', 'Bench', 4);

INSERT INTO ehr.wards (id, hospital_id, name)
SELECT ('00000000-0000-7000-8000-' || 500000000000 + n)::uuid,
       '00000000-0000-7000-8000-800000000000', 'Ward ' || n
  FROM generate_series(0, :wards - 1) AS n;

INSERT INTO ehr.ward_rooms (id, ward_id, room_class_id, room_number)
SELECT ('00000000-0000-7000-8000-' || 600000000000 + n)::uuid,
       ('00000000-0000-7000-8000-' || 500000000000 + n * 4 / :beds)::uuid,
       '00000000-0000-7000-8000-900000000000', n::text
  FROM generate_series(0, :wards * :beds / 4 - 1) AS n;

INSERT INTO ehr.beds (id, ward_room_id, bed_number)
SELECT ('00000000-0000-7000-8000-' || 700000000000 + n)::uuid,
       ('00000000-0000-7000-8000-' || 600000000000 + n / 4)::uuid,
       (1 + n % 4)::text
  FROM generate_series(0, :wards * :beds - 1) AS n;

INSERT INTO ehr.patients (id, first_name, last_name, date_of_birth, gender)
SELECT ('00000000-0000-7000-8000-' || 100000000000 + n)::uuid, 'Inga',
       'Number' || n, date '1930-01-01' + (n * 7919) % 34000,
       (ARRAY['FEMALE', 'MALE'])[1 + n % 2]
  FROM generate_series(10000, :wards * :beds - 1) AS n;

ANALYZE ehr.patients, ehr.wards, ehr.ward_rooms, ehr.beds;
