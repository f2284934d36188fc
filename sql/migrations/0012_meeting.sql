-- Where a virtual visit takes place: the system parameter meetingUrlTemplate,
-- such as "https://meet.example/{room}"; {room} becomes an id that nobody can
-- guess.  Null without the parameter, or if it is no address.
CREATE FUNCTION ehr.meeting_url() RETURNS text
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT replace(p.url, '{room}', gen_random_uuid()::text)
      FROM (SELECT ehr.parameter('meetingUrlTemplate') #>> '{}') AS p (url)
     WHERE p.url ~ '^https?://' AND length(p.url) < 1900
$$;

GRANT EXECUTE ON FUNCTION ehr.meeting_url() TO ehr_app;
