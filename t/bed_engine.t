#!/usr/bin/perl

# Beds in the engine: who comes too late is refused by it, in the words of
# PostgreSQL; whatever it cannot know PostgreSQL decides; and after everything
# it has what the database has.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::BedEngine;
use EHR::Test::Booking;
use EHR::Test::Checker;
use EHR::Test::Client;
use EHR::Test::Inpatient;
use EHR::Test::Process qw(read_file);
use EHR::Test::Together qw(at_once);
use JSON::PP ();
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'bed_engine', workers => 2,
    rate_limits => '', conf => 'ehr_access_lifetime 1h;');
my $hospital = EHR::Test::Inpatient->create($env);
my $ward = $hospital->ward;
my ($first, $second) = my @beds = $hospital->rooms($ward, 1, 2);
my ($stay, $other);

ok until_engine_is_live(fresh()), 'the engine is live';
ok wait_until(5, sub {
    $env->metric('ehr_availability_room{of="beds",is="used"}')
    == 2 }), 'it knows the beds';

subtest 'the best bed' => sub {
    my $plain = $hospital->ward;
    my $room = $hospital->room($plain);
    my ($rich, $poor) = ($hospital->bed($room, bedNumber => '1',
        equipment => ['OXYGEN']), $hospital->bed($room, bedNumber => '2'));
    ok wait_until(5, sub {
        $env->metric('ehr_availability_room{of="beds",is="used"}') == 4 }),
        'two more beds';
    my $held = held();

    is $hospital->admitted($hospital->patient, wardId => $plain)->{bedId},
        $poor, 'has nothing that was not asked for';
    is $hospital->admitted($hospital->patient, wardId => $plain,
        equipment => ['OXYGEN'])->{bedId}, $rich, 'and what was';
    is held(), $held + 2, 'the engine held both';
};

subtest 'no bed is left' => sub {
    $stay = $hospital->admitted($hospital->patient, bedId => $first,
        expectedDischarge => iso(time() + 7200));
    $other = $hospital->admitted($hospital->patient, wardId => $ward,
        expectedDischarge => iso(time() + 3600));
    is $other->{bedId}, $second, 'the last one';

    my $patient = $hospital->patient;
    for my $case (['by criteria', no_bed_free => wardId => $ward],
        ['by its id', bed_taken => bedId => $first])
    {
        my ($how, $rule, @wish) = @$case;
        my $taken = taken();
        my $told = refused($hospital->admit($patient, @wish));
        is taken(), $taken + 1, "$how: the engine refuses";
        my $asked = refused($hospital->admin->post('/api/v1/admissions',
            json => { patientId => $patient, type => 'ELECTIVE', @wish },
            headers => { 'Idempotency-Key' => "$$-$rule" }));
        is_deeply $told, $asked, 'as PostgreSQL does';
        is $told->{data}{rule}, $rule, 'by the same rule';
        is_deeply [map { $_->{bedId} } @{ $told->{data}{expected} }],
            [$second, $first], 'and says what is free next';
    }
    is claims(), 4, 'nothing is left of them';

    my $waits = $hospital->admitted($patient, wardId => $ward, waits => \1);
    is $waits->{status}, 'WAITING', 'who would wait is not refused';
    $hospital->act($waits, cancel => { reason => 'Test' });
};

subtest 'what only PostgreSQL knows' => sub {
    my $same = $hospital->act($stay, transfer => { bedId => $first });
    is $same->{data}{rule}, 'same_bed', 'that one lies there oneself';
    my $men = $hospital->ward;
    my ($bed) = $hospital->rooms($men, 1, 1, sexPolicy => 'MALE');
    my $answer = $hospital->admit($hospital->patient(gender => 'FEMALE'),
        wardId => $men);
    is $answer->{data}{rule}, 'no_bed_free', 'who somebody is';
    is $hospital->admitted($hospital->patient(gender => 'MALE'),
        wardId => $men)->{bedId}, $bed,
        'and what was held for who was refused is free at once';
};

subtest 'a bed that is left' => sub {
    $hospital->act($other, discharge => { step => 'DONE',
        disposition => 'DECEASED' });
    my $patient = $hospital->patient;
    my $answer;
    ok wait_until(5, sub {
        $answer = $hospital->admit($patient, wardId => $ward);
        ($answer->{data}{expected}[0]{status} || '') eq 'CLEANING' }),
        'is cleaned first, as the engine soon knows';
    refused($answer);
    $hospital->bed_status($second, 'AVAILABLE');
    my $next = $hospital->admit($hospital->patient, wardId => $ward);
    is $next->{status}, 201, 'and can be had as soon as it is clean';
    $other = $next->{data};
};

subtest 'a plan' => sub {
    my $ward = $hospital->ward;
    my ($bed) = $hospital->rooms($ward, 1, 1);
    my $start = time() + 86400;
    my @plan = (wardId => $ward, plannedStart => iso($start),
        plannedEnd => iso($start + 86400));
    my $plan = $hospital->admitted($hospital->patient, @plan);

    is $plan->{bedId}, $bed, 'reserves the bed';
    my $taken = taken();
    is refused($hospital->admit($hospital->patient, @plan))->{data}{rule},
        'no_bed_free', 'which is not to be had then';
    is taken(), $taken + 1, 'as the engine knows';
    is $hospital->admit($hospital->patient, wardId => $ward,
        plannedStart => iso($start + 86400))->{status}, 201,
        'but after that';
};

subtest 'many at once' => sub {
    my $ward = $hospital->ward;
    my @beds = $hospital->rooms($ward, 4, 2);
    my @patients = $hospital->patients(40);
    my $token = accounts($env)->token('admin');
    my $before = taken();
    my $json = JSON::PP->new->utf8;
    my $answers = at_once($env, map { +{ method => 'POST',
        path => '/admissions', token => $token, body => $json->encode({
            patientId => $_, type => 'EMERGENCY', wardId => $ward }) } }
        @patients);
    my @answers = map { { status => $_->{status},
        data => $json->decode($_->{body})->{data} } } @$answers;
    my %n;
    $n{ $_->{status} }++ for @answers;

    is_deeply \%n, { 201 => 8, 409 => 32 }, 'as many as there are beds';
    note taken() - $before, ' refused by the engine';
    is_deeply [sort map { $_->{data}{bedId} } grep { $_->{status} == 201 }
        @answers], [sort @beds], 'each has its own';
    is scalar(grep { $_->{status} == 409
        && !@{ $_->{data}{expected} || [] } } @answers), 0,
        'the others hear what is free next';
};

check_memory('after all of that');
is $env->metric('ehr_feed_loads_total'), 1, 'the feed took every change';

subtest 'counts from memory' => sub {
    my $client = client('admin', $env);
    my $commits = sub { sleep 0.3; $env->sql('SELECT xact_commit FROM'
        . ' pg_stat_database WHERE datname = current_database()') };

    ok wait_until(20, sub {
        my $before = $commits->();
        $client->get('/api/v1/occupancy') for 1 .. 200;
        return $commits->() - $before < 100;
    }), 'many answers need few transactions';
};

for my $event (['a reload', sub { $env->reload }],
    ['the death of a worker', sub { kill 'KILL', ($env->worker_pids)[0] }],
    ['a restart of PostgreSQL', sub { $env->restart_database('immediate');
        $env->wait_ready }])
{
    my $loads = $env->metric('ehr_feed_loads_total');
    $event->[1]->();
    wait_until(20, sub { ($env->metric('ehr_feed_loads_total') || 0) > $loads
        || ($env->metric('ehr_feed_loads_total') || 0) < $loads });
    check_memory("after $event->[0]");
}

subtest 'a zone too small' => sub {
    my $ward = $hospital->ward;
    my ($bed) = $hospital->rooms($ward, 1, 1);
    my $bigger = sub { zone_of($_[0]);
        ok until_engine_is_live(fresh()), "$_[0]: the engine is live" };
    my $missing = sub {
        $env->metric('ehr_availability_room{of="beds",is="missing"}') };

    $env->sql("INSERT INTO ehr.beds (ward_room_id, bed_number)
        SELECT ward_room_id, 'more ' || n FROM ehr.beds,
               generate_series(1, 3000) AS n WHERE id = '$bed'");
    $bigger->('4m');
    cmp_ok $missing->(), '>', 0, 'not all beds fit';
    my ($needed) = read_file($env->error_log) =~ /.*needs about (\d+)m/s;
    cmp_ok $needed, '>', 4, 'the log says how much would do';

    is $hospital->admitted($hospital->patient, bedId => $bed)->{bedId},
        $bed, 'PostgreSQL gives what the engine does not know';
    is $hospital->admit($hospital->patient, bedId => $bed)->{status}, 409,
        'and refuses what is taken';

    $bigger->("${needed}m");
    is $missing->(), 0, 'it does';
    is $env->metric('ehr_availability_room{of="beds",is="used"}'),
        $env->sql('SELECT count(*) FROM ehr.beds WHERE deleted_at IS NULL'),
        'all beds are there';
};

logs_clean($env, allow => qr/exited on signal 9|terminating connection|database/);
done_testing;

# -----------------------------------------------------------------------------

sub check_memory {
    my ($when) = @_;
    subtest "$when: memory and database" => sub {
        check_bed_engine($env, port => $env->port,
            token => accounts($env)->token('admin'),
            wards => [$hospital->wards]);
    };
}

# nginx begins anew with a zone of that size.
sub zone_of {
    my ($size) = @_;
    $env->reconfigure(edit => sub {
        $_[0] =~ s/(ehr_availability_zone\s+\w+)\s+\w+;/$1 $size;/r });
    $env->restart_nginx;
    $env->wait_ready;
}

sub refused {
    my ($answer) = @_;
    is $answer->{status}, 409, 'refused';
    return { map { $_ => $answer->{json}{$_} } qw(message errors data) };
}

# Claims of beds that are still to end.
sub claims {
    return $env->sql('SELECT count(*) FROM ehr.claims c JOIN ehr.resources r'
        . " ON r.id = c.resource WHERE r.kind = 'bed' AND c.seat = 0"
        . " AND coalesce(upper(c.during), 'infinity') > now()");
}

sub held  { return answered('held') }
sub taken { return answered('taken') }

sub answered {
    my ($answer) = @_;
    return $env->metric(qq(ehr_availability_claims_total{answer="$answer"}));
}

sub fresh { return EHR::Test::Client->new(port => $env->port) }
