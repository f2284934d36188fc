# Workers are killed at random while clients read and write.

use EHR::Test;
use EHR::Test::Chaos;

my $env = chaos_environment(name => 'kill', workers => 3);
my $load = start_load($env);
my $master = $env->master_pid;
my @killed;

until_over(6, sub {
    my @workers = $env->worker_pids;
    my $victim = $workers[rand @workers];

    sleep 0.05 + rand 0.4;
    push @killed, $victim if kill 'KILL', $victim;
    ok wait_until(10, sub {
        my @now = $env->worker_pids;
        return @now == 3 && !grep { $_ == $victim } @now;
    }), 'another worker takes its place' or BAIL_OUT('no workers');
}, 5);

check_load($env, $load, $load->stop, @killed . ' killed workers');
check_audit_chain($env);
is $env->master_pid, $master, 'the master lived on';
is client(undef, $env)->get('/ready')->{status}, 200, 'and is ready';

logs_clean($env, allow => deaths_of(@killed));
done_testing;
