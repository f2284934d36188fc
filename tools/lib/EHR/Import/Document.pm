package EHR::Import::Document;

# One bundle: its patients, then their visits, then the rest of the record.
#
# What refers to a patient or a visit that is neither in this document nor in
# the system yet has to wait until the other documents are read: it is
# returned, not counted.

use strict;
use warnings;

use EHR::Import::Bundle;
use EHR::Import::Care qw(encounter condition allergy medication);
use EHR::Import::People qw(patient);
use EHR::Import::Vitals qw(measurements entries);
use EHR::Import::VitalsEntry;

# [collection below the patient, how to make it]
my %MAKE = (
    Encounter           => ['encounters', \&encounter],
    Condition           => ['medical-history', \&condition],
    AllergyIntolerance  => ['allergies', \&allergy],
    MedicationRequest   => ['medications', \&medication],
    MedicationStatement => ['medications', \&medication],
);
my @ORDER = qw(Encounter Condition AllergyIntolerance MedicationRequest
               MedicationStatement);

my %LINK_NOTE = (
    encounterId  => 'taken without its visit, which is not there',
    doctorId     => 'taken without its doctor, who is not there',
    prescribedBy => 'taken without its prescriber, who is not there',
    hospitalId   => 'taken without its hospital, which is not there',
);


# store, tally, directory; step: called after each record that was sent
sub new {
    my ($class, %option) = @_;
    return bless { %option, patients => {} }, $class;
}


# only: hash of "Type/id" to take, when the document is read again; last: do
# not wait any longer; same: see EHR::Import::Bundle.  Returns what has to
# wait, as "Type/id".
sub take {
    my ($self, $text, %option) = @_;

    @$self{qw(only last)} = @option{qw(only last)};
    $self->{waiting} = [];
    $self->{visits} = {};           # "Encounter/id" => our id, or ''
    $self->{fresh} = {};            # patients made by this document
    $self->{notes} = {};            # of observations
    $self->{nowhere} = {};          # what was looked for in vain: nothing of
                                    # one visit waits while the rest is taken
    $self->{store}->forget_lists;
    $self->{bundle} = EHR::Import::Bundle->new(
        text => $text, directory => $self->{directory},
        same => $option{same}, tally => $self->{only} ? undef
                                                      : $self->{tally});

    $self->_patients;
    $self->_records($_) for @ORDER;
    $self->_vitals;

    return @{ $self->{waiting} };
}


# See EHR::Import::Bundle.
sub same {
    my ($self) = @_;
    return $self->{bundle} ? $self->{bundle}->same : {};
}


# Of the patients in the document: [ids], [ids of those who were refused].
sub patient_ids {
    my ($self) = @_;
    my @all = $self->{bundle} ? $self->{bundle}->ids('Patient') : ();

    return (\@all, [grep { ($self->{patients}{"Patient/$_"} // '-') eq '' }
                     @all]);
}


# Ids of a type that are to be taken now.
sub _ids {
    my ($self, $type) = @_;
    return grep { !$self->{only} || $self->{only}{"$type/$_"} }
        $self->{bundle}->ids($type);
}


sub _name {
    my ($self, $type, $reference) = @_;
    return $self->{bundle}->name($type, $reference);
}


# -- patients ----------------------------------------------------------------

sub _patients {
    my ($self) = @_;

    for my $id ($self->_ids('Patient')) {
        my ($record, $row) = $self->{bundle}->read("Patient/$id",
                                                  \&patient);
        my $how = 'refused';

        ($how, $row) = $self->{store}->put('/patients', 'Patient',
                                           $record->{body}) if $record;

        # nothing of this person may reach the other's record
        ($how, $row) = (refused => 'another person is there under its id')
            if $how eq 'there' && _is_another($row, $record->{body});

        $self->_count(Patient => $id, $how, $row);
        $self->{fresh}{"Patient/$id"} = $how eq 'taken';
        $self->{patients}{"Patient/$id"} = $how eq 'refused' ? ''
                                                             : $row->{id};
    }
}


# Ids of two sources may collide.
sub _is_another {
    my ($row, $body) = @_;
    my $differs = sub {
        my ($field) = @_;
        return defined $row->{$field} && defined $body->{$field}
            && lc $row->{$field} ne lc $body->{$field};
    };
    return $differs->('dateOfBirth')
        && ($differs->('lastName') || $differs->('firstName'));
}


# Our id of a patient; '' if it was refused, undef if it is nowhere yet.
sub _patient {
    my ($self, $reference) = @_;
    my $name = $self->_name('Patient', $reference) // return '';

    if (!defined $self->{patients}{$name} && !$self->{nowhere}{$name}
        && $name =~ m{^Patient/(.+)})
    {
        my $row = $self->{store}->find('/patients', $1);
        $self->{patients}{$name} = $row && $row->{id};
        $self->{nowhere}{$name} = !$row;
    }

    return $self->{patients}{$name};
}


# -- the record --------------------------------------------------------------

sub _records {
    my ($self, $type) = @_;
    my ($part, $make) = @{ $MAKE{$type} };

    for my $id ($self->_ids($type)) {
        my ($record, $why) = $self->{bundle}->read("$type/$id", $make);
        my $patient = $record && $self->_patient($record->{patient});

        if (!$record) {
            $self->_count($type, $id, refused => $why);
        } elsif ($self->_has_patient($type, $id, $patient)
                 && (my $notes = $self->_link($type, $id, $record, $patient)))
        {
            my $fresh = $self->{fresh}{ $self->_name('Patient',
                                                     $record->{patient}) };
            my ($how, $row) = $self->{store}->put(
                $self->_collection($patient, $part, $fresh), $type,
                $record->{body}, empty => $fresh);

            $self->_count($type, $id, $how, $row, $notes);
            $why = $how eq 'refused';
            $self->{visits}{"$type/$id"} = $row->{id} if !$why;
        }
        $self->{visits}{"$type/$id"} //= '' if $why && $type eq 'Encounter';
        $self->{bundle}->forget("$type/$id") if $type ne 'Condition';
    }
}


# Counts what became of a resource; notes are worth telling of what was taken.
sub _count {
    my ($self, $type, $id, $how, $why, $notes) = @_;
    my $tally = $self->{tally};

    if ($how eq 'refused') {
        $tally->refused($type, $id, $why);
    } else {
        $tally->$how($type);
        $tally->note($type, $id, $_)
            for $how eq 'taken' ? @{ $notes // [] } : ();
    }
    $self->{step}->();
}


# Path of a collection below a patient; what an older patient has there is
# read once.
sub _collection {
    my ($self, $patient, $part, $fresh) = @_;
    my $path = "/patients/$patient/$part";

    $self->{store}->list($path) if !$fresh;

    return $path;
}


# False if the record waits or was refused for want of its patient.
sub _has_patient {
    my ($self, $type, $id, $patient) = @_;

    return 1 if $patient;

    if (defined $patient) {
        $self->_count($type, $id, refused =>
            'its patient was not taken, or it names none');
    } elsif ($self->{last}) {
        $self->_count($type, $id, refused =>
            'its patient is neither in the files nor there');
    } else {
        push @{ $self->{waiting} }, "$type/$id";
    }

    return 0;
}


# Fills in what the record refers to.  Returns notes of what is not there, or
# nothing if the record has to wait for its visit.
sub _link {
    my ($self, $type, $id, $record, $patient) = @_;
    my @notes;

    for my $field (sort keys %{ $record->{links} }) {
        my ($target, $reference) = @{ $record->{links}{$field} };
        next if !defined $reference;

        my $name = $self->_name($target, $reference);
        my $ours = $target eq 'Encounter'
            ? $self->_visit($name, $patient)
            : $self->{directory}->id($target, $name);

        if ($ours) {
            $record->{body}{$field} = $ours;
        } elsif ($target eq 'Encounter' && !defined $ours && !$self->{last}) {
            push @{ $self->{waiting} }, "$type/$id";
            return;
        } else {
            push @notes, $LINK_NOTE{$field};
        }
    }

    return \@notes;
}


# Our id of a visit; '' if it was refused, undef if it is nowhere yet.
sub _visit {
    my ($self, $name, $patient) = @_;

    if (!defined $self->{visits}{$name} && !$self->{nowhere}{$name}
        && $name =~ m{^Encounter/(.+)})
    {
        my $row = $self->{store}->find("/patients/$patient/encounters", $1);
        $self->{visits}{$name} = $row && $row->{id};
        $self->{nowhere}{$name} = !$row;
    }

    return $self->{visits}{$name};
}


# -- vital signs -------------------------------------------------------------

sub _vitals {
    my ($self) = @_;
    my @all;

    for my $id ($self->_ids('Observation')) {
        my ($one, $why) =
            $self->{bundle}->read("Observation/$id", \&measurements);
        $self->{bundle}->forget("Observation/$id");

        if (!$one) {
            $self->_count(Observation => $id, refused => $why);
            next;
        }

        my $patient = $self->_patient($one->{patient});
        my $record = { body => {}, links => {
            encounterId => [Encounter => $one->{encounter}] } };
        next if !$self->_has_patient(Observation => $id, $patient);
        my $notes = $self->_link(Observation => $id, $record, $patient)
            // next;

        $one->{subject} = $self->_name('Patient', $one->{patient});
        $one->{visit} = $record->{body}{encounterId}
            && $self->_name('Encounter', $one->{encounter}) =~ s{.*/}{}r;
        $one->{place} = { patient => $patient,
                          encounterId => $record->{body}{encounterId} };
        push @$notes, "taken in part: $one->{lost}" if defined $one->{lost};
        $self->{notes}{$id} = $notes;
        push @all, $one;
    }

    for my $entry (entries(@all)) {
        my $fresh = $self->{fresh}{ $entry->{subject} };
        EHR::Import::VitalsEntry::take($self, $entry,
            $self->_collection($entry->{place}{patient}, 'vitals', $fresh),
            $fresh);
    }
}


# For VitalsEntry.
sub count_observation {
    my ($self, $id, $how, $why) = @_;
    $self->_count(Observation => $id, $how, $why,
                  delete $self->{notes}{$id});
}

1;
