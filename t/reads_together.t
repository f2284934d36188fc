#!/usr/bin/perl

# Reads that share a transaction: whoever asks sees just what is theirs, the
# audit log says just what was read, and whatever happens to one is not the
# others' trouble.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Hospital;
use EHR::Test::Together qw(at_once together);
use List::Util qw(shuffle);
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'reads_together', workers => 2,
    rate_limits => '', conf => 'ehr_access_lifetime 1h;');
my $hospital = EHR::Test::Hospital->create($env);
my $accounts = accounts($env);
my %token = map { $_ => client($_, $env)->{token} } qw(doctor nurse patient);
my %user = map { $_ => $accounts->{users}{$_}{id} } keys %token;
my %patient = (own => $hospital->id('own'), foreign => $hospital->id('foreign'),
    none => '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a');
my $reads = 'ehr.audit_reads(uuid, text, text, uuid[], uuid[], integer)';
my $number = 0;

subtest 'who asks together sees what is theirs' => sub {
    # once: all prepared, and nobody gives way to a first time
    ask(map { { who => $_, what => 'own' } } sort keys %token);

    for my $round (1 .. 3) {
        ask(map { { who => $_, what => 'own' }, { who => $_, what => 'own' } }
            (sort keys %token) x 10);
        ask(shuffle(map { my $who = $_; map { { who => $who, what => $_ } }
            qw(own own own own own own own foreign) } (sort keys %token) x 4));
        ask(shuffle(map { my $who = $_; map { { who => $who, what => $_ } }
            qw(own foreign none) } (sort keys %token) x 10));
    }
    cmp_ok $env->metric('ehr_read_transactions_failed_total'), '>', 0,
        'some were in transactions that were rolled back';
    my ($status, $said) = $env->verify_audit;
    is $status, 0, "and signed as they should be: $said";
};

subtest 'those that come while a worker is busy share a transaction' => sub {
    my @workers = $env->worker_pids;
    my ($rows, $reads) = (rows(), $env->metric('ehr_reads_together_total'));

    kill 'STOP', @workers;
    my @answers = together($env, 40, 'GET', "/api/v1/patients/$patient{own}",
        token => $token{nurse}, meanwhile => sub { kill 'CONT', @workers });
    is_deeply [grep { $_->{status} != 200 } @answers], [], 'all are answered';
    is $env->metric('ehr_reads_together_total') - $reads, 40,
        'from transactions of many';
    cmp_ok rows() - $rows, '<=', 20, 'with far fewer rows';
};

subtest 'a table that is locked' => sub {
    my $lock = held('ehr.patients', 'ACCESS EXCLUSIVE', 0.7);
    my $began = time;
    my @asked = map { { who => 'nurse', what => 'own' } } 1 .. 20;

    ask(@asked);
    cmp_ok time - $began, '>', 0.4, 'they waited for it';
    close $lock;
    ask(@asked);
};

subtest 'an audit log that takes nothing' => sub {
    my @requests = map { request({ who => 'nurse', what => 'own' }) } 1 .. 20;

    $env->sql("ALTER FUNCTION $reads RENAME TO audit_reads_away");
    my $answers = at_once($env, @requests);
    $env->sql('ALTER FUNCTION ' . ($reads =~ s/\(/_away(/r)
        . ' RENAME TO audit_reads');
    is_deeply [sort { $a <=> $b } keys %{ { map { $_->{status} => 1 }
        @$answers } }], [503], 'nobody is answered';
    is_deeply [grep { $_->{body} =~ /firstName/ } @$answers], [],
        'nor sees anything';
    ok wait_until(10, sub { my ($one) = @{ at_once($env, request({
        who => 'nurse', what => 'own' })) }; $one->{status} == 200 }),
        'until it does again';
    ask(map { { who => 'doctor', what => 'own' } } 1 .. 20);
};

subtest 'who goes away while it waits' => sub {
    my $lock = held('ehr.patients', 'ACCESS EXCLUSIVE', 0.5);
    my @workers = sort $env->worker_pids;
    my @gone = map { EHR::Test::Client->new(port => $env->port) } 1 .. 30;
    my $end = time + 10;

    for my $client (@gone) {
        $client->connection;
        EHR::Test::Client::send_all($client->{socket}, $client->compose('GET',
            "/api/v1/patients/$patient{own}", { token => $token{nurse} }),
            $end);
    }
    sleep 0.1;
    $_->disconnect for @gone;
    close $lock;
    ask(map { { who => 'nurse', what => 'own' } } 1 .. 20);
    is_deeply [sort $env->worker_pids], \@workers, 'the workers live';
};

subtest 'a worker that ends when it has just heard them' => sub {
    is_deeply [grep { $_ ne 200 } heard([resting(10)], sub {
        $env->reload;
        # nginx tells the old workers a tenth of a second after it made the new
        sleep 0.5;
    })], [], 'answers them';
};

subtest 'a database that restarts' => sub {
    my @asked = map { request({ who => 'nurse', what => 'own' }) } 1 .. 40;
    my @resting = resting(20);

    # after reads of nobody a transaction takes few
    ask(map { { who => 'nurse', what => 'none' } } 1 .. 20);
    $env->stop_database('immediate');
    my $answers = at_once($env, @asked);
    is_deeply [grep { $_->{status} != 503 } @$answers], [], 'is away';
    is_deeply [grep { $_ ne 503 } heard(\@resting, sub { })], [],
        'and nobody waits, though more come than transactions take';
    $env->start_database;
    ok wait_until(20, sub { my ($one) = @{ at_once($env, request({
        who => 'nurse', what => 'own' })) }; $one->{status} == 200 }),
        'and back';
    ask(map { { who => $_, what => 'own' } } (sort keys %token) x 10);
};

logs_clean($env);
done_testing;

# All at the same moment: each is answered as it would be alone, and the log
# has those that were read, once each, and no others.
sub ask {
    my @asked = map { request($_) } @_;
    my $answers = at_once($env, @asked);
    my %answer = map { ($_->{head} =~ /^x-request-id: (\S+)/mi)[0] => $_ }
        grep { $_->{status} } @$answers;
    my (@wrong, @read);

    for my $asked (@asked) {
        my $seen = $asked->{what} eq 'own' || $asked->{what} eq 'foreign'
            && $asked->{who} ne 'patient';
        my $answer = $answer{$asked->{request}} || { status => 'none' };
        my $id = $patient{$asked->{what}};

        push @wrong, "$asked->{who} $asked->{what}: $answer->{status}"
            if $answer->{status} ne ($seen ? 200 : 404)
            || $seen && $answer->{body} !~ /"id":"$id"/;
        push @read, join ' ', $asked->{request}, $user{$asked->{who}}, $id, $id
            if $seen;
    }
    my $requests = join ', ', map { "'$_->{request}'" } @asked;
    my @logged = map { join ' ', @$_ } $env->rows("SELECT request_id, actor_id,
        entity_id, patient_id FROM ehr.audit_logs
        WHERE action = 'READ' AND request_id IN ($requests)");

    is_deeply \@wrong, [], @asked . ' reads: each its own answer';
    is_deeply [sort @logged], [sort @read], @read . ' entries of what was seen';
}

# Clients whose connections are accepted, and rest.
sub resting {
    my ($n) = @_;
    my @clients = map { EHR::Test::Client->new(port => $env->port,
        token => $token{nurse}) } 1 .. $n;

    is_deeply [grep { $_->get("/api/v1/patients/$patient{own}")->{status}
        != 200 } @clients], [], 'they were answered before';
    return @clients;
}

# The statuses of a read of each, which the workers hear of all at once, and of
# what was done meanwhile.
sub heard {
    my ($clients, $meanwhile) = @_;
    my @workers = $env->worker_pids;
    my $end = time + 20;

    kill 'STOP', @workers;
    EHR::Test::Client::send_all($_->connection, $_->compose('GET',
        "/api/v1/patients/$patient{own}", {}), $end) for @$clients;
    $meanwhile->();
    kill 'CONT', @workers;
    return map { my $answer = eval { $_->receive('GET', $end) };
        $answer ? $answer->{status} : $@ } @$clients;
}

sub request {
    my ($asked) = @_;
    return { %$asked, method => 'GET', token => $token{$asked->{who}},
        path => "/patients/$patient{$asked->{what}}",
        request => sprintf('together-%d-%05d', $$, ++$number) };
}

sub rows {
    return $env->sql('SELECT count(*) FROM ehr.audit_log
        WHERE reads IS NOT NULL');
}

# A lock that another session has, for so many seconds.
sub held {
    my ($table, $mode, $seconds) = @_;
    open my $session, '|-', $env->psql_command('postgres') or die "psql: $!";
    print $session "\\o /dev/null\nBEGIN; LOCK TABLE $table IN $mode MODE;
        SELECT pg_sleep($seconds); COMMIT;\n";
    select((select($session), $| = 1)[0]);
    $env->wait_for(10, 'the lock', sub { $env->sql("SELECT count(*) FROM
        pg_locks WHERE relation = '$table'::regclass AND granted
        AND mode = 'AccessExclusiveLock'") > 0 });
    return $session;
}
