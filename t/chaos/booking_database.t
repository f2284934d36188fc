# The database, or the way to it, breaks while clients book: it crashes,
# connections are cut after the Sync, the change feed stands still, a write
# transaction is open when nginx starts.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use EHR::Test::Proxy;

my $env = chaos_environment(name => 'booking-database', no_nginx => 1);
my $proxy = EHR::Test::Proxy->start($env);
my $feed = EHR::Test::Proxy->start($env);
$env->reconfigure(conninfo => $proxy->conninfo('ehr_app'), edit => sub {
    my ($conf) = @_;
    my $conninfo = $feed->conninfo('ehr_feed');
    $conf =~ s/(ehr_database_feed\s+)"[^"]*"/$1"$conninfo"/ or die 'no feed';
    return $conf;
});
$env->make_files;

subtest 'a write transaction is open when nginx starts' => sub {
    my $open = hold($env, 'SELECT pg_current_xact_id()');
    $env->start_nginx;
    $env->wait_ready;
    booking_place($env);
    my $client = client(undef, $env);
    my $load = start_bookings($env);

    until_over(2, sub { sleep 0.5 });
    ok !engine_is_live($client), 'the engine waits for it';
    my $records = $load->stop;
    check_bookings($env, $load, $records, 'from PostgreSQL alone',
        not_live => 1);

    $load = start_bookings($env);
    release($open);
    ok until_engine_is_live($client), 'it is live when it has ended';
    sleep 1;
    check_bookings($env, $load, $load->stop, 'while it loads');
};

subtest 'the change feed stands still' => sub {
    my $client = client(undef, $env);
    my $load = start_bookings($env);

    until_over(2, sub {
        $feed->set(hold => 'answers');
        ok wait_until(6, sub { !engine_is_live($client) }),
            'the engine knows soon that it does not know';
        sleep 2;
        $feed->set;
        ok until_engine_is_live($client), 'and is live again afterwards';
        sleep 0.5;
    });
    check_bookings($env, $load, $load->stop, 'a frozen feed');
};

subtest 'the feed is cut' => sub {
    my $client = client(undef, $env);
    my $load = start_bookings($env);

    until_over(2, sub { $feed->break; sleep 0.5 + rand 0.5 }, 3);
    check_bookings($env, $load, $load->stop, 'a feed that is cut');
};

subtest 'connections are cut after the Sync' => sub {
    my $load = start_bookings($env);
    my $before = $proxy->count->{cuts};

    $proxy->set(cut => [qw(sync answer middle)], share => 0.04);
    until_over(4, sub { sleep 0.5 });
    ok wait_until(30, sub { $proxy->count->{cuts} >= $before + 10 }),
        'they are';
    $proxy->set;
    my $records = $load->stop;
    ok scalar(grep { $_->{said} =~ /unknown/ } @$records),
        'acts had an unknown outcome';
    check_bookings($env, $load, $records, 'cut after the Sync');
};

subtest 'PostgreSQL stopped at once and started again' => sub {
    my $load = start_bookings($env);
    until_over(1, sub {
        $env->stop_database('immediate');
        sleep 1;
        $env->start_database;
        sleep 2;
    }, 2);
    check_bookings($env, $load, $load->stop, 'crashes of PostgreSQL');
};

check_audit_chain($env);
logs_clean($env);
done_testing;
