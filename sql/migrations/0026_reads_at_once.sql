-- Patients read for several requests at once, in one statement; and an index
-- of the audit log that is merged in larger portions.


-- The patients with these ids, in their order (one may come twice), each as
-- its actor sees it, whose scope it is; EH404 if one of them is not seen.
-- Each is read by a statement of its own under the policies, which ask for
-- actor and scope once a statement: one for all would show to everybody what
-- the first may see.  The last of them stay the transaction's.
CREATE FUNCTION ehr.patients_as(actors text[], scopes text[], ids uuid[])
RETURNS SETOF ehr.patients
LANGUAGE plpgsql ROWS 32 AS $$
DECLARE
    said text;
BEGIN
    FOR i IN 1 .. cardinality(ids) LOOP
        said := set_config('ehr.actor', actors[i], true);
        said := set_config('ehr.scope', scopes[i], true);

        RETURN QUERY
            SELECT p.* FROM ehr.patients p
             WHERE p.id = ids[i] AND p.deleted_at IS NULL;

        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'EH404', MESSAGE = 'not_found';
        END IF;
    END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.patients_as(text[], text[], uuid[]) TO ehr_app;

-- Merging costs by the patient, not by the read: ten seconds of reads at once
-- cost far less than each second's.  Whoever fills the list has to wait for the
-- merging: that is to happen to nobody between two rounds of the housekeeping.
ALTER INDEX ehr.audit_log_concerns SET (gin_pending_list_limit = 65536);
