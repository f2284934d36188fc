package EHR::Test::Stays;

# Stays for tests that talk to the database alone.
#
#   start_stays('name');                # a database of its own, no nginx
#   my ($one, $two) = beds(room(ward(), 'SAME'), 2);
#   my $stay = lying(bed => $one, patient => patient('FEMALE'));
#   done(transfer(id => $stay, bed => $two), 'moved');
#   refused(leaves(id => $stay, disposition => 'HOME'),
#       'EH409 not_ordered', 'step', 'not without an order');
#   is told($sql)->{rule}, 'bed_taken'; # what a refusal tells beside
#   all_is_whole();                     # what must hold, by joins
#
# Acts are SQL; done() and refused() run it as a nurse, or as who is named.

use strict;
use warnings;
use EHR::Test;
use EHR::Test::Bodies ();
use EHR::Test::Scheduling;
use Exporter qw(import);
use JSON::PP ();

# The environment, the EHR::Test::Scheduling, and ids.
our ($env, $world, $staff, $nurse, $hospital, $class);

# Parameters of the functions.
our @create = qw(id patient bed hospital ward room_class isolation equipment
    type doctor diagnosis diagnosis_code expected_discharge appointment mother
    admitted planned_start planned_end waits reason additional advice);
my @place = qw(id version bed hospital ward room_class isolation equipment);

our @EXPORT = qw($env $world $staff $nurse $hospital $class @create
    start_stays id ward room beds bed patient count_of status_of literal call
    admission transfer admit swap leaves cancel set_status done lying refused
    told all_is_whole stay claim by_sql tally each_by meanwhile in_turns
    count_in);

sub start_stays {
    my ($name) = @_;
    $env = start_environment(name => $name, no_nginx => 1);
    $world = EHR::Test::Scheduling->new($env);
    $staff = $world->{staff};
    $nurse = $world->account('NURSE');
    $hospital = $world->own("INSERT INTO ehr.hospitals (name)
        VALUES ('Hospital') RETURNING id");
    $class = $world->own("INSERT INTO ehr.room_classes (name)
        VALUES ('Standard') RETURNING id");
}

# -- rows ---------------------------------------------------------------------

sub id { return EHR::Test::Bodies::unique_id() }

sub ward {
    return $world->own("INSERT INTO ehr.wards (hospital_id, name)
        VALUES ('$hospital', gen_random_uuid()::text) RETURNING id");
}

sub room {
    my ($ward, $policy) = @_;
    $policy ||= 'ANY';
    return $world->own("INSERT INTO ehr.ward_rooms (ward_id, room_class_id,
            room_number, sex_policy) VALUES ('$ward', '$class',
            left(gen_random_uuid()::text, 8), '$policy') RETURNING id");
}

# So many beds of a room, in the order of their numbers; more columns.
sub beds {
    my ($room, $count, %more) = @_;
    my $columns = join '', map { ", $_" } sort keys %more;
    my $values = join '', map { ", '$more{$_}'" } sort keys %more;

    return split /\n/, $world->own("INSERT INTO ehr.beds (ward_room_id,
            bed_number$columns) SELECT '$room', chr(64 + n)$values
          FROM generate_series(1, $count) AS n RETURNING id");
}

# A bed in a ward and a room of its own.
sub bed { return (beds(room(ward(), $_[0]), 1))[0] }

sub patient {
    my ($sex, $age) = @_;
    my $born = $age ? "now() - interval '$age'" : 'NULL';
    $sex ||= 'FEMALE';
    return $world->own("INSERT INTO ehr.patients (first_name, last_name,
            gender, date_of_birth) VALUES ('P', 'P', '$sex', $born)
        RETURNING id");
}

sub count_of {
    my ($table, $where) = @_;
    return $env->sql("SELECT count(*) FROM ehr.$table WHERE $where");
}

sub status_of { return $env->sql("SELECT status || coalesce(' ' ||
    occupant_sex, '') FROM ehr.beds WHERE id = '$_[0]'") }

# -- acts ---------------------------------------------------------------------

sub literal {
    my ($value) = @_;
    return !defined $value ? 'NULL'
        : ref $value ? "'{" . join(',', @$value) . "}'"
        : $value =~ /\Anow\(\)/ ? $value : "'$value'";
}

# A call of a function with these of its parameters.
sub call {
    my ($name, %value) = @_;
    return "SELECT ehr.$name("
        . join(', ', map { "$_ => " . literal($value{$_}) } sort keys %value)
        . ')';
}

sub admission {
    my (%o) = @_;
    return call('admission_create', (map { $_ => undef } @create),
        id => id(), type => 'ELECTIVE', %o);
}

sub transfer {
    my (%o) = @_;
    return call('admission_transfer', (map { $_ => undef } @place,
        qw(at reason advice)), %o);
}

sub admit {
    my (%o) = @_;
    return call('admission_admit', (map { $_ => undef } @place,
        qw(admitted reason advice)), %o);
}

sub swap {
    my (%o) = @_;
    return call('admission_swap', version => undef, at => undef,
        reason => undef, %o);
}

sub leaves {
    my (%o) = @_;
    return call('admission_discharge', version => undef, step => 'DONE',
        disposition => 'AGAINST_ADVICE', at => undef, reason => undef, %o);
}

sub cancel { return call('admission_cancel', id => $_[0], version => undef,
    reason => 'by mistake') }

sub set_status {
    my ($bed, $status, $reason) = @_;
    return call('bed_status', id => $bed, version => undef,
        status => $status, reason => $reason);
}

# An act that succeeds, by a nurse or by another.
sub done {
    my ($sql, $name, $who) = @_;
    my ($error, $fields) = $world->as('all', $who || $nurse, $sql);
    return is $error, '', $name || 'done' || diag $fields;
}

# A patient who lies in a bed: the admission.
sub lying {
    my (%o) = @_;
    my $id = id();
    $o{patient} ||= patient();
    done(admission(id => $id, %o), 'admitted');
    return $id;
}

sub refused {
    my ($sql, $wanted, $fields, $name, $who) = @_;
    my ($error, $named) = $world->as('all', $who || $nurse, $sql);
    is "$error: $named", "$wanted: $fields", $name;
}

# What a refusal tells beside.
sub told {
    my ($sql) = @_;
    my (undef, undef, $err) = $env->psql('ehr_app',
        EHR::Test::Scheduling::transaction('all', $nurse, $sql));
    my ($detail) = $err =~ /^DETAIL:  (.*)/m or return {};
    return JSON::PP::decode_json($detail);
}

# -- what must hold, by joins and not by the rules ----------------------------

my %never = (
    'two claims of a seat that overlap' => <<'SQL',
SELECT count(*) FROM ehr.claims a JOIN ehr.claims b
    ON a.resource = b.resource AND a.seat = b.seat AND a.id < b.id
   AND a.during && b.during
SQL
    'two patients in a bed' => <<'SQL',
SELECT count(*) FROM ehr.admission_movements a JOIN ehr.admission_movements b
    ON a.bed_id = b.bed_id AND a.seat = b.seat AND a.id < b.id
   AND a.during && b.during
 WHERE a.cancelled_at IS NULL AND b.cancelled_at IS NULL
SQL
    'a patient in two beds' => <<'SQL',
SELECT count(*) FROM ehr.admission_movements a JOIN ehr.admission_movements b
    ON a.patient_id = b.patient_id AND a.id < b.id AND a.during && b.during
 WHERE a.cancelled_at IS NULL AND b.cancelled_at IS NULL
SQL
    'two sexes promised a room for one' => <<'SQL',
SELECT count(*) FROM ehr.claims x
  JOIN ehr.resources n ON n.id = x.resource AND n.kind = 'bed'
  JOIN ehr.beds b ON b.id = n.entity_id
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id AND r.sex_policy = 'SAME'
  JOIN ehr.admissions a ON a.id = x.ref
  JOIN ehr.patients p ON p.id = a.patient_id
  JOIN ehr.claims y ON y.during && x.during AND y.seat = 0 AND y.id <> x.id
  JOIN ehr.resources o ON o.id = y.resource AND o.kind = 'bed'
  JOIN ehr.beds c ON c.id = o.entity_id AND c.ward_room_id = r.id
  JOIN ehr.admissions f ON f.id = y.ref
  JOIN ehr.patients q ON q.id = f.patient_id AND q.gender <> p.gender
 WHERE x.seat = 0 AND x.during && tstzrange(now(), NULL)
   AND y.during && tstzrange(now(), NULL)
SQL
    'two sexes in a room for one' => <<'SQL',
SELECT count(*) FROM ehr.admission_movements a JOIN ehr.admission_movements b
    ON a.ward_room_id = b.ward_room_id AND a.sex <> b.sex
   AND a.during && b.during AND a.seat = 0 AND b.seat = 0
  JOIN ehr.ward_rooms r ON r.id = a.ward_room_id AND r.sex_policy = 'SAME'
 WHERE a.cancelled_at IS NULL AND b.cancelled_at IS NULL
   AND upper_inf(a.during) AND upper_inf(b.during)
SQL
    'a bed that lies about who is in it' => <<'SQL',
SELECT count(*) FROM ehr.beds b
  FULL JOIN (SELECT m.bed_id, m.admission_id
               FROM ehr.admission_movements m
              WHERE upper_inf(m.during) AND m.seat = 0
                AND m.cancelled_at IS NULL) AS m ON m.bed_id = b.id
 WHERE (b.status = 'OCCUPIED') IS DISTINCT FROM (m.bed_id IS NOT NULL)
    OR m.admission_id <> b.admission_id
SQL
    'a movement without its two claims' => <<'SQL',
SELECT count(*) FROM ehr.admission_movements m
 WHERE m.cancelled_at IS NULL
   AND (SELECT count(*) FROM ehr.claims c
         WHERE c.ref = m.admission_id AND c.kind = 'admission'
           AND c.during = m.during) <> 2
SQL
    'claims without a movement' => <<'SQL',
SELECT count(*) FROM ehr.claims c
 WHERE c.kind = 'admission' AND NOT EXISTS (
       SELECT FROM ehr.admission_movements m
        WHERE m.admission_id = c.ref AND m.during = c.during
          AND m.cancelled_at IS NULL)
SQL
    'a change of status that was not written down' => <<'SQL',
SELECT count(*) FROM ehr.beds b
 WHERE b.status IS DISTINCT FROM (
       SELECT c.status FROM ehr.bed_status_changes c
        WHERE c.bed_id = b.id ORDER BY c.at DESC, c.id DESC LIMIT 1)
SQL
);

sub all_is_whole {
    is $env->sql($never{$_}), 0, "never: $_" for sort keys %never;
}

# -- direct SQL ---------------------------------------------------------------

# The statements of a stay; what is left out, or added, is the case.
sub stay {
    my (%o) = @_;
    my %part = (
        admission => "INSERT INTO ehr.admissions (id, patient_id, bed_id,
                ward_id, status, type, admitted_at)
            SELECT '$o{id}', '$o{patient}', '$o{bed}', r.ward_id, 'ADMITTED',
                   'ELECTIVE', now()
              FROM ehr.beds b JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
             WHERE b.id = '$o{bed}';",
        movement => "INSERT INTO ehr.admission_movements (admission_id,
                patient_id, bed_id, kind, during)
            VALUES ('$o{id}', '$o{patient}', '$o{bed}', 'ADMIT',
                tstzrange(now(), NULL));",
        bed_claim => claim($o{id}, 'bed', $o{bed}, 0),
        patient_claim => claim($o{id}, 'patient', $o{patient}, 1),
        bed => "UPDATE ehr.beds SET status = 'OCCUPIED',
                admission_id = '$o{id}', occupant_sex = 'FEMALE'
            WHERE id = '$o{bed}';",
    );
    my %without = map { $_ => 1 } @{ $o{without} || [] };
    return join '', map { $without{$_} ? () : $part{$_} }
        qw(admission movement bed_claim patient_claim bed);
}

sub claim {
    my ($ref, $kind, $entity, $seat, $type, $from) = @_;
    $type ||= 'admission';
    $from ||= 'now()';
    return "INSERT INTO ehr.claims (resource, seat, during, kind, ref)
        VALUES (ehr.resource_of('$kind', '$entity'), $seat,
            tstzrange($from, NULL), '$type', '$ref');";
}

# The superuser's and the owner's SQL, as one transaction; its error.
sub by_sql {
    my ($sql, $as) = @_;
    my $role = $as && $as eq 'owner' ? 'SET ROLE ehr_owner;' : '';
    my ($ok, undef, $err) = $env->psql('postgres',
        "$role BEGIN; SET LOCAL ehr.scope = 'system'; $sql; COMMIT;");
    return $ok ? '' : $err;
}

# -- at the same time ---------------------------------------------------------

sub tally {
    my %n;
    $n{ join ' ', @$_[0, 1] }++ for @_;
    return \%n;
}

sub each_by { return map { ['all', $nurse, $_] } @_ }

# One holds its transaction open while the other one tries; what came of the
# second, after the first is committed.
sub meanwhile {
    my ($first, $second) = @_;
    return (in_turns([first => $first], [second => $second]))[1];
}

sub in_turns { return $world->in_turns(@_) }

sub count_in { return $env->sql("SELECT count(*) FROM $_[0] WHERE $_[1]") }

1;
