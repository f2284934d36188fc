# Admissions through the API: who gets which bed, how patients move and leave,
# what is refused and by which rule, and that a refusal changes nothing.

use EHR::Test;
use EHR::Test::Ward;

my $env = environment();
my $ward = EHR::Test::Ward->create($env);
my ($admin, $nurse, $reception) = ($ward->admin, $ward->nurse,
    client('reception'));
my $doctor = $ward->doctor_account;
my $missing = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my ($true, $false) = (JSON::PP::true(), JSON::PP::false());

an_admission();
by_criteria();
a_taken_bed();
beds_that_cannot_be_had();
rooms_and_ages();
a_transfer();
a_swap();
a_discharge();
leave_of_absence();
entered_in_error();
what_was_in_the_past();
a_planned_one();
one_that_waits();
mother_and_child();
from_an_appointment();
who_may();
ones_own();
the_same_again();
lost_updates();
what_changes();
bad_input();
lists();

logs_clean($env);
done_testing;

# A refusal: its status and rule, and that nothing is different.
sub refused {
    my ($about, $status, $rule, $act) = @_;
    my $before = $ward->state;
    my $answer = $act->();

    is $answer->{status}, $status, $about or diag $answer->{body};
    is(($answer->{json}{data} || {})->{rule}, $rule, "… by $rule")
        or diag $answer->{body} if $rule;
    $ward->is_still($before, '… and nothing happened');
    return $answer;
}

sub movements {
    my ($admission) = @_;
    return @{ $admin->get("/api/v1/admissions/$admission->{id}/movements")
        ->{data} };
}

sub claims {
    my ($admission) = @_;
    return $env->rows("SELECT r.kind, c.seat, c.kind, upper_inf(c.during)
        FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource
        WHERE c.ref = '$admission->{id}' ORDER BY 1, 2");
}

# Nothing is left of it: it was admitted, and its bed made free.
sub free {
    for my $admission (@_) {
        my $bed = $ward->shown($admission)->{bedId};
        $ward->acted($admission, cancel => { reason => 'The test is over' });
        $ward->say($bed, 'AVAILABLE');
    }
}

sub an_admission {
    my $bed = $ward->place(equipment => ['OXYGEN']);
    my $patient = $ward->patient;
    my $answer = $ward->admit($patient, bedId => $bed, type => 'ELECTIVE',
        admittingDoctorId => $doctor->{id}, diagnosis => 'Pneumonia',
        diagnosisCode => 'J18.9', expectedDischarge => $ward->at(72),
        reason => 'Next to the desk', additionalData => { vip => $true });
    is $answer->{status}, 201, 'a patient is admitted' or diag $answer->{body};

    my $admission = $answer->{data};
    is_deeply [@$admission{qw(patientId bedId wardId status type
        admittingDoctorId diagnosis diagnosisCode additionalData)}],
        [$patient, $bed, $ward->here, 'ADMITTED', 'ELECTIVE', $doctor->{id},
        'Pneumonia', 'J18.9', { vip => $true }], 'as was asked';
    is $answer->{headers}{location}, "/api/v1/admissions/$admission->{id}",
        'it is somewhere';
    is $answer->{headers}{etag}, "\"$admission->{version}\"", 'with a tag';
    ok $admission->{admittedAt}, 'since now';
    is $ward->status($bed), 'OCCUPIED', 'the bed is the patient\'s';
    is_deeply [claims($admission)], [['bed', 0, 'admission', 't'],
        ['patient', 1, 'admission', 't']], 'and both are claimed';

    my ($movement, @more) = movements($admission);
    is_deeply [@$movement{qw(kind bedId wardId start end reason)}, @more],
        ['ADMIT', $bed, $ward->here, $admission->{admittedAt}, undef,
        'Next to the desk'], 'it is the first movement';
    is $env->sql("SELECT count(*) FROM ehr.care_team
        WHERE patient_id = '$patient' AND doctor_id = '$doctor->{id}'"), 1,
        'the doctor is of the care team';
    is $env->sql("SELECT string_agg(action, ',') FROM ehr.audit_log
        WHERE entity = 'admissions' AND entity_id = '$admission->{id}'"),
        'CREATE', 'it is in the audit log';

    $nurse->get("/api/v1/admissions/$admission->{id}");
    is $env->sql("SELECT count(*) FROM ehr.audit_logs WHERE action = 'READ'
        AND entity = 'admissions' AND entity_id = '$admission->{id}'
        AND patient_id = '$patient'"), 1, 'and so is who reads it';

    my $other = $ward->place;
    refused('one is in one bed at a time', 409, 'patient_in_bed',
        sub { $ward->admit($patient, bedId => $other) });
    free($admission);
}

# The bed with the least that is not asked for.
sub by_criteria {
    my $here = EHR::Test::Ward->create($env);
    my @plain = $here->places(2, class => 'Plain');
    my $more = $here->place(equipment => ['OXYGEN', 'MONITOR', 'SUCTION']);
    my $some = $here->place(equipment => ['OXYGEN', 'MONITOR']);
    my $isolated = $here->place(isolation => $true,
        equipment => ['OXYGEN', 'MONITOR']);
    my @wish = (wardId => $here->here);
    my $got = sub { my $answer = $here->admit($here->patient, @_);
        $answer->{data}{bedId} || $answer->{body} };

    is $got->(@wish, equipment => ['MONITOR']), $some,
        'the least beside what is asked for';
    is $got->(@wish, equipment => ['MONITOR']), $more, 'then more';
    is $got->(@wish, equipment => ['MONITOR']), $isolated,
        'isolation if nothing else is left';
    my $answer = $here->admit($here->patient, @wish,
        equipment => ['MONITOR']);
    is $answer->{status}, 409, 'then nothing is' or diag $answer->{body};
    is $answer->{json}{data}{rule}, 'no_bed_free', 'by its rule';
    is_deeply [sort map { $_->{bedId} } @{ $answer->{json}{data}{expected} }],
        [sort $some, $more, $isolated], 'but what will be is told';

    is $got->(@wish, roomClassId => $here->class('Plain')), $plain[0],
        'by the kind of room';
    is $got->(hospitalId => $here->id), $plain[1],
        'anywhere in the hospital';
    is $here->admit($here->patient, @wish)->{status}, 409, 'it is full';
    is $here->admit($here->patient, @wish, isolation => $true)->{status},
        409, 'for isolation, too';
}

sub a_taken_bed {
    my $bed = $ward->place;
    my $soon = $ward->at(5);
    my $first = $ward->admitted($ward->patient, bedId => $bed,
        expectedDischarge => $soon);
    my $answer = refused('a bed is one patient\'s', 409, 'bed_taken',
        sub { $ward->admit($ward->patient, bedId => $bed) });
    my ($expected) = grep { $_->{bedId} eq $bed }
        @{ $answer->{json}{data}{expected} || [] };
    ok $expected, 'when it is free is told' or diag $answer->{body};
    is_deeply [@{ $expected || {} }{qw(wardId status)}],
        [$ward->here, 'OCCUPIED'], 'and what it is now';
    free($first);
}

sub beds_that_cannot_be_had {
    my ($bed, $dirty, $broken) = map { $ward->place } 1 .. 3;
    $ward->say($dirty, 'CLEANING');
    $ward->say($broken, 'OUT_OF_SERVICE', reason => 'A broken rail');
    my @rule = ([$dirty, 'bed_being_cleaned'],
        [$broken, 'bed_out_of_service']);
    my $lies = $ward->admitted($ward->patient, bedId => $bed);

    for my $case (@rule) {
        my ($other, $rule) = @$case;
        refused('not for an admission', 409, $rule,
            sub { $ward->admit($ward->patient, bedId => $other) });
        refused('nor for a transfer', 409, $rule,
            sub { $ward->act($lies, transfer => { bedId => $other }) });
    }
    free($lies);
}

sub rooms_and_ages {
    my $men = $ward->place(sexPolicy => 'MALE');
    my ($one, $two, $three) = $ward->places(3, sexPolicy => 'SAME');
    my $woman = sub { $ward->patient(gender => 'FEMALE') };
    my $man = sub { $ward->patient(gender => 'MALE') };

    refused('a room for men', 409, 'room_sex_policy',
        sub { $ward->admit($woman->(), bedId => $men) });
    my $alone = $ward->admitted($man->(), bedId => $men);
    my $first = $ward->admitted($woman->(), bedId => $one);
    refused('a room for one sex', 409, 'room_sex_policy',
        sub { $ward->admit($man->(), bedId => $two) });
    refused('by a transfer neither', 409, 'room_sex_policy',
        sub { $ward->act($alone, transfer => { bedId => $two }) });
    my $second = $ward->admitted($woman->(), bedId => $two);
    refused('or a swap', 409, 'room_sex_policy',
        sub { $ward->act($first, swap => { otherAdmissionId =>
            $alone->{id} }) });
    free($first, $second);
    my $third = $ward->admitted($man->(), bedId => $three);
    is $third->{bedId}, $three, 'empty again it takes anybody';
    free($third, $alone);

    my %of = (ADULT => [years => 40], CHILD => [years => 10],
        NEWBORN => [days => 5]);
    for my $group (sort keys %of) {
        my $bed = $ward->place(ageGroup => $group);
        # a newborn is a child
        for my $other (grep { $_ ne $group && "$_ $group" ne 'NEWBORN CHILD' }
            sort keys %of)
        {
            refused("no \L$other\E in a bed for \L$group\Es", 409,
                'bed_age_group', sub { $ward->admit(
                    $ward->patient(@{ $of{$other} }), bedId => $bed) });
        }
        my $right = $ward->admitted($ward->patient(@{ $of{$group} }),
            bedId => $bed);
        is $right->{bedId}, $bed, "but a \L$group\E";
        free($right);
    }
}

sub a_transfer {
    my ($from, $to, $else) = map { $ward->place } 1 .. 3;
    my $admission = $ward->admitted($ward->patient, bedId => $from);
    my $there = $ward->admitted($ward->patient, bedId => $else);
    my $answer = $ward->act($admission, transfer =>
        { bedId => $to, reason => 'Quieter' });
    is $answer->{status}, 200, 'a patient is moved' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(bedId status version)}],
        [$to, 'ADMITTED', $admission->{version} + 1], 'and is there';
    is_deeply [map { $ward->status($_) } $from, $to],
        [qw(CLEANING OCCUPIED)], 'one bed is to be cleaned, one is taken';

    my @movements = movements($admission);
    is_deeply [map { [@$_{qw(kind bedId reason)}] } @movements],
        [['ADMIT', $from, undef], ['TRANSFER', $to, 'Quieter']],
        'both are kept';
    is $movements[0]{end}, $movements[1]{start}, 'one after the other';

    refused('to where one is', 409, 'same_bed',
        sub { $ward->act($admission, transfer => { bedId => $to }) });
    refused('to another\'s bed', 409, 'bed_taken',
        sub { $ward->act($admission, transfer => { bedId => $else }) });
    refused('to no bed', 422, undef,
        sub { $ward->act($admission, transfer => { bedId => $missing }) });
    refused('to nowhere', 422, undef,
        sub { $ward->act($admission, transfer => {}) });
    refused('nobody\'s', 404, undef, sub { $ward->act({ id => $missing },
        transfer => { bedId => $else }) });
    refused('to what is not there', 409, 'no_bed_free',
        sub { $ward->act($admission, transfer => { wardId => $ward->here,
            equipment => ['DIALYSIS'] }) });

    my $special = $ward->place(equipment => ['WARMER']);
    $admission = $ward->acted($admission, transfer =>
        { wardId => $ward->here, equipment => ['WARMER'] });
    is $admission->{bedId}, $special, 'or by what the bed must have';
    free($admission, $there);
    refused('who was not there does not move', 409, 'illegal_status',
        sub { $ward->act($admission, transfer => { bedId => $from }) });
}

sub a_swap {
    my ($one, $two) = map { $ward->place } 1, 2;
    my $first = $ward->admitted($ward->patient, bedId => $one);
    my $second = $ward->admitted($ward->patient, bedId => $two);
    my $answer = $ward->act($first, swap =>
        { otherAdmissionId => $second->{id}, reason => 'The window' });
    is $answer->{status}, 200, 'two change beds' or diag $answer->{body};
    is_deeply [$answer->{data}{bedId}, $ward->shown($second)->{bedId}],
        [$two, $one], 'both';
    is_deeply [map { $ward->status($_) } $one, $two], [('OCCUPIED') x 2],
        'no bed is free';
    is_deeply [map { $_->{kind} } map { movements($_) } $first, $second],
        [qw(ADMIT SWAP ADMIT SWAP)], 'as movements';

    refused('with oneself', 409, 'same_bed', sub { $ward->act($first, swap =>
        { otherAdmissionId => $first->{id} }) });
    refused('with nobody', 422, undef, sub { $ward->act($first, swap =>
        { otherAdmissionId => $missing }) });
    free($second);
    refused('with who is gone', 409, 'illegal_status', sub {
        $ward->act($first, swap => { otherAdmissionId => $second->{id} }) });
    free($first);
}

sub a_discharge {
    my $bed = $ward->place;
    my $admission = $ward->admitted($ward->patient, bedId => $bed,
        admittingDoctorId => $doctor->{id});
    my $order = { step => 'ORDERED', disposition => 'HOME' };
    my $done = { step => 'DONE', disposition => 'HOME' };

    refused('not without an order', 409, 'not_ordered',
        sub { $ward->act($admission, discharge => $done) });
    refused('which a nurse does not give', 403, undef,
        sub { $ward->act($admission, discharge => $order) });
    refused('and the reception has no part in', 403, undef, sub {
        $ward->act($admission, discharge => $done, client => $reception) });

    my $answer = $ward->act($admission, discharge => $order,
        client => $doctor->{client});
    is $answer->{status}, 200, 'a doctor orders it' or diag $answer->{body};
    ok $answer->{data}{dischargeOrderedAt}, 'which is noted';
    is $answer->{data}{dischargeOrderedBy}, $doctor->{user}, 'with by whom';
    is_deeply [$answer->{data}{status}, $answer->{data}{bedId},
        $ward->status($bed)], ['ADMITTED', $bed, 'OCCUPIED'],
        'and frees nothing';

    $answer = $ward->act($admission, discharge => { step => 'WITHDRAWN' },
        client => $doctor->{client});
    is $answer->{status}, 200, 'it is withdrawn' or diag $answer->{body};
    is $answer->{data}{dischargeOrderedAt}, undef, 'as if it never was';
    refused('nothing is ordered', 409, 'not_ordered',
        sub { $ward->act($admission, discharge => $done) });
    refused('nothing to withdraw', 409, 'not_ordered',
        sub { $ward->act($admission, discharge => { step => 'WITHDRAWN' },
            client => $doctor->{client}) });

    $ward->acted($admission, discharge => $order,
        client => $doctor->{client});
    $answer = $ward->act($admission, discharge => $done);
    is $answer->{status}, 200, 'a nurse does it' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId wardId disposition)}],
        ['DISCHARGED', undef, $ward->here, 'HOME'], 'the patient is gone';
    ok $answer->{data}{dischargedAt}, 'since now';
    is $ward->status($bed), 'CLEANING', 'and the bed is to be cleaned';
    is_deeply [claims($admission)], [['bed', 0, 'admission', 'f'],
        ['patient', 1, 'admission', 'f']], 'the claims are over and kept';
    is((movements($admission))[-1]{end}, $answer->{data}{dischargedAt},
        'so is the movement');

    for my $act ([discharge => $done], [discharge => $order,
            client => $doctor->{client}], [transfer => { bedId => $bed }],
        [leave => { until => $ward->at(2) }], ['return'],
        [cancel => { reason => 'x' }], [admit => { bedId => $bed }])
    {
        refused("who is gone: no $act->[0]", 409, 'illegal_status',
            sub { $ward->act($admission, @$act) });
    }

    $ward->say($bed, 'AVAILABLE');
    for my $disposition (qw(DECEASED AGAINST_ADVICE)) {
        $admission = $ward->admitted($ward->patient, bedId => $bed);
        $admission = $ward->acted($admission, discharge =>
            { step => 'DONE', disposition => $disposition });
        is_deeply [@$admission{qw(status disposition)}],
            ['DISCHARGED', $disposition], "$disposition needs no order";
        $ward->say($bed, 'AVAILABLE');
    }
}

sub leave_of_absence {
    my $bed = $ward->place;
    my $admission = $ward->admitted($ward->patient, bedId => $bed);
    my $until = $ward->at(6);

    refused('back from nowhere', 409, 'illegal_status',
        sub { $ward->act($admission, 'return') });
    refused('until the past', 422, undef, sub { $ward->act($admission,
        leave => { until => $ward->at(-1) }) });
    my $answer = $ward->act($admission, leave =>
        { until => $until, reason => 'A wedding' });
    is $answer->{status}, 200, 'a patient goes on leave'
        or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId leaveUntil)}],
        ['ON_LEAVE', $bed, $until], 'and keeps the bed';
    is $ward->status($bed), 'OCCUPIED', 'nobody else gets it';
    refused('not even now', 409, 'bed_taken',
        sub { $ward->admit($ward->patient, bedId => $bed) });
    refused('one goes once', 409, 'illegal_status', sub {
        $ward->act($admission, leave => { until => $until }) });

    $answer = $ward->act($admission, 'return');
    is $answer->{status}, 200, 'and comes back' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId leaveSince leaveUntil)}],
        ['ADMITTED', $bed, undef, undef], 'to the same bed';
    free($admission);
}

sub entered_in_error {
    my $bed = $ward->place;
    my $patient = $ward->patient;
    my $admission = $ward->admitted($patient, bedId => $bed);

    refused('not without a reason', 422, undef,
        sub { $ward->act($admission, cancel => {}) });
    my $answer = $ward->act($admission, cancel =>
        { reason => 'Another patient was meant' });
    is $answer->{status}, 200, 'it was a mistake' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId cancelReason)}],
        ['CANCELLED', undef, 'Another patient was meant'], 'and is one';
    is $ward->status($bed), 'CLEANING', 'the bed is to be cleaned';
    is_deeply [claims($admission)], [], 'nothing is claimed';
    my ($movement) = movements($admission);
    ok $movement->{cancelledAt}, 'what was entered can be seen';
    refused('nothing comes after', 409, 'illegal_status',
        sub { $ward->act($admission, admit => { bedId => $bed }) });

    $ward->say($bed, 'AVAILABLE');
    my $again = $ward->admit($patient, bedId => $bed,
        admittedAt => $ward->at(-3));
    is $again->{status}, 201, 'it does not stand in the way of the truth'
        or diag $again->{body};
    free($again->{data});
}

sub what_was_in_the_past {
    my ($bed, $other) = map { $ward->place } 1, 2;
    my $patient = $ward->patient;
    my ($from, $to) = ($ward->at(-20), $ward->at(-10));

    for my $act (sub { $ward->admit($patient, bedId => $bed,
            admittedAt => $ward->at(1)) }) {
        refused('nobody was admitted in the future', 422, 'in_the_future',
            $act);
    }
    refused('not by the reception', 403, 'backdate_not_allowed', sub {
        $ward->admit($patient, bedId => $bed, admittedAt => $from,
            client => $reception) });
    my $admission = $ward->admitted($patient, bedId => $bed,
        admittedAt => $from);
    is $admission->{admittedAt}, $from, 'who came earlier';
    refused('nobody moves before that', 409, 'before_last_movement',
        sub { $ward->act($admission, transfer => { bedId => $other,
            at => $ward->at(-21) }) });
    refused('or in the future', 422, 'in_the_future',
        sub { $ward->act($admission, transfer => { bedId => $other,
            at => $ward->at(1) }) });
    $ward->acted($admission, transfer => { bedId => $other, at => $to });
    is_deeply [map { [@$_{qw(start end)}] } movements($admission)],
        [[$from, $to], [$to, undef]], 'was moved earlier';
    refused('nobody leaves before that', 409, 'before_last_movement', sub {
        $ward->act($admission, discharge => { step => 'DONE',
            disposition => 'DECEASED', at => $ward->at(-11) }) });
    my $end = $ward->at(-5);
    $ward->acted($admission, discharge => { step => 'DONE',
        disposition => 'AGAINST_ADVICE', at => $end });
    is $ward->shown($admission)->{dischargedAt}, $end, 'and left earlier';

    $ward->say($_, 'AVAILABLE') for $bed, $other;
    refused('the past of a bed is somebody\'s', 409, 'bed_taken', sub {
        $ward->admit($ward->patient, bedId => $other,
            admittedAt => $ward->at(-7)) });
    refused('and that of a patient', 409, 'patient_in_bed', sub {
        $ward->admit($patient, bedId => $bed, admittedAt => $ward->at(-7)) });
    my $next = $ward->admitted($patient, bedId => $other,
        admittedAt => $end);
    is $next->{admittedAt}, $end, 'but what follows fits';
    free($next);
}

sub a_planned_one {
    my ($bed, $other) = map { $ward->place } 1, 2;
    my ($start, $end) = ($ward->at(24), $ward->at(72));
    my $patient = $ward->patient;
    my $answer = $ward->admit($patient, bedId => $bed, type => 'ELECTIVE',
        plannedStart => $start, plannedEnd => $end);
    is $answer->{status}, 201, 'an admission is planned'
        or diag $answer->{body};
    my $planned = $answer->{data};
    is_deeply [@$planned{qw(status bedId plannedStart plannedEnd
        admittedAt)}], ['PLANNED', $bed, $start, $end, undef], 'as was asked';
    is_deeply [claims($planned)], [['bed', 0, 'reservation', 'f']],
        'the bed is promised';
    is $ward->status($bed), 'AVAILABLE', 'but not yet';

    refused('never twice', 409, 'bed_reserved', sub { $ward->admit(
        $ward->patient, bedId => $bed, plannedStart => $ward->at(48)) });
    refused('nor to who comes now and stays', 409, 'bed_reserved',
        sub { $ward->admit($ward->patient, bedId => $bed) });
    is $ward->admit($ward->patient, bedId => $bed, plannedStart => $end)
        ->{status}, 201, 'but to who comes after';
    refused('a plan is for the future', 422, undef, sub { $ward->admit(
        $patient, bedId => $other, plannedStart => $ward->at(-1)) });
    refused('and ends after its start', 422, undef, sub { $ward->admit(
        $patient, bedId => $other, plannedStart => $end,
        plannedEnd => $start) });
    for my $act (['transfer' => { bedId => $other }],
        [leave => { until => $end }], ['return'],
        [discharge => { step => 'DONE', disposition => 'DECEASED' }])
    {
        refused("who is not there yet: no $act->[0]", 409, 'illegal_status',
            sub { $ward->act($planned, @$act) });
    }

    $answer = $ward->act($planned, admit => { bedId => $other });
    is $answer->{status}, 200, 'the patient comes' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId)}],
        ['ADMITTED', $other], 'to another bed';
    is $ward->status($other), 'OCCUPIED', 'which is taken';
    is_deeply [map { $_->[2] } claims($planned)], [('admission') x 2],
        'the promise is kept';
    free($answer->{data});

    my $cancelled = $ward->admitted($patient, bedId => $other,
        plannedStart => $start);
    $cancelled = $ward->acted($cancelled, cancel => { reason => 'Well' });
    is_deeply [@$cancelled{qw(status bedId)}], ['CANCELLED', undef],
        'or does not come';
    is_deeply [claims($cancelled)], [], 'and promises nothing';

    my $early = $ward->place;
    my $soon = $ward->admitted($patient, bedId => $early,
        plannedStart => $start);
    $soon = $ward->acted($soon, 'admit', {});
    is_deeply [@$soon{qw(status bedId)}], ['ADMITTED', $early],
        'whose bed is promised gets it';
    free($soon);
}

sub one_that_waits {
    my $here = EHR::Test::Ward->create($env);
    my $bed = $here->place;
    my @wish = (wardId => $here->here);
    my $lies = $here->admitted($here->patient, @wish);
    my $patient = $here->patient;

    is $here->admit($patient, @wish)->{status}, 409, 'nothing is free';
    my $answer = $here->admit($patient, @wish, waits => $true);
    is $answer->{status}, 201, 'the patient waits' or diag $answer->{body};
    my $waiting = $answer->{data};
    is_deeply [@$waiting{qw(status bedId wantedWardId admittedAt)}],
        ['WAITING', undef, $here->here, undef], 'for a bed there';
    is_deeply [claims($waiting)], [], 'and takes none';

    my $before = $here->state;
    $answer = $here->act($waiting, 'admit', {});
    is_deeply [$answer->{status}, $answer->{json}{data}{rule}],
        [409, 'no_bed_free'], 'there is none yet' or diag $answer->{body};
    $here->is_still($before, '… and nothing happened');

    my $other = $here->place;
    $answer = $here->act($waiting, 'admit', {});
    is $answer->{status}, 200, 'then there is' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status bedId)}],
        ['ADMITTED', $other], 'and it is taken';

    my $next = $here->admitted($here->patient, @wish, waits => $true);
    is $here->acted($next, cancel => { reason => 'Went home' })->{status},
        'CANCELLED', 'one stops waiting';
    my $lucky = $here->place;
    $next = $here->admitted($here->patient, @wish, waits => $true);
    is_deeply [@$next{qw(status bedId)}], ['ADMITTED', $lucky],
        'who would wait need not where a bed is free';
}

sub mother_and_child {
    my ($bed, $other, $third) = map { $ward->place } 1 .. 3;
    my $mother = $ward->admitted($ward->patient(gender => 'FEMALE'),
        bedId => $bed);
    my $child = $ward->patient(days => 1, gender => 'MALE');
    my $answer = $ward->admit($child, type => 'NEWBORN',
        motherAdmissionId => $mother->{id});
    is $answer->{status}, 201, 'a child is born' or diag $answer->{body};
    my $newborn = $answer->{data};
    is_deeply [@$newborn{qw(status bedId motherAdmissionId)}],
        ['ADMITTED', $bed, $mother->{id}], 'and lies with its mother';
    is_deeply [claims($newborn)], [['bed', 1, 'admission', 't'],
        ['patient', 1, 'admission', 't']], 'beside her';
    is_deeply [map { $_->{kind} } movements($newborn)], ['ROOM_IN'],
        'is how it came';

    my $twin = $ward->admitted($ward->patient(days => 1), type => 'NEWBORN',
        motherAdmissionId => $mother->{id});
    is_deeply [(claims($twin))[0][1]], [2], 'and another';
    refused('no grown-up does', 422, 'not_newborn', sub { $ward->admit(
        $ward->patient(years => 30), type => 'NEWBORN',
        motherAdmissionId => $mother->{id}) });
    refused('or with nobody', 422, undef, sub { $ward->admit(
        $ward->patient(days => 2), type => 'NEWBORN',
        motherAdmissionId => $missing) });

    $ward->acted($mother, transfer => { bedId => $other });
    is_deeply [map { $ward->shown($_)->{bedId} } $mother, $newborn, $twin],
        [($other) x 3], 'they go with her';
    is $ward->status($bed), 'CLEANING', 'all of them';
    my $roommate = $ward->admitted($ward->patient, bedId => $third);
    $ward->acted($roommate, swap => { otherAdmissionId => $mother->{id} });
    is_deeply [map { $ward->shown($_)->{bedId} } $mother, $newborn, $twin,
        $roommate], [($third) x 3, $other], 'and change beds with her';

    refused('she does not leave them', 409, 'newborn_in_bed', sub {
        $ward->act($mother, discharge => { step => 'DONE',
            disposition => 'AGAINST_ADVICE' }) });
    refused('nor was never there', 409, 'newborn_in_bed',
        sub { $ward->act($mother, cancel => { reason => 'A mistake' }) });
    for my $one ($newborn, $twin) {
        $ward->acted($one, discharge => { step => 'DONE',
            disposition => 'AGAINST_ADVICE' });
        is $ward->status($third), 'OCCUPIED', 'her bed stays hers';
    }
    $ward->acted($mother, discharge => { step => 'DONE',
        disposition => 'AGAINST_ADVICE' });
    is $ward->status($third), 'CLEANING', 'until she goes';
    free($roommate);
}

sub from_an_appointment {
    my $bed = $ward->place;
    my ($patient, $other) = map { $ward->patient } 1, 2;
    require EHR::Test::Appointments;
    my ($own, $foreign) = map { EHR::Test::Appointments::appointment($env,
        $_, $doctor->{id}) } $patient, $other;

    refused('not another patient\'s', 422, undef, sub { $ward->admit(
        $patient, bedId => $bed, appointmentId => $foreign) });
    my $admission = $ward->admitted($patient, bedId => $bed,
        appointmentId => $own);
    is $admission->{appointmentId}, $own, 'sent from an appointment';
    free($admission);
}

sub who_may {
    my $bed = $ward->place;
    my $stranger = $ward->doctor_account;
    my $patient = $ward->patient;

    for my $who (qw(patient portal pharmacist lab)) {
        refused("a $who admits nobody", 403, undef, sub { $ward->admit(
            $patient, bedId => $bed, client => client($who)) });
    }
    refused('a doctor only own patients', 422, undef, sub { $ward->admit(
        $patient, bedId => $bed, client => $stranger->{client}) });
    my $admission = $ward->admitted($patient, bedId => $bed,
        client => $reception, admittingDoctorId => $doctor->{id});
    is $admission->{status}, 'ADMITTED', 'the reception anybody';
    ok !exists $admission->{diagnosis}, 'without seeing why';

    my $other = $ward->place;
    for my $act ([transfer => { bedId => $other }],
        [leave => { until => $ward->at(3) }],
        [cancel => { reason => 'x' }],
        [discharge => { step => 'ORDERED' }])
    {
        refused("another doctor's: no $act->[0]", 404, undef, sub {
            $ward->act($admission, @$act, client => $stranger->{client}) });
    }
    is $stranger->{client}->get("/api/v1/admissions/$admission->{id}")
        ->{status}, 200, 'who may see it';
    is $ward->act($admission, transfer => { bedId => $other },
        client => $doctor->{client})->{status}, 200,
        'the admitting doctor does';
    free($admission);
}

sub ones_own {
    my ($me, $you) = map { $ward->account } 1, 2;
    my @admission = map { $ward->admitted($_->{id}, bedId => $ward->place,
        diagnosis => 'A secret') } $me, $you;
    my $mine = "/api/v1/admissions/$admission[0]{id}";
    my $yours = "/api/v1/admissions/$admission[1]{id}";

    is $me->{client}->get($mine)->{data}{diagnosis}, 'A secret',
        'one sees the own stay';
    is $me->{client}->get("$mine/movements")->{status}, 200,
        'and where one lay';
    is $me->{client}->get($_)->{status}, 404, 'but nobody else\'s'
        for $yours, "$yours/movements",
        "/api/v1/patients/$you->{id}/admissions";
    is_deeply [map { $_->{id} } @{ $me->{client}->get(
        '/api/v1/admissions')->{data} }], [$admission[0]{id}],
        'lists have only the own';
    is_deeply [map { $_->{id} } @{ $me->{client}->get(
        "/api/v1/patients/$me->{id}/admissions")->{data} }],
        [$admission[0]{id}], 'this one, too';
    for my $act (qw(transfer swap discharge leave return cancel admit)) {
        is $me->{client}->post("$mine/$act", json => {})->{status}, 403,
            "and one does not $act oneself";
    }
    is $me->{client}->patch($mine, json => { diagnosis => 'x' })->{status},
        403, 'or write there';
    free(@admission);
}

sub the_same_again {
    my $bed = $ward->place;
    my $patient = $ward->patient;
    my %again = (bedId => $bed, diagnosis => 'Once',
        headers => { 'Idempotency-Key' => "admission-$$" });
    my $first = $ward->admit($patient, %again);
    is $first->{status}, 201, 'admitted' or diag $first->{body};
    my $before = $ward->state;
    my $second = $ward->admit($patient, %again);
    is_deeply [$second->{status}, $second->{data}], [201, $first->{data}],
        'the same once more is the same' or diag $second->{body};
    is $second->{headers}{'idempotency-replayed'}, 'true', 'and says so';
    $ward->is_still($before, 'and does nothing');
    is $ward->admit($patient, %again, diagnosis => 'Twice')->{status}, 422,
        'but something else is not';
    free($first->{data});
    is $ward->admit($patient, %again)->{data}{status}, 'ADMITTED',
        'the first answer is told for ever';
}

sub lost_updates {
    my ($bed, $other, $third) = map { $ward->place } 1 .. 3;
    my $admission = $ward->admitted($ward->patient, bedId => $bed);
    my $second = $ward->admitted($ward->patient, bedId => $third);
    my $was = { headers => { 'If-Match' => "\"$admission->{version}\"" } };
    my $now = $ward->acted($admission, leave => { until => $ward->at(3) },
        %$was);
    $now = $ward->acted($now, 'return');

    for my $act ([transfer => { bedId => $other }],
        [swap => { otherAdmissionId => $second->{id} }],
        [leave => { until => $ward->at(3) }], ['return', undef],
        [discharge => { step => 'DONE', disposition => 'DECEASED' }],
        [cancel => { reason => 'x' }])
    {
        refused("an older one: no $act->[0]", 412, undef,
            sub { $ward->act($admission, @$act, %$was) });
    }
    my $planned = $ward->admitted($ward->patient, bedId => $other,
        plannedStart => $ward->at(24));
    refused('an older one: no admit', 412, undef, sub {
        $ward->act($planned, admit => {}, headers => {
            'If-Match' => $_ }) }) for '"99"', '"98", "99"', 'W/"1"';
    is $ward->act($planned, admit => {}, headers => {
        'If-Match' => "\"$planned->{version}\"" })->{status}, 200,
        'the present one';
    is $ward->act($now, cancel => { reason => 'x' }, headers => {
        'If-Match' => "\"98\", \"$now->{version}\"" })->{status}, 200,
        'one of two';
    $ward->say($bed, 'AVAILABLE');
    free($second, $planned);
}

sub what_changes {
    my $admission = $ward->admitted($ward->patient, bedId => $ward->place);
    my $path = "/api/v1/admissions/$admission->{id}";
    my $expected = $ward->at(50);
    my $answer = $nurse->patch($path, headers => {
        'If-Match' => "\"$admission->{version}\"" }, json => {
        diagnosis => 'Asthma', diagnosisCode => 'J45.901',
        expectedDischarge => $expected, admittingDoctorId => $doctor->{id},
        additionalData => { bed => 'by the window' } });
    is $answer->{status}, 200, 'what is known changes'
        or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(diagnosis diagnosisCode
        expectedDischarge admittingDoctorId version)}],
        ['Asthma', 'J45.901', $expected, $doctor->{id},
        $admission->{version} + 1], 'to what is said';
    refused('an older one does not', 412, undef, sub { $nurse->patch($path,
        headers => { 'If-Match' => "\"$admission->{version}\"" },
        json => { diagnosis => 'x' }) });
    for my $field (qw(status bedId wardId patientId admittedAt dischargedAt
        type disposition plannedStart motherAdmissionId))
    {
        my $refusal = refused("$field does not", 422, undef, sub {
            $nurse->patch($path, json => { $field => 'x' }) });
        is_deeply [keys %{ $refusal->{json}{errors} }], [$field], '… named';
    }
    refused('nor to what is no code', 422, undef, sub { $nurse->patch($path,
        json => { diagnosisCode => 'pneumonia' }) });
    refused('or no doctor', 422, undef, sub { $nurse->patch($path,
        json => { admittingDoctorId => $missing }) });
    refused('the reception does not write a diagnosis', 403, undef, sub {
        $reception->patch($path, json => { diagnosis => 'x' }) });
    is $reception->patch($path, json => { expectedDischarge => $expected })
        ->{status}, 200, 'but when a patient goes';
    is $admin->delete($path)->{status}, 405, 'nothing is deleted';
    is $admin->put($path, json => {})->{status}, 405, 'or replaced';
    free($admission);
}

sub bad_input {
    my $bed = $ward->place;
    my $patient = $ward->patient;
    my %good = (patientId => $patient, type => 'EMERGENCY', bedId => $bed);
    my $answer = refused('nothing', 422, undef,
        sub { $nurse->post('/api/v1/admissions', json => {}) });
    is_deeply [sort keys %{ $answer->{json}{errors} }], [qw(patientId type)],
        'all that is missing is named';

    for my $bad ([bedId => $missing], [bedId => 'x'], [wardId => $missing],
        [hospitalId => $missing], [roomClassId => $missing],
        [type => 'SOCIAL'], [equipment => ['TEAPOT']], [isolation => 1],
        [admittingDoctorId => $missing], [appointmentId => $missing],
        [motherAdmissionId => $missing], [diagnosisCode => 'xx xx'],
        [diagnosis => ''], [expectedDischarge => 'tomorrow'],
        [admittedAt => '2026-01-01'], [plannedStart => 'later'],
        [waits => 'yes'], [additionalData => []], [nothing => 1])
    {
        my ($field, $value) = @$bad;
        my %wish = $field =~ /^(?:ward|hospital|roomClass)Id$/
            ? (bedId => undef) : ();
        $answer = refused("$field: bad", 422, undef, sub { $nurse->post(
            '/api/v1/admissions', json => { %good, %wish,
                $field => $value }) });
        is_deeply [keys %{ $answer->{json}{errors} }], [$field], '… named';
    }
    refused('no such patient', 422, undef, sub { $nurse->post(
        '/api/v1/admissions', json => { %good, patientId => $missing }) });
    for my $wish ({ bedId => undef }, { wardId => $ward->here },
        { isolation => $true }, { bedId => undef, isolation => $false,
        equipment => [] })
    {
        refused('nowhere, or a bed and what it must have', 422,
            'bed_or_criteria', sub { $nurse->post('/api/v1/admissions',
                json => { %good, %$wish }) });
    }
    $answer = $nurse->post('/api/v1/admissions',
        headers => { 'Accept-Language' => 'es' },
        json => { %good, type => 'x' });
    like $answer->{json}{errors}{type}, qr/debe ser uno de/, 'in Spanish';

    my $admission = $ward->admitted($patient, bedId => $bed,
        isolation => $false, equipment => []);
    is $admission->{bedId}, $bed, 'nothing asked for beside a bed';
    for my $bad ([discharge => { step => 'SOON' }], [discharge => {}],
        [discharge => { step => 'DONE', disposition => 'MARS' }],
        [leave => {}], [leave => { until => 'later' }], [swap => {}],
        [transfer => { bedId => 'x' }], [transfer => { at => 'now' }],
        [cancel => { reason => '' }], [cancel => { why => 'x' }])
    {
        refused("$bad->[0]: bad", 422, undef,
            sub { $ward->act($admission, @$bad) });
    }
    refused('no JSON', 400, undef, sub { $nurse->post(
        "/api/v1/admissions/$admission->{id}/transfer", body => '{',
        type => 'application/json') });
    refused('no id', 400, undef, sub { $nurse->post(
        '/api/v1/admissions/x/transfer', json => {}) });
    free($admission);
}

sub lists {
    my $here = EHR::Test::Ward->create($env);
    my @beds = $here->places(3);
    my @lies = map { $here->admitted($here->patient, bedId => $_) } @beds;
    $here->acted($lies[0], cancel => { reason => 'x' });
    my $get = sub { my $answer = $nurse->get("/api/v1/admissions?$_[0]");
        is $answer->{status}, 200, "?$_[0]" or diag $answer->{body};
        return [map { $_->{id} } @{ $answer->{data} }] };
    my $there = 'wardId=' . $here->here;

    is_deeply $get->("$there&sort=createdAt"), [map { $_->{id} } @lies],
        'who lay in a ward';
    is_deeply $get->("$there&status=ADMITTED&sort=-createdAt"),
        [map { $_->{id} } @lies[2, 1]], 'who lies there';
    is_deeply $get->("bedId=$beds[1]"), [$lies[1]{id}], 'in which bed';
    is_deeply $get->("patientId=$lies[2]{patientId}"), [$lies[2]{id}],
        'who it is';
    is $nurse->get("/api/v1/admissions?$there&diagnosis=x")->{status}, 400,
        'what cannot be asked';
    is $nurse->get("/api/v1/admissions/$missing")->{status}, 404,
        'what is not there';
    is $nurse->get("/api/v1/admissions/$missing/movements")->{status}, 404,
        'has no movements';
}
