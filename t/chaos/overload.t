# The database is slow or full: who waits gets an answer in time, others are
# not held up, and all is well afterwards.

use EHR::Test;
use EHR::Test::Chaos;

subtest 'pool exhausted and queue full' => sub {
    my $env = chaos_environment(name => 'full', workers => 1, lane_options => {
        main => 'connections=1 pipeline=1 queue=4 lock_timeout=2s' });
    place($env);
    my $lock = hold($env, 'LOCK TABLE ehr.vitals IN ACCESS EXCLUSIVE MODE');
    my $load = EHR::Test::Load->start($env, place($env), processes => 1,
        clients => 16, mix => { write => 1 });

    sleep soak_seconds(3);
    my $answer = client('nurse', $env)->get('/api/v1/departments');
    is $answer->{status}, 503, 'another request is refused';
    ok $answer->{headers}{'retry-after'}, 'and told when to come again';
    cmp_ok $answer->{seconds}, '<', 1.5, 'at once';
    cmp_ok $env->metric('ehr_database_rejected_total'), '>', 0,
        'rejections are counted';
    my $released = time();
    release($lock);
    ok wait_until(15, sub { client('nurse', $env)->get('/api/v1/departments')
        ->{status} == 200 }), 'and answered again when the lock is gone';
    sleep 1;
    my $records = $load->stop;
    cmp_ok scalar(grep { $_->{status} == 503 } @$records), '>', 20,
        'many were refused';
    ok first_success($records, $released), 'writes succeed again';
    check_load($env, $load, $records, 'a full queue');
    check_audit_chain($env);
    logs_clean($env);
};

my $env = chaos_environment(name => 'slow', edit => sub {
    my ($conf) = @_;
    $conf =~ s/(ehr_zone\s)/ehr_database_deadline 1s;\n    $1/ or die;
    return $conf;
});

subtest 'a table is locked for 2 s' => sub {
    # more than there are connections to the database
    my $writes = start_load($env, processes => 1, clients => 40,
        mix => { write => 1, bare => 1 });
    my $reads = start_load($env, processes => 1, clients => 4,
        mix => { read => 1 });
    my @slow;

    until_over(1, sub {
        my $lock = hold($env, 'LOCK TABLE ehr.vitals IN EXCLUSIVE MODE');
        my $began = time();
        sleep 2;
        push @slow, [$began, time()];
        release($lock);
        sleep 0.5;
    });
    my ($read, $write) = ($reads->stop, $writes->stop);

    others_go_on($read, @slow);
    outcome_unknown($write);
    check_load($env, $reads, $read, 'a locked table, reads of others');
    check_load($env, $writes, $write, 'a locked table, its writes');
};

subtest 'each write takes 2 s' => sub {
    my $reads = start_load($env, processes => 1, clients => 4,
        mix => { read => 1 });
    my $began = time();

    $env->sql('CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql'
        . ' AS $$ BEGIN PERFORM pg_sleep(2); RETURN NEW; END $$;'
        . 'CREATE TRIGGER slow BEFORE INSERT ON ehr.vitals FOR EACH ROW'
        . ' EXECUTE FUNCTION public.slow()');
    my $writes = EHR::Test::Load->start($env, place($env), processes => 1,
        clients => 2, mix => { write => 1 });
    sleep soak_seconds(4);
    my $ended = time();
    my ($read, $write) = ($reads->stop, $writes->stop);
    $env->sql('DROP TRIGGER slow ON ehr.vitals; DROP FUNCTION public.slow()');

    others_go_on($read, [$began, $ended]);
    outcome_unknown($write);
    is scalar(acknowledged([grep { $_->{try} == 1 } @$write])), 0,
        'none was in time';
    check_load($env, $writes, $write, 'slow writes', none => 1);
    check_load($env, $reads, $read, 'slow writes, reads of others');
};

subtest 'the backends stand still for 2 s' => sub {
    my $load = start_load($env);
    my $client = client(undef, $env);

    until_over(1, sub {
        my @backends = app_backends($env);
        kill 'STOP', @backends;
        sleep 2;
        cmp_ok $client->get('/health')->{seconds}, '<', 1,
            'nginx does not stand still';
        kill 'CONT', @backends;
        ok wait_until(10, sub { $client->get('/ready')->{status} == 200 }),
            'and is ready afterwards';
        sleep 0.5;
    });
    my $records = $load->stop;
    my ($longest) = sort { $b <=> $a } map { $_->{ended} - $_->{began} }
        @$records;
    cmp_ok $longest, '<', 5, 'the deadline ended what waited';
    check_load($env, $load, $records, 'backends that stood still');
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# Reads while something else was slow: there were some, and they were quick.
sub others_go_on {
    my ($records, @times) = @_;
    my @took = sort { $a <=> $b } map { $_->{ended} - $_->{began} } grep {
        my $record = $_;
        $record->{status} == 200 && grep { $record->{began} > $_->[0]
            && $record->{began} < $_->[1] } @times;
    } @$records;

    cmp_ok scalar(@took), '>', 20, 'reads of other things go on';
    cmp_ok $took[$#took / 2], '<', 0.3, 'as quickly as ever';
    my @failed = grep { $_->{status} != 200 } @$records;
    is scalar(@failed), 0, 'all of them' or diag map { sprintf
        "%d %s, began at %.3f, ended at %.3f\n", @$_{qw(status said)},
        map { $_ - $times[0][0] } @$_{qw(began ended)} } @failed;
}

sub outcome_unknown {
    my ($records) = @_;
    ok scalar(grep { $_->{said} =~ /outcome is unknown/ } @$records),
        'writes past the deadline are told that nobody knows';
}

