#!/usr/bin/perl

# The unit tests in C (t/unit), each as a subtest.

use strict;
use warnings;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my @tests = grep { first_line($_) =~ m{^/\* build: } } sort glob 't/unit/*/*.c';

my @programs = qx{t/unit/run -n @tests};
is($?, 0, 'builds') or die 'the unit tests do not build';
chomp @programs;

$ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

for my $i (0 .. $#tests) {
    subtest $tests[$i] => sub { run_one($programs[$i]) };
}

done_testing();


sub first_line {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    return scalar <$file> // '';
}


# Repeats what the program says; its exit status counts too, because a
# sanitizer speaks after the last test.
sub run_one {
    my ($program) = @_;
    my @output = qx{nice $program 2>&1};
    my $status = $?;

    for my $line (@output) {
        if ($line =~ m{^(not )?ok \d+ - (.*)}) {
            ok(!$1, $2);
        }
    }

    is($status, 0, 'exit status') or diag(@output);
}
