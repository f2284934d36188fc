# The visit at the clinic: arrival, the queue, how long one waits, completion,
# and the rating that follows.

use EHR::Test;
use EHR::Test::Clinic;

my $env = environment();
# where it is about noon: no day ends within the test
my $clinic = EHR::Test::Clinic->create($env,
    zone => EHR::Test::Clinic->zone_at(12));
my $admin = $clinic->admin;
my $nurse = client('nurse');

a_visit();
a_queue();
a_group();
the_pace_counts();
the_encounter_follows();
who_may();
what_is_not_possible();
news();

logs_clean($env);
done_testing;

# A doctor who is there all day, in short slots.
sub doctor { $clinic->doctor(from => '00:00', to => '24:00', slot => 5, @_) }

# So many minutes from the next five-minute mark on.
sub soon {
    my ($minutes) = @_;
    return $env->sql("SELECT to_char((date_bin('5 minutes', now(),
        '2000-01-01 00:00Z') + interval '5 minutes'
        + interval '$minutes minutes') AT TIME ZONE 'UTC',
        'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')");
}

sub act {
    my ($what, $appointment, $client) = @_;
    return ($client || $nurse)->post("/api/v1/clinic/$what",
        json => { appointmentId => $appointment->{id} });
}

sub wait_time {
    my ($query, $client) = @_;
    my $answer = ($client || $nurse)->get("/api/v1/clinic/wait-time?$query");
    is $answer->{status}, 200, 'how long one waits' or diag $answer->{body};
    return $answer->{data};
}

sub queue {
    my ($doctor) = @_;
    my $answer = $nurse->get("/api/v1/clinic/queue?doctor=$doctor");
    is $answer->{status}, 200, 'the queue' or diag $answer->{body};
    return $answer->{data};
}

sub a_visit {
    my $doctor = doctor();
    my $me = $clinic->patient(account => 1);
    my $visit = $clinic->booked($me, $doctor, soon(10),
        durationMinutes => 10, reason => 'Cough');
    my $wait = wait_time("appointmentId=$visit->{id}", $me->{client});
    is_deeply [@$wait{qw(status waiting waitMinutes expectedStart)}],
        ['SCHEDULED', 0, 0, $visit->{start}], 'nobody is there: no waiting';

    my $answer = act('arrival', $visit, $me->{client});
    is $answer->{status}, 200, 'a patient arrives' or diag $answer->{body};
    is $answer->{data}{status}, 'ARRIVED', 'says so';
    ok $answer->{data}{arrivedAt}, 'and when';
    is $answer->{data}{queueNumber}, 1, 'gets a number';
    is act('arrival', $visit)->{data}{version}, $answer->{data}{version},
        'said twice is said once';
    my ($entry) = @{ queue($doctor) };
    is_deeply [@$entry{qw(appointmentId patientId queueNumber place status)}],
        [$visit->{id}, $me->{id}, 1, 1, 'ARRIVED'], 'and is in the queue';

    is act('begin', $visit)->{data}{status}, 'IN_PROGRESS', 'it begins';
    is queue($doctor)->[0]{place}, 0, 'is being seen';
    $answer = act('complete', $visit);
    is $answer->{data}{status}, 'COMPLETED', 'and ends';
    ok $answer->{data}{completedAt}, 'which is noted';
    is_deeply queue($doctor), [], 'nobody is there any more';

    my ($encounter) = @{ $me->{client}->get("/api/v1/patients/$me->{id}"
        . "/encounters?appointmentId=$visit->{id}")->{data} };
    is_deeply [@$encounter{qw(status doctorId clinicId reason type)}],
        ['COMPLETED', $doctor, $clinic->id, 'Cough', 'AMBULATORY'],
        'it is an encounter';
    $answer = $me->{client}->post("/api/v1/doctors/$doctor/ratings",
        json => { encounterId => $encounter->{id}, score => 5 });
    is $answer->{status}, 201, 'the patient rates the doctor'
        or diag $answer->{body};
}

sub a_queue {
    my $doctor = doctor();
    my @visits = map { $clinic->booked($clinic->patient, $doctor,
        soon(20 * $_), durationMinutes => 20) } 0 .. 3;

    act('arrival', $visits[$_]) for 2, 0, 1;
    my @queue = @{ queue($doctor) };
    is_deeply [map { $_->{appointmentId} } @queue],
        [map { $_->{id} } @visits[0 .. 2]],
        'they are seen in the order of their times';
    is_deeply [map { $_->{queueNumber} } @queue], [2, 3, 1],
        'and have numbers in the order they came';
    is_deeply [map { $_->{place} } @queue], [1 .. 3], 'and places';
    is $queue[0]{expectedStart}, $visits[0]{start},
        'a doctor who has seen nobody begins at the first appointment';
    is_deeply [map { $_->{expectedStart} } @queue[1, 2]],
        [map { $_->{start} } @visits[1, 2]], 'and goes on one by one';

    my $wait = wait_time("appointmentId=$visits[3]{id}");
    is_deeply [@$wait{qw(place waiting waitMinutes)}], [4, 3, 0],
        'who is not there yet is behind those who come before';
    act('begin', $visits[0]);
    $env->sql("UPDATE ehr.appointments SET began_at = now()
        - interval '10 minutes' WHERE id = '$visits[0]{id}'");
    $wait = wait_time("appointmentId=$visits[1]{id}");
    is_deeply [@$wait{qw(place waiting waitMinutes)}], [1, 0, 10],
        'half of the visit before is left';
    is wait_time("appointmentId=$visits[2]{id}")->{waitMinutes}, 30,
        'and the next in line takes its time';
    $wait = wait_time("doctor=$doctor");
    is_deeply [@$wait{qw(waiting waitMinutes)}], [2, 50],
        'whoever came now would wait for all of them';
    is_deeply [map { @$_{qw(doctorId waiting waitMinutes)} }
        @{ $wait->{doctors} }], [$doctor, 2, 50], 'at this doctor';
    is wait_time('clinic=' . $clinic->id)->{waitMinutes}, 50,
        'which is the longest of the clinic';

    $env->sql("UPDATE ehr.appointments SET began_at = now()
        - interval '1 hour' WHERE id = '$visits[0]{id}'");
    is wait_time("appointmentId=$visits[1]{id}")->{waitMinutes}, 0,
        'a visit that takes too long may end any minute';
    my $urgent = $clinic->booked($clinic->patient, $doctor, soon(100),
        durationMinutes => 10, type => 'EMERGENCY');
    act('arrival', $urgent);
    is_deeply [map { $_->{appointmentId} } @{ queue($doctor) }[1, 2]],
        [$urgent->{id}, $visits[1]{id}], 'an emergency goes first';
}

# A doctor who sees two at once.
sub a_group {
    my $doctor = doctor(capacity => 2);
    my @visits = map { $clinic->booked($clinic->patient, $doctor,
        soon($_ < 2 ? 10 : 30), durationMinutes => 20) } 0 .. 3;

    act('arrival', $_) for @visits;
    is_deeply [map { $_->{expectedStart} } @{ queue($doctor) }],
        [map { $_->{start} } @visits], 'two seats, two at once';
    act('begin', $visits[0]);
    my @wait = map { wait_time("appointmentId=$_->{id}")->{waitMinutes} }
        @visits[1 .. 3];
    is_deeply \@wait, [0, 0, 20], 'while one is seen, the other seat is free';
}

# A doctor whose visits take twice as long.
sub the_pace_counts {
    my $doctor = doctor();
    for my $n (1 .. 3) {
        my $visit = $clinic->booked($clinic->patient, $doctor,
            soon(10 * $n), durationMinutes => 10);
        act($_, $visit) for qw(arrival begin complete);
        $env->sql("UPDATE ehr.appointments SET began_at = completed_at
            - interval '20 minutes' WHERE id = '$visit->{id}'");
    }
    my @visits = map { $clinic->booked($clinic->patient, $doctor,
        soon(10 * $_), durationMinutes => 10) } 4, 5;
    act('arrival', $_) for @visits;
    my $wait = wait_time("appointmentId=$visits[1]{id}");
    is_deeply [@$wait{qw(pace waitMinutes)}], [2, 20],
        'the real length of visits counts';
}

sub the_encounter_follows {
    my $doctor = doctor();
    my $patient = $clinic->patient;
    my $visit = $clinic->booked($patient, $doctor, soon(10),
        durationMinutes => 10);
    my $encounter = $admin->post("/api/v1/patients/$patient->{id}/encounters",
        json => { appointmentId => $visit->{id}, doctorId => $doctor })
        ->{data};
    is $encounter->{status}, 'PLANNED', 'an encounter planned before';
    my $status = sub { $admin->get("/api/v1/encounters/$encounter->{id}")
        ->{data}{status} };

    act('arrival', $visit);
    is $status->(), 'ARRIVED', 'arrives with the patient';
    act('begin', $visit);
    is $status->(), 'IN_PROGRESS', 'begins';
    act('complete', $visit);
    is $status->(), 'COMPLETED', 'and ends with the visit';
    is scalar @{ $admin->get("/api/v1/patients/$patient->{id}/encounters")
        ->{data} }, 1, 'it is the only one';

    $visit = $clinic->booked($patient, $doctor, soon(30),
        durationMinutes => 10);
    act('arrival', $visit);
    is $admin->delete("/api/v1/appointments/$visit->{id}")->{status}, 200,
        'who came goes again';
    is_deeply [sort map { $_->{status} } @{ $admin->get(
        "/api/v1/patients/$patient->{id}/encounters")->{data} }],
        [qw(CANCELLED COMPLETED)], 'and the encounter with it';
}

sub who_may {
    my $doctor = doctor();
    my ($me, $other) = map { $clinic->patient(account => 1) } 1, 2;
    my $visit = $clinic->booked($me, $doctor, soon(10),
        durationMinutes => 10);
    my $path = "/api/v1/clinic/wait-time?appointmentId=$visit->{id}";

    is act('arrival', $visit, $other->{client})->{status}, 404,
        'nobody arrives for others';
    is $other->{client}->get($path)->{status}, 404, 'or waits for them';
    is act($_, $visit, $me->{client})->{status}, 403,
        "a patient does not $_ a visit" for qw(begin complete);
    is $me->{client}->get("/api/v1/clinic/queue?doctor=$doctor")->{status},
        403, 'nor sees who else is there';
    my $wait = wait_time("doctor=$doctor", $me->{client});
    ok $wait && !grep({ /patient|appointment/ } keys %$wait),
        'but how long it takes';

    $nurse->get("/api/v1/clinic/queue?doctor=$doctor");
    act('arrival', $visit);
    $nurse->get("/api/v1/clinic/queue?doctor=$doctor");
    is $env->sql("SELECT count(*) FROM ehr.audit_logs WHERE action = 'READ'
        AND patient_id = '$me->{id}' AND route = '/clinic/queue'"), 1,
        'seeing a patient in the queue is a read of the record';
}

sub what_is_not_possible {
    my $doctor = doctor();
    my $me = $clinic->patient(account => 1);
    my $later = $clinic->booked($me, $doctor, $clinic->at(3, '10:00'),
        durationMinutes => 10);
    my $visit = $clinic->booked($clinic->patient, $doctor, soon(10),
        durationMinutes => 10);

    is act('arrival', $later, $_)->{status}, 409, 'it is not the day'
        for $me->{client}, $nurse;
    is act('begin', $visit)->{status}, 409, 'who is not there is not seen';
    is act('complete', $visit)->{status}, 409, 'let alone done';
    is act('arrival', { id => '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a' })
        ->{status}, 404, 'nobody arrives for nothing';
    for my $query ('', "doctor=$doctor&clinic=" . $clinic->id, 'doctor=x',
        "patient=$doctor", "doctor=$doctor&doctor=$doctor")
    {
        is $nurse->get("/api/v1/clinic/wait-time?$query")->{status}, 400,
            "wait-time?$query";
    }
    is $nurse->get('/api/v1/clinic/queue')->{status}, 400,
        'a queue of somebody';
    $admin->delete("/api/v1/appointments/$visit->{id}");
    is $nurse->get("/api/v1/clinic/wait-time?appointmentId=$visit->{id}")
        ->{status}, 409, 'nobody waits for what is cancelled';
}

# What a patient is told.
sub news {
    my $doctor = doctor();
    my $me = $clinic->patient(account => 1);
    my $news = sub {
        my ($query) = @_;
        return $me->{client}->get('/api/v1/notifications'
            . ($query ? "?$query" : ''))->{data};
    };
    my $visit = $clinic->booked($me, $doctor, $clinic->at(3, '10:00'),
        durationMinutes => 10);
    is_deeply [map { [@$_{qw(type message readAt)}, $_->{data}] }
        @{ $news->() }], [['BOOKING_CONFIRMATION', 'APPOINTMENT_BOOKED',
            undef, { appointmentId => $visit->{id} }]], 'of a booking';
    $admin->patch("/api/v1/appointments/$visit->{id}",
        json => { start => $clinic->at(4, '10:00') });
    is $news->()->[0]{message}, 'APPOINTMENT_MOVED', 'of another time';
    $admin->delete("/api/v1/appointments/$visit->{id}");
    is $news->()->[0]{message}, 'APPOINTMENT_CANCELLED',
        'of what others cancel';
    $visit = $clinic->booked($me, $doctor, $clinic->at(3, '10:00'),
        durationMinutes => 10, client => $me->{client});
    $me->{client}->delete("/api/v1/appointments/$visit->{id}");
    is_deeply [map { $_->{message} } @{ $news->() }],
        [qw(APPOINTMENT_BOOKED APPOINTMENT_CANCELLED APPOINTMENT_MOVED
            APPOINTMENT_BOOKED)], 'not of what they cancel themselves';

    my $first = $news->()->[0];
    my $answer = $me->{client}->post(
        "/api/v1/notifications/$first->{id}/read");
    ok $answer->{status} == 200 && $answer->{data}{readAt}, 'one is read';
    is $nurse->get("/api/v1/notifications/$first->{id}")->{status}, 404,
        'it is nobody else\'s';
    is $nurse->post("/api/v1/notifications/$first->{id}/read")->{status}, 404,
        'to mark, either';
    is $me->{client}->post('/api/v1/notifications/read')->{status}, 200,
        'all are read';
    is scalar(grep { !$_->{readAt} } @{ $news->() }), 0, 'really';

    # a child has no account: the parent is told
    my $child = $me->{client}->post('/api/v1/user/family', json => {
        relation => 'CHILD', firstName => 'Carl', lastName => 'Child' })
        ->{data}{patientId};
    $visit = $clinic->booked({ id => $child }, $doctor,
        $clinic->at(5, '10:00'), durationMinutes => 10);
    is_deeply $news->('limit=1')->[0]{data}, { appointmentId => $visit->{id} },
        'whoever looks after a patient is told';
}
