package EHR::Import::People;

# Organization, Practitioner and Patient as hospitals, doctors and patients.
#
# Each function takes a decoded resource and its id and returns
# ({ body => … }, undef), or (undef, why it cannot be taken).

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

use EHR::Import::Fhir qw(line words concept coding telecom address name_of
                         identifiers date_of without_nothing);

our @EXPORT_OK = qw(hospital doctor patient npi);

use constant NPI => 'http://hl7.org/fhir/sid/us-npi';

# Numbers of the state (social security, passport, driving licence, tax) have
# no protected field here, so they stay behind.
my %STATE_NUMBER = map { $_ => 1 } qw(SS SB PPN DL TAX NI NNUSA CZ);

# What an Organization is that no patient is treated at.
my %NOT_A_HOSPITAL = map { $_ => 1 } qw(ins pay govt edu reli crs bus);


sub hospital {
    my ($resource, $id) = @_;

    my $name = line($resource->{name}) // return (undef, 'has no name');
    my @types = grep { defined } map { scalar coding($_) }
        @{ $resource->{type} // [] };

    if (@types && !grep { !$NOT_A_HOSPITAL{$_} } @types) {
        return (undef, "organization of type $types[0]: not a hospital");
    }

    return ({ body => without_nothing(
        name  => $name,
        phone => telecom($resource, 'phone'),
        email => telecom($resource, 'email'),
        address($resource),
        externalId => $id,
    ) });
}


sub doctor {
    my ($resource, $id) = @_;

    my ($given, $family) = name_of($resource);
    return (undef, 'has no name') if !defined $given && !defined $family;

    return ({ body => without_nothing(
        firstName     => $given // $family,
        lastName      => $family // $given,
        licenseNumber => npi($resource) // substr($id, 0, 50),
        qualification => words('; ', map { concept($_->{code}) }
                               @{ $resource->{qualification} // [] }),
        phone         => telecom($resource, 'phone'),
        email         => telecom($resource, 'email'),
        isAvailable   => defined $resource->{active} && !$resource->{active}
                         ? JSON::PP::false() : undef,
        externalId    => $id,
    ) });
}


# National provider identifier.
sub npi {
    my ($resource) = @_;
    for my $identifier (identifiers($resource)) {
        my ($system, $value) = split /\|/, $identifier, 2;
        return line($value) if $system eq NPI;
    }
    return undef;
}


sub patient {
    my ($resource, $id) = @_;

    my ($given, $family) = name_of($resource);
    return (undef, 'has no name') if !defined $given && !defined $family;

    my ($contact) = @{ $resource->{contact} // [] };
    my ($contact_given, $contact_family) = name_of($contact // {});
    # people are told apart by it: no day is made up
    my $vague = ($resource->{birthDate} // '') =~ /^\d{4}(?:-\d\d)?$/;
    my %fhir = without_nothing(
        identifiers => _identifiers($resource),
        birthDate   => $vague ? $resource->{birthDate} : undef,
        deceased    => $resource->{deceasedBoolean}
                       ? JSON::PP::true() : undef,
    )->%*;

    return ({ body => without_nothing(
        firstName   => $given // $family,
        lastName    => $family // $given,
        dateOfBirth => $vague ? undef : date_of($resource->{birthDate}),
        gender      => _gender($resource->{gender}),
        address($resource),
        phone       => telecom($resource, 'phone'),
        email       => telecom($resource, 'email'),
        emergencyContactName  => words(' ', $contact_given, $contact_family),
        emergencyContactPhone => $contact ? telecom($contact, 'phone')
                                          : undef,
        deceasedAt  => date_of($resource->{deceasedDateTime}),
        externalId  => $id,
        additionalData => %fhir ? { fhir => \%fhir } : undef,
    ) });
}


sub _gender {
    my ($gender) = @_;
    return ($gender // '') =~ /^(?:male|female|other)$/ ? uc $gender
                                                        : 'UNKNOWN';
}


# The medical record numbers elsewhere.
sub _identifiers {
    my ($resource) = @_;
    my @kept;

    for my $identifier (@{ $resource->{identifier} // [] }) {
        my $type = coding($identifier->{type} // {}) // '';
        next if $STATE_NUMBER{$type} || !defined $identifier->{value}
            || ($identifier->{system} // '') =~ /ssn|passport|license/i;

        push @kept, without_nothing(
            system => line($identifier->{system}),
            value  => line($identifier->{value}),
            type   => $type || undef);
    }

    return @kept ? \@kept : undef;
}

1;
