-- What the change feed reads: the tables it loads, and the publication whose
-- changes it follows.  It connects as ehr_feed (sql/roles.sql), which reads
-- these columns and nothing else; no patient's data but ids is among them.


-- -- reading ---------------------------------------------------------------

GRANT SELECT (id, kind, entity_id) ON ehr.resources TO ehr_feed;
CREATE POLICY feed ON ehr.resources FOR SELECT TO ehr_feed USING (true);

GRANT SELECT (resource, seat, during) ON ehr.claims TO ehr_feed;
CREATE POLICY feed ON ehr.claims FOR SELECT TO ehr_feed USING (true);

GRANT SELECT (id, specialty_ids, clinic_ids, department_ids, deleted_at)
    ON ehr.doctors TO ehr_feed;
CREATE POLICY feed ON ehr.doctors FOR SELECT TO ehr_feed USING (true);

GRANT SELECT (id, time_zone, deleted_at) ON ehr.clinics TO ehr_feed;
CREATE POLICY feed ON ehr.clinics FOR SELECT TO ehr_feed USING (true);

GRANT SELECT (doctor_id, clinic_id) ON ehr.doctor_schedules TO ehr_feed;
CREATE POLICY feed ON ehr.doctor_schedules FOR SELECT TO ehr_feed
    USING (true);

GRANT SELECT (doctor_id, clinic_id) ON ehr.schedule_exceptions TO ehr_feed;
CREATE POLICY feed ON ehr.schedule_exceptions FOR SELECT TO ehr_feed
    USING (true);

GRANT EXECUTE ON FUNCTION
    ehr.open_periods(uuid[], timestamptz, timestamptz) TO ehr_feed;


-- -- following -------------------------------------------------------------

-- Whose schedule it was is as much of interest as whose it is now.
ALTER TABLE ehr.doctor_schedules REPLICA IDENTITY FULL;
ALTER TABLE ehr.schedule_exceptions REPLICA IDENTITY FULL;

-- Claims and schedules whole, as their identity is; of the others only what
-- is used.  A warning about wal_level means that the server does not publish:
-- availability is then answered from the tables (docs/operations.md).
CREATE PUBLICATION ehr_feed FOR TABLE
    ehr.claims,
    ehr.doctor_schedules,
    ehr.schedule_exceptions,
    ehr.resources (id, kind, entity_id),
    ehr.doctors (id),
    ehr.clinics (id, time_zone, deleted_at),
    ehr.appointments (id, doctor_id, clinic_id, patient_id, starts_at,
        status),
    ehr.family_members (id, user_id),
    ehr.patients (id, user_id),
    ehr.access_revocations (seq, kind, subject_id, before, until),
    ehr.roles (id);
