-- Offers of beds stay in the order of the line, also when beds come free while
-- a round goes through it.


-- As in 0015; but a bed that somebody finds after others have gone without is
-- the first's whom it suits, for it may have come free since they were looked
-- after.
CREATE OR REPLACE FUNCTION ehr.beds_offer(most integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off AS $$
DECLARE
    a       ehr.admissions;
    wish    ehr.bed_wish;
    bed     uuid;
    tried   uuid[];
    kept    uuid[] := '{}';
    here    boolean;
    without boolean := false;
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
            IF NOT FOUND THEN
                without := true;
                EXIT;
            END IF;
            tried := tried || bed;
            IF NOT here THEN
                kept := kept || bed;
                EXIT;
            END IF;
            IF without THEN
                EXIT WHEN ehr.bed_offer(bed) IS NULL OR ehr.has_offer(a.id);
            ELSE
                EXIT WHEN ehr.bed_offer_make(a.id, bed)
                          IS DISTINCT FROM false;
            END IF;
        END LOOP;
    END LOOP;
END
$$;

-- Whether somebody in line was offered a bed by now.
CREATE FUNCTION ehr.has_offer(admission uuid) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM ehr.admissions a
                    WHERE a.id = admission AND a.offer_expires_at IS NOT NULL)
$$;
