package EHR::Replay::Stays;

# Reads admissions and movements of real patients and says what each asks for:
# who lies in which ward from when to when.  docs/replay.md states the rules,
# and has to be changed with this.
#
#   my $stays = EHR::Replay::Stays->new(folder => …, together => 0);
#   $stays->admissions      # hashes, below, in the order of their first stay
#   $stays->acts            # what is asked for, in the order of its time
#   $stays->beds            # {ward}: beds it needs
#   $stays->rows            # every row of the movements: id, patient, event,
#                           # ward, intime, outtime (texts), fault ('' or why
#                           # it is left out)
#
# An admission: id (of the file; "visit <row>" for a visit to the emergency
# department alone), patient, type, doctor (or ''), disposition, ordered
# (seconds or undef), stays (a list of id, ward, from, to: seconds since 1970,
# shifted), fault ('' or why it is not asked for), expect ('', or why the API
# has to refuse it).
#
# An act: admission, kind (admit, transfer, discharge), at, number (of the
# stay that begins, or the last one), from, to (wards, undef where none).

use strict;
use warnings;

use POSIX ();
use Time::Local qw(timegm_modern);

use EHR::Replay::Names;

use constant WEEK     => 7 * 86400;
use constant TOGETHER => 4;             # weeks in which all histories begin
use constant OLDEST   => '1870-01-01';  # birth that the API takes

my %type_of = (
    'EW EMER.'                    => 'EMERGENCY',
    'DIRECT EMER.'                => 'EMERGENCY',
    'URGENT'                      => 'EMERGENCY',
    'ELECTIVE'                    => 'ELECTIVE',
    'SURGICAL SAME DAY ADMISSION' => 'ELECTIVE',
    'OBSERVATION ADMIT'           => 'OBSERVATION',
    'EU OBSERVATION'              => 'OBSERVATION',
    'DIRECT OBSERVATION'          => 'OBSERVATION',
    'AMBULATORY OBSERVATION'      => 'OBSERVATION',
);
my %disposition_of = (
    'DIED'                         => 'DECEASED',
    'HOME'                         => 'HOME',
    'HOME HEALTH CARE'             => 'HOME',
    'REHAB'                        => 'REHABILITATION',
    'HOSPICE'                      => 'HOSPICE',
    'AGAINST ADVICE'               => 'AGAINST_ADVICE',
    'SKILLED NURSING FACILITY'     => 'TRANSFERRED',
    'CHRONIC/LONG TERM ACUTE CARE' => 'TRANSFERRED',
    'PSYCH FACILITY'               => 'TRANSFERRED',
    'ACUTE HOSPITAL'               => 'TRANSFERRED',
);


# folder; together: true to make all histories begin within four weeks; now:
# seconds, which every time is before
sub new {
    my ($class, %option) = @_;
    my $self = bless { now => time, %option }, $class;

    $self->_read;
    $self->_group;
    $self->_find_shifts;
    $self->_find_overlaps;
    $self->_plan;
    $self->_count_beds;

    return $self;
}


sub admissions { return @{ $_[0]{admissions} } }
sub acts { return @{ $_[0]{acts} } }
sub rows { return @{ $_[0]{rows} } }
sub beds { return $_[0]{beds} }

# Seconds that are added to the times of a patient.
sub shift_of {
    my ($self, $patient) = @_;
    return $self->{shift} + ($self->{own_shift}{$patient} // 0);
}

# Whole weeks by which the file's times are earlier here.
sub weeks { return - $_[0]{shift} / WEEK }

# Those who are asked for: pairs of the file's id and what the API gets.
sub patients {
    my ($self) = @_;
    my %asked = map { $_->{patient} => 1 } grep { !$_->{fault} }
        $self->admissions;
    return map { [$_, $self->_patient($_)] } sort keys %asked;
}

sub doctors {
    my ($self) = @_;
    my %asked = map { $_->{doctor} => 1 } grep { !$_->{fault} }
        $self->admissions;
    delete $asked{''};
    my @doctors = sort keys %asked;
    return @doctors;
}

# Patients born before any date of birth that the API takes.
sub too_old {
    my ($self) = @_;
    return grep { !defined $_->[1]{dateOfBirth} } $self->patients;
}


# -- reading ------------------------------------------------------------------

sub _read {
    my ($self) = @_;

    $self->{patient} = { map { $_->{subject_id} => $_ } $self->_table(
        'patients', qw(subject_id gender anchor_age anchor_year)) };
    $self->{admission} = { map { $_->{hadm_id} => $_ } $self->_table(
        'admissions', qw(subject_id hadm_id dischtime admission_type
        admit_provider_id admission_location discharge_location)) };
    $self->{rows} = [map { {
        id => $_->{transfer_id}, patient => $_->{subject_id},
        admission => $_->{hadm_id}, event => $_->{eventtype},
        ward => $_->{careunit}, fault => '',
        intime => $_->{intime}, outtime => $_->{outtime},
        from => seconds($_->{intime}), to => seconds($_->{outtime}),
    } } $self->_table('transfers', qw(subject_id hadm_id transfer_id
        eventtype careunit intime outtime))];
}


# The rows of a file, plain or compressed, as hashes.
sub _table {
    my ($self, $name, @columns) = @_;
    my ($path) = grep { -r } map { "$self->{folder}/$name.csv$_" } '', '.gz'
        or die "there is no file $name.csv in $self->{folder}\n";
    my @command = $path =~ /gz$/ ? ('gzip', '-dc', '--') : ('cat', '--');
    my @rows;

    open my $file, '-|:encoding(UTF-8)', @command, $path
        or die "cannot read $path: $!\n";
    my $head = <$file> // '';
    chomp $head;
    my @names = split /,/, $head;
    my %is_there = map { $_ => 1 } @names;
    die "$path has no column $_\n" for grep { !$is_there{$_} } @columns;

    while (my $line = <$file>) {
        chomp $line;
        my @fields = split /,/, $line, -1;
        die "$path: line $. has other columns than its first one\n"
            if @fields != @names || $line =~ /"/;
        my %row;
        @row{@names} = @fields;
        push @rows, \%row;
    }
    close $file or die "$path is broken\n";

    return @rows;
}


# Since 1970; undef for what is no time.
sub seconds {
    my ($text) = @_;
    my ($year, $month, @rest) =
        $text =~ /\A(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\z/ or return undef;
    return scalar eval { timegm_modern(reverse(@rest), $month - 1, $year) };
}


# -- admissions ---------------------------------------------------------------

# Puts the rows of an admission together.
sub _group {
    my ($self) = @_;
    my %rows;

    for my $row ($self->rows) {
        push @{ $rows{ $row->{admission} || "visit $row->{id}" } }, $row;
    }
    $self->{admissions} = [map { $self->_admission($_, @{ $rows{$_} }) }
        sort keys %rows];

    for my $admission ($self->admissions) {
        for my $row (@{ $admission->{rows} }) {
            $row->{fault} ||= $admission->{fault}
                && "$admission->{id} is left out: $admission->{fault}";
        }
    }
}


sub _admission {
    my ($self, $id, @rows) = @_;
    my $told = $self->{admission}{$id} || {};
    my @stays = grep { $_->{event} ne 'discharge' } @rows;
    my ($discharge, $second) = grep { $_->{event} eq 'discharge' } @rows;
    my %admission = (id => $id, patient => $rows[0]{patient}, rows => \@rows,
        type => type_of($told), doctor => $told->{admit_provider_id} // '',
        disposition => $disposition_of{ $told->{discharge_location} // '' }
            // 'OTHER', fault => '', expect => '');

    my $fault = $self->_fault_of_rows(\%admission, @stays)
        || ($second ? 'it ends twice' : '')
        || _fault_of_discharge($discharge, $id, @stays);
    if ($fault) {
        $admission{fault} = $fault;
        $admission{stays} = [];
        return \%admission;
    }

    # a stay of no time is no stay
    $admission{stays} = [grep { $_->{from} != $_->{to} }
        sort { $a->{from} <=> $b->{from} || $a->{to} <=> $b->{to} } @stays];
    $_->{fault} = 'it ends when it begins' for grep { $_->{from} == $_->{to} }
        @stays;
    my $chain = _fault_of_chain(@{ $admission{stays} });
    $admission{fault} = $chain if $chain;
    $admission{ordered} = _ordered($told, @{ $admission{stays} });
    ($admission{expect}) = map { "$_->{id} ends before it begins" }
        grep { $_->{to} < $_->{from} } @{ $admission{stays} };
    $admission{expect} //= '';

    return \%admission;
}


sub type_of {
    my ($told) = @_;
    return 'OBSERVATION' if !%$told;
    return 'TRANSFER_IN'
        if $told->{admission_location} =~ /^TRANSFER FROM (HOSPITAL|SKILLED)/;
    return $type_of{ $told->{admission_type} } // 'EMERGENCY';
}


# Why rows that are to be one admission cannot be read as one.
sub _fault_of_rows {
    my ($self, $admission, @stays) = @_;
    my $told = $self->{admission}{ $admission->{id} };
    my %patients = map { $_->{patient} => 1 } @{ $admission->{rows} };
    $patients{ $told->{subject_id} } = 1 if $told;

    return 'there is no such admission in the file'
        if !$told && $admission->{id} !~ /^visit/;
    return 'its rows name several patients' if keys %patients > 1;
    return 'there is no such patient in the file'
        if !$self->{patient}{ $admission->{patient} };
    return 'its patient has a negative age'
        if $self->{patient}{ $admission->{patient} }{anchor_age} !~ /\A\d+\z/;
    return 'it has no stay' if !@stays;
    for my $stay (@stays) {
        return "$stay->{id} has no time" if !defined $stay->{from}
            || !defined $stay->{to};
        return "$stay->{id} has no care unit" if $stay->{ward} eq '';
    }
    return '';
}


# A visit to the emergency department alone has no row that ends it.
sub _fault_of_discharge {
    my ($discharge, $id, @stays) = @_;
    my ($last) = sort { $b <=> $a } map { $_->{to} } @stays;

    return '' if $id =~ /^visit/ && !$discharge;
    return 'nothing says that it ended' if !$discharge;
    # the API shall say that a stay does not end before it begins
    return '' if grep { $_->{to} < $_->{from} } @stays;
    return "$discharge->{id} ends it at another time than its last stay"
        if !defined $discharge->{from} || $discharge->{from} != $last;
    return '';
}


# Why stays do not follow one another.
sub _fault_of_chain {
    my @stays = @_;

    return 'none of its stays takes any time' if !@stays;
    for my $i (1 .. $#stays) {
        my ($before, $stay) = @stays[$i - 1, $i];
        return "$stay->{id} begins before $before->{id} ends"
            if $stay->{from} < $before->{to};
        return "nobody says where the patient was before $stay->{id}"
            if $stay->{from} > $before->{to}
                && $before->{to} >= $before->{from};
    }
    return '';
}


# When the discharge was ordered: when the admission ended by its own row, if
# that was during the last stay, else when the patient left.
sub _ordered {
    my ($told, @stays) = @_;
    my $last = $stays[-1] or return undef;
    my $ended = seconds($told->{dischtime} // '');

    return defined $ended && $ended > $last->{from} && $ended <= $last->{to}
        ? $ended : $last->{to};
}


# -- times --------------------------------------------------------------------

# Whole weeks, so that weekdays stay: the fewest that put the last time into
# the past.
sub _find_shifts {
    my ($self) = @_;
    my @all = grep { !$_->{fault} } $self->admissions;
    die "there is no admission that can be\n" if !@all;

    $self->_bring_together(@all) if $self->{together};
    my ($last) = sort { $b <=> $a } map {
        my $own = $self->{own_shift}{ $_->{patient} } // 0;
        map { $_->{from} + $own, $_->{to} + $own } @{ $_->{stays} };
    } @all;
    $self->{shift} = -WEEK * POSIX::ceil(($last - $self->{now} + 1) / WEEK);

    for my $admission (@all) {
        my $shift = $self->shift_of($admission->{patient});
        $admission->{ordered} += $shift;
        for my $stay (@{ $admission->{stays} }) {
            $stay->{$_} += $shift for qw(from to);
        }
    }
    $self->{admissions} = [sort { _start($a) <=> _start($b)
        || $a->{id} cmp $b->{id} } $self->admissions];
}


sub _start { return @{ $_[0]{stays} } ? $_[0]{stays}[0]{from} : 0 }


# Every patient's whole weeks, by which the history begins in one of four
# weeks that follow one another, whichever comes next in turn.
sub _bring_together {
    my ($self, @admissions) = @_;
    my %first;

    for my $admission (@admissions) {
        my $start = _start($admission);
        my $first = \$first{ $admission->{patient} };
        $$first = $start if !defined $$first || $start < $$first;
    }
    my @patients = sort { $first{$a} <=> $first{$b} || $a cmp $b } keys %first;
    my $base = POSIX::floor($first{ $patients[0] } / WEEK);
    for my $i (0 .. $#patients) {
        $self->{own_shift}{ $patients[$i] } = WEEK * ($base + $i % TOGETHER
            - POSIX::floor($first{ $patients[$i] } / WEEK));
    }
}


sub _patient {
    my ($self, $id) = @_;
    my $told = $self->{patient}{$id};
    my $born = seconds(sprintf '%04d-07-01 00:00:00',
        $told->{anchor_year} - $told->{anchor_age});
    my $date = POSIX::strftime('%Y-%m-%d', gmtime $born + $self->shift_of($id));

    return {
        EHR::Replay::Names::of_patient($id),
        gender => { F => 'FEMALE', M => 'MALE' }->{ $told->{gender} }
            // 'UNKNOWN',
        $date ge OLDEST ? (dateOfBirth => $date) : (),
    };
}


# -- what is asked for --------------------------------------------------------

# A patient who lies in one bed is not admitted to another: the later of two
# admissions that overlap has to be refused.
sub _find_overlaps {
    my ($self) = @_;
    my %until;

    for my $admission (grep { !$_->{fault} } $self->admissions) {
        my $until = \$until{ $admission->{patient} };
        my $end = $admission->{stays}[-1]{to};
        if ($$until && _start($admission) < $$until->[0]) {
            $admission->{expect} ||= "its patient lies in $$until->[1]";
        } elsif (!$admission->{expect}) {
            $$until = [$end, $admission->{id}];
        }
    }
}


# Acts in the order of their time; none before the one it follows.  At the same
# time a patient leaves before another comes.
sub _plan {
    my ($self) = @_;
    my ($number, @acts) = (0);

    for my $admission (grep { !$_->{fault} } $self->admissions) {
        my @stays = @{ $admission->{stays} };
        my $due = $stays[0]{from};
        for my $i (0 .. $#stays) {
            my $stay = $stays[$i];
            $due = $stay->{from} if $stay->{from} > $due;
            push @acts, { admission => $admission, at => $stay->{from},
                due => $due, kind => $i ? 'transfer' : 'admit',
                number => $i, from => $i ? $stays[$i - 1]{ward} : undef,
                to => $stay->{ward}, order => $i ? 1 : 2 };
        }
        $due = $stays[-1]{to} if $stays[-1]{to} > $due;
        push @acts, { admission => $admission, at => $stays[-1]{to},
            due => $due, kind => 'discharge', number => $#stays,
            from => $stays[-1]{ward}, order => $due > $stays[-1]{to} ? 3 : 0 };
    }
    $_->{place} = $number++ for @acts;
    $self->{acts} = [sort { $a->{due} <=> $b->{due}
        || $a->{order} <=> $b->{order} || $a->{place} <=> $b->{place} } @acts];
}


# As many as ever are needed at once: the bed that is left is still needed when
# the next one is taken.
sub _count_beds {
    my ($self) = @_;
    my (%now, %most);

    for my $act ($self->acts) {
        if (defined(my $ward = $act->{to})) {
            my $n = ++$now{$ward};
            $most{$ward} = $n if $n > ($most{$ward} // 0);
        }
        $now{ $act->{from} }-- if defined $act->{from};
    }
    $self->{beds} = \%most;
}

1;
