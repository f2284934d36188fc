package EHR::Test::BedEngine;

# Whether what a node has of beds in memory is what the database has; asked
# through HTTP alone, once nobody acts any more.
#
#   check_bed_engine($env, port => $env->port, token => $token,
#       wards => [$ward, …]);
#
# Each is a test:
#
#   - the feed is at the end: a bed is made that nobody wants, and when memory
#     has that one, it has all that was committed before
#   - boards show who lies where, over whichever connection
#   - beds are counted by ward, class and status
#   - each bed is free, occupied or taken as its status and its claims say: for
#     who stays from now on, who would come in a minute or in a year, and just
#     before and after each of its reservations begins and ends
#   - there are as many stays as the database has
#
# What beds do by themselves goes on.  So the database is asked, then the feed
# is awaited, then the node is asked and the database once more: if it says
# another thing by then, all of it begins anew.

use strict;
use warnings;
use EHR::Test::Booking qw(iso until_engine_is_live difference);
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Client;
use EHR::Test::Inpatient;
use Exporter qw(import);
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(check_bed_engine);
our @EXPORT_OK = qw(until_fed);

my $more = Test::More->builder;

# Nobody: PostgreSQL refuses whatever is asked for this one.
my $nobody = '00000000-0000-4000-8000-000000000000';

# A claim of unknown outcome stays until its batch's deadline; a worker forgets
# a board after five seconds, but has to do so at once.
my $settled = 15;
my $told_of = 1;

# How long it may take until the database says the same twice.
my $quiet = 60;

sub check_bed_engine {
    my ($env, %of) = @_;
    my $client = EHR::Test::Client->new(port => $of{port},
        token => $of{token});
    my $wards = join ',', map { "'$_'" } @{ $of{wards} };

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $more->ok(until_engine_is_live($client), 'the engine is live');
    $more->ok(until_fed($env, $client),
        'I3: it has all beds that the database has');

    my $agree = sub {
        my ($what, $seconds, $sql, $ask) = @_;
        my ($told, $wanted) = compared($seconds, sub { $env->sql($sql) },
            sub { until_fed($env, $client); $ask->($_[0]) });
        $more->ok($told eq $wanted, "I3: $what, as in the database")
            or $more->diag(difference($told, $wanted));
    };
    $agree->('boards show who lies where', $told_of, boards_sql($wards),
        sub { boards_told(\%of), $_[0] });
    $agree->('beds are counted by ward, class and status', $told_of,
        counts_sql($wards), sub { counts_told($client, $of{wards}), $_[0] });
    $agree->('each bed is free and taken when it is', $settled,
        beds_sql($wards), sub { beds_told($client, $_[0]) });
    $agree->('the stays are as many', $settled, stays_sql(), sub {
        metrics($client)->{'room{of="stays",is="used"}'}, $_[0] });
}

# What was told and what should have been, while the database ($true) said the
# same before and after; once it differs for some seconds, that.
sub compared {
    my ($seconds, $true, $ask) = @_;
    my $began = time;

    while (1) {
        my $before = $true->();
        my ($told, $wanted) = $ask->($before);
        my $for = time - $began;
        return ($told, $wanted) if $true->() eq $before
            && ($told eq $wanted || $for > $seconds);
        return ('', "it changed for $for seconds") if $for > $quiet;
        sleep 0.02;
    }
}

# -- the feed -----------------------------------------------------------------

# Waits until a node's feed has brought all that is committed by now, as beds
# that are counted show, of which it makes one.
sub until_fed {
    my ($env, $client) = @_;
    my $room = $env->{unwanted} ||= do {
        my $hospital = EHR::Test::Inpatient->create($env);
        $hospital->room($hospital->ward);
    };

    $env->sql("INSERT INTO ehr.beds (ward_room_id, bed_number) SELECT '$room',"
        . " count(*) FROM ehr.beds WHERE ward_room_id = '$room'");
    my $beds = $env->sql('SELECT count(*) FROM ehr.beds'
        . ' WHERE deleted_at IS NULL');
    return wait_until(20, sub {
        return metrics($client)->{'room{of="beds",is="used"}'} == $beds;
    });
}

# Those that begin with ehr_availability_.
sub metrics {
    my ($client) = @_;
    my $body = $client->get('/metrics')->{body} // '';
    return { $body =~ /^ehr_availability_(\S+) (\d+)$/mg };
}

# -- boards and counts --------------------------------------------------------

sub boards_sql {
    my ($wards) = @_;
    return <<"SQL";
SELECT concat_ws(' ', b.id, b.status, a.id,
           CASE a.status WHEN 'ON_LEAVE' THEN a.status END,
           CASE WHEN a.discharge_ordered_at IS NOT NULL
                THEN 'DISCHARGE_ORDERED' END)
  FROM ehr.beds b
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
  LEFT JOIN ehr.admissions a ON a.id = b.admission_id
                            AND b.status = 'OCCUPIED'
 WHERE r.ward_id IN ($wards) AND b.deleted_at IS NULL
 ORDER BY 1
SQL
}

# What several connections are told, each line once.
sub boards_told {
    my ($of) = @_;
    my %lines;

    for (1 .. 6) {
        my $client = EHR::Test::Client->new(port => $of->{port},
            token => $of->{token});
        $lines{$_} = 1 for map { board_told($client, $_) } @{ $of->{wards} };
    }
    return join "\n", sort keys %lines;
}

sub board_told {
    my ($client, $ward) = @_;
    my $answer = $client->get("/api/v1/wards/$ward/board");

    return "board $ward: status $answer->{status}" if $answer->{status} != 200;
    return map {
        my $patient = $_->{patient} || {};
        join ' ', @$_{qw(bedId status)}, $patient->{admissionId} // (),
            grep { /\A(?:ON_LEAVE|DISCHARGE_ORDERED)\z/ }
            @{ $patient->{flags} || [] };
    } map { @{ $_->{beds} } } @{ $answer->{data}{rooms} };
}

sub counts_sql {
    my ($wards) = @_;
    my $states = join ', ', map { "count(*) FILTER (WHERE b.status = '$_')" }
        qw(AVAILABLE OCCUPIED RESERVED CLEANING OUT_OF_SERVICE);
    return <<"SQL";
SELECT concat_ws(' ', r.ward_id, r.room_class_id, $states)
  FROM ehr.beds b
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
 WHERE r.ward_id IN ($wards) AND b.deleted_at IS NULL
 GROUP BY r.ward_id, r.room_class_id
 ORDER BY 1
SQL
}

# Asked twice over one connection: the first answer may be PostgreSQL's, from
# which a worker learns which classes there are.
sub counts_told {
    my ($client, $wards) = @_;
    my @lines;

    for my $ward (@$wards) {
        my $answer;
        $answer = $client->get("/api/v1/occupancy?ward=$ward") for 1, 2;
        push @lines, $answer->{status} == 200
            ? map({ join ' ', @$_{qw(wardId roomClassId available occupied
                reserved cleaning outOfService)} }
                @{ $answer->{data}{now}{wards} })
            : "counts $ward: status $answer->{status}";
    }
    return join "\n", sort @lines;
}

# -- bed by bed ---------------------------------------------------------------

# A line a bed: id, status, its claims that are still to end, as from-to in
# seconds; without an end nothing behind.
sub beds_sql {
    my ($wards) = @_;
    return <<"SQL";
SELECT concat_ws(' ', b.id, b.status, string_agg(
           floor(extract(epoch FROM lower(c.during))) || '-'
           || coalesce(floor(extract(epoch FROM upper(c.during)))::text, ''),
           ' ' ORDER BY c.during))
  FROM ehr.beds b
  JOIN ehr.ward_rooms w ON w.id = b.ward_room_id
  JOIN ehr.resources r ON r.kind = 'bed' AND r.entity_id = b.id
  LEFT JOIN ehr.claims c ON c.resource = r.id AND c.seat = 0
                        AND coalesce(upper(c.during), 'infinity') > now()
 WHERE w.ward_id IN ($wards) AND b.deleted_at IS NULL
 GROUP BY b.id
 ORDER BY b.id
SQL
}

sub stays_sql {
    return "SELECT count(*) FROM ehr.claims c JOIN ehr.resources r ON r.id ="
        . " c.resource WHERE r.kind = 'bed' AND c.seat = 0 AND"
        . " coalesce(upper(c.during), 'infinity') > now()";
}

# What the engine says of these beds, and what it should.
sub beds_told {
    my ($client, $rows) = @_;
    my $counted = metrics($client);
    my (@told, @wanted);

    for my $row (split /\n/, $rows) {
        my ($bed, $status, @claims) = split / /, $row;
        @claims = map { [split /-/] } @claims;
        for my $time (moments(@claims)) {
            my $about = "$row, from " . ($time->[0] || 'now') . ' to '
                . ($time->[1] || 'ever');
            push @told, "$about: " . bed_told($client, \$counted, $bed, @$time);
            push @wanted, "$about: " . bed_wanted($status, \@claims, @$time);
        }
    }
    return (join("\n", @told), join "\n", @wanted);
}

# From and to, in seconds; 0: now, for ever.  What is about to happen is left
# out: it may be over when the question arrives.
sub moments {
    my (@claims) = @_;
    my $now = int time;
    my @edges = grep { $_ > $now + 60 } map { @$_ } @claims;

    return ([0, 0], [$now + 60, 0], [$now + 365 * 86400, 0],
        map { [$_ - 1, $_], [$_, $_ + 1] } @edges);
}

sub bed_wanted {
    my ($status, $claims, $from, $to) = @_;

    return 'occupied' if !$from && $status eq 'OCCUPIED';
    return 'taken' if $from ? $status eq 'OUT_OF_SERVICE'
        : $status ne 'AVAILABLE';
    $from ||= int time;
    return grep({ (!$to || $_->[0] < $to) && (!$_->[1] || $_->[1] > $from) }
        @$claims) ? 'taken' : 'free';
}

# The engine is asked before PostgreSQL, and counts what it says; then the
# patient is unknown.  Only where somebody lies it refuses by itself.
sub bed_told {
    my ($client, $counted, $bed, $from, $to) = @_;
    my $answer = $client->post('/api/v1/admissions', json => {
        patientId => $nobody, type => 'ELECTIVE', bedId => $bed,
        ($from ? (plannedStart => iso($from)) : ()),
        ($to ? (plannedEnd => iso($to)) : ()) });
    my $before = $$counted;
    $$counted = metrics($client);

    my @said = grep { ($$counted->{"claims_total{answer=\"$_\"}"} // 0)
        != ($before->{"claims_total{answer=\"$_\"}"} // 0) }
        qw(held taken asked);
    my $rule = ref $answer->{data} ? $answer->{data}{rule} // '' : '';
    return 'occupied' if "@said $answer->{status} $rule"
        eq 'taken 409 bed_taken';
    return "@said $answer->{status} $rule" if $answer->{status} != 422
        || !$answer->{json}{errors}{patientId};
    return "@said" eq 'held' ? 'free' : "@said";
}

1;
