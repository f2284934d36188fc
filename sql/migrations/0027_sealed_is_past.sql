-- What is sealed is past: a row of the audit log is younger than all segments,
-- which end before the oldest transaction that runs.  It is not in a database
-- that was restored from a dump without raising the transaction counter
-- (docs/operations.md, "Backups"): such a row would be missing in a segment
-- that is signed already.  There, nothing that is audited goes on.
CREATE FUNCTION ehr.audit_sealed_is_past() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NEW.xid < (SELECT s.to_xid FROM ehr.audit_seals s
                   ORDER BY s.segment DESC LIMIT 1)
    THEN
        PERFORM ehr.refuse('EH503', 'unavailable');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER sealed_is_past BEFORE INSERT ON ehr.audit_log
    FOR EACH ROW EXECUTE FUNCTION ehr.audit_sealed_is_past();
