# Whose records one reaches: another patient's row answers as one that does not
# exist, in the path and in the body, whatever the role may do to its own.

use EHR::Test;
use EHR::Test::Workers qw(spread slowest);
use EHR::Test::Hospital;
use EHR::Test::Routes qw(table);
use JSON::PP;

my $missing = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my $true = JSON::PP::true;

my $env = start_environment(name => 'ownership', workers => 2);
my $hospital = EHR::Test::Hospital->create($env);
my $admin = client('admin', $env);
my $doctor = client('doctor', $env);
my $patient = client('patient', $env);
my $portal = client('portal', $env);
my $keeper = keeper();
my %body = %EHR::Test::Hospital::body;
my @clinical = @EHR::Test::Hospital::clinical;
my ($own, $foreign) = map { $hospital->id($_) } qw(own foreign);

# -- a patient: only what is one's own is there

my $kinds = join '|', @clinical;
my @below = grep {
    $_->{path} =~ m{^/(?:patients|care-team|appointments|$kinds)/\{id\}}
    || $_->{path} =~ m{\{patientId\}|^/treatment-plan/}
} table();
ok @below > 60, 'routes of patients';
my %who = (PATIENT => $patient, portal => $portal, keeper => $keeper);

for my $name (sort keys %who) {
    is_deeply [map { differs($who{$name}, $_) } @below], [],
        "$name: another patient's id answers as a missing one";
}
is_deeply [map { differs($keeper, $_, 'If-Match' => '"99"') } @below], [],
    'with If-Match too';
is_deeply [map { differs($keeper, $_, 'Idempotency-Key' => "key-$$-1") }
    grep { $_->{creates} } @below], [], 'and with an Idempotency-Key';

# the same rule does not refuse what is one's own
for my $kind (@clinical) {
    my $path = "/api/v1/$kind/" . $hospital->of('own', $kind);
    is $_->get($path)->{status}, 200, "own $kind" for $patient, $portal;
}
is $_->get('/api/v1/appointments/' . $hospital->of('own', 'appointments'))
    ->{status}, 200, 'an own appointment' for $patient, $portal;
is_deeply [grep { $_->{patientId} ne $own }
    @{ $portal->get('/api/v1/appointments')->{data} }], [], 'and no other';
is $keeper->post("/api/v1/patients/$own/vitals",
    json => { heartRate => 60 })->{status}, 201,
    'a role that may write does so to the own record';

# -- lists and searches show nothing else

my $family = $patient->get('/api/v1/user/family/' . $hospital->id('family'))
    ->{data}{patientId};
for my $client ($patient, $portal, $keeper) {
    is_deeply [sort map { $_->{id} }
            @{ $client->get('/api/v1/patients')->{data} }],
        [sort $own, $family], 'the list has oneself and the family';
}
for my $query ('q=Foreign', 'email=foreign@patient.example',
    'insurancePolicyNumber=P-foreign', 'mrn=MRN00000002')
{
    my $answer = $patient->get("/api/v1/patients?$query");
    is_deeply [$answer->{status}, $answer->{data}], [200, []],
        "nobody else by $query";
    is @{ $doctor->get("/api/v1/patients?$query")->{data} }, 1,
        'but staff finds the patient';
}

# -- family: readable while linked, somebody else's is not there

is $portal->get("/api/v1/patients/$family/vitals")->{status}, 200,
    'the record of a child';
for my $method (qw(GET PATCH PUT DELETE)) {
    my @json = $method =~ /^P/ ? (json => { relation => 'OTHER',
        firstName => 'A', lastName => 'B' }) : ();
    my @answers = map { told($doctor->request($method,
        "/api/v1/user/family/$_", @json)) } $hospital->id('family'), $missing;
    is $answers[0], $answers[1], "$method of another's family";
    like $answers[0], qr/^404/, 'is not there';
}
is $patient->delete('/api/v1/user/family/' . $hospital->id('family'))
    ->{status}, 200, 'a link is taken away';
is told($portal->get("/api/v1/patients/$family")),
    told($portal->get("/api/v1/patients/$missing")), 'and the record with it';

# -- a doctor: reads all, writes to and books for own patients

my @written = grep { $_->{method} ne 'GET' && $_->{path} !~ /appointments/ }
    @below;
is_deeply [map { differs($doctor, $_) } @written], [],
    'DOCTOR: writing to another patient answers as to a missing one';
is_deeply [map { differs($doctor, $_, 'If-Match' => '"99"') } @written], [],
    'with If-Match too';
for my $kind (@clinical) {
    is $doctor->get("/api/v1/$kind/" . $hospital->of('foreign', $kind))
        ->{status}, 200, "a doctor reads $kind of all";

    my $answer = $doctor->post("/api/v1/patients/$own/$kind",
        json => $body{$kind});
    is $answer->{status}, 201, "and writes $kind of own patients";
    my $path = "/api/v1/$kind/$answer->{data}{id}";
    is $doctor->patch($path, json => { additionalData => { a => 1 } })
        ->{status}, 200, 'changes them';
    is $doctor->put($path, json => $body{$kind})->{status}, 200,
        'replaces them';
    is $doctor->delete($path)->{status}, 200, 'deletes them';
    is told($doctor->get($path)), told($doctor->get("/api/v1/$kind/$missing")),
        'and they are gone';
}
is $doctor->patch("/api/v1/patients/$own", json => { city => 'Vigo' })
    ->{status}, 200, 'changes an own patient';

# nobody makes oneself a doctor of somebody
my $me = $hospital->id('doctors');
for my $try (['care-team', { doctorId => $me }],
    ['encounters', { doctorId => $me }])
{
    my ($path, $json) = @$try;
    my @answers = map { told($doctor->post("/api/v1/patients/$_/$path",
        json => $json)) } $foreign, $missing;
    is $answers[0], $answers[1], "no way in by $path";
    like $answers[0], qr/^404/, 'it is not there';
}
is_deeply $doctor->patch("/api/v1/patients/$foreign",
    json => { primaryDoctorId => $me })->{status}, 404, 'nor by the patient';

# a new patient is the doctor's, and of the team until taken off it
my $new = $doctor->post('/api/v1/patients',
    json => { firstName => 'New', lastName => 'Patient' })->{data}{id};
is $doctor->post("/api/v1/patients/$new/vitals", json => { heartRate => 61 })
    ->{status}, 201, 'a doctor writes to a patient just registered';
my ($member) = @{ $doctor->get("/api/v1/patients/$new/care-team")->{data} };
is $member->{doctorId}, $me, 'who has the doctor in the team';
is $admin->delete("/api/v1/care-team/$member->{id}")->{status}, 200,
    'the doctor is taken off the team';
is told($doctor->post("/api/v1/patients/$new/vitals",
        json => { heartRate => 62 })),
    told($doctor->post("/api/v1/patients/$missing/vitals",
        json => { heartRate => 62 })), 'and writes no more';

# -- ids in bodies

my $note = $hospital->of('foreign', 'notes');
is $admin->post("/api/v1/notes/$note/sign")->{status}, 200, 'a signed note';
my $visit = $hospital->of('foreign', 'encounters');
for my $kind (grep { $_ ne 'encounters' } @clinical) {
    alike($doctor, 'POST', "/patients/$own/$kind", $body{$kind},
        encounterId => $visit);
    alike($doctor, 'PATCH', "/$kind/" . $hospital->of('own', $kind), {},
        encounterId => $visit);
}
alike($doctor, 'POST', "/patients/$own/notes", { content => 'No.',
    amendmentReason => 'Wrong' }, amendsId => $note);
alike($patient, 'POST', "/doctors/$me/ratings", { score => 1 },
    encounterId => $visit);
alike($patient, 'POST', '/doctors/' . $hospital->id('other-doctor')
    . '/ratings', { score => 1 }, encounterId => $visit);

# what is deleted is as unknown as what never was
my $gone = $admin->post('/api/v1/doctors', json => { firstName => 'G',
    lastName => 'G', licenseNumber => 'G-1' })->{data}{id};
is $admin->delete("/api/v1/doctors/$gone")->{status}, 200, 'a doctor leaves';
alike($doctor, 'POST', "/patients/$own/encounters", {}, doctorId => $gone);
alike($doctor, 'POST', "/patients/$own/care-team", {}, doctorId => $gone);
alike($doctor, 'POST', "/patients/$own/treatment-plans",
    { planDetails => 'x' }, doctorId => $gone);
alike($doctor, 'POST', "/patients/$own/medications", { drugName => 'x' },
    prescribedBy => $gone);
alike($doctor, 'PATCH', "/patients/$own", {}, primaryDoctorId => $gone);

# a row does not move to another patient
for my $kind (@clinical) {
    is $doctor->patch("/api/v1/$kind/" . $hospital->of('own', $kind),
        json => { patientId => $foreign })->{status}, 422,
        "$kind stay with their patient";
}

# -- fields that not every reader has

my $visit_of = sub {
    return client($_[0], $env)->get('/api/v1/encounters/'
        . $hospital->of('own', 'encounters'));
};
$admin->patch('/api/v1/encounters/' . $hospital->of('own', 'encounters'),
    json => { diagnosis => 'Asthma' });
is $visit_of->('doctor')->{data}{diagnosis}, 'Asthma',
    'a doctor reads the diagnosis of a visit';
ok !exists $visit_of->('reception')->{data}{diagnosis},
    'the reception does not';
is client('reception', $env)->patch('/api/v1/encounters/'
    . $hospital->of('own', 'encounters'), json => { diagnosis => 'None' })
    ->{status}, 403, 'nor writes it';
# nor lends it to an account: anybody can have one, at the portal
for my $user (accounts($env)->{users}{portal}{id}, undef) {
    my $answer = client('reception', $env)->patch("/api/v1/patients/$own",
        json => { userId => $user });
    is $answer->{status}, 403, 'nor says whose account reads the record';
    is_deeply [keys %{ $answer->{json}{errors} || {} }], ['userId'],
        'which names the field';
}
for my $name (qw(pharmacist lab)) {
    my $row = client($name, $env)->get("/api/v1/patients/$own")->{data};
    is_deeply [grep { exists $row->{$_} } qw(phone email address
        insurancePolicyNumber emergencyContactPhone possibleDuplicateIds)],
        [], "$name: neither contact nor insurance";
}
for my $query ('phone=%2B34600000001', 'email=own@patient.example',
    'insurancePolicyNumber=P-own', 'sort=phone')
{
    isnt client('lab', $env)->get("/api/v1/patients?$query")->{status}, 200,
        "who may not read a field does not ask by it: $query";
}
ok !exists $patient->get("/api/v1/doctors/$me")->{data}{phone},
    "patients do not see a doctor's phone";

logs_clean($env);
done_testing;

# An account with a patient record and every permission but those that reach
# other patients: what is refused to it is refused by ownership alone.
sub keeper {
    my @all = map { @{ $_->{permissions} } } grep { $_->{name} eq 'ADMIN' }
        @{ $admin->get('/api/v1/roles?limit=50')->{data} };
    my $answer = $admin->post('/api/v1/roles', json => { name => 'KEEPER',
        permissions => [grep { !/^patients\.(?:all|write-all)$/ } @all] });
    is $answer->{status}, 201, 'a role of its own' or diag $answer->{body};

    my $accounts = accounts($env);
    my $user = $accounts->create_user('keeper', 'KEEPER');
    is $admin->patch('/api/v1/patients/' . $hospital->id('own'),
        json => { userId => $user->{id} })->{status}, 200, 'a keeper';
    my $keeper = client('keeper', $env);
    my ($known) = slowest([spread($env, $accounts->token('keeper'))],
        '/api/v1/departments', 200, 1);
    ok $known <= 1, sprintf 'whose role every worker knows after %.3f s',
        $known;

    # the family is the patient's; the record is shared by a link here
    $env->sql("SET ehr.scope = 'system'; INSERT INTO ehr.family_members
        (user_id, patient_id, relation, first_name, last_name)
        SELECT '$user->{id}', patient_id, relation, first_name, last_name
          FROM ehr.family_members; UPDATE ehr.patients SET user_id
        = '$accounts->{users}{patient}{id}' WHERE id = '"
        . $hospital->id('own') . "'; INSERT INTO ehr.family_members
        (user_id, patient_id, relation, first_name, last_name,
         date_of_birth) SELECT '$user->{id}', id, 'OTHER', first_name,
        last_name, date_of_birth FROM ehr.patients WHERE id = '"
        . $hospital->id('own') . "'");
    return $keeper;
}

# The route with a foreign id and with one that is not there: what is told
# apart, or nothing.
sub differs {
    my ($client, $route, %header) = @_;
    my @answers = map { ask($client, $route, $_, %header) }
        of_foreign($route->{path}), $missing;

    return if $answers[0] eq $answers[1] && $answers[0] =~ /^40[34]/;
    return "$route->{method} $route->{path}: $answers[0] | $answers[1]";
}

# The id of the path's parameter that is the foreign patient's.
sub of_foreign {
    my ($path) = @_;
    return $path =~ /\{patientId\}|^\/patients\// ? $foreign
        : $path =~ /\{appointmentId\}/ ? $hospital->appointment('foreign')
        : $hospital->of('foreign', $path =~ m{^/([\w-]+)/});
}

sub ask {
    my ($client, $route, $id, %header) = @_;
    my $path = "/api/v1$route->{path}";
    my ($kind) = $route->{path} =~ /\{patientId\}\/([\w-]+)/
        ? $1 : $route->{path} =~ m{^/([\w-]+)/};
    my %json = $kind eq 'care-team' ? (doctorId => $hospital->id('doctors'))
        : $kind eq 'patients' ? (firstName => 'X', lastName => 'Y')
        : $kind eq 'appointments' ? for_appointment($route->{path})
        : %{ $body{$kind} || {} };

    delete $json{doctorId}
        if $kind eq 'care-team' && $route->{path} =~ /\{id\}/;
    %json = (role => 'COVERING')
        if $kind eq 'care-team' && $route->{path} =~ /\{id\}/;
    $path =~ s/\{\w+\}/$id/;
    return told($client->request($route->{method}, $path,
        headers => \%header,
        $route->{method} =~ /^P/ && !$route->{no_body}
            ? (json => \%json) : ()));
}

# The hospital's doctor is there on Mondays from nine.
sub for_appointment {
    my ($path) = @_;
    my $monday = 86400 * (int(time / 86400) + 7);
    $monday += 86400 while (gmtime $monday)[6] != 1;
    my @day = gmtime $monday;

    return $path =~ /status/ ? (status => 'CONFIRMED')
        : $path =~ /\{id\}/ ? (reason => 'Cough')
        : (doctorId => $hospital->id('doctors'), start => sprintf
            '%04d-%02d-%02dT11:30:00Z', $day[5] + 1900, $day[4] + 1, $day[3]);
}

# Status and body, but for what names the request.
sub told {
    my ($answer) = @_;
    my %json = %{ $answer->{json} || {} };
    delete @json{qw(timestamp path)};
    return "$answer->{status} " . JSON::PP->new->canonical->encode(\%json);
}

# A body with an id of somebody else's and with one that is not there.
sub alike {
    my ($client, $method, $path, $json, $field, $id) = @_;
    my @answers = map { told($client->request($method, "/api/v1$path",
        json => { %$json, $field => $_ })) } $id, $missing;

    $path =~ s/[0-9a-f]{8}-[0-9a-f-]{27}/{}/g;
    is $answers[0], $answers[1], "$method $path: $field of another";
    like $answers[0], qr/^422 .*"$field":/, 'is unknown';
}
