# A log that was written when a read was a row of its own: what was sealed then
# is proved, found and goes on after the upgrade, beside rows of many reads.

use EHR::Test;
use EHR::Test::AuditLog;

my $env = EHR::Test::Environment->start(name => 'audit-upgrade',
    no_nginx => 1, schema => 16);
my ($actor, $patient) = map { "7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b$_" } 11, 22;

$env->make_files;
my $key = pack 'H*', read_file($env->key_file('audit')) =~ s/\s+$//r;
read_as_before("before-$_") for 1 .. 5;
seal();
my $rows = $env->sql('SELECT count(*) FROM ehr.audit_log');
my ($seq, $id) = @{ ($env->rows('SELECT seq, id FROM ehr.audit_log
    WHERE request_id = \'before-3\''))[0] };

$env->migrate;
read_as_before('meanwhile');
is verify()->{status}, 0, 'what was sealed before is proved'
    or diag verify()->{said};
like verify()->{said}, qr/intact: 1 segments with $rows rows, 1 rows not/,
    'all of it';

seal();
is verify()->{status}, 0, 'and so is what a module of then seals afterwards'
    or diag verify()->{said};
like verify()->{said}, qr/intact: 2 segments with .* 0 rows not/, 'all of it';

$env->start_nginx;
$env->wait_ready;
my $accounts = accounts($env);
my $admin = $accounts->client('admin');
my $made = $admin->post('/api/v1/patients',
    json => { firstName => 'New', lastName => 'New' })->{data};
$admin->get("/api/v1/patients/$made->{id}");
ok wait_sealed($env), 'it is sealed on';
like verify()->{said}, qr/intact: .* 0 rows not sealed.*, 1 reads in rows/,
    'and proved';

for my $filter ("patientId=$patient", "actorId=$actor", "entityId=$patient") {
    is_deeply [map { $_->{requestId} } @{ $admin->get(
        "/api/v1/audit-logs?$filter")->{data} }], ['meanwhile',
        map { "before-$_" } reverse 1 .. 5], "old reads by $filter";
}
is $admin->get("/api/v1/audit-logs/$id")->{data}{requestId}, 'before-3',
    'and by id';
is_deeply [map { $_->{route} } @{ $admin->get('/api/v1/audit-logs?action=READ'
    . "&patientId=$made->{id}")->{data} }], ['/patients/{id}'], 'and new ones';

$env->stop_nginx;
$env->sql("SET session_replication_role = replica; UPDATE ehr.audit_log
    SET patient_id = '$actor' WHERE seq = $seq");
like verify()->{said}, qr/row $seq \(.*in segment 1 was changed/,
    'an old one that was changed is named';

logs_clean($env);
done_testing;

# As the module of that time did it.
sub read_as_before {
    my ($request) = @_;
    my @signed = ($request, $actor, '2026-11-21T04:38:11.000Z', '127.0.0.1',
        'Agent/1', 'GET', '/patients/{id}');
    my $mac = audit_mac($key, 1, @signed);
    my $read = join '\\n', @signed, $mac, 'patients', $patient, $patient;

    $env->sql_app("BEGIN; SET LOCAL ehr.scope = 'system';
        SELECT ehr.audit_reads(E'$read'); COMMIT");
}

# The next segment, by what sql/README.md said then.
sub seal {
    my ($before, $from, $previous) = @{ ($env->rows("SELECT segment, to_xid, mac
        FROM ehr.audit_seals UNION ALL SELECT 0, 0, '' ORDER BY 1 DESC"))[0] };
    my $segment = $before + 1;
    my ($to, $first, $last, $rows, $digests) =
        @{ ($env->rows(segment_sql("xid >= $from")))[0] };
    my $mac = audit_mac($key, 1, $segment, $from, $to, $rows, $previous,
        $digests);

    $env->sql_app("BEGIN; SET LOCAL ehr.scope = 'system';
        INSERT INTO ehr.audit_seals (segment, from_xid, to_xid, first_seq,
            last_seq, rows, digests, previous_mac, mac) VALUES ($segment,
            $from, $to, $first, $last, $rows, '\\x$digests', '$previous',
            '$mac');
        COMMIT");
    write_file($env->audit_head,
        read_file($env->audit_head) . "$segment $to $mac\n");
}

sub verify {
    my ($status, $said) = $env->verify_audit;
    return { status => $status, said => $said };
}
