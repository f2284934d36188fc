# Appointments as a user books, moves and cancels them: the whole journey and
# every refusal; with the engine and from PostgreSQL alone, which must answer
# the same.

use EHR::Test;
use EHR::Test::Booking qw(until_engine_is_live);
use EHR::Test::Clinic;
use EHR::Test::Together qw(together);
use JSON::PP;

my $missing = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my $true = JSON::PP::true;
my $v1 = '/api/v1';
my $named = 0;

for my $with (qw(engine database)) {
    my $env = start_environment(name => "appointments-$with", workers => 2,
        edit => $with eq 'engine' ? undef : \&without_engine);
    subtest "with the $with" => sub { appointments($env, $with) };
    logs_clean($env);
    $env->stop;
}
done_testing;

sub appointments {
    my ($env, $with) = @_;
    my $clinic = EHR::Test::Clinic->create($env, zone => 'Europe/London');
    ok until_engine_is_live(client(undef, $env)), 'the engine is live'
        if $with eq 'engine';

    subtest 'booking' => sub { booking($env, $clinic) };
    subtest 'what is taken' => sub { taken($env, $clinic) };
    subtest 'what cannot be' => sub { refused($env, $clinic) };
    subtest 'who may' => sub { who_may($env, $clinic) };
    subtest 'repeating' => sub { repeating($env, $clinic) };
    subtest 'moving' => sub { moving($env, $clinic) };
    subtest 'moving by a slot' => sub { moving_by_slot($env, $clinic) };
    subtest 'cancelling' => sub { cancelling($env, $clinic) };
    subtest 'status' => sub { status($env, $clinic) };
    subtest 'emergencies' => sub { emergencies($env, $clinic) };
    subtest 'by video' => sub { by_video($env, $clinic) };
    subtest 'lists and calendar' => sub { lists($env, $clinic) };
    subtest 'summer time' => sub { summer_time($env) };
    subtest 'one slot, many' => sub { race($env, $clinic) };
}

# An answer with this status that names these fields, and no other.
sub refuses {
    my ($answer, $status, $fields, $about) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $answer->{status}, $status, $about or return diag $answer->{body};
    is_deeply [sort keys %{ $answer->{json}{errors} || {} }], [sort @$fields],
        "$about: the fields" or diag $answer->{body};
}

sub book {
    my ($client, %body) = @_;
    return $client->post("$v1/appointments", json => \%body);
}

sub booking {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient(account => 1);
    my $client = $patient->{client};
    my $start = $clinic->at(2, '09:00');

    my $answer = book($client, patientId => $patient->{id},
        doctorId => $doctor, start => $start, reason => 'Cough',
        additionalData => { from => 'portal' });
    is $answer->{status}, 201, 'a patient books' or diag $answer->{body};
    my $made = $answer->{data};
    is $answer->{headers}{location}, "$v1/appointments/$made->{id}",
        'Location';
    is $answer->{headers}{etag}, '"1"', 'ETag';
    is_deeply [@{$made}{qw(patientId doctorId clinicId start end
        durationMinutes type status reason roomId equipmentIds isVirtual
        seat additionalData)}], [$patient->{id}, $doctor, $clinic->id, $start,
        $clinic->at(2, '09:30'), 30, 'CONSULTATION', 'SCHEDULED', 'Cough',
        undef, [], JSON::PP::false, 0, { from => 'portal' }],
        'what it says';
    is_deeply $client->get("$v1/appointments/$made->{id}")->{data}, $made,
        'it can be read';
    is $env->sql("SELECT count(*) FROM ehr.audit_logs WHERE entity =
        'appointments' AND entity_id = '$made->{id}' AND action = 'READ'"),
        1, 'and that is in the audit log';
    is $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$made->{id}'"), 2, 'doctor and patient are busy';

    # by the slot's id
    my @slots = @{ $client->get("$v1/doctors/$doctor/slots?from="
        . $clinic->at(2, '10:00') . '&to=' . $clinic->at(2, '11:00')
        . '&duration=15')->{data} };
    $answer = book($client, patientId => $patient->{id},
        slotId => $slots[0]{id});
    is $answer->{status}, 201, 'by a slot' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(start durationMinutes)}],
        [$slots[0]{start}, 15], 'what the id says';

    # room and equipment, below the patient's path, by staff
    my $room = $clinic->add('rooms', { clinicId => $clinic->id,
        roomNumber => '7' })->{id};
    my @machines = map { $clinic->add('equipment', { clinicId => $clinic->id,
        name => $_ })->{id} } qw(ECG Scanner);
    $answer = client('reception', $env)->post(
        "$v1/patients/$patient->{id}/appointments", json => {
            doctorId => $doctor, start => $clinic->at(2, '11:00'),
            durationMinutes => 60, type => 'FOLLOW_UP', roomId => $room,
            equipmentIds => \@machines });
    is $answer->{status}, 201, 'staff books' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(roomId durationMinutes type)}],
        [$room, 60, 'FOLLOW_UP'], 'with a room';
    is_deeply [sort @{ $answer->{data}{equipmentIds} }], [sort @machines],
        'and machines';
    my $next = $clinic->patient;
    refuses($clinic->book($next, $clinic->doctor, $clinic->at(2, '11:30'),
        roomId => $room), 409, ['room'], 'the room is busy');
    refuses($clinic->book($next, $clinic->doctor, $clinic->at(2, '11:30'),
        equipmentIds => [$machines[1]]), 409, ['equipment'],
        'so is the scanner');
    is $clinic->book($next, $clinic->doctor, $clinic->at(2, '12:00'),
        roomId => $room, equipmentIds => \@machines)->{status}, 201,
        'free afterwards';

    # family
    my $child = $client->post("$v1/user/family", json => {
        relation => 'CHILD', firstName => 'Carl', lastName => 'Child' })
        ->{data}{patientId};
    is book($client, patientId => $child, doctorId => $doctor,
        start => $clinic->at(2, '13:00'))->{status}, 201, 'for a child';
}

sub taken {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor(to => '11:00');
    my ($one, $two) = map { $clinic->patient } 1, 2;
    my $start = $clinic->at(3, '09:30');
    $clinic->booked($one, $doctor, $start);

    my $answer = $clinic->book($two, $doctor, $start);
    refuses($answer, 409, ['doctor'], 'the doctor is busy');
    my @others = @{ $answer->{json}{data}{alternatives} };
    is_deeply [map { $_->{start} } @others],
        [map({ $clinic->at(3, $_) } '10:00', '10:30'),
            map({ $clinic->at(4, $_) } '09:00', '09:30', '10:00')],
        'the next five free slots are offered';
    is $clinic->admin->post("$v1/appointments", json => {
        patientId => $two->{id}, slotId => $others[0]{id} })->{status}, 201,
        'and one is booked by its id';
    $answer = $clinic->book($two, $doctor, $clinic->at(3, '09:00'),
        durationMinutes => 60);
    refuses($answer, 409, ['doctor'], 'a longer one reaches into it');
    is $answer->{json}{data}{alternatives}[0]{durationMinutes}, 60,
        'as long ones are offered';
    refuses($clinic->book($two, $clinic->doctor, $clinic->at(3, '10:00')),
        409, ['patient'], 'the patient is busy elsewhere');
    my $spanish = $clinic->admin->post("$v1/appointments", json => {
        patientId => $two->{id}, doctorId => $doctor, start => $start },
        headers => { 'Accept-Language' => 'es' });
    like $spanish->{json}{message}, qr/ocupada/, 'in Spanish too';

    # a group
    my $group = $clinic->doctor(capacity => 3);
    my @seats = map { $clinic->booked($clinic->patient, $group,
        $clinic->at(3, '14:00'))->{seat} } 1 .. 3;
    is_deeply [sort @seats], [0, 1, 2], 'three have a seat each';
    refuses($clinic->book($two, $group, $clinic->at(3, '14:00')), 409,
        ['doctor'], 'there is no fourth');
}

sub refused {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient(account => 1);
    my $client = $patient->{client};
    my %good = (patientId => $patient->{id}, doctorId => $doctor,
        start => $clinic->at(5, '09:00'));
    my $slot = $client->get("$v1/doctors/$doctor/slots?from=$good{start}")
        ->{data}[0]{id};

    for my $case (
        [{}, [qw(patientId doctorId start)], 'nothing at all'],
        [{ patientId => $patient->{id} }, [qw(doctorId start)], 'no time'],
        [{ %good, start => $clinic->at(-1, '09:00') }, ['start'], 'the past'],
        [{ %good, start => $clinic->at(5, '09:10') }, ['start'],
            'between two slots'],
        [{ %good, start => $clinic->at(5, '09:02') }, ['start'],
            'off the five minutes'],
        [{ %good, start => $good{start} =~ s/Z$/.5Z/r }, ['start'],
            'a fraction of a second'],
        [{ %good, start => $clinic->at(5, '20:00') }, ['start'],
            'when nobody is there'],
        [{ %good, start => $clinic->at(5, '16:30'), durationMinutes => 60 },
            ['durationMinutes'], 'over the end of the day'],
        [{ %good, durationMinutes => 0 }, ['durationMinutes'], 'no minutes'],
        [{ %good, durationMinutes => 7 }, ['durationMinutes'],
            'seven minutes'],
        [{ %good, durationMinutes => 1445 }, ['durationMinutes'],
            'more than a day'],
        [{ %good, start => $clinic->at(200, '09:00') }, ['start'],
            'too far ahead'],
        [{ %good, start => 'tomorrow' }, ['start'], 'no time'],
        [{ %good, doctorId => $missing }, ['doctorId'], 'no such doctor'],
        [{ %good, roomId => $missing }, ['roomId'], 'no such room'],
        [{ %good, equipmentIds => [$missing] }, ['equipmentIds'],
            'no such machine'],
        [{ %good, type => 'PARTY' }, ['type'], 'no such type'],
        [{ %good, status => 'COMPLETED' }, ['status'], 'the status'],
        [{ %good, end => $good{start} }, ['end'], 'the end'],
        [{ %good, slotId => $slot }, ['slotId'], 'a slot and a time'],
        [{ patientId => $patient->{id}, slotId => 'x' }, ['slotId'],
            'no slot'],
        [{ %good, holdToken => 'x' }, ['holdToken'], 'no token'],
        [{ %good, fee => 12 }, ['fee'], 'an unknown field'])
    {
        my ($body, $fields, $about) = @$case;
        refuses(book($client, %$body), 422, $fields, $about);
    }
    refuses(book($client, %good, holdToken => $missing), 409, ['holdToken'],
        'a hold that there is not');

    # no byte of a slot's id can be changed
    my @wrong = grep {
        my $altered = $slot;
        substr($altered, $_, 1) = substr($altered, $_, 1) eq 'A' ? 'B' : 'A';
        my $answer = book($client, patientId => $patient->{id},
            slotId => $altered);
        $answer->{status} != 422 || !$answer->{json}{errors}{slotId};
    } 0 .. length($slot) - 1;
    is_deeply \@wrong, [], 'an altered slot is none';
    is $env->sql('SELECT count(*) FROM ehr.appointments WHERE patient_id = '
        . "'$patient->{id}'"), 0, 'nothing was booked';

    # how many a patient may have
    my $limit = $clinic->add('system-parameters', { key => 'bookingOpenMax',
        value => { value => 2 } })->{id};
    for my $at ('09:00', '10:00') {
        is book($client, %good, start => $clinic->at(5, $at))->{status}, 201,
            'within the limit';
    }
    refuses(book($client, %good, start => $clinic->at(5, '11:00')), 409,
        ['patientId'], 'one too many');
    is $clinic->book($patient, $doctor, $clinic->at(5, '11:00'))->{status},
        201, 'staff is not bound by it';
    is $clinic->admin->delete("$v1/system-parameters/$limit")->{status}, 200,
        'no limit';
}

sub who_may {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my ($one, $two) = map { $clinic->patient(account => 1) } 1, 2;
    my %time = (doctorId => $doctor, start => $clinic->at(6, '09:00'));

    my @answers = map { told(book($one->{client}, %time, patientId => $_)) }
        $two->{id}, $missing;
    is $answers[0], $answers[1], 'another patient is as unknown as none';
    like $answers[0], qr/^422 .*"patientId"/, 'and named';
    @answers = map { told($one->{client}->post(
        "$v1/patients/$_/appointments", json => \%time)) } $two->{id},
        $missing;
    is $answers[0], $answers[1], 'so is the path';
    like $answers[0], qr/^404/, 'which is not there';

    my $made = $clinic->booked($two, $doctor, $time{start});
    for my $try (['GET', ''], ['PATCH', '', reason => 'x'],
        ['PUT', '', reason => 'x'], ['DELETE', ''],
        ['POST', '/status', status => 'CONFIRMED'],
        ['PATCH', '', start => $clinic->at(6, '10:00')])
    {
        my ($method, $path, @body) = @$try;
        @answers = map { told($one->{client}->request($method,
            "$v1/appointments/$_$path", @body ? (json => { @body }) : ())) }
            $made->{id}, $missing;
        is $answers[0], $answers[1], "$method$path of another patient's";
        like $answers[0], qr/^404/, 'is not there';
    }
    for my $path ('reschedule', 'cancel') {
        @answers = map { told($one->{client}->post("$v1/booking/$path",
            json => { appointmentId => $_, $path eq 'cancel' ? ()
                : (start => $clinic->at(6, '11:00')) })) } $made->{id},
            $missing;
        is $answers[0], $answers[1], "$path: another's";
        like $answers[0], qr/^404/, 'is not there';
    }
    is_deeply $clinic->admin->get("$v1/appointments/$made->{id}")->{data},
        $made, 'nothing has changed';
    is book(client('nurse', $env), %time, patientId => $one->{id})->{status},
        403, 'a nurse does not book';
    is book(client(undef, $env), %time)->{status}, 401, 'nor nobody';
    refuses(book($one->{client}, %time, patientId => $one->{id},
        type => 'EMERGENCY', overbookReason => 'I say so'), 403,
        ['overbookReason'], 'nor does a patient overbook');
}

# Status and body, but for what names the request.
sub told {
    my ($answer) = @_;
    my %json = %{ $answer->{json} || {} };
    delete @json{qw(timestamp path)};
    return "$answer->{status} " . JSON::PP->new->canonical->encode(\%json);
}

sub repeating {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient(account => 1);
    my %body = (patientId => $patient->{id}, doctorId => $doctor,
        start => $clinic->at(7, '09:00'));
    my $post = sub { $patient->{client}->post("$v1/appointments",
        json => { %body, @_ }, headers => { 'Idempotency-Key' => "a-$$" }) };

    my $first = $post->();
    is $first->{status}, 201, 'booked' or diag $first->{body};
    for my $n (1 .. 5) {
        my $again = $post->();
        is $again->{status}, 201, 'booked, again';
        is $again->{headers}{'idempotency-replayed'}, 'true', 'as told';
        is_deeply $again->{data}, $first->{data}, 'the same';
    }
    refuses($post->(start => $clinic->at(7, '10:00')), 422, [],
        'another body under the key');
    is book($patient->{client}, %body)->{status}, 409,
        'without the key it is taken';
    is $env->sql('SELECT count(*) FROM ehr.appointments WHERE patient_id = '
        . "'$patient->{id}'"), 1, 'there is one';

    # a refusal is not kept: it is asked again
    my %other = (key => "b-$$", patientId => $clinic->patient->{id});
    my $late = sub { $clinic->admin->post("$v1/appointments",
        json => { %body, patientId => $other{patientId} },
        headers => { 'Idempotency-Key' => $other{key} }) };
    for my $n (1, 2) {
        my $answer = $late->();
        refuses($answer, 409, ['doctor'], 'taken, under a key of its own');
        is scalar @{ $answer->{json}{data}{alternatives} }, 5,
            'others are offered';
    }
    $patient->{client}->delete("$v1/appointments/$first->{data}{id}");
    is $late->()->{status}, 201, 'free, it is booked';
    is $post->()->{data}{id}, $first->{data}{id},
        'and the first key still tells of the first';
}

# To what is taken, to what is its own, with what it needs.
sub moving_by_slot {
    my ($env, $clinic) = @_;
    my ($doctor, $patient) = ($clinic->doctor, $clinic->patient(account => 1));
    my @machines = map { $clinic->add('equipment', { clinicId => $clinic->id,
        name => "M$_-" . ++$named })->{id} } 1, 2;
    my $made = $clinic->booked($patient, $doctor, $clinic->at(18, '09:00'),
        equipmentIds => [$machines[0]]);
    my %slot = map { $_->{start} => $_->{id} } @{ $clinic->admin->get(
        "$v1/doctors/$doctor/slots?from=" . $clinic->at(18, '09:00') . '&to='
        . $clinic->at(18, '12:00'))->{data} };
    my $move = sub { $patient->{client}->post("$v1/booking/reschedule",
        json => { appointmentId => $made->{id}, @_ }) };

    $clinic->booked($clinic->patient, $doctor, $clinic->at(18, '10:00'));
    my $answer = $move->(slotId => $slot{ $clinic->at(18, '10:00') });
    refuses($answer, 409, ['doctor'], 'a slot that is taken meanwhile');
    is_deeply [map { $_->{start} } @{ $answer->{json}{data}{alternatives} }],
        [map { $clinic->at(18, $_) }
            '10:30', '11:00', '11:30', '12:00', '12:30'],
        'the next are offered';
    $clinic->booked($clinic->patient, $clinic->doctor,
        $clinic->at(18, '10:30'),
        equipmentIds => [$machines[0]]);
    refuses($move->(start => $clinic->at(18, '10:30')), 409, ['equipment'],
        'what it needs is busy');
    is $move->(start => $clinic->at(18, '10:30'),
        equipmentIds => [$machines[1]])->{status}, 200, 'another will do';
    for my $more ([start => $clinic->at(18, '10:30')],
        [slotId => $slot{ $clinic->at(18, '10:30') }],
        [start => $clinic->at(18, '10:30'), doctorId => $doctor,
            durationMinutes => 60],
        [start => $clinic->at(18, '11:00'), doctorId => $doctor,
            durationMinutes => 30],
        [start => $clinic->at(18, '10:30'), durationMinutes => 90,
            equipmentIds => [$machines[1]]])
    {
        $answer = $move->(@$more);
        is $answer->{status}, 200, "its own time: @$more"
            or diag $answer->{body};
    }
    refuses($move->(start => $clinic->at(18, '09:30')), 409, ['doctor'],
        'so long it reaches into another');
    is $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$made->{id}'"), 3, 'its claims are whole';
    my $stranger = $clinic->patient(account => 1);
    for my $start ('09:00', '10:00') {
        is $stranger->{client}->post("$v1/booking/reschedule", json => {
            appointmentId => $made->{id}, start => $clinic->at(18, $start) })
            ->{status}, 404, "another's appointment is not there";
    }
}

sub moving {
    my ($env, $clinic) = @_;
    my ($doctor, $other) = map { $clinic->doctor } 1, 2;
    my $patient = $clinic->patient(account => 1);
    my $client = $patient->{client};
    my $made = $clinic->booked($patient, $doctor, $clinic->at(8, '09:00'));
    my $url = "$v1/appointments/$made->{id}";

    my $answer = $client->patch($url, json => {
        start => $clinic->at(8, '10:00') });
    is $answer->{status}, 200, 'to another time' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(start end status durationMinutes)}],
        [$clinic->at(8, '10:00'), $clinic->at(8, '10:30'), 'RESCHEDULED', 30],
        'as it is now';
    my $next = $clinic->patient;
    is $clinic->book($next, $doctor, $clinic->at(8, '09:00'))->{status}, 201,
        'the old time is free at once';

    my $before = $client->get($url)->{data};
    $answer = $client->patch($url, json => {
        start => $clinic->at(8, '09:00') });
    refuses($answer, 409, ['doctor'], 'to what is taken');
    is scalar @{ $answer->{json}{data}{alternatives} }, 5,
        'others are offered';
    is_deeply $client->get($url)->{data}, $before, 'and it is as it was';
    $answer = $client->patch($url, json => { start =>
        $clinic->at(8, '10:30') });
    is $answer->{status}, 200, 'into its own half' or diag $answer->{body};
    $answer = $client->patch($url, json => { durationMinutes => 60 });
    is $answer->{status}, 200, 'longer' or diag $answer->{body};
    is $answer->{data}{end}, $clinic->at(8, '11:30'), 'an hour';
    $answer = $client->patch($url, json => { doctorId => $other });
    is $answer->{status}, 200, 'to another doctor' or diag $answer->{body};
    is $answer->{data}{doctorId}, $other, 'who has it now';

    # what GET showed may be sent back
    my $read = $client->get($url);
    $answer = $client->put($url, json => $read->{data},
        headers => { 'If-Match' => $read->{headers}{etag} });
    is $answer->{status}, 200, 'PUT what GET showed' or diag $answer->{body};
    my ($was, $is) = ($read->{data}, $answer->{data});
    delete @$_{qw(version updatedAt updatedBy)} for $was, $is;
    is_deeply $is, $was, 'is the same';
    refuses($client->patch($url, json => { start => $clinic->at(8, '14:00') },
        headers => { 'If-Match' => '"1"' }), 412, [], 'of an older version');
    refuses($client->patch($url, json => { reason => 'x' },
        headers => { 'If-Match' => '"1"' }), 412, [], 'in other fields too');
    my $version = $client->get($url)->{headers}{etag};
    $answer = $client->patch($url, json => { reason => 'Fever',
        start => $clinic->at(8, '14:00') },
        headers => { 'If-Match' => $version });
    is $answer->{status}, 200, 'both at once' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(reason start)}],
        ['Fever', $clinic->at(8, '14:00')], 'both changed';

    for my $case ([{ start => $clinic->at(8, '20:00') }, 'start'],
        [{ start => $clinic->at(-1, '10:00') }, 'start'],
        [{ start => $clinic->at(8, '10:10') }, 'start'],
        [{ durationMinutes => 12 }, 'durationMinutes'],
        [{ doctorId => $missing }, 'doctorId'],
        [{ start => undef }, 'start'],
        [{ patientId => $next->{id} }, 'patientId'],
        [{ status => 'COMPLETED' }, 'status'],
        [{ slotId => 'x' }, 'slotId'],
        [{ overbookReason => 'x' }, 'overbookReason'])
    {
        my $answer = $clinic->admin->patch($url, json => $case->[0]);
        refuses($answer, 422, [$case->[1]], "PATCH $case->[1]");
    }
    # a room is taken and given back
    my $room = $clinic->add('rooms', { clinicId => $clinic->id,
        roomNumber => "G-$$" })->{id};
    my $given = sub { $clinic->admin->patch($url, json => { roomId => $_[0] })
        ->{data}{roomId} };
    is $given->($room), $room, 'a room is added';
    is $given->(undef), undef, 'and given back';
    is $clinic->book($clinic->patient, $doctor, $clinic->at(8, '14:00'),
        roomId => $room)->{status}, 201, 'for somebody else';

    # by a slot's id
    my $slot = $client->get("$v1/doctors/$doctor/slots?from="
        . $clinic->at(9, '09:00'))->{data}[0];
    $answer = $client->patch($url, json => { slotId => $slot->{id} });
    is $answer->{data}{start}, $slot->{start}, 'to a slot'
        or diag $answer->{body};

    # two change places; whoever is second is told
    my @two = map { $clinic->booked($clinic->patient, $doctor,
        $clinic->at(9, $_)) } '12:00', '13:00';
    refuses($clinic->admin->patch("$v1/appointments/$two[0]{id}",
        json => { start => $two[1]{start} }), 409, ['doctor'], 'a swap');
}

sub cancelling {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient(account => 1);
    my $client = $patient->{client};
    my @made = map { $clinic->booked($patient, $doctor,
        $clinic->at(10, $_)) } '09:00', '10:00', '11:00';

    my $answer = $client->delete("$v1/appointments/$made[0]{id}",
        json => { reason => 'Better' });
    is $answer->{status}, 200, 'with a reason in the body'
        or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(status cancelReason)}],
        ['CANCELLED', 'Better'], 'it is cancelled';
    $answer = $client->delete("$v1/appointments/$made[1]{id}?reason=Away");
    is_deeply [@{ $answer->{data} }{qw(status cancelReason)}],
        ['CANCELLED', 'Away'], 'in the query';
    refuses($client->delete("$v1/appointments/$made[2]{id}",
        headers => { 'If-Match' => $_ }), 412, [], "another version than $_")
        for '"7"', '"7", "8"', 'W/"1"', 'x';
    refuses($client->patch("$v1/appointments/$made[2]{id}",
        json => { reason => 'x' }, headers => { 'If-Match' => '"7", "8"' }),
        412, [], 'nor is it changed');
    is $client->patch("$v1/appointments/$made[2]{id}",
        json => { reason => 'x' }, headers => { 'If-Match' => '"7", "1"' })
        ->{status}, 200, 'one of those listed';
    is $client->delete("$v1/appointments/$made[2]{id}",
        headers => { 'If-Match' => '"7","2"' })->{status}, 200,
        'so is this, without a reason';
    refuses($client->delete("$v1/appointments/$made[2]{id}"), 409,
        ['status'], 'twice');
    refuses($client->patch("$v1/appointments/$made[2]{id}", json => {
        start => $clinic->at(10, '12:00') }), 409, ['status'], 'it stays');
    is $clinic->book($clinic->patient, $doctor, $clinic->at(10, $_))
        ->{status}, 201, "$_ is free" for '09:00', '10:00', '11:00';
    refuses($client->delete("$v1/appointments/$made[0]{id}?why=x"), 400,
        ['why'], 'an unknown parameter');
    refuses($client->delete("$v1/appointments/$made[0]{id}",
        json => { reason => 1 }), 422, ['reason'], 'a reason of no kind');
    is $client->delete("$v1/appointments/$made[0]{id}", body => '{')
        ->{status}, 400, 'a body that is none';
    is $client->delete("$v1/appointments/$missing")->{status}, 404,
        'none';
}

sub status {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient(account => 1);
    my $nurse = client('nurse', $env);
    my $made = $clinic->booked($patient, $doctor, $clinic->at(11, '09:00'));
    my $url = "$v1/appointments/$made->{id}/status";
    my $to = sub { my ($client, $status, %more) = @_;
        $client->post($url, json => { status => $status, %more }) };

    is $to->($patient->{client}, 'CONFIRMED')->{data}{status}, 'CONFIRMED',
        'the patient confirms';
    refuses($to->($patient->{client}, 'ARRIVED'), 403, [],
        'but does not arrive alone');
    refuses($to->($nurse, 'COMPLETED'), 409, ['status'], 'not yet');
    refuses($to->($nurse, 'ARRIVED'), 409, ['status'],
        'nor does anybody arrive days before');

    $made = $clinic->booked($patient, $clinic->doctor(from => '00:00',
        to => '24:00', slot => 5), $env->sql("SELECT to_char((date_bin(
        '5 minutes', now(), '2000-01-01 00:00Z') + interval '10 minutes')
        AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"),
        durationMinutes => 5);          # it ends before midnight does
    $url = "$v1/appointments/$made->{id}/status";
    for my $status (qw(ARRIVED IN_PROGRESS COMPLETED)) {
        my $answer = $nurse->patch($url, json => { status => $status });
        is $answer->{data}{status}, $status, $status or diag $answer->{body};
    }
    my $row = $nurse->get("$v1/appointments/$made->{id}")->{data};
    ok $row->{$_}, $_ for qw(arrivedAt beganAt completedAt);
    refuses($to->($nurse, $_), $_ eq 'CANCELLED' ? 403 : 409,
        $_ eq 'CANCELLED' ? [] : ['status'], "$_ after that")
        for qw(ARRIVED NO_SHOW);
    refuses($to->($clinic->admin, 'CANCELLED'), 409, ['status'],
        'nor cancelled');
    refuses($to->($nurse, 'SCHEDULED'), 422, ['status'], 'no such move');
    refuses($nurse->post($url, json => {}), 422, ['status'], 'none');

    $made = $clinic->booked($patient, $doctor, $clinic->at(11, '10:00'));
    $url = "$v1/appointments/$made->{id}/status";
    refuses($to->($nurse, 'NO_SHOW'), 409, ['status'],
        'nobody has missed what is to come');
    $made = $clinic->booked($patient, $doctor, $clinic->at(11, '11:00'));
    $url = "$v1/appointments/$made->{id}/status";
    is_deeply [@{ $to->($patient->{client}, 'CANCELLED', reason => 'Ill')
        ->{data} }{qw(status cancelReason)}], ['CANCELLED', 'Ill'],
        'cancelled with a reason';
    is $clinic->admin->post("$v1/appointments/$missing/status",
        json => { status => 'CONFIRMED' })->{status}, 404, 'none';
}

sub emergencies {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my @patients = map { $clinic->patient } 1 .. 3;
    my $start = $clinic->at(12, '09:00');
    $clinic->booked($patients[0], $doctor, $start);

    refuses($clinic->book($patients[1], $doctor, $start,
        type => 'EMERGENCY'), 409, ['doctor'],
        'without a reason it is as any other');
    my $answer = $clinic->book($patients[1], $doctor, $start,
        type => 'EMERGENCY', overbookReason => 'Bleeding');
    is $answer->{status}, 201, 'with one it goes in between'
        or diag $answer->{body};
    is $answer->{data}{overbookReason}, 'Bleeding', 'and says why';
    cmp_ok $answer->{data}{seat}, '>=', 1000, 'beside the seats';
    refuses($clinic->book($patients[1], $clinic->doctor, $start,
        type => 'EMERGENCY', overbookReason => 'Bleeding'), 409, ['patient'],
        'but nobody is in two places');
    refuses($clinic->book($patients[2], $doctor, $start,
        overbookReason => 'In a hurry'), 422, ['overbookReason'],
        'a consultation is not squeezed in');
    is $clinic->book($patients[2], $doctor, $clinic->at(12, '22:00'),
        type => 'EMERGENCY', overbookReason => 'At night')->{status}, 201,
        'at any hour';
}

sub by_video {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient;
    is $clinic->booked($patient, $doctor, $clinic->at(13, '09:00'),
        isVirtual => $true)->{meetingUrl}, undef, 'no template, no address';
    $clinic->add('system-parameters', { key => 'meetingUrlTemplate',
        value => { value => 'https://meet.example/{room}?lang=en' } });
    my @made = map { $clinic->booked($patient, $doctor,
        $clinic->at(13, $_), isVirtual => $true) } '10:00', '11:00';
    like $_->{meetingUrl}, qr{\Ahttps://meet\.example/[0-9a-f-]{36}\?lang=en\z},
        'an address' for @made;
    isnt $made[0]{meetingUrl}, $made[1]{meetingUrl}, 'of its own';
    my $here = $clinic->booked($patient, $doctor, $clinic->at(13, '12:00'));
    is $here->{meetingUrl}, undef, 'in person there is none';
    my $url = "$v1/appointments/$here->{id}";
    like $clinic->admin->patch($url, json => { isVirtual => $true })
        ->{data}{meetingUrl}, qr{^https://meet}, 'until it is by video';
    is $clinic->admin->patch($url, json => { isVirtual => JSON::PP::false })
        ->{data}{meetingUrl}, undef, 'and not any more';
}

sub lists {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my ($one, $two) = map { $clinic->patient(account => 1) } 1, 2;
    my @made = ((map { $clinic->booked($one, $doctor, $clinic->at(14, $_)) }
        '09:00', '10:00'), $clinic->booked($two, $doctor,
        $clinic->at(14, '11:00')));
    my $ids = sub { [map { $_->{id} } @{ $_[0]{data} }] };
    my $admin = $clinic->admin;

    is_deeply $ids->($one->{client}->get("$v1/appointments")),
        [map { $_->{id} } @made[0, 1]], "a patient's own";
    is_deeply $ids->($admin->get("$v1/appointments?doctorId=$doctor")),
        [map { $_->{id} } @made], "a doctor's";
    is_deeply $ids->($admin->get("$v1/appointments?doctorId=$doctor"
        . "&startFrom=$made[1]{start}&sort=-start")),
        [map { $_->{id} } @made[2, 1]], 'from a time, the last first';
    is_deeply $ids->($admin->get("$v1/patients/$two->{id}/appointments")),
        [$made[2]{id}], 'of a patient';
    is $one->{client}->get("$v1/patients/$two->{id}/appointments")->{status},
        404, 'not of another';

    my ($from, $to) = ($clinic->at(14, '00:00'), $clinic->at(15, '00:00'));
    my $off = $clinic->add("doctors/$doctor/schedule-exceptions", {
        kind => 'TIME_OFF', start => $clinic->at(14, '15:00'),
        end => $clinic->at(14, '16:00'), reason => 'Dentist' });
    my $answer = $admin->get("$v1/calendar?doctor=$doctor&from=$from&to=$to");
    is $answer->{status}, 200, 'a calendar' or return diag $answer->{body};
    my $view = $answer->{data};
    is_deeply [map { $_->{id} } @{ $view->{appointments} }],
        [map { $_->{id} } @made], 'its appointments';
    is_deeply [map { [@$_{qw(id start reason)}] } @{ $view->{timeOff} }],
        [[$off->{id}, $clinic->at(14, '15:00'), 'Dentist']], 'time off';
    is_deeply [map { [@$_{qw(start end)}] } @{ $view->{open} }],
        [[$clinic->at(14, '09:00'), $clinic->at(14, '15:00')],
            [$clinic->at(14, '16:00'), $clinic->at(14, '17:00')]],
        'hours without it';
    ok $view->{isComplete}, 'all of it';
    $view = $one->{client}->get("$v1/calendar?doctor=$doctor&from=$from"
        . "&to=$to")->{data};
    is_deeply [map { $_->{id} } @{ $view->{appointments} }],
        [map { $_->{id} } @made[0, 1]], 'a patient sees the own ones';
    is_deeply [@$view{qw(timeOff open)}], [[], []], 'and no hours';
    cmp_ok $env->sql("SELECT count(*) FROM ehr.audit_logs
        WHERE action = 'READ' AND entity_id = '$made[2]{id}'"), '>=', 1,
        'whom staff saw is in the audit log';
    refuses($admin->get("$v1/calendar?$_->[0]"), 400, [$_->[1]], $_->[0])
        for ["from=$to&to=$from", 'to'], ['doctor=x', 'doctor'],
            ["from=$from&to=2040-01-01T00:00:00Z", 'to'], ['day=1', 'day'];

    # past
    $env->sql("SET session_replication_role = replica; UPDATE ehr.appointments
        SET starts_at = starts_at - interval '20 days',
            ends_at = ends_at - interval '20 days' WHERE id = '$made[0]{id}'");
    is_deeply $ids->($one->{client}->get("$v1/history/appointments")),
        [$made[0]{id}], 'history is what has begun';
    $admin->delete("$v1/appointments/$made[1]{id}");
    is_deeply $ids->($one->{client}->get("$v1/history/appointments")),
        [map { $_->{id} } @made[0, 1]], 'and what was cancelled before';
    is_deeply [grep { $_ eq $made[1]{id} } @{ $ids->($admin->get(
        "$v1/appointments?past=false&doctorId=$doctor&limit=100")) }], [],
        'which is not to come';
}

# The hours of a day that is shorter, and what is asked for inside the gap.
sub summer_time {
    my ($env) = @_;
    my $clinic = EHR::Test::Clinic->create($env, zone => 'America/New_York');
    my $doctor = $clinic->doctor(from => '01:00', to => '04:00', slot => 60);
    my $patient = $clinic->patient;

    # the next second Sunday of March, at two
    my ($day) = $env->sql(q{SELECT d::date FROM generate_series(
        date_trunc('day', now()) + interval '1 day', now() + interval
        '13 months', interval '1 day') AS d WHERE extract(month FROM d) = 3
        AND extract(dow FROM d) = 0 AND extract(day FROM d) BETWEEN 8 AND 14
        LIMIT 1});
    my @starts = map { $_->{start} } @{ $clinic->admin->get(
        "$v1/doctors/$doctor/slots?date=$day")->{data} };
    is_deeply \@starts, ["${day}T06:00:00Z", "${day}T07:00:00Z"],
        'two hours of three';
    for my $start (@starts) {
        is $clinic->book($patient, $doctor, $start, durationMinutes => 60)
            ->{status}, 201, "$start can be booked";
    }
    refuses($clinic->book($clinic->patient, $doctor, "${day}T08:00:00Z",
        durationMinutes => 60), 422, ['start'], 'four is not three');
    refuses($clinic->book($clinic->patient, $doctor, "${day}T06:30:00Z",
        durationMinutes => 60), 422, ['start'], 'nor half past');
}

# Thirty at once for one slot.
sub race {
    my ($env, $clinic) = @_;
    my $doctor = $clinic->doctor;
    my $patient = $clinic->patient;
    my @answers = together($env, 30, 'POST', "$v1/appointments",
        token => $clinic->admin->{token}, json => {
            patientId => $patient->{id}, doctorId => $doctor,
            start => $clinic->at(16, '09:00') });
    my %seen;
    $seen{ $_->{status} }++ for @answers;
    is_deeply \%seen, { 201 => 1, 409 => 29 }, 'one has it';
    is $env->sql("SELECT count(*) FROM ehr.appointments WHERE doctor_id =
        '$doctor'"), 1, 'one is there';
    is scalar(grep { $_->{status} == 409
        && @{ $_->{json}{data}{alternatives} } != 5 } @answers), 0,
        'all others are offered five';
}
