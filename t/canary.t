# No log ever holds patients' data, whatever happens to a request: words that
# occur nowhere else go into every field of every resource while nginx logs at
# level debug, and are then looked for in every log.
#
# What nginx's own core prints at level debug is not ours to change: request
# lines and header lines, as they come in ("http header: …"), and so the
# Authorization header.  So patients' data are never in a path of ours and
# query strings are the client's choice; bodies and what the database says
# are never printed by anybody.  Lines of nginx's core with a request's line
# or headers are left out of the search for tokens, and for what was searched
# for in a query string; nothing is left out of the search for words that were
# in bodies.

use EHR::Test;
use EHR::Test::Bodies;
use EHR::Test::Document;
use JSON::PP ();

my $env = start_environment(name => 'canary', log_level => 'debug',
    server_conf => "client_body_buffer_size 1k;\n");
my $admin = client('admin', $env);
my $nobody = client(undef, $env);
my $document = EHR::Test::Document->load($nobody);
my $bodies = EHR::Test::Bodies->new($document, $env);
my @resources = $document->resources;
my $v1 = '/api/v1';
my ($sent, %secret) = (0);

# In every value that is a text; one word, so that one search finds all.
my $word = 'Zkanari';
# the same for query strings
my $searched = 'Zsuchwort';

like read_file($env->error_log), qr/\[debug\]/, 'nginx logs all it can';
fields_of($_) for @resources;
accounts_and_tokens();
queries();
refused_by_row_security();
database_down();
search_logs();

logs_clean($env, allow => qr/server process|terminating connection/);
done_testing;

# -- sending ------------------------------------------------------------------

# A canary in this form of text, or undef where none fits.
sub canary {
    my ($schema) = @_;
    my $pattern = $schema->{pattern} || '';
    my $format = $schema->{format} || '';
    my $type = EHR::Test::Document::type($schema);
    my $mark = $word . ++$sent;

    return { $mark => [$mark, { deep => $mark }] }
        if $type eq 'object' || $type eq 'any';
    return undef if $schema->{'x-reference'} || $schema->{enum}
        || $schema->{items} && $schema->{items}{enum};
    return [$mark] if $type eq 'array';
    return undef if $type ne 'string' || $format =~ /^(?:date|uuid)/;
    return "$mark\@mail.example" if $format eq 'email';
    return "https://$mark.example/$mark" if $format eq 'uri';
    return "+34 5550199 " . sprintf '%05d', $sent if $pattern =~ /\Q[+]?\E/;
    return undef if $pattern && $pattern !~ /\Q[^\E|a-z0-9]\[A-Za-z0-9._/;
    return $mark if length $mark <= ($schema->{maxLength} || 200);
    return undef;
}

# A full body with canaries; counts as sent.
sub marked {
    my ($resource) = @_;
    my $body = $bodies->full($resource);
    my $property = $resource->{create}{properties};

    for my $field (keys %$body) {
        next if "$resource->{name}.$field" =~ /^(?:users.roles
            |roles.(?:permissions|name)|\w+.(?:timeZone|language|currency))$/x;
        my $canary = canary($property->{$field});
        $body->{$field} = $canary if defined $canary;
    }
    $body->{password} = $secret{password} = "Secret-$word-pass"
        if $resource->{name} eq 'users';
    return $body;
}

sub fields_of {
    my ($resource) = @_;
    my $client = $bodies->client($resource);
    my $collection = $bodies->collection($resource);
    my $name = $resource->{name};
    my $body = marked($resource);
    my $made = $client->post($collection, json => $body,
        headers => { 'Idempotency-Key' => "canary-$collection" });

    is $made->{status}, 201, "$name: created" or return diag $made->{body};
    is $client->post($collection, json => $body,
        headers => { 'Idempotency-Key' => "canary-$collection" })->{status}, 201,
        "$name: repeated";
    my $item = $bodies->item($resource, $made->{data}{id});
    is $client->get($item)->{status}, 200, "$name: read";
    is $client->get($collection)->{status}, 200, "$name: listed";

    my %update = map { $_ => $body->{$_} }
        grep { exists $body->{$_} } keys %{ $resource->{update}{properties} };
    is $client->put($item, json => { %update })->{status}, 200,
        "$name: replaced";
    is $client->patch($item, json => { %update })->{status}, 200,
        "$name: changed";

    my $twice = $client->post($collection, json => $body);
    like $twice->{status}, qr/^(?:201|409)$/, "$name: the same again";
    for my $field (sort keys %{ $resource->{create}{properties} }) {
        my $mark = $word . ++$sent;
        my $answer = $client->post($collection, json => { %$body,
            $field => [$mark, { $mark => "\x{1f600}$mark" }, $mark x 2000] });
        is $answer->{status}, 422, "$name: $field is refused";
        $answer = $client->patch($item, json => { $field => { $mark =>
            $mark } });
    }
    my $encoded = JSON::PP->new->utf8->encode($body);
    is $client->post($collection, body => $_)->{status}, 400,
        "$name: malformed" for substr($encoded, 0, -1), "$encoded x",
        $encoded =~ s/\A\{/{"$word":1,"$word":2,/r, "$encoded\0",
        '{"a":"' . $word . '\u0000"}';
    is $client->post($collection, body => $encoded, type => 'text/plain')
        ->{status}, 415, "$name: another type";
    is $client->post($collection, json => { %$body, $word => $word })
        ->{status}, 422, "$name: unknown field";
    is $client->post($collection, body => $encoded . ' ' x 1100000)->{status},
        413, "$name: too large";
    is $nobody->post($collection, body => $encoded)->{status}, 401,
        "$name: not signed in";
    $client->raw($client->compose('POST', $collection, { body => $encoded })
        =~ s/.{10}\z//sr, abort => 1);
    is $client->delete($item)->{status}, 200, "$name: deleted";
    # what is cancelled is still there
    is $client->patch($item, json => \%update)->{status},
        $name eq 'appointments' ? 200 : 404, "$name: not there any more";
}

sub accounts_and_tokens {
    my $mail = "$word\@secret.example";
    my %person = (email => $mail, firstName => $word, lastName => $word,
        phone => '+34 5550199 99999', password => "Secret-$word-word");
    is $nobody->post("$v1/auth/register", json => \%person)->{status}, 201,
        'registered';
    is $nobody->post("$v1/auth/register", json => \%person)->{status}, 409,
        'twice';
    is $nobody->post("$v1/auth/login", json => { email => $mail,
        password => "Wrong-$word-word" })->{status}, 401, 'a wrong password';
    my $login = $nobody->post("$v1/auth/login", json => { email => $mail,
        password => "Secret-$word-word" });
    is $login->{status}, 200, 'signed in';
    my $client = $nobody->with_token($login->{data}{accessToken});
    is $client->patch("$v1/user/profile", json => { firstName => "$word-p" })
        ->{status}, 200, 'the own profile';
    is $client->patch("$v1/user/profile", json => { email => "p$mail" })
        ->{status}, 422, 'but for the address';
    is $client->post("$v1/setup", json => { token => "$word-token" x 4,
        %person{qw(email firstName lastName password)} })->{status}, 403,
        'not the setup token';

    my $next = $nobody->post("$v1/auth/refresh",
        json => { refreshToken => $login->{data}{refreshToken} });
    is $next->{status}, 200, 'renewed';
    is $nobody->post("$v1/auth/refresh",
        json => { refreshToken => $login->{data}{refreshToken} })->{status},
        401, 'a used token';
    my $signature = sub { ($_[0] =~ /([^.]+)\z/)[0] };
    $secret{"$_->[0] token"} = $_->[1] for
        ['first refresh', $login->{data}{refreshToken}],
        ['second refresh', $next->{data}{refreshToken}],
        ['first access', $signature->($login->{data}{accessToken})],
        ['second access', $signature->($next->{data}{accessToken})],
        ['administrator\'s access', $signature->($admin->{token})],
        ['setup', $env->setup_token];
    is $nobody->get("$v1/user/profile", token => "$login->{data}{accessToken}x")
        ->{status}, 401, 'a spoiled token';
}

# In the query the client chose to have it in the URL; our own lines and the
# access log still do not have it.
sub queries {
    for my $query ("q=$searched", "email=$searched\@mail.example",
        "mrn=$searched", "nothing=$searched", "limit=$searched",
        "sort=$searched", "fields=$searched", "cursor=$searched",
        "since=$searched")
    {
        my $answer = $admin->get("$v1/patients?$query");
        like $answer->{status}, qr/^(?:200|400)$/, $query;
    }
    is $admin->get("$v1/patients/$searched")->{status}, 400, 'a path';
}

sub refused_by_row_security {
    my $doctor = client('doctor', $env);
    my $patient = $bodies->reference('patients');
    for my $case ([vitals => { heartRate => 60, notes => $word }],
        [notes => { content => $word, title => $word }],
        [allergies => { allergen => $word }])
    {
        my ($name, $body) = @$case;
        is $doctor->post("$v1/patients/$patient/$name", json => $body)
            ->{status}, 404, "$name: not a doctor's own patient";
    }
    is $doctor->patch("$v1/patients/$patient", json => { lastName => $word,
        phone => '+34 5550199 77777' })->{status}, 404, 'the patient';
}

sub database_down {
    my $patient = $bodies->reference('patients');
    my @requests = map {
        my ($url, $body) = ($bodies->collection($_), marked($_));
        [$bodies->client($_), $url, $body];
    } @resources;

    $env->stop_database('immediate');
    my %status;
    for my $request (@requests) {
        my ($client, $url, $body) = @$request;
        $status{ $client->post($url, json => $body)->{status} }++;
        $status{ $client->get("$url?limit=1")->{status} }++;
        $status{ $admin->get("$v1/patients?q=$searched")->{status} }++;
    }
    is_deeply [sort keys %status], [503], 'without the database';
    $env->start_database;
    $env->wait_ready;
    my ($client, $url, $body) = @{ $requests[0] };
    is $client->post($url, json => $body)->{status}, 201, 'with it again';
}

# -- searching ----------------------------------------------------------------

sub search_logs {
    cmp_ok $sent, '>', 500, 'canaries were sent';
    ok $env->sql("SELECT count(*) FROM ehr.patients WHERE last_name ~ '$word'"),
        'and stored';
    $env->stop_nginx;

    my %log = map { $_ => read_file("$_") } glob $env->dir . '/log/*';
    is_deeply [grep { !length $log{$_} } $env->error_log, $env->access_log,
        $env->database_log], [], 'there are logs of nginx and PostgreSQL';
    for my $file (sort keys %log) {
        my @lines = split /\n/, $log{$file};
        my $name = $file =~ s{.*/}{}r;
        is_deeply [first(grep { /\Q$word\E|5550199/i } @lines)], [],
            "$name: no canary of a body";

        # without what nginx's core prints of a request's head
        my @ours = grep { !/\[debug\].*(?:\bhttp\h(?:request\hline|uri
            |args|exten|header|cacheline)\b|"[^"]*\?[^"]*")/x } @lines;
        is_deeply [first(grep { /\Q$searched\E/i } @ours)], [],
            "$name: nothing that was searched for";
        for my $secret (sort keys %secret) {
            is_deeply [first(grep { index($_, $secret{$secret}) >= 0 }
                @ours)], [], "$name: not the $secret";
        }
    }
    ok scalar(grep { /http header: "Authorization/ }
        split /\n/, $log{ $env->error_log }),
        "nginx's own debug lines are there";
}

# Enough to see where it came from.
sub first { return map { substr $_, 0, 300 } grep { defined } @_[0 .. 4] }
