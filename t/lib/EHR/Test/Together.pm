package EHR::Test::Together;

# Many requests at the same moment.
#
#   my @answers = together($env, 20, 'POST', $path, json => {…},
#       meanwhile => sub { … });      # between sending and receiving
#
# is one request over many connections of this process; their answers are
# EHR::Test::Client's.
#
#   my $answers = at_once($env, @requests);
#
# is many, each over a connection of its own that is open before, sent by
# several processes; requests and answers are EHR::Crowd's.

use strict;
use warnings;
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Client;
use EHR::Test::Process qw(top read_file write_file);
use Exporter qw(import);
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(time);

use lib top() . '/tools/lib';
use EHR::Crowd;

our @EXPORT_OK = qw(together at_once);

my $processes = 4;

sub together {
    my ($env, $n, $method, $path, %option) = @_;
    my $meanwhile = delete $option{meanwhile};
    my $end = time + 60;
    my @clients = map { EHR::Test::Client->new(port => $env->port) } 1 .. $n;

    $_->connection for @clients;
    EHR::Test::Client::send_all($_->{socket},
        $_->compose($method, $path, \%option), $end) for @clients;
    $meanwhile->() if $meanwhile;
    return map { eval { $_->receive($method, $end) }
        || { status => 0, headers => {}, error => $@ } } @clients;
}

sub at_once {
    my ($env, @requests) = @_;
    my @pids;

    for my $part (0 .. $processes - 1) {
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        if ($pid) {
            push @pids, $pid;
            next;
        }
        my $done = eval {
            ask($env, $part, @requests[grep { $_ % $processes == $part }
                0 .. $#requests]);
            1;
        };
        print STDERR $@ unless $done;
        POSIX::_exit($done ? 0 : 1);
    }
    wait_until(30, sub {
        $processes == (my @ready = glob $env->dir . '/ready.*') })
        or die "no crowd\n";
    write_file($env->dir . '/go', '');
    for (@pids) {
        waitpid $_, 0;
        die "a client process failed\n" if $?;
    }
    my @answers = map { @{ JSON::PP::decode_json(read_file($env->dir
        . "/answers.$_")) } } 0 .. $processes - 1;
    unlink glob $env->dir . '/{go,ready.*,answers.*}';
    return \@answers;
}

sub ask {
    my ($env, $part, @requests) = @_;
    my @answers;
    my $crowd = EHR::Crowd->new(port => $env->port,
        connections => scalar @requests);

    $crowd->connect_all;
    write_file($env->dir . "/ready.$part", '');
    wait_until(30, sub { -e $env->dir . '/go' }) or die "nobody said go\n";
    $crowd->run(next => sub { return shift @requests },
        done => sub { push @answers, $_[2] });
    write_file($env->dir . "/answers.$part", JSON::PP::encode_json(\@answers));
}

1;
