# Holds: a slot is kept while somebody makes up their mind; with the engine and
# from PostgreSQL alone.

use EHR::Test;
use EHR::Test::Booking qw(until_engine_is_live);
use EHR::Test::Clinic;

my $missing = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my $v1 = '/api/v1';

for my $with (qw(engine database)) {
    my $env = start_environment(name => "holds-$with", workers => 2,
        edit => $with eq 'engine' ? undef : \&without_engine);
    subtest "with the $with" => sub { holds($env, $with) };
    logs_clean($env);
    $env->stop;
}
done_testing;

sub holds {
    my ($env, $with) = @_;
    my $clinic = EHR::Test::Clinic->create($env);
    my $doctor = $clinic->doctor;
    my ($one, $two) = map { $clinic->patient(account => 1) } 1, 2;
    ok until_engine_is_live(client(undef, $env)), 'the engine is live'
        if $with eq 'engine';
    my $take = sub { my ($who, $wall, %more) = @_;
        my $headers = delete $more{headers};
        $who->{client}->post("$v1/appointments/holds", json => {
            patientId => $who->{id}, doctorId => $doctor,
            start => $clinic->at(2, $wall), %more },
            headers => $headers || {}) };
    my $book = sub { my ($who, $wall, %more) = @_;
        $who->{client}->post("$v1/appointments", json => {
            patientId => $who->{id}, doctorId => $doctor,
            start => $clinic->at(2, $wall), %more }) };
    my $starts = sub { map { $_->{start} } @{ $clinic->admin->get(
        "$v1/doctors/$doctor/slots?from=" . $clinic->at(2, '09:00') . '&to='
        . $clinic->at(2, '11:00'))->{data} } };

    # -- taken, confirmed
    my $answer = $take->($one, '09:00');
    is $answer->{status}, 201, 'held' or return diag $answer->{body};
    my $token = $answer->{data}{holdToken};
    is_deeply [sort keys %{ $answer->{data} }], [qw(expiresAt holdToken)],
        'token and time';
    my $left = $env->sql("SELECT extract(epoch FROM
        '$answer->{data}{expiresAt}'::timestamptz - now())::integer");
    ok $left > 560 && $left <= 600, "for ten minutes ($left s)";
    ok within(2, sub { scalar($starts->()) == 3 }), 'the slot is not free';
    refuses($book->($two, '09:00'), 409, ['doctor'], 'for nobody else');
    refuses($take->($two, '09:00'), 409, ['doctor'], 'nor held twice');
    refuses($book->($two, '09:00', holdToken => $token), 409, ['holdToken'],
        "another's token");
    refuses($book->($one, '09:30', holdToken => $token), 422, ['holdToken'],
        'it is for its time');
    refuses($book->($one, '09:00', holdToken => $missing), 409,
        ['holdToken'], 'no such token');
    is $book->($one, '09:00', holdToken => $token)->{status}, 201,
        'its owner books';
    refuses($book->($one, '09:00', holdToken => $token), 409, ['holdToken'],
        'once');
    is $env->sql("SELECT count(*) FROM ehr.claims WHERE kind = 'hold'"), 0,
        'there is no hold any more';

    # -- released
    $token = $take->($one, '10:00')->{data}{holdToken};
    my $path = "$v1/appointments/holds";
    is $two->{client}->delete("$path/$_")->{status}, 404,
        "another's hold is not there" for $token, $missing;
    is $one->{client}->delete("$path/$token")->{status}, 200, 'released';
    is $one->{client}->delete("$path/$token")->{status}, 404, 'once';
    ok within(2, sub { $book->($two, '10:00')->{status} == 201 }),
        'and booked by another';
    is $one->{client}->delete("$path/x")->{status}, 400, 'no token at all';

    # -- run out
    my $limit = $clinic->add('system-parameters', {
        key => 'bookingHoldMinutes', value => { value => 1 } })->{id};
    $token = $take->($one, '11:00')->{data}{holdToken};
    $env->sql("UPDATE ehr.claims SET expires_at = now() + interval '1 second'
        WHERE ref = '$token'");
    ok within(4, sub { $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$token'") == 0 }), 'it runs out by itself';
    refuses($book->($one, '11:00', holdToken => $token), 409, ['holdToken'],
        'and books nothing');
    ok within(2, sub { $book->($two, '11:00')->{status} == 201 }),
        'the time is free';
    $clinic->admin->delete("$v1/system-parameters/$limit");

    # -- a key: one hold, the same token
    my %key = (headers => { 'Idempotency-Key' => "hold-$$" });
    my @answers = map { $take->($one, '12:00', %key) } 1 .. 3;
    is_deeply [map { $_->{status} } @answers], [201, 201, 201], 'by a key';
    is_deeply [map { $_->{data} } @answers[1, 2]],
        [($answers[0]{data}) x 2], 'the same hold';
    is $answers[1]{headers}{'idempotency-replayed'}, 'true', 'as told';
    refuses($take->($one, '12:30', %key), 422, [], 'another under the key');

    # -- to another time by a hold
    my $made = $clinic->booked($two, $doctor, $clinic->at(3, '09:00'));
    my $held = $two->{client}->post($path, json => { patientId => $two->{id},
        doctorId => $doctor, start => $clinic->at(3, '10:00') });
    is $two->{client}->patch("$v1/appointments/$made->{id}", json => {
        start => $clinic->at(3, '10:00'),
        holdToken => $held->{data}{holdToken} })->{status}, 200,
        'an appointment moves to what is held';

    # -- how many
    $take->($one, $_) for '14:00', '14:30';
    $answer = $take->($one, '15:00');
    refuses($answer, 409, [], 'a fourth hold');

    # -- what cannot be
    for my $case ([{}, [qw(doctorId patientId start)]],
        [{ patientId => $one->{id}, slotId => 'x' }, ['slotId']],
        [{ patientId => $one->{id}, doctorId => $doctor, start =>
            $clinic->at(-1, '09:00') }, ['start']],
        [{ patientId => $one->{id}, doctorId => $doctor, start =>
            $clinic->at(2, '09:10') }, ['start']],
        [{ patientId => $one->{id}, doctorId => $doctor, start =>
            $clinic->at(2, '09:00'), durationMinutes => 3 },
            ['durationMinutes']],
        [{ patientId => $two->{id}, doctorId => $doctor, start =>
            $clinic->at(2, '15:00') }, ['patientId']],
        [{ patientId => $one->{id}, doctorId => $missing, start =>
            $clinic->at(2, '15:00') }, ['doctorId']],
        [{ patientId => $one->{id}, doctorId => $doctor, start =>
            $clinic->at(2, '15:00'), forEver => 1 }, ['forEver']])
    {
        refuses($one->{client}->post($path, json => $case->[0]), 422,
            $case->[1], "@{ $case->[1] }");
    }
    is client('nurse', $env)->post($path, json => {})->{status}, 403,
        'a nurse does not hold';
}

sub refuses {
    my ($answer, $status, $fields, $about) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is $answer->{status}, $status, $about or return diag $answer->{body};
    is_deeply [sort keys %{ $answer->{json}{errors} || {} }], [sort @$fields],
        "$about: the fields" or diag $answer->{body};
}

# Whether it comes true within so many seconds.
sub within {
    my ($seconds, $test) = @_;
    for (1 .. 20 * $seconds) {
        return 1 if $test->();
        select undef, undef, undef, 0.05;
    }
    return 0;
}
