package EHR::Replay::StaysProof;

# Proves from the database that the stays in it are the file's, and reads how
# the wards were occupied.
#
#   my @findings = EHR::Replay::StaysProof::of($env, $stays, $wards, @asked);
#   my @wards = EHR::Replay::StaysProof::occupancy($env);
#
# A finding is [what must not be, how many there are]; all zeros is the proof.

use strict;
use warnings;

use EHR::Replay::Findings;

# What must not be, as SQL over `told` (one row each that was asked for),
# `expected` (the stays of the file that nothing was wrong with) and `lain`
# (those that the claims of beds tell of).
my @must_not_be = (
    ['stays of the file that no claim tells of', <<'SQL'],
SELECT count(*) FROM (SELECT patient, ward, during FROM expected EXCEPT ALL
    SELECT patient, ward, during FROM lain) AS missing
SQL
    ['claims of beds that the file does not tell of', <<'SQL'],
SELECT count(*) FROM (SELECT patient, ward, during FROM lain EXCEPT ALL
    SELECT patient, ward, during FROM expected) AS invented
SQL
    ['stays of the file that the movements do not tell', <<'SQL'],
SELECT count(*) FROM (SELECT patient, ward, during FROM expected EXCEPT ALL
    SELECT patient, ward, during FROM moved) AS missing
SQL
    ['movements that the file does not tell of', <<'SQL'],
SELECT count(*) FROM (SELECT patient, ward, during FROM moved EXCEPT ALL
    SELECT patient, ward, during FROM expected) AS invented
SQL
    ['claims of patients that their stays do not tell of', <<'SQL'],
SELECT count(*) FROM (SELECT ref, range_agg(during) AS lain FROM lain
     GROUP BY ref) AS l
  FULL JOIN (SELECT c.ref, range_agg(c.during) AS claimed
               FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource
              WHERE r.kind = 'patient' AND c.kind = 'admission'
              GROUP BY c.ref) AS p ON p.ref = l.ref
 WHERE l.lain IS DISTINCT FROM p.claimed
SQL
    ['pairs of stays in one bed at one time', <<'SQL'],
SELECT count(*) FROM ehr.claims a JOIN ehr.claims b
    ON b.resource = a.resource AND b.during && a.during AND b.id > a.id
  JOIN ehr.resources r ON r.id = a.resource AND r.kind = 'bed'
SQL
    ['pairs of stays of one patient at one time', <<'SQL'],
SELECT count(*) FROM lain a JOIN lain b
    ON b.patient = a.patient AND b.during && a.during AND b.claim > a.claim
SQL
    ['claims that are still open', <<'SQL'],
SELECT count(*) FROM ehr.claims WHERE upper_inf(during)
    OR upper(during) = 'infinity'
SQL
    ['beds that are not free at the end', <<'SQL'],
SELECT count(*) FROM ehr.beds WHERE status <> 'AVAILABLE'
SQL
    ['acknowledged admissions that did not end as told', <<'SQL'],
SELECT count(*) FROM told t LEFT JOIN ehr.admissions a ON a.id = t.id
 WHERE t.name = 'admit' AND t.acknowledged AND (a.id IS NULL
    OR (a.patient_id, a.status) IS DISTINCT FROM (t.patient,
        CASE WHEN t.cancelled THEN 'CANCELLED' ELSE 'DISCHARGED' END))
SQL
    ['admissions that nobody was told of', <<'SQL'],
SELECT count(*) FROM ehr.admissions a WHERE NOT EXISTS (
    SELECT 1 FROM told t WHERE t.id = a.id AND t.name = 'admit')
SQL
    ['admissions acknowledged twice', <<'SQL'],
SELECT count(*) - count(DISTINCT id) FROM told
 WHERE name = 'admit' AND acknowledged
SQL
    ['acknowledged acts without exactly one audit row', <<'SQL'],
SELECT count(*) FROM told t LEFT JOIN (
       SELECT l.request_id, l.entity, l.entity_id, count(*) AS n
         FROM ehr.audit_log l WHERE l.action <> 'READ' GROUP BY 1, 2, 3
       ) AS l ON l.request_id = t.request
   AND l.entity = CASE t.name WHEN 'clean' THEN 'beds' ELSE 'admissions' END
   AND l.entity_id = CASE t.name WHEN 'clean' THEN t.bed ELSE t.id END
 WHERE t.acknowledged AND l.n IS DISTINCT FROM 1
SQL
    ['audit rows of acts that were refused', <<'SQL'],
SELECT count(*) FROM told t JOIN ehr.audit_log l ON l.request_id = t.request
 WHERE NOT t.acknowledged AND l.entity IN ('admissions', 'beds')
   AND l.action <> 'READ'
SQL
    ['stays after which the bed was not cleaned', <<'SQL'],
SELECT count(*) FROM (SELECT r.entity_id AS bed, count(*) AS stays
          FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource
         WHERE r.kind = 'bed' GROUP BY 1) AS l
  LEFT JOIN (SELECT bed_id AS bed, count(*) AS cleaned
          FROM ehr.bed_status_changes
         WHERE was = 'CLEANING' AND status = 'AVAILABLE'
         GROUP BY 1) AS h ON h.bed = l.bed
 WHERE coalesce(h.cleaned, 0) < l.stays
SQL
);


# env: with sql(); stays: EHR::Replay::Stays; wards: with patient(); asked: of
# EHR::Replay::Movements
sub of {
    my ($env, $stays, $wards, @asked) = @_;
    return EHR::Replay::Findings::count($env, <<'SQL'
CREATE TEMP TABLE told (name text, stay text, request text, id uuid, bed uuid,
    patient uuid, acknowledged boolean, cancelled boolean);
CREATE TEMP TABLE file (row text, patient uuid, ward text, shift bigint,
    intime text, outtime text, fault text);
SQL
        . told($wards, @asked) . file($stays, $wards, @asked) . <<'SQL',
CREATE TEMP TABLE expected AS
SELECT patient, ward, tstzrange(
           intime::timestamp AT TIME ZONE 'UTC' + shift * interval '1 second',
           outtime::timestamp AT TIME ZONE 'UTC' + shift * interval '1 second')
           AS during
  FROM file WHERE fault = '';
CREATE TEMP TABLE lain AS
SELECT c.id AS claim, c.ref, a.patient_id AS patient, w.name AS ward, c.during
  FROM ehr.claims c
  JOIN ehr.resources r ON r.id = c.resource AND r.kind = 'bed'
  JOIN ehr.beds b ON b.id = r.entity_id
  JOIN ehr.ward_rooms o ON o.id = b.ward_room_id
  JOIN ehr.wards w ON w.id = o.ward_id
  LEFT JOIN ehr.admissions a ON a.id = c.ref;
CREATE TEMP TABLE moved AS
SELECT m.patient_id AS patient, w.name AS ward, m.during
  FROM ehr.admission_movements m
  JOIN ehr.wards w ON w.id = m.ward_id
 WHERE m.cancelled_at IS NULL;
SQL
        @must_not_be);
}


sub told {
    my ($wards, @asked) = @_;
    my %cancelled = map { $_->{id} => 1 } grep { $_->{name} eq 'cancel' }
        @asked;

    return EHR::Replay::Findings::copied('told',
        'name stay request id bed patient acknowledged cancelled', map { {
            %$_, patient => $wards->patient($_->{admission}{patient}),
            acknowledged => $_->{status} =~ /\A2/ ? 't' : 'f',
            cancelled => $cancelled{ $_->{id} // '' } ? 't' : 'f',
        } } @asked);
}


# Every row of the file that is a stay, with what was wrong with it: for the
# reader, or for the API.
sub file {
    my ($stays, $wards, @asked) = @_;
    my %refused = map { $_->{id} => 1 } map { @{ $_->{admission}{rows} } }
        grep { $_->{status} !~ /\A2/ } @asked;

    return EHR::Replay::Findings::copied('file',
        'row patient ward shift intime outtime fault', map { {
            row => $_->{id}, ward => $_->{ward},
            patient => $wards->patient($_->{patient}),
            shift => $stays->shift_of($_->{patient}),
            intime => $_->{intime} || undef, outtime => $_->{outtime} || undef,
            fault => $_->{fault} || ($refused{ $_->{id} } ? 'refused' : ''),
        } } grep { $_->{event} ne 'discharge' } $stays->rows);
}


# Each ward's: ward, beds, stays, patients, days (of patients in beds), most
# (in it at once), per cent of its beds' time from the first stay of all to the
# end of the last.
sub occupancy {
    my ($env) = @_;
    my @names = qw(ward beds stays patients days most percent);

    return map { my %ward; @ward{@names} = @$_; \%ward } $env->rows(<<'SQL');
WITH lain AS (
    SELECT o.ward_id, a.patient_id, c.during
      FROM ehr.claims c
      JOIN ehr.resources r ON r.id = c.resource AND r.kind = 'bed'
      JOIN ehr.beds b ON b.id = r.entity_id
      JOIN ehr.ward_rooms o ON o.id = b.ward_room_id
      JOIN ehr.admissions a ON a.id = c.ref
), all_time AS (
    SELECT extract(epoch FROM max(upper(during)) - min(lower(during))) AS s
      FROM lain
), most AS (
    SELECT ward_id, max(n) AS n FROM (SELECT l.ward_id,
               (SELECT count(*) FROM lain o WHERE o.ward_id = l.ward_id
                   AND o.during @> lower(l.during)) AS n
          FROM lain l) AS at_each_start GROUP BY 1
)
SELECT w.name, (SELECT count(*) FROM ehr.beds b
                  JOIN ehr.ward_rooms o ON o.id = b.ward_room_id
                 WHERE o.ward_id = w.id) AS beds,
       count(*), count(DISTINCT l.patient_id),
       round(sum(extract(epoch FROM upper(during) - lower(during))) / 86400,
             1), m.n,
       round(100 * sum(extract(epoch FROM upper(during) - lower(during)))
             / (SELECT count(*) FROM ehr.beds b
                  JOIN ehr.ward_rooms o ON o.id = b.ward_room_id
                 WHERE o.ward_id = w.id) / (SELECT s FROM all_time), 2)
  FROM lain l JOIN ehr.wards w ON w.id = l.ward_id
  JOIN most m ON m.ward_id = w.id
 GROUP BY w.id, m.n ORDER BY count(*) DESC, w.name
SQL
}

1;
