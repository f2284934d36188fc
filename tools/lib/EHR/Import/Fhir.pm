package EHR::Import::Fhir;

# Small readers of FHIR R4 data types.  They take what is there and return
# undef for what is not.

use strict;
use warnings;

use Exporter 'import';
use Time::Local qw(timegm_modern);

our @EXPORT_OK = qw(line words concept coding coded telecom address
                    date_of instant_of name_of identifiers reference
                    rounded without_nothing);


# Text on one line, or undef.
sub line {
    my ($text) = @_;
    return undef if !defined $text || ref $text;
    $text =~ s/[\x00-\x20\x7f]+/ /g;
    $text =~ s/^ | $//g;
    return length $text ? $text : undef;
}


# All that is defined, each once, on one line.
sub words {
    my ($between, @texts) = @_;
    my %seen;
    return line(join $between, grep { defined && !$seen{$_}++ }
                map { line($_) } @texts);
}


# What a CodeableConcept says in words.
sub concept {
    my ($concept) = @_;
    return undef if ref $concept ne 'HASH';
    return line($concept->{text})
        // line((grep { defined } map { $_->{display} }
                 @{ $concept->{coding} // [] })[0])
        // line(coding($concept));
}


# Its first code; in list context also the system.
sub coding {
    my ($concept) = @_;
    for my $coding (@{ $concept->{coding} // [] }) {
        next if !defined $coding->{code};
        return wantarray ? @$coding{qw(code system)} : $coding->{code};
    }
    return;
}


# code and codeSystem for a body, if the code is one of ours.
sub coded {
    my ($concept) = @_;
    my ($code, $system) = coding($concept // {});

    return if !defined $code || $code !~ m{^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$};
    return (code => $code, codeSystem => line($system));
}


# The first value of a system ("phone", "email") that is still in use.
sub telecom {
    my ($resource, $system) = @_;
    my ($point) = grep { ($_->{system} // '') eq $system
                         && ($_->{use} // '') ne 'old' }
        @{ $resource->{telecom} // [] };
    return $point ? line($point->{value}) : undef;
}


# The five fields of an address.
sub address {
    my ($resource) = @_;
    my $list = $resource->{address} // [];
    my ($address) = grep { ($_->{use} // '') !~ /^(?:old|billing)$/ }
        ref $list eq 'ARRAY' ? @$list : $list;

    return if !$address;
    return (
        address    => words(', ', @{ $address->{line} // [] })
                      // line($address->{text}),
        city       => line($address->{city}),
        state      => line($address->{state}),
        country    => line($address->{country}),
        postalCode => line($address->{postalCode}),
    );
}


# (given, family) of the official name, or the first.
sub name_of {
    my ($resource) = @_;
    my $list = $resource->{name};
    my @names = grep { ($_->{use} // '') !~ /^(?:old|maiden)$/ }
        ref $list eq 'ARRAY' ? @$list : $list // ();
    my ($name) = ((grep { ($_->{use} // '') eq 'official' } @names), @names);

    return if !$name;

    my $given = words(' ', @{ $name->{given} // [] });
    my $family = line($name->{family});

    if (!defined $given && !defined $family && defined line($name->{text})) {
        ($given, $family) = line($name->{text}) =~ /^(?:(.*) )?(\S+)$/;
    }

    return ($given, $family);
}


# "system|value" of every identifier.
sub identifiers {
    my ($resource) = @_;
    return map { ($_->{system} // '') . "|$_->{value}" }
        grep { defined $_->{value} && !ref $_->{value} }
        @{ $resource->{identifier} // [] };
}


# What a Reference points to, as text: the reference itself, or
# "Type?identifier=system|value" where it only names an identifier.
sub reference {
    my ($reference, $type) = @_;

    return undef if ref $reference ne 'HASH';
    return $reference->{reference} if defined $reference->{reference};

    my $identifier = $reference->{identifier} // return undef;
    return undef if !defined $identifier->{value};
    return ($reference->{type} // $type) . '?identifier='
        . ($identifier->{system} // '') . "|$identifier->{value}";
}


# The calendar date of a date or dateTime, as it was where it was written.  A
# year or a month is its first day.
sub date_of {
    my ($text) = @_;

    return undef if !defined $text
        || $text !~ /^(\d{4})(?:-(\d\d))?(?:-(\d\d))?(?:T|$)/;
    return sprintf '%04d-%02d-%02d', $1, $2 // 1, $3 // 1;
}


# A dateTime or instant in UTC to the second, or undef.  A date alone begins
# at midnight UTC.
sub instant_of {
    my ($text) = @_;

    my ($year, $month, $day, $hour, $minute, $second, $zone) =
        ($text // '') =~ /^(\d{4})-(\d\d)-(\d\d)
            (?:T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?
               (Z|[-+]\d\d:\d\d)?)?$/x
        or return undef;

    my $time = eval {
        timegm_modern($second // 0, $minute // 0, $hour // 0,
                      $day, $month - 1, $year)
    } // return undef;

    if (($zone // 'Z') =~ /^([-+])(\d\d):(\d\d)$/) {
        $time -= ($1 eq '-' ? -1 : 1) * ($2 * 60 + $3) * 60;
    }

    my @part = gmtime $time;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $part[5] + 1900,
        $part[4] + 1, @part[3, 2, 1, 0];
}


# A number with at most so many digits after the point.
sub rounded {
    my ($number, $scale) = @_;
    return 0 + sprintf '%.*f', $scale, $number;
}


# A body without the fields that are undef.
sub without_nothing {
    my (%body) = @_;
    delete @body{ grep { !defined $body{$_} } keys %body };
    return \%body;
}

1;
