-- Encrypting again under the current key, and blind indexes under the current
-- index key; scope 'system'.
--
-- What is looked for is told alike:
-- $1 table; $2 column; $3 the current key's version; $4 most rows; $5, $6 the
-- place after which to look: an id and '', or an actor and a key
-- → the place in two columns; a row's id, its ciphertext (bytea) and its
--   blind index (bytea), which are of an older version.  The last place is
--   how far the search got; no row: to the end.  Null is no ciphertext.

-- Ciphertexts of an older version.
-- name: REKEY_FIND
SELECT f.id AS place, '' AS key, f.id, f.sealed, NULL::bytea AS hash
  FROM ehr.rekey_find($1::text::regclass, $2::text, $3::integer,
           $4::integer, $5::uuid) AS f
 WHERE $6::text IS NOT NULL;

-- The same of the rows that are kept for repeated requests.
-- name: REKEY_KEPT_FIND
SELECT f.actor_id AS place, f.key, f.id, f.sealed, NULL::bytea AS hash
  FROM ehr.rekey_kept_find($1::text::regclass, $2::text, $3::integer,
           $4::integer, $5::uuid, $6::text) AS f;

-- Blind indexes of an older version.
-- name: REINDEX_FIND
SELECT f.id AS place, '' AS key, f.id, f.sealed, f.hash
  FROM ehr.reindex_find($1::text::regclass, $2::text, $3::integer,
           $4::integer, $5::uuid) AS f
 WHERE $6::text IS NOT NULL;

-- $1 table; $2 column; $3 row id; $4 ciphertext as found; $5 the new one,
-- both bytea.  A row that was changed meanwhile stays as it is.
-- name: REKEY
SELECT ehr.rekey($1::text::regclass, $2::text, $3::uuid, $4::bytea,
           $5::bytea);

-- $1 actor; $2 key; $3 column; $4 ciphertext as found; $5 the new one
-- name: REKEY_KEPT
SELECT ehr.rekey_kept($1::uuid, $2::text, $3::text, $4::bytea, $5::bytea);

-- All rows that have the blind index.
-- $1 table; $2 column, the ciphertext's; $3 blind index as found; $4 the new
-- name: REINDEX
SELECT ehr.reindex($1::text::regclass, $2::text, $3::bytea, $4::bytea);

-- Makes a version of the index key the one to write.
-- $1 version  → whether it is
-- name: INDEX_KEY_BEGIN
SELECT ehr.index_key_begin($1::integer) AS writes;

-- No row has a blind index of an older version.
-- $1 version
-- name: INDEX_KEY_END
SELECT ehr.index_key_end($1::integer);
