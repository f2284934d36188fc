# How full wards are: now, and over time against a computation of its own, from
# what zdump tells of the zone and plain loops over random stays.

use EHR::Test;
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Inpatient;
use POSIX qw(strftime);
use Time::Local qw(timegm);

my $env = environment();
my $hospital = EHR::Test::Inpatient->create($env);
my $admin = client('admin');
my $zone = 'America/Sao_Paulo';         # midnight does not always exist there
my ($hour, $day) = (3600, 86400);
my @offsets = offsets($zone);

srand 20181104;
now();
over_time();
where_it_stood();
what_is_not_known();
bad_ones_are_refused();
who_may();

logs_clean($env);
done_testing;

sub occupancy {
    my ($query, $client) = @_;
    return ($client || $admin)->get('/api/v1/occupancy'
        . ($query ? "?$query" : ''));
}

sub rfc3339 { return strftime('%Y-%m-%dT%H:%M:%SZ', gmtime $_[0]) }

sub seconds {
    my ($y, $mon, $d, $h, $m, $s) = $_[0] =~ /(\d+)/g;
    return timegm($s, $m, $h, $d, $mon - 1, $y);
}

# -- now ----------------------------------------------------------------------

sub now {
    my ($one, $other) = map { $hospital->ward } 1, 2;
    my @beds = ($hospital->rooms($one, 2, 3),
        $hospital->rooms($one, 1, 2, class => 'Single'),
        $hospital->rooms($other, 1, 4));
    my ($many, $few) = map { $hospital->class($_) } qw(Standard Single);
    $env->sql("UPDATE ehr.beds SET status = 'CLEANING'
        WHERE id IN ('$beds[0]', '$beds[6]')");
    $env->sql("UPDATE ehr.beds SET status = 'OUT_OF_SERVICE',
        status_reason = 'Broken' WHERE id = '$beds[1]'");
    lie_in($beds[2], $beds[7], @beds[8, 9]);

    my $answer = occupancy("hospital=@{[$hospital->id]}");
    is $answer->{status}, 200, 'now' or diag $answer->{body};
    my $now = $answer->{data}{now};
    is $answer->{data}{overTime}, undef, 'over time only if that is asked';
    my %row = map { ("$_->{wardId} $_->{roomClassId}" => $_) }
        @{ $now->{wards} };
    is_deeply states($row{"$one $many"}), [6, 3, 1, 0, 1, 1, 0.2], 'a ward';
    is_deeply states($row{"$one $few"}), [2, 0, 1, 0, 1, 0, 0.5],
        'its other class';
    is_deeply states($row{"$other $many"}), [4, 2, 2, 0, 0, 0, 0.5],
        'another ward';
    is scalar(keys %row), 3, 'no others';
    is_deeply states($now), [12, 5, 4, 0, 2, 1, 0.3636], 'and all of them';

    is_deeply states(occupancy("ward=$one")->{data}{now}),
        [8, 3, 2, 0, 2, 1, 0.2857], 'of one ward';
    is_deeply states(occupancy("ward=$one&class=$few")->{data}{now}),
        [2, 0, 1, 0, 1, 0, 0.5], 'of one class';
    is_deeply states(occupancy("ward=$hospital->{id}")->{data}{now}),
        [0, 0, 0, 0, 0, 0, undef], 'of a ward that is none';
    cmp_ok occupancy()->{data}{now}{beds}, '>=', 12, 'of everything';

    # from the engine, once it has heard of it
    my $again = sub { states(occupancy("ward=$one")->{data}{now}) };
    $env->sql("UPDATE ehr.beds SET status = 'AVAILABLE', status_reason = NULL
        WHERE id IN ('$beds[0]', '$beds[1]')");
    wait_until(10, sub { $again->()[1] == 5 });
    is_deeply $again->(), [8, 5, 2, 0, 1, 0, 0.25], 'what changes is seen';
    $hospital->bed($hospital->room($one, class => 'Other'));
    wait_until(10, sub { $again->()[0] == 9 });
    is_deeply $again->(), [9, 6, 2, 0, 1, 0, 0.2222],
        'and what is of another class than any before';
}

sub states {
    my ($row) = @_;
    return [map { $_ && $_ + 0 } @{$row}{qw(beds available occupied reserved
        cleaning outOfService occupancy)}];
}

# Somebody lies there from now on.
sub lie_in {
    my (@beds) = @_;
    my @patients = $hospital->patients(scalar @beds);
    for my $bed (@beds) {
        my $patient = shift @patients;
        $env->sql_app("BEGIN;\nSET LOCAL ehr.scope = 'system';\n"
            . "SELECT ehr.admission_create(gen_random_uuid(), '$patient',"
            . "'$bed', NULL, NULL, NULL, NULL, NULL, 'ELECTIVE', NULL, NULL,"
            . ' NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, NULL, NULL,'
            . " NULL);\nCOMMIT");
    }
}

# -- over time ----------------------------------------------------------------

# Beds with a life and stays at random, straight into the tables, in years
# whose days in that zone have 23, 24 and 25 hours.
sub over_time {
    my $place = EHR::Test::Inpatient->create($env);
    $env->sql("UPDATE ehr.hospitals SET time_zone = '$zone'
        WHERE id = '@{[$place->id]}'");
    my @wards = map { $place->ward } 1, 2;
    my @beds = map { bed_with_a_life($place, @wards[$_ % 2, !($_ % 2)]) }
        0 .. 15;
    enter(@beds);

    my $from = timegm(0, 0, 0, 20, 9, 2017);
    for my $case ([$from, $from + 40 * $day, 'hour'],
        [$from + 12_345, $from + 500 * $day + 67, 'day'],
        [$from - 99 * $day, $from + 600 * $day, 'week'],
        [$from - 400 * $day - 1, $from + 900 * $day, 'month'],
        [$from + 100, $from + 200, 'month'])
    {
        compare($place, \@beds, @$case, "hospital=@{[$place->id]}");
    }
    compare($place, \@beds, @$_, "ward=$wards[0]", $wards[0])
        for [$from, $from + 30 * $day, 'day'],
        [$from - 200 * $day, $from + 600 * $day, 'month'];
    compare($place, [], $from, $from + 3 * $day, 'day', 'hospital='
        . $place->id . '&class=' . $hospital->class('Single'));
}

# A bed that is carried elsewhere, and a room that gets another class and ward,
# take nothing of what was with them.
sub where_it_stood {
    my $place = EHR::Test::Inpatient->create($env);
    my ($old, $new) = map { $place->ward } 1, 2;
    my ($single, $double) = map { $place->class($_) } qw(Single Double);
    my $bed = $place->bed(my $room = $place->room($old, class => 'Single'));
    my $there = $place->room($new, class => 'Single');
    my $change = sub {
        my ($path, %to) = @_;
        is $admin->patch("/api/v1/$path", json => \%to)->{status}, 200,
            "$path: " . join ',', %to;
    };
    my $places = sub { join ' ', map { join '/', @$_ } $env->rows(
        "SELECT CASE ward_id WHEN '$old' THEN 'old' ELSE 'new' END,
                CASE room_class_id WHEN '$single' THEN 1 ELSE 2 END
           FROM ehr.bed_places WHERE bed_id = '$bed'
          ORDER BY lower(during) NULLS FIRST") };

    is $places->(), 'old/1', 'a new bed stands somewhere';
    $change->("beds/$bed", wardRoomId => $there);
    $change->("ward-rooms/$there", roomClassId => $double);
    $change->("ward-rooms/$there", wardId => $old);
    is $places->(), 'old/1 new/1 new/2 old/2', 'each place is written down';
    is $env->sql("SELECT range_agg(during) = '{(,)}' FROM ehr.bed_places
        WHERE bed_id = '$bed'"), 't', 'without a gap';
    $change->("beds/$bed", bedNumber => 'Z');
    is $places->(), 'old/1 new/1 new/2 old/2', 'nothing else is';
    for my $sql ('DELETE FROM ehr.bed_places', 'UPDATE ehr.bed_places
        SET during = tstzrange(lower(during), now())',
        "UPDATE ehr.bed_places SET ward_id = '$old'")
    {
        my ($ok, undef, $err) = $env->psql('postgres',
            "$sql WHERE bed_id = '$bed'");
        ok !$ok && $err =~ /only ends/, 'it is kept: ' . substr($sql, 0, 30);
    }

    # As if it had been three days, one in each place after the first.
    $env->sql(<<"SQL");
SET session_replication_role = replica;
UPDATE ehr.beds SET created_at = now() - interval '4 days' WHERE id = '$bed';
DO \$\$
DECLARE
    place uuid;
    n integer := 0;
BEGIN       -- the earliest first, which makes room for the next
    FOR place IN SELECT id FROM ehr.bed_places WHERE bed_id = '$bed'
                  ORDER BY lower(during) NULLS FIRST
    LOOP
        n := n + 1;
        UPDATE ehr.bed_places SET during = tstzrange(
               CASE WHEN n > 1 THEN now() - (5 - n) * interval '1 day' END,
               CASE WHEN n < 4 THEN now() - (4 - n) * interval '1 day' END)
         WHERE id = place;
    END LOOP;
END \$\$;
SQL
    my %hours = ("ward=$old" => 48, "ward=$new" => 48,
        "class=$single&ward=$new" => 24, "class=$double&ward=$new" => 24,
        "class=$double&ward=$old" => 24, "hospital=@{[$place->id]}" => 96);
    for my $query (sort keys %hours) {
        my $answer = occupancy("$query&bucket=day&from="
            . rfc3339(time() - 10 * $day));
        cmp_ok abs($answer->{data}{overTime}{bedHours} - $hours{$query}), '<',
            0.1, "$query: $hours{$query} hours";
    }
}

# When it was made, deleted, out of service and occupied, to the second.  A
# stay may be from before the bed was entered, or while it was out of service.
# Some were carried into the other ward.
sub bed_with_a_life {
    my ($place, $ward, $later) = @_;
    my $start = timegm(0, 0, 0, 1, 0, 2017) + int rand 200 * $day;
    my %bed = (wards => [$ward, $later], moved => rand() < 0.5
        ? $start + int(rand 600 * $day) : undef, id => $place->bed($place->room($ward)),
        made => $start, gone => rand() < 0.3
        ? $start + int(rand 500 * $day) + 100 * $day : undef);
    my $end = $bed{gone} || timegm(0, 0, 0, 1, 0, 2020);
    my $at = $start + int(rand(200 * $day)) - 60 * $day;

    while (($at += int rand 30 * $day) < $end) {
        my $until = $at + 60 + int(rand() < 0.3 ? rand $day : rand 40 * $day);
        last if $until >= $end;
        push @{ $bed{stays} }, [$at, $until];
        $at = $until + (rand() < 0.2 ? 0 : int rand 5 * $day);
    }
    $at = $start;
    while (($at += int rand 200 * $day) < $end) {
        my $until = $at + int(rand 20 * $day) + 1;
        last if $until >= $end;
        push @{ $bed{out} }, [$at, $until];
        $at = $until + 1;
    }
    return \%bed;
}

# Behind the triggers' back: the past cannot be lived again.
sub enter {
    my (@beds) = @_;
    my @sql = 'SET session_replication_role = replica';

    for my $bed (@beds) {
        my $id = $bed->{id};
        my $time = sub { defined $_[0] ? "to_timestamp($_[0])" : 'NULL' };
        push @sql, "DELETE FROM ehr.bed_status_changes WHERE bed_id = '$id'",
            'UPDATE ehr.beds SET created_at = ' . $time->($bed->{made})
            . ', deleted_at = ' . $time->($bed->{gone})
            . " WHERE id = '$id'";
        push @sql, "UPDATE ehr.bed_places SET during = tstzrange(NULL,
                to_timestamp($bed->{moved})) WHERE bed_id = '$id'",
            "INSERT INTO ehr.bed_places (bed_id, ward_room_id, ward_id,
                room_class_id, during)
            SELECT bed_id, ward_room_id, '$bed->{wards}[1]', room_class_id,
                   tstzrange(to_timestamp($bed->{moved}), NULL)
              FROM ehr.bed_places WHERE bed_id = '$id'"
            if defined $bed->{moved};
        push @sql, "INSERT INTO ehr.claims (resource, seat, during, kind, ref)
            SELECT r.id, s, tstzrange(to_timestamp($_->[0]),
                   to_timestamp($_->[1])), 'admission', gen_random_uuid()
              FROM ehr.resources r, generate_series(0, $_->[1] % 2) AS s
             WHERE r.kind = 'bed' AND r.entity_id = '$id'"
            for @{ $bed->{stays} };
        push @sql, "INSERT INTO ehr.bed_status_changes (bed_id, was, status,
                   at)
            VALUES ('$id', 'AVAILABLE', 'OUT_OF_SERVICE',
                    to_timestamp($_->[0])),
                   ('$id', 'OUT_OF_SERVICE', 'CLEANING',
                    to_timestamp($_->[1]))" for @{ $bed->{out} };
    }
    $env->sql(join ";\n", @sql);
}

sub compare {
    my ($place, $beds, $from, $to, $size, $query, $ward) = @_;
    my $answer = occupancy("$query&bucket=$size&from=" . rfc3339($from)
        . '&to=' . rfc3339($to));
    my @edges = edges($from, $to, $size);
    my @expected = map { bucket($beds, $ward, @edges[$_, $_ + 1]) } 0 .. $#edges - 1;

    is $answer->{status}, 200, "$query by $size" or diag $answer->{body};
    my $over = $answer->{data}{overTime};
    is $over->{timeZone}, $zone, 'in the hospital\'s zone';
    is scalar(@{ $over->{buckets} }), scalar(@expected), 'so many buckets';

    my @wrong = grep { differ($expected[$_], $over->{buckets}[$_]) }
        0 .. $#expected;
    is scalar(@wrong), 0, 'as computed here';
    diag explain($expected[$wrong[0]], $over->{buckets}[$wrong[0]]) if @wrong;
    my $sum = 0;
    $sum += $_->{occupiedHours} for @expected;
    cmp_ok abs($sum - $over->{occupiedHours}), '<', 0.1, 'and all together';
}

sub differ {
    my ($one, $other) = @_;
    return grep { my ($x, $y) = ($one->{$_}, $other->{$_});
        /start|end/ ? $x ne $y : defined $x != defined $y
            || defined $x && abs($x - $y) > 0.0051 }
        qw(start end occupiedHours bedHours occupancy beds);
}

# Second by second would take a day; by the moments at which anything changes.
sub bucket {
    my ($beds, $ward, $from, $to) = @_;
    my ($occupied, $service) = (0, 0);

    for my $bed (@$beds) {
        my @moments = sort { $a <=> $b } grep { $_ > $from && $_ < $to }
            map { @$_ } @{ $bed->{stays} }, @{ $bed->{out} },
            [$bed->{made}, $bed->{gone} || (), $bed->{moved} // ()];
        my $at = $from;
        for my $next (@moments, $to) {
            my $lies = grep { $_->[0] <= $at && $at < $_->[1] }
                @{ $bed->{stays} };
            my $out = grep { $_->[0] <= $at && $at < $_->[1] }
                @{ $bed->{out} };
            my $born = $bed->{made} <= $at
                || grep { $_->[0] <= $at } @{ $bed->{stays} };
            my $gone = $bed->{gone} && $bed->{gone} <= $at;
            my $stands = $bed->{wards}[defined $bed->{moved}
                && $bed->{moved} <= $at ? 1 : 0];
            unless ($ward && $stands ne $ward) {
                $occupied += $next - $at if $lies;
                $service += $next - $at if $lies || $born && !$gone && !$out;
            }
            $at = $next;
        }
    }
    return { start => rfc3339($from), end => rfc3339($to),
        occupiedHours => $occupied / $hour, bedHours => $service / $hour,
        beds => $service / ($to - $from),
        occupancy => $service ? $occupied / $service : undef };
}

# -- what a day is ------------------------------------------------------------

# [instant, offset from then on].
sub offsets {
    my ($name) = @_;
    my %month;
    @month{qw(Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec)} = 0 .. 11;
    my @changes;

    for (split /\n/, must_run(undef, 'zdump', '-v', '-c', '2010,2022', $name)) {
        my ($mon, $mday, $h, $m, $s, $year, $offset) =
            /\w{3} (\w{3}) +(\d+) (\d+):(\d+):(\d+) (\d+) UT = .* gmtoff=(-?\d+)/
            or next;
        push @changes, [timegm($s, $m, $h, $mday, $month{$mon}, $year),
            $offset];
    }
    @changes = sort { $a->[0] <=> $b->[0] } @changes;
    my @offsets = [0, $changes[0][1]];
    $_->[1] != $offsets[-1][1] and push @offsets, $_ for @changes;
    return @offsets;
}

sub wall {
    my ($at) = @_;
    my ($offset) = map { $_->[1] } grep { $_->[0] <= $at } reverse @offsets;
    return $at + $offset;
}

# Where the wall clock's date, Monday or month is another than just before:
# the first minute of it.
sub edges {
    my ($from, $to, $size) = @_;
    my @edges = $from;
    my $unit = sub {
        my ($s, $m, $h, $mday, $mon, $year, $wday) = gmtime wall($_[0]);
        return $size eq 'month' ? "$year $mon"
            : $size eq 'day' ? "$year $mon $mday"
            : $size eq 'hour' ? int(wall($_[0]) / $hour)
            : int((wall($_[0]) / $day + 3) / 7);
    };
    my $step = $size eq 'hour' ? 900 : 1800;
    my $at = $from - $from % $step + $step;
    my $before = $unit->($from);

    for (; $at < $to; $at += $step) {
        my $now = $unit->($at);
        # an hour that comes twice is two; a day that does is one
        next if $now eq $before && !($size eq 'hour' && $at % $hour == 0);
        next if $size ne 'hour' && wall($at) < wall($edges[-1]);
        push @edges, $at;
        $before = $now;
    }
    return (@edges, $to);
}

# -- the rest -----------------------------------------------------------------

sub what_is_not_known {
    my $place = EHR::Test::Inpatient->create($env);
    my ($bed) = $place->rooms($place->ward, 1, 1);
    my $over = occupancy("hospital=@{[$place->id]}&from="
        . rfc3339(time - $day) . '&to=' . rfc3339(time + 9 * $day))
        ->{data}{overTime};
    cmp_ok abs(seconds($over->{to}) - time), '<', 60, 'it ends now';
    is $over->{bucket}, 'day', 'by day';
    cmp_ok $over->{bedHours}, '<', 0.1, 'a bed counts from its making on';

    $over = occupancy("hospital=@{[$place->id]}&bucket=hour")->{data}{overTime};
    is seconds($over->{to}) - seconds($over->{from}), 30 * $hour,
        'thirty buckets without a beginning';
    is occupancy('bucket=month')->{data}{overTime}{timeZone}, 'UTC',
        'of hospitals in several zones the days are UTC\'s';
}

sub bad_ones_are_refused {
    my @cases = (
        ['bucket=year', 400, 'bucket'],
        ['ward=x', 400, 'ward'],
        ['from=yesterday', 400, 'from'],
        ['until=2020-01-01T00:00:00Z', 400, 'until'],
        ['from=2020-01-02T00:00:00Z&to=2020-01-02T00:00:00Z', 422, 'to'],
        ['from=2020-01-01T00:00:00Z&to=2020-03-01T00:00:00Z&bucket=hour',
            422, 'bucket'],
        ['from=0001-01-01T00:00:00Z&bucket=month', 422, 'bucket'],
        ['from=' . rfc3339(time + $hour), 422, 'from'],
    );
    for (@cases) {
        my ($query, $status, $field) = @$_;
        my $answer = occupancy($query);
        is $answer->{status}, $status, $query or diag $answer->{body};
        ok $answer->{json}{errors}{$field}, "names $field"
            or diag $answer->{body};
    }
}

sub who_may {
    is occupancy('', client('nurse'))->{status}, 200, 'a nurse may';
    is occupancy('bucket=day', client('doctor'))->{status}, 200,
        'a doctor may, over time too';
    is occupancy('', client('patient'))->{status}, 403, 'a patient may not';
    is client()->get('/api/v1/occupancy')->{status}, 401, 'nobody may not';
}
