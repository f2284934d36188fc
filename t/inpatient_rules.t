# A bed is never given twice and says what it is: not by direct SQL of any
# role, not by many at the same time, not by swaps, plans or what is entered
# for the past.

use EHR::Test;
use EHR::Test::Bodies ();
use EHR::Test::Scheduling;
use JSON::PP ();

my $env = start_environment(name => 'inpatient-rules', no_nginx => 1);
my $world = EHR::Test::Scheduling->new($env);
my $staff = $world->{staff};
my $nurse = $world->account('NURSE');
my $hospital = $world->own("INSERT INTO ehr.hospitals (name)
    VALUES ('Hospital') RETURNING id");
my $class = $world->own("INSERT INTO ehr.room_classes (name)
    VALUES ('Standard') RETURNING id");

# Parameters of the functions.
my @create = qw(id patient bed hospital ward room_class isolation equipment
    type doctor diagnosis diagnosis_code expected_discharge appointment mother
    admitted planned_start planned_end waits reason additional advice);
my @place = qw(id version bed hospital ward room_class isolation equipment);

subtest 'a stay by hand' => \&by_hand;
subtest 'direct SQL' => \&direct_sql;
subtest 'the application by itself' => \&application;
subtest 'the history is kept' => \&kept;
subtest 'a bed that is named' => \&named;
subtest 'a bed by criteria' => \&criteria;
subtest 'one patient, one bed' => \&one_bed;
subtest 'sexes' => \&sexes;
subtest 'who changes under a patient' => \&changes_under;
subtest 'ages' => \&ages;
subtest 'mother and newborn' => \&newborns;
subtest 'transfers and swaps' => \&moves;
subtest 'discharge' => \&discharge;
subtest 'leave and cancelling' => \&leave_and_cancel;
subtest 'the past' => \&past;
subtest 'plans and waits' => \&plans;
subtest 'statuses of beds' => \&statuses;
subtest 'who may' => \&who_may;
subtest 'many at once' => \&races;
subtest 'two who break a rule by halves' => \&halves;
subtest 'a crowd at random' => \&crowd;
all_is_whole();
done_testing;

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

sub all_is_whole {
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

sub by_hand {
    my ($bed, $patient) = (bed(), patient());
    is by_sql(stay(id => id(), bed => $bed, patient => $patient), 'owner'),
        '', 'a whole stay is a stay, whoever writes it';
    is status_of($bed), 'OCCUPIED FEMALE', 'and the bed says so';

    for my $part (qw(admission movement bed_claim patient_claim bed)) {
        ($bed, $patient) = (bed(), patient());
        for my $as (qw(owner superuser)) {
            like by_sql(stay(id => id(), bed => $bed, patient => $patient,
                without => [$part]), $as),
                qr/differ|admission_movements_admission_id_fkey/,
                "not without its $part, by the $as";
        }
        is status_of($bed), 'AVAILABLE', 'nothing of it is left';
    }
}

sub direct_sql {
    my $same = room(ward(), 'SAME');
    my ($bed, $free, $promised) = beds($same, 3);
    my $patient = patient();
    my $stay = lying(bed => $bed, patient => $patient);
    my $planned = id();
    done(admission(id => $planned, patient => patient(), bed => $promised,
        planned_start => "now() + interval '1 day'"), 'planned');
    my ($other, $man) = (bed(), patient('MALE'));
    my $now = "tstzrange(lower(during), now())";

    my @cases = (
        ['a bed that is occupied by nobody', "UPDATE ehr.beds SET status =
            'OCCUPIED' WHERE id = '$free'", qr/beds_claims|differ/],
        ['one by somebody who is elsewhere', "UPDATE ehr.beds SET status =
            'OCCUPIED', admission_id = '$stay', occupant_sex = 'FEMALE'
            WHERE id = '$free'", qr/differ/],
        ['a bed that is reserved for nobody', "UPDATE ehr.beds SET status =
            'RESERVED' WHERE id = '$free'", qr/differ/],
        ['one reserved before the reservation begins', "UPDATE ehr.beds SET
            status = 'RESERVED', admission_id = '$planned' WHERE id =
            '$promised'", qr/differ/],
        ['an occupied bed that is to be cleaned', "UPDATE ehr.beds SET
            status = 'CLEANING' WHERE id = '$bed'", qr/differ/],
        ['one that is free', "UPDATE ehr.beds SET status = 'AVAILABLE'
            WHERE id = '$bed'", qr/illegal_status/],
        ['one out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$bed'",
            qr/bed_taken/],
        ['a promised one out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$promised'",
            qr/bed_reserved/],
        ['out of service without a reason', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE' WHERE id = '$free'", qr/field_required/],
        ['an occupied bed deleted', "UPDATE ehr.beds SET deleted_at = now()
            WHERE id = '$bed'", qr/bed_taken/],
        ['a promised bed deleted', "UPDATE ehr.beds SET deleted_at = now()
            WHERE id = '$promised'", qr/bed_reserved/],
        ['an occupied bed gone', "DELETE FROM ehr.beds WHERE id = '$bed'",
            qr/_fkey/],
        ['a promised bed gone', "DELETE FROM ehr.beds WHERE id =
            '$promised'", qr/_fkey/],
        ['an occupied bed carried elsewhere', "UPDATE ehr.beds SET
            ward_room_id = (SELECT ward_room_id FROM ehr.beds
                WHERE id = '$other') WHERE id = '$bed'", qr/bed_taken/],
        ['its room in another ward', "UPDATE ehr.ward_rooms SET ward_id =
            (SELECT id FROM ehr.wards WHERE id <> ward_id LIMIT 1)
            WHERE id = '$same'", qr/bed_taken/],
        ['another who lies there', "UPDATE ehr.beds SET admission_id =
            '$planned' WHERE id = '$bed'", qr/differ/],
        ['of another sex', "UPDATE ehr.beds SET occupant_sex = 'MALE'
            WHERE id = '$bed'", qr/differ/],
        ['a new bed that is occupied', "INSERT INTO ehr.beds (ward_room_id,
            bed_number, status) VALUES ('$same', 'Z', 'OCCUPIED')",
            qr/illegal_status/],
        ['no claims any more', "DELETE FROM ehr.claims WHERE ref = '$stay'",
            qr/differ/],
        ['only the patient is claimed', "DELETE FROM ehr.claims WHERE ref =
            '$stay' AND seat = 0", qr/differ/],
        ['claims that end', "UPDATE ehr.claims SET during = $now WHERE ref =
            '$stay'", qr/differ/],
        ['claims of another bed', "UPDATE ehr.claims SET resource =
            ehr.resource_of('bed', '$free') WHERE ref = '$stay'
            AND seat = 0", qr/differ/],
        ['claims that began before', "UPDATE ehr.claims SET during =
            tstzrange(lower(during) - interval '1 hour', NULL)
            WHERE ref = '$stay'", qr/differ/],
        ['a reservation that is none', claim(id(), 'bed', $free, 0,
            'reservation'), qr/differ/],
        ['a second one of a plan', claim($planned, 'bed', $free, 0,
            'reservation'), qr/differ/],
        ['a newborn without a mother', claim($stay, 'bed', $bed, 1),
            qr/differ/],
        ['a plan that begins later', "UPDATE ehr.admissions SET planned_start
            = planned_start + interval '1 hour' WHERE id = '$planned'",
            qr/differ/],
        ['a movement that ends', "UPDATE ehr.admission_movements SET during =
            $now WHERE admission_id = '$stay'", qr/differ/],
        ['a discharge that frees nothing', "UPDATE ehr.admissions SET status
            = 'DISCHARGED', discharged_at = now(), disposition = 'HOME',
            bed_id = NULL WHERE id = '$stay'", qr/differ/],
        ['a discharge that frees the bed alone', "UPDATE ehr.admissions SET
            status = 'DISCHARGED', discharged_at = now(), disposition =
            'HOME', bed_id = NULL WHERE id = '$stay'; UPDATE ehr.beds SET
            status = 'CLEANING' WHERE id = '$bed'", qr/differ/],
        ['an admission elsewhere', "UPDATE ehr.admissions SET bed_id =
            '$free' WHERE id = '$stay'", qr/differ/],
        ['a cancelled one that lies there', "UPDATE ehr.admissions SET status
            = 'CANCELLED', bed_id = NULL WHERE id = '$stay'", qr/differ/],
        ['a plan that never was', "UPDATE ehr.admissions SET status =
            'CANCELLED', bed_id = NULL WHERE id = '$planned'", qr/differ/],
        ['back to the plan', "UPDATE ehr.admissions SET status = 'PLANNED',
            planned_start = now() WHERE id = '$stay'", qr/illegal_status/],
        ['a stay of another patient', "UPDATE ehr.admissions SET patient_id =
            '$man' WHERE id = '$stay'", qr/field_immutable/],
        ['a second patient in the bed', stay(id => id(), bed => $bed,
            patient => patient()), qr/claims_during_excl/],
        ['a patient in a second bed', stay(id => id(), bed => $free,
            patient => $patient), qr/admissions_one_stay|_excl/],
        ['a promised bed', stay(id => id(), bed => $promised,
            patient => patient()), qr/claims_during_excl/],
        ['a bed out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$other';"
            . stay(id => id(), bed => $other, patient => patient(),
                without => ['bed']), qr/differ/],
        ['a deleted bed', "UPDATE ehr.beds SET deleted_at = now() WHERE id =
            '$other';" . stay(id => id(), bed => $other,
                patient => patient()), qr/differ/],
        ['a man among women', stay(id => id(), bed => $free,
            patient => $man) =~ s/'FEMALE'/'MALE'/r,
            qr/admission_movements_sex_excl/],
        ['a woman who is a man', "UPDATE ehr.admission_movements SET sex =
            'MALE' WHERE admission_id = '$stay'", qr/only ends/],
        ['one whom the room does not mind', "UPDATE ehr.admission_movements
            SET is_same_sex = false WHERE admission_id = '$stay'",
            qr/only ends/],
    );
    for my $case (@cases) {
        my ($what, $sql, $wanted) = @$case;
        like by_sql($sql, $_), $wanted, "$what: not by the $_"
            for qw(owner superuser);
    }
    all_is_whole();
}

sub application {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $free = bed();

    for my $sql (stay(id => id(), bed => $free, patient => patient()),
        "UPDATE ehr.admissions SET status = 'DISCHARGED'",
        "UPDATE ehr.admissions SET bed_id = NULL",
        'DELETE FROM ehr.admissions',
        "INSERT INTO ehr.admission_movements (admission_id) VALUES ('$stay')",
        'UPDATE ehr.admission_movements SET seat = 1',
        "UPDATE ehr.beds SET occupant_sex = 'MALE'",
        'UPDATE ehr.beds SET admission_id = NULL',
        "INSERT INTO ehr.bed_status_changes (bed_id) VALUES ('$bed')",
        'DELETE FROM ehr.bed_status_changes')
    {
        my ($error) = $world->staff($sql);
        like $error, qr/^42501 permission denied/, 'not permitted: '
            . substr($sql, 0, 40) =~ s/\s+/ /gr;
    }
    refused("UPDATE ehr.beds SET status = '$_' WHERE id = '$free'",
        'EH409 illegal_status', 'status', "nor is a bed $_")
        for qw(OCCUPIED RESERVED);
    refused("UPDATE ehr.beds SET status = 'CLEANING' WHERE id = '$bed'",
        'EH409 illegal_status', 'status', 'nor one freed');
    refused("UPDATE ehr.beds SET deleted_at = now() WHERE id = '$bed'",
        'EH409 bed_taken', '', 'nor an occupied one deleted');
}

sub kept {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $moved = "WHERE admission_id = '$stay'";

    for my $sql ("DELETE FROM ehr.admission_movements $moved",
        "UPDATE ehr.admission_movements SET bed_id = gen_random_uuid()
            $moved",
        "UPDATE ehr.admission_movements SET during = tstzrange(now() -
            interval '1 day', NULL) $moved",
        "UPDATE ehr.admission_movements SET during = tstzrange(lower(during),
            now() + interval '1 day') $moved")
    {
        like by_sql($sql), qr/only ends/, 'kept: '
            . substr($sql, 0, 60) =~ s/\s+/ /gr;
    }
    like by_sql($_), qr/append-only/, "kept: $_"
        for "UPDATE ehr.bed_status_changes SET was = 'CLEANING'",
        'DELETE FROM ehr.bed_status_changes',
        'TRUNCATE ehr.bed_status_changes', 'TRUNCATE ehr.admission_movements';

    done(leaves(id => $stay), 'discharged');
    like by_sql("UPDATE ehr.admission_movements SET during = tstzrange(
        lower(during), upper(during) - interval '1 microsecond') $moved"),
        qr/only ends/, 'an end stays where it is';
    is $env->sql("SELECT string_agg(coalesce(was, '-') || '>' || status, ' '
            ORDER BY at) FROM ehr.bed_status_changes
        WHERE bed_id = '$bed'"),
        '->AVAILABLE AVAILABLE>OCCUPIED OCCUPIED>CLEANING',
        'each change of a bed is written down';
    is $env->sql("SELECT count(DISTINCT admission_id) || ' ' ||
            count(admission_id) FROM ehr.bed_status_changes
        WHERE bed_id = '$bed'"), '1 2', 'and because of whom';
}

# -- which bed ----------------------------------------------------------------

sub named {
    my $room = room(ward(), 'ANY');
    my ($bed, $dirty, $broken, $next) = beds($room, 4);
    my $stay = lying(bed => $bed);
    done("UPDATE ehr.admissions SET expected_discharge_at =
        now() + interval '2 days' WHERE id = '$stay'", 'expected');
    done(set_status($dirty, 'CLEANING'), 'dirty');
    done(set_status($broken, 'OUT_OF_SERVICE', 'a wheel is off'), 'broken');

    my %against = ($bed => 'bed_taken', $dirty => 'bed_being_cleaned',
        $broken => 'bed_out_of_service');
    for my $one ($bed, $dirty, $broken) {
        refused(admission(patient => patient(), bed => $one),
            "EH409 $against{$one}", 'bedId', $against{$one});
        is told(admission(patient => patient(), bed => $one))->{rule},
            $against{$one}, 'its rule is named';
    }
    my $expected = told(admission(patient => patient(), bed => $bed))
        ->{expected};
    is_deeply [map { [$_->{bedId}, $_->{status}] } @$expected],
        [[$dirty, 'CLEANING'], [$bed, 'OCCUPIED']],
        'what is free next in that ward';
    like $expected->[1]{expectedAt}, qr/^\d{4}-.*Z$/, 'and when';

    refused(admission(patient => patient(), bed => id()),
        'EH422 reference_unknown', 'bedId', 'an unknown bed');
    done("UPDATE ehr.beds SET deleted_at = now() WHERE id = '$next'",
        'deleted');
    refused(admission(patient => patient(), bed => $next),
        'EH422 reference_unknown', 'bedId', 'a deleted bed');
    refused(admission(patient => patient()), 'EH422 bed_or_criteria',
        'bedId', 'none at all');
    refused(admission(patient => patient(), $_->[0] => id()),
        'EH422 reference_unknown', $_->[1], "an unknown $_->[0]")
        for ['ward', 'wardId'], ['hospital', 'hospitalId'],
        ['room_class', 'roomClassId'];
    refused(admission(patient => id(), bed => $bed),
        'EH422 reference_unknown', 'patientId', 'an unknown patient');
    refused(admission(patient => patient(), bed => $bed, doctor => id()),
        'EH422 reference_unknown', 'admittingDoctorId', 'an unknown doctor');
}

sub criteria {
    my $ward = ward();
    my $any = room($ward);
    my ($plain, $second) = beds($any, 2);
    my ($monitor) = beds(room($ward), 1, equipment => '{MONITOR,OXYGEN}');
    my ($isolated) = beds(room($ward), 1, isolation => 'true');
    my $got = sub {
        my ($name, $wanted, %o) = @_;
        my $stay = lying(ward => $ward, %o);
        is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$stay'"),
            $wanted, $name;
        return $stay;
    };

    $got->('what has nothing more than is asked for', $plain);
    $got->('what has what is asked for', $monitor, equipment => ['OXYGEN']);
    $got->('one to isolate', $isolated, isolation => 'true');
    refused(admission(patient => patient(), ward => $ward,
        equipment => ['VENTILATOR']), 'EH409 no_bed_free', '',
        'there is no such bed');
    my $told = told(admission(patient => patient(), ward => $ward,
        isolation => 'true'));
    is $told->{rule}, 'no_bed_free', 'the rule';
    is_deeply [map { $_->{bedId} } @{ $told->{expected} }], [$isolated],
        'and what is free next';
    $got->('the last', $second, hospital => $hospital,
        room_class => $class);

    my @two = beds($any =~ s/.*/room($ward)/er, 2);
    $got->('what is advised, if it is free', $two[1],
        advice => [$plain, $two[1]]);
    $got->('what is free, if the advice is not', $two[0],
        advice => [$plain, $two[1], id()]);
    refused(admission(patient => patient(), ward => $ward),
        'EH409 no_bed_free', '', 'none is left');

    my $same = ward();
    my ($empty) = beds(room($same, 'SAME'), 1);
    my $women = room($same, 'SAME');
    my ($begun, $more) = beds($women, 2);
    lying(bed => $begun, patient => patient('FEMALE'));
    my $stay = lying(ward => $same, patient => patient('FEMALE'));
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$stay'"),
        $more, 'a woman goes where women are';
    my $man = lying(ward => $same, patient => patient('MALE'));
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$man'"),
        $empty, 'a man where nobody is';
}

sub one_bed {
    my ($patient, $bed, $other) = (patient(), bed(), bed());
    my $stay = lying(bed => $bed, patient => $patient);
    refused(admission(patient => $patient, bed => $other),
        'EH409 patient_in_bed', 'patientId', 'not in two beds');
    refused(admission(patient => $patient, bed => $other, admitted =>
        "now() - interval '1 day'"), 'EH409 patient_in_bed', 'patientId',
        'nor from before on');
    refused("UPDATE ehr.patients SET deleted_at = now() WHERE id =
        '$patient'", 'EH409 still_referenced', '', 'nobody deletes them');
    done(leaves(id => $stay), 'discharged');
    lying(bed => $other, patient => $patient);
}

# -- who may lie where --------------------------------------------------------

sub sexes {
    my $ward = ward();
    my ($for_men) = beds(room($ward, 'MALE'), 1);
    my ($first, $second) = beds(room($ward, 'SAME'), 2);
    my $women = patient('FEMALE');

    refused(admission(patient => $women, bed => $for_men),
        'EH409 room_sex_policy', 'bedId', 'no woman among men');
    refused(admission(patient => patient($_), bed => $for_men),
        'EH409 room_sex_policy', 'bedId', "nor who is $_")
        for qw(OTHER UNKNOWN);
    lying(bed => $for_men, patient => patient('MALE'));
    lying(bed => $first, patient => $women);
    refused(admission(patient => patient('MALE'), bed => $second),
        'EH409 room_sex_policy', 'bedId', 'no man beside a woman');
    refused(admission(patient => patient('MALE'), ward => $ward),
        'EH409 no_bed_free', '', 'nor by criteria');
    lying(ward => $ward, patient => patient('FEMALE'));
    is told(admission(patient => $women, bed => $for_men, id => id()))
        ->{rule}, 'patient_in_bed', 'who lies somewhere is told so first';
}

sub changes_under {
    my $room = room(ward(), 'SAME');
    my ($first, $second) = beds($room, 2);
    my ($one, $two) = (patient('FEMALE'), patient('FEMALE'));
    my $stay = lying(bed => $first, patient => $one);
    lying(bed => $second, patient => $two);

    refused("UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$one'",
        'EH409 room_sex_policy', 'gender', 'not a man among women');
    refused("UPDATE ehr.ward_rooms SET sex_policy = 'MALE' WHERE id =
        '$room'", 'EH409 room_sex_policy', 'sexPolicy',
        'nor a room for men with women in it', $world->account('ADMIN'));
    my $admin = $world->account('ADMIN');
    done("UPDATE ehr.ward_rooms SET sex_policy = 'ANY' WHERE id = '$room'",
        'a room for all', $admin);
    done("UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$one'",
        'has a man');
    is status_of($first), 'OCCUPIED MALE', 'in the bed';
    refused("UPDATE ehr.ward_rooms SET sex_policy = 'SAME' WHERE id =
        '$room'", 'EH409 room_sex_policy', 'sexPolicy', 'is not for one sex',
        $admin);
    done(leaves(id => $stay), 'until he is gone');
    done("UPDATE ehr.ward_rooms SET sex_policy = 'SAME' WHERE id = '$room'",
        'then it is', $admin);
    done(set_status($first, 'AVAILABLE'), 'clean');
    refused(admission(patient => patient('MALE'), bed => $first),
        'EH409 room_sex_policy', 'bedId', 'and counts for who lies there');
}

sub ages {
    my $ward = ward();
    my %of = map { $_ => (beds(room($ward), 1, age_group => $_))[0] }
        qw(ADULT CHILD NEWBORN);
    my %who = ('a newborn' => '28 days', 'an infant' => '30 days',
        'a child' => '17 years', 'an adult' => '18 years', 'unknown' => '');
    my %fits = (ADULT => 'an adult,unknown',
        CHILD => 'a child,a newborn,an infant', NEWBORN => 'a newborn');

    for my $group (sort keys %of) {
        my @those;
        for my $who (sort keys %who) {
            my $rule = told(admission(bed => $of{$group},
                patient => patient('MALE', $who{$who})) . '; SELECT 1 / 0')
                ->{rule};
            push @those, $who unless $rule;
            is $rule, 'bed_age_group', "$who not in a bed for $group"
                if $rule;
        }
        is join(',', @those), $fits{$group}, "who lies in a bed for $group";
    }
    my $nicu = lying(bed => $of{NEWBORN}, patient => patient('MALE',
        '28 days'));
    my ($other) = beds(room($ward), 1, age_group => 'NEWBORN');
    $env->sql("SET session_replication_role = replica; UPDATE ehr.patients
        SET date_of_birth = date_of_birth - 20 WHERE id = (SELECT patient_id
        FROM ehr.admissions WHERE id = '$nicu')");
    refused(transfer(id => $nicu, bed => $other), 'EH409 bed_age_group',
        'bedId', 'older than it was said');
    refused(admission(patient => patient('MALE', '30 days'), type =>
        'NEWBORN', ward => $ward), 'EH422 not_newborn', 'patientId',
        'an infant is no newborn');
}

sub newborns {
    my ($bed, $other, $own) = beds(room(ward()), 3);
    my $mother = lying(bed => $bed, patient => patient('FEMALE', '30 years'));
    my $child = patient('MALE', '1 hour');
    my $twin = patient('FEMALE', '1 hour');
    my %rooming = (mother => $mother, type => 'NEWBORN');

    refused(admission(%rooming, patient => patient('MALE', '2 years')),
        'EH422 not_newborn', 'patientId', 'only newborns room in');
    refused(admission(%rooming, mother => id(), patient => $child),
        'EH422 reference_unknown', 'motherAdmissionId',
        'with a mother that there is');
    my $newborn = lying(%rooming, patient => $child);
    my $second = lying(%rooming, patient => $twin);
    is $env->sql("SELECT string_agg(seat || kind, ' ' ORDER BY seat) FROM
        ehr.admission_movements WHERE bed_id = '$bed'"),
        '0ADMIT 1ROOM_IN 2ROOM_IN', 'twins in the bed of their mother';
    is status_of($bed), 'OCCUPIED FEMALE', 'which is hers';

    refused($_, 'EH409 newborn_in_bed', 'step', 'she does not go before')
        for leaves(id => $mother);
    refused(cancel($mother), 'EH409 newborn_in_bed', 'status',
        'and was not never there');
    done(transfer(id => $mother, bed => $other), 'she moves');
    is count_of('admission_movements', "bed_id = '$other' AND
        upper_inf(during)"), 3, 'and they with her';
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$second'"),
        $other, 'as their admissions say';
    is status_of($bed), 'CLEANING', 'the old bed is free';

    my $neighbour = lying(bed => $own, patient => patient('FEMALE'));
    done(swap(id => $mother, other => $neighbour), 'she changes beds');
    is count_of('admission_movements', "bed_id = '$own' AND
        upper_inf(during)"), 3, 'and they do too';
    refused(swap(id => $newborn, other => $neighbour),
        'EH409 newborn_in_bed', 'otherAdmissionId', 'a newborn has no bed');

    done(set_status($bed, 'AVAILABLE'), 'clean');
    done(transfer(id => $newborn, bed => $bed), 'one gets a bed of its own');
    is status_of($own), 'OCCUPIED FEMALE', 'she keeps hers';
    is status_of($bed), 'OCCUPIED MALE', 'it has its';
    done(leaves(id => $second), 'the other goes');
    is status_of($own), 'OCCUPIED FEMALE', 'and leaves her there';
    done(transfer(id => $newborn, bed => $own), 'back to her');
    is status_of($bed), 'CLEANING', 'out of its bed';
    done(leaves(id => $newborn), 'it goes');
    done(leaves(id => $mother), 'and she');
    refused(admission(%rooming, patient => patient('MALE', '1 hour')),
        'EH409 illegal_status', 'motherAdmissionId', 'who is gone');
}

# -- moving, leaving, ending --------------------------------------------------

sub moves {
    my $ward = ward();
    my ($bed, $other) = beds(room($ward), 2);
    my ($for_men) = beds(room($ward, 'MALE'), 1);
    my $woman = lying(bed => $bed, patient => patient('FEMALE'));
    my $before = $env->sql("SELECT version FROM ehr.admissions WHERE id =
        '$woman'");

    refused(transfer(id => $woman, bed => $bed), 'EH409 same_bed', 'bedId',
        'not to the same bed');
    refused(transfer(id => $woman, bed => $for_men),
        'EH409 room_sex_policy', 'bedId', 'not among men');
    refused(transfer(id => $woman, ward => $ward, isolation => 'true'),
        'EH409 no_bed_free', '', 'not to what is not there');
    is $env->sql("SELECT bed_id || ' ' || version FROM ehr.admissions
        WHERE id = '$woman'"), "$bed $before", 'all is as it was';
    is status_of($bed), 'OCCUPIED FEMALE', 'the bed too';
    refused(transfer(id => $woman, bed => $other, version => 7),
        'EH412 stale_version', '', 'nor in another version');
    refused(transfer(id => id(), bed => $other), 'EH404 not_found', '',
        'nor nobody');

    done(transfer(id => $woman, bed => $other), 'moved');
    is status_of($bed) . ',' . status_of($other),
        'CLEANING,OCCUPIED FEMALE', 'one is left, one is taken';
    is $env->sql("SELECT bool_and(upper(a.during) = lower(b.during))
          FROM ehr.admission_movements a JOIN ehr.admission_movements b
            ON b.admission_id = a.admission_id AND upper_inf(b.during)
         WHERE a.admission_id = '$woman' AND NOT upper_inf(a.during)"), 't',
        'at the same moment';

    my $man = lying(bed => $for_men, patient => patient('MALE'));
    refused(swap(id => $woman, other => $man), 'EH409 room_sex_policy',
        'otherAdmissionId', 'no swap into a room for men');
    refused(swap(id => $woman, other => id()), 'EH422 reference_unknown',
        'otherAdmissionId', 'nor with nobody');
    refused(swap(id => $woman, other => $woman), 'EH409 same_bed',
        'otherAdmissionId', 'nor with oneself');
    my ($third) = beds(room($ward, 'SAME'), 1);
    my $neighbour = lying(bed => $third, patient => patient('MALE'));
    done(swap(id => $woman, other => $neighbour), 'a swap');
    is status_of($other) . ',' . status_of($third),
        'OCCUPIED MALE,OCCUPIED FEMALE', 'both are where the other was';
    done(leaves(id => $woman), 'gone');
    refused(transfer(id => $woman, bed => $bed), 'EH409 illegal_status',
        'status', 'who is gone does not move');
    refused(swap(id => $man, other => $woman), 'EH409 illegal_status',
        'otherAdmissionId', 'nor change beds');
}

sub discharge {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $doctor = $world->account('DOCTOR');
    my $own = $world->own("INSERT INTO ehr.doctors (first_name, last_name,
            license_number, user_id) VALUES ('D', 'D', '$doctor', '$doctor')
        RETURNING id");
    my $home = sub { leaves(id => $stay, disposition => 'HOME', @_) };

    refused($home->(), 'EH409 not_ordered', 'step', 'not without an order');
    refused(leaves(id => $stay, disposition => undef),
        'EH422 field_required', 'disposition', 'nor nowhere');
    refused($home->(step => 'WITHDRAWN'), 'EH403 forbidden', '',
        'a nurse orders nothing');
    refused($home->(step => 'WITHDRAWN'), 'EH409 not_ordered', 'step',
        'what is not ordered is not withdrawn', $doctor);
    is(($world->as('team', $doctor, $home->(step => 'ORDERED')))[0],
        'EH404 not_found', 'not of a patient of others');
    done($home->(step => 'ORDERED'), 'ordered', $doctor);
    is status_of($bed), 'OCCUPIED FEMALE', 'an order frees nothing';
    refused($home->(step => 'ORDERED'), 'EH409 illegal_status', 'status',
        'it is ordered once', $doctor);
    done($home->(step => 'WITHDRAWN'), 'withdrawn', $doctor);
    refused($home->(), 'EH409 not_ordered', 'step', 'and not done then');
    done($home->(step => 'ORDERED'), 'ordered again', $doctor);
    done($home->(disposition => undef), 'done');
    is status_of($bed), 'CLEANING', 'that frees';
    is $env->sql("SELECT status || disposition FROM ehr.admissions WHERE id =
        '$stay'"), 'DISCHARGEDHOME', 'as ordered';
    refused($home->(), 'EH409 illegal_status', 'status', 'once');

    my $dead = lying(bed => my $last = bed());
    done(leaves(id => $dead, disposition => 'DECEASED'), 'the dead go so');
    is status_of($last), 'CLEANING', 'and free';
}

sub leave_and_cancel {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $away = sub { call('admission_leave', id => $stay, version => undef,
        until => $_[0], reason => 'a weekend') };
    my $back = call('admission_return', id => $stay, version => undef);

    refused($back, 'EH409 illegal_status', 'status', 'nobody is away');
    refused($away->("now() - interval '1 hour'"), 'EH422 in_the_past',
        'until', 'nobody was');
    done($away->("now() + interval '2 days'"), 'away');
    is status_of($bed), 'OCCUPIED FEMALE', 'the bed is kept';
    refused(admission(patient => patient(), bed => $bed), 'EH409 bed_taken',
        'bedId', 'from others');
    refused(cancel($stay), 'EH409 illegal_status', 'status',
        'who is away was here');
    done($back, 'back');

    my $other = bed();
    done(transfer(id => $stay, bed => $other), 'moved');
    done(cancel($stay), 'it was by mistake');
    is status_of($other), 'CLEANING', 'the bed is left';
    is count_of('claims', "ref = '$stay'"), 0, 'nothing is claimed';
    is count_of('admission_movements', "admission_id = '$stay' AND
        cancelled_at IS NOT NULL"), 2, 'the movements are marked';
    done(set_status($other, 'AVAILABLE'), 'clean');
    lying(bed => $other, admitted => "now() - interval '1 hour'");
}

sub past {
    my ($bed, $other) = (bed(), bed());
    my $patient = patient();
    my $ago = sub { "now() - interval '$_[0] hours'" };
    my $stay = lying(bed => $bed, patient => $patient,
        admitted => $ago->(10));

    refused(admission(patient => patient(), bed => $other, admitted =>
        "now() + interval '1 minute'"), 'EH422 in_the_future', 'admittedAt',
        'nobody was admitted tomorrow');
    refused(admission(patient => patient(), bed => $other, admitted =>
        $ago->(1)), 'EH403 backdate_not_allowed', 'admittedAt',
        'a receptionist writes no past', $staff);
    refused(transfer(id => $stay, bed => $other, at => $ago->(11)),
        'EH409 before_last_movement', 'at', 'nobody moves before being here');
    refused(transfer(id => $stay, bed => $other,
        at => "now() + interval '1 minute'"), 'EH422 in_the_future', 'at',
        'nor tomorrow');
    done(transfer(id => $stay, bed => $other, at => $ago->(8)), 'moved');
    refused(leaves(id => $stay, at => $ago->(9)),
        'EH409 before_last_movement', 'at', 'nobody left before the move');
    done(leaves(id => $stay, at => $ago->(6)), 'gone');
    done(set_status($bed, 'AVAILABLE'), 'clean');
    done(set_status($other, 'AVAILABLE'), 'clean');

    refused(admission(patient => patient(), bed => $bed, admitted =>
        $ago->(9)), 'EH409 bed_taken', 'bedId', 'who was there is not undone');
    refused(admission(patient => $patient, bed => bed(), admitted =>
        $ago->(7)), 'EH409 patient_in_bed', 'patientId',
        'nor was one elsewhere then');
    my $fits = lying(bed => $bed, admitted => $ago->(8));
    refused(swap(id => $fits, other => lying(bed => $other,
        admitted => $ago->(5)), at => $ago->(6)),
        'EH409 before_last_movement', 'at', 'nor a swap before both');
    is $env->sql("SELECT count(*) FROM ehr.admission_movements WHERE
        bed_id = '$bed' AND cancelled_at IS NULL"), 2, 'one after the other';

    my $same = room(ward(), 'SAME');
    my ($first, $second) = beds($same, 2);
    my $man = lying(bed => $first, patient => patient('MALE'),
        admitted => $ago->(4));
    done(leaves(id => $man, at => $ago->(2)), 'he was there');
    refused(admission(patient => patient('FEMALE'), bed => $second,
        admitted => $ago->(3)), 'EH409 room_sex_policy', 'bedId',
        'no woman beside him');
    lying(bed => $second, patient => patient('FEMALE'),
        admitted => $ago->(2));
}

sub plans {
    my $ward = ward();
    my ($bed, $other) = beds(room($ward), 2);
    my $tomorrow = "now() + interval '1 day'";
    my ($patient, $plan) = (patient(), id());

    refused(admission(patient => $patient, bed => $bed, planned_start =>
        "now() - interval '1 hour'"), 'EH422 in_the_past', 'plannedStart',
        'no plans for yesterday');
    refused(admission(patient => $patient, bed => $bed, planned_start =>
        $tomorrow, planned_end => $tomorrow), 'EH422 ends_before_start',
        'plannedEnd', 'nor for no time');
    done(admission(id => $plan, patient => $patient, bed => $bed,
        planned_start => $tomorrow), 'planned');
    is status_of($bed), 'AVAILABLE', 'not reserved yet';
    refused(admission(patient => patient(), bed => $bed),
        'EH409 bed_reserved', 'bedId', 'but promised');
    like told(admission(patient => patient(), bed => $bed))->{reservedFrom},
        qr/^\d{4}-/, 'from when is told';
    refused(admission(patient => patient(), bed => $bed, planned_start =>
        "now() + interval '3 days'"), 'EH409 bed_reserved', 'bedId', 'once');
    my $short = id();
    done(admission(id => $short, patient => patient(), ward => $ward,
        planned_start => $tomorrow, planned_end =>
        "now() + interval '2 days'"), 'another for a day');
    done(admission(patient => patient(), bed => $other, planned_start =>
        "now() + interval '2 days'"), 'and one after it');
    my $waits = id();
    refused(admission(patient => patient(), ward => $ward), 'EH409
 no_bed_free' =~ s/\s+/ /r, '', 'nothing is left');
    done(admission(id => $waits, patient => patient(), ward => $ward,
        waits => 'true'), 'but to wait');
    is $env->sql("SELECT status || (bed_id IS NULL) || (ward_id = '$ward')
        FROM ehr.admissions WHERE id = '$waits'"), 'WAITINGtruetrue',
        'without a bed';
    refused(admit(id => $waits), 'EH409 no_bed_free', '', 'still nothing');

    my $at_once = id();
    my $soon = bed();
    done(admission(id => $at_once, patient => patient(), bed => $soon,
        planned_start => 'now()'), 'a plan that begins now');
    is status_of($soon), 'RESERVED', 'reserves';
    refused(set_status($soon, 'AVAILABLE'), 'EH409 illegal_status', 'status',
        'nobody sets it free by hand');
    refused(set_status($soon, 'OUT_OF_SERVICE', 'x'), 'EH409 bed_reserved',
        'status', 'nor breaks it');
    done(admit(id => $at_once), 'admitted');
    is status_of($soon), 'OCCUPIED FEMALE', 'into it';
    refused(admit(id => $at_once), 'EH409 illegal_status', 'status', 'once');

    done(admit(id => $plan), 'earlier than planned');
    is count_of('claims', "ref = '$plan' AND kind = 'reservation'"), 0,
        'the reservation is used up';
    done(cancel($_), 'given up') for $short;
    is count_of('claims', "ref = '$short'"), 0, 'nothing is kept';
    done(admission(id => my $first = id(), patient => patient(),
        bed => my $one = bed(), planned_start => 'now()'), 'reserved');
    done(admit(id => $first, bed => my $two = bed()), 'into another');
    is status_of($one) . ',' . status_of($two),
        'AVAILABLE,OCCUPIED FEMALE', 'the first is free again';
    done(admission(id => my $given_up = id(), patient => patient(),
        bed => $one, planned_start => 'now()'), 'reserved');
    done(cancel($given_up), 'given up');
    is status_of($one), 'AVAILABLE', 'and free at once';
}

sub statuses {
    my $bed = bed();
    my %legal = (AVAILABLE => 'CLEANING OUT_OF_SERVICE',
        CLEANING => 'AVAILABLE OUT_OF_SERVICE',
        OUT_OF_SERVICE => 'AVAILABLE CLEANING');

    for my $from (sort keys %legal) {
        for my $to (qw(AVAILABLE RESERVED OCCUPIED CLEANING OUT_OF_SERVICE)) {
            my $act = set_status($bed, $to, 'because');
            $env->sql("SET ehr.scope = 'system';
                UPDATE ehr.beds SET status = '$from', status_reason = 'x'
                 WHERE id = '$bed' AND status <> '$from'");
            if (grep { $_ eq $to } split / /, $legal{$from}) {
                done($act, "$from to $to");
            } else {
                refused($act, 'EH409 illegal_status', 'status',
                    "not $from to $to");
            }
        }
    }
    refused(call('bed_status', id => $bed, version => 1, status =>
        'AVAILABLE', reason => undef), 'EH412 stale_version', '',
        'only in the version that is there');
    refused(set_status(id(), 'CLEANING'), 'EH404 not_found', '', 'nor no bed');
    $env->sql("SET ehr.scope = 'system'; UPDATE ehr.beds SET status =
        'CLEANING' WHERE id = '$bed'");
    refused(set_status($bed, 'OUT_OF_SERVICE'), 'EH422 field_required',
        'reason', 'nor without a reason');
}

sub who_may {
    my ($bed, $patient) = (bed(), patient());
    my $act = admission(patient => $patient, bed => $bed);
    my $portal = $world->account('PATIENT');
    my $doctor = $world->account('DOCTOR');
    my $mine = $world->own("INSERT INTO ehr.doctors (first_name, last_name,
            license_number, user_id) VALUES ('D', 'D', '$doctor', '$doctor')
        RETURNING id");

    for my $case (['a patient', 'own', $portal], ['nobody', '', ''],
        ['a chemist', 'all', $world->account('PHARMACIST')])
    {
        my ($who, $scope, $user) = @$case;
        is(($world->as($scope, $user, $act))[0], 'EH403 forbidden',
            "$who admits nobody");
    }
    is(($world->as('team', $doctor, $act))[0], 'EH422 reference_unknown',
        'a doctor nobody else\'s patient');
    my $stay = lying(bed => $bed, patient => $patient, doctor => $mine);
    is(($world->as('team', $doctor, transfer(id => $stay, bed => bed())))[0],
        '', 'whom the doctor admits is in the doctor\'s care');
    is(($world->as('all', $staff, leaves(id => $stay)))[0],
        'EH403 forbidden', 'a receptionist discharges nobody');
    is(($world->as('all', $doctor, set_status(bed(), 'CLEANING')))[0],
        'EH403 forbidden', 'a doctor cleans nothing');

    my $see = "SELECT count(*) FROM ehr.admissions WHERE id = '$stay'";
    my $moved = "SELECT count(*) FROM ehr.admission_movements
        WHERE admission_id = '$stay'";
    for my $case (['a stranger', $portal, 0],
        ['the patient', $world->own("UPDATE ehr.patients SET user_id =
            '" . $world->account('PATIENT') . "' WHERE id = '$patient'
            RETURNING user_id"), 1])
    {
        my ($who, $user, $sees) = @$case;
        is(($world->as('own', $user, $see))[2], $sees, "$who: $sees");
        is(($world->as('own', $user, $moved))[2], 2 * $sees,
            'and the movements');
        is(($world->as('own', $user,
            'SELECT count(*) FROM ehr.bed_status_changes'))[2], 0,
            'but nobody else\'s beds');
        is(($world->as('own', $user, "UPDATE ehr.admissions SET diagnosis =
            'x' WHERE id = '$stay' RETURNING 1"))[2], '', 'changes nothing');
    }
}

# -- at the same time ---------------------------------------------------------

sub tally {
    my %n;
    $n{ join ' ', @$_[0, 1] }++ for @_;
    return \%n;
}

sub each_by { return map { ['all', $nurse, $_] } @_ }

sub races {
    my $bed = bed();
    is_deeply tally($world->together(each_by(map {
        admission(bed => $bed, patient => patient()) } 1 .. 24))),
        { ' ' => 1, 'EH409 bed_taken bedId' => 23 }, 'one bed, one of 24';

    my $ward = ward();
    beds(room($ward), 10);
    is_deeply tally($world->together(each_by(map {
        admission(ward => $ward, patient => patient()) } 1 .. 30))),
        { ' ' => 10, 'EH409 no_bed_free ' => 20 }, 'ten beds, ten of 30';

    my $patient = patient();
    is_deeply tally($world->together(each_by(map {
        admission(bed => bed(), patient => $patient) } 1 .. 12))),
        { ' ' => 1, 'EH409 patient_in_bed patientId' => 11 },
        'a patient in one of 12 beds';

    my $one_sex = ward();
    beds(room($one_sex, 'SAME'), 12);
    my $result = tally($world->together(each_by(map {
        admission(ward => $one_sex,
            patient => patient($_ % 2 ? 'MALE' : 'FEMALE')) } 1 .. 24)));
    is_deeply $result, { ' ' => 12, 'EH409 no_bed_free ' => 12 },
        'men or women';
    is $env->sql("SELECT count(DISTINCT occupant_sex) FROM ehr.beds b
          JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
         WHERE r.ward_id = '$one_sex'"), 1, 'not both';

    my @stays = map { lying(bed => bed()) } 1 .. 2;
    my $half = swap(id => $stays[0], other => $stays[1]);
    is_deeply tally($world->together(each_by(($half,
        swap(id => $stays[1], other => $stays[0])) x 4))), { ' ' => 8 },
        'two who change places, eight times';

    my $stay = lying(bed => bed());
    my $only = tally($world->together(each_by(map { leaves(id => $stay) }
        1 .. 8)));
    is_deeply $only, { ' ' => 1, 'EH409 illegal_status status' => 7 },
        'one leaves once';

    my $target = bed();
    my @movers = map { lying(bed => bed()) } 1 .. 10;
    is_deeply tally($world->together(each_by(map {
        transfer(id => $_, bed => $target) } @movers))),
        { ' ' => 1, 'EH409 bed_taken bedId' => 9 }, 'ten move to one bed';

    my @full = map { lying(bed => $_) } my @ring = beds(room(ward()), 4);
    my $ring = tally($world->together(each_by(map {
        transfer(id => $full[$_], bed => $ring[($_ + 1) % 4]) } 0 .. 3)));
    is_deeply $ring, { 'EH409 bed_taken bedId' => 4 },
        'none of a ring goes first';
    all_is_whole();
}

# One holds its transaction open while the other one tries; what came of the
# second, after the first is committed.
sub meanwhile {
    my ($first, $second) = @_;
    my $said = $env->dir . '/meanwhile';

    open my $one, '|-', $env->psql_command('postgres') or die "psql: $!";
    select((select($one), $| = 1)[0]);
    print $one "\\o /dev/null\nBEGIN; SET LOCAL ehr.scope = 'system';
        $first; SELECT pg_advisory_lock(8);\n";
    $env->wait_for(20, 'the first', sub {
        count_in('pg_locks', "locktype = 'advisory' AND objid = 8") });
    write_file("$said.sql", "BEGIN; SET LOCAL ehr.scope = 'system';
        SELECT pg_advisory_lock(9); $second; COMMIT;");
    defined(my $pid = fork) or die "fork: $!";
    unless ($pid) {
        open STDOUT, '>', "$said.out";
        open STDERR, '>', "$said.err";
        exec $env->psql_command('postgres', '-f', "$said.sql");
    }
    $env->wait_for(20, 'the second waits or is done', sub {
        waitpid($pid, 1) == $pid || count_in('pg_stat_activity',
            "wait_event_type = 'Lock' AND query !~ 'pg_advisory'") });
    print $one "COMMIT;\n";
    close $one;
    waitpid $pid, 0;
    return read_file("$said.err");
}

sub count_in { return $env->sql("SELECT count(*) FROM $_[0] WHERE $_[1]") }

sub halves {
    my $break = sub { "UPDATE ehr.beds SET status = 'OUT_OF_SERVICE',
        status_reason = 'x' WHERE id = '$_[0]'" };
    my $plan = sub {
        my ($bed, $id) = ($_[0], id());
        return "INSERT INTO ehr.admissions (id, patient_id, bed_id, status,
                type, planned_start) VALUES ('$id', '" . patient() . "',
                '$bed', 'PLANNED', 'ELECTIVE',
                now() + interval '1 day');"
            . claim($id, 'bed', $bed, 0, 'reservation',
                "now() + interval '1 day'");
    };

    my $bed = bed();
    isnt meanwhile($break->($bed), $plan->($bed)), '',
        'no reservation of a bed that just breaks';
    $bed = bed();
    isnt meanwhile($plan->($bed) . 'SET CONSTRAINTS ALL IMMEDIATE',
        $break->($bed)), '', 'nothing breaks that is just reserved';

    my $room = room(ward(), 'ANY');
    ($bed) = beds($room, 1);
    my $for_men = "UPDATE ehr.ward_rooms SET sex_policy = 'MALE'
        WHERE id = '$room'";
    my $woman = stay(id => id(), bed => $bed, patient => patient());
    like meanwhile($for_men, $woman), qr/room_sex_policy/,
        'no woman into a room that just becomes one for men';
    $env->sql("UPDATE ehr.ward_rooms SET sex_policy = 'ANY' WHERE id =
        '$room'");
    like meanwhile($woman, $for_men), qr/room_sex_policy/,
        'nor the other way round';

    ($bed, my $beside) = beds(room(ward(), 'SAME'), 2);
    lying(bed => $beside, patient => patient('FEMALE'));
    my $someone = patient('FEMALE');
    my $man = "UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$someone'";
    my $lies = admission(bed => $bed, patient => $someone);
    like meanwhile($man, $lies), qr/room_sex_policy/,
        'nobody lies down who just becomes a man';
    $env->sql("UPDATE ehr.patients SET gender = 'FEMALE' WHERE id =
        '$someone'");
    like meanwhile($lies, $man), qr/room_sex_policy/,
        'nor becomes one who just lay down';

    my $mothers = bed();
    my $mother = lying(bed => $mothers, patient => patient('FEMALE'));
    my $child = admission(mother => $mother, type => 'NEWBORN',
        patient => patient('MALE', '1 hour'));
    like meanwhile(leaves(id => $mother), $child), qr/illegal_status/,
        'no newborn with a mother who just leaves';
    $mother = lying(bed => bed(), patient => patient('FEMALE'));
    $child = admission(mother => $mother, type => 'NEWBORN',
        patient => patient('MALE', '1 hour'));
    like meanwhile($child, leaves(id => $mother)), qr/newborn_in_bed/,
        'no mother leaves who just gave birth';

    $bed = bed();
    like meanwhile("UPDATE ehr.beds SET deleted_at = now()
        WHERE id = '$bed'", admission(bed => $bed, patient => patient())),
        qr/reference_unknown/, 'nobody into a bed that just goes';
    $bed = bed();
    like meanwhile(admission(bed => $bed, patient => patient()),
        "UPDATE ehr.beds SET deleted_at = now() WHERE id = '$bed'"),
        qr/bed_taken/, 'no bed goes into which somebody just went';

    # The only bed that is free is just being taken, but is given back.
    my $ward = ward();
    ($bed) = beds(room($ward), 1);
    my $wants = admission(ward => $ward, patient => patient());
    is meanwhile("SELECT FROM ehr.beds WHERE id = '$bed' FOR UPDATE",
        $wants), '', 'who finds all locked waits for one';
    is status_of($bed), 'OCCUPIED FEMALE', 'and gets it';
    all_is_whole();
}

# -- everything at random -----------------------------------------------------

# Few beds, few patients, every act; refusals are caught, a deadlock would be a
# failed transaction.
sub crowd {
    my $ward = ward();
    my @beds = map { beds(room($ward, $_), 4) } qw(SAME ANY MALE SAME);
    my @patients = map { patient(qw(MALE FEMALE)[$_ % 2]) } 1 .. 24;
    push @patients, map { patient('MALE', '3 days') } 1 .. 4;
    my ($b, $p) = map { join ',', map { "'$_'" } @$_ } \@beds, \@patients;
    my $create = join ', ', map {
        my %value = (id => 'gen_random_uuid()', patient => 'p',
            ward => "CASE WHEN n < 12 THEN '$ward'::uuid END",
            bed => 'CASE WHEN n >= 12 AND m IS NULL THEN b END',
            type => "'ELECTIVE'", mother => 'm',
            planned_start => "CASE n WHEN 10 THEN now() + interval '1 day'
                END", waits => 'n = 11');
        "$_ => " . ($value{$_} || 'NULL') } @create;
    my $place = "$ward', NULL, NULL, NULL";

    $env->sql(<<"SQL");
CREATE FUNCTION public.act(n integer) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
    b uuid := (ARRAY[$b]::uuid[])[1 + floor(random() * 16)::integer];
    p uuid := (ARRAY[$p]::uuid[])[1 + floor(random() * 28)::integer];
    a uuid;
    o uuid;
    m uuid;
BEGIN
    SELECT id INTO a FROM ehr.admissions WHERE ward_id = '$ward'
       AND status NOT IN ('DISCHARGED', 'CANCELLED') ORDER BY random();
    SELECT id INTO o FROM ehr.admissions WHERE ward_id = '$ward'
       AND status IN ('ADMITTED', 'ON_LEAVE') ORDER BY random();
    IF n = 13 THEN
        m := o;
    END IF;
    CASE n
    WHEN 1, 2 THEN
        PERFORM ehr.admission_transfer(a, NULL, b, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL);
    WHEN 3 THEN
        PERFORM ehr.admission_transfer(a, NULL, NULL, NULL, '$ward', NULL,
            NULL, NULL, NULL, NULL, ARRAY[b]);
    WHEN 4 THEN
        PERFORM ehr.admission_swap(a, NULL, o, NULL, NULL);
    WHEN 5, 6 THEN
        PERFORM ehr.admission_discharge(a, NULL, 'DONE', 'AGAINST_ADVICE',
            NULL, NULL);
    WHEN 7 THEN
        PERFORM ehr.admission_cancel(a, NULL, NULL);
    WHEN 8 THEN
        PERFORM ehr.admission_admit(a, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL);
    WHEN 9 THEN
        UPDATE ehr.patients SET gender = CASE gender WHEN 'MALE'
            THEN 'FEMALE' ELSE 'MALE' END WHERE id = p;
    WHEN 16, 17, 18, 19, 20 THEN
        PERFORM ehr.bed_status(b, NULL, 'AVAILABLE', NULL);
    ELSE
        PERFORM ehr.admission_create($create);
    END CASE;
    RETURN 'done';
EXCEPTION WHEN sqlstate 'EH409' OR sqlstate 'EH422' OR sqlstate 'EH404' THEN
    RETURN SQLERRM;
END
\$\$;
GRANT EXECUTE ON FUNCTION public.act(integer) TO ehr_app;
SQL
    write_file($env->dir . '/crowd.pgbench', <<"SQL");
\\set n random(1, 20)
\\set m random(1, 20)
BEGIN;
SELECT set_config('ehr.actor', '$nurse', true),
       set_config('ehr.scope', 'all', true);
SELECT public.act(:n);
COMMIT;
SQL
    my $out = must_run(undef, '/usr/bin/pgbench', '-h', $env->socket, '-U',
        'ehr_app', '-n', '-c', 12, '-j', 2, '-t', 100, '-f',
        $env->dir . '/crowd.pgbench', 'ehr');
    like $out, qr{actually processed: 1200/1200}, 'all acts came to an end';
    like $out, qr/failed transactions: 0 /, 'none by a deadlock' or diag $out;
    cmp_ok count_of('admission_movements', "ward_id = '$ward'"), '>', 50,
        'much was moved';
    cmp_ok count_of('admission_movements', "ward_id = '$ward' AND kind =
        '$_'"), '>', 0, "kind $_" for qw(ADMIT TRANSFER SWAP);
}
