# What is promised: a bed for a time, for somebody of a sex, and what becomes of
# it when who lies there stays.

use EHR::Test;
use EHR::Test::Stays;

start_stays('inpatient-plans');

subtest 'plans and waits' => \&plans;
subtest 'a plan promises a sex' => \&promised_sex;
subtest 'by no SQL otherwise' => \&promised_by_sql;
subtest 'who changes under a promise' => \&promise_changes;
subtest 'an offer promises it, too' => \&offered;
subtest 'many plans at once' => \&many_plans;
subtest 'a plan makes way' => \&makes_way;
subtest 'what does not make way' => \&stays_in_the_way;
subtest 'many come at once' => \&many_come;
all_is_whole();
done_testing;

sub plans {
    my $ward = ward();
    my ($bed, $other) = beds(room($ward), 2);
    my $tomorrow = "now() + interval '1 day'";
    my ($patient, $plan) = (patient(), id());

    refused(admission(patient => $patient, bed => $bed, planned_start =>
        "now() - interval '1 hour'"), 'EH422 in_the_past', 'plannedStart',
        'no plans for yesterday');
    refused(admission(patient => $patient, bed => $bed, planned_start =>
        $tomorrow, planned_end => $tomorrow), 'EH422 ends_before_start',
        'plannedEnd', 'nor for no time');
    done(admission(id => $plan, patient => $patient, bed => $bed,
        planned_start => $tomorrow), 'planned');
    is status_of($bed), 'AVAILABLE', 'not reserved yet';
    refused(admission(patient => patient(), bed => $bed),
        'EH409 bed_reserved', 'bedId', 'but promised');
    like told(admission(patient => patient(), bed => $bed))->{reservedFrom},
        qr/^\d{4}-/, 'from when is told';
    refused(admission(patient => patient(), bed => $bed, planned_start =>
        "now() + interval '3 days'"), 'EH409 bed_reserved', 'bedId', 'once');
    my $short = id();
    done(admission(id => $short, patient => patient(), ward => $ward,
        planned_start => $tomorrow, planned_end =>
        "now() + interval '2 days'"), 'another for a day');
    done(admission(patient => patient(), bed => $other, planned_start =>
        "now() + interval '2 days'"), 'and one after it');
    my $waits = id();
    refused(admission(patient => patient(), ward => $ward), 'EH409
 no_bed_free' =~ s/\s+/ /r, '', 'nothing is left');
    done(admission(id => $waits, patient => patient(), ward => $ward,
        waits => 'true'), 'but to wait');
    is $env->sql("SELECT status || (bed_id IS NULL) || (ward_id = '$ward')
        FROM ehr.admissions WHERE id = '$waits'"), 'WAITINGtruetrue',
        'without a bed';
    refused(admit(id => $waits), 'EH409 no_bed_free', '', 'still nothing');

    my $at_once = id();
    my $soon = bed();
    done(admission(id => $at_once, patient => patient(), bed => $soon,
        planned_start => 'now()'), 'a plan that begins now');
    is status_of($soon), 'RESERVED', 'reserves';
    refused(set_status($soon, 'AVAILABLE'), 'EH409 illegal_status', 'status',
        'nobody sets it free by hand');
    refused(set_status($soon, 'OUT_OF_SERVICE', 'x'), 'EH409 bed_reserved',
        'status', 'nor breaks it');
    done(admit(id => $at_once), 'admitted');
    is status_of($soon), 'OCCUPIED FEMALE', 'into it';
    refused(admit(id => $at_once), 'EH409 illegal_status', 'status', 'once');

    done(admit(id => $plan), 'earlier than planned');
    is count_of('claims', "ref = '$plan' AND kind = 'reservation'"), 0,
        'the reservation is used up';
    done(cancel($_), 'given up') for $short;
    is count_of('claims', "ref = '$short'"), 0, 'nothing is kept';
    done(admission(id => my $first = id(), patient => patient(),
        bed => my $one = bed(), planned_start => 'now()'), 'reserved');
    done(admit(id => $first, bed => my $two = bed()), 'into another');
    is status_of($one) . ',' . status_of($two),
        'AVAILABLE,OCCUPIED FEMALE', 'the first is free again';
    done(admission(id => my $given_up = id(), patient => patient(),
        bed => $one, planned_start => 'now()'), 'reserved');
    done(cancel($given_up), 'given up');
    is status_of($one), 'AVAILABLE', 'and free at once';
}

# -- a room for one sex -------------------------------------------------------

# SQL that plans; from and to in days, to: false for no end.
sub planned {
    my ($from, $to, %o) = @_;
    return admission(planned_start => "now() + interval '$from days'",
        planned_end => $to ? "now() + interval '$to days'" : undef,
        patient => $o{patient} || patient(), %o);
}

# The same, done; the admission's id.
sub promise {
    my ($from, $to, %o) = @_;
    my $id = id();
    done(planned($from, $to, id => $id, %o), 'planned');
    return $id;
}

sub bed_of { return $env->sql("SELECT bed_id FROM ehr.admissions
    WHERE id = '$_[0]'") }

sub promised_sex {
    my $ward = ward();
    my ($one, $two, $three) = beds(room($ward, 'SAME'), 3);
    my $plan = promise(2, 4, bed => $one, patient => patient('FEMALE'));
    my %man = (patient => patient('MALE'));
    my @no = ('EH409 room_sex_policy', 'bedId');

    refused(planned(3, 5, bed => $two, %man), @no, 'no man meanwhile');
    refused(planned(1, 0, bed => $two, %man), @no, 'nor to stay');
    refused(admission(bed => $two, %man), @no, 'nor from now on');
    is_deeply told(admission(bed => $two, %man)), { rule => 'room_sex_policy',
        sexPolicy => 'SAME', admissionId => $plan, reservedFrom =>
        $env->sql("SELECT ehr.rfc3339(planned_start) FROM ehr.admissions
            WHERE id = '$plan'") }, 'from when, and because of whom';
    refused(planned(3, 5, ward => $ward, %man), 'EH409 no_bed_free', '',
        'nor by criteria');
    is $env->sql("SELECT count(*) FROM ehr.beds_free('$man{patient}', NULL,
        '$ward', NULL, NULL, NULL, now() + interval '3 days', NULL, 9)"), 0,
        'nor is one told to be free';
    promise(3, 5, bed => $two, patient => patient('FEMALE'));
    my $later = promise(5, 6, bed => $one, %man);
    my $before = promise(1, 1.5, bed => $three, patient => patient('OTHER'));
    refused(planned(1, 3, bed => $three, %man), 'EH409 bed_reserved',
        'bedId', 'what is promised itself is told first');

    lying(bed => my $bed = (beds(room($ward, 'SAME'), 2))[0],
        patient => patient('FEMALE'));
    refused(planned(30, 31, bed => $env->sql("SELECT o.id FROM ehr.beds b
        JOIN ehr.beds o USING (ward_room_id) WHERE b.id = '$bed'
        AND o.id <> b.id"), %man), @no, 'nor beside who lies there');
    done(cancel($plan), 'given up');
    done(cancel($before), 'given up');
    promise(1, 2, bed => $three, %man);
}

sub promised_by_sql {
    my $room = room(ward(), 'SAME');
    my ($one, $two) = beds($room, 2);
    my $plan = promise(1, 0, bed => $one, patient => patient('FEMALE'));
    my $man = id();
    my $claims = "UPDATE ehr.claims SET";
    my $of = "WHERE ref = '$plan'";
    my $reserves = "INSERT INTO ehr.admissions (id, patient_id, bed_id,
            status, type, planned_start)
        VALUES ('$man', '" . patient('MALE') . "', '$two', 'PLANNED',
            'ELECTIVE', now() + interval '1 day');";
    my $other = (beds(room(ward(), 'SAME'), 1))[0];

    for my $as (qw(owner superuser)) {
        like by_sql($reserves . claim($man, 'bed', $two, 0, 'reservation',
            "now() + interval '1 day'"), $as), qr/claims_sex_excl/,
            "no man beside a woman: not by the $as";
        like by_sql("$claims sex = 'MALE' $of", $as), qr/differ/,
            'nor is she one';
        like by_sql("$claims same_room = NULL $of", $as), qr/differ/,
            'nor does the room not mind';
        like by_sql("$claims same_room = (SELECT ward_room_id FROM ehr.beds
            WHERE id = '$other') $of", $as), qr/differ/, 'nor is it another';
        like by_sql("$claims sex = NULL $of", $as), qr/differ/,
            'nor is nobody to come';
    }
    like by_sql(stay(id => id(), bed => $two, patient => patient('MALE'))
        =~ s/'FEMALE'/'MALE'/r), qr/claims_sex_excl/, 'nor lies a man there';
}

sub promise_changes {
    my $room = room(ward(), 'SAME');
    my ($one, $two) = beds($room, 2);
    my ($her, $other) = (patient('FEMALE'), patient('FEMALE'));
    my $plan = promise(1, 3, bed => $one, patient => $her);
    promise(2, 0, bed => $two, patient => $other);
    my $admin = $world->account('ADMIN');
    my $becomes = sub { "UPDATE ehr.patients SET gender = '$_[0]'
        WHERE id = '$her'" };
    my $policy = sub { "UPDATE ehr.ward_rooms SET sex_policy = '$_[0]'
        WHERE id = '$room'" };

    refused($becomes->('MALE'), 'EH409 room_sex_policy', 'gender',
        'no man is expected among women');
    refused($policy->('MALE'), 'EH409 room_sex_policy', 'sexPolicy',
        'nor in a room for men women', $admin);
    done($policy->('FEMALE'), 'a room for women', $admin);
    refused($becomes->('MALE'), 'EH409 room_sex_policy', 'bedId',
        'is not for a man');
    done($policy->('ANY'), 'a room for all', $admin);
    done($becomes->('MALE'), 'is');
    refused($policy->('SAME'), 'EH409 room_sex_policy', 'sexPolicy',
        'is not for one sex then', $admin);
    done(cancel($plan), 'until he does not come');
    done($policy->('SAME'), 'then it is', $admin);
    refused(planned(3, 4, bed => $one, patient => $her),
        'EH409 room_sex_policy', 'bedId', 'and counts for who is expected');

    # Both at once: either comes first.
    for my $first (0, 1) {
        my $same = room(ward(), 'ANY');
        my ($a, $b) = beds($same, 2);
        promise(1, 0, bed => $a, patient => patient('FEMALE'));
        my @acts = (planned(1, 0, bed => $b, patient => patient('MALE')),
            "UPDATE ehr.ward_rooms SET sex_policy = 'SAME'
              WHERE id = '$same'");
        @acts = reverse @acts if $first;
        like meanwhile(@acts), qr/room_sex_policy/, 'not while it becomes so';
    }

    # Nor by a claim that no act writes.
    for my $first (0, 1) {
        my ($bed) = beds(room(ward(), 'SAME'), 1);
        my ($someone, $id) = (patient('FEMALE'), id());
        my @acts = ("INSERT INTO ehr.admissions (id, patient_id, bed_id,
                status, type, planned_start) VALUES ('$id', '$someone',
                '$bed', 'PLANNED', 'ELECTIVE', now() + interval '1 day');"
            . claim($id, 'bed', $bed, 0, 'reservation',
                "now() + interval '1 day'") . ($first ? '' :
                'SET CONSTRAINTS ALL IMMEDIATE'),
            "UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$someone'");
        @acts = reverse @acts if $first;
        meanwhile(@acts);
        is $env->sql("SELECT coalesce(min(sex), 'none') FROM ehr.claims
            WHERE ref = '$id'"), $first ? 'none' : 'MALE',
            'no promise for who becomes another';
    }
}

sub offered {
    my $ward = ward();
    my ($one, $two) = beds(room($ward, 'SAME'), 2);
    done(set_status($_, 'CLEANING'), 'dirty') for $one, $two;
    done(admission(id => my $her = id(), patient => patient('FEMALE'),
        ward => $ward, waits => 'true'), 'she waits');
    done(admission(id => my $him = id(), patient => patient('MALE'),
        ward => $ward, waits => 'true'), 'he waits');
    done(set_status($one, 'AVAILABLE'), 'one is clean');
    done(set_status($two, 'AVAILABLE'), 'and the other');
    is bed_of($her), $one, 'she is offered it';
    is bed_of($him), '', 'he is not offered the other';
    refused(admission(patient => patient('MALE'), bed => $two),
        'EH409 room_sex_policy', 'bedId', 'nor gets it');
    done(admit(id => $her), 'she comes');
}

sub many_plans {
    my $ward = ward();
    my $room = room($ward, 'SAME');
    my @beds = beds($room, 12);
    my @acts = map { planned(1, 2, bed => $beds[$_],
        patient => patient($_ % 2 ? 'MALE' : 'FEMALE')) } 0 .. 11;
    is_deeply tally($world->together(each_by(@acts))),
        { ' ' => 6, 'EH409 room_sex_policy bedId' => 6 }, 'men or women';
    all_is_whole();
}

# -- one plan after the other -------------------------------------------------

sub told_of {
    my ($plan) = @_;
    return $env->sql("SELECT count(*) FROM ehr.notifications WHERE
        message = 'RESERVATION_MOVED' AND data ->> 'admissionId' = '$plan'");
}

sub makes_way {
    my $ward = ward();
    my $room = room($ward);
    my ($bed, $spare, $better) = beds($room, 3);
    my $first = promise(0, 2, bed => $bed);
    my $second = promise(3, 5, bed => $bed);
    my $third = promise(5, 0, bed => $bed);
    promise(4, 0, bed => $spare);

    done(admit(id => $first), 'the first one comes');
    is bed_of($first), $bed, 'into the bed that was promised';
    is bed_of($second), $better, 'the second has another one';
    is bed_of($third), $better, 'and so has the third';
    is $env->sql("SELECT string_agg(c.during::text, '') = string_agg(
            tstzrange(a.planned_start, a.planned_end)::text, '')
          FROM ehr.admissions a JOIN ehr.claims c ON c.ref = a.id
         WHERE a.id IN ('$second', '$third')"), 't', 'for the same time';
    is told_of($_), 1, 'which is told' for $second, $third;
    is count_of('audit_log', "entity = 'admissions' AND action = 'UPDATE'
        AND entity_id = '$second' AND after ->> 'bed_id' = '$better'"), 1,
        'and audited';

    # As good: of that ward and class, and with what the bed has.
    $ward = ward();
    ($bed) = beds(room($ward), 1, equipment => '{OXYGEN}');
    beds(room($ward), 1);
    my ($like) = beds(room($ward), 1, equipment => '{MONITOR,OXYGEN}');
    $first = promise(0, 2, bed => $bed);
    $second = promise(2, 0, bed => $bed);
    done(admit(id => $first), 'a bed with oxygen');
    is bed_of($second), $like, 'for one with oxygen';

    # By its own criteria.
    my $far = ward();
    ($bed) = beds(room($ward = ward()), 1, equipment => '{SUCTION}');
    $first = promise(0, 2, bed => $bed);
    $second = promise(2, 0, hospital => $hospital, equipment => ['SUCTION']);
    is bed_of($second), $bed, 'the only one';
    my ($elsewhere) = beds(room($far), 1, equipment => '{SUCTION}');
    done(admit(id => $first), 'comes');
    is bed_of($second), $elsewhere, 'the criteria are of the plan';

    # In the way by its sex.
    $ward = ward();
    ($bed, my $beside) = beds(room($ward, 'SAME'), 2);
    $first = promise(0, 2, bed => $bed, patient => patient('MALE'));
    $second = promise(2, 3, bed => $beside, patient => patient('FEMALE'));
    $third = promise(4, 5, bed => $beside, patient => patient('MALE'));
    ($spare) = beds(room($ward), 1);
    done(admit(id => $first), 'a man');
    is bed_of($second), $spare, 'women go elsewhere';
    is bed_of($third), $beside, 'men stay';

    # An offer, behind which somebody planned.
    ($bed, $spare) = beds(room($ward = ward()), 2);
    done(set_status($bed, 'CLEANING'), 'dirty');
    done(set_status($spare, 'CLEANING'), 'dirty');
    done(admission(id => my $waits = id(), patient => patient(),
        ward => $ward, waits => 'true'), 'waits');
    done(set_status($bed, 'AVAILABLE'), 'clean');
    $second = promise(3, 5, bed => $bed);
    done(admit(id => $waits), 'the offer is taken');
    is bed_of($waits) . bed_of($second), $bed . $spare, 'and holds';
    all_is_whole();
}

sub stays_in_the_way {
    my ($bed, $spare) = beds(room(ward()), 2);
    my $first = promise(0, 2, bed => $bed);
    my $second = promise(3, 5, bed => $bed);
    my $third = promise(5, 0, bed => $bed);
    promise(4, 6, bed => $spare);

    refused(admit(id => $first), 'EH409 bed_reserved', 'bedId',
        'there is no other bed');
    is_deeply told(admit(id => $first)), { rule => 'bed_reserved',
        admissionId => $second, reservedFrom => $env->sql("SELECT
            ehr.rfc3339(planned_start) FROM ehr.admissions
            WHERE id = '$second'") }, 'for whom and from when is told';
    is bed_of($_), $bed, 'nothing is moved' for $second, $third;
    refused(transfer(id => lying(bed => bed()), bed => $spare),
        'EH409 bed_reserved', 'bedId', 'nobody else is made way for');
    refused(admission(patient => patient(), bed => $spare,
        expected_discharge => "now() + interval '1 day'"),
        'EH409 bed_reserved', 'bedId', 'nor who wants to go soon');
    done(admit(id => $first, bed => my $third_bed = bed()), 'elsewhere');
    is bed_of($second), $bed, 'then nothing is in the way';

    # What has begun is not behind.
    my $room = room(ward());
    ($bed) = beds($room, 2);
    $first = promise(0, 2, bed => $bed);
    $env->sql("SET session_replication_role = replica;
        UPDATE ehr.admissions SET planned_start = now() - interval '2 hours',
            planned_end = now() - interval '1 hour' WHERE id = '$first';
        UPDATE ehr.claims SET during = tstzrange(now() - interval '2 hours',
            now() - interval '1 hour') WHERE ref = '$first'");
    $env->sql("SET ehr.scope = 'system'; SELECT ehr.beds_tick()");
    $second = promise(0, 3, bed => $bed);
    is $env->sql("SELECT admission_id FROM ehr.beds WHERE id = '$bed'"),
        $second, 'whose time it is';
    refused(admit(id => $first), 'EH409 bed_reserved', 'bedId',
        'is not moved');

    is $env->sql("SELECT ehr.plans_behind('$first')"), '{}', 'nor behind';
    all_is_whole();
}

# Each bed is promised to two, one after the other; all of the first come at
# once.
sub many_come {
    my $ward = ward();
    my @beds = map { beds(room($ward, $_), 4) } qw(ANY SAME);
    my @spare = beds(room($ward), 5);
    my @first = map { promise(0, 1, bed => $beds[$_],
        patient => patient('FEMALE')) } 0 .. $#beds;
    my @second = map { promise(1 + $_ % 3, 9, bed => $beds[$_],
        patient => patient('FEMALE')) } 0 .. $#beds;

    my $tally = tally($world->together(each_by(map { admit(id => $_) }
        @first, @first)));
    my $came = $tally->{' '};
    is $env->sql("SELECT count(*) FROM ehr.admissions a JOIN ehr.claims c
            ON c.ref = a.id AND c.kind = 'reservation'
         WHERE a.id = ANY ('{" . join(',', @second) . "}')
           AND a.status = 'PLANNED'"), 8, 'each plan has a bed';
    cmp_ok $came, '>=', 1, 'some came' or diag explain $tally;
    cmp_ok $came, '<=', 5, 'no more than there were beds to give';
    is_deeply [grep { $_ ne ' ' && $_ ne 'EH409 bed_reserved bedId'
        && $_ ne 'EH409 illegal_status status' } keys %$tally], [],
        'the others were refused' or diag explain $tally;
    all_is_whole();
}
