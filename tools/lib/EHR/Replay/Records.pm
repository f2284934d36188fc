package EHR::Replay::Records;

# Records that a replay needs before it begins, made through the API.
#
#   my $records = EHR::Replay::Records->new(crowd => …, token => …);
#   my @ids = $records->make({ path => '/wards', name => … }, …);
#   $records->make_patients($progress, [$key, \%patient], …);
#   $records->patient($key), ->refused($key)

use strict;
use warnings;

use JSON::PP ();

my $json = JSON::PP->new->utf8->canonical;


sub new {
    my ($class, %option) = @_;
    return bless { %option, patients => {}, refused => {} }, $class;
}


# The id of a patient that was made.
sub patient { return $_[0]{patients}{$_[1]} }

# What the API said instead of making the patient: field => message
sub refused { return $_[0]{refused}{$_[1]} }


# Posts all; their ids in the same order.  Dies if one is refused.
sub make {
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
            die_of($request, $answer) if $answer->{status} != 201;
            $ids[ $request->{number} ] = $json->decode($answer->{body})
                ->{data}{id};
        });

    return @ids;
}


# One that the API refuses (422) is known afterwards to refused().
sub make_patients {
    my ($self, $progress, @patients) = @_;

    $self->{crowd}->run(
        next => sub {
            my $patient = shift @patients or return undef;
            return { method => 'POST', path => '/patients',
                token => $self->{token}, patient => $patient->[0],
                body => $json->encode($patient->[1]) };
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
                die_of($request, $answer);
            }
        });
}


sub die_of {
    my ($request, $answer) = @_;
    die "$request->{path}: $answer->{status} $answer->{error}"
        . "$answer->{body}\n";
}

1;
