package EHR::Test::Chaos;

# What the tests in t/chaos share.
#
#   my $env = chaos_environment(name => 'kill', workers => 2);
#   my $load = start_load($env);            # options: EHR::Test::Load
#   until_over(6, sub { … });               # breaks something, again and again
#   check_load($env, $load, $load->stop, 'what was broken');
#
# EHR_CHAOS_SECONDS (make soak) makes each of until_over's times as long.

use strict;
use warnings;
use EHR::Test;
use EHR::Test::Checker;
use EHR::Test::Load;
use Exporter qw(import);
use Time::HiRes qw(sleep time);

our @EXPORT = (qw(chaos_environment place start_load until_over soak_seconds
    another_binary hold release app_backends time sleep),
    @EHR::Test::Checker::EXPORT);

# An environment whose tokens last as long as any test, also on a node that is
# a day ahead, and that takes as many requests as come.
sub chaos_environment {
    my (%option) = @_;
    $option{rate_limits} ||= join "\n",
        map { "ehr_rate_limit $_ off;" }
        qw(address account login_address login_account);
    $option{conf} = "ehr_access_lifetime 3d;\n" . ($option{conf} || '');
    return start_environment(workers => 2, %option);
}

# A new master takes the old one's place; for some seconds both are there.
sub another_binary {
    my ($env, $seconds) = @_;
    my $old = $env->master_pid;
    my @workers = $env->worker_pids;

    kill 'USR2', $old;
    ok wait_until(20, sub {
        my $new = $env->master_pid;
        return $new && $new != $old && @{[$env->worker_pids]};
    }), 'a new master runs beside the old one';
    sleep $seconds;
    kill 'WINCH', $old;
    ok wait_until(40, sub { !grep { -d "/proc/$_" } @workers }),
        'the old workers have ended';
    kill 'QUIT', $old;
    ok wait_until(20, sub { !-d "/proc/$old" }), 'and the old master';
    sleep 0.5;
}

# Tokens of several accounts that may write for all patients, and patients.
sub place {
    my ($env) = @_;
    return @{ $env->{place} } if $env->{place};
    my $accounts = accounts($env);
    my $admin = $accounts->client('admin');
    my (@tokens, @patients);

    for my $name (qw(nurse second third)) {
        $accounts->create_user($name, 'NURSE') if $name ne 'nurse';
        push @tokens, $accounts->token($name);
    }
    for my $number (1 .. 8) {
        my $answer = $admin->post('/api/v1/patients', json => {
            firstName => 'Load', lastName => "Number$number",
            dateOfBirth => '1980-02-03', gender => 'FEMALE' });
        die "no patient: $answer->{status}" unless $answer->{data}{id};
        push @patients, $answer->{data}{id};
    }
    $env->{place} = [tokens => \@tokens, patients => \@patients];
    return @{ $env->{place} };
}

# A load that is known to get answers; dies if none came.
sub start_load {
    my ($env, %option) = @_;
    my $load = EHR::Test::Load->start($env, place($env), %option);

    wait_until(20, sub { $load->count > 20 }) or die "no load\n";
    return $load;
}

# Seconds given, or those of a soak.
sub soak_seconds { return $ENV{EHR_CHAOS_SECONDS} || $_[0] }

# Calls code again and again for that time, and at least `rounds` times.
sub until_over {
    my ($seconds, $code, $rounds) = @_;
    my $end = time() + soak_seconds($seconds);
    my $round = 0;

    while (time() < $end || $round < ($rounds || 1)) {
        $code->(++$round);
    }
    return $round;
}

# Runs SQL in a transaction of its own that stays open until release(); returns
# when the SQL is done.
sub hold {
    my ($env, $sql) = @_;
    my $name = 'hold-' . int(time() * 1e6);
    my $pid = open my $psql, '|-', $env->psql_command('postgres')
        or die "psql: $!";

    $psql->autoflush(1);
    print $psql "BEGIN;\n$sql;\nSET application_name = '$name';\n";
    wait_until(20, sub { $env->sql('SELECT count(*) FROM pg_stat_activity'
        . " WHERE application_name = '$name' AND state ="
        . " 'idle in transaction'") })
        or die "no transaction: $sql\n";
    return $psql;
}

sub release {
    my ($psql) = @_;
    print $psql "COMMIT;\n\\q\n";      # a load may hold the pipe open
    close $psql or die "psql failed\n";
}

# Process ids of the module's backends.
sub app_backends {
    my ($env) = @_;
    return split /\n/, $env->sql('SELECT pid FROM pg_stat_activity'
        . " WHERE usename = 'ehr_app'");
}

1;
