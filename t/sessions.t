# Signing in, renewing and signing out; what stands in the way of guessing; and
# that the database shows nothing to whom it does not know.

use EHR::Test;
use EHR::Test::Together qw(together);
use EHR::Test::Token qw(parts);
use JSON::PP;
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'sessions', workers => 2,
    password_cost => 10,
    edit => sub { $_[0] =~ s/(ehr_password_pool.*queue=)\d+/${1}4/r });
my $accounts = accounts($env);
my $admin = client('admin', $env);
my $anonymous = client(undef, $env);
my $password = $accounts->{users}{admin}{password};

# -- one answer, in one time, for whatever is wrong

my %try = (
    unknown => [map { ["nobody$_\@test.example", $password] } 1 .. 3],
    wrong => [map { [person("wrong$_"), 'Not-the-Pass-1!'] } 1 .. 3],
    older => [map { [of_cost(6, person("older$_")), 'Not-the-Pass-1!'] }
        1 .. 3],
    banned => [map { [person("banned$_", status => 'BANNED'), $password] }
        1 .. 3],
    inactive => [map { [person("idle$_", status => 'INACTIVE'), $password] }
        1 .. 3],
    deleted => [map { my $email = person("gone$_");
        $admin->delete("/api/v1/users/$accounts->{users}{\"gone$_\"}{id}");
        [$email, $password] } 1 .. 3],
);
my (%seconds, %said);
for my $round (0 .. 8) {
    for my $kind (sort keys %try) {
        my $answer = $anonymous->sign_in(@{ $try{$kind}[$round % 3] });
        push @{ $seconds{$kind} }, $answer->{seconds};
        $said{$kind}{ told($answer) }++;
    }
}
for my $kind (sort keys %try) {
    is_deeply $said{$kind}, $said{wrong}, "$kind: the same answer";
    my $ratio = median(@{ $seconds{$kind} }) / median(@{ $seconds{wrong} });
    ok $ratio > 0.5 && $ratio < 2,
        sprintf '%s: the same time (%.2f of a wrong password\'s)', $kind,
        $ratio;
}
is $anonymous->sign_in($try{older}[0][0], $password)->{status}, 200,
    'a hash of a lower cost is as good';
is((keys %{ $said{wrong} })[0], told($anonymous->sign_in(
    $accounts->{users}{doctor}{email}, $password, portal => 1)),
    'the portal answers staff likewise');
like((keys %{ $said{wrong} })[0], qr/^401 /, 'which is no');

# -- passwords

my $long = 'Pass-2026!' . "\xc3\xa9" x 45 . 'tail-a';
is $admin->post('/api/v1/users', json => { email => 'long@test.example',
    password => JSON::PP::decode_json("[\"$long\"]")->[0], firstName => 'L',
    lastName => 'L', roles => ['NURSE'] })->{status}, 201,
    'a password of more bytes than bcrypt takes';
for my $try ([$long, 200], [$long =~ s/a\z/b/r, 401],
    [substr($long, 0, 72), 401], [lc $long, 401])
{
    is $anonymous->post('/api/v1/auth/login', body =>
        qq({"email":"long\@test.example","password":"$try->[0]"}))->{status},
        $try->[1], 'counts to its last byte';
}
# its bound is in characters, as all bounds are
for my $try (["\xf0\x9f\x98\x80" x 256, 401], ["\xc3\xa9" x 256, 401],
    ["\xc3\xa9" x 257, 422])
{
    my $answer = $anonymous->post('/api/v1/auth/login', body =>
        qq({"email":"long\@test.example","password":"$try->[0]"}));
    is $answer->{status}, $try->[1],
        length($try->[0]) . ' bytes are as wrong as any'
        or diag $answer->{body};
}
is $env->sql("SELECT count(*) FROM ehr.audit_log WHERE action = 'LOGIN_FAILED'
    AND entity_id = (SELECT id FROM ehr.users WHERE first_name = 'L')"), 5,
    'and each is written down';
for my $email ('DOCTOR@test.example', 'Doctor@Test.Example') {
    is $anonymous->sign_in($email, $password)->{status}, 200, $email;
}

# -- lockout

my $locked = person('locked');
for my $email ($locked, 'no-such-person@test.example') {
    is $anonymous->sign_in($email, "Guess-$_-aaaa")->{status}, 401, 'a guess'
        for 1 .. 5;
    my $answer = $anonymous->sign_in(uc $email, $password);
    is $answer->{status}, 429, 'after five the account is locked';
    like $answer->{headers}{'retry-after'} || '', qr/\A(?:[12]?\d|30)\z/,
        'for up to 30 s';
    is $anonymous->sign_in($email, $password, portal => 1)->{status}, 429,
        'for the portal too';
    $said{$email} = told($answer) =~ s/\d+ second/N second/r;
}
is $said{$locked}, $said{'no-such-person@test.example'},
    'whether it exists or not';
my $careful = person('careful');
for my $round (1, 2) {
    $anonymous->sign_in($careful, 'Guess-aaaaaaa') for 1 .. 4;
    is $anonymous->sign_in($careful, $password)->{status}, 200,
        'a success forgives four failures';
}

# -- renewing

my $nurse = $accounts->sign_in('nurse');
my $other = $accounts->sign_in('nurse');
my $session = $nurse;
for (1 .. 5) {
    my $answer = refresh($session->{refreshToken});
    is $answer->{status}, 200, 'a refresh token is swapped';
    isnt $answer->{data}{refreshToken}, $session->{refreshToken},
        'for another';
    is((parts($answer->{data}{accessToken}))[1]{sid},
        (parts($nurse->{accessToken}))[1]{sid}, 'of the same session');
    $session = $answer->{data};
}
is token_status($session->{accessToken}), 200, 'a token of the last';
is refresh($nurse->{refreshToken})->{status}, 401, 'the first comes again';
is_revoked($session->{accessToken}, 'and ends the family');
is refresh($session->{refreshToken})->{status}, 401, 'its newest too';
is token_status($other->{accessToken}), 200, 'another session goes on';
is refresh($_)->{status}, 401, 'no refresh token' for 'x',
    substr($other->{refreshToken}, 1), uc $other->{refreshToken};

for my $round (1 .. 3) {
    my $session = $accounts->sign_in('nurse');
    my @answers = together($env, 20, 'POST', '/api/v1/auth/refresh',
        json => { refreshToken => $session->{refreshToken} });
    my @winners = grep { $_->{status} == 200 } @answers;
    is @winners, 1, '20 at once: one successor';
    is_deeply [grep { $_->{status} !~ /^(?:200|401)$/ } @answers], [],
        'and refusals';
    is_revoked($winners[0]{data}{accessToken},
        'whose family ends, for the others were reuse');
    is refresh($winners[0]{data}{refreshToken})->{status}, 401,
        'wholly';
    is $env->sql("SELECT count(*) FROM ehr.audit_log WHERE action
        = 'REFRESH_REUSED' AND after ->> 'session' = '"
        . (parts($session->{accessToken}))[1]{sid} . "'"), 1,
        'which is written down once';
}

$session = $accounts->sign_in('nurse');
$env->sql("UPDATE ehr.refresh_tokens SET expires_at = now()
    WHERE used_at IS NULL AND session_id = '"
    . (parts($session->{accessToken}))[1]{sid} . "'");
is refresh($session->{refreshToken})->{status}, 401,
    'an expired refresh token';
is token_status($session->{accessToken}), 200, 'is no reuse';
is $env->sql("SELECT count(*) FROM ehr.refresh_tokens WHERE encode(token_hash,
    'escape') LIKE '%$session->{refreshToken}%'"), 0, 'no token is stored';

# -- one's own sessions

my $lab = $accounts->sign_in('lab');
my $second = $anonymous->post('/api/v1/auth/login',
    headers => { 'User-Agent' => 'Device/2' }, json => {
    email => $accounts->{users}{lab}{email}, password => $password })->{data};
my $mine = $anonymous->with_token($lab->{accessToken});
my @sessions = @{ $mine->get('/api/v1/auth/sessions')->{data} };
is @sessions, 2, 'the list has one\'s sessions';
my ($device) = grep { ($_->{userAgent} || '') eq 'Device/2' } @sessions;
is $device->{ip}, '127.0.0.1', 'with address and device';
is $device->{audience}, 'staff', 'and audience';
my $foreign = (parts($other->{accessToken}))[1]{sid};
is told($mine->delete("/api/v1/auth/sessions/$foreign")),
    told($mine->delete('/api/v1/auth/sessions/'
        . '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a')),
    'somebody else\'s is not there';
is token_status($other->{accessToken}), 200, 'and goes on';
is $mine->delete("/api/v1/auth/sessions/$device->{id}")->{status}, 200,
    'one of one\'s own is ended';
is_revoked($second->{accessToken}, 'at once');
is refresh($second->{refreshToken})->{status}, 401, 'and for good';
is $mine->delete("/api/v1/auth/sessions/$device->{id}")->{status}, 404,
    'once';
is token_status($lab->{accessToken}), 200, 'the other goes on';

# -- registering, and the portal

my %patient = (email => 'new@patient.example', password => 'New-Pass-2026!',
    firstName => 'Nina', lastName => 'New', dateOfBirth => '1990-01-02');
is $anonymous->post('/api/v1/auth/register', json => { %patient, @$_ })
    ->{status}, 422, "not with $_->[0]" for [roles => ['ADMIN']],
    [status => 'ACTIVE'], [password => 'short'], [email => 'nobody'];
my $new = $anonymous->post('/api/v1/auth/register', json => \%patient);
is $new->{status}, 201, 'registered';
is $anonymous->post('/api/v1/register', json => { %patient,
    email => 'NEW@patient.example' })->{status}, 409, 'once';
for my $portal (0, 1) {
    my $answer = $anonymous->sign_in(@patient{qw(email password)},
        portal => $portal);
    is $answer->{status}, 200, 'signs in';
    is_deeply $answer->{data}{user}{roles}, ['PATIENT'], 'as a patient';
    my $client = $anonymous->with_token($answer->{data}{accessToken});
    is_deeply [map { $_->{id} } @{ $client->get('/api/v1/patients')->{data} }],
        [$new->{data}{patientId}], 'and sees oneself only';
    is $client->get("/api/v1/patients/$new->{data}{patientId}")
        ->{data}{email}, $patient{email}, 'and all of it';
    is $client->get('/api/v1/user/profile')->{data}{email}, $patient{email},
        'and the profile';
    is $client->get('/api/v1/users')->{status}, 403, 'no accounts';
}
$accounts->create_user('both', 'DOCTOR', 'PATIENT');
my $both = $anonymous->sign_in('both@test.example', $password, portal => 1)
    ->{data};
is_deeply [@{ (parts($both->{accessToken}))[1] }{qw(aud roles)}],
    ['portal', ['PATIENT']], 'who is staff too is a patient in the portal';
is_deeply $anonymous->with_token($both->{accessToken})
    ->get('/api/v1/patients')->{data}, [], 'and sees no other patient there';
for my $name (grep { !/patient|portal/ } sort keys %{ $accounts->{users} }) {
    next unless $name =~ /^(?:admin|doctor|nurse|reception|pharmacist)$/;
    is $anonymous->sign_in($accounts->{users}{$name}{email}, $password,
        portal => 1)->{status}, 401, "no portal for $name";
}

# -- set-up is over

my %setup = (token => $env->setup_token, email => 'second@test.example',
    password => 'Second-Pass-1!', firstName => 'S', lastName => 'S');
is $anonymous->post('/api/v1/setup', json => \%setup)->{status}, 409,
    'no second set-up';
is $anonymous->post('/api/v1/setup', json => { %setup, token => $_ })
    ->{status}, 403, 'nor with another token' for 'x' x 64, '0' x 64, 'a',
    substr($setup{token}, 1), "$setup{token}0";
is $anonymous->sign_in(@setup{qw(email password)})->{status}, 401,
    'there is no such account';

# -- many logins at once leave the rest alone

my $reader = $accounts->client('doctor');
my $before = $env->metric('ehr_password_rejected_total');
my (@reads, @slow);
my @logins = together($env, 60, 'POST', '/api/v1/auth/login', json => {
    email => $accounts->{users}{pharmacist}{email}, password => $password },
    meanwhile => sub {
        for (1 .. 30) {
            my $answer = $reader->get('/api/v1/patients?limit=5');
            push @reads, $answer->{status};
            push @slow, $answer->{seconds};
        }
    });
my %count;
$count{ $_->{status} }++ for @logins;
is_deeply [sort keys %count], [200, 503], '60 logins at once: some, not all'
    or diag explain \%count;
# four may wait at a worker; all connections may be of one
ok $count{200} >= 4, 'as many as may wait are let in' or diag explain \%count;
is_deeply [grep { $_->{status} == 503
    && ($_->{headers}{'retry-after'} || '') !~ /^\d+$/ } @logins], [],
    'the others are told when to come again';
is $env->metric('ehr_password_rejected_total') - $before, $count{503},
    'and counted';
is_deeply [grep { $_ != 200 } @reads], [], 'reads go on meanwhile';
ok median(@slow) < 0.5, sprintf 'quickly (%.3f s)', median(@slow);

# -- the database by itself

my @tables = map { $_->[0] } $env->rows("SELECT c.relname FROM pg_class c
    WHERE c.relnamespace = 'ehr'::regnamespace AND c.relkind = 'r'
    ORDER BY 1");
ok @tables > 30, 'tables';
is $env->sql("SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
    WHERE relnamespace = 'ehr'::regnamespace AND relkind = 'r'
      AND NOT (relrowsecurity AND relforcerowsecurity)"),
    'permissions schema_migrations', 'row-level security is forced on all '
    . 'but what says nothing of anybody';
for my $table (@tables) {
    next if $table =~ /^(?:permissions|schema_migrations)$/;
    my ($ok, $out, $said) = $env->psql('ehr_app',
        "SELECT count(*) FROM ehr.$table");
    ok $ok ? $out eq '0' : $said =~ /permission denied/,
        "$table shows nothing without an actor" or diag $out . $said;
}
is changed_by_hand(), '', 'nor can anything be changed or taken away';
for my $scope ('', 'own', 'nonsense', 'SYSTEM') {
    is $env->sql_app("BEGIN; SET LOCAL ehr.scope = '$scope';
        SET LOCAL ehr.actor = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
        SELECT (SELECT count(*) FROM ehr.patients)
            + (SELECT count(*) FROM ehr.users)
            + (SELECT count(*) FROM ehr.sessions)
            + (SELECT count(*) FROM ehr.user_secrets)
            + (SELECT count(*) FROM ehr.audit_log)
            + (SELECT count(*) FROM ehr.audit_concerns)
            + (SELECT count(*) FROM ehr.audit_logs); COMMIT"), 0,
        "scope '$scope' of an unknown actor";
}
is $env->sql_app("BEGIN; SET LOCAL ehr.scope = 'all'; SET LOCAL ehr.actor
    = '$accounts->{users}{admin}{id}'; SELECT count(*) FROM ehr.user_secrets;
    COMMIT"), 0, 'an administrator sees no password hashes';
for my $sql ('SET ROLE ehr_owner', 'SET ROLE ehr_migration',
    'ALTER TABLE ehr.patients DISABLE ROW LEVEL SECURITY',
    'DROP TRIGGER append_only ON ehr.audit_log',
    'SET session_replication_role = replica',
    'CREATE TABLE ehr.mine (id int)', 'CREATE TABLE public.mine (id int)',
    'CREATE FUNCTION public.mine() RETURNS int LANGUAGE sql AS $$SELECT 1$$',
    'INSERT INTO ehr.permissions VALUES (\'x\')',
    'SELECT pg_read_file(\'/etc/passwd\')', 'COPY (SELECT 1) TO PROGRAM \'id\'')
{
    my ($ok) = $env->psql('ehr_app', $sql);
    ok !$ok, "the application may not: $sql";
}
# what encrypting again may do, nobody gets by saying that it is that
my $account = $accounts->{users}{nurse}{id};
is $env->sql_app("BEGIN; SET LOCAL ehr.scope = 'system';
    SET LOCAL ehr.rekey = 'on';
    INSERT INTO ehr.family_members (user_id, relation, first_name, last_name)
    VALUES ('$account', 'CHILD', 'A', 'B');
    UPDATE ehr.family_members SET first_name = 'C' WHERE user_id = '$account';
    SELECT p.first_name, p.version, (SELECT string_agg(a.action, ' ' ORDER BY
            a.seq) FROM ehr.audit_log a WHERE a.entity_id = p.id)
      FROM ehr.patients p JOIN ehr.family_members f ON f.patient_id = p.id
     WHERE f.user_id = '$account'; ROLLBACK"), "C\t2\tCREATE UPDATE",
    'what a function changes for the application is stamped and audited';
is $env->sql("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'ehr\\_%'
    AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb
         OR rolreplication AND rolname <> 'ehr_feed')"), 0,
    'no role of ours stands above the rules';
is $env->sql("SELECT count(*) FROM pg_class c JOIN pg_roles r
    ON r.oid = c.relowner WHERE r.rolname = 'ehr_app'"), 0,
    'the application owns nothing';
is $env->sql("SELECT string_agg(p.proname, ' ') FROM pg_proc p
    WHERE p.pronamespace = 'ehr'::regnamespace AND p.prosecdef
      AND NOT coalesce(p.proconfig::text, '') LIKE '%search_path%'"), '',
    'functions with the owner\'s rights choose their own search path';
is $env->sql("SELECT string_agg(p.proname, ' ') FROM pg_proc p,
    LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    WHERE p.pronamespace = 'ehr'::regnamespace AND a.grantee = 0"), '',
    'nothing is granted to everybody';

# A session's tokens are kept revoked until its access_until: none is good for
# longer, however late the database says that the session has begun.
$env->psql('postgres', <<'SQL');
CREATE FUNCTION public.late() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(3); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE ON ehr.sessions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.late();
SQL
my $late = $accounts->sign_in('pharmacist');
for my $what (qw(login refresh)) {
    my $claims = (parts($late->{accessToken}))[1];
    cmp_ok $claims->{exp}, '<=', $env->sql("SELECT
        ceil(extract(epoch FROM access_until)) FROM ehr.sessions
        WHERE id = '$claims->{sid}'") + 1, "after a $what that took long";
    is $late->{expiresIn}, $claims->{exp} - $claims->{iat}, 'it says so';
    $late = refresh($late->{refreshToken})->{data} if $what eq 'login';
}
$env->psql('postgres', 'DROP FUNCTION public.late CASCADE');

# -- limits, in an environment that has some

my $limited = start_environment(name => 'limits', workers => 2,
    conf => 'set_real_ip_from 127.0.0.20; real_ip_header X-Forwarded-For;',
    rate_limits => join "\n", map { "ehr_rate_limit $_;" }
    'address rate=60r/m burst=40', 'account rate=60r/m burst=10',
    'login_address rate=6r/m burst=14', 'login_account rate=6r/m burst=3');
my $staff = accounts($limited);
my $doctor = $staff->token('doctor');
my $nurse_token = $staff->token('nurse');
my $whoami = '/api/v1/auth/token';

my ($n, $answer) = until_limited(3, $whoami, $doctor);
ok $n >= 10 && $n <= 12, "an account is limited after $n requests";
like $answer->{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After';
is $answer->{json}{statusCode}, 429, 'in the API\'s own form';
is from(4)->get($whoami, token => $doctor)->{status}, 429,
    'from another address too';
is from(3)->get($whoami, token => $nurse_token)->{status}, 200,
    'but another account is not';
sleep $answer->{headers}{'retry-after'} + 0.1;
is from(3)->get($whoami, token => $doctor)->{status}, 200,
    'and after that time it goes on';

($n, $answer) = until_limited(5, '/api/v1/patients');
ok $n >= 40 && $n <= 44, "an address is limited after $n requests";
is from(5)->get($whoami, token => $nurse_token)->{status}, 429,
    'whoever asks';
is from(5)->get('/api/v1/patients', headers => {
    'X-Forwarded-For' => '10.9.8.7', Forwarded => 'for=10.9.8.7',
    'X-Real-IP' => '10.9.8.7' })->{status}, 429,
    'whatever it says it is';
is from(6)->get('/api/v1/patients')->{status}, 401,
    'another address is not';

my @login = map { from(7)->sign_in($staff->{users}{lab}{email}, $password) }
    1 .. 4;
is_deeply [map { $_->{status} } @login], [200, 200, 200, 429],
    'logins of an account are limited, right or not';
like $login[3]{headers}{'retry-after'}, qr/^[1-9]\d*$/, 'with Retry-After';
is from(8)->sign_in($staff->{users}{lab}{email}, $password)->{status}, 429,
    'from another address too';
is_deeply [map { from(9)->sign_in("nobody\@no$_.example", 'Guess-aaaaaa')
    ->{status} } 1 .. 15], [(401) x 14, 429],
    'and of an address, whoever it says it is';
for my $try (['auth/register', { %patient, email => 'x@limits.example' }],
    ['auth/refresh', { refreshToken => 'x' }],
    ['setup', { %setup, token => '0' x 64 }])
{
    is from(9)->post("/api/v1/$try->[0]", json => $try->[1])->{status}, 429,
        "$try->[0] is counted with them";
}

# of IPv6 a client has as many addresses as it likes, all in one network
my $proxied = sub { from(20)->get('/api/v1/patients',
    headers => { 'X-Forwarded-For' => $_[0] })->{status} };
my @told = map { $proxied->("2001:db8:1:2:$_\::1") } 1 .. 50;
is_deeply [@told[0 .. 39]], [(401) x 40], 'requests of an IPv6 network';
ok scalar(grep { $_ == 429 } @told), 'are counted as those of one address';
is $proxied->('2001:db8:1:3::1'), 401, 'another network is another';
is_deeply [map { $proxied->("::ffff:198.51.100.$_") } 1 .. 45], [(401) x 45],
    'and IPv4 in it is what it is';

logs_clean($_) for $env, $limited;
done_testing;

# The e-mail address of a new account.
sub person {
    my ($name, %change) = @_;
    my $user = $accounts->create_user($name, 'NURSE');
    $admin->patch("/api/v1/users/$user->{id}", json => \%change) if %change;
    return $user->{email};
}

# Gives an account a hash from when ehr_password_pool said so.
sub of_cost {
    my ($cost, $email) = @_;
    my $hash = crypt $password, sprintf '$2b$%02d$%s', $cost, 'a' x 22;
    my ($name) = $email =~ /\A(\w+)/;

    $env->sql("UPDATE ehr.user_secrets SET password_hash = '$hash'
        WHERE user_id = '$accounts->{users}{$name}{id}'");
    return $email;
}

sub refresh {
    return $anonymous->post('/api/v1/auth/refresh',
        json => { refreshToken => $_[0] });
}

sub token_status {
    return $anonymous->get('/api/v1/auth/token', token => $_[0])->{status};
}

# Refused within a second from now.
sub is_revoked {
    my ($token, $what) = @_;
    my $began = time;
    sleep 0.02 while token_status($token) != 401 && time - $began < 2;
    ok time - $began <= 1, $what;
}

sub told {
    my ($answer) = @_;
    my %json = %{ $answer->{json} || {} };
    delete @json{qw(timestamp path)};
    my @names = grep { !/^(?:date|x-request-id)$/ }
        sort keys %{ $answer->{headers} };
    return "$answer->{status} " . JSON::PP->new->canonical->encode(\%json)
        . " @names";
}

sub median { return (sort { $a <=> $b } @_)[@_ / 2] }

# The tables in which the application changes rows without an actor.
sub changed_by_hand {
    return $env->sql_app(<<'SQL');
DO $$
DECLARE
    t record;
    statement text;
    n bigint;
    found text := '';
BEGIN
    FOR t IN
        SELECT c.oid::regclass AS name, coalesce(
               min(a.attname) FILTER (WHERE has_column_privilege(c.oid,
                   a.attnum, 'UPDATE')), min(a.attname)) AS field
          FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
         WHERE c.relnamespace = 'ehr'::regnamespace AND c.relkind = 'r'
           AND a.attnum > 0 AND NOT a.attisdropped
         GROUP BY c.oid
    LOOP
        FOREACH statement IN ARRAY ARRAY['DELETE FROM %s', 'TRUNCATE %s',
            'UPDATE %s SET %2$I = %2$I', 'INSERT INTO %s DEFAULT VALUES']
        LOOP
            BEGIN
                EXECUTE format(statement, t.name, t.field);
                GET DIAGNOSTICS n = ROW_COUNT;
                IF n > 0 OR statement LIKE 'TRUNC%' THEN
                    found := found || format(statement, t.name, t.field)
                        || '; ';
                END IF;
            EXCEPTION WHEN OTHERS THEN
                NULL;
            END;
        END LOOP;
    END LOOP;
    PERFORM set_config('test.found', found, false);
END
$$;
SELECT current_setting('test.found');
SQL
}

# A client at another address of this machine.
sub from {
    my ($last) = @_;
    return EHR::Test::Client->new(port => $limited->port,
        local => "127.0.0.$last");
}

# How many requests an address makes until one is refused, and that one.
sub until_limited {
    my ($from, $path, $token) = @_;
    my $client = from($from);

    for my $n (0 .. 100) {
        my $answer = $client->get($path, token => $token);
        return ($n, $answer) if $answer->{status} == 429;
    }
    return (101, { headers => {} });
}
