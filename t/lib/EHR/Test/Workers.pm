package EHR::Test::Workers;

# Connections to every worker of an environment, which listens with reuseport
# so that the kernel spreads them.

use strict;
use warnings;
use EHR::Test::Client;
use EHR::Test::Process qw(read_file);
use Exporter qw(import);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(spread slowest worker_of);

# Clients with this token whose connections reach every worker, two each.
sub spread {
    my ($env, $token) = @_;
    my @workers = $env->worker_pids;
    my %missing = map { $_ => 2 } @workers;
    my @clients;

    for (1 .. 400) {
        my $client = EHR::Test::Client->new(port => $env->port,
            token => $token);
        $client->get('/health');
        my $worker = worker_of($client, @workers) or next;
        next unless $missing{$worker};
        push @clients, $client;
        delete $missing{$worker} unless --$missing{$worker};
        return @clients unless %missing;
    }
    die "no connection to worker @{[ keys %missing ]}";
}

# Which of these processes is at the other end of a client's connection, once
# it was used; none if that was closed, as a worker does that is just leaving.
sub worker_of {
    my ($client, @workers) = @_;
    my $socket = $client->{socket} or return;
    my $here = sprintf '%04X', $socket->sockport;
    my ($inode) = read_file('/proc/net/tcp') =~
        /^\s*\d+: [0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:$here 01(?:\s+\S+){5}\s+(\d+)/m
        or return;

    for my $worker (@workers) {
        return $worker if grep { (readlink $_ || '') eq "socket:[$inode]" }
            glob "/proc/$worker/fd/*";
    }
    return;
}

# Asks every client again and again: the seconds until the last one answered
# with this status (more than $most when it did not), and how many answered
# with another one in another such time after that.
sub slowest {
    my ($clients, $path, $status, $most) = @_;
    my $began = time;
    my @waiting = @$clients;
    my $last = 0;

    while (@waiting && time - $began < 2 * $most) {
        @waiting = grep { $_->get($path)->{status} != $status } @waiting;
        $last = time - $began;
        sleep 0.02 if @waiting;
    }
    return (2 * $most, scalar @waiting) if @waiting;

    my $back = 0;
    my $end = time + $most;
    while (time < $end) {
        $back += grep { $_->get($path)->{status} != $status } @$clients;
        sleep 0.05;
    }
    return ($last, $back);
}

1;
