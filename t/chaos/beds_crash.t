# Workers are killed, the configuration is reloaded, connections are cut,
# PostgreSQL crashes and restarts while 32 clients admit, plan, transfer, swap,
# discharge and cancel over few beds.

use EHR::Test;
use EHR::Test::Beds;
use EHR::Test::Chaos;
use EHR::Test::Proxy;

my $env = chaos_environment(name => 'beds-crash', workers => 3, no_nginx => 1,
    pg_settings => 'log_error_verbosity = default');
my $proxy = EHR::Test::Proxy->start($env);
$env->reconfigure(conninfo => $proxy->conninfo('ehr_app'));
$env->make_files;
$env->start_nginx;
$env->wait_ready;
my @killed;

# What may break; each takes about a second.
my %faults = (
    'a worker is killed' => sub { sleep 0.05 + rand 0.4; kill_one() },
    'killed when what they asked is not with the database' => sub {
        kill_when_held('requests');
    },
    'killed when they do not know yet that it is done' => sub {
        kill_when_held('answers');
    },
    'a reload' => sub { $env->reload; sleep 0.2 },
    'connections are cut after the Sync' => sub {
        my $before = $proxy->count->{cuts};
        $proxy->set(cut => [qw(sync answer middle)], share => 0.1);
        wait_until(10, sub { $proxy->count->{cuts} >= $before + 5 })
            or die "nothing is cut\n";
        $proxy->set;
    },
    'all connections are cut' => sub { $proxy->break; sleep 0.3 },
    'PostgreSQL crashes' => sub { restart_database('immediate') },
    'PostgreSQL restarts' => sub { restart_database('fast') },
    'PostgreSQL restarts when its clients have gone' => \&restart_smartly,
);
my @faults = sort keys %faults;

# In a soak each for itself; then all, one after the other and at random.
if ($ENV{EHR_CHAOS_SECONDS}) {
    for my $fault (@faults) {
        subtest $fault => sub {
            my $load = start_beds($env);
            until_over(0, $faults{$fault});
            check_beds($env, $load, $load->stop, $fault);
        };
    }
}

subtest 'all of it' => sub {
    my $load = start_beds($env);
    until_over(8, sub {
        my ($round) = @_;
        my $fault = $faults[$round <= @faults ? $round - 1 : rand @faults];
        note $fault;
        $faults{$fault}->();
    }, scalar @faults);
    sleep 1;
    my $records = $load->stop;
    ok scalar(grep { $_->{said} =~ /unknown/ || $_->{error} eq 'cut' }
        @$records), 'acts had an unknown outcome';
    check_beds($env, $load, $records, 'all of it',
        needed => [qw(admission transfer swap order done status)]);
};

check_audit_chain($env);
logs_clean($env, allow => deaths_of(@killed));
done_testing;

sub kill_when_held {
    my ($phase) = @_;
    $proxy->set(hold => $phase);
    wait_until(10, sub { $proxy->count->{held} >= 3 })
        or die "nothing is held\n";
    kill_one();
    $proxy->set;
    sleep 0.2 + rand 0.2;
}

sub restart_database {
    my ($mode) = @_;
    $env->stop_database($mode);
    sleep 0.3;
    $env->start_database;
    sleep 0.7;
}

# It waits for its clients: nginx's old workers, when they are replaced.
sub restart_smartly {
    my ($postmaster) = read_file($env->dir . '/pg/postmaster.pid') =~ /(\d+)/;
    kill 'TERM', $postmaster;
    sleep 0.2;
    $env->reload;
    wait_until(20, sub { !-d "/proc/$postmaster" }) or do {
        diag 'it waits in vain: ' . $env->stop_database('fast');
    };
    $env->start_database;
    sleep 0.7;
}

sub kill_one {
    my @workers = $env->worker_pids;
    my $victim = $workers[rand @workers];

    push @killed, $victim if kill 'KILL', $victim;
    wait_until(10, sub {
        my @now = $env->worker_pids;
        return @now == 3 && !grep { $_ == $victim } @now;
    }) or BAIL_OUT('no workers');
}
