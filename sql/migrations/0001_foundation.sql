-- What every later migration stands on: who is asking, what they reach, how a
-- rule refuses, how a row is stamped and how a change is written down.
-- sql/README.md explains the conventions.


-- -- who is asking ---------------------------------------------------------
--
-- Three settings, made by the first statement of each request's transaction:
-- ehr.actor (user id or ''), ehr.scope and ehr.request (JSON text).  Without
-- them the scope is '' and nothing is visible.

CREATE FUNCTION ehr.actor() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('ehr.actor', true), '')::uuid
$$;

CREATE FUNCTION ehr.scope() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('ehr.scope', true), '')
$$;

CREATE FUNCTION ehr.request() RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT nullif(current_setting('ehr.request', true), '')::jsonb
$$;

COMMENT ON FUNCTION ehr.scope() IS
    'Whose records are reached: '''' none, own: self and linked family, '
    'team: reads all and writes to own patients, all: reads and writes all, '
    'system: login, registration and housekeeping';

-- Whether the scope reads every patient's record.
CREATE FUNCTION ehr.sees_all() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(current_setting('ehr.scope', true), '')
        IN ('team', 'all', 'system')
$$;

-- The functions below read tables that later migrations create
-- (ehr.patients, ehr.family_members, ehr.doctors, ehr.care_team); PL/pgSQL
-- looks them up when it is called.  They are SECURITY DEFINER because the
-- policies of those very tables call them.

-- The patients that are the actor or are linked as family; none is '{}'.
CREATE FUNCTION ehr.my_patients() RETURNS uuid[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    me uuid := nullif(current_setting('ehr.actor', true), '')::uuid;
BEGIN
    IF me IS NULL THEN
        RETURN '{}'::uuid[];
    END IF;

    RETURN ARRAY(
        SELECT p.id
          FROM ehr.patients p
         WHERE p.user_id = me AND p.deleted_at IS NULL
        UNION ALL
        SELECT p.id
          FROM ehr.family_members f
          JOIN ehr.patients p ON p.id = f.patient_id
         WHERE f.user_id = me AND f.deleted_at IS NULL
           AND p.deleted_at IS NULL);
END
$$;

-- The doctor record of the actor, or null.
CREATE FUNCTION ehr.my_doctor() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (
        SELECT d.id
          FROM ehr.doctors d
         WHERE d.user_id
               = nullif(current_setting('ehr.actor', true), '')::uuid
           AND d.deleted_at IS NULL
         LIMIT 1);
END
$$;

-- Whether the scope lets the actor write to this patient's record.  A patient
-- who is deleted and one who never was are alike: false.
CREATE FUNCTION ehr.may_write(patient uuid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    CASE coalesce(current_setting('ehr.scope', true), '')
    WHEN 'all', 'system' THEN
        RETURN EXISTS (
            SELECT FROM ehr.patients p
             WHERE p.id = patient AND p.deleted_at IS NULL);

    WHEN 'team' THEN
        RETURN EXISTS (
            SELECT FROM ehr.patients p
              JOIN ehr.care_team c ON c.patient_id = p.id
              JOIN ehr.doctors d ON d.id = c.doctor_id
             WHERE p.id = patient AND p.deleted_at IS NULL
               AND c.deleted_at IS NULL AND d.deleted_at IS NULL
               AND d.user_id
                   = nullif(current_setting('ehr.actor', true), '')::uuid);

    WHEN 'own' THEN
        RETURN coalesce(patient = ANY (ehr.my_patients()), false);

    ELSE
        RETURN false;
    END CASE;
END
$$;


-- -- how a rule refuses ----------------------------------------------------

-- state: EH403 forbidden, EH404 not there or not yours, EH409 conflict or
-- illegal state, EH422 field not valid, EH200 replay.  message: a symbol of
-- messages.def in lower case.  columns: JSON field names, comma-separated.
CREATE FUNCTION ehr.refuse(state text, message text, columns text DEFAULT '')
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = state, MESSAGE = message, COLUMN = columns;
END
$$;

-- Trigger for a column that holds ids of another table: each must exist and
-- not be deleted.  Arguments: column, table, JSON field name.  Attach it
-- BEFORE INSERT OR UPDATE OF the column.
CREATE FUNCTION ehr.check_references() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids      jsonb := to_jsonb(NEW) -> TG_ARGV[0];
    dangling boolean;
BEGIN
    IF ids IS NULL OR ids IN ('null', '[]') THEN
        RETURN NEW;
    END IF;

    EXECUTE format(
        'SELECT count(DISTINCT i.id) > count(DISTINCT r.id)
           FROM jsonb_array_elements_text($1) AS i (id)
           LEFT JOIN %s r ON r.id = i.id::uuid AND r.deleted_at IS NULL',
        TG_ARGV[1]::regclass)
      INTO dangling USING ids;

    IF dangling THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', TG_ARGV[2]);
    END IF;

    RETURN NEW;
END
$$;


-- -- small tools -----------------------------------------------------------

-- An id that sorts by time (UUIDv7 layout), for rows the database makes.
CREATE FUNCTION ehr.time_uuid() RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM clock_timestamp())
                         * 1000)::bigint), 12, '0')
            || '7' || substr(gen_random_uuid()::text, 16))::uuid
$$;

-- Great-circle distance in kilometres (haversine, mean earth radius).
CREATE FUNCTION ehr.distance_km(latitude1 double precision,
    longitude1 double precision, latitude2 double precision,
    longitude2 double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 2 * 6371.0088 * asin(least(1, sqrt(
        sin(radians(latitude2 - latitude1) / 2) ^ 2
        + cos(radians(latitude1)) * cos(radians(latitude2))
          * sin(radians(longitude2 - longitude1) / 2) ^ 2)))
$$;

-- The same to a position given as 'latitude,longitude'.
CREATE FUNCTION ehr.distance_km(latitude double precision,
    longitude double precision, place text) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ehr.distance_km(latitude, longitude,
        split_part(place, ',', 1)::double precision,
        split_part(place, ',', 2)::double precision)
$$;


-- -- the audit log ---------------------------------------------------------
--
-- Written by the trigger and by the three functions below, never changed.
-- actor_id is always ehr.actor(): the mac of a request covers it.

CREATE TABLE ehr.audit_log (
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    id          uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    created_at  timestamptz NOT NULL DEFAULT now(),
    xid         bigint NOT NULL DEFAULT txid_current(),
    actor_id    uuid,
    action      text NOT NULL
                CONSTRAINT audit_log_action_check
                CHECK (action = 'READ' OR action ~ '^[A-Z][A-Z_]{1,39}$'),
    entity      text NOT NULL,
    entity_id   uuid,
    patient_id  uuid,
    before      jsonb,
    after       jsonb,
    request_id  text,
    ip          text,
    user_agent  text,
    method      text,
    route       text,
    at          text,
    mac         text
);

CREATE INDEX audit_log_xid ON ehr.audit_log (xid);
CREATE INDEX audit_log_created_at ON ehr.audit_log (created_at, id);
CREATE INDEX audit_log_patient_id ON ehr.audit_log (patient_id, created_at)
    WHERE patient_id IS NOT NULL;
CREATE INDEX audit_log_actor_id ON ehr.audit_log (actor_id, created_at)
    WHERE actor_id IS NOT NULL;

-- One row a segment: all audit rows with from_xid <= xid < to_xid.  digests:
-- for each row by ascending seq 8 bytes of seq and 16 bytes of its digest.
CREATE TABLE ehr.audit_seals (
    segment      bigint PRIMARY KEY,
    from_xid     bigint NOT NULL,
    to_xid       bigint NOT NULL,
    first_seq    bigint NOT NULL,
    last_seq     bigint NOT NULL,
    rows         integer NOT NULL,
    digests      bytea NOT NULL,
    previous_mac text NOT NULL,
    mac          text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT audit_seals_to_xid_check CHECK (to_xid > from_xid),
    CONSTRAINT audit_seals_rows_check
        CHECK (rows > 0 AND octet_length(digests) = 24 * rows),
    CONSTRAINT audit_seals_mac_check CHECK (mac ~ '^[0-9a-f]{64}$')
);

-- Digests do not compress.
ALTER TABLE ehr.audit_seals ALTER digests SET STORAGE EXTERNAL;

CREATE FUNCTION ehr.audit_is_append_only() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME
        USING ERRCODE = 'EH403';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ehr.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE
    ON ehr.audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();

-- A segment continues the one before it.  Two sealers that race meet at the
-- primary key.
CREATE FUNCTION ehr.audit_seal_continues() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    head record;
BEGIN
    SELECT segment, to_xid, mac INTO head
      FROM ehr.audit_seals ORDER BY segment DESC LIMIT 1;

    IF NEW.segment > coalesce(head.segment, 0)
       AND (NEW.segment <> coalesce(head.segment, 0) + 1
            OR NEW.from_xid <> coalesce(head.to_xid, 0)
            OR NEW.previous_mac <> coalesce(head.mac, ''))
    THEN
        RAISE EXCEPTION 'segment % does not continue segment %',
            NEW.segment, coalesce(head.segment, 0) USING ERRCODE = 'EH409';
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER continues BEFORE INSERT ON ehr.audit_seals
    FOR EACH ROW EXECUTE FUNCTION ehr.audit_seal_continues();

-- Writes one audit row for a change.  First argument: the column that holds
-- the patient, or ''; the others: encrypted columns, shown as "[encrypted]".
-- ehr.install_record() attaches it.
CREATE FUNCTION ehr.audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request jsonb := nullif(current_setting('ehr.request', true), '')::jsonb;
    now_row jsonb;
    was_row jsonb;
    was     jsonb;
    became  jsonb;
    act     text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        act := 'CREATE';
        now_row := to_jsonb(NEW);
        became := now_row;

    ELSIF TG_OP = 'UPDATE' THEN
        now_row := to_jsonb(NEW);
        was_row := to_jsonb(OLD);

        act := CASE
            WHEN (now_row ->> 'deleted_at') IS NOT NULL
                 AND (was_row ->> 'deleted_at') IS NULL THEN 'DELETE'
            WHEN (now_row ->> 'deleted_at') IS NULL
                 AND (was_row ->> 'deleted_at') IS NOT NULL THEN 'RESTORE'
            ELSE 'UPDATE' END;

        SELECT jsonb_object_agg(o.key, o.value),
               jsonb_object_agg(o.key, now_row -> o.key)
          INTO was, became
          FROM jsonb_each(was_row) AS o
         WHERE o.value IS DISTINCT FROM now_row -> o.key;

    ELSE
        act := 'DELETE';
        now_row := to_jsonb(OLD);
        was := now_row;
    END IF;

    FOR i IN 1 .. TG_NARGS - 1 LOOP
        IF (was ->> TG_ARGV[i]) IS NOT NULL THEN
            was := was || jsonb_build_object(TG_ARGV[i], '[encrypted]');
        END IF;
        IF (became ->> TG_ARGV[i]) IS NOT NULL THEN
            became := became || jsonb_build_object(TG_ARGV[i], '[encrypted]');
        END IF;
    END LOOP;

    INSERT INTO ehr.audit_log (actor_id, action, entity, entity_id,
            patient_id, before, after, request_id, ip, user_agent, method,
            route, at, mac)
    VALUES (nullif(current_setting('ehr.actor', true), '')::uuid, act,
            TG_TABLE_NAME, (now_row ->> 'id')::uuid,
            (now_row ->> TG_ARGV[0])::uuid, was, became,
            request ->> 'id', request ->> 'ip', request ->> 'agent',
            request ->> 'method', request ->> 'route', request ->> 'at',
            request ->> 'mac');

    RETURN NULL;
END
$$;

-- Writes what is not a change of a row: LOGIN, LOGIN_FAILED, LOGOUT, …
-- The words of the trigger above are its own.
CREATE FUNCTION ehr.audit_event(action text, entity text, entity_id uuid,
    patient_id uuid, detail jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    request jsonb := nullif(current_setting('ehr.request', true), '')::jsonb;
BEGIN
    IF action IN ('CREATE', 'UPDATE', 'DELETE', 'RESTORE') THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    INSERT INTO ehr.audit_log (actor_id, action, entity, entity_id,
            patient_id, after, request_id, ip, user_agent, method, route, at,
            mac)
    VALUES (nullif(current_setting('ehr.actor', true), '')::uuid, action,
            entity, entity_id, patient_id, detail,
            request ->> 'id', request ->> 'ip', request ->> 'agent',
            request ->> 'method', request ->> 'route', request ->> 'at',
            request ->> 'mac');
END
$$;

-- Writes READ rows of several requests at once.  reads: one a request, joined
-- by form feeds; of each its values by newlines: id, actor, at, ip, agent,
-- method, route (what the mac covers), mac, entity, entity id, patient id.
-- Plain text, because every read pays for taking it apart.
CREATE FUNCTION ehr.audit_reads(reads text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.audit_log (request_id, actor_id, at, ip, user_agent,
            method, route, mac, action, entity, entity_id, patient_id)
    SELECT v[1], nullif(v[2], '')::uuid, v[3], v[4], v[5], v[6], v[7], v[8],
           'READ', v[9], nullif(v[10], '')::uuid, nullif(v[11], '')::uuid
      FROM string_to_table(reads, E'\f') AS one (read)
     CROSS JOIN LATERAL string_to_array(one.read, E'\n') AS v;
END
$$;

ALTER TABLE ehr.audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.audit_log TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY reads ON ehr.audit_log FOR SELECT TO ehr_app
    USING ((SELECT ehr.sees_all()));
GRANT SELECT ON ehr.audit_log TO ehr_app;

ALTER TABLE ehr.audit_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.audit_seals FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.audit_seals TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY sealer ON ehr.audit_seals TO ehr_app
    USING ((SELECT ehr.scope()) = 'system')
    WITH CHECK ((SELECT ehr.scope()) = 'system');
GRANT SELECT, INSERT ON ehr.audit_seals TO ehr_app;


-- -- every record ----------------------------------------------------------

-- What the server alone says of a row.
CREATE FUNCTION ehr.stamp() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.version := 1;
        NEW.created_at := now();
        NEW.created_by := nullif(current_setting('ehr.actor', true), '')::uuid;
    ELSE
        NEW.id := OLD.id;
        NEW.version := OLD.version + 1;
        NEW.created_at := OLD.created_at;
        NEW.created_by := OLD.created_by;
    END IF;

    NEW.updated_at := now();
    NEW.updated_by := nullif(current_setting('ehr.actor', true), '')::uuid;
    RETURN NEW;
END
$$;

-- The same for append-only tables, which have created_at and created_by only.
CREATE FUNCTION ehr.stamp_created() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.created_at := now();
    NEW.created_by := nullif(current_setting('ehr.actor', true), '')::uuid;
    RETURN NEW;
END
$$;

-- Makes a table a record: stamp and audit triggers, row-level security in
-- force for everybody, SELECT, INSERT and UPDATE (append-only: no UPDATE) for
-- the application.  Call it again after adding an encrypted column.
--
-- rule:
--   'patient'  rows belong to the patient in column patient_id: read by whom
--              sees_all() or my_patients() lets, written where may_write()
--   'shared'   everybody who is signed in, or the system, reads; writing is
--              the route's permission
--   'custom'   the caller creates policies TO ehr_app itself
CREATE PROCEDURE ehr.install_record(target regclass, rule text)
LANGUAGE plpgsql AS $$
DECLARE
    columns  text[];
    arguments text;
    versioned boolean;
BEGIN
    SELECT array_agg(a.attname::text) INTO columns
      FROM pg_attribute a
     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped;

    versioned := 'version' = ANY (columns);

    -- The audit trigger's arguments: patient column, encrypted columns.
    SELECT concat_ws(', ', quote_literal(
               CASE WHEN target = to_regclass('ehr.patients') THEN 'id'
                    WHEN 'patient_id' = ANY (columns) THEN 'patient_id'
                    ELSE '' END),
               string_agg(quote_literal(a.attname), ', ' ORDER BY a.attnum))
      INTO arguments
      FROM pg_attribute a
     WHERE a.attrelid = target AND a.attnum > 0 AND NOT a.attisdropped
       AND a.atttypid = 'bytea'::regtype;

    EXECUTE format('DROP TRIGGER IF EXISTS stamp ON %s', target);
    EXECUTE format('DROP TRIGGER IF EXISTS audit ON %s', target);
    EXECUTE format('CREATE TRIGGER stamp BEFORE INSERT %s ON %s
        FOR EACH ROW EXECUTE FUNCTION ehr.%I()',
        CASE WHEN versioned THEN 'OR UPDATE' ELSE '' END, target,
        CASE WHEN versioned THEN 'stamp' ELSE 'stamp_created' END);
    EXECUTE format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE
        ON %s FOR EACH ROW EXECUTE FUNCTION ehr.audit_change(%s)',
        target, arguments);

    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format('GRANT SELECT, INSERT %s ON %s TO ehr_app',
        CASE WHEN versioned THEN ', UPDATE' ELSE '' END, target);

    -- Security-definer functions run as the owner; force holds for it too.
    EXECUTE format('DROP POLICY IF EXISTS owner ON %s', target);
    EXECUTE format('CREATE POLICY owner ON %s TO ehr_owner
        USING (true) WITH CHECK (true)', target);

    IF rule = 'patient' THEN
        CALL ehr.install_policies(target,
            '(SELECT ehr.sees_all()) OR patient_id
                = ANY ((SELECT ehr.my_patients())::uuid[])',
            'ehr.may_write(patient_id)', versioned);
    ELSIF rule = 'shared' THEN
        CALL ehr.install_policies(target, '(SELECT ehr.scope()) <> ''''',
            '(SELECT ehr.scope()) <> ''''', versioned);
    ELSIF rule <> 'custom' THEN
        RAISE EXCEPTION 'install_record(%): no rule "%"', target, rule;
    END IF;
END
$$;

-- The application's policies of a table: who reads a row, who may change it and
-- leave it as it is after an INSERT or UPDATE.  A row that one reads but may
-- not change is not there for an UPDATE, so that no trigger answers first.
CREATE PROCEDURE ehr.install_policies(target regclass, reads text,
    writes text, updates boolean DEFAULT true)
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('DROP POLICY IF EXISTS reads ON %s', target);
    EXECUTE format('DROP POLICY IF EXISTS creates ON %s', target);
    EXECUTE format('DROP POLICY IF EXISTS updates ON %s', target);

    EXECUTE format('CREATE POLICY reads ON %s FOR SELECT TO ehr_app
        USING (%s)', target, reads);
    EXECUTE format('CREATE POLICY creates ON %s FOR INSERT TO ehr_app
        WITH CHECK (%s)', target, writes);
    IF updates THEN
        EXECUTE format('CREATE POLICY updates ON %s FOR UPDATE TO ehr_app
            USING (%s) WITH CHECK (%2$s)', target, writes);
    END IF;
END
$$;


-- -- idempotency -----------------------------------------------------------

CREATE TABLE ehr.idempotency_keys (
    actor_id    uuid NOT NULL,
    key         text NOT NULL,
    route       text NOT NULL,
    body_hash   bytea NOT NULL,
    status      integer NOT NULL,
    row         jsonb,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (actor_id, key)
);

CREATE INDEX idempotency_keys_created_at ON ehr.idempotency_keys (created_at);

-- Anonymous requests share the nil uuid.
ALTER TABLE ehr.idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.idempotency_keys TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY mine ON ehr.idempotency_keys TO ehr_app
    USING ((SELECT ehr.scope()) = 'system' OR actor_id
        = (SELECT coalesce(ehr.actor(),
               '00000000-0000-0000-0000-000000000000')))
    WITH CHECK ((SELECT ehr.scope()) = 'system' OR actor_id
        = (SELECT coalesce(ehr.actor(),
               '00000000-0000-0000-0000-000000000000')));
GRANT SELECT, INSERT, DELETE ON ehr.idempotency_keys TO ehr_app;

-- Claims the key for this transaction, or refuses: EH409 key_in_use while
-- another transaction has it, EH422 key_reused for another request, EH200
-- replay if this one was done before.
CREATE FUNCTION ehr.idempotency_begin(actor uuid, wanted text, on_route text,
    hash bytea) RETURNS void
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

    IF kept.route <> on_route OR kept.body_hash <> hash THEN
        PERFORM ehr.refuse('EH422', 'key_reused');
    END IF;

    PERFORM ehr.refuse('EH200', 'replay');
END
$$;


-- -- access that ended early -----------------------------------------------

-- Tokens that are refused though they have not expired: those of a session,
-- or those of a user issued up to `before`.  `until`: the last of them
-- expires.  Every node reads the table twice a second or more.
CREATE TABLE ehr.access_revocations (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL
                CONSTRAINT access_revocations_kind_check
                CHECK (kind IN ('user', 'session')),
    subject_id  uuid NOT NULL,
    before      timestamptz NOT NULL DEFAULT clock_timestamp(),
    until       timestamptz NOT NULL
);

CREATE INDEX access_revocations_until ON ehr.access_revocations (until);

ALTER TABLE ehr.access_revocations ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.access_revocations FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.access_revocations TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY system ON ehr.access_revocations TO ehr_app
    USING ((SELECT ehr.scope()) = 'system');
GRANT SELECT, DELETE ON ehr.access_revocations TO ehr_app;


-- -- who may call what -----------------------------------------------------

GRANT EXECUTE ON FUNCTION
    ehr.actor(), ehr.scope(), ehr.request(), ehr.sees_all(),
    ehr.my_patients(), ehr.my_doctor(), ehr.may_write(uuid),
    ehr.refuse(text, text, text), ehr.time_uuid(),
    ehr.distance_km(double precision, double precision, double precision,
        double precision),
    ehr.distance_km(double precision, double precision, text),
    ehr.audit_event(text, text, uuid, uuid, jsonb),
    ehr.audit_reads(text),
    ehr.idempotency_begin(uuid, text, text, bytea)
TO ehr_app;

-- Which migrations are applied: written by tools/migrate, read by nginx.
GRANT SELECT ON ehr.schema_migrations TO ehr_app;
