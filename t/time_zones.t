# Slots about every transition of some time zones in seven years, from two
# before this one on, and on plain days, against a computation of its own: from
# what zdump tells of the zone, never from PostgreSQL.

use EHR::Test;
use EHR::Test::Bodies ();
use EHR::Test::Scheduling;
use Time::Local qw(timegm);

my @zones = qw(America/Sao_Paulo America/New_York Europe/London
    Australia/Lord_Howe Asia/Kathmandu Africa/Casablanca America/Havana
    Africa/Cairo America/Nuuk);
my $year = 1900 + (gmtime)[5];
my ($first, $end) = map { timegm(0, 0, 0, 1, 0, $year + $_) } -2, 5;
my $day = 86400;
my $env = start_environment(name => 'time-zones', no_nginx => 1);
my $world = EHR::Test::Scheduling->new($env);

srand 20240331;
my %offsets = map { $_ => [offsets($_)] } @zones;
known_cases();

my @doctors = map { doctors_of($_) } @zones;
enter(@doctors);
compare(open_slots(), 'open periods');
compare(free_slots(), 'free slots', time + 60);

cmp_ok scalar(grep { @{ $offsets{$_} } > 10 } @zones), '>=', 7,
    'zones with many transitions';
done_testing;

# -- what a zone is -----------------------------------------------------------

# [instant, offset from then on], the first at the beginning of time.
sub offsets {
    my ($zone) = @_;
    my %month;
    @month{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = 0 .. 11;
    my @changes;

    for (split /\n/, must_run(undef, 'zdump', '-v', '-c',
        '2022,' . ($year + 7), $zone))
    {
        my ($mon, $mday, $h, $m, $s, $year, $offset) =
            /\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d+) UT = .* gmtoff=(-?\d+)/
            or next;
        push @changes, [timegm($s, $m, $h, $mday, $month{$mon}, $year),
            $offset];
    }
    unless (@changes) {
        my ($h, $m, $sign) = (0, 0, 1);
        local $ENV{TZ} = $zone;
        must_run(undef, 'date', '-d', '2027-01-15', '+%z')
            =~ /([+-])(\d\d)(\d\d)/ or die "no offset of $zone";
        return [0, ($1 eq '-' ? -1 : 1) * ($2 * 3600 + $3 * 60)];
    }
    @changes = sort { $a->[0] <=> $b->[0] } @changes;
    my @offsets = [0, $changes[0][1]];
    $_->[1] != $offsets[-1][1] and push @offsets, $_ for @changes;
    return @offsets;
}

# The instant of a wall time, given as seconds since 1970 by that clock: of
# two the second, of none what the offset before the gap makes of it.
sub instant {
    my ($zone, $wall) = @_;
    my @offsets = @{ $offsets{$zone} };
    my ($found, $before);

    for my $i (0 .. $#offsets) {
        my ($from, $offset) = @{ $offsets[$i] };
        my $until = $i < $#offsets ? $offsets[$i + 1][0] : 9e15;
        my $at = $wall - $offset;

        $found = $at if $at >= $from && $at < $until;
        # beyond the end of one offset, before the beginning of the next
        $before = $at if $i < $#offsets && $at >= $until
            && $wall - $offsets[$i + 1][1] < $until;
    }
    return defined $found ? $found : $before;
}

sub known_cases {
    my $at = sub { timegm(0, @_) };
    my @cases = (
        ['Europe/London', [30, 1, 31, 2, 2024], [30, 1, 31, 2, 2024],
            'half past one that is skipped is half past two'],
        ['Europe/London', [30, 1, 27, 9, 2024], [30, 1, 27, 9, 2024],
            'that comes twice is the second'],
        ['America/New_York', [0, 12, 1, 6, 2026], [0, 16, 1, 6, 2026],
            'noon in summer'],
        ['Asia/Kathmandu', [0, 12, 1, 6, 2026], [15, 6, 1, 6, 2026],
            'three quarters of an hour'],
        ['Australia/Lord_Howe', [15, 2, 6, 9, 2024], [45, 15, 5, 9, 2024],
            'a gap of half an hour'],
    );
    for my $case (@cases) {
        my ($zone, $wall, $instant, $name) = @$case;
        is instant($zone, $at->(@$wall)), $at->(@$instant), "$zone: $name";
    }
}

# -- doctors ------------------------------------------------------------------

# Some for each transition, with hours that begin and end near it, and some on
# plain days.
sub doctors_of {
    my ($zone) = @_;
    my @moments = map { [$_->[0], 6] }
        grep { $_->[0] >= $first && $_->[0] < $end } @{ $offsets{$zone} };

    push @moments, map { [int($first + rand($end - $first)), 1] } 1 .. 10;
    return map { my ($at, $n) = @$_; map { doctor($zone, $at) } 1 .. $n }
        @moments;
}

# Rules of one day of the clinic, in some order, cut at random points, most of
# them close to the transition.
sub doctor {
    my ($zone, $at) = @_;
    my $local = $at + (grep { $_->[0] <= $at } @{ $offsets{$zone} })[-1][1];
    my $date = int($local / $day) - int rand 2;
    my %cut = map { $_ => 1 } map {
        my $near = int(($local - $date * $day) / 300) * 5 - 150 + 5 * int rand 60;
        my $any = 5 * int rand 289;
        $near >= 0 && $near <= 1440 && rand() < 0.8 ? $near : $any
    } 1 .. 8;
    my @cuts = sort { $a <=> $b } keys %cut;

    return { id => EHR::Test::Bodies::unique_id(), zone => $zone,
        date => $date, slot => 5 * (1 + int rand 6),
        rules => [map { [@cuts[$_, $_ + 1]] } grep { rand() < 0.8 }
            0 .. $#cuts - 1] };
}

sub enter {
    my (@all) = @_;
    my %clinic = map { $_ => $world->clinic($_) } @zones;
    my @date = map { strftime_date($_->{date}) } @all;
    my $n = 0;

    $world->own(join "\n", map {
        my ($doctor, $date) = ($_, $date[$n++]);
        ("INSERT INTO ehr.doctors (id, first_name, last_name, license_number)
            VALUES ('$doctor->{id}', 'D', 'D', 'T$n');",
        map { "INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id,
                day_of_week, start_time, end_time, slot_minutes, valid_from,
                valid_to) VALUES ('$doctor->{id}', '$clinic{$doctor->{zone}}',
                extract(isodow FROM date '$date'), '" . wall($_->[0]) . "', '"
                . wall($_->[1]) . "', $doctor->{slot}, '$date', '$date');" }
            @{ $doctor->{rules} })
    } @all);
}

sub wall { return sprintf '%02d:%02d', int($_[0] / 60), $_[0] % 60 }

sub strftime_date {
    my @t = gmtime $_[0] * $day;
    return sprintf '%d-%02d-%02d', $t[5] + 1900, $t[4] + 1, $t[3];
}

# -- slots --------------------------------------------------------------------

# Starts of a doctor's slots: real minutes from the beginning of each period;
# of two periods that would overlap the later begins where the earlier ends.
sub expected {
    my ($doctor) = @_;
    my $step = 60 * $doctor->{slot};
    my ($busy, @slots) = (0);
    my @periods = sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
        grep { $_->[0] < $_->[1] }
        map { my $rule = $_; [map { instant($doctor->{zone},
            $doctor->{date} * $day + 60 * $_) } @$rule] }
        @{ $doctor->{rules} };

    for my $period (@periods) {
        my ($from, $to) = @$period;
        my $start = $from;
        $start += $step while $start < $busy;
        for (; $start + $step <= $to; $start += $step) {
            push @slots, $start;
        }
        $busy = $to if $to > $busy;
    }
    return sort { $a <=> $b } @slots;
}

sub open_slots {
    my ($from, $to) = map { strftime_date($_ / $day) } $first - 7 * $day,
        $end + 6 * $day;
    return collect($env->rows(<<"SQL"));
SELECT p.doctor_id, extract(epoch FROM p.starts_at)::bigint
       + n * p.slot_minutes * 60
  FROM ehr.open_periods(NULL, '$from', '$to') p
 CROSS JOIN generate_series(0, 400) AS n
 WHERE p.starts_at + (n + 1) * p.slot_minutes * interval '1 min' <= p.ends_at
SQL
}

# Of those whose day is to come.
sub free_slots {
    return collect($env->rows(<<'SQL'));
SELECT d.doctor_id, extract(epoch FROM f.starts_at)::bigint
  FROM (SELECT DISTINCT doctor_id, valid_from FROM ehr.doctor_schedules
         WHERE valid_from > current_date + 3) AS d
 CROSS JOIN LATERAL ehr.free_slots(ARRAY[d.doctor_id], d.valid_from
     - interval '2 days', d.valid_from + interval '3 days', NULL, NULL) AS f
SQL
}

sub collect {
    my %of;
    push @{ $of{$_->[0]} }, $_->[1] for @_;
    return \%of;
}

# Doctors whose slots differ; from: only those after it.
sub compare {
    my ($got, $what, $from) = @_;
    my (%wrong, %slots);

    for my $doctor (@doctors) {
        next if $from && $doctor->{date} * $day < $from + 4 * $day;
        my @expected = expected($doctor);
        my @got = sort { $a <=> $b } @{ $got->{ $doctor->{id} } || [] };
        my $zone = $doctor->{zone};

        $slots{$zone} += @expected;
        $wrong{$zone} ||= "the day " . strftime_date($doctor->{date})
            . " rules " . join(' ', map { wall($_->[0]) . '-' . wall($_->[1]) }
                @{ $doctor->{rules} })
            . "/$doctor->{slot}\nexpected "
            . join(' ', map { scalar gmtime } @expected) . "\ngot      "
            . join(' ', map { scalar gmtime } @got)
            if "@expected" ne "@got";
    }
    for my $zone (@zones) {
        cmp_ok $slots{$zone}, '>', 20, "$zone: $what, $slots{$zone} slots";
        is $wrong{$zone}, undef, "$zone: $what are as computed";
    }
}
