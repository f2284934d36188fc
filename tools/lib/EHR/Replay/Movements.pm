package EHR::Replay::Movements;

# Asks for the acts of EHR::Replay::Stays and keeps what became of each.
#
#   my $movements = EHR::Replay::Movements->new(queue => …, stays => …,
#       wards => …);
#   $movements->move($progress);
#   $movements->asked                   # a list of hashes, below
#
# A patient's acts happen in their order, and so do those of a ward; others
# may be under way at the same time.  A bed that was left is cleaned before the
# next act of its ward.  An admission of which an act is refused is cancelled
# as entered in error, and the rest of it is not asked for.
#
# One that was asked for: name (admit, transfer, order, discharge, clean,
# cancel), stay (row of the file), admission (of Stays), request (its
# X-Request-Id), id (of the admission; undef when it was not admitted), bed
# (where the patient lies then, or the bed that is cleaned), status, and for a
# refusal rule and errors (field => message).

use strict;
use warnings;

use POSIX ();

my %needs_no_order = map { $_ => 1 } qw(DECEASED AGAINST_ADVICE);


sub new {
    my ($class, %option) = @_;
    return bless { %option, asked => [], lines => {}, ready => [], state => {}
        }, $class;
}


sub asked { return @{ $_[0]{asked} } }


sub move {
    my ($self, $progress) = @_;

    $self->_line_up($_) for $self->{stays}->acts;
    $self->_call($_) for $self->{stays}->acts;
    $self->{queue}->run(
        next => sub {
            while (my $act = shift @{ $self->{ready} }) {
                my $request = $self->_first($act);
                return $request if $request;
                $self->_end($act);
                $progress->add(1, 1);
            }
            return undef;
        },
        done => sub { $progress->add($self->_told(@_), 1) });
}


# -- whose turn it is ---------------------------------------------------------

sub _line_up {
    my ($self, $act) = @_;
    my %names = map { $_ => 1 } "patient $act->{admission}{patient}",
        map { "ward $_" } grep { defined } @$act{qw(from to)};

    $act->{lines} = [map { $self->{lines}{$_} //= [] } sort keys %names];
    push @$_, $act for @{ $act->{lines} };
}


# Lets an act begin that is the first in all its lines.
sub _call {
    my ($self, $act) = @_;

    return if $act->{called} || grep { $_->[0] != $act } @{ $act->{lines} };
    $act->{called} = 1;
    push @{ $self->{ready} }, $act;
}


sub _end {
    my ($self, $act) = @_;

    shift @$_ for @{ $act->{lines} };
    $self->_call($_) for map { $_->[0] // () } @{ $act->{lines} };
}


# -- the requests of an act ---------------------------------------------------

# undef when the admission has come to its end before.
sub _first {
    my ($self, $act) = @_;
    my $state = $self->{state}{ $act->{admission}{id} } //= {};

    return undef if $state->{over};
    return $self->_admit($act) if $act->{kind} eq 'admit';
    return $self->_transfer($act) if $act->{kind} eq 'transfer';
    return $needs_no_order{ $act->{admission}{disposition} }
        ? $self->_discharge($act) : $self->_order($act);
}


sub _admit {
    my ($self, $act) = @_;
    my $admission = $act->{admission};
    my $doctor = $self->{wards}->doctor($admission->{doctor});

    return $self->_post($act, 'admit', '/admissions', {
        patientId => $self->{wards}->patient($admission->{patient}),
        wardId => $self->{wards}->ward($act->{to}),
        type => $admission->{type}, admittedAt => time_of($act->{at}),
        defined $doctor ? (admittingDoctorId => $doctor) : () });
}


sub _transfer {
    my ($self, $act) = @_;
    return $self->_step($act, 'transfer', 'transfer', {
        wardId => $self->{wards}->ward($act->{to}),
        at => time_of($act->{at}) });
}


sub _order {
    my ($self, $act) = @_;
    return $self->_step($act, 'order', 'discharge', { step => 'ORDERED',
        at => time_of($act->{admission}{ordered}) });
}


sub _discharge {
    my ($self, $act) = @_;
    return $self->_step($act, 'discharge', 'discharge', { step => 'DONE',
        disposition => $act->{admission}{disposition},
        at => time_of($act->{at}) });
}


sub _cancel {
    my ($self, $act) = @_;
    return $self->_step($act, 'cancel', 'cancel',
        { reason => 'Entered in error' });
}


sub _clean {
    my ($self, $act, $bed) = @_;
    return $self->_post($act, 'clean', "/beds/$bed/status",
        { status => 'AVAILABLE' }, bed => $bed);
}


# One that is asked of the admission.
sub _step {
    my ($self, $act, $name, $verb, $body) = @_;
    my $id = $self->{state}{ $act->{admission}{id} }{id};
    return $self->_post($act, $name, "/admissions/$id/$verb", $body);
}


sub _post {
    my ($self, $act, $name, $path, $body, %more) = @_;
    my $stay = $act->{admission}{stays}[ $act->{number} ]{id};
    my $key = "replay-$name-$stay" . ($act->{kind} eq 'discharge' && '-end');

    return { method => 'POST', path => $path, name => $name, act => $act,
        stay => $stay, key => $key, request => $key, body => $body, %more };
}


sub time_of {
    return POSIX::strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]);
}


# -- what became of them ------------------------------------------------------

# Notes an answer and asks for what follows; 1 when the act has ended by it.
sub _told {
    my ($self, $request, $answer, $told) = @_;
    my $act = $request->{act};
    my $state = $self->{state}{ $act->{admission}{id} };
    my $well = $answer->{status} =~ /\A2/;
    my $left = $state->{bed};
    my $data = ref $told->{data} eq 'HASH' ? $told->{data} : {};

    $state->{id} //= $data->{id} if $request->{name} eq 'admit' && $well;
    $state->{bed} = $data->{bedId} if $well && $request->{name} ne 'clean';
    push @{ $self->{asked} }, {
        map({ $_ => $request->{$_} } qw(name stay request)),
        admission => $act->{admission}, id => $state->{id},
        bed => $request->{bed} // $state->{bed},
        status => $answer->{status}, $well ? () : (rule => $data->{rule},
            errors => $told->{errors} || { '' => $told->{message} }) };

    my $next = $well ? $self->_after($request, $left)
        : $self->_refused($request, $state);
    if ($next) {
        $self->{queue}->later($next);
        return 0;
    }
    $self->_end($act);
    return 1;
}


sub _after {
    my ($self, $request, $left) = @_;
    my ($act, $name) = @$request{qw(act name)};

    return $name eq 'order' ? $self->_discharge($act)
        : $name =~ /\A(?:transfer|discharge|cancel)\z/
        ? $self->_clean($act, $left) : undef;
}


sub _refused {
    my ($self, $request, $state) = @_;
    my $act = $request->{act};

    die "$request->{path}: the replay's own act was refused: "
        . join(' ', %{ $self->{asked}[-1]{errors} }) . "\n"
        if $request->{name} =~ /\A(?:clean|cancel)\z/;
    $state->{over} = 1;
    return $state->{id} ? $self->_cancel($act) : undef;
}

1;
