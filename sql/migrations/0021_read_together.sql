-- Reads in one transaction with their row of the audit log, and a cheaper
-- index of whom they concern.


-- Which patients and entries the reads of a row name, to find it by; accounts
-- stay in audit_concerns, which has them by time.  Null in rows from before,
-- whose patients and entries are in audit_concerns, too.
ALTER TABLE ehr.audit_log ADD concerns uuid[];
ALTER TABLE ehr.audit_log ALTER concerns SET STORAGE MAIN;

-- A row's names are appended to the index's list of pending entries, a tenth
-- of what an index of single names costs; ehr.audit_tidy() merges them.
CREATE INDEX audit_log_concerns ON ehr.audit_log USING gin (concerns)
    WHERE concerns IS NOT NULL;

-- Once a second, by whoever seals: else whoever fills the list has to.
CREATE FUNCTION ehr.audit_tidy() RETURNS bigint
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT gin_clean_pending_list('ehr.audit_log_concerns'::regclass)
$$;

-- The reads of several requests as one row, of these accounts, about these
-- patients and entries (doubly perhaps).  `counted`: how many rows statements
-- found that count them in 'ehr.found', one character a row, earlier in the
-- transaction; what is written before its outcome is known must not say more
-- than was read.  (The one of 0017 stays for the modules that go on until
-- they are replaced.)
CREATE FUNCTION ehr.audit_reads(row_id uuid, reads text, mac text,
    actors uuid[], concerns uuid[], counted integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF length(coalesce(current_setting('ehr.found', true), '')) <> counted THEN
        RAISE EXCEPTION USING ERRCODE = 'EH404', MESSAGE = 'not_found';
    END IF;

    INSERT INTO ehr.audit_log (id, action, entity, reads, mac, concerns)
    VALUES (row_id, 'READ', '', reads, mac, concerns);

    INSERT INTO ehr.audit_concerns (concern, created_at, row_id)
    SELECT DISTINCT a.actor, now(), audit_reads.row_id
      FROM unnest(actors) AS a (actor);
END
$$;

-- The rows of many reads that name a patient or an entry.  It may only be
-- asked by who may read the log; the policy would keep the index unused,
-- whose operator might tell of rows that it hides.
CREATE FUNCTION ehr.audit_rows_about(concern uuid)
RETURNS TABLE (id uuid, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp AS $$
    SELECT a.id, a.created_at
      FROM ehr.audit_log a
     WHERE a.concerns @> ARRAY[concern]
       AND (ehr.scope() = 'system' OR ehr.actor_may('audit.read'))
$$;

-- As in 0017, and the rows that the new index has.
CREATE OR REPLACE FUNCTION ehr.audit_logs_about(field text, concern uuid)
RETURNS SETOF ehr.audit_logs
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(r.id, l.id), s.created_at,
           coalesce(r.actor_id, l.actor_id), coalesce(r.actor_id, l.actor_id),
           l.action, coalesce(r.entity, l.entity),
           coalesce(r.entity_id, l.entity_id),
           coalesce(r.patient_id, l.patient_id), l.before, l.after,
           coalesce(r.request_id, l.request_id), coalesce(r.ip, l.ip),
           coalesce(r.user_agent, l.user_agent),
           coalesce(r.method, l.method), coalesce(r.route, l.route)
      FROM (SELECT a.id, a.created_at, a.actor_id AS concern,
                   'actorId' AS field
              FROM ehr.audit_log a
            UNION ALL
            SELECT a.id, a.created_at, a.patient_id, 'patientId'
              FROM ehr.audit_log a
            UNION ALL
            SELECT a.id, a.created_at, a.entity_id, 'entityId'
              FROM ehr.audit_log a
            UNION ALL
            SELECT c.row_id, c.created_at, c.concern, 'any'
              FROM ehr.audit_concerns c
            UNION ALL
            SELECT g.id, g.created_at, $2, 'any'
              FROM ehr.audit_rows_about($2) g) AS s
      JOIN ehr.audit_log l ON l.id = s.id
      LEFT JOIN LATERAL ehr.audit_reads_of(l.id, l.reads) AS r ON true
     WHERE s.concern = $2 AND s.field IN ($1, 'any')
$$;

GRANT EXECUTE ON FUNCTION
    ehr.audit_reads(uuid, text, text, uuid[], uuid[], integer),
    ehr.audit_rows_about(uuid),
    ehr.audit_tidy()
TO ehr_app;
