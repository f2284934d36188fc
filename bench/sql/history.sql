-- :appointments appointments of the doctors of doctors.sql, with a claim each
-- of doctor and patient: nine in ten in the past, the others from the hundredth
-- day on, where no booking of this benchmark comes.  As many each day as it has
-- slots.

SET ROLE postgres;
SET session_replication_role = replica;
SET maintenance_work_mem = '1GB';
SET work_mem = '512MB';

-- No index is kept up to date meanwhile: VACUUM FULL makes them all, and does
-- not look for overlaps again, which takes longer than all the rest.
CREATE TEMPORARY TABLE indexes AS
SELECT indexrelid FROM pg_index
 WHERE indrelid IN ('ehr.appointments'::regclass, 'ehr.claims'::regclass);
UPDATE pg_index SET indisready = false
 WHERE indexrelid IN (TABLE indexes);

CREATE TEMPORARY TABLE history AS
SELECT gen_random_uuid() AS id, n % :doctors AS doctor,
       n::bigint * 7919 % 10000 AS patient,
       (date_trunc('day', now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC')
       + interval '6 hours'
       + CASE WHEN is_to_come THEN slot / 10 % 96 ELSE slot % 96 END
         * interval '10 minutes'
       + CASE WHEN is_to_come THEN 100 + slot / 960 ELSE - 1 - slot / 96 END
         * interval '1 day' AS starts
  FROM (SELECT n, n / :doctors AS slot, n / :doctors % 10 = 0 AS is_to_come
          FROM generate_series(0, :appointments - 1) AS n) AS numbered;

INSERT INTO ehr.appointments (id, patient_id, doctor_id, clinic_id,
        starts_at, ends_at, duration_minutes, status, reason)
SELECT id, ('00000000-0000-7000-8000-' || 100000000000 + patient)::uuid,
       ('00000000-0000-7000-8000-' || 200000000000 + doctor)::uuid,
       '00000000-0000-7000-8000-400000000000', starts,
       starts + interval '10 minutes', 10,
       CASE WHEN starts < now() THEN 'COMPLETED' ELSE 'SCHEDULED' END,
       'Check-up'
  FROM history;

INSERT INTO ehr.resources (kind, entity_id)
SELECT 'patient', id FROM ehr.patients
ON CONFLICT DO NOTHING;

-- By resource and time, as an index of them is built fastest.
INSERT INTO ehr.claims (resource, during, kind, ref)
SELECT r.id, tstzrange(h.starts, h.starts + interval '10 minutes'),
       'appointment', h.id
  FROM history h
 CROSS JOIN LATERAL (VALUES (200000000000 + h.doctor),
                            (100000000000 + h.patient)) AS whose (number)
  JOIN ehr.resources r
    ON r.entity_id = ('00000000-0000-7000-8000-' || whose.number)::uuid
 ORDER BY r.id, h.starts;

VACUUM FULL ehr.appointments, ehr.claims;
UPDATE pg_index SET indisready = true WHERE indexrelid IN (TABLE indexes);
VACUUM ANALYZE ehr.appointments, ehr.claims;
CHECKPOINT;
