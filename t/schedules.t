# When doctors are there: weekly rules, exceptions, what both leave open, and
# what free slots and the check of a booking make of it.

use EHR::Test;
use EHR::Test::Bodies ();
use EHR::Test::Scheduling;

my $env = start_environment(name => 'schedules', no_nginx => 1);
my $world = EHR::Test::Scheduling->new($env);
my $clinic = $world->clinic('UTC');
my ($monday, $tuesday, $sunday) = split /\t/, $env->sql(<<'SQL');
SELECT date_trunc('week', current_date)::date + 28,
       date_trunc('week', current_date)::date + 29,
       date_trunc('week', current_date)::date + 34
SQL

subtest 'rules' => \&rules;
subtest 'what a rule must be' => \&bad_rules;
subtest 'exceptions' => \&exceptions;
subtest 'what an exception must be' => \&bad_exceptions;
subtest 'cuts keep the grid' => \&cuts;
subtest 'periods do not overlap' => \&no_overlaps;
subtest 'free slots' => \&free_slots;
subtest 'conflicts' => \&conflicts;
subtest 'one and all are the same' => \&one_and_all;
subtest 'rooms' => \&rooms;
subtest 'numbers of resources' => \&numbers;
done_testing;

sub doctor {
    my $doctor = $world->doctor;
    $world->hours($doctor, @_) if @_;
    return $doctor;
}

# "09:00-17:00/30x1 …" of a doctor in a window, by default a day.
sub open_on {
    my ($doctor, $from, $to) = @_;
    $to ||= $env->sql("SELECT '$from'::date + 1");
    return $env->sql(<<"SQL");
SELECT coalesce(string_agg(to_char(starts_at, 'HH24:MI') || '-'
    || to_char(ends_at, 'HH24:MI') || '/' || slot_minutes || 'x' || capacity,
    ' ' ORDER BY starts_at), '')
  FROM ehr.open_periods('{$doctor}', '$from', '$to')
SQL
}

sub rules {
    my $doctor = doctor($clinic, day => 1, start => '09:00', end => '12:00');
    $world->hours($doctor, $clinic, day => 1, start => '13:00',
        end => '24:00', slot => 20, capacity => 5);
    is open_on($doctor, $monday), '09:00-12:00/30x1 13:00-00:00/20x5',
        'two rules of a day';
    is open_on($doctor, $tuesday), '', 'none on another day';
    is open_on($doctor, "$monday 11:00", "$monday 11:30"), '09:00-12:00/30x1',
        'a period that passes the window is given whole';
    is open_on($doctor, "$monday 12:00", "$monday 13:00"), '',
        'its ends are outside';
    is $env->sql("SELECT count(*) FROM ehr.open_periods(NULL, '$monday',
        '$monday'::date + 70) WHERE doctor_id = '$doctor'"), 20,
        'every week, among all doctors';

    my $brief = doctor($clinic, day => 1, from => $monday, to => $monday);
    is $env->sql("SELECT count(*) FROM ehr.open_periods('{$brief}',
        '$monday'::date - 60, '$monday'::date + 60)"), 1,
        'from the first day to the last';

    for my $set ("doctors SET is_available = false",
        "doctors SET deleted_at = now()")
    {
        my $gone = doctor($clinic, day => 1);
        $world->own("UPDATE ehr.$set WHERE id = '$gone'");
        is open_on($gone, $monday), '', $set;
    }
    my $former = doctor($clinic, day => 1);
    $world->own("UPDATE ehr.doctor_schedules SET deleted_at = now()
        WHERE doctor_id = '$former'");
    is open_on($former, $monday), '', 'a rule that was deleted';
}

sub refuses {
    my ($sql, $wanted, $name) = @_;
    my ($ok, undef, $err) = $env->psql('postgres', "SET ROLE ehr_owner; $sql");
    ok !$ok && $err =~ $wanted, $name or diag $err;
}

sub bad_rules {
    my $doctor = doctor($clinic, day => 1, start => '09:00', end => '12:00');
    my $add = sub {
        my %o = (day => 2, start => "'09:00'", end => "'12:00'", slot => 30,
            capacity => 1, from => "'2020-01-01'", to => 'NULL',
            room => 'NULL', @_);
        return "INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id,
                day_of_week, start_time, end_time, slot_minutes, capacity,
                valid_from, valid_to, room_id) VALUES ('$doctor', '$clinic',
                $o{day}, $o{start}, $o{end}, $o{slot}, $o{capacity}, $o{from},
                $o{to}, $o{room})";
    };
    for my $case ([day => 0], [day => 8], [start => "'9:00'"],
        [start => "'09:02'"], [start => "'24:00'"], [end => "'24:05'"],
        [slot => 0], [slot => 485], [capacity => 0], [capacity => 501])
    {
        refuses($add->(@$case), qr/_check"|ends_before_start/, "@$case");
    }
    refuses($add->(end => "'09:00'"), qr/ends_before_start/, 'no time at all');
    refuses($add->(slot => 7), qr/off_granule/, 'slots off the granule');
    refuses($add->(to => "'2019-12-31'"), qr/ends_before_start/,
        'ended before it began');
    my $elsewhere = $world->room($world->clinic);
    refuses($add->(room => "'$elsewhere'"), qr/reference_unknown/,
        "another clinic's room");
    for my $times (["'09:00'", "'12:00'"], ["'11:55'", "'13:00'"],
        ["'10:00'", "'10:30'"])
    {
        refuses($add->(day => 1, start => $times->[0], end => $times->[1]),
            qr/doctor_schedules_start_time_excl/, "over another: @$times");
    }
    my ($ok) = $env->psql('postgres', $add->(day => 1, start => "'12:00'",
        end => "'13:00'"));
    ok $ok, 'one after another is fine';
}

sub exceptions {
    my $doctor = doctor($clinic, day => 1, start => '09:00', end => '17:00');
    my $elsewhere = $world->clinic('UTC');
    $world->hours($doctor, $elsewhere, day => 1, start => '18:00',
        end => '20:00');
    my $see = sub { open_on($doctor, $monday) };
    my $all = '09:00-17:00/30x1 18:00-20:00/30x1';
    my $drop = sub { $world->own("UPDATE ehr.schedule_exceptions
        SET deleted_at = now() WHERE id = '$_[0]'") };

    for my $case (
        ['a day off', 'TIME_OFF', "$monday 00:00", "$sunday 00:00",
            { doctor => $doctor }, ''],
        ['a holiday of the clinic', 'HOLIDAY', "$monday 00:00",
            "$tuesday 00:00", { clinic => $clinic }, '18:00-20:00/30x1'],
        ['off at one clinic', 'TIME_OFF', "$monday 00:00", "$tuesday 00:00",
            { doctor => $doctor, clinic => $elsewhere }, '09:00-17:00/30x1'],
        ['of somebody else', 'TIME_OFF', "$monday 00:00", "$tuesday 00:00",
            { doctor => doctor() }, $all],
        ['another day', 'TIME_OFF', "$tuesday 00:00", "$sunday 00:00",
            { doctor => $doctor }, $all],
        ['up to the beginning', 'TIME_OFF', "$monday 00:00", "$monday 09:00",
            { doctor => $doctor }, $all],
        ['from the end', 'TIME_OFF', "$monday 20:00", "$tuesday 09:00",
            { doctor => $doctor }, $all],
        ['a lunch', 'TIME_OFF', "$monday 12:00", "$monday 13:00",
            { doctor => $doctor },
            '09:00-12:00/30x1 13:00-17:00/30x1 18:00-20:00/30x1'],
        ['extra hours', 'EXTRA_HOURS', "$monday 06:00", "$monday 07:00",
            { doctor => $doctor, clinic => $clinic, slot => 15,
              capacity => 4 }, "06:00-07:00/15x4 $all"],
        ['extra hours as usual', 'EXTRA_HOURS', "$monday 21:00",
            "$monday 22:00", { doctor => $doctor, clinic => $clinic },
            "$all 21:00-22:00/30x1"])
    {
        my ($what, $kind, $from, $to, $of, $wanted) = @$case;
        my $id = $world->exception($kind, "$from+00", "$to+00", %$of);
        is $see->(), $wanted, $what;
        $drop->($id);
        is $see->(), $all, 'and without it';
    }
}

sub bad_exceptions {
    my $doctor = doctor();
    my $add = sub {
        my %o = (kind => 'TIME_OFF', from => "$monday 09:00",
            to => "$monday 10:00", doctor => "'$doctor'", clinic => 'NULL',
            @_);
        return "INSERT INTO ehr.schedule_exceptions (kind, starts_at, ends_at,
            doctor_id, clinic_id) VALUES ('$o{kind}', '$o{from}Z', '$o{to}Z',
            $o{doctor}, $o{clinic})";
    };
    refuses($add->(to => "$monday 09:00"), qr/ends_before_start/, 'empty');
    refuses($add->(from => "$monday 09:01"), qr/off_granule/, 'off the granule');
    refuses($add->(to => "$monday 09:59"), qr/off_granule/, 'at its end');
    refuses($add->(doctor => 'NULL'), qr/field_required/, 'of nobody');
    refuses($add->(kind => 'EXTRA_HOURS'), qr/field_required/,
        'extra hours nowhere');
    refuses($add->(kind => 'EXTRA_HOURS', clinic => "'$clinic'",
        to => "$tuesday 09:05"), qr/_check/, 'extra hours of more than a day');
    refuses($add->(to => '2099-01-01'), qr/_check/, 'time off for ever');
    refuses($add->(kind => 'LUNCH'), qr/_check/, 'of another kind');
}

sub cuts {
    my $doctor = doctor($clinic, day => 1, start => '09:00', end => '12:00',
        slot => 45);
    my $cut = sub {
        my ($from, $to) = @_;
        my $id = $world->exception('TIME_OFF', "$monday $from+00",
            "$monday $to+00", doctor => $doctor);
        my $open = open_on($doctor, $monday);
        $world->own("UPDATE ehr.schedule_exceptions SET deleted_at = now()
            WHERE id = '$id'");
        return $open;
    };
    is $cut->('08:00', '09:10'), '09:45-12:00/45x1', 'at the beginning';
    is $cut->('09:00', '09:45'), '09:45-12:00/45x1', 'on the grid';
    is $cut->('11:00', '13:00'), '09:00-11:00/45x1', 'at the end';
    is $cut->('10:00', '10:05'), '09:00-10:00/45x1 10:30-12:00/45x1', 'inside';
    is $cut->('09:00', '11:20'), '', 'nothing is left that a slot begins in';
}

sub no_overlaps {
    my $doctor = doctor($clinic, day => 1, start => '09:00', end => '12:00');
    my $add = sub { $world->exception('EXTRA_HOURS', "$monday $_[0]+00",
        "$monday $_[1]+00", doctor => $doctor, clinic => $clinic,
        slot => $_[2]) };
    $add->('11:45', '13:10', 20);
    is open_on($doctor, $monday), '09:00-12:00/30x1 12:05-13:10/20x1',
        'the later begins where the earlier ends, on its own grid';
    $add->('10:00', '11:00', 5);
    is open_on($doctor, $monday), '09:00-12:00/30x1 12:05-13:10/20x1',
        'one inside of another adds nothing';
    $add->('08:50', '09:20', 15);
    is open_on($doctor, $monday),
        '08:50-09:20/15x1 09:30-12:00/30x1 12:05-13:10/20x1',
        'the earlier one comes first';

    # in another zone wall times tell nothing
    my $madrid = $world->clinic('Europe/Madrid');
    my $both = doctor($clinic, day => 1, start => '09:00', end => '12:00');
    $world->hours($both, $madrid, day => 1, start => '12:00', end => '16:00');
    my $open = open_on($both, $monday);
    like $open, qr/^09:00-12:00\S+ 12:00-1[45]:00\S+$/, 'across zones';
    $world->exception('HOLIDAY', "$monday 00:00Z", "$tuesday 00:00Z",
        clinic => $clinic);
    like open_on($both, $monday), qr/^1[01]:00-1[45]:00\S+$/,
        'what is closed hides nothing';
}

# "HH:MM/minutes seat+free …" of a day.
sub free {
    my ($doctor, $minutes, $wanted, $from) = @_;
    $from ||= "$monday 00:00";
    my ($length, $n) = map { defined $_ ? $_ : 'NULL' } $minutes, $wanted;
    return $env->sql(<<"SQL");
SELECT coalesce(string_agg(to_char(starts_at, 'HH24:MI') || '/' || minutes
    || ' ' || seat || '+' || free, ', ' ORDER BY n), '')
  FROM ehr.free_slots('{$doctor}', '$from', '$monday'::date + 1, $length, $n)
       WITH ORDINALITY AS f (doctor_id, clinic_id, room_id, starts_at, minutes,
           seat, free, n)
SQL
}

sub free_slots {
    my $lone = $world->clinic('UTC');
    my $doctor = doctor($lone, day => 1, start => '09:00', end => '10:30');
    my $book = sub { is(($world->staff($world->book(doctor => $_[0],
        patient => $world->patient, start => "$monday $_[1]+00",
        minutes => $_[2])))[0], '', "booked at $_[1]") };

    is free($doctor), '09:00/30 0+1, 09:30/30 0+1, 10:00/30 0+1', 'all';
    is free($doctor, 45), '09:00/45 0+1, 09:30/45 0+1', 'longer ones';
    is free($doctor, 95), '', 'too long ones';
    is free($doctor, undef, 2), '09:00/30 0+1, 09:30/30 0+1', 'the first two';
    is free($doctor, undef, 9, "$monday 09:05"),
        '09:30/30 0+1, 10:00/30 0+1', 'from a time on';
    $book->($doctor, '09:30', 10);
    is free($doctor), '09:00/30 0+1, 10:00/30 0+1', 'what is booked is not';
    is free($doctor, 10), '09:00/10 0+1, 10:00/10 0+1', 'nor on the grid';
    is free($doctor, 60), '', 'nor over it';

    my $crowd = doctor($lone, day => 1, start => '09:00', end => '10:00',
        capacity => 3);
    $book->($crowd, '09:00', 60);
    $book->($crowd, '09:30', 30);
    is $env->sql("SELECT string_agg(to_char(starts_at, 'HH24:MI') || free, ' '
        ORDER BY starts_at) FROM ehr.free_slots('{$crowd}', '$monday',
        '$tuesday', NULL, 9)"), '09:002 09:301', 'seats are counted';

    is $env->sql("SELECT bool_and(starts_at > now()) FROM ehr.free_slots(NULL,
        now() - interval '10 days', now() + interval '10 days', NULL, 500)"),
        't', 'none in the past';
    is $env->sql("SELECT string_agg(s, '') FROM (SELECT 'x' AS s FROM
        ehr.free_slots(NULL, '$monday', '$sunday', NULL, 7)) AS f"), 'x' x 7,
        'over all doctors';
}

sub conflicts {
    my $here = $world->clinic('UTC');
    my $doctor = doctor($here, day => 1, start => '09:00', end => '12:00');
    my @id = map { EHR::Test::Bodies::unique_id() } 1 .. 3;
    for my $i (0 .. 2) {
        $world->staff($world->book(id => $id[$i], doctor => $doctor,
            patient => $world->patient, start => "$monday " . (9 + $i)
            . ':00+00'));
    }
    my $conflicts = sub { join ' ', split /\n/, $env->sql("SELECT
        ehr.schedule_conflicts($_[0])") };
    is $conflicts->("'$doctor'"), '', 'none';
    $world->own("UPDATE ehr.doctor_schedules SET end_time = '10:15'
        WHERE doctor_id = '$doctor'");
    is $conflicts->("'$doctor'"), "$id[1] $id[2]", 'after a shorter day';
    is $conflicts->("NULL, '$here'"), "$id[1] $id[2]", 'of the clinic';
    is $conflicts->("NULL, '$clinic'") =~ /$id[1]/ ? 1 : 0, 0, 'not of others';
    $world->staff("SELECT ehr.appointment_cancel('$id[1]', NULL, NULL)");
    is $conflicts->("'$doctor'"), $id[2], 'what is cancelled is none';
    $world->own("UPDATE ehr.doctors SET is_available = false
        WHERE id = '$doctor'");
    is $conflicts->("'$doctor'"), "$id[0] $id[2]", 'a doctor who is away';
    my ($ok, undef, $err) = $env->psql('postgres', "UPDATE ehr.doctors
        SET deleted_at = now() WHERE id = '$doctor'");
    ok !$ok && $err =~ /still_referenced/, 'who has appointments stays';
}

# The function for one instant says what the one for a window does, with many
# rules and exceptions at random.
sub one_and_all {
    my @clinics = map { $world->clinic($_) } 'America/New_York',
        'Australia/Lord_Howe';
    srand 7;
    for my $round (1 .. 5) {
        my $doctor = $world->doctor;
        for my $day (1 .. 7) {
            my $at = int rand 5;
            for my $clinic (@clinics) {
                my $end = $at + 1 + int rand 6;
                $world->hours($doctor, $clinic, day => $day,
                    start => sprintf('%02d:%02d', $at, 5 * int rand 12),
                    end => sprintf('%02d:00', $end + 1),
                    slot => 5 * (1 + int rand 9));
                $at = $end + 1 + int rand 4;
            }
        }
        for (1 .. 12) {
            my $from = 300 * int rand 7 * 288;
            my $minutes = 5 * (1 + int rand 100);
            my $kind = rand() < 0.3 ? 'EXTRA_HOURS' : 'TIME_OFF';
            my $where = $clinics[rand 2];
            $world->exception($kind, "$monday 00:00Z", "$monday 01:00Z",
                doctor => $kind eq 'EXTRA_HOURS' || rand() < 0.7 ? $doctor
                    : undef,
                clinic => $where, slot => 5 * (1 + int rand 9));
            $world->own("UPDATE ehr.schedule_exceptions SET
                starts_at = starts_at + $from * interval '1 s',
                ends_at = starts_at + $from * interval '1 s'
                          + $minutes * interval '1 min'
                WHERE id = (SELECT id FROM ehr.schedule_exceptions
                             ORDER BY created_at DESC LIMIT 1)");
        }
        is $env->sql(<<"SQL"), '0', "round $round: the same at every granule";
WITH granules AS (
    SELECT '$monday 00:00Z'::timestamptz + n * interval '5 min' AS at
      FROM generate_series(0, 7 * 288) AS n
), one AS (
    SELECT g.at, o.ends_at, o.clinic_id, o.slot_minutes
      FROM granules g CROSS JOIN LATERAL ehr.open_period_at('$doctor', g.at) o
     WHERE o.grid IS NOT NULL
       AND extract(epoch FROM g.at - o.grid)::int % (60 * o.slot_minutes) = 0
), every AS (
    SELECT p.starts_at + n * p.slot_minutes * interval '1 min' AS at,
           p.ends_at, p.clinic_id, p.slot_minutes
      FROM ehr.open_periods('{$doctor}', '$monday', '$monday'::date + 8) p
     CROSS JOIN generate_series(0, 300) AS n
     WHERE p.starts_at + n * p.slot_minutes * interval '1 min' < p.ends_at
       AND p.starts_at + n * p.slot_minutes * interval '1 min'
           BETWEEN '$monday 00:00Z' AND '$monday 00:00Z'::timestamptz + '7 days'
)
SELECT count(*) FROM ((TABLE one EXCEPT TABLE every)
    UNION ALL (TABLE every EXCEPT TABLE one)) AS d
SQL
    }
    is $env->sql(<<"SQL"), 0, 'and no two periods of a doctor overlap';
WITH p AS (SELECT * FROM ehr.open_periods(NULL, '$monday', '$sunday'))
SELECT count(*) FROM p a JOIN p b ON a.doctor_id = b.doctor_id
   AND (a.starts_at, a.ends_at) < (b.starts_at, b.ends_at)
   AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at
SQL
}

sub rooms {
    my $here = $world->clinic('UTC');
    my $room = $world->room($here);
    my @doctors = map { my $d = $world->doctor; $world->hours($d, $here,
        room => $room); $d } 1, 2;
    my @id = map { EHR::Test::Bodies::unique_id() } 1, 2;
    $world->staff($world->book(id => $id[$_], doctor => $doctors[$_],
        patient => $world->patient, start => "$monday 09:00+00")) for 0, 1;
    is $env->sql("SELECT room_id FROM ehr.appointments WHERE id = '$id[0]'"),
        $room, 'the room of the hours is booked along';
    is $env->sql("SELECT room_id IS NULL FROM ehr.appointments
        WHERE id = '$id[1]'"), 't', 'unless somebody else has it';

    my $group = $world->doctor;
    $world->hours($group, $here, room => $room, capacity => 3);
    $world->staff($world->book(doctor => $group, patient => $world->patient,
        start => "$monday 12:00+00", seat => $_)) for 0 .. 2;
    is $env->sql("SELECT count(*) FROM ehr.appointments WHERE
        doctor_id = '$group' AND room_id = '$room'"), 3, 'a group shares it';
}

sub numbers {
    is $env->sql(<<'SQL'), 0, 'every doctor, room and machine has a number';
SELECT count(*) FROM (
    SELECT 'doctor' AS kind, id FROM ehr.doctors
    UNION ALL SELECT 'room', id FROM ehr.rooms
    UNION ALL SELECT 'equipment', id FROM ehr.equipment) AS e
  LEFT JOIN ehr.resources r ON r.kind = e.kind AND r.entity_id = e.id
 WHERE r.id IS NULL
SQL
    my $patient = $world->patient;
    my $ask = "SELECT ehr.resource_of('patient', '$patient')";
    my @came = $world->together(map { ['all', $world->{staff}, $ask] } 1 .. 8);
    my %seen = map { $_->[2] => 1 } @came;
    is scalar(keys %seen), 1, 'a patient gets one, whoever asks first';
    is $env->sql("SELECT ehr.resource_of('patient', gen_random_uuid()) IS NULL
        AND ehr.resource_of('doctor', '$patient') IS NULL"), 't',
        'what is not there gets none';
}
