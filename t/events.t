#!/usr/bin/perl

# GET /events: what is told to whom, how a client comes back, and what ends a
# stream.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::BedEngine qw(until_fed);
use EHR::Test::Booking;
use EHR::Test::Client;
use EHR::Test::Inpatient;
use IO::Select;
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'events', workers => 2,
    rate_limits => '', conf => 'ehr_access_lifetime 1h;');
my $place = booking_place($env);
my $accounts = accounts($env);
my $first = $place->{first};
my ($doctor, $other) = @{ $place->{doctors} };
my ($patient, $stranger) = @{ $place->{patients} };
my $day = POSIX::strftime('%Y-%m-%d', gmtime $first);

$env->sql_owner("UPDATE ehr.patients SET user_id ="
    . " '$accounts->{users}{patient}{id}' WHERE id = '$patient'");
ok until_engine_is_live(EHR::Test::Client->new(port => $env->port)),
    'the feed is live';
ok until_fed($env, client(undef, $env)), 'and what was made is told of';

subtest 'free slots of a doctor' => sub {
    my $any = listen_to('portal', "doctor=$doctor");
    my $near = listen_to('portal', "doctor=$doctor&date=$day");
    my $far = listen_to('portal', "doctor=$doctor&date=2099-01-01");
    my $another = listen_to('portal', "doctor=$other");

    like $any->{text}, qr{^HTTP/1\.1 200 }, 'a stream';
    like $any->{text}, qr{^Content-Type: text/event-stream\r$}m, 'of events';
    like $any->{text}, qr{^Cache-Control: no-store\r$}m, 'not to be stored';
    like $any->{text}, qr{^retry: 1000\nid: \d+-\d+\nevent: ready\n}m,
        'that is ready';

    my $began = time();
    book($patient, $doctor, $first + 9 * 3600);
    ok heard($any, qr/^event: availability\ndata: \{"doctorId":"$doctor","date":"$day"\}\n/m),
        'a booking is told';
    note sprintf 'after %.3f s, psql included', time() - $began;
    ok heard($near, qr/availability/), 'to who listens to that day';
    sleep 0.3;
    ok !heard($far, qr/availability/, 0), 'not to who listens to another';
    ok !heard($another, qr/availability/, 0), 'nor to another doctor';
    unlike $any->{text}, qr/$patient/, 'and nobody learns who';

    $env->sql_owner("UPDATE ehr.doctor_schedules SET capacity = 2"
        . " WHERE doctor_id = '$other'");
    ok heard($another, qr/data: \{"doctorId":"$other"\}/),
        'a schedule that changes is told for all days';
};

subtest 'a client that comes back' => sub {
    my $stream = listen_to('portal', "doctor=$doctor");
    my $id = last_id($stream);

    close $stream->{socket};
    book($patient, $doctor, $first + 10 * 3600);
    sleep 0.5;
    $stream = listen_to('portal', "doctor=$doctor", $id);
    ok heard($stream, qr/availability/), 'hears what it has missed';
    isnt last_id($stream), $id, 'and is further then';
    for my $none ('1-1', 'x', '', '9' x 40) {
        $stream = listen_to('portal', "doctor=$doctor", $none);
        ok heard($stream, qr/event: reset\n/), "'$none': begins anew";
    }
};

subtest 'appointments' => sub {
    my $own = listen_to('portal', 'appointments=true');
    my $queue = listen_to('reception', "queue=$place->{clinic}");
    my $doctors = listen_to('reception', "queue=$doctor");
    my $others = listen_to('reception', "queue=$other");

    my $id = book($patient, $doctor, $first + 11 * 3600);
    for ($own, $queue, $doctors) {
        ok heard($_, qr/event: appointment\ndata: \{"appointmentId":"$id"/),
            'told to those it is about';
    }
    my $foreign = book($stranger, $doctor, $first + 12 * 3600);
    ok heard($queue, qr/$foreign/), 'that of somebody else: to staff';
    sleep 0.3;
    ok !heard($own, qr/$foreign/, 0), 'and not to others';
    ok !heard($others, qr/$id|$foreign/, 0), "nor to another's queue";

    $env->sql_owner("SET ehr.scope = 'system'; INSERT INTO ehr.family_members"
        . ' (user_id, patient_id, relation, first_name, last_name) VALUES'
        . " ('$accounts->{users}{patient}{id}', '$stranger', 'CHILD', 'Ann',"
        . " 'Child')");
    sleep 0.3;
    $id = book($stranger, $doctor, $first + 13 * 3600);
    ok heard($own, qr/$id/), 'but when they have become family';
};

subtest 'the board of a ward' => sub {
    my $hospital = EHR::Test::Inpatient->create($env);
    my ($ward, $elsewhere) = map { $hospital->ward } 1 .. 2;
    my @beds = $hospital->rooms($ward, 1, 3);
    my ($there) = $hospital->rooms($elsewhere, 1, 1);
    ok until_fed($env, client(undef, $env)), 'what was made before is told of';
    my $stream = listen_to('nurse', "ward=$ward");
    my $other = listen_to('nurse', "ward=$elsewhere");
    my $told = qr/event: ward\ndata: \{"wardId":"$ward"\}\n\n/;
    # each act is told once more than what came before
    my $again = sub {
        my ($what, $code) = @_;
        my $n = () = plain($stream) =~ /$told/g;
        $code->();
        ok heard($stream, qr/(?:$told.*?){@{[ $n + 1 ]}}/s), $what;
    };

    my $stay;
    $again->('an admission', sub {
        $stay = $hospital->admitted($patient, bedId => $beds[0]) });
    is board_status($ward, $beds[0]), 'OCCUPIED',
        'who is told sees it on the board';
    $again->('a transfer', sub {
        $hospital->act($stay, transfer => { bedId => $beds[1] }) });
    $again->('a bed that is cleaned', sub {
        $hospital->bed_status($beds[0], 'AVAILABLE') });
    $again->('leave', sub { $hospital->act($stay,
        leave => { until => iso(time() + 3600) }) });
    $again->('and return', sub { $hospital->act($stay, 'return') });
    $again->('an expected discharge', sub { client('admin', $env)->patch(
        "/api/v1/admissions/$stay->{id}",
        json => { expectedDischarge => iso(time() + 86400) }) });
    $again->('direct SQL', sub { $env->sql_owner("UPDATE ehr.beds"
        . " SET status = 'CLEANING' WHERE id = '$beds[2]'") });
    unlike $stream->{text}, qr/$patient|$stay->{id}/, 'nobody learns who';
    ok !heard($other, qr/event: ward/, 0), 'and not another ward';

    $again->('a transfer to another ward', sub {
        $hospital->act($stay, transfer => { bedId => $there }) });
    ok heard($other, qr/event: ward/), 'is told to both';
};

subtest 'who may listen to what' => sub {
    is status('portal', "queue=$doctor"), 403, 'queues are for staff';
    is status('portal', "ward=$doctor"), 403, 'wards, too';
    is status('nurse', 'ward=x'), 400, 'by their ids';
    is status('portal', ''), 400, 'something has to be listened to';
    is status('portal', 'doctor=x'), 400, 'an id';
    is status('portal', "doctor=$doctor&date=x"), 400, 'a date';
    is status('portal', 'nothing=1'), 400, 'a parameter that there is not';
    is status('pharmacist', "queue=$doctor"), 403, 'appointments.read';
    is status(undef, "doctor=$doctor"), 401, 'nobody';
    is client('portal', $env)->head("/api/v1/events?doctor=$doctor")
        ->{status}, 200, 'HEAD ends';

    my @streams = map { listen_to('nurse', "doctor=$doctor") } 1 .. 20;
    my @full = grep { $_->{text} =~ m{^HTTP/1.1 429 .*^Retry-After: }ms }
        @streams;
    cmp_ok scalar(@full), '>=', 4, 'an account has so many streams at most';
};

subtest 'what ends a stream' => sub {
    my $signed = $accounts->sign_in('lab');
    my $stream = listen_with($signed->{accessToken}, "doctor=$doctor");

    is client(undef, $env)->with_token($signed->{accessToken})
        ->post('/api/v1/auth/logout')->{status}, 200, 'signed out';
    ok ended($stream, 2.5), 'the end of the session';

    $stream = listen_to('doctor', "doctor=$doctor");
    my @old = $env->worker_pids;
    $env->reload;
    ok ended($stream, 2), 'a reload';
    like $stream->{text}, qr/\r\n0\r\n\r\n\z/, 'whole';
    my $began = time();
    $env->wait_for(10, 'old workers to go', sub {
        my %now = map { $_ => 1 } $env->worker_pids;
        !grep { -e "/proc/$_" && !$now{$_} } @old });
    cmp_ok time() - $began, '<', 5, 'and old workers go at once';
};

subtest 'whoever listens is told that the feed began anew' => sub {
    ok until_engine_is_live(EHR::Test::Client->new(port => $env->port)),
        'the feed is live';
    my $stream = listen_to('portal', "doctor=$doctor");

    $env->sql('SELECT pg_terminate_backend(active_pid)'
        . ' FROM pg_replication_slots WHERE active');
    ok heard($stream, qr/event: reset\n/), 'when it was lost';
};

logs_clean($env);
done_testing();


sub listen_to {
    my ($name, $query, $last) = @_;
    return listen_with($accounts->token($name), $query, $last);
}

sub listen_with {
    my ($token, $query, $last) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $env->port) or die "connect: $!";
    my $stream = { socket => $socket, text => '' };

    print $socket "GET /api/v1/events?$query HTTP/1.1\r\nHost: localhost\r\n"
        . "Authorization: Bearer $token\r\n"
        . (defined $last ? "Last-Event-ID: $last\r\n" : '') . "\r\n";
    heard($stream, qr/event: ready|^HTTP.{4} [45]/);
    return $stream;
}

# What came by now; true if it fits within so many seconds, 5 by default.
sub heard {
    my ($stream, $pattern, $seconds) = @_;
    my $end = time() + ($seconds // 5);

    until (plain($stream) =~ $pattern) {
        return 0 unless IO::Select->new($stream->{socket})
            ->can_read($end > time() ? $end - time() : 0);
        sysread $stream->{socket}, $stream->{text}, 65536,
            length $stream->{text} or return 0;
    }
    return 1;
}

# Without the sizes of chunks.
sub plain {
    my ($stream) = @_;
    my ($head, $body) = split /\r\n\r\n/, $stream->{text}, 2;

    return $stream->{text} unless defined $body && $head =~ /chunked/i;
    $body =~ s/(?:\A|\r\n)[0-9a-f]+\r\n//g;
    return "$head\r\n\r\n$body";
}

sub last_id {
    my ($stream) = @_;
    return (plain($stream) =~ /^id: (\S+)$/mg)[-1];
}

# The last chunk, or the end of the connection.
sub ended {
    my ($stream, $seconds) = @_;
    my $end = time() + $seconds;

    while (time() < $end) {
        return 1 if $stream->{text} =~ /\r\n0\r\n\r\n\z/;
        return 1 if IO::Select->new($stream->{socket})->can_read(0.1)
            && !sysread $stream->{socket}, $stream->{text}, 65536,
                length $stream->{text};
    }
    return 0;
}

sub status {
    my ($name, $query) = @_;
    return client($name, $env)->get("/api/v1/events?$query")->{status};
}

sub board_status {
    my ($ward, $bed) = @_;
    my ($one) = grep { $_->{bedId} eq $bed } map { @{ $_->{beds} } }
        @{ client('nurse', $env)->get("/api/v1/wards/$ward/board")
            ->{data}{rooms} };
    return $one->{status};
}

sub book {
    my ($who, $whom, $at) = @_;
    my $start = iso($at);

    return $env->sql_owner("SET ehr.scope = 'system'; SELECT a.id FROM"
        . ' (SELECT gen_random_uuid() AS id OFFSET 0) AS a,'
        . " LATERAL ehr.appointment_book(a.id, '$who', '$whom', '$start',"
        . " 10, 'CONSULTATION', NULL, NULL, NULL, NULL, false, NULL, NULL,"
        . ' NULL, NULL, NULL)');
}
