package EHR::Import::Store;

# Puts records into the system, once: finds by externalId what is there
# already and creates what is not.  In a dry run it only pretends.

use strict;
use warnings;

use EHR::Client;

# Fields a record can do without; the rest of it arrives when one of these is
# refused.
my %CONTACT = map { $_ => 1 }
    qw(phone email address city state country postalCode
       emergencyContactName emergencyContactPhone qualification);


# api: an EHR::Client, or undef in a dry run; tally: an EHR::Import::Tally;
# seen: a hash in which a dry run remembers what it would have sent
sub new {
    my ($class, %option) = @_;
    return bless { seen => {}, %option, lists => {} }, $class;
}


# The row of this collection with this externalId, or undef.
sub find {
    my ($self, $collection, $id, $field) = @_;

    return $self->{seen}{"$collection $id"} if !$self->{api};

    my $answer = $self->{api}->get($collection, ($field // 'externalId') => $id,
                                   limit => 1);
    # what a filter refuses cannot be there
    return undef if $answer->{status} == 400 || $answer->{status} == 404;
    die "cannot search $collection: " . EHR::Client::refusal($answer) . "\n"
        if $answer->{status} != 200;

    return $answer->{data}[0];
}


# Reads what a collection holds, once, for put().
sub list {
    my ($self, $collection) = @_;

    return if !$self->{api} || $self->{lists}{$collection};
    $self->{lists}{$collection} = {
        map { $_->{externalId} => $_ } grep { defined $_->{externalId} }
            $self->{api}->all($collection,
                              fields => 'id,externalId,additionalData')
    };
}


sub forget_lists {
    my ($self) = @_;
    $self->{lists} = {};
}


# Creates a record unless it is there.  Returns (how, row): how is taken,
# there or refused; row is ours, or the reason of a refusal.  empty => 1: the
# collection is new, so nothing is looked up first.
sub put {
    my ($self, $collection, $type, $body, %option) = @_;
    my $id = $body->{externalId};

    return $self->_pretend($collection, $body) if !$self->{api};

    my $known = $self->{lists}{$collection};
    my $row = $known ? $known->{$id}
                     : $option{empty} ? undef : $self->find($collection, $id);
    return (there => $row) if $row;

    my $answer = $self->_create($collection, $type, $body);

    if ($answer->{status} == 422 || $answer->{status} == 409) {
        my $lost = $self->_without_contact($answer, $type, $body);
        $answer = $self->_create($collection, $type, $lost) if $lost;
    }

    if ($answer->{status} == 201
        && !exists $answer->{headers}{'idempotency-replayed'})
    {
        return (taken => $answer->{data});
    }

    # It was us, and only the first answer was lost; or another process or an
    # earlier run was first; or it was deleted since.
    if (_may_be_there($answer)) {
        $row = $self->find($collection, $id);
        return ($answer->{attempts} > 1 ? 'taken' : 'there', $row) if $row;
        return (refused => 'was imported before and deleted since')
            if $answer->{status} == 201 || $answer->{errors}{externalId};
    }

    return (refused => 'refused: ' . EHR::Client::refusal($answer), $answer);
}


sub _pretend {
    my ($self, $collection, $body) = @_;
    my $seen = \$self->{seen}{"$collection $body->{externalId}"};

    return (there => $$seen) if $$seen;
    $$seen = { id => "dry-$body->{externalId}",
               additionalData => $body->{additionalData} };
    return (taken => $$seen);
}


sub _create {
    my ($self, $collection, $type, $body) = @_;
    my $answer;

    for my $pause (0.1, 0.3, 1, 3, undef) {
        $answer = $self->{api}->post($collection, $body,
            key => "fhir-$type-$body->{externalId}");

        # another process is at the same record right now
        last if $answer->{status} != 409 || %{ $answer->{errors} // {} }
            || !defined $pause;
        select undef, undef, undef, $pause;
    }

    return $answer;
}


# A replay, an externalId in use, or a key used for another body.
sub _may_be_there {
    my ($answer) = @_;
    my $errors = $answer->{errors} // {};

    return $answer->{status} == 201
        || $answer->{status} =~ /^4(?:09|22)$/
           && (!%$errors || exists $errors->{externalId});
}


# The body without the contact fields that were refused, or nothing if others
# were refused too.
sub _without_contact {
    my ($self, $answer, $type, $body) = @_;
    my $errors = $answer->{errors} // {};

    return if !%$errors || grep { !$CONTACT{$_} } keys %$errors;

    $self->{tally}->note($type, $body->{externalId},
        "taken without $_, which $errors->{$_}") for sort keys %$errors;

    my %rest = %$body;
    delete @rest{ keys %$errors };
    return \%rest;
}


# Changes a row that is there already: $change->(row) says to what, or undef
# for nothing.  Returns the last answer.
sub change {
    my ($self, $path, $change) = @_;

    return { status => 200 } if !$self->{api};

    my $answer = $self->{api}->get($path);

    return $answer if $answer->{status} != 200;

    my $body = $change->($answer->{data}) // return $answer;
    return $self->{api}->patch($path, $body,
                               match => $answer->{data}{version});
}

1;
