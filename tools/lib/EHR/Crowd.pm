package EHR::Crowd;

# Many clients of the HTTP API in one process: connections that are kept, one
# request under way on each.
#
#   my $crowd = EHR::Crowd->new(port => 8080, connections => 64);
#   $crowd->run(
#       next => sub { my ($client) = @_; … },
#       done => sub { my ($client, $request, $answer) = @_; … });
#
# next() gives what a client that has nothing to do asks next: a request, a
# number of seconds after which it shall be asked again, or undef, and it is
# not asked any more.  run() ends when that was said to all and every answer
# is there.  A client is a hash with its number from 0 in {number}; the rest of
# it is the caller's.
#
# A request is a hash: method, path (below base, which is /api/v1 unless it is
# given), body (JSON text or undef), token, key (Idempotency-Key), request
# (X-Request-Id), match (If-Match).  It is handed back as it was, so it may
# hold more.  It is sent once, never repeated.
#
# An answer: status (0: none), error ('', refused, cut: no byte of an answer,
# torn: part of one, hung: nothing within the deadline), head, body (texts),
# began, ended (absolute seconds), fresh (first request of its connection).

use strict;
use warnings;

use Errno qw(EAGAIN EINTR);
use IO::Handle;
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);


# port, connections; host (127.0.0.1), deadline (seconds a request may take,
# 30)
sub new {
    my ($class, %option) = @_;

    my $self = bless { host => '127.0.0.1', deadline => 30, %option }, $class;
    $self->{address} = pack_sockaddr_in($self->{port},
        inet_aton($self->{host}));
    $self->{clients} = [map { { number => $_, wake => 0 } }
        0 .. $self->{connections} - 1];

    return $self;
}


sub run {
    my ($self, %call) = @_;
    local $SIG{PIPE} = 'IGNORE';

    @$self{qw(next done)} = @call{qw(next done)};
    delete $_->{over} for @{ $self->{clients} };
    $self->_turn while grep { !$_->{over} } @{ $self->{clients} };
}


# Opens all connections, so that a first request does not wait for its own.
sub connect_all {
    my ($self) = @_;

    for my $client (@{ $self->{clients} }) {
        _open($self, $client) if !$client->{socket};
    }
    my $end = time + 20;
    while (time < $end) {
        my $write = '';
        my @waiting = grep { !getpeername $_->{socket} }
            @{ $self->{clients} } or return;
        vec($write, fileno $_->{socket}, 1) = 1 for @waiting;
        select undef, $write, undef, 0.1;
    }
    die "connections are not accepted\n";
}


sub _turn {
    my ($self) = @_;
    my ($read, $write, $wait) = ('', '', 0.5);
    my $now = time;

    for my $client (@{ $self->{clients} }) {
        if (!$client->{request} && !$client->{over}) {
            $self->_begin($client) if $client->{wake} <= $now;
            my $left = $client->{wake} - $now;
            $wait = $left if !$client->{request} && !$client->{over}
                && $left < $wait;
        } elsif ($client->{request}
                 && $now - $client->{began} > $self->{deadline})
        {
            $self->_finish($client, error => 'hung');
        }
        next if !$client->{request};
        my $fd = fileno $client->{socket};
        vec($read, $fd, 1) = 1;
        vec($write, $fd, 1) = 1 if length $client->{output};
    }

    return if select($read, $write, undef, $wait > 0 ? $wait : 0) <= 0;

    for my $client (@{ $self->{clients} }) {
        next if !$client->{request};
        my $fd = fileno $client->{socket};
        $self->_send($client) if vec $write, $fd, 1;
        $self->_receive($client) if vec $read, $fd, 1;
    }
}


sub _begin {
    my ($self, $client) = @_;
    my $request = $self->{next}->($client);

    if (!defined $request) {
        $client->{over} = 1;
        return;
    }
    if (!ref $request) {
        $client->{wake} = time + $request;
        return;
    }

    @$client{qw(request began input output)} =
        ($request, time, '', $self->_bytes($request));
    if ($client->{socket} && _has_ended($client->{socket})) {
        close delete $client->{socket};
    }
    $client->{fresh} = $client->{socket} ? 0 : 1;
    $self->_open($client) if !$client->{socket};
    $self->_send($client) if !$client->{fresh};
}


# Whether the server has closed a connection since its last answer.
sub _has_ended {
    my ($socket) = @_;
    my $read = '';
    vec($read, fileno $socket, 1) = 1;
    return select($read, undef, undef, 0) > 0;
}


sub _open {
    my ($self, $client) = @_;

    socket my $socket, PF_INET, SOCK_STREAM, IPPROTO_TCP
        or die "socket: $!\n";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    $socket->blocking(0);
    $client->{socket} = $socket;
    connect $socket, $self->{address};      # a refusal is told by reading
}


sub _bytes {
    my ($self, $request) = @_;
    my $body = $request->{body};
    my $base = $request->{base} // '/api/v1';
    my $head = "$request->{method} $base$request->{path} HTTP/1.1\r\n"
        . "Host: $self->{host}\r\n";

    $head .= "Authorization: Bearer $request->{token}\r\n"
        if defined $request->{token};
    $head .= "Idempotency-Key: $request->{key}\r\n" if defined $request->{key};
    $head .= "X-Request-Id: $request->{request}\r\n"
        if defined $request->{request};
    $head .= qq(If-Match: "$request->{match}"\r\n)
        if defined $request->{match};
    $head .= "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n" if defined $body;

    return "$head\r\n" . ($body // '');
}


sub _send {
    my ($self, $client) = @_;
    my $n = syswrite $client->{socket}, $client->{output};

    if (defined $n) {
        substr $client->{output}, 0, $n, '';
    } elsif ($! != EAGAIN && $! != EINTR) {
        # an answer may be there all the same: reading tells
        $client->{output} = '';
        $client->{refused} = 1 if $!{ECONNREFUSED};
    }
}


sub _receive {
    my ($self, $client) = @_;
    my $n = sysread $client->{socket}, $client->{input}, 65536,
        length $client->{input};

    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    if ($n) {
        my %answer = _parse($client->{input});
        $self->_finish($client, %answer) if $answer{status};
        return;
    }
    my $refused = !defined $n && $!{ECONNREFUSED} || $client->{refused};
    $self->_finish($client, error => length $client->{input} ? 'torn'
        : $refused ? 'refused' : 'cut');
}


# Nothing if the answer is not whole.
sub _parse {
    my $end = index $_[0], "\r\n\r\n";
    return if $end < 0;
    my $head = substr $_[0], 0, $end + 2;
    my $body = substr $_[0], $end + 4;
    my ($status) = $head =~ m{\AHTTP/1\.1 (\d{3})} or return;

    if ($head =~ /^content-length: (\d+)/mi) {
        return if length $body < $1;
    } elsif ($head =~ /^transfer-encoding: chunked/mi) {
        return if $body !~ /(?:\A|\r\n)0\r\n\r\n\z/;
        $body = _joined($body);
    }

    return (status => $status, head => $head, body => $body);
}


sub _joined {
    my ($chunks) = @_;
    my $body = '';

    while ($chunks =~ /\G([0-9a-f]+)[^\r]*\r\n/gci) {
        my $size = hex $1 or last;
        $body .= substr $chunks, pos $chunks, $size;
        pos($chunks) += $size + 2;
    }

    return $body;
}


sub _finish {
    my ($self, $client, %end) = @_;
    my $request = delete $client->{request};
    my %answer = (status => 0, error => '', head => '', body => '', %end,
        began => $client->{began}, ended => time, fresh => $client->{fresh});

    delete $client->{refused};
    if ($end{error} || $answer{head} =~ /^connection: close/mi) {
        close delete $client->{socket};
        $client->{wake} = time + 0.02 if $end{error};
    }
    $self->{done}->($client, $request, \%answer);
}

1;
