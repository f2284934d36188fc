# Nothing is busy twice at once: not by direct SQL of any role, not by many at
# the same time, not by holds, swaps or overbooking.

use EHR::Test;
use EHR::Test::Bodies ();
use EHR::Test::Scheduling;

my $env = start_environment(name => 'claims', no_nginx => 1);
my $world = EHR::Test::Scheduling->new($env);
my $clinic = $world->clinic('UTC');
my $day = $env->sql("SELECT (current_date + 30)::text");
my $staff = $world->{staff};

subtest 'direct SQL' => \&direct_sql;
subtest 'shapes of a claim' => \&shapes;
subtest 'appointment and claims are one' => \&one_thing;
subtest 'who is busy is named' => \&names;
subtest 'statuses' => \&statuses;
subtest 'holds' => \&holds;
subtest 'rescheduling' => \&rescheduling;
subtest 'overbooking' => \&overbooking;
subtest 'one seat, many who want it' => \&one_seat;
subtest 'n seats, many who want one' => \&many_seats;
subtest 'a hold is confirmed once' => \&confirm_race;
subtest 'two who change places' => \&swaps;
subtest 'in the order of locks' => \&in_order;
subtest 'time off' => \&time_off;
subtest 'patients and their limits' => \&limits;
subtest 'a crowd at random' => \&crowd;
subtest 'who may' => \&who_may;
nothing_overlaps();
done_testing;

sub id { return EHR::Test::Bodies::unique_id() }
sub at { return "${day}T$_[0]Z" }

# A doctor with hours, new.
sub doctor {
    my $doctor = $world->doctor;
    $world->hours($doctor, $clinic, @_);
    return $doctor;
}

sub booked {
    my (%o) = @_;
    $o{id} ||= id();
    $o{patient} ||= $world->patient;
    my ($error, $fields) = $world->staff($world->book(%o));
    is $error, '', 'booked' or diag $fields;
    return $o{id};
}

# The error of a staff member's act; its fields are the name's.
sub refused {
    my ($sql, $wanted, $fields, $name) = @_;
    my ($error, $named) = $world->staff($sql);
    is "$error: $named", "$wanted: $fields", $name;
}

sub count_claims {
    my ($where) = @_;
    return $env->sql("SELECT count(*) FROM ehr.claims WHERE $where");
}

# The invariant: by a join of the table with itself, not by its constraint.
sub nothing_overlaps {
    is $env->sql(<<'SQL'), 0, 'no two claims of a seat overlap';
SELECT count(*) FROM ehr.claims a JOIN ehr.claims b
    ON a.resource = b.resource AND a.seat = b.seat AND a.id < b.id
   AND a.during && b.during
SQL
    is $env->sql(<<'SQL'), 0, 'nor two appointments of a patient';
SELECT count(*) FROM ehr.appointments a JOIN ehr.appointments b
    ON a.patient_id = b.patient_id AND a.id < b.id
   AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
   AND a.status NOT IN ('CANCELLED', 'NO_SHOW')
   AND b.status NOT IN ('CANCELLED', 'NO_SHOW')
SQL
    is $env->sql(<<'SQL'), 0, 'every active appointment has its claims';
SELECT count(*) FROM ehr.appointments a
 WHERE (SELECT count(*) FROM ehr.claims c
         WHERE c.ref = a.id AND c.kind = 'appointment'
           AND c.during = tstzrange(a.starts_at, a.ends_at))
       <> CASE WHEN a.status IN ('CANCELLED', 'NO_SHOW') THEN 0
               ELSE 2 + cardinality(a.equipment_ids)
                    + (a.room_id IS NOT NULL)::integer END
SQL
}

# -- the constraint -----------------------------------------------------------

sub direct_sql {
    my $number = $env->sql("SELECT ehr.resource_of('doctor', '"
        . $world->doctor . "')");
    my $claim = sub {
        my ($from, $to, $seat, $kind) = @_;
        return "INSERT INTO ehr.claims (resource, seat, during, kind, ref,
                expires_at)
            VALUES ($number, " . ($seat || 0) . ", '[$day $from+00, $day $to+00)',
                '" . ($kind || 'time_off') . "', gen_random_uuid(),
                " . ($kind && $kind eq 'hold' ? "now() + '1 hour'" : 'NULL')
            . ')';
    };
    my @as = (['the superuser', ''], ['the owner', 'SET ROLE ehr_owner;']);
    $env->sql($claim->('10:00', '11:00'));

    for my $as (@as) {
        my ($who, $set) = @$as;
        for my $case (['the same', '10:00', '11:00'],
            ['one contained', '10:15', '10:45'],
            ['one that contains it', '09:00', '12:00'],
            ['one over its beginning', '09:30', '10:05'],
            ['one over its end', '10:55', '11:30'],
            ['a hold', '10:30', '10:40', 0, 'hold'])
        {
            my ($what, @claim) = @$case;
            my ($ok, undef, $err) = $env->psql('postgres',
                $set . $claim->(@claim));
            ok !$ok && $err =~ /claims_during_excl/, "$what, as $who";
        }
    }
    for my $case (['before it', '09:00', '10:00'],
        ['after it', '11:00', '12:00'], ['another seat', '10:00', '11:00', 1])
    {
        my ($what, @claim) = @$case;
        my ($ok) = $env->psql('postgres', $claim->(@claim));
        ok $ok, "$what is free";
    }
    my ($ok, undef, $err) = $env->psql('postgres',
        "UPDATE ehr.claims SET seat = 0 WHERE resource = $number AND seat = 1");
    ok !$ok && $err =~ /claims_during_excl/, 'nor by an UPDATE';

    for my $sql ($claim->('15:00', '16:00'),
        "UPDATE ehr.claims SET seat = 9", 'DELETE FROM ehr.claims',
        'TRUNCATE ehr.claims', "INSERT INTO ehr.appointments (patient_id,
            doctor_id, starts_at, ends_at, duration_minutes) SELECT
            gen_random_uuid(), gen_random_uuid(), now(), now(), 30")
    {
        my ($error) = $world->staff($sql);
        like $error, qr/^42501 permission denied/, 'the application may not: '
            . substr $sql, 0, 30;
    }
}

sub shapes {
    my $number = $env->sql("SELECT ehr.resource_of('doctor', '"
        . $world->doctor . "')");
    my %wrong = (
        'empty'           => "'empty', 'time_off', NULL",
        'without an end'  => "'[$day,)', 'time_off', NULL",
        'without a start' => "'(, $day)', 'admission', NULL",
        'from infinity'   => "'[-infinity, $day)', 'admission', NULL",
        'to infinity'     => "'[$day, infinity)', 'time_off', NULL",
        'with its end'    => "'[$day 10:00, $day 10:30]', 'time_off', NULL",
        'off the granule' => "'[$day 10:02, $day 10:30)', 'time_off', NULL",
        'by a second'     => "'[$day 10:00:01, $day 10:30)', 'time_off', NULL",
        'of two days'     => "'[$day, $day 23:55)'::tstzrange
            + tstzrange('$day 23:55', '$day 23:55'::timestamptz + '10 min'),
            'hold', now()",
        'a hold for ever' => "'[$day, $day 01:00)', 'hold', NULL",
        'a hold to infinity' =>
            "'[$day, $day 01:00)', 'hold', 'infinity'",
        'time off that expires' => "'[$day, $day 01:00)', 'time_off', now()",
        'of no kind'      => "'[$day, $day 01:00)', 'lunch', NULL",
    );
    for my $what (sort keys %wrong) {
        my ($ok, undef, $err) = $env->psql('postgres', "INSERT INTO ehr.claims
            (resource, ref, during, kind, expires_at)
            VALUES ($number, gen_random_uuid(), $wrong{$what})");
        ok !$ok && $err =~ /claims_\w+_check/, "no claim $what" or diag $err;
    }
    my $stay = "INSERT INTO ehr.claims (resource, ref, during, kind) VALUES
        ($number, gen_random_uuid(), '[$day 10:02,)', 'admission')";
    my ($ok) = $env->psql('postgres', "BEGIN;\n$stay;\nROLLBACK");
    ok $ok, 'an admission begins when it does and has no end yet';
    ($ok, undef, my $err) = $env->psql('postgres', $stay);
    ok !$ok && $err =~ /its movements and claims differ/,
        'but there has to be one' or diag $err;
}

sub one_thing {
    my $doctor = doctor();
    my $id = booked(doctor => $doctor, start => at('10:00'));
    is count_claims("ref = '$id'"), 2, 'doctor and patient are busy';

    my $patient = $world->patient;
    my %act = (
        'an appointment without claims' => "INSERT INTO ehr.appointments
            (patient_id, doctor_id, starts_at, ends_at, duration_minutes)
            VALUES ('$patient', '$doctor', '$day 12:00', '$day 12:30', 30)",
        'without one of them' => "DELETE FROM ehr.claims WHERE id =
            (SELECT id FROM ehr.claims WHERE ref = '$id' LIMIT 1)",
        'with another time' => "UPDATE ehr.appointments SET
            status = 'RESCHEDULED', starts_at = starts_at + '1 hour',
            ends_at = ends_at + '1 hour' WHERE id = '$id'",
        'claims with another time' => "UPDATE ehr.claims SET
            during = '[$day 12:00, $day 12:30)' WHERE ref = '$id'",
        'claims of nobody' => "INSERT INTO ehr.claims (resource, during, kind,
            ref) VALUES (1, '[$day 20:00, $day 20:30)', 'appointment',
            gen_random_uuid())",
        'one claim too many' => "INSERT INTO ehr.claims (resource, during,
            kind, ref) SELECT ehr.resource_of('patient', '$patient'), during,
            kind, ref FROM ehr.claims WHERE ref = '$id' LIMIT 1",
        'another doctor' => "UPDATE ehr.appointments SET
            status = 'RESCHEDULED', doctor_id = '" . $world->doctor
            . "' WHERE id = '$id'",
        'a deleted row' => "DELETE FROM ehr.appointments WHERE id = '$id'",
    );
    for my $what (sort keys %act) {
        my ($ok, undef, $err) = $env->psql('postgres',
            "BEGIN; $act{$what}; COMMIT");
        ok !$ok && $err =~ /claims differ|not its appointment's/, $what
            or diag $err;
    }
    my ($ok, undef, $err) = $env->psql('postgres',
        "UPDATE ehr.appointments SET status = 'CANCELLED' WHERE id = '$id'");
    ok $ok, 'direct SQL may cancel' or diag $err;
    is count_claims("ref = '$id'"), 0, 'which frees both';
    ($ok, undef, $err) = $env->psql('postgres', "UPDATE ehr.appointments
        SET patient_id = '$patient' WHERE id = '$id'");
    ok !$ok && $err =~ /field_immutable/, 'the patient stays';
}

# -- acts ---------------------------------------------------------------------

sub names {
    my $doctor = doctor();
    my $other = doctor();
    my ($room, $machine) = ($world->room($clinic), $world->machine($clinic));
    my $patient = $world->patient;
    my %all = (start => at('10:00'), doctor => $doctor, patient => $patient,
        room => $room, machines => $machine);
    booked(%all);

    refused($world->book(%all), 'EH409 slot_taken',
        'doctor,equipment,patient,room', 'all are busy');
    refused($world->book(%all, doctor => $other, machines => undef),
        'EH409 slot_taken', 'patient,room', 'all but the doctor');
    refused($world->book(%all, room => undef, machines => undef,
        patient => $world->patient), 'EH409 slot_taken', 'doctor',
        'the doctor alone');
    my $id = id();
    refused($world->book(id => $id, %all, doctor => $other,
        patient => $world->patient, room => undef), 'EH409 slot_taken',
        'equipment', 'a machine');
    is count_claims("ref = '$id'"), 0, 'nothing half booked is left';

    refused($world->book(%all, machines => "$machine,$machine"),
        'EH422 reference_unknown', 'equipmentIds', 'a machine twice');
    for my $field (qw(patient doctor room)) {
        refused($world->book(%all, $field => id()),
            'EH422 reference_unknown', "${field}Id", "no $field");
    }
    my ($late, $early) = ($env->sql("SELECT now() + '3 years'"), '2001-01-01');
    for my $case ([start => at('10:02'), 'off_granule', 'start'],
        [start => at('10:10'), 'off_grid', 'start'],
        [minutes => 7, 'off_granule', 'durationMinutes'],
        [minutes => 0, 'too_long', 'durationMinutes'],
        [minutes => -30, 'too_long', 'durationMinutes'],
        [minutes => 1445, 'too_long', 'durationMinutes'],
        [minutes => 1440, 'outside_schedule', 'durationMinutes'],
        [start => $early, 'in_the_past', 'start'],
        [start => 'infinity', 'field_required', 'start'])
    {
        my ($name, $value, $symbol, $field) = @$case;
        refused($world->book(%all, $name => $value), "EH422 $symbol", $field,
            "$name $value");
    }
    booked(%all, start => at('11:00'), minutes => 95);
    refused($world->book(%all, patient => $world->patient, room => undef,
        machines => undef, start => at('12:30')), 'EH409 slot_taken',
        'doctor', 'any length is busy to its end');
}

sub statuses {
    my @order = qw(SCHEDULED CONFIRMED RESCHEDULED ARRIVED IN_PROGRESS
        COMPLETED CANCELLED NO_SHOW);
    my %after = (
        SCHEDULED   => [qw(CONFIRMED RESCHEDULED ARRIVED CANCELLED NO_SHOW)],
        CONFIRMED   => [qw(RESCHEDULED ARRIVED CANCELLED NO_SHOW)],
        RESCHEDULED => [qw(CONFIRMED ARRIVED CANCELLED NO_SHOW)],
        ARRIVED     => [qw(IN_PROGRESS CANCELLED NO_SHOW)],
        IN_PROGRESS => ['COMPLETED'],
        COMPLETED   => [], CANCELLED => [], NO_SHOW => [],
    );
    my %way = (SCHEDULED => [], CONFIRMED => ['CONFIRMED'],
        RESCHEDULED => ['RESCHEDULED'], ARRIVED => ['ARRIVED'],
        IN_PROGRESS => [qw(ARRIVED IN_PROGRESS)],
        COMPLETED => [qw(ARRIVED IN_PROGRESS COMPLETED)],
        CANCELLED => ['CANCELLED'], NO_SHOW => ['NO_SHOW']);
    my $doctor = doctor();
    my $id = booked(doctor => $doctor, start => at('10:00'));
    my $move = sub { "UPDATE ehr.appointments SET status = '$_[0]'
        WHERE id = '$id';" };
    my @wrong;

    for my $from (@order) {
        for my $to (grep { $_ ne $from } @order) {
            my ($ok, undef, $err) = $env->psql('postgres', join "\n", 'BEGIN;',
                (map { $move->($_) } @{ $way{$from} }), $move->($to),
                'ROLLBACK;');
            my $may = grep { $_ eq $to } @{ $after{$from} };
            push @wrong, "$from to $to: $err"
                if $may ? !$ok : $err !~ /illegal_status/;
        }
    }
    is_deeply \@wrong, [], 'each step of direct SQL';

    my $step = sub { $world->staff("SELECT ehr.appointment_move('$id',
        NULL, '$_[0]')") };
    is_deeply [map { ($step->($_))[0] } qw(CONFIRMED ARRIVED)],
        ['', 'EH409 not_the_time_to_arrive'], 'nobody is there days before';
    $env->sql($move->('ARRIVED'));
    is_deeply [map { ($step->($_))[0] } qw(SCHEDULED IN_PROGRESS CANCELLED
        COMPLETED NO_SHOW)],
        ['EH409 illegal_status', '', 'EH409 illegal_status', '',
            'EH409 illegal_status'], 'steps of the function';
    is $env->sql("SELECT arrived_at IS NOT NULL AND began_at IS NOT NULL
        AND completed_at IS NOT NULL FROM ehr.appointments
        WHERE id = '$id'"), 't', 'their times are kept';
    is count_claims("ref = '$id'"), 2, 'what took place stays busy';

    my $missed = booked(doctor => $doctor, start => at('11:00'));
    is_deeply [($world->staff("SELECT ehr.appointment_cancel('$missed', 9,
        'Ill')"))[0]], ['EH412 stale_version'], 'another version';
    is_deeply [($world->staff("SELECT ehr.appointment_cancel('$missed', 1,
        'Ill')"))[0]], [''], 'cancelled';
    is count_claims("ref = '$missed'"), 0, 'and free';
    is $env->sql("SELECT string_agg(action, ' ' ORDER BY seq) FROM
        ehr.audit_log WHERE entity_id = '$missed'"), 'CREATE UPDATE',
        'one audit row an act';
    booked(doctor => $doctor, start => at('11:00'));
}

sub holds {
    my $doctor = doctor();
    my $patient = $world->patient;
    my %slot = (doctor => $doctor, patient => $patient, start => at('10:00'));
    my $hold = id();
    my ($error, undef, $until) = $world->staff($world->hold(%slot,
        id => $hold));
    is $error, '', 'held';
    is $env->sql("SELECT '$until' - now() BETWEEN '9 min' AND '10 min'"), 't',
        'for ten minutes';
    is count_claims("ref = '$hold' AND kind = 'hold'"), 2, 'two claims';

    my $else = $world->account('RECEPTIONIST');
    is join(' ', ($world->as('all', $else, $world->book(%slot,
        patient => $world->patient)))[0, 1]), 'EH409 slot_taken doctor',
        'others do not get it';
    is join(' ', ($world->as('all', $else, $world->book(%slot,
        hold => $hold)))[0, 1]), 'EH409 hold_gone holdToken',
        'nor by its token';
    is(($world->as('all', $else, "SELECT ehr.hold_release('$hold')"))[2],
        'f', 'nor can they give it back');
    refused($world->book(%slot, hold => id()), 'EH409 hold_gone', 'holdToken',
        'a token of nothing');
    refused($world->book(%slot, start => at('10:30'), hold => $hold),
        'EH422 hold_differs', 'holdToken', 'another time');
    refused($world->book(%slot, patient => $world->patient, hold => $hold),
        'EH422 hold_differs', 'holdToken', 'another patient');

    my $id = id();
    is(($world->staff($world->book(%slot, id => $id, hold => $hold)))[0], '',
        'its holder books by the token');
    is count_claims("ref = '$id' AND kind = 'appointment'"), 2,
        'the claims are the appointment\'s';
    is count_claims("kind = 'hold'"), 0, 'and no hold any more';
    refused($world->book(%slot, hold => $hold), 'EH409 hold_gone',
        'holdToken', 'once only');

    my %next = (%slot, start => at('11:00'));
    $world->staff($world->hold(%next, id => $hold));
    is(($world->staff($world->book(%next)))[0], '',
        'who holds a slot is not in the own way');
    is count_claims("ref = '$hold'"), 0, 'the hold is used up';

    %next = (%slot, start => at('12:00'));
    $world->staff($world->hold(%next, id => $hold));
    refused($world->book(%next, room => $world->room($clinic)),
        'EH409 slot_taken', 'doctor,patient',
        'but with a room that was not held, who holds it is');
    is(($world->staff("SELECT ehr.hold_release('$hold')"))[2], 't',
        'the hold is still there');

    $world->staff($world->hold(%next, id => $hold));
    is(($world->staff("SELECT ehr.hold_release('$hold')"))[2], 't', 'released');
    is count_claims("ref = '$hold'"), 0, 'and free';

    $world->staff($world->hold(%next, id => $hold));
    $env->sql("UPDATE ehr.claims SET expires_at = now() - interval '1 s'
        WHERE ref = '$hold'");
    refused($world->book(%next, hold => $hold), 'EH409 hold_gone',
        'holdToken', 'too late');
    is(($world->as('all', $else, $world->book(%next,
        patient => $world->patient)))[0], '', 'what has run out is free');
    is count_claims("ref = '$hold' AND resource
        = ehr.resource_of('doctor', '$doctor')"), 0, 'and forgotten';
    is(($world->staff('SELECT ehr.holds_expire()'))[0], 'EH403 forbidden',
        'housekeeping is the system\'s');
    is(($world->as('system', '', 'SELECT ehr.holds_expire()'))[2], 1,
        'it forgets the rest');
    is count_claims("kind = 'hold'"), 0, 'none is left';
}

sub rescheduling {
    my $doctor = doctor();
    my $other = doctor();
    my ($one, $two) = map { booked(doctor => $doctor, start => at($_)) }
        '10:00', '10:30';
    my $to = sub {
        my ($id, $start, %o) = @_;
        my @v = map { defined $_ ? "'$_'" : 'NULL' } @o{qw(version minutes
            doctor hold)};
        return "SELECT ehr.appointment_reschedule('$id', $v[0], '"
            . at($start) . "', $v[1], $v[2], NULL, NULL, $v[3], NULL)";
    };
    refused($to->($one, '10:30'), 'EH409 slot_taken', 'doctor',
        'a slot that is taken');
    is $env->sql("SELECT to_char(starts_at, 'HH24:MI') || status || version
        FROM ehr.appointments WHERE id = '$one'"), '10:00SCHEDULED1',
        'leaves the old one';
    is count_claims("ref = '$one' AND lower(during) = '$day 10:00'"), 2,
        'with its claims';
    refused($to->($one, '11:00', version => 2), 'EH412 stale_version', '',
        'another version');

    is(($world->staff($to->($one, '11:00', version => 1)))[0], '', 'moved');
    is count_claims("ref = '$one' AND lower(during) = '$day 11:00'"), 2,
        'with its claims';
    is(($world->staff($to->($one, '10:00', minutes => 30)))[0], '',
        'the old slot was free');
    is(($world->staff($to->($two, '10:30', minutes => 60)))[0], '',
        'over its own old time');
    is(($world->staff($to->($two, '11:00', doctor => $other)))[0], '',
        'to another doctor');
    is $env->sql("SELECT doctor_id FROM ehr.appointments WHERE id = '$two'"),
        $other, 'who has it now';
    refused($to->(id(), '12:00'), 'EH404 not_found', '', 'one that is not');

    my ($hold, $patient) = (id(), $env->sql("SELECT patient_id FROM
        ehr.appointments WHERE id = '$one'"));
    $world->staff($world->hold(id => $hold, doctor => $doctor,
        patient => $patient, start => at('14:00')));
    is(($world->staff($to->($one, '14:00', hold => $hold)))[0], '', 'by a hold');
    is count_claims("ref = '$one'"), 2, 'nothing of the old is left';
    $world->own("UPDATE ehr.appointments SET status = 'ARRIVED'
        WHERE id = '$one'");
    refused($to->($one, '15:00'), 'EH409 illegal_status', 'status',
        'not when the patient is there');
}

sub overbooking {
    my $doctor = doctor();
    my %slot = (doctor => $doctor, start => at('10:00'));
    booked(%slot);
    refused($world->book(%slot, patient => $world->patient,
        overbook => 'Pain'), 'EH422 overbooks_emergencies', 'overbookReason',
        'a consultation');
    refused($world->book(%slot, patient => $world->patient,
        type => 'EMERGENCY'), 'EH409 slot_taken', 'doctor',
        'an emergency without a reason');
    my %pressing = (%slot, type => 'EMERGENCY', overbook => 'Pain');
    my $patient = $world->patient;
    my $id = booked(%pressing, patient => $patient);
    my $second = booked(%pressing);
    is $env->sql("SELECT string_agg((seat >= 1000)::text, ' ') FROM
        ehr.appointments WHERE id IN ('$id', '$second')"), 'true true',
        'squeezed in';
    my $other = doctor();
    refused($world->book(%pressing, doctor => $other, patient => $patient),
        'EH409 slot_taken', 'patient', 'no patient is in two places');
    my $free = booked(%pressing, doctor => $other);
    is $env->sql("SELECT seat FROM ehr.appointments WHERE id = '$free'"), 0,
        'a free seat comes first';
    my $closed = $world->doctor;
    booked(%pressing, doctor => $closed, start => at('03:05'));
}

# -- many at once -------------------------------------------------------------

sub tally {
    my %n;
    $n{"$_->[0] $_->[1]"}++ for @_;
    return \%n;
}

sub one_seat {
    my $doctor = doctor();
    my @want = map { ['all', $staff, $world->book(doctor => $doctor,
        start => at('10:00'), patient => $world->patient)] } 1 .. 24;
    is_deeply tally($world->together(@want)),
        { ' ' => 1, 'EH409 slot_taken doctor' => 23 }, 'one of 24';

    my $patient = $world->patient;
    @want = map { ['all', $staff, $world->book(doctor => doctor(),
        start => at('10:00'), minutes => 30 * $_, patient => $patient)] }
        1 .. 12;
    is_deeply tally($world->together(@want)),
        { ' ' => 1, 'EH409 slot_taken patient' => 11 },
        'a patient with one of 12 doctors';
}

sub many_seats {
    my $doctor = doctor(capacity => 10);
    my @want = map { ['all', $staff, $world->book(doctor => $doctor,
        start => at('10:00'), seat => 0, patient => $world->patient)] }
        1 .. 30;
    is_deeply tally($world->together(@want)),
        { ' ' => 10, 'EH409 slot_taken doctor' => 20 }, 'ten of 30';
    is $env->sql("SELECT string_agg(seat::text, ' ' ORDER BY seat) FROM
        ehr.appointments WHERE doctor_id = '$doctor'"), join(' ', 0 .. 9),
        'a seat each';
    my $patient = $world->patient;
    @want = map { ['all', $staff, $world->book(doctor => $doctor,
        start => at('11:00'), patient => $patient)] } 1 .. 16;
    is_deeply tally($world->together(@want)),
        { ' ' => 1, 'EH409 slot_taken patient' => 15 },
        'nobody takes two of them';
}

sub confirm_race {
    my $doctor = doctor();
    my %slot = (doctor => $doctor, patient => $world->patient,
        start => at('10:00'));
    my $hold = id();
    $world->staff($world->hold(%slot, id => $hold));
    is_deeply tally($world->together(map { ['all', $staff,
        $world->book(%slot, hold => $hold)] } 1 .. 16)),
        { ' ' => 1, 'EH409 hold_gone holdToken' => 15 }, 'one of 16';

    $hold = id();
    $slot{start} = at('11:00');
    $world->staff($world->hold(%slot, id => $hold));
    $env->sql("UPDATE ehr.claims SET expires_at = now() - interval '1 s'
        WHERE ref = '$hold'");
    is_deeply tally($world->together((map { ['all', $staff, $world->book(%slot,
        patient => $world->patient)] } 1 .. 12),
        ['system', '', 'SELECT ehr.holds_expire()'])),
        { ' ' => 2, 'EH409 slot_taken doctor' => 11 },
        'one of 12 gets what has just run out';
}

sub swaps {
    my $doctor = doctor();
    my ($one, $two) = map { booked(doctor => $doctor, start => at($_)) }
        '10:00', '11:00';
    my $move = sub { ['all', $staff, "SELECT ehr.appointment_reschedule(
        '$_[0]', NULL, '" . at($_[1]) . "', NULL, NULL, NULL, NULL, NULL,
        NULL)"] };
    for my $round (1 .. 5) {
        my @came = $world->together(map { ($move->($one, '11:00'),
            $move->($two, '10:00')) } 1 .. 4);
        is_deeply [grep { $_->[0] !~ /^(?:|EH409 slot_taken)$/ } @came], [],
            "round $round: nobody deadlocks";
    }
    is count_claims("ref IN ('$one', '$two')"), 4, 'nothing is lost';
    my @came = $world->together($move->($one, '12:00'),
        $move->($two, '12:00'));
    is_deeply tally(@came), { ' ' => 1, 'EH409 slot_taken doctor' => 1 },
        'one of two gets a third slot';
}

# Nobody waits for anybody who waits.
sub in_order {
    my ($doctor, $other) = (doctor(), doctor());
    my $series = id();
    is +($world->staff("SELECT ehr.series_book('$series', '" . $world->patient
        . "', '$doctor', '" . at('12:00') . "', 30, 'CONSULTATION', NULL,
        '{\"frequency\": \"DAILY\", \"count\": 2}', 'FAIL', NULL, '{}',
        false, NULL)"))[0], '', 'a series';
    my $second = $env->sql("SELECT id FROM ehr.appointments
        WHERE series_id = '$series' ORDER BY starts_at DESC LIMIT 1");
    waits_for($doctor);
    is_deeply [$world->in_turns(
        [one => "SELECT FROM ehr.appointments WHERE id = '$second'
            FOR NO KEY UPDATE"],
        [all => "SELECT set_config('ehr.actor', '$staff', true),
                set_config('ehr.scope', 'all', true);
            SELECT ehr.series_cancel('$series', now(), 'x')"],
        [one => "SELECT ehr.appointment_cancel('$second', NULL, 'x')"])],
        ['', ''], 'a series and one of its dates are cancelled';

    my $moved = booked(doctor => $doctor, start => at('15:00'));
    waits_for($doctor);
    is_deeply [$world->in_turns(
        [offers => 'SELECT pg_advisory_xact_lock(4715, 0)'],
        [moves => reschedule($moved, '16:00', $doctor)],
        [offers => "SELECT ehr.waiting_offer('$doctor',
            tstzrange('" . at('16:00') . "', '" . at('16:30') . "'))"])],
        ['', ''], 'what somebody is moved to is offered';
    is $env->sql("SELECT status || to_char(starts_at, ' HH24:MI')
        FROM ehr.appointments WHERE id = '$moved'"), 'RESCHEDULED 16:00',
        'and not to be had';

    $moved = booked(doctor => $other, start => at('18:00'));
    is_deeply [$world->in_turns(
        [moves => "SELECT FROM ehr.appointments WHERE id = '$moved'
            FOR NO KEY UPDATE"],
        [off => "SET LOCAL ehr.force = 'true'; INSERT INTO
            ehr.schedule_exceptions (kind, starts_at, ends_at, doctor_id)
            VALUES ('TIME_OFF', '" . at('17:00') . "', '" . at('20:00')
            . "', '$other')"],
        [moves => reschedule($moved, '19:00', $other)])], ['', ''],
        'an appointment is moved within what becomes time off';
    is $env->sql("SELECT needs_attention FROM ehr.appointments
        WHERE id = '$moved'"), 't', 'and needs attention';
}

sub reschedule {
    my ($id, $time, $doctor) = @_;
    return "SELECT ehr.appointment_reschedule('$id', NULL, '" . at($time)
        . "', NULL, '$doctor', NULL, NULL, NULL, NULL)";
}

sub waits_for {
    my ($doctor) = @_;
    $world->own("INSERT INTO ehr.waiting_list (patient_id, doctor_id,
            earliest, latest, duration_minutes)
        VALUES ('" . $world->patient . "', '$doctor', '" . at('10:00')
            . "', '" . at('23:00') . "', 30)");
}

sub time_off {
    my $doctor = doctor(capacity => 2);
    my $number = $env->sql("SELECT ehr.resource_of('doctor', '$doctor')");
    my $id = booked(doctor => $doctor, start => at('10:00'), seat => 0);
    my $off = $world->exception('TIME_OFF', at('09:00'), at('12:00'),
        doctor => $doctor);
    is $env->sql("SELECT string_agg(seat || to_char(lower(during), ' HH24:MI')
        || to_char(upper(during), '-HH24:MI'), ', ' ORDER BY seat, during)
        FROM ehr.claims WHERE ref = '$off'"),
        '0 09:00-10:00, 0 10:30-12:00, 1 09:00-12:00',
        'every seat is off, but for what is booked';
    refused($world->book(doctor => $doctor, start => at('11:00'),
        patient => $world->patient), 'EH422 outside_schedule', 'start',
        'nobody books in it');
    my ($ok, undef, $err) = $env->psql('postgres', "INSERT INTO ehr.claims
        (resource, during, kind, ref, expires_at) VALUES ($number,
        '[$day 11:00, $day 11:30)', 'hold', gen_random_uuid(), now())");
    ok !$ok && $err =~ /claims_during_excl/, 'nor by direct SQL';
    is $env->sql("SELECT ehr.schedule_conflicts('$doctor')"), $id,
        'what was booked is a conflict';
    $world->staff("SELECT ehr.appointment_cancel('$id', NULL, NULL)");
    is $env->sql("SELECT range_agg(during) FROM ehr.claims WHERE ref = '$off'
        AND seat = 0"), "{[\"$day 09:00:00+00\",\"$day 12:00:00+00\")}",
        'when it goes the hole is covered';
    $world->own("UPDATE ehr.schedule_exceptions SET ends_at = '$day 10:00Z'
        WHERE id = '$off'");
    is count_claims("ref = '$off' AND upper(during) = '$day 10:00'"), 2,
        'a change changes its claims';
    $world->own("UPDATE ehr.schedule_exceptions SET deleted_at = now()
        WHERE id = '$off'");
    is count_claims("ref = '$off'"), 0, 'and a deletion frees them';
}

sub limits {
    my $user = $world->account('PATIENT');
    my $mine = $world->patient($user);
    my $doctor = doctor();
    my $try = sub {
        my (%o) = @_;
        return join ' ', ($world->portal($user, $world->book(
            doctor => $doctor, patient => $mine, %o)))[0, 1];
    };
    is $try->(start => at('10:00'), patient => $world->patient),
        'EH422 reference_unknown patientId', 'nobody else is booked for';
    is $try->(start => at('10:00'), type => 'EMERGENCY', overbook => 'x'),
        'EH403 forbidden ', 'nor is anybody squeezed in';
    my $far = $env->sql("SELECT date_trunc('day', now()) + '200 days'");
    is $try->(start => $far), 'EH422 too_far start', 'too far ahead';
    $world->own("INSERT INTO ehr.system_parameters (key, value)
        VALUES ('bookingLeadMinutes', '100000'), ('bookingOpenMax', '2'),
               ('bookingHoldsMax', '1')");
    is $try->(start => at('10:00')), 'EH422 too_early start', 'too soon';
    $world->own("UPDATE ehr.system_parameters SET value = '60'
        WHERE key = 'bookingLeadMinutes'");
    my ($first, $second) = (id(), id());
    is $try->(start => at('10:00'), id => $first), ' ', 'one';
    is $try->(start => at('11:00'), id => $second), ' ', 'two';
    is $try->(start => at('12:00')), 'EH409 too_many_open patientId', 'not three';
    is_deeply tally($world->together(map { ['own', $user, $world->book(
        doctor => $doctor, patient => $mine, start => at("$_:00"))] }
        13 .. 20)), { 'EH409 too_many_open patientId' => 8 },
        'nor by many at once';
    $world->portal($user, "SELECT ehr.appointment_cancel('$second', NULL, 'x')");
    is $try->(start => at('12:00')), ' ', 'a cancelled one counts no more';

    my @held = $world->together(map { ['own', $user, $world->hold(
        id => id(), doctor => $doctor, patient => $mine,
        start => at("$_:00"))] } 13 .. 16);
    is_deeply tally(@held), { ' ' => 1, 'EH409 too_many_holds ' => 3 },
        'one hold at a time';
    my $foreign = booked(doctor => $doctor, start => at('22:00'));
    is join(' ', ($world->portal($user, "SELECT ehr.appointment_cancel(
        '$foreign', NULL, 'x')"))[0]), 'EH404 not_found',
        'of others there is nothing';
    is(($world->portal($user, "SELECT ehr.appointment_move('$first', NULL,
        'CONFIRMED')"))[0], '', 'a patient confirms');
    is(($world->portal($user, "SELECT ehr.appointment_move('$first', NULL,
        'COMPLETED')"))[0], 'EH403 forbidden', 'but does not complete');
    $world->own("DELETE FROM ehr.system_parameters");
}

sub who_may {
    my $doctor = doctor();
    my $book = $world->book(doctor => $doctor, start => at('10:00'),
        patient => $world->patient);
    my $nurse = $world->account('NURSE');
    my $banned = $world->account('RECEPTIONIST');
    $world->own("UPDATE ehr.users SET status = 'BANNED' WHERE id = '$banned'");
    for my $case (['a nurse', 'all', $nurse], ['nobody', '', ''],
        ['a visitor', 'own', ''], ['one who is banned', 'all', $banned])
    {
        my ($who, $scope, $user) = @$case;
        is(($world->as($scope, $user, $book))[0], 'EH403 forbidden',
            "$who does not book");
    }
    my $id = booked(doctor => $doctor, start => at('11:00'));
    is(($world->as('all', $nurse, "SELECT ehr.appointment_move('$id', NULL,
        'ARRIVED')"))[0], 'EH409 not_the_time_to_arrive',
        'a nurse notes an arrival, but not days before');
    is $env->sql("SELECT count(*) FROM ehr.care_team WHERE doctor_id
        = '$doctor'"), 1, 'the doctor is in the care team';
    is(($world->as('own', $world->account('PATIENT'), "SELECT count(*) FROM
        ehr.appointments"))[2], 0, 'a stranger sees no appointment');
    is(($world->as('own', $world->account('PATIENT'), "SELECT count(*) FROM
        ehr.claims"))[2], 0, 'and no claim');
}

# -- everything at random -----------------------------------------------------

# Few doctors, few patients, every act.
sub crowd {
    my @doctors = map { doctor(slot => 5 * $_, capacity => $_ > 2 ? 3 : 1) }
        1 .. 4;
    my @patients = map { $world->patient } 1 .. 12;
    my ($d, $p) = map { join ',', map { "'$_'" } @$_ } \@doctors, \@patients;

    my $out = $world->crowd($staff, clients => 16, each => 60, kinds => 10,
        declare => <<"DECLARE", acts => <<"ACTS");
    d uuid := (ARRAY[$d]::uuid[])[1 + (random() * 3)::integer];
    p uuid := (ARRAY[$p]::uuid[])[1 + (random() * 11)::integer];
    s timestamptz := '$day 12:00Z'::timestamptz
        + (random() * 12)::integer * interval '10 minutes';
    m integer := 10 + 10 * (random() * 3)::integer;
    a uuid;
DECLARE
    SELECT id INTO a FROM ehr.appointments
     WHERE doctor_id = d AND status IN ('SCHEDULED', 'RESCHEDULED')
     ORDER BY random() LIMIT 1;
    CASE n
    WHEN 1 THEN
        PERFORM ehr.appointment_hold(gen_random_uuid(), p, d, s, m, NULL,
            NULL, NULL);
    WHEN 2 THEN
        PERFORM ehr.appointment_cancel(a, NULL, 'x');
    WHEN 3, 4, 5 THEN
        PERFORM ehr.appointment_reschedule(a, NULL, s, m,
            CASE WHEN n = 5 THEN d END, NULL, NULL, NULL, NULL);
    WHEN 6 THEN
        PERFORM ehr.hold_release((SELECT ref FROM ehr.claims
            WHERE kind = 'hold' LIMIT 1));
    ELSE
        PERFORM ehr.appointment_book(gen_random_uuid(), p, d, s, m, NULL,
            NULL, NULL, NULL, NULL, false, NULL, NULL, NULL, NULL, NULL);
    END CASE;
ACTS
    like $out, qr{actually processed: 960/960}, 'all acts came to an end';
    like $out, qr/failed transactions: 0 /, 'none by a deadlock' or diag $out;
    cmp_ok $env->sql("SELECT count(*) FROM ehr.appointments a JOIN unnest(
        ARRAY[$d]::uuid[]) AS d ON d = a.doctor_id"), '>', 10,
        'much was booked';
    $env->sql("UPDATE ehr.claims SET expires_at = now() WHERE kind = 'hold'");
    $world->as('system', '', 'SELECT ehr.holds_expire()');
}
