# Writes that wait are committed many at a time: each client hears only of its
# own, whatever happens to the others of its group.

use EHR::Test;
use EHR::Test::Chaos;

my $env = chaos_environment(name => 'group', workers => 1, lane_options => {
    main => 'connections=4 pipeline=16 queue=1024' });
my %busy = (processes => 2, clients => 24, think => 0.001);
my $patients = { place($env) }->{patients};

subtest 'many at a time' => sub {
    my %before = counters();
    my $load = start_load($env, %busy);

    sleep soak_seconds(3);
    my $records = $load->stop;
    my %after = counters();

    cmp_ok $after{groups} - $before{groups}, '>', 20, 'there were groups';
    cmp_ok $after{grouped} - $before{grouped}, '>',
        2 * ($after{groups} - $before{groups}), 'and not only of two';
    is $after{ungrouped}, $before{ungrouped}, 'none of them failed';
    ok shared_transactions($load), 'and rows of several requests share'
        . ' a transaction';
    check_load($env, $load, $records, 'groups');
    check_actors($load, $records);
};

for my $when ('IMMEDIATE', 'DEFERRED') {
    subtest "some are refused, the constraint is $when" => sub {
        my %before = counters();
        refuse($when);
        my $load = start_load($env, %busy,
            mix => { read => 1, write => 30, bare => 30, refused => 2 });

        sleep soak_seconds(3);
        my $records = $load->stop;
        my %after = counters();
        allow();

        my @refused = grep { $_->{kind} eq 'refused' } @$records;
        cmp_ok scalar(@refused), '>', 5, 'some had to be refused';
        is scalar(grep({ $_->{status} != 422 } @refused)), 0,
            'and were, each';
        is scalar(grep({ $_->{kind} ne 'refused' && $_->{status} !~
            /\A20[01]\z/ } @$records)), 0, 'and no other';
        cmp_ok $after{ungrouped}, '>', $before{ungrouped},
            'groups failed of it';
        cmp_ok $after{groups}, '>', $before{groups}, 'others did not';
        check_load($env, $load, $records, 'refusals');
        check_actors($load, $records);
    };
}

subtest 'a patient is locked' => sub {
    my ($locked, @others) = @$patients;
    my $lock = hold($env, "SELECT 1 FROM ehr.patients WHERE id = '$locked'"
        . ' FOR UPDATE');
    my $waiting = EHR::Test::Load->start($env, place($env),
        patients => [$locked], processes => 1, clients => 2,
        mix => { write => 1 });
    my $load = start_load($env, %busy, patients => \@others,
        mix => { write => 1 });

    sleep soak_seconds(4);
    release($lock);
    my ($late, $records) = ($waiting->stop, $load->stop);
    my @took = sort { $a <=> $b } map { $_->{ended} - $_->{began} } @$records;

    is scalar(grep({ $_->{status} != 201 } @$records)), 0,
        'writes for others succeed';
    cmp_ok $took[$#took / 2], '<', 0.3, 'as quickly as ever';
    cmp_ok $took[-1], '<', 1.5, 'and none waits as long as for the lock';
    check_load($env, $load, $records, 'a locked patient, the others');
    check_load($env, $waiting, $late, 'a locked patient', none => 1);
};

subtest 'connections are terminated' => sub {
    my $load = start_load($env, %busy);
    my $terminated = 0;

    until_over(4, sub {
        my @backends = app_backends($env);
        $terminated += $env->sql('SELECT count(pg_terminate_backend(pid))'
            . ' FROM pg_stat_activity WHERE pid = '
            . $backends[rand @backends]);
        sleep 0.05 + rand 0.2;
    }, 8);
    my $records = $load->stop;

    cmp_ok $terminated, '>=', 5, 'several times';
    ok scalar(grep { $_->{said} =~ /outcome is unknown/ } @$records),
        'the outcome of some is unknown';
    check_load($env, $load, $records, 'terminated connections');
    check_actors($load, $records);
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# The store's counters, by the word between the metric's ends.
sub counters {
    my $page = client(undef, $env)->get('/metrics')->{body};
    return $page =~ /^ehr_worker_database_(\w*group\w*)_total (\d+)/mg;
}

# The database refuses the load's kind "refused", at the statement or at the
# commit.
sub refuse {
    my ($when) = @_;
    my $rate = $EHR::Test::Load::refused_rate;

    $env->sql('CREATE FUNCTION public.refuse() RETURNS trigger'
        . ' LANGUAGE plpgsql AS $$ BEGIN RAISE SQLSTATE \'EH422\'; END $$;'
        . ' CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON ehr.vitals'
        . " DEFERRABLE INITIALLY $when FOR EACH ROW"
        . " WHEN (NEW.heart_rate = $rate) EXECUTE FUNCTION public.refuse()");
}

sub allow {
    $env->sql('DROP TRIGGER refuse ON ehr.vitals;'
        . ' DROP FUNCTION public.refuse()');
}

sub shared_transactions {
    my ($load) = @_;
    return $env->sql('SELECT count(*) FROM (SELECT FROM ehr.audit_log WHERE'
        . " request_id LIKE '$load->{name}-%' AND action = 'CREATE'"
        . ' GROUP BY xid HAVING count(DISTINCT request_id) > 2) AS shared');
}

# Who wrote a row is who sent it, and so says the audit log.
sub check_actors {
    my ($load, $records) = @_;
    my $users = accounts($env)->{users};
    my @id = map { $users->{$_}{id} } qw(nurse second third);
    my %sent = map { $_->{marker} => $_ } grep { $_->{marker} } @$records;
    my @strange;

    for my $row ($env->rows('SELECT v.notes, v.created_by, a.actor_id,'
        . ' a.request_id FROM ehr.vitals v JOIN ehr.audit_log a'
        . " ON a.entity_id = v.id AND a.action = 'CREATE'"
        . " WHERE v.notes LIKE '$load->{name}-%'"))
    {
        my ($marker, $by, $actor, $request) = @$row;
        my $record = $sent{$marker} || {};
        push @strange, "$marker: $by $actor $request"
            unless $request eq ($record->{request} || '')
            && $by eq $id[$record->{account}] && $actor eq $by;
    }
    is join("\n", @strange), '', 'every row is of who sent it';
}
