package EHR::Test::Log;

# The two checks that end every HTTP test file, about what its environments
# logged since the test began: no [alert] or [emerg], no sanitizer's report.

use strict;
use warnings;
use EHR::Test::Process qw(read_file);
use Exporter qw(import);
use Test::More ();

our @EXPORT_OK = qw(mark_log logs_clean faults_in deaths_of);

my %offset;                     # by environment's directory

# From here on an environment's log is this test's.
sub mark_log {
    my ($env) = @_;
    $offset{$env->dir} = -s $env->error_log || 0;
}

# What a master says of workers that were killed, as a pattern: that they are
# gone, and that one had a zone's mutex, which it frees.
sub deaths_of {
    my $killed = join '|', @_;
    return qr/\[alert\]\ .*(?:worker\ process\ (?:$killed)\ exited\ on\ signal\ 9
        |shared\ memory\ zone\ "\w+"\ was\ locked\ by\ (?:$killed))$/x;
}

# Ends nginx of a test's own environment first, since leaks are reported when a
# process exits.  allow: a pattern for alerts the test has provoked, such as
# qr/exited on signal 9/.
sub logs_clean {
    my ($env, %option) = @_;
    $env->stop_nginx unless $env->is_shared;
    my ($alerts, $reports) = faults_in($env, $option{allow});
    my $name = $env->name;
    my $builder = Test::More->builder;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $builder->is_eq(join('', @$alerts), '', "$name: no alert in the log");
    $builder->is_eq(join('', @$reports), '', "$name: no sanitizer's report");
}

# The lines themselves: ([alerts], [reports]).
sub faults_in {
    my ($env, $allow) = @_;
    my @lines = split /^/, read_file($env->error_log, $offset{$env->dir});
    my @alerts = grep { /\[(?:alert|emerg)\]/ } @lines;
    my @reports = grep { /Sanitizer|runtime error:/ } @lines,
        map { split /^/, read_file($_) } glob $env->dir . '/log/sanitizer.*';

    @alerts = grep { !/$allow/ } @alerts if $allow;
    return (\@alerts, \@reports);
}

1;
