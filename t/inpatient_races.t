# A bed is never given twice: not by many at the same time, not by two who break
# a rule by halves, not by a crowd at random.

use EHR::Test;
use EHR::Test::Stays;

start_stays('inpatient-races');

subtest 'many at once' => \&races;
subtest 'two who break a rule by halves' => \&halves;
subtest 'in the order of locks' => \&in_order;
subtest 'a crowd at random' => \&crowd;
all_is_whole();
done_testing;

sub races {
    my $bed = bed();
    is_deeply tally($world->together(each_by(map {
        admission(bed => $bed, patient => patient()) } 1 .. 24))),
        { ' ' => 1, 'EH409 bed_taken bedId' => 23 }, 'one bed, one of 24';

    my $ward = ward();
    beds(room($ward), 10);
    is_deeply tally($world->together(each_by(map {
        admission(ward => $ward, patient => patient()) } 1 .. 30))),
        { ' ' => 10, 'EH409 no_bed_free ' => 20 }, 'ten beds, ten of 30';

    my $patient = patient();
    is_deeply tally($world->together(each_by(map {
        admission(bed => bed(), patient => $patient) } 1 .. 12))),
        { ' ' => 1, 'EH409 patient_in_bed patientId' => 11 },
        'a patient in one of 12 beds';

    my $one_sex = ward();
    beds(room($one_sex, 'SAME'), 12);
    my $result = tally($world->together(each_by(map {
        admission(ward => $one_sex,
            patient => patient($_ % 2 ? 'MALE' : 'FEMALE')) } 1 .. 24)));
    is_deeply $result, { ' ' => 12, 'EH409 no_bed_free ' => 12 },
        'men or women';
    is $env->sql("SELECT count(DISTINCT occupant_sex) FROM ehr.beds b
          JOIN ehr.ward_rooms r ON r.id = b.ward_room_id
         WHERE r.ward_id = '$one_sex'"), 1, 'not both';

    my @stays = map { lying(bed => bed()) } 1 .. 2;
    my $half = swap(id => $stays[0], other => $stays[1]);
    is_deeply tally($world->together(each_by(($half,
        swap(id => $stays[1], other => $stays[0])) x 4))), { ' ' => 8 },
        'two who change places, eight times';

    my $stay = lying(bed => bed());
    my $only = tally($world->together(each_by(map { leaves(id => $stay) }
        1 .. 8)));
    is_deeply $only, { ' ' => 1, 'EH409 illegal_status status' => 7 },
        'one leaves once';

    my $target = bed();
    my @movers = map { lying(bed => bed()) } 1 .. 10;
    is_deeply tally($world->together(each_by(map {
        transfer(id => $_, bed => $target) } @movers))),
        { ' ' => 1, 'EH409 bed_taken bedId' => 9 }, 'ten move to one bed';

    my @full = map { lying(bed => $_) } my @ring = beds(room(ward()), 4);
    my $ring = tally($world->together(each_by(map {
        transfer(id => $full[$_], bed => $ring[($_ + 1) % 4]) } 0 .. 3)));
    is_deeply $ring, { 'EH409 bed_taken bedId' => 4 },
        'none of a ring goes first';
    all_is_whole();
}

sub halves {
    my $break = sub { "UPDATE ehr.beds SET status = 'OUT_OF_SERVICE',
        status_reason = 'x' WHERE id = '$_[0]'" };
    my $plan = sub {
        my ($bed, $id) = ($_[0], id());
        return "INSERT INTO ehr.admissions (id, patient_id, bed_id, status,
                type, planned_start) VALUES ('$id', '" . patient() . "',
                '$bed', 'PLANNED', 'ELECTIVE',
                now() + interval '1 day');"
            . claim($id, 'bed', $bed, 0, 'reservation',
                "now() + interval '1 day'");
    };

    my $bed = bed();
    isnt meanwhile($break->($bed), $plan->($bed)), '',
        'no reservation of a bed that just breaks';
    $bed = bed();
    isnt meanwhile($plan->($bed) . 'SET CONSTRAINTS ALL IMMEDIATE',
        $break->($bed)), '', 'nothing breaks that is just reserved';

    my $room = room(ward(), 'ANY');
    ($bed) = beds($room, 1);
    my $for_men = "UPDATE ehr.ward_rooms SET sex_policy = 'MALE'
        WHERE id = '$room'";
    my $woman = stay(id => id(), bed => $bed, patient => patient());
    like meanwhile($for_men, $woman), qr/room_sex_policy/,
        'no woman into a room that just becomes one for men';
    $env->sql("UPDATE ehr.ward_rooms SET sex_policy = 'ANY' WHERE id =
        '$room'");
    like meanwhile($woman, $for_men), qr/room_sex_policy/,
        'nor the other way round';

    ($bed, my $beside) = beds(room(ward(), 'SAME'), 2);
    lying(bed => $beside, patient => patient('FEMALE'));
    my $someone = patient('FEMALE');
    my $man = "UPDATE ehr.patients SET gender = 'MALE' WHERE id = '$someone'";
    my $lies = admission(bed => $bed, patient => $someone);
    like meanwhile($man, $lies), qr/room_sex_policy/,
        'nobody lies down who just becomes a man';
    $env->sql("UPDATE ehr.patients SET gender = 'FEMALE' WHERE id =
        '$someone'");
    like meanwhile($lies, $man), qr/room_sex_policy/,
        'nor becomes one who just lay down';

    my $mothers = bed();
    my $mother = lying(bed => $mothers, patient => patient('FEMALE'));
    my $child = admission(mother => $mother, type => 'NEWBORN',
        patient => patient('MALE', '1 hour'));
    like meanwhile(leaves(id => $mother), $child), qr/illegal_status/,
        'no newborn with a mother who just leaves';
    $mother = lying(bed => bed(), patient => patient('FEMALE'));
    $child = admission(mother => $mother, type => 'NEWBORN',
        patient => patient('MALE', '1 hour'));
    like meanwhile($child, leaves(id => $mother)), qr/newborn_in_bed/,
        'no mother leaves who just gave birth';

    $bed = bed();
    like meanwhile("UPDATE ehr.beds SET deleted_at = now()
        WHERE id = '$bed'", admission(bed => $bed, patient => patient())),
        qr/reference_unknown/, 'nobody into a bed that just goes';
    $bed = bed();
    like meanwhile(admission(bed => $bed, patient => patient()),
        "UPDATE ehr.beds SET deleted_at = now() WHERE id = '$bed'"),
        qr/bed_taken/, 'no bed goes into which somebody just went';

    # The only bed that is free is just being taken, but is given back.
    my $ward = ward();
    ($bed) = beds(room($ward), 1);
    my $wants = admission(ward => $ward, patient => patient());
    is meanwhile("SELECT FROM ehr.beds WHERE id = '$bed' FOR UPDATE",
        $wants), '', 'who finds all locked waits for one';
    is status_of($bed), 'OCCUPIED FEMALE', 'and gets it';
    all_is_whole();
}

# Nobody waits for anybody who waits: newborns come to what others have begun,
# and a room changes with all who are in it.
sub in_order {
    my $mother = lying(bed => my $bed = bed(), patient => patient('FEMALE'));
    my $newborn = patient('MALE', '1 hour');
    my $child = admission(mother => $mother, type => 'NEWBORN',
        patient => $newborn);
    my $target = bed();

    is_deeply [in_turns([birth => $child],
        [patient => "SELECT FROM ehr.patients WHERE id = '$newborn'
            FOR NO KEY UPDATE"],
        [mother => transfer(id => $mother, bed => $target)],
        [birth => 'COMMIT AND CHAIN'],
        [patient => "SELECT FROM ehr.beds WHERE id = '$bed'
            FOR NO KEY UPDATE"])], ['', '', ''],
        'a mother who is moved when her child just came';
    is count_of('admissions', "bed_id = '$target'"), 2, 'takes it along';

    ($bed) = beds(room(ward(), 'SAME'), 1);
    $mother = lying(bed => $bed, patient => patient('FEMALE'));
    $newborn = patient('MALE', '1 hour');
    $child = admission(mother => $mother, type => 'NEWBORN',
        patient => $newborn);
    is_deeply [in_turns([room => "SELECT ehr.lock_rooms('$bed')"],
        [birth => $child],
        [room => "SELECT ehr.resource_of('patient', '$newborn')"])], ['', ''],
        'a child in a room that somebody else has';
    is count_of('admissions', "bed_id = '$bed'"), 2, 'lies with its mother';

    my $room = room(ward());
    ($bed) = beds($room, 1);
    my $stay = lying(bed => $bed);
    is_deeply [in_turns([policy => "UPDATE ehr.ward_rooms
            SET sex_policy = 'SAME' WHERE id = '$room'"],
        [leaves => leaves(id => $stay)])], ['', ''],
        'a room gets another policy while somebody leaves it';
    all_is_whole();
}

# Few beds, few patients, every act.
sub crowd {
    my $ward = ward();
    my @beds = map { beds(room($ward, $_), 4) } qw(SAME ANY MALE SAME);
    my @patients = map { patient(qw(MALE FEMALE)[$_ % 2]) } 1 .. 24;
    push @patients, map { patient('MALE', '3 days') } 1 .. 4;
    my ($b, $p) = map { join ',', map { "'$_'" } @$_ } \@beds, \@patients;
    my $create = join ', ', map {
        my %value = (id => 'gen_random_uuid()', patient => 'p',
            ward => "CASE WHEN n < 12 THEN '$ward'::uuid END",
            bed => 'CASE WHEN n >= 12 AND m IS NULL THEN b END',
            type => "'ELECTIVE'", mother => 'm',
            planned_start => "CASE n WHEN 10 THEN now() + interval '1 day'
                END", waits => 'n = 11');
        "$_ => " . ($value{$_} || 'NULL') } @create;

    my $out = $world->crowd($nurse, clients => 12, each => 150, kinds => 20,
        declare => <<"DECLARE", acts => <<"ACTS");
    b uuid := (ARRAY[$b]::uuid[])[1 + floor(random() * 16)::integer];
    p uuid := (ARRAY[$p]::uuid[])[1 + floor(random() * 28)::integer];
    a uuid;
    o uuid;
    m uuid;
DECLARE
    SELECT id INTO a FROM ehr.admissions WHERE ward_id = '$ward'
       AND status NOT IN ('DISCHARGED', 'CANCELLED') ORDER BY random();
    SELECT id INTO o FROM ehr.admissions WHERE ward_id = '$ward'
       AND status IN ('ADMITTED', 'ON_LEAVE') ORDER BY random();
    IF n = 13 THEN
        m := o;
    END IF;
    CASE n
    WHEN 1, 2 THEN
        PERFORM ehr.admission_transfer(a, NULL, b, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL);
    WHEN 3 THEN
        PERFORM ehr.admission_transfer(a, NULL, NULL, NULL, '$ward', NULL,
            NULL, NULL, NULL, NULL, ARRAY[b]);
    WHEN 4 THEN
        PERFORM ehr.admission_swap(a, NULL, o, NULL, NULL);
    WHEN 5, 6 THEN
        PERFORM ehr.admission_discharge(a, NULL, 'DONE', 'AGAINST_ADVICE',
            NULL, NULL);
    WHEN 7 THEN
        PERFORM ehr.admission_cancel(a, NULL, NULL);
    WHEN 8 THEN
        PERFORM ehr.admission_admit(a, NULL, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL);
    WHEN 9 THEN
        UPDATE ehr.patients SET gender = CASE gender WHEN 'MALE'
            THEN 'FEMALE' ELSE 'MALE' END WHERE id = p;
    WHEN 16, 17, 18, 19, 20 THEN
        PERFORM ehr.bed_status(b, NULL, 'AVAILABLE', NULL);
    ELSE
        PERFORM ehr.admission_create($create);
    END CASE;
ACTS
    like $out, qr{actually processed: 1800/1800}, 'all acts came to an end';
    like $out, qr/failed transactions: 0 /, 'none by a deadlock' or diag $out;
    cmp_ok count_of('admission_movements', "ward_id = '$ward'"), '>', 50,
        'much was moved';
    cmp_ok count_of('admission_movements', "ward_id = '$ward' AND kind =
        '$_'"), '>', 0, "kind $_" for qw(ADMIT TRANSFER SWAP);
}
