# A dump, restored by the commands of docs/operations.md into a new cluster:
# what was there is there, and the audit log goes on unbroken.  Without them
# nginx says what is wrong.

use EHR::Test;
use EHR::Test::AuditLog;
use EHR::Test::Log qw(mark_log);
use EHR::Test::Process qw(wait_until);

my $env = start_environment(name => 'restore');
my $admin = accounts($env)->client('admin');
my ($dump, $restore, $heads) = commands();

# Past the first page of the new cluster's transactions.
$env->sql('DO $$ BEGIN FOR i IN 1 .. 40000 LOOP
    PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');
my $kept = patient('kept');
ok wait_sealed($env), 'what is kept is sealed';
$env->stop_nginx;
$env->end_sessions;
run($dump, 'the dump');
my $segments = $env->sql('SELECT max(segment) FROM ehr.audit_seals');

$env->start_nginx;
$env->wait_ready;
patient('lost');
ok wait_sealed($env), 'what will be lost is sealed too';
$env->stop_nginx;

# -- a new cluster, in the same place

$env->stop_database;
$env->as_service('rm', '-rf', $env->dir . '/pg');
{
    local $ENV{EHR_PG_TEMPLATE} = '';
    $env->start_database;
}
must_run(undef, $env->psql_command('postgres', '-d', 'postgres', '-c',
    'DROP DATABASE ehr'));

my ($before, $after) = split /(?=^epoch=)/m, $restore;
run($before, 'the restore');
$env->start_nginx;
$env->wait_ready;
ok wait_until(20, sub { read_file($env->error_log)
    =~ /\[crit\].*transaction counter is behind/ }),
    'nginx says that the counter was not raised';
refused();
$env->stop_nginx;
$env->end_sessions;
run($after, 'raising the counter');

my ($status, $said) = $env->verify_audit;
is $status, 1, 'the saved heads name what was lost';
my ($first) = $said =~ /tail was cut off: segments (\d+) to \d+ are missing/;
is $first, $segments + 1, 'as segments that are missing' or diag $said;
run($heads =~ s/ < 260/ < $first/r, 'cutting the heads');

mark_log($env);
$env->start_nginx;
$env->wait_ready;
is $admin->get("/api/v1/patients/$kept")->{data}{phone}, '+34611222333',
    'what was kept is read and decrypted';
patient('new');
ok wait_sealed($env), 'what is new is sealed';
is $env->sql('SELECT max(to_xid) >> 32 FROM ehr.audit_seals'), 1,
    'in the next epoch';
($status, $said) = $env->verify_audit;
is $status, 0, 'the log is proved' or diag $said;
like $said, qr/intact: .* 0 rows not sealed/, 'all of it';

logs_clean($env);
done_testing;

# The blocks under "Backups", for this place.
sub commands {
    my ($text) = read_file(top() . '/docs/operations.md')
        =~ /^## Backups\n(.*?)^## /ms;
    my @blocks = $text =~ /^```sh\n(.*?)^```$/msg;
    my ($dir, $cluster) = ($env->dir, top() . '/tools/cluster');

    is @blocks, 3, 'the document has commands';
    for (@blocks) {
        s{pg_ctlcluster 15 main (\w+)}{$cluster $1 $dir}g;
        s{/var/lib/postgresql/15/main}{$dir/pg}g;
    }
    return @blocks;
}

sub run {
    my ($commands, $name) = @_;
    my $socket = $env->socket;

    must_run("set -e -o pipefail\ncd " . $env->dir . "\n"
        . "export PGHOST='$socket' PGUSER=postgres\n$commands",
        top() . '/tools/as-service', 'bash');
    pass $name;
}

sub patient {
    my $made = $admin->post('/api/v1/patients', json => { firstName => $_[0],
        lastName => 'Restore', phone => '+34611222333' });
    is $made->{status}, 201, "a patient: $_[0]" or diag $made->{body};
    return $made->{data}{id};
}

# What would break the log is refused, and leaves nothing.
sub refused {
    my $made = $admin->post('/api/v1/patients', json => {
        firstName => 'refused', lastName => 'Restore' });
    is $made->{status}, 503, 'where nobody may write';
    is $admin->get("/api/v1/patients/$kept")->{status}, 503, 'or read';
    is $env->sql("SELECT count(*) FROM ehr.patients
        WHERE first_name = 'refused'"), 0, 'and nothing is there';
}
