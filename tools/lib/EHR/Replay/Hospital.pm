package EHR::Replay::Hospital;

# What the appointments are booked at: a clinic for each neighbourhood, its
# doctors and their weekly schedules, and the patients; made through the API.
#
#   my $hospital = EHR::Replay::Hospital->new(crowd => …, token => …,
#       rule => …);
#   $hospital->set_up(@clinics);
#   $hospital->admit($progress, @rows);     # patients, at their first row
#   $hospital->doctor($clinic, $number), ->patient($id), ->refused($id)

use strict;
use warnings;
use utf8;

use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %option) = @_;
    return bless { %option, doctors => {}, patients => {}, refused => {} },
        $class;
}


sub doctor { return $_[0]{doctors}{$_[1]}[$_[2]] }
sub patient { return $_[0]{patients}{$_[1]} }

# What the API said instead of making the patient: field => message
sub refused { return $_[0]{refused}{$_[1]} }


sub set_up {
    my ($self, @clinics) = @_;
    my $rule = $self->{rule};
    my ($hospital) = $self->_make({ path => '/hospitals',
        name => 'Vitória' });
    my (%clinic, @doctors);

    @clinic{@clinics} = $self->_make(map { { path => '/clinics', name => $_,
        hospitalId => $hospital, timeZone => $rule->ZONE } } @clinics);

    for my $name (@clinics) {
        push @doctors, map { [$name, $_] } 0 .. $rule->clinics->{$name} - 1;
    }
    my @ids = $self->_make(map { { path => '/doctors',
        firstName => "Number $_->[1]", lastName => $_->[0],
        licenseNumber => "$_->[0] $_->[1]",
        clinicIds => [$clinic{ $_->[0] }] } } @doctors);
    $self->{doctors}{ $doctors[$_][0] }[ $doctors[$_][1] ] = $ids[$_]
        for 0 .. $#ids;

    $self->_make(map { my $i = $_; map { {
        path => "/doctors/$ids[$i]/schedules",
        clinicId => $clinic{ $doctors[$i][0] }, dayOfWeek => $_,
        startTime => _time($rule->OPENS), endTime => _time($rule->CLOSES),
        slotMinutes => $rule->SLOT, capacity => 1,
        validFrom => $rule->first_day } } $rule->WEEKDAYS } 0 .. $#ids);
}


sub _time { return sprintf '%02d:%02d', $_[0] / 60, $_[0] % 60 }


# Posts all; their ids in the same order.  Dies if one is refused.
sub _make {
    my ($self, @records) = @_;
    my ($next, @ids) = (0);

    $self->{crowd}->run(
        next => sub {
            return undef if $next > $#records;
            my %body = %{ $records[$next] };
            my $path = delete $body{path};
            return { method => 'POST', path => $path, number => $next++,
                token => $self->{token}, body => $json->encode(\%body) };
        },
        done => sub {
            my ($client, $request, $answer) = @_;
            die "$request->{path}: $answer->{status} $answer->{error}"
                . "$answer->{body}\n" if $answer->{status} != 201;
            $ids[ $request->{number} ] = $json->decode($answer->{body})
                ->{data}{id};
        });

    return @ids;
}


# The patients of these rows.  One the API refuses is known afterwards to
# refused().
sub admit {
    my ($self, $progress, @rows) = @_;
    my %seen = %{ $self->{patients} };
    my @first = grep { !$seen{ $_->{patient} }++ } @rows;

    $self->{crowd}->run(
        next => sub {
            my $row = shift @first or return undef;
            return { method => 'POST', path => '/patients',
                token => $self->{token}, patient => $row->{patient},
                body => $json->encode($self->{rule}->patient($row)) };
        },
        done => sub {
            my ($client, $request, $answer) = @_;
            my $told = eval { $json->decode($answer->{body}) } || {};
            my $patient = $request->{patient};
            $progress->add(1, 1);
            if ($answer->{status} == 201) {
                $self->{patients}{$patient} = $told->{data}{id};
            } elsif ($answer->{status} == 422) {
                $self->{refused}{$patient} = $told->{errors};
            } else {
                die "/patients: $answer->{status} $answer->{error}"
                    . "$answer->{body}\n";
            }
        });
}

1;
