package EHR::Test::Together;

# The same request over many connections at once.
#
#   my @answers = together($env, 20, 'POST', $path, json => {…},
#       meanwhile => sub { … });      # between sending and receiving

use strict;
use warnings;
use EHR::Test::Client;
use Exporter qw(import);
use Time::HiRes qw(time);

our @EXPORT_OK = qw(together);

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

1;
