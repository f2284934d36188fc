# Free slots, as a portal asks for them: of a doctor and a day, of a period,
# the first of all; with the engine and from PostgreSQL alone, which must
# answer the same.

use EHR::Test;
use EHR::Test::Booking qw(until_engine_is_live);
use EHR::Test::Clinic;

# Both ways are asked about the same days, whatever midnight comes between.
my (%answers, %today);

for my $with (qw(engine database)) {
    my $env = start_environment(name => "slots-$with", workers => 1,
        pg_settings => 'pg_stat_statements.track = all',
        edit => $with eq 'engine' ? undef : \&without_engine);
    subtest "with the $with" => sub { slots($env, $with) };
    logs_clean($env);
    $env->stop;
}

is_deeply $answers{engine}, $answers{database},
    'the engine answers as PostgreSQL does';
done_testing;

sub slots {
    my ($env, $with) = @_;
    my ($clinic, $other) = map { clinic_in($env, $_) } 'America/New_York',
        'Asia/Kathmandu';
    my $doctor = $clinic->doctor(from => '09:00', to => '12:00');
    my $group = $clinic->doctor(from => '21:00', to => '24:00', slot => 60,
        capacity => 3);
    my $patient = $clinic->patient(account => 1);
    my $client = $patient->{client};
    my $url = "/api/v1/doctors/$doctor/slots";
    my $start = $clinic->at(3, '09:00');
    my $date = $clinic->date(3);
    ok until_engine_is_live(client(undef, $env)), 'the engine is live'
        if $with eq 'engine';

    # -- a day
    my $day = $client->get("$url?date=$date");
    is $day->{status}, 200, 'a day' or return diag $day->{body};
    my @slots = @{ $day->{data} };
    is scalar @slots, 6, 'six half hours';
    is_deeply [map { $slots[0]{$_} } qw(start durationMinutes doctorId
        clinicId roomId free)], [$start, 30, $doctor, $clinic->id, undef, 1],
        'what a slot says';
    is $slots[0]{end}, $slots[1]{start}, 'one ends where the next begins';
    is_deeply [map { $_->{id} } @slots],
        [map { $_->{id} } @{ $client->get("$url?date=$date")->{data} }],
        'ids stay';
    is keys %{ { map { $_->{id} => 1 } @slots } }, 6, 'and differ';
    is $client->get($url)->{status}, 200, 'a week, if no day is asked for';
    note_answer($with, day => @slots);

    # late in the evening it is the next day in UTC
    my $late = $client->get("/api/v1/doctors/$group/slots?date=$date");
    is_deeply [map { $_->{start} } @{ $late->{data} }],
        [$clinic->at(3, '21:00'), $clinic->at(3, '22:00'),
            $clinic->at(3, '23:00')], "a day is the clinic's day";
    is_deeply [map { $_->{free} } @{ $late->{data} }], [3, 3, 3],
        'seats of a group';

    # -- durations
    is @{ $client->get("$url?date=$date&duration=60")->{data} }, 5,
        'an hour, from each half hour';
    is $client->get("$url?date=$date&duration=180")->{data}[0]{end},
        $clinic->at(3, '12:00'), 'the whole morning';
    is_deeply $client->get("$url?date=$date&duration=185")->{data}, [],
        'nothing longer';

    # -- periods
    my $from = $clinic->at(3, '10:05');
    my $to = $clinic->at(4, '09:30');
    is_deeply [map { $_->{start} }
            @{ $client->get("$url?from=$from&to=$to")->{data} }],
        [$clinic->at(3, '10:30'), $clinic->at(3, '11:00'),
            $clinic->at(3, '11:30'), $clinic->at(4, '09:00')],
        'starts in [from, to)';
    my @week = @{ $client->get($url)->{data} };
    cmp_ok scalar @week, '>=', 36, 'seven days by default';
    ok !grep({ $_->{start} le now() } @week), 'nothing that is past';

    # -- what is booked is gone
    my $booked = $clinic->booked($patient, $doctor, $slots[1]{start});
    is_deeply [starts($client, "$url?date=$date")],
        [map { $_->{start} } @slots[0, 2 .. 5]], 'a booked slot is gone';
    is_deeply [starts($client, "$url?date=$date&duration=60")],
        [map { $_->{start} } @slots[2 .. 4]], 'and those that overlap it';
    is $clinic->admin->delete("/api/v1/appointments/$booked->{id}")->{status},
        200, 'cancelled';
    within(1, sub { starts($client, "$url?date=$date") == 6 })
        or diag $client->get("$url?date=$date")->{body};
    pass 'it is free again';
    my @others = map { $clinic->patient } 1 .. 3;
    for my $n (1 .. 3) {
        $clinic->booked($others[$n - 1], $group, $clinic->at(3, '21:00'),
            durationMinutes => 60);
        is_deeply [map { $_->{free} } @{ $client->get(
            "/api/v1/doctors/$group/slots?date=$date")->{data} }],
            [($n < 3 ? 3 - $n : ()), 3, 3], "$n of three seats";
    }

    # -- the first free of all
    first_free($env, $with, $clinic, $other, $doctor);
    no_database($env, $client, "$url?date=$date") if $with eq 'engine';
    bad_questions($client, $url, $date);
}

sub clinic_in {
    my ($env, $zone) = @_;
    my $clinic = EHR::Test::Clinic->create($env, zone => $zone,
        today => $today{$zone});

    $today{$zone} ||= $clinic->date(0);
    return $clinic;
}

sub starts { return map { $_->{start} } @{ $_[0]->get($_[1])->{data} } }

sub now {
    my @t = gmtime;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $t[5] + 1900, $t[4] + 1,
        @t[3, 2, 1, 0];
}

# What the two ways are compared by: ids and instants differ by environment.
sub note_answer {
    my ($with, $name, @slots) = @_;
    push @{ $answers{$with} }, [$name, map {
        my %slot = %$_;
        delete @slot{qw(id doctorId clinicId)};
        \%slot;
    } @slots];
}

sub first_free {
    my ($env, $with, $clinic, $other, $doctor) = @_;
    my $admin = $clinic->admin;
    my ($lungs, $heart) = map { $clinic->add('specialties',
        { name => $_, clinicId => $clinic->id })->{id} } qw(Lungs Heart);
    my $ward = $clinic->add('departments', { name => 'First' })->{id};
    my $one = $other->doctor(from => '08:00', to => '09:00',
        specialtyIds => [$lungs]);
    my $two = $other->doctor(from => '08:00', to => '10:00',
        specialtyIds => [$lungs, $heart]);
    is $admin->patch("/api/v1/doctors/$two",
        json => { departmentIds => [$ward] })->{status}, 200, 'of a ward';
    my $from = $other->at(2, '08:00');
    my $first = sub { $admin->get("/api/v1/slots?from=$from&$_[0]") };

    # the engine hears of doctors, one by one, by the feed
    within(2, sub { 2 == keys %{{ map { $_->{doctorId} => 1 }
        @{ $first->("specialty=$lungs&limit=4")->{data} } }} });
    my @found = @{ $first->("specialty=$lungs&limit=4")->{data} };
    is_deeply [map { $_->{start} } @found], [($from) x 2,
        ($other->at(2, '08:30')) x 2], 'by start, then by doctor';
    is_deeply [sort map { $_->{doctorId} } @found[0, 1]], [sort $one, $two],
        'of all who have the specialty';
    note_answer($with, first => @found);
    is_deeply [map { $_->{doctorId} }
            @{ $first->("specialty=$heart&limit=2")->{data} }],
        [($two) x 2], 'another specialty';
    within(2, sub { @{ $first->("department=$ward&limit=1")->{data} } });
    is_deeply [map { $_->{doctorId} }
            @{ $first->("department=$ward&limit=1")->{data} }], [$two],
        'a department';
    is_deeply [starts($admin,
            "/api/v1/slots?doctor=$one&from=$from&duration=60&limit=2")],
        [$from, $other->at(3, '08:00')], 'a doctor and a duration';
    is_deeply [grep { $_->{clinicId} ne $clinic->id }
        @{ $first->('clinic=' . $clinic->id)->{data} }], [], 'at a clinic';
    is @{ $first->('clinic=' . $clinic->id)->{data} }, 20, '20 by default';
    is_deeply $first->("specialty=$lungs&doctor=$doctor")->{data}, [],
        'nobody who is not all of it';
    is_deeply $first->('specialty=7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a')
        ->{data}, [], 'nobody of a specialty that there is not';
    is_deeply $admin->get("/api/v1/booking/slots?from=$from&limit=3")->{data},
        $first->('limit=3')->{data}, '/booking/slots is the same';
    is_deeply [starts($admin, "/api/v1/slots?doctor=$one&from=$from&to="
            . $other->at(2, '08:30'))], [$from], 'until';
}

# While the engine is live no slot comes from PostgreSQL.
sub no_database {
    my ($env, $client, $url) = @_;
    my $asked = sub { $env->sql(q{SELECT coalesce(sum(calls), 0)
        FROM pg_stat_statements WHERE query ~ 'free_slots'}) };
    $client->get($url);
    my $before = $asked->();
    is $client->get($url)->{status}, 200, 'asked again' for 1 .. 5;
    is $client->get("/api/v1/slots?limit=5")->{status}, 200, 'the first';
    is $asked->(), $before, 'PostgreSQL was not asked';
}

sub bad_questions {
    my ($client, $url, $date) = @_;
    my $from = '2030-01-01T00:00:00Z';
    for my $case (["date=2026-02-30", 'date'], ["date=$date&from=$from",
        'date'], ["date=", 'date'], ["from=$date", 'from'],
        ["from=$from&to=$from", 'to'], ["from=$from&to=2029-01-01T00:00:00Z",
        'to'], ["from=$from&to=2030-02-02T00:00:00Z", 'to'],
        ["duration=0", 'duration'], ["duration=7", 'duration'],
        ["duration=1445", 'duration'], ["duration=x", 'duration'],
        ["day=$date", 'day'], ["date=$date&date=$date", 'date'])
    {
        my $answer = $client->get("$url?$case->[0]");
        is $answer->{status}, 400, "$case->[0] is refused"
            or diag $answer->{body};
        is_deeply [keys %{ $answer->{json}{errors} }], [$case->[1]],
            'by its name';
    }
    for my $query ('limit=0', 'limit=101', 'limit=x', 'doctor=1',
        "from=$from&to=$from", 'duration=3', 'colour=red')
    {
        is $client->get("/api/v1/slots?$query")->{status}, 400,
            "/slots?$query is refused";
    }
    for my $id ('7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a') {
        is $client->get("/api/v1/doctors/$id/slots?date=$date")->{status},
            404, 'no such doctor';
    }
    is $client->get("/api/v1/doctors/1/slots")->{status}, 400, 'no id';
}

# Whether it comes true within so many seconds.
sub within {
    my ($seconds, $test) = @_;
    for (1 .. 20 * $seconds) {
        return 1 if $test->();
        select undef, undef, undef, 0.05;
    }
    return 0;
}
