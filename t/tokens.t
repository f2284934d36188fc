# Access tokens over HTTP: what is forged is refused, keys rotate while tokens
# live, and what ends early ends on every worker within a second.

use EHR::Test;
use EHR::Test::Token qw(parts);
use EHR::Test::Workers qw(spread slowest);
use Digest::SHA qw(hmac_sha256 hmac_sha384 hmac_sha512);
use JSON::PP;
use MIME::Base64 qw(encode_base64 encode_base64url decode_base64url);
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'tokens', workers => 4,
    edit => \&every_worker);
my $accounts = accounts($env);
my $admin = client('admin', $env);
my $anonymous = client(undef, $env);
my $me = $accounts->{users}{admin}{id};
my $token = EHR::Test::Token->new($env);
my $path = '/api/v1/auth/token';

# -- forged

is status(make()), 200, 'a token made with the key is good';
is status(make(claims => { exp => int(time) + 30 })), 200, 'and a short one';

# "none" and other algorithms
for my $alg ('none', 'None', 'NONE', 'nOnE', ' none', "none\0", '', 'HS384',
    'HS512', 'RS256', 'ES256', 'PS256', 'EdDSA', 'hs256', 'HS256 ')
{
    for my $signature ('', 'AAAA', undef) {
        refused("alg \"$alg\"" . (defined $signature
                ? length $signature ? ', junk signed' : ', unsigned' : ''),
            make(header => { alg => $alg }, signature => $signature));
    }
}
refused('alg missing', make(header => { alg => undef }));
for my $alg (1, [], {}, ['HS256'], JSON::PP::null, JSON::PP::true) {
    my $text = JSON::PP->new->allow_nonref->encode($alg);
    refused("alg $text", make(header_text =>
        qq({"alg":$text,"kid":"development","typ":"JWT"})));
}
for my $hash ([384 => \&hmac_sha384], [512 => \&hmac_sha512]) {
    my $signed = head_of(header => { alg => "HS$hash->[0]" });
    refused("HS$hash->[0] with the right secret",
        "$signed." . encode_base64url($hash->[1]->($signed, $token->{secret})));
}

# the key's name
for my $kid ('', 'unknown', 'Development', 'development ', "development\0",
    '../../../../dev/null', '/dev/null', 'keys/jwt', '../keys/jwt',
    "' OR '1'='1", "development' UNION SELECT 'a", '*', '%', 'x' x 300)
{
    refused("kid \"" . substr($kid, 0, 30) . '"', make(
        header => { kid => $kid }));
    refused('the same, signed with nothing', make(
        header => { kid => $kid }, secret => ''));
}
refused('kid missing', make(header => { kid => undef }));
refused('kid a number', make(header_text =>
    '{"alg":"HS256","kid":1,"typ":"JWT"}'));
refused('kid null', make(header_text =>
    '{"alg":"HS256","kid":null,"typ":"JWT"}'));
refused('a key of one\'s own in the header', make(header => { jwk =>
    { kty => 'oct', k => encode_base64url('secret') } }, secret => 'secret'));
refused("$_ in the header", make(header => { $_ => 'https://a.example/k' }))
    for qw(jku x5u x5c crit zip cty b64);
refused("typ $_", make(header => { typ => $_ })) for qw(jwt at+jwt JWE);
refused('typ missing', make(header => { typ => undef }));

# secrets that are guessed
refused('signed with ' . (length $_ ? 'another secret' : 'nothing'),
    make(secret => $_)) for '', 'secret', "\0" x 32,
    unpack('H*', $token->{secret}), substr($token->{secret}, 1);

# members twice
refused("$_ twice", make(claims_text => twice($_)))
    for qw(sub roles aud exp iat iss sid);
for my $member ('"alg":"none"', '"alg":"HS256"', '"kid":"development"',
    '"typ":"JWT"')
{
    refused("$member twice", make(header_text =>
        qq({"alg":"HS256","kid":"development","typ":"JWT",$member})));
    refused("$member first", make(header_text =>
        qq({$member,"alg":"HS256","kid":"development","typ":"JWT"})));
}

# claims
refused("$_ missing", make(claims => { $_ => undef }))
    for qw(iss aud sub sid roles iat exp jti);
refused("iss $_", make(claims => { iss => $_ }))
    for 'nginx-eh', 'nginx-ehr ', 'NGINX-EHR', ['nginx-ehr'], 1;
refused('aud ' . JSON::PP->new->allow_nonref->encode($_),
    make(claims => { aud => $_ })) for '', 'Staff', 'admin', ['staff'],
    ['staff', 'portal'], 1, 'staff ', "staff\0";
refused('sub ' . JSON::PP->new->allow_nonref->encode($_),
    make(claims => { sub => $_ })) for '', 'admin', "$me ", "{$me}",
    [$me], 1, "$me' OR '1'='1", substr($me, 1);
refused('roles ' . JSON::PP->new->allow_nonref->encode($_),
    make(claims => { roles => $_ })) for 'ADMIN', {}, 1, [1], ['admin'],
    [['ADMIN']], [('ADMIN') x 9], ['A' x 48], ["ADMIN\0"];
is status(make(claims => { roles => [] })), 403, 'no role, no permission';
is status(make(claims => { roles => ['NOBODY'] })), 403, 'nor an unknown one';

# times: 5 s of leeway for iat and nbf, none for exp, at most a lifetime
my $now = int time;
is status(make(claims => { iat => $now + 3, exp => $now + 60 })), 200,
    'issued within the leeway';
is status(make(claims => { nbf => $now + 3 })), 200, 'not before, within it';
is status(make(claims => { nbf => $now - 60 })), 200, 'not before the past';
is status(make(claims => { iat => $now - 890, exp => $now + 10 })), 200,
    'of a lifetime';
refused("times @{[ %$_ ]}", make(claims => $_)) for
    { iat => $now + 9, exp => $now + 60 }, { nbf => $now + 9 },
    { iat => $now - 60, exp => $now - 1 }, { iat => $now - 60, exp => $now },
    { iat => $now + 3, exp => $now + 3 }, { iat => $now, exp => $now - 10 },
    { iat => $now, exp => $now + 910 }, { iat => $now - 86400 },
    { iat => 0, exp => $now + 60 }, { iat => -1 }, { exp => -1 },
    { exp => 9999999999 }, { exp => '9' x 15 };
refused("$_->[0] $_->[1]", make(claims_text => with(@$_))) for
    ['exp', '"' . ($now + 60) . '"'], ['exp', ($now + 60) . '.5'],
    ['exp', '9e9'], ['exp', 'null'], ['exp', 'true'], ['exp', '[]'],
    ['exp', '1e400'], ['exp', '99999999999999999999'],
    ['iat', '"' . $now . '"'], ['iat', "$now.0"], ['iat', 'null'],
    ['nbf', '"soon"'], ['nbf', 'null'], ['nbf', '-1'];

my $short = make(claims => { iat => $now, exp => int(time) + 2 });
is status($short), 200, 'a token about to expire';
sleep 2.1;
is status($short), 401, 'has expired, though it was known';

# spelling
my $good = make();
my ($head, $body, $signature) = split /\./, $good;
refused($_->[0], $_->[1]) for
    ['a dot more', "$good."], ['a part more', "$good.e30"],
    ['two parts', "$head.$body"], ['two parts and a dot', "$head.$body."],
    ['one part', $head], ['nothing', ''], ['dots', '..'],
    ['no header', ".$body.$signature"], ['no claims', "$head..$signature"],
    ['bytes after it', "${good}A"], ['a blank after it', "$good x"],
    ['padding', "$good="], ['padding', padded($head) . ".$body.$signature"],
    ['the other alphabet', other_alphabet()],
    ['bits that count for nothing', loose_end()],
    ['a header that is no object', make(header_text => '[]')],
    ['claims that are no object', make(claims_text => '[1]')],
    ['claims that are no JSON', make(claims_text => '{"sub":')],
    ['two values', make(claims_text => '{}{}')],
    ['not UTF-8', make(claims_text => qq({"sub":"\xff\xfe"}))],
    ['a byte order mark', make(header_text => "\xef\xbb\xbf"
        . '{"alg":"HS256","kid":"development","typ":"JWT"}')],
    ['more than fits', make(claims => { pad => 'x' x 4000 })],
    ['a changed signature', "$head.$body." . scalar reverse $signature],
    ['a changed claim', "$head." . changed($body) . ".$signature"];
like status(make(claims => { pad => 'x' x 9000 })), qr/\A4\d\d\z/,
    'more than nginx takes';

for my $header ("Basic $good", $good, "Bearer  $good", "Bearer$good",
    "Token $good", 'Bearer', "Bearer\t$good", "Bearer $good,$good")
{
    is $anonymous->get($path, headers => { Authorization => $header })
        ->{status}, 401, 'Authorization: ' . substr $header, 0, 12;
}
is $anonymous->get("$path?access_token=$good")->{status}, 401,
    'no token in an address';
is $anonymous->get($path, headers => { Cookie => "token=$good" })->{status},
    401, 'nor in a cookie';

my $answer = $anonymous->get($path, token => make(header =>
    { alg => 'none' }, signature => ''));
like $answer->{headers}{'www-authenticate'} || '', qr/^Bearer/,
    'a refusal says how to sign in' or diag explain $answer->{headers};

# other tokens and other audiences
my $session = $accounts->sign_in('patient');
refused('a refresh token as access token', $session->{refreshToken});
for my $body ({ refreshToken => $session->{accessToken} },
    { refreshToken => make() })
{
    like $anonymous->post('/api/v1/auth/refresh', json => $body)->{status},
        qr/\A(?:401|422)\z/, 'an access token refreshes nothing';
}
my $portal = $accounts->sign_in('portal');
for my $staff_only (qw(/users /patients/x/care-team /wards /audit-logs)) {
    is $anonymous->get("/api/v1$staff_only", token => make(claims =>
        { aud => 'portal' }))->{status}, 403,
        "audience portal is refused by $staff_only whatever the roles";
}
is $anonymous->post('/api/v1/auth/refresh',
    json => { refreshToken => $portal->{refreshToken} })->{status}, 401,
    'a portal refresh token is no staff one';
is $anonymous->post('/api/v1/portal/auth/refresh',
    json => { refreshToken => $session->{refreshToken} })->{status}, 401,
    'nor the other way round';
is $anonymous->post('/api/v1/portal/auth/refresh',
    json => { refreshToken => $portal->{refreshToken} })->{status}, 200,
    'where they were not used up by that';

# -- what ends early ends on every worker within a second

my $person = 0;
for my $end (
    ['roles changed', sub { patch($_[0], roles => ['NURSE']) }],
    ['banned', sub { patch($_[0], status => 'BANNED') }],
    ['made inactive', sub { patch($_[0], status => 'INACTIVE') }],
    ['deleted', sub { $admin->delete("/api/v1/users/$_[0]{id}") }],
    ['signed out', sub { $anonymous->post('/api/v1/auth/logout',
        token => $_[1]{accessToken}) }],
    ['signed out everywhere', sub { $anonymous->post('/api/v1/auth/logout',
        token => $accounts->sign_in($_[2])->{accessToken},
        json => { all => JSON::PP::true }) }],
    ['ended from another session', sub {
        my $other = $accounts->sign_in($_[2])->{accessToken};
        my ($sid) = map { $_->{sid} } (parts($_[1]{accessToken}))[1];
        $anonymous->delete("/api/v1/auth/sessions/$sid", token => $other) }],
    ['banned by hand in the database', sub {
        $env->sql("SET ehr.scope = 'system'; UPDATE ehr.users
            SET status = 'BANNED' WHERE id = '$_[0]{id}'");
        return { status => 200 } }],
) {
    my ($what, $act) = @$end;
    my $name = 'person' . ++$person;
    my $user = $accounts->create_user($name, 'DOCTOR');
    my $session = $accounts->sign_in($name);
    my @clients = spread($env, $session->{accessToken});
    my @statuses = map { $_->get($path)->{status} } @clients;

    is "@statuses", join(' ', (200) x @clients), "$what: good everywhere";
    is $act->($user, $session, $name)->{status}, 200, 'it happens';
    my ($seconds, $back) = slowest(\@clients, $path, 401, 1);
    ok $seconds <= 1, sprintf 'refused by every worker after %.3f s',
        $seconds;
    is $back, 0, 'and for good';

    my $again = $anonymous->post('/api/v1/auth/refresh',
        json => { refreshToken => $session->{refreshToken} });
    if ($what eq 'roles changed') {
        is_deeply $again->{data}{user}{roles}, ['NURSE'],
            'a refresh gives the new roles';
        is status($again->{data}{accessToken}), 200,
            'and a token that is good at once';
    } else {
        is $again->{status}, 401, 'nothing to refresh';
    }
}

# a role that loses a permission
$admin->post('/api/v1/roles', json => { name => 'CLERK',
    permissions => ['account.use', 'organisation.read'] });
$accounts->create_user('clerk', 'CLERK');
my @clerks = spread($env, $accounts->token('clerk'));
my ($role) = grep { $_->{name} eq 'CLERK' }
    @{ $admin->get('/api/v1/roles?limit=50')->{data} };
my ($known) = slowest(\@clerks, '/api/v1/hospitals', 200, 1);
ok $known <= 1, sprintf 'a new role is known to every worker after %.3f s',
    $known;
is $admin->patch("/api/v1/roles/$role->{id}",
    json => { permissions => ['account.use'] })->{status}, 200, 'loses it';
my ($seconds) = slowest(\@clerks, '/api/v1/hospitals', 403, 1);
ok $seconds <= 1, sprintf 'on every worker after %.3f s', $seconds;
is_deeply [grep { $_->get($path)->{status} != 200 } @clerks], [],
    'and keeps the rest';

# -- keys rotate while tokens live

is_deeply $anonymous->get('/.well-known/jwks.json')->{json}, { keys => [] },
    'a secret is not in the key set';

my $old = $accounts->sign_in('nurse')->{accessToken};
make_key('rsa', 'RSA', 'rsa_keygen_bits:2048');
make_key('ec', 'EC', 'ec_paramgen_curve:P-256');
keys_are('jwt id=development', 'rsa id=rsa-1 algorithm=RS256 sign');
is status($old), 200, 'a token of the old key lives on';
my $rs = $accounts->sign_in('nurse')->{accessToken};
is_deeply [@{ (parts($rs))[0] }{qw(alg kid typ)}], [qw(RS256 rsa-1 JWT)],
    'new ones are signed by the new key';
is status($rs), 200, 'and good';
ok verified($rs), 'with the key set anybody verifies them';

# confusion of a public key with a secret
my $public = must_run(undef, 'openssl', 'pkey', '-in', $env->key_file('rsa'),
    '-pubout');
my $der = must_run(undef, 'openssl', 'pkey', '-in', $env->key_file('rsa'),
    '-pubout', '-outform', 'DER');
(my $line = $public) =~ s/\n\z//;
my $set = $anonymous->get('/.well-known/jwks.json')->{body};
for my $alg (qw(HS256 RS256)) {
    for my $secret ($public, $line, $der, $set, 'rsa-1', '') {
        refused("the public key as secret, $alg", make(secret => $secret,
            header => { alg => $alg, kid => 'rsa-1' }));
        refused('by the name of the secret key', make(secret => $secret,
            header => { alg => $alg, kid => 'development' }));
    }
}
for my $try (['RS384', 'sha384', 'rsa-1'], ['RS512', 'sha512', 'rsa-1'],
    ['RS256', 'sha256', 'development'], ['HS256', 'sha256', 'rsa-1'])
{
    my ($alg, $digest, $kid) = @$try;
    my $signed = head_of(header => { alg => $alg, kid => $kid });
    refused("$alg under $kid, signed with the private key", "$signed."
        . encode_base64url(must_run($signed, 'openssl', 'dgst', "-$digest",
            '-sign', $env->key_file('rsa'))));
}
my $signed = head_of(header => { alg => 'RS256', kid => 'rsa-1' });
is status("$signed." . encode_base64url(must_run($signed, 'openssl', 'dgst',
    '-sha256', '-sign', $env->key_file('rsa')))), 200,
    'where the algorithm is the key\'s it is good';

keys_are('rsa id=rsa-1 algorithm=RS256', 'ec id=ec-1 algorithm=ES256 sign');
is status($old), 401, 'a token of a key taken away is refused';
is status($rs), 200, 'one of a key that stays is not';
my $es = $accounts->sign_in('nurse')->{accessToken};
is_deeply [@{ (parts($es))[0] }{qw(alg kid)}], [qw(ES256 ec-1)],
    'the next key signs';
is status($es), 200, 'and is good';
ok verified($es), 'with the key set anybody verifies it';
is_deeply [sort map { $_->{kid} } @{ $anonymous->get('/.well-known/jwks.json')
    ->{json}{keys} }], [qw(ec-1 rsa-1)], 'the key set has both';
unlike $anonymous->get('/.well-known/jwks.json')->{body},
    qr/"(?:d|p|q|dp|dq|qi|k)":/, 'and nothing private';
refused('r and s of zero', join '.', (split /\./, $es)[0, 1],
    encode_base64url("\0" x 64));

keys_are('ec id=ec-1 algorithm=ES256 sign');
is status($rs), 401, 'the second key is taken away';
is status($es), 200, 'the third stays';

logs_clean($env);
done_testing;

sub status { return $anonymous->get($path, token => $_[0])->{status} }

sub refused {
    my ($what, $token) = @_;
    is status($token), 401, "refused: $what";
}

# A token of the administrator, but for what is given.
sub make {
    my (%option) = @_;
    return $token->make(%option,
        claims => { sub => $me, %{ $option{claims} || {} } });
}

sub head_of {
    my $token = make(@_);
    return $token =~ s/\.[^.]*\z//r;
}

# The claims' text with one member's text replaced.
sub with {
    my ($name, $text) = @_;
    my $claims = JSON::PP->new->canonical->encode((parts(make(claims =>
        { $name => 12345 })))[1]);
    $claims =~ s/"$name":12345/"$name":$text/;
    return $claims;
}

# The claims' text with a member that is there twice, the good one last.
sub twice {
    my ($name) = @_;
    my $claims = JSON::PP->new->canonical->encode((parts(make()))[1]);
    $claims =~ s/\A\{/{"$name":"x",/;
    return $claims;
}

sub padded {
    my ($part) = @_;
    return $part . '=' x (4 - length($part) % 4 || 1);
}

# A token in which base64url is spelt as base64.
sub other_alphabet {
    for (1 .. 200) {
        my $token = make(claims => { jti => "try-$_" });
        return $token =~ tr/-_/+\//r if $token =~ /[-_][^.]*\z/;
    }
    die 'no token with - or _';
}

# A token whose last character has other bits beyond the last byte.
sub loose_end {
    my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_');
    my %place = map { $letters[$_] => $_ } 0 .. 63;
    my $token = make();

    # 32 bytes are 43 characters; the last carries 4 bits and 2 spare ones
    $token =~ s/(.)\z/$letters[$place{$1} ^ 1]/e;
    return $token;
}

sub changed {
    my ($body) = @_;
    my $text = decode_base64url($body);
    $text =~ s/ADMIN/ADMIX/;
    return encode_base64url($text);
}

sub patch {
    my ($user, %fields) = @_;
    return $admin->patch("/api/v1/users/$user->{id}", json => \%fields);
}

sub every_worker { return $_[0] =~ s/(listen\s+127[^;]*);/$1 reuseport;/r }

# -- key files

sub make_key {
    my ($name, $kind, $option) = @_;
    $env->as_service('openssl', 'genpkey', '-algorithm', $kind, '-pkeyopt',
        $option, '-out', $env->key_file($name));
}

sub keys_are {
    my @keys = @_;
    my $dir = $env->dir;
    my $lines = join '', map { "    ehr_jwt_key $dir/keys/$_;\n" } @keys;

    $env->reconfigure(edit => sub {
        my $conf = every_worker($_[0]);
        $conf =~ s/^\s*ehr_jwt_key[^\n]*\n/$lines/m or die 'no key';
        return $conf;
    });
    $env->reload;
    $env->wait_for(10, 'new workers',
        sub { my @workers = $env->worker_pids; @workers == 4 });
    $anonymous->disconnect;
    $admin->disconnect;
    $accounts->{client}->disconnect;
}

# Whether OpenSSL finds the signature good under the published key.
sub verified {
    my ($token) = @_;
    my ($head, $body, $signature) = split /\./, $token;
    my ($kid, $alg) = @{ (parts($token))[0] }{qw(kid alg)};
    my ($jwk) = grep { $_->{kid} eq $kid }
        @{ $anonymous->get('/.well-known/jwks.json')->{json}{keys} };
    my $dir = $env->dir;
    my $bytes = decode_base64url($signature);

    write_file("$dir/public.pem", pem($jwk));
    write_file("$dir/signature", $alg eq 'ES256'
        ? sequence(map { integer($_) } unpack 'a32a32', $bytes) : $bytes);
    my ($status) = run_command("$head.$body", 'openssl', 'dgst', '-sha256',
        '-verify', "$dir/public.pem", '-signature', "$dir/signature");
    return $status == 0;
}

# A JWK as PEM, by hand: independent of what made it.
sub pem {
    my ($jwk) = @_;
    my ($kind, $key);

    if ($jwk->{kty} eq 'RSA') {
        $kind = sequence("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01",
            "\x05\x00");
        $key = sequence(map { integer(decode_base64url($jwk->{$_})) }
            qw(n e));
    } else {
        $kind = sequence("\x06\x07\x2a\x86\x48\xce\x3d\x02\x01",
            "\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
        $key = "\x04" . join '', map { decode_base64url($jwk->{$_}) } qw(x y);
    }
    return "-----BEGIN PUBLIC KEY-----\n" . encode_base64(sequence($kind,
            "\x03" . size(1 + length $key) . "\0$key"))
        . "-----END PUBLIC KEY-----\n";
}

sub integer {
    my $bytes = $_[0] =~ s/\A\0+(?=.)//sr;
    $bytes = "\0$bytes" if ord($bytes) & 0x80;
    return "\x02" . size(length $bytes) . $bytes;
}

sub sequence {
    my $bytes = join '', @_;
    return "\x30" . size(length $bytes) . $bytes;
}

sub size {
    my ($n) = @_;
    return $n < 128 ? chr $n : $n < 256 ? "\x81" . chr $n
        : "\x82" . pack 'n', $n;
}
