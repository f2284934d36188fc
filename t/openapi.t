# The OpenAPI document: valid, complete, and true.

use EHR::Test;
use EHR::Test::Bodies;
use EHR::Test::Document;
use EHR::Test::Routes;

my $env = environment();
my $admin = client('admin');
my $nobody = client();
my $document = EHR::Test::Document->load($nobody);
my @operations = $document->operations;

subtest 'the Redocly linter' => \&lint;
subtest 'every route is in it' => \&complete;
subtest 'every operation is served' => \&served;
subtest 'schemas' => \&schemas;
subtest 'answers are as it says' => \&answers;

logs_clean($env);
done_testing;

sub lint {
    my $file = $env->dir . "/openapi-$$.json";
    write_file($file, $document->text);
    my ($status, $out, $err) = run_command(undef, top() . '/tools/redocly',
        'lint', '--config', top() . '/t/openapi/redocly.yaml', '--format',
        'json', $file);
    unlink $file;

    is $status, 0, 'accepts the document' or diag $out, $err;
    my ($found) = $out =~ /^(\{.*\})/ms;
    my $report = eval { JSON::PP::decode_json($found) } || {};
    is_deeply $report->{totals},
        { errors => 0, warnings => 0, ignored => 0 },
        'without an error or warning' or diag $out;
    is $document->root->{openapi}, '3.1.0', 'OpenAPI 3.1';
}

# The table of routes, as it is written, against the document.
sub complete {
    my %written = map { EHR::Test::Routes::method_path($_) => $_ }
        EHR::Test::Routes::table();
    my %told = map { EHR::Test::Routes::method_path($_) => $_ } @operations;

    cmp_ok scalar keys %written, '>', 150, 'routes';
    is_deeply [sort keys %told], [sort keys %written], 'the same routes';
    for my $name (sort keys %told) {
        my ($route, $operation) = ($written{$name}, $told{$name});
        is $operation->{spec}{'x-permission'}, $route->{permission},
            "$name: its permission";
        is $operation->{public} || '', $route->{public} || '',
            "$name: whether a token is needed";
    }
}

# What the server says of each path, without a token and a body.
sub served {
    my (%methods, %public);
    for my $operation (@operations) {
        push @{ $methods{ $operation->{url} } }, $operation->{method};
        $public{"$operation->{method} $operation->{url}"} =
            $operation->{public};
    }
    for my $template (sort keys %methods) {
        my $url = $template =~ s/\{\w+\}/EHR::Test::Bodies::unique_id()/ger;
        my %here = map { $_ => 1 } @{ $methods{$template} };
        my @allow = grep { $here{$_} || ($_ eq 'HEAD' && $here{GET})
            || $_ eq 'OPTIONS' }
            qw(GET HEAD POST PUT PATCH DELETE OPTIONS);
        is $nobody->options($url)->{headers}{allow}, join(', ', @allow),
            "$template: Allow names what is documented";

        for my $method (qw(GET POST PUT PATCH DELETE)) {
            my $answer = $nobody->request($method, $url);
            my $about = "$method $template";
            if (!$here{$method}) {
                is $answer->{status}, 405, "$about is not there";
            } elsif (!$public{"$method $template"}) {
                is $answer->{status}, 401, "$about wants a token";
            } elsif ($template =~ /\{token\}/) {
                is $answer->{status}, 404, "$about wants a key";
            } elsif ($method eq 'GET') {
                is $answer->{status}, 200, "$about is for everybody";
            } else {
                is $answer->{status}, 415, "$about is for everybody";
            }
        }
        next unless $template =~ m{^/api/v1};
        is $nobody->options($url =~ s{^/api/v1}{/api}r)->{headers}{allow},
            join(', ', @allow), 'below /api, too';
    }
}

sub schemas {
    my $root = $document->root;
    my %used;
    walk($root->{paths}, \%used);
    walk($root->{components}{responses}, \%used);
    for my $schema (values %{ $root->{components}{schemas} }) {
        walk($schema, \%used);
    }
    is_deeply [sort keys %{ $root->{components}{schemas} }],
        [sort map { s{.*/}{}r } grep { m{/schemas/} } keys %used],
        'every schema is used';

    for my $name (sort keys %{ $root->{components}{schemas} }) {
        my $schema = $root->{components}{schemas}{$name};
        is_deeply [grep { !$schema->{properties}{$_} }
            @{ $schema->{required} || [] }], [], "$name: what is required";
        is_deeply [grep { !$schema->{properties}{$_}{description} }
            sort keys %{ $schema->{properties} }], [],
            "$name: each field is described" unless $name eq 'Error';
    }
    for my $operation (@operations) {
        my %named = map { $_->{name} => 1 }
            grep { $_->{in} eq 'path' } @{ $operation->{spec}{parameters} };
        is_deeply [sort keys %named],
            [sort $operation->{path} =~ /\{(\w+)\}/g],
            "$operation->{id}: its path's parameters";
    }
}

sub walk {
    my ($node, $used) = @_;
    if (ref $node eq 'HASH') {
        $used->{ $node->{'$ref'} }++ if $node->{'$ref'};
        walk($_, $used) for values %$node;
    } elsif (ref $node eq 'ARRAY') {
        walk($_, $used) for @$node;
    }
}

# A life of each resource, and the rest, against the schemas of the answers.
sub answers {
    my $bodies = EHR::Test::Bodies->new($document, $env);
    my %of;
    $of{$_->{url}}{$_->{method}} = $_ for @operations;

    for my $resource ($document->resources) {
        my $client = $bodies->client($resource);
        my $collection = $bodies->collection($resource);
        my $body = $bodies->full($resource);
        is_deeply [$document->faults($resource->{create}, $body)], [],
            "$resource->{name}: the body that is sent";
        my $made = $client->post($collection, json => $body);
        is_true($of{$resource->{collection}}{POST}, $made);
        is_true($of{$resource->{collection}}{GET},
            $client->get("$collection?total=true&limit=2"));
        my $item = $bodies->item($resource, $made->{data}{id});
        my $operation = $of{$resource->{item}};
        is_true($operation->{GET}, $client->get($item));
        is_true($operation->{PATCH}, $client->patch($item, json => {}));
        is_true($operation->{PUT}, $client->put($item,
            json => $client->get($item)->{data}));
        is_true($operation->{DELETE}, $client->delete($item));
        is_true($of{"$resource->{item}/restore"}{POST},
            $admin->post("$item/restore")) if $resource->{restore};
        error_is_true($client->patch($item, json => { nothing => 1 }), 422);
    }
    my $user = accounts($env)->{users}{nurse};
    my $login = $nobody->post('/api/v1/auth/login', json => {
        email => $user->{email}, password => $user->{password} });
    is_true($of{'/api/v1/auth/login'}{POST}, $login);
    my $nurse = $nobody->with_token($login->{data}{accessToken});
    is_true($of{'/api/v1/auth/refresh'}{POST},
        $nobody->post('/api/v1/auth/refresh',
            json => { refreshToken => $login->{data}{refreshToken} }));
    is_true($of{'/api/v1/auth/sessions'}{GET},
        $nurse->get('/api/v1/auth/sessions'));
    is_true($of{'/api/v1/user/profile'}{GET},
        $nurse->get('/api/v1/user/profile'));
    is_true($of{'/api/v1/audit-logs'}{GET},
        $admin->get('/api/v1/audit-logs?limit=100'));
    is_true($of{'/api/v1/auth/register'}{POST},
        $nobody->post('/api/v1/auth/register', json => {
            email => "openapi$$\@mail.example", firstName => 'A',
            lastName => 'B', password => 'Patient-Pass-1' }));
    is_true($of{'/api/v1/auth/logout'}{POST},
        $nurse->post('/api/v1/auth/logout'));
    lying_in($bodies, \%of);
    error_is_true($nobody->get('/api/v1/patients'), 401);
    error_is_true($admin->get('/api/v1/patients/x'), 400);
}

# A stay, from bed to bed, and what is kept of it.
sub lying_in {
    my ($bodies, $of) = @_;
    my ($bed, $other) = map { $bodies->make($bodies->resource('beds'),
        bedNumber => "lying $_")->{id} } 1, 2;
    my $patient = $bodies->make($bodies->resource('patients'))->{id};
    my $admissions = '/api/v1/admissions';
    my $true = sub { my ($method, $path, %sent) = @_;
        my $template = $path =~ s{(admissions|beds)/[0-9a-f-]{36}}{$1/{id}}r;
        my $answer = $admin->request($method, $path, %sent);
        is_true($of->{$template}{$method}, $answer);
        return $answer->{data}; };

    my $one = $true->('POST', $admissions, json => { patientId => $patient,
        bedId => $bed, type => 'ELECTIVE', diagnosis => 'Flu',
        equipment => [], wardId => undef });
    my $path = "$admissions/$one->{id}";
    $true->('GET', "$admissions");
    $true->('GET', $path);
    $true->('PATCH', $path, json => { diagnosisCode => 'J11.1' });
    $true->('POST', "$path/transfer", json => { bedId => $other });
    $true->('POST', "$path/leave", json => { until => '2200-01-01T00:00:00Z' });
    $true->('POST', "$path/return");
    $true->('POST', "$path/discharge", json => { step => 'ORDERED' });
    $true->('GET', "$path/movements");
    $true->('POST', "$path/discharge", json => { step => 'DONE',
        disposition => 'HOME' });
    $true->('POST', "/api/v1/beds/$other/status",
        json => { status => 'AVAILABLE' });
    $true->('GET', "/api/v1/beds/$other/history");
    error_is_true($admin->post("$path/cancel", json => { reason => 'x' }),
        409);
}

sub is_true {
    my ($operation, $answer) = @_;
    is $answer->{status}, $operation->{status}, "$operation->{id}: its status"
        or return diag $answer->{body};
    is_deeply [$document->faults($operation->{envelope}, $answer->{json})],
        [], "$operation->{id}: its answer";
}

sub error_is_true {
    my ($answer, $status) = @_;
    is $answer->{status}, $status, "an error, $status";
    is_deeply [$document->faults($document->schema('Error'),
        $answer->{json})], [], 'is as documented';
}
