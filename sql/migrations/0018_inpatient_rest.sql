-- What wards and beds still need.


-- -- acts that meet --------------------------------------------------------

-- As 0014 has it, but for the state that is caught.  One that ends in 000 is a
-- whole class: whoever was refused while being laid down, because the patient
-- lay somewhere by then, was looked for another bed, without end.
CREATE OR REPLACE FUNCTION ehr.bed_try(bed uuid, wish ehr.bed_wish, act text,
    why text, leaves uuid, waits boolean) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    b := ehr.bed_lock(bed, wish, waits);
    IF b.id IS NULL OR NOT ehr.bed_give(b, wish, act, why, leaves) THEN
        RAISE SQLSTATE 'EH001';
    END IF;

    RETURN b;
EXCEPTION
    WHEN SQLSTATE 'EH001' THEN
        RETURN NULL;
END
$$;

-- A stay that has ended says nothing of its bed.  When it goes with its
-- admission the bed is not looked at, nor locked: others lie there, and two
-- who are cancelled after they changed beds would wait for each other.
DROP TRIGGER claims_bed_changed ON ehr.claims;
CREATE CONSTRAINT TRIGGER claims_bed_changed
    AFTER UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_bed();
CREATE CONSTRAINT TRIGGER claims_bed_gone
    AFTER DELETE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind = 'reservation'
        OR OLD.kind = 'admission' AND upper_inf(OLD.during))
    EXECUTE FUNCTION ehr.check_bed();
