-- What every node reads again and again; scope 'system'.

-- All revocations in force.
-- → kind ('user' or 'session'), id, before (µs since 1970), until (seconds
--   since 1970, rounded up)
-- name: REVOCATIONS
SELECT kind, subject_id AS id,
       (extract(epoch FROM before) * 1000000)::bigint AS before,
       ceil(extract(epoch FROM until))::bigint AS until
  FROM ehr.access_revocations
 WHERE until > now();

-- Forgets those past.
-- name: REVOCATIONS_PURGE
DELETE FROM ehr.access_revocations
 WHERE until < now() - interval '1 minute';

-- → name, permissions (JSON text)
-- name: ROLES_LOAD
SELECT name, to_json(permissions)::text AS permissions
  FROM ehr.roles
 WHERE deleted_at IS NULL
 ORDER BY name;
