package EHR::Test::Booking;

# Clients that book, hold, confirm, move and cancel over few doctors while
# something is broken, and the checker of what came of it.
#
#   my $load = start_bookings($env);            # options: below
#   … break something …
#   check_bookings($env, $load, $load->stop, 'what was broken');
#
# Options: processes 2, clients 32 (each process), ports [of nginx] (each
# process asks one of them), deadline 20, think 0.01, tokens, beside (a load
# that wants the same days).
#
# What the checker wants (each a test of a subtest):
#
#   I1  each acknowledged act is in the database, and nothing else is
#   I2  nobody is in two places: doctor, patient, room
#   I3  the engine's slots are those of the database, once it is quiet
#   I4  an act of unknown outcome, repeated with its key, is there once
#   I5  each act has one audit row
#   I6  no hold outlives its time
#
# A client is careful: it repeats with its Idempotency-Key what got no definite
# answer, and lets an appointment alone after a move or cancel nobody knows the
# outcome of.  So of every appointment it is known what it may be.

use strict;
use warnings;
use EHR::Test;
use EHR::Test::Checker;
use Exporter qw(import);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use lib top() . '/tools/lib';
use EHR::Crowd;

our @EXPORT = qw(booking_place start_bookings check_bookings iso engine_is_live
    until_engine_is_live);

my $json = JSON::PP->new->utf8->canonical;
my $more = Test::More->builder;
my $loads = 0;
my $minutes = 10;               # from start to start of a slot
my ($opens, $closes) = (6, 22); # hours, UTC

# -- what is booked -----------------------------------------------------------

# Doctors (the last one of groups of three), rooms, patients and tokens, once
# an environment; each load has two days of its own after the first.
sub booking_place {
    my ($env) = @_;
    return $env->{booking} ||= do {
        my $admin = client('admin', $env);
        my $add = sub {
            my ($path, %body) = @_;
            my $answer = $admin->post("/api/v1/$path", json => \%body);
            die "$path: $answer->{status} $answer->{body}\n"
                unless $answer->{status} == 201;
            return $answer->{data}{id};
        };
        my $clinic = $add->('clinics', name => 'Booking', timeZone => 'UTC');
        my @doctors = map { $add->('doctors', firstName => "Number$_",
            lastName => 'Booked', licenseNumber => "B-$_",
            clinicIds => [$clinic]) } 1 .. 4;
        my @rooms = map { $add->('rooms', clinicId => $clinic,
            roomNumber => "B$_") } 1 .. 3;
        my @patients = map { $add->('patients', firstName => 'Booking',
            lastName => "Number$_", dateOfBirth => '1980-02-03') } 1 .. 24;
        open_hours($env, $clinic, $_, $_ eq $doctors[-1] ? 3 : 1)
            for @doctors;

        { clinic => $clinic, doctors => \@doctors, rooms => \@rooms,
          patients => \@patients,
          first => 86400 * (1 + int time() / 86400),
          tokens => [map { accounts($env)->token($_) } qw(admin reception)] };
    };
}

# The same hours each day.
sub open_hours {
    my ($env, $clinic, $doctor, $capacity) = @_;
    $env->sql(sprintf 'INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id,'
        . ' day_of_week, start_time, end_time, slot_minutes, capacity,'
        . " valid_from) SELECT '%s', '%s', n, '%02d:00', '%02d:00', %d, %d,"
        . " '2020-01-01' FROM generate_series(1, 7) AS n", $doctor, $clinic,
        $opens, $closes, $minutes, $capacity);
}

sub iso { return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }

# -- the load -----------------------------------------------------------------

sub start_bookings {
    my ($env, %option) = @_;
    my $self;
    local $SIG{USR1} = sub { $self->{stopping} = 1 };
    $self = bless { processes => 2, clients => 32, deadline => 20,
        think => 0.01, ports => [$env->port], %{ booking_place($env) }, %option,
        name => sprintf('book-%d-%d', $$, ++$loads) }, __PACKAGE__;
    # days that nobody has booked yet, or those of another load
    $self->{first} = $self->{beside} ? $self->{beside}{first}
        : $self->{first} + 2 * 86400 * $loads;

    $self->{file} = $env->dir . '/' . $self->{name};
    for my $number (1 .. $self->{processes}) {
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        if (!$pid) {
            my $done = eval { $self->run($number); 1 };
            print STDERR $@ unless $done;
            POSIX::_exit($done ? 0 : 1);
        }
        push @{ $self->{pids} }, $pid;
    }
    wait_until(20, sub { $self->count > 40 }) or die "no bookings\n";
    return $self;
}

# Lets what is under way end; all records, in the order they began.
sub stop {
    my ($self) = @_;
    my @records;

    kill 'USR1', @{ $self->{pids} };
    for my $pid (@{ $self->{pids} }) {
        waitpid $pid, 0;
        die "a client process failed\n" if $?;
    }
    for my $number (1 .. $self->{processes}) {
        push @records, map { $json->decode($_) }
            split /\n/, read_file("$self->{file}.$number");
        unlink "$self->{file}.$number";
    }
    return [sort { $a->{began} <=> $b->{began} } @records];
}

# Records written so far; they are written at least each half second.
sub count {
    my ($self) = @_;
    my $n = 0;
    $n += read_file("$self->{file}.$_") =~ tr/\n// for 1 .. $self->{processes};
    return $n;
}

# -- in a process -------------------------------------------------------------

sub run {
    my ($self, $number) = @_;
    my $parent = getppid;
    my $ports = $self->{ports};
    my $crowd = EHR::Crowd->new(connections => $self->{clients},
        deadline => $self->{deadline}, port => $ports->[$number % @$ports]);

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    srand $number + $$;
    $self->{number} = $number;
    open $self->{out}, '>', "$self->{file}.$number"
        or die "$self->{file}: $!";
    $self->{flushed} = time();
    $crowd->run(
        next => sub {
            my ($client) = @_;
            die "the test is gone\n" if getppid != $parent;
            return undef if $self->{stopping};
            if ($client->{pause}) {
                $client->{pause} = 0;
                return rand $self->{think};
            }
            $client->{pause} = 1;
            my $act = $client->{again} ? delete $client->{again}
                : $self->choose($client);
            $act->{try}++;
            $act->{token} = $self->{tokens}[ $act->{account} ];
            return $act;
        },
        done => sub { $self->told(@_) });
    close $self->{out} or die "$self->{file}: $!";
}

# What a client does next.  It keeps few appointments, so that there is always
# something to be had.
sub choose {
    my ($self, $client) = @_;
    my $own = $client->{own} ||= [];
    my $chance = rand;

    if (my $hold = delete $client->{hold}) {
        return $self->confirm($hold) if $chance < 0.6;
        return $self->release($hold) if $chance < 0.8;
    }
    if (@$own >= 3) {
        my $one = $own->[rand @$own];
        return $chance < 0.45 ? $self->cancel($one)
            : $chance < 0.95 ? $self->move($client, $one)
            : $self->slots;
    }
    return $chance < 0.5 ? $self->book
        : $chance < 0.75 ? $self->hold
        : $chance < 0.9 && @$own ? $self->move($client, $own->[rand @$own])
        : $self->slots;
}

# A time somebody may want: doctor, start, minutes, perhaps a room.
sub wish {
    my ($self) = @_;
    my $slots = ($closes - $opens) * 60 / $minutes;
    my $doctor = int rand @{ $self->{doctors} };
    my $wish = { doctor => $self->{doctors}[$doctor],
        minutes => 5 * (1 + int rand 12), start => $self->{first}
            + 86400 * int(rand 2) + 3600 * $opens
            + 60 * $minutes * int rand($slots - 6) };

    # who sees groups has no room of these
    $wish->{room} = $self->{rooms}[rand @{ $self->{rooms} }]
        if rand() < 0.3 && $doctor < $#{ $self->{doctors} };
    return $wish;
}

sub time_of {
    my ($wish) = @_;
    return (doctorId => $wish->{doctor}, start => iso($wish->{start}),
        durationMinutes => $wish->{minutes},
        ($wish->{room} ? (roomId => $wish->{room}) : ()));
}

sub act {
    my ($self, $act, $method, $path, $body, %more) = @_;
    my $request = "$self->{name}-$self->{number}-" . ++$self->{serial};
    return { act => $act, method => $method, path => $path, try => 0,
        request => $request, account => int rand @{ $self->{tokens} },
        ($method eq 'POST' ? (key => $request) : ()),
        ($body ? (body => $json->encode($body)) : ()), %more };
}

sub book {
    my ($self) = @_;
    my $wish = $self->wish;
    $wish->{patient} = $self->{patients}[rand @{ $self->{patients} }];
    my $act = $self->act('book', POST => '/appointments', undef,
        wish => $wish);
    $act->{body} = $json->encode({ patientId => $wish->{patient},
        type => 'CONSULTATION', reason => $act->{request}, time_of($wish) });
    return $act;
}

sub hold {
    my ($self) = @_;
    my $wish = $self->wish;
    $wish->{patient} = $self->{patients}[rand @{ $self->{patients} }];
    return $self->act('hold', POST => '/appointments/holds',
        { patientId => $wish->{patient}, time_of($wish) }, wish => $wish);
}

sub confirm {
    my ($self, $hold) = @_;
    my $act = $self->act('confirm', POST => '/appointments', undef,
        wish => $hold->{wish}, account => $hold->{account},
        token_of => $hold->{token});
    $act->{body} = $json->encode({ patientId => $hold->{wish}{patient},
        type => 'CONSULTATION', reason => $act->{request},
        holdToken => $hold->{token}, time_of($hold->{wish}) });
    return $act;
}

sub release {
    my ($self, $hold) = @_;
    return $self->act('release', DELETE => "/appointments/holds/$hold->{token}",
        undef, account => $hold->{account}, token_of => $hold->{token});
}

# To another time, or to one that another client of this process has: two who
# do so at once change places.
sub move {
    my ($self, $client, $one) = @_;
    my $wish = $self->wish;
    my @others = grep { $_ && $_->{id} ne $one->{id} } values %{ $self->{swap} };

    delete $wish->{room};
    if (@others && rand() < 0.4) {
        my $other = $others[rand @others];
        $wish = { %$wish, map { $_ => $other->{wish}{$_} }
            qw(doctor start minutes) };
    }
    $self->{swap}{ $client->{number} } = $one;
    # where it is already there is nothing to do, and to audit
    return $self->slots if state_of($wish) eq state_of($one->{wish});
    return $self->act('move', PATCH => "/appointments/$one->{id}",
        { time_of($wish) }, wish => $wish, of => $one->{id});
}

sub cancel {
    my ($self, $one) = @_;
    return $self->act('cancel', DELETE => "/appointments/$one->{id}",
        { reason => 'Chaos' }, of => $one->{id});
}

sub slots {
    my ($self) = @_;
    my $doctor = $self->{doctors}[rand @{ $self->{doctors} }];
    return $self->act('slots', GET => "/doctors/$doctor/slots?from="
        . iso($self->{first}) . '&to=' . iso($self->{first} + 172800));
}

# -- what became of it --------------------------------------------------------

# Whether nobody knows yet what became of an act.
sub is_open {
    my ($record) = @_;
    return 1 if !$record->{status} || $record->{said} =~ /outcome is unknown/;
    return $record->{key} && ($record->{status} == 503
        || $record->{status} == 409 && $record->{said} =~ /still under way/);
}

sub told {
    my ($self, $client, $act, $answer) = @_;
    my $told = $answer->{status} && $answer->{body} =~ /\A\{/
        ? $json->decode($answer->{body}) : {};
    my %record = (map({ $_ => $act->{$_} } qw(act request key account try wish
        of token_of)), map({ $_ => $answer->{$_} } qw(status error began ended)),
        said => $answer->{status} >= 400 ? $told->{message} // '' : '',
        retry_after => $answer->{head} =~ /^retry-after:/mi ? 1 : 0,
        errors => $told->{errors},
        ($act->{act} eq 'hold' ? (token => $told->{data}{holdToken})
            : $answer->{status} == 201 ? (id => $told->{data}{id}) : ()),
        ($answer->{status} == 409 && $told->{data}
            ? (offered => scalar @{ $told->{data}{alternatives} || [] }) : ()));

    print { $self->{out} } $json->encode(\%record), "\n";
    if (time() - $self->{flushed} > 0.5) {
        $self->{out}->flush;
        $self->{flushed} = time();
    }
    $self->remember($client, $act, \%record);
}

sub remember {
    my ($self, $client, $act, $record) = @_;
    my $own = $client->{own} ||= [];

    if (is_open($record)) {
        @$own = grep { !$act->{of} || $_->{id} ne $act->{of} } @$own;
        delete $self->{swap}{ $client->{number} } if $act->{of};
        $client->{again} = $act if $act->{key};
        $client->{wake} = time() + 0.05 + rand 0.5;
    } elsif ($act->{act} eq 'hold') {
        $client->{hold} = { wish => $act->{wish}, token => $record->{token},
            account => $act->{account} } if $record->{status} == 201;
    } elsif ($record->{status} == 201) {
        push @$own, { id => $record->{id}, wish => $act->{wish} };
    } elsif ($record->{status} == 200 && $act->{act} eq 'move') {
        $_->{wish} = $act->{wish} for grep { $_->{id} eq $act->{of} } @$own;
    } elsif ($record->{status} == 200 && $act->{act} eq 'cancel') {
        @$own = grep { $_->{id} ne $act->{of} } @$own;
        delete $self->{swap}{ $client->{number} };
    }
}

# -- the checker --------------------------------------------------------------

# Options: refused (connections may be), all (some of each act must be done),
# not_live (the engine need not be).
sub check_bookings {
    my ($env, $load, $records, $name, %option) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $more->subtest("$name: the checker", sub {
        check_ends($records, %option);
        my $known = settle($env, $load, $records);
        check_acts($env, $load, $records, $known);
        check_overlaps($env);
        check_audit($env, $load, $records);
        check_holds($env);
        check_engine($env, $load, %option);
        summary($records);
        $more->done_testing;
    });
}

my %good = (book => 201, confirm => 201, hold => 201, release => 200,
    move => 200, cancel => 200, slots => 200);

sub check_ends {
    my ($records, %option) = @_;
    my (%done, @strange, @bare);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        $done{ $record->{act} }++ if $end eq $good{ $record->{act} };
        next if $end eq $good{ $record->{act} } || $end eq 'cut';
        next if $end eq 'refused' && $option{refused};
        next if $end eq '503' && $record->{retry_after};
        next if $end eq '404' && $record->{act} eq 'release';   # it expired
        if ($end eq '409') {
            push @bare, describe($record) if $record->{said} =~ /taken/i
                && !$record->{offered};
            next;
        }
        push @strange, describe($record);
    }
    none(\@strange, 'every request ended as it may');
    none(\@bare, 'who comes too late is offered something else');
    for my $act ($option{all} ? sort keys %good : 'book') {
        $more->ok($done{$act}, "some $act");
    }
}

# Repeats what can be repeated; key → record of its last answer.
sub settle {
    my ($env, $load, $records) = @_;
    my $client = EHR::Test::Client->new(port => $load->{ports}[0]);
    my (%last, @failed, @changed, $open);

    for my $record (grep { $_->{key} } @$records) {
        my $before = $last{ $record->{key} };
        push @changed, describe($record) if $before && $before->{id}
            && $record->{id} && $before->{id} ne $record->{id};
        $last{ $record->{key} } = $record
            unless $before && $before->{id} && !$record->{id};
    }
    for my $key (grep { is_open($last{$_}) } sort keys %last) {
        my $record = repeat($client, $load, $last{$key});
        $open++;
        push @failed, describe($record) if is_open($record);
        $last{$key} = $record;
    }
    none(\@changed, 'I4: repetitions of a key tell of the same appointment');
    none(\@failed, 'I4: all ' . ($open || 0) . ' unsettled acts are settled by'
        . ' their keys');
    return \%last;
}

sub repeat {
    my ($client, $load, $record) = @_;
    my $end = time() + 30;
    my $wish = $record->{wish};
    my $confirms = $record->{act} eq 'confirm';

    my $answer;

    while (1) {
        $answer = $client->post('/api/v1' . ($record->{act} eq 'hold'
                ? '/appointments/holds' : '/appointments'),
            token => $load->{tokens}[ $record->{account} ],
            json => { patientId => $wish->{patient}, time_of($wish),
                ($record->{act} eq 'hold' ? () : (type => 'CONSULTATION',
                    reason => $record->{request})),
                ($confirms ? (holdToken => $record->{token_of}) : ()) },
            headers => { 'Idempotency-Key' => $record->{key},
                'X-Request-Id' => $record->{request} });
        last if !is_open({ %$record, status => $answer->{status},
            said => ($answer->{json} || {})->{message} // '' })
            || time() > $end;
        sleep 0.1;
    }
    return { %$record, status => $answer->{status}, error => '',
        said => ($answer->{json} || {})->{message} // '',
        ($answer->{status} == 201 ? (id => $answer->{data}{id}) : ()) };
}

# I1 and I4: what may be there is there.
sub check_acts {
    my ($env, $load, $records, $known) = @_;
    my (%may, @strange);

    for my $record (values %$known) {
        next unless $record->{status} == 201 && $record->{act} ne 'hold';
        $may{ $record->{id} } = { marker => $record->{request},
            patient => $record->{wish}{patient},
            states => [state_of($record->{wish})] };
    }
    for my $record (grep { $_->{of} } @$records) {
        my $one = $may{ $record->{of} } or next;
        my $done = $record->{status} == 200;
        my $state = $record->{act} eq 'cancel' ? 'cancelled'
            : state_of($record->{wish});
        $one->{states} = [] if $done;
        push @{ $one->{states} }, $state if $done || is_open($record);
    }

    for my $row ($env->rows('SELECT id, reason, patient_id, doctor_id,'
        . ' extract(epoch FROM starts_at)::bigint, duration_minutes, status'
        . " FROM ehr.appointments WHERE reason LIKE '$load->{name}-%'"))
    {
        my ($id, $marker, $patient, $doctor, $start, $long, $status) = @$row;
        my $one = delete $may{$id};
        my $state = $status eq 'CANCELLED' ? 'cancelled'
            : "$doctor $start $long";
        if (!$one) {
            push @strange, "$marker: there, but nobody was told";
        } elsif ($one->{marker} ne $marker || $one->{patient} ne $patient
            || !grep { $_ eq $state } @{ $one->{states} })
        {
            push @strange, "$marker: it is $state, may be "
                . join ' or ', @{ $one->{states} };
        }
    }
    push @strange, map { "$may{$_}{marker}: told of, but not there" }
        sort keys %may;
    none(\@strange, 'I1: all that was acknowledged is there once, nothing'
        . ' else');
    my $keys = grep { $_->{status} == 201 } values %$known;
    $more->is_num($env->sql('SELECT count(*) FROM ehr.idempotency_keys'
        . " WHERE key LIKE '$load->{name}-%'"), $keys,
        'I4: as many keys are kept');
}

sub state_of { return join ' ', @{ $_[0] }{qw(doctor start minutes)} }

# I2
sub check_overlaps {
    my ($env) = @_;
    my $active = "status NOT IN ('CANCELLED', 'NO_SHOW')";
    my %pairs = (doctor => 'a.doctor_id = b.doctor_id AND a.seat = b.seat',
        patient => 'a.patient_id = b.patient_id',
        room => 'a.room_id = b.room_id');

    $more->is_eq($env->sql('SELECT a.ref, b.ref FROM ehr.claims a'
        . ' JOIN ehr.claims b ON a.resource = b.resource AND a.seat = b.seat'
        . ' AND a.during && b.during AND a.id < b.id'), '',
        'I2: no claims overlap');
    for my $who (sort keys %pairs) {
        $more->is_eq($env->sql('SELECT a.reason, b.reason FROM ehr.appointments'
            . " a JOIN ehr.appointments b ON $pairs{$who} AND a.id < b.id"
            . ' AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at'
            . " WHERE a.$active AND b.$active"), '',
            "I2: no $who is in two places");
    }
    $more->is_eq($env->sql('SELECT a.id FROM ehr.appointments a'
        . " WHERE ($active) <> EXISTS (SELECT FROM ehr.claims c JOIN"
        . ' ehr.resources r ON r.id = c.resource WHERE c.ref = a.id AND'
        . " c.kind = 'appointment' AND r.entity_id = a.doctor_id AND"
        . ' c.during = tstzrange(a.starts_at, a.ends_at))'), '',
        'I2: who is booked is busy, who is not is free');
}

# I5
sub check_audit {
    my ($env, $load, $records) = @_;
    my %action = (book => 'CREATE', confirm => 'CREATE', move => 'UPDATE',
        cancel => 'UPDATE');
    my (%done, @strange);
    my %rows = map { ("$_->[0]" => [@$_[1, 2]]) } $env->rows(
        'SELECT request_id, max(action), count(*) FROM ehr.audit_log'
        . " WHERE entity = 'appointments' AND action <> 'READ'"
        . " AND request_id LIKE '$load->{name}-%' GROUP BY 1");

    for my $record (grep { $action{ $_->{act} } } @$records) {
        my $good = $record->{status} == $good{ $record->{act} };
        my $state = $done{ $record->{request} } ||= { record => $record };
        $state->{is} = 1 if $good;
        $state->{open} = 1 if is_open($record);
    }
    for my $request (sort keys %done) {
        my $state = $done{$request};
        my $found = delete $rows{$request} || ['none', 0];
        my $n = $found->[1];
        push @strange, describe($state->{record}) . ": $n audit rows"
            if $n > 1 || $state->{is} && $n != 1
            || $n && !$state->{is} && !$state->{open}
            || $n && $found->[0] ne $action{ $state->{record}{act} };
    }
    push @strange, map { "$_: an audit row of no act" } sort keys %rows;
    none(\@strange, 'I5: each act has one audit row');
}

# I6
sub check_holds {
    my ($env) = @_;
    my $late = 'SELECT count(*) FROM ehr.claims WHERE kind = \'hold\''
        . ' AND expires_at < now() - interval \'2 s\'';
    $more->ok(wait_until(5, sub { !$env->sql($late) }),
        'I6: no hold outlives its time');
}

# -- I3: engine and database --------------------------------------------------

sub check_engine {
    my ($env, $load, %option) = @_;
    my $ports = $load->{ports};
    my ($from, $to) = ($load->{first}, $load->{first} + 172800);
    my @doctors = @{ $load->{doctors} };

    for my $port (@$ports) {
        my $client = EHR::Test::Client->new(port => $port,
            token => $load->{tokens}[0]);
        $more->ok(until_engine_is_live($client), 'the engine is live')
            unless $option{not_live};
        for my $i (0 .. $#doctors) {
            my ($told, $true);
            # a claim of unknown outcome stays until its batch's deadline
            my $same = wait_until(15, sub {
                $told = slots_told($client, $doctors[$i], $from, $to);
                $true = slots_true($env, $doctors[$i], $from, $to);
                return $told eq $true;
            });
            $more->ok($same, "I3: the slots of doctor $i are those of the"
                . ' database') or $more->diag(difference($told, $true));
        }
    }
}

sub slots_told {
    my ($client, $doctor, $from, $to) = @_;
    my $answer = $client->get("/api/v1/doctors/$doctor/slots?from="
        . iso($from) . '&to=' . iso($to));
    return "status $answer->{status}" if $answer->{status} != 200;
    return join "\n", map { "$_->{start} $_->{durationMinutes} $_->{free}" }
        @{ $answer->{data} };
}

sub slots_true {
    my ($env, $doctor, $from, $to) = @_;
    return $env->sql(sprintf "SELECT to_char(starts_at AT TIME ZONE 'UTC',"
        . q( 'YYYY-MM-DD"T"HH24:MI:SS"Z"') . ') || \' \' || minutes || \' \''
        . " || free FROM ehr.free_slots(ARRAY['%s']::uuid[], '%s', '%s', NULL,"
        . ' NULL) ORDER BY starts_at', $doctor, iso($from), iso($to));
}

sub difference {
    my ($told, $true) = @_;
    my %told = map { $_ => 1 } split /\n/, $told;
    my %true = map { $_ => 1 } split /\n/, $true;
    return join "\n", map({ "only told: $_" } grep { !$true{$_} }
        sort keys %told), map({ "only in the database: $_" }
        grep { !$told{$_} } sort keys %true);
}

sub engine_is_live {
    my ($client) = @_;
    return $client->get('/metrics')->{body}
        =~ /^ehr_feed_live 1$/m;
}

sub until_engine_is_live {
    my ($client, $seconds) = @_;
    return wait_until($seconds || 20, sub { engine_is_live($client) });
}

# -- telling ------------------------------------------------------------------

sub none {
    my ($list, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return EHR::Test::Checker::empty($list, $name);
}

sub describe {
    my ($record) = @_;
    my $wish = $record->{wish};
    return sprintf '%s %s try %d%s: %s %s %s after %.3f s',
        @$record{qw(act request try)}, $wish ? ' (' . join(' ',
            substr($wish->{doctor}, -4), iso($wish->{start}),
            $wish->{minutes}, $wish->{room} ? 'room' : ()) . ')' : '',
        $record->{status} || $record->{error},
        $record->{said}, $record->{errors} ? $json->encode($record->{errors})
        : '', $record->{ended} - $record->{began};
}

sub summary {
    my ($records) = @_;
    my (%ends, $longest);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        $end .= " ($record->{said})" if $end eq '503';
        $ends{ $record->{act} }{$end}++;
        my $took = $record->{ended} - $record->{began};
        $longest = $took if !defined $longest || $took > $longest;
    }
    for my $act (sort keys %ends) {
        my $of = $ends{$act};
        $more->note("$act: ", join ', ', map { "$of->{$_} × $_" }
            sort keys %$of);
    }
    $more->note(sprintf 'the longest %.3f s', $longest || 0);
}

1;
