# Input of every kind that does not belong, in every field of every resource
# and every query parameter, by the OpenAPI document: never a 5xx, the field is
# named, rows stay as they are, and the database never sees a statement that
# legitimate requests do not make.

use EHR::Test;
use EHR::Test::Bodies;
use EHR::Test::Document;
use EHR::Test::Faults qw(@sql bad_values refusal);
use JSON::PP ();

# Without the change feed: its COPYs differ by the ids in them, and with it the
# engine would answer some requests instead of statements.
my $env = start_environment(name => 'input', workers => 2, pg_settings =>
    "pg_stat_statements.track = all\npg_stat_statements.max = 20000",
    edit => \&without_engine);
my $admin = client('admin', $env);
my $nobody = client(undef, $env);
my $document = EHR::Test::Document->load($nobody);
my $bodies = EHR::Test::Bodies->new($document, $env);
my @resources = $document->resources;
my $json = JSON::PP->new->utf8->canonical->allow_nonref;
my $ascii = JSON::PP->new->ascii->allow_nonref;
my $v1 = '/api/v1';

# what a field's bounds need of another field
my %together = (
    'vitals.bpSystolic' => { bpDiastolic => undef },
    'vitals.bpDiastolic' => { bpSystolic => undef },
    'clinics.latitude' => { longitude => 0.5 },
    'clinics.longitude' => { latitude => 0.5 },
);

my $nobodies = 0;
my %allowed = legitimate();
attack_queries();       # first: while little is written, lists are short
attack_headers();
attack_fields($_) for @resources;
attack_own_account();
attack_actions();
statements();

logs_clean($env);
done_testing;

# -- what is watched ----------------------------------------------------------

sub rows_of_tables {
    return { map { $_->[0] => $_->[1] } $env->rows(q{
        SELECT table_name, (xpath('/row/c/text()', query_to_xml(format(
            'SELECT count(*) AS c FROM ehr.%I', table_name), false, true,
            '')))[1]::text
          FROM information_schema.tables
         WHERE table_schema = 'ehr' AND table_type = 'BASE TABLE'
           AND table_name !~ 'audit'}) };
}

sub texts {
    return map { $_->[0] => 1 } $env->rows(q{
        SELECT DISTINCT regexp_replace(query, '\s+', ' ', 'g')
          FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
         WHERE r.rolname NOT IN ('postgres', 'ehr_feed')});
}

# Every request there is, in every legitimate shape.
sub legitimate {
    my $keys = 0;

    for my $resource (@resources) {
        my $client = $bodies->client($resource);
        my $collection = $bodies->collection($resource);
        my $body = $bodies->full($resource);
        my $kept = $client->post($collection, json => $body,
            headers => { 'Idempotency-Key' => 'input-' . ++$keys });
        is $kept->{status}, 201, "$resource->{name} with a key"
            or diag $kept->{body};
        my $made = $bodies->make($resource);
        my $item = $bodies->item($resource, $made->{id});
        for my $field (sort keys %{ $resource->{update}{properties} }) {
            my $value = $client->get($item)->{data}{$field};
            $value = $bodies->value($resource, $field,
                $resource->{update}{properties}{$field})
                unless defined $value;
            $client->patch($item, json => { $field => $value });
        }
        $client->patch($item, json => {});
        $client->put($item, json => $client->get($item)->{data});
        $client->delete($item);
        $admin->post("$item/restore") if $resource->{restore};
    }
    # hours that are new or free again, while somebody waits for some
    for my $resource (grep { $_->{name} =~ /^schedule/ } @resources) {
        my $item = $bodies->item($resource, $bodies->make($resource)->{id});
        $bodies->client($resource)->delete($item);
        $admin->post("$item/restore");
    }
    for my $operation (grep { $_->{query}{limit} } $document->operations) {
        my $url = list_url($operation);
        is $admin->get($url)->{status}, 200, $url;
        for my $name (sort keys %{ $operation->{query} }) {
            my $schema = $operation->{query}{$name}{schema};
            my @values = $name eq 'cursor' ? ()
                : $name eq 'near' ? '40,-3' : $name eq 'sort'
                ? @{ $schema->{enum} } : $schema->{enum} ? $schema->{enum}[0]
                : $schema->{items} ? $schema->{items}{enum}[0]
                : $name =~ /^(?:limit|fields)$/ ? ()
                : EHR::Test::Document::type($schema) =~ /integer|number/
                ? $schema->{minimum} // 1 : EHR::Test::Document::type($schema) eq 'boolean'
                ? 'true' : $name eq 'q' ? 'abc'
                : $bodies->text($name, { maxLength => 100, %$schema });
            for my $value (@values) {
                my $answer = $admin->get("$url?$name=" . escaped($value));
                is $answer->{status}, 200, "$url by $name"
                    or diag $answer->{body};
            }
        }
        $admin->get("$url?q=a") if $operation->{query}{q};
    }
    for my $operation (grep { $_->{method} eq 'GET' && $_->{query}{fields}
        && !$_->{query}{limit} } $document->operations)
    {
        $admin->get($operation->{url}
            =~ s/\{\w+\}/EHR::Test::Bodies::unique_id()/ger);
    }
    my $doctor = $bodies->reference('doctors');
    is $admin->get("$v1/$_")->{status}, 200, $_ for 'calendar',
        "calendar?doctor=$doctor", "doctors/$doctor/slots",
        "doctors/$doctor/slots?date=2030-01-01";
    for my $path ('appointments/holds', 'booking/schedule',
        'booking/reschedule', 'booking/cancel')
    {
        $admin->post("$v1/$path", json => action_body($path));
    }
    $nobody->post("$v1/auth/login", json => { email => 'no@mail.example',
        password => 'wrong' });
    $nobody->post("$v1/auth/refresh", json => { refreshToken => 'wrong' });
    return texts();
}

sub list_url {
    my ($operation) = @_;
    my %parent = (patientId => 'patients', doctorId => 'doctors');
    return $operation->{url} =~ s{([\w-]+)/\{(\w+)\}}
        {"$1/" . $bodies->reference($parent{$2} || $1)}er;
}

sub escaped {
    my ($value) = @_;
    utf8::encode($value) if utf8::is_utf8($value);
    return $value =~ s/([^A-Za-z0-9._~-])/sprintf '%%%02X', ord $1/ger;
}

# -- fields of bodies ---------------------------------------------------------

# One that stays; a valid body for each that would be new.
sub attack_fields {
    my ($resource) = @_;
    my $name = $resource->{name};
    my $client = $bodies->client($resource);
    my $made = $bodies->make($resource);
    my $item = $bodies->item($resource, $made->{id});
    my $collection = $bodies->collection($resource);
    my $least = $bodies->least($resource);
    my $create = $resource->{create}{properties};
    my $update = $resource->{update}{properties};
    my $before = $client->get($item)->{data};
    my $count = rows_of_tables();

    for my $field (sort keys %$create) {
        next if $field eq ($resource->{parent} || '');
        my @cases = bad_values($create->{$field});
        my @faults = refused($client, $field, \@cases, 'POST', $collection,
            body_with($least, $field));
        push @faults, refused($client, $field, \@cases, 'PATCH', $item,
            body_with({}, $field)) if $update->{$field};
        is_deeply \@faults, [], "$name.$field refuses what it should";
    }
    is_deeply rows_of_tables(), $count, "$name: no row was added";
    is_deeply $client->get($item)->{data}, $before, "$name: nor changed";

    for my $field (sort keys %$update) {
        my @faults = acceptance($client, $item, $name, $field,
            good_values($name, $field, $update->{$field}));
        is_deeply \@faults, [], "$name.$field keeps what it takes";
    }
    my @faults = map { refused($client, $_, [[1, [422]]], 'PATCH', $item,
        body_with({}, $_)) } grep { /\A[ -~]+\z/ } @sql, 'id', 'version',
            'password_hash', 'search_name', 'deleted_at', '__proto__', '';
    # a long one is shortened in the answer
    my $long = $client->patch($item, json => { 'x' x 100000 => 1 });
    push @faults, "long name: $long->{body}" unless $long->{status} == 422
        && length $long->{body} < 1000;
    is_deeply \@faults, [], "$name: names that are no field";
}

# What goes before and behind the value of a field in a body.
sub body_with {
    my ($body, $field) = @_;
    my %other = %$body;
    delete $other{$field};
    my $rest = $json->encode(\%other);
    return ['{' . $json->encode($field) . ':',
        %other ? $rest =~ s/\A\{/,/r : '}'];
}

# What is wrong with the answers to a field's values.
sub refused {
    my ($client, $field, $cases, $method, $url, $around) = @_;
    my @answers = $client->several(map { [$method, $url,
        body => $around->[0] . $_->[0] . $around->[1]] } @$cases);
    return map { refusal($answers[$_], $field, $cases->[$_][1],
        "$method " . substr $cases->[$_][0], 0, 80) } 0 .. $#$cases;
}

# -- what is taken is kept as it was sent -------------------------------------

sub good_values {
    my ($name, $field, $schema) = @_;
    my $type = EHR::Test::Document::type($schema);
    my $pattern = $schema->{pattern} || '';
    return () if $schema->{'x-reference'} || $schema->{format}
        || "$name.$field" =~ /^(?:users.roles|roles.permissions
            |appointments.(?:durationMinutes|slotId))$/x;
    if ($type eq 'string') {
        return () if $schema->{enum} || ($pattern && $pattern !~ /\Q[^\E/);
        my $length = $schema->{maxLength};
        return grep { length $_ <= $length } 'x' x $length,
            "\x{1f600}" x $length, "\x{1d518}e\x{301}\x{202e}", 'x',
            ($pattern ? () : "a\tb\r\nc"), ($schema->{minLength} ? () : ''),
            map { utf8::decode(my $text = $_); $text } @sql;
    }
    return grep { defined } @{$schema}{qw(minimum maximum)}
        if $type =~ /integer|number/;
    return map { [$_] } @{ $schema->{items}{enum} }
        if $type eq 'array' && $schema->{items}{enum};
    return map { [$_] } "\x{1f600}" x 200, '', grep { /\A[ -~]+\z/ } @sql
        if $type eq 'array';
    my $deep = { map { $_ => [$_, { $_ => undef }] }
        grep { /\A[ -~]+\z/ } @sql };
    return $deep if $type eq 'object';
    return ($deep, [$deep], 'x', '', 0, -1.5, JSON::PP::false(),
        "\x{1f600}", $sql[0]) if $type eq 'any';
    return ();
}

# What is wrong with the answers to a field's values, and with what is then
# read.
sub acceptance {
    my ($client, $item, $name, $field, @values) = @_;
    my @answers = $client->several(map { (['PATCH', $item,
        json => { $field => $_, %{ $together{"$name.$field"} || {} } }],
        ['GET', "$item?fields=$field"]) } @values);

    return map { acceptance_fault($field, $_, splice @answers, 0, 2) } @values;
}

sub acceptance_fault {
    my ($field, $value, $answer, $read) = @_;
    my $about = substr $ascii->encode($value), 0, 60;

    return "$about: $answer->{status} $answer->{body}"
        unless $answer->{status} == 200;
    return "$about came back as " . $ascii->encode($answer->{data}{$field})
        unless same($answer->{data}{$field}, $value);
    return same($read->{data}{$field}, $value) ? () : "$about was not kept";
}

sub same {
    my ($got, $expected) = @_;
    return $json->encode([$got]) eq $json->encode([$expected])
        || (!ref $expected && !ref $got && defined $got
            && $expected =~ /\A-?[0-9.]+\z/ && $got == $expected);
}

# -- one's own account, actions -----------------------------------------------

sub attack_own_account {
    my $url = "$v1/user/profile";
    my ($operation) = grep { $_->{url} eq $url && $_->{method} eq 'PATCH' }
        $document->operations;
    my $client = client('nurse', $env);
    my $before = $client->get($url)->{data};
    for my $field (sort keys %{ $operation->{body}{properties} }) {
        my @faults = refused($client, $field, [bad_values(
            $operation->{body}{properties}{$field})], 'PATCH', $url,
            body_with({}, $field));
        is_deeply \@faults, [], "profile.$field";
    }
    is_deeply $client->get($url)->{data}, $before, 'the profile is as before';
}

# Sent alone, so that nothing is done for want of the others.
# What the booking actions take, of an appointment that there is not.
sub action_body {
    my ($path) = @_;
    my %body = (doctorId => $bodies->busy_doctor,
        start => $bodies->next_start);
    my $id = EHR::Test::Bodies::unique_id();
    return $path =~ /cancel/ ? { appointmentId => $id }
        : { %body, $path =~ /reschedule/ ? (appointmentId => $id)
            : (patientId => $id) };
}

sub attack_booking {
    for my $operation (grep { $_->{method} eq 'POST' && $_->{body}
            && $_->{path} =~ m{^/(?:booking/|appointments/holds$)} }
        $document->operations)
    {
        my $property = $operation->{body}{properties};
        for my $field (sort keys %$property) {
            my @faults = refused($admin, $field,
                [bad_values($property->{$field})], 'POST', $operation->{url},
                body_with({}, $field));
            is_deeply \@faults, [], "$operation->{url}: $field";
        }
    }
}

sub attack_actions {
    my $count = rows_of_tables();
    attack_booking();
    for my $operation (grep { $_->{method} eq 'POST' && $_->{public} }
        $document->operations)
    {
        my $property = $operation->{body}{properties};
        for my $field (sort keys %$property) {
            next if keys %$property == 1 && !($property->{$field}{maxLength});
            my @faults = refused($nobody, $field, [grep { $_->[0] ne 'null' }
                bad_values($property->{$field})], 'POST', $operation->{url},
                body_with({}, $field));
            is_deeply \@faults, [], "$operation->{url}: $field";
        }
    }
    for my $text (map { utf8::decode(my $text = $_); $text } @sql) {
        my @status = (
            $nobody->post("$v1/auth/refresh",
                json => { refreshToken => $text })->{status},
            $nobody->post("$v1/auth/login", json => {
                email => 'nobody' . ++$nobodies . '@mail.example',
                password => $text })
                ->{status});
        is_deeply \@status, [401, 401], 'neither a token nor a password';
    }
    is_deeply rows_of_tables(), $count, 'no action was done';
}

# -- query strings ------------------------------------------------------------

sub attack_queries {
    my $count = rows_of_tables();
    my @garbage = (@sql, '', ' ', '-', ',', '0', '-1', '1e999', 'true',
        "\x{1f600}" x 30, 'x' x 3000, '1,2,3', '90.1,0', 'NaN', 'infinity',
        'id,id', "a\nb", "\t", '01a1fc00-0000-7000-8000-00000000000g',
        '2026-02-30', '99999999999999999999');

    for my $operation (grep { $_->{query}{limit} || $_->{query}{fields}
            || $_->{path} =~ m{/slots$|^/calendar$} }
        grep { $_->{method} eq 'GET' } $document->operations)
    {
        my $url = $operation->{query}{limit} ? list_url($operation)
            : $operation->{url} =~ s/\{\w+\}/EHR::Test::Bodies::unique_id()/ger;
        my @cases;
        for my $name (sort keys %{ $operation->{query} }) {
            my $schema = $operation->{query}{$name}{schema};
            push @cases, map { [$name, escaped($_),
                may_be($name, $schema, $_) ? (200, 404) : (400, 404)] }
                @garbage;
            push @cases, map { [$name, $_, 400] }
                '%', '%0', '%00', 'a%00b', '%zz', '%ff', '%c0%80', '%ed%a0%80',
                '%f4%90%80%80';
        }
        push @cases, map { [escaped($_), '1', 400, 404] }
            @sql, 'password_hash', 'search_name', 'deletedAt', '1=1';
        is_deeply [query_faults($url, @cases)], [],
            "$operation->{path}: parameters";
    }
    is_deeply rows_of_tables(), $count, 'no row was added or lost';
}

# Whether a parameter takes this value.
sub may_be {
    my ($name, $schema, $value) = @_;
    my $type = EHR::Test::Document::type($schema);
    my $format = $schema->{format} || '';
    my $pattern = $schema->{pattern} || '';
    my $length = $schema->{maxLength} || 100;

    utf8::decode($value);
    return 0 if $name =~ /^(?:cursor|near)$/ || $format =~ /\A[^i]/
        || ($name eq 'q' && $value eq '');
    return $value eq 'id,id' if $name eq 'fields';
    return grep { $_ eq $value } @{ $schema->{enum} } if $schema->{enum};
    return $value =~ /\A(?:true|false)\z/ if $type eq 'boolean';
    return $value eq '0' || $value eq '-1' if $type eq 'integer'
        && !defined $schema->{minimum};
    return 0 if $type ne 'string';
    return length $value <= $length && $value !~ /[\x00-\x1f]/
        if !$pattern || $pattern =~ /\Q[^\E/;
    $pattern =~ s/\$\z/\\z/;
    return length $value <= $length && $value =~ $pattern;
}

# What is wrong with the answers to [name, value, right statuses …] of
# parameters.
sub query_faults {
    my ($url, @cases) = @_;
    my @answers = $admin->several(map { ['GET', "$url?$_->[0]=$_->[1]"] }
        @cases);
    return map { query_fault($url, shift @answers, @$_) } @cases;
}

# A list that is not there is 404 whatever is asked for.
sub query_fault {
    my ($url, $answer, $name, $value, @right) = @_;
    my $status = $answer->{status};
    my $about = substr("$url?$name=$value", 0, 120) . ": $status";

    return "$about $answer->{body}" unless grep { $_ == $status } @right;
    my @named = keys %{ $answer->{json}{errors} || {} };
    return "$about names @named" if $status == 400 && @named
        && "@named" ne $name && escaped("@named") ne $name;
    return "$about names nothing" if $status == 400 && !@named
        && $value !~ /%(?:[^0-9A-Fa-f]|.?\z|00|[c-f])/;
    return ();
}

sub attack_headers {
    my $id = $bodies->reference('patients');
    my @faults;
    for my $name ('If-Match', 'If-None-Match', 'Idempotency-Key',
        'Accept-Language', 'X-Request-Id', 'Authorization', 'User-Agent',
        'Content-Type', 'Accept', 'X-Forwarded-For')
    {
        for my $text (grep { !/\n/ } @sql, 'x' x 7000, "\x01", "\xff", '"') {
            for my $request (['get', "$v1/patients/$id"],
                ['patch', "$v1/patients/$id", json => {}],
                ['post', "$v1/patients", json => { lastName => 'x' }])
            {
                my ($method, $url, @body) = @$request;
                my $answer = $admin->$method($url, @body,
                    headers => { $name => $text });
                push @faults, "$method $name " . substr($text, 0, 30)
                    . ": $answer->{status} " . ($answer->{error} || '')
                    if $answer->{status} >= 500 || !$answer->{status};
            }
        }
    }
    is_deeply \@faults, [], 'headers';
}

# -- what the database saw ----------------------------------------------------

sub statements {
    my %now = texts();
    is_deeply [grep { !$allowed{$_} } sort keys %now], [],
        'no statement but those of legitimate requests';
    cmp_ok scalar keys %allowed, '>', 200, 'which are many';
    is $env->sql('SELECT dealloc FROM pg_stat_statements_info'), 0,
        'and none was forgotten';

    $env->sql_app("SELECT set_config('ehr.actor', '', true), 'injected'");
    %now = texts();
    is scalar(grep { !$allowed{$_} } keys %now), 1,
        'another one would have been seen';

    my @errors = grep { /ERROR:|FATAL:|PANIC:/ }
        split /\n/, read_file($env->database_log);
    is_deeply [grep { /syntax error|unterminated|does not exist|42\w{3}/ }
        @errors], [], 'no statement was misunderstood';
}
