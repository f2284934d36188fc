# Two PostgreSQL servers over TLS with passwords, one a synchronous standby of
# the other.  The primary dies under load and the standby is promoted: nothing
# that was acknowledged is lost, nginx finds the new primary by itself, and its
# change feed follows on the new timeline.

use EHR::Test;
use EHR::Test::Chaos;

my $env = chaos_environment(name => 'failover', no_nginx => 1);
my $dir = $env->dir;
my $programs = '/usr/lib/postgresql/15/bin';
my %port = (primary => free_port(), standby => free_port());
my %place = (primary => $dir, standby => "$dir/standby");
my $password = 'canary-' . int rand 1e9;

open_primary();
copy_to_standby();
use_server('primary');
$env->make_files;
my $servers = "host=127.0.0.1,127.0.0.1 port=$port{primary},$port{standby}"
    . " dbname=ehr sslmode=verify-full sslrootcert=$dir/tls.crt"
    . " passfile=$dir/pgpass";
$env->reconfigure(conninfo => "$servers user=ehr_app", edit => sub {
    my ($conf) = @_;
    $conf =~ s/(ehr_database_feed\s+)"[^"]*"/$1"$servers user=ehr_feed"/
        or die 'no feed';
    return $conf;
});
$env->start_nginx;
$env->wait_ready;

ok follows(), 'the feed follows the primary';
is $env->sql('SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity'
    . " USING (pid) WHERE usename IN ('ehr_app', 'ehr_feed')"), 't',
    'every connection is encrypted';
my $report = accounts($env)->client('admin')->get('/api/v1/audit-logs/export');
is $report->{status}, 200, 'a report' or diag $report->{body};
use_server('standby');
is $env->sql('SELECT count(*) > 0, pg_is_in_recovery() FROM pg_stat_activity'
    . " WHERE usename = 'ehr_app'"), "t\tt", 'comes from the standby';

use_server('primary');
my $load = start_load($env);
sleep 1;
$env->stop_database('immediate');
my $gone = time();
sleep 1.5;      # for one second requests wait for a server
use_server('standby');
server('standby', 'promote', '--wait');
my $promoted = time();
sleep 3;
my $records = $load->stop;

ok scalar(grep { $_->{status} == 503 && $_->{began} > $gone } @$records),
    'requests are refused while no server takes them';
my $first = first_success($records, $promoted);
ok $first, 'and succeed again' or die "never\n";
note sprintf 'first success %.2f s after the promotion', $first - $promoted;
check_load($env, $load, $records, 'a failover');
ok follows(), 'the feed follows the new primary';
is $env->sql("SELECT count(*) FROM pg_stat_replication"
    . " WHERE usename = 'ehr_feed'"), 1, 'with one connection';

unlike read_file($env->error_log), qr/\Q$password/, 'no password in the log';
check_audit_chain($env);
logs_clean($env);
done_testing;

END {
    my $status = $?;
    local $ENV{PGPORT} = $port{standby};
    eval { must_run(undef, top() . '/tools/cluster', 'stop', $place{standby},
        'immediate') } if $env && -e "$place{standby}/pg/postmaster.pid";
    $? = $status;
}

sub follows {
    return wait_until(20, sub {
        client(undef, $env)->get('/ready')->{body} =~ /"state":"live"/;
    });
}

# What tests ask the database from now on is asked of this one.
sub use_server {
    my ($name) = @_;
    $env->end_sessions;
    $ENV{PGPORT} = $port{$name};
    $env->{socket} = socket_of($name);
}

sub socket_of {
    my ($name) = @_;
    chomp(my $socket = must_run(undef, top() . '/tools/cluster', 'socket',
        $place{$name}));
    return $socket;
}

sub server {
    my ($name, @command) = @_;
    $env->as_service("$programs/pg_ctl", "--pgdata=$place{$name}/pg",
        '--silent', @command);
}

# Lets the application in over TCP, with TLS and a password only.
sub open_primary {
    make_certificate();
    in_file("$dir/pgpass", "*:*:*:*:$password\n");
    $env->sql("ALTER ROLE $_ PASSWORD '$password'") for qw(ehr_app ehr_feed);
    in_file("$dir/pg/pg_hba.conf", <<'END', 'append');
local all,replication all trust
hostssl all ehr_app,ehr_feed 127.0.0.1/32 scram-sha-256
END
    $env->as_service('sed', '-i', '/reject/d', "$dir/pg/pg_hba.conf");
    settings('primary');
    $env->stop_database;
    $ENV{PGPORT} = $port{primary};
    $env->start_database;
}

sub make_certificate {
    $env->as_service('openssl', 'req', '-x509', '-newkey', 'rsa:2048',
        '-nodes', '-days', 2, '-subj', '/CN=localhost', '-addext',
        'subjectAltName=IP:127.0.0.1', '-keyout', "$dir/tls.key",
        '-out', "$dir/tls.crt");
    $env->as_service('chmod', '600', "$dir/tls.key");
}

sub settings {
    my ($name) = @_;
    in_file("$place{$name}/pg/conf.ehr", <<END, 'append');
listen_addresses = '127.0.0.1'
port = $port{$name}
ssl = on
ssl_cert_file = '$dir/tls.crt'
ssl_key_file = '$dir/tls.key'
END
}

sub copy_to_standby {
    $env->as_service('mkdir', '-p', $place{standby});
    $env->as_service("$programs/pg_basebackup", '-h', socket_of('primary'),
        '-U', 'postgres', '-D', "$place{standby}/pg", '--write-recovery-conf',
        '--checkpoint=fast', '--create-slot', '--slot=standby');
    settings('standby');
    {
        local $ENV{PGPORT} = $port{standby};
        must_run(undef, top() . '/tools/cluster', 'start', $place{standby});
    }
    # an acknowledged commit is on both
    $env->sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
    $env->sql('SELECT pg_reload_conf()');
    ok wait_until(20, sub { $env->sql('SELECT count(*) FROM'
        . " pg_stat_replication WHERE sync_state = 'sync'") }),
        'the standby is synchronous';
}

# A file of the servers' user that nobody else reads.
sub in_file {
    my ($path, $text, $append) = @_;
    must_run($text, top() . '/tools/as-service', 'sh', '-c',
        'umask 077; ' . ($append ? 'cat >> "$1"' : 'cat > "$1"'), 'put',
        $path);
}
