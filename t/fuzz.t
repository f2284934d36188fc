#!/usr/bin/perl

# The fuzz targets (t/fuzz), all at once, each for EHR_FUZZ_SECONDS (30): no
# crash, no sanitizer's report, nothing that must not be.  What was found is
# kept in build/fuzz and printed; what it learns there is used the next time.

use strict;
use warnings;

use FindBin;
use Test::More;

chdir "$FindBin::Bin/.." or die "chdir: $!";

my $seconds = $ENV{EHR_FUZZ_SECONDS} || 30;
my @targets = map { m{([^/]+)\.c\z} } grep { first_line($_) =~ m{^/\* build: } }
    sort glob 't/fuzz/*.c';

my @programs = qx{t/fuzz/build @{[ map { "t/fuzz/$_.c" } @targets ]}};
is($?, 0, 'builds') or die 'the fuzz targets do not build';
chomp @programs;

$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';

my %running;
for my $i (0 .. $#targets) {
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    fuzz($targets[$i], $programs[$i]) if !$pid;
    $running{$pid} = $targets[$i];
}
while (%running) {
    my $pid = wait;
    my $target = delete $running{$pid};
    told($target, $?) if defined $target;
}

done_testing();


sub first_line {
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!";
    return scalar <$file> // '';
}


# In a process of its own.  libFuzzer itself ends with an error when it finds
# nothing to begin with, so a target without a corpus fails.
sub fuzz {
    my ($target, $program) = @_;
    my $learned = "build/fuzz/$target";

    system('mkdir', '-p', $learned);
    open STDOUT, '>', "$learned.log" or die "$learned.log: $!";
    open STDERR, '>&', \*STDOUT or die "stderr: $!";
    exec 'nice', $program, "-max_total_time=$seconds", '-timeout=10',
        '-max_len=4096', '-rss_limit_mb=2048', '-print_final_stats=1',
        "-artifact_prefix=$learned-", $learned, "t/fuzz/corpus/$target"
        or die "$program: $!";
}


sub told {
    my ($target, $status) = @_;
    open my $file, '<', "build/fuzz/$target.log" or die "$target.log: $!";
    my @log = <$file>;
    my ($runs) = "@log" =~ /number_of_executed_units:\s*(\d+)/;

    is($status, 0, "$target: nothing found")
        or diag(map { "$target: $_" } @log > 60 ? @log[-60 .. -1] : @log);
    cmp_ok($runs // 0, '>', 100 * $seconds, "$target: " . ($runs // 0)
        . " inputs in $seconds s");
}
