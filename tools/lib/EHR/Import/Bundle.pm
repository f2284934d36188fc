package EHR::Import::Bundle;

# The resources of one document, by "Type/id", and what refers to them.
#
# Resources we may have a place for are kept as text and decoded when they are
# first asked for; all are counted.

use strict;
use warnings;

use EHR::Import::Directory;
use EHR::Import::Fhir qw(identifiers);
use EHR::Import::Json qw(bundle_resources decode);
use EHR::Import::Vitals qw(may_be_vital);

my %KEEP = map { $_ => 1 } qw(Patient Encounter Condition AllergyIntolerance
                              MedicationRequest MedicationStatement
                              Observation Medication);


# text: reference to the document; directory; tally, or undef where the
# document was counted before; same: what same() of other documents said.
sub new {
    my ($class, %option) = @_;
    my $self = bless {
        %option,
        texts       => {},      # "Type/id" => text
        decoded     => {},
        by_full_url => {},
        same        => { %{ $option{same} // {} } },
    }, $class;

    bundle_resources(${ delete $self->{text} }, sub {
        my ($resource, $type, $members, $full) = @_;
        return if defined $type && EHR::Import::Directory::holds($type);

        my $id = defined $members->{id} ? decode($members->{id})
                                        : ($full =~ /^urn:uuid:(.+)/)[0];
        $self->_add($type // 'unknown', $id, $full, $resource, $members);
    });
    $self->_learn_patients;

    return $self;
}


sub _add {
    my ($self, $type, $id, $full, $resource, $members) = @_;
    my $tally = $self->{tally};
    my $name = "$type/" . ($id // '-');
    my $why = !defined $id ? 'has no id' : _no_place($type, $members);
    my $again = !defined $why && exists $self->{texts}{$name};

    if ($tally) {
        $tally->met($type);
        $tally->refused($type, $id // '-', $why) if defined $why;
        $tally->there($type) if $again;
        $tally->note($type, $id, 'more than once in a document') if $again;
    }

    return if $again || !defined $id || !$KEEP{$type}
        || (defined $why && $type eq 'Observation');

    $self->{texts}{$name} = $resource;
    $self->{by_full_url}{$full} = $name if $full ne '';
}


# Why a resource is not even looked at, or undef.
sub _no_place {
    my ($type, $members) = @_;

    return 'no place for this type yet' if !$KEEP{$type};
    return 'no place of its own: its name goes into the prescription'
        if $type eq 'Medication';
    return undef if $type ne 'Observation';
    return scalar eval {
        may_be_vital(decode($members->{category} // 'null'))
    };
}


sub _learn_patients {
    my ($self) = @_;

    for my $id ($self->ids('Patient')) {
        my $name = "Patient/$id";
        $self->{same}{"Patient?identifier=$_"} = $name
            for eval { identifiers($self->resource($name)) };
    }
}


# Conditional references to patients: how they are written => "Patient/id".
sub same {
    my ($self) = @_;
    return $self->{same};
}


# Ids of a type.
sub ids {
    my ($self, $type) = @_;
    return map { m{^\Q$type\E/(.+)} ? $1 : () } sort keys %{ $self->{texts} };
}


# The decoded resource "Type/id", or undef if it is not here or not valid.
sub resource {
    my ($self, $name) = @_;

    return undef if !defined $self->{texts}{$name};
    return $self->{decoded}{$name} //= eval {
        decode($self->{texts}{$name})
    };
}


# Gives the memory of a decoded resource back.
sub forget {
    my ($self, $name) = @_;
    delete $self->{decoded}{$name};
}


# What a reader makes of a resource: its (result, reason).  A reader dies of
# what is not shaped as FHIR says; Perl's message may quote it.
sub read {
    my ($self, $name, $reader) = @_;

    my $resource = $self->resource($name)
        // return (undef, 'is not valid JSON');
    my $find = sub {
        my $other = $self->name(@_) // return undef;
        return $self->resource($other);
    };
    my @result = eval { $reader->($resource, $name =~ s{.*/}{}r, $find) };

    return @result ? @result : (undef, 'is not shaped as FHIR R4 says');
}


# "Type/id" of what a reference points to, here or elsewhere.
sub name {
    my ($self, $type, $reference) = @_;

    return undef if !defined $reference;
    return $self->{by_full_url}{$reference}
        // $self->{directory}->name($type, $reference)
        // $self->{same}{$reference}
        // ($reference =~ m{(?:^|/)\Q$type\E/([A-Za-z0-9.-]{1,64})
                            (?:/_history/.*)?$}x ? "$type/$1"
          : $reference =~ /^urn:uuid:(\S+)$/i     ? "$type/$1" : $reference);
}

1;
