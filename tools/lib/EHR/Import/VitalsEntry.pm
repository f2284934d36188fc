package EHR::Import::VitalsEntry;

# Sends one entry of vital signs and tells for each observation in it what
# became of it.

use strict;
use warnings;

use EHR::Client;
use EHR::Import::Fhir qw(without_nothing);
use EHR::Import::Vitals qw(check_bmi);


# document: who asks, for its store and to count; entry: of
# EHR::Import::Vitals::entries(); path: the collection; fresh: it is empty.
sub take {
    my ($document, $entry, $path, $fresh) = @_;

    _drop_bmi($document, $entry, check_bmi($entry)) if defined $entry->{bmi};
    return if !@{ $entry->{ids} };

    my ($how, $row) = _put($document, $entry, $path, $fresh);

    if ($how eq 'there') {
        _complete($document, $entry, $row);
    } elsif ($how eq 'taken') {
        _drop_bmi($document, $entry, check_bmi($entry, $row->{bmi}))
            if defined $entry->{bmi} && defined $row->{bmi};
        $document->count_observation($_, 'taken') for @{ $entry->{ids} };
    } elsif ($how eq 'refused') {
        $document->count_observation($_, refused => $row)
            for @{ $entry->{ids} };
    }
}


# Creates the entry; what the server refuses to take into it is left out.
sub _put {
    my ($document, $entry, $path, $fresh) = @_;

    while (%{ $entry->{values} }) {
        my ($how, $row, $answer) = $document->{store}->put($path,
            'Observation', _body($entry), empty => $fresh);
        return ($how, $row) if $how ne 'refused'
            || !_drop_refused($document, $entry, $answer);
    }

    return ('nothing');
}


sub _body {
    my ($entry) = @_;
    return without_nothing(
        %{ $entry->{values} },
        encounterId    => $entry->{place}{encounterId},
        recordedAt     => $entry->{at},
        externalId     => $entry->{externalId},
        additionalData => { fhir => { observations => $entry->{ids} } },
    );
}


# Takes fields the answer names out of the entry, and counts the observations
# nothing is left of.  False if the answer names none of them.
sub _drop_refused {
    my ($document, $entry, $answer) = @_;
    my $errors = $answer && $answer->{errors} || {};
    my @named = grep { defined $entry->{values}{$_} } sort keys %$errors;
    my $why = "refused: $answer->{status} "
        . join '; ', map { "$_ $errors->{$_}" } @named;
    my (%drop, %ids);

    return 0 if !@named;

    $drop{$_} = 1 for @named;
    # one half of a blood pressure means nothing
    @drop{qw(bpSystolic bpDiastolic)} = (1, 1) if grep { /^bp/ } @named;

    for my $field (keys %drop) {
        delete $entry->{values}{$field};
        $ids{$_} = 1 for @{ delete $entry->{from}{$field} // [] };
    }

    _leave($document, $entry, [sort keys %ids], $why);
    _drop_bmi($document, $entry, check_bmi($entry)) if defined $entry->{bmi};

    return 1;
}


sub _drop_bmi {
    my ($document, $entry, $why) = @_;

    return if !defined $why;
    delete $entry->{bmi};
    _leave($document, $entry, delete $entry->{from}{bmi}, $why);
}


# Observations that lost a field: gone if it was their last one.
sub _leave {
    my ($document, $entry, $ids, $why) = @_;

    for my $id (@$ids) {
        if (grep { my $others = $_; grep { $_ eq $id } @$others }
            values %{ $entry->{from} })
        {
            push @{ $document->{notes}{$id} }, "taken in part: $why";
        } else {
            $entry->{ids} = [grep { $_ ne $id } @{ $entry->{ids} }];
            $document->count_observation($id, refused => $why);
        }
    }
}


# The entry is there.  Observations an earlier import did not have are added
# to it.
sub _complete {
    my ($document, $entry, $row) = @_;
    my %has = map { $_ => 1 }
        @{ $row->{additionalData}{fhir}{observations} // [] };

    for my $id (@{ $entry->{ids} }) {
        if ($has{$id}) {
            $document->count_observation($id, 'there');
            next;
        }

        my $why = _add($document->{store}, $row->{id}, $id, _of($entry, $id));
        $document->count_observation($id, defined $why ? (refused => $why)
                                                       : 'taken');
    }
}


# The fields one observation brought.
sub _of {
    my ($entry, $id) = @_;
    my %values;

    for my $field (keys %{ $entry->{values} }) {
        $values{$field} = $entry->{values}{$field}
            if grep { $_ eq $id } @{ $entry->{from}{$field} };
    }

    return \%values;
}


# Returns why not, or undef.
sub _add {
    my ($store, $entry_id, $id, $values) = @_;
    my $other;

    my $answer = $store->change("/vitals/$entry_id", sub {
        my ($row) = @_;
        my $data = $row->{additionalData} // {};

        $other = grep { defined $row->{$_} && $row->{$_} != $values->{$_} }
            keys %$values;
        push @{ $data->{fhir}{observations} }, $id;
        return $other ? undef : { %$values, additionalData => $data };
    });

    return 'another value is recorded for that time' if $other;
    return undef if $answer->{status} == 200;
    return 'refused: ' . EHR::Client::refusal($answer);
}

1;
