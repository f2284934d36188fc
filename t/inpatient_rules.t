# What acts do and refuse: which bed, moving, leaving, the past, statuses, and
# who may.

use EHR::Test;
use EHR::Test::Stays;

start_stays('inpatient-rules');

subtest 'a bed that is named' => \&named;
subtest 'a bed by criteria' => \&criteria;
subtest 'one patient, one bed' => \&one_bed;
subtest 'transfers and swaps' => \&moves;
subtest 'discharge' => \&discharge;
subtest 'leave and cancelling' => \&leave_and_cancel;
subtest 'the past' => \&past;
subtest 'statuses of beds' => \&statuses;
subtest 'who may' => \&who_may;
all_is_whole();
done_testing;

sub named {
    my $room = room(ward(), 'ANY');
    my ($bed, $dirty, $broken, $next) = beds($room, 4);
    my $stay = lying(bed => $bed);
    done("UPDATE ehr.admissions SET expected_discharge_at =
        now() + interval '2 days' WHERE id = '$stay'", 'expected');
    done(set_status($dirty, 'CLEANING'), 'dirty');
    done(set_status($broken, 'OUT_OF_SERVICE', 'a wheel is off'), 'broken');

    my %against = ($bed => 'bed_taken', $dirty => 'bed_being_cleaned',
        $broken => 'bed_out_of_service');
    for my $one ($bed, $dirty, $broken) {
        refused(admission(patient => patient(), bed => $one),
            "EH409 $against{$one}", 'bedId', $against{$one});
        is told(admission(patient => patient(), bed => $one))->{rule},
            $against{$one}, 'its rule is named';
    }
    my $expected = told(admission(patient => patient(), bed => $bed))
        ->{expected};
    is_deeply [map { [$_->{bedId}, $_->{status}] } @$expected],
        [[$dirty, 'CLEANING'], [$bed, 'OCCUPIED']],
        'what is free next in that ward';
    like $expected->[1]{expectedAt}, qr/^\d{4}-.*Z$/, 'and when';

    refused(admission(patient => patient(), bed => id()),
        'EH422 reference_unknown', 'bedId', 'an unknown bed');
    done("UPDATE ehr.beds SET deleted_at = now() WHERE id = '$next'",
        'deleted');
    refused(admission(patient => patient(), bed => $next),
        'EH422 reference_unknown', 'bedId', 'a deleted bed');
    refused(admission(patient => patient()), 'EH422 bed_or_criteria',
        'bedId', 'none at all');
    refused(admission(patient => patient(), $_->[0] => id()),
        'EH422 reference_unknown', $_->[1], "an unknown $_->[0]")
        for ['ward', 'wardId'], ['hospital', 'hospitalId'],
        ['room_class', 'roomClassId'];
    refused(admission(patient => id(), bed => $bed),
        'EH422 reference_unknown', 'patientId', 'an unknown patient');
    refused(admission(patient => patient(), bed => $bed, doctor => id()),
        'EH422 reference_unknown', 'admittingDoctorId', 'an unknown doctor');
}

sub criteria {
    my $ward = ward();
    my $any = room($ward);
    my ($plain, $second) = beds($any, 2);
    my ($monitor) = beds(room($ward), 1, equipment => '{MONITOR,OXYGEN}');
    my ($isolated) = beds(room($ward), 1, isolation => 'true');
    my $got = sub {
        my ($name, $wanted, %o) = @_;
        my $stay = lying(ward => $ward, %o);
        is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$stay'"),
            $wanted, $name;
        return $stay;
    };

    $got->('what has nothing more than is asked for', $plain);
    $got->('what has what is asked for', $monitor, equipment => ['OXYGEN']);
    $got->('one to isolate', $isolated, isolation => 'true');
    refused(admission(patient => patient(), ward => $ward,
        equipment => ['VENTILATOR']), 'EH409 no_bed_free', '',
        'there is no such bed');
    my $told = told(admission(patient => patient(), ward => $ward,
        isolation => 'true'));
    is $told->{rule}, 'no_bed_free', 'the rule';
    is_deeply [map { $_->{bedId} } @{ $told->{expected} }], [$isolated],
        'and what is free next';
    $got->('the last', $second, hospital => $hospital,
        room_class => $class);

    my @two = beds($any =~ s/.*/room($ward)/er, 2);
    $got->('what is advised, if it is free', $two[1],
        advice => [$plain, $two[1]]);
    $got->('what is free, if the advice is not', $two[0],
        advice => [$plain, $two[1], id()]);
    refused(admission(patient => patient(), ward => $ward),
        'EH409 no_bed_free', '', 'none is left');

    my $same = ward();
    my ($empty) = beds(room($same, 'SAME'), 1);
    my $women = room($same, 'SAME');
    my ($begun, $more) = beds($women, 2);
    lying(bed => $begun, patient => patient('FEMALE'));
    my $stay = lying(ward => $same, patient => patient('FEMALE'));
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$stay'"),
        $more, 'a woman goes where women are';
    my $man = lying(ward => $same, patient => patient('MALE'));
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$man'"),
        $empty, 'a man where nobody is';
}

sub one_bed {
    my ($patient, $bed, $other) = (patient(), bed(), bed());
    my $stay = lying(bed => $bed, patient => $patient);
    refused(admission(patient => $patient, bed => $other),
        'EH409 patient_in_bed', 'patientId', 'not in two beds');
    refused(admission(patient => $patient, bed => $other, admitted =>
        "now() - interval '1 day'"), 'EH409 patient_in_bed', 'patientId',
        'nor from before on');
    refused("UPDATE ehr.patients SET deleted_at = now() WHERE id =
        '$patient'", 'EH409 still_referenced', '', 'nobody deletes them');
    done(leaves(id => $stay), 'discharged');
    lying(bed => $other, patient => $patient);
}

sub moves {
    my $ward = ward();
    my ($bed, $other) = beds(room($ward), 2);
    my ($for_men) = beds(room($ward, 'MALE'), 1);
    my $woman = lying(bed => $bed, patient => patient('FEMALE'));
    my $before = $env->sql("SELECT version FROM ehr.admissions WHERE id =
        '$woman'");

    refused(transfer(id => $woman, bed => $bed), 'EH409 same_bed', 'bedId',
        'not to the same bed');
    refused(transfer(id => $woman, bed => $for_men),
        'EH409 room_sex_policy', 'bedId', 'not among men');
    refused(transfer(id => $woman, ward => $ward, isolation => 'true'),
        'EH409 no_bed_free', '', 'not to what is not there');
    is $env->sql("SELECT bed_id || ' ' || version FROM ehr.admissions
        WHERE id = '$woman'"), "$bed $before", 'all is as it was';
    is status_of($bed), 'OCCUPIED FEMALE', 'the bed too';
    refused(transfer(id => $woman, bed => $other, version => 7),
        'EH412 stale_version', '', 'nor in another version');
    refused(transfer(id => id(), bed => $other), 'EH404 not_found', '',
        'nor nobody');

    done(transfer(id => $woman, bed => $other), 'moved');
    is status_of($bed) . ',' . status_of($other),
        'CLEANING,OCCUPIED FEMALE', 'one is left, one is taken';
    is $env->sql("SELECT bool_and(upper(a.during) = lower(b.during))
          FROM ehr.admission_movements a JOIN ehr.admission_movements b
            ON b.admission_id = a.admission_id AND upper_inf(b.during)
         WHERE a.admission_id = '$woman' AND NOT upper_inf(a.during)"), 't',
        'at the same moment';

    my $man = lying(bed => $for_men, patient => patient('MALE'));
    refused(swap(id => $woman, other => $man), 'EH409 room_sex_policy',
        'otherAdmissionId', 'no swap into a room for men');
    refused(swap(id => $woman, other => id()), 'EH422 reference_unknown',
        'otherAdmissionId', 'nor with nobody');
    refused(swap(id => $woman, other => $woman), 'EH409 same_bed',
        'otherAdmissionId', 'nor with oneself');
    my ($third) = beds(room($ward, 'SAME'), 1);
    my $neighbour = lying(bed => $third, patient => patient('MALE'));
    done(swap(id => $woman, other => $neighbour), 'a swap');
    is status_of($other) . ',' . status_of($third),
        'OCCUPIED MALE,OCCUPIED FEMALE', 'both are where the other was';

    my $alone = ward();
    my ($only) = beds(room($alone), 1);
    my $stay = lying(bed => $only);
    refused(transfer(id => $stay, ward => $alone), 'EH409 same_bed', '',
        'nor to the only bed of that kind, which is one\'s own');
    my ($taken) = beds(room($alone), 1);
    lying(bed => $taken);
    refused(transfer(id => $stay, ward => $alone), 'EH409 no_bed_free', '',
        'another one is not free');
    is_deeply [map { $_->{bedId} } @{ told(transfer(id => $stay,
        ward => $alone))->{expected} }], [$taken],
        'but next, and not one\'s own';

    done(leaves(id => $woman), 'gone');
    refused(transfer(id => $woman, bed => $bed), 'EH409 illegal_status',
        'status', 'who is gone does not move');
    refused(swap(id => $man, other => $woman), 'EH409 illegal_status',
        'otherAdmissionId', 'nor change beds');
}

sub discharge {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $doctor = $world->account('DOCTOR');
    my $own = $world->own("INSERT INTO ehr.doctors (first_name, last_name,
            license_number, user_id) VALUES ('D', 'D', '$doctor', '$doctor')
        RETURNING id");
    my $home = sub { leaves(id => $stay, disposition => 'HOME', @_) };

    refused($home->(), 'EH409 not_ordered', 'step', 'not without an order');
    refused(leaves(id => $stay, disposition => undef),
        'EH422 field_required', 'disposition', 'nor nowhere');
    refused($home->(step => 'WITHDRAWN'), 'EH403 forbidden', '',
        'a nurse orders nothing');
    refused($home->(step => 'WITHDRAWN'), 'EH409 not_ordered', 'step',
        'what is not ordered is not withdrawn', $doctor);
    is(($world->as('team', $doctor, $home->(step => 'ORDERED')))[0],
        'EH404 not_found', 'not of a patient of others');
    done($home->(step => 'ORDERED'), 'ordered', $doctor);
    is status_of($bed), 'OCCUPIED FEMALE', 'an order frees nothing';
    refused($home->(step => 'ORDERED'), 'EH409 illegal_status', 'status',
        'it is ordered once', $doctor);
    done($home->(step => 'WITHDRAWN'), 'withdrawn', $doctor);
    refused($home->(), 'EH409 not_ordered', 'step', 'and not done then');
    done($home->(step => 'ORDERED'), 'ordered again', $doctor);
    done($home->(disposition => undef), 'done');
    is status_of($bed), 'CLEANING', 'that frees';
    is $env->sql("SELECT status || disposition FROM ehr.admissions WHERE id =
        '$stay'"), 'DISCHARGEDHOME', 'as ordered';
    refused($home->(), 'EH409 illegal_status', 'status', 'once');

    my $dead = lying(bed => my $last = bed());
    done(leaves(id => $dead, disposition => 'DECEASED'), 'the dead go so');
    is status_of($last), 'CLEANING', 'and free';
}

sub leave_and_cancel {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $away = sub { call('admission_leave', id => $stay, version => undef,
        until => $_[0], reason => 'a weekend') };
    my $back = call('admission_return', id => $stay, version => undef);

    refused($back, 'EH409 illegal_status', 'status', 'nobody is away');
    refused($away->("now() - interval '1 hour'"), 'EH422 in_the_past',
        'until', 'nobody was');
    done($away->("now() + interval '2 days'"), 'away');
    is status_of($bed), 'OCCUPIED FEMALE', 'the bed is kept';
    refused(admission(patient => patient(), bed => $bed), 'EH409 bed_taken',
        'bedId', 'from others');
    refused(cancel($stay), 'EH409 illegal_status', 'status',
        'who is away was here');
    done($back, 'back');

    my $other = bed();
    done(transfer(id => $stay, bed => $other), 'moved');
    done(cancel($stay), 'it was by mistake');
    is status_of($other), 'CLEANING', 'the bed is left';
    is count_of('claims', "ref = '$stay'"), 0, 'nothing is claimed';
    is count_of('admission_movements', "admission_id = '$stay' AND
        cancelled_at IS NOT NULL"), 2, 'the movements are marked';
    done(set_status($other, 'AVAILABLE'), 'clean');
    lying(bed => $other, admitted => "now() - interval '1 hour'");
}

sub past {
    my ($bed, $other) = (bed(), bed());
    my $patient = patient();
    my $ago = sub { "now() - interval '$_[0] hours'" };
    my $stay = lying(bed => $bed, patient => $patient,
        admitted => $ago->(10));

    refused(admission(patient => patient(), bed => $other, admitted =>
        "now() + interval '1 minute'"), 'EH422 in_the_future', 'admittedAt',
        'nobody was admitted tomorrow');
    refused(admission(patient => patient(), bed => $other, admitted =>
        $ago->(1)), 'EH403 backdate_not_allowed', 'admittedAt',
        'a receptionist writes no past', $staff);
    refused(transfer(id => $stay, bed => $other, at => $ago->(11)),
        'EH409 before_last_movement', 'at', 'nobody moves before being here');
    refused(transfer(id => $stay, bed => $other,
        at => "now() + interval '1 minute'"), 'EH422 in_the_future', 'at',
        'nor tomorrow');
    done(transfer(id => $stay, bed => $other, at => $ago->(8)), 'moved');
    refused(leaves(id => $stay, at => $ago->(9)),
        'EH409 before_last_movement', 'at', 'nobody left before the move');
    done(leaves(id => $stay, at => $ago->(6)), 'gone');
    done(set_status($bed, 'AVAILABLE'), 'clean');
    done(set_status($other, 'AVAILABLE'), 'clean');

    refused(admission(patient => patient(), bed => $bed, admitted =>
        $ago->(9)), 'EH409 bed_taken', 'bedId', 'who was there is not undone');
    refused(admission(patient => $patient, bed => bed(), admitted =>
        $ago->(7)), 'EH409 patient_in_bed', 'patientId',
        'nor was one elsewhere then');
    my $fits = lying(bed => $bed, admitted => $ago->(8));
    refused(swap(id => $fits, other => lying(bed => $other,
        admitted => $ago->(5)), at => $ago->(6)),
        'EH409 before_last_movement', 'at', 'nor a swap before both');
    is $env->sql("SELECT count(*) FROM ehr.admission_movements WHERE
        bed_id = '$bed' AND cancelled_at IS NULL"), 2, 'one after the other';

    my $same = room(ward(), 'SAME');
    my ($first, $second) = beds($same, 2);
    my $man = lying(bed => $first, patient => patient('MALE'),
        admitted => $ago->(4));
    done(leaves(id => $man, at => $ago->(2)), 'he was there');
    refused(admission(patient => patient('FEMALE'), bed => $second,
        admitted => $ago->(3)), 'EH409 room_sex_policy', 'bedId',
        'no woman beside him');
    lying(bed => $second, patient => patient('FEMALE'),
        admitted => $ago->(2));
}

sub statuses {
    my $bed = bed();
    my %legal = (AVAILABLE => 'CLEANING OUT_OF_SERVICE',
        CLEANING => 'AVAILABLE OUT_OF_SERVICE',
        OUT_OF_SERVICE => 'AVAILABLE CLEANING');

    for my $from (sort keys %legal) {
        for my $to (qw(AVAILABLE RESERVED OCCUPIED CLEANING OUT_OF_SERVICE)) {
            my $act = set_status($bed, $to, 'because');
            $env->sql("SET ehr.scope = 'system';
                UPDATE ehr.beds SET status = '$from', status_reason = 'x'
                 WHERE id = '$bed' AND status <> '$from'");
            if (grep { $_ eq $to } split / /, $legal{$from}) {
                done($act, "$from to $to");
            } else {
                refused($act, 'EH409 illegal_status', 'status',
                    "not $from to $to");
            }
        }
    }
    refused(call('bed_status', id => $bed, version => 1, status =>
        'AVAILABLE', reason => undef), 'EH412 stale_version', '',
        'only in the version that is there');
    refused(set_status(id(), 'CLEANING'), 'EH404 not_found', '', 'nor no bed');
    $env->sql("SET ehr.scope = 'system'; UPDATE ehr.beds SET status =
        'CLEANING' WHERE id = '$bed'");
    refused(set_status($bed, 'OUT_OF_SERVICE'), 'EH422 field_required',
        'reason', 'nor without a reason');
}

sub who_may {
    my ($bed, $patient) = (bed(), patient());
    my $act = admission(patient => $patient, bed => $bed);
    my $portal = $world->account('PATIENT');
    my $doctor = $world->account('DOCTOR');
    my $mine = $world->own("INSERT INTO ehr.doctors (first_name, last_name,
            license_number, user_id) VALUES ('D', 'D', '$doctor', '$doctor')
        RETURNING id");

    for my $case (['a patient', 'own', $portal], ['nobody', '', ''],
        ['a chemist', 'all', $world->account('PHARMACIST')])
    {
        my ($who, $scope, $user) = @$case;
        is(($world->as($scope, $user, $act))[0], 'EH403 forbidden',
            "$who admits nobody");
    }
    is(($world->as('team', $doctor, $act))[0], 'EH422 reference_unknown',
        'a doctor nobody else\'s patient');
    my $stay = lying(bed => $bed, patient => $patient, doctor => $mine);
    is(($world->as('team', $doctor, transfer(id => $stay, bed => bed())))[0],
        '', 'whom the doctor admits is in the doctor\'s care');
    is(($world->as('all', $staff, leaves(id => $stay)))[0],
        'EH403 forbidden', 'a receptionist discharges nobody');
    is(($world->as('all', $doctor, set_status(bed(), 'CLEANING')))[0],
        'EH403 forbidden', 'a doctor cleans nothing');

    my $see = "SELECT count(*) FROM ehr.admissions WHERE id = '$stay'";
    my $moved = "SELECT count(*) FROM ehr.admission_movements
        WHERE admission_id = '$stay'";
    for my $case (['a stranger', $portal, 0],
        ['the patient', $world->own("UPDATE ehr.patients SET user_id =
            '" . $world->account('PATIENT') . "' WHERE id = '$patient'
            RETURNING user_id"), 1])
    {
        my ($who, $user, $sees) = @$case;
        is(($world->as('own', $user, $see))[2], $sees, "$who: $sees");
        is(($world->as('own', $user, $moved))[2], 2 * $sees,
            'and the movements');
        is(($world->as('own', $user,
            'SELECT count(*) FROM ehr.bed_status_changes'))[2], 0,
            'but nobody else\'s beds');
        is(($world->as('own', $user, "UPDATE ehr.admissions SET diagnosis =
            'x' WHERE id = '$stay' RETURNING 1"))[2], '', 'changes nothing');
    }
}
