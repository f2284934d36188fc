-- The first statement of every request's batch.

-- Who asks, what the asker reaches, and what the audit log says of the request.
-- $1 user id or ''; $2 scope;
-- $3 {"id","ip","agent","method","route","at","mac"}
-- name: BEGIN
SELECT set_config('ehr.actor', $1::text, true),
       set_config('ehr.scope', $2::text, true),
       set_config('ehr.request', $3::text, true);

-- The same, and changes of schedules go on although appointments lose their
-- hours.
-- name: BEGIN_FORCED
SELECT set_config('ehr.actor', $1::text, true),
       set_config('ehr.scope', $2::text, true),
       set_config('ehr.request', $3::text, true),
       set_config('ehr.force', 'true', true);

-- Claims an idempotency key for the transaction.  Fails with EH409 key_in_use,
-- EH422 key_reused or EH200 replay.
-- $1 actor (nil uuid: anonymous); $2 key; $3 route; $4 body hash, bytea
-- name: IDEMPOTENCY_BEGIN
SELECT ehr.idempotency_begin($1::uuid, $2::text, $3::text, $4::bytea);

-- Forgets keys; scope 'system'.
-- $1 age, as '24 hours'
-- name: IDEMPOTENCY_PURGE
DELETE FROM ehr.idempotency_keys
 WHERE created_at < now() - $1::interval;

-- The answer of an action that made no single row, kept for its repetition.
-- $1 actor; $2 key; $3 route; $4 body hash, bytea; $5 status; $6 the answer's
-- data, JSON text
-- name: IDEMPOTENCY_KEEP
INSERT INTO ehr.idempotency_keys (actor_id, key, route, body_hash, status,
        row)
VALUES ($1::uuid, $2::text, $3::text, $4::bytea, $5::integer, $6::jsonb);

-- $1 actor; $2 key  → row (JSON text)
-- name: IDEMPOTENCY_FIND
SELECT row::text
  FROM ehr.idempotency_keys
 WHERE actor_id = $1::uuid AND key = $2::text;
