# What beds do by themselves: cleaning that ends, reservations that begin and
# end, offers to who waits; two nodes at it, one that is locked out, and one
# that dies in the middle.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Inpatient;
use Time::HiRes qw(sleep time);

my $env = chaos_environment(name => 'bed-flow');
my $hospital = EHR::Test::Inpatient->create($env);

cleaning();
reservations();
first_come_first();
only_whom_it_suits();
in_the_same_transaction();
an_offer_is_taken();
an_offer_lapses();
a_plan_lapses();
nobody_is_passed_over();
a_tick_waits_for_nobody();
what_is_counted();
free_in_a_round();
two_nodes();
a_death_in_the_middle();
cmp_ok $env->metric('ehr_bed_ticks_failed_total'), '>', 0,
    'rounds that failed are counted';

unlike read_file($env->database_log), qr/was not offered/,
    'no offer was given up by mistake';
logs_clean($env, allow => qr/worker process \d+ exited on signal 9/);
done_testing;

# -- what is done -------------------------------------------------------------

# SQL in one transaction as the module's housekeeping.
sub as_system {
    my ($sql) = @_;
    return $env->sql_app("BEGIN;\nSET LOCAL ehr.scope = 'system';\n$sql;\n"
        . 'COMMIT');
}

sub tick { return as_system('SELECT ehr.beds_tick()') }

# SQL that triggers do not see.
sub behind_their_back {
    my ($sql) = @_;
    $env->sql("SET session_replication_role = replica;\n$sql");
}

sub parameter {
    my ($name, $value) = @_;
    $env->sql("DELETE FROM ehr.system_parameters WHERE key = '$name'");
    $env->sql('INSERT INTO ehr.system_parameters (key, value) VALUES'
        . " ('$name', '{\"value\": $value}')") if defined $value;
}

sub uuid { return $env->sql('SELECT gen_random_uuid()') }

# A stay by criteria or bed: its id.  Options are columns of the request.
sub admission {
    my (%of) = @_;
    my $id = uuid();
    my $text = sub { defined $of{$_[0]} ? "'$of{$_[0]}'" : 'NULL' };
    my $patient = $of{patient} || $hospital->patient(%{ $of{who} || {} });

    as_system('SELECT ehr.admission_create(' . join(', ', "'$id'",
        "'$patient'", map({ $text->($_) } qw(bed hospital ward class
        isolation equipment)), $of{type} ? "'$of{type}'" : "'ELECTIVE'",
        $text->('doctor'), 'NULL', 'NULL', 'NULL', 'NULL', 'NULL', 'NULL',
        $of{starts} || 'NULL', $of{ends} || 'NULL', $of{waits} ? 'true'
        : 'false', 'NULL', 'NULL', 'NULL') . ')');
    return $id;
}

sub waiting { return admission(waits => 1, @_) }

sub discharge {
    my ($admission) = @_;
    as_system("SELECT ehr.admission_discharge('$admission', NULL, 'DONE',"
        . " 'DECEASED', NULL, NULL)");
}

sub set_bed {
    my ($bed, $status) = @_;
    as_system("SELECT ehr.bed_status('$bed', NULL, '$status', 'Test')");
}

# What a bed is and, if it is kept for one, for which admission.
sub bed {
    my ($bed) = @_;
    my ($row) = $env->rows("SELECT status, admission_id FROM ehr.beds
        WHERE id = '$bed'");
    return $row->[0] =~ /RESERVED|OCCUPIED/ ? "$row->[0] for $row->[1]"
        : $row->[0];
}

# What an admission is, and its bed.
sub stay {
    my ($admission) = @_;
    my ($row) = $env->rows("SELECT status, bed_id FROM ehr.admissions
        WHERE id = '$admission'");
    return $row->[1] ? "$row->[0] in $row->[1]" : $row->[0];
}

# The same in a moment: what one transaction cannot offer because another is
# offering is left to the next tick.
sub stay_becomes {
    my ($admission, $what, $about) = @_;
    wait_until(10, sub { stay($admission) eq $what });
    is stay($admission), $what, $about;
}

# A ward with so many beds, all of one room, that nobody else asks for.
sub ward {
    my ($beds) = @_;
    my $ward = $hospital->ward;
    return ($ward, $hospital->rooms($ward, 1, $beds));
}

# An offer's time runs out, though for nobody else.
sub run_out {
    my ($admission) = @_;
    behind_their_back(<<"SQL");
UPDATE ehr.admissions SET offer_expires_at = now() - interval '1 second'
 WHERE id = '$admission';
UPDATE ehr.claims SET during = tstzrange(lower(during) - interval '1 hour',
           now() - interval '1 second')
 WHERE ref = '$admission' AND kind = 'reservation';
SQL
}

sub told {
    my ($user, $symbol, $admission) = @_;
    return $env->sql("SELECT count(*) FROM ehr.notifications
        WHERE user_id = '$user' AND message = '$symbol'
          AND data ->> 'admissionId' = '$admission'");
}

# A doctor with an account: (doctor, user).
sub doctor {
    my $user = accounts($env)->create_user('flow' . int(time * 1e6),
        'DOCTOR')->{id};
    my $doctor = $hospital->doctor;
    $env->sql("UPDATE ehr.doctors SET user_id = '$user'
        WHERE id = '$doctor'");
    return ($doctor, $user);
}

# -- the tests ----------------------------------------------------------------

sub cleaning {
    my ($ward, $long, $short) = ward(2);
    for my $bed ($long, $short) {
        discharge(admission(bed => $bed));
        is bed($bed), 'CLEANING', 'a bed that was left is cleaned';
    }
    behind_their_back("UPDATE ehr.beds SET status_since = now()
        - interval '11 minutes' WHERE id = '$long'");
    tick();
    is bed($long), 'CLEANING', 'by hand, unless a time is set';

    parameter(bedCleaningMinutes => 10);
    ok wait_until(10, sub { bed($long) eq 'AVAILABLE' }),
        'by itself when the time is over';
    tick();
    is bed($short), 'CLEANING', 'and not before';
    is $env->sql("SELECT string_agg(status, ' ' ORDER BY at, id)
        FROM ehr.bed_status_changes WHERE bed_id = '$long'"),
        'AVAILABLE OCCUPIED CLEANING AVAILABLE', 'the history has it';
    parameter('bedCleaningMinutes');
}

sub reservations {
    my ($ward, $open, $closed, $dirty) = ward(3);
    my $soon = "clock_timestamp() + interval '1 second'";
    my $planned = admission(bed => $open, starts => $soon);
    my $limited = admission(bed => $closed, starts => $soon,
        ends => "clock_timestamp() + interval '3 seconds'");
    is bed($open), 'AVAILABLE', 'what is reserved for later is not RESERVED';

    ok wait_until(10, sub { bed($open) eq "RESERVED for $planned"
        && bed($closed) eq "RESERVED for $limited" }),
        'when the reservation begins it is';
    ok wait_until(10, sub { bed($closed) eq 'AVAILABLE' }),
        'until it ends';
    is stay($limited), "PLANNED in $closed", 'who was to come may still';

    set_bed($dirty, 'CLEANING');
    my $late = admission(bed => $dirty, starts => 'clock_timestamp()');
    tick();
    is bed($dirty), 'CLEANING', 'what is being cleaned is cleaned first';
    set_bed($dirty, 'AVAILABLE');
    is bed($dirty), "RESERVED for $late", 'then it is reserved';
}

sub first_come_first {
    my ($ward, @beds) = ward(2);
    my @in = map { admission(bed => $_) } @beds;
    my ($first, $second) = map { waiting(ward => $ward) } 1, 2;
    my ($urgent, $later) = map { waiting(ward => $ward, %$_) }
        { type => 'EMERGENCY' },
        { starts => "clock_timestamp() + interval '1 hour'" };
    my ($doctor, $user) = doctor();
    is stay($first), 'WAITING', 'some wait';
    $env->sql("UPDATE ehr.admissions SET admitting_doctor_id = '$doctor'
        WHERE id = '$first'");

    discharge($_) for @in;
    tick();
    is stay($urgent), 'WAITING', 'nobody is offered a bed that is cleaned';

    set_bed($beds[0], 'AVAILABLE');
    stay_becomes($urgent, "WAITING in $beds[0]", 'the emergency is first');
    is bed($beds[0]), "RESERVED for $urgent", 'the bed is kept';
    set_bed($beds[1], 'AVAILABLE');
    stay_becomes($first, "WAITING in $beds[1]", 'then who came first');
    is stay($_), 'WAITING', 'others wait on' for $second, $later;

    is told($user, 'BED_OFFERED', $first), 1, 'the doctor is told, once';
    my ($left) = $env->sql("SELECT extract(epoch FROM
        offer_expires_at - clock_timestamp()) FROM ehr.admissions
        WHERE id = '$first'");
    cmp_ok abs($left - 1800), '<', 60, 'for half an hour';
    as_system("SELECT ehr.admission_cancel('$_', NULL, 'Over')")
        for $second, $later;
}

sub only_whom_it_suits {
    my %who = (who => { gender => 'MALE', years => 50 });
    my $ward = $hospital->ward;
    my ($women, $child, $plain, $oxygen) =
        map { $hospital->bed($hospital->room($ward)) } 1 .. 4;
    has_policy($women, 'FEMALE');
    $env->sql("UPDATE ehr.beds SET age_group = 'CHILD' WHERE id = '$child'");
    $env->sql("UPDATE ehr.beds SET equipment = '{OXYGEN,MONITOR}'
        WHERE id = '$oxygen'");
    set_bed($_, 'CLEANING') for $women, $child, $plain, $oxygen;
    my $needy = waiting(ward => $ward, equipment => '{OXYGEN}', %who);
    my $man = waiting(ward => $ward, %who);

    set_bed($_, 'AVAILABLE') for $women, $child, $plain, $oxygen;
    is bed($women), 'AVAILABLE', 'a bed for women is not for him';
    is bed($child), 'AVAILABLE', 'nor one for children';
    stay_becomes($man, "WAITING in $plain", 'a plain one is for who wants that');
    stay_becomes($needy, "WAITING in $oxygen", 'what is needed is there');

    my ($same, @two) = ward(2);
    has_policy($two[0], 'SAME');
    set_bed($_, 'CLEANING') for @two;
    my $his = waiting(ward => $same, %who);
    my $hers = waiting(ward => $same, who => { gender => 'FEMALE' });
    set_bed($_, 'AVAILABLE') for @two;
    tick();
    ok wait_until(10, sub { stay($his) =~ / in / }), 'a room for one sex';
    is stay($hers), 'WAITING', 'is not offered to both';
    as_system("SELECT ehr.admission_cancel('$his', NULL, 'Well again')");
    ok wait_until(10, sub { stay($hers) =~ /in/ }), 'but one after another';
}

# Whom the room of a bed takes.
sub has_policy {
    my ($bed, $policy) = @_;
    $env->sql("UPDATE ehr.ward_rooms SET sex_policy = '$policy' WHERE id =
        (SELECT ward_room_id FROM ehr.beds WHERE id = '$bed')");
}

sub in_the_same_transaction {
    my ($ward, $bed) = ward(1);
    my $in = admission(bed => $bed);
    my $waits = waiting(ward => $ward);
    discharge($in);

    my $offered = wait_until(10, sub { $env->sql_app(<<"SQL") =~ /^t$/m });
BEGIN;
SET LOCAL ehr.scope = 'system';
SELECT ehr.bed_status('$bed', NULL, 'AVAILABLE', NULL);
SELECT b.status = 'RESERVED' AND a.bed_id = b.id
  FROM ehr.beds b, ehr.admissions a WHERE b.id = '$bed' AND a.id = '$waits';
ROLLBACK;
SQL
    ok $offered, 'it is offered as it becomes free';
    is bed($bed), 'CLEANING', 'and not at all if it does not become free';
    is stay($waits), 'WAITING', 'then nobody has an offer';
}

sub an_offer_is_taken {
    my ($ward, $bed) = ward(1);
    set_bed($bed, 'CLEANING');
    my $waits = waiting(ward => $ward);
    set_bed($bed, 'AVAILABLE');
    stay_becomes($waits, "WAITING in $bed", 'an offer');
    as_system("SELECT ehr.admission_admit('$waits', NULL, NULL, NULL, NULL,"
        . ' NULL, NULL, NULL, NULL, NULL, NULL)');
    is stay($waits), "ADMITTED in $bed", 'that is taken';
    is bed($bed), "OCCUPIED for $waits", 'is an admission';
    tick();
    is bed($bed), "OCCUPIED for $waits", 'and stays one';
}

sub an_offer_lapses {
    my ($ward, $bed) = ward(1);
    my ($doctor, $user) = doctor();
    set_bed($bed, 'CLEANING');
    my $first = waiting(ward => $ward, doctor => $doctor);
    my $second = waiting(ward => $ward);
    set_bed($bed, 'AVAILABLE');
    stay_becomes($first, "WAITING in $bed", 'the first is offered it');

    run_out($first);
    ok wait_until(10, sub { bed($bed) eq "RESERVED for $second" }),
        'an offer that ran out goes to the next';
    is stay($first), 'WAITING', 'the first waits on';
    is told($user, 'BED_OFFER_LAPSED', $first), 1, 'the doctor is told';

    run_out($second);
    ok wait_until(10, sub { bed($bed) eq 'AVAILABLE' }),
        'when nobody takes it, it is anybody\'s';
    tick() for 1 .. 3;
    is bed($bed), 'AVAILABLE', 'and offered to neither again';

    set_bed($bed, 'CLEANING');
    set_bed($bed, 'AVAILABLE');
    stay_becomes($first, "WAITING in $bed", 'until it is free anew');
}

sub a_plan_lapses {
    my ($ward, $bed, $other) = ward(2);
    my ($doctor, $user) = doctor();
    my ($gone, $due) = map { admission(bed => $_, doctor => $doctor,
        starts => 'clock_timestamp()') } $bed, $other;
    my $waits = waiting(ward => $ward);
    is bed($bed), "RESERVED for $gone", 'a bed is kept';
    for ([$gone, 25], [$due, 23]) {
        my ($id, $hours) = @$_;
        behind_their_back(<<"SQL");
UPDATE ehr.admissions SET planned_start = planned_start
       - interval '$hours hours' WHERE id = '$id';
UPDATE ehr.claims SET during = tstzrange(lower(during)
       - interval '$hours hours', NULL) WHERE ref = '$id';
SQL
    }
    ok wait_until(10, sub { stay($gone) eq 'CANCELLED' }),
        'for a day, then the plan is cancelled';
    stay_becomes($waits, "WAITING in $bed", 'and the bed is for who waits');
    is stay($due), "PLANNED in $other", 'not before';
    is told($user, 'ADMISSION_LAPSED', $gone), 1, 'the doctor is told';
    like $env->sql("SELECT cancel_reason FROM ehr.admissions
        WHERE id = '$gone'"), qr/^Not admitted by 20/, 'with the reason';

    parameter(plannedAdmissionHours => 22);
    ok wait_until(10, sub { stay($due) eq 'CANCELLED' }),
        'or as long as is set';
    parameter('plannedAdmissionHours');
}

# While the first in line is being changed, the second does not get the bed.
sub nobody_is_passed_over {
    my ($ward, $bed) = ward(1);
    set_bed($bed, 'CLEANING');
    my ($first, $second) = map { waiting(ward => $ward) } 1, 2;
    my $held = hold($env, "UPDATE ehr.admissions SET diagnosis = 'Changed'
        WHERE id = '$first'");

    my $began = time;
    set_bed($bed, 'AVAILABLE');
    tick();
    cmp_ok time - $began, '<', 3, 'who frees a bed waits for nobody';
    is bed($bed), 'AVAILABLE', 'the bed waits for the first';
    is stay($second), 'WAITING', 'and is not given to the second';
    release($held);
    ok wait_until(20, sub { bed($bed) eq "RESERVED for $first" }),
        'whose it is afterwards';
}

sub a_tick_waits_for_nobody {
    my ($ward, $locked, $free) = ward(2);
    discharge(admission(bed => $_)) for $locked, $free;
    behind_their_back("UPDATE ehr.beds SET status_since = now()
        - interval '1 hour' WHERE id IN ('$locked', '$free')");
    my $held = hold($env, "SELECT FROM ehr.beds WHERE id = '$locked'
        FOR UPDATE");
    parameter(bedCleaningMinutes => 10);
    ok wait_until(10, sub { bed($free) eq 'AVAILABLE' }),
        'what can be done is done';
    is bed($locked), 'CLEANING', 'what is locked is left';
    release($held);
    ok wait_until(10, sub { bed($locked) eq 'AVAILABLE' }),
        'until it can be done';
    parameter('bedCleaningMinutes');
}

# -- metrics ------------------------------------------------------------------

# All of it is of the only node there was until now.
sub what_is_counted {
    my ($ward, $bed) = ward(1);
    my $ticks = $env->metric('ehr_bed_ticks_total');
    set_bed($bed, 'CLEANING');
    my $passes = waiting(ward => $ward);
    set_bed($bed, 'AVAILABLE');
    stay_becomes($passes, "WAITING in $bed", 'offered');
    as_system("SELECT ehr.admission_cancel('$passes', NULL, 'Well again')");

    my %of = (made => 'true', taken => "outcome = 'TAKEN'",
        passed => "outcome = 'PASSED'", expired => "outcome = 'EXPIRED'");
    for my $what (sort keys %of) {
        my $count = sub { $env->sql("SELECT count(*) FROM ehr.bed_offers
            WHERE $of{$what}") };
        ok wait_until(10, sub {
            $env->metric("ehr_bed_offers_${what}_total") == $count->() }),
            "offers $what" or diag $count->();
        cmp_ok $count->(), '>', 0, 'there were some';
    }
    is $env->sql("SELECT count(*) FROM ehr.admissions a
         WHERE (SELECT count(*) FROM ehr.bed_offers o
                 WHERE o.admission_id = a.id AND o.outcome IS NULL)
            <> (a.offer_expires_at IS NOT NULL)::integer"), 0,
        'what is open is what is offered';
    cmp_ok $env->metric('ehr_bed_ticks_total'), '>', $ticks, 'rounds';
    ok wait_until(10, sub { $env->metric('ehr_beds{status="AVAILABLE"}') ==
        $env->sql("SELECT count(*) FROM ehr.beds WHERE deleted_at IS NULL
            AND status = 'AVAILABLE'") }), 'beds by status';
}

# -- many at once -------------------------------------------------------------

# Beds by the dozen become free while two nodes and six others tick.
sub two_nodes {
    my $ward = $hospital->ward;
    my @beds = $hospital->rooms($ward, 6, 5);
    my $other = EHR::Test::Environment->beside($env, name => 'second');
    my @in = map { admission(bed => $_) } @beds;
    my @line = map { waiting(ward => $ward) } 1 .. 40;

    discharge($_) for @in;
    behind_their_back("UPDATE ehr.beds SET status_since = now()
        - interval '1 hour' WHERE status = 'CLEANING'");
    parameter(bedCleaningMinutes => 1);
    my @others = map { ticking(30) } 1 .. 6;
    ok wait_until(30, sub { $env->sql("SELECT count(*) FROM ehr.beds b
        JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
        WHERE r.ward_id = '$ward' AND b.status = 'RESERVED'") == @beds }),
        'all beds are offered';
    is join('', map { finished($_) } @others), '', 'no tick failed';
    parameter('bedCleaningMinutes');

    is_whole($ward, scalar @beds);
    my $offered = join ' ', map { stay($_) =~ / in / ? 1 : 0 } @line;
    is $offered, join(' ', (1) x 30, (0) x 10), 'to the first thirty'
        or diag grep { /WARNING/ } split /^/, read_file($env->database_log);
    logs_clean($other);
    $other->stop_nginx;
    as_system("SELECT ehr.admission_cancel('$_', NULL, 'Over')") for @line;
}

# A bed comes free for the first in line after a round has looked for one, and
# before it comes to the last.
sub free_in_a_round {
    my ($ward, $bed) = ward(1);
    my ($other, $free) = ward(1);
    set_bed($_, 'CLEANING') for $bed, $free;
    my ($first, $between, $last)
        = map { waiting(ward => $_) } $ward, $other, $ward;

    $env->sql("CREATE FUNCTION public.pause() RETURNS trigger LANGUAGE plpgsql
        AS \$\$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END \$\$;
        CREATE TRIGGER pause AFTER INSERT ON ehr.bed_offers FOR EACH ROW
        WHEN (NEW.admission_id = '$between') EXECUTE FUNCTION public.pause()");
    behind_their_back("UPDATE ehr.beds SET status = 'AVAILABLE'
        WHERE id = '$free'");
    ok wait_until(20, sub { $env->sql("SELECT count(*) FROM pg_stat_activity
        WHERE wait_event = 'PgSleep'") > 0 }), 'in the middle of a round';
    set_bed($bed, 'AVAILABLE');
    is bed($bed), 'AVAILABLE', 'a bed comes free';
    ok wait_until(10, sub { bed($bed) ne 'AVAILABLE' }), 'and is offered';
    is bed($bed), "RESERVED for $first", 'to who is first in line';
    is stay($last), 'WAITING', 'not to who was next in the round';
    $env->sql('DROP TRIGGER pause ON ehr.bed_offers;
        DROP FUNCTION public.pause()');
    as_system("SELECT ehr.admission_cancel('$_', NULL, 'Over')")
        for $first, $between, $last;
}

# Ticks so many times in a process of its own.
sub ticking {
    my ($times) = @_;
    my $file = $env->dir . '/ticking-' . int(time * 1e6);
    my $sql = "SET ehr.scope = 'system';\n"
        . "SELECT ehr.beds_tick();\nSELECT pg_sleep(0.05);\n" x $times;
    my $pid = fork // die "fork: $!";

    return [$pid, $file] if $pid;
    my ($ok, $out, $err) = $env->psql('ehr_app', $sql);
    write_file($file, $ok ? '' : $err);
    POSIX::_exit(0);
}

sub finished {
    my ($ticking) = @_;
    waitpid $ticking->[0], 0;
    return read_file($ticking->[1]);
}

# Every bed of a ward is offered once, to one, with one claim.
sub is_whole {
    my ($ward, $beds) = @_;
    my $sql = <<"SQL";
SELECT count(*), count(DISTINCT a.bed_id), count(DISTINCT a.id),
       count(DISTINCT c.id), count(DISTINCT o.id)
  FROM ehr.beds b
  JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
  JOIN ehr.resources n ON n.kind = 'bed' AND n.entity_id = b.id
  JOIN ehr.claims c ON c.resource = n.id AND c.kind = 'reservation'
  JOIN ehr.admissions a ON a.id = c.ref AND a.id = b.admission_id
   AND a.bed_id = b.id AND a.offer_expires_at = upper(c.during)
  JOIN ehr.bed_offers o ON o.admission_id = a.id AND o.bed_id = b.id
 WHERE r.ward_id = '$ward' AND b.status = 'RESERVED'
SQL
    is_deeply [$env->rows($sql)], [[($beds) x 5]],
        'each bed once, with one claim and one offer';
}

# A tick is killed between an offer's first and last row, by its backend's
# end and by the worker's.
sub a_death_in_the_middle {
    my ($ward, @beds) = ward(3);
    set_bed($_, 'CLEANING') for @beds;
    my @line = map { waiting(ward => $ward) } 1 .. 3;
    my $slow = "query LIKE '%beds_tick%' AND wait_event = 'PgSleep'";
    $env->sql_owner(<<'SQL');
CREATE FUNCTION ehr.test_slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(1.5); RETURN NEW; END';
CREATE TRIGGER test_slow BEFORE INSERT ON ehr.bed_offers
    FOR EACH ROW EXECUTE FUNCTION ehr.test_slow();
SQL
    behind_their_back("UPDATE ehr.beds SET status_since = now()
        - interval '1 hour' WHERE status = 'CLEANING'");
    parameter(bedCleaningMinutes => 1);

    for my $round (1 .. 3) {
        ok wait_until(20, sub { $env->sql("SELECT count(*) FROM
            pg_stat_activity WHERE $slow") }), 'a tick is under way';
        if ($round < 3) {
            $env->sql("SELECT pg_terminate_backend(pid) FROM
                pg_stat_activity WHERE $slow");
        }
        else {
            kill KILL => $env->worker_pids;
        }
        is $env->sql("SELECT count(*) FROM ehr.beds b
            LEFT JOIN ehr.claims c ON c.ref = b.admission_id
            WHERE b.id = ANY ('{@{[join ',', @beds]}}')
              AND (b.status = 'RESERVED') <> (c.id IS NOT NULL)"), 0,
            'nothing is half done';
    }
    $env->sql_owner('DROP TRIGGER test_slow ON ehr.bed_offers');
    ok wait_until(30, sub { !grep { stay($_) !~ / in / } @line }),
        'the next ones do it';
    is_whole($ward, 3);
    parameter('bedCleaningMinutes');
}
