# PostgreSQL goes away and comes back while clients read and write: it crashes,
# its backends are terminated, or the first hosts of several are dead.

use EHR::Test;
use EHR::Test::Chaos;
use IO::Socket::INET;
use POSIX ();

my $env = chaos_environment(name => 'outage');

subtest 'PostgreSQL stopped at once and started again' => sub {
    my $load = start_load($env);
    my $client = client('nurse', $env);
    my (@window, @took);

    until_over(1, sub {
        my $away = time();
        $env->stop_database('immediate');
        push @window, [time()];
        sleep 2;
        my $answer = $client->get('/api/v1/departments');
        is $answer->{status}, 503, 'a read is refused meanwhile';
        ok $answer->{headers}{'retry-after'}, 'and told when to come again';
        cmp_ok $answer->{seconds}, '<', 3, 'and soon';
        like client(undef, $env)->get('/ready')->{body},
            qr/PostgreSQL/, '/ready names the reason';
        push @{ $window[-1] }, time(), start_and_see($env);
        sleep 1.5;
    }, 3);
    my $records = $load->stop;

    for my $window (@window) {
        my ($gone, $start, $back) = @$window;
        my @meanwhile = grep { $_->{began} > $gone && $_->{ended} < $start }
            @$records;
        ok @meanwhile, 'there were requests while it was away';
        is scalar(grep({ $_->{status} != 503 } @meanwhile)), 0,
            'all of them were answered 503';
        my $first = first_success($records, $start);
        push @took, $first ? $first - $back : 'inf';
    }
    @took = sort { $a <=> $b } @took;
    note "first success after psql connects: @took s";
    cmp_ok $took[$#took / 2], '<', 1, 'first success within a second';
    check_load($env, $load, $records, 'crashes of PostgreSQL');
};

subtest 'its connections are terminated, again and again' => sub {
    my $load = start_load($env);
    my $terminated = 0;

    until_over(4, sub {
        $terminated += $env->sql('SELECT count(pg_terminate_backend(pid)) FROM'
            . " pg_stat_activity WHERE usename = 'ehr_app'");
        sleep 0.1 + rand 0.4;
    }, 8);
    cmp_ok $terminated, '>=', 8, "connections were terminated";
    my $records = $load->stop;
    cmp_ok scalar(acknowledged($records)), '>', @$records / 5,
        'requests succeed between';
    check_load($env, $load, $records, 'terminated connections');
};

subtest 'of three hosts one is dead and one silent' => sub {
    my $dead = free_port();
    my $silent = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1')
        or die "listen: $!";
    my $port = $silent->sockport;

    $env->reconfigure(edit => sub {
        my ($conf) = @_;
        $conf =~ s{"host=(\S+) dbname}
            {"host=127.0.0.1,127.0.0.1,$1 port=$dead,$port,5432 dbname}g
            or die 'no host';
        return "$conf";
    });
    $env->restart_nginx;
    $env->wait_ready;
    pass 'nginx is ready';

    my $load = start_load($env);
    my $killed = 0;
    until_over(3, sub {
        $killed += $env->sql('SELECT count(pg_terminate_backend(pid)) FROM'
            . " pg_stat_activity WHERE usename = 'ehr_app'");
        wait_until(20, sub { app_backends($env) });
        sleep 0.5 + rand;
    }, 2);
    my $records = $load->stop;
    ok scalar(acknowledged($records)), 'requests are answered';
    check_load($env, $load, $records, 'hosts that are dead');
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# Starts PostgreSQL; returns when psql could connect.
sub start_and_see {
    my $pid = fork;
    die "fork: $!" unless defined $pid;
    if (!$pid) {
        my $done = eval { $env->start_database; 1 };
        POSIX::_exit($done ? 0 : 1);
    }
    my $connected = wait_until(30, sub { ($env->psql('postgres', ''))[0] });
    my $since = time();
    waitpid $pid, 0;
    die "PostgreSQL did not start\n" if $? || !$connected;
    return $since;
}
