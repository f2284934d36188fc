# The audit log: one row for all that happens, with who, what, before, after
# and from where; sealed within a second; and whatever is done to it behind
# nginx's back is named.

use EHR::Test;
use EHR::Test::Hospital;
use EHR::Test::Together qw(together);
use JSON::PP;
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'audit', workers => 2);
my $hospital = EHR::Test::Hospital->create($env);
my $accounts = accounts($env);
my $users = $accounts->{users};
my %client = map { $_ => client($_, $env) } qw(admin doctor patient nurse);
my $anonymous = client(undef, $env);
my $own = $hospital->id('own');
my $missing = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';
my @clinical = @EHR::Test::Hospital::clinical;
my $number = 0;

# -- changes

my ($answer, $row) = happens('doctor', POST => "patients/$own/vitals", 201,
    'CREATE', 'vitals', { heartRate => 70, notes => 'Calm' });
my $id = $answer->{data}{id};
is $row->{entity_id}, $id, 'the entry';
is $row->{before}, undef, 'nothing before';
is $row->{after}{heart_rate}, 70, 'all after';
is $row->{patient_id}, $own, 'whose it is';

($answer, $row) = happens('doctor', PATCH => "vitals/$id", 200, 'UPDATE',
    'vitals', { heartRate => 71 });
is_deeply [$row->{before}{heart_rate}, $row->{after}{heart_rate}], [70, 71],
    'before and after';
ok !exists $row->{after}{notes}, 'but not what stayed';
($answer, $row) = happens('doctor', PUT => "vitals/$id", 200, 'UPDATE',
    'vitals', { heartRate => 72 });
is_deeply [$row->{before}{notes}, $row->{after}{notes}], ['Calm', undef],
    'what a PUT takes away';
($answer, $row) = happens('doctor', DELETE => "vitals/$id", 200, 'DELETE',
    'vitals');
ok $row->{after}{deleted_at}, 'when it was deleted';
happens('admin', POST => "vitals/$id/restore", 200, 'RESTORE', 'vitals');

($answer, $row) = happens('admin', POST => 'hospitals', 201, 'CREATE',
    'hospitals', { name => 'Second' });
is $row->{patient_id}, undef, 'what is nobody\'s';
happens('admin', POST => 'roles', 201, 'CREATE', 'roles',
    { name => 'PORTER', permissions => [] });

# -- encrypted values and passwords

($answer, $row) = happens('admin', POST => 'patients', 201, 'CREATE',
    'patients', { firstName => 'Ana', lastName => 'Secret',
        phone => '+34611222333', email => 'ana@secret.example',
        insurancePolicyNumber => 'POLICY-777',
        emergencyContactPhone => '+34699888777' });
my @sealed = qw(phone phone_index email email_index insurance_policy_number
    insurance_policy_number_index emergency_contact_phone);
is_deeply [@{ $row->{after} }{@sealed}], [('[encrypted]') x @sealed],
    'what is encrypted is not told';
my $ana = $answer->{data}{id};
($answer, $row) = happens('admin', PATCH => "patients/$ana", 200, 'UPDATE',
    'patients', { phone => '+34611222334' });
is_deeply [map { $row->{$_}{phone} } qw(before after)],
    ['[encrypted]', '[encrypted]'], 'neither before nor after';
happens('admin', POST => 'users', 201, 'CREATE', 'users', {
    email => 'hidden@secret.example', password => 'Hidden-Pass-1!',
    firstName => 'H', lastName => 'H', roles => ['NURSE'] });

# -- reads

for my $kind (@clinical) {
    my $table = $kind =~ tr/-/_/r;
    ($answer, $row) = happens('doctor', GET =>
        "$kind/" . $hospital->of('own', $kind), 200, 'READ', $table);
    is_deeply [@$row{qw(entity_id patient_id)}],
        [$hospital->of('own', $kind), $own], 'which of whom';
    ($answer, $row) = happens('doctor', GET => "patients/$own/$kind", 200,
        'READ', $table);
    is $row->{patient_id}, $own, 'a list of whom';
}
($answer, $row) = happens('patient', GET => "patients/$own", 200, 'READ',
    'patients');
is_deeply [@$row{qw(entity_id patient_id)}], [$own, $own], 'oneself too';
happens('doctor', HEAD => "patients/$own", 200, 'READ', 'patients');
happens('nurse', GET => 'patients?q=own', 200, 'READ', 'patients');
happens('doctor', GET => 'treatment-plan/' . $hospital->appointment('own'),
    200, 'READ', 'treatment_plans');

# -- what did not happen

for my $try (['patient', GET => 'patients/' . $hospital->id('foreign'), 404],
    ['patient', GET => 'patients/' . $hospital->id('foreign') . '/vitals',
        404],
    ['patient', GET => 'users', 403], ['nurse', POST => 'patients', 403, {}],
    ['doctor', GET => "vitals/$missing", 404],
    ['doctor', POST => "patients/$own/vitals", 422, { heartRate => 7000 }],
    ['doctor', POST => "patients/$own/vitals", 422,
        { heartRate => 70, encounterId => $missing }],
    ['doctor', PATCH => "vitals/$missing", 404, { heartRate => 70 }],
    ['doctor', DELETE => "vitals/$missing", 404],
    ['doctor', DELETE => "auth/sessions/$missing", 404])
{
    my ($who, $method, $path, $status, $json) = @$try;
    my (undef, @rows) = watch($client{$who}, $method, $path, $json);
    is $rows[0], $status, "$method $path: $status";
    is @rows - 1, 0, 'leaves no row' or diag explain @rows;
}

# -- signing in and out

sub sign_in { return { email => $_[0], password => $_[1] } }
my $email = $users->{lab}{email};
my $password = $users->{lab}{password};
($answer, $row) = happens(undef, POST => 'auth/login', 200, 'LOGIN', 'users',
    sign_in($email, $password));
is_deeply [@$row{qw(actor_id entity_id)}], [($users->{lab}{id}) x 2], 'who';
$client{lab} = $anonymous->with_token($answer->{data}{accessToken});
($answer, $row) = happens('lab', POST => 'auth/logout', 200, 'LOGOUT',
    'sessions');
is $row->{actor_id}, $users->{lab}{id}, 'who';
($answer, $row) = happens(undef, POST => 'auth/login', 401, 'LOGIN_FAILED',
    'users', sign_in($email, 'Not-the-Pass-1!'));
is_deeply [@$row{qw(actor_id entity_id)}], [undef, $users->{lab}{id}],
    'whose account was tried';
($answer, $row) = happens(undef, POST => 'auth/login', 401, 'LOGIN_FAILED',
    'users', sign_in('no@body.example', 'Not-the-Pass-1!'));
is $row->{entity_id}, undef, 'or nobody\'s';
($answer, $row) = happens(undef, POST => 'portal/auth/login', 200, 'LOGIN',
    'users', sign_in(@{ $users->{patient} }{qw(email password)}));

my ($registered, $status, @rows) = watch($anonymous, POST => 'auth/register',
    { email => 'r@secret.example', password => 'Hidden-Pass-2!',
      firstName => 'R', lastName => 'R' });
is_deeply [map { "$_->{action} $_->{entity}" } @rows],
    ['CREATE users', 'CREATE patients'], 'registering makes two';
is_deeply [map { $_->{actor_id} } @rows],
    [($registered->{data}{id}) x 2], 'by who registers';

# -- a repetition is not another change

my %key = ('Idempotency-Key' => "audit-$$");
for my $n (1, 0) {
    my ($answer, $status, @rows) = watch($client{doctor}, POST =>
        "patients/$own/vitals", { heartRate => 66 }, %key);
    is_deeply [$status, scalar @rows], [201, $n], 'rows of one key: ' . $n;
}

# -- many reads in one row

my ($many, $list) = map { "together-$$-000$_" } 1, 2;
my @answers = together($env, 40, GET => "/api/v1/patients/$own",
    token => $client{nurse}{token}, headers => { 'X-Request-Id' => $many });
is_deeply [grep { $_->{status} != 200 } @answers], [], '40 reads at once';
is $env->sql("SELECT count(*) FROM ehr.audit_logs
    WHERE request_id = '$many'"), 40, 'each is in the log';
cmp_ok $env->sql("SELECT count(DISTINCT ehr.audit_row_id(id))
    FROM ehr.audit_logs WHERE request_id = '$many'"), '<', 40,
    'in fewer rows';
my $listed = $client{nurse}->get('/api/v1/patients?limit=100',
    headers => { 'X-Request-Id' => $list })->{data};
is_deeply [map { $_->[0] } $env->rows("SELECT patient_id FROM ehr.audit_logs
    WHERE request_id = '$list' ORDER BY id")], [map { $_->{id} } @$listed],
    'a list leaves a read of each, in order';

# Page by page, in either order, however many of a row are on a page.
for my $filter ("requestId=$many", "requestId=$list",
    "actorId=$users->{nurse}{id}&action=READ", "patientId=$own&method=GET",
    "entityId=$own&entity=patients")
{
    my %wanted = map { my ($name, $value) = split /=/;
        ($name =~ s/([A-Z])/_\l$1/gr => $value) } split /&/, $filter;
    my $where = join ' AND ', map { "$_ = '$wanted{$_}'" } sort keys %wanted;

    for my $case (['-createdAt', 'DESC', 7], ['createdAt', '', 13]) {
        my ($sort, $direction, $limit) = @$case;
        my $before = $env->sql('SELECT now()');
        my @all = map { $_->[0] } $env->rows("SELECT id FROM ehr.audit_logs
            WHERE $where ORDER BY created_at $direction, id $direction");
        is_deeply [paged($filter, $sort, $limit, $before)], \@all,
            "$filter by $sort, $limit a page: " . @all;
    }
}
my $first = $client{admin}->get("/api/v1/audit-logs?requestId=$list"
    . '&limit=100')->{data};
is @$first, @$listed, 'all of one row';
is_deeply $client{admin}->get("/api/v1/audit-logs/$_->{id}")->{data}, $_,
    "entry $_->{id} is found" for @$first;
is $client{admin}->get('/api/v1/audit-logs/'
    . ($first->[0]{id} =~ s/.{6}$/$_/r))->{status}, 404, "but not number $_"
    for qw(000000 000fff ffffff);

# What is asked for by an id is read by an index and in order, however much
# there is.
for my $lookup (['about', "'patientId', '$own'", 'patient_id'],
    ['about', "'actorId', '$own'", 'actor_id'],
    ['about', "'entityId', '$own'", 'entity_id'], ['with', "'$own'", 'id'])
{
    my ($name, $arguments, $column) = @$lookup;
    my $plan = $env->sql("BEGIN;
        INSERT INTO ehr.audit_concerns SELECT '$own', now() - n * '1 s'
            ::interval, gen_random_uuid() FROM generate_series(1, 20000) AS n;
        ANALYZE ehr.audit_concerns;
        SET LOCAL ROLE ehr_app; SET LOCAL ehr.scope = 'system';
        SET LOCAL enable_seqscan = off;
        EXPLAIN SELECT t.id FROM ehr.audit_logs_$name($arguments) AS t
        WHERE t.$column = '$own' ORDER BY t.created_at DESC, t.id DESC
        LIMIT 21; ROLLBACK");
    unlike $plan, qr/Seq Scan on/, "$name $arguments: by an index";
    next if $name eq 'with';
    like $plan, qr/Incremental\ Sort.*Merge\ Append.*Scan\ Backward\ using
        \ audit_concerns_concern/sx, 'in order';
}
like $env->sql("SET enable_seqscan = off; SET ROLE ehr_owner;
    EXPLAIN SELECT id, created_at FROM ehr.audit_log a
    WHERE a.concerns @> ARRAY['$own'::uuid] AND (ehr.scope() = 'system'
        OR ehr.actor_may('audit.read'))"),
    qr/Bitmap Index Scan on audit_log_concerns/,
    'and rows of many reads by the index of whom they concern';
for my $scope ('system', 'all') {
    cmp_ok $env->sql_app("BEGIN; SET LOCAL ehr.scope = '$scope';
        SELECT count(*) FROM ehr.audit_rows_about('$own'); COMMIT"),
        $scope eq 'system' ? '>' : '==', 0, "as far as $scope may";
}

# -- clients that say strange things of themselves

for my $agent ("tab\tbed", "feed\x0cREAD\x0cvitals", "bell\x07", "\xff\xfe\x80",
    'quote"\'\\', '{"id":"x"}', '=1+1', 'x' x 3000, "esc\x1b[0m")
{
    my ($answer, $status, @rows) = watch($client{doctor}, GET =>
        "patients/$own", undef, 'User-Agent' => $agent);
    is_deeply [$status, scalar @rows], [200, 1], 'one read, one row';
    like $rows[0]{user_agent}, qr/\A[\x20-\x7e]{1,200}\z/, 'in plain letters';
    is $rows[0]{entity}, 'patients', 'of what was read';
}
my ($strange, @none) = watch($client{doctor}, GET => "patients/$own", undef,
    'User-Agent' => undef);
is $none[1]{user_agent} || '', '', 'or says nothing';

# -- secrets are nowhere in it

is $env->sql("SELECT count(*) FROM ehr.audit_log a WHERE a::text ~ '$_'"), 0,
    "no $_" for '611222333', 'secret[.]example', 'POLICY-777', '699888777',
    'Hidden-Pass', '[$]2[aby][$]', 'eyJhbGciOi', 'test[.]example',
    '[\\\\]x[0-9a-f]{40}';

# -- the API reads it and nothing else

my $entry = $client{admin}->get('/api/v1/audit-logs?limit=1')->{data}[0]{id};
my $count = $env->sql('SELECT count(*) FROM ehr.audit_log');
for my $path ('/api/v1/audit-logs', "/api/v1/audit-logs/$entry",
    '/api/v1/audit-logs/export')
{
    is_deeply [map { $client{admin}->request($_, $path, json =>
        { action => 'READ' })->{status} } qw(POST PUT PATCH DELETE)],
        [(405) x 4], "$path cannot be changed";
}
is $client{admin}->post("/api/v1/audit-logs/$entry/restore")->{status}, 404,
    'nor restored';
is $env->sql('SELECT count(*) FROM ehr.audit_log'), $count, 'it is the same';
is $client{$_}->get('/api/v1/audit-logs')->{status}, 403, "not for $_"
    for qw(doctor nurse patient);
for my $filter ("entity=vitals&action=UPDATE", "entityId=$id",
    "actorId=$users->{doctor}{id}", "patientId=$own", 'ip=127.0.0.1',
    'method=PATCH')
{
    my @found = @{ $client{admin}->get("/api/v1/audit-logs?limit=5&$filter")
        ->{data} || [] };
    my %wanted = map { split /=/ } split /&/, $filter;
    ok @found, "found by $filter";
    is_deeply [grep { my $row = $_; grep { $row->{$_} ne $wanted{$_} }
        keys %wanted } @found], [], 'and nothing else';
}

# -- export

my $export = '/api/v1/audit-logs/export';
$answer = $client{admin}->get("$export?entity=vitals&limit=3");
is $answer->{headers}{'content-type'}, 'text/csv; charset=utf-8', 'CSV';
my (@ids, $pages);
my $query = 'entity=vitals&limit=3';
while ($answer->{status} == 200) {
    my @lines = csv($answer->{body});
    my $head = shift @lines;
    push @ids, map { $_->[0] } @lines;
    is_deeply [@$head[0 .. 3]], [qw(id actorId action entity)], 'columns'
        or diag "@$head" unless $pages++;
    last if @lines != 3;
    my ($next) = ($answer->{headers}{link} || '') =~
        /<(\?[^>]*)>; rel="next"/ or last;
    $answer = $client{admin}->get("$export$next&$query");
}
ok $pages > 3, 'in pages';
is_deeply \@ids, [map { $_->[0] } $env->rows("SELECT id FROM ehr.audit_logs
    WHERE entity = 'vitals' ORDER BY created_at DESC, id DESC")],
    'that have every row once';
like $client{admin}->get("$export?actorId=$users->{doctor}{id}&entity=patients")
    ->{body}, qr/,"'=1\+1",/, 'what looks like a formula is text';

# -- sealed within a second, and proved

for my $round (1 .. 5) {
    $client{nurse}->post("/api/v1/patients/$own/vitals",
        json => { heartRate => 60 + $round });
    my $began = time;
    sleep 0.02 while $env->sql(open_rows()) && time - $began < 5;
    my $seconds = time - $began;
    ok $seconds <= 1.5, sprintf 'sealed after %.2f s', $seconds;
}
my ($code, $said) = verify('ehr');
is $code, 0, 'the log is proved';
my $all = $env->sql('SELECT count(*) FROM ehr.audit_log');
like $said, qr/^audit log intact: \d+ segments with $all rows, 0 rows not/,
    'all of it';
like $said, qr/, \d+ saved heads agree$/, 'with the saved heads';
is $env->sql('SELECT count(*) FROM ehr.audit_log WHERE mac IS NULL AND
    (request_id IS NOT NULL OR reads IS NOT NULL)'), 0,
    'every request signed its rows';

# -- who rules the database is found out

$env->stop_nginx;
my ($seq, $middle, $segments) = @{ ($env->rows("SELECT
    (SELECT seq FROM ehr.audit_log WHERE action = 'UPDATE' AND entity
        = 'vitals' ORDER BY seq LIMIT 1),
    (SELECT segment FROM ehr.audit_seals ORDER BY segment OFFSET 2 LIMIT 1),
    (SELECT max(segment) FROM ehr.audit_seals)"))[0] };
my $of_seq = $env->sql("SELECT segment FROM ehr.audit_seals WHERE
    $seq BETWEEN first_seq AND last_seq ORDER BY segment LIMIT 1");

for my $sql ("UPDATE ehr.audit_log SET ip = 'x' WHERE seq = $seq",
    "DELETE FROM ehr.audit_log WHERE seq = $seq", 'TRUNCATE ehr.audit_log',
    'DELETE FROM ehr.audit_seals', 'TRUNCATE ehr.audit_seals',
    'DELETE FROM ehr.audit_concerns', 'TRUNCATE ehr.audit_concerns',
    "UPDATE ehr.audit_concerns SET concern = '$missing'",
    "UPDATE ehr.audit_seals SET mac = repeat('0', 64)")
{
    for my $role ('postgres', 'ehr_owner') {
        my ($ok) = $env->psql('postgres', "SET ROLE $role; $sql");
        ok !$ok, "$role is stopped by the trigger: $sql";
    }
}

my $changed = qr/row $seq \(.*in segment \d+ was changed/;
tampered("a row's $_->[0]", "UPDATE ehr.audit_log SET $_->[0] = $_->[1]
    WHERE seq = $seq", $changed) for
    ['after', q('{"heart_rate": 99}')], ['before', 'NULL'],
    ['actor_id', "'$missing'"], ['ip', "'10.0.0.1'"],
    ['user_agent', "'other'"], ['created_at', "created_at + '1 us'"],
    ['action', "'READ'"], ['entity', "'notes'"], ['patient_id', "'$missing'"],
    ['entity_id', "'$missing'"], ['mac', 'NULL'], ['request_id', "'other'"],
    ['method', "'GET'"], ['route', "'/'"], ['id', "'$missing'"];
tampered('a row deleted', "DELETE FROM ehr.audit_log WHERE seq = $seq",
    qr/row $seq in segment \d+ was deleted/);
tampered('a row inserted', 'INSERT INTO ehr.audit_log (seq, xid, actor_id,
    action, entity) OVERRIDING SYSTEM VALUE SELECT 1000000, xid, actor_id,
    action, entity FROM ehr.audit_log WHERE seq = ' . $seq,
    qr/row 1000000 \(.*in segment \d+ was inserted/);
tampered('a row before all others', 'INSERT INTO ehr.audit_log (seq, xid,
    action, entity) OVERRIDING SYSTEM VALUE VALUES (1000000, -1, \'READ\',
    \'patients\')', qr/row 1000000 .* was inserted/);
tampered('a row moved to a later transaction', "UPDATE ehr.audit_log SET xid
    = 4000000000 WHERE seq = $seq", qr/row $seq in segment \d+ was deleted/);
tampered('two rows that changed places', "UPDATE ehr.audit_log SET seq
    = 2000000 WHERE seq = $seq; UPDATE ehr.audit_log SET seq = $seq WHERE seq
    = $seq + 1; UPDATE ehr.audit_log SET seq = $seq + 1 WHERE seq = 2000000",
    qr/row (?:$seq|@{[ $seq + 1 ]}) .*(?:changed|deleted|inserted)/,
    'ALTER TABLE ehr.audit_log ALTER seq DROP IDENTITY;');
tampered('the tail cut off', "DELETE FROM ehr.audit_log WHERE xid >= (SELECT
    from_xid FROM ehr.audit_seals WHERE segment = $segments); DELETE FROM
    ehr.audit_seals WHERE segment = $segments",
    qr/tail was cut off: segments $segments to $segments are missing/);
tampered('all of it gone', 'DELETE FROM ehr.audit_log; DELETE FROM
    ehr.audit_seals', qr/tail was cut off: segments 1 to $segments are/);
tampered('a seal removed', "DELETE FROM ehr.audit_seals WHERE segment
    = $middle", qr/segment $middle was removed/);
tampered('the last seal removed', "DELETE FROM ehr.audit_seals WHERE segment
    = $segments", qr/segments $segments to $segments are missing/);
tampered('a seal changed', "UPDATE ehr.audit_seals SET mac = repeat('0', 64)
    WHERE segment = $middle", qr/segment $middle .*was changed/);
tampered('a row changed with its digest', "UPDATE ehr.audit_log SET ip
    = '10.0.0.1' WHERE seq = $seq; UPDATE ehr.audit_seals SET digests
    = overlay(digests PLACING '\\x00' FROM 9) WHERE segment = $of_seq",
    qr/segment $of_seq .*was changed/);
tampered('a row that names a request it is not of', "INSERT INTO
    ehr.audit_log (actor_id, action, entity, request_id, mac) VALUES
    ('$missing', 'READ', 'patients', 'request-0001', repeat('a', 64))",
    qr/row \d+ .*its own mac is wrong/);

# -- one read in a row of many

my ($of_many, $row_id) = @{ ($env->rows("SELECT l.seq, l.id FROM ehr.audit_log l
    JOIN ehr.audit_logs a ON ehr.audit_row_id(a.id) = l.id
    WHERE a.request_id = '$list' LIMIT 1"))[0] };
my $other = $env->sql("SELECT seq FROM ehr.audit_log WHERE reads IS NOT NULL
    AND seq <> $of_many ORDER BY length(reads) DESC LIMIT 1");
my $n = @$listed;
my $read = sub { sprintf 'read %d \(id %s%06x\) of row %d \(id %s.*', $_[0],
    substr($row_id, 0, 30), $_[0], $of_many, $row_id };
cmp_ok $n, '>', 3, "a row of $n reads";
tampered_read("a read's $_->[0]", "CASE n WHEN 2 THEN overlay(r PLACING
    '$_->[1]' FROM position('$_->[2]' IN r)) ELSE r END", $read->(2)
    . 'was changed') for ['entity', 'people', 'patients'],
    ['method', 'PUT', 'GET'], ['address', '128', '127'],
    ['actor', $missing, $users->{nurse}{id}], ['request', 'T', 'together'];
tampered_read("a read's patient", "CASE n WHEN 2 THEN replace(r,
    '$listed->[1]{id}', '$missing') ELSE r END", $read->(2) . 'was changed');
tampered_read("a read's mac", "CASE n WHEN $n THEN left(r, -1) || 'g' ELSE r
    END", $read->($n) . 'was changed');
tampered_read('the first read deleted', 'CASE WHEN n > 1 THEN r END',
    $read->(1) . 'was deleted');
tampered_read('a read deleted', 'CASE WHEN n <> 2 THEN r END',
    $read->(2) . 'was deleted');
tampered_read('the last read deleted', "CASE WHEN n < $n THEN r END",
    $read->($n) . 'was deleted');
tampered_read('a read doubled', "CASE n WHEN 2 THEN r || E'\\f' || r ELSE r
    END", $read->(3) . 'was inserted');
tampered_read('a read of another row', "CASE n WHEN 2 THEN (SELECT
    split_part(reads, E'\\f', 1) FROM ehr.audit_log WHERE seq = $other)
    || E'\\f' || r ELSE r END", $read->(2) . 'was inserted');
tampered_read('a read appended', "CASE n WHEN $n THEN r || E'\\f' || 'x' ELSE
    r END", $read->($n + 1) . 'was changed');
tampered_read('two reads that changed places', 'r', $read->(2)
    . 'was deleted', 'CASE n WHEN 2 THEN 3 WHEN 3 THEN 2 ELSE n END');
tampered('all reads of a row', "UPDATE ehr.audit_log SET reads = NULL WHERE
    seq = $of_many", qr/row $of_many \(.* its own mac is wrong/);
tampered('reads in a row that had none', "UPDATE ehr.audit_log SET reads = (
    SELECT reads FROM ehr.audit_log WHERE seq = $of_many) WHERE seq = $seq",
    qr/read 1 \(.* of row $seq \(.*was changed/);
tampered('a row of reads deleted', "DELETE FROM ehr.audit_log WHERE seq
    = $of_many", qr/row $of_many in segment \d+ was deleted/);
tampered("a row of reads' $_->[0]", "UPDATE ehr.audit_log SET $_->[0] = $_->[1]
    WHERE seq = $of_many", qr/row $of_many \(.*in segment \d+ was changed/) for
    ['id', "'$missing'"], ['created_at', "created_at - interval '1 day'"],
    ['action', "'LOGIN'"], ['patient_id', "'$own'"], ['mac', 'NULL'];
tampered("whom reads concern: $_->[0]", $_->[1],
    qr/row $of_many .*whom its reads concern/) for
    ['deleted', "UPDATE ehr.audit_log SET concerns = array_remove(concerns,
        '$listed->[2]{id}') WHERE id = '$row_id'"],
    ['inserted', "UPDATE ehr.audit_log SET concerns = concerns
        || '$missing'::uuid WHERE id = '$row_id'"],
    ['all of them', "UPDATE ehr.audit_log SET concerns = NULL
        WHERE id = '$row_id'"],
    ['who deleted', "DELETE FROM ehr.audit_concerns
        WHERE row_id = '$row_id'"],
    ['who inserted', "INSERT INTO ehr.audit_concerns SELECT '$missing',
        created_at, id FROM ehr.audit_log WHERE seq = $of_many"],
    ['who, of another time', "UPDATE ehr.audit_concerns SET created_at
        = created_at - interval '1 day' WHERE row_id = '$row_id'"];
tampered('a row of reads with its digest', "UPDATE ehr.audit_log SET mac
    = repeat('0', 64), reads = 'x' WHERE seq = $of_many",
    qr/row $of_many .*was changed/);

my $other_key = $env->dir . '/other-key';
write_file($other_key, 'ab' x 32 . "\n");
($code, $said) = verify('ehr', key => $other_key);
is $code, 1, 'another key proves nothing';
my $head = read_file($env->audit_head);
write_file($env->dir . '/head', $head =~ s/^(\d+ \d+ )[0-9a-f]{8}/${1}00000000/mr);
($code, $said) = verify('ehr', head => $env->dir . '/head');
is $code, 1, 'a head that is another';
like $said, qr/segment 1 is not the one of the saved head/, 'is named';
($code, $said) = verify('ehr', key => '/nonexistent');
is $code, 2, 'no key, no answer';
($code, $said) = verify('no_such_database');
is $code, 2, 'no database, no answer';
($code, $said) = verify('ehr');
is $code, 0, 'and untouched it is proved still';

logs_clean($env);
done_testing;

# Makes a request of its own id and agent: (answer, status, its audit rows).
sub watch {
    my ($client, $method, $path, $json, %header) = @_;
    my $request = sprintf 'request-%d-%04d', $$, ++$number;
    my $answer = $client->request($method, "/api/v1/$path",
        $json ? (json => $json) : (),
        headers => { 'X-Request-Id' => $request,
            'User-Agent' => "Agent/$number", %header });
    my @rows = map { decode_json($_->[0]) } $env->rows("SELECT
        (to_jsonb(a) || jsonb_build_object('mac', l.mac))::text
        FROM ehr.audit_logs a
        JOIN ehr.audit_log l ON l.id IN (a.id, ehr.audit_row_id(a.id))
        WHERE a.request_id = '$request' ORDER BY l.seq, a.id");
    return ($answer, $answer->{status}, @rows);
}

# A request that leaves just this row: (answer, row).
sub happens {
    my ($who, $method, $path, $status, $action, $entity, $json) = @_;
    my $client = defined $who ? $client{$who} : $anonymous;
    my ($answer, $got, @rows) = watch($client, $method, $path, $json);
    my $row = $rows[0] || {};
    my %is = map { $_ => $row->{$_} } qw(action entity ip user_agent method);

    is $got, $status, "$method $path" or diag $answer->{body};
    is @rows, 1, 'leaves one row' or diag explain \@rows;
    is_deeply \%is, { action => $action, entity => $entity,
        ip => '127.0.0.1', user_agent => "Agent/$number",
        method => $method }, "$action of $entity";
    is $row->{actor_id}, $users->{$who}{id}, "by $who" if defined $who;
    like $row->{mac} || '', qr/^[0-9a-f]{64}$/, 'signed';
    return ($answer, $row);
}

# The ids of a list, page by page.
sub paged {
    my ($filter, $sort, $limit, $until) = @_;
    my ($cursor, @ids) = ('');

    $until =~ s/ /T/;
    $until =~ s/\+00$/Z/;
    do {
        my $answer = $client{admin}->get("/api/v1/audit-logs?$filter"
            . "&sort=$sort&limit=$limit&until=$until$cursor");
        push @ids, map { $_->{id} } @{ $answer->{data} };
        $cursor = $answer->{json}{meta}{nextCursor};
        $cursor &&= "&cursor=$cursor";
    } while ($cursor);
    return @ids;
}

sub open_rows {
    return 'SELECT count(*) FROM ehr.audit_log WHERE xid >= coalesce((SELECT
        max(to_xid) FROM ehr.audit_seals), 0)';
}

# Exit status and words of the verification.
sub verify {
    my ($database, %file) = @_;
    return $env->verify_audit(database => $database, %file);
}

# What is done to a copy of the database is named.
sub tampered {
    my ($what, $sql, $named, $first) = @_;

    $env->end_sessions;                 # nobody else may use the template
    $env->sql($_) for 'DROP DATABASE IF EXISTS tampered',
        'CREATE DATABASE tampered TEMPLATE ehr';
    my @command = $env->psql_command('postgres');
    $_ eq 'ehr' and $_ = 'tampered' for @command;
    must_run('BEGIN; ' . ($first || '')
        . " SET LOCAL session_replication_role = replica; $sql; COMMIT;",
        @command);
    my ($code, $said) = verify('tampered');
    is $code, 1, "$what: broken" or diag $said;
    like $said, $named, 'and named';
}

# The same with the reads `r` of the row of many, `n` their number.
sub tampered_read {
    my ($what, $reads, $named, $order) = @_;

    $order ||= 'n';
    tampered($what, "UPDATE ehr.audit_log SET reads = (SELECT
        string_agg($reads, E'\\f' ORDER BY $order) FROM string_to_table(reads,
        E'\\f') WITH ORDINALITY AS o (r, n)) WHERE seq = $of_many",
        qr/$named/);
}

# The lines of CSV, each a list of cells.
sub csv {
    my ($text) = @_;
    my @lines = [];

    while ($text =~ /\G(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gc) {
        my $end = $3;
        push @{ $lines[-1] }, defined $1 ? $1 =~ s/""/"/gr : $2;
        push @lines, [] if $end ne ',';
    }
    pop @lines;
    return @lines;
}
