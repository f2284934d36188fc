-- Weekly hours without a first day begin today at their clinic: in UTC it is
-- tomorrow already in the evening of America, and that evening had none.

ALTER TABLE ehr.doctor_schedules ALTER COLUMN valid_from DROP DEFAULT;

-- As in 0008, and says from when.
CREATE OR REPLACE FUNCTION ehr.doctor_schedule_rules() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Without a clinic there is a refusal of its own.
    IF NEW.valid_from IS NULL THEN
        NEW.valid_from := coalesce(
            (SELECT (now() AT TIME ZONE c.time_zone)::date
               FROM ehr.clinics c
              WHERE c.id = NEW.clinic_id), CURRENT_DATE);
    END IF;

    IF NEW.end_time COLLATE "C" <= NEW.start_time COLLATE "C" THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'endTime');
    END IF;
    IF NEW.valid_to < NEW.valid_from THEN
        PERFORM ehr.refuse('EH422', 'ends_before_start', 'validTo');
    END IF;
    IF NEW.slot_minutes % 5 <> 0 THEN
        PERFORM ehr.refuse('EH422', 'off_granule', 'slotMinutes');
    END IF;

    PERFORM ehr.check_room_of_clinic(NEW.room_id, NEW.clinic_id);
    RETURN NEW;
END
$$;
