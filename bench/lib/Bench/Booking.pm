package Bench::Booking;

# Doctors with free slots, and what books them: ours and pgbench's.
#
# Slot number n is of doctor n % doctors, the (n / doctors)th from tomorrow
# on, for patient n * 7919 % 10000.  So any 10,000 in a row are of different
# patients, and no two are in each other's way.

use strict;
use warnings;
use Bench::Scripts;
use EHR::Test::Process qw(top must_run);
use POSIX ();
use Time::HiRes qw(time);

our $doctors = 1000;
my $number = 0;                 # of the next slot that nobody booked
my $at_once = 60_000;           # most that one run books

sub new {
    my ($class, $hospital) = @_;
    my $self = bless { hospital => $hospital,
        day => 86400 * (1 + int time() / 86400) }, $class;

    $self->sql('doctors');
    $hospital->wait_live;
    $self->statements;
    return $self;
}

# Runs a file of bench/sql.
sub sql {
    my ($self, $name, @variables) = @_;
    must_run(undef, $self->{hospital}->env->psql_command('postgres',
        map({ ('-v', $_) } "doctors=$doctors", @variables), '-f',
        top() . "/bench/sql/$name.sql"));
}

# Takes most of the next days' time; a restart makes the engine see it at once.
sub crowd {
    my ($self) = @_;
    $self->sql('fill');
    $self->{hospital}->env->restart_nginx;
    $self->{hospital}->wait_live;
}

# Stops nginx and adds so many appointments of the past and the far end of the
# horizon.
sub add_history {
    my ($self, $appointments) = @_;
    $self->{hospital}->env->stop_nginx;
    $self->sql('history', "appointments=$appointments");
}

# Starts nginx: seconds until it answers, and until the engine is live.
sub cold_start {
    my ($self) = @_;
    my $hospital = $self->{hospital};
    my $env = $hospital->env;
    my $began = time();
    $env->start_nginx;
    $env->wait_for(60, 'an answer', sub { $hospital->get('/api/v1/doctors/'
        . $self->doctor(1) . '/slots?date=' . $self->date)->{status} == 200 });
    my $answers = time() - $began;
    $hospital->wait_live;
    return ($answers, time() - $began);
}

sub doctor { return sprintf '00000000-0000-7000-8000-2%011d', $_[1] }
sub date { return POSIX::strftime('%Y-%m-%d', gmtime $_[0]{day}) }

# As the body of a request.
sub body {
    my ($self, $n) = @_;
    my $slot = int $n / $doctors;
    my $start = $self->{day} + 86400 * int($slot / 96) + 6 * 3600
        + 600 * ($slot % 96);

    return { patientId => sprintf('00000000-0000-7000-8000-1%011d',
            $n * 7919 % 10000),
        doctorId => $self->doctor($n % $doctors), durationMinutes => 10,
        start => POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $start),
        reason => 'Check-up' };
}

# The number of the first slot of a run of its own.
sub take {
    my ($self) = @_;
    my $first = $number;
    $number += $at_once;
    return $first;
}

# What wrk needs to book.
sub environment {
    my ($self) = @_;
    return { EHR_BENCH_FIRST => $self->take, EHR_BENCH_DOCTORS => $doctors,
        EHR_BENCH_DAY => $self->{day} };
}

# -- the same by pgbench ------------------------------------------------------

# The texts of what one booking sends; those that a descriptor makes are as
# PostgreSQL got them.
sub statements {
    my ($self) = @_;
    my $hospital = $self->{hospital};
    my $answer = $hospital->client('desk1')->post('/api/v1/appointments',
        json => $self->body($self->take),
        headers => { 'Idempotency-Key' => 'the-first' });

    die "$answer->{status}: $answer->{body}\n" if $answer->{status} != 201;
    $self->{made} = $hospital->statement(
        'INSERT INTO ehr.idempotency_keys %FROM ehr.appointments%');
    $self->{read} = $hospital->statement(
        'SELECT % FROM ehr.appointments AS t WHERE t.id = $1::uuid%');
    $self->{$_} = Bench::Scripts::named($_)
        for qw(IDEMPOTENCY_BEGIN APPOINTMENT_BOOK);
}

# Every statement that a booking sends.
sub script {
    my ($self, $clients) = @_;
    my $actor = $self->{hospital}->actor('desk1');
    my $id = "('00000000-0000-7000-8000-' || :id)";
    my @key = ("'$actor'", "('pgbench-' || :n)", "'/appointments'",
        q('\x) . '0' x 64 . q('));
    my $start = "('" . $self->date . "T06:00:00Z'::timestamptz"
        . " + :minute * interval '1 minute')";

    return join '', map({ "\\set $_\n" } 'k :k + 1',
            "n :first + :k * $clients + :client_id", "slot :n / $doctors",
            "doctor 200000000000 + :n % $doctors",
            'patient 100000000000 + :n * 7919 % 10000',
            'minute :slot / 96 * 1440 + :slot % 96 * 10',
            'id 300000000000 + :n'),
        Bench::Scripts::pipeline(
            Bench::Scripts::begin_as($actor, 'all',
                Bench::Scripts->context('POST', '/appointments')),
            fill($self->{IDEMPOTENCY_BEGIN}, @key),
            fill($self->{APPOINTMENT_BOOK}, $id,
                "('00000000-0000-7000-8000-' || :patient)",
                "('00000000-0000-7000-8000-' || :doctor)", $start, 10, 'NULL',
                "'Check-up'", ('NULL') x 6, "'0'"),
            fill($self->{made}, $id, @key, 201, "'ehr.appointments'"),
            fill($self->{read}, $id, 1));
}

sub fill { return Bench::Scripts::fill(@_) }

# A run's variables.
sub variables {
    my ($self) = @_;
    return { k => -1, first => $self->take };
}

1;
