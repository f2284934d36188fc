-- Who signs in: permissions, roles, users, their secrets and sessions; and the
-- system's parameters.


-- -- permissions and roles -------------------------------------------------

-- The names of src/model/permission.def.  A new one comes with a migration:
-- CALL ehr.add_permission('name', 'ROLE', …); ADMIN gets it always.
CREATE TABLE ehr.permissions (
    name        text PRIMARY KEY
);

INSERT INTO ehr.permissions (name) VALUES
    ('patients.all'), ('patients.write-all'),
    ('account.use'),
    ('patients.read'), ('patients.write'), ('patients.delete'),
    ('contact.read'), ('insurance.read'), ('insurance.write'),
    ('patients.duplicates'), ('care-team.read'), ('care-team.write'),
    ('staff.read'), ('staff.write'), ('doctors.write'), ('ratings.write'),
    ('organisation.read'), ('organisation.write'),
    ('wards.read'), ('beds.write'),
    ('record.read'), ('record.write'), ('record.delete'),
    ('encounters.read'), ('encounters.write'), ('notes.sign'),
    ('vitals.read'), ('vitals.write'),
    ('medications.read'), ('medications.write'),
    ('users.read'), ('users.write'), ('roles.read'), ('roles.write'),
    ('parameters.read'), ('parameters.write'), ('audit.read'), ('restore');

GRANT SELECT ON ehr.permissions TO ehr_app;

CREATE TABLE ehr.roles (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name            text NOT NULL
                    CONSTRAINT roles_name_check
                    CHECK (name ~ '^[A-Z][A-Z0-9_]{0,46}$'),
    description     text,
    permissions     text[] NOT NULL DEFAULT '{}',
    built_in        boolean NOT NULL DEFAULT false,
    additional_data jsonb NOT NULL DEFAULT '{}'
                    CONSTRAINT roles_additional_data_check
                    CHECK (jsonb_typeof(additional_data) = 'object'),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid,
    deleted_at      timestamptz,
    CONSTRAINT roles_name_key UNIQUE (name)
);

INSERT INTO ehr.roles (name, description, built_in, permissions)
SELECT 'ADMIN', 'Runs the system; may do everything', true,
       array_agg(name ORDER BY name)
  FROM ehr.permissions;

-- A doctor reads every record and writes to those of own patients only.
INSERT INTO ehr.roles (name, description, built_in, permissions) VALUES
('DOCTOR', 'Treats patients; writes to the records of own patients', true,
 '{account.use, care-team.read, care-team.write, contact.read,
   encounters.read, encounters.write, insurance.read, medications.read,
   medications.write, notes.sign, organisation.read, patients.all,
   patients.duplicates, patients.read, patients.write, record.delete,
   record.read, record.write, staff.read, vitals.read, vitals.write,
   wards.read}'),
('NURSE', 'Takes vital signs and looks after beds', true,
 '{account.use, beds.write, care-team.read, contact.read, encounters.read,
   medications.read, organisation.read, patients.all, patients.read,
   patients.write-all, record.read, staff.read, vitals.read, vitals.write,
   wards.read}'),
('RECEPTIONIST', 'Receives patients; does not see the clinical record', true,
 '{account.use, care-team.read, care-team.write, contact.read,
   encounters.read, encounters.write, insurance.read, insurance.write,
   organisation.read, patients.all, patients.duplicates, patients.read,
   patients.write, patients.write-all, staff.read, wards.read}'),
('PHARMACIST', 'Fulfils prescriptions', true,
 '{account.use, medications.read, organisation.read, patients.all,
   patients.read}'),
('LAB_TECHNICIAN', 'Runs laboratory tests', true,
 '{account.use, organisation.read, patients.all, patients.read,
   vitals.read}'),
('PATIENT', 'Sees the own record and that of linked family', true,
 '{account.use, contact.read, encounters.read, insurance.read,
   medications.read, organisation.read, patients.read, ratings.write,
   record.read, vitals.read}');


-- -- users -----------------------------------------------------------------

-- A row is the account; what proves it is in user_secrets.
CREATE TABLE ehr.users (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    email           bytea NOT NULL,
    email_index     bytea NOT NULL
                    CONSTRAINT users_email_check
                    CHECK (octet_length(email_index) = 32),
    phone           bytea,
    phone_index     bytea
                    CONSTRAINT users_phone_check
                    CHECK (octet_length(phone_index) = 32),
    first_name      text NOT NULL,
    last_name       text NOT NULL,
    roles           text[] NOT NULL
                    CONSTRAINT users_roles_check
                    CHECK (cardinality(roles) BETWEEN 1 AND 8
                           AND array_position(roles, NULL) IS NULL),
    status          text NOT NULL DEFAULT 'ACTIVE'
                    CONSTRAINT users_status_check
                    CHECK (status IN ('ACTIVE', 'INACTIVE', 'BANNED')),
    email_verified  boolean NOT NULL DEFAULT false,
    time_zone       text NOT NULL DEFAULT 'UTC',
    language        text NOT NULL DEFAULT 'en',
    profile_picture text,
    last_login_at   timestamptz,
    additional_data jsonb NOT NULL DEFAULT '{}'
                    CONSTRAINT users_additional_data_check
                    CHECK (jsonb_typeof(additional_data) = 'object'),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid,
    deleted_at      timestamptz,
    CONSTRAINT users_email_key UNIQUE (email_index)
);

CREATE INDEX users_phone ON ehr.users (phone_index);
CREATE INDEX users_last_name ON ehr.users (last_name, id);
CREATE INDEX users_roles ON ehr.users USING gin (roles);
CREATE INDEX users_administrators ON ehr.users (id)
    WHERE 'ADMIN' = ANY (roles) AND status = 'ACTIVE' AND deleted_at IS NULL;

CREATE TABLE ehr.user_secrets (
    user_id         uuid PRIMARY KEY
                    CONSTRAINT user_secrets_user_id_fkey
                    REFERENCES ehr.users,
    password_hash   text NOT NULL
                    CONSTRAINT user_secrets_password_hash_check
                    CHECK (password_hash ~ '^\$2[aby]\$[0-9]{2}\$.{53}$'),
    changed_at      timestamptz NOT NULL DEFAULT now()
);


-- -- sessions --------------------------------------------------------------

-- A session is a login and the family of refresh tokens that came of it.
-- access_until: when the last access token issued in it expires.
CREATE TABLE ehr.sessions (
    id              uuid PRIMARY KEY,
    user_id         uuid NOT NULL
                    CONSTRAINT sessions_user_id_fkey REFERENCES ehr.users,
    audience        text NOT NULL
                    CONSTRAINT sessions_audience_check
                    CHECK (audience IN ('staff', 'portal')),
    ip              text,
    user_agent      text,
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid GENERATED ALWAYS AS (user_id) STORED,
    last_used_at    timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    access_until    timestamptz NOT NULL,
    ended_at        timestamptz,
    end_reason      text
                    CONSTRAINT sessions_end_reason_check
                    CHECK (end_reason IN ('LOGOUT', 'ENDED', 'PASSWORD',
                                          'ACCOUNT', 'REUSED'))
);

CREATE INDEX sessions_user_id ON ehr.sessions (user_id, created_at);
CREATE INDEX sessions_expires_at ON ehr.sessions (expires_at);

-- Only the SHA-256 of a token is kept.
CREATE TABLE ehr.refresh_tokens (
    id              uuid PRIMARY KEY,
    session_id      uuid NOT NULL
                    CONSTRAINT refresh_tokens_session_id_fkey
                    REFERENCES ehr.sessions ON DELETE CASCADE,
    token_hash      bytea NOT NULL
                    CONSTRAINT refresh_tokens_token_hash_key UNIQUE
                    CONSTRAINT refresh_tokens_token_hash_check
                    CHECK (octet_length(token_hash) = 32),
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz
);

CREATE INDEX refresh_tokens_session_id ON ehr.refresh_tokens (session_id);


-- -- parameters of the system ----------------------------------------------

CREATE TABLE ehr.system_parameters (
    id              uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    key             text NOT NULL
                    CONSTRAINT system_parameters_key_check
                    CHECK (key ~ '^[A-Za-z0-9][A-Za-z0-9._:/-]{0,199}$'),
    value           jsonb NOT NULL,
    description     text,
    additional_data jsonb NOT NULL DEFAULT '{}'
                    CONSTRAINT system_parameters_additional_data_check
                    CHECK (jsonb_typeof(additional_data) = 'object'),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    created_by      uuid,
    updated_by      uuid,
    deleted_at      timestamptz,
    CONSTRAINT system_parameters_key_key UNIQUE (key)
);


-- -- what the actor may ----------------------------------------------------

-- Union of the permissions of roles, given by name.
CREATE FUNCTION ehr.permissions_of(names text[]) RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(
        SELECT DISTINCT p
          FROM ehr.roles r CROSS JOIN unnest(r.permissions) AS p
         WHERE r.name = ANY (names) AND r.deleted_at IS NULL);
END
$$;

-- The permissions of the actor; none without an active account.
CREATE FUNCTION ehr.my_permissions() RETURNS text[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((
        SELECT ehr.permissions_of(u.roles)
          FROM ehr.users u
         WHERE u.id = nullif(current_setting('ehr.actor', true), '')::uuid
           AND u.status = 'ACTIVE' AND u.deleted_at IS NULL), '{}');
END
$$;

CREATE FUNCTION ehr.actor_may(permission text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT permission = ANY (ehr.my_permissions())
$$;

-- Refuses what would give or touch more power than the actor has.
CREATE FUNCTION ehr.check_within_own(wanted text[], field text) RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT wanted <@ ehr.my_permissions() THEN
        PERFORM ehr.refuse('EH403', 'role_beyond_own', field);
    END IF;
END
$$;


-- -- rules of roles --------------------------------------------------------

CREATE FUNCTION ehr.check_role() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_system boolean := ehr.scope() = 'system';
    added     text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.built_in := NEW.built_in AND is_system;
        added := NEW.permissions;
    ELSE
        NEW.built_in := OLD.built_in;
        added := ARRAY(SELECT unnest(NEW.permissions)
                       EXCEPT SELECT unnest(OLD.permissions));

        IF NEW.name <> OLD.name
           OR NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL
        THEN
            IF OLD.built_in THEN
                PERFORM ehr.refuse('EH409', 'built_in_role', 'name');
            END IF;
            IF EXISTS (SELECT FROM ehr.users u
                        WHERE u.roles @> ARRAY[OLD.name]
                          AND u.deleted_at IS NULL)
            THEN
                PERFORM ehr.refuse('EH409', 'role_in_use', 'name');
            END IF;
        END IF;

        IF OLD.name = 'ADMIN' AND NOT NEW.permissions @> OLD.permissions THEN
            PERFORM ehr.refuse('EH409', 'administrator_role', 'permissions');
        END IF;
    END IF;

    IF EXISTS (SELECT FROM unnest(added) AS a (name)
                LEFT JOIN ehr.permissions p USING (name)
                WHERE p.name IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'permission_unknown', 'permissions');
    END IF;

    IF NOT is_system THEN
        PERFORM ehr.check_within_own(added, 'permissions');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_role BEFORE INSERT OR UPDATE ON ehr.roles
    FOR EACH ROW EXECUTE FUNCTION ehr.check_role();

-- For migrations: a permission that is new, and who has it beside ADMIN.
CREATE PROCEDURE ehr.add_permission(permission text, VARIADIC names text[])
LANGUAGE plpgsql AS $$
DECLARE
    scope text := ehr.scope();
BEGIN
    PERFORM set_config('ehr.scope', 'system', true);

    INSERT INTO ehr.permissions (name) VALUES (permission);
    UPDATE ehr.roles
       SET permissions = array_append(permissions, permission)
     WHERE name = ANY (names || 'ADMIN'::text)
       AND permission <> ALL (permissions);

    PERFORM set_config('ehr.scope', scope, true);
END
$$;


-- -- rules of users --------------------------------------------------------

CREATE FUNCTION ehr.check_user() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    is_system boolean := ehr.scope() = 'system';
    powers    text[];       -- roles the actor must have the permissions of
BEGIN
    IF TG_OP = 'INSERT' OR NEW.roles IS DISTINCT FROM OLD.roles THEN
        IF EXISTS (SELECT FROM unnest(NEW.roles) AS n (name)
                    WHERE NOT EXISTS (SELECT FROM ehr.roles r
                                       WHERE r.name = n.name
                                         AND r.deleted_at IS NULL))
        THEN
            PERFORM ehr.refuse('EH422', 'role_unknown', 'roles');
        END IF;
    END IF;

    IF is_system THEN
        RETURN NEW;
    END IF;

    IF TG_OP = 'INSERT' THEN
        NEW.email_verified := false;
        powers := NEW.roles;

    ELSE
        NEW.email_verified := OLD.email_verified
            AND NEW.email_index = OLD.email_index;

        IF (NEW.roles, NEW.status, NEW.deleted_at)
           IS DISTINCT FROM (OLD.roles, OLD.status, OLD.deleted_at)
        THEN
            IF NOT ehr.actor_may('users.write') THEN
                PERFORM ehr.refuse('EH403', 'forbidden');
            END IF;
            powers := OLD.roles || NEW.roles;
        ELSIF NEW.id IS DISTINCT FROM ehr.actor() THEN
            powers := OLD.roles;
        END IF;
    END IF;

    IF powers IS NOT NULL THEN
        PERFORM ehr.check_within_own(ehr.permissions_of(powers), 'roles');
    END IF;

    RETURN NEW;
END
$$;

CREATE TRIGGER check_user BEFORE INSERT OR UPDATE OF email, email_index,
        phone, phone_index, first_name, last_name, roles, status,
        email_verified, deleted_at
    ON ehr.users
    FOR EACH ROW EXECUTE FUNCTION ehr.check_user();

-- What follows when an account loses or changes its powers.
CREATE FUNCTION ehr.user_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    was_active boolean := OLD.status = 'ACTIVE' AND OLD.deleted_at IS NULL;
    is_active  boolean := NEW.status = 'ACTIVE' AND NEW.deleted_at IS NULL;
BEGIN
    IF was_active AND 'ADMIN' = ANY (OLD.roles)
       AND NOT (is_active AND 'ADMIN' = ANY (NEW.roles))
    THEN
        -- One at a time: the second sees what the first left.
        PERFORM pg_advisory_xact_lock(hashtext('ehr.administrators'));

        IF NOT EXISTS (SELECT FROM ehr.users u
                        WHERE 'ADMIN' = ANY (u.roles)
                          AND u.status = 'ACTIVE' AND u.deleted_at IS NULL)
        THEN
            PERFORM ehr.refuse('EH409', 'last_administrator', 'roles');
        END IF;
    END IF;

    IF (NEW.roles, NEW.status, NEW.deleted_at)
       IS DISTINCT FROM (OLD.roles, OLD.status, OLD.deleted_at)
    THEN
        IF was_active AND NOT is_active THEN
            PERFORM ehr.end_sessions(NEW.id, NULL, 'ACCOUNT');
        END IF;
        PERFORM ehr.revoke_user(NEW.id);
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER user_changed AFTER UPDATE OF roles, status, deleted_at
    ON ehr.users
    FOR EACH ROW EXECUTE FUNCTION ehr.user_changed();

-- Ends the sessions of a user but one; each leaves its revocation.
CREATE FUNCTION ehr.end_sessions(who uuid, keep uuid, reason text)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.sessions
       SET ended_at = clock_timestamp(), end_reason = reason
     WHERE user_id = who AND ended_at IS NULL
       AND id IS DISTINCT FROM keep;
END
$$;

-- Access tokens of the user that exist now are refused from now on.
CREATE FUNCTION ehr.revoke_user(who uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.access_revocations (kind, subject_id, until)
    SELECT 'user', who, max(s.access_until)
      FROM ehr.sessions s
     WHERE s.user_id = who AND s.access_until > clock_timestamp()
    HAVING count(*) > 0;
END
$$;

CREATE FUNCTION ehr.session_ended() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO ehr.access_revocations (kind, subject_id, until)
    VALUES ('session', NEW.id, NEW.access_until);
    RETURN NULL;
END
$$;

CREATE TRIGGER session_ended AFTER UPDATE OF ended_at ON ehr.sessions
    FOR EACH ROW WHEN (OLD.ended_at IS NULL AND NEW.ended_at IS NOT NULL)
    EXECUTE FUNCTION ehr.session_ended();

CREATE FUNCTION ehr.password_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.audit_event('PASSWORD_SET', 'users', NEW.user_id, NULL, NULL);
    PERFORM ehr.revoke_user(NEW.user_id);
    RETURN NULL;
END
$$;

CREATE TRIGGER password_changed AFTER UPDATE ON ehr.user_secrets
    FOR EACH ROW EXECUTE FUNCTION ehr.password_changed();


-- -- what login, refresh and set-up call -----------------------------------

-- For the system only: the functions below are as good as the account.
CREATE FUNCTION ehr.check_system() RETURNS void
LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF ehr.scope() <> 'system' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;
END
$$;

-- Opens a session with its first refresh token.  No row: the account is not
-- active any more, or not a patient at the portal.  The roles are those that hold while the account's row is
-- locked, and issued (µs since 1970) is read after it was: a revocation that
-- comes later is later by its clock too.
CREATE FUNCTION ehr.session_begin(session uuid, who uuid, for_audience text,
    token uuid, hash bytea, lifetime interval, access interval, from_ip text,
    agent text) RETURNS TABLE (session_id uuid, roles json, issued bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    has text[];
BEGIN
    PERFORM ehr.check_system();

    UPDATE ehr.users SET last_login_at = now()
     WHERE id = who AND status = 'ACTIVE' AND deleted_at IS NULL
       AND (for_audience = 'staff' OR 'PATIENT' = ANY (users.roles))
    RETURNING roles INTO has;
    IF NOT FOUND THEN
        RETURN;
    END IF;

    INSERT INTO ehr.sessions (id, user_id, audience, ip, user_agent,
            expires_at, access_until)
    VALUES (session, who, for_audience, from_ip, agent, now() + lifetime,
            clock_timestamp() + access);
    INSERT INTO ehr.refresh_tokens (id, session_id, token_hash, expires_at)
    VALUES (token, session, hash, now() + lifetime);

    PERFORM ehr.audit_event('LOGIN', 'users', who, NULL, NULL);

    RETURN QUERY SELECT session, to_json(has),
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
END
$$;

-- Swaps a refresh token for its successor.  Of any number at once exactly one
-- succeeds; a token that comes a second time ends the whole session.  Nothing
-- is raised, so that the end of the session is committed.
--
-- status: ok, unknown, expired, reused, inactive (account), revoked (session)
CREATE FUNCTION ehr.session_refresh(old_hash bytea, new_id uuid,
    new_hash bytea, for_audience text, lifetime interval, access interval)
RETURNS TABLE (status text, session_id uuid, user_id uuid, roles json,
    email bytea, audience text, issued bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    t ehr.refresh_tokens;
    s ehr.sessions;
    u ehr.users;
BEGIN
    PERFORM ehr.check_system();

    SELECT * INTO t FROM ehr.refresh_tokens WHERE token_hash = old_hash;
    SELECT * INTO s FROM ehr.sessions WHERE id = t.session_id;
    IF s.id IS NULL OR s.audience <> for_audience THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::json,
                            NULL::bytea, NULL::text, NULL::bigint;
        RETURN;
    END IF;

    -- The account first and then the session, as whoever bans an account.
    SELECT * INTO u FROM ehr.users WHERE id = s.user_id FOR SHARE;
    SELECT * INTO s FROM ehr.sessions WHERE id = s.id FOR UPDATE;
    SELECT * INTO t FROM ehr.refresh_tokens WHERE id = t.id FOR UPDATE;

    status := CASE
        WHEN s.id IS NULL OR t.id IS NULL THEN 'unknown'
        WHEN s.ended_at IS NOT NULL THEN 'revoked'
        WHEN t.used_at IS NOT NULL THEN 'reused'
        WHEN t.expires_at <= now() THEN 'expired'
        WHEN u.status <> 'ACTIVE' OR u.deleted_at IS NOT NULL THEN 'inactive'
        ELSE 'ok' END;

    IF status = 'reused' THEN
        UPDATE ehr.sessions
           SET ended_at = clock_timestamp(), end_reason = 'REUSED'
         WHERE id = s.id;
        PERFORM ehr.audit_event('REFRESH_REUSED', 'users', u.id, NULL,
            jsonb_build_object('session', s.id));

    ELSIF status = 'ok' THEN
        UPDATE ehr.refresh_tokens SET used_at = now() WHERE id = t.id;
        INSERT INTO ehr.refresh_tokens (id, session_id, token_hash,
                expires_at)
        VALUES (new_id, s.id, new_hash, now() + lifetime);
        UPDATE ehr.sessions
           SET last_used_at = now(), expires_at = now() + lifetime,
               access_until = clock_timestamp() + access
         WHERE id = s.id;
    END IF;

    RETURN QUERY SELECT status, s.id, u.id, to_json(u.roles), u.email,
                        s.audience,
                        (extract(epoch FROM clock_timestamp())
                         * 1000000)::bigint;
END
$$;

-- Sets a password: by the system, the account itself, or whoever may change
-- users and has all the permissions the account has.  All sessions end but
-- `keep`; on the first password there is nothing to end.
CREATE FUNCTION ehr.password_set(who uuid, hash text, keep uuid)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    has text[];
BEGIN
    SELECT u.roles INTO has FROM ehr.users u
     WHERE u.id = who AND u.deleted_at IS NULL
       FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    END IF;

    IF ehr.scope() <> 'system' AND who IS DISTINCT FROM ehr.actor() THEN
        IF NOT ehr.actor_may('users.write') THEN
            PERFORM ehr.refuse('EH404', 'not_found');
        END IF;
        PERFORM ehr.check_within_own(ehr.permissions_of(has), 'password');
    END IF;

    INSERT INTO ehr.user_secrets AS s (user_id, password_hash)
    VALUES (who, hash)
    ON CONFLICT (user_id) DO UPDATE
       SET password_hash = excluded.password_hash, changed_at = now();

    PERFORM ehr.end_sessions(who, keep, 'PASSWORD');
END
$$;

-- The first administrator; refused once there is any account.
CREATE FUNCTION ehr.setup_administrator(who uuid, mail bytea,
    mail_index bytea, hash text, given text, family text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    PERFORM pg_advisory_xact_lock(hashtext('ehr.administrators'));

    IF EXISTS (SELECT FROM ehr.users) THEN
        PERFORM ehr.refuse('EH409', 'setup_done');
    END IF;

    INSERT INTO ehr.users (id, email, email_index, first_name, last_name,
            roles, email_verified)
    VALUES (who, mail, mail_index, given, family, '{ADMIN}', true);
    INSERT INTO ehr.user_secrets (user_id, password_hash) VALUES (who, hash);
END
$$;


-- -- records and policies --------------------------------------------------

CALL ehr.install_record('ehr.roles', 'custom');
CALL ehr.install_policies('ehr.roles', '(SELECT ehr.scope()) <> ''''',
    '(SELECT ehr.scope()) = ''system''
     OR (SELECT ehr.actor_may(''roles.write''))');

CALL ehr.install_record('ehr.system_parameters', 'custom');
CALL ehr.install_policies('ehr.system_parameters',
    '(SELECT ehr.scope()) <> ''''',
    '(SELECT ehr.scope()) = ''system''
     OR (SELECT ehr.actor_may(''parameters.write''))');

CALL ehr.install_record('ehr.users', 'custom');
CALL ehr.install_policies('ehr.users',
    '(SELECT ehr.sees_all()) OR id = (SELECT ehr.actor())
     OR (SELECT ehr.actor_may(''users.read''))',
    '(SELECT ehr.scope()) = ''system'' OR id = (SELECT ehr.actor())
     OR (SELECT ehr.actor_may(''users.write''))');

-- A login is no change of the account: last_login_at, which only
-- ehr.session_begin() sets, is neither stamped nor audited.
REVOKE UPDATE ON ehr.users FROM ehr_app;
GRANT UPDATE (email, email_index, phone, phone_index, first_name, last_name,
    roles, status, email_verified, time_zone, language, profile_picture,
    additional_data, deleted_at) ON ehr.users TO ehr_app;

DROP TRIGGER stamp ON ehr.users;
CREATE TRIGGER stamp BEFORE INSERT OR UPDATE OF id, email, email_index,
        phone, phone_index, first_name, last_name, roles, status,
        email_verified, time_zone, language, profile_picture,
        additional_data, version, created_at, updated_at, created_by,
        updated_by, deleted_at
    ON ehr.users FOR EACH ROW EXECUTE FUNCTION ehr.stamp();
DROP TRIGGER audit ON ehr.users;
CREATE TRIGGER audit AFTER INSERT OR DELETE OR UPDATE OF id, email,
        email_index, phone, phone_index, first_name, last_name, roles,
        status, email_verified, time_zone, language, profile_picture,
        additional_data, version, created_at, updated_at, created_by,
        updated_by, deleted_at
    ON ehr.users FOR EACH ROW EXECUTE FUNCTION
        ehr.audit_change('', 'email', 'email_index', 'phone', 'phone_index');

ALTER TABLE ehr.user_secrets ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.user_secrets FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.user_secrets TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY system ON ehr.user_secrets TO ehr_app
    USING ((SELECT ehr.scope()) = 'system')
    WITH CHECK ((SELECT ehr.scope()) = 'system');
GRANT SELECT, INSERT ON ehr.user_secrets TO ehr_app;

ALTER TABLE ehr.sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.sessions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.sessions TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY mine ON ehr.sessions TO ehr_app
    USING ((SELECT ehr.scope()) = 'system'
           OR user_id = (SELECT ehr.actor()));
GRANT SELECT, DELETE, UPDATE (ended_at, end_reason) ON ehr.sessions
    TO ehr_app;

ALTER TABLE ehr.refresh_tokens ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.refresh_tokens FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.refresh_tokens TO ehr_owner
    USING (true) WITH CHECK (true);
CREATE POLICY system ON ehr.refresh_tokens TO ehr_app
    USING ((SELECT ehr.scope()) = 'system');
GRANT SELECT, DELETE ON ehr.refresh_tokens TO ehr_app;

-- The audit log is for those who may read it, whatever records they see.
ALTER POLICY reads ON ehr.audit_log
    USING ((SELECT ehr.scope()) = 'system'
           OR (SELECT ehr.actor_may('audit.read')));

-- As a resource: without what only the sealer needs.
CREATE VIEW ehr.audit_logs WITH (security_invoker = true) AS
    SELECT id, created_at, actor_id AS created_by, actor_id, action, entity,
           entity_id, patient_id, before, after, request_id, ip, user_agent,
           method, route
      FROM ehr.audit_log;
GRANT SELECT ON ehr.audit_logs TO ehr_app;

GRANT EXECUTE ON FUNCTION
    ehr.permissions_of(text[]), ehr.my_permissions(), ehr.actor_may(text),
    ehr.session_begin(uuid, uuid, text, uuid, bytea, interval, interval,
        text, text),
    ehr.session_refresh(bytea, uuid, bytea, text, interval, interval),
    ehr.password_set(uuid, text, uuid),
    ehr.setup_administrator(uuid, bytea, bytea, text, text, text)
TO ehr_app;
