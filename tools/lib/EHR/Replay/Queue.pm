package EHR::Replay::Queue;

# Requests to the HTTP API, many under way at once, each sent until it gets a
# definite answer: what is under load, cut or hung is sent again with its
# Idempotency-Key.
#
#   my $queue = EHR::Replay::Queue->new(crowd => …, token => …);
#   $queue->run(
#       next => sub { … },                  # a request, or undef: none now
#       done => sub { my ($request, $answer, $told) = @_; … });
#   $queue->later($request);                # from done(): ask this as well
#   $queue->latencies($name), ->seconds, ->repeated
#
# A request is EHR::Crowd's, with body as a hash, and `name`, by which
# latencies are kept.  An answer is EHR::Crowd's, $told its decoded body; began
# is when it was first sent.  run() ends when next() has nothing while nothing
# is under way.

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes qw(time);

use constant TRIES => 20;               # of one that got no definite answer

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %option) = @_;
    return bless { %option, again => [], latencies => {}, under_way => 0,
        repeated => 0 }, $class;
}


# Seconds from the first request to the last answer.
sub seconds { return $_[0]{seconds} }

# Requests that got no definite answer and were sent again.
sub repeated { return $_[0]{repeated} }

# Seconds of each that got an answer at once; of all names by default.
sub latencies {
    my ($self, @names) = @_;
    @names = sort keys %{ $self->{latencies} } if !@names;
    return map { @{ $self->{latencies}{$_} || [] } } @names;
}


sub run {
    my ($self, %call) = @_;
    my $began = time;
    my $last = $began;

    $self->{crowd}->run(
        next => sub {
            my $request = $self->_due || $call{next}->();
            if ($request) {
                $self->{under_way}++;
                return $self->_ready($request);
            }
            # what is under way may have to be asked again, or be followed
            return $self->{under_way} || @{ $self->{again} } ? 0.02 : undef;
        },
        done => sub {
            my ($client, $request, $answer) = @_;
            $self->{under_way}--;
            $last = $answer->{ended};
            $self->_told($request, $answer, $call{done});
        });
    $self->{seconds} = $last - $began;
}


sub later {
    my ($self, $request) = @_;
    push @{ $self->{again} }, [0, $request];
}


# A request that waited for its time.
sub _due {
    my ($self) = @_;
    my $again = $self->{again};
    my ($at) = grep { $again->[$_][0] <= time } 0 .. $#$again or return undef;
    return (splice @$again, $at, 1)->[1];
}


sub _ready {
    my ($self, $request) = @_;
    $request->{token} //= $self->{token};
    $request->{body} = $json->encode($request->{body})
        if ref $request->{body};
    return $request;
}


sub _told {
    my ($self, $request, $answer, $done) = @_;
    my $status = $answer->{status};

    $request->{began} //= $answer->{began};
    if (!$status || $status == 503 || $status == 429) {
        die "no definite answer in " . TRIES . " tries: $status "
            . "$answer->{error}$answer->{body}\n"
            if ++$request->{tries} == TRIES;
        $self->{repeated}++;
        push @{ $self->{again} }, [time + 0.2, $request];
        return;
    }
    push @{ $self->{latencies}{ $request->{name} } },
        $answer->{ended} - $answer->{began} if !$request->{tries};
    $answer->{began} = $request->{began};
    $done->($request, $answer, $json->decode($answer->{body}));
}

1;
