-- Appointments as calendar events.

-- $1 appointment
-- → id, patient_id, starts, ends, changed (seconds since 1970), version,
--   cancelled (t/f), who (the doctor), location, url, organizer_id, organizer,
--   place; no row: not there or not yours
-- name: CALENDAR_EVENT
SELECT id, patient_id, starts, ends, changed, version, cancelled,
       doctor AS who, location, url, organizer_id, organizer, place
  FROM ehr.calendar_events
 WHERE id = $1::uuid;

-- A feed of the actor.  Fails with EH422, EH403 or EH409 too_many_feeds.
-- $1 id; $2 SHA-256 of its key, bytea; $3 doctor or null; $4 name or null
-- → base, of addresses, or null
-- name: CALENDAR_FEED_CREATE
SELECT ehr.calendar_feed_create($1::uuid, $2::bytea, $3::uuid, $4::text) AS base;

-- Whoever has a feed's key reads it; scope 'system', as the one below.
-- $1 SHA-256 of the key, bytea
-- → id, user_id, patient_id (null for a doctor's), doctor (t/f), named (t/f),
--   name, language, etag; no row: unknown, or its account may not any more
-- name: CALENDAR_FEED_OPEN
SELECT id, user_id, patient_id, doctor, named, name, language, etag
  FROM ehr.calendar_feed_open($1::bytea);

-- $1 SHA-256 of the key, bytea; $2 id after which; $3 most
-- → as CALENDAR_EVENT but place, by id; who is null where nobody is named
-- name: CALENDAR_FEED_PAGE
SELECT id, patient_id, starts, ends, changed, version, cancelled, who,
       location, url, organizer_id, organizer
  FROM ehr.calendar_feed_page($1::bytea, $2::uuid, $3::integer);
