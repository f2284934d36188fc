-- Appointments as calendars show them, and the feeds that calendars read.

-- What an event says: enough to be there in time, nothing of why.  Neither
-- reason nor type of the visit, specialty or department is here.
CREATE VIEW ehr.calendar_events WITH (security_invoker = true) AS
    SELECT a.id, a.patient_id, a.doctor_id, a.starts_at, a.version,
           extract(epoch FROM a.starts_at)::bigint AS starts,
           extract(epoch FROM a.ends_at)::bigint AS ends,
           extract(epoch FROM a.updated_at)::bigint AS changed,
           a.status = 'CANCELLED' AS cancelled,
           d.first_name || ' ' || d.last_name AS doctor,
           CASE WHEN a.is_virtual THEN a.meeting_url
                ELSE concat_ws(', ', coalesce(r.name, r.room_number), c.name,
                               p.address)
           END AS location,
           CASE WHEN a.is_virtual THEN a.meeting_url END AS url,
           CASE WHEN NOT a.is_virtual THEN concat_ws(', ', c.name, p.address)
           END AS place,
           coalesce(c.id, d.id) AS organizer_id,
           coalesce(c.name, d.first_name || ' ' || d.last_name) AS organizer
      FROM ehr.appointments a
      LEFT JOIN ehr.doctors d ON d.id = a.doctor_id
      LEFT JOIN ehr.clinics c ON c.id = a.clinic_id
      LEFT JOIN ehr.rooms r ON r.id = a.room_id
     CROSS JOIN LATERAL (
         SELECT nullif(concat_ws(', ', c.address,
                    nullif(concat_ws(' ', c.postal_code, c.city), '')), ''))
           AS p (address)
     WHERE a.deleted_at IS NULL;

GRANT SELECT ON ehr.calendar_events TO ehr_app;


-- A feed is an address that is a key: who has it reads the calendar.  Only a
-- hash of the key is kept, so it can be shown once.  A feed is a doctor's
-- calendar, or without doctor_id that of the account's own patient and linked
-- family.  Deleting it ends it.
CREATE TABLE ehr.calendar_feeds (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id    uuid NOT NULL
               CONSTRAINT calendar_feeds_user_id_fkey REFERENCES ehr.users,
    doctor_id  uuid
               CONSTRAINT calendar_feeds_doctor_id_fkey
               REFERENCES ehr.doctors,
    name       text
               CONSTRAINT calendar_feeds_name_check
               CHECK (char_length(name) BETWEEN 1 AND 100),
    token_hash bytea NOT NULL
               CONSTRAINT calendar_feeds_token_hash_key UNIQUE
               CONSTRAINT calendar_feeds_token_hash_check
               CHECK (octet_length(token_hash) = 32),
    version    integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid,
    updated_by uuid,
    deleted_at timestamptz
);

CREATE INDEX calendar_feeds_user_id ON ehr.calendar_feeds (user_id)
    WHERE deleted_at IS NULL;
CREATE INDEX calendar_feeds_doctor_id ON ehr.calendar_feeds (doctor_id)
    WHERE deleted_at IS NULL;

-- A doctor sees, and may end, every feed of the own calendar.  What is ended
-- stays so.
CALL ehr.install_record('ehr.calendar_feeds', 'custom');
CREATE POLICY reads ON ehr.calendar_feeds FOR SELECT TO ehr_app
    USING (user_id = (SELECT ehr.actor())
           OR doctor_id = (SELECT ehr.my_doctor()));
CREATE POLICY updates ON ehr.calendar_feeds FOR UPDATE TO ehr_app
    USING (deleted_at IS NULL
           AND (user_id = (SELECT ehr.actor())
                OR doctor_id = (SELECT ehr.my_doctor())))
    WITH CHECK (true);
REVOKE INSERT, UPDATE ON ehr.calendar_feeds FROM ehr_app;
GRANT UPDATE (deleted_at) ON ehr.calendar_feeds TO ehr_app;


-- Whether an account with these permissions may have a feed of this doctor's
-- calendar, or with null of the own one.
CREATE FUNCTION ehr.calendar_feed_allowed(who uuid, permissions text[],
    doctor uuid) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT 'appointments.read' = ANY (permissions)
       AND CASE WHEN doctor IS NULL THEN true
                ELSE EXISTS (
                    SELECT FROM ehr.doctors d
                     WHERE d.id = doctor AND d.deleted_at IS NULL
                       AND (d.user_id = who
                            OR permissions @> '{appointments.write,
                                patients.all,patients.write-all}'))
           END
$$;

-- Makes a feed of the actor.  Without a doctor's id it is the calendar of the
-- doctor who asks, or else of the actor as a patient; a portal token is always
-- a patient's.  Answers the configured publicUrl, or null.
CREATE FUNCTION ehr.calendar_feed_create(feed uuid, hash bytea, doctor uuid,
    title text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF doctor IS NULL AND ehr.scope() <> 'own' THEN
        doctor := ehr.my_doctor();
        IF doctor IS NULL THEN
            PERFORM ehr.refuse('EH422', 'field_required', 'doctorId');
        END IF;
    END IF;

    IF doctor IS NOT NULL
       AND NOT EXISTS (SELECT FROM ehr.doctors d
                        WHERE d.id = doctor AND d.deleted_at IS NULL)
    THEN
        PERFORM ehr.refuse('EH422', 'reference_unknown', 'doctorId');
    END IF;

    IF ehr.scope() = 'own' AND doctor IS NOT NULL
       OR NOT ehr.calendar_feed_allowed(ehr.actor(), ehr.my_permissions(),
                                        doctor)
    THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    -- Counting and adding is one act for each account.
    PERFORM FROM ehr.users WHERE id = ehr.actor() FOR NO KEY UPDATE;

    IF (SELECT count(*) FROM ehr.calendar_feeds f
         WHERE f.user_id = ehr.actor() AND f.deleted_at IS NULL) >= 10
    THEN
        PERFORM ehr.refuse('EH409', 'too_many_feeds');
    END IF;

    INSERT INTO ehr.calendar_feeds (id, user_id, doctor_id, name, token_hash)
    VALUES (feed, ehr.actor(), doctor, title, hash);

    RETURN rtrim(ehr.parameter('publicUrl') #>> '{}', '/');
END
$$;

-- The feed with this key, while its account may have it; no row otherwise.
CREATE FUNCTION ehr.calendar_feed_of(hash bytea)
RETURNS SETOF ehr.calendar_feeds
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.*
      FROM ehr.calendar_feeds f
      JOIN ehr.users u ON u.id = f.user_id
     WHERE f.token_hash = hash AND f.deleted_at IS NULL
       AND u.status = 'ACTIVE' AND u.deleted_at IS NULL
       AND ehr.calendar_feed_allowed(u.id, ehr.permissions_of(u.roles),
                                     f.doctor_id)
$$;

-- The events of a feed, thirty days back and a year ahead.  who: the doctor of
-- a patient's event, with the initials of a family member; of a doctor's
-- event the patient, as calendarFeedDetail says.
CREATE FUNCTION ehr.calendar_feed_events(feed ehr.calendar_feeds)
RETURNS TABLE (id uuid, patient_id uuid, starts bigint, ends bigint,
    changed bigint, version integer, cancelled boolean, who text,
    location text, url text, organizer_id uuid, organizer text)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    detail text := ehr.calendar_feed_detail();
    mine   uuid[];
BEGIN
    IF feed.doctor_id IS NULL THEN
        mine := ARRAY(
            SELECT o.id FROM ehr.patients o
             WHERE o.user_id = feed.user_id AND o.deleted_at IS NULL
             UNION ALL
            SELECT m.patient_id
              FROM ehr.family_members m
              JOIN ehr.patients o ON o.id = m.patient_id
             WHERE m.user_id = feed.user_id AND m.deleted_at IS NULL
               AND o.deleted_at IS NULL);
    END IF;

    RETURN QUERY
    SELECT e.id, e.patient_id, e.starts, e.ends, e.changed, e.version,
           e.cancelled,
           CASE WHEN feed.doctor_id IS NOT NULL THEN
                    coalesce(l.label, '')
                WHEN p.user_id = feed.user_id OR l.label IS NULL THEN e.doctor
                ELSE e.doctor || ' (' || l.label || ')' END,
           e.location, e.url, e.organizer_id, e.organizer
      FROM (SELECT a.id
              FROM ehr.appointments a
             WHERE a.doctor_id = feed.doctor_id
               AND a.starts_at >= now() - interval '30 days'
               AND a.starts_at < now() + interval '365 days'
             UNION ALL
            SELECT a.id
              FROM ehr.appointments a
             WHERE feed.doctor_id IS NULL AND a.patient_id = ANY (mine)
               AND a.starts_at >= now() - interval '30 days'
               AND a.starts_at < now() + interval '365 days') AS k
      JOIN ehr.calendar_events e ON e.id = k.id
      JOIN ehr.patients p ON p.id = e.patient_id
     CROSS JOIN LATERAL (SELECT CASE detail
               WHEN 'NAME' THEN p.first_name || ' ' || p.last_name
               WHEN 'INITIALS' THEN left(p.first_name, 1) || '. '
                                    || left(p.last_name, 1) || '.'
           END) AS l (label);
END
$$;

-- How much of a patient a doctor's feed shows: NONE, INITIALS or NAME.
CREATE FUNCTION ehr.calendar_feed_detail() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce((
        SELECT p.value #>> '{}' FROM ehr.parameter('calendarFeedDetail')
            AS p (value)
         WHERE p.value #>> '{}' IN ('NONE', 'INITIALS', 'NAME')),
        'INITIALS')
$$;

-- What the feed's answer needs beside its events.  etag: of all that the
-- calendar says.  named: whether it names patients.
CREATE FUNCTION ehr.calendar_feed_open(hash bytea)
RETURNS TABLE (id uuid, user_id uuid, patient_id uuid, doctor boolean,
    named boolean, name text, language text, etag text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT f.id, f.user_id, p.id, f.doctor_id IS NOT NULL,
           f.doctor_id IS NOT NULL AND ehr.calendar_feed_detail() = 'NAME',
           f.name, u.language,
           left(encode(sha256(convert_to(
               jsonb_build_array(f.doctor_id, f.name, u.language,
                   (SELECT jsonb_agg(e ORDER BY e.id)
                      FROM ehr.calendar_feed_events(f) AS e))::text,
               'UTF8')), 'hex'), 32)
      FROM ehr.calendar_feed_of(hash) AS f
      JOIN ehr.users u ON u.id = f.user_id
      LEFT JOIN ehr.patients p ON p.user_id = u.id AND p.deleted_at IS NULL
                              AND f.doctor_id IS NULL
     LIMIT 1
$$;

-- The next events by id, `most` at a time.
CREATE FUNCTION ehr.calendar_feed_page(hash bytea, after uuid, most integer)
RETURNS TABLE (id uuid, patient_id uuid, starts bigint, ends bigint,
    changed bigint, version integer, cancelled boolean, who text,
    location text, url text, organizer_id uuid, organizer text)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.*
      FROM ehr.calendar_feed_of(hash) AS f
     CROSS JOIN LATERAL ehr.calendar_feed_events(f) AS e
     WHERE e.id > after
     ORDER BY e.id
     LIMIT most
$$;

GRANT EXECUTE ON FUNCTION
    ehr.calendar_feed_create(uuid, bytea, uuid, text),
    ehr.calendar_feed_open(bytea),
    ehr.calendar_feed_page(bytea, uuid, integer)
TO ehr_app;
