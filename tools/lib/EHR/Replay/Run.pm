package EHR::Replay::Run;

# What the replays have in common: the servers they run on, what they say
# while they do, and how they print what they found.

use strict;
use warnings;
use utf8;

use POSIX ();
use Time::HiRes qw(time);

use EHR::Import::Progress;
use EHR::Test::Environment;
use EHR::Test::Log qw(faults_in);


# name, directory, keep, quiet.  A PostgreSQL and an nginx that differ from
# the defaults in nothing but what keeps tokens and limits out of it.
sub start {
    my ($class, %option) = @_;
    my $env = EHR::Test::Environment->start(name => $option{name},
        directory => $option{directory}, workers => 'auto',
        keep => $option{keep}, conf => 'ehr_access_lifetime 1d;',
        pg_settings => join "\n", 'fsync = on', 'synchronous_commit = on',
            'shared_buffers = 256MB', 'max_wal_size = 4GB');

    return bless { %option, env => $env }, $class;
}


sub env { return $_[0]{env} }

sub stop {
    my ($self) = @_;
    $self->{env}->stop if !$self->{keep};
}


sub note {
    my ($self, $format, @values) = @_;
    printf "$format\n", @values if !$self->{quiet};
}


# Runs code with the progress of n things.
sub step {
    my ($self, $name, $n, $code) = @_;
    my $progress = EHR::Import::Progress->new(total => $n,
        quiet => $self->{quiet});
    my $began = time;

    $self->note('%d %s', $n, $name);
    $code->($progress);
    $progress->end;
    $self->note('%.1f s', time - $began);
}


# One more finding of what must not be.
sub faults {
    my ($self) = @_;
    my ($alerts, $reports) = faults_in($self->{env});
    return ['alerts in the log of nginx', @$alerts + @$reports];
}


# -- what it took -------------------------------------------------------------

# p50 and p99 in ms, and how many took at most so many ms (powers of two).
sub latency {
    my (@seconds) = @_;
    my @sorted = sort { $a <=> $b } @seconds;
    my %histogram;

    for my $seconds (@sorted) {
        my $bound = 1;
        $bound *= 2 while $bound < 1000 * $seconds;
        $histogram{$bound}++;
    }
    return (histogram => \%histogram, map { ("p$_" => 1000
        * ($sorted[@sorted * $_ / 100] // 0)) } 50, 99);
}


sub print_histogram {
    my ($histogram) = @_;
    my ($most) = sort { $b <=> $a } values %$histogram;

    for my $bound (sort { $a <=> $b } keys %$histogram) {
        my $n = $histogram->{$bound};
        printf "%6s ms %8d  %s\n", "≤ $bound", $n,
            '#' x POSIX::ceil(50 * $n / $most);
    }
}


# {what must not be}: how many
sub print_findings {
    my ($findings) = @_;

    print "\nwhat must not be\n";
    printf "%8d  %s\n", $findings->{$_}, $_ for sort keys %$findings;
}

1;
