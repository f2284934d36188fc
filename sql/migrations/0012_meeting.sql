-- Where a virtual visit takes place: the system parameter meetingUrlTemplate,
-- a text such as "https://meet.example/{room}"; {room} becomes an id that
-- nobody can guess.  Null without the parameter, or if it is no address.
CREATE FUNCTION ehr.meeting_url() RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(p.value #>> '{}', '{room}', gen_random_uuid()::text)
      FROM ehr.system_parameters p
     WHERE p.key = 'meetingUrlTemplate' AND p.deleted_at IS NULL
       AND jsonb_typeof(p.value) = 'string'
       AND p.value #>> '{}' ~ '^https?://' AND length(p.value #>> '{}') < 1900
$$;

GRANT EXECUTE ON FUNCTION ehr.meeting_url() TO ehr_app;
