-- For the streams of GET /events.

-- → the patients that are the actor or are linked as family
-- name: MY_PATIENTS
SELECT unnest(ehr.my_patients())::text AS id;
