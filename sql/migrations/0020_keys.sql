-- Keys that change while all goes on: kept answers are encrypted again like
-- the rows they were, blind indexes move to a new key; and If-Match may name
-- several versions.


-- -- versions that a change may meet ---------------------------------------

-- One for all: the function called with it locks the row and compares.  A row
-- that gets another of them meanwhile is refused, although it need not be.
CREATE FUNCTION ehr.expected(relation text, row_id uuid, versions integer[])
RETURNS integer
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found integer;
BEGIN
    IF versions IS NULL OR cardinality(versions) = 1 THEN
        RETURN versions[1];
    END IF;

    EXECUTE format('SELECT version FROM ehr.%I WHERE id = $1', relation)
       INTO found USING row_id;

    RETURN CASE WHEN found = ANY (versions) THEN found ELSE 0 END;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.expected(text, uuid, integer[]) TO ehr_app;


-- -- kept answers ----------------------------------------------------------

-- Of which table `row` is one, as it was; null: an answer that is no row.
ALTER TABLE ehr.idempotency_keys ADD COLUMN relation regclass;

-- As ehr.rekey_find() does, of the rows kept: the ciphertexts of an older
-- version behind a place, where they are, and how far the search got.
CREATE FUNCTION ehr.rekey_kept_find(of_relation regclass, field text,
    version integer, most integer, after_actor uuid, after_key text)
RETURNS TABLE (actor_id uuid, key text, id uuid, sealed bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();

    RETURN QUERY
    WITH next AS MATERIALIZED (
        SELECT k.actor_id, k.key, (k.row ->> 'id')::uuid AS id,
               (k.row ->> field)::bytea AS sealed
          FROM (SELECT i.actor_id, i.key,
                       CASE WHEN i.relation = of_relation THEN i.row END
                           AS row
                  FROM ehr.idempotency_keys i
                 WHERE (i.actor_id, i.key) > (after_actor, after_key)
                 ORDER BY i.actor_id, i.key LIMIT 1000) AS k
    ), older AS MATERIALIZED (
        SELECT n.* FROM next n
         WHERE get_byte(n.sealed, 0) < version
         ORDER BY n.actor_id, n.key LIMIT most
    )
    SELECT o.* FROM older o
    UNION ALL
    (SELECT n.actor_id, n.key, NULL, NULL FROM next n
      WHERE (SELECT count(*) FROM older) < most
      ORDER BY n.actor_id DESC, n.key DESC LIMIT 1)
    ORDER BY 1, 2, 4;
END
$$;

CREATE FUNCTION ehr.rekey_kept(actor uuid, of_key text, field text,
    was bytea, becomes bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();

    UPDATE ehr.idempotency_keys k
       SET row = jsonb_set(k.row, ARRAY[field], to_jsonb(becomes))
     WHERE k.actor_id = actor AND k.key = of_key
       AND (k.row ->> field)::bytea = was;
END
$$;


-- -- blind indexes ---------------------------------------------------------

-- The versions of the index key that a blind index may be of.  The highest is
-- the one that is written; older ones are here while rows have them.
CREATE TABLE ehr.index_keys (
    version     smallint PRIMARY KEY
                CONSTRAINT index_keys_version_check
                CHECK (version BETWEEN 1 AND 255),
    created_at  timestamptz NOT NULL DEFAULT now()
);

ALTER TABLE ehr.index_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.index_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.index_keys TO ehr_owner
    USING (true) WITH CHECK (true);

INSERT INTO ehr.index_keys (version) VALUES (1);

-- A blind index is a version's byte and 32 bytes of a hash; of version 1 the
-- hash alone.
CREATE FUNCTION ehr.index_version(hash bytea) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE octet_length(hash) WHEN 32 THEN 1 ELSE get_byte(hash, 0) END
$$;

-- What nginx gives to be written: one value's hashes under all its keys, each
-- with its version before it.  → the blind indexes it may have
CREATE FUNCTION ehr.index_values(given bytea) RETURNS bytea[]
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE octet_length(given) WHEN 32 THEN ARRAY[given] ELSE ARRAY(
        SELECT substr(given,
                      33 * n + CASE get_byte(given, 33 * n) WHEN 1 THEN 2
                                                            ELSE 1 END,
                      CASE get_byte(given, 33 * n) WHEN 1 THEN 32
                                                   ELSE 33 END)
          FROM generate_series(0, octet_length(given) / 33 - 1) AS n) END
$$;

DO $$
DECLARE
    c record;
BEGIN
    FOR c IN
        SELECT con.conrelid::regclass AS relation, con.conname AS name,
               a.attname AS field
          FROM pg_constraint con
          JOIN pg_attribute a ON a.attrelid = con.conrelid
                             AND a.attnum = con.conkey[1]
         WHERE con.contype = 'c' AND a.attname LIKE '%\_index'
           AND con.connamespace = 'ehr'::regnamespace
           AND a.atttypid = 'bytea'::regtype
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %2$I
            CHECK (octet_length(%I) = 33
                   OR octet_length(%3$I) = 32) NOT VALID',
            c.relation, c.name, c.field);
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', c.relation,
            c.name);
    END LOOP;
END
$$;

-- Every row with a value gets the same blind index of it.
CREATE FUNCTION ehr.index_move(relation regclass, field text, older bytea[],
    newest bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('ehr.rekey', 'on', true);
    EXECUTE format('UPDATE %s SET %I = $1 WHERE %2$I = ANY ($2)', relation,
        field) USING newest, older;
    PERFORM set_config('ehr.rekey', '', true);
END
$$;

-- The blind index to write: of the version that all write now.  Rows that
-- have the value under an older one follow at once, so that at any time all
-- rows with a value have the same blind index, and a unique constraint, and
-- whoever compares two, is right.  Fails with EH503 if nginx lacks a key.
CREATE FUNCTION ehr.index_written(relation regclass, field text, given bytea,
    was bytea) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    versions smallint[];
    hashes   bytea[];
BEGIN
    IF given IS NULL OR given = was THEN
        RETURN given;
    END IF;

    -- ehr.index_key_begin() waits for all who write, and they for it.
    PERFORM pg_advisory_xact_lock_shared(4717, 0);

    SELECT array_agg(k.version) INTO versions FROM ehr.index_keys k;
    SELECT array_agg(h ORDER BY ehr.index_version(h)) INTO hashes
      FROM unnest(ehr.index_values(given)) AS h
     WHERE ehr.index_version(h) = ANY (versions);

    IF cardinality(hashes) IS DISTINCT FROM cardinality(versions) THEN
        PERFORM ehr.refuse('EH503', 'unavailable');
    END IF;

    -- The same value: as it is, for others may have it, too.
    IF was = ANY (hashes) THEN
        RETURN was;
    END IF;

    IF cardinality(hashes) > 1 THEN
        PERFORM ehr.index_move(relation, field, trim_array(hashes, 1),
            hashes[cardinality(hashes)]);
    END IF;

    RETURN hashes[cardinality(hashes)];
END
$$;

CREATE FUNCTION ehr.index_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.email_index := ehr.index_written(TG_RELID, 'email_index',
        NEW.email_index, OLD.email_index);
    NEW.phone_index := ehr.index_written(TG_RELID, 'phone_index',
        NEW.phone_index, OLD.phone_index);
    RETURN NEW;
END
$$;

CREATE FUNCTION ehr.index_patient() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    NEW.email_index := ehr.index_written(TG_RELID, 'email_index',
        NEW.email_index, OLD.email_index);
    NEW.phone_index := ehr.index_written(TG_RELID, 'phone_index',
        NEW.phone_index, OLD.phone_index);
    NEW.insurance_policy_number_index := ehr.index_written(TG_RELID,
        'insurance_policy_number_index', NEW.insurance_policy_number_index,
        OLD.insurance_policy_number_index);
    RETURN NEW;
END
$$;

-- Before all others, which compare blind indexes: triggers run by name.
CREATE TRIGGER a_blind_index BEFORE INSERT OR UPDATE OF email_index,
        phone_index ON ehr.users
    FOR EACH ROW WHEN (NOT (current_user = 'ehr_owner' AND
        coalesce(current_setting('ehr.rekey', true), '') = 'on'))
    EXECUTE FUNCTION ehr.index_account();
CREATE TRIGGER a_blind_index BEFORE INSERT OR UPDATE OF email_index,
        phone_index ON ehr.doctors
    FOR EACH ROW WHEN (NOT (current_user = 'ehr_owner' AND
        coalesce(current_setting('ehr.rekey', true), '') = 'on'))
    EXECUTE FUNCTION ehr.index_account();
CREATE TRIGGER a_blind_index BEFORE INSERT OR UPDATE OF email_index,
        phone_index, insurance_policy_number_index ON ehr.patients
    FOR EACH ROW WHEN (NOT (current_user = 'ehr_owner' AND
        coalesce(current_setting('ehr.rekey', true), '') = 'on'))
    EXECUTE FUNCTION ehr.index_patient();

-- From now on `wanted` is the version to write.  → whether it is
CREATE FUNCTION ehr.index_key_begin(wanted integer) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();

    IF (SELECT max(version) FROM ehr.index_keys) < wanted THEN
        PERFORM pg_advisory_xact_lock(4717, 0);
        INSERT INTO ehr.index_keys (version) VALUES (wanted)
            ON CONFLICT DO NOTHING;
    END IF;

    RETURN (SELECT max(version) FROM ehr.index_keys) = wanted;
END
$$;

-- No row has an older one any more.
CREATE FUNCTION ehr.index_key_end(wanted integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    DELETE FROM ehr.index_keys WHERE version < wanted;
END
$$;

-- As ehr.rekey_find(): what has a blind index of an older version.
CREATE FUNCTION ehr.reindex_find(relation regclass, field text,
    version integer, most integer, after uuid)
RETURNS TABLE (id uuid, sealed bytea, hash bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();

    RETURN QUERY EXECUTE format(
        'WITH next AS MATERIALIZED (
             SELECT t.id, t.%I AS sealed, t.%I AS hash FROM %s t
              WHERE t.id > $3 ORDER BY t.id LIMIT 1000
         ), older AS MATERIALIZED (
             SELECT n.* FROM next n
              WHERE ehr.index_version(n.hash) < $1 ORDER BY n.id LIMIT $2
         )
         SELECT o.* FROM older o
         UNION ALL
         (SELECT n.id, NULL, NULL FROM next n
           WHERE (SELECT count(*) FROM older) < $2
           ORDER BY n.id DESC LIMIT 1)
         ORDER BY 1, 2', field, field || '_index', relation)
      USING version, most, after;
END
$$;

CREATE FUNCTION ehr.reindex(relation regclass, field text, was bytea,
    becomes bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    PERFORM ehr.index_move(relation, field || '_index', ARRAY[was], becomes);
END
$$;

GRANT EXECUTE ON FUNCTION
    ehr.rekey_kept_find(regclass, text, integer, integer, uuid, text),
    ehr.rekey_kept(uuid, text, text, bytea, bytea),
    ehr.index_key_begin(integer), ehr.index_key_end(integer),
    ehr.reindex_find(regclass, text, integer, integer, uuid),
    ehr.reindex(regclass, text, bytea, bytea) TO ehr_app;


-- -- repeated requests -----------------------------------------------------

-- As before, but a body's hashes are under all keys that nginx had then and
-- has now: one in common is enough.
CREATE OR REPLACE FUNCTION ehr.idempotency_begin(actor uuid, wanted text,
    on_route text, hash bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept ehr.idempotency_keys;
BEGIN
    IF NOT pg_try_advisory_xact_lock(
               hashtextextended(actor::text || wanted, 4711))
    THEN
        PERFORM ehr.refuse('EH409', 'key_in_use');
    END IF;

    SELECT * INTO kept
      FROM ehr.idempotency_keys k
     WHERE k.actor_id = actor AND k.key = wanted;

    IF NOT FOUND THEN
        RETURN;
    END IF;

    IF kept.route <> on_route
       OR NOT ehr.index_values(kept.body_hash) && ehr.index_values(hash)
    THEN
        PERFORM ehr.refuse('EH422', 'key_reused');
    END IF;

    PERFORM ehr.refuse('EH200', 'replay');
END
$$;
