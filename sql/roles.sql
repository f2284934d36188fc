-- Roles, schema and extensions.  Run by a superuser with psql on the database
-- the hospital will use, once, before the first migration:
--
--     createdb -T template0 -E UTF8 --locale=C.UTF-8 ehr
--     psql -d ehr -f sql/roles.sql
--
-- May be run again at any time: it creates what is missing and sets the
-- privileges below anew.  It sets no passwords; on a unix socket use peer
-- authentication, over TCP run ALTER ROLE ehr_app PASSWORD '...' yourself.
--
--   ehr_owner      owns everything, cannot log in
--   ehr_migration  logs in to run tools/migrate, as a member of ehr_owner
--   ehr_app        what nginx logs in as: owns nothing, row-level security
--                  holds for it, deletes only from bookkeeping tables
--   ehr_feed       nginx's change feed: replication, and reading what that begins
--                  with; no writing.  nginx follows what is published, but who
--                  has the role can decode every change of every table

\set ON_ERROR_STOP on
SET client_min_messages = warning;

BEGIN;

-- Debian makes clusters of the installer's locale: without one, SQL_ASCII.
DO $$
BEGIN
    IF current_setting('server_encoding') <> 'UTF8' THEN
        RAISE 'database % is encoded in %, not in UTF8', current_database(),
            current_setting('server_encoding')
            USING HINT = format('Make it anew: createdb -T template0 -E UTF8'
                ' --locale=C.UTF-8 %I', current_database());
    END IF;
END
$$;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ehr_owner') THEN
        CREATE ROLE ehr_owner;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ehr_migration') THEN
        CREATE ROLE ehr_migration;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ehr_app') THEN
        CREATE ROLE ehr_app;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ehr_feed') THEN
        CREATE ROLE ehr_feed;
    END IF;
END
$$;

ALTER ROLE ehr_owner
    NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE ehr_migration
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
    INHERIT;
ALTER ROLE ehr_app
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
ALTER ROLE ehr_feed
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION NOBYPASSRLS;

GRANT ehr_owner TO ehr_migration;

-- One spelling of dates and times for every session, whatever the cluster's
-- default; statements are short, so compiling them never pays.
ALTER ROLE ehr_app SET timezone = 'UTC';
ALTER ROLE ehr_app SET datestyle = 'ISO, YMD';
ALTER ROLE ehr_app SET bytea_output = 'hex';
ALTER ROLE ehr_app SET jit = off;
ALTER ROLE ehr_app SET search_path = ehr, public;
ALTER ROLE ehr_app SET row_security = on;
ALTER ROLE ehr_app SET idle_in_transaction_session_timeout = '10s';
ALTER ROLE ehr_migration SET timezone = 'UTC';
ALTER ROLE ehr_feed SET timezone = 'UTC';
ALTER ROLE ehr_feed SET datestyle = 'ISO, YMD';
ALTER ROLE ehr_feed SET jit = off;
ALTER ROLE ehr_feed SET row_security = on;

-- Nothing for everybody.
DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC',
        current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I'
        ' TO ehr_migration, ehr_app, ehr_feed', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM ehr_app, ehr_feed',
        current_database());

    -- For the publication of the change feed.
    EXECUTE format('GRANT CREATE ON DATABASE %I TO ehr_owner',
        current_database());
END
$$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO PUBLIC;

CREATE SCHEMA IF NOT EXISTS ehr AUTHORIZATION ehr_owner;
ALTER SCHEMA ehr OWNER TO ehr_owner;
REVOKE ALL ON SCHEMA ehr FROM PUBLIC;
GRANT USAGE ON SCHEMA ehr TO ehr_app, ehr_feed;

ALTER DEFAULT PRIVILEGES FOR ROLE ehr_owner
    REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE ehr_owner
    REVOKE USAGE ON TYPES FROM PUBLIC;

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;

-- Only where the server collects it; the view is an error otherwise.
DO $$
BEGIN
    IF current_setting('shared_preload_libraries') ~ '\mpg_stat_statements\M'
    THEN
        CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA public;
    END IF;
END
$$;

COMMIT;
