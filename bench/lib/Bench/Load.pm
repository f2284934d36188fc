package Bench::Load;

# One run of wrk or pgbench.  Both return { rate (a second), p50, p99 (ms) }.

use strict;
use warnings;
use EHR::Test::Process qw(top must_run read_file write_file);
use Exporter qw(import);

our @EXPORT_OK = qw(wrk pgbench start_wrk stop_wrk percentile);

my $threads = 2;                # of wrk and of pgbench

sub wrk_command {
    my ($hospital, %option) = @_;
    my %environment = (
        EHR_BENCH_DIR => top() . '/bench',
        EHR_BENCH_TOKENS => join(' ', $hospital->tokens($option{account})),
        EHR_BENCH_LOGIN => $hospital->login,
        EHR_BENCH_PATH => $option{path} || '/',
        EHR_BENCH_PAUSE => $option{pause} || 0,
        %{ $option{environment} || {} });

    return ('env', (map { "$_=$environment{$_}" } sort keys %environment),
        'wrk', '-t', $threads, '-c', $option{clients},
        '-d', "$option{seconds}s", '--timeout', '10s',
        '-s', top() . "/bench/wrk/$option{script}.lua", $hospital->env->url);
}

# clients, seconds, script; path, pause, environment for the scripts that want
# them; account: whose tokens; refused: every answer is to be a refusal.
sub wrk {
    my ($hospital, %option) = @_;
    my $said = must_run(undef, wrk_command($hospital, %option));
    my %found = $said =~ /(\w+)=(\d+)/g;

    die "wrk said: $said" unless $found{us};
    my $expected = $option{refused} ? $found{requests} : 0;
    die "$option{script}: $found{refused} refused of $found{requests},"
        . " $found{broken} broken\n"
        if $found{refused} != $expected || $found{broken};
    return { rate => $found{requests} / $found{us} * 1e6,
        p50 => $found{p50} / 1000, p99 => $found{p99} / 1000 };
}

# Load beside another run; stop_wrk() waits for its end.
sub start_wrk {
    my ($hospital, %option) = @_;
    open my $pipe, '-|', wrk_command($hospital, %option) or die "wrk: $!";
    return $pipe;
}

sub stop_wrk {
    my ($pipe) = @_;
    my $said = do { local $/; <$pipe> };
    my %found = $said =~ /(\w+)=(\d+)/g;

    close $pipe or die "wrk said: $said";
    return { rate => $found{requests} / $found{us} * 1e6,
        p50 => $found{p50} / 1000, p99 => $found{p99} / 1000,
        refused => $found{refused}, broken => $found{broken} };
}

# clients, seconds, script (pgbench's text), name; settings: the session's;
# variables: of the script.
sub pgbench {
    my ($hospital, %option) = @_;
    my $dir = $hospital->env->dir . '/pgbench';
    my $file = "$dir/$option{name}.sql";
    my $settings = $option{settings} || {};

    mkdir $dir;
    unlink glob "$dir/log.*";
    write_file($file, $option{script});
    local $ENV{PGOPTIONS} =
        join ' ', map { "-c $_=$settings->{$_}" } sort keys %$settings;
    my $said = must_run(undef, '/usr/lib/postgresql/15/bin/pgbench', '-n',
        '-M', 'prepared', '-c', $option{clients}, '-j', $threads,
        '-T', $option{seconds}, '-l', "--log-prefix=$dir/log",
        '--sampling-rate=0.2', map({ ('-D', "$_=$option{variables}{$_}") }
            sort keys %{ $option{variables} || {} }), '-f', $file, '-h', $hospital->env->socket,
        '-U', 'ehr_app', 'ehr');
    my ($rate) = $said =~ /^tps = ([\d.]+)/m or die "pgbench said: $said";
    my @times = map { (split)[2] / 1000 }
        map { split /\n/, read_file($_) } glob "$dir/log.*";

    die "pgbench: $1 failed transactions\n"
        if $said =~ /failed transactions: ([1-9]\d*)/;
    return { rate => $rate, p50 => percentile(50, @times),
        p99 => percentile(99, @times) };
}

sub percentile {
    my ($percent, @values) = @_;
    @values = sort { $a <=> $b } @values;
    return $values[int($percent / 100 * $#values + 0.5)];
}

1;
