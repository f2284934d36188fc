package EHR::Replay::Bookings;

# Books the rows in their order, many under way at once, and keeps what became
# of each.
#
#   my $bookings = EHR::Replay::Bookings->new(crowd => …, token => …,
#       rule => …, hospital => …);
#   $bookings->book($progress, @rows);
#   $bookings->asked                    # a list of hashes, below
#   $bookings->seconds, ->latencies     # of all that got an answer at once
#
# One that was asked for: row (AppointmentID), patient, doctor (ids), start,
# minutes, when (began, ended), and how it ended: status; id of the appointment (201), or errors
# (field => message; 409, 422) and `alternative`, true of what a 409 offered
# and was asked for then.

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes qw(time);

use constant TRIES => 20;               # of one that got no definite answer

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %option) = @_;
    return bless { %option, asked => [], latencies => [], again => [] },
        $class;
}


sub asked { return @{ $_[0]{asked} } }
sub latencies { return @{ $_[0]{latencies} } }
sub seconds { return $_[0]{seconds} }

# Requests that got no definite answer and were sent again.
sub repeated { return $_[0]{repeated} // 0 }


sub book {
    my ($self, $progress, @rows) = @_;
    my $began = time;
    my ($last, $under_way) = (0, 0);

    $self->{crowd}->run(
        next => sub {
            if (my $request = $self->_due) {
                $under_way++;
                return $request;
            }
            while (my $row = shift @rows) {
                my $request = $self->_request($row);
                if ($request) {
                    $under_way++;
                    return $request;
                }
                $progress->add(1, 1);
            }
            # what is under way may have to be asked again
            return $under_way || @{ $self->{again} } ? 0.02 : undef;
        },
        done => sub {
            my ($client, $request, $answer) = @_;
            $under_way--;
            $last = $answer->{ended};
            $progress->add($self->_told($request, $answer), 1);
        });
    $self->{seconds} = $last - $began;
}


# A request that waited for its time.
sub _due {
    my ($self) = @_;
    my $again = $self->{again};
    return undef if !@$again || $again->[0][0] > time;
    return (shift @$again)->[1];
}


sub _request {
    my ($self, $row) = @_;
    my $wish = $self->{rule}->wish($row);
    my $hospital = $self->{hospital};
    my $patient = $hospital->patient($row->{patient});

    if (!defined $patient) {
        push @{ $self->{asked} }, { row => $row->{id}, status => 422,
            errors => $hospital->refused($row->{patient}) };
        return undef;
    }
    my %asked = (row => $row->{id}, patient => $patient,
        doctor => $hospital->doctor(@$wish{qw(clinic doctor)}),
        start => $wish->{start}, minutes => $wish->{minutes});

    return $self->_post(\%asked, "replay-$row->{id}", $wish->{type});
}


sub _post {
    my ($self, $asked, $key, $type) = @_;

    return { method => 'POST', path => '/appointments', tries => 0,
        token => $self->{token}, key => $key, asked => $asked,
        type => $type, body => $json->encode({
            patientId => $asked->{patient}, doctorId => $asked->{doctor},
            start => $asked->{start}, type => $type,
            durationMinutes => $asked->{minutes} }) };
}


# Notes an answer; 1 when the row is settled by it.
sub _told {
    my ($self, $request, $answer) = @_;
    my $asked = $request->{asked};
    my $status = $answer->{status};

    $request->{began} //= $answer->{began};

    if (!$status || $status == 503 || $status == 429) {
        die "no definite answer in " . TRIES . " tries: $status "
            . "$answer->{error}$answer->{body}\n"
            if ++$request->{tries} == TRIES;
        $self->{repeated}++;
        push @{ $self->{again} }, [time + 0.2, $request];
        return 0;
    }
    push @{ $self->{latencies} }, $answer->{ended} - $answer->{began}
        if !$request->{tries};

    my $told = $json->decode($answer->{body});
    push @{ $self->{asked} }, { %$asked, status => $status,
        began => $request->{began}, ended => $answer->{ended},
        ($status == 201 ? (id => $told->{data}{id})
            : (errors => $told->{errors} || {})) };
    return 1 if $status != 409 || $asked->{alternative};

    my $offer = $told->{data}{alternatives}[0] or return 1;
    push @{ $self->{again} }, [0, $self->_post({ %$asked, alternative => 1,
        doctor => $offer->{doctorId}, start => $offer->{start} },
        "$request->{key}-2", $request->{type})];
    return 0;
}

1;
