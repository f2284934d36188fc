package EHR::Replay::Rule;

# What a row of the appointments' file asks for.  The file knows patient, day
# and neighbourhood; who, when and how long is derived here, always the same
# way: docs/replay.md says how, and has to be changed with this.

use strict;
use warnings;

use POSIX ();
use Time::Local qw(timegm);

use EHR::Replay::Names;

use constant ZONE      => 'America/Sao_Paulo';
use constant OFFSET    => '-03:00';     # all year since 2019
use constant OPENS     => 8 * 60;       # minutes of the day
use constant CLOSES    => 18 * 60;
use constant SLOT      => 15;
use constant WEEKDAYS  => (1 .. 6);     # Monday to Saturday
use constant DAILY     => 20;           # bookings a doctor and day


# file: the .csv.gz; now: seconds, which every day is told from
sub new {
    my ($class, %option) = @_;
    my $self = bless { now => time, %option }, $class;

    $self->{rows} = [sort { $a->{booked} cmp $b->{booked}
        || $a->{id} <=> $b->{id} } $self->_read];
    $self->_count_doctors;
    $self->_find_shift;

    return $self;
}


# All rows, in the order in which they were booked: id, patient, gender,
# booked, day (of the file), age, clinic.
sub rows { return @{ $_[0]{rows} } }

# {clinic}: number of doctors
sub clinics { return $_[0]{doctors} }

sub weeks { return $_[0]{shift} / 7 }

# From when on doctors work: long before anything is asked for.
sub first_day {
    my ($self) = @_;
    return _date(POSIX::floor($self->{now} / 86400) - 60);
}


sub _read {
    my ($self) = @_;
    my @rows;

    open my $file, '-|:encoding(UTF-8)', 'gzip', '-dc', '--',
        $self->{file}
        or die "cannot read $self->{file}: $!\n";
    my $head = <$file> // '';
    $head =~ /^PatientId,AppointmentID,Gender,ScheduledDay,AppointmentDay,Age,Neighbourhood,/
        or die "$self->{file} is not the file of appointments\n";
    while (my $line = <$file>) {
        my @fields = split /,/, $line;
        push @rows, { patient => $fields[0], id => $fields[1],
            gender => $fields[2], booked => $fields[3],
            day => substr($fields[4], 0, 10), age => $fields[5],
            clinic => $fields[6] };
    }
    close $file or die "$self->{file} is broken\n";

    return @rows;
}


# As many that a working day of the clinic has DAILY bookings a doctor.
sub _count_doctors {
    my ($self) = @_;
    my (%rows, %days);

    for my $row (@{ $self->{rows} }) {
        $rows{ $row->{clinic} }++;
        $days{ $row->{day} } = 1;
    }
    my $days = keys %days;
    $self->{doctors} = { map {
        $_ => POSIX::ceil($rows{$_} / $days / DAILY)
    } keys %rows };
}


# Whole weeks, so that weekdays stay: the fewest that put the first day after
# today.
sub _find_shift {
    my ($self) = @_;
    my ($first) = sort map { $_->{day} } @{ $self->{rows} };
    my $today = POSIX::floor($self->{now} / 86400);

    $self->{shift} = 7 * POSIX::ceil(($today + 1 - _day($first)) / 7);
}


# Days since 1970
sub _day {
    my ($year, $month, $day) = split /-/, $_[0];
    return timegm(0, 0, 0, $day, $month - 1, $year) / 86400;
}


sub _date { return POSIX::strftime('%Y-%m-%d', gmtime 86400 * $_[0]) }


# A row's wish: clinic, doctor (number in the clinic), start, minutes, type.
# What was booked after its day asks for a start as long before today.
sub wish {
    my ($self, $row) = @_;
    my ($doctor, $length, $slot) =
        EHR::Replay::Names::numbers('appointment', $row->{id});
    my $slots = (CLOSES - OPENS) / SLOT;
    my $long = $length % 20 < 14 ? 1 : $length % 20 < 18 ? 2 : 3;

    my $day = _day($row->{day});
    my $late = _day(substr $row->{booked}, 0, 10) - $day;
    $day = $late > 0 ? POSIX::floor($self->{now} / 86400) - $late
        : $day + $self->{shift};
    my $minute = OPENS + SLOT * ($slot % ($slots - $long + 1));

    return {
        clinic  => $row->{clinic},
        doctor  => $doctor % $self->{doctors}{ $row->{clinic} },
        start   => sprintf('%sT%02d:%02d:00%s', _date($day), $minute / 60,
                           $minute % 60, OFFSET),
        minutes => $long * SLOT,
        type    => $self->{seen}{ $row->{patient} }++ ? 'FOLLOW_UP'
            : 'CONSULTATION',
    };
}


# The patient of a row.  Born so that the age is right today.
sub patient {
    my ($self, $row) = @_;
    my $days = (EHR::Replay::Names::numbers('patient', $row->{patient}))[3];
    my $born = POSIX::floor($self->{now} / 86400)
        - POSIX::floor($row->{age} * 365.2425) - $days % 300;

    return {
        EHR::Replay::Names::of_patient($row->{patient}),
        gender      => $row->{gender} eq 'F' ? 'FEMALE' : 'MALE',
        dateOfBirth => _date($born),
    };
}


# Why a row of the file cannot be: '', or in words.
sub fault {
    my ($self, $row) = @_;
    return 'the age is negative' if $row->{age} < 0;
    return 'booked after its day' if substr($row->{booked}, 0, 10) gt $row->{day};
    return '';
}

1;
