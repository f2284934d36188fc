-- Login, sessions, passwords.  Scope 'system' where nothing else is said.

-- $1 blind indexes of the e-mail address, an array
-- → id, password_hash (null: none set), status, roles (JSON text),
--   email (bytea), deleted (t/f), language, time_zone; no row: unknown
-- name: LOGIN_FIND
SELECT u.id, s.password_hash, u.status, to_json(u.roles)::text AS roles,
       u.email, u.deleted_at IS NOT NULL AS deleted, u.language, u.time_zone
  FROM ehr.users u
  LEFT JOIN ehr.user_secrets s ON s.user_id = u.id
 WHERE u.email_index = ANY ($1::bytea[]);

-- Opens a session and writes its audit row LOGIN; the actor is the user who
-- signs in.
-- $1 session id; $2 user id; $3 audience, 'staff' or 'portal'; $4 refresh
-- token's id; $5 its SHA-256, bytea; $6 its lifetime, as '2592000 seconds';
-- $7 the access token's lifetime; $8 ip; $9 user agent
-- → session_id, roles (JSON text), issued (µs since 1970); no row: the
--   account is not active any more
-- name: LOGIN_RECORD
SELECT session_id, roles::text AS roles, issued
  FROM ehr.session_begin($1::uuid, $2::uuid, $3::text, $4::uuid, $5::bytea,
           $6::interval, $7::interval, $8::text, $9::text);

-- An audit row for what changes no row; any scope.
-- $1 action (LOGIN, LOGIN_FAILED, LOGOUT, …); $2 entity, a table's name;
-- $3 its id or null; $4 patient id or null; $5 detail, a JSON object or null
-- name: AUDIT_EVENT
SELECT ehr.audit_event($1::text, $2::text, $3::uuid, $4::uuid, $5::jsonb);

-- Swaps a refresh token for its successor, in a batch of its own.
-- $1 SHA-256 of the token, bytea; $2 the new one's id; $3 its SHA-256;
-- $4 audience; $5 its lifetime; $6 the access token's lifetime
-- → status: ok, unknown, expired, reused, inactive or revoked;
--   session_id, user_id, roles (JSON text), email (bytea), audience, issued
--   (µs since 1970): null if unknown.  Only ok made a token.
-- name: SESSION_REFRESH
SELECT status, session_id, user_id, roles::text AS roles, email, audience,
       issued
  FROM ehr.session_refresh($1::bytea, $2::uuid, $3::bytea, $4::text,
           $5::interval, $6::interval);

-- Ends a session of the actor and writes the audit row; the actor's own scope.
-- $1 session id; $2 reason, LOGOUT or ENDED
-- → id, access_until (epoch seconds): no row: not there, not yours or ended
-- name: SESSION_END
WITH ended AS (
    UPDATE ehr.sessions
       SET ended_at = clock_timestamp(), end_reason = $2::text
     WHERE id = $1::uuid AND user_id = ehr.actor() AND ended_at IS NULL
    RETURNING id, ceil(extract(epoch FROM access_until))::bigint
        AS access_until)
SELECT id, access_until,
       ehr.audit_event('LOGOUT', 'sessions', id, NULL, NULL) AS written
  FROM ended;

-- Ends all sessions of the actor but one; the actor's own scope.  AUDIT_EVENT
-- follows in the same batch.
-- $1 session id to keep, or null; $2 reason, LOGOUT or ENDED
-- → id, access_until, one row each
-- name: SESSION_END_ALL
UPDATE ehr.sessions
   SET ended_at = clock_timestamp(), end_reason = $2::text
 WHERE user_id = ehr.actor() AND id IS DISTINCT FROM $1::uuid
   AND ended_at IS NULL
RETURNING id, ceil(extract(epoch FROM access_until))::bigint AS access_until;

-- Forgets sessions that ended or expired some time ago, and their tokens.
-- $1 age, as '30 days'
-- name: SESSION_PURGE
DELETE FROM ehr.sessions
 WHERE expires_at < now() - $1::interval
    OR ended_at < now() - $1::interval AND access_until < now();

-- A new account with role PATIENT; the actor is the new account.  Fails with
-- 23505 users_email_key.  REGISTER_PATIENT follows in the same batch.
-- $1 id; $2 email, $3 its blind indexes, $4 phone, $5 its blind indexes, all
-- bytea; $6 password hash; $7 first name; $8 last name; $9 time zone or
-- null; $10 language or null
-- → id
-- name: REGISTER
WITH account AS (
    INSERT INTO ehr.users (id, email, email_index, phone, phone_index,
            first_name, last_name, time_zone, language, roles)
    VALUES ($1::uuid, $2::bytea, $3::bytea, $4::bytea, $5::bytea, $7::text,
            $8::text, coalesce($9::text, 'UTC'), coalesce($10::text, 'en'),
            '{PATIENT}')
    RETURNING id)
INSERT INTO ehr.user_secrets (user_id, password_hash)
SELECT id, $6::text FROM account
RETURNING user_id AS id;

-- The first administrator; the actor is the new account.  Fails with EH409
-- setup_done once there is any account.
-- $1 id; $2 email, bytea; $3 its blind indexes, bytea; $4 password hash;
-- $5 first name; $6 last name
-- name: SETUP
SELECT ehr.setup_administrator($1::uuid, $2::bytea, $3::bytea, $4::text,
           $5::text, $6::text);

-- Sets a password and ends the account's sessions; any scope.  Fails with
-- EH404, or EH403 role_beyond_own for an account of more power than one's own.
-- $1 user id; $2 password hash; $3 session id to keep, or null
-- name: PASSWORD_SET
SELECT ehr.password_set($1::uuid, $2::text, $3::uuid);
