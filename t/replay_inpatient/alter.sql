-- Falsifies what tools/replay-inpatient has made of the files beside this one,
-- so that every line of its proof has something to find.

SET session_replication_role = replica;

-- Stay 1002 is a day longer in the claim of its bed, stay 1021 in its
-- movement, and what is left of stay 1004's bed is open.
ALTER TABLE ehr.claims DROP CONSTRAINT claims_during_excl;
CREATE TEMP VIEW of_bed AS
SELECT c.*, w.name AS ward FROM ehr.claims c
  JOIN ehr.resources r ON r.id = c.resource AND r.kind = 'bed'
  JOIN ehr.beds b ON b.id = r.entity_id
  JOIN ehr.ward_rooms o ON o.id = b.ward_room_id
  JOIN ehr.wards w ON w.id = o.ward_id;
UPDATE ehr.claims SET during = tstzrange(lower(during), upper(during)
                                         + interval '1 day')
 WHERE id = (SELECT id FROM of_bed WHERE ward = 'Medicine'
              ORDER BY lower(during) LIMIT 1);
UPDATE ehr.admission_movements m
   SET during = tstzrange(lower(during), upper(during) + interval '1 day')
 WHERE id = (SELECT id FROM ehr.admission_movements
              WHERE cancelled_at IS NULL
              ORDER BY lower(during) DESC LIMIT 1);
UPDATE ehr.claims SET during = tstzrange(lower(during), NULL)
 WHERE id = (SELECT id FROM of_bed WHERE ward LIKE 'Intensive%');

-- Somebody else lay in that bed as well, in an admission nobody was told of.
INSERT INTO ehr.admissions (id, patient_id, status, type, admitted_at,
        discharged_at, disposition)
SELECT '00000000-0000-7000-8000-000000000001', patient_id, status, type,
       admitted_at, discharged_at, disposition
  FROM ehr.admissions WHERE status = 'DISCHARGED'
 ORDER BY admitted_at LIMIT 1;
INSERT INTO ehr.claims (resource, seat, during, kind, ref)
SELECT resource, seat, during, kind, '00000000-0000-7000-8000-000000000001'
  FROM of_bed WHERE ward LIKE 'Intensive%';

UPDATE ehr.admissions SET status = 'ADMITTED', discharged_at = NULL,
       bed_id = (SELECT id FROM ehr.beds LIMIT 1),
       ward_id = (SELECT id FROM ehr.wards LIMIT 1)
 WHERE id = (SELECT id FROM ehr.admissions WHERE status = 'DISCHARGED'
              ORDER BY admitted_at DESC LIMIT 1);
UPDATE ehr.beds SET status = 'OCCUPIED'
 WHERE id = (SELECT id FROM ehr.beds LIMIT 1);
DELETE FROM ehr.bed_status_changes WHERE status = 'AVAILABLE';

-- An act without its audit row, and a refused one with somebody's.
DELETE FROM ehr.audit_log
 WHERE request_id = 'replay-transfer-1003' AND entity = 'admissions';
UPDATE ehr.audit_log SET request_id = 'replay-admit-1041'
 WHERE request_id = 'replay-transfer-1032' AND entity = 'admissions';
