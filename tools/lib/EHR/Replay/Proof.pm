package EHR::Replay::Proof;

# Proves from the database that what the API told of bookings is so.
#
#   my @findings = EHR::Replay::Proof::of($env, @asked);
#
# A finding is [what must not be, how many there are]; all zeros is the proof.

use strict;
use warnings;

use EHR::Replay::Findings;

# What must not be, as SQL over the table `told` (one row each that was asked
# for).  A booking is there for as long as it is not cancelled.
my @must_not_be = (
    ['acknowledged bookings that are not there exactly as told', <<'SQL'],
SELECT count(*) FROM told t LEFT JOIN ehr.appointments a ON a.id = t.id
 WHERE t.status = 201 AND (a.id IS NULL OR a.status <> 'SCHEDULED'
    OR (a.patient_id, a.doctor_id, a.starts_at, a.duration_minutes)
       IS DISTINCT FROM (t.patient, t.doctor, t.starts_at, t.minutes))
SQL
    ['bookings acknowledged twice', <<'SQL'],
SELECT count(*) - count(DISTINCT id) FROM told WHERE status = 201
SQL
    ['bookings that nobody was told of', <<'SQL'],
SELECT count(*) FROM ehr.appointments a
 WHERE NOT EXISTS (SELECT 1 FROM told t WHERE t.id = a.id)
SQL
    ['bookings without one claim each of doctor and patient', <<'SQL'],
SELECT count(*) FROM told t WHERE t.status = 201
   AND (SELECT array_agg((r.kind, r.entity_id, c.during)::text ORDER BY r.kind)
          FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource
         WHERE c.ref = t.id AND c.kind = 'appointment') IS DISTINCT FROM
       ARRAY[('doctor'::text, t.doctor, t.during)::text,
             ('patient'::text, t.patient, t.during)::text]
SQL
    ['pairs of claims that overlap', <<'SQL'],
SELECT count(*) FROM ehr.claims a JOIN ehr.claims b
    ON b.resource = a.resource AND b.seat = a.seat AND b.during && a.during
   AND b.id > a.id
SQL
    ['pairs of bookings of a doctor that overlap', <<'SQL'],
SELECT count(*) FROM ehr.appointments a JOIN ehr.appointments b
    ON b.doctor_id = a.doctor_id AND b.id > a.id
   AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at
SQL
    ['pairs of bookings of a patient that overlap', <<'SQL'],
SELECT count(*) FROM ehr.appointments a JOIN ehr.appointments b
    ON b.patient_id = a.patient_id AND b.id > a.id
   AND b.starts_at < a.ends_at AND b.ends_at > a.starts_at
SQL
    ['refusals (409) of a doctor who was free', <<'SQL'],
SELECT count(*) FROM told t WHERE t.status = 409 AND t.fields ? 'doctor'
   AND NOT EXISTS (SELECT 1 FROM ehr.appointments a
    WHERE a.doctor_id = t.doctor
      AND a.starts_at < upper(t.during) AND a.ends_at > t.starts_at)
   AND NOT EXISTS (SELECT 1 FROM told o
    WHERE o.doctor = t.doctor AND o.during && t.during AND o.row <> t.row
      AND o.began <= t.ended AND o.ended >= t.began)
SQL
    ['refusals (409) of a patient who was free', <<'SQL'],
SELECT count(*) FROM told t WHERE t.status = 409 AND t.fields ? 'patient'
   AND NOT EXISTS (SELECT 1 FROM ehr.appointments a
    WHERE a.patient_id = t.patient
      AND a.starts_at < upper(t.during) AND a.ends_at > t.starts_at)
   AND NOT EXISTS (SELECT 1 FROM told o
    WHERE o.patient = t.patient AND o.during && t.during AND o.row <> t.row
      AND o.began <= t.ended AND o.ended >= t.began)
SQL
    ['refusals (409) of anything else', <<'SQL'],
SELECT count(*) FROM told
 WHERE status = 409 AND NOT fields ?| ARRAY['doctor', 'patient']
SQL
    ['bookings without exactly one audit row', <<'SQL'],
SELECT count(*) FROM told t LEFT JOIN (
       SELECT l.entity_id, count(*) AS n FROM ehr.audit_log l
        WHERE l.entity = 'appointments' AND l.action = 'CREATE' GROUP BY 1
       ) AS l ON l.entity_id = t.id
 WHERE t.status = 201 AND l.n IS DISTINCT FROM 1
SQL
);


# env: with sql()
sub of {
    my ($env, @asked) = @_;
    my $told = <<'SQL' . told(@asked) . <<'SQL';
CREATE TEMP TABLE told (row bigint, status integer, id uuid, patient uuid,
    doctor uuid, starts_at timestamptz, minutes integer, began float8,
    ended float8, fields jsonb);
SQL
ALTER TABLE told ADD COLUMN during tstzrange;
UPDATE told SET during =
    tstzrange(starts_at, starts_at + make_interval(mins => minutes));
CREATE INDEX ON told (id);
CREATE INDEX ON told (doctor);
CREATE INDEX ON told (patient);
ANALYZE told;
ANALYZE ehr.claims;
ANALYZE ehr.appointments;
ANALYZE ehr.audit_log;
SQL

    return EHR::Replay::Findings::count($env, $told, @must_not_be);
}


sub told {
    return EHR::Replay::Findings::copied('told', 'row status id patient doctor'
        . ' starts_at minutes began ended fields', map { {
            %$_, starts_at => $_->{start}, fields => '{' . join(', ',
                map { qq("$_": 1) } sort keys %{ $_->{errors} // {} }) . '}'
        } } @_);
}

1;
