package EHR::Test::Booking;

# Clients that book, hold, confirm, move and cancel over few doctors while
# something is broken, and the checker of what came of it.
#
#   my $load = start_bookings($env);            # options: below
#   … break something …
#   check_bookings($env, $load, $load->stop, 'what was broken');
#
# Options are those of EHR::Test::Actors (clients 32, think 0.01) and beside (a
# load that wants the same days).
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
# A client lets an appointment alone after a move or cancel nobody knows the
# outcome of.  So of every appointment it is known what it may be.

use strict;
use warnings;
use EHR::Test;
use EHR::Test::Actors qw(check_ends settle check_audit none summary describe
    is_open);
use EHR::Test::Checker;
use EHR::Test::Client;
use Exporter qw(import);
use POSIX ();
use Time::HiRes qw(time);

our @ISA = qw(EHR::Test::Actors);
our @EXPORT = qw(booking_place start_bookings check_bookings iso engine_is_live
    until_engine_is_live);
our @EXPORT_OK = qw(difference);

my $more = Test::More->builder;
my $loads = 0;
my %good = (book => 201, confirm => 201, hold => 201, release => 200,
    move => 200, cancel => 200, slots => 200);
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
            return $admin->make("/api/v1/$path", \%body)->{id};
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
    my %place = %{ booking_place($env) };
    # days that nobody has booked yet, or those of another load
    my $first = $option{beside} ? $option{beside}{first}
        : $place{first} + 2 * 86400 * ++$loads;
    my $self = __PACKAGE__->start($env, clients => 32, think => 0.01, %place,
        %option, first => $first);

    wait_until(20, sub { $self->count > 40 }) or die "no bookings\n";
    return $self;
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

# A wish for somebody.
sub wish_of_patient {
    my ($self) = @_;
    return { %{ $self->wish },
        patient => $self->{patients}[rand @{ $self->{patients} }] };
}

sub book {
    my ($self) = @_;
    return $self->to_book(book => $self->wish_of_patient);
}

# The reason is the request's name: the row tells who made it.
sub to_book {
    my ($self, $act, $wish, $token, %more) = @_;
    return $self->act($act, POST => '/appointments', sub { {
        patientId => $wish->{patient}, type => 'CONSULTATION',
        reason => $_[0], ($token ? (holdToken => $token) : ()),
        time_of($wish) } }, about($wish), %more);
}

sub hold {
    my ($self) = @_;
    my $wish = $self->wish_of_patient;
    return $self->act('hold', POST => '/appointments/holds',
        { patientId => $wish->{patient}, time_of($wish) }, about($wish));
}

sub confirm {
    my ($self, $hold) = @_;
    return $self->to_book(confirm => $hold->{wish}, $hold->{token},
        account => $hold->{account});
}

sub release {
    my ($self, $hold) = @_;
    return $self->act('release', DELETE => "/appointments/holds/$hold->{token}",
        undef, account => $hold->{account});
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
        { time_of($wish) }, about($wish), of => $one->{id});
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

sub about {
    my ($wish) = @_;
    return (wish => $wish, about => join ' ', substr($wish->{doctor}, -4),
        iso($wish->{start}), $wish->{minutes}, $wish->{room} ? 'room' : ());
}

sub kept {
    my ($self, $act, $answer) = @_;
    my ($status, $data) = @$answer{qw(status data)};

    return (wish => $act->{wish}, of => $act->{of},
        ($status == 201 ? $act->{act} eq 'hold'
            ? (token => $data->{holdToken}) : (id => $data->{id}) : ()),
        ($status == 409 && $data
            ? (offered => scalar @{ $data->{alternatives} || [] }) : ()));
}

sub remember {
    my ($self, $client, $act, $record) = @_;
    my $own = $client->{own} ||= [];

    if (is_open($record)) {
        @$own = grep { !$act->{of} || $_->{id} ne $act->{of} } @$own;
        delete $self->{swap}{ $client->{number} } if $act->{of};
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
        check_ends($records, %option, good => \%good, may => \&may_end,
            needed => [$option{all} ? sort keys %good : 'book']);
        check_late($records);
        my $known = settle($load, $records);
        check_acts($env, $load, $records, $known);
        check_overlaps($env);
        check_audit($env, $load, $records, good => \%good,
            entities => ['appointments'], action => { book => 'CREATE',
                confirm => 'CREATE', move => 'UPDATE', cancel => 'UPDATE' });
        check_holds($env);
        check_engine($env, $load, %option);
        summary($records);
        $more->done_testing;
    });
}

# A hold may have expired before it is released; others are faster.
sub may_end {
    my ($record) = @_;
    return $record->{status} == 409
        || $record->{status} == 404 && $record->{act} eq 'release';
}

sub check_late {
    my ($records) = @_;
    my @bare = map { describe($_) } grep { $_->{status} == 409
        && $_->{said} =~ /taken/i && !$_->{offered} } @$records;
    none(\@bare, 'who comes too late is offered something else');
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

1;
