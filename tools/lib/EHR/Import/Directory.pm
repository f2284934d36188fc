package EHR::Import::Directory;

# The hospitals and doctors of all documents: they come first, whatever the
# order of the files, and everything else refers to them.

use strict;
use warnings;

use EHR::Import::Fhir qw(identifiers);
use EHR::Import::Json qw(bundle_resources decode);
use EHR::Import::People qw(hospital doctor);

use constant NPI => 'http://hl7.org/fhir/sid/us-npi';

my %MAKE = (
    Organization => ['/hospitals', \&hospital],
    Practitioner => ['/doctors', \&doctor],
);


# store: an EHR::Import::Store; tally
sub new {
    my ($class, %option) = @_;
    return bless { %option, ids => {}, same => {}, by_full_url => {} },
        $class;
}


sub holds {
    my ($type) = @_;
    return exists $MAKE{$type};
}


# Takes those of one document, once it is known to be whole.
sub read {
    my ($self, $text) = @_;
    my @found;

    return if $$text !~ /"(?:Organization|Practitioner)"/;

    bundle_resources($$text, sub {
        my ($resource, $type, undef, $full) = @_;
        push @found, [$type, eval { decode($resource) } // {}, $full]
            if $MAKE{ $type // '' };
    });
    $self->_take(@$_) for @found;
}


sub _take {
    my ($self, $type, $resource, $full) = @_;
    my $tally = $self->{tally};
    my $id = $resource->{id} // ($full =~ /^urn:uuid:(.+)/)[0];

    $tally->met($type);
    return $tally->refused($type, '-', 'has no id') if !defined $id;

    my $ours = \$self->{ids}{"$type/$id"};
    $self->{by_full_url}{$full} = "$type/$id" if $full ne '';
    $self->{same}{"$type|$_"} = "$type/$id" for identifiers($resource);

    if (defined $$ours) {
        $tally->there($type);
        return $tally->note($type, $id, 'more than once in the files');
    }

    my ($collection, $make) = @{ $MAKE{$type} };
    my ($record, $why) = eval { $make->($resource, $id) };
    return $tally->refused($type, $id, $why // 'is not shaped as FHIR R4 says')
        if !$record;

    my ($how, $row, $answer) =
        $self->{store}->put($collection, $type, $record->{body});

    if ($how eq 'refused' && $answer && $answer->{errors}
        && $answer->{errors}{licenseNumber})
    {
        ($how, $row) = $self->_licensed($record->{body}, $id, $row);
    }

    return $tally->refused($type, $id, $row) if $how eq 'refused';
    $tally->$how($type);
    $$ours = $row->{id};
}


# A licence belongs to one person: a doctor who has it is the same one.
sub _licensed {
    my ($self, $body, $id, $why) = @_;
    my $row = $self->{store}->find('/doctors', $body->{licenseNumber},
                                   'licenseNumber') or return (refused => $why);

    $self->{tally}->note('Practitioner', $id,
        'has the licence of a doctor who is there');
    return (there => $row);
}


# "Type/id" of a reference to one of these, or undef: by fullUrl, by type and
# id, or conditional.
sub name {
    my ($self, $type, $reference) = @_;

    return $self->{by_full_url}{$reference}
        // ($reference =~ /^\Q$type\E\?identifier=(.+)/
            ? $self->{same}{"$type|$1"} : undef);
}


# Our id of "Type/id" or of a conditional reference: of this import, or of an
# earlier one.  Undef if there is none.
sub id {
    my ($self, $type, $name) = @_;

    return $self->{ids}{$name} if exists $self->{ids}{$name};

    my $row;
    if ($name =~ m{^\Q$type\E/(.+)}) {
        $row = $self->{store}->find($MAKE{$type}[0], $1);
    } elsif ($name =~ /^Practitioner\?identifier=\Q${\ NPI}\E\|(.+)/) {
        $row = $self->{store}->find('/doctors', $1, 'licenseNumber');
    }

    return $self->{ids}{$name} = $row && $row->{id};
}

1;
