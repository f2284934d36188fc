# The booking journey of the portal: clinics, specialties, doctors, slots,
# schedule, reschedule, cancel, history; below /api/v1 and /api, by a token of
# the portal and by one of the staff.

use EHR::Test;
use EHR::Test::Clinic;

my $env = environment();
my $clinic = EHR::Test::Clinic->create($env);
my $heart = $clinic->add('specialties', { name => "Heart $$",
    clinicId => $clinic->id })->{id};
my $doctor = $clinic->doctor(specialtyIds => [$heart]);
my $patient = $clinic->patient(account => 1);
my $login = client()->post('/api/v1/portal/auth/login', json => {
    email => accounts()->{users}{ (grep {
        accounts()->{users}{$_}{id} eq $patient->{user} }
        keys %{ accounts()->{users} })[0] }{email},
    password => 'Test-Pass-2026!' });
my $portal = client()->with_token($login->{data}{accessToken});

for my $case ([$portal, '/api/v1', 2], [$portal, '/api', 3],
    [client('reception'), '/api/v1', 4])
{
    my ($client, $base, $day) = @$case;

    my ($found) = grep { $_->{id} eq $clinic->id } @{ $client->get(
        "$base/booking/clinics?limit=100&sort=-name")->{data} };
    ok $found || $client->get("$base/booking/clinics?limit=1")->{status}
        == 200, 'clinics';
    is_deeply [map { $_->{id} } @{ $client->get(
        "$base/booking/specialties?clinicId=" . $clinic->id)->{data} }],
        [$heart], 'its specialties';
    is_deeply [map { $_->{id} } @{ $client->get(
        "$base/booking/doctors?specialtyIds=$heart")->{data} }], [$doctor],
        'their doctors';
    my $from = $clinic->at($day, '09:00');
    my $slots;
    for (1 .. 40) {
        $slots = $client->get("$base/booking/slots?specialty=$heart&clinic="
            . $clinic->id . "&from=$from&limit=3");
        last if @{ $slots->{data} || [] } == 3;
        select undef, undef, undef, 0.05;
    }
    is $slots->{data}[0]{start}, $from, 'their slots'
        or diag $slots->{body};

    my $made = $client->post("$base/booking/schedule", json => {
        patientId => $patient->{id}, slotId => $slots->{data}[0]{id},
        reason => 'Palpitations' },
        headers => { 'Idempotency-Key' => "path-$$-$day" });
    is $made->{status}, 201, 'booked' or diag $made->{body};
    my $id = $made->{data}{id};
    is $client->post("$base/booking/schedule", json => {
        patientId => $patient->{id}, slotId => $slots->{data}[0]{id},
        reason => 'Palpitations' },
        headers => { 'Idempotency-Key' => "path-$$-$day" })
        ->{headers}{'idempotency-replayed'}, 'true', 'once';

    my $moved = $client->post("$base/booking/reschedule", json => {
        appointmentId => $id, start => $clinic->at($day, '14:00') });
    is $moved->{status}, 200, 'moved' or diag $moved->{body};
    is_deeply [@{ $moved->{data} }{qw(id start status)}], [$id,
        $clinic->at($day, '14:00'), 'RESCHEDULED'], 'to another time';
    my $taken = $client->post("$base/booking/reschedule", json => {
        appointmentId => $id, slotId => $slots->{data}[1]{id} });
    is $taken->{status}, 200, 'to a slot' or diag $taken->{body};

    my $gone = $client->post("$base/booking/cancel", json => {
        appointmentId => $id, reason => 'Away' });
    is_deeply [@{ $gone->{data} }{qw(id status cancelReason)}],
        [$id, 'CANCELLED', 'Away'], 'cancelled' or diag $gone->{body};
    is $client->post("$base/booking/cancel", json => {
        appointmentId => $id })->{status}, 409, 'once';
    for my $case (['reschedule', {}, [qw(appointmentId start)]],
        ['reschedule', { appointmentId => $id, start => 'x' }, ['start']],
        ['cancel', {}, ['appointmentId']],
        ['cancel', { appointmentId => 1 }, ['appointmentId']],
        ['schedule', {}, [qw(doctorId patientId start)]])
    {
        my ($path, $body, $fields) = @$case;
        my $answer = $client->post("$base/booking/$path", json => $body);
        is $answer->{status}, 422, "$path without @$fields";
        is_deeply [sort keys %{ $answer->{json}{errors} }], $fields,
            'which is named' or diag $answer->{body};
    }
    is $client->get("$base/history/appointments")->{status}, 200, 'history';
}

logs_clean($env);
done_testing;
