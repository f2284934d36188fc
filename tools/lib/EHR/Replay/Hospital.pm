package EHR::Replay::Hospital;

# What the appointments are booked at: a clinic for each neighbourhood, its
# doctors and their weekly schedules, and the patients; made through the API.
#
#   my $hospital = EHR::Replay::Hospital->new(records => …, rule => …);
#   $hospital->set_up(@clinics);
#   $hospital->admit($progress, @rows);     # patients, at their first row
#   $hospital->doctor($clinic, $number), ->patient($id), ->refused($id)

use strict;
use warnings;
use utf8;


sub new {
    my ($class, %option) = @_;
    return bless { %option, doctors => {} }, $class;
}


sub doctor { return $_[0]{doctors}{$_[1]}[$_[2]] }
sub patient { return $_[0]{records}->patient($_[1]) }

# What the API said instead of making the patient: field => message
sub refused { return $_[0]{records}->refused($_[1]) }


sub set_up {
    my ($self, @clinics) = @_;
    my ($rule, $records) = @$self{qw(rule records)};
    my ($hospital) = $records->make({ path => '/hospitals',
        name => 'Vitória' });
    my (%clinic, @doctors);

    @clinic{@clinics} = $records->make(map { { path => '/clinics', name => $_,
        hospitalId => $hospital, timeZone => $rule->ZONE } } @clinics);

    for my $name (@clinics) {
        push @doctors, map { [$name, $_] } 0 .. $rule->clinics->{$name} - 1;
    }
    my @ids = $records->make(map { { path => '/doctors',
        firstName => "Number $_->[1]", lastName => $_->[0],
        licenseNumber => "$_->[0] $_->[1]",
        clinicIds => [$clinic{ $_->[0] }] } } @doctors);
    $self->{doctors}{ $doctors[$_][0] }[ $doctors[$_][1] ] = $ids[$_]
        for 0 .. $#ids;

    $records->make(map { my $i = $_; map { {
        path => "/doctors/$ids[$i]/schedules",
        clinicId => $clinic{ $doctors[$i][0] }, dayOfWeek => $_,
        startTime => _time($rule->OPENS), endTime => _time($rule->CLOSES),
        slotMinutes => $rule->SLOT, capacity => 1,
        validFrom => $rule->first_day } } $rule->WEEKDAYS } 0 .. $#ids);
}


sub _time { return sprintf '%02d:%02d', $_[0] / 60, $_[0] % 60 }


# The patients of these rows.  One the API refuses is known afterwards to
# refused().
sub admit {
    my ($self, $progress, @rows) = @_;
    my (%seen, @patients);

    for my $row (@rows) {
        push @patients, [$row->{patient}, $self->{rule}->patient($row)]
            if !$seen{ $row->{patient} }++;
    }
    $self->{records}->make_patients($progress, @patients);
}

1;
