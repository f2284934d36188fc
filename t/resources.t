# Every resource of the OpenAPI document: created, read, listed, changed,
# replaced, deleted and restored, with bodies made of its schemas; then the
# rules of care that no schema tells.

use EHR::Test;
use EHR::Test::Appointments qw(appointment);
use EHR::Test::Bodies;
use EHR::Test::Document;
use JSON::PP ();

my $env = environment();
my $admin = client('admin');
my $document = EHR::Test::Document->load(client());
my $bodies = EHR::Test::Bodies->new($document, $env);
my @resources = $document->resources;

# Whose visit it was and who rates is told to staff only, what was deleted to
# administrators.
my %untold = (ratings => { map { $_ => 1 }
    qw(encounterId patientId createdBy updatedBy deletedAt) });

# What every write changes, and what the server derives from other rows too.
my @moving = qw(version updatedAt updatedBy averageRating ratingCount
    possibleDuplicateIds);

cmp_ok scalar @resources, '>=', 20, 'resources to test';
# appointments are cancelled, not deleted: t/appointments.t
life_of($_) for grep { $_->{name} ne 'appointments' } @resources;
references_of($_) for @resources;
rules_of_care();

logs_clean($env);
done_testing;

# -- what all have in common --------------------------------------------------

sub life_of {
    my ($resource) = @_;
    my $name = $resource->{name};

    subtest $name => sub {
        my $client = $bodies->client($resource);
        my $collection = $bodies->collection($resource);
        my $body = $bodies->full($resource);
        my $answer = $client->post($collection, json => $body);

        is $answer->{status}, 201, 'created' or
            return diag $answer->{body};
        my $made = $answer->{data};
        my $untold = $untold{$name} || {};
        delete @$body{keys %$untold};
        shows($made, $body, 'the answer shows what was sent');
        is_deeply [grep { !exists $made->{$_} && !$untold->{$_} }
            shown($resource)], [],
            'every field of the schema is there';
        is_deeply [grep { !$resource->{read}{properties}{$_} }
            keys %$made], [], 'and none beside';
        is $answer->{headers}{etag}, qq("$made->{version}"), 'ETag';

        my $item = $bodies->item($resource, $made->{id});
        is $answer->{headers}{location}, $item, 'Location names the item';
        my $read = $client->get($answer->{headers}{location});
        is $read->{status}, 200, 'which can be read';
        is_deeply $read->{data}, $made, 'and is what was answered';

        ok is_listed($resource, $made->{id}), 'it is in the list';
        changes($resource, $item, $made);
        replaces($resource, $item);
        removes($resource, $item, $made->{id});
    };
}

sub shown {
    my ($resource) = @_;
    my $property = $resource->{read}{properties};
    return grep { !is_ranking($_) } keys %$property;
}

sub is_ranking { $_[0] eq 'distanceKm' }

# Numbers count as numbers; a phone or time may come back in another form.
sub shows {
    my ($data, $body, $about) = @_;
    my %sent = map { $_ => $body->{$_} } grep { $_ ne 'password' } keys %$body;
    my %got = map { $_ => $data->{$_} } keys %sent;
    is_deeply \%got, \%sent, $about;
}

sub list_of {
    my ($resource, $query) = @_;
    my $client = $bodies->client($resource);
    my $collection = $bodies->collection($resource);
    my ($cursor, @all) = ('');

    do {
        my $answer = $client->get("$collection?limit=100&fields=id$query"
            . ($cursor && "&cursor=$cursor"));
        is $answer->{status}, 200, 'a page' or diag $answer->{body};
        push @all, map { $_->{id} } @{ $answer->{data} };
        $cursor = $answer->{json}{meta}{nextCursor};
    } while $cursor;
    return @all;
}

sub is_listed {
    my ($resource, $id, $query) = @_;
    return grep { $_ eq $id } list_of($resource, $query || '');
}

# PATCH of every field alone, to its least, where the schema leaves room.
sub changes {
    my ($resource, $item, $made) = @_;
    my $client = $bodies->client($resource);
    my $property = $resource->{update}{properties};
    my @text = grep {
        my $schema = $property->{$_};
        EHR::Test::Document::type($schema) eq 'string' && !$schema->{enum}
            && !$schema->{format} && ($schema->{pattern} || '') !~ /A-Z|0-9/
    } sort keys %$property;

    for my $field (@text) {
        my $before = $client->get($item)->{data};
        my $value = substr "Chang\x{e9}d $$ $field", 0,
            $property->{$field}{maxLength};
        my $answer = $client->patch($item, json => { $field => $value });
        is $answer->{status}, 200, "PATCH $field" or diag $answer->{body};

        my %expected = (%$before, $field => $value);
        my %got = %{ $answer->{data} || {} };
        is $got{version}, $before->{version} + 1, 'a new version';
        delete @$_{@moving} for \%expected, \%got;
        is_deeply \%got, \%expected, "only $field has changed";
    }

    for my $field (grep { EHR::Test::Document::is_nullable($property->{$_}) }
        sort keys %$property)
    {
        next if $field =~ /^(?:latitude|longitude)$/;
        my $answer = $client->patch($item, json => { $field => undef });
        # an entry that would say nothing is refused; see the rules below
        is $answer->{status}, 200, "PATCH $field to null"
            or diag $answer->{body};
        my $is_object =
            EHR::Test::Document::type($property->{$field}) eq 'object';
        is_deeply $answer->{data}{$field}, $is_object ? {} : undef,
            "$field is null";
        $client->patch($item, json => { $field => $made->{$field} });
    }
    is $client->patch($item, json => {})->{status}, 200,
        'PATCH of nothing is allowed';
    is_deeply data_of($client, $item), strip($made, $client, $item),
        'all is as it was' or diag explain $made;
}

# The data without what every write changes; texts changed above are kept.
sub data_of {
    my ($client, $item) = @_;
    my %data = %{ $client->get($item)->{data} || {} };
    delete @data{@moving, keys_of_text(\%data)};
    return \%data;
}

sub strip {
    my ($made) = @_;
    my %data = %$made;
    delete @data{@moving, keys_of_text(\%data)};
    return \%data;
}

sub keys_of_text {
    my ($data) = @_;
    return grep { !ref $data->{$_} && ($data->{$_} // '') =~ /[a-z] ?/i
        && !/At$|Date|Id$|^id$/ } keys %$data;
}

# What GET showed may be sent back by PUT, and changes nothing.
sub replaces {
    my ($resource, $item) = @_;
    my $client = $bodies->client($resource);
    my $read = $client->get($item);
    my $answer = $client->put($item, json => $read->{data},
        headers => { 'If-Match' => $read->{headers}{etag} });

    is $answer->{status}, 200, 'PUT what GET showed' or diag $answer->{body};
    my ($before, $after) = ({ %{ $read->{data} } }, { %{ $answer->{data} } });
    delete @$_{@moving} for $before, $after;
    is_deeply $after, $before, 'it is the same';

    my %required = map { $_ => 1 } @{ $resource->{create}{required} || [] };
    my %least = map { $_ => $read->{data}{$_} }
        grep { $required{$_} } keys %{ $read->{data} };
    return if $resource->{name}
        =~ /^(?:vitals|medical-history|waiting-list)$/;
    $answer = $client->put($item, json => \%least);
    is $answer->{status}, 200, 'PUT of what is required'
        or diag $answer->{body};
    for my $field (sort keys %{ $resource->{update}{properties} }) {
        next if $required{$field};
        my $schema = $resource->{update}{properties}{$field};
        next unless EHR::Test::Document::is_nullable($schema);
        my $empty = EHR::Test::Document::type($schema) eq 'object'
            ? {} : undef;
        is_deeply $answer->{data}{$field}, $empty, "PUT without $field";
    }
    $answer = $client->put($item, json => $read->{data});
    is $answer->{status}, 200, 'PUT it back' or diag $answer->{body};
}

sub removes {
    my ($resource, $item, $id) = @_;
    my $client = $bodies->client($resource);
    my $before = $client->get($item);
    my $answer = $client->delete($item,
        headers => { 'If-Match' => '"1000000"' });
    is $answer->{status}, 412, 'DELETE of another version';
    $answer = $client->delete($item,
        headers => { 'If-Match' => $before->{headers}{etag} });

    is $answer->{status}, 200, 'deleted' or return diag $answer->{body};
    is $client->get($item)->{status}, 404, 'it is gone';
    is $client->$_($item, json => {})->{status}, 404, "no $_ of it"
        for 'patch';
    is $client->delete($item)->{status}, 404, 'nor deleted twice';
    ok !is_listed($resource, $id), 'nor listed';
    return unless $resource->{restore};

    my $restore = EHR::Test::Document::fill($resource->{restore}, $id);
    ok((grep { $_->{id} eq $id && $_->{deletedAt} } deleted_of($resource)),
        'an administrator sees it among the deleted');
    is client('doctor')->post($restore)->{status}, 403,
        'a doctor cannot restore';
    $answer = $admin->post($restore);
    is $answer->{status}, 200, 'an administrator can'
        or return diag $answer->{body};
    is $answer->{data}{deletedAt}, undef, 'it is not deleted any more';
    ok is_listed($resource, $id), 'it is in the list again';
    is $admin->post($restore)->{status}, 404, 'once';

    my ($was, $is) = ({ %{ $before->{data} } },
        { %{ $client->get($item)->{data} } });
    delete @$_{@moving} for $was, $is;
    is_deeply $is, $was, 'and is what it was';
}

sub deleted_of {
    my ($resource) = @_;
    my ($cursor, @all) = ('');
    do {
        my $answer = $admin->get($bodies->collection($resource)
            . '?deleted=true&limit=100&fields=id,deletedAt'
            . ($cursor && "&cursor=$cursor"));
        is $answer->{status}, 200, 'a page of the deleted';
        push @all, @{ $answer->{data} || [] };
        $cursor = $answer->{json}{meta}{nextCursor};
    } while $cursor;
    return @all;
}

# A reference to nothing, and to what was deleted, names the field.
sub references_of {
    my ($resource) = @_;
    my $property = $resource->{create}{properties};
    my $client = $bodies->client($resource);

    for my $field (sort keys %$property) {
        my $reference = $property->{$field}{'x-reference'} or next;
        next if $field eq ($resource->{parent} || '');
        my $is_list = EHR::Test::Document::type($property->{$field})
            eq 'array';

        for my $id (EHR::Test::Bodies::unique_id(), deleted_row($reference)) {
            my $body = $bodies->least($resource);
            $body->{amendmentReason} = 'Wrong' if $field eq 'amendsId';
            my $answer = $client->post($bodies->collection($resource),
                json => { %$body, $field => $is_list ? [$id] : $id });
            is $answer->{status}, 422,
                "$resource->{name}: $field of nothing is refused"
                or diag $answer->{body};
            is_deeply [keys %{ $answer->{json}{errors} || {} }], [$field],
                'by its name' or diag $answer->{body};
        }
    }
}

my %deleted;

sub deleted_row {
    my ($name) = @_;
    # appointments are cancelled instead
    return EHR::Test::Bodies::unique_id() if $name eq 'appointments';
    return $deleted{$name} ||= do {
        my $resource = $bodies->resource($name);
        my $made = $bodies->make($resource);
        my $answer = $admin->delete($bodies->item($resource, $made->{id}));
        $answer->{status} == 200 or die "$name: $answer->{body}\n";
        $made->{id};
    };
}


# -- the rules of care --------------------------------------------------------

sub rules_of_care {
    subtest 'notes' => \&notes;
    subtest 'vital signs' => \&vital_signs;
    subtest 'encounters' => \&encounters;
    subtest 'ratings' => \&ratings;
    subtest 'doctors' => \&doctors;
    subtest 'what is in use stays' => \&in_use;
    subtest 'family' => \&family;
    subtest 'profile' => \&profile;
    subtest 'treatment plans' => \&treatment_plans;
    subtest 'possible duplicates' => \&duplicates;
    subtest 'care team' => \&care_team;
    subtest 'periods and dates' => \&periods;
    subtest 'hours begin today' => \&hours_begin_today;
}

sub make { return $bodies->make($bodies->resource(shift), @_) }

sub patient { return make('patients', @_)->{id} }

sub refused {
    my ($answer, $status, $field, $about) = @_;
    is $answer->{status}, $status, $about or diag $answer->{body};
    is_deeply [sort keys %{ $answer->{json}{errors} || {} }],
        [defined $field ? $field : ()], "$about: the field"
        or diag $answer->{body};
}

sub notes {
    my $patient = patient();
    my $url = "/api/v1/patients/$patient/notes";
    my $doctor = own_doctor($patient);
    my $draft = $doctor->post($url, json => { content => 'First' })->{data};
    my $item = "/api/v1/notes/$draft->{id}";

    is $draft->{status}, 'DRAFT', 'a new note is a draft';
    is $admin->patch($item, json => { content => 'Other' })->{status}, 403,
        'another may not change it';
    is $admin->post("$item/sign")->{status}, 403, 'nor sign it';
    is $doctor->patch($item, json => { content => 'Second' })->{status}, 200,
        'its author may change it';
    my $signed = $doctor->post("$item/sign");
    is $signed->{status}, 200, 'and sign it';
    is $signed->{data}{status}, 'SIGNED', 'then it is signed';
    ok $signed->{data}{signedAt} && $signed->{data}{signedBy}, 'when and by whom';

    my $before = $doctor->get($item)->{data};
    for my $method (qw(patch put)) {
        is $doctor->$method($item, json => { content => 'Third' })->{status},
            409, "a signed note refuses $method";
    }
    is $doctor->delete($item)->{status}, 409, 'and to be deleted';
    is $doctor->post("$item/sign")->{status}, 409, 'or signed again';
    is_deeply $doctor->get($item)->{data}, $before, 'it is what was signed';

    refused($doctor->post($url, json => { content => 'Amended',
        amendsId => $draft->{id} }), 422, 'amendmentReason',
        'an amendment says why');
    my $amendment = $doctor->post($url, json => { content => 'Amended',
        amendsId => $draft->{id}, amendmentReason => 'Wrong dose' });
    is $amendment->{status}, 201, 'a signed note is amended by a new one';
    is $amendment->{data}{amendsId}, $draft->{id}, 'that names it';
    refused($doctor->post($url, json => { content => 'x',
        amendsId => $amendment->{data}{id}, amendmentReason => 'y' }), 409,
        'amendsId', 'a draft is not amended');
    refused($admin->post('/api/v1/patients/' . patient() . '/notes',
        json => { content => 'x', amendsId => $draft->{id},
            amendmentReason => 'y' }), 422, 'amendsId',
        "nor another patient's note");
    is scalar(() = grep { $_->{amendsId} }
        @{ $doctor->get("$url?amendsId=$draft->{id}")->{data} }), 1,
        'amendments of a note can be listed';
    refused($doctor->post($url, json => { content => 'x',
        status => 'SIGNED' }), 422, 'status', 'nobody signs by a field');
}

# A doctor who treats this patient.
my $doctors = 0;

sub own_doctor {
    my ($patient) = @_;
    my $name = "treating$$-" . ++$doctors;
    my $user = accounts($env)->create_user($name, 'DOCTOR');
    my $doctor = make('doctors', userId => $user->{id});
    $admin->post("/api/v1/patients/$patient/care-team",
        json => { doctorId => $doctor->{id} })->{status} == 201 or die;
    my $client = client($name);
    $client->{doctor} = $doctor->{id};
    return $client;
}

sub vital_signs {
    my $url = '/api/v1/patients/' . patient() . '/vitals';
    my $post = sub { $admin->post($url, json => { @_ }) };

    my $answer = $post->(weight => 70, height => 175);
    is $answer->{data}{bmi}, 22.9, 'BMI is derived';
    my $item = "/api/v1/vitals/$answer->{data}{id}";
    is $admin->patch($item, json => { weight => 80 })->{data}{bmi}, 26.1,
        'and follows';
    is $admin->patch($item, json => { height => undef })->{data}{bmi}, undef,
        'or vanishes';
    refused($post->(bmi => 20), 422, 'bmi', 'it cannot be set');
    is $post->(notes => 'nothing measured')->{status}, 422,
        'at least one measurement';
    is $post->(bpSystolic => 120, bpDiastolic => 80)->{status}, 201,
        'blood pressure';
    refused($post->(bpSystolic => 80, bpDiastolic => 80), 422, 'bpSystolic',
        'systolic is above diastolic');
    refused($post->(heartRate => 60, recordedAt => '2199-01-01T00:00:00Z'),
        422, 'recordedAt', 'not in the future');
    is $post->(temperature => 36.6)->{data}{temperature}, 36.6,
        'decimals stay exact';
    refused($post->(temperature => 36.66), 422, 'temperature',
        'no more digits than are kept');
    for my $case (['heartRate', 10, 350], ['respiratoryRate', 2, 120],
        ['temperature', 25, 45], ['weight', 0.2, 650], ['height', 20, 272],
        ['oxygenSaturation', 0, 100], ['painScale', 0, 10],
        ['bloodGlucose', 5, 2500])
    {
        my ($field, $low, $high) = @$case;
        is $post->($field => $_)->{status}, 201, "$field $_" for $low, $high;
        refused($post->($field => $_), 422, $field, "$field $_")
            for $low - ($field eq 'weight' ? 0.1 : 1), $high + 1;
    }
}

sub encounters {
    my $url = '/api/v1/patients/' . patient() . '/encounters';
    my @states = qw(PLANNED ARRIVED IN_PROGRESS COMPLETED CANCELLED
        ENTERED_IN_ERROR);
    my %allowed = (
        PLANNED => 'ARRIVED IN_PROGRESS CANCELLED ENTERED_IN_ERROR',
        ARRIVED => 'IN_PROGRESS CANCELLED ENTERED_IN_ERROR',
        IN_PROGRESS => 'COMPLETED ENTERED_IN_ERROR',
        COMPLETED => 'ENTERED_IN_ERROR', CANCELLED => 'ENTERED_IN_ERROR',
        ENTERED_IN_ERROR => '');

    for my $from (@states) {
        for my $to (@states) {
            my $made = $admin->post($url, json => { status => $from });
            is $made->{status}, 201, "begins as $from";
            my $answer = $admin->patch(
                "/api/v1/encounters/$made->{data}{id}",
                json => { status => $to });
            if ($from eq $to || $allowed{$from} =~ /\b$to\b/) {
                is $answer->{status}, 200, "$from to $to";
                is $answer->{data}{status}, $to, 'it is that now';
                ok $answer->{data}{endedAt}, 'it has an end'
                    if $to eq 'COMPLETED';
            } else {
                refused($answer, 409, 'status', "$from to $to");
            }
        }
    }
    refused($admin->post($url, json => { status => 'COMPLETED',
        startedAt => '2026-01-02T10:00:00Z',
        endedAt => '2026-01-02T09:00:00Z' }), 422, 'endedAt',
        'it does not end before it begins');
    refused($admin->post($url, json => { status => 'IN_PROGRESS',
        startedAt => '2199-01-02T10:00:00Z' }), 422, 'startedAt',
        'what is under way has begun');
}

sub ratings {
    my $rater = $bodies->portal_patient;
    my $doctor = make('doctors')->{id};
    my $visit = sub {
        my $answer = $admin->post("/api/v1/patients/$_[0]/encounters",
            json => { doctorId => $doctor, status => $_[1] });
        return $answer->{data}{id};
    };
    my $rate = sub { $rater->{client}->post(
        "/api/v1/doctors/$doctor/ratings",
        json => { encounterId => $_[0], score => $_[1] }) };

    refused($rate->($visit->($rater->{id}, 'IN_PROGRESS'), 4), 409,
        'encounterId', 'a visit is rated when it is completed');
    refused($rate->($visit->(patient(), 'COMPLETED'), 4), 422, 'encounterId',
        "another's visit is unknown");
    my $seen = $visit->($rater->{id}, 'COMPLETED');
    my $rating = $rate->($seen, 5);
    is $rating->{status}, 201, 'a completed visit is rated';
    refused($rate->($seen, 1), 409, 'encounterId', 'once');
    is $rate->($visit->($rater->{id}, 'COMPLETED'), 2)->{status}, 201,
        'another visit';
    my $shown = sub { my $data = $admin->get("/api/v1/doctors/$doctor")->{data};
        return [@$data{qw(ratingCount averageRating)}] };
    is_deeply $shown->(), [2, 3.5], 'the doctor has their mean';
    my $item = "/api/v1/ratings/$rating->{data}{id}";
    $rater->{client}->patch($item, json => { score => 4 });
    is_deeply $shown->(), [2, 3], 'which follows a change';
    $rater->{client}->delete($item);
    is_deeply $shown->(), [1, 2], 'and a deletion';
    is client('doctor')->post("/api/v1/doctors/$doctor/ratings",
        json => { encounterId => $seen, score => 5 })->{status}, 403,
        'only patients rate';
}

sub doctors {
    my $made = make('doctors');
    my $answer = $admin->post('/api/v1/doctors', json => {
        firstName => 'A', lastName => 'B',
        licenseNumber => $made->{licenseNumber} });
    refused($answer, 409, 'licenseNumber', 'a licence is one doctor\'s');
    refused($admin->patch('/api/v1/doctors/' . make('doctors')->{id},
        json => { licenseNumber => $made->{licenseNumber} }), 409,
        'licenseNumber', 'neither by a change');

    my @department = map { make('departments')->{id} } 1 .. 2;
    my $id = make('doctors', departmentIds => \@department)->{id};
    for my $department (@department) {
        is_deeply [map { $_->{id} } @{ $admin->get(
            "/api/v1/doctors?departmentIds=$department")->{data} }], [$id],
            'found by each department';
    }
    refused($admin->patch("/api/v1/doctors/$id",
        json => { departmentIds => [@department[0, 0]] }), 422,
        'departmentIds', 'none twice');
    my ($user) = values %{ accounts($env)->create_user("second$$", 'DOCTOR') };
    $user = accounts($env)->{users}{"second$$"}{id};
    make('doctors', userId => $user);
    refused($admin->post('/api/v1/doctors', json => { firstName => 'A',
        lastName => 'B', licenseNumber => "second-$$", userId => $user }),
        409, 'userId', 'an account is one doctor\'s');
}

sub in_use {
    my $hospital = make('hospitals')->{id};
    my $ward = make('wards', hospitalId => $hospital)->{id};
    is $admin->delete("/api/v1/hospitals/$hospital")->{status}, 409,
        'a hospital with wards stays';
    is $admin->delete("/api/v1/wards/$ward")->{status}, 200, 'without the ward';
    is $admin->delete("/api/v1/hospitals/$hospital")->{status}, 200,
        'it can be deleted';
    my ($role) = @{ $admin->get('/api/v1/roles?name=NURSE')->{data} };
    is $admin->delete("/api/v1/roles/$role->{id}")->{status}, 409,
        'a built-in role stays';
}

sub family {
    my $parent = $bodies->portal_patient;
    my $client = $parent->{client};
    my $answer = $client->post('/api/v1/user/family', json => {
        relation => 'CHILD', firstName => 'Ana', lastName => 'Muster',
        dateOfBirth => '2019-05-06', gender => 'FEMALE' });
    is $answer->{status}, 201, 'a child is added';
    my $child = $answer->{data}{patientId};
    my $read = $client->get("/api/v1/patients/$child");
    is $read->{status}, 200, 'who has a record now';
    is_deeply [@{ $read->{data} }{qw(firstName lastName dateOfBirth gender)}],
        ['Ana', 'Muster', '2019-05-06', 'FEMALE'], 'with the same name';
    $client->patch("/api/v1/user/family/$answer->{data}{id}",
        json => { firstName => 'Anna' });
    is $client->get("/api/v1/patients/$child")->{data}{firstName}, 'Anna',
        'which follows a change';
    $admin->patch("/api/v1/patients/$child", json => { lastName => 'Doe' });
    is $client->get("/api/v1/user/family/$answer->{data}{id}")
        ->{data}{lastName}, 'Doe', 'in both directions';
    is client('patient')->get("/api/v1/patients/$child")->{status}, 404,
        'others do not see the child';
    is client('patient')->get("/api/v1/user/family/$answer->{data}{id}")
        ->{status}, 404, 'nor the entry';
    $client->delete("/api/v1/user/family/$answer->{data}{id}");
    is $client->get("/api/v1/patients/$child")->{status}, 404,
        'without the entry the parent does not either';
    is $admin->get("/api/v1/patients/$child")->{status}, 200,
        'but the record is there';
    refused($client->post('/api/v1/user/family', json => {
        relation => 'CHILD', firstName => 'A', lastName => 'B',
        patientId => patient() }), 422, 'patientId',
        'nobody takes a record that is there');
}

sub profile {
    my $nurse = client('nurse');
    my $url = '/api/v1/user/profile';
    my $before = $nurse->get($url);
    is $before->{status}, 200, 'one sees the own account';
    is $before->{data}{email}, 'nurse@test.example', 'with its address';
    my $answer = $nurse->patch($url, json => { language => 'es',
        timeZone => 'Europe/Madrid', phone => '+34 600 111 222' });
    is_deeply [@{ $answer->{data} }{qw(language timeZone phone)}],
        ['es', 'Europe/Madrid', '+34 600 111 222'], 'and changes it';
    is $nurse->put($url, json => $before->{data})->{status}, 200,
        'and puts it back';
    refused($nurse->patch($url, json => { timeZone => 'Mars/Olympus' }), 422,
        'timeZone', 'a time zone there is');
    refused($nurse->patch($url, json => { roles => ['ADMIN'] }), 422,
        'roles', 'nobody makes oneself an administrator');
    refused($nurse->patch($url, json => { email => 'nurse2@test.example' }),
        422, 'email', 'nor signs in by an address nobody has verified');
    is $nurse->get($url)->{data}{email}, 'nurse@test.example', 'it is as before';
}

sub treatment_plans {
    my $owner = $bodies->portal_patient;
    my $appointment = appointment($env, $owner->{id});
    my $url = "/api/v1/treatment-plan/$appointment";
    is $admin->get($url)->{status}, 404, 'no plan of that appointment';
    my $made = $admin->post("/api/v1/patients/$owner->{id}/treatment-plans",
        json => { planDetails => 'Rest', appointmentId => $appointment });
    is $made->{status}, 201, 'a plan';
    my $answer = $admin->get($url);
    is $answer->{status}, 200, 'is found by its appointment';
    is_deeply $answer->{data}, $made->{data}, 'it is the same';
    is $owner->{client}->get($url)->{status}, 200, 'its patient sees it';
    is client('patient')->get($url)->{status}, 404, 'others do not';
}

sub random_name { return join '', 'W', map { ('a' .. 'z')[rand 26] } 1 .. 12 }

sub duplicates {
    my ($phone, $mail) = ("+44 20 7946 $$", "twin$$\@mail.example");
    my @day = map { 10 + int rand 18 } 1 .. 2;
    my %same = (firstName => 'Maximiliana', lastName => random_name(),
        dateOfBirth => "1951-06-$day[0]");
    my $first = patient(%same, phone => $phone, email => $mail);
    my $flagged = sub { make('patients', @_)->{possibleDuplicateIds} };

    is_deeply $flagged->(%same, firstName => 'Maximilana'), [$first],
        'a similar name and the same birth date';
    is_deeply $flagged->(phone => $phone =~ s/ //gr), [$first],
        'the same phone, written otherwise';
    is_deeply $flagged->(email => uc $mail), [$first], 'the same address';
    is_deeply $flagged->(%same, dateOfBirth => "1952-07-$day[1]"), [],
        'not the same name alone';
    ok !exists client('nurse')->get("/api/v1/patients/$first")
        ->{data}{possibleDuplicateIds}, 'only told to those who may see';
}

sub care_team {
    my $mine = patient();
    my $other = patient();
    my $doctor = own_doctor($mine);
    my $write = sub { $doctor->post("/api/v1/patients/$_[0]/vitals",
        json => { heartRate => 70 })->{status} };

    is $write->($mine), 201, 'a doctor writes for own patients';
    is $write->($other), 404, 'and for no others';
    refused($admin->post("/api/v1/patients/$mine/care-team",
        json => { doctorId => $doctor->{doctor} }), 409, 'doctorId',
        'a doctor is in a team once');
    my $made = $doctor->post('/api/v1/patients', json => {
        firstName => 'New', lastName => 'Patient' });
    is $made->{status}, 201, 'a doctor registers a patient';
    is $write->($made->{data}{id}), 201, 'who is an own one then';
    my ($entry) = @{ $admin->get("/api/v1/patients/$mine/care-team")
        ->{data} };
    is $entry->{doctorId}, $doctor->{doctor}, 'the team is listed';
    is $admin->delete("/api/v1/care-team/$entry->{id}")->{status}, 200,
        'a doctor leaves';
    is $write->($mine), 404, 'and writes no more';
    $admin->post("/api/v1/patients/$other/encounters",
        json => { doctorId => $doctor->{doctor} });
    is $write->($other), 201, 'a visit brings a doctor into the team';
}

# Weekly hours begin on the clinic's day, which somewhere is not UTC's.
sub hours_begin_today {
    my $doctor = $bodies->make($bodies->resource('doctors'))->{id};
    my $day = 0;

    for my $zone ('Etc/GMT+12', 'Etc/GMT-14') {
        my $clinic = $bodies->make($bodies->resource('clinics'),
            timeZone => $zone)->{id};
        my $made = $admin->make("/api/v1/doctors/$doctor/schedules", {
            clinicId => $clinic, dayOfWeek => ++$day, startTime => '09:00',
            endTime => '12:00' });
        my $begins = sub { $env->sql("SELECT valid_from = ($_[0]
            AT TIME ZONE '$zone')::date FROM ehr.doctor_schedules
            WHERE id = '$made->{id}'") };
        is $begins->('created_at'), 't', "hours in $zone begin today";
        is $admin->patch("/api/v1/schedules/$made->{id}",
            json => { validFrom => '2020-01-01' })->{status}, 200, 'or then';
        is $admin->put("/api/v1/schedules/$made->{id}", json => {
            clinicId => $clinic, dayOfWeek => $day, startTime => '09:00',
            endTime => '12:00' })->{status}, 200, 'unless that is taken back';
        is $begins->('updated_at'), 't', 'then today';
    }
}

sub periods {
    my $patient = patient();
    my $post = sub { $admin->post("/api/v1/patients/$patient/$_[0]",
        json => $_[1]) };
    refused($post->('medical-history', { illness => 'x',
        onsetDate => '2020-01-02', resolvedDate => '2020-01-01' }), 422,
        'resolvedDate', 'history ends after it began');
    refused($post->('medical-history', { notes => 'x' }), 422, 'illness',
        'history says what');
    refused($post->('treatment-plans', { planDetails => 'x',
        startDate => '2020-01-02', endDate => '2020-01-01' }), 422, 'endDate',
        'a plan ends after it began');
    refused($post->('medications', { drugName => 'x',
        startDate => '2020-01-02', endDate => '2020-01-01' }), 422, 'endDate',
        'a medication too');
    refused($post->('allergies', { allergen => 'x',
        recordedDate => '2199-01-01' }), 422, 'recordedDate',
        'an allergy is not known in advance');
    refused($admin->post('/api/v1/patients', json => { firstName => 'A',
        lastName => 'B', dateOfBirth => '2199-01-01' }), 422, 'dateOfBirth',
        'nobody is born in the future');
    refused($admin->post('/api/v1/patients', json => { firstName => 'A',
        lastName => 'B', dateOfBirth => '2000-01-02',
        deceasedAt => '2000-01-01' }), 422, 'deceasedAt',
        'or dead before birth');
    refused($admin->post('/api/v1/clinics', json => { name => 'Half',
        latitude => 1 }), 422, 'latitude', 'a position has two numbers');
}
