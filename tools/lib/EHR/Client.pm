package EHR::Client;

# A client of the HTTP API: one connection that is kept open, JSON both ways.
#
#   my $api = EHR::Client->new(url => 'http://127.0.0.1:8080');
#   $api->login($email, $password);
#   my $answer = $api->post('/patients', \%patient, key => 'import-17');
#   say $answer->{data}{id} if $answer->{status} == 201;
#
# An answer is a hash: status, headers (names in lower case), data, meta,
# message and errors of the envelope, and attempts, how often it was asked.
# Answers of the server are returned whatever their status; what fails for
# longer than `patience` seconds dies with a sentence.  Answers 503 and 429 are
# asked again after their Retry-After; so are broken connections, where
# repeating is harmless: reads, and posts with an idempotency key.

use strict;
use warnings;

use IO::Select;
use IO::Socket::IP;
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(sleep time);

use constant PREFIX   => '/api/v1';
use constant LONGEST  => 30;            # seconds of a Retry-After we follow
use constant MAX_BODY => 64 << 20;

my $json = JSON::PP->new->utf8->canonical;


# url, timeout (seconds of silence, 30), patience (seconds, 120)
sub new {
    my ($class, %option) = @_;

    my ($scheme, $host, $port, $rest) =
        ($option{url} // '') =~ m{^(https?)://([^/:]+|\[[^\]]+\])
                                  (?::(\d+))?(/.*)?$}xi
        or die "the URL must look like http://127.0.0.1:8080\n";
    die "the URL must end with the port: the path is known\n"
        if defined $rest && $rest ne '/';

    return bless {
        tls      => lc $scheme eq 'https',
        host     => $host =~ tr/[]//dr,
        port     => $port // (lc $scheme eq 'https' ? 443 : 80),
        name     => $host . (defined $port ? ":$port" : ''),
        timeout  => $option{timeout}  // 30,
        patience => $option{patience} // 120,
    }, $class;
}


# Signs in and keeps the credentials to sign in again when the token expires.
# portal => 1: as a patient.  Dies if refused, and soon if nobody answers.
sub login {
    my ($self, $email, $password, %option) = @_;

    my $path = $option{portal} ? '/portal/auth/login' : '/auth/login';
    delete $self->{token};
    my $answer = $self->request('POST', $path, again => 1, patience => 10,
        body => { email => $email, password => $password });

    die "cannot sign in: $answer->{status} $answer->{message}\n"
        if $answer->{status} != 200;

    $self->{token} = $answer->{data}{accessToken};
    $self->{credentials} = [$email, $password, %option];

    return $answer->{data};
}


sub get {
    my ($self, $path, %query) = @_;
    return $self->request('GET', $path, query => \%query);
}


# key => idempotency key
sub post {
    my ($self, $path, $body, %option) = @_;
    return $self->request('POST', $path, body => $body, %option);
}


# match => the version the change is based on
sub patch {
    my ($self, $path, $body, %option) = @_;
    return $self->request('PATCH', $path, body => $body, %option);
}


# The rows of all pages of a list.  Dies with what was refused.
sub all {
    my ($self, $path, %query) = @_;
    my @rows;

    for (;;) {
        my $answer = $self->get($path, limit => 100, %query);
        die "cannot list $path: " . refusal($answer) . "\n"
            if $answer->{status} != 200;

        push @rows, @{ $answer->{data} };
        $query{cursor} = $answer->{meta}{nextCursor} // last;
    }

    return @rows;
}


# What an answer that is not a success says, in one line.
sub refusal {
    my ($answer) = @_;
    my $errors = $answer->{errors} // {};
    my $fields = join '; ', map { "$_ $errors->{$_}" } sort keys %$errors;

    return "$answer->{status} " . ($fields || $answer->{message});
}


# Options: query (hash), body, key, match, again (repeating is harmless),
# patience.
sub request {
    my ($self, $method, $path, %option) = @_;

    my $harmless = $option{again} || defined $option{key}
        || $method eq 'GET';
    my $until = time + ($option{patience} // $self->{patience});
    my ($renewed, $trouble);

    for (my $attempt = 1; ; $attempt++) {
        my $answer = eval { $self->_exchange($method, $path, \%option) };
        my $wait = 0.1 * 2 ** ($attempt < 6 ? $attempt : 6);

        if (!$answer) {
            $trouble = $@ || "no answer\n";
            $self->_close;
            die $trouble if !$harmless && $self->{sent};

        } elsif ($answer->{status} == 401 && $self->{credentials}
                 && $self->{token} && !$renewed++)
        {
            my $credentials = delete $self->{credentials};
            $self->login(@$credentials);
            next;

        } elsif ($answer->{status} == 429 || $answer->{status} == 503) {
            $trouble = "the server answers " . refusal($answer) . "\n";
            my $after = $answer->{headers}{'retry-after'} // '';
            $wait = $after if $after =~ /^\d+$/;
            $wait = LONGEST if $wait > LONGEST;

        } else {
            $answer->{attempts} = $attempt;
            return $answer;
        }

        die $trouble if time + $wait > $until;
        sleep $wait + rand 0.1;
    }
}


# -- one request and its answer ----------------------------------------------

sub _exchange {
    my ($self, $method, $path, $option) = @_;

    my $target = PREFIX . $path . _query($option->{query});
    my @head = ("$method $target HTTP/1.1", "Host: $self->{name}",
                'Accept: application/json');
    my $body = '';

    push @head, "Authorization: Bearer $self->{token}" if $self->{token};
    push @head, "Idempotency-Key: $option->{key}" if defined $option->{key};
    push @head, qq(If-Match: "$option->{match}") if defined $option->{match};

    if (defined $option->{body}) {
        $body = $json->encode($option->{body});
        push @head, 'Content-Type: application/json',
            'Content-Length: ' . length $body;
    } elsif ($method ne 'GET') {
        push @head, 'Content-Length: 0';
    }

    $self->{sent} = 0;
    $self->_connect;
    # in one piece, so that no part waits for an acknowledgement
    $self->_write(join("\r\n", @head, '', '') . $body);

    return $self->_answer($method);
}


sub _query {
    my ($query) = @_;
    my @pairs;

    for my $name (sort keys %{ $query // {} }) {
        my $value = $query->{$name};
        utf8::encode($value);
        $value =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ge;
        push @pairs, "$name=$value";
    }

    return @pairs ? '?' . join '&', @pairs : '';
}


sub _answer {
    my ($self, $method) = @_;

    my ($status) = $self->_line =~ m{^HTTP/1\.[01] (\d{3})}
        or die "the server does not speak HTTP\n";
    my %headers;
    while ((my $line = $self->_line) ne '') {
        my ($name, $value) = $line =~ /^([^:\s]+):\s*(.*?)\s*$/ or next;
        $headers{lc $name} = $value;
    }

    my $body = $self->_body($status, \%headers);
    $self->_close if ($headers{connection} // '') =~ /close/i;

    my $envelope = eval { $json->decode($body) };
    $envelope = { message => 'an answer that is not JSON' }
        if ref $envelope ne 'HASH';

    return {
        status => $status, headers => \%headers,
        map { $_ => $envelope->{$_} } qw(data meta message errors)
    };
}


sub _body {
    my ($self, $status, $headers) = @_;

    return '' if $status == 204 || $status == 304;

    if (($headers->{'transfer-encoding'} // '') =~ /chunked/i) {
        my $body = '';
        for (;;) {
            my ($size) = $self->_line =~ /^([0-9a-f]{1,7})/i
                or die "a broken chunk from the server\n";
            $body .= $self->_bytes(hex $size) if hex $size;
            $self->_line;               # ends the chunk, or all of them
            return $body if !hex $size;
        }
    }

    my $length = $headers->{'content-length'};
    return $self->_bytes($length) if defined $length;

    # until the server closes
    1 while eval { $self->_read };
    my $body = $self->{buffer};
    $self->_close;
    return $body;
}


# -- the connection ----------------------------------------------------------

sub _connect {
    my ($self) = @_;

    # a process that forked has its parent's socket
    return if $self->{socket} && $self->{owner} == $$;

    my %where = (PeerHost => $self->{host}, PeerPort => $self->{port},
                 Timeout => $self->{timeout});

    if ($self->{tls}) {
        eval { require IO::Socket::SSL }
            or die "https needs the package libio-socket-ssl-perl\n";
        $self->{socket} = IO::Socket::SSL->new(%where);
    } else {
        $self->{socket} = IO::Socket::IP->new(%where);
    }

    die "no connection to $self->{name}: $@\n" if !$self->{socket};

    setsockopt $self->{socket}, IPPROTO_TCP, TCP_NODELAY, 1;
    $self->{owner} = $$;
    $self->{buffer} = '';
}


sub _close {
    my ($self) = @_;
    close $self->{socket} if $self->{socket} && $self->{owner} == $$;
    delete $self->{socket};
    $self->{buffer} = '';
}


sub _write {
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';

    $self->{sent} = 1;
    for (my $done = 0; $done < length $bytes; ) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $done,
            $done;
        die "the connection to $self->{name} broke\n" if !defined $n;
        $done += $n;
    }
}


sub _read {
    my ($self) = @_;
    my $socket = $self->{socket};

    if (!($self->{tls} && $socket->pending)
        && !IO::Select->new($socket)->can_read($self->{timeout}))
    {
        die "no answer from $self->{name} for $self->{timeout} seconds\n";
    }

    my $n = sysread $socket, $self->{buffer}, 65536, length $self->{buffer};
    die "the connection to $self->{name} broke\n" if !$n;
    die "an answer too large to be true\n"
        if length $self->{buffer} > MAX_BODY;

    return 1;
}


sub _line {
    my ($self) = @_;
    my $end;

    $self->_read while ($end = index $self->{buffer}, "\r\n") < 0;
    my $line = substr $self->{buffer}, 0, $end + 2, '';

    return substr $line, 0, -2;
}


sub _bytes {
    my ($self, $length) = @_;

    $self->_read while length $self->{buffer} < $length;

    return substr $self->{buffer}, 0, $length, '';
}

1;
