# nginx reloads its configuration, ends, or is replaced by another binary while
# clients read, write and sign in.  A request that a worker has begun is
# answered; others are lost at most where stock nginx loses them, too: on a
# connection that was kept alive.

use EHR::Test;
use EHR::Test::Chaos;

# A new binary sees of the environment what the configuration names.
my $env = chaos_environment(name => 'reload', password_cost => 10,
    edit => sub { "env ASAN_OPTIONS;\nenv LSAN_OPTIONS;\nenv UBSAN_OPTIONS;\n"
        . $_[0] },
    server_conf => "location = /plain { return 200 '{}'; }");
place($env);
my $user = accounts($env)->{users}{doctor};
my %mix = (mix => { read => 12, list => 4, bare => 12, login => 1 },
    login => [@$user{qw(email password)}]);

subtest 'reloads' => sub {
    my $ours = start_load($env, %mix, processes => 1, clients => 8);
    my $stock = start_load($env, mix => { plain => 1 }, processes => 1,
        clients => 8);

    my @reloads;
    until_over(1, sub {
        push @reloads, time();
        $env->reload;
        sleep 0.1;
    }, 20);
    my $plain = $stock->stop;
    my $records = $ours->stop;
    my ($losses, $theirs) = map { with_losses($_, @reloads) } $records, $plain;

    note sprintf '%d reloads: %d of %d lost in %d, stock nginx %d of %d in %d',
        scalar @reloads, scalar lost($records), scalar @$records, $losses,
        scalar lost($plain), scalar @$plain, $theirs;
    none_torn($records);
    none_executed($records);

    # A worker that ends closes its idle connections all at once, so what is
    # lost comes in groups: reloads are counted, not requests.  With room for
    # chance: three deviations of a count as small.
    cmp_ok $losses, '<=', $theirs + 3 * sqrt($theirs + 1),
        'no more reloads lose requests than with stock nginx';
    check_load($env, $ours, $records, 'reloads');
};

subtest 'the end by QUIT, while the database is slow' => sub {
    my $load = start_load($env, %mix);
    my $lock = hold($env, 'LOCK TABLE ehr.vitals IN ACCESS EXCLUSIVE MODE');

    sleep 0.5;
    my @workers = $env->worker_pids;
    my $master = $env->master_pid;
    kill 'QUIT', $master;
    sleep 0.5;
    # all connections may be one worker's, where the other was slow to accept
    ok scalar(grep { -d "/proc/$_" } @workers),
        'workers stay for what is under way';
    my $released = time();
    release($lock);
    ok wait_until(20, sub { !-d "/proc/$master" }), 'and end after it';
    my $records = $load->stop;
    $env->start_nginx;
    $env->wait_ready;

    my @late = grep { $_->{ended} > $released } acknowledged($records, 'bare');
    ok @late, scalar(@late) . ' writes that waited are acknowledged';
    none_torn($records);
    none_executed($records);
    check_load($env, $load, $records, 'the end by QUIT', also => ['refused']);
};

subtest 'the end by TERM' => sub {
    my $load = start_load($env);

    $env->stop_nginx('TERM');
    $env->start_nginx;
    $env->wait_ready;
    sleep 0.5;
    check_load($env, $load, $load->stop, 'the end by TERM', also => ['refused']);
};

subtest 'another binary takes over' => sub {
    my $load = start_load($env, %mix);
    another_binary($env, 0.5);

    my $records = $load->stop;
    none_torn($records);
    none_executed($records);
    check_load($env, $load, $records, 'another binary');
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# How many of the reloads lost a request: its end lies between one and the next.
sub with_losses {
    my ($records, @reloads) = @_;
    my %seen;

    for my $record (lost($records)) {
        $seen{ grep { $_ <= $record->{ended} } @reloads } = 1;
    }
    return scalar keys %seen;
}

sub lost { return grep { !$_->{status} } @{ $_[0] } }

sub none_torn {
    my ($records) = @_;

    is scalar(grep { $_->{error} eq 'torn' } @$records), 0,
        'no answer broke off';
    is scalar(grep { $_->{error} eq 'cut' && $_->{fresh} } @$records), 0,
        'no new connection was lost';
}

# What was begun was answered: of a request that was cut there is no trace.
sub none_executed {
    my ($records) = @_;
    my @cut = map { "'$_->{request}'" } grep { $_->{error} eq 'cut' } @$records;
    my $list = join ',', @cut, "''";

    is $env->sql('SELECT request_id, action FROM ehr.audit_logs WHERE'
        . " request_id IN ($list)"), '', 'nothing was done and not answered';
}
