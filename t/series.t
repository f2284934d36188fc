# Series of appointments: the wall time of the clinic is kept, each date is
# reported, nothing is booked by halves.

use EHR::Test;
use EHR::Test::Clinic;
use JSON::PP;
use POSIX qw(tzset strftime);
use Time::Local qw(timegm);

my $env = environment();

keeps_the_wall_time($_) for qw(America/Sao_Paulo America/New_York
    Europe/London Australia/Lord_Howe Asia/Kathmandu Africa/Casablanca);
tzset();
dates_follow_the_rule();
for my $zone (qw(America/New_York Australia/Lord_Howe)) {
    books_across_a_transition($zone);
}
conflicts_are_reported();
with_room_and_equipment();
bad_ones_are_refused();
is_ones_own();
the_rest_is_cancelled();
follow_ups();
follow_ups_need_more();

logs_clean($env);
done_testing;

# -- the rule, against the C library ------------------------------------------

# Epochs of a daily series of wall times around every transition of the zone
# from 2024 to 2030 are those that libc has for them.
sub keeps_the_wall_time {
    my ($zone) = @_;
    my (@cases, @values);
    local $ENV{TZ} = $zone;
    tzset();

    for my $at (transitions()) {
        for my $wall (map { sprintf '%02d:%02d', $_ / 4, $_ % 4 * 15 } 0 .. 15)
        {
            my $first = resolve(day_of($at, -4), $wall);
            push @values, '(' . @cases . ", $first)";
            push @cases, { at => "$wall about " . gmtime($at),
                expected => join ' ',
                    map { resolve(day_of($at, $_), $wall) } -4 .. 3 };
        }
    }
    my @got = map { $_->[0] } $env->rows("SELECT (SELECT string_agg(
            extract(epoch FROM o)::bigint::text, ' ' ORDER BY o)
        FROM ehr.occurrences(to_timestamp(first), '$zone',
            '{\"frequency\": \"DAILY\", \"count\": 8}', 61) AS o)
        FROM (VALUES " . join(', ', @values) . ') AS v (n, first) ORDER BY n');
    my @wrong = grep { $got[$_] ne $cases[$_]{expected} } 0 .. $#cases;
    is_deeply [map { "$cases[$_]{at}: $got[$_]" } @wrong], [],
        "$zone: the wall time of " . @cases . ' series is kept';
    return;
}

# Where the offset changes; a zone without any is looked at once.
sub transitions {
    my @found;
    my $last = offset(timegm(0, 0, 0, 1, 0, 2024));

    for (my $t = timegm(0, 0, 0, 1, 0, 2024);
        $t < timegm(0, 0, 0, 1, 0, 2031); $t += 3600)
    {
        my $offset = offset($t);
        push @found, $t if $offset != $last;
        $last = $offset;
    }
    return @found ? @found : timegm(0, 0, 12, 1, 5, 2027);
}

sub offset {
    my ($t) = @_;
    my @local = localtime $t;
    return timegm(@local[0 .. 5]) - $t;
}

# Year, month and day so many days from an instant's local day.
sub day_of {
    my ($t, $days) = @_;
    my @local = localtime $t;
    my @day = gmtime(timegm(0, 0, 12, @local[3 .. 5]) + 86400 * $days);
    return ($day[5] + 1900, $day[4] + 1, $day[3]);
}

# A wall time: the later where it comes twice, by the offset before the gap
# where there is none.
sub resolve {
    my ($year, $month, $day, $wall) = @_;
    my ($hour, $minute) = split /:/, $wall;
    my $naive = timegm(0, $minute, $hour, $day, $month - 1, $year);
    my $before = offset($naive - 86400);
    my @fits = sort { $b <=> $a } grep { $_ + offset($_) == $naive }
        map { $naive - $_ } $before, offset($naive + 86400);
    return @fits ? $fits[0] : $naive - $before;
}

sub dates_follow_the_rule {
    my @cases = (
        ['2027-01-31T09:00Z', '{"frequency": "MONTHLY", "count": 4}',
            '2027-01-31 2027-03-31 2027-05-31 2027-07-31'],
        ['2027-01-04T09:00Z', '{"frequency": "WEEKLY", "interval": 2,
            "byDay": ["MON", "THU"], "count": 5}',
            '2027-01-04 2027-01-07 2027-01-18 2027-01-21 2027-02-01'],
        ['2027-01-07T09:00Z', '{"frequency": "WEEKLY", "byDay": ["MON",
            "THU"], "until": "2027-01-14"}',
            '2027-01-07 2027-01-11 2027-01-14'],
        ['2027-01-04T09:00Z', '{"frequency": "DAILY", "interval": 10,
            "until": "2027-01-24"}', '2027-01-04 2027-01-14 2027-01-24'],
        ['2028-02-29T09:00Z', '{"frequency": "MONTHLY", "interval": 12,
            "count": 3}', '2028-02-29 2032-02-29'],
    );
    for my $case (@cases) {
        my ($first, $rule, $dates) = @$case;
        is $env->sql("SELECT string_agg(o::date::text, ' ' ORDER BY o)
            FROM ehr.occurrences('$first', 'UTC', '$rule', 61) AS o"),
            $dates, $rule;
    }
}

# -- through the API ----------------------------------------------------------

# Books at the first start of `slots` on the day; the answer.
sub series {
    my ($clinic, $patient, $doctor, $start, $recurrence, %more) = @_;
    my $client = delete $more{client} || $clinic->admin;
    my $headers = delete $more{headers} || {};
    return $client->post('/api/v1/appointments/series', headers => $headers,
        json => { patientId => $patient->{id}, doctorId => $doctor,
            start => $start, durationMinutes => 30,
            recurrence => $recurrence, %more });
}

# Weekly through the next year: the offset changes, the clock does not.
sub books_across_a_transition {
    my ($zone) = @_;
    my $clinic = EHR::Test::Clinic->create($env, zone => $zone);
    my $answer = series($clinic, $clinic->patient, $clinic->doctor,
        $clinic->at(2, '10:30'), { frequency => 'WEEKLY', count => 50 });
    is $answer->{status}, 201, "$zone: fifty weeks" or diag $answer->{body};
    my $series = $answer->{data};
    is $series->{booked}, 50, 'all are booked';
    is $series->{timeZone}, $zone, 'in the time zone of the clinic';

    my %utc = map { substr($_->{start}, 11, 5) => 1 } @{ $series->{dates} };
    cmp_ok keys %utc, '>', 1, 'their times in UTC differ';
    my @walls = map { $_->[0] } $env->rows("SELECT DISTINCT to_char(starts_at
        AT TIME ZONE '$zone', 'HH24:MI') FROM ehr.appointments
        WHERE series_id = '$series->{id}'");
    is_deeply \@walls, ['10:30'], 'the clock on the wall does not';
    is scalar(@{ $clinic->admin->get("/api/v1/appointments?limit=100"
        . "&seriesId=$series->{id}")->{data} }), 50, 'they are appointments';
    is_deeply $clinic->admin->get(
        "/api/v1/appointments/series/$series->{id}")->{data}, $series,
        'the series can be read again';
}

sub conflicts_are_reported {
    my $clinic = EHR::Test::Clinic->create($env);
    my ($doctor, $patient) = ($clinic->doctor, $clinic->patient);
    my $start = $clinic->at(5, '10:00');
    my $other = $clinic->booked($clinic->patient, $doctor,
        $clinic->at(6, '10:00'));
    $clinic->booked($patient, $clinic->doctor, $clinic->at(7, '10:00'));
    my %rule = (frequency => 'DAILY', count => 4);

    my $answer = series($clinic, $patient, $doctor, $start, \%rule,
        onConflict => 'FAIL');
    is $answer->{status}, 409, 'FAIL: nothing is booked by halves';
    is_deeply [map { $_->{status} } @{ $answer->{data}{dates} }],
        [qw(BOOKED CONFLICT CONFLICT BOOKED)], 'with a report';
    is $env->sql("SELECT count(*) FROM ehr.appointments
        WHERE patient_id = '$patient->{id}' AND doctor_id = '$doctor'"), 0,
        'nothing is left of it';

    my %key = ('Idempotency-Key' => "series-$$");
    $answer = series($clinic, $patient, $doctor, $start, \%rule,
        headers => \%key);
    is $answer->{status}, 201, 'SKIP: what can be is booked'
        or diag $answer->{body};
    my @dates = @{ $answer->{data}{dates} };
    is $answer->{data}{booked}, 2, 'two of four';
    is_deeply [map { $_->{status} } @dates],
        [qw(BOOKED CONFLICT CONFLICT BOOKED)], 'each is reported';
    is_deeply [@{ $dates[1] }{qw(reason busy nextFree)}],
        ['SLOT_TAKEN', ['doctor'], $clinic->at(6, '10:30')],
        'who was busy, and when it is free next';
    is_deeply $dates[2]{busy}, ['patient'], 'the patient may be';
    is_deeply [map { $_->{start} } @dates],
        [map { $clinic->at($_, '10:00') } 5 .. 8], 'in order';

    my $again = series($clinic, $patient, $doctor, $start, \%rule,
        headers => \%key);
    is_deeply [$again->{status}, $again->{headers}{'idempotency-replayed'},
        $again->{data}], [201, 'true', $answer->{data}],
        'the same key books nothing again';

    $answer = series($clinic, $patient, $doctor, $start, \%rule);
    is $answer->{status}, 409, 'no date at all: nothing is made';
}

# Each date takes all of it or nothing, and says what was in the way.
sub with_room_and_equipment {
    my $clinic = EHR::Test::Clinic->create($env);
    my ($doctor, $me) = ($clinic->doctor, $clinic->patient(account => 1));
    my ($room, $machine) = room_and_machine($clinic);
    my $parameter = $clinic->add('system-parameters', {
        key => 'meetingUrlTemplate',
        value => { value => 'https://meet.example/{room}' } })->{id};
    my $start = $clinic->at(5, '10:00');
    my %rule = (frequency => 'DAILY', count => 4);
    my %needs = (roomId => $room, equipmentIds => [$machine],
        isVirtual => JSON::PP::true);
    $clinic->booked($clinic->patient, $clinic->doctor,
        $clinic->at(6, '10:00'), roomId => $room);
    $clinic->booked($clinic->patient, $clinic->doctor,
        $clinic->at(7, '09:30'), durationMinutes => 60,
        equipmentIds => [$machine]);
    my $token = hold($me, $doctor, $start, roomId => $room,
        equipmentIds => [$machine]);

    my $answer = series($clinic, $me, $doctor, $start, \%rule, %needs,
        client => $me->{client}, holdToken => $token);
    is $answer->{status}, 201, 'with a room, a machine, by video'
        or return diag $answer->{body};
    my $series = $answer->{data};
    is_deeply [@$series{qw(roomId equipmentIds isVirtual)}],
        [$room, [$machine], JSON::PP::true], 'the series says so';
    is_deeply [map { [$_->{status}, $_->{busy}] } @{ $series->{dates} }],
        [['BOOKED', undef], ['CONFLICT', ['room']],
            ['CONFLICT', ['equipment']], ['BOOKED', undef]],
        'each date says what was busy';
    my @made = @{ $clinic->admin->get("/api/v1/appointments?sort=start"
        . "&seriesId=$series->{id}")->{data} };
    is_deeply [map { [@$_{qw(roomId equipmentIds isVirtual)}] } @made],
        [([$room, [$machine], JSON::PP::true]) x 2], 'so does each date';
    isnt $made[0]{meetingUrl}, $made[1]{meetingUrl},
        'each meets at an address of its own';
    is $env->sql("SELECT count(*) FROM ehr.claims c
        JOIN ehr.appointments a ON a.id = c.ref
        WHERE a.series_id = '$series->{id}'"), 8, 'four claims each';
    is $env->sql("SELECT count(*) FROM ehr.claims WHERE ref = '$token'"), 0,
        'the hold is the first one now';
    keeps_what_it_has($clinic, $made[1]);

    for my $case ([{ roomId => $doctor }, 'roomId'],
        [{ equipmentIds => [$room] }, 'equipmentIds'],
        [{ equipmentIds => [$machine, $machine] }, 'equipmentIds'],
        [{ isVirtual => 'no' }, 'isVirtual'],
        [{ holdToken => 'mine' }, 'holdToken'])
    {
        is_deeply [fields(series($clinic, $me, $doctor,
            $clinic->at(20, '10:00'), \%rule, %{ $case->[0] }))],
            [422, $case->[1]], "no such $case->[1]";
    }
    is_deeply [fields(series($clinic, $me, $doctor, $clinic->at(20, '10:00'),
        \%rule, holdToken => $token))], [409, 'holdToken'],
        'a hold that is gone books nothing';
    is $env->sql("SELECT count(*) FROM ehr.appointment_series
        WHERE patient_id = '$me->{id}'"), 1, 'at all';
    $clinic->admin->delete("/api/v1/system-parameters/$parameter");
}

# Moved, it has room and machine as before; or others, or none.
sub keeps_what_it_has {
    my ($clinic, $made) = @_;
    my $path = "/api/v1/appointments/$made->{id}";
    my $answer = $clinic->admin->patch($path,
        json => { start => $clinic->at(8, '11:00') });
    is_deeply [$answer->{status},
        @{ $answer->{data} }{qw(start roomId equipmentIds isVirtual)}],
        [200, $clinic->at(8, '11:00'),
            @$made{qw(roomId equipmentIds isVirtual)}],
        'moved, it keeps what it has' or diag $answer->{body};
    $answer = $clinic->admin->patch($path, json => { roomId => undef,
        equipmentIds => [], isVirtual => JSON::PP::false });
    is_deeply [$answer->{status},
        @{ $answer->{data} }{qw(roomId equipmentIds isVirtual meetingUrl)}],
        [200, undef, [], JSON::PP::false, undef], 'or gives it back'
        or diag $answer->{body};
    is $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$made->{id}'"), 2, 'with its claims';
}

sub room_and_machine {
    my ($clinic) = @_;
    return ($clinic->add('rooms', { clinicId => $clinic->id,
            roomNumber => '1' })->{id},
        $clinic->add('equipment', { clinicId => $clinic->id,
            name => 'Scanner' })->{id});
}

# The token of a patient's hold.
sub hold {
    my ($patient, $doctor, $start, %more) = @_;
    my $answer = $patient->{client}->post('/api/v1/appointments/holds',
        json => { patientId => $patient->{id}, doctorId => $doctor,
            start => $start, %more });
    is $answer->{status}, 201, 'held' or diag $answer->{body};
    return $answer->{data}{holdToken};
}

sub bad_ones_are_refused {
    my $clinic = EHR::Test::Clinic->create($env);
    my ($doctor, $patient) = ($clinic->doctor, $clinic->patient);
    my $start = $clinic->at(3, '10:00');
    my %good = (frequency => 'DAILY', count => 2);
    my @cases = (
        [{ %good, count => 61 }, 'recurrence.count'],
        [{ %good, count => 0 }, 'recurrence.count'],
        [{ %good, interval => 0 }, 'recurrence.interval'],
        [{ %good, frequency => 'HOURLY' }, 'recurrence.frequency'],
        [{ %good, times => 2 }, 'recurrence.times'],
        [{ frequency => 'DAILY' }, 'recurrence.count', 'recurrence.until'],
        [{ %good, until => '2027-01-01' },
            'recurrence.count', 'recurrence.until'],
        [{ frequency => 'DAILY', until => $clinic->date(63) },
            'recurrence.until'],
        [{ frequency => 'DAILY', until => '2027-02-30' },
            'recurrence.until'],
        [{ %good, byDay => ['MON'] }, 'recurrence.byDay'],
        [{ %good, frequency => 'WEEKLY', byDay => ['MONDAY'] },
            'recurrence.byDay'],
        [{ %good, frequency => 'WEEKLY', byDay => [] }, 'recurrence.byDay'],
        [[], 'recurrence'],
    );
    for my $case (@cases) {
        my ($rule, @fields) = @$case;
        my $answer = series($clinic, $patient, $doctor, $start, $rule);
        is_deeply [$answer->{status},
            sort keys %{ $answer->{json}{errors} }], [422, @fields],
            "refused: @fields" or diag $answer->{body};
    }
    my $day = (qw(SUN MON TUE WED THU FRI SAT))[
        $env->sql("SELECT extract(dow FROM timestamptz '$start'
            AT TIME ZONE 'Europe/Madrid' + interval '1 day')")];
    my $answer = series($clinic, $patient, $doctor, $start,
        { %good, frequency => 'WEEKLY', byDay => [$day] });
    is_deeply [$answer->{status}, keys %{ $answer->{json}{errors} }],
        [422, 'start'], 'the first date must be one of them';

    my $nobody = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
    $answer = series($clinic, { id => $nobody }, $doctor, $start, \%good);
    is_deeply [$answer->{status}, keys %{ $answer->{json}{errors} }],
        [422, 'patientId'], 'nobody';
    $answer = series($clinic, $patient, $nobody, $start, \%good);
    is_deeply [$answer->{status}, keys %{ $answer->{json}{errors} }],
        [422, 'doctorId'], 'with nobody';
    $answer = series($clinic, $patient, $doctor, $clinic->at(-1, '10:00'),
        { frequency => 'DAILY', count => 3 });
    is $answer->{status}, 201, 'a past date is skipped';
    is $answer->{data}{dates}[0]{reason}, 'IN_THE_PAST', 'and says so';
}

sub is_ones_own {
    my $clinic = EHR::Test::Clinic->create($env);
    my $doctor = $clinic->doctor;
    my ($me, $other) = map { $clinic->patient(account => 1) } 1, 2;
    my %rule = (frequency => 'DAILY', count => 2);

    my $answer = series($clinic, $me, $doctor, $clinic->at(3, '11:00'),
        \%rule, client => $me->{client});
    is $answer->{status}, 201, 'a patient books a series';
    my $id = $answer->{data}{id};
    is series($clinic, $other, $doctor, $clinic->at(3, '12:00'), \%rule,
        client => $me->{client})->{status}, 422, 'but not for others';
    is $env->sql("SELECT count(*) FROM ehr.appointment_series
        WHERE patient_id = '$other->{id}'"), 0, 'and leaves nothing';
    my $path = "/api/v1/appointments/series/$id";
    is $me->{client}->get($path)->{status}, 200, 'it is theirs';
    is $other->{client}->get($path)->{status}, 404, 'and nobody else\'s';
    is $other->{client}->post("$path/cancel")->{status}, 404,
        'to cancel, too';
    my ($news) = @{ $me->{client}->get('/api/v1/notifications')->{data} };
    is_deeply [@$news{qw(type message)}, $news->{data}],
        ['BOOKING_CONFIRMATION', 'SERIES_BOOKED', { seriesId => $id }],
        'one confirmation tells of all';
}

sub the_rest_is_cancelled {
    my $clinic = EHR::Test::Clinic->create($env);
    my $me = $clinic->patient(account => 1);
    my $series = series($clinic, $me, $clinic->doctor,
        $clinic->at(3, '10:00'), { frequency => 'DAILY', count => 5 })
        ->{data};
    my $path = "/api/v1/appointments/series/$series->{id}/cancel";
    my $left = sub { $env->sql("SELECT string_agg(status, ' '
        ORDER BY starts_at) FROM ehr.appointments
        WHERE series_id = '$series->{id}'") };

    my $answer = $clinic->admin->post($path,
        json => { reason => 'Better', from => $clinic->at(6, '00:00') });
    is $answer->{status}, 200, 'what is left of a series is cancelled'
        or diag $answer->{body};
    ok $answer->{data}{cancelledAt}, 'it says since when';
    is $left->(), 'SCHEDULED SCHEDULED SCHEDULED CANCELLED CANCELLED',
        'from a moment on';
    is $me->{client}->post($path)->{status}, 200, 'or all, by the patient';
    is $left->(), join(' ', ('CANCELLED') x 5), 'is cancelled';
    is $env->sql("SELECT count(*) FROM ehr.claims c
        JOIN ehr.appointments a ON a.id = c.ref
        WHERE a.series_id = '$series->{id}'"), 0, 'and the time is free';
}

sub follow_ups {
    my $clinic = EHR::Test::Clinic->create($env);
    my ($doctor, $me) = ($clinic->doctor, $clinic->patient(account => 1));
    my $first = $clinic->booked($me, $doctor, $clinic->at(2, '10:00'));
    my $post = sub { $clinic->admin->post('/api/v1/follow-up/appointment',
        json => { @_ }) };

    my $answer = $post->(appointmentId => $first->{id},
        start => $clinic->at(9, '11:00'));
    is $answer->{status}, 201, 'a follow-up at a time'
        or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(patientId doctorId start type
        durationMinutes followUpOf)}], [$me->{id}, $doctor,
        $clinic->at(9, '11:00'), 'FOLLOW_UP', 30, $first->{id}],
        'has all of the first';
    like $answer->{headers}{location}, qr{/appointments/\Q$answer->{data}{id}},
        'and is an appointment';

    $clinic->booked($clinic->patient, $doctor, $clinic->at(9, '10:30'));
    $answer = $post->(appointmentId => $first->{id}, afterDays => 7);
    is_deeply [$answer->{status}, $answer->{data}{start}],
        [201, $clinic->at(9, '11:30')],
        'or the first that is free some days later';
    $answer = $me->{client}->post('/api/v1/follow-up/appointment',
        json => { appointmentId => $first->{id}, afterDays => 20 });
    is $answer->{status}, 201, 'a patient books one, too';

    is_deeply [fields($post->(appointmentId => $first->{id}))],
        [422, 'afterDays', 'start'], 'a time or a number of days';
    is_deeply [fields($post->(appointmentId => $first->{id}, afterDays => 1,
        start => $clinic->at(9, '15:00')))], [422, 'afterDays', 'start'],
        'not both';
    is_deeply [fields($post->(afterDays => 1))], [422, 'patientId'],
        'somebody must come';
    is_deeply [fields($post->(afterDays => 1,
        appointmentId => '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a'))],
        [422, 'appointmentId'], 'after something';
    my $other = $clinic->patient(account => 1);
    is_deeply [fields($other->{client}->post('/api/v1/follow-up/appointment',
        json => { appointmentId => $first->{id}, afterDays => 1 }))],
        [422, 'appointmentId'], 'that is their own';
}

sub follow_ups_need_more {
    my $clinic = EHR::Test::Clinic->create($env);
    my ($doctor, $me) = ($clinic->doctor, $clinic->patient(account => 1));
    my ($room, $machine) = room_and_machine($clinic);
    my $first = $clinic->booked($me, $doctor, $clinic->at(2, '10:00'));
    my %needs = (appointmentId => $first->{id}, roomId => $room,
        equipmentIds => [$machine]);
    my $post = sub { my ($client, @more) = @_;
        return $client->post('/api/v1/follow-up/appointment',
            json => { %needs, @more }) };

    my $start = $clinic->at(9, '11:00');
    my $token = hold($me, $doctor, $start, roomId => $room,
        equipmentIds => [$machine]);
    my $answer = $post->($me->{client}, start => $start,
        isVirtual => JSON::PP::true, holdToken => $token);
    is_deeply [$answer->{status},
        @{ $answer->{data} }{qw(roomId equipmentIds isVirtual followUpOf)}],
        [201, $room, [$machine], JSON::PP::true, $first->{id}],
        'a follow-up has a room and a machine, by its hold'
        or diag $answer->{body};
    is $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$answer->{data}{id}'"), 4, 'all of it is claimed';

    # neither the room on the first days nor the machine after them
    my $elsewhere = $clinic->doctor(from => '06:00', to => '22:00');
    $clinic->admin->delete("/api/v1/appointments/$answer->{data}{id}");
    $clinic->booked($clinic->patient, $elsewhere, $clinic->at(9, '06:00'),
        durationMinutes => 960, roomId => $room);
    $clinic->booked($clinic->patient, $elsewhere, $clinic->at(10, '06:00'),
        durationMinutes => 960, equipmentIds => [$machine]);
    $answer = $post->($me->{client}, afterDays => 7);
    is_deeply [$answer->{status}, $answer->{data}{start}],
        [201, $clinic->at(11, '09:00')], 'or when all of it is free'
        or diag $answer->{body};

    # another has the time: as a booking is refused
    $start = $clinic->at(14, '16:30');
    $clinic->booked($clinic->patient, $doctor, $start);
    for my $more ([], [doctorId => $doctor, durationMinutes => 30]) {
        $answer = $post->($me->{client}, start => $start, @$more);
        is_deeply [fields($answer)], [409, 'doctor'], 'taken';
        is_deeply [map { $_->{start} }
            @{ $answer->{json}{data}{alternatives} }[0, 1]],
            [map { $clinic->at(15, $_) } '09:00', '09:30'],
            'others are offered' or diag $answer->{body};
    }
    my ($slot) = @{ $me->{client}->get("/api/v1/doctors/$doctor/slots?date="
        . substr($clinic->at(15, '12:00'), 0, 10))->{data} };
    $answer = $post->($me->{client}, slotId => $slot->{id});
    is_deeply [$answer->{status}, $answer->{data}{start}],
        [201, $slot->{start}], 'a slot has an id' or diag $answer->{body};

    is_deeply [fields($post->($me->{client}, afterDays => 1,
        holdToken => $token))], [422, 'start'], 'what is held has a start';
    is_deeply [fields($post->($me->{client}, afterDays => 1,
        roomId => $machine))], [422, 'roomId'], 'no such room';
    is_deeply [fields($post->($me->{client}, afterDays => 1,
        equipmentIds => [$room]))], [422, 'equipmentIds'], 'no such machine';
    is_deeply [fields($post->($me->{client}, start => $clinic->at(16, '09:02'),
        durationMinutes => 7))], [422, 'durationMinutes', 'start'],
        'off the five minutes';
}

sub fields {
    my ($answer) = @_;
    return ($answer->{status}, sort keys %{ $answer->{json}{errors} });
}
