-- What wards and beds still need: acts that meet do not wait for each other; a
-- reservation promises a bed for somebody of a sex, and who was promised a bed
-- gets it, though another plan follows there; what becomes of offers; where a
-- bed stood.


-- -- acts that meet --------------------------------------------------------

-- As 0014 has it, but for the state that is caught.  One that ends in 000 is a
-- whole class: whoever was refused while being laid down, because the patient
-- lay somewhere by then, was looked for another bed, without end.
CREATE OR REPLACE FUNCTION ehr.bed_try(bed uuid, wish ehr.bed_wish, act text,
    why text, leaves uuid, waits boolean) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b ehr.beds;
BEGIN
    b := ehr.bed_lock(bed, wish, waits);
    IF b.id IS NULL OR NOT ehr.bed_give(b, wish, act, why, leaves) THEN
        RAISE SQLSTATE 'EH001';
    END IF;

    RETURN b;
EXCEPTION
    WHEN SQLSTATE 'EH001' THEN
        RETURN NULL;
END
$$;

-- A stay that has ended says nothing of its bed.  When it goes with its
-- admission the bed is not looked at, nor locked: others lie there, and two
-- who are cancelled after they changed beds would wait for each other.
DROP TRIGGER claims_bed_changed ON ehr.claims;
CREATE CONSTRAINT TRIGGER claims_bed_changed
    AFTER UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_bed();
CREATE CONSTRAINT TRIGGER claims_bed_gone
    AFTER DELETE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.kind = 'reservation'
        OR OLD.kind = 'admission' AND upper_inf(OLD.during))
    EXECUTE FUNCTION ehr.check_bed();


-- -- for whom a bed is claimed ---------------------------------------------

-- Of claims of beds, but for newborns with their mother.  sex: of whom it is
-- for.  same_room: the room, if all who are there at a time are of one sex:
-- those who lie there and those who will.  As with movements, both follow
-- patient and room until the claim has ended.
ALTER TABLE ehr.claims
    ADD sex text,
    ADD same_room uuid,
    ADD CONSTRAINT claims_sex_excl EXCLUDE USING gist (
        same_room WITH =, sex WITH <>, during WITH &&)
        WHERE (same_room IS NOT NULL);

-- Trigger: who writes a claim need not know the room, nor the sex of whom
-- the database knows already.  The room is locked so that its policy stays.
CREATE FUNCTION ehr.claim_for() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    room record;
BEGIN
    SELECT r.id, r.sex_policy INTO room
      FROM ehr.resources n
      JOIN ehr.beds b ON b.id = n.entity_id
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE n.id = NEW.resource AND n.kind = 'bed'
       FOR SHARE OF r;

    NEW.same_room := CASE room.sex_policy WHEN 'SAME' THEN room.id END;
    NEW.sex := coalesce(NEW.sex, (
        SELECT p.gender
          FROM ehr.admissions a JOIN ehr.patients p ON p.id = a.patient_id
         WHERE a.id = NEW.ref));
    RETURN NEW;
END
$$;

CREATE TRIGGER claim_for BEFORE INSERT OR UPDATE OF resource ON ehr.claims
    FOR EACH ROW WHEN (NEW.seat = 0
        AND NEW.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.claim_for();

-- Trigger: when the transaction ends, what claims say is so.
CREATE FUNCTION ehr.check_claim_for() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    c    ehr.claims;
    who  text;
    room record;
BEGIN
    SELECT * INTO c FROM ehr.claims t WHERE t.id = NEW.id;
    IF NOT FOUND OR upper(c.during) <= clock_timestamp() THEN
        RETURN NULL;
    END IF;

    -- Whoever changes the sex of a patient finds a claim that is there, and
    -- then its room, which is locked since it was claimed.
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM ehr.patients p
          WHERE p.id = (SELECT a.patient_id FROM ehr.admissions a
                         WHERE a.id = c.ref)
            FOR SHARE;
    END IF;

    SELECT p.gender INTO who
      FROM ehr.admissions a JOIN ehr.patients p ON p.id = a.patient_id
     WHERE a.id = c.ref;
    SELECT r.id, r.sex_policy INTO room
      FROM ehr.resources n
      JOIN ehr.beds b ON b.id = n.entity_id
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE n.id = c.resource AND n.kind = 'bed';

    IF c.sex IS DISTINCT FROM who
       OR c.same_room IS DISTINCT FROM
          (CASE room.sex_policy WHEN 'SAME' THEN room.id END)
    THEN
        RAISE EXCEPTION 'claim % and its patient or its room differ', c.id
            USING ERRCODE = 'integrity_constraint_violation',
                  CONSTRAINT = TG_NAME;
    END IF;

    RETURN NULL;
END
$$;

-- What was claimed before.  Of two who were promised one room against its
-- policy the earlier plan has it; the later is refused when they come, as
-- until now.
DO $$
DECLARE
    stay record;
BEGIN
    UPDATE ehr.claims c
       SET sex = m.sex, same_room = CASE WHEN m.is_same_sex
               THEN m.ward_room_id END
      FROM ehr.admission_movements m, ehr.resources n
     WHERE c.kind = 'admission' AND c.seat = 0 AND n.id = c.resource
       AND n.kind = 'bed' AND m.admission_id = c.ref AND m.seat = 0
       AND m.during = c.during AND m.cancelled_at IS NULL;

    FOR stay IN
        SELECT c.id, p.gender, CASE r.sex_policy WHEN 'SAME' THEN r.id END
                   AS room
          FROM ehr.claims c
          JOIN ehr.resources n ON n.id = c.resource
          JOIN ehr.beds b ON b.id = n.entity_id
          JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
          JOIN ehr.admissions a ON a.id = c.ref
          JOIN ehr.patients p ON p.id = a.patient_id
         WHERE c.kind = 'reservation'
         ORDER BY c.id
    LOOP
        BEGIN
            UPDATE ehr.claims c SET sex = stay.gender, same_room = stay.room
             WHERE c.id = stay.id;
        EXCEPTION
            WHEN exclusion_violation THEN
                UPDATE ehr.claims c SET sex = stay.gender
                 WHERE c.id = stay.id;
        END;
    END LOOP;
END
$$;

SET CONSTRAINTS ALL IMMEDIATE;

CREATE CONSTRAINT TRIGGER claims_for
    AFTER INSERT OR UPDATE ON ehr.claims DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.seat = 0
        AND NEW.kind IN ('admission', 'reservation'))
    EXECUTE FUNCTION ehr.check_claim_for();

-- Whether a room for one sex has nobody of another, then, in a bed or in
-- prospect.
CREATE OR REPLACE FUNCTION ehr.room_is_free(room uuid, policy text,
    wish ehr.bed_wish) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    RETURN policy <> 'SAME' OR wish.sex IS NULL OR NOT EXISTS (
        SELECT FROM ehr.claims c
         WHERE c.same_room = room AND c.sex <> wish.sex
           AND c.during && wish.during
           AND c.ref IS DISTINCT FROM wish.admission_id);
END
$$;

-- Trigger: a room gets another policy, or another ward, only if that suits
-- those who lie in it, or will.
CREATE OR REPLACE FUNCTION ehr.room_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    forth     tstzrange := tstzrange(clock_timestamp(), NULL);
    same_now  uuid := CASE NEW.sex_policy WHEN 'SAME' THEN NEW.id END;
    resources integer[] := ARRAY(
        SELECT n.id
          FROM ehr.beds b
          JOIN ehr.resources n ON n.kind = 'bed' AND n.entity_id = b.id
         WHERE b.ward_room_id = NEW.id);
BEGIN
    IF NEW.ward_id <> OLD.ward_id
       AND EXISTS (SELECT FROM ehr.beds b
                    WHERE b.ward_room_id = NEW.id AND b.deleted_at IS NULL
                      AND ehr.bed_claimed(b.id) IS NOT NULL)
    THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_taken', 'wardId');
    END IF;

    IF EXISTS (SELECT FROM ehr.claims c
                WHERE c.resource = ANY (resources) AND c.seat = 0
                  AND c.during && forth AND c.sex <> NEW.sex_policy
                  AND NEW.sex_policy IN ('MALE', 'FEMALE'))
    THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'sexPolicy');
    END IF;

    UPDATE ehr.admission_movements m
       SET is_same_sex = (NEW.sex_policy = 'SAME')
     WHERE m.bed_id IN (SELECT b.id FROM ehr.beds b
                         WHERE b.ward_room_id = NEW.id)
       AND m.seat = 0 AND upper_inf(m.during) AND m.cancelled_at IS NULL
       AND m.is_same_sex <> (NEW.sex_policy = 'SAME');
    UPDATE ehr.claims c SET same_room = same_now
     WHERE c.resource = ANY (resources) AND c.seat = 0 AND c.during && forth
       AND c.same_room IS DISTINCT FROM same_now;
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'sexPolicy');
END
$$;

-- Trigger: so does a patient get another sex: the bed, and those that are
-- promised, have to suit, or to be left first.
CREATE OR REPLACE FUNCTION ehr.patient_sex_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    stays uuid[];
    lies  uuid[];
BEGIN
    PERFORM FROM ehr.admissions a
      WHERE a.patient_id = NEW.id AND a.bed_id IS NOT NULL
      ORDER BY a.id
        FOR NO KEY UPDATE;
    SELECT array_agg(a.id), array_agg(a.bed_id) INTO stays, lies
      FROM ehr.admissions a
     WHERE a.patient_id = NEW.id AND a.bed_id IS NOT NULL;
    IF stays IS NULL THEN
        RETURN NULL;
    END IF;

    PERFORM FROM ehr.beds b WHERE b.id = ANY (lies)
      ORDER BY b.id
        FOR NO KEY UPDATE;
    PERFORM ehr.lock_rooms(VARIADIC lies);

    UPDATE ehr.admission_movements m SET sex = NEW.gender
     WHERE m.patient_id = NEW.id AND upper_inf(m.during)
       AND m.cancelled_at IS NULL;
    UPDATE ehr.claims c
       SET sex = NEW.gender, same_room = (
               SELECT r.id
                 FROM ehr.resources n
                 JOIN ehr.beds b ON b.id = n.entity_id
                 JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
                WHERE n.id = c.resource AND r.sex_policy = 'SAME')
     WHERE c.ref = ANY (stays) AND c.sex IS NOT NULL
       AND c.during && tstzrange(clock_timestamp(), NULL);
    PERFORM ehr.check_belongs(r.sex_policy, NULL, NEW.gender, NULL)
       FROM ehr.claims c
       JOIN ehr.resources n ON n.id = c.resource
       JOIN ehr.beds b ON b.id = n.entity_id
       JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      WHERE c.ref = ANY (stays) AND c.sex IS NOT NULL
        AND c.during && tstzrange(clock_timestamp(), NULL);
    UPDATE ehr.beds b SET occupant_sex = NEW.gender
     WHERE b.id = ANY (lies) AND b.admission_id = ANY (stays)
       AND b.status = 'OCCUPIED';
    RETURN NULL;
EXCEPTION
    WHEN exclusion_violation THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'gender');
END
$$;


-- -- the steps of acts -----------------------------------------------------

-- What a refusal tells of a reservation in the way: from when, and whose.
CREATE FUNCTION ehr.reservation_told(c ehr.claims) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT CASE c.kind WHEN 'reservation' THEN jsonb_build_object(
               'reservedFrom', ehr.rfc3339(lower(c.during)),
               'admissionId', c.ref) ELSE '{}' END
$$;

-- Refuses a bed, by what stands against it.
CREATE OR REPLACE FUNCTION ehr.check_bed_for(b ehr.beds, wish ehr.bed_wish)
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    against ehr.claims;
    room    ehr.ward_rooms;
BEGIN
    IF b.status = 'OUT_OF_SERVICE' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_out_of_service', 'bedId');
    ELSIF wish.is_now AND b.status = 'CLEANING' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_being_cleaned', 'bedId');
    ELSIF wish.is_now AND b.status = 'OCCUPIED' THEN
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    SELECT * INTO room FROM ehr.ward_rooms r WHERE r.id = b.ward_room_id;
    PERFORM ehr.check_belongs(room.sex_policy, b.age_group, wish.sex,
        wish.age);

    SELECT c.* INTO against
      FROM ehr.resources n
      JOIN ehr.claims c ON c.resource = n.id
     WHERE n.kind = 'bed' AND n.entity_id = b.id AND c.seat = 0
       AND c.during && wish.during
       AND c.ref IS DISTINCT FROM wish.admission_id
     ORDER BY lower(c.during)
     LIMIT 1;
    IF against.kind = 'reservation' THEN
        PERFORM ehr.refuse_rule('EH409', 'bed_reserved', 'bedId',
            ehr.reservation_told(against));
    ELSIF FOUND THEN
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    SELECT c.* INTO against
      FROM ehr.claims c
     WHERE room.sex_policy = 'SAME' AND c.same_room = room.id
       AND c.sex <> wish.sex AND c.during && wish.during
       AND c.ref IS DISTINCT FROM wish.admission_id
     ORDER BY lower(c.during)
     LIMIT 1;
    IF FOUND THEN
        PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'bedId',
            jsonb_build_object('sexPolicy', room.sex_policy)
            || ehr.reservation_told(against));
    END IF;
END
$$;

-- Lays a patient into a bed that the caller has locked, with its room.  False:
-- the room has, or has promised to, somebody of another sex.
CREATE OR REPLACE FUNCTION ehr.stay_begin(wish ehr.bed_wish, bed uuid,
    seat integer, act text, why text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    place   integer := ehr.resource_of('bed', bed);
    patient integer := ehr.resource_of('patient', wish.patient_id);
    for_sex text := CASE stay_begin.seat WHEN 0 THEN wish.sex END;
    claimed integer[];
BEGIN
    INSERT INTO ehr.admission_movements (admission_id, patient_id, bed_id,
            seat, kind, during, reason)
    VALUES (wish.admission_id, wish.patient_id, bed, stay_begin.seat, act,
            wish.during, why)
    ON CONFLICT ON CONSTRAINT admission_movements_sex_excl DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    WITH made AS (
        INSERT INTO ehr.claims (resource, seat, during, kind, ref, sex)
        SELECT c.resource, c.seat, wish.during, 'admission',
               wish.admission_id, c.sex
          FROM (VALUES (place, stay_begin.seat, for_sex), (patient, 1, NULL))
               AS c (resource, seat, sex)
         ORDER BY c.resource
        ON CONFLICT DO NOTHING
        RETURNING claims.resource
    )
    SELECT array_agg(m.resource) INTO claimed FROM made m;

    IF (patient = ANY (claimed)) IS NOT TRUE THEN
        PERFORM ehr.refuse_rule('EH409', 'patient_in_bed', 'patientId');
    ELSIF cardinality(claimed) < 2 THEN
        wish.bed_id := bed;
        IF ehr.bed_is_unclaimed(bed, wish) THEN
            RETURN false;
        END IF;
        PERFORM ehr.refuse_bed('bed_taken', wish);
    END IF;

    RETURN true;
END
$$;

-- Gives a bed that is locked and free: the patient gives up what the admission
-- has (leaves: the bed of that, or null) and lies down; or it is reserved.
-- False: its room has got somebody of another sex meanwhile.
CREATE OR REPLACE FUNCTION ehr.bed_give(b ehr.beds, wish ehr.bed_wish,
    act text, why text, leaves uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    IF NOT wish.is_now THEN
        PERFORM ehr.lock_rooms(b.id);
        RETURN ehr.bed_reserve(b.id, wish);
    END IF;

    PERFORM FROM ehr.beds t WHERE t.id = leaves FOR NO KEY UPDATE;
    PERFORM ehr.lock_rooms(b.id, leaves);
    PERFORM ehr.stay_end(wish.admission_id, lower(wish.during));
    IF NOT ehr.stay_begin(wish, b.id, 0, act, why) THEN
        RETURN false;
    END IF;

    IF leaves IS DISTINCT FROM b.id THEN
        PERFORM ehr.bed_left(leaves, wish.admission_id);
    END IF;
    PERFORM ehr.bed_set(b.id, 'OCCUPIED', NULL, wish.admission_id, wish.sex);
    RETURN true;
END
$$;

-- Promises a bed that the caller has locked, with its room, for the period of
-- the wish.  False: it, or its room, is another's then.
CREATE FUNCTION ehr.bed_reserve(bed uuid, wish ehr.bed_wish)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    INSERT INTO ehr.claims (resource, during, kind, ref, sex)
    VALUES (ehr.resource_of('bed', bed), wish.during, 'reservation',
            wish.admission_id, wish.sex)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM ehr.bed_reserve_begun(bed);
    RETURN true;
END
$$;

-- Gives the bed that is wished, or the best that is free, first of those that
-- are advised.  Null: none is free, and not only none that nobody else has
-- locked.
CREATE OR REPLACE FUNCTION ehr.stay_place(wish ehr.bed_wish, act text,
    why text, advice uuid[], leaves uuid) RETURNS ehr.beds
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    b        ehr.beds;
    one      uuid;
    tries    uuid[] := coalesce(advice, '{}');
    searched boolean := false;
BEGIN
    IF wish.bed_id IS NOT NULL THEN
        b := ehr.bed_named(wish, leaves);
        IF NOT ehr.bed_give(b, wish, act, why, leaves) THEN
            PERFORM ehr.refuse_rule('EH409', 'room_sex_policy', 'bedId',
                '{"sexPolicy": "SAME"}');
        END IF;
        RETURN b;
    END IF;

    LOOP
        FOREACH one IN ARRAY tries LOOP
            b := ehr.bed_try(one, wish, act, why, leaves, false);
            IF b.id IS NOT NULL THEN
                RETURN b;
            END IF;
        END LOOP;

        -- Others are taking them all, and some may give theirs back.
        IF searched THEN
            b := ehr.bed_try(tries[1], wish, act, why, leaves, true);
            IF b.id IS NOT NULL THEN
                RETURN b;
            END IF;
        END IF;

        tries := ARRAY(SELECT ehr.beds_wished(wish, '{}', 16));
        searched := true;
        IF tries = '{}' THEN
            RETURN NULL;
        END IF;
    END LOOP;
END
$$;


-- -- offers ----------------------------------------------------------------

-- A reservation keeps the others out by itself now.
DROP FUNCTION ehr.is_promised(uuid, text);

-- Locks the room of a bed as ehr.lock_rooms(), unless somebody else has it.
CREATE FUNCTION ehr.room_free(bed uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    room record;
BEGIN
    SELECT r.id, r.sex_policy INTO room
      FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE b.id = bed;

    IF room.sex_policy = 'SAME' THEN
        PERFORM FROM ehr.ward_rooms r WHERE r.id = room.id
            FOR NO KEY UPDATE SKIP LOCKED;
    ELSE
        PERFORM FROM ehr.ward_rooms r WHERE r.id = room.id
            FOR SHARE SKIP LOCKED;
    END IF;
    RETURN FOUND;
END
$$;

-- Locks an admission with its patient, unless somebody else has one of them.
CREATE OR REPLACE FUNCTION ehr.admission_free(admission uuid)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM ehr.patients p
      WHERE p.id = (SELECT t.patient_id FROM ehr.admissions t
                     WHERE t.id = admission)
        FOR SHARE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN false;
    END IF;

    PERFORM FROM ehr.admissions t WHERE t.id = admission
        FOR NO KEY UPDATE SKIP LOCKED;
    RETURN FOUND;
END
$$;

-- Offers a bed to who waits, whose admission the caller has locked, if both
-- are still to be had.  Null: it went wrong, which is nobody's fault who frees
-- a bed.
CREATE OR REPLACE FUNCTION ehr.bed_offer_make(admission uuid, bed uuid)
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
    IF NOT FOUND OR NOT ehr.room_free(bed) THEN
        RETURN false;
    END IF;
    wish := ehr.offer_wish(a);
    b := ehr.bed_lock(bed, wish, false);
    IF b.id IS NULL THEN
        RETURN false;
    END IF;

    clock := clock_timestamp();
    until := clock + make_interval(mins =>
        greatest(1, ehr.booking_limit('bedOfferMinutes', 30)));
    wish.during := tstzrange(clock, until);
    IF NOT ehr.bed_reserve(bed, wish) THEN
        RETURN false;
    END IF;

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
CREATE OR REPLACE FUNCTION ehr.bed_offer(bed uuid) RETURNS boolean
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
       AND ehr.bed_is_free(bed, r.id, r.sex_policy, o.wish)
     ORDER BY l.place
     LIMIT 1;

    RETURN FOUND AND ehr.admission_free(first)
       AND ehr.bed_offer_make(first, bed);
END
$$;


-- -- who was promised a bed, and what is promised after -------------------
--
-- A stay has no end, so a plan that follows in the same bed, or in a room for
-- one sex for somebody of the other, is in the way of whoever is to lie down
-- there.  Who was promised the bed gets it, and the later plan another bed as
-- good, in the same act.  If there is none, the act is refused: the plan
-- stays as it is, and the refusal says whose it is.

-- The admission, locked with the others that are named, and with mothers and
-- newborns who move with them; if the actor may do this to it in this version.
-- What may not be written is not there.
DROP FUNCTION ehr.admission_locked(uuid, integer, text, uuid);
CREATE FUNCTION ehr.admission_locked(admission uuid, wanted integer,
    permission text, VARIADIC others uuid[] DEFAULT '{}')
RETURNS ehr.admissions
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    power  text := ehr.stay_power(permission);
    named  uuid[] := others || admission;
    family uuid[];
    a      ehr.admissions;
BEGIN
    IF power = '' THEN
        PERFORM ehr.refuse('EH403', 'forbidden');
    END IF;

    family := ARRAY(
        SELECT unnest(ARRAY[t.id, t.mother_admission_id])
          FROM ehr.admissions t WHERE t.id = ANY (named)
        UNION
        SELECT n.id FROM ehr.admissions n
         WHERE n.mother_admission_id = ANY (named)
           AND ehr.is_inside(n.status));
    PERFORM FROM ehr.patients p
      WHERE p.id IN (SELECT t.patient_id FROM ehr.admissions t
                      WHERE t.id = ANY (family))
      ORDER BY p.id
        FOR SHARE;
    PERFORM FROM ehr.admissions t WHERE t.id = ANY (family)
      ORDER BY t.mother_admission_id IS NOT NULL, t.id
        FOR NO KEY UPDATE;

    SELECT * INTO a FROM ehr.admissions t
     WHERE t.id = admission AND t.deleted_at IS NULL;
    IF a.id IS NULL OR power = 'team' AND NOT ehr.may_write(a.patient_id)
    THEN
        PERFORM ehr.refuse('EH404', 'not_found');
    END IF;
    IF wanted <> a.version THEN
        PERFORM ehr.refuse('EH412', 'stale_version');
    END IF;

    RETURN a;
END
$$;

-- The plans that begin after what an admission is promised has ended, and are
-- in the way if it stays; the first one first.
CREATE FUNCTION ehr.plans_behind(admission uuid) RETURNS uuid[]
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    own   ehr.claims;
    after tstzrange;
BEGIN
    SELECT c.* INTO own FROM ehr.claims c
     WHERE c.ref = admission AND c.kind = 'reservation'
       AND NOT upper_inf(c.during);
    IF NOT FOUND THEN
        RETURN '{}';
    END IF;

    after := tstzrange(upper(own.during), NULL);
    RETURN ARRAY(
        SELECT f.ref
          FROM (SELECT c.ref, c.during FROM ehr.claims c
                 WHERE c.resource = own.resource AND c.seat = 0
                   AND c.during && after
                UNION
                SELECT c.ref, c.during FROM ehr.claims c
                 WHERE c.same_room = own.same_room AND c.sex <> own.sex
                   AND c.during && after) AS f
          JOIN ehr.admissions a ON a.id = f.ref
         WHERE a.status = 'PLANNED' AND lower(f.during) > clock_timestamp()
         ORDER BY lower(f.during), f.ref);
END
$$;

-- What a plan wants: by its criteria, or else the like of the bed it named.
CREATE FUNCTION ehr.plan_wish(a ehr.admissions) RETURNS ehr.bed_wish
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    wish ehr.bed_wish := ehr.stay_wish(a.id, a.patient_id, a.planned_start,
        NULL, a.wanted_hospital_id, a.wanted_ward_id, a.wanted_room_class_id,
        a.wanted_isolation, a.wanted_equipment,
        tstzrange(a.planned_start, a.planned_end), false);
BEGIN
    IF num_nonnulls(wish.hospital_id, wish.ward_id, wish.room_class_id,
           wish.isolation, wish.equipment) = 0
    THEN
        SELECT r.ward_id, r.room_class_id, b.isolation, b.equipment
          INTO wish.ward_id, wish.room_class_id, wish.isolation,
               wish.equipment
          FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
         WHERE b.id = a.bed_id;
    END IF;

    RETURN wish;
END
$$;

-- Promises a plan, which the caller has locked with its bed, another bed than
-- those that are not to be had.  Nobody is waited for, since the caller has
-- beds in hand.  False: there is none.
CREATE FUNCTION ehr.plan_move(a ehr.admissions, but uuid[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    wish ehr.bed_wish := ehr.plan_wish(a);
    b    ehr.beds;
    one  uuid;
BEGIN
    FOREACH one IN ARRAY ARRAY(SELECT ehr.beds_wished(wish, but, 16)) LOOP
        CONTINUE WHEN NOT ehr.room_free(one);
        b := ehr.bed_try(one, wish, NULL, NULL, NULL, false);
        EXIT WHEN b.id IS NOT NULL;
    END LOOP;
    IF b.id IS NULL THEN
        RETURN false;
    END IF;

    DELETE FROM ehr.claims c
     WHERE c.ref = a.id AND c.kind = 'reservation'
       AND c.resource = ehr.resource_of('bed', a.bed_id);
    UPDATE ehr.admissions t SET bed_id = b.id, ward_id = ehr.bed_ward(b.id)
     WHERE t.id = a.id;
    PERFORM ehr.notify_admitting(a, 'RESERVATION_MOVED',
        jsonb_build_object('bedId', b.id, 'formerBedId', a.bed_id));
    RETURN true;
END
$$;

-- Moves the plans out of the way of an admission that is to lie down in the
-- bed it is promised, as far as they can be and the caller has locked them;
-- what stays refuses the admission.  Beds and the room are locked in their
-- order; what the plans get is only tried.
CREATE FUNCTION ehr.plans_make_way(a ehr.admissions, locked uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    one uuid;
    p   ehr.admissions;
    but uuid[];
BEGIN
    PERFORM FROM ehr.beds b
      WHERE b.id = a.bed_id
         OR b.id IN (SELECT t.bed_id FROM ehr.admissions t
                      WHERE t.id = ANY (locked))
      ORDER BY b.id
        FOR NO KEY UPDATE;
    PERFORM ehr.lock_rooms(a.bed_id);

    FOREACH one IN ARRAY ehr.plans_behind(a.id) LOOP
        CONTINUE WHEN one <> ALL (locked);
        SELECT * INTO p FROM ehr.admissions t WHERE t.id = one;

        -- Not beside somebody of another sex either.
        but := ARRAY(
            SELECT o.id
              FROM ehr.beds b
              JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
              JOIN ehr.beds o ON o.ward_room_id = r.id
             WHERE b.id = a.bed_id
               AND (o.id = b.id OR r.sex_policy = 'SAME' AND EXISTS (
                       SELECT FROM ehr.patients x, ehr.patients y
                        WHERE x.id = a.patient_id AND y.id = p.patient_id
                          AND x.gender <> y.gender)));
        EXIT WHEN NOT ehr.plan_move(p, but);
    END LOOP;
END
$$;

-- Makes a plan or a wait an admission: in the bed that is named, or searched
-- for, or else the one reserved or offered, or else by what was wanted.
CREATE OR REPLACE FUNCTION ehr.admission_admit(id uuid, version integer,
    bed uuid, hospital uuid, ward uuid, room_class uuid, isolation boolean,
    equipment text[], admitted timestamptz, reason text, advice uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    behind uuid[] := ehr.plans_behind(id);
    a      ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write', VARIADIC behind);
    at     timestamptz;
    wish   ehr.bed_wish;
    b      ehr.beds;
BEGIN
    IF a.status NOT IN ('PLANNED', 'WAITING') THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    END IF;

    at := ehr.stay_moment(admitted, NULL, 'admittedAt');
    wish := ehr.stay_wish(a.id, a.patient_id, at, bed, hospital, ward,
        room_class, isolation, equipment, tstzrange(at, NULL), true);
    IF num_nonnulls(bed, hospital, ward, room_class, isolation, equipment)
       = 0
    THEN
        wish := CASE WHEN a.bed_id IS NOT NULL
            THEN ehr.stay_wish(a.id, a.patient_id, at, a.bed_id, NULL, NULL,
                NULL, NULL, NULL, wish.during, true)
            ELSE ehr.stay_wish(a.id, a.patient_id, at, NULL,
                a.wanted_hospital_id, a.wanted_ward_id,
                a.wanted_room_class_id, a.wanted_isolation,
                a.wanted_equipment, wish.during, true) END;
    END IF;
    PERFORM ehr.check_wish(wish);
    PERFORM ehr.check_not_in_bed(wish);

    IF behind <> '{}' AND wish.bed_id = a.bed_id THEN
        PERFORM ehr.plans_make_way(a, behind);
    END IF;
    b := ehr.stay_place(wish, 'ADMIT', reason, advice, a.bed_id);
    IF b.id IS NULL THEN
        PERFORM ehr.refuse_bed('no_bed_free', wish);
    END IF;

    UPDATE ehr.admissions t
       SET status = 'ADMITTED', bed_id = b.id, ward_id = ehr.bed_ward(b.id),
           admitted_at = at, offer_expires_at = NULL
     WHERE t.id = a.id;
END
$$;


-- -- a transfer that leads nowhere ----------------------------------------

-- What of that kind is free next: what is being cleaned, then by expected
-- discharge; not the bed of who asks.
CREATE OR REPLACE FUNCTION ehr.beds_expected(wish ehr.bed_wish, most integer)
RETURNS TABLE (bed_id uuid, ward_id uuid, expected_at timestamptz,
    status text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 5
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
#variable_conflict use_column
DECLARE
    cleaning interval := make_interval(mins => nullif(
        ehr.booking_limit('bedCleaningMinutes', 0), 0));
    found_so_far integer;
BEGIN
    RETURN QUERY
    SELECT b.id, r.ward_id, b.status_since + cleaning, b.status
      FROM ehr.beds b
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE b.status = 'CLEANING' AND b.deleted_at IS NULL
       AND ehr.bed_suits(b, r, w, wish)
     ORDER BY b.status_since, b.id
     LIMIT most;
    GET DIAGNOSTICS found_so_far = ROW_COUNT;

    RETURN QUERY
    SELECT b.id, r.ward_id, a.expected_discharge_at, b.status
      FROM ehr.admissions a
      JOIN ehr.beds b ON b.id = a.bed_id AND b.admission_id = a.id
      JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
      JOIN ehr.wards w ON w.id = r.ward_id
     WHERE a.status IN ('ADMITTED', 'ON_LEAVE')
       AND b.status = 'OCCUPIED' AND ehr.bed_suits(b, r, w, wish)
       AND a.id IS DISTINCT FROM wish.admission_id
     ORDER BY a.expected_discharge_at, a.id
     LIMIT most - found_so_far;
END
$$;

-- Whether a bed is the only one of the kind that is wished.
CREATE FUNCTION ehr.bed_is_the_only(bed uuid, wish ehr.bed_wish)
RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(f.id) = ARRAY[bed], false)
      FROM (SELECT b.id
              FROM ehr.beds b
              JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
              JOIN ehr.wards w ON w.id = r.ward_id
             WHERE b.deleted_at IS NULL AND ehr.bed_suits(b, r, w, wish)
             LIMIT 2) AS f
$$;

-- Moves a patient to another bed, and newborns along; a newborn into its
-- mother's bed if that is named.
CREATE OR REPLACE FUNCTION ehr.admission_transfer(id uuid, version integer,
    bed uuid, hospital uuid, ward uuid, room_class uuid, isolation boolean,
    equipment text[], at timestamptz, reason text, advice uuid[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a        ehr.admissions := ehr.admission_locked(id, version,
        'admissions.write');
    newborns uuid[] := ehr.newborns_in_bed(id);
    moment   timestamptz;
    wish     ehr.bed_wish;
    b        ehr.beds;
    mothers  uuid;
BEGIN
    IF NOT ehr.is_inside(a.status) THEN
        PERFORM ehr.refuse_rule('EH409', 'illegal_status', 'status');
    ELSIF bed = a.bed_id THEN
        PERFORM ehr.refuse_rule('EH409', 'same_bed', 'bedId');
    END IF;

    moment := ehr.stay_moment(at, ehr.last_movement(VARIADIC
        newborns || a.id), 'at');
    wish := ehr.stay_wish(a.id, a.patient_id, a.admitted_at, bed, hospital,
        ward, room_class, isolation, equipment, tstzrange(moment, NULL),
        true);
    PERFORM ehr.check_wish(wish);

    SELECT m.bed_id INTO mothers FROM ehr.admissions m
     WHERE m.id = a.mother_admission_id AND ehr.is_inside(m.status);
    IF bed = mothers THEN
        b := ehr.stay_join_mother(wish, a, moment, reason);
    ELSE
        b := ehr.stay_place(wish, 'TRANSFER', reason, advice, a.bed_id);
        IF b.id IS NULL THEN
            IF ehr.bed_is_the_only(a.bed_id, wish) THEN
                PERFORM ehr.refuse_rule('EH409', 'same_bed', '');
            END IF;
            PERFORM ehr.refuse_bed('no_bed_free', wish);
        END IF;
        PERFORM ehr.newborns_follow(newborns, b.id, ehr.bed_ward(b.id),
            moment, 'TRANSFER', reason);
    END IF;

    UPDATE ehr.admissions t
       SET bed_id = b.id, ward_id = ehr.bed_ward(b.id)
     WHERE t.id = a.id;
END
$$;


-- -- what became of offers -------------------------------------------------

-- outcome: null while it is open.  told: how much of it has been counted, 1 if
-- that it was made, 2 if also how it ended.
ALTER TABLE ehr.bed_offers
    ADD outcome text
        CONSTRAINT bed_offers_outcome_check
            CHECK (outcome IN ('TAKEN', 'PASSED', 'EXPIRED')),
    ADD told smallint NOT NULL DEFAULT 0
        CONSTRAINT bed_offers_told_check CHECK (told BETWEEN 0 AND 2);

-- How the old ones ended nobody wrote down.
UPDATE ehr.bed_offers SET told = 2;

CREATE INDEX bed_offers_told ON ehr.bed_offers (id)
    WHERE told = 0 OR told = 1 AND outcome IS NOT NULL;
CREATE INDEX bed_offers_open ON ehr.bed_offers (admission_id)
    WHERE outcome IS NULL;

-- Trigger: who was offered a bed is not any more.
CREATE FUNCTION ehr.bed_offer_over() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE ehr.bed_offers o
       SET outcome = CASE
               WHEN NEW.bed_id = OLD.bed_id THEN 'TAKEN'
               WHEN NEW.status = 'WAITING' THEN 'EXPIRED'
               ELSE 'PASSED' END
     WHERE o.admission_id = NEW.id AND o.outcome IS NULL;
    RETURN NULL;
END
$$;

CREATE TRIGGER offer_over AFTER UPDATE ON ehr.admissions
    FOR EACH ROW WHEN (OLD.offer_expires_at IS NOT NULL
        AND NEW.offer_expires_at IS NULL)
    EXECUTE FUNCTION ehr.bed_offer_over();

-- What of offers nobody has counted yet, at most 500; from now on it is.
CREATE FUNCTION ehr.bed_offers_told(OUT made bigint, OUT taken bigint,
    OUT passed bigint, OUT expired bigint)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
BEGIN
    PERFORM ehr.check_system();

    WITH news AS (
        SELECT o.id, o.told FROM ehr.bed_offers o
         WHERE o.told = 0 OR o.told = 1 AND o.outcome IS NOT NULL
         LIMIT 500
           FOR NO KEY UPDATE SKIP LOCKED
    ), now_told AS (
        UPDATE ehr.bed_offers o
           SET told = CASE WHEN o.outcome IS NULL THEN 1 ELSE 2 END
          FROM news n
         WHERE o.id = n.id
        RETURNING n.told = 0 AS is_new, o.outcome
    )
    SELECT count(*) FILTER (WHERE t.is_new),
           count(*) FILTER (WHERE t.outcome = 'TAKEN'),
           count(*) FILTER (WHERE t.outcome = 'PASSED'),
           count(*) FILTER (WHERE t.outcome = 'EXPIRED')
      INTO made, taken, passed, expired
      FROM now_told t;
END
$$;

GRANT EXECUTE ON FUNCTION ehr.bed_offers_told() TO ehr_app;


-- -- where a bed stood -----------------------------------------------------

-- One row a place, without gaps; the first one since ever, since stays may be
-- entered that are older than the bed's record, the last one open.  Ward and
-- class are what the room's were.  Triggers write it.
CREATE TABLE ehr.bed_places (
    id uuid PRIMARY KEY DEFAULT ehr.time_uuid(),
    bed_id uuid NOT NULL
        CONSTRAINT bed_places_bed_id_fkey REFERENCES ehr.beds,
    ward_room_id uuid NOT NULL,
    ward_id uuid NOT NULL,
    room_class_id uuid NOT NULL,
    during tstzrange NOT NULL
        CONSTRAINT bed_places_during_check
            CHECK (NOT isempty(during) AND NOT upper_inc(during)),
    CONSTRAINT bed_places_during_excl EXCLUDE USING gist (
        bed_id WITH =, during WITH &&)
);

CREATE INDEX bed_places_ward_id ON ehr.bed_places (ward_id);
ALTER TABLE ehr.bed_places ENABLE ROW LEVEL SECURITY;
ALTER TABLE ehr.bed_places FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON ehr.bed_places TO ehr_owner
    USING (true) WITH CHECK (true);

-- What the audit log tells of the past, from now backwards: a bed, or a room
-- with its beds, stood elsewhere before each of these changes.
DO $$
DECLARE
    moved record;
    -- For the places that begin the history as far as it is known.
    since constant tstzrange := tstzrange(NULL, NULL);
BEGIN
    CREATE TABLE ehr.rooms_then AS
        SELECT r.id, r.ward_id, r.room_class_id FROM ehr.ward_rooms r;
    INSERT INTO ehr.bed_places (bed_id, ward_room_id, ward_id, room_class_id,
            during)
    SELECT b.id, r.id, r.ward_id, r.room_class_id, since
      FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id;

    FOR moved IN
        SELECT l.entity, l.entity_id, l.before, l.created_at AS at
          FROM ehr.audit_log l
         WHERE l.action = 'UPDATE'
           AND (l.entity = 'beds' AND l.before ? 'ward_room_id'
                OR l.entity = 'ward_rooms'
                   AND l.before ?| ARRAY['ward_id', 'room_class_id'])
         ORDER BY l.created_at DESC, l.seq DESC
    LOOP
        IF moved.entity = 'ward_rooms' THEN
            UPDATE ehr.rooms_then r
               SET ward_id = coalesce((moved.before ->> 'ward_id')::uuid,
                       r.ward_id),
                   room_class_id = coalesce(
                       (moved.before ->> 'room_class_id')::uuid,
                       r.room_class_id)
             WHERE r.id = moved.entity_id;
        END IF;

        WITH later AS (
            UPDATE ehr.bed_places p SET during = p.during - tstzrange(NULL,
                       moved.at)
             WHERE lower_inf(p.during) AND p.during @> moved.at
               AND CASE moved.entity WHEN 'beds'
                   THEN p.bed_id = moved.entity_id
                   ELSE p.ward_room_id = moved.entity_id END
            RETURNING p.bed_id, p.ward_room_id
        )
        INSERT INTO ehr.bed_places (bed_id, ward_room_id, ward_id,
                room_class_id, during)
        SELECT l.bed_id, r.id, r.ward_id, r.room_class_id,
               tstzrange(NULL, moved.at)
          FROM later l
          JOIN ehr.rooms_then r ON r.id = CASE moved.entity WHEN 'beds'
               THEN (moved.before ->> 'ward_room_id')::uuid
               ELSE l.ward_room_id END;
    END LOOP;

    DROP TABLE ehr.rooms_then;
END
$$;

-- History is not rewritten: a place only ends.
CREATE FUNCTION ehr.bed_place_kept() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE'
       AND to_jsonb(NEW) - 'during' = to_jsonb(OLD) - 'during'
       AND upper_inf(OLD.during) AND NOT upper_inf(NEW.during)
       AND lower(NEW.during) IS NOT DISTINCT FROM lower(OLD.during)
    THEN
        RETURN NEW;
    END IF;

    RAISE EXCEPTION 'a place only ends' USING ERRCODE = 'EH403';
END
$$;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON ehr.bed_places
    FOR EACH ROW EXECUTE FUNCTION ehr.bed_place_kept();
CREATE TRIGGER append_only BEFORE TRUNCATE ON ehr.bed_places
    FOR EACH STATEMENT EXECUTE FUNCTION ehr.audit_is_append_only();

-- Triggers: a bed stands where it is now, from now on.
CREATE FUNCTION ehr.bed_placed(bed uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    since timestamptz;
BEGIN
    UPDATE ehr.bed_places p
       SET during = tstzrange(lower(p.during), greatest(clock_timestamp(),
               lower(p.during) + interval '1 microsecond'))
     WHERE p.bed_id = bed AND upper_inf(p.during)
    RETURNING upper(p.during) INTO since;

    INSERT INTO ehr.bed_places (bed_id, ward_room_id, ward_id, room_class_id,
            during)
    SELECT b.id, r.id, r.ward_id, r.room_class_id, tstzrange(since, NULL)
      FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
     WHERE b.id = bed;
END
$$;

CREATE FUNCTION ehr.bed_stands() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.bed_placed(NEW.id);
    RETURN NULL;
END
$$;

CREATE TRIGGER stands_new AFTER INSERT ON ehr.beds
    FOR EACH ROW EXECUTE FUNCTION ehr.bed_stands();
CREATE TRIGGER stands AFTER UPDATE ON ehr.beds
    FOR EACH ROW WHEN (NEW.ward_room_id <> OLD.ward_room_id)
    EXECUTE FUNCTION ehr.bed_stands();

CREATE FUNCTION ehr.room_stands() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.bed_placed(b.id)
       FROM ehr.beds b WHERE b.ward_room_id = NEW.id
      ORDER BY b.id;
    RETURN NULL;
END
$$;

CREATE TRIGGER stands AFTER UPDATE ON ehr.ward_rooms
    FOR EACH ROW WHEN (NEW.ward_id <> OLD.ward_id
        OR NEW.room_class_id <> OLD.room_class_id)
    EXECUTE FUNCTION ehr.room_stands();

-- When each bed was in service and when somebody lay in it, within a window,
-- as far as it stood in a ward, class and hospital.  It is in service from its
-- making, or from the first stay if that was entered later, until it is
-- deleted, without the time OUT_OF_SERVICE in which nobody lay there.  One row
-- a place.
CREATE OR REPLACE FUNCTION ehr.bed_periods(hospital uuid, ward uuid,
    room_class uuid, seen tstzrange)
RETURNS TABLE (bed uuid, service tstzmultirange, occupied tstzmultirange)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1000
SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.id,
           (tstzmultirange(tstzrange(
                least(b.created_at, lain.first), b.deleted_at) * h.here)
            - coalesce(closed.during, '{}')) + coalesce(lain.during, '{}'),
           coalesce(lain.during, '{}')
      FROM ehr.bed_places p
      JOIN ehr.beds b ON b.id = p.bed_id
      JOIN ehr.wards w ON w.id = p.ward_id
      JOIN ehr.resources n ON n.kind = 'bed' AND n.entity_id = b.id
     CROSS JOIN LATERAL (SELECT p.during * seen AS here) AS h
     CROSS JOIN LATERAL (
           SELECT range_agg(c.during * h.here)
                      FILTER (WHERE c.during && h.here) AS during,
                  min(lower(c.during)) AS first
             FROM ehr.claims c
            WHERE c.resource = n.id AND c.seat = 0 AND c.kind = 'admission'
              AND (c.during && h.here
                   OR b.created_at > lower(h.here) AND c.during << h.here)
           ) AS lain
     CROSS JOIN LATERAL (
           SELECT range_agg(tstzrange(s.at, (
                      SELECT min(e.at) FROM ehr.bed_status_changes e
                       WHERE e.bed_id = s.bed_id AND e.at > s.at
                         AND e.status <> 'OUT_OF_SERVICE'))) AS during
             FROM ehr.bed_status_changes s
            WHERE s.bed_id = b.id AND s.status = 'OUT_OF_SERVICE'
              AND s.at < upper(h.here)
           ) AS closed
     WHERE p.during && seen
       AND (w.hospital_id = hospital OR hospital IS NULL)
       AND (p.ward_id = ward OR ward IS NULL)
       AND (p.room_class_id = room_class OR room_class IS NULL)
$$;
