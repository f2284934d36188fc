package EHR::Test::Generators;

# Processes of clients that keep nginx busy while a test breaks something, each
# with its connections (EHR::Crowd).  What they ask and what is worth keeping
# of the answers is a subclass's:
#
#   our @ISA = qw(EHR::Test::Generators);
#   sub next_request { my ($self, $client) = @_; … }  # what it asks next
#   sub told { my ($self, $client, $request, $answer) = @_; … }     # a record
#
#   my $load = Subclass->start($env, clients => 32);
#   … break something …
#   my $records = $load->stop;          # ends the requests under way, first
#
# Options: processes 2, clients 6 (each process), ports [of nginx] (a process
# asks one of them), deadline 20 (seconds a request may take), think 0.02 (a
# client waits at most so long after an answer).
#
# In {name} is what marks this load's rows; next_request() finds its process's
# number from 1 in {number}, and the times a request was sent in its {try}.  A
# record is a hash of what JSON has, with {began} and {ended} of its answer.

use strict;
use warnings;
use EHR::Test::Process qw(top read_file);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use lib top() . '/tools/lib';
use EHR::Crowd;

my $json = JSON::PP->new->utf8->canonical;
my $loads = 0;

sub start {
    my ($class, $env, %option) = @_;
    # set before fork, so that a child never lacks it
    my $self;
    local $SIG{USR1} = sub { $self->{stopping} = 1 };
    $self = bless { processes => 2, clients => 6, deadline => 20,
        think => 0.02, ports => [$env->port], %option,
        name => sprintf('load-%d-%d', $$, ++$loads) }, $class;

    $self->{file} = $env->dir . '/' . $self->{name};
    for my $number (1 .. $self->{processes}) {
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        if (!$pid) {
            my $done = eval { $self->run($number); 1 };
            print STDERR $@ unless $done;
            POSIX::_exit($done ? 0 : 1);
        }
        push @{ $self->{pids} }, $pid;
    }
    return $self;
}

# Lets the requests under way end; all records, in the order they began.
sub stop {
    my ($self) = @_;
    my @records;

    kill 'USR1', @{ $self->{pids} };
    for my $pid (@{ $self->{pids} }) {
        waitpid $pid, 0;
        die "a load generator failed\n" if $?;
    }
    for my $number (1 .. $self->{processes}) {
        push @records, map { $json->decode($_) }
            split /\n/, read_file("$self->{file}.$number");
        unlink "$self->{file}.$number";
    }
    return [sort { $a->{began} <=> $b->{began} } @records];
}

# Records so far; they are written at least each half second, by whole lines.
sub count {
    my ($self) = @_;
    my $n = 0;
    $n += read_file("$self->{file}.$_") =~ tr/\n// for 1 .. $self->{processes};
    return $n;
}

# -- in a process -------------------------------------------------------------

sub run {
    my ($self, $number) = @_;
    my $parent = getppid;
    my $ports = $self->{ports};
    my $crowd = EHR::Crowd->new(connections => $self->{clients},
        deadline => $self->{deadline}, port => $ports->[$number % @$ports]);

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    srand $number + $$;
    $self->{number} = $number;
    open $self->{out}, '>', "$self->{file}.$number"
        or die "$self->{file}: $!";
    $self->{flushed} = time();
    $crowd->run(
        next => sub {
            my ($client) = @_;
            die "the test is gone\n" if getppid != $parent;
            return undef if $self->{stopping};
            # thinks, asks, thinks …
            $client->{thinks} = !$client->{thinks};
            return rand $self->{think} if $client->{thinks};
            my $request = $self->next_request($client);
            $request->{try}++;
            return $request;
        },
        done => sub { $self->keep($self->told(@_), $_[2]) });
    close $self->{out} or die "$self->{file}: $!";
}

sub keep {
    my ($self, $record, $answer) = @_;

    print { $self->{out} } $json->encode({ %$record,
        map { $_ => $answer->{$_} } qw(began ended) }), "\n";
    if (time() - $self->{flushed} > 0.5) {
        $self->{out}->flush;
        $self->{flushed} = time();
    }
}

# A name for a request that no other has.
sub request_name {
    my ($self) = @_;
    return "$self->{name}-$self->{number}-" . ++$self->{serial};
}

1;
