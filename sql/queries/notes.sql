-- Notes.  The trigger of ehr.notes decides who signs and fills in the rest.

-- name: NOTE_SIGN
UPDATE ehr.notes t
   SET signed_at = now()
 WHERE t.id = $1
   AND t.deleted_at IS NULL
RETURNING t.id;
