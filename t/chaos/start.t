# nginx is started while the database is away, then while its schema is old.
# Nothing but the database changes: the same workers serve afterwards.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Proxy;

my $env = chaos_environment(name => 'start', no_nginx => 1);
$env->stop_database;
$env->make_files;
$env->start_nginx;
ok wait_until(10, sub { 2 == (my @now = $env->worker_pids) }),
    'nginx starts without it';
my @workers = $env->worker_pids;
my $client = client(undef, $env);

ok wait_until(10, sub { ready() =~ /cannot connect to PostgreSQL/ }),
    '/ready says that it cannot connect' or diag ready();
is $client->get('/health')->{status}, 200, '/health is fine: nginx lives';
refused('while the database is away');

$env->start_database;
$env->wait_ready;
is_deeply [$env->worker_pids], \@workers, 'ready by the same workers';
is client('nurse', $env)->get('/api/v1/departments')->{status}, 200,
    'people sign in and work';

# -- a schema that does not fit -----------------------------------------------

my ($version) = $env->sql('SELECT max(version) FROM ehr.schema_migrations');
$env->sql('CREATE TABLE public.kept AS SELECT * FROM ehr.schema_migrations'
    . " WHERE version = $version;"
    . "DELETE FROM ehr.schema_migrations WHERE version = $version");
terminate();
ok wait_until(10, sub {
        my $reason = ready();
        return $reason =~ /run tools\/migrate/
            && $reason =~ /needs number $version\b/;
    }), 'of an old schema /ready names the fix and the number'
    or diag ready();
refused('with an old schema');

$env->sql('INSERT INTO ehr.schema_migrations SELECT * FROM public.kept;'
    . 'UPDATE ehr.schema_migrations SET version = version + 1'
    . " WHERE version = $version");
ok wait_until(10, sub { ready() =~ /install the module/ }),
    'of a newer one, too' or diag ready();

$env->sql("UPDATE ehr.schema_migrations SET version = $version"
    . " WHERE version = $version + 1");
$env->wait_ready;
is_deeply [$env->worker_pids], \@workers, 'ready again by the same workers';

# -- a role that may not read -------------------------------------------------

$env->sql('REVOKE SELECT ON ehr.schema_migrations FROM ehr_app');
terminate();
ok wait_until(10, sub { ready() =~ /no migrations that this role can read/ }),
    'without the right to read it, /ready says so' or diag ready();
$env->sql('GRANT SELECT ON ehr.schema_migrations TO ehr_app');
$env->wait_ready;
is client('nurse', $env)->get('/api/v1/departments')->{status}, 200,
    'and works when it is given';

# -- a role that may not connect ----------------------------------------------

# The feed's may: it is live long before anybody else is connected.
for my $time (1 .. 3) {
    $env->stop_nginx;
    $env->sql('ALTER ROLE ehr_app NOLOGIN');
    $env->start_nginx;
    ok wait_until(20, sub {
            client(undef, $env)->get('/metrics')->{body} =~ /^ehr_feed_live 1$/m
        }), "the feed is live, time $time";
    like ready(), qr/cannot connect .* not permitted to log in/,
        'the application is not, and /ready says why';
    $env->sql('ALTER ROLE ehr_app LOGIN');
    ok wait_until(4, sub { ready() =~ /"ready"/ }), 'ready once it may'
        or diag ready();
}

# -- a database to which connecting takes long --------------------------------

my $proxy = EHR::Test::Proxy->start($env);
my $nurse = client('nurse', $env);
$env->reconfigure(conninfo => $proxy->conninfo('ehr_app'));
$proxy->set(delay => 0.1);
$env->reload;
my $first;
ok wait_until(5, sub {      # the old workers may still answer the first ones
        $nurse->disconnect;
        $first = $nurse->get('/api/v1/departments');
        return $first->{status} != 200 || $first->{seconds} > 0.4;
    }), 'who comes before the first connection waits for it';
is $first->{status}, 200, 'and is answered';

logs_clean($env);
done_testing;

# The reason that both workers give, or '' if they differ.
sub ready {
    my %reason = map { $_ => 1 }
        map { client(undef, $env)->get('/ready')->{body} } 1 .. 6;
    return keys %reason == 1 ? (keys %reason)[0] : '';
}

sub terminate {
    $env->sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity'
        . " WHERE usename = 'ehr_app'");
}

sub refused {
    my ($when) = @_;
    my $read = $client->post('/api/v1/auth/login', json =>
        { email => 'a@test.example', password => 'Test-Pass-2026!' });

    is $read->{status}, 503, "503 $when";
    ok $read->{headers}{'retry-after'}, 'and when to come again';
    is $read->{json}{statusCode}, 503, 'in the envelope';
    cmp_ok $read->{seconds}, '<', 3, 'and soon';
}
