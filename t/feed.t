#!/usr/bin/perl

# The change feed: what is committed anywhere is in the engine at once, access
# that was ended is refused at once, and whatever happens to the feed, the
# service answers and the feed comes back.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::Booking;
use EHR::Test::Client;
use File::Temp qw(tempdir);
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'feed', workers => 2,
    rate_limits => '', conf => 'ehr_access_lifetime 1h;');
my $place = booking_place($env);
my $tomorrow = $place->{first};
my ($doctor, $second) = @{ $place->{doctors} };
my $patient = $place->{patients}[0];

ok until_engine_is_live(fresh()), 'the feed is live';

subtest 'what /ready and /metrics say' => sub {
    my $feed = feed();

    is $feed->{state}, 'live', 'its state';
    like $feed->{lagMilliseconds}, qr/^\d+$/, 'its lag';
    is $env->metric('ehr_availability_room{of="resources",is="used"}'),
        @{ $place->{doctors} } + @{ $place->{rooms} },
        'doctors and rooms are known, patients are not';
    is $env->metric('ehr_feed_loads_total'), 1, 'one load';
};

subtest 'a booking by direct SQL' => sub {
    is pages(), 0, 'nothing is busy';

    my $began = time();
    my $id = book($doctor, $tomorrow + 10 * 3600);
    note sprintf 'psql took %.3f s', time() - $began;
    $began = time();
    wait_until(sub { pages() == 1 }, 'the day becomes busy');
    note sprintf 'shown after another %.3f s', time() - $began;

    system_sql("SELECT ehr.appointment_cancel('$id', NULL, 'Test')");
    wait_until(sub { pages() == 0 }, 'and free when it is cancelled');

    my ($done) = $env->psql('postgres', 'BEGIN; SET ROLE ehr_owner;'
        . " SET ehr.scope = 'system'; " . booking($doctor, $tomorrow + 36000)
        . '; SELECT 1 / 0');
    ok !$done, 'a transaction that fails';
    sleep 0.3;
    is pages(), 0, 'shows nothing';
};

subtest 'schedules' => sub {
    my $before = $env->metric('ehr_feed_reloads_total');

    $env->sql_owner("UPDATE ehr.doctor_schedules SET slot_minutes = 20"
        . " WHERE doctor_id = '$second'");
    wait_until(sub { $env->metric('ehr_feed_reloads_total') == $before + 1 },
        'a schedule that changes is read once for all its rows');

    $before = $env->metric('ehr_feed_reloads_total');
    $env->sql_owner("UPDATE ehr.clinics SET time_zone = 'Europe/Lisbon'"
        . " WHERE id = '$place->{clinic}'");
    wait_until(sub { $env->metric('ehr_feed_reloads_total')
        == $before + @{ $place->{doctors} } },
        'and those of a clinic when its time zone does');

    $before = $env->metric('ehr_feed_reloads_total');
    $env->sql_owner("UPDATE ehr.clinics SET phone = '+1 555 0100'"
        . " WHERE id = '$place->{clinic}'");
    sleep 0.5;
    is $env->metric('ehr_feed_reloads_total'), $before,
        'but not for its telephone number';
};

subtest 'access that ends' => sub {
    revoked_within(1, 'while the feed is live');
};

subtest 'reload' => sub {
    my $loads = $env->metric('ehr_feed_loads_total');
    my $owner = owner();

    $env->reload;
    came_back($loads);
    isnt owner(), $owner, 'in a new worker';
};

subtest 'the owner is killed' => sub {
    my $loads = $env->metric('ehr_feed_loads_total');
    my $owner = owner();

    kill 'KILL', $owner;
    came_back($loads);
    isnt owner(), $owner, 'in another worker';
};

subtest 'PostgreSQL is restarted' => sub {
    my $loads = $env->metric('ehr_feed_loads_total');

    $env->restart_database('immediate');
    $env->wait_ready;
    came_back($loads);
};

subtest 'a transaction that writes is open at the start' => sub {
    my $loads = $env->metric('ehr_feed_loads_total');
    my $writer = background("BEGIN; UPDATE ehr.doctors"
        . " SET experience_years = 1 WHERE id = '$second';"
        . ' SELECT pg_sleep(4); COMMIT');

    wait_until(sub { $env->sql('SELECT count(*) FROM pg_stat_activity'
        . " WHERE query LIKE 'BEGIN; UPDATE%' AND backend_xid IS NOT NULL") },
        'it writes');
    end_walsender();
    wait_until(sub { (feed()->{state} || '') eq 'waiting' }, 'the feed waits');
    is client('admin', $env)->get('/api/v1/doctors')->{status}, 200,
        'requests are answered';
    is fresh()->get('/ready')->{status}, 200, 'and the node is ready';
    waitpid $writer, 0;
    came_back($loads);
};

subtest 'the feed is frozen' => sub {
    my $sender = walsender();

    kill 'STOP', $sender or die;
    my $began = time();
    wait_until(sub { !live() }, 'it is known to be stale');
    cmp_ok time() - $began, '<', 2.5, 'within its bound';
    is feed()->{state}, 'stale', 'and says so';
    is fresh()->get('/ready')->{status}, 200, 'the node is ready';
    revoked_within(1, 'meanwhile');
    book($doctor, $tomorrow + 12 * 3600);
    kill 'CONT', $sender;
    ok until_engine_is_live(fresh()), 'it goes on';
    wait_until(sub { pages() == 1 }, 'with what was committed meanwhile');
};

subtest 'hours that the feed has not shown yet' => sub {
    my $admin = client('admin', $env);
    my $known = $env->metric('ehr_availability_room{of="resources",is="used"}');
    my $new = $admin->post('/api/v1/doctors', json => { firstName => 'New',
        lastName => 'Hours', licenseNumber => 'N-1',
        clinicIds => [$place->{clinic}] })->{data}{id};
    wait_until(sub {
        $env->metric('ehr_availability_room{of="resources",is="used"}')
        == $known + 1 }, 'the engine knows the doctor');

    my $sender = walsender();
    kill 'STOP', $sender or die;
    $env->sql("INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id,"
        . " day_of_week, start_time, end_time, valid_from) SELECT '$new',"
        . " '$place->{clinic}', n, '08:00', '18:00', '2020-01-01'"
        . ' FROM generate_series(1, 7) AS n');
    my $booking = { patientId => $patient, doctorId => $new,
        start => iso($tomorrow + 9 * 3600) };
    my @answers = map { $admin->post('/api/v1/appointments',
        json => { %$booking, patientId => $_ }) } @{ $place->{patients} }[1, 2];
    my $was_live = live();
    kill 'CONT', $sender;

    ok $was_live, 'it believes that it knows all';
    is $answers[0]{status}, 201, 'PostgreSQL takes the first booking';
    is $answers[1]{status}, 409, 'and refuses the second';
    is scalar @{ $answers[1]{data}{alternatives} }, 5, 'with five others';
    ok until_engine_is_live(fresh()), 'the engine goes on';
};

subtest 'a server without logical decoding' => sub {
    my $before = length read_file($env->error_log);
    $env->sql('ALTER SYSTEM SET wal_level = replica');
    $env->restart_database;
    $env->wait_ready;
    wait_until(sub { (feed()->{reason} || '') =~ /wal_level/ },
        'the feed says why it fails');
    is feed()->{state}, 'failed', 'as it does';
    is fresh()->get('/ready')->{status}, 200, 'the node is ready';
    wait_until(sub { client('admin', $env)->get('/api/v1/doctors')->{status}
        == 200 }, 'and answers');
    wait_until(sub {
        my $log = substr read_file($env->error_log), $before;
        !grep { 3 != (() = $log =~ /\b$_#\d+: connected to PostgreSQL/g) }
            $env->worker_pids;
    }, 'each worker is connected again, by its three lanes');
    revoked_within(1, 'by polling');
    sleep 3;
    is scalar(() = read_file($env->error_log)
        =~ /change feed: logical decoding requires/g), 1, 'one line in the log';
};

logs_clean($env, allow => qr/exited on signal 9/);
$env->stop;

# ASan wants to be the first library
subtest 'midnight' => \&midnight unless $ENV{EHR_NGINX};

done_testing();


# The node's clock moves on by a day; PostgreSQL's does not.
sub midnight {
    my $folder = tempdir('/tmp/ehr-clock.XXXXXX', CLEANUP => 1);
    my ($shim, $clock) = ("$folder/clock.so", "$folder/clock");

    chmod 0755, $folder or die "$folder: $!";
    must_run(undef, 'cc', '-shared', '-fPIC', '-O1', '-o', $shim,
        top() . '/t/chaos/clock.c');
    move($clock, 0);
    $env = start_environment(name => 'feed-midnight', workers => 1,
        conf => 'ehr_booking_horizon 10;',
        environment => ["LD_PRELOAD=$shim", "EHR_TEST_CLOCK=$clock"]);
    $place = booking_place($env);
    $patient = $place->{patients}[0];
    ok until_engine_is_live(fresh()), 'the feed is live';

    # to noon, so that no day ends by itself; tokens are not needed any more
    my $now = int time();
    my $today = $now - $now % 86400;
    my $later = sub { move($clock, $today + 43200 - $now + 86400 * $_[0]) };
    $later->(0);

    my $last = $today + 11 * 86400;             # tomorrow's last day
    my $kept = book($place->{doctors}[0], $last + 9 * 3600);
    my $gone = book($place->{doctors}[1], $last + 10 * 3600);
    my $old = book($place->{doctors}[2], $today + (24 + 9) * 3600);
    wait_until(sub { pages() == 1 }, 'days further ahead are not kept');

    $later->(1);
    wait_until(sub { pages() == 3 }, 'after midnight they are');
    system_sql("SELECT ehr.appointment_cancel('$gone', NULL, 'Test')");
    wait_until(sub { pages() == 2 }, 'and followed');
    is $env->metric('ehr_feed_loads_total'), 1, 'without loading all anew';
    ok live(), 'it is live';

    # the third day: what is over is forgotten
    $later->(2);
    wait_until(sub { pages() == 1 }, 'what is over is not');
    logs_clean($env);
}

# In place: nginx has mapped the file.
sub move {
    my ($clock, $seconds) = @_;
    open my $file, (-e $clock ? '+<' : '>'), $clock or die "$clock: $!";
    syswrite $file, pack('q', $seconds) or die "$clock: $!";
    close $file or die "$clock: $!";
}


sub fresh { return EHR::Test::Client->new(port => $env->port) }

sub feed {
    return JSON::PP::decode_json(fresh()->get('/ready')->{body})->{feed} || {};
}

sub live { return engine_is_live(fresh()) }

# Days of a doctor on which something is busy, as far as the engine knows.
sub pages { return $env->metric('ehr_availability_room{of="pages",is="used"}') }

sub wait_until {
    my ($code, $name) = @_;
    ok EHR::Test::Process::wait_until(20, $code), $name;
}

sub came_back {
    my ($loads) = @_;
    my $began = time();

    wait_until(sub { ($env->metric('ehr_feed_loads_total') || 0) > $loads
        && live() }, 'the feed is live again');
    note sprintf 'after %.2f s', time() - $began;
}

sub system_sql {
    my ($sql) = @_;
    return $env->sql_owner("SET ehr.scope = 'system'; $sql");
}

sub booking {
    my ($who, $at) = @_;
    my $start = iso($at);

    return "SELECT a.id FROM (SELECT gen_random_uuid() AS id OFFSET 0) AS a,"
        . " LATERAL ehr.appointment_book(a.id, '$patient', '$who', '$start',"
        . " 10, 'CONSULTATION', NULL, NULL, NULL, NULL, false, NULL, NULL,"
        . ' NULL, NULL, NULL)';
}

sub book { return system_sql(booking(@_)) }

# The worker that runs the feed: its slot is named after it.
sub owner {
    my ($pid) = $env->sql('SELECT slot_name FROM pg_replication_slots'
        . ' WHERE active') =~ /^ehr_feed_(\d+)_/;
    return $pid;
}

sub walsender {
    return $env->sql('SELECT active_pid FROM pg_replication_slots'
        . ' WHERE active');
}

sub end_walsender {
    $env->sql('SELECT pg_terminate_backend(active_pid)'
        . ' FROM pg_replication_slots WHERE active');
}

sub background {
    my ($sql) = @_;
    my $pid = fork // die "fork: $!";

    return $pid if $pid;
    exec $env->psql_command('postgres', '-c', $sql) or POSIX::_exit(1);
}

# Ends a session by direct SQL: from then on, and within so many seconds, all
# workers refuse its token.
sub revoked_within {
    my ($seconds, $when) = @_;
    my $signed = accounts($env)->sign_in('nurse')->{accessToken};
    my ($session) = $env->sql('SELECT id FROM ehr.sessions'
        . ' ORDER BY created_at DESC LIMIT 1');
    my $ask = sub { fresh()->get('/api/v1/clinics',
        token => $signed)->{status} };

    is_deeply [map { $ask->() } 1 .. 8], [(200) x 8], "$when: it is accepted";
    $env->sql_owner('INSERT INTO ehr.access_revocations (kind, subject_id,'
        . " until) VALUES ('session', '$session', now() + interval '1 hour')");

    my $began = time();
    my $last = $began;
    while (time() < $began + $seconds) {
        $last = time() if $ask->() != 401;
    }
    note sprintf '%s: refused after %.3f s', $when, $last - $began;
    is_deeply [map { $ask->() } 1 .. 8], [(401) x 8],
        "$when: it is refused everywhere within $seconds s";
}
