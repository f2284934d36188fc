#!/usr/bin/perl

# GET /wards/{id}/board: what it shows to whom, that it is as the database is,
# whoever changed that, what of it is answered from memory, and what is audited.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::Booking;
use EHR::Test::Checker;
use EHR::Test::Client;
use EHR::Test::Inpatient;
use EHR::Test::Together qw(together);
use EHR::Test::Workers qw(spread);
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'ward_board', workers => 2,
    rate_limits => '', conf => 'ehr_access_lifetime 1h;',
    pg_settings => 'pg_stat_statements.track = all');
my $hospital = EHR::Test::Inpatient->create($env);
my $admin = $hospital->admin;
my $ward = $hospital->ward(name => 'Board');
my $two = $hospital->room($ward, roomNumber => '2', sexPolicy => 'SAME');
my $ten = $hospital->room($ward, roomNumber => '10', class => 'Single');
my @beds = map { $hospital->bed($two, bedNumber => "$_") } 1 .. 3;
my $single = $hospital->bed($ten, bedNumber => '1', isolation => \1,
    equipment => ['OXYGEN', 'MONITOR'], ageGroup => 'ADULT');
my $roles = 0;
my $patient = $hospital->patient(years => 52);
my $stay = $hospital->admitted($patient, bedId => $beds[1]);

ok until_engine_is_live(EHR::Test::Client->new(port => $env->port)),
    'the engine is live';

subtest 'what it shows' => sub {
    my $board = board();

    is $board->{wardId}, $ward, 'the ward';
    is $board->{name}, 'Board', 'its name';
    is $board->{hospitalId}, $hospital->id, 'its hospital';
    is_deeply $board->{counts}, { beds => 4, available => 3, occupied => 1,
        reserved => 0, cleaning => 0, outOfService => 0 }, 'counts';
    is_deeply [map { $_->{roomNumber} } @{ $board->{rooms} }], ['2', '10'],
        'rooms by their numbers';
    is_deeply [map { $_->{sexPolicy} } @{ $board->{rooms} }], ['SAME', 'ANY'],
        'their policies';
    like $board->{rooms}[1]{roomClass}, qr/^Single /, 'and classes';
    is_deeply [map { $_->{bedId} } @{ $board->{rooms}[0]{beds} }], \@beds,
        'beds by theirs';

    my $bed = bed($single);
    is_deeply [sort @{ $bed->{equipment} }], ['MONITOR', 'OXYGEN'],
        'what a bed has';
    is $bed->{ageGroup}, 'ADULT', 'whom it is for';
    ok $bed->{isolation} && !bed($beds[0])->{isolation}, 'isolation';
    is $bed->{status}, 'AVAILABLE', 'its status';
    is $bed->{patient}, undef, 'and that nobody lies there';

    $bed = bed($beds[1]);
    is $bed->{status}, 'OCCUPIED', 'one is taken';
    like $bed->{statusSince}, qr/^20\d\d-\d\d-\d\dT[\d:]{8}Z$/, 'since when';
    is_deeply $bed->{patient}, { initials => 'IN', sex => 'FEMALE', age => 52,
        admissionId => $stay->{id}, flags => [] }, 'by whom';

    my $empty = $hospital->ward;
    is_deeply [@{ board($empty) }{qw(rooms counts)}], [[], { beds => 0,
        available => 0, occupied => 0, reserved => 0, cleaning => 0,
        outOfService => 0 }], 'a ward without rooms';
    is $admin->get("/api/v1/wards/$patient/board")->{status}, 404,
        'a ward that there is not';
    is $admin->get('/api/v1/wards/x/board')->{status}, 400, 'no id';
    is $admin->get("/api/v1/wards/$ward/board?x=1")->{status}, 400,
        'there are no parameters';
};

subtest 'who sees what of a patient' => sub {
    allergy($patient);
    # of what the engine does not hear of, a board is some seconds old at most
    ok wait_until(7, sub {
        "@{ bed($beds[1])->{patient}{flags} }" eq 'ALLERGIES' }),
        'an allergy comes to be seen';

    my %seen = map { $_ => bed($beds[1], client($_, $env))->{patient} }
        qw(doctor nurse reception);
    for my $role (qw(doctor nurse)) {
        is $seen{$role}{admissionId}, $stay->{id}, "$role: the admission";
        is_deeply $seen{$role}{flags}, ['ALLERGIES'], 'and allergies';
    }
    is_deeply $seen{reception}, { initials => 'IN' }, 'reception: initials';

    is with_role('wards.read'), undef, 'without admissions.read nobody';
    is with_role('wards.read', 'patients.all', 'record.read'), undef,
        'whatever else one may';
    is with_role('wards.read', 'admissions.read', 'record.read'), undef,
        'nor who sees own records only';
    is_deeply with_role(qw(wards.read admissions.read patients.all)),
        { initials => 'IN' }, 'who does not read records sees initials';
    is_deeply with_role(qw(wards.read admissions.read patients.all
        record.read))->{flags}, [],
        'allergies are for those who may read them';
    for my $role (qw(pharmacist patient)) {
        is client($role, $env)->get("/api/v1/wards/$ward/board")->{status},
            403, "$role: nothing";
    }
};

subtest 'flags' => sub {
    my $mother = $hospital->patient(years => 30);
    my $lies = $hospital->admitted($mother, isolation => \1, wardId => $ward,
        expectedDischarge => iso(time() + 2));
    my $flags = sub { join ' ', @{ bed($single)->{patient}{flags} } };

    is $flags->(), 'ISOLATION', 'isolation was asked for';

    my $child = $hospital->admitted($hospital->patient(days => 1),
        type => 'NEWBORN', motherAdmissionId => $lies->{id});
    is $flags->(), 'ISOLATION NEWBORN', 'a newborn beside its mother';
    is bed($single)->{patient}{admissionId}, $lies->{id}, 'who lies there';

    ok wait_until(10, sub { $flags->() =~ /DISCHARGE_OVERDUE/ }),
        'the expected discharge has passed';
    done($hospital->act($lies, discharge => { step => 'ORDERED' }));
    like $flags->(), qr/DISCHARGE_ORDERED/, 'it was ordered';
    done($hospital->act($lies, discharge => { step => 'WITHDRAWN' }));
    unlike $flags->(), qr/DISCHARGE_ORDERED/, 'or not';

    done($hospital->act($lies, leave => { until => iso(time() + 3600) }));
    like $flags->(), qr/ON_LEAVE/, 'on leave';
    done($hospital->act($lies, 'return'));
    unlike $flags->(), qr/ON_LEAVE/, 'and back';

    done($hospital->act($_, cancel => { reason => 'Test' })) for $child, $lies;
    is bed($single)->{status}, 'CLEANING', 'nobody any more';
    done($hospital->bed_status($single, 'AVAILABLE'));
};

subtest 'one sees what one has done' => sub {
    my @clients = spread($env, accounts($env)->token('admin'));
    my $other = $hospital->ward;
    my @there = $hospital->rooms($other, 1, 2);
    my $who = $hospital->admitted($hospital->patient, bedId => $there[0]);
    my (@bad, $lies);

    $lies = $there[0];
    for my $n (1 .. 40) {
        my $goes = $lies eq $there[0] ? $single : $there[0];
        # everybody has it in memory
        $_->get("/api/v1/wards/$ward/board") for @clients;
        $_->get("/api/v1/wards/$other/board") for @clients;
        done($hospital->act($who, transfer => { bedId => $goes }));
        done($hospital->bed_status($lies, 'AVAILABLE'));
        my $client = $clients[$n % @clients];
        push @bad, "$n: $_->[0] is not $_->[1]" for grep {
            bed($_->[0], $client)->{status} ne $_->[1] }
            [$goes, 'OCCUPIED'], [$lies, 'AVAILABLE'];
        $lies = $goes;
    }
    is "@bad", '', 'in both wards, whichever worker answers';
    done($hospital->act($who, discharge => { step => 'DONE',
        disposition => 'DECEASED' }));
    done($hospital->bed_status($lies, 'AVAILABLE'));
};

subtest 'and what others have' => sub {
    board();
    $env->sql_owner("UPDATE ehr.beds SET status = 'CLEANING'"
        . " WHERE id = '$single'");
    my $began = time();
    ok wait_until(2, sub { bed($single)->{status} eq 'CLEANING' }),
        'direct SQL';
    note sprintf 'after %.3f s', time() - $began;
    $env->sql_owner("UPDATE ehr.beds SET status = 'AVAILABLE'"
        . " WHERE id = '$single'");
    ok wait_until(2, sub { bed($single)->{status} eq 'AVAILABLE' }), 'again';
    $env->sql_owner("UPDATE ehr.ward_rooms SET sex_policy = 'FEMALE'"
        . " WHERE id = '$two'");
    ok wait_until(2, sub { board()->{rooms}[0]{sexPolicy} eq 'FEMALE' }),
        'a room';
    my $third = $hospital->bed($ten, bedNumber => '3');
    ok wait_until(2, sub { bed($third) }), 'a new bed';
    $admin->delete("/api/v1/beds/$third");
    ok wait_until(2, sub { !bed($third) }), 'one that is deleted';
};

subtest 'from memory' => sub {
    my $client = client('nurse', $env);
    my ($before, $after);

    $client->get("/api/v1/wards/$ward/board") for 1 .. 2;
    ok wait_until(20, sub {
        $before = commits();
        $client->get("/api/v1/wards/$ward/board") for 1 .. 200;
        $after = commits();
        return $after - $before < 100;
    }), 'many answers need few transactions';
    note $after - $before, ' transactions while 200 boards were shown';

    my $tag = $client->get("/api/v1/wards/$ward/board")->{headers}{etag};
    like $tag, qr/^"\d+"$/, 'a board has a tag';
    is $client->get("/api/v1/wards/$ward/board",
        headers => { 'If-None-Match' => $tag })->{status}, 304,
        'and need not be sent again';
    done($hospital->bed_status($single, 'CLEANING'));
    is $client->get("/api/v1/wards/$ward/board",
        headers => { 'If-None-Match' => $tag })->{status}, 200,
        'but when it differs';
    is $client->head("/api/v1/wards/$ward/board")->{status}, 200, 'HEAD';
    done($hospital->bed_status($single, 'AVAILABLE'));
};

subtest 'what is audited' => sub {
    my $client = client('nurse', $env);
    my $look = sub { is $client->get("/api/v1/wards/$ward/board")->{status},
        200, 'a look' };

    $look->();
    my $before = views();
    $look->() for 1 .. 3;
    is views(), $before, 'the same again is not written down again';

    done($hospital->bed_status($single, 'CLEANING'));
    $look->();
    is views(), $before + 1, 'what differs is';
    $look->();
    is views(), $before + 1, 'once';
    client('doctor', $env)->get("/api/v1/wards/$ward/board");
    is views(), $before + 2, "somebody else's look, too";

    my ($row) = $env->rows('SELECT entity_id, patient_id, actor_id, route'
        . " FROM ehr.audit_logs WHERE action = 'READ'"
        . " AND route LIKE '%/board' ORDER BY created_at DESC, id DESC"
        . ' LIMIT 1');
    is $row->[0], $stay->{id}, 'of the admission';
    is $row->[1], $patient, 'of the patient';
    is $row->[2], accounts($env)->{users}{doctor}{id}, 'by whom';
    done($hospital->bed_status($single, 'AVAILABLE'));

    my $empty = $hospital->ward;
    my $rows = views();
    $client->get("/api/v1/wards/$empty/board");
    is views(), $rows, 'who sees nobody has read of nobody';
};

subtest 'one asks for all' => sub {
    my $many = 60;
    my $path = "/api/v1/wards/$ward/board";
    my @ask = ($env, $many, GET => $path, token => accounts($env)
        ->token('admin'));

    # It is changed, so nobody remembers it, and the table is locked until all
    # have asked.
    my $crowd = sub {
        my (%also) = @_;
        done($hospital->bed_status($single, $_)) for qw(CLEANING AVAILABLE);
        sleep 1;        # what the feed brings of this is no change meanwhile
        my $before = asked();
        my $lock = locked('ehr.room_classes');
        $also{before}->() if $also{before};
        my @answers = together(@ask, meanwhile => sub {
            wait_until(10, sub { stuck() >= 1 }) or die 'nobody asks';
            $also{meanwhile}->() if $also{meanwhile};
            sleep 0.3;
            close $lock;
        });
        my %tally;
        $tally{$_->{status}}++ for @answers;
        return (\%tally, asked() - $before, @answers);
    };

    my ($tally, $n, @answers) = $crowd->();
    is_deeply $tally, { 200 => $many }, 'all are answered';
    cmp_ok $n, '<=', 2, 'each worker asks once';
    my %content;
    $content{$_->{body} =~ s/"timestamp":"[^"]*"//r}++ for @answers;
    is scalar(keys %content), 1, 'all see the same';

    # Who asked first goes away: the others get it.
    my $first = EHR::Test::Client->new(port => $env->port,
        token => accounts($env)->token('admin'));
    ($tally, $n) = $crowd->(before => sub {
        $first->connection;
        EHR::Test::Client::send_all($first->{socket},
            $first->compose(GET => $path, {}), time() + 10);
        wait_until(10, sub { stuck() }) or die 'the first does not ask';
    }, meanwhile => sub { $first->disconnect });
    is_deeply $tally, { 200 => $many }, 'if one goes away';
    cmp_ok $n, '<=', 2, 'and nobody asks again';

    # The question fails: it is asked again.
    ($tally, $n) = $crowd->(meanwhile => sub {
        $env->sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND usename = 'ehr_app'") });
    is_deeply $tally, { 200 => $many }, 'a connection that is lost is not felt';

    # It cannot be answered: nobody waits for long, and the next one may.
    my $lock = locked('ehr.room_classes');
    done($hospital->bed_status($single, $_)) for qw(CLEANING AVAILABLE);
    @answers = together(@ask);
    close $lock;
    is_deeply [grep { $_->{status} != 503 } @answers], [],
        'while nothing can be told, all are told to come again';
    is $admin->get($path)->{status}, 200, 'and then may';

    # What is changed meanwhile is not answered with what was before.
    $lock = locked('ehr.room_classes');
    done($hospital->bed_status($single, 'CLEANING'));
    my $client = client('nurse', $env);
    my @later = together($env, 4, GET => $path, token => accounts($env)
        ->token('admin'), meanwhile => sub {
            wait_until(10, sub { stuck() >= 1 }) or die 'nobody asks';
            done($hospital->bed_status($single, 'AVAILABLE'));
            close $lock;
    });
    is $client->get($path)->{status}, 200, 'who comes after';
    is bed($single)->{status}, 'AVAILABLE', 'sees what was done';
};

subtest 'without the engine' => sub {
    my $sender = walsender();

    kill 'STOP', $sender or die;
    my $client = EHR::Test::Client->new(port => $env->port);
    ok wait_until(10, sub { !engine_is_live($client) }), 'it is stale';
    is bed($single)->{status}, 'AVAILABLE', 'PostgreSQL answers';
    $env->sql_owner("UPDATE ehr.beds SET status = 'CLEANING'"
        . " WHERE id = '$single'");
    is bed($single)->{status}, 'CLEANING', 'each time';
    $env->sql_owner("UPDATE ehr.beds SET status = 'AVAILABLE'"
        . " WHERE id = '$single'");
    is bed($single)->{status}, 'AVAILABLE', 'and again';
    kill 'CONT', $sender;
    ok until_engine_is_live($client), 'it goes on';
    is bed($single)->{status}, 'AVAILABLE', 'with the same';
};

logs_clean($env);
done_testing;

# -----------------------------------------------------------------------------

sub board {
    my ($of, $client) = @_;
    my $path = '/api/v1/wards/' . ($of || $ward) . '/board';
    my $answer = ($client || $admin)->get($path);
    die "board: $answer->{status} $answer->{body}\n"
        if $answer->{status} != 200;
    return $answer->{data};
}

# On the board of any ward that was made here.
sub bed {
    my ($id, $client) = @_;
    for my $ward ($hospital->wards) {
        my ($bed) = grep { $_->{bedId} eq $id } map { @{ $_->{beds} } }
            @{ board($ward, $client)->{rooms} };
        return $bed if $bed;
    }
    return undef;
}

sub done {
    my ($answer) = @_;
    die "refused: $answer->{status} $answer->{body}\n"
        if $answer->{status} != 200;
    return $answer->{data};
}

sub allergy {
    my $answer = $admin->post("/api/v1/patients/$_[0]/allergies",
        json => { allergen => 'Penicillin' });
    die "allergy: $answer->{status} $answer->{body}\n"
        if $answer->{status} != 201;
}

# Who lies in the second bed, as somebody with just these permissions sees it.
sub with_role {
    my (@may) = @_;
    my $name = 'BOARD_' . ++$roles;
    my $role = $admin->post('/api/v1/roles', json => { name => $name,
        permissions => \@may });
    die "role: $role->{status} $role->{body}\n" if $role->{status} != 201;
    my $accounts = accounts($env);
    $accounts->create_user(lc $name, $name);
    my $client = $accounts->client(lc $name);
    # the role has to be known to the workers
    wait_until(5, sub { $client->get("/api/v1/wards/$ward")->{status} == 200 })
        or die "$name is not known\n";
    return bed($beds[1], $client)->{patient};
}

sub commits {
    sleep 0.2;
    return $env->sql('SELECT xact_commit FROM pg_stat_database'
        . ' WHERE datname = current_database()');
}

# How often PostgreSQL was asked for a board.
sub asked {
    return $env->sql("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
        WHERE query LIKE 'WITH beds AS MATERIALIZED%room_text%'");
}

# How many wait for a lock.
sub stuck {
    return $env->sql("SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND usename = 'ehr_app'");
}

# Nobody reads this table until the handle is closed.
sub locked {
    my ($table) = @_;
    open my $psql, '|-', $env->psql_command('postgres') or die "psql: $!";
    select((select($psql), $| = 1)[0]);
    print $psql "\\o /dev/null\nBEGIN; LOCK TABLE $table;\n";
    $env->wait_for(20, 'the lock', sub { $env->sql("SELECT count(*)
        FROM pg_locks WHERE relation = '$table'::regclass
        AND mode = 'AccessExclusiveLock' AND granted") });
    return $psql;
}

sub views {
    return $env->sql("SELECT count(*) FROM ehr.audit_logs WHERE action = 'READ'"
        . " AND route LIKE '%/board' AND patient_id = '$patient'");
}

sub walsender {
    return $env->sql('SELECT active_pid FROM pg_replication_slots'
        . ' WHERE active');
}
