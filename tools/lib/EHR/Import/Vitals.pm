package EHR::Import::Vitals;

# Observations that are vital signs.
#
# What was measured at the same visit and time becomes one entry of ours.  The
# entry's externalId is made of the visit (else the patient) and the time, so
# that it stays the same however the observations are spread over files; the
# ids of the observations in it are kept in its additionalData.

use strict;
use warnings;

use Exporter 'import';
use EHR::Import::Fhir qw(coding concept instant_of reference rounded);

our @EXPORT_OK = qw(may_be_vital measurements entries check_bmi BMI_CODE);

use constant BMI_CODE => '39156-5';

# Factors to our unit by UCUM code.  Temperatures are not proportional.
my %PRESSURE = ('mm[Hg]' => 1, mmHg => 1, kPa => 7.500617);
my %RATE     = map { $_ => 1 }
    qw(/min {beats}/min {breaths}/min 1/min beats/min breaths/min
       {Beats}/min {Breaths}/min bpm);
my %MASS     = (kg => 1, g => 0.001, '[lb_av]' => 0.45359237,
                lb => 0.45359237, '[oz_av]' => 0.028349523125);
my %LENGTH   = (cm => 1, m => 100, mm => 0.1, '[in_i]' => 2.54, in => 2.54,
                '[ft_i]' => 30.48);
my %SCORE    = map { $_ => 1 } '{score}', '1', '', '{number}';
my %GLUCOSE  = ('mg/dL' => 1, 'mmol/L' => 18.0156);
my %TEMPERATURE = (
    Cel      => sub { $_[0] },
    'C'      => sub { $_[0] },
    '[degF]' => sub { ($_[0] - 32) / 1.8 },
    K        => sub { $_[0] - 273.15 },
);

# [field, digits after the point, units]
my @SYSTOLIC    = ('bpSystolic', 0, \%PRESSURE);
my @DIASTOLIC   = ('bpDiastolic', 0, \%PRESSURE);
my @HEART       = ('heartRate', 0, \%RATE);
my @BREATH      = ('respiratoryRate', 0, \%RATE);
my @TEMPERATURE = ('temperature', 1, \%TEMPERATURE);
my @WEIGHT      = ('weight', 3, \%MASS);
my @HEIGHT      = ('height', 1, \%LENGTH);
my @OXYGEN      = ('oxygenSaturation', 1, { '%' => 1 });
my @PAIN        = ('painScale', 0, \%SCORE);
my @GLUCOSE     = ('bloodGlucose', 1, \%GLUCOSE);

my %FIELD = (               # by LOINC code
    '8480-6'  => \@SYSTOLIC,    '8462-4'  => \@DIASTOLIC,
    '8867-4'  => \@HEART,       '8889-8'  => \@HEART,
    '8893-0'  => \@HEART,       '9279-1'  => \@BREATH,
    '8310-5'  => \@TEMPERATURE, '8331-1'  => \@TEMPERATURE,
    '8332-9'  => \@TEMPERATURE, '8333-7'  => \@TEMPERATURE,
    '8328-7'  => \@TEMPERATURE, '8329-5'  => \@TEMPERATURE,
    '29463-7' => \@WEIGHT,      '3141-9'  => \@WEIGHT,
    '3142-7'  => \@WEIGHT,      '8335-2'  => \@WEIGHT,
    '8302-2'  => \@HEIGHT,      '3137-7'  => \@HEIGHT,
    '3138-5'  => \@HEIGHT,      '8306-3'  => \@HEIGHT,
    '8301-4'  => \@HEIGHT,
    '59408-5' => \@OXYGEN,      '2708-6'  => \@OXYGEN,
    '72514-3' => \@PAIN,        '38208-5' => \@PAIN,
    '2339-0'  => \@GLUCOSE,     '2345-7'  => \@GLUCOSE,
    '41653-7' => \@GLUCOSE,     '15074-8' => \@GLUCOSE,
);


# Whether an observation with these categories is worth a look, else the
# reason why not.  One without a category may be.
sub may_be_vital {
    my ($categories) = @_;
    my @codes = grep { defined } map { scalar coding($_) }
        @{ $categories // [] };

    return if !@codes || grep { $_ eq 'vital-signs' } @codes;
    return "observation of category $codes[0]: not a vital sign";
}


# ({ id, patient, encounter, at, values => { field => number }, bmi }, undef),
# or (undef, reason).
sub measurements {
    my ($resource, $id) = @_;

    my $status = $resource->{status} // 'missing';
    return (undef, "status $status")
        if $status !~ /^(?:final|amended|corrected|preliminary)$/;

    my $at = instant_of($resource->{effectiveDateTime}
        // $resource->{effectiveInstant}
        // $resource->{effectivePeriod}{start})
        // return (undef, 'has no time');

    my %one = (id => $id, at => $at, values => {},
        patient   => reference($resource->{subject}, 'Patient'),
        encounter => reference($resource->{encounter}, 'Encounter'));
    my @parts = ($resource, @{ $resource->{component} // [] });
    my $unusable;

    for my $part (@parts) {
        my ($field, $value, $why) = _measurement($part);
        $unusable //= $why;
        next if !defined $field;

        if ($field eq 'bmi') {
            $one{bmi} = $value;
        } else {
            $one{values}{$field} = $value;
        }
    }

    return (undef, $unusable // 'vital sign without a value')
        if !defined $one{bmi} && !%{ $one{values} };

    $one{lost} = $unusable;
    return \%one;
}


# (field, value), or (undef, undef, why not).
sub _measurement {
    my ($part) = @_;

    my @codes = map { $_->{code} // () }
        grep { ($_->{system} // '') =~ m{loinc}i }
        @{ $part->{code}{coding} // [] };
    my ($code) = ((grep { $FIELD{$_} || $_ eq BMI_CODE } @codes), @codes);
    my $quantity = $part->{valueQuantity};

    return (undef, undef, 'has no LOINC code') if !defined $code;
    return (undef, undef, "vital sign without a field here: LOINC $code")
        if !$FIELD{$code} && $code ne BMI_CODE
           && !@{ $part->{component} // [] };

    # a panel of components says nothing by itself
    return if !$quantity && @{ $part->{component} // [] };

    return _number($code, $quantity // {
        value => $part->{valueInteger}, code => '{score}' });
}


sub _number {
    my ($code, $quantity) = @_;

    my $value = $quantity->{value};
    return (undef, undef, "LOINC $code without a value")
        if !defined $value || ref $value || $value !~ /^-?[\d.]+(?:e-?\d+)?$/i;
    return (undef, undef, "LOINC $code with a comparator")
        if defined $quantity->{comparator};
    return ('bmi', $value) if $code eq BMI_CODE;

    my ($field, $scale, $units) = @{ $FIELD{$code} };
    my $unit = $quantity->{code} // $quantity->{unit} // '';
    my $factor = $units->{$unit}
        // return (undef, undef, "LOINC $code in unit $unit");

    return ($field, rounded(
        ref $factor ? $factor->($value) : $value * $factor, $scale));
}


# Groups measurements (with `subject`, "Patient/id", `visit`, the FHIR id of a
# visit that is there, and `place`) into entries
#   { externalId, at, values, bmi, from => { field => [ids] }, ids }.
# Two values of one field at one time make a second entry.
sub entries {
    my (@all) = @_;
    my (%by_time, @entries);

    for my $one (sort { $a->{id} cmp $b->{id} } @all) {
        my $key = ($one->{visit} // $one->{subject} =~ s{.*/}{}r)
            . "\@$one->{at}";
        my $list = $by_time{$key} //= [];
        my ($entry) = grep { _fits($_, $one) } @$list;

        if (!$entry) {
            push @$list, $entry = {
                at => $one->{at}, values => {}, from => {}, ids => [],
                place => $one->{place}, subject => $one->{subject},
                externalId => $key . (@$list ? '#' . (@$list + 1) : ''),
            };
            push @entries, $entry;
        }

        _join($entry, $one);
    }

    return @entries;
}


sub _fits {
    my ($entry, $one) = @_;
    my %new = (%{ $one->{values} },
               defined $one->{bmi} ? (bmi => $one->{bmi}) : ());
    my %old = (%{ $entry->{values} },
               defined $entry->{bmi} ? (bmi => $entry->{bmi}) : ());

    return !grep { defined $old{$_} && $old{$_} != $new{$_} } keys %new;
}


sub _join {
    my ($entry, $one) = @_;

    push @{ $entry->{ids} }, $one->{id};
    for my $field (keys %{ $one->{values} }) {
        $entry->{values}{$field} = $one->{values}{$field};
        push @{ $entry->{from}{$field} }, $one->{id};
    }
    if (defined $one->{bmi}) {
        $entry->{bmi} = $one->{bmi};
        push @{ $entry->{from}{bmi} }, $one->{id};
    }
}


# The server derives the index of body mass from weight and height.  Why what
# the file says cannot stand beside it, or nothing.
sub check_bmi {
    my ($entry, $derived) = @_;
    my ($weight, $height) = @{ $entry->{values} }{qw(weight height)};

    return 'BMI without weight and height: it is derived from them'
        if !$weight || !$height;

    $derived //= $weight / ($height / 100) ** 2;
    return if abs($entry->{bmi} - $derived) <= 0.05 + 0.01 * $derived;
    return 'BMI differs from what weight and height give';
}

1;
