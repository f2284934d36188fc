-- :doctors doctors of one clinic, whose ids are
-- 00000000-0000-7000-8000-2000000nnnnn; each is there from 6 to 22 h UTC in
-- slots of ten minutes, 96 a day.

SET ROLE ehr_owner;
SELECT set_config('ehr.scope', 'system', false) \g /dev/null

INSERT INTO ehr.clinics (id, name, time_zone)
VALUES ('00000000-0000-7000-8000-400000000000', 'Bench', 'UTC');

INSERT INTO ehr.doctors (id, first_name, last_name, license_number,
        clinic_ids)
SELECT ('00000000-0000-7000-8000-' || 200000000000 + n)::uuid, 'Doctor',
       'Number' || n, 'BENCH-' || n,
       ARRAY['00000000-0000-7000-8000-400000000000'::uuid]
  FROM generate_series(0, :doctors - 1) AS n;

INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id, day_of_week,
        start_time, end_time, slot_minutes, valid_from)
SELECT d.id, '00000000-0000-7000-8000-400000000000', day, '06:00', '22:00',
       10, '2020-01-01'
  FROM ehr.doctors d, generate_series(1, 7) AS day
 WHERE d.license_number LIKE 'BENCH-%';

ANALYZE ehr.doctors, ehr.doctor_schedules;
