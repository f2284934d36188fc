# Workers are killed at random and while a booking is on its way to the
# database or back, stopped, reloaded and replaced while clients book.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use EHR::Test::Proxy;

# A new binary sees of the environment what the configuration names.
my $env = chaos_environment(name => 'booking-crash', workers => 3,
    no_nginx => 1, edit => sub { "env ASAN_OPTIONS;\nenv LSAN_OPTIONS;\n"
        . "env UBSAN_OPTIONS;\n" . $_[0] });
my $proxy = EHR::Test::Proxy->start($env);
$env->reconfigure(conninfo => $proxy->conninfo('ehr_app'));
$env->make_files;
$env->start_nginx;
$env->wait_ready;
booking_place($env);
my @killed;

subtest 'killed at random' => sub {
    my $load = start_bookings($env);
    until_over(4, sub {
        sleep 0.05 + rand 0.4;
        kill_one();
    }, 5);
    check_bookings($env, $load, $load->stop, 'killed at random');
};

my %phase = (requests => 'what they asked is not with the database yet',
    answers => 'they do not know yet that it is done');
for my $phase (sort keys %phase) {
    subtest "killed when $phase{$phase}" => sub {
        my $load = start_bookings($env);
        until_over(2, sub {
            $proxy->set(hold => $phase);
            wait_until(10, sub { $proxy->count->{held} >= 3 })
                or die "nothing is held\n";
            kill_one();
            $proxy->set;
            sleep 0.2 + rand 0.2;
        }, 4);
        check_bookings($env, $load, $load->stop, "killed: $phase held");
    };
}

subtest 'stopped for 5 seconds' => sub {
    my $load = start_bookings($env);
    until_over(1, sub {
        my @workers = $env->worker_pids;
        my $worker = $workers[rand @workers];
        kill 'STOP', $worker;
        sleep 5;
        kill 'CONT', $worker;
        sleep 0.5;
    });
    check_bookings($env, $load, $load->stop, 'stopped');
};

subtest 'reloads' => sub {
    my $load = start_bookings($env);
    my $reloads = until_over(1, sub { $env->reload; sleep 0.1 }, 20);
    note "$reloads reloads";
    check_bookings($env, $load, $load->stop, 'reloads');
};

subtest 'a reload with other zones: two engines at once' => sub {
    my $load = start_bookings($env);
    for my $more (1, 0) {
        $env->reconfigure(edit => sub {
            my ($conf) = @_;
            $conf =~ s/^(\s*ehr_\w*zone\s+\w+\s+)(\d+)m;/
                $1 . ($2 + 4 * $more) . 'm;'/gem or die;
            return $conf;
        });
        $env->reload;
        sleep 1;
    }
    check_bookings($env, $load, $load->stop, 'other zones');
};

subtest 'another binary takes over: two engines at once' => sub {
    my $load = start_bookings($env);
    another_binary($env, 2);
    check_bookings($env, $load, $load->stop, 'another binary');
};

check_audit_chain($env);
logs_clean($env, allow => deaths_of(@killed));
done_testing;

sub kill_one {
    my @workers = $env->worker_pids;
    my $victim = $workers[rand @workers];

    push @killed, $victim if kill 'KILL', $victim;
    wait_until(10, sub {
        my @now = $env->worker_pids;
        return @now == 3 && !grep { $_ == $victim } @now;
    }) or BAIL_OUT('no workers');
}
