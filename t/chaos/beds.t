# No bed is given twice: hundreds who want the few beds there are, and clients
# that admit, plan, transfer, swap, discharge and cancel over them at once.

use EHR::Test;
use EHR::Test::Beds;
use EHR::Test::Chaos;
use EHR::Test::Inpatient;
use EHR::Test::Together qw(at_once);
use JSON::PP ();

my $crowd = 500;
my $env = chaos_environment(name => 'beds',
    pg_settings => 'log_error_verbosity = default', edit => sub {
    my ($conf) = @_;
    $conf =~ s/(worker_connections)\s+\d+;/$1 4096;/ or die;
    return $conf;
});
my $token = accounts($env)->token('admin');

ok until_engine_is_live(client(undef, $env)), 'the engine is live';

subtest "$crowd want 100 beds, all alike" => sub {
    my $hospital = EHR::Test::Inpatient->create($env);
    my $ward = $hospital->ward;
    my @beds = $hospital->rooms($ward, 25, 4);

    all_for($hospital, \@beds, [map { +{ patientId => $_, wardId => $ward } }
        $hospital->patients($crowd)]);
};

# Of each kind of bed there are fewer than those whom no other would do, so at
# the end none is left, whoever came first.
subtest "$crowd want 100 beds of many kinds" => sub {
    my $hospital = EHR::Test::Inpatient->create($env);
    my @wards = map { $hospital->ward } 1 .. 3;
    my @beds = ($hospital->rooms($wards[0], 10, 4, sexPolicy => 'SAME'),
        $hospital->rooms($wards[1], 5, 2, sexPolicy => 'MALE'),
        $hospital->rooms($wards[1], 5, 2, sexPolicy => 'FEMALE'),
        $hospital->rooms($wards[1], 5, 2, equipment => ['OXYGEN']),
        $hospital->rooms($wards[2], 10, 1, isolation => JSON::PP::true(),
            equipment => [qw(MONITOR NEGATIVE_PRESSURE)]),
        $hospital->rooms($wards[2], 5, 4, ageGroup => 'CHILD'));
    my %wish = (
        ward => { wardId => $wards[0] },
        oxygen => { hospitalId => $hospital->id, equipment => ['OXYGEN'] },
        alone => { hospitalId => $hospital->id, isolation =>
            JSON::PP::true() },
        any => { hospitalId => $hospital->id });
    my @wants;

    for my $gender (qw(MALE FEMALE)) {
        my @adults = $hospital->patients(200, gender => $gender);
        my @children = $hospital->patients(50, gender => $gender, years => 7);
        push @wants, map({ { patientId => $_, %{ $wish{any} } } } @children),
            map { { patientId => $adults[$_], %{ $wish{ (qw(ward oxygen alone
                any any))[$_ % 5] } } } } 0 .. $#adults;
    }
    all_for($hospital, \@beds, [sort { rand() <=> 0.5 } @wants]);
};

subtest 'admit, plan, move and discharge at random' => sub {
    my $load = start_beds($env);
    until_over(10, sub { sleep 0.5 });
    check_beds($env, $load, $load->stop, 'at random',
        needed => \@acts);
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# All beds of a hospital, for those who want one each at the same moment.
sub all_for {
    my ($hospital, $beds, $wants) = @_;
    my $in = join ',', map { "'$_'" } @$beds;
    my $answers = at_once($env, map { +{ method => 'POST',
        path => '/admissions', token => $token,
        body => JSON::PP::encode_json({ %$_, type => 'EMERGENCY' }) } }
        @$wants);
    my @made = grep { $_->{status} == 201 } @$answers;
    my @none = grep { $_->{status} == 409 } @$answers;
    my %given = map { $_->{data}{bedId} => 1 }
        map { JSON::PP::decode_json($_->{body}) } @made;
    my @told = map { JSON::PP::decode_json($_->{body}) } @none;

    is scalar(@made), @$beds, 'as many are admitted as there are beds';
    is scalar(@none), @$wants - @$beds, 'all others are told that none is free'
        or diag join "\n", map { "$_->{status} $_->{error} $_->{body}" }
            (grep { $_->{status} !~ /201|409/ } @$answers)[0 .. 2];
    is scalar(keys %given), @$beds, 'each bed was given to one';
    is scalar(grep { $_->{data}{rule} eq 'no_bed_free' } @told), @none,
        'by the name of the rule';
    is scalar(grep { is_expected($_->{data}{expected}, $in) } @told), @none,
        'and which is expected to be free next';

    is $env->sql("SELECT count(*) FROM ehr.beds WHERE id IN ($in) AND status"
        . " = 'OCCUPIED'"), @$beds, 'all are occupied in the database';
    is $env->sql('SELECT count(*) FROM ehr.claims c JOIN ehr.resources r ON'
        . " r.id = c.resource AND r.kind = 'bed' WHERE r.entity_id IN ($in)"),
        @$beds, 'with as many claims';
    check_wards($env);
    engine_agrees($hospital, scalar @$beds);

    my @seconds = sort { $a <=> $b }
        map { $_->{ended} - $_->{began} } @$answers;
    note sprintf 'half of them knew in %.3f s, all in %.3f s',
        @seconds[@seconds / 2, -1];
}

# One to five beds, of those that may be wanted.
sub is_expected {
    my ($list, $in) = @_;
    return ref $list eq 'ARRAY' && @$list >= 1 && @$list <= 5
        && !grep { index($in, $_->{bedId}) < 0 || !$_->{wardId}
            || !exists $_->{expectedAt} || $_->{status} ne 'OCCUPIED' } @$list;
}

# What the node says of the hospital's beds is what the database has.
sub engine_agrees {
    my ($hospital, $beds) = @_;
    my $answer;

    ok wait_until(10, sub {
        $answer = $hospital->admin->get('/api/v1/occupancy?hospital='
            . $hospital->id);
        return $answer->{status} == 200
            && $answer->{body} =~ /"occupied":$beds\b/i;
    }), 'the engine knows' or diag $answer->{body};
}
