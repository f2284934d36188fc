package EHR::Replay::Bookings;

# Books the rows in their order, many under way at once, and keeps what became
# of each.
#
#   my $bookings = EHR::Replay::Bookings->new(queue => …, rule => …,
#       hospital => …);
#   $bookings->book($progress, @rows);
#   $bookings->asked                    # a list of hashes, below
#
# One that was asked for: row (AppointmentID), patient, doctor (ids), start,
# minutes, when (began, ended), and how it ended: status; id of the appointment
# (201), or errors (field => message; 409, 422) and `alternative`, true of what
# a 409 offered and was asked for then.

use strict;
use warnings;


sub new {
    my ($class, %option) = @_;
    return bless { %option, asked => [] }, $class;
}


sub asked { return @{ $_[0]{asked} } }


sub book {
    my ($self, $progress, @rows) = @_;

    $self->{queue}->run(
        next => sub {
            while (my $row = shift @rows) {
                my $request = $self->_request($row);
                return $request if $request;
                $progress->add(1, 1);
            }
            return undef;
        },
        done => sub { $progress->add($self->_told(@_), 1) });
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

    return { method => 'POST', path => '/appointments', name => 'book',
        key => $key, asked => $asked, type => $type, body => {
            patientId => $asked->{patient}, doctorId => $asked->{doctor},
            start => $asked->{start}, type => $type,
            durationMinutes => $asked->{minutes} } };
}


# Notes an answer; 1 when the row is settled by it.
sub _told {
    my ($self, $request, $answer, $told) = @_;
    my $asked = $request->{asked};
    my $status = $answer->{status};

    push @{ $self->{asked} }, { %$asked, status => $status,
        began => $answer->{began}, ended => $answer->{ended},
        ($status == 201 ? (id => $told->{data}{id})
            : (errors => $told->{errors} || {})) };
    return 1 if $status != 409 || $asked->{alternative};

    my $offer = $told->{data}{alternatives}[0] or return 1;
    $self->{queue}->later($self->_post({ %$asked, alternative => 1,
        doctor => $offer->{doctorId}, start => $offer->{start} },
        "$request->{key}-2", $request->{type}));
    return 0;
}

1;
