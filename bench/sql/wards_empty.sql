-- Nobody lies in any bed, and nobody ever has: the past of one run would be in
-- the way of the next.  Wards and beds are those of wards.sql.

SET ROLE postgres;
SET session_replication_role = replica;

BEGIN;
DELETE FROM ehr.claims WHERE kind = 'admission';
DELETE FROM ehr.admission_movements;
DELETE FROM ehr.admissions;
DELETE FROM ehr.bed_status_changes;
UPDATE ehr.beds
   SET status = 'AVAILABLE', admission_id = NULL, occupant_sex = NULL
 WHERE status <> 'AVAILABLE';
COMMIT;
