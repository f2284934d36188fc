package EHR::Import::Care;

# Encounter, Condition, AllergyIntolerance, MedicationRequest and
# MedicationStatement as encounters, medical history, allergies and
# medications.
#
# Each function takes a decoded resource, its id and a look-up of other
# resources of the bundle by reference.  It returns
#   { body => …, patient => reference,
#     links => { field => [type, reference] } }
# or (undef, why it cannot be taken).  Who fills the links in is Loader.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use EHR::Import::Fhir qw(line words concept coding coded date_of instant_of
                         reference without_nothing);

our @EXPORT_OK = qw(encounter condition allergy medication);

my %ENCOUNTER_TYPE = (
    AMB => 'AMBULATORY', EMER => 'EMERGENCY', IMP => 'INPATIENT',
    ACUTE => 'INPATIENT', NONAC => 'INPATIENT', OBSENC => 'INPATIENT',
    SS => 'INPATIENT', VR => 'VIRTUAL', HH => 'HOME',
);

my %ENCOUNTER_STATUS = (
    planned => 'PLANNED', arrived => 'ARRIVED', triaged => 'ARRIVED',
    'in-progress' => 'IN_PROGRESS', onleave => 'IN_PROGRESS',
    finished => 'COMPLETED', cancelled => 'CANCELLED',
    'entered-in-error' => 'ENTERED_IN_ERROR',
);

my %CONDITION_STATUS = (
    active => 'ACTIVE', recurrence => 'RECURRENCE', relapse => 'RECURRENCE',
    inactive => 'INACTIVE', remission => 'REMISSION',
    resolved => 'RESOLVED',
);

my %ALLERGY_TYPE = (
    medication => 'MEDICATION', food => 'FOOD', biologic => 'BIOLOGIC',
    environment => 'ENVIRONMENT',
);

my %MEDICATION_STATUS = (
    active => 'ACTIVE', 'on-hold' => 'ON_HOLD', completed => 'COMPLETED',
    stopped => 'STOPPED', cancelled => 'STOPPED',
    'entered-in-error' => 'ENTERED_IN_ERROR',
);

my %UNIT_OF_TIME = (
    s => 'second', min => 'minute', h => 'hour', d => 'day', wk => 'week',
    mo => 'month', a => 'year',
);


sub encounter {
    my ($resource, $id, $find) = @_;

    my $status = $ENCOUNTER_STATUS{ $resource->{status} // '' }
        // return (undef, 'status ' . ($resource->{status} // 'missing'));
    my $start = instant_of($resource->{period}{start})
        // return (undef, 'has no start');
    my $end = instant_of($resource->{period}{end});
    my ($reason) = (@{ $resource->{reasonCode} // [] },
                    @{ $resource->{type} // [] });
    my ($type) = @{ $resource->{type} // [] };
    my ($practitioner) = grep { defined && m{(?:^|/)Practitioner[/?]|^urn:} }
        map { reference($_->{individual}, 'Practitioner') }
        @{ $resource->{participant} // [] };

    return ({
        patient => reference($resource->{subject}, 'Patient'),
        links   => {
            doctorId   => [Practitioner => $practitioner],
            hospitalId => [Organization => reference(
                $resource->{serviceProvider}, 'Organization')],
        },
        body => without_nothing(
            type      => $ENCOUNTER_TYPE{ $resource->{class}{code} // '' }
                         // 'OTHER',
            status    => $status,
            startedAt => $start,
            # else the server would end it now
            endedAt   => $end // ($status eq 'COMPLETED' ? $start : undef),
            reason    => concept($reason),
            diagnosis => _diagnosis($resource, $find),
            coded($reason),
            externalId => $id,
            _extra(class => $resource->{class}{code}, type => concept($type),
                   endUnknown => $status eq 'COMPLETED' && !$end
                                 && JSON::PP::true),
        ),
    });
}


sub condition {
    my ($resource, $id) = @_;

    my $verified = coding($resource->{verificationStatus} // {}) // '';
    return (undef, "verification status $verified")
        if $verified =~ /^(?:entered-in-error|refuted)$/;

    my $illness = concept($resource->{code})
        // return (undef, 'says no illness');
    my $resolved = $resource->{abatementDateTime}
        // $resource->{abatementPeriod}{end};
    my $onset = $resource->{onsetDateTime} // $resource->{onsetPeriod}{start};
    my $status = coding($resource->{clinicalStatus} // {});

    return ({
        patient => reference($resource->{subject}, 'Patient'),
        links   => { encounterId => [Encounter => reference(
            $resource->{encounter}, 'Encounter')] },
        body => without_nothing(
            illness      => $illness,
            coded($resource->{code}),
            onsetDate    => date_of($onset),
            resolvedDate => date_of($resolved),
            status       => $CONDITION_STATUS{ $status // '' }
                            // (defined $resolved ? 'RESOLVED' : 'ACTIVE'),
            notes        => _notes($resource),
            externalId   => $id,
            _extra(_vague(onset => $onset, abatement => $resolved),
                   verificationStatus => $verified eq 'confirmed'
                                         ? undef : $verified),
        ),
    });
}


sub allergy {
    my ($resource, $id) = @_;

    my $verified = coding($resource->{verificationStatus} // {}) // '';
    return (undef, 'verification status refuted') if $verified eq 'refuted';

    my @reactions = @{ $resource->{reaction} // [] };
    my $allergen = concept($resource->{code})
        // (grep { defined } map { concept($_->{substance}) } @reactions)[0]
        // return (undef, 'says no substance');
    my $status = uc(coding($resource->{clinicalStatus} // {}) // 'active');
    my $recorded = $resource->{recordedDate} // $resource->{onsetDateTime};

    return ({
        patient => reference($resource->{patient}, 'Patient'),
        links   => { encounterId => [Encounter => reference(
            $resource->{encounter}, 'Encounter')] },
        body => without_nothing(
            allergen => $allergen,
            coded($resource->{code}),
            type     => $ALLERGY_TYPE{ $resource->{category}[0] // '' }
                        // 'OTHER',
            status   => $verified eq 'entered-in-error'
                        ? 'ENTERED_IN_ERROR' : $status,
            reaction => words('; ', map { concept($_) }
                              map { @{ $_->{manifestation} // [] } }
                              @reactions),
            severity => _worst(map { $_->{severity} } @reactions),
            recordedDate => date_of($recorded),
            notes        => _notes($resource),
            externalId   => $id,
            _extra(criticality => $resource->{criticality},
                   _vague(recorded => $recorded),
                   recordedUnknown => !defined $recorded && JSON::PP::true),
        ),
    });
}


# Both kinds of resource.
sub medication {
    my ($resource, $id, $find) = @_;

    my $status = $MEDICATION_STATUS{ $resource->{status} // '' }
        // return (undef, 'status ' . ($resource->{status} // 'missing'));
    return (undef, "intent $resource->{intent}: nobody ordered it")
        if ($resource->{intent} // '') =~ /^(?:proposal|plan|option)$/;

    my $drug = _drug($resource, $find);
    my $name = concept($drug) // return (undef, 'names no drug');
    my $start = $resource->{authoredOn} // $resource->{effectiveDateTime}
        // $resource->{effectivePeriod}{start} // $resource->{dateAsserted}
        // return (undef, 'has no start');
    my ($dosage) = (@{ $resource->{dosageInstruction} // [] },
                    @{ $resource->{dosage} // [] });
    my $dose = $dosage->{doseAndRate}[0]{doseQuantity} // {};

    return ({
        patient => reference($resource->{subject}, 'Patient'),
        links   => {
            encounterId  => [Encounter => reference(
                $resource->{encounter} // $resource->{context},
                'Encounter')],
            prescribedBy => [Practitioner => reference(
                $resource->{requester}, 'Practitioner')],
        },
        body => without_nothing(
            drugName  => $name,
            coded($drug),
            dosage    => line($dosage->{text})
                         // words(' ', $dose->{value}, $dose->{unit}),
            frequency => _frequency($dosage),
            route     => concept($dosage->{route}),
            startDate => date_of($start),
            endDate   => date_of($resource->{effectivePeriod}{end}),
            status    => $status,
            reason    => _reason($resource, $find),
            notes     => words(" ", (map { concept($_) }
                         @{ $dosage->{additionalInstruction} // [] }),
                         _notes($resource)),
            externalId => $id,
            _extra(intent => $resource->{intent}, _vague(start => $start)),
        ),
    });
}


# -- parts -------------------------------------------------------------------

sub _drug {
    my ($resource, $find) = @_;

    return $resource->{medicationCodeableConcept}
        if $resource->{medicationCodeableConcept};

    my $reference = reference($resource->{medicationReference}, 'Medication')
        // return undef;

    if ($reference =~ /^#(.+)/) {
        my ($contained) = grep { ($_->{id} // '') eq $1 }
            @{ $resource->{contained} // [] };
        return ($contained // {})->{code};
    }

    return ($find->('Medication', $reference) // {})->{code};
}


sub _frequency {
    my ($dosage) = @_;
    my $repeat = $dosage->{timing}{repeat} // {};
    my $often = concept($dosage->{timing}{code});

    if (!defined $often && $repeat->{period}) {
        my $times = $repeat->{frequency} // 1;
        my $unit = $UNIT_OF_TIME{ $repeat->{periodUnit} // '' }
            // return undef;
        my $every = $repeat->{period} == 1 ? $unit
                                           : "$repeat->{period} ${unit}s";
        $often = ($times == 1 ? 'once' : "$times times") . " every $every";
    }

    return words(', ', $often,
                 $dosage->{asNeededBoolean}
                 || $dosage->{asNeededCodeableConcept} ? 'as needed' : undef);
}


# What it is for: told, or what it refers to.
sub _reason {
    my ($resource, $find) = @_;
    return words('; ',
        (map { concept($_) } @{ $resource->{reasonCode} // [] }),
        (map { concept(($find->('Condition', reference($_, 'Condition'))
                        // {})->{code}) }
         @{ $resource->{reasonReference} // [] }));
}


sub _diagnosis {
    my ($encounter, $find) = @_;
    return words('; ',
        map { concept(($find->('Condition',
                               reference($_->{condition}, 'Condition'))
                       // {})->{code}) }
        @{ $encounter->{diagnosis} // [] });
}


sub _worst {
    my (@severities) = @_;
    for my $severity (qw(severe moderate mild)) {
        return uc $severity if grep { ($_ // '') eq $severity } @severities;
    }
    return undef;
}


sub _notes {
    my ($resource) = @_;
    my @texts = grep { defined && length }
        map { $_->{text} } @{ $resource->{note} // [] };
    return @texts ? join "\n", @texts : undef;
}


# A date that is only a year or a month, as it was written.
sub _vague {
    my (%dates) = @_;
    return map { $_ => ($dates{$_} // '') =~ /^\d{4}(?:-\d\d)?$/
                       ? $dates{$_} : undef } keys %dates;
}


# What has no field of its own.
sub _extra {
    my (%extra) = @_;
    delete @extra{ grep { !defined $extra{$_} || $extra{$_} eq '' }
                   keys %extra };
    return %extra ? (additionalData => { fhir => \%extra }) : ();
}

1;
