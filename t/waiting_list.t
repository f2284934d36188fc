# The waiting list: what becomes free is held for the first in line, in the
# same transaction; nobody is passed over, and no slot is offered twice.

use EHR::Test;
use EHR::Test::Clinic;
use EHR::Test::Client;
use Time::HiRes qw(sleep time);

my $env = environment();
my $clinic = EHR::Test::Clinic->create($env);
my $admin = $clinic->admin;

a_freed_slot_is_offered();
an_offer_is_passed_on();
only_whom_it_fits();
leaving_gives_back();
moving_frees_too();
two_at_once();
an_expired_hold_goes_to_the_line_first();
new_hours_are_offered();
new_hours_of_others();
nobody_waits_for_what_is_past();
entries_are_ones_own();
bad_ones_are_refused();

unlike read_file($env->database_log), qr/passed over/,
    'nobody was passed over by mistake';
logs_clean($env);
done_testing;

# Puts a patient into the line; the entry.
sub wait_for {
    my ($patient, %more) = @_;
    return ($patient->{client} || $admin)->make('/api/v1/waiting-list', {
        patientId => $patient->{id}, latest => $clinic->at(30, '20:00'),
        durationMinutes => 30, %more });
}

sub entry {
    my ($entry) = @_;
    return $admin->get("/api/v1/waiting-list/$entry->{id}")->{data};
}

sub cancel {
    my ($appointment) = @_;
    my $answer = $admin->delete("/api/v1/appointments/$appointment->{id}");
    is $answer->{status}, 200, 'an appointment is cancelled'
        or diag $answer->{body};
}

# Waits until an entry's status is this.
sub becomes {
    my ($entry, $status, $about) = @_;
    my $end = time + 10;
    my $now;
    while (($now = entry($entry))->{status} ne $status && time < $end) {
        sleep 0.1;
    }
    is $now->{status}, $status, $about;
    return $now;
}

# A hold runs out.
sub expire {
    my ($token) = @_;
    $env->sql("UPDATE ehr.claims SET expires_at = now() - interval '1 second'
        WHERE ref = '$token'");
}

sub a_freed_slot_is_offered {
    my $doctor = $clinic->doctor;
    my $start = $clinic->at(4, '10:00');
    my $taken = $clinic->booked($clinic->patient, $doctor, $start);
    my ($first, $second) = map { $clinic->patient(account => 1) } 1, 2;
    my ($one, $two) = map { wait_for($_, doctorId => $doctor) }
        $first, $second;
    is $one->{status}, 'WAITING', 'two wait';

    cancel($taken);
    my $offered = entry($one);
    is_deeply [@$offered{qw(status offeredDoctorId offeredStart)}],
        ['OFFERED', $doctor, $start], 'the first in line is offered it';
    ok $offered->{holdToken} && $offered->{offerExpiresAt}, 'for some time';
    is entry($two)->{status}, 'WAITING', 'the second is not';
    is $env->sql("SELECT bool_and(c.created_at = a.updated_at)
        FROM ehr.claims c, ehr.appointments a
        WHERE c.ref = '$offered->{holdToken}' AND a.id = '$taken->{id}'"),
        't', 'in the same transaction';
    my ($news) = @{ $first->{client}->get('/api/v1/notifications')->{data} };
    is $news->{message}, 'WAITING_LIST_OFFER', 'they are told';
    is_deeply $news->{data}, { waitingListId => $one->{id},
        holdToken => $offered->{holdToken}, doctorId => $doctor }, 'of what';

    is $clinic->book($clinic->patient, $doctor, $start)->{status}, 409,
        'nobody else can have it';
    is $clinic->book($second, $doctor, $start, client => $second->{client},
        holdToken => $offered->{holdToken})->{status}, 422,
        'nor with a token that is not theirs';
    my $answer = $clinic->book($first, $doctor, $start,
        client => $first->{client}, holdToken => $offered->{holdToken});
    is $answer->{status}, 201, 'the first books it' or diag $answer->{body};
    my $booked = entry($one);
    is_deeply [@$booked{qw(status appointmentId holdToken)}],
        ['BOOKED', $answer->{data}{id}, undef], 'and waits no more';
    is entry($two)->{status}, 'WAITING', 'the second still does';
}

sub an_offer_is_passed_on {
    my $doctor = $clinic->doctor;
    my $start = $clinic->at(4, '10:00');
    my $taken = $clinic->booked($clinic->patient, $doctor, $start);
    my ($one, $two) = map { wait_for($clinic->patient, doctorId => $doctor) }
        1, 2;

    cancel($taken);
    my $offered = entry($one);
    expire($offered->{holdToken});
    my $next = becomes($two, 'OFFERED', 'what expires goes to the next');
    is $next->{offeredStart}, $start, 'the same slot';
    isnt $next->{holdToken}, $offered->{holdToken}, 'by another hold';
    $one = entry($one);
    is_deeply [@$one{qw(status holdToken offeredStart)}],
        ['WAITING', undef, undef], 'the first waits again';

    expire($next->{holdToken});
    becomes($two, 'WAITING', 'whoever misses it, too');
    is entry($one)->{status}, 'WAITING', 'nobody is offered it twice';
    is $clinic->book($clinic->patient, $doctor, $start)->{status}, 201,
        'then it is free for all';
    my $other = $clinic->booked($clinic->patient, $doctor,
        $clinic->at(4, '12:00'));
    cancel($other);
    is entry($one)->{status}, 'OFFERED', 'another slot begins at the front';
}

# Weekly hours, extra hours, time off and a holiday that are given up.
sub new_hours_are_offered {
    my $other = EHR::Test::Clinic->create($env);
    my $doctor = $other->doctor;
    my %off = (kind => 'TIME_OFF', doctorId => $doctor,
        start => $other->at(-1, '00:00'), end => $other->at(60, '00:00'));
    my $off = $other->add('schedule-exceptions', \%off);
    my $waits = wait_for($other->patient, doctorId => $doctor);
    is $admin->delete("/api/v1/schedule-exceptions/$off->{id}")->{status}, 200,
        'time off is given up';
    is entry($waits)->{status}, 'OFFERED', 'and offered';

    $off = $other->add('schedule-exceptions', { %off, doctorId => undef,
        kind => 'HOLIDAY', clinicId => $other->id });
    $waits = wait_for($other->patient, doctorId => $doctor);
    is $admin->delete("/api/v1/schedule-exceptions/$off->{id}")->{status}, 200,
        'a holiday is given up';
    is entry($waits)->{status}, 'OFFERED', 'and offered';

    my $idle = $other->add('doctors', { firstName => 'Ida', lastName => 'Idle',
        licenseNumber => "I-$$", clinicIds => [$other->id] })->{id};
    my ($one, $two) = map { wait_for($other->patient, doctorId => $idle) } 1, 2;
    $other->add('schedule-exceptions', { kind => 'EXTRA_HOURS',
        doctorId => $idle, clinicId => $other->id, slotMinutes => 30,
        start => $other->at(5, '09:00'), end => $other->at(5, '09:30') });
    is_deeply [map { entry($_)->{status} } $one, $two],
        ['OFFERED', 'WAITING'], 'extra hours have room for one';
    $other->add("doctors/$idle/schedules", { clinicId => $other->id,
        dayOfWeek => 3, startTime => '09:00', endTime => '10:00',
        slotMinutes => 30 });
    is entry($two)->{status}, 'OFFERED', 'weekly hours for another';
}

# A patient who waits for years costs nothing where nobody waits: how often the
# open periods are asked for does not depend on it.
sub new_hours_of_others {
    my $doctor = $clinic->doctor;
    my $entry = wait_for($clinic->patient, doctorId => $clinic->doctor,
        latest => '2099-12-31T18:00:00Z');
    my $asked = $env->sql("BEGIN; SET LOCAL track_functions = 'pl';
        UPDATE ehr.doctor_schedules SET slot_minutes = 20
         WHERE doctor_id = '$doctor';
        SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions
         WHERE funcname = 'open_periods'; ROLLBACK");

    cmp_ok $asked, '<', 50, 'seven rules of another doctor are changed';
    is $admin->delete("/api/v1/waiting-list/$entry->{id}")->{status}, 200,
        'the entry is deleted';
}

sub nobody_waits_for_what_is_past {
    my $patient = $clinic->patient(account => 1);
    my $entry = wait_for($patient, doctorId => $clinic->doctor);
    $env->sql("UPDATE ehr.waiting_list SET earliest = now() - interval '2 h',
        latest = now() - interval '1 h' WHERE id = '$entry->{id}'");
    becomes($entry, 'EXPIRED', 'nothing came in time');
    my ($news) = @{ $patient->{client}->get('/api/v1/notifications')->{data} };
    is $news->{message}, 'WAITING_LIST_EXPIRED', 'the patient is told';
    my $longer = $patient->{client}->patch("/api/v1/waiting-list/$entry->{id}",
        json => { latest => $clinic->at(30, '20:00') });
    is $longer->{data}{status}, 'WAITING', 'and may wait longer'
        or diag $longer->{body};

    $env->sql("INSERT INTO ehr.notifications (id, type, message, created_at)
        SELECT '0190a1b2-c3d4-7000-8000-000000000001', 'GENERAL', 'LONG_AGO',
               '2024-07-11'");
    is $env->sql_app("BEGIN; SET LOCAL ehr.scope = 'system';
        SELECT ehr.notifications_purge(); COMMIT"), 1,
        'what is older than half a year is forgotten';
    is $env->sql("SELECT count(*) FROM ehr.notifications
        WHERE message = 'LONG_AGO'"), 0, 'and nothing else';
}

sub only_whom_it_fits {
    my $specialty = $clinic->add('specialties', { name => "Skin $$" })->{id};
    my $other_clinic = EHR::Test::Clinic->create($env);
    my $doctor = $clinic->doctor(specialtyIds => [$specialty]);
    my $start = $clinic->at(4, '10:00');
    my $taken = $clinic->booked($clinic->patient, $doctor, $start);
    my $busy = $clinic->patient;
    $clinic->booked($busy, $clinic->doctor, $start);

    my @unfit = map { wait_for(@$_) }
        [$clinic->patient, doctorId => $clinic->doctor],
        [$clinic->patient, clinicId => $other_clinic->id],
        [$clinic->patient, doctorId => $doctor, durationMinutes => 45],
        [$clinic->patient, doctorId => $doctor,
            earliest => $clinic->at(5, '00:00')],
        [$clinic->patient, doctorId => $doctor,
            latest => $clinic->at(4, '10:15')],
        [$busy, doctorId => $doctor];
    my $long = wait_for($clinic->patient, specialtyId => $specialty,
        durationMinutes => 60);
    my $fit = wait_for($clinic->patient, specialtyId => $specialty,
        clinicId => $clinic->id);

    # 10:30 is taken, 9:30 free: the long one fits before
    $clinic->booked($clinic->patient, $doctor, $clinic->at(4, '10:30'));
    $clinic->booked($clinic->patient, $doctor, $clinic->at(4, '09:30'));
    cancel($taken);
    is_deeply [map { entry($_)->{status} } @unfit], [('WAITING') x 6],
        'another doctor, clinic, length or time, or a busy patient';
    is entry($long)->{status}, 'WAITING', 'it is too short for an hour';
    is entry($fit)->{status}, 'OFFERED', 'who comes next has it';
    ok $admin->delete("/api/v1/waiting-list/$_->{id}")->{status} == 200,
        'an entry is deleted' for @unfit, $long;
}

sub leaving_gives_back {
    my $doctor = $clinic->doctor;
    my $taken = $clinic->booked($clinic->patient, $doctor,
        $clinic->at(4, '10:00'));
    my @line = map { wait_for($clinic->patient, doctorId => $doctor) } 1 .. 3;

    cancel($taken);
    my $token = entry($line[0])->{holdToken};
    is $admin->delete("/api/v1/waiting-list/$line[0]{id}")->{status}, 200,
        'the first leaves';
    is entry($line[1])->{status}, 'OFFERED', 'the second is offered the slot';
    is $env->sql("SELECT count(*) FROM ehr.claims WHERE ref = '$token'"), 0,
        'the first hold is gone';
    my $answer = $admin->patch("/api/v1/waiting-list/$line[1]{id}",
        json => { earliest => $clinic->at(10, '00:00') });
    is_deeply [$answer->{status}, @{ $answer->{data} }{qw(status holdToken)}],
        [200, 'WAITING', undef],
        'the second wants something else and waits on';
    is entry($line[2])->{status}, 'OFFERED', 'the third has it now';
}

sub moving_frees_too {
    my $doctor = $clinic->doctor;
    my $taken = $clinic->booked($clinic->patient, $doctor,
        $clinic->at(4, '10:00'));
    my $entry = wait_for($clinic->patient, doctorId => $doctor,
        latest => $clinic->at(4, '10:30'));
    my $answer = $admin->patch("/api/v1/appointments/$taken->{id}",
        json => { start => $clinic->at(4, '11:00') });
    is $answer->{status}, 200, 'an appointment is moved'
        or diag $answer->{body};
    is entry($entry)->{offeredStart}, $clinic->at(4, '10:00'),
        'what it leaves is offered';

    # into a part of its own time: only the rest is free
    $taken = $clinic->booked($clinic->patient, $doctor,
        $clinic->at(5, '10:00'), durationMinutes => 60);
    $entry = wait_for($clinic->patient, doctorId => $doctor,
        earliest => $clinic->at(5, '09:00'), latest => $clinic->at(5, '11:00'));
    $answer = $admin->patch("/api/v1/appointments/$taken->{id}",
        json => { start => $clinic->at(5, '10:30') });
    is $answer->{status}, 200, 'moved into its own second half'
        or diag $answer->{body};
    is entry($entry)->{offeredStart}, $clinic->at(5, '10:00'),
        'the first half is offered';
}

# Many cancel at once: each of the line gets one, in order, none twice.
sub two_at_once {
    my $doctor = $clinic->doctor(from => '08:00', to => '20:00');
    my @taken = map { $clinic->booked($clinic->patient, $doctor,
        $clinic->at(6, sprintf '%02d:00', $_)) } 8 .. 15;
    my @line = map { wait_for($clinic->patient, doctorId => $doctor) } 1 .. 10;
    my @clients = map { $admin->with_token($admin->{token}) } @taken;

    # what expires meanwhile is offered as well
    my $hold = $admin->post('/api/v1/appointments/holds', json => {
        patientId => $clinic->patient->{id}, doctorId => $doctor,
        start => $clinic->at(6, '16:00'), durationMinutes => 30 });
    is $hold->{status}, 201, 'a hold' or diag $hold->{body};
    expire($hold->{data}{holdToken});
    for my $i (0 .. $#taken) {
        my $client = $clients[$i];
        $client->connection;
        EHR::Test::Client::send_all($client->{socket}, $client->compose(
            'DELETE', "/api/v1/appointments/$taken[$i]{id}", {}), time + 30);
    }
    my @statuses = map { $_->receive('DELETE', time + 30)->{status} } @clients;
    is_deeply \@statuses, [(200) x 8], 'eight cancel at once';
    becomes($line[8], 'OFFERED', 'the ninth has the one that expired');
    my @entries = map { entry($_) } @line;
    is_deeply [map { $_->{status} } @entries],
        [('OFFERED') x 9, 'WAITING'], 'nobody is passed over';
    my %starts = map { $_->{offeredStart} => 1 } @entries[0 .. 8];
    is keys %starts, 9, 'and no slot is offered twice';
    is $env->sql("SELECT count(*) FROM ehr.claims c
        JOIN ehr.resources r ON r.id = c.resource AND r.kind = 'doctor'
        WHERE r.entity_id = '$doctor' AND c.kind = 'hold'"), 9,
        'nine holds stand';
}

# Whoever finds a slot whose hold has just expired does not get it before the
# line does.
sub an_expired_hold_goes_to_the_line_first {
    my $doctor = $clinic->doctor;
    my $start = $clinic->at(4, '10:00');
    my $hold = $admin->post('/api/v1/appointments/holds', json => {
        patientId => $clinic->patient->{id}, doctorId => $doctor,
        start => $start, durationMinutes => 30 })->{data};
    my $entry = wait_for($clinic->patient, doctorId => $doctor,
        latest => $clinic->at(4, '10:30'));
    my $quick = $clinic->patient;

    expire($hold->{holdToken});
    is $clinic->book($quick, $doctor, $start)->{status}, 409,
        'the quick one is refused';
    becomes($entry, 'OFFERED', 'the waiting one has it');
}

sub entries_are_ones_own {
    my $doctor = $clinic->doctor;
    my ($me, $other) = map { $clinic->patient(account => 1) } 1, 2;
    my $mine = wait_for($me, doctorId => $doctor);
    my $path = "/api/v1/waiting-list/$mine->{id}";

    is_deeply [map { $_->{id} } @{ $me->{client}->get(
        '/api/v1/waiting-list')->{data} }], [$mine->{id}],
        'one sees one\'s own';
    is_deeply $other->{client}->get('/api/v1/waiting-list')->{data}, [],
        'nobody else\'s';
    is $other->{client}->get($path)->{status}, 404, 'it is not there';
    is $other->{client}->patch($path, json => {})->{status}, 404,
        'to change';
    is $other->{client}->delete($path)->{status}, 404, 'or to delete';
    is $other->{client}->post('/api/v1/waiting-list', json => {
        patientId => $me->{id}, doctorId => $doctor, durationMinutes => 30,
        latest => $clinic->at(9, '10:00') })->{status}, 422,
        'nor can one wait for others';
    wait_for($me, doctorId => $doctor) for 2 .. 10;
    is $me->{client}->post('/api/v1/waiting-list', json => {
        patientId => $me->{id}, doctorId => $doctor, durationMinutes => 30,
        latest => $clinic->at(9, '10:00') })->{status}, 409,
        'ten at once are enough';
    is client('nurse')->post('/api/v1/waiting-list', json => {})->{status},
        403, 'not every role puts people into the line';
}

sub bad_ones_are_refused {
    my $patient = $clinic->patient;
    my %good = (patientId => $patient->{id}, doctorId => $clinic->doctor,
        durationMinutes => 30, latest => $clinic->at(9, '10:00'));
    my @cases = (
        [{ doctorId => undef }, qw(clinicId doctorId specialtyId)],
        [{ durationMinutes => 7 }, 'durationMinutes'],
        [{ durationMinutes => 0 }, 'durationMinutes'],
        [{ latest => $clinic->at(-1, '10:00'),
            earliest => $clinic->at(-2, '10:00') }, 'latest'],
        [{ earliest => $clinic->at(10, '10:00') }, 'latest'],
        [{ status => 'OFFERED' }, 'status'],
        [{ holdToken => $patient->{id} }, 'holdToken'],
        [{ doctorId => $patient->{id} }, 'doctorId'],
    );
    for my $case (@cases) {
        my ($change, @fields) = @$case;
        my $answer = $admin->post('/api/v1/waiting-list',
            json => { %good, %$change });
        is_deeply [$answer->{status},
            sort keys %{ $answer->{json}{errors} }], [422, @fields],
            "refused: @fields" or diag $answer->{body};
    }
}
