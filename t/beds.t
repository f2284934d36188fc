# Beds: what they are, what becomes of them, and that all of it is kept.

use EHR::Test;
use EHR::Test::Ward;

my $env = environment();
my $ward = EHR::Test::Ward->create($env);
my ($admin, $nurse) = ($ward->admin, $ward->nurse);
my %client = map { $_ => client($_) } qw(doctor reception patient lab);

what_a_bed_is();
what_becomes_of_it();
what_does_not();
who_may();
a_lost_update();
its_history();
somebodys();
rooms();

logs_clean($env);
done_testing;

sub bed {
    my ($bed) = @_;
    return $admin->get("/api/v1/beds/$bed")->{data};
}

# A refusal: its status, its rule, and that nothing is different.
sub refused {
    my ($about, $status, $rule, $act) = @_;
    my $before = $ward->state;
    my $answer = $act->();

    is $answer->{status}, $status, $about or diag $answer->{body};
    is(($answer->{json}{data} || {})->{rule}, $rule, '… by the rule') if $rule;
    $ward->is_still($before, '… and nothing happened');
    return $answer;
}

sub what_a_bed_is {
    my $plain = bed($ward->place);
    is_deeply [@$plain{qw(status isolation equipment ageGroup statusReason
        occupantSex)}], ['AVAILABLE', JSON::PP::false(), [], undef, undef,
        undef], 'a plain bed';
    ok $plain->{statusSince}, 'is free since it is there';

    my $bed = bed($ward->place(isolation => JSON::PP::true(),
        equipment => ['MONITOR', 'OXYGEN'], ageGroup => 'CHILD',
        status => 'OUT_OF_SERVICE', statusReason => 'Not yet paid'));
    is_deeply [@$bed{qw(status statusReason isolation equipment ageGroup)}],
        ['OUT_OF_SERVICE', 'Not yet paid', JSON::PP::true(),
        ['MONITOR', 'OXYGEN'], 'CHILD'], 'one that has more';

    my $answer = $admin->patch("/api/v1/beds/$bed->{id}",
        json => { equipment => ['SUCTION'], ageGroup => undef });
    is $answer->{status}, 200, 'what it has changes' or diag $answer->{body};
    is_deeply [@{ $answer->{data} }{qw(equipment ageGroup status)}],
        [['SUCTION'], undef, 'OUT_OF_SERVICE'], 'to what is said';

    my $body = { wardRoomId => $bed->{wardRoomId}, bedNumber => 'x' };
    for my $bad (['equipment', ['OXYGEN', 'TEAPOT'], qr/MONITOR, OXYGEN/],
        ['equipment', 'OXYGEN', qr/list/], ['ageGroup', 'OLD', qr/ADULT/],
        ['isolation', 'yes', qr/true or false/],
        ['occupantSex', 'MALE', qr/cannot be set/],
        ['statusSince', '2026-01-01T00:00:00Z', qr/cannot be set/])
    {
        my ($field, $value, $says) = @$bad;
        $answer = $admin->post('/api/v1/beds',
            json => { %$body, $field => $value });
        is $answer->{status}, 422, "no such $field" or diag $answer->{body};
        is_deeply [keys %{ $answer->{json}{errors} }], [$field], 'is named';
        like $answer->{json}{errors}{$field}, $says, 'with what is wrong';
    }
    for my $status (qw(OCCUPIED RESERVED)) {
        $answer = $admin->post('/api/v1/beds',
            json => { %$body, status => $status });
        is $answer->{json}{data}{rule}, 'illegal_status',
            "no bed is $status from the first" or diag $answer->{body};
    }
    $answer = $admin->post('/api/v1/beds',
        json => { %$body, status => 'OUT_OF_SERVICE' });
    is_deeply [$answer->{json}{data}{rule},
        keys %{ $answer->{json}{errors} }], ['field_required',
        'statusReason'], 'or out of service without a reason'
        or diag $answer->{body};
}

sub what_becomes_of_it {
    my $bed = $ward->place;
    for my $step (['CLEANING'], ['AVAILABLE'],
        ['OUT_OF_SERVICE', 'A broken rail'], ['CLEANING', 'Mended'],
        ['OUT_OF_SERVICE', 'Broken again'], ['AVAILABLE'])
    {
        my ($status, $reason) = @$step;
        my $was = bed($bed);
        my $answer = $ward->say($bed, $status,
            $reason ? (reason => $reason) : ());
        is $answer->{status}, 200, "$was->{status} becomes $status"
            or diag $answer->{body};
        is_deeply [@{ $answer->{data} }{qw(status statusReason version)}],
            [$status, $reason, $was->{version} + 1], 'and says so';
        isnt $answer->{data}{statusSince}, $was->{statusSince}, 'and since when';
        like $answer->{headers}{etag}, qr/"$answer->{data}{version}"/,
            'with its tag';
    }
    is $env->sql("SELECT count(*) FROM ehr.audit_log
        WHERE entity = 'beds' AND entity_id = '$bed'
          AND route = '/beds/{id}/status'"), 6, 'each is in the audit log';
}

sub what_does_not {
    my $bed = $ward->place;
    for my $to (qw(OCCUPIED RESERVED LOST)) {
        my $answer = refused("nobody says $to", 422, undef,
            sub { $ward->say($bed, $to) });
        like $answer->{json}{errors}{status}, qr/AVAILABLE, CLEANING/,
            'but one of the others';
    }
    refused('out of service without a reason', 422, 'field_required',
        sub { $ward->say($bed, 'OUT_OF_SERVICE') });
    refused('no reason at all', 422, undef,
        sub { $ward->say($bed, 'OUT_OF_SERVICE', reason => '') });
    refused('free already', 409, 'illegal_status',
        sub { $ward->say($bed, 'AVAILABLE') });
    refused('nothing said', 422, undef,
        sub { $nurse->post("/api/v1/beds/$bed/status", json => {}) });
    refused('PATCH is not the way', 422, undef, sub {
        $admin->patch("/api/v1/beds/$bed", json => { status => 'CLEANING' })
    });
    refused('a bed that is not there', 404, undef, sub {
        $ward->say('7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a', 'CLEANING') });

    my $shown = bed($bed);
    my $answer = $admin->put("/api/v1/beds/$bed", json => $shown);
    is $answer->{status}, 200, 'what GET showed may be sent back'
        or diag $answer->{body};

    is $admin->delete("/api/v1/beds/$bed")->{status}, 200, 'a bed goes';
    refused('and nothing becomes of it', 404, undef,
        sub { $ward->say($bed, 'CLEANING') });
    is $admin->post("/api/v1/beds/$bed/restore")->{status}, 200, 'it is back';
    is bed($bed)->{status}, 'AVAILABLE', 'as it was';
}

sub who_may {
    my $bed = $ward->place;
    is $ward->say($bed, 'CLEANING', client => $client{reception})->{status},
        200, 'the reception says that a bed is dirty';
    for my $who (qw(doctor patient lab)) {
        refused("a $who does not", 403, undef,
            sub { $ward->say($bed, 'AVAILABLE', client => $client{$who}) });
    }
    is $client{doctor}->get("/api/v1/beds/$bed/history")->{status}, 200,
        'a doctor sees what it was';
    is $client{$_}->get("/api/v1/beds/$bed/history")->{status}, 403,
        "a $_ does not" for qw(patient lab);
}

sub a_lost_update {
    my $bed = $ward->place;
    my $tag = { 'If-Match' => '"1"' };
    is $ward->say($bed, 'CLEANING', headers => $tag)->{status}, 200,
        'who read it may change it';
    refused('who read it before may not', 412, undef,
        sub { $ward->say($bed, 'AVAILABLE', headers => $tag) });
    is $ward->say($bed, 'AVAILABLE', headers => { 'If-Match' => '*' })
        ->{status}, 200, 'any version';
    is $ward->say($bed, 'CLEANING', headers => { 'If-Match' => '"1", "3"' })
        ->{status}, 200, 'one of two';
    refused('a weak one', 412, undef, sub { $ward->say($bed, 'AVAILABLE',
        headers => { 'If-Match' => 'W/"4"' }) });
}

sub its_history {
    my $bed = $ward->place;
    my $lies = $ward->admitted($ward->patient, bedId => $bed);
    $ward->acted($lies, 'cancel', { reason => 'Another patient was meant' });
    $ward->say($bed, 'AVAILABLE', reason => 'Clean');

    my $answer = $nurse->get("/api/v1/beds/$bed/history?sort=at");
    is $answer->{status}, 200, 'its history' or diag $answer->{body};
    my @changes = @{ $answer->{data} };
    is_deeply [map { [@$_{qw(was status)}] } @changes], [
        [undef, 'AVAILABLE'], ['AVAILABLE', 'OCCUPIED'],
        ['OCCUPIED', 'CLEANING'], ['CLEANING', 'AVAILABLE']],
        'has all that it was';
    is_deeply [map { $_->{admissionId} } @changes],
        [undef, ($lies->{id}) x 3], 'and through whom';
    is $changes[3]{reason}, 'Clean', 'and why';
    is_deeply [map { $_->{actorId} } @changes],
        [accounts($env)->{users}{admin}{id},
        (accounts($env)->{users}{nurse}{id}) x 3], 'and who did it';
    is_deeply [map { $_->{status} } @{ $nurse->get(
        "/api/v1/beds/$bed/history?limit=1&status=OCCUPIED")->{data} }],
        ['OCCUPIED'], 'is a list as others are';
    is $nurse->get('/api/v1/beds/7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a/history')
        ->{status}, 404, 'no bed, no history';
    is_deeply [map { $nurse->request($_, "/api/v1/beds/$bed/history",
        json => {})->{status} } qw(POST PUT PATCH DELETE)], [(405) x 4],
        'which nobody writes';
}

# A bed that is somebody's, now or later, stays.
sub somebodys {
    my ($lying, $later) = map { $ward->place } 1, 2;
    $ward->admitted($ward->patient(gender => 'FEMALE'), bedId => $lying);
    $ward->admitted($ward->patient, bedId => $later,
        plannedStart => $ward->at(48));
    is bed($lying)->{occupantSex}, 'FEMALE', 'who lies there';
    is_deeply [map { $ward->status($_) } $lying, $later],
        [qw(OCCUPIED AVAILABLE)], 'a bed is taken, one promised';

    refused('it does not go', 409, $_->[1],
        sub { $admin->delete("/api/v1/beds/$_->[0]") })
        for [$lying, 'bed_taken'], [$later, 'bed_reserved'];
    refused('or out of service', 409, $_->[1], sub {
        $ward->say($_->[0], 'OUT_OF_SERVICE', reason => 'Old') })
        for [$lying, 'illegal_status'], [$later, 'bed_reserved'];
    refused('who lies there is not cleaned away', 409, 'illegal_status',
        sub { $ward->say($lying, $_) }) for qw(CLEANING AVAILABLE);
    is $ward->say($later, 'CLEANING')->{status}, 200,
        'one that is promised can be cleaned';
}

sub rooms {
    my $answer = $admin->post('/api/v1/ward-rooms', json => {
        wardId => $ward->here, roomClassId => $ward->class('Standard'),
        roomNumber => 'Same', sexPolicy => 'SAME' });
    is $answer->{status}, 201, 'a room with a policy' or diag $answer->{body};
    is $answer->{data}{sexPolicy}, 'SAME', 'is shown';
    is $admin->get('/api/v1/ward-rooms/' . $ward->room($ward->here))->{data}{sexPolicy},
        'ANY', 'anybody where nothing is said';
    is $admin->post('/api/v1/ward-rooms', json => { wardId => $ward->here,
        roomClassId => $ward->class('Standard'), roomNumber => 'x',
        sexPolicy => 'MIXED' })->{status}, 422, 'no other policies';
}
