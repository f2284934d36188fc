package EHR::Import::Workers;

# A few processes that work on documents side by side.  The parent hands each
# a document when it is idle and gets messages back, one JSON object a line.

use strict;
use warnings;

use IO::Select;
use JSON::PP ();
use POSIX ();
use Socket;

my $json = JSON::PP->new->utf8->canonical;


# count; work: called in a worker as work->(\%job, \$text, $tell), where
# $tell->(\%message) reports to the parent; its result, a hash, is told as
# well; told: called in the parent with each message.
sub new {
    my ($class, %option) = @_;
    my $self = bless { %option, workers => {} }, $class;

    $self->_start for 1 .. $option{count};
    return $self;
}


sub _start {
    my ($self) = @_;

    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "no socket pair: $!\n";
    my $pid = fork // die "no process: $!\n";

    if (!$pid) {
        close $_->{socket} for values %{ $self->{workers} };
        close $ours;
        my $ok = eval { $self->_serve($theirs); 1 };
        eval { _tell($theirs, { stopped => $@ }) } if !$ok;
        POSIX::_exit($ok ? 0 : 1);
    }

    close $theirs;
    $self->{workers}{ fileno $ours } = {
        socket => $ours, pid => $pid, idle => 1, buffer => '',
    };
}


# -- in a worker -------------------------------------------------------------

sub _serve {
    my ($self, $socket) = @_;

    while (defined(my $head = _read($socket, 8))) {
        my ($job_length, $text_length) = unpack 'NN', $head;
        my $job = $json->decode(_read($socket, $job_length));
        my $text = _read($socket, $text_length);

        my $result = $self->{work}->($job, \$text,
                                     sub { _tell($socket, $_[0]) });
        _tell($socket, { %$result, finished => 1 });
    }
}


sub _tell {
    my ($socket, $message) = @_;
    _write($socket, $json->encode($message) . "\n");
}


sub _read {
    my ($socket, $length) = @_;
    my $bytes = '';

    while (length $bytes < $length) {
        my $n = sysread $socket, $bytes, $length - length $bytes,
            length $bytes;
        return undef if !$n;
    }

    return $bytes;
}


sub _write {
    my ($socket, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';
    for (my $done = 0; $done < length $bytes; ) {
        $done += syswrite($socket, $bytes, length($bytes) - $done, $done)
            // die "a worker is gone\n";
    }
}


# -- in the parent -----------------------------------------------------------

# Hands a document to the next idle worker.
sub give {
    my ($self, $job, $text) = @_;
    my $worker;

    $self->_listen
        while !(($worker) = grep { $_->{idle} } values %{ $self->{workers} });

    my $head = $json->encode($job);
    $worker->{idle} = 0;
    _write($worker->{socket}, pack 'NN', length $head, length $$text);
    _write($worker->{socket}, $head);
    _write($worker->{socket}, $$text);
}


# Waits until all are idle.
sub wait_for_all {
    my ($self) = @_;
    $self->_listen while grep { !$_->{idle} } values %{ $self->{workers} };
}


sub _listen {
    my ($self) = @_;
    my $select = IO::Select->new(map { $_->{socket} }
                                 values %{ $self->{workers} });

    for my $socket ($select->can_read(1)) {
        my $worker = $self->{workers}{ fileno $socket };
        sysread $socket, $worker->{buffer}, 65536, length $worker->{buffer}
            or die "a worker ended unexpectedly\n";

        while ($worker->{buffer} =~ s/^(.*)\n//) {
            my $message = $json->decode($1);
            die $message->{stopped} if defined $message->{stopped};
            $worker->{idle} = 1 if $message->{finished};
            $self->{told}->($message);
        }
    }

    $self->{told}->({});        # time passes
}


# Ends the workers: at once when something went wrong.
sub end {
    my ($self, $at_once) = @_;

    for my $worker (values %{ $self->{workers} }) {
        close $worker->{socket};
        kill TERM => $worker->{pid} if $at_once;
        waitpid $worker->{pid}, 0;
    }
    $self->{workers} = {};
}

1;
