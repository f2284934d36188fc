package EHR::Test::Client;

# A small HTTP/1.1 client that keeps its connection.
#
#   my $client = EHR::Test::Client->new(port => $env->port);
#   my $answer = $client->get('/api/v1/patients', token => $token);
#   $answer->{status}, {reason}, {headers}{lower-case name}, {body}, {json},
#   {data} (of the envelope), {seconds}; status 0 and {error} when there was
#   no answer.
#
# Options of a request: token, json (encoded), body (bytes), type, headers (a
# hash; a value undef leaves the header out, an array repeats it), timeout.

use strict;
use warnings;
use EHR::Test::Answer;
use IO::Select;
use IO::Socket::INET;
use JSON::PP;
use Time::HiRes qw(sleep time);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

sub new {
    my ($class, %option) = @_;
    return bless { host => '127.0.0.1', timeout => 30, %option }, $class;
}

for my $method (qw(get post put patch delete head options)) {
    no strict 'refs';
    *$method = sub {
        my ($self, $path, %option) = @_;
        return $self->request(uc $method, $path, %option);
    };
}

# Posts; the row that it makes.  Dies if it makes none.
sub make {
    my ($self, $path, $body) = @_;
    return made($self->post($path, json => $body), $path);
}

# The row of an answer that says so; dies if it made none.
sub made {
    my ($answer, $what) = @_;
    die "$what: $answer->{status} "
        . ($answer->{body} || $answer->{error} || '') . "\n"
        unless $answer->{status} == 201;
    return $answer->{data};
}

# A client of its own connection whose requests carry this token.
sub with_token {
    my ($self, $token) = @_;
    my $class = ref $self;
    return $class->new(host => $self->{host}, port => $self->{port},
        timeout => $self->{timeout}, token => $token);
}

sub request {
    my ($self, $method, $path, %option) = @_;
    my $bytes = $self->compose($method, $path, \%option);
    my ($answer) = $self->exchange([$method], $bytes,
        $option{timeout} || $self->{timeout});
    return $answer;
}

# The answers to many requests, [method, path, options] each, which are sent
# without waiting for the answers to those before (pipelining).
sub several {
    my ($self, @requests) = @_;
    my @answers;

    while (@answers < @requests) {
        my (@methods, $all);
        for my $request (@requests[@answers .. $#requests]) {
            my ($method, $path, %option) = @$request;
            my $bytes = $self->compose($method, $path, \%option);
            # who sends more than fits while nobody reads waits forever
            last if @methods && length($all) + length $bytes > 32768;
            push @methods, $method;
            $all .= $bytes;
        }
        push @answers, $self->exchange(\@methods, $all, $self->{timeout});
    }
    return @answers;
}

# Sends requests and receives their answers: up to the first that closes the
# connection, as the server has not read on then.
sub exchange {
    my ($self, $methods, $bytes, $timeout) = @_;
    my $began = time();
    my $end = $began + $timeout;
    my ($error, @answers);

    my $socket = eval { $self->connection } or $error = "connect: $@";
    $error //= $@ unless $socket && eval { send_all($socket, $bytes, $end); 1 };

    for my $method (@$methods) {
        my $answer = defined $error ? undef
            : eval { $self->receive($method, $end) };
        $error //= $@ unless $answer;
        $answer ||= { status => 0, headers => {}, error => $error };
        $answer->{seconds} = time() - $began;
        push @answers, $answer;
        last if lc($answer->{headers}{connection} || '') eq 'close';
    }

    $self->disconnect if defined $error
        || lc($answers[-1]{headers}{connection} || '') eq 'close';
    return @answers;
}

sub disconnect {
    my ($self) = @_;
    delete @$self{qw(socket buffer)};
}

# The bytes of a request; also for raw().
sub compose {
    my ($self, $method, $path, $option) = @_;
    my $token = exists $option->{token} ? $option->{token} : $self->{token};
    my $body = $option->{body};
    my %header = (Host => "$self->{host}:$self->{port}");

    if (exists $option->{json}) {
        $body = $json->encode($option->{json});
    }
    if (defined $body) {
        $header{'Content-Type'} = $option->{type} || 'application/json';
        $header{'Content-Length'} = length $body;
    }
    $header{Authorization} = "Bearer $token" if defined $token;
    %header = (%header, %{ $option->{headers} || {} });

    my $head = "$method $path HTTP/1.1\r\n";
    for my $name (sort keys %header) {
        my $value = $header{$name};
        next unless defined $value;
        $head .= "$name: $_\r\n" for ref $value ? @$value : $value;
    }
    return "$head\r\n" . (defined $body ? $body : '');
}

# An open connection.  One that the server closed meanwhile is not used again:
# a request is sent once, never repeated behind the test's back.
sub connection {
    my ($self) = @_;
    my $socket = $self->{socket};

    if ($socket && IO::Select->new($socket)->can_read(0)) {
        $socket = undef;
    }
    return $socket if $socket;

    $self->{buffer} = '';
    return $self->{socket} = IO::Socket::INET->new(PeerAddr => $self->{host},
        PeerPort => $self->{port}, Proto => 'tcp', Timeout => 10,
        ($self->{local} ? (LocalAddr => $self->{local}) : ()))
        || die "$!\n";
}

sub send_all {
    my ($socket, $bytes, $end) = @_;
    my $select = IO::Select->new($socket);
    my $sent = 0;

    local $SIG{PIPE} = 'IGNORE';
    $socket->blocking(0);
    while ($sent < length $bytes) {
        die "timeout while sending\n"
            unless $select->can_write(left($end));
        my $n = $socket->syswrite($bytes, 65536, $sent);
        next if !defined $n && $!{EAGAIN};
        last unless defined $n;         # an answer may be there all the same
        $sent += $n;
    }
}

# Reads one answer from the connection.
sub receive {
    my ($self, $method, $end) = @_;
    my ($answer, %headers);

    do {                                # 100 Continue may come first
        $self->fill($end) until $self->{buffer} =~ /\r\n\r\n/;
        $self->{buffer} =~ s/\A(.*?)\r\n\r\n//s;
        my ($line, @fields) = split /\r\n/, $1;
        my ($status, $reason) = $line =~ m{\AHTTP/1\.[01] (\d{3}) ?(.*)\z}
            or die "not an HTTP answer: $line\n";
        %headers = ();
        for (@fields) {
            my ($name, $value) = /\A([^:]+):\s*(.*?)\s*\z/ or next;
            $name = lc $name;
            $headers{$name} =
                exists $headers{$name} ? "$headers{$name}, $value" : $value;
        }
        $answer = { status => $status, reason => $reason,
            headers => \%headers };
    } while ($answer->{status} == 100);

    $answer->{body} =
        $method eq 'HEAD' || $answer->{status} =~ /\A(?:204|304)\z/ ? ''
        : lc($headers{'transfer-encoding'} || '') eq 'chunked'
            ? $self->read_chunked($end)
        : defined $headers{'content-length'}
            ? $self->read_bytes($headers{'content-length'}, $end)
        : $self->read_to_end($end);

    return $answer unless length $answer->{body}
        && ($headers{'content-type'} || '') =~ m{\bjson\b};
    return EHR::Test::Answer::lazy($answer);
}

sub fill {
    my ($self, $end) = @_;
    my $socket = $self->{socket};

    die "timeout\n"
        unless IO::Select->new($socket)->can_read(left($end));
    my $n = $socket->sysread($self->{buffer}, 65536, length $self->{buffer});
    return 1 if $n || (!defined $n && $!{EAGAIN});
    die defined $n ? "closed\n" : "$!\n";
}

sub read_bytes {
    my ($self, $n, $end) = @_;
    $self->fill($end) while length $self->{buffer} < $n;
    return substr $self->{buffer}, 0, $n, '';
}

sub read_chunked {
    my ($self, $end) = @_;
    my $body = '';

    while (1) {
        $self->fill($end) until $self->{buffer} =~ /\r\n/;
        $self->{buffer} =~ s/\A([0-9A-Fa-f]+)[^\r]*\r\n//
            or die "bad chunk\n";
        my $size = hex $1;
        $body .= $self->read_bytes($size, $end);
        $self->read_bytes(2, $end);
        return $body unless $size;
    }
}

sub read_to_end {
    my ($self, $end) = @_;
    1 while eval { $self->fill($end) };
    die $@ unless $@ eq "closed\n";
    my $body = delete $self->{buffer};
    $self->disconnect;
    return $body;
}

sub left {
    my $left = $_[0] - time();
    return $left > 0 ? $left : 0;
}

# Sends raw pieces over a connection of its own: bytes, or numbers of seconds
# to wait as references (\0.5).  Reads until the server closes or the timeout;
# with `abort` it closes right after sending, with `half_close` only its
# sending side.  Returns what came back.
sub raw {
    my ($self, $pieces, %option) = @_;
    my $client = $self->with_token(undef);
    my $socket = $client->connection;
    my $end = time() + ($option{timeout} || 5);

    for my $piece (ref $pieces ? @$pieces : $pieces) {
        if (ref $piece) {
            sleep $$piece;
        } else {
            send_all($socket, $piece, $end);
        }
    }
    return '' if $option{abort};
    shutdown $socket, 1 if $option{half_close};
    1 while eval { $client->fill($end) };
    return $client->{buffer};
}

# Signs in; the answer.  portal => 1 for the patient portal.
sub sign_in {
    my ($self, $email, $password, %option) = @_;
    my $path = $option{portal} ? '/api/v1/portal/auth/login'
        : '/api/v1/auth/login';
    return $self->post($path, token => undef,
        json => { email => $email, password => $password });
}

1;
