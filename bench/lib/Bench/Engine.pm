package Bench::Engine;

# Builds and runs bench/engine/engine.c.
use strict;
use warnings;

# What it measured, by name.
sub measure {
    local $ENV{CFLAGS} = '-g -O2';
    chomp(my $program = qx{t/unit/run -n bench/engine/engine.c});
    die "bench/engine does not build\n" if $?;

    my %is;
    open my $output, '-|', $program or die "$program: $!";
    while (<$output>) {
        my ($name, $value) = /^(\w+) ([\d.]+)/ or die "bench/engine: $_";
        $is{$name} = $value;
    }
    close $output or die "bench/engine failed\n";
    return %is;
}

1;
