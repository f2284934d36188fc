-- Encrypting again under the current key; scope 'system'.

-- $1 table; $2 column; $3 the current key's version; $4 most rows; $5 the id
-- after which to look
-- → id, the ciphertext of an older version (bytea), by id.  The last id is
--   how far the search got; no row: to the end.  Null is no ciphertext.
-- name: REKEY_FIND
SELECT id, sealed
  FROM ehr.rekey_find($1::text::regclass, $2::text, $3::integer,
           $4::integer, $5::uuid);

-- $1 table; $2 column; $3 row id; $4 ciphertext as found; $5 the new one,
-- both bytea.  A row that was changed meanwhile stays as it is.
-- name: REKEY
SELECT ehr.rekey($1::text::regclass, $2::text, $3::uuid, $4::bytea,
           $5::bytea);
