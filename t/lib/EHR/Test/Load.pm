package EHR::Test::Load;

# Clients that keep nginx busy while something is broken: several processes
# with several connections each, on nonblocking sockets.  Every request and
# how it ended is recorded; a write that did not get a definite answer is
# repeated with its Idempotency-Key, as a careful client would.
#
#   my $load = EHR::Test::Load->start($env, tokens => [$token, …],
#       patients => [$id, …]);
#   … break something …
#   my $records = $load->stop;          # ends the requests under way, first
#
# Options: processes 2, connections 6 (each process), deadline 20 (seconds a
# request may take), think 0.02 (at most so long between two requests of a
# connection), mix { read => 4, … } (kinds below, by weight), port, login
# ([email, password], for the kind login), local ([addresses] to come from).
#
# A record: {kind} {key} {request} (X-Request-Id) {marker} {account} {patient}
# (positions in tokens and patients) {try} (1, 2 …)
# {status} (0: none) {error} ('', refused, cut: no byte of an answer, torn:
# part of one, hung: nothing within the deadline) {said} (the message)
# {retry_after} {id} (of what was made) {replayed} {fresh} (first request of
# its connection) {began} {ended} (absolute seconds).

use strict;
use warnings;
use EHR::Test::Process qw(top read_file);
use Errno qw(EAGAIN EINPROGRESS EINTR);
use POSIX ();
use Socket qw(:DEFAULT IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

my @fields = qw(kind key request marker account patient try status error said retry_after id
    replayed fresh began ended);
my %default = (processes => 2, connections => 6, deadline => 20,
    think => 0.02, mix => { read => 3, list => 2, write => 5, bare => 1 });
my $loads = 0;

# The heart rate that tells the kind refused from bare: the test makes the
# database refuse it.
our $refused_rate = 199;

sub start {
    my ($class, $env, %option) = @_;
    # set before fork, so that a child never lacks it
    my $self;
    local $SIG{USR1} = sub { $self->{stopping} = 1 };
    $self = bless { %default, port => $env->port, %option,
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
        for my $line (split /\n/, read_file("$self->{file}.$number")) {
            my %record;
            @record{@fields} = split /\t/, $line, -1;
            push @records, \%record;
        }
        unlink "$self->{file}.$number";
    }
    return [sort { $a->{began} <=> $b->{began} } @records];
}

# What the load has recorded so far, by counting lines; for a progress check.
# Children write whole lines at least every half second.
sub count {
    my ($self) = @_;
    my $n = 0;
    $n += read_file("$self->{file}.$_") =~ tr/\n// for 1 .. $self->{processes};
    return $n;
}

# -- in the child -------------------------------------------------------------

sub run {
    my ($self, $number) = @_;
    my $parent = getppid;

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{PIPE} = 'IGNORE';
    srand $number + $$;
    $self->{number} = $number;
    $self->{again} = [];
    $self->{flushed} = time();
    $self->{kinds} = [map { ($_) x $self->{mix}{$_} }
        sort keys %{ $self->{mix} }];
    $self->{address} = pack_sockaddr_in($self->{port},
        inet_aton('127.0.0.1'));
    open $self->{out}, '>', "$self->{file}.$number"
        or die "$self->{file}: $!";

    my @slots = map { { wake => time() + rand $self->{think} } }
        1 .. $self->{connections};
    while (grep({ $_->{request} } @slots) || !$self->{stopping}) {
        die "the test is gone\n" if getppid != $parent;
        $self->turn(\@slots);
    }
    close $self->{out} or die "$self->{file}: $!";
}

# One round: begins what is due, waits for sockets, ends what is late.
sub turn {
    my ($self, $slots) = @_;
    my ($read, $write) = ('', '');
    my $now = time();
    my $wait = 0.5;

    for my $slot (@$slots) {
        if (!$slot->{request}) {
            $self->begin($slot) if $slot->{wake} <= $now && !$self->{stopping};
            $wait = least($wait, $slot->{wake} - $now);
        } elsif ($now - $slot->{request}{began} > $self->{deadline}) {
            $self->finish($slot, error => 'hung');
        }
        next unless $slot->{request};
        vec($read, fileno $slot->{socket}, 1) = 1;
        vec($write, fileno $slot->{socket}, 1) = 1 if length $slot->{output};
    }
    $wait = 0.05 if $self->{stopping};
    return if select($read, $write, undef, $wait > 0 ? $wait : 0) <= 0;

    for my $slot (grep { $_->{request} } @$slots) {
        my $fd = fileno $slot->{socket};
        $self->send($slot) if vec $write, $fd, 1;
        $self->receive($slot) if $slot->{request} && vec $read, $fd, 1;
    }
    if (time() - $self->{flushed} > 0.5) {
        $self->{out}->flush;
        $self->{flushed} = time();
    }
}

sub begin {
    my ($self, $slot) = @_;
    my $request = $self->next_request;

    $request->{try}++;
    $request->{began} = time();
    $slot->{request} = $request;
    close delete $slot->{socket} if $slot->{socket} && ended($slot->{socket});
    $slot->{input} = '';
    $slot->{output} = $request->{bytes};
    $request->{fresh} = $slot->{socket} ? 0 : 1;
    return if $slot->{socket};

    socket my $socket, PF_INET, SOCK_STREAM, IPPROTO_TCP or die "socket: $!";
    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    my $local = $self->{local};
    bind $socket, pack_sockaddr_in(0, inet_aton($local->[rand @$local]))
        or die "bind: $!" if $local;
    $slot->{socket} = $socket;
    $socket->blocking(0);
    connect $socket, $self->{address} or $! == EINPROGRESS
        or $self->finish($slot, error => 'refused');
}

# Whether the server has closed a connection since its last answer.
sub ended {
    my $read = '';
    vec($read, fileno $_[0], 1) = 1;
    return select($read, undef, undef, 0) > 0;
}

sub send {
    my ($self, $slot) = @_;
    my $n = syswrite $slot->{socket}, $slot->{output};

    if (defined $n) {
        substr $slot->{output}, 0, $n, '';
    } elsif ($! != EAGAIN && $! != EINTR) {
        # an answer may be there all the same: receive() tells
        $slot->{output} = '';
        $slot->{refused} = 1 if $!{ECONNREFUSED};
    }
}

sub receive {
    my ($self, $slot) = @_;
    my $n = sysread $slot->{socket}, $slot->{input}, 65536,
        length $slot->{input};

    return if !defined $n && ($! == EAGAIN || $! == EINTR);
    if ($n) {
        my %answer = parse($slot->{input});
        $self->finish($slot, %answer) if $answer{status};
        return;
    }
    my $refused = !defined $n && $!{ECONNREFUSED} || delete $slot->{refused};
    $self->finish($slot, error => $refused ? 'refused'
        : length $slot->{input} ? 'torn' : 'cut');
}

# The parts of a whole answer that are recorded; nothing if it is not whole.
sub parse {
    my ($head, $body) = split /\r\n\r\n/, $_[0], 2;
    return unless defined $body;
    my ($status) = $head =~ m{\AHTTP/1\.1 (\d{3})} or return;
    if (my ($length) = $head =~ /^content-length: (\d+)/mi) {
        return if length $body < $length;
    } else {
        return unless $body =~ /(?:\A|\r\n)0\r\n\r\n\z/;
    }
    my %answer = (status => $status);
    ($answer{retry_after}) = $head =~ /^retry-after: (\d+)/mi;
    ($answer{id}) = $head =~ m{^location: \S*/([0-9a-f-]{36})\r}mi
        if $status == 201;
    $answer{replayed} = 1 if $head =~ /^idempotency-replayed:/mi;
    ($answer{said}) = $body =~ /"message":"([^"]*)"/ if $status >= 400;
    $answer{close} = 1 if $head =~ /^connection: close/mi;
    return %answer;
}

sub finish {
    my ($self, $slot, %end) = @_;
    my $request = delete $slot->{request};
    my %record = (%$request, status => 0, %end, ended => time());

    print { $self->{out} } join("\t",
        map { defined $record{$_} ? $record{$_} : '' } @fields), "\n";
    if ($end{error} || $end{close}) {
        close delete $slot->{socket};
    }
    $slot->{wake} = time() + ($end{error} ? 0.02 : rand $self->{think});
    push @{ $self->{again} }, [time() + 0.05 + rand 0.5, $request]
        if $request->{key} && unsettled(\%record);
}

# Whether a write with a key is worth repeating: nobody knows that it is done.
sub unsettled {
    my ($record) = @_;
    return !$record->{status} || $record->{status} == 503
        || ($record->{status} == 409 && $record->{try} > 1);
}

sub next_request {
    my ($self) = @_;
    my $again = $self->{again};

    return (shift @$again)->[1] if @$again && $again->[0][0] <= time();
    my $kind = $self->{kinds}[rand @{ $self->{kinds} }];
    my $request = "$self->{name}-$self->{number}-" . ++$self->{serial};
    my %request = (kind => $kind, request => $request);
    my $collection = '/api/v1/patients/';

    if ($self->{patients}) {
        $request{patient} = int rand @{ $self->{patients} };
        $collection .= $self->{patients}[$request{patient}];
    }
    $request{account} = int rand @{ $self->{tokens} } if $self->{tokens};
    if ($kind eq 'read') {
        $request{bytes} = $self->compose(\%request, GET => $collection);
    } elsif ($kind eq 'list') {
        $request{bytes} = $self->compose(\%request, GET =>
            "$collection/vitals?limit=3");
    } elsif ($kind eq 'login') {
        $request{bytes} = $self->compose(\%request,
            POST => '/api/v1/auth/login', sprintf '{"email":"%s","password":'
                . '"%s"}', @{ $self->{login} });
    } elsif ($kind eq 'plain') {
        $request{bytes} = $self->compose(\%request, GET => '/plain');
    } else {
        $request{marker} = $request;
        $request{key} = $request if $kind eq 'write';
        my $body = vitals($request);
        $body =~ s/72/$refused_rate/ if $kind eq 'refused';
        $request{bytes} = $self->compose(\%request,
            POST => "$collection/vitals", $body);
    }
    return \%request;
}

# The body of a write, which its marker tells again in the database.
sub vitals { return qq({"heartRate":72,"temperature":37.1,"notes":"$_[0]"}) }

sub compose {
    my ($self, $request, $method, $path, $body) = @_;
    my $head = "$method $path HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        . "X-Request-Id: $request->{request}\r\n";

    $head .= "Authorization: Bearer $self->{tokens}[$request->{account}]\r\n"
        if defined $request->{account};
    $head .= "Idempotency-Key: $request->{key}\r\n" if $request->{key};
    $head .= "Content-Type: application/json\r\nContent-Length: "
        . length($body) . "\r\n" if defined $body;
    return "$head\r\n" . (defined $body ? $body : '');
}

sub least { return $_[0] < $_[1] ? $_[0] : $_[1] }

1;
