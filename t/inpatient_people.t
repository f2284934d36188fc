# Who may lie where: sexes, ages, mothers and newborns.

use EHR::Test;
use EHR::Test::Stays;

start_stays('inpatient-people');

subtest 'sexes' => \&sexes;
subtest 'who changes under a patient' => \&changes_under;
subtest 'ages' => \&ages;
subtest 'mother and newborn' => \&newborns;
all_is_whole();
done_testing;

sub sexes {
    my $ward = ward();
    my ($for_men) = beds(room($ward, 'MALE'), 1);
    my ($first, $second) = beds(room($ward, 'SAME'), 2);
    my $women = patient('FEMALE');

    refused(admission(patient => $women, bed => $for_men),
        'EH409 room_sex_policy', 'bedId', 'no woman among men');
    refused(admission(patient => patient($_), bed => $for_men),
        'EH409 room_sex_policy', 'bedId', "nor who is $_")
        for qw(OTHER UNKNOWN);
    lying(bed => $for_men, patient => patient('MALE'));
    lying(bed => $first, patient => $women);
    refused(admission(patient => patient('MALE'), bed => $second),
        'EH409 room_sex_policy', 'bedId', 'no man beside a woman');
    refused(admission(patient => patient('MALE'), ward => $ward),
        'EH409 no_bed_free', '', 'nor by criteria');
    lying(ward => $ward, patient => patient('FEMALE'));
    is told(admission(patient => $women, bed => $for_men, id => id()))
        ->{rule}, 'patient_in_bed', 'who lies somewhere is told so first';
}

sub changes_under {
    my $room = room(ward(), 'SAME');
    my ($first, $second) = beds($room, 2);
    my ($one, $two) = (patient('FEMALE'), patient('FEMALE'));
    my $stay = lying(bed => $first, patient => $one);
    lying(bed => $second, patient => $two);

    refused("UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$one'",
        'EH409 room_sex_policy', 'gender', 'not a man among women');
    refused("UPDATE ehr.ward_rooms SET sex_policy = 'MALE' WHERE id =
        '$room'", 'EH409 room_sex_policy', 'sexPolicy',
        'nor a room for men with women in it', $world->account('ADMIN'));
    my $admin = $world->account('ADMIN');
    done("UPDATE ehr.ward_rooms SET sex_policy = 'ANY' WHERE id = '$room'",
        'a room for all', $admin);
    done("UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$one'",
        'has a man');
    is status_of($first), 'OCCUPIED MALE', 'in the bed';
    refused("UPDATE ehr.ward_rooms SET sex_policy = 'SAME' WHERE id =
        '$room'", 'EH409 room_sex_policy', 'sexPolicy', 'is not for one sex',
        $admin);
    done(leaves(id => $stay), 'until he is gone');
    done("UPDATE ehr.ward_rooms SET sex_policy = 'SAME' WHERE id = '$room'",
        'then it is', $admin);
    done(set_status($first, 'AVAILABLE'), 'clean');
    refused(admission(patient => patient('MALE'), bed => $first),
        'EH409 room_sex_policy', 'bedId', 'and counts for who lies there');
}

sub ages {
    my $ward = ward();
    my %of = map { $_ => (beds(room($ward), 1, age_group => $_))[0] }
        qw(ADULT CHILD NEWBORN);
    my %who = ('a newborn' => '27 days', 'an infant' => '30 days',
        'a child' => '17 years', 'an adult' => '18 years', 'unknown' => '');
    my %fits = (ADULT => 'an adult,unknown',
        CHILD => 'a child,a newborn,an infant', NEWBORN => 'a newborn');

    for my $group (sort keys %of) {
        my @those;
        for my $who (sort keys %who) {
            my $rule = told(admission(bed => $of{$group},
                patient => patient('MALE', $who{$who})) . '; SELECT 1 / 0')
                ->{rule};
            push @those, $who unless $rule;
            is $rule, 'bed_age_group', "$who not in a bed for $group"
                if $rule;
        }
        is join(',', @those), $fits{$group}, "who lies in a bed for $group";
    }
    # to the day
    my %on = ('2027-03-28 23:59' => 'NEWBORN', '2027-03-29 00:00' => 'CHILD',
        '2045-02-27 23:59' => 'CHILD', '2045-02-28 00:00' => 'ADULT');
    is $env->sql("SELECT ehr.age_group('2027-02-28', '$_ Z')"), $on{$_},
        "born on 28 February 2027, at $_" for sort keys %on;
    my $nicu = lying(bed => $of{NEWBORN}, patient => patient('MALE',
        '27 days'));
    my ($other) = beds(room($ward), 1, age_group => 'NEWBORN');
    $env->sql("SET session_replication_role = replica; UPDATE ehr.patients
        SET date_of_birth = date_of_birth - 20 WHERE id = (SELECT patient_id
        FROM ehr.admissions WHERE id = '$nicu')");
    refused(transfer(id => $nicu, bed => $other), 'EH409 bed_age_group',
        'bedId', 'older than it was said');
    refused(admission(patient => patient('MALE', '30 days'), type =>
        'NEWBORN', ward => $ward), 'EH422 not_newborn', 'patientId',
        'an infant is no newborn');
}

sub newborns {
    my ($bed, $other, $own) = beds(room(ward()), 3);
    my $mother = lying(bed => $bed, patient => patient('FEMALE', '30 years'));
    my $child = patient('MALE', '1 hour');
    my $twin = patient('FEMALE', '1 hour');
    my %rooming = (mother => $mother, type => 'NEWBORN');

    refused(admission(%rooming, patient => patient('MALE', '2 years')),
        'EH422 not_newborn', 'patientId', 'only newborns room in');
    refused(admission(%rooming, mother => id(), patient => $child),
        'EH422 reference_unknown', 'motherAdmissionId',
        'with a mother that there is');
    my $newborn = lying(%rooming, patient => $child);
    my $second = lying(%rooming, patient => $twin);
    is $env->sql("SELECT string_agg(seat || kind, ' ' ORDER BY seat) FROM
        ehr.admission_movements WHERE bed_id = '$bed'"),
        '0ADMIT 1ROOM_IN 2ROOM_IN', 'twins in the bed of their mother';
    is status_of($bed), 'OCCUPIED FEMALE', 'which is hers';

    refused($_, 'EH409 newborn_in_bed', 'step', 'she does not go before')
        for leaves(id => $mother);
    refused(cancel($mother), 'EH409 newborn_in_bed', 'status',
        'and was not never there');
    done(transfer(id => $mother, bed => $other), 'she moves');
    is count_of('admission_movements', "bed_id = '$other' AND
        upper_inf(during)"), 3, 'and they with her';
    is $env->sql("SELECT bed_id FROM ehr.admissions WHERE id = '$second'"),
        $other, 'as their admissions say';
    is status_of($bed), 'CLEANING', 'the old bed is free';

    my $neighbour = lying(bed => $own, patient => patient('FEMALE'));
    done(swap(id => $mother, other => $neighbour), 'she changes beds');
    is count_of('admission_movements', "bed_id = '$own' AND
        upper_inf(during)"), 3, 'and they do too';
    refused(swap(id => $newborn, other => $neighbour),
        'EH409 newborn_in_bed', 'otherAdmissionId', 'a newborn has no bed');

    done(set_status($bed, 'AVAILABLE'), 'clean');
    done(transfer(id => $newborn, bed => $bed), 'one gets a bed of its own');
    is status_of($own), 'OCCUPIED FEMALE', 'she keeps hers';
    is status_of($bed), 'OCCUPIED MALE', 'it has its';
    done(leaves(id => $second), 'the other goes');
    is status_of($own), 'OCCUPIED FEMALE', 'and leaves her there';
    done(transfer(id => $newborn, bed => $own), 'back to her');
    is status_of($bed), 'CLEANING', 'out of its bed';
    done(leaves(id => $newborn), 'it goes');
    done(leaves(id => $mother), 'and she');
    refused(admission(%rooming, patient => patient('MALE', '1 hour')),
        'EH409 illegal_status', 'motherAdmissionId', 'who is gone');
}
