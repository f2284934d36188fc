package Bench::Ward;

# Wards with beds, and what admits to them: ours and pgbench's.
#
# Admission number n is of patient n to ward n % wards, and pgbench is told the
# bed that is free there: the (n / wards)th.  So as many in a row as there are
# beds are of different patients, and each finds a bed.

use strict;
use warnings;
use Bench::Scripts;
use EHR::Test::Process qw(top must_run);

our $wards = 500;
our $beds = 40;                 # of a ward
my $run = 0;

sub new {
    my ($class, $hospital) = @_;
    my $self = bless { hospital => $hospital }, $class;

    # after bookings the tables have other sizes than what is known of them
    $self->sql('wards');
    $hospital->settle;
    $hospital->wait_live;
    $self->statements;
    return $self;
}

# Runs a file of bench/sql.
sub sql {
    my ($self, $name) = @_;
    must_run(undef, $self->{hospital}->env->psql_command('postgres', '-v',
        "wards=$wards", '-v', "beds=$beds", '-f',
        top() . "/bench/sql/$name.sql"));
}

sub ward { return sprintf '00000000-0000-7000-8000-5%011d', $_[1] }

sub admit {
    my ($self, $number) = @_;
    my $answer = $self->{hospital}->client('desk1')->post(
        '/api/v1/admissions', json => {
            patientId => sprintf('00000000-0000-7000-8000-1%011d', $number),
            wardId => $self->ward($number % $wards), type => 'EMERGENCY' },
        headers => { 'Idempotency-Key' => "number-$number" });

    die "$answer->{status}: $answer->{body}\n" if $answer->{status} != 201;
}

# Nine in ten beds of a ward taken; the path of its board.
sub board {
    my ($self) = @_;
    my $ward = 7;

    $self->empty;
    $self->admit($ward + $wards * $_) for 0 .. 0.9 * $beds - 1;
    return '/api/v1/wards/' . $self->ward($ward) . '/board';
}

# A run of its own begins with every bed free, as the engine knows too.
sub empty {
    my ($self) = @_;
    my $hospital = $self->{hospital};

    $self->sql('wards_empty');
    $hospital->env->wait_for(30, 'the engine to know of it', sub {
        $hospital->get('/metrics')->{body}
            =~ /^ehr_availability_room\{of="stays",is="used"\} 0$/m });
    sleep 1;                    # beds follow the stays in the same transaction
    $run++;
}

# What wrk needs to admit.
sub environment {
    my ($self) = @_;
    $self->empty;
    return { EHR_BENCH_FIRST => 0, EHR_BENCH_WARDS => $wards,
        EHR_BENCH_RUN => $run };
}

# -- the same by pgbench ------------------------------------------------------

# The texts of what one admission sends; those that a descriptor makes are as
# PostgreSQL got them.
sub statements {
    my ($self) = @_;
    my $hospital = $self->{hospital};

    $self->admit(0);
    $self->{made} = $hospital->statement(
        'INSERT INTO ehr.idempotency_keys %FROM ehr.admissions%');
    $self->{read} = $hospital->statement(
        'SELECT % FROM ehr.admissions AS t WHERE t.id = $1::uuid%');
    $self->{$_} = Bench::Scripts::named($_)
        for qw(IDEMPOTENCY_BEGIN ADMISSION_CREATE);
}

# Every statement that an admission sends.
sub script {
    my ($self, $clients) = @_;
    my $actor = $self->{hospital}->actor('desk1');
    my $id = "('00000000-0000-7000-8000-' || :id)";
    my @key = ("'$actor'", "('pgbench-' || :id)", "'/admissions'",
        q('\x) . '0' x 64 . q('));

    return join '', map({ "\\set $_\n" } 'k :k + 1',
            "n :k * $clients + :client_id", 'patient 100000000000 + :n',
            "ward 500000000000 + :n % $wards",
            "bed 700000000000 + :n % $wards * $beds + :n / $wards",
            'id 300000000000 + :run * 1000000 + :n'),
        Bench::Scripts::pipeline(
            Bench::Scripts::begin_as($actor, 'all',
                Bench::Scripts->context('POST', '/admissions')),
            fill($self->{IDEMPOTENCY_BEGIN}, @key),
            fill($self->{ADMISSION_CREATE}, $id,
                "('00000000-0000-7000-8000-' || :patient)", 'NULL', 'NULL',
                "('00000000-0000-7000-8000-' || :ward)", ('NULL') x 3,
                "'EMERGENCY'", ('NULL') x 11, 'NULL',
                "ARRAY[('00000000-0000-7000-8000-' || :bed)::uuid]"),
            fill($self->{made}, $id, @key, 201, "'ehr.admissions'"),
            fill($self->{read}, $id, 1));
}

sub fill { return Bench::Scripts::fill(@_) }

# A run's variables.
sub variables {
    my ($self) = @_;
    $self->empty;
    return { k => -1, run => $run };
}

1;
