-- The audit log: many reads in one row.
--
-- A worker gathers the reads that arrive while an insert is under way.  They
-- become one row, so that its indexes, its id, its mac and its seal are paid
-- once for all of them.  Rows of changes and events, and of reads from before,
-- stay as they are.


-- -- rows of many reads ----------------------------------------------------

-- reads: one entry a read, joined by form feeds; of each its values by
-- newlines: request id, actor, at, ip, agent, method, route, entity, entity
-- id, patient id, and the read's own mac.  The row's mac covers id and reads;
-- of its other columns only action means something.  sql/README.md has the
-- details, bin/ehr-audit-verify checks them.
ALTER TABLE ehr.audit_log ADD reads text COMPRESSION lz4;

-- In its row as long as it fits into the page, compressed.
ALTER TABLE ehr.audit_log ALTER reads SET STORAGE MAIN;

-- Which rows of many reads name an account, a patient or an entry.  It follows
-- from the rows, and serves to find them.
CREATE TABLE ehr.audit_concerns (
    concern     uuid NOT NULL,
    created_at  timestamptz NOT NULL,       -- of the row
    row_id      uuid NOT NULL
);

CREATE INDEX audit_concerns_concern
    ON ehr.audit_concerns (concern, created_at, row_id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ehr.audit_concerns
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();

ALTER TABLE ehr.audit_concerns ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.audit_concerns FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.audit_concerns TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.audit_concerns FOR SELECT TO ehr_app
    USING ((SELECT ehr.scope()) = 'system'
           OR (SELECT ehr.actor_may('audit.read')));
GRANT SELECT ON ehr.audit_concerns TO ehr_app;

-- Changes of one entry are found as those of a patient are.
CREATE INDEX audit_log_entity_id ON ehr.audit_log (entity_id, created_at)
    WHERE entity_id IS NOT NULL;

-- Writes the reads of several requests as one row.  row_id: ends in six zeros,
-- in whose place its reads have their number, from 1 on; concerns: whom they
-- name, doubly perhaps.  (The one of 0001 stays for the modules that go on
-- until they are replaced.)
CREATE FUNCTION ehr.audit_reads(row_id uuid, reads text, mac text,
    concerns uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.audit_log (id, action, entity, reads, mac)
    VALUES (row_id, 'READ', '', reads, mac);

    INSERT INTO ehr.audit_concerns (concern, created_at, row_id)
    SELECT DISTINCT c.concern, now(), audit_reads.row_id
      FROM unnest(concerns) AS c (concern);
END
$$;


-- -- one entry a read ------------------------------------------------------

-- The id of a row's n-th read, and the row of such an id.
CREATE FUNCTION ehr.audit_read_id(row_id uuid, n bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(row_id::text, 30) || lpad(to_hex(n), 6, '0'))::uuid
$$;

CREATE FUNCTION ehr.audit_row_id(read_id uuid) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (left(read_id::text, 30) || '000000')::uuid
$$;

-- The reads in a row; none of a row that is no such.  Like all that follow it
-- becomes part of the statement that calls it.
CREATE FUNCTION ehr.audit_reads_of(row_id uuid, reads text)
RETURNS TABLE (id uuid, actor_id uuid, entity text, entity_id uuid,
    patient_id uuid, request_id text, ip text, user_agent text, method text,
    route text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT ehr.audit_read_id(row_id, r.n), nullif(r.v[2], '')::uuid, r.v[8],
           nullif(r.v[9], '')::uuid, nullif(r.v[10], '')::uuid, r.v[1],
           r.v[4], r.v[5], r.v[6], r.v[7]
      FROM (SELECT one.n, string_to_array(one.read, E'\n') AS v
              FROM unnest(string_to_array(reads, E'\f'))
                   WITH ORDINALITY AS one (read, n)
            OFFSET 0) AS r
$$;

CREATE OR REPLACE VIEW ehr.audit_logs WITH (security_invoker = true) AS
    SELECT coalesce(r.id, l.id) AS id, l.created_at,
           coalesce(r.actor_id, l.actor_id) AS created_by,
           coalesce(r.actor_id, l.actor_id) AS actor_id, l.action,
           coalesce(r.entity, l.entity) AS entity,
           coalesce(r.entity_id, l.entity_id) AS entity_id,
           coalesce(r.patient_id, l.patient_id) AS patient_id, l.before,
           l.after, coalesce(r.request_id, l.request_id) AS request_id,
           coalesce(r.ip, l.ip) AS ip,
           coalesce(r.user_agent, l.user_agent) AS user_agent,
           coalesce(r.method, l.method) AS method,
           coalesce(r.route, l.route) AS route
      FROM ehr.audit_log l
      LEFT JOIN LATERAL ehr.audit_reads_of(l.id, l.reads) AS r ON true;

-- The entries of the row that has the one of this id, by the primary key.
CREATE FUNCTION ehr.audit_logs_with(entry_id uuid)
RETURNS SETOF ehr.audit_logs
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(r.id, l.id), l.created_at,
           coalesce(r.actor_id, l.actor_id), coalesce(r.actor_id, l.actor_id),
           l.action, coalesce(r.entity, l.entity),
           coalesce(r.entity_id, l.entity_id),
           coalesce(r.patient_id, l.patient_id), l.before, l.after,
           coalesce(r.request_id, l.request_id), coalesce(r.ip, l.ip),
           coalesce(r.user_agent, l.user_agent),
           coalesce(r.method, l.method), coalesce(r.route, l.route)
      FROM ehr.audit_log l
      LEFT JOIN LATERAL ehr.audit_reads_of(l.id, l.reads) AS r ON true
     WHERE l.id IN (entry_id, ehr.audit_row_id(entry_id))
$$;

-- The entries of the rows that concern an account ('actorId'), a patient
-- ('patientId') or an entry ('entityId'), by indexes that have them by time.
-- Of a row of many reads those that concern others are among them.
CREATE FUNCTION ehr.audit_logs_about(field text, concern uuid)
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
              FROM ehr.audit_concerns c) AS s
      JOIN ehr.audit_log l ON l.id = s.id
      LEFT JOIN LATERAL ehr.audit_reads_of(l.id, l.reads) AS r ON true
     WHERE s.concern = $2 AND s.field IN ($1, 'any')
$$;

GRANT EXECUTE ON FUNCTION
    ehr.audit_reads(uuid, text, text, uuid[]),
    ehr.audit_read_id(uuid, bigint), ehr.audit_row_id(uuid),
    ehr.audit_reads_of(uuid, text),
    ehr.audit_logs_with(uuid),
    ehr.audit_logs_about(text, uuid)
TO ehr_app;
