package EHR::Test::Scheduling;

# Doctors, hours and patients for tests that talk to the database alone.
#
#   my $world = EHR::Test::Scheduling->new($env);
#   my $clinic = $world->clinic('Europe/London');
#   my $doctor = $world->doctor;
#   $world->hours($doctor, $clinic, capacity => 3);   # every day, 00:00-24:00
#   my $patient = $world->patient;
#   my ($error, $fields, $rows) = $world->staff($sql);
#   my ($error, $fields, $rows) = $world->portal($user, $sql);
#   $world->book(patient => …, doctor => …, start => …)   # the SQL of it
#
# An error is the SQLSTATE and the symbol, "EH409 slot_taken", '' for none;
# fields are what the database names beside.

use strict;
use warnings;
use EHR::Test::Process qw(must_run read_file write_file);
use IO::Handle ();

sub new {
    my ($class, $env) = @_;
    my $self = bless { env => $env }, $class;

    $self->{staff} = $self->account('RECEPTIONIST');
    return $self;
}

# -- rows ---------------------------------------------------------------------

# As the owner, for the system, over what is booked; the value of the only row.
sub own {
    my ($self, $sql) = @_;
    return $self->{env}->sql("SET ROLE ehr_owner; SET ehr.scope = 'system';"
        . "SET ehr.force = 'true';\n$sql");
}

sub account {
    my ($self, @roles) = @_;
    my $roles = join ',', @roles;

    return $self->own(<<"SQL");
INSERT INTO ehr.users (email, email_index, first_name, last_name, roles)
VALUES ('x', sha256(gen_random_uuid()::text::bytea), 'A', 'B', '{$roles}')
RETURNING id
SQL
}

sub clinic {
    my ($self, $zone) = @_;
    return $self->own("INSERT INTO ehr.clinics (name, time_zone)
        VALUES ('Clinic', '" . ($zone || 'UTC') . "') RETURNING id");
}

sub room {
    my ($self, $clinic) = @_;
    return $self->own("INSERT INTO ehr.rooms (clinic_id, room_number)
        VALUES ('$clinic', left(gen_random_uuid()::text, 8)) RETURNING id");
}

sub machine {
    my ($self, $clinic) = @_;
    return $self->own("INSERT INTO ehr.equipment (clinic_id, name)
        VALUES ('$clinic', gen_random_uuid()::text) RETURNING id");
}

sub doctor {
    my ($self) = @_;
    return $self->own("INSERT INTO ehr.doctors (first_name, last_name,
            license_number)
        VALUES ('D', 'D', gen_random_uuid()::text) RETURNING id");
}

sub patient {
    my ($self, $user) = @_;
    $user = $user ? "'$user'" : 'NULL';
    return $self->own("INSERT INTO ehr.patients (first_name, last_name,
            user_id) VALUES ('P', 'P', $user) RETURNING id");
}

# Rules of a doctor; by default each day of the week, all of it, since long.
sub hours {
    my ($self, $doctor, $clinic, %o) = @_;
    my ($room, $to) = map { $_ ? "'$_'" : 'NULL' } @o{qw(room to)};
    my $days = $o{day} || '1,2,3,4,5,6,7';
    my ($start, $end) = ($o{start} || '00:00', $o{end} || '24:00');
    my ($slot, $capacity) = ($o{slot} || 30, $o{capacity} || 1);
    my $from = $o{from} || '2020-01-01';

    $self->own("INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id,
            room_id, day_of_week, start_time, end_time, slot_minutes,
            capacity, valid_from, valid_to)
        SELECT '$doctor', '$clinic', $room, d, '$start', '$end', $slot,
               $capacity, '$from', $to
          FROM unnest(ARRAY[$days]) AS d");
}

# Time off and the like; its id.
sub exception {
    my ($self, $kind, $start, $end, %o) = @_;
    my @of = map { defined $_ ? "'$_'" : 'NULL' }
        @o{qw(doctor clinic slot capacity)};

    return $self->own("INSERT INTO ehr.schedule_exceptions (kind, starts_at,
            ends_at, doctor_id, clinic_id, slot_minutes, capacity)
        VALUES ('$kind', '$start', '$end', " . join(', ', @of)
        . ') RETURNING id');
}

# -- acts ---------------------------------------------------------------------

sub staff { my $self = shift; return $self->as('all', $self->{staff}, @_) }
sub portal { my ($self, $user, $sql) = @_; return $self->as('own', $user, $sql) }

# Runs SQL in one transaction as the application for an account.
sub as {
    my ($self, $scope, $user, $sql) = @_;
    my ($ok, $out, $err) = $self->{env}->psql('ehr_app',
        transaction($scope, $user, $sql));

    return (outcome($err), $out);
}

sub transaction {
    my ($scope, $user, $sql) = @_;
    return "\\set VERBOSITY verbose\nBEGIN;\n\\o /dev/null\n"
        . "SELECT set_config('ehr.actor', '$user', true),"
        . " set_config('ehr.scope', '$scope', true);\n\\o\n$sql;\nCOMMIT;\n";
}

# ("EH409 slot_taken", "doctor,patient")
sub outcome {
    my ($said) = @_;
    my ($state, $message) = $said =~ /(?:ERROR|FATAL):  (\w{5}): (.*)/
        or return ($said, '');
    my ($fields) = $said =~ /^COLUMN NAME:  (.*)/m;

    return ("$state $message", defined $fields ? $fields : '');
}

# A call of ehr.appointment_book().
sub book {
    my ($self, %o) = @_;
    my $id = $o{id} ? "'$o{id}'" : 'gen_random_uuid()';
    my $machines = $o{machines} ? "'{$o{machines}}'" : 'NULL';
    my %value = map { $_ => defined $o{$_} ? "'$o{$_}'" : 'NULL' }
        qw(patient doctor start minutes type room hold overbook seat);

    return "SELECT ehr.appointment_book($id, $value{patient}, $value{doctor},"
        . " $value{start}, $value{minutes}, $value{type}, NULL, $value{room},"
        . " $machines, $value{hold}, false, $value{overbook}, NULL, NULL,"
        . " NULL, $value{seat})";
}

# A call of ehr.appointment_hold().
sub hold {
    my ($self, %o) = @_;
    my %value = map { $_ => defined $o{$_} ? "'$o{$_}'" : 'NULL' }
        qw(id patient doctor start minutes room seat);

    return "SELECT ehr.appointment_hold($value{id}, $value{patient},"
        . " $value{doctor}, $value{start}, $value{minutes}, $value{room},"
        . " NULL, $value{seat})";
}

# Runs scripts of (scope, user, SQL) each in a session of its own, all let go
# at the same time; what as() returns, of each.
sub together {
    my ($self, @scripts) = @_;
    my $env = $self->{env};
    my $place = $env->dir;
    my $n = 0;
    my @files;

    # Until this session ends, nobody passes.
    open my $gate, '|-', $env->psql_command('postgres')
        or die "psql: $!";
    select((select($gate), $| = 1)[0]);
    print $gate "\\o /dev/null\nSELECT pg_advisory_lock(7);\n";
    $env->wait_for(20, 'the gate', sub { waiting($env, 'granted') == 1 });

    for my $script (@scripts) {
        my $file = "$place/together-" . $n++;
        write_file("$file.sql", "\\o /dev/null\n"
            . "SELECT pg_advisory_lock_shared(7);\n"
            . "SELECT pg_advisory_unlock_shared(7);\n\\o\n"
            . transaction(@$script));
        defined(my $pid = fork) or die "fork: $!";
        unless ($pid) {
            open STDOUT, '>', "$file.out";
            open STDERR, '>', "$file.err";
            exec $env->psql_command('ehr_app', '-f', "$file.sql");
        }
        push @files, [$pid, $file];
    }
    $env->wait_for(60, 'all at the gate',
        sub { waiting($env, 'NOT granted') == @scripts });
    close $gate;

    return map {
        my ($pid, $file) = @$_;
        waitpid $pid, 0;
        [outcome(read_file("$file.err")),
            read_file("$file.out") =~ s/\s+\z//r];
    } @files;
}

sub waiting {
    my ($env, $what) = @_;
    return $env->sql("SELECT count(*) FROM pg_locks
        WHERE locktype = 'advisory' AND objid = 7 AND $what");
}

# Sessions, by name, do something one after the other, each in a transaction
# of its own: the next turn begins when all are done or wait for each other's
# locks.  In the end all are committed.  The error of each, in the order of
# their first turns.
sub in_turns {
    my ($self, @turns) = @_;
    my (%session, @names);

    for my $turn (@turns) {
        my ($name, $sql) = @$turn;
        push @names, $name unless $session{$name};
        my $session = $session{$name} ||= $self->turn_session($name);
        $session->{done} = $self->{env}->dir . "/turn-$name."
            . ++$session->{turns};
        print { $session->{to} } "$sql;\n\\! touch $session->{done}\n";
        $self->{env}->wait_for(20, "the turn of $name",
            sub { !grep { !$self->turn_rests($_) } values %session });
    }
    print { $session{$_}{to} } "COMMIT;\n" for @names;
    close $session{$_}{to} for @names;
    return map { read_file($session{$_}{said}) } @names;
}

sub turn_session {
    my ($self, $name) = @_;
    my $env = $self->{env};
    my $said = $env->dir . "/turn-$name.err";

    unlink glob $env->dir . "/turn-$name.*";
    defined(my $pid = open my $to, '|-') or die "fork: $!";
    unless ($pid) {
        open STDOUT, '>', '/dev/null';
        open STDERR, '>', $said;
        $ENV{PGAPPNAME} = "turn-$name";
        exec $env->psql_command('postgres', '-v', 'ON_ERROR_STOP=0');
    }
    $to->autoflush(1);
    print $to "BEGIN; SET LOCAL ehr.scope = 'system';\n";
    return { name => $name, to => $to, said => $said };
}

sub turn_rests {
    my ($self, $session) = @_;
    return -e $session->{done} || $self->{env}->sql("SELECT count(*)
        FROM pg_stat_activity WHERE wait_event_type = 'Lock'
         AND application_name = 'turn-$session->{name}'");
}

# Acts at random: `clients` do `each` acts of one of `kinds` kinds as an actor
# who sees all; what pgbench says of it.  declare, acts: of PL/pgSQL's function
# of n, the kind.  Refusals are caught; a deadlock would be a failed
# transaction.  A transaction is one message, so that a client that gets no
# processor for a while is not one that is idle in its transaction.
sub crowd {
    my ($self, $actor, %o) = @_;
    my $env = $self->{env};
    my $script = $env->dir . '/crowd.pgbench';

    $env->sql(<<"SQL");
CREATE FUNCTION public.act(n integer) RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
$o{declare}BEGIN
$o{acts}    RETURN 'done';
EXCEPTION WHEN sqlstate 'EH409' OR sqlstate 'EH422' OR sqlstate 'EH404' THEN
    RETURN SQLERRM;
END
\$\$;
GRANT EXECUTE ON FUNCTION public.act(integer) TO ehr_app;
SQL
    write_file($script, <<"SQL");
\\set n random(1, $o{kinds})
BEGIN \\;
SELECT set_config('ehr.actor', '$actor', true),
       set_config('ehr.scope', 'all', true) \\;
SELECT public.act(:n) \\;
COMMIT;
SQL
    return must_run(undef, '/usr/bin/pgbench', '-h', $env->socket, '-U',
        'ehr_app', '-n', '-c', $o{clients}, '-j', 2, '-t', $o{each}, '-f',
        $script, 'ehr');
}

1;
