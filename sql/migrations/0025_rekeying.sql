-- Only encrypting again may pass by the triggers that stamp and audit.
--
-- It was told by a setting and by running as the owner.  But anybody can make
-- a setting, and all functions of the owner run as the owner: with it made, a
-- change that such a function does on somebody's behalf (a family member's
-- name, which is the patient's too) was neither stamped nor audited.  Now it
-- is told by a word that only the owner's functions can read.

CREATE TABLE ehr.rekey_word (
    word        text NOT NULL
);

ALTER TABLE ehr.rekey_word ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.rekey_word FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.rekey_word TO ehr_owner
    USING (true) WITH CHECK (true);

INSERT INTO ehr.rekey_word (word) VALUES (gen_random_uuid()::text);

-- Asked by triggers, only of what runs as the owner.
CREATE FUNCTION ehr.is_rekeying() RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text := coalesce(current_setting('ehr.rekey', true), '');
BEGIN
    RETURN said <> '' AND said = (SELECT w.word FROM ehr.rekey_word w);
END
$$;

-- A trigger's condition is checked with the rights of whoever writes.
GRANT EXECUTE ON FUNCTION ehr.is_rekeying() TO ehr_app;

CREATE OR REPLACE FUNCTION ehr.rekey(relation regclass, field text,
    row_id uuid, was bytea, becomes bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    PERFORM set_config('ehr.rekey', w.word, true) FROM ehr.rekey_word w;

    EXECUTE format('UPDATE %s SET %I = $1 WHERE id = $2 AND %2$I = $3',
                   relation, field)
      USING becomes, row_id, was;

    PERFORM set_config('ehr.rekey', '', true);
END
$$;

CREATE OR REPLACE FUNCTION ehr.index_move(relation regclass, field text,
    older bytea[], newest bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ehr.rekey', w.word, true) FROM ehr.rekey_word w;
    EXECUTE format('UPDATE %s SET %I = $1 WHERE %2$I = ANY ($2)', relation,
        field) USING newest, older;
    PERFORM set_config('ehr.rekey', '', true);
END
$$;

DO $$
DECLARE
    t record;
    told constant text := '(COALESCE(current_setting(''ehr.rekey''::text,'
        ' true), ''''::text) = ''on''::text)';
BEGIN
    FOR t IN
        SELECT pg_get_triggerdef(g.oid) AS definition
          FROM pg_trigger g
          JOIN pg_class c ON c.oid = g.tgrelid
         WHERE NOT g.tgisinternal AND c.relnamespace = 'ehr'::regnamespace
           AND pg_get_triggerdef(g.oid) LIKE '%''ehr.rekey''%'
    LOOP
        IF position(told IN t.definition) = 0 THEN
            RAISE EXCEPTION 'not the condition expected: %', t.definition;
        END IF;

        EXECUTE replace(replace(t.definition, told, 'ehr.is_rekeying()'),
            'CREATE TRIGGER', 'CREATE OR REPLACE TRIGGER');
    END LOOP;
END
$$;
