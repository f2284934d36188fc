# What cannot be, at every route of beds and admissions: each is refused with
# its status, the field and the rule's name, and changes nothing; what is no
# request at all is refused as everywhere.

use EHR::Test;
use EHR::Test::Booking qw(iso);
use EHR::Test::Document;
use EHR::Test::Faults qw(bad_values refusal);
use EHR::Test::Inpatient;
use JSON::PP ();
use Time::HiRes qw(time);

my $env = environment();
my $admin = client('admin');
my $v1 = '/api/v1';
my $nobody = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my $hospital = EHR::Test::Inpatient->create($env);

my ($ward, $other_ward) = map { $hospital->ward } 1, 2;
my %room = (any => $hospital->room($ward),
    men => $hospital->room($ward, sexPolicy => 'MALE'),
    one_sex => $hospital->room($ward, sexPolicy => 'SAME'));
my %bed = (
    map({ $_ => $hospital->bed($room{any}) } qw(free other taken mothers mans
        leave cleaning broken deleted reserved)),
    map({ $_ => $hospital->bed($room{men}) } qw(men neighbours)),
    map({ $_ => $hospital->bed($room{one_sex}) } qw(womans beside)),
    child => $hospital->bed($room{any}, ageGroup => 'CHILD'));
my ($woman, $mother, $in_room, $leaves, $gone, $comes, $healthy) =
    $hospital->patients(7);
my ($man, $neighbour, $planned, $visitor) =
    $hospital->patients(4, gender => 'MALE');
my ($newborn, $sibling) = $hospital->patients(2, days => 2);
my $now = time();
my %is = admissions();

# -- rules --------------------------------------------------------------------

my %admit = (type => 'ELECTIVE', patientId => $healthy);

rules('admit', '/admissions',
    ['a bed that there is not', { %admit, bedId => $nobody }, 422, 'bedId'],
    ['a deleted bed', { %admit, bedId => $bed{deleted} }, 422, 'bedId'],
    ['a bed out of service', { %admit, bedId => $bed{broken} }, 409, 'bedId',
        'bed_out_of_service'],
    ['a bed that is being cleaned', { %admit, bedId => $bed{cleaning} }, 409,
        'bedId', 'bed_being_cleaned'],
    ['a bed where somebody lies', { %admit, bedId => $bed{taken} }, 409,
        'bedId', 'bed_taken'],
    ['a bed that is promised', { %admit, bedId => $bed{reserved} }, 409,
        'bedId', 'bed_reserved'],
    ['a woman among men', { %admit, bedId => $bed{men} }, 409, 'bedId',
        'room_sex_policy'],
    ['a man beside a woman', { %admit, patientId => $visitor,
        bedId => $bed{beside} }, 409, 'bedId', 'room_sex_policy'],
    ['a grown-up in a bed for children', { %admit, bedId => $bed{child} },
        409, 'bedId', 'bed_age_group'],
    ['neither a bed nor criteria', { %admit }, 422, 'bedId',
        'bed_or_criteria'],
    ['a bed and criteria', { %admit, bedId => $bed{free}, wardId => $ward },
        422, 'bedId', 'bed_or_criteria'],
    ['a ward that there is not', { %admit, wardId => $nobody }, 422,
        'wardId'],
    ['a room class that there is not', { %admit, roomClassId => $nobody },
        422, 'roomClassId'],
    ['a hospital that there is not', { %admit, hospitalId => $nobody }, 422,
        'hospitalId'],
    ['what no bed of the ward has', { %admit, wardId => $ward,
        equipment => ['DIALYSIS'] }, 409, undef, 'no_bed_free'],
    ['no bed in a ward without beds', { %admit, wardId => $other_ward }, 409,
        undef, 'no_bed_free'],
    ['nobody', { %admit, patientId => $nobody, bedId => $bed{free} }, 422,
        'patientId'],
    ['who lies in a bed', { %admit, patientId => $woman,
        bedId => $bed{free} }, 409, 'patientId', 'patient_in_bed'],
    ['who is on leave from one', { %admit, patientId => $leaves,
        bedId => $bed{free} }, 409, 'patientId', 'patient_in_bed'],
    ['by a doctor that there is not', { %admit, bedId => $bed{free},
        admittingDoctorId => $nobody }, 422, 'admittingDoctorId'],
    ['for an appointment that there is not', { %admit, bedId => $bed{free},
        appointmentId => $nobody }, 422, 'appointmentId'],
    ['in the future', { %admit, bedId => $bed{free},
        admittedAt => iso($now + 3600) }, 422, 'admittedAt', 'in_the_future'],
    ['before somebody else left', { %admit, bedId => $bed{cleaning},
        admittedAt => iso($now - 86400) }, 409, 'bedId', 'bed_being_cleaned'],
    ['expected to leave before', { %admit, bedId => $bed{free},
        expectedDischarge => iso($now - 3600) }, 422, 'expectedDischarge',
        'ends_before_start'],
    ['planned for the past', { %admit, bedId => $bed{free},
        plannedStart => iso($now - 86400) }, 422, 'plannedStart',
        'in_the_past'],
    ['planned to end before it begins', { %admit, bedId => $bed{free},
        plannedStart => iso($now + 86400), plannedEnd => iso($now + 3600) },
        422, 'plannedEnd', 'ends_before_start'],
    ['planned, and there already', { %admit, bedId => $bed{free},
        plannedStart => iso($now + 86400), admittedAt => iso($now) }, 422,
        'admittedAt', 'value_refused'],
    ['planned for a bed that is promised', { %admit,
        bedId => $bed{reserved}, plannedStart => iso($now + 5.5 * 86400) },
        409, 'bedId', 'bed_reserved'],
    ['planned for a bed where somebody lies', { %admit,
        bedId => $bed{taken}, plannedStart => iso($now + 86400) }, 409,
        'bedId', 'bed_taken'],
    ['a grown-up as a newborn', { %admit, type => 'NEWBORN',
        bedId => $bed{free} }, 422, 'patientId', 'not_newborn'],
    ['a grown-up with a mother', { %admit,
        motherAdmissionId => $is{mother} }, 422, 'patientId', 'not_newborn'],
    ['a newborn of nobody', { %admit, patientId => $sibling,
        type => 'NEWBORN', motherAdmissionId => $nobody }, 422,
        'motherAdmissionId'],
    ['a newborn of who has left', { %admit, patientId => $sibling,
        type => 'NEWBORN', motherAdmissionId => $is{gone} }, 409,
        'motherAdmissionId', 'illegal_status'],
    ['a code that is none', { %admit, bedId => $bed{free},
        diagnosisCode => 'pneumonia' }, 422, 'diagnosisCode'],
    ['without a type', { patientId => $healthy, bedId => $bed{free} }, 422,
        'type'],
);

rules('admit again', "/admissions/$is{woman}/admit",
    ['who is admitted', {}, 409, 'status', 'illegal_status'],
    ['into another bed', { bedId => $bed{free} }, 409, 'status',
        'illegal_status']);
rules('admit again', "/admissions/$is{$_}/admit",
    ["who is $_", { bedId => $bed{free} }, 409, 'status', 'illegal_status'])
    for qw(gone cancelled leaves);
rules('admit', "/admissions/$is{planned}/admit",
    ['into a bed where somebody lies', { bedId => $bed{taken} }, 409,
        'bedId', 'bed_taken'],
    ['beside a woman', { bedId => $bed{beside} }, 409, 'bedId',
        'room_sex_policy'],
    ['in the future', { admittedAt => iso($now + 3600) }, 422, 'admittedAt',
        'in_the_future'],
    ['a bed and criteria', { bedId => $bed{free}, wardId => $ward }, 422,
        'bedId', 'bed_or_criteria']);

rules('transfer', "/admissions/$is{woman}/transfer",
    ['to the same bed', { bedId => $bed{taken} }, 409, 'bedId', 'same_bed'],
    ['to a bed that there is not', { bedId => $nobody }, 422, 'bedId'],
    ['to a deleted bed', { bedId => $bed{deleted} }, 422, 'bedId'],
    ['to a bed out of service', { bedId => $bed{broken} }, 409, 'bedId',
        'bed_out_of_service'],
    ['to one that is being cleaned', { bedId => $bed{cleaning} }, 409,
        'bedId', 'bed_being_cleaned'],
    ['to one that is promised', { bedId => $bed{reserved} }, 409, 'bedId',
        'bed_reserved'],
    ["to somebody else's", { bedId => $bed{mothers} }, 409, 'bedId',
        'bed_taken'],
    ['to the men', { bedId => $bed{men} }, 409, 'bedId', 'room_sex_policy'],
    ['to a bed for children', { bedId => $bed{child} }, 409, 'bedId',
        'bed_age_group'],
    ['to nothing', {}, 422, 'bedId', 'bed_or_criteria'],
    ['to a bed and by criteria', { bedId => $bed{free}, isolation =>
        JSON::PP::true() }, 422, 'bedId', 'bed_or_criteria'],
    ['to a ward without beds', { wardId => $other_ward }, 409, undef,
        'no_bed_free'],
    ['in the future', { bedId => $bed{free}, at => iso($now + 3600) }, 422,
        'at', 'in_the_future'],
    ['before the admission', { bedId => $bed{free}, at => iso($now - 86400) },
        409, 'at', 'before_last_movement']);
rules('transfer', "/admissions/$is{man}/transfer",
    ['to a woman', { bedId => $bed{beside} }, 409, 'bedId',
        'room_sex_policy']);
rules('transfer', "/admissions/$is{$_}/transfer",
    ["of who is $_", { bedId => $bed{free} }, 409, 'status',
        'illegal_status']) for qw(gone cancelled planned);

rules('swap', "/admissions/$is{woman}/swap",
    ['with oneself', { otherAdmissionId => $is{woman} }, 409,
        'otherAdmissionId', 'same_bed'],
    ['with nobody', { otherAdmissionId => $nobody }, 422,
        'otherAdmissionId'],
    ['with who has left', { otherAdmissionId => $is{gone} }, 409,
        'otherAdmissionId', 'illegal_status'],
    ['with who is expected', { otherAdmissionId => $is{planned} }, 409,
        'otherAdmissionId', 'illegal_status'],
    ['in the future', { otherAdmissionId => $is{man},
        at => iso($now + 3600) }, 422, 'at', 'in_the_future'],
    ['before the admission', { otherAdmissionId => $is{man},
        at => iso($now - 86400) }, 409, 'at', 'before_last_movement'],
    ['without another', {}, 422, 'otherAdmissionId']);
rules('swap', "/admissions/$is{neighbour}/swap",
    ['that brings a woman to the men', { otherAdmissionId => $is{woman} },
        409, 'otherAdmissionId', 'room_sex_policy']);
rules('swap', "/admissions/$is{mother}/swap",
    ['with the own newborn', { otherAdmissionId => $is{newborn} }, 409,
        'otherAdmissionId', 'same_bed']);
rules('swap', "/admissions/$is{gone}/swap",
    ['of who has left', { otherAdmissionId => $is{woman} }, 409, 'status',
        'illegal_status']);

rules('discharge', "/admissions/$is{woman}/discharge",
    ['without an order', { step => 'DONE', disposition => 'HOME' }, 409,
        'step', 'not_ordered'],
    ['without saying where to', { step => 'DONE' }, 422, 'disposition',
        'field_required'],
    ['withdrawn without an order', { step => 'WITHDRAWN' }, 409, 'step',
        'not_ordered'],
    ['before the admission', { step => 'DONE', disposition => 'DECEASED',
        at => iso($now - 86400) }, 409, 'at', 'before_last_movement'],
    ['ordered before the admission', { step => 'ORDERED',
        at => iso($now - 86400) }, 409, 'at', 'before_last_movement'],
    ['in the future', { step => 'DONE', disposition => 'DECEASED',
        at => iso($now + 3600) }, 422, 'at', 'in_the_future'],
    ['without a step', { disposition => 'HOME' }, 422, 'step']);
rules('discharge', "/admissions/$is{mother}/discharge",
    ['before the newborn', { step => 'DONE', disposition => 'DECEASED' },
        409, 'step', 'newborn_in_bed'],
    ['ordered twice', { step => 'ORDERED' }, 409, 'status',
        'illegal_status']);
for my $state (qw(gone cancelled planned)) {
    rules('discharge', "/admissions/$is{$state}/discharge",
        ["of who is $state", { step => 'ORDERED' }, 409, 'status',
            'illegal_status'],
        ["of who is $state", { step => 'DONE', disposition => 'DECEASED' },
            409, 'status', 'illegal_status']);
}

rules('leave', "/admissions/$is{woman}/leave",
    ['until before', { until => iso($now - 60) }, 422, 'until',
        'in_the_past'],
    ['without an end', {}, 422, 'until']);
rules('leave', "/admissions/$is{$_}/leave",
    ["of who is $_", { until => iso($now + 86400) }, 409, 'status',
        'illegal_status']) for qw(leaves gone cancelled planned);
rules('return', "/admissions/$is{$_}/return",
    ["of who is $_", undef, 409, 'status', 'illegal_status'])
    for qw(woman gone cancelled planned);

rules('cancel', "/admissions/$is{woman}/cancel",
    ['without a reason', {}, 422, 'reason'],
    ['for an empty reason', { reason => '' }, 422, 'reason']);
rules('cancel', "/admissions/$is{mother}/cancel",
    ['before the newborn', { reason => 'Test' }, 409, 'status',
        'newborn_in_bed']);
rules('cancel', "/admissions/$is{$_}/cancel",
    ["of who is $_", { reason => 'Test' }, 409, 'status', 'illegal_status'])
    for qw(gone cancelled leaves);

rules('bed', "/beds/$bed{taken}/status",
    ['with somebody in it', { status => $_, reason => 'Test' }, 409,
        'status', 'illegal_status']) for qw(AVAILABLE CLEANING OUT_OF_SERVICE);
rules('bed', "/beds/$bed{free}/status",
    ['free, and to be free', { status => 'AVAILABLE' }, 409, 'status',
        'illegal_status'],
    ['out of service for no reason', { status => 'OUT_OF_SERVICE' }, 422,
        'reason'],
    ['occupied by saying so', { status => 'OCCUPIED' }, 422, 'status'],
    ['reserved by saying so', { status => 'RESERVED' }, 422, 'status']);
rules('bed', "/beds/$bed{reserved}/status",
    ['promised, and out of service', { status => 'OUT_OF_SERVICE',
        reason => 'Test' }, 409, 'status', 'bed_reserved']);
rules('bed', "/beds/$_/status",
    ['that is not there', { status => 'CLEANING' }, 404])
    for $nobody, $bed{deleted};

# -- other ways to the same rows ----------------------------------------------

unchanged('rows that are not to be written', sub {
    refuses($admin->delete("$v1/beds/$bed{taken}"), 409, undef, 'bed_taken',
        'a bed with somebody in it is not deleted');
    refuses($admin->delete("$v1/beds/$bed{reserved}"), 409, undef,
        'bed_reserved', 'nor one that is promised');
    refuses($admin->patch("$v1/beds/$bed{taken}",
        json => { wardRoomId => $room{men} }), 409, 'wardRoomId', 'bed_taken',
        'nor carried into another room');
    refuses($admin->patch("$v1/beds/$bed{free}",
        json => { $_ => $_ eq 'status' ? 'CLEANING' : 'MALE' }), 422, $_,
        undef, "$_ of a bed is not written") for qw(status occupantSex);
    refuses($admin->patch("$v1/ward-rooms/$room{one_sex}",
        json => { sexPolicy => 'MALE' }), 409, 'sexPolicy', 'room_sex_policy',
        'a room with a woman in it is not for men');
    refuses($admin->patch("$v1/ward-rooms/$room{any}",
        json => { sexPolicy => 'SAME' }), 409, 'sexPolicy', 'room_sex_policy',
        'nor one with both for one sex');
    refuses($admin->patch("$v1/ward-rooms/$room{any}",
        json => { wardId => $other_ward }), 409, 'wardId', 'bed_taken',
        'nor is it of another ward');
    for my $field (qw(status bedId wardId patientId admittedAt dischargedAt
        dischargeOrderedAt disposition cancelReason motherAdmissionId))
    {
        refuses($admin->patch("$v1/admissions/$is{woman}", json => {
            $field => $field =~ /At$/ ? iso($now) : $field =~ /Id$/ ? $nobody
                : 'HOME' }), 422, $field, undef,
            "$field of an admission is not written");
    }
    refuses($admin->patch("$v1/admissions/$is{woman}",
        json => { expectedDischarge => iso($now - 86400) }), 422,
        'expectedDischarge', undef, 'nor an end before the beginning');
    is $admin->$_("$v1/admissions/$is{woman}", json => {})->{status}, 405,
        "no $_" for qw(put delete);
    is $admin->$_("$v1/admissions/$is{woman}/movements", json => {})->{status},
        405, "no $_ of movements" for qw(post put delete);
});

unchanged('who may not', sub {
    my ($doctor, $nurse, $reception, $patient, $lab) =
        map { client($_) } qw(doctor nurse reception patient lab);
    my %here = (%admit, bedId => $bed{free});

    is $_->post("$v1/admissions", json => \%here)->{status}, 403,
        'admits nobody' for $patient, $lab;
    refuses($reception->post("$v1/admissions", json => { %here,
        admittedAt => iso($now - 7200) }), 403, undef, undef,
        'enters nothing of the past');
    is $reception->post("$v1/admissions/$is{woman}/discharge",
        json => { step => 'DONE', disposition => 'DECEASED' })->{status}, 403,
        'discharges nobody';
    is $nurse->post("$v1/admissions/$is{woman}/discharge",
        json => { step => 'ORDERED' })->{status}, 403, 'orders no discharge';
    is $doctor->post("$v1/admissions/$is{woman}/transfer",
        json => { bedId => $bed{free} })->{status}, 404,
        'moves nobody whom they do not treat';
    is $patient->get("$v1/admissions/$is{woman}")->{status}, 404,
        'sees nobody else';
    is $patient->post("$v1/beds/$bed{cleaning}/status",
        json => { status => 'AVAILABLE' })->{status}, 403, 'cleans no bed';
    is client()->post("$v1/admissions", json => \%here)->{status}, 401,
        'or is nobody';
});

# -- what is no such request at all -------------------------------------------

unchanged('ids and versions', sub {
    for my $path (qw(admit transfer swap discharge leave return cancel)) {
        my @bodies = (discharge => { step => 'ORDERED' }, swap => {
            otherAdmissionId => $is{man} }, leave => {
            until => iso($now + 3600) }, cancel => { reason => 'Test' });
        my %body = @bodies;
        my @json = $path eq 'return' ? ()
            : (json => $body{$path} || { bedId => $bed{free} });
        is $admin->post("$v1/admissions/$nobody/$path", @json)->{status}, 404,
            "$path: no such admission";
        is $admin->post("$v1/admissions/$_/$path", @json)->{status}, 400,
            "$path: no id: $_" for 'x', '1', "$nobody'", uc($nobody) . '0';
        is $admin->post("$v1/admissions/$is{woman}/$path", @json,
            headers => { 'If-Match' => '"9999"' })->{status}, 412,
            "$path: another version";
    }
    is $admin->get("$v1/wards/$_->[0]/board")->{status}, $_->[1],
        "board of $_->[0]" for ['x', 400], [$nobody, 404];
    is $admin->get("$v1/beds/$_->[0]/history")->{status}, $_->[1],
        "history of $_->[0]" for ['x', 400];
    is $admin->get("$v1/admissions/$_->[0]/movements")->{status}, $_->[1],
        "movements of $_->[0]" for ['x', 400];
});

unchanged('queries', sub {
    my %bad = (
        'beds' => [qw(status=NOT_ONE wardId=x roomClassId=1 hospitalId=%27
            isolation=maybe equipment=FRIDGE ageGroup=OLD sexPolicy=X
            freeFor=x colour=red)],
        'occupancy' => [qw(hospital=x ward=x class=x bucket=decade from=then
            to=2026-02-30 from=2026-05-01T00:00:00Z&to=2026-04-01T00:00:00Z
            colour=red)],
        'admissions' => [qw(status=NOT_ONE type=X bedId=x admittedFrom=then
            limit=0 limit=101 cursor=x sort=bedId)],
        'events' => [qw(ward=x)],
    );
    for my $path (sort keys %bad) {
        for my $query (@{ $bad{$path} }) {
            my $answer = $admin->get("$v1/$path?$query");
            like $answer->{status}, qr/\A4(?:00|22)\z/, "$path?$query"
                or diag $answer->{body};
        }
    }
});

my @operations = grep { $_->{body} && $_->{path}
    =~ m{^/(?:admissions|beds/\{id\}/status)} }
    EHR::Test::Document->load(client())->operations;
cmp_ok scalar(@operations), '>=', 9, 'all routes with a body'
    or diag join ' ', map { $_->{path} } @operations;
for my $operation (@operations) {
    my $url = $operation->{url} =~ s/\{id\}/$operation->{path} =~ m{beds}
        ? $bed{cleaning} : $is{woman}/er;
    my $method = lc $operation->{method};
    my $name = "$operation->{method} $operation->{path}";

    unchanged("$name: bodies", sub { bodies($method, $url) });
    for my $field (sort keys %{ $operation->{body}{properties} }) {
        unchanged("$name: $field", sub {
            my @faults = map {
                my ($raw, $statuses) = @$_;
                refusal($admin->$method($url, body => qq({"$field":$raw})),
                    $field, $statuses, $raw);
            } bad_values($operation->{body}{properties}{$field});
            is_deeply \@faults, [], 'refuses what it should';
        });
    }
}

logs_clean($env);
done_testing;

# -- who lies where -----------------------------------------------------------

# Everybody the rules are about; ids by what they are.
sub admissions {
    my %made;
    my $lies = sub { my ($who, $patient, @more) = @_;
        $made{$who} = $hospital->admitted($patient, @more)->{id} };
    my $done = sub { my ($who, $what, $body) = @_;
        my $answer = $hospital->act({ id => $made{$who} }, $what, $body);
        die "$what: $answer->{body}\n" if $answer->{status} != 200 };

    $lies->(woman => $woman, bedId => $bed{taken});
    $lies->(man => $man, bedId => $bed{mans});
    $lies->(neighbour => $neighbour, bedId => $bed{neighbours});
    $lies->(in_room => $in_room, bedId => $bed{womans});
    $lies->(mother => $mother, bedId => $bed{mothers});
    $lies->(newborn => $newborn, type => 'NEWBORN',
        motherAdmissionId => $made{mother});
    $done->(mother => discharge => { step => 'ORDERED' });
    $lies->(leaves => $leaves, bedId => $bed{leave});
    $done->(leaves => leave => { until => iso($now + 86400) });
    $lies->(gone => $gone, bedId => $bed{cleaning});
    $done->(gone => discharge => { step => 'DONE',
        disposition => 'AGAINST_ADVICE' });
    $lies->(planned => $planned, bedId => $bed{reserved},
        plannedStart => iso($now + 5 * 86400),
        plannedEnd => iso($now + 6 * 86400));
    $lies->(cancelled => $comes, bedId => $bed{other},
        plannedStart => iso($now + 86400));
    $done->(cancelled => cancel => { reason => 'Another time' });

    for ([broken => 'OUT_OF_SERVICE', reason => 'A wheel is off']) {
        my ($name, $status, @more) = @$_;
        my $answer = $hospital->bed_status($bed{$name}, $status, @more);
        die "$name: $answer->{body}\n" if $answer->{status} != 200;
    }
    my $answer = $admin->delete("$v1/beds/$bed{deleted}");
    die "delete: $answer->{body}\n" if $answer->{status} !~ /\A20[04]\z/;
    return %made;
}

# -- telling ------------------------------------------------------------------

# Cases: name, body, status, field, rule.
sub rules {
    my ($what, $path, @cases) = @_;

    for (@cases) {
        my ($name, $body, @refusal) = @$_;
        unchanged("$what: $name", sub {
            refuses($admin->post("$v1$path", $body ? (json => $body) : ()),
                @refusal[0 .. 2], 'refused');
        });
    }
}

sub refuses {
    my ($answer, $status, $field, $rule, $name) = @_;
    my $told = $answer->{json} || {};

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    subtest $name => sub {
        is $answer->{status}, $status, 'status';
        ok length($told->{message} || ''), 'and a message';
        is_deeply [keys %{ $told->{errors} || {} }], [$field], 'of the field'
            if defined $field;
        ok !ref && length, 'in words' for values %{ $told->{errors} || {} };
        is $told->{data} && $told->{data}{rule}, $rule, 'by the rule'
            if defined $rule;
    } or diag $answer->{body} || $answer->{error};
}

# Runs tests, after which every row about beds and admissions is as it was.
sub unchanged {
    my ($name, $code) = @_;
    my $before = digest();

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    subtest $name => sub {
        $code->();
        is digest(), $before, 'the database is as before';
    };
}

sub digest {
    return $env->sql(join ' UNION ALL ', map {
        "SELECT '$_ ' || count(*) || ' ' || coalesce(md5(string_agg("
            . "t::text, '' ORDER BY t::text)), '') FROM ehr.$_ AS t"
            . ($_ eq 'claims' ? " WHERE kind IN ('admission', 'reservation')"
                : $_ eq 'audit_log' ? " WHERE action <> 'READ'"
                    . " AND entity IN ('admissions', 'beds')" : '')
    } qw(wards ward_rooms beds bed_status_changes admissions
        admission_movements claims care_team idempotency_keys audit_log));
}

sub bodies {
    my ($method, $url) = @_;
    my $ask = sub { $admin->$method($url, @_)->{status} };

    is $ask->(body => '{"bedId":"'), 400, 'half a body';
    is $ask->(body => ''), 400, 'an empty one';
    is $ask->(body => '[]'), 422, 'a list';
    is $ask->(body => $_), 400, "not an object: $_" for '"x"', 'null', '{}{}',
        '{"reason":"a"}x', '<admission/>';
    is $ask->(json => { colour => 'red' }), 422, 'a field there is not';
    is $ask->(body => '{"reason":"a","reason":"b"}'), 400, 'a field twice';
    is $ask->(body => '{"reason":"a"}', type => $_), 415, $_ for 'text/plain',
        'application/xml', 'multipart/form-data; boundary=x';
    like $admin->raw(join("\r\n", (uc $method) . " $url HTTP/1.1", 'Host: x',
        "Authorization: Bearer $admin->{token}",
        'Content-Type: application/json', 'Content-Length: 100', '',
        '{"reason":"cut'), half_close => 1, timeout => 3),
        qr{\A(?:HTTP/1.1 4|\z)}, 'a body that is cut';
}
