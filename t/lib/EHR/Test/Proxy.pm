package EHR::Test::Proxy;

# Stands between clients and PostgreSQL and breaks what goes through it.
#
#   my $proxy = EHR::Test::Proxy->start($env);
#   $proxy->conninfo('ehr_app')         # for a directive: through the proxy
#   $proxy->set(delay => 0.05);         # each piece, both ways
#   $proxy->set(hold => 'requests');    # or answers, both, '': keeps them back
#   $proxy->set(cut => 'sync', share => 0.1);   # see below
#   $proxy->set();                      # all as it should be
#   $proxy->break;                      # closes every connection, now
#   $proxy->count->{cuts}, {held}, {syncs}, {connections}
#
# It reads the protocol as far as the lengths of messages.  A connection is cut
# at a Sync, with the probability `share`, and (only => regular expression) if
# what was sent since the Sync before matches:
#
#   sync      both ends are closed as soon as the Sync is with the server: it
#             may notice before, in or after its commit
#   answer    the server's answer is read to its end and thrown away: what was
#             asked for is done, and nobody is told
#   middle    the client gets the first half of the answer
#
# What is held is sent on later; bytes keep their order in any case.

use strict;
use warnings;
use Errno qw(EAGAIN EINTR);
use IO::Handle;
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP;
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM PF_UNSPEC);
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;

sub start {
    my ($class, $env) = @_;
    my $self = bless { to => $env->socket . '/.s.PGSQL.5432', owner => $$ },
        $class;
    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 512,
        LocalPort => 0, Proto => 'tcp') or die "proxy: $!";

    socketpair my $mine, my $its, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "proxy: $!";
    $self->{port} = $listen->sockport;
    $self->{pid} = fork;
    die "fork: $!" unless defined $self->{pid};
    if (!$self->{pid}) {
        close $mine;
        my $done = eval { $self->serve($listen, $its); 1 };
        print STDERR "proxy: $@" unless $done;
        POSIX::_exit($done ? 0 : 1);
    }
    $self->{control} = $mine;
    $mine->autoflush(1);
    return $self;
}

sub port { $_[0]{port} }

sub conninfo {
    my ($self, $user) = @_;
    return "host=127.0.0.1 port=$self->{port} sslmode=disable"
        . " gssencmode=disable dbname=ehr user=$user";
}

sub set {
    my ($self, %rule) = @_;
    return $self->tell({ rule => \%rule });
}

sub break { return $_[0]->tell({ break => 1 }) }
sub count { return $_[0]->tell({}) }

# Says something to the process and gets its counts.
sub tell {
    my ($self, $words) = @_;
    my $control = $self->{control};
    print $control $json->encode($words), "\n";
    my $line = <$control>;
    die "the proxy is gone\n" unless defined $line;
    return $json->decode($line);
}

sub stop {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;
    return if $self->{owner} != $$;
    # others that were forked have this end of the control socket, too; at the
    # very end of the process there is no $json any more
    my $control = $self->{control};
    print $control qq({"stop":1}\n);
    waitpid $pid, 0;
}

sub DESTROY {
    local ($?, $@);
    $_[0]->stop;
}

# -- in the process -----------------------------------------------------------

# A link is a client's connection and the one to the server for it.  Each end:
# {socket}, {input} not yet understood, {queue} of [due, bytes] for it,
# {output} on its way.

sub serve {
    my ($self, $listen, $control) = @_;
    my $parent = getppid;

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{PIPE} = 'IGNORE';
    @$self{qw(rule links count listen)} = ({}, {},
        { cuts => 0, syncs => 0, connections => 0, held => 0 }, $listen);
    $listen->blocking(0);
    $control->autoflush(1);
    while (getppid == $parent) {
        my ($read, $write, $wait) = $self->interests;
        vec($read, fileno $_, 1) = 1 for $listen, $control;
        my $n = select $read, $write, undef, $wait;
        next if $n < 0;
        if (vec $read, fileno $control, 1) {
            my $line = <$control>;
            my $words = defined $line ? $json->decode($line) : { stop => 1 };
            return if $words->{stop};
            $self->obey($control, $words);
        }
        $self->accept if vec $read, fileno $listen, 1;
        $self->turn($_, $read, $write) for values %{ $self->{links} };
    }
}

sub interests {
    my ($self) = @_;
    my ($read, $write, $wait) = ('', '', 1);
    my $now = time();

    for my $link (values %{ $self->{links} }) {
        for my $side (qw(client server)) {
            my $end = $link->{$side} or next;
            my $fd = fileno $end->{socket};
            vec($read, $fd, 1) = 1 unless $end->{closed};
            vec($write, $fd, 1) = 1 if length $end->{output};
            my $next = $self->is_held($side) ? undef : $end->{queue}[0];
            next unless $next && !length $end->{output};
            my $left = $next->[0] - $now;
            $wait = $left > 0 ? $left : 0 if $left < $wait;
        }
    }
    return ($read, $write, $wait);
}

# Whether what is on its way to this side is kept back.
sub is_held {
    my ($self, $side) = @_;
    my $hold = $self->{rule}{hold} or return 0;
    return $hold eq 'both'
        || $hold eq ($side eq 'server' ? 'requests' : 'answers');
}

sub obey {
    my ($self, $control, $words) = @_;

    $self->{rule} = $words->{rule} if $words->{rule};
    $self->end($_) for $words->{break} ? values %{ $self->{links} } : ();
    my $held = grep { my $link = $_; grep {
        $link->{$_} && $self->is_held($_) && @{ $link->{$_}{queue} }
    } qw(client server) } values %{ $self->{links} };
    print $control $json->encode({ %{ $self->{count} }, held => $held }), "\n";
}

sub accept {
    my ($self) = @_;

    while (my $client = $self->{listen}->accept) {
        my $server = IO::Socket::UNIX->new(Peer => $self->{to});
        next unless $server;            # it is away: closed at once
        $_->blocking(0) for $client, $server;
        my $number = ++$self->{count}{connections};
        $self->{links}{$number} = { number => $number, since => '',
            map { $_->[0] => { socket => $_->[1], input => '', output => '',
                queue => [] } } [client => $client], [server => $server] };
    }
}

sub end {
    my ($self, $link) = @_;
    close $_->{socket} for grep { $_ } @$link{qw(client server)};
    delete $self->{links}{ $link->{number} };
}

sub turn {
    my ($self, $link, $read, $write) = @_;

    for my $side (qw(client server)) {
        my $end = $link->{$side} or next;
        my $fd = fileno $end->{socket};
        defined $fd or return;
        $self->receive($link, $side) or return if vec $read, $fd, 1;
    }
    for my $side (qw(client server)) {
        $self->send($link, $side) or return if $link->{$side};
    }
}

# False when the link is gone.
sub receive {
    my ($self, $link, $side) = @_;
    my $end = $link->{$side};
    my $n = sysread $end->{socket}, my $bytes, 65536;

    return 1 if !defined $n && ($! == EAGAIN || $! == EINTR);
    if (!$n) {
        $end->{closed} = 1;
        # what was on its way arrives before the end does
        return 1 if $side eq 'server' && waiting($link->{client});
        $self->end($link);
        return 0;
    }
    return $side eq 'client' ? $self->from_client($link, $bytes)
        : $self->from_server($link, $bytes);
}

sub waiting {
    my ($end) = @_;
    return $end && (length $end->{output} || @{ $end->{queue} });
}

# Splits into messages, so that a Sync is known.
sub from_client {
    my ($self, $link, $bytes) = @_;
    my $end = $link->{client};

    $end->{input} .= $bytes;
    while (1) {
        my $skip = $link->{begun} ? 1 : 0;
        last if length $end->{input} < $skip + 4;
        my $size = $skip + unpack 'N', substr $end->{input}, $skip, 4;
        last if length $end->{input} < $size;
        my $message = substr $end->{input}, 0, $size, '';

        $self->pass($link, 'server', $message);
        if (!$link->{begun}) {
            my $code = unpack 'N', substr $message, 4, 4;
            $link->{begun} = $link->{unanswered} = 1 if $code >> 16 == 3;
        } elsif ($message =~ /\A[SQ]/) {
            $self->{count}{syncs}++;
            $link->{unanswered}++;
            $link->{cut} ||= $self->cut_of($link);
            $link->{since} = '';
            last if $link->{cut};       # nothing of what follows
        } else {
            $link->{since} .= $message;
        }
    }
    return 1;
}

# How the connection is to be cut at this Sync, or ''.
sub cut_of {
    my ($self, $link) = @_;
    my $rule = $self->{rule};

    return '' unless $rule->{cut};
    return '' if defined $rule->{only} && $link->{since} !~ /$rule->{only}/;
    return '' if defined $rule->{share} && rand() >= $rule->{share};
    $self->{count}{cuts}++;
    return ref $rule->{cut} ? $rule->{cut}[rand @{ $rule->{cut} }]
        : $rule->{cut};
}

# Passes on whole messages up to the answer to the Sync that was cut.
sub from_server {
    my ($self, $link, $bytes) = @_;
    my $end = $link->{server};
    my $told = '';

    $end->{input} .= $bytes;
    while (length $end->{input} >= 5) {
        my $size = 1 + unpack 'N', substr $end->{input}, 1, 4;
        last if length $end->{input} < $size;
        my $message = substr $end->{input}, 0, $size, '';
        my $own = $link->{cut} && $link->{unanswered} == 1;

        $link->{unanswered}-- if substr($message, 0, 1) eq 'Z';
        $own ? ($link->{answer} .= $message) : ($told .= $message);
    }
    $self->pass($link, 'client', $told) if length $told;
    return 1 if !$link->{cut} || $link->{unanswered};

    # half of the answer, if any, is the last that the client gets
    $self->pass($link, 'client', substr $link->{answer}, 0,
        length($link->{answer}) / 2) if $link->{cut} eq 'middle';
    $end->{closed} = 1;
    return 1;
}

sub pass {
    my ($self, $link, $side, $bytes) = @_;
    push @{ $link->{$side}{queue} },
        [time() + ($self->{rule}{delay} || 0), $bytes];
}

# Sends what is due; false when the link is gone.
sub send {
    my ($self, $link, $side) = @_;
    my $end = $link->{$side};
    my $queue = $end->{queue};

    if (!$self->is_held($side)) {
        $end->{output} .= (shift @$queue)->[1]
            while @$queue && $queue->[0][0] <= time();
    }
    if (length $end->{output}) {
        my $n = syswrite $end->{socket}, $end->{output};
        if (defined $n) {
            substr $end->{output}, 0, $n, '';
        } elsif ($! != EAGAIN && $! != EINTR) {
            $self->end($link);
            return 0;
        }
    }
    return 1 if waiting($end);
    # the Sync is with the server, or the server's last word with the client
    if ($side eq 'server' && ($link->{cut} || '') eq 'sync'
        || $side eq 'client' && $link->{server}{closed})
    {
        $self->end($link);
        return 0;
    }
    return 1;
}

1;
