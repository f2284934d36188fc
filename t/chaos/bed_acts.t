# Acts on few beds, many at once and straight at the database: no two wait for
# each other, none goes on for ever, and what is there afterwards is whole.

use EHR::Test;
use EHR::Test::Beds;
use EHR::Test::Chaos;

my $seconds = soak_seconds(8);

# Only what goes on for ever meets the timeout.
my $env = start_environment(name => 'bed-acts', no_nginx => 1,
    pg_settings => join "\n", 'deadlock_timeout = 50ms',
        'statement_timeout = 60s', 'log_error_verbosity = default');
my ($act, $tick) = map { $env->dir . "/$_.pgbench" } qw(act tick);

$env->sql(read_file(top() . '/t/chaos/bed_acts.sql'));
write_file($act, "SELECT test.act();\n");
write_file($tick, "BEGIN;\nSELECT set_config('ehr.scope', 'system', true);\n"
    . "SELECT ehr.beds_tick();\nCOMMIT;\n");

my ($status, $out, $err) = run_command(undef,
    '/usr/bin/pgbench', '-n', '-h', $env->socket,
    qw(-U postgres -d ehr -c 16 -j 2 -T), $seconds, '-f', "$act\@60",
    '-f', "$tick\@1");
is $status, 0, 'all acts were done or refused' or diag $err;
like $out, qr/^number of failed transactions: 0 /m, 'none met a deadlock'
    or tell_deadlocks($env);
note $out =~ /^(number of transactions actually .*)/m;

my %made = map { @$_ } $env->rows('SELECT kind, count(*) FROM'
    . ' ehr.admission_movements GROUP BY 1');
cmp_ok $made{$_} || 0, '>', 2, "somebody lay down: $_"
    for qw(ADMIT TRANSFER SWAP ROOM_IN);
check_wards($env);
done_testing;
