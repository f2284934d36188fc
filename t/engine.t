#!/usr/bin/perl

# The availability engine without anything around it: a seeded simulation
# against a naive model, and several processes that are killed.
#
#   SEED=n              repeats one episode of the simulation, with a trace
#   EHR_ENGINE_STEPS    of the simulation (1,000,000); above that it is built
#                       without sanitizers
#   EHR_ENGINE_SECONDS  of the stress (5)

use strict;
use warnings;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $steps = $ENV{EHR_ENGINE_STEPS} // 1_000_000;
my $seconds = $ENV{EHR_ENGINE_SECONDS} // 5;
my $sanitize = '-g -O1 -fsanitize=address,undefined -fno-sanitize-recover=all';
my $fast = '-g -O2';
my $step = '-DEHR_ENGINE_STEP=simulation_step';

$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

my $simulation = build('t/engine/simulation.c',
    ($steps > 1_000_000 ? $fast : $sanitize) . " $step");

if (length($ENV{SEED} // '')) {
    is(run_one($simulation), 0, "episode $ENV{SEED}");
    done_testing();
    exit;
}

# another part of what there is each time; a failure names its seed
my $seed = time() * 10_000;
my $some = 10_000_000;

for (my $done = 0; $done < $steps; $done += $some) {
    my $n = $steps - $done < $some ? $steps - $done : $some;

    is(run_one($simulation, $n, $seed + $done / 2000), 0,
        "simulation, $n steps from step $done on");
}

is(run_one(build('t/engine/stress.c', $fast), $seconds, $seed), 0,
    "stress, $seconds seconds");

done_testing();


sub build {
    my ($source, $flags) = @_;

    local $ENV{CFLAGS} = $flags;
    chomp(my $program = qx{t/unit/run -n $source});
    is($?, 0, "builds $source") or BAIL_OUT("$source does not build");

    return $program;
}


sub run_one {
    my @command = @_;

    my @output = qx{nice @command 2>&1};
    my $status = $?;

    @output = @output[-40 .. -1] if @output > 40;
    $status ? diag(@output) : note(@output);

    return $status;
}
