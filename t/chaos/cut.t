# What lies between nginx and PostgreSQL is slow, stops, or cuts connections
# after the Sync was sent, so that nobody knows whether the write was done.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Proxy;

my $env = chaos_environment(name => 'cut', no_nginx => 1);
my $proxy = EHR::Test::Proxy->start($env);
$env->reconfigure(conninfo => $proxy->conninfo('ehr_app'));
$env->make_files;
$env->start_nginx;
$env->wait_ready;

my %how = (
    sync   => 'as soon as the server has it',
    answer => 'when it is done and nobody was told',
    middle => 'in the middle of the answer',
);
for my $cut (sort keys %how) {
    subtest "connections cut, $how{$cut}" => sub {
        my $load = start_load($env);
        my $before = $proxy->count->{cuts};

        $proxy->set(cut => $cut, share => 0.03);
        until_over(2, sub { sleep 0.5 }, 1);
        ok wait_until(30, sub { $proxy->count->{cuts} >= $before + 10 }),
            'connections were cut';
        $proxy->set;
        my $records = $load->stop;
        ok scalar(grep { $_->{said} =~ /unknown/ } @$records),
            'writes had an unknown outcome';
        check_load($env, $load, $records, "cut: $cut");
    };
}

subtest 'all at once, again and again' => sub {
    my $load = start_load($env);
    until_over(1, sub { $proxy->break; sleep 0.1 + rand 0.2 }, 5);
    check_load($env, $load, $load->stop, 'all cut');
};

subtest 'slow, and silent for a while' => sub {
    my $load = start_load($env);

    $proxy->set(delay => 0.03);
    until_over(1, sub { sleep 0.5 }, 2);
    for my $hold (qw(requests answers)) {
        $proxy->set(hold => $hold);
        sleep 1;
        ok $proxy->count->{held}, "$hold are held back";
        $proxy->set;
        sleep 0.3;
    }
    check_load($env, $load, $load->stop, 'slow');
};

check_audit_chain($env);
logs_clean($env);
done_testing;
