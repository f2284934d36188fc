-- Nine in ten half hours of the doctors of doctors.sql are taken, today and
-- the four days after it; of patients nobody asks for.

SET ROLE postgres;
SET session_replication_role = replica;

INSERT INTO ehr.claims (resource, during, kind, ref)
SELECT r.id, tstzrange(t, t + interval '30 minutes'), 'appointment',
       gen_random_uuid()
  FROM ehr.doctors d
  JOIN ehr.resources r ON r.kind = 'doctor' AND r.entity_id = d.id,
       generate_series(0, 4) AS day, generate_series(12, 43) AS half,
       LATERAL (SELECT (date_trunc('day', now() AT TIME ZONE 'UTC')
                        + day * interval '1 day'
                        + half * interval '30 minutes') AT TIME ZONE 'UTC')
           AS s (t)
 WHERE d.license_number LIKE 'BENCH-%'
   AND hashtext(d.id::text || day || ' ' || half) % 10 <> 0
ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
