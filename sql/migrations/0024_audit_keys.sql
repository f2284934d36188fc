-- The key of the audit log changes.
--
-- A row's mac, and a segment, say which version of the key they are of; what
-- they say is covered by the mac, and a segment's besides by all segments after
-- it.  Segments change over at once and for good.  Rows of the older key come
-- for a while, from workers that have not been reloaded: each segment says the
-- oldest version that its rows may be of, and that never goes back.
-- sql/README.md has the details, bin/ehr-audit-verify checks them.


-- -- segments --------------------------------------------------------------

-- takes_over: where the key is another than of the segment before, a mac under
-- that one.  What was sealed before, and what modules seal that know of one
-- key only, is of version 1.
ALTER TABLE ehr.audit_seals
    ADD key_version smallint NOT NULL DEFAULT 1
        CONSTRAINT audit_seals_key_version_check
        CHECK (key_version BETWEEN 1 AND 255),
    ADD oldest_key smallint NOT NULL DEFAULT 1,
    ADD takes_over text
        CONSTRAINT audit_seals_takes_over_check
        CHECK (takes_over ~ '^[0-9a-f]{64}$'),
    ADD CONSTRAINT audit_seals_oldest_key_check
        CHECK (oldest_key BETWEEN 1 AND key_version);

-- As in 0001, and keys only follow each other.
CREATE OR REPLACE FUNCTION ehr.audit_seal_continues() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head record;
BEGIN
    SELECT segment, to_xid, mac, key_version, oldest_key INTO head
      FROM ehr.audit_seals ORDER BY segment DESC LIMIT 1;

    IF NEW.segment > coalesce(head.segment, 0)
       AND (NEW.segment <> coalesce(head.segment, 0) + 1
            OR NEW.from_xid <> coalesce(head.to_xid, 0)
            OR NEW.previous_mac <> coalesce(head.mac, '')
            OR NEW.key_version < head.key_version
            OR NEW.oldest_key < head.oldest_key
            OR (NEW.takes_over IS NOT NULL) <> coalesce(
                   NEW.key_version > head.key_version, false))
    THEN
        RAISE EXCEPTION 'segment % does not continue segment %',
            NEW.segment, coalesce(head.segment, 0) USING ERRCODE = 'EH409';
    END IF;

    RETURN NEW;
END
$$;


-- -- rows ------------------------------------------------------------------

-- The oldest version that a row may be signed by; no row of an older one has
-- this xid or a later one, null: that is not known yet.
CREATE TABLE ehr.audit_keys (
    one         boolean PRIMARY KEY DEFAULT true
                CONSTRAINT audit_keys_one_check CHECK (one),
    oldest      smallint NOT NULL,
    since       bigint
);

ALTER TABLE ehr.audit_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.audit_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.audit_keys TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY sealer ON ehr.audit_keys FOR SELECT TO ehr_app
    USING ((SELECT ehr.scope()) = 'system');
GRANT SELECT ON ehr.audit_keys TO ehr_app;

INSERT INTO ehr.audit_keys (oldest, since) VALUES (1, 0);

-- `oldest` again, for every row that is written: a sequence is read without a
-- query, and as it is at that moment, whatever the transaction's snapshot.
CREATE SEQUENCE ehr.audit_key_oldest MINVALUE 1 MAXVALUE 255;
SELECT setval('ehr.audit_key_oldest', 1);

CREATE FUNCTION ehr.audit_key_version(mac text) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE strpos(mac, ':') WHEN 0 THEN 1
                                 ELSE split_part(mac, ':', 1)::integer END
$$;

-- A worker that goes on with a key that was retired would write what nobody
-- believes.  The column xid has its default before this runs: so who does not
-- see a version retired here has an xid that is older.
CREATE FUNCTION ehr.audit_key_serves() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF ehr.audit_key_version(NEW.mac)
       < pg_sequence_last_value('ehr.audit_key_oldest')
    THEN
        PERFORM ehr.refuse('EH503', 'unavailable');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER key_serves BEFORE INSERT ON ehr.audit_log
    FOR EACH ROW WHEN (NEW.mac IS NOT NULL)
    EXECUTE FUNCTION ehr.audit_key_serves();

-- Retires all versions before `wanted`, which has sealed; called again, in
-- another transaction, says from when on: its xid is younger than that of any
-- row of them.  An xid that it had before, or got while it waited, need not
-- be: hence the lock, which takes none.
CREATE FUNCTION ehr.audit_key_retire(wanted integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    PERFORM pg_advisory_xact_lock(4718, 0);

    IF wanted > coalesce((SELECT key_version FROM ehr.audit_seals
                           ORDER BY segment DESC LIMIT 1), 1)
    THEN
        PERFORM ehr.refuse('EH409', 'conflict');
    END IF;

    UPDATE ehr.audit_keys SET oldest = wanted, since = NULL
     WHERE oldest < wanted;

    IF FOUND THEN
        PERFORM setval('ehr.audit_key_oldest', wanted);
    ELSIF txid_current_if_assigned() IS NULL THEN
        UPDATE ehr.audit_keys SET since = txid_current()
         WHERE since IS NULL;
    END IF;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.audit_key_retire(integer) TO ehr_app;
