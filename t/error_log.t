# The error log names a request by its route's template: what was searched for
# stays out of it, whatever fails.

use EHR::Test;

my $env = environment();
my $doctor = client('doctor');

# -- a search that waits for a lock longer than it may

my $pid = open(my $lock, '-|', $env->psql_command('postgres', '-c',
    'BEGIN', '-c', 'LOCK TABLE ehr.patients', '-c', 'SELECT 1', '-c',
    'SELECT pg_sleep(4)', '-c', 'ROLLBACK')) or die "psql: $!";
<$lock>;                                # it has the lock

my $answer = $doctor->get('/api/v1/patients?q=Canarinha');
is $answer->{status}, 503, 'a search that cannot be answered';
kill 'TERM', $pid;
close $lock;

my $log = read_file($env->error_log);
like $log, qr/database error 55P03 .*request: "GET \/patients"$/m,
    'the line names the route';
unlike $log, qr/Canarinha/, 'but not what was searched for';

logs_clean($env);
done_testing;
