# HTTP as the API speaks it: envelopes, bodies, conditions, repeated requests,
# lists, languages, and what nginx adds.

use EHR::Test;
use EHR::Test::Bodies;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $upstream = free_port();
my $env = start_environment(name => 'http', workers => 2,
    conf => production(qr/gzip\w*/)
        . production(qr/map/) . other_application(),
    server_conf => production(qr/add_header/) . other_locations());
my $admin = client('admin', $env);
my $nobody = client(undef, $env);
my $v1 = '/api/v1';
my $uuid = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
my $nothing = '01a1fc00-0000-7000-8000-000000000000';
my $json = JSON::PP->new->utf8->canonical;

subtest 'envelope' => \&envelope;
subtest 'paths' => \&paths;
subtest 'methods' => \&methods;
subtest 'bodies that are refused' => \&refused_bodies;
subtest 'bodies in every form' => \&forms_of_bodies;
subtest 'connections after errors' => \&connections;
subtest 'conditions' => \&conditions;
subtest 'repeated requests' => \&repeated;
subtest 'concurrent repetitions' => \&concurrent;
subtest 'pages' => \&pages;
subtest 'cursors' => \&cursors;
subtest 'parameters of lists' => \&parameters;
subtest 'filters' => \&filters;
subtest 'search' => \&search;
subtest 'nearest first' => \&nearest;
subtest 'deleted and restored' => \&deleted;
subtest 'replace and change' => \&replace;
subtest 'languages' => \&languages;
subtest 'compression' => \&compression;
subtest 'headers of the production configuration' => \&headers;
subtest 'request id' => \&request_id;
subtest 'operations' => \&operations;
subtest 'beside other locations' => \&beside;

logs_clean($env);
done_testing;

# -- the server ---------------------------------------------------------------

# Lines of the production configuration that begin with a directive; blocks
# with their braces.
sub production {
    my ($name) = @_;
    my $conf = read_file(top() . '/conf/nginx.production.conf');
    return join '', $conf
        =~ /^(\h+$name\h(?:"[^"]*"|[^;\{"])*(?:;|\{[^}]*\})\n)/mg;
}

sub other_application {
    return "server { listen 127.0.0.1:$upstream;"
        . ' location / { return 200 "other $request_uri $http_x_request_id"; }'
        . " }\n";
}

sub other_locations {
    my $root = top() . '/conf';
    return "location /files/ { alias $root/; }\n"
        . "location /other/ { proxy_pass http://127.0.0.1:$upstream;"
        . ' proxy_set_header X-Request-Id $ehr_request_id; }' . "\n";
}

# -- help ---------------------------------------------------------------------

my $people = 0;

sub person { return (firstName => 'Some', lastName => 'One' . ++$people, @_) }

sub patient {
    my $answer = $admin->post("$v1/patients", json => { person(@_) });
    $answer->{status} == 201 or die "$answer->{status} $answer->{body}";
    return $answer->{data};
}

# An error in the API's own form; the fields it names.
sub refused {
    my ($answer, $status, $fields, $about) = @_;
    my $body = $answer->{json} || {};

    $fields = [$fields] unless ref $fields;
    is $answer->{status}, $status, $about
        or return diag $answer->{body} || $answer->{error};
    is_deeply [sort keys %$body],
        [qw(errors message path statusCode timestamp)], "$about: envelope";
    is $body->{statusCode}, $status, "$about: its status";
    is_deeply [sort keys %{ $body->{errors} || {} }], [sort @$fields],
        "$about: the fields it names" or diag $answer->{body};
}

sub count { return $env->sql("SELECT count(*) FROM ehr.$_[0]") }

# -- envelope, paths, methods -------------------------------------------------

sub envelope {
    my $time = qr/\A\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z\z/;
    my $made = $admin->post("$v1/hospitals", json => { name => 'St. Mary' });

    is $made->{status}, 201, 'created';
    is_deeply [sort keys %{ $made->{json} }],
        [qw(data message path statusCode timestamp)], 'envelope of a success';
    is $made->{json}{statusCode}, 201, 'statusCode';
    is $made->{json}{path}, "$v1/hospitals", 'path';
    like $made->{json}{timestamp}, $time, 'timestamp';
    is $made->{headers}{'content-type'}, 'application/json', 'type';
    is $made->{headers}{'cache-control'}, 'no-store', 'nobody keeps it';

    my $list = $admin->get("$v1/hospitals?limit=1&total=true");
    is_deeply [sort keys %{ $list->{json} }],
        [qw(data message meta path statusCode timestamp)],
        'envelope of a list';
    is_deeply $list->{json}{meta},
        { limit => 1, nextCursor => undef, total => 1 }, 'meta';
    is $list->{json}{path}, "$v1/hospitals", 'the path has no query';
    is_deeply $admin->get("$v1/hospitals")->{json}{meta},
        { limit => 20, nextCursor => undef }, 'total only when asked for';

    refused($admin->post("$v1/hospitals", json => {}), 422, 'name', 'error');
    refused($nobody->get("$v1/hospitals"), 401, [], 'not signed in');
    is $nobody->get("$v1/hospitals")->{headers}{'www-authenticate'}, 'Bearer',
        'which says how';
}

sub paths {
    is $nobody->get("$_/openapi.json")->{status}, 200, "$_ is the API"
        for '/api/v1', '/api';
    my $made = $admin->post('/api/hospitals', json => { name => 'Other' });
    is $made->{status}, 201, 'created below /api';
    is $made->{headers}{location}, "$v1/hospitals/$made->{data}{id}",
        'Location is canonical';
    is $admin->get("/api/hospitals/$made->{data}{id}")->{status}, 200, 'read';

    my $user = accounts($env)->{users}{nurse};
    my %login = (email => $user->{email}, password => $user->{password});
    for my $path (qw(auth/login login user/login)) {
        for my $prefix ('/api/v1', '/api') {
            is $nobody->post("$prefix/$path", json => \%login)->{status}, 200,
                "$prefix/$path";
        }
    }
    for my $path (qw(auth/register register user/signup)) {
        my $answer = $nobody->post("/api/$path", json => { person(
            email => "$path\@mail.example" =~ s{/}{.}r,
            password => 'Patient-Pass-1') });
        is $answer->{status}, 201, $path;
    }
    for my $path (qw(auth/logout logout user/logout)) {
        my $data = accounts($env)->sign_in('nurse');
        my $client = $nobody->with_token($data->{accessToken});
        is $client->post("/api/v1/$path")->{status}, 200, $path;
        is $client->get("$v1/user/profile")->{status}, 401, 'it is over';
    }

    refused($admin->get("$v1/patients/$_"), 400, [], "patients/$_")
        for qw(1 abc), substr($nothing, 1), "${nothing}0", $nothing =~ s/0/g/r,
            "%27%20OR%201=1--";
    refused($admin->get("$v1/patients/\U$nothing"), 404, [],
        'upper case is a UUID, too');
    refused($admin->get("$v1/patients/$nothing"), 404, [], 'nobody');
    refused($admin->get($_), 404, [], $_)
        for "$v1/nothing", "$v1/patients/$nothing/nothing", "$v1/patients/",
            '/api/v2/patients', '/api/v1', '/api/',
            "$v1/health", "$v1/metrics", "$v1/ready";
}

sub methods {
    my $id = patient()->{id};
    for my $case (["$v1/patients", 'GET, HEAD, POST'],
        ["$v1/patients/$id", 'GET, HEAD, PUT, PATCH, DELETE'],
        ["$v1/auth/login", 'POST'], ['/health', 'GET, HEAD'])
    {
        my ($url, $allow) = @$case;
        my $options = $nobody->options($url);
        is $options->{status}, 204, "OPTIONS $url";
        is $options->{headers}{allow}, "$allow, OPTIONS", 'Allow';
        is $options->{body}, '', 'no body';
        for my $method (qw(PUT POST DELETE PATCH GET PROPFIND)) {
            next if $allow =~ /$method/;
            my $answer = $admin->request($method, $url, json => {});
            refused($answer, 405, [], "$method $url");
            is $answer->{headers}{allow}, "$allow, OPTIONS", 'Allow';
        }
    }
    for my $url ("$v1/patients/$id", "$v1/patients", '/health',
        "$v1/patients/$nothing")
    {
        my $get = $admin->get($url);
        my $head = $admin->head($url);
        is $head->{status}, $get->{status}, "HEAD $url";
        is $head->{body}, '', 'no body';
        delete @{ $_->{headers} }{qw(date x-request-id)} for $get, $head;
        is_deeply $head->{headers}, $get->{headers}, 'the headers of GET';
        is $admin->get('/health')->{status}, 200, 'the connection goes on';
    }
}

# -- bodies -------------------------------------------------------------------

sub refused_bodies {
    my $url = "$v1/patients";
    my $valid = $json->encode({ person() });
    my $before = count('patients');
    my $post = sub { $admin->post($url, body => @_) };

    refused($post->($valid, type => $_), 415, [], "type $_")
        for 'text/plain', 'application/jsonx', 'application/x-www-form-urlencoded',
            'multipart/form-data; boundary=x';
    refused($admin->post($url, body => $valid,
        headers => { 'Content-Type' => $_ }), 415, [], 'no type')
        for undef, '';
    refused($post->('', type => 'application/json'), 400, [], 'empty body');
    refused($admin->post($url, headers => { 'Content-Length' => 0,
        'Content-Type' => 'application/json' }), 400, [], 'no body');

    my $large = $post->('{"firstName":"' . 'x' x (1024 * 1024) . '"}');
    refused($large, 413, [], 'larger than client_max_body_size');
    is $large->{json}{path}, $url, 'it names the path';

    for my $case (['{"firstName":"A",}', 1, 18], ["{\n \"a\": tru\n}", 2, 9],
        ['{"a":1', 1, 6], ['{"a":"' . "\x01" . '"}', 1, 6],
        ['{"a":"\u0000"}', 1, 13], ["{\"a\":\"\xff\"}", 1, 6],
        ['{"a":"\ud800"}', 1, 13], ["$valid x", 1, length($valid) + 2],
        ["$valid$valid", 1, length($valid) + 1], ['nonsense', 1, 8],
        ['"text"', 1, 6], ['1', 1, 1], ['null', 1, 4], ['{1:2}', 1, 2])
    {
        my ($body, $line, $column) = @$case;
        my $answer = $post->($body);
        my $about = substr $body, 0, 30;
        refused($answer, 400, [], 'body ' . $about =~ s/[^ -~]/?/gr);
        like $answer->{json}{message}, qr/line $line, column $column\b/,
            'where';
    }
    my $twice = $post->('{"firstName":"A","lastName":"B","firstName":"C"}');
    refused($twice, 400, [], 'a key twice');
    like $twice->{json}{message}, qr/duplicate key/, 'says so';
    unlike $twice->{json}{message}, qr/firstName/, 'without quoting the body';
    refused($post->('{"firstName":"A","lastName":"B",'
        . '"additionalData":{"a":{"b":1,"b":2}}}'), 400, [], 'deep inside');

    my $deep = sub { '{"firstName":"A","lastName":"B","additionalData":'
        . '{"a":' x $_[0] . '1' . '}' x $_[0] . '}' };
    is $post->($deep->(15))->{status}, 201, 'nested 16 deep';
    refused($post->($deep->($_)), 400, [], "nested too deep: $_")
        for 16, 100, 10000, 100000;
    refused($post->('[' x 500000), 400, [], 'half a million brackets');

    # small to send, and a tenth of a second of the worker's time to read
    my $many = sub { '{"firstName":"A","additionalData":{"a":['
        . join(',', ($_[0]) x $_[1]) . ']}}' };
    for my $value ('{}', '[]', '0', '""') {
        my $answer = $post->($many->($value, 200000));
        refused($answer, 400, [], "200,000 times $value");
        like $answer->{json}{message}, qr/more than 32768 values/, 'says why';
    }
    refused($post->($many->('0', 30000)), 422,
        [qw(additionalData lastName)], '30,000 values are read');
    is $post->($json->encode({ person(address => '[[{{' x 100) }))->{status},
        201, 'brackets in a text are none';

    refused($post->($_), 422, 'body', "an array, $_") for '[]', '[{}]';
    is count('patients'), $before + 2, 'nothing of it was stored';
}

# The same body, however it arrives.
sub forms_of_bodies {
    my $head = "POST $v1/patients HTTP/1.1\r\nHost: x\r\n"
        . "Authorization: Bearer $admin->{token}\r\nConnection: close\r\n"
        . "Content-Type: application/json; charset=utf-8\r\n";
    my $body = sub { $json->encode({ person(address => 'x',
        additionalData => { filler => 'f' x $_[0] }) }) };
    my $chunked = sub {
        my ($size, $text) = @_;
        my @pieces = unpack "(a$size)*", $text;
        return join '', (map { sprintf "%x\r\n%s\r\n", length, $_ } @pieces),
            "0\r\n\r\n";
    };

    # 16 KiB is client_body_buffer_size, and the most additionalData may be:
    # blanks make bodies larger
    for my $size (10, 15000) {
        for my $blanks (0, 40000, 900000) {
            my $text = $body->($size) . ' ' x $blanks;
            my $about = length($text) . ' bytes';
            stored($nobody->raw("${head}Content-Length: " . length($text)
                . "\r\n\r\n$text"), "$about with a length");
            stored($nobody->raw("${head}Transfer-Encoding: chunked\r\n\r\n"
                . $chunked->($_, $text)), "$about in chunks of $_")
                for 7000, 100000;
        }
    }
    my $text = $body->(100);
    stored($nobody->raw("${head}Transfer-Encoding: chunked\r\n\r\n"
        . $chunked->(1, $text)), 'a byte a chunk');
    stored($nobody->raw(["${head}Content-Length: " . length($text)
        . "\r\n\r\n", map { ($_, \0.02) } unpack '(a20)*', $text]),
        'slowly');
    stored($nobody->raw(["${head}Transfer-Encoding: chunked\r\n\r\n",
        map { ($_, \0.02) } unpack '(a30)*', $chunked->(50, $text)]),
        'slowly, in chunks');
    my $large = $body->(10) . ' ' x 40000;
    stored($nobody->raw(["${head}Content-Length: " . length($large)
        . "\r\n\r\n", map { ($_, \0.02) } unpack '(a6000)*', $large]),
        'slowly, into a file');
    stored($nobody->raw(["${head}Expect: 100-continue\r\nContent-Length: "
        . length($text) . "\r\n\r\n", \0.1, $text]), 'after 100 Continue');

    my $before = count('patients');
    for my $cut (0, 1, length($text) - 1) {
        for my $option ('abort', 'half_close') {
            my $got = $nobody->raw("${head}Content-Length: " . length($text)
                . "\r\n\r\n" . substr($text, 0, $cut), $option => 1);
            unlike $got, qr{^HTTP/1.1 (?:2|5)}, "cut after $cut, $option";
        }
    }
    $nobody->raw("${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{\"fir",
        abort => 1);
    like $nobody->raw("${head}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}"),
        qr{^HTTP/1.1 400 }, 'a chunk that is none';
    like $nobody->raw("${head}Transfer-Encoding: chunked\r\n\r\n"
        . $chunked->(100000, $text . ' ' x 2000000)), qr{^HTTP/1.1 413 },
        'too large in chunks';
    is $admin->get('/health')->{status}, 200, 'nginx lives';
    is count('patients'), $before, 'nothing of it was stored';
}

sub stored {
    my ($answer, $about) = @_;
    like $answer, qr{^HTTP/1.1 201 }m, $about;
}

# -- connections --------------------------------------------------------------

# Of answers that follow each other.
sub statuses { return $_[0] =~ m{HTTP/1\.1 (\d{3}) [A-Z]}g }

# An error that leaves the body unread must not take it for the next request.
sub connections {
    my $token = "Authorization: Bearer $admin->{token}\r\n";
    my $request = sub {
        my ($line, $headers, $body) = @_;
        return "$line HTTP/1.1\r\nHost: x\r\n$headers"
            . (defined $body ? 'Content-Length: ' . length($body)
                . "\r\n\r\n$body" : "\r\n");
    };
    my $second = $request->('GET /health', "Connection: close\r\n");
    my $type = "Content-Type: application/json\r\n";

    for my $body ('GET /metrics HTTP/1.1' . "\r\nHost: x\r\n\r\n",
        '{"firstName":"A"}', '{"x":"' . 'y' x 100000 . '"}')
    {
        my $size = length $body;
        for my $case (
            [401, "POST $v1/patients", $type],
            [404, "POST $v1/nothing", "$token$type"],
            [405, "PUT $v1/patients", "$token$type"],
            [400, "PATCH $v1/patients/abc", "$token$type"],
            [415, "POST $v1/patients", "${token}Content-Type: a/b\r\n"],
            [400, "POST $v1/patients",
                "$token${type}Idempotency-Key: a b\r\n"],
            [200, "GET $v1/hospitals", $token],
            [404, "DELETE $v1/patients/$nothing", $token],
            [204, "OPTIONS $v1/patients", ''],
            [200, 'GET /health', ''], [405, 'POST /health', ''],
            [404, 'GET /files/nothing', ''])
        {
            my ($status, $line, $headers) = @$case;
            my $got = $nobody->raw($request->($line, $headers, $body)
                . $second);
            my @statuses = statuses($got);
            is_deeply \@statuses, [$status, 200],
                "$line with $size bytes, then another" or diag $got;
            like $got, qr/\{"status":"ok"\}\s*\z/, 'which is answered';
        }
        my $chunk = sprintf "%x\r\n%s\r\n0\r\n\r\n", $size, $body;
        my $got = $nobody->raw($request->("POST $v1/patients",
            "${type}Transfer-Encoding: chunked\r\n") . $chunk . $second);
        is_deeply [statuses($got)], [401, 200],
            "chunks of $size bytes, then another";
    }
    my $got = $nobody->raw(join('', map {
        $request->("GET $v1/hospitals?limit=$_", $token) } 1 .. 20) . $second);
    is_deeply [map { $_ + 0 } $got =~ /"limit":(\d+)/g], [1 .. 20],
        'twenty requests at once are answered in order';
}

# -- conditions ---------------------------------------------------------------

sub conditions {
    my $made = patient();
    my $url = "$v1/patients/$made->{id}";
    my $patch = sub { $admin->patch($url, json => { city => $_[0] },
        headers => { 'If-Match' => $_[1] }) };

    is $admin->get($url)->{headers}{etag}, '"1"', 'ETag';
    my $answer = $patch->('A', '"1"');
    is $answer->{status}, 200, 'If-Match of the version';
    is $answer->{headers}{etag}, '"2"', 'the new ETag';
    refused($patch->('B', '"1"'), 412, [], 'If-Match of an old version');
    refused($patch->('B', $_), 412, [], "If-Match $_")
        for '"3"', '"0"', '"-1"', '"99999999999999999999"', '"x"', '2', '""',
            'W/2', 'W/"2"', '"02"', '"1", "3"', '"1", W/"2"', '"2" "1"',
            '"2", 1', '"2', '*, "2"', ',';
    is $patch->('C', '"9", "2"')->{status}, 200, 'one of those listed';
    is $patch->('D', '*')->{status}, 200, 'any';
    is $patch->($_->[0], $_->[1])->{status}, 200, "If-Match $_->[1]"
        for ['E', qq(W/"1" ,\t"x,y","4",)], ['D', ',"5"'];
    refused($admin->put($url, json => { person() },
        headers => { 'If-Match' => '"1"' }), 412, [], 'PUT');
    refused($admin->delete($url, headers => { 'If-Match' => '"1"' }), 412,
        [], 'DELETE');
    is $admin->get($url)->{data}{city}, 'D', 'it is what was accepted last';
    refused($admin->patch("$v1/patients/$nothing", json => {},
        headers => { 'If-Match' => $_ }), 404, [], "nobody, $_")
        for '"1"', '*';

    for my $read (qw(get head)) {
        is $admin->$read($url, headers => { 'If-Match' => $_ })->{status}, 200,
            "$read with If-Match $_" for '"6"', '"1","6"', '*';
        is $admin->$read($url, headers => { 'If-Match' => $_ })->{status}, 412,
            "$read with If-Match $_" for '"3"', 'W/"6"', '"1","3"', 'x';
    }
    refused($admin->get($url, headers => { 'If-Match' => '"3"' }), 412, [],
        'a read of an old version');
    is $admin->get($_, headers => { 'If-Match' => '"3"',
        'If-Unmodified-Since' => 'Sat, 01 Jan 2000 00:00:00 GMT' })->{status},
        200, "$_ has no version" for "$v1/patients?limit=1", '/health';

    my $tag = $admin->get($url)->{headers}{etag};
    for my $value ($tag, "W/$tag", qq("7", $tag), qq("7",W/$tag), '*') {
        my $got = $admin->get($url, headers => { 'If-None-Match' => $value });
        is $got->{status}, 304, "If-None-Match $value";
        is $got->{body}, '', 'no body';
    }
    is $admin->get($url, headers => { 'If-None-Match' => '"1"' })->{status},
        200, 'If-None-Match of an old version';
    is $admin->get('/health')->{status}, 200, 'the connection goes on';
}

# -- repeated requests --------------------------------------------------------

my $keys = 0;

sub key { return "key-$$-" . ++$keys }

sub repeated {
    my $id = patient()->{id};
    my %case = (
        patients => ["$v1/patients", sub { +{ person(@_) } }],
        vitals => ["$v1/patients/$id/vitals",
            sub { +{ heartRate => 60 + ++$people % 100 } }],
        users => ["$v1/users", sub { +{ person(roles => ['NURSE'],
            email => 'n' . ++$people . '@mail.example',
            password => 'Nurse-Pass-2026') } }],
        clinics => ["$v1/clinics", sub { +{ name => 'C' . ++$people } }],
    );
    for my $table (sort keys %case) {
        my ($url, $body) = @{ $case{$table} };
        repeats($table, $admin, $url, $body);
    }
    repeats('users', $nobody, "$v1/auth/register", sub { +{ person(
        email => 'r' . ++$people . '@mail.example',
        password => 'Patient-Pass-1') } });

    my $key = key();
    my @answer = map { client($_, $env)->post("$v1/patients",
        json => { person() }, headers => { 'Idempotency-Key' => $key }) }
        qw(admin reception);
    is $_->{status}, 201, "another user's key is another" for @answer;
    refused($admin->post("$v1/clinics", json => { name => 'x' },
        headers => { 'Idempotency-Key' => $key }), 422, [],
        'the same key for another route');
    my $first = $admin->post("$v1/patients/$id/vitals",
        json => { heartRate => 61 }, headers => { 'Idempotency-Key' => key() });
    refused($admin->post('/api/v1/patients/' . patient()->{id} . '/vitals',
        json => { heartRate => 61 },
        headers => { 'Idempotency-Key' => "key-$$-$keys" }), 422, [],
        "the same body for another's record");
    refused($admin->post("$v1/patients", json => { person() },
        headers => { 'Idempotency-Key' => $_ }), 400, 'Idempotency-Key',
        'a bad key') for 'x' x 129, 'a b', "\xe9";
    is $admin->post("$v1/patients", json => { person() },
        headers => { 'Idempotency-Key' => 'x' x 128 })->{status}, 201,
        'a long one';
}

sub repeats {
    my ($table, $client, $url, $body) = @_;
    my ($key, $sent) = (key(), $body->());
    my $before = count($table);
    my $post = sub { $client->post($url, json => $_[0],
        headers => { 'Idempotency-Key' => $_[1] }) };

    my $first = $post->($sent, $key);
    is $first->{status}, 201, "$url: first" or return diag $first->{body};
    ok !exists $first->{headers}{'idempotency-replayed'}, 'not a repetition';
    for (1 .. 3) {
        my $again = $post->($sent, $key);
        is $again->{status}, 201, 'again';
        is $again->{headers}{'idempotency-replayed'}, 'true', 'it says so';
        is_deeply $again->{data}, $first->{data}, 'the same data';
        is $again->{headers}{$_}, $first->{headers}{$_}, "the same $_"
            for qw(location etag);
    }
    is count($table), $before + 1, 'one row';
    refused($post->($body->(), $key), 422, [], 'another body');

    my $free = key();
    my $bad = $body->();
    $bad->{unknown} = 1;
    refused($post->($bad, $free), 422, 'unknown', 'a body that is refused');
    my $next = $post->($body->(), $free);
    is $next->{status}, 201, 'leaves the key free';
    ok !exists $next->{headers}{'idempotency-replayed'}, 'not a repetition';

    return unless $sent->{email} && $table eq 'users';
    $free = key();
    my $taken = $body->();
    $taken->{email} = $sent->{email};
    refused($post->($taken, $free), 409, 'email', 'a conflict');
    is $post->($body->(), $free)->{status}, 201, 'leaves the key free';
}

# Two at once: one is first, the other is told so or gets the same.
sub concurrent {
    my %seen;
    for my $round (1 .. 60) {
        my $key = key();
        my $body = { person() };
        my @answer = at_once(2, 'POST', "$v1/patients", json => $body,
            headers => { 'Idempotency-Key' => $key });
        my @made = grep { $_->{status} == 201 } @answer;
        my @new = grep { !$_->{headers}{'idempotency-replayed'} } @made;
        my ($busy) = grep { $_->{status} == 409 } @answer;

        $seen{ $busy ? 'busy' : 'replayed' }++;
        is scalar @new, 1, 'one is first' or diag explain \@answer;
        is scalar(@made) + ($busy ? 1 : 0), 2, 'the other is 409 or the same';
        is $made[0]{data}{id}, $made[-1]{data}{id}, 'one id';
        is $env->sql("SELECT count(*) FROM ehr.patients WHERE last_name = "
            . "'$body->{lastName}'"), 1, 'one row';
    }
    diag join ', ', map { "$_: $seen{$_}" } sort keys %seen;

    # held up in the database, so that the second surely meets the first
    my $lock = held("INSERT INTO ehr.hospitals (name, external_id)"
        . " VALUES ('Slow', 'slow-$$')");
    my %option = (json => { name => 'Slow', externalId => "slow-$$" },
        headers => { 'Idempotency-Key' => key() });
    my $slow = started('POST', "$v1/hospitals", %option);
    sleep 0.3;
    my $second = $admin->post("$v1/hospitals", %option);
    refused($second, 409, [], 'while the first is under way');
    $lock->();
    is $slow->()->{status}, 201, 'the first goes on';
    my $third = $admin->post("$v1/hospitals", %option);
    is $third->{headers}{'idempotency-replayed'}, 'true', 'then it is there';
}

# Sends without waiting; the result fetches the answer.
sub started {
    my ($method, $url, %option) = @_;
    my $client = $admin->with_token($admin->{token});
    my $bytes = $client->compose($method, $url, \%option);
    my $socket = $client->connection;
    EHR::Test::Client::send_all($socket, $bytes, time() + 10);
    return sub { $client->receive($method, time() + 10) };
}

sub at_once {
    my ($n, @request) = @_;
    my @fetch = map { started(@request) } 1 .. $n;
    return map { $_->() } @fetch;
}

# Keeps a transaction open that began with this statement, until called.
sub held {
    my ($sql) = @_;
    my $pid = open(my $psql, '|-', $env->psql_command('postgres'))
        or die "psql: $!";
    $psql->autoflush(1);
    print $psql "BEGIN; $sql;\n";
    # a lock alone would tell that it has begun, not that it is done
    $env->wait_for(10, 'the statement', sub { $env->sql(
        "SELECT count(*) FROM pg_stat_activity WHERE usename = 'postgres'
         AND state = 'idle in transaction' AND query LIKE 'INSERT%'") });
    return sub { print $psql "ROLLBACK;\n"; close $psql };
}

# -- lists --------------------------------------------------------------------

# Every order, in both directions, page by page: no row twice, none missing.
sub pages {
    my $patient = patient()->{id};
    for my $i (1 .. 120) {
        # many are alike, so that only the id tells them apart
        patient(firstName => ('Ana', 'Bea', "\x{c9}va", "O'Neil \"x\" \\ %")
            [$i % 4], lastName => 'Same' . $i % 3);
        ok $admin->post("$v1/patients/$patient/vitals", json => {
            heartRate => 60, recordedAt => '2026-01-0' . (1 + $i % 3)
            . 'T10:00:00Z' })->{status} == 201 || 0, 'vitals' if $i <= 110;
        $admin->post("$v1/doctors", json => { firstName => 'D' . $i % 2,
            lastName => 'Doc', licenseNumber => "L$i",
            experienceYears => $i % 5 }) if $i <= 105;
    }
    my $document = $nobody->get("$v1/openapi.json")->{json};
    for my $case (['patients', "$v1/patients", 'patients', 'true'],
        ['doctors', "$v1/doctors", 'doctors', 'true'],
        ['patients/{patientId}/vitals', "$v1/patients/$patient/vitals",
            'vitals', "patient_id = '$patient'"])
    {
        my ($template, $url, $table, $where) = @$case;
        my ($sort) = grep { $_->{name} eq 'sort' }
            @{ $document->{paths}{"/$template"}{get}{parameters} };
        my @orders = @{ $sort->{schema}{enum} };
        cmp_ok scalar @orders, '>', 3, "$table can be sorted";
        for my $order (@orders, '') {
            my $by = $order || $sort->{schema}{default};
            my $down = $by =~ s/^-// ? 'DESC' : '';
            my $column = $by =~ s/([A-Z])/_\l$1/gr;
            my @expected = map { $_->[0] } $env->rows("SELECT id FROM "
                . "ehr.$table WHERE $where AND deleted_at IS NULL"
                . " ORDER BY $column $down, id $down");
            my $query = $order ? "?sort=$order&limit=37" : '?limit=100';
            is_deeply [walk("$url$query")], \@expected,
                "$table by " . ($order || 'default');
        }
    }
    my @found = walk("$v1/patients?q=same&limit=7");
    my %found = map { $_ => 1 } @found;
    is scalar @found, 120, 'a search, page by page';
    is scalar keys %found, 120, 'none twice';
    is scalar(() = walk("$v1/patients?limit=1&fields=id&q=same2")),
        scalar(() = walk("$v1/patients?limit=100&fields=id&q=same2")),
        'whatever the size of a page';
}

# The ids of all pages.
sub walk {
    my ($url) = @_;
    my ($cursor, @ids) = ('');

    do {
        my $answer = $admin->get($url . ($cursor && "&cursor=$cursor"));
        $answer->{status} == 200 or die "$url: $answer->{body}";
        push @ids, map { $_->{id} } @{ $answer->{data} };
        $cursor = $answer->{json}{meta}{nextCursor};
    } while defined $cursor && @ids < 5000;
    return @ids;
}

sub cursors {
    my $cursor = sub {
        $admin->get("$v1/$_[0]")->{json}{meta}{nextCursor} };
    my $mark = $cursor->('patients?limit=5');
    ok $mark, 'a cursor';
    unlike $mark, qr/Same|Ana/, 'that does not tell the name';
    like $mark, qr/\A[\w-]+\z/, 'and fits a URL';

    my $bad = sub { refused($admin->get("$v1/$_[0]"), 400, 'cursor', $_[1]) };
    for my $at (0, 10, length($mark) / 2, length($mark) - 1) {
        my $other = $mark;
        substr($other, $at, 1) = substr($mark, $at, 1) eq 'A' ? 'Q' : 'A';
        $bad->("patients?limit=5&cursor=$other", "changed at $at");
    }
    $bad->("patients?cursor=$_", "cursor $_") for '', 'x', 'AAAA' x 20,
        'A' x 5000, '%27%20OR%201=1', substr($mark, 0, -4), "${mark}AAAA";
    $bad->("doctors?limit=5&cursor=$mark", 'of another list');
    $bad->("patients?sort=firstName&cursor=$mark", 'of another order');
    $bad->("patients?sort=-lastName&cursor=$mark", 'of the other direction');
    $bad->("patients?q=same&cursor=$mark", 'of no search');
    $bad->('patients?cursor=' . $cursor->('patients?q=same&limit=5'),
        'of a search');
    is $admin->get("$v1/patients?sort=lastName&limit=7&cursor=$mark")
        ->{status}, 200, 'the default order by its name is the same';
}

sub parameters {
    my $bad = sub { refused($admin->get("$v1/patients?$_[0]"), 400, $_[1],
        $_[0]) };
    $bad->("limit=$_", 'limit')
        for qw(0 101 -1 abc 1.5 1e2 99999999999999999999), '';
    is scalar @{ $admin->get("$v1/patients?limit=$_")->{data} }, $_,
        "limit=$_" for 1, 100;
    $bad->("sort=$_", 'sort') for '', '-', 'nothing', 'phone', 'address',
        '--lastName', 'last_name', 'lastName;', 'lastName,firstName',
        'lastName%20DESC';
    $bad->("$_=x", $_) for qw(nothing id address Limit last_name
        dateOfBirth possibleDuplicateIds);
    $bad->('limit=1&limit=2', 'limit');
    $bad->('gender=MALE&gender=MALE', 'gender');
    $bad->("$_=maybe", $_) for qw(total deleted);
    $bad->("$_=yesterday", $_) for qw(since until);
    $bad->('dateOfBirthFrom=2020-02-30', 'dateOfBirthFrom');
    $bad->('q=', 'q');
    $bad->('q=' . 'x' x 101, 'q');
    $bad->('q=a&sort=lastName', 'sort');
    refused($admin->get("$v1/patients?$_"), 400, [], $_)
        for 'q=%', 'q=%zz', 'q=%00', 'q=%ff', 'q=%c0%af', 'limit=%',
            join '&', map { "a$_=1" } 1 .. 65;

    is $admin->get("$v1/patients?total=true")->{json}{meta}{total},
        $env->sql('SELECT count(*) FROM ehr.patients'), 'total';
    is $admin->get("$v1/patients?lastNameX=")->{status}, 400, 'unknown';
    is $admin->get("$v1/patients?&&limit=2&")->{status}, 200,
        'empty parameters are none';
    my $data = $admin->get("$v1/patients?fields=lastName,id")->{data};
    is_deeply [map { join ',', sort keys %$_ } @$data],
        [('id,lastName') x @$data], 'fields';
    my $one = $admin->get("$v1/patients/$data->[0]{id}?fields=mrn");
    is_deeply [keys %{ $one->{data} }], ['mrn'], 'of a single one';
    $bad->("fields=$_", 'fields') for 'nothing', 'id,nothing', 'id;mrn';
    refused($admin->get("$v1/patients/$data->[0]{id}?fields=nothing"), 400,
        'fields', 'unknown field');
    refused($admin->get("$v1/patients/$data->[0]{id}?nothing=1"), 400,
        'nothing', 'unknown parameter');
    ok !exists client('pharmacist', $env)->get("$v1/patients?limit=1")
        ->{data}[0]{phone}, 'what one may not read is left out';
    is_deeply client('pharmacist', $env)
        ->get("$v1/patients?fields=phone&limit=1")->{data}, [{}],
        'even when asked for';
    refused(client('pharmacist', $env)->get("$v1/patients?phone=%2B3412345"),
        403, 'phone', 'nor filtered by');

    sleep 0.01;
    my ($from) = $env->sql("SELECT to_char(clock_timestamp() AT TIME ZONE "
        . "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
    my $id = patient()->{id};
    is_deeply [walk("$v1/patients?since=$from")], [$id], 'since';
    ok !(grep { $_ eq $id } walk("$v1/patients?limit=100&until=$from")),
        'until';
    is_deeply [walk("$v1/patients?since=$from&until=2199-01-01T00:00:00%2B02:00")],
        [$id], 'both';
}

sub filters {
    my $mail = 'Filter.Me@Mail.Example';
    my $id = patient(phone => '+34 (91) 555-01.02', email => $mail,
        gender => 'FEMALE', dateOfBirth => '1977-07-07', city => 'Zaragoza',
        insurancePolicyNumber => 'POL 77-x', chronicDiseases =>
        ['Asthma', 'Gout, "both" feet'], mrn => "M-$$")->{id};
    my $finds = sub {
        my ($query, $about) = @_;
        is_deeply [walk("$v1/patients?$query")], [$id], $about || $query;
    };
    $finds->('phone=%2B34915550102', 'phone without separators');
    $finds->('phone=%2B34%20915%2055%2001%2002', 'phone with others');
    $finds->('email=filter.me@mail.example', 'e-mail in lower case');
    $finds->("insurancePolicyNumber=POL%2077-x", 'policy number');
    $finds->("mrn=M-$$");
    $finds->('dateOfBirth=1977-07-07');
    $finds->('dateOfBirthFrom=1977-07-07&dateOfBirthTo=1977-07-08');
    $finds->('city=Zaragoza&gender=FEMALE');
    $finds->('chronicDiseases=Gout,%20%22both%22%20feet', 'an element');
    is_deeply [walk("$v1/patients?$_")], [], "$_ finds nobody"
        for 'phone=%2B34915550103', 'email=filter.me@mail.example.com',
            'dateOfBirthFrom=1977-07-08&dateOfBirthTo=1977-07-09',
            'dateOfBirthTo=1977-07-07&dateOfBirthFrom=1977-07-06',
            'city=Zaragoza&gender=MALE', 'chronicDiseases=Gout',
            "userId=$nothing";
    is $env->sql("SELECT count(*) FROM ehr.patients WHERE "
        . "encode(email, 'escape') ILIKE '%filter%'"), 0,
        'the address is not in the table';
}

sub search {
    my %id = map { my ($first, $last) = split / /, $_, 2;
        $_ => patient(firstName => $first, lastName => $last)->{id} }
        "Josefina Smith", "Pedro Garc\x{ed}a", "Ulrike M\x{fc}ller",
        "Xaver O'Connor", '100% Sure_Thing', 'Fernanda Fernandez Ruiz';
    my $first = sub {
        my ($q, $name) = @_;
        my $answer = $admin->get("$v1/patients?q=$q");
        is $answer->{status}, 200, "q=$q" or diag $answer->{body};
        is $answer->{data}[0]{id}, $id{$name}, "$name comes first"
            or diag explain [map { "$_->{firstName} $_->{lastName}" }
                @{ $answer->{data} }];
    };
    $first->($_, 'Josefina Smith') for qw(smi SMITH josefina smiht smth
        josef smithh josefina+smiht);
    $first->($_, "Pedro Garc\x{ed}a")
        for 'garcia', 'Garc%C3%ADa', 'garica', 'pedro+gar';
    $first->($_, "Ulrike M\x{fc}ller") for 'muller', 'm%C3%BCller', 'mulller';
    $first->("o'con", "Xaver O'Connor");
    $first->('fernadez', 'Fernanda Fernandez Ruiz');
    $first->('100%25', '100% Sure_Thing');
    is_deeply [walk("$v1/patients?q=$_")], [], "q=$_ finds nobody"
        for '_', 'a_', 'zzqqx', '%25%25', 'sm%25th%25', '%CC%81';
    my @two = walk("$v1/patients?q=jo");
    ok @two && @two < 20, 'two letters find beginnings only';

    my $clinic = $admin->post("$v1/clinics", json => {
        name => 'Clinica Santa Barbara' })->{data}{id};
    is $admin->get("$v1/clinics?q=$_")->{data}[0]{id}, $clinic, "clinic $_"
        for qw(barb babrara sant);
    my $doctor = $admin->post("$v1/doctors", json => { firstName => 'Wanda',
        lastName => 'Kowalski', licenseNumber => 'K-1' })->{data}{id};
    is $admin->get("$v1/doctors?q=kowlaski")->{data}[0]{id}, $doctor,
        'a misspelled doctor';
}

sub nearest {
    my %place = (Madrid => [40.4168, -3.7038], Toledo => [39.8628, -4.0273],
        Lisboa => [38.7223, -9.1393], Suva => [-18.1248, 178.4501]);
    for my $name (keys %place) {
        $admin->post("$v1/clinics", json => { name => $name,
            latitude => $place{$name}[0], longitude => $place{$name}[1] })
            ->{status} == 201 or die;
    }
    my $near = sub { $admin->get("$v1/clinics?near=$_[0]&limit=4")->{data} };
    my $found = $near->('40.4,-3.7');
    is_deeply [map { $_->{name} } @$found], [qw(Madrid Toledo Lisboa Suva)],
        'the nearest first';
    cmp_ok abs($found->[1]{distanceKm} - 66), '<', 3, 'with the distance';
    is $near->('-18,-179.9')->[0]{name}, 'Suva', 'across the date line';
    is scalar(() = walk("$v1/clinics?near=0,0&limit=1")), 4, 'page by page';
    is scalar(grep { exists $_->{distanceKm} }
        @{ $admin->get("$v1/clinics")->{data} }), 0, 'no distance otherwise';
    refused($admin->get("$v1/clinics?near=$_"), 400, 'near', "near=$_")
        for '', '1', '1,', ',1', '91,0', '0,181', 'a,b', '1,2,3', '1;2',
            '1e400,0', '0,0)--', 'NaN,0';
    refused($admin->get("$v1/clinics?near=1,1&q=x"), 400, 'q', 'with q');
    refused($admin->get("$v1/clinics?near=1,1&sort=name"), 400, 'sort',
        'with sort');
}

sub deleted {
    my $id = patient(lastName => 'Vanishing')->{id};
    my $url = "$v1/patients/$id";
    is $admin->delete($url)->{status}, 200, 'deleted';
    ok $env->sql("SELECT deleted_at IS NOT NULL FROM ehr.patients "
        . "WHERE id = '$id'") eq 't', 'the row is there';
    refused($admin->get($url), 404, [], 'but not shown');
    is_deeply [walk("$v1/patients?q=vanishing&limit=2")], [], 'nor found';
    is_deeply [walk("$v1/patients?deleted=true")], [$id],
        'an administrator sees it among the deleted';
    refused(client($_, $env)->get("$v1/patients?deleted=true"), 403,
        'deleted', "$_ does not") for qw(doctor reception);
    is $admin->get("$v1/patients?deleted=false&limit=1")->{status}, 200,
        'deleted=false';
    is $admin->post("$url/restore")->{status}, 200, 'restored';
    is $admin->get($url)->{status}, 200, 'shown again';
    refused($admin->post("$url/restore"), 404, [], 'not twice');
    is $admin->post("$url/restore", body => '')->{status}, 404, 'empty body';
}

sub replace {
    my $made = patient(city => 'Here', gender => 'MALE',
        chronicDiseases => ['Gout'], additionalData => { a => 1 });
    my $url = "$v1/patients/$made->{id}";
    my $answer = $admin->patch($url, json => { city => 'There' });
    is_deeply [@{ $answer->{data} }{qw(city gender chronicDiseases)}],
        ['There', 'MALE', ['Gout']], 'PATCH changes what is named';
    $answer = $admin->put($url, json => { person() });
    is_deeply [@{ $answer->{data} }{qw(city gender chronicDiseases
        additionalData)}], [undef, 'UNKNOWN', [], {}], 'PUT replaces all';
    is $answer->{data}{mrn}, $made->{mrn}, 'but not what never changes';
    refused($admin->put($url, json => { firstName => 'A' }), 422, 'lastName',
        'PUT wants what is required');
    refused($admin->patch($url, json => { id => $nothing, mrn => 'x',
        createdAt => '2026-01-01T00:00:00Z', version => 7, nothing => 1 }),
        422, [qw(id mrn createdAt version nothing)],
        'PATCH names all that is wrong');
}

# -- languages, compression, headers ------------------------------------------

sub languages {
    my %case = ('es' => 1, 'es-MX,es;q=0.9,en;q=0.8' => 1, 'de, es;q=0.5' => 1,
        'en' => 0, 'en;q=0.5, es;q=0.9' => 1, 'fr' => 0, 'es;q=0, en' => 0,
        '*' => 0, ';;,,=' => 0, 'x' x 4000 => 0);
    for my $value (sort keys %case) {
        my $answer = $admin->post("$v1/hospitals", json => {},
            headers => { 'Accept-Language' => $value });
        my $about = substr $value, 0, 30;
        is $answer->{json}{message}, $case{$value}
            ? "Algunos campos no son v\x{e1}lidos"
            : 'Some fields are not valid', "message, $about";
        is $answer->{json}{errors}{name},
            $case{$value} ? 'es obligatorio' : 'is required', 'and field';
    }
    is $nobody->get("$v1/nothing", headers => { 'Accept-Language' => 'es' })
        ->{json}{message}, 'No encontrado', '404';
}

sub compression {
    my %gzip = (headers => { 'Accept-Encoding' => 'gzip' });
    my $large = $admin->get("$v1/patients?limit=100", %gzip);
    is $large->{headers}{'content-encoding'}, 'gzip', 'a large answer';
    like $large->{headers}{vary}, qr/Accept-Encoding/, 'varies';
    my ($status, $text) = run_command($large->{body}, 'gzip', '-dc');
    is scalar @{ $json->decode($text)->{data} }, 100, 'opens';
    ok !$admin->get("$v1/patients?limit=1&fields=id", %gzip)
        ->{headers}{'content-encoding'}, 'a small one is left alone';
    ok !$admin->get("$v1/patients?limit=100")->{headers}{'content-encoding'},
        'only when asked for';

    my $id = patient(address => 'x' x 500, additionalData =>
        { filler => 'f' x 2000 })->{id};
    my $one = $admin->get("$v1/patients/$id", %gzip);
    is $one->{headers}{'content-encoding'}, 'gzip', 'a large row';
    is $one->{headers}{etag}, '"1"', 'its tag stays strong';
    is $admin->patch("$v1/patients/$id", json => { city => 'A' },
        headers => { 'If-Match' => $one->{headers}{etag} })->{status}, 200,
        'works as If-Match';
}

sub headers {
    my $origin = 'https://portal.hospital.example';
    for my $case (['GET', "$v1/patients?limit=1"], ['GET', "$v1/nothing"],
        ['GET', '/health'], ['OPTIONS', "$v1/patients"],
        ['POST', "$v1/patients"])
    {
        my $answer = $admin->request(@$case, headers => { Origin => $origin });
        my $headers = $answer->{headers};
        is $headers->{'access-control-allow-origin'}, $origin,
            "@$case from a known origin";
        like $headers->{'access-control-allow-methods'}, qr/PATCH/, 'methods';
        like $headers->{'access-control-allow-headers'}, qr/Idempotency-Key/,
            'headers of requests';
        like $headers->{'access-control-expose-headers'}, qr/ETag/,
            'headers of answers';
        ok $headers->{$_}, $_ for qw(strict-transport-security
            x-content-type-options x-frame-options referrer-policy
            content-security-policy);
        ok !$headers->{'access-control-allow-credentials'}, 'no cookies';
        my $other = $admin->request(@$case,
            headers => { Origin => 'https://evil.example' })->{headers};
        is scalar(grep { /^access-control/ } keys %$other), 0,
            'nothing for another origin';
    }
}

sub request_id {
    for my $id (qw(abcdefgh 0123-4567_89), 'A' x 64) {
        is $nobody->get('/health', headers => { 'X-Request-Id' => $id })
            ->{headers}{'x-request-id'}, $id, "echoes $id";
    }
    for my $id (qw(short a;b;c;d;e), 'A' x 65, 'with blank', '"quoted"12') {
        like $nobody->get("$v1/nothing", headers => { 'X-Request-Id' => $id })
            ->{headers}{'x-request-id'}, qr/\A$uuid\z/, "not $id";
    }
    $admin->get("$v1/patients/$nothing?fields=id",
        headers => { 'X-Request-Id' => "log-$$-seen" });
    my ($line) = grep { /"request":"log-$$-seen"/ }
        split /\n/, read_file($env->access_log);
    my $logged = eval { $json->decode($line) } || {};
    is $logged->{route}, '/patients/{id}', 'the access log has the template';
    is $logged->{user}, accounts($env)->{users}{admin}{id}, 'who';
    unlike $line, qr/$nothing|fields/, 'neither path nor query';
}

# -- operations, other locations ----------------------------------------------

sub operations {
    is $nobody->get('/health')->{body}, qq({"status":"ok"}\n), '/health';
    is $nobody->get('/ready')->{json}{status}, 'ready', '/ready';

    my $metrics = $nobody->get('/metrics');
    is $metrics->{status}, 200, '/metrics';
    like $metrics->{headers}{'content-type'}, qr{^text/plain; version=0.0.4},
        'in the text format';
    my $text = $metrics->{body};
    like $text, qr/^ehr_requests_total\{method="POST",route="\/patients",status="201"\} [1-9]/m,
        'by method, template and status';
    like $text, qr/^ehr_request_seconds_bucket\{method="GET",route="\/patients\/\{id\}",le="\+Inf"\} [1-9]/m,
        'latency';
    unlike $text, qr/$uuid/, 'no id in it';
    unlike $text, qr/Same|Smith|mail\.example/, 'no name in it';
    is_deeply [grep { !/^(?:# (?:HELP|TYPE) \w+ .+|[a-z_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})? [0-9.]+)$/ }
        split /\n/, $text], [], 'every line is well-formed';
    my %type = $text =~ /^# TYPE (\w+) (\w+)$/mg;
    is scalar(() = $text =~ /^# TYPE /mg), scalar keys %type, 'none twice';
    is_deeply [grep { my $name = $_; $name =~ s/_(?:bucket|sum|count)$//
        if !$type{$name}; !$type{$name} } $text =~ /^([a-z]\w+)/mg], [],
        'each has a type';

    my $outside = EHR::Test::Client->new(port => $env->port,
        local => '127.0.0.2');
    is $outside->get('/health')->{status}, 200, 'another address';
    refused($outside->get('/metrics'), 403, [], 'is not told metrics');

    my $drain = $env->dir . '/drain';
    write_file($drain, '');
    my $ready = $nobody->get('/ready');
    is $ready->{status}, 503, '/ready fails while the drain file is there';
    is $ready->{json}{reason}, 'draining', 'and says why';
    is $nobody->get('/health')->{status}, 200, '/health does not';
    is $admin->get("$v1/patients?limit=1")->{status}, 200,
        'and requests are served';
    unlink $drain;
    is $nobody->get('/ready')->{status}, 200, 'without it it is ready';
}

sub beside {
    my $file = read_file(top() . '/conf/nginx.conf');
    my $answer = $nobody->get('/files/nginx.conf');
    is $answer->{body}, $file, 'a static file';
    ok $answer->{headers}{'last-modified'}, "by nginx's own handler";
    is $nobody->get('/files/nginx.conf', headers => { 'If-None-Match' =>
        $answer->{headers}{etag} })->{status}, 304, 'not modified';
    is $nobody->get('/files/nginx.conf', headers => { Range => 'bytes=0-3' })
        ->{body}, substr($file, 0, 4), 'a range';
    refused($nobody->get('/files/nothing'), 404, [], 'a missing file');
    like $nobody->get('/other/x?y=1', headers => { 'X-Request-Id' => 'given-id-7' })
        ->{body}, qr{^other /other/x\?y=1}, 'another application';
    is $nobody->get('/')->{status}, 200, 'a plain location';
    is $admin->get("$v1/patients?limit=1")->{status}, 200,
        'the API in the same connection';
}
