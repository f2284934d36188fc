-- What beds do by themselves: they become free when they have been cleaned,
-- RESERVED when a reservation begins, and go to whoever waits for one.  And
-- how full they were.


-- -- who is told -----------------------------------------------------------

-- One row for one reader; null while nobody signs in for the patient.
CREATE FUNCTION ehr.notify_user(reader uuid, patient uuid, kind text,
    symbol text, ids jsonb) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO ehr.notifications (user_id, patient_id, type, message, data,
            created_by)
    VALUES (reader, patient, kind, symbol, ids, ehr.actor())
$$;

-- Tells a patient: the own account, or else everybody who looks after them.
CREATE OR REPLACE FUNCTION ehr.notify_patient(patient uuid, kind text,
    symbol text, ids jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    readers uuid[];
BEGIN
    readers := ARRAY(
        SELECT p.user_id FROM ehr.patients p
         WHERE p.id = patient AND p.user_id IS NOT NULL);

    IF readers = '{}' THEN
        readers := ARRAY(
            SELECT f.user_id FROM ehr.family_members f
             WHERE f.patient_id = patient AND f.deleted_at IS NULL);
    END IF;

    PERFORM ehr.notify_user(r.id, patient, kind, symbol, ids)
       FROM unnest(CASE readers WHEN '{}' THEN ARRAY[NULL::uuid]
                                ELSE readers END) AS r (id);
END
$$;

-- Tells who answers for an admission: the admitting doctor or, where that one
-- has no account, whoever entered it.
CREATE FUNCTION ehr.notify_admitting(a ehr.admissions, symbol text,
    ids jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    reader uuid := coalesce(
        (SELECT d.user_id FROM ehr.doctors d
          WHERE d.id = a.admitting_doctor_id),
        (SELECT u.id FROM ehr.users u WHERE u.id = a.created_by));
BEGIN
    IF reader IS NOT NULL THEN
        PERFORM ehr.notify_user(reader, a.patient_id, 'GENERAL', symbol,
            jsonb_build_object('admissionId', a.id) || ids);
    END IF;
END
$$;


-- -- offers to who waits ---------------------------------------------------

-- What was offered to whom.
CREATE TABLE ehr.bed_offers (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    admission_id uuid NOT NULL
        CONSTRAINT bed_offers_admission_id_fkey REFERENCES ehr.admissions,
    bed_id uuid NOT NULL
        CONSTRAINT bed_offers_bed_id_fkey REFERENCES ehr.beds,
    at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX bed_offers_admission_id ON ehr.bed_offers (admission_id);
CREATE INDEX bed_offers_bed_id ON ehr.bed_offers (bed_id);
ALTER TABLE ehr.bed_offers ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.bed_offers FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.bed_offers TO ehr_owner
    USING (true) WITH CHECK (true);

-- Reservations go when they end, so this stays small.
CREATE INDEX claims_reservation ON ehr.claims (lower(during))
    WHERE kind = 'reservation';

-- What somebody waits for, from now on.
CREATE FUNCTION ehr.offer_wish(a ehr.admissions) RETURNS ehr.bed_wish
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT ehr.stay_wish(a.id, a.patient_id, clock_timestamp(), NULL,
        a.wanted_hospital_id, a.wanted_ward_id, a.wanted_room_class_id,
        a.wanted_isolation, a.wanted_equipment,
        tstzrange(clock_timestamp(), NULL), true)
$$;

-- The line: emergencies first, then first come first.  Who is expected later
-- is not in it yet.
CREATE VIEW ehr.bed_line AS
    SELECT a.id, row_number() OVER (
               ORDER BY (a.type = 'EMERGENCY') DESC, a.created_at, a.id)
               AS place
      FROM ehr.admissions a
     WHERE a.status = 'WAITING' AND a.offer_expires_at IS NULL
       AND a.deleted_at IS NULL
       AND (a.planned_start IS NULL OR a.planned_start <= clock_timestamp());

-- The beds that somebody was offered and that nobody has used since: they are
-- offered to others.
CREATE FUNCTION ehr.beds_declined(admission uuid) RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(
        SELECT o.bed_id
          FROM ehr.bed_offers o
         WHERE o.admission_id = admission
           AND NOT EXISTS (
               SELECT FROM ehr.bed_status_changes s
                WHERE s.bed_id = o.bed_id AND s.at > o.at
                  AND s.status NOT IN ('AVAILABLE', 'RESERVED')))
$$;

-- Whether a room for one sex, whichever, has a bed that is kept for somebody
-- of another one.
CREATE FUNCTION ehr.is_promised(bed uuid, sex text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM ehr.beds b
          JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
          JOIN ehr.beds o ON o.ward_room_id = r.id AND o.id <> b.id
          JOIN ehr.admissions a ON a.id = o.admission_id
          JOIN ehr.patients p ON p.id = a.patient_id
         WHERE b.id = bed AND r.sex_policy = 'SAME'
           AND o.status = 'RESERVED' AND p.gender <> sex)
$$;

-- One transaction at a time makes offers, or who is first would depend on who
-- commits first.  Nobody waits for that: what others leave the next tick does.
CREATE FUNCTION ehr.offers_begin() RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT pg_try_advisory_xact_lock(4716, 0)
$$;

-- Locks an admission, unless somebody else has it.
CREATE FUNCTION ehr.admission_free(admission uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM ehr.admissions t WHERE t.id = admission
        FOR NO KEY UPDATE SKIP LOCKED;
    RETURN FOUND;
END
$$;

-- Offers a bed to who waits, whose admission the caller has locked, if both
-- are still to be had.  Null: it went wrong, which is nobody's fault who frees
-- a bed.
CREATE FUNCTION ehr.bed_offer_make(admission uuid, bed uuid)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a     ehr.admissions;
    b     ehr.beds;
    wish  ehr.bed_wish;
    clock timestamptz;
    until timestamptz;
BEGIN
    -- In a new snapshot: the caller's is of a time when others had it.
    SELECT t.* INTO a
      FROM ehr.admissions t JOIN ehr.bed_line l ON l.id = t.id
     WHERE t.id = admission;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    wish := ehr.offer_wish(a);
    b := ehr.bed_lock(bed, wish, false);
    IF b.id IS NULL OR ehr.is_promised(bed, wish.sex) THEN
        RETURN false;
    END IF;

    clock := clock_timestamp();
    until := clock + make_interval(mins =>
        greatest(1, ehr.booking_limit('bedOfferMinutes', 30)));
    INSERT INTO ehr.claims (resource, during, kind, ref)
    VALUES (ehr.resource_of('bed', bed), tstzrange(clock, until),
            'reservation', a.id)
    ON CONFLICT ON CONSTRAINT claims_during_excl DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM ehr.bed_reserve_begun(bed);
    UPDATE ehr.admissions t
       SET bed_id = bed, ward_id = ehr.bed_ward(bed),
           offer_expires_at = until
     WHERE t.id = a.id;
    INSERT INTO ehr.bed_offers (admission_id, bed_id, at, expires_at)
    VALUES (a.id, bed, clock, until);
    PERFORM ehr.notify_admitting(a, 'BED_OFFERED',
        jsonb_build_object('bedId', bed));
    RETURN true;
EXCEPTION
    WHEN OTHERS THEN
        RAISE WARNING 'ehr: bed % was not offered to admission %: % %', bed,
            admission, SQLSTATE, SQLERRM;
        RETURN NULL;
END
$$;

-- Offers a bed to the first in line whom it suits.  While that one's record
-- is being changed it waits for the next tick, rather than going to the
-- second.
CREATE FUNCTION ehr.bed_offer(bed uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    first uuid;
BEGIN
    SELECT a.id INTO first
      FROM ehr.bed_line l
      JOIN ehr.admissions a ON a.id = l.id
     CROSS JOIN LATERAL (SELECT ehr.offer_wish(a) AS wish) AS o
      JOIN ehr.beds b ON b.id = bed
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE b.status = 'AVAILABLE' AND ehr.bed_suits(b, r, w, o.wish)
       AND bed <> ALL (ehr.beds_declined(a.id))
       AND NOT ehr.is_promised(bed, (o.wish).sex)
       AND ehr.bed_is_free(bed, r.id, r.sex_policy, o.wish)
     ORDER BY l.place
     LIMIT 1;

    RETURN FOUND AND ehr.admission_free(first)
       AND ehr.bed_offer_make(first, bed);
END
$$;

-- Trigger: a bed that becomes AVAILABLE is reserved if that has begun, or
-- offered.  In this very transaction, which waits for nobody because of it.
CREATE FUNCTION ehr.bed_vacant() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.bed_reserve_begun(NEW.id);

    IF EXISTS (SELECT FROM ehr.bed_line) AND ehr.offers_begin() THEN
        PERFORM ehr.bed_offer(NEW.id);
    END IF;

    RETURN NULL;
END
$$;

CREATE TRIGGER vacant_new AFTER INSERT ON ehr.beds
    FOR EACH ROW WHEN (NEW.status = 'AVAILABLE')
    EXECUTE FUNCTION ehr.bed_vacant();
CREATE TRIGGER vacant AFTER UPDATE ON ehr.beds
    FOR EACH ROW WHEN (NEW.status = 'AVAILABLE'
        AND OLD.status <> 'AVAILABLE' AND NEW.deleted_at IS NULL)
    EXECUTE FUNCTION ehr.bed_vacant();


-- -- the tick --------------------------------------------------------------
--
-- Each step takes what is due and nobody else has locked, `most` at once, and
-- says how many that were; what is left is due a second later.  Nothing here
-- waits for a lock, so that a tick is in nobody's way, and two at once share
-- the work.  In each the order of locks is that of the acts.

-- Gives up what an admission has been promised, and the claim with it: the
-- admission is locked by the caller.  False: its bed is locked by somebody.
CREATE FUNCTION ehr.promise_end(a ehr.admissions) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    PERFORM FROM ehr.beds b WHERE b.id = a.bed_id
        FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    DELETE FROM ehr.claims c
     WHERE c.ref = a.id AND c.kind = 'reservation';
    UPDATE ehr.admissions t
       SET bed_id = NULL, offer_expires_at = NULL,
           ward_id = t.wanted_ward_id,
           status = CASE t.status WHEN 'PLANNED' THEN 'CANCELLED'
                                  ELSE t.status END,
           cancel_reason = CASE t.status WHEN 'PLANNED'
               THEN 'Not admitted by ' || ehr.rfc3339(clock_timestamp()) END
     WHERE t.id = a.id;
    -- Last: whoever is next has it then.
    PERFORM ehr.bed_left(a.bed_id, a.id);
    RETURN true;
END
$$;

-- Who was expected and did not come.
CREATE FUNCTION ehr.plans_lapse(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a ehr.admissions;
    n integer := 0;
BEGIN
    FOR a IN
        SELECT t.* FROM ehr.admissions t
         WHERE t.status = 'PLANNED'
           AND t.planned_start <= clock_timestamp() - make_interval(hours =>
               ehr.booking_limit('plannedAdmissionHours', 24))
         ORDER BY t.planned_start
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n := n + 1;
        IF ehr.promise_end(a) THEN
            PERFORM ehr.notify_admitting(a, 'ADMISSION_LAPSED', '{}');
        END IF;
    END LOOP;

    RETURN n;
END
$$;

-- Offers that nobody took in time.
CREATE FUNCTION ehr.offers_lapse(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a ehr.admissions;
    n integer := 0;
BEGIN
    FOR a IN
        SELECT t.* FROM ehr.admissions t
         WHERE t.status = 'WAITING'
           AND t.offer_expires_at <= clock_timestamp()
         ORDER BY t.offer_expires_at
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n := n + 1;
        IF ehr.promise_end(a) THEN
            PERFORM ehr.notify_admitting(a, 'BED_OFFER_LAPSED',
                jsonb_build_object('bedId', a.bed_id));
        END IF;
    END LOOP;

    RETURN n;
END
$$;

-- Beds whose reservation has come to its end by the clock.
CREATE FUNCTION ehr.reservations_end(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    b ehr.beds;
    n integer := 0;
BEGIN
    FOR b IN
        SELECT t.* FROM ehr.beds t
         WHERE t.status = 'RESERVED' AND t.deleted_at IS NULL
           AND NOT ehr.is_reserved_now(t.id, t.admission_id)
         ORDER BY t.id
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n := n + 1;
        -- In a new snapshot, as in ehr.bed_lock().
        IF NOT ehr.is_reserved_now(b.id, b.admission_id) THEN
            PERFORM ehr.bed_left(b.id, b.admission_id);
        END IF;
    END LOOP;

    RETURN n;
END
$$;

-- Whether a bed is reserved for an admission at this moment.
CREATE FUNCTION ehr.is_reserved_now(bed uuid, admission uuid)
RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM ehr.claims c
          JOIN ehr.resources r ON r.id = c.resource
         WHERE c.ref = admission AND c.kind = 'reservation'
           AND r.kind = 'bed' AND r.entity_id = bed
           AND c.during @> clock_timestamp())
$$;

-- Beds that have been cleaned for long enough, where that is what makes them
-- free.
CREATE FUNCTION ehr.beds_cleaned(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    minutes integer := ehr.booking_limit('bedCleaningMinutes', NULL);
    bed     uuid;
    n       integer := 0;
BEGIN
    IF minutes IS NULL THEN
        RETURN 0;
    END IF;

    FOR bed IN
        SELECT b.id FROM ehr.beds b
         WHERE b.status = 'CLEANING' AND b.deleted_at IS NULL
           AND b.status_since
               <= clock_timestamp() - make_interval(mins => minutes)
         ORDER BY b.status_since, b.id
         LIMIT most
           FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        n := n + 1;
        PERFORM ehr.bed_set(bed, 'AVAILABLE', NULL, NULL, NULL);
    END LOOP;

    RETURN n;
END
$$;

-- Beds whose reservation has begun.
CREATE FUNCTION ehr.reservations_begin(most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    bed uuid;
    n   integer := 0;
BEGIN
    FOR bed IN
        SELECT b.id
          FROM ehr.claims c
          JOIN ehr.resources r ON r.id = c.resource AND r.kind = 'bed'
          JOIN ehr.beds b ON b.id = r.entity_id
         WHERE c.kind = 'reservation' AND lower(c.during) <= clock_timestamp()
           AND c.during @> clock_timestamp() AND b.status = 'AVAILABLE'
         ORDER BY b.id
         LIMIT most
           FOR NO KEY UPDATE OF b SKIP LOCKED
    LOOP
        n := n + 1;
        PERFORM ehr.bed_reserve_begun(bed);
    END LOOP;

    RETURN n;
END
$$;

-- Everybody in line gets the best bed that can be had, one after the other.
-- The bed of who is being changed by somebody else stays for the next tick.
CREATE FUNCTION ehr.beds_offer(most integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a     ehr.admissions;
    wish  ehr.bed_wish;
    bed   uuid;
    tried uuid[];
    kept  uuid[] := '{}';
    here  boolean;
BEGIN
    IF NOT ehr.offers_begin() THEN
        RETURN;
    END IF;

    FOR a IN
        SELECT t.* FROM ehr.bed_line l
          JOIN ehr.admissions t ON t.id = l.id
         ORDER BY l.place
         LIMIT most
    LOOP
        wish := ehr.offer_wish(a);
        tried := ehr.beds_declined(a.id) || kept;
        here := ehr.admission_free(a.id);
        LOOP
            SELECT f.id INTO bed
              FROM ehr.beds_wished(wish, tried, 1) AS f (id);
            EXIT WHEN NOT FOUND;
            tried := tried || bed;
            IF NOT here THEN
                kept := kept || bed;
                EXIT;
            END IF;
            EXIT WHEN ehr.bed_offer_make(a.id, bed) IS DISTINCT FROM false;
        END LOOP;
    END LOOP;
END
$$;

-- Whether somebody in line may have got a chance: something about beds or the
-- line changed in the last seconds, or it is time to look for what neither
-- shows, such as another rule of a room.
CREATE FUNCTION ehr.offers_are_due() RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ehr.bed_line)
       AND (extract(epoch FROM clock_timestamp())::bigint % 15 < 2
            OR EXISTS (SELECT FROM ehr.bed_status_changes s
                        WHERE s.at > clock_timestamp() - interval '10 s')
            OR EXISTS (SELECT FROM ehr.admissions a
                        WHERE a.status = 'WAITING'
                          AND a.updated_at
                              > clock_timestamp() - interval '10 s'))
$$;

-- One round of all steps; true: there is more to do at once.
CREATE FUNCTION ehr.beds_tick() RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most constant integer := 500;
    done integer;
BEGIN
    PERFORM ehr.check_system();

    done := greatest(ehr.plans_lapse(most), ehr.offers_lapse(most),
        ehr.reservations_end(most), ehr.beds_cleaned(most),
        ehr.reservations_begin(most));

    IF ehr.offers_are_due() THEN
        PERFORM ehr.beds_offer(most);
    END IF;

    RETURN done = most;
END
$$;


-- -- which beds a patient could lie in -------------------------------------

-- Whether this patient, whom the actor may see, could lie down there now.
CREATE FUNCTION ehr.bed_is_free_for(bed uuid, patient uuid) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER COST 1000
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    wish ehr.bed_wish;
BEGIN
    SELECT * INTO wish
      FROM ehr.stay_wish(NULL, patient, clock_timestamp(), NULL, NULL, NULL,
          NULL, NULL, NULL, tstzrange(clock_timestamp(), NULL), true);

    RETURN wish.patient_id IS NOT NULL
       AND (ehr.sees_all() OR patient = ANY (ehr.my_patients()))
       AND EXISTS (
           SELECT FROM ehr.beds b
             JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
             JOIN ehr.wards w ON w.id = r.ward_id
            WHERE b.id = bed AND b.status = 'AVAILABLE'
              AND ehr.bed_suits(b, r, w, wish)
              AND ehr.bed_is_free(b.id, r.id, r.sex_policy, wish));
END
$$;


-- -- how full beds were ----------------------------------------------------

CREATE INDEX bed_status_changes_out ON ehr.bed_status_changes (bed_id, at)
    WHERE status = 'OUT_OF_SERVICE';

-- Null where nothing could be occupied.
CREATE FUNCTION ehr.occupancy_ratio(occupied numeric, service numeric)
RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
    SELECT round(occupied / nullif(service, 0), 4)
$$;

-- The zone of the hospital, of the ward's, or of all if they share one.
CREATE FUNCTION ehr.occupancy_zone(hospital uuid, ward uuid) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE count(DISTINCT h.time_zone) WHEN 1 THEN min(h.time_zone)
                                            ELSE 'UTC' END
      FROM ehr.hospitals h
     WHERE h.deleted_at IS NULL
       AND (h.id = hospital OR hospital IS NULL)
       AND (h.id = (SELECT w.hospital_id FROM ehr.wards w
                     WHERE w.id = ward) OR ward IS NULL)
$$;

-- Where one bucket ends and the next begins, both ends of the window included.
-- Hours are real ones, from a full hour of the zone on; days, weeks (from
-- Monday) and months begin at the zone's midnight.
CREATE FUNCTION ehr.occupancy_edges(window_from timestamptz,
    window_to timestamptz, bucket text, zone text) RETURNS timestamptz[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    most constant integer := 1000;
    length interval := ('1 ' || bucket)::interval;
    edges timestamptz[];
BEGIN
    IF extract(epoch FROM window_to - window_from)
       > most * extract(epoch FROM least(length, interval '28 days'))
    THEN
        PERFORM ehr.refuse('EH422', 'too_many_buckets', 'bucket');
    END IF;

    IF bucket = 'hour' THEN
        edges := ARRAY(
            SELECT date_trunc('hour', window_from, zone) + n * length
              FROM generate_series(1, most + 100) AS n);
    ELSE
        edges := ARRAY(
            SELECT ehr.instant((date_trunc(bucket, window_from
                       AT TIME ZONE zone) + n * length)::date, '00:00', zone)
              FROM generate_series(1, most + 100) AS n);
    END IF;

    RETURN ARRAY(
        SELECT window_from
         UNION
        SELECT e.at FROM unnest(edges) AS e (at)
         WHERE e.at > window_from AND e.at < window_to
         UNION
        SELECT window_to
         ORDER BY 1);
END
$$;

-- When each bed was in service and when somebody lay in it, within a window.
-- It is in service from its making, or from the first stay if that was entered
-- later, until it is deleted, without the time OUT_OF_SERVICE in which nobody
-- lay there.  A bed is where it stands now.
CREATE FUNCTION ehr.bed_periods(hospital uuid, ward uuid, room_class uuid,
    seen tstzrange)
RETURNS TABLE (bed uuid, service tstzmultirange, occupied tstzmultirange)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.id,
           (tstzmultirange(tstzrange(
                least(b.created_at, lain.first), b.deleted_at) * seen)
            - coalesce(closed.during, '{}')) + coalesce(lain.during, '{}'),
           coalesce(lain.during, '{}')
      FROM ehr.beds b
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
      JOIN ehr.resources n ON n.kind = 'bed' AND n.entity_id = b.id
     CROSS JOIN LATERAL (
           SELECT range_agg(c.during * seen)
                      FILTER (WHERE c.during && seen) AS during,
                  min(lower(c.during)) AS first
             FROM ehr.claims c
            WHERE c.resource = n.id AND c.seat = 0 AND c.kind = 'admission'
              AND (c.during && seen
                   OR b.created_at > lower(seen) AND c.during << seen)
           ) AS lain
     CROSS JOIN LATERAL (
           SELECT range_agg(tstzrange(s.at, (
                      SELECT min(e.at) FROM ehr.bed_status_changes e
                       WHERE e.bed_id = s.bed_id AND e.at > s.at
                         AND e.status <> 'OUT_OF_SERVICE'))) AS during
             FROM ehr.bed_status_changes s
            WHERE s.bed_id = b.id AND s.status = 'OUT_OF_SERVICE'
              AND s.at < upper(seen)
           ) AS closed
     WHERE (w.hospital_id = hospital OR hospital IS NULL)
       AND (w.id = ward OR ward IS NULL)
       AND (r.room_class_id = room_class OR room_class IS NULL)
$$;

-- Bed-time of each bucket: of what begins in it the rest of it, of what began
-- before all of it; less the same of what ends.  So each period counts twice,
-- however many buckets it spans.
CREATE FUNCTION ehr.occupancy_buckets(hospital uuid, ward uuid,
    room_class uuid, edges timestamptz[])
RETURNS TABLE (starts_at timestamptz, ends_at timestamptz,
    occupied numeric, service numeric)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 100
SET search_path = pg_catalog, pg_temp
SET jit = off AS $$
    WITH beds AS MATERIALIZED (
        SELECT p.service, p.occupied
          FROM ehr.bed_periods(hospital, ward, room_class,
                   tstzrange(edges[1], edges[cardinality(edges)])) AS p
    ), periods AS (
        SELECT true AS lain, u.during
          FROM beds b, unnest(b.occupied) AS u (during)
        UNION ALL
        SELECT false, u.during
          FROM beds b, unnest(b.service) AS u (during)
    ), turns AS (
        SELECT p.lain, t.at, t.sign, width_bucket(t.at, edges) AS n
          FROM periods p
         CROSS JOIN LATERAL (VALUES (lower(p.during), 1),
                                    (upper(p.during), -1)) AS t (at, sign)
    ), sums AS (
        SELECT t.lain, t.n, sum(t.sign) AS more,
               sum(t.sign * extract(epoch FROM edges[t.n + 1] - t.at))
                   AS seconds
          FROM turns t
         WHERE t.n < cardinality(edges)
         GROUP BY t.lain, t.n
    ), buckets AS (
        SELECT g.n, k.lain, coalesce(s.seconds, 0)
               + coalesce(sum(s.more) OVER (PARTITION BY k.lain ORDER BY g.n
                     ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
                 * extract(epoch FROM edges[g.n + 1] - edges[g.n]) AS seconds
          FROM generate_series(1, cardinality(edges) - 1) AS g (n)
         CROSS JOIN (VALUES (true), (false)) AS k (lain)
          LEFT JOIN sums s ON s.n = g.n AND s.lain = k.lain
    )
    SELECT edges[b.n], edges[b.n + 1],
           sum(b.seconds) FILTER (WHERE b.lain),
           sum(b.seconds) FILTER (WHERE NOT b.lain)
      FROM buckets b
     GROUP BY b.n
     ORDER BY b.n
$$;

-- Occupancy over time as JSON.  What is to come is not known: the window ends
-- now at the latest; without `since` it is the last thirty buckets.
CREATE FUNCTION ehr.occupancy(hospital uuid, ward uuid, room_class uuid,
    since timestamptz, until timestamptz, bucket text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    zone  text := ehr.occupancy_zone(hospital, ward);
    ends  timestamptz := least(until, date_trunc('second', now()));
    size  text := coalesce(bucket, 'day');
    begins timestamptz := coalesce(since,
        ends - 30 * ('1 ' || size)::interval);
BEGIN
    IF NOT ehr.actor_may('wards.read') THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    ELSIF until <= since THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'to');
    ELSIF begins >= ends THEN
        PERFORM ehr.refuse('EH422', 'in_the_future', 'from');
    END IF;

    RETURN (
    SELECT json_build_object('from', ehr.rfc3339(begins),
               'to', ehr.rfc3339(ends), 'bucket', size, 'timeZone', zone,
               'occupiedHours', round(sum(o.occupied) / 3600, 4),
               'bedHours', round(sum(o.service) / 3600, 4),
               'occupancy', ehr.occupancy_ratio(sum(o.occupied),
                   sum(o.service)),
               'buckets', json_agg(json_build_object(
                   'start', ehr.rfc3339(o.starts_at),
                   'end', ehr.rfc3339(o.ends_at),
                   'occupiedHours', round(o.occupied / 3600, 4),
                   'bedHours', round(o.service / 3600, 4),
                   'beds', round(o.service / extract(epoch
                       FROM o.ends_at - o.starts_at), 2),
                   'occupancy', ehr.occupancy_ratio(o.occupied, o.service))
                   ORDER BY o.starts_at))
      FROM ehr.occupancy_buckets(hospital, ward, room_class,
               ehr.occupancy_edges(begins, ends, size, zone)) AS o);
END
$$;


-- -- who may call what -----------------------------------------------------

GRANT EXECUTE ON FUNCTION
    ehr.beds_tick(), ehr.bed_is_free_for(uuid, uuid),
    ehr.occupancy(uuid, uuid, uuid, timestamptz, timestamptz, text)
TO ehr_app;
