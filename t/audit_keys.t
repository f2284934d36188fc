# The key of the audit log changes while two nodes are at work: every row is
# proved, whoever signed it; and who has the old key can neither write with it
# afterwards nor change what it signed before.

use EHR::Test;
use EHR::Test::AuditLog;
use EHR::Test::Chaos;

my $env = chaos_environment(name => 'audit-keys');
my $other = EHR::Test::Environment->beside($env, name => 'second');
my %placed = place($env);
my $patient = $placed{patients}[0];
my @nodes = ($env, $other);
my %client = map { $_->name => EHR::Test::Client->new(port => $_->port)
    ->with_token($placed{tokens}[0]) } @nodes;
my ($first, $second) = map { $env->key_file($_) } 'audit', 'audit-2';

new_key('audit-2');
my ($old, $new) = map { pack 'H*', read_file($_) =~ s/\s+$//r }
    $first, $second;

# -- under load, one node after the other

my $load = start_load($env, ports => [map { $_->port } @nodes]);
wait_until(20, sub { segments() > 2 });
keys_are($env, 'audit', 'audit-2 version=2');
ok wait_until(20, sub { of_key(2) }), 'the new key takes over';
ok wait_until(20, sub { $env->sql("SELECT count(*) FROM ehr.audit_log
    WHERE mac NOT LIKE '2:%' AND xid BETWEEN (SELECT min(from_xid)
        FROM ehr.audit_seals WHERE key_version = 2)
    AND (SELECT max(to_xid) - 1 FROM ehr.audit_seals)") > 5 }),
    'beside rows of the node that has the old one only';
verifies('in the middle',
    qr/version 1 .* from segment 1 on, version 2 .* \d+ on, \d+ saved/);
ok wait_until(10, sub { read_file($other->error_log) =~
    /\[warn\].* segment \d+ is signed by version 2 .* no "ehr_audit_key"/ }),
    'which leaves the sealing to the other, and says so';
keys_are($other, 'audit', 'audit-2 version=2');
ok wait_until(20, sub { written_under(2) > written_under(1) && $env->sql(
    "SELECT bool_and(mac LIKE '2:%') FROM (SELECT mac FROM ehr.audit_log
        ORDER BY seq DESC LIMIT 50) AS newest") eq 't' }),
    'then all sign by the new one';
is served(), '1', 'but the old one would be taken still';
keys_are($env, 'audit-2 version=2');
ok wait_until(20, sub { $env->sql('SELECT oldest_key FROM ehr.audit_seals
    ORDER BY segment DESC LIMIT 1') == 2 }), 'until one node has it no more';
is served(), '2', 'and the database knows';
keys_are($other, 'audit-2 version=2');
check_load($env, $load, $load->stop, 'while the key changed');
check_audit_chain_of_both();

my ($over, $retired, $last) = @{ ($env->rows('SELECT
    (SELECT min(segment) FROM ehr.audit_seals WHERE key_version = 2),
    (SELECT min(segment) FROM ehr.audit_seals WHERE oldest_key = 2),
    (SELECT max(segment) FROM ehr.audit_seals)'))[0] };
cmp_ok $over, '<', $retired, 'rows of the old key are told from when on';
verifies('afterwards',
    qr/1 on, retired at $retired, version 2 .* from segment $over on, /);

# -- a node that was forgotten

keys_are($other, 'audit');
for my $try ([POST => "patients/$patient/vitals", json => { heartRate => 61 }],
    [GET => "patients/$patient"])
{
    my ($method, $path, @json) = @$try;
    my $count = $env->sql('SELECT count(*) FROM ehr.audit_log');
    my $answer = $client{ $other->name }->request($method, "/api/v1/$path",
        @json);
    is $answer->{status}, 503, "$method by the old key: 503";
    is $env->sql('SELECT count(*) FROM ehr.audit_log'), $count, 'and no row';
}
like read_file($other->error_log), qr/EH503/, 'which is in the log';
keys_are($other, 'audit-2 version=2');
is $client{ $other->name }->get("/api/v1/patients/$patient")->{status}, 200,
    'until it has the new one';

my ($seals, undef, $said_of) = $env->psql('ehr_app', "BEGIN;
    SET LOCAL ehr.scope = 'system'; INSERT INTO ehr.audit_seals (segment,
        from_xid, to_xid, first_seq, last_seq, rows, digests, previous_mac, mac)
    SELECT segment + 1, to_xid, to_xid + 1, 1, 1, 1, repeat('a', 24)::bytea,
        mac, repeat('a', 64) FROM ehr.audit_seals ORDER BY segment DESC LIMIT 1;
    COMMIT");
ok !$seals, 'nor does a module seal that knows of one key only';
like $said_of, qr/does not continue segment/, 'and is told';

# -- a wrong file does not get into the chain

wait_sealed($env);
my $before = segments();
keys_are($_, 'audit version=2', 'audit-2') for @nodes;
ok wait_until(10, sub { 2 == grep { read_file($_->error_log) =~
    /\[crit\].* signed by version 2 of the key, but not by the one in that/ }
    @nodes }), 'swapped files are named';
$env->sql("INSERT INTO ehr.audit_log (action, entity) VALUES ('TEST', '')");
sleep 1.5;
is segments(), $before, 'and nothing is sealed by them';
keys_are($_, 'audit-2 version=2') for @nodes;
ok wait_until(10, sub { segments() > $before }), 'but by the right ones';
new_key('audit-3');
keys_are($env, 'audit-3 version=3');
ok wait_until(10, sub { read_file($env->error_log) =~
    /\[crit\].* segment \d+ is signed by version 2 .* no "ehr_audit_key"/ }),
    'nor does a key take over without the one before';
is of_key(3), 0, 'it signed no segment';
keys_are($env, 'audit-2 version=2');
verifies('after all that', qr/intact/);

# -- the verification's keys

for my $try (
    ['without the old one', 2, ["2=$second"],
        qr/version 1 .* is missing .*1=FILE.* segments 1 to @{[ $over - 1 ]}$/],
    ['without the new one', 2, [$first],
        qr/--key 2=FILE.* signed segments $over to \d+$/],
    ['swapped', 1, ["2=$first", "1=$second"],
        qr/segment 1 .* \(version 1\), but of the file .* given as version 2:/],
    ['one that never signed', 1, ["1=$first", "2=$second",
        '3=' . $env->key_file('audit-3')],
        qr/no segment is signed by version 3 of the key/],
    ['one twice', 2, ["1=$first", "2=$first"],
        qr/is version 1 of the key, too/],
    ['two of a version', 2, [$first, "1=$second"], qr/two keys of version 1/],
    ['version 256', 2, ["256=$first"], qr/from 1 to 255/],
) {
    my ($what, $status, $keys, $says) = @$try;
    my ($code, $said) = verify(key => $keys);
    is $code, $status, "keys: $what";
    like $said, $says, 'is said';
}

# -- who has the old key, and rules the database

$_->stop_nginx for @nodes;
$last = segments();
my $of_old = $env->sql("SELECT min(seq) FROM ehr.audit_log, ehr.audit_seals
    WHERE segment = $over - 1 AND xid >= from_xid AND xid < to_xid");
my $row = sub { my ($key, $version) = @_;
    my @signed = ("forged-0001", $patient, '2026-11-21T04:38:11.000Z',
        '127.0.0.1', 'Agent/1', 'GET', '/patients/{id}');
    return "INSERT INTO ehr.audit_log (request_id, actor_id, at, ip,
        user_agent, method, route, mac, action, entity) VALUES ("
        . join(', ', map { "'$_'" } @signed,
        ($version > 1 ? "$version:" : '')
            . audit_mac($key, $version, @signed))
        . ", 'READ', 'patients')" };

my $by_retired =
    qr/row \d+ .* is signed by version 1 .* retired at segment $retired$/;

my ($ok, undef, $refused) = $env->psql('postgres', $row->($old, 1));
ok !$ok, 'a row of the old key is refused' or diag $refused;
tampered('a row of the old key, not sealed yet', $row->($old, 1),
    $by_retired);
tampered('one that claims the new key', $row->($old, 2),
    qr/row \d+ .*its own mac is wrong/);
tampered('one of a key that is not there yet', $row->($old, 3),
    qr/version 3 of the key is missing .*--key 3=FILE.* it signed row \d+/, 2);
tampered('one of version 1 in other words', $row->($old, 2)
    =~ s/'2:/'1:/r, qr/signed by version 1 .* retired/);
tampered('a row of reads that nobody signed', "INSERT INTO ehr.audit_log
    (action, entity, reads) VALUES ('READ', '', 'x')",
    qr/row \d+ .* has reads that nobody signed/);
tampered('the tail cut off at the change', cut($over),
    qr/tail was cut off: segments $over to $last are missing/);
tampered('the same without heads', cut($over),
    qr/no segment is signed by version 2 of the key/, 1, head => []);
tampered('sealed on by the old key', sub { seal_on($_[0], $over - 1, $old, 1) },
    qr/no segment is signed by version 2 of the key/, 1, head => []);
tampered('the same, with heads', sub { seal_on($_[0], $over - 1, $old, 1) },
    qr/segment $over is not the one of the saved head/);
tampered('the newest sealed by the old key', sub { seal_on($_[0], $last - 1,
    $old, 1) },
    qr/segment $last is signed by version 1 .* which version 2 followed/,
    1, head => []);
tampered('one that claims the new key', sub { seal_on($_[0], $last - 1, $old,
    2) }, qr/segment $last .*\(version 2\), but of the file .* version 1: /);
tampered('a row from before, and all its seals', sub { rewrite($_[0]) },
    qr/segment $over does not continue the one before/, 1, head => []);
tampered('a new key that follows too early', sub { seal_on($_[0], $over - 2,
    $new, 2, takes_over => 'a' x 64) },
    qr/segment \d+ .* by version 2 .* not follow by the word of version 1/,
    1, head => []);
tampered('the old one allowed again', sub { seal_on($_[0], $last - 1, $new, 2,
    oldest => 1) },
    qr/segment $last has rows of version 1 of the key, which was retired/,
    1, head => []);
tampered("a segment's $_->[0]", "UPDATE ehr.audit_seals SET $_->[1]
    WHERE segment = $_->[2]", $_->[3]) for
    ['change of keys', "takes_over = repeat('0', 64)", $over,
        qr/segment $over .* does not follow by the word of version 1/],
    ['change of keys, none', 'takes_over = NULL', $over,
        qr/segment $over .* does not follow by the word of version 1/],
    ['change of keys, where none is', "takes_over = repeat('0', 64)", $last,
        qr/segment $last .* does not follow by the word of version 2/],
    ['key', 'key_version = 1, oldest_key = 1', $last,
        qr/segment $last .*was changed/],
    ['key from before', 'key_version = 2', 1, qr/segment 1 .*was changed/],
    ['oldest key', 'oldest_key = 1', $last, qr/segment $last .*was changed/],
    ['oldest key from before', 'key_version = 2, oldest_key = 2', 1,
        qr/segment 1 .*was changed/];

# -- what nginx does not start with

my $good = read_file($env->conf_file);
new_key('audit-4');
for my $try (
    ['two of one version', '', 'audit-3 version=2',
        qr/two audit keys have version 2/],
    ['the same twice', 'cp audit-2 audit-4', 'audit-4 version=3',
        qr/audit keys of versions 2 and 3 are the same/],
    ['version 0', '', 'audit version=0', qr/positive|from 1 to 255/],
    ['version 256', '', 'audit version=256', qr/from 1 to 255/],
    ['another word', '', 'audit sign', qr/takes version= from 1 to 255/],
    ['no file', '', 'audit-9 version=9', qr/cannot open key file/],
    ['a wrong mode', 'openssl rand -hex 32 > audit-4; chmod 640 audit-4',
        'audit-4 version=3',
        qr/open to group or others/],
    ['a short one', 'chmod 600 audit-4; echo abcd > audit-4',
        'audit-4 version=3',
        qr/holds 2 bytes, ehr needs at least 32/],
) {
    my ($what, $spoil, $line, $says) = @$try;
    my $keys = $env->dir . '/keys';
    write_file($env->conf_file, $good =~
        s/^(\s*ehr_audit_key[^\n]*\n)/$1    ehr_audit_key $keys\/$line;\n/mr);
    $env->as_service('sh', '-c', "cd $keys && $spoil") if $spoil;
    my ($status, $said) = $env->check_configuration;
    isnt $status, 0, "$what: refused";
    like $said, $says, 'and said';
    like $said, qr/nginx\.conf:\d+/, 'with the line';
}
write_file($env->conf_file, $good);

# -- what was written by the old key meanwhile is sealed, and named

$env->sql('SET session_replication_role = replica; ' . $row->($old, 1));
$_->start_nginx for @nodes;
$_->wait_ready for @nodes;
ok wait_sealed($env), 'a forged row is sealed';
my ($code, $said) = verify();
is $code, 1, 'and is no better for it';
like $said, $by_retired, 'it is named';

logs_clean($env, allow => qr/ehr_audit_key|audit keys|key file|positive/);
logs_clean($other);
done_testing;

# -- nginx and its keys -------------------------------------------------------

# A key file of the service's own, on both nodes.
sub new_key {
    my ($name) = @_;
    my ($here, $there) = map { $_->key_file($name) } @nodes;

    $env->as_service('sh', '-c',
        "umask 077; openssl rand -hex 32 > $here && cp $here $there");
}

sub keys_are {
    my ($node, @keys) = @_;
    my $dir = $node->dir;
    my $lines = join '', map { "    ehr_audit_key $dir/keys/$_;\n" } @keys;

    $node->reconfigure(edit => sub { $_[0] =~
        s/^\s*ehr_audit_key[^\n]*\n/$lines/mr });
    $node->reload;
    $node->wait_for(20, 'the new workers alone', sub {
        my @workers = $node->worker_pids;
        @workers == 2 });
    $client{ $node->name }->disconnect;
}

sub of_key {
    return $env->sql("SELECT count(*) FROM ehr.audit_seals
        WHERE key_version = $_[0]");
}

sub written_under {
    return $env->sql("SELECT count(*) FROM ehr.audit_log
        WHERE ehr.audit_key_version(mac) = $_[0]");
}

sub served { return $env->sql('SELECT oldest FROM ehr.audit_keys') }
sub segments { return $env->sql('SELECT coalesce(max(segment), 0)
    FROM ehr.audit_seals') }

# -- the verification ---------------------------------------------------------

sub verify {
    return $env->verify_audit(key => ["1=$first", "2=$second"],
        head => [grep { -e } map { $_->audit_head } @nodes], @_);
}

sub verifies {
    my ($when, $says) = @_;
    my ($code, $said) = verify();

    is $code, 0, "$when: proved" or diag $said;
    like $said, $says, 'by the keys that signed it';
}

sub check_audit_chain_of_both {
    ok wait_sealed($env), 'every audit row was sealed';
    my $all = $env->sql('SELECT count(*) FROM ehr.audit_log');
    verifies('all rows', qr/ with $all rows, 0 rows not sealed yet/);
    cmp_ok written_under($_), '>', 50, "many of version $_" for 1, 2;
}

# What is done to a copy of the database is named.
sub tampered {
    my ($what, $done, $named, $status, %option) = @_;
    my @command = map { $_ eq 'ehr' ? 'tampered' : $_ }
        $env->psql_command('postgres');

    $env->end_sessions;                 # nobody else may use the template
    $env->sql($_) for 'DROP DATABASE IF EXISTS tampered',
        'CREATE DATABASE tampered TEMPLATE ehr';
    my $do = sub { must_run("SET session_replication_role = replica; $_[0];",
        @command) };
    ref $done ? $done->($do) : $do->($done);
    my ($code, $said) = verify(database => 'tampered', %option);
    is $code, $status || 1, "$what: exit status" or diag $said;
    like $said, $named, 'and named';
}

# -- what sql/README.md says --------------------------------------------------

sub cut {
    my ($from) = @_;
    return "DELETE FROM ehr.audit_log WHERE xid >= (SELECT from_xid
            FROM ehr.audit_seals WHERE segment = $from);
        DELETE FROM ehr.audit_seals WHERE segment >= $from";
}

# Everything after a segment in one that is of this key.
sub seal_on {
    my ($do, $after, $key, $version, %option) = @_;
    my $oldest = $option{oldest} || ($version == 1 ? 1
        : $after >= $retired ? 2 : 1);
    my ($from, $previous) = split /\t/, $do->("SELECT to_xid, mac
        FROM ehr.audit_seals WHERE segment = $after") =~ s/\n//r;
    my $segment = $after + 1;

    $do->("DELETE FROM ehr.audit_seals WHERE segment > $after");
    my ($to, $low, $high, $rows, $digests) = split /\t/, $do->(
        segment_sql("xid >= $from")) =~ s/\n//r;
    my $mac = audit_mac($key, $version, $segment, $from, $to, $rows, $previous,
        $version > 1 ? $oldest : (), $digests);
    my $takes_over = $option{takes_over} ? "'$option{takes_over}'" : 'NULL';
    $do->("INSERT INTO ehr.audit_seals (segment, from_xid, to_xid, first_seq,
        last_seq, rows, digests, previous_mac, mac, key_version, oldest_key,
        takes_over) VALUES ($segment, $from, $to, $low, $high, $rows,
        '\\x$digests', '$previous', '$mac', $version, $oldest, $takes_over)");
}

# A row of the last segment of the old key is another, and so are its digest
# and the segment's mac.
sub rewrite {
    my ($do) = @_;
    my $segment = $over - 1;
    my ($from, $end, $previous) = split /\t/, $do->("UPDATE ehr.audit_log
            SET before = '{\"x\": 1}' WHERE seq = $of_old;
        SELECT from_xid, to_xid, previous_mac FROM ehr.audit_seals
            WHERE segment = $segment") =~ s/\n//r;
    my (undef, undef, undef, $rows, $digests) = split /\t/, $do->(
        segment_sql("xid >= $from AND xid < $end")) =~ s/\n//r;
    my $mac = audit_mac($old, 1, $segment, $from, $end, $rows, $previous,
        $digests);

    $do->("UPDATE ehr.audit_seals SET digests = '\\x$digests', mac = '$mac'
        WHERE segment = $segment");
}
