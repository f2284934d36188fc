package Bench::Scripts;

# What pgbench runs: the statements that our requests send, with their texts
# taken from pg_stat_statements after one request of each kind.

use strict;
use warnings;
use EHR::Test::Process qw(top read_file);

my $patient = "('00000000-0000-7000-8000-' || :patient)";
my $draw = "\\set patient random(100000000000, 100000009999)\n";

sub new {
    my ($class, $hospital) = @_;
    my $client = $hospital->{accounts}->client('nurse1');
    my $id = '00000000-0000-7000-8000-100000000000';
    my $body = { bpSystolic => 122, bpDiastolic => 81, heartRate => 72,
        temperature => 36.8, oxygenSaturation => 98 };

    for my $answer ($client->get("/api/v1/patients/$id"),
        # who is not there is looked for once more, alone
        $client->get('/api/v1/patients/00000000-0000-7000-8000-000000000000'),
        $client->post("/api/v1/patients/$id/vitals", json => $body))
    {
        die "$answer->{status}: $answer->{body}\n"
            unless $answer->{status} =~ /\A(?:20[01]|404)\z/;
    }
    # now, before pgbench's own variants of them are there
    return bless { hospital => $hospital, body => $body,
        read => $hospital->statement(
            'SELECT % FROM ehr.patients AS t WHERE t.id = $1::uuid%'),
        together => $hospital->statement(
            'SELECT % FROM ehr.patients_as($1::text[], %'),
        audit => $hospital->statement('SELECT ehr.audit_reads($1::uuid, %'),
        insert => $hospital->statement('INSERT INTO ehr.vitals %') }, $class;
}

# The session is the request's: pgbench logs in as the application's role.
sub settings {
    my ($self) = @_;
    return { 'ehr.actor' => $self->{hospital}->actor, 'ehr.scope' => 'all' };
}

# The SELECT alone.
sub select {
    my ($self) = @_;
    return { name => 'select', settings => $self->settings,
        script => $draw . $self->read_statement };
}

# What a read takes in all: who asks, the SELECT, and the audit row, which is
# durable before anybody is answered.
sub audited_select {
    my ($self) = @_;

    return { name => 'audited-select', script => join '', $draw,
        pipeline($self->begin(''), $self->read_statement),
        pipeline($self->audit('patient')) };
}

# So many of them as a worker sends them: one audit row, one transaction.
sub gathered_select {
    my ($self, $n) = @_;
    my @patients = map { "patient$_" } 1 .. $n;
    my $actor = $self->{hospital}->actor;

    return { name => "gathered-select-$n", script => join '',
        (map { $draw =~ s/patient/$_/r } @patients),
        pipeline(fill($self->{together},
            "'{" . join(',', ($actor) x $n) . "}'",
            "'{" . join(',', ('all') x $n) . "}'", ids(@patients)),
            $self->audit(@patients)) };
}

# An array of these variables' patients.
sub ids {
    my $ids = join " || ',' || ",
        map { "'00000000-0000-7000-8000-' || :$_" } @_;
    return "('{' || $ids || '}')";
}

# Writes the row of reads of these variables' patients.
sub audit {
    my ($self, @patients) = @_;
    my ($constant, $zeros) = ('019aa000-0000-7000-8000-000000000000', '0' x 64);
    my $actor = $self->{hospital}->actor;
    my $line = join '\n', $constant, $actor, '2026-11-21T04:38:11.000Z',
        '127.0.0.1', '', 'GET', '/patients/{id}', 'patients', $constant,
        $constant, '0' x 16;
    my $reads = join '\f', ($line) x @patients;

    return begin_as('', 'system', ''), fill($self->{audit},
        # as a worker's, ascending
        "(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint),"
            . " 12, '0') || right(gen_random_uuid()::text, 23))::uuid",
        "E'$reads'", "'$zeros'", "'{$actor}'", ids(@patients), 0);
}

sub insert {
    my ($self) = @_;
    my $insert = $self->{insert};
    my %value = map { snake($_) => $self->{body}{$_} }
        keys %{ $self->{body} };
    my ($columns) = $insert =~ /\AINSERT INTO \S+(?: AS \w+)? \(([^)]*)\)/
        or die "no columns: $insert";
    my @values = map {
        $_ eq 'id' ? 'gen_random_uuid()' : $_ eq 'patient_id' ? $patient
            : defined $value{$_} ? "'$value{$_}'" : 'NULL'
    } split /, */, $columns;

    return { name => 'insert', script => join '', $draw, pipeline(
        $self->begin($self->context('POST', '/patients/{patientId}/vitals')),
        fill($insert, @values, "'{}'")) };
}

sub read_statement {
    my ($self) = @_;
    return fill($self->{read}, $patient);
}

sub begin {
    my ($self, $context) = @_;
    return begin_as($self->{hospital}->actor, 'all', $context);
}

sub begin_as {
    my ($actor, $scope, $context) = @_;
    return "SELECT set_config('ehr.actor', '$actor', true),"
        . " set_config('ehr.scope', '$scope', true),"
        . " set_config('ehr.request', '$context', true);\n";
}

# As long as a request's.
sub context {
    my ($self, $method, $route) = @_;
    return '{"id":"019aa000-0000-7000-8000-000000000000",'
        . '"at":"2026-11-21T04:38:11.000Z","ip":"127.0.0.1","agent":"",'
        . qq("method":"$method","route":"$route","mac":") . '0' x 64 . '"}';
}

sub pipeline { return join '', "\\startpipeline\n", @_, "\\endpipeline\n" }

# Puts values in the place of $1, $2, …; pg_stat_statements numbers constants
# behind the parameters.
sub fill {
    my ($statement, @values) = @_;
    $statement =~ s{\$(\d+)}{$values[$1 - 1] // die "no value for \$$1"}ge;
    $statement =~ s/;?\s*\z/;\n/;
    return $statement;
}

# The text of a statement of sql/queries, by its name.
sub named {
    my ($name) = @_;
    for my $file (glob top() . '/sql/queries/*.sql') {
        return $1 if read_file($file) =~ /^-- name: $name\n(.*?;)\n/ms;
    }
    die "no statement is named $name\n";
}

sub snake {
    my ($name) = @_;
    $name =~ s/([A-Z])/_\l$1/g;
    return $name;
}

1;
