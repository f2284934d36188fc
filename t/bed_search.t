# GET /beds by what a bed has, where it stands and who could lie in it.

use EHR::Test;
use EHR::Test::Inpatient;

my $env = environment();
my $admin = client('admin');
my $hospital = EHR::Test::Inpatient->create($env);
my $elsewhere = EHR::Test::Inpatient->create($env);
my ($ward, $other) = map { $hospital->ward } 1, 2;
my %room = (
    any    => $hospital->room($ward),
    women  => $hospital->room($ward, sexPolicy => 'FEMALE'),
    single => $hospital->room($other, class => 'Single', sexPolicy => 'SAME'),
    far    => $elsewhere->room($elsewhere->ward),
);
my %bed = (
    plain   => $hospital->bed($room{any}),
    full    => $hospital->bed($room{any}, isolation => JSON::PP::true,
        equipment => ['OXYGEN', 'MONITOR', 'SUCTION']),
    child   => $hospital->bed($room{any}, ageGroup => 'CHILD'),
    oxygen  => $hospital->bed($room{women}, equipment => ['OXYGEN']),
    broken  => $hospital->bed($room{women}, status => 'OUT_OF_SERVICE',
        statusReason => 'Broken'),
    taken   => $hospital->bed($room{single}),
    beside  => $hospital->bed($room{single}),
    far     => $elsewhere->bed($room{far}),
);
my %name = reverse %bed;

by_place();
by_attributes();
by_patient();
bad_ones_are_refused();

logs_clean($env);
done_testing;

# The names of the beds that are found, of those above.
sub found {
    my ($query, $client) = @_;
    my $answer = ($client || $admin)->get("/api/v1/beds?limit=100&$query");
    is $answer->{status}, 200, $query or diag $answer->{body};
    return join ' ', sort grep { defined } map { $name{$_->{id}} }
        @{ $answer->{data} };
}

sub by_place {
    my $all = 'hospitalId=' . $hospital->id;
    is found($all), 'beside broken child full oxygen plain taken',
        'a hospital';
    is found("wardId=$ward"), 'broken child full oxygen plain', 'a ward';
    is found('roomClassId=' . $hospital->class('Single')), 'beside taken',
        'a class';
    is found("wardRoomId=$room{women}"), 'broken oxygen', 'a room';
    is found("wardId=$ward&roomClassId=" . $hospital->class('Single')), '',
        'all that is asked for at once';
    my $answer = $admin->get("/api/v1/beds?$all&total=true&limit=2");
    is $answer->{json}{meta}{total}, 7, 'counted';
    $answer = $admin->get("/api/v1/beds?$all&limit=5&cursor="
        . $answer->{json}{meta}{nextCursor});
    is scalar(@{ $answer->{data} }), 5, 'and page by page';
}

sub by_attributes {
    my $here = 'hospitalId=' . $hospital->id;
    is found("$here&status=OUT_OF_SERVICE"), 'broken', 'a status';
    is found("$here&isolation=true"), 'full', 'isolation';
    is found("$here&ageGroup=CHILD"), 'child', 'an age group';
    is found("$here&sexPolicy=FEMALE"), 'broken oxygen', 'a policy';
    is found("$here&equipment=OXYGEN"), 'full oxygen', 'equipment';
    is found("$here&equipment=MONITOR,OXYGEN"), 'full', 'all of it';
    is found("$here&equipment=MONITOR,DIALYSIS"), '', 'not some of it';
}

sub by_patient {
    my $here = 'hospitalId=' . $hospital->id;
    my ($woman, $man) = map { $hospital->patient(gender => $_) }
        qw(FEMALE MALE);
    my $boy = $hospital->patient(gender => 'MALE', years => 9);

    is found("$here&freeFor=$woman"), 'beside full oxygen plain taken',
        'a woman';
    is found("$here&freeFor=$man"), 'beside full plain taken', 'a man';
    is found("$here&freeFor=$boy"), 'beside child full plain taken',
        'a boy';
    $hospital->admitted($woman, bedId => $bed{taken});
    is found("$here&freeFor=$man"), 'full plain',
        'who does not lie beside a woman';
    is found("$here&freeFor=$man&equipment=OXYGEN"), 'full',
        'and needs oxygen';
    is found("$here&freeFor=" . $hospital->id), '', 'nobody';
    is_audited($man, $here);
}

# The answer says something about the patient.
sub is_audited {
    my ($patient, $here) = @_;
    my $reads = "SELECT count(*) FROM ehr.audit_logs WHERE action = 'READ'
        AND entity = 'beds' AND patient_id = '$patient'";
    my $before = $env->sql($reads);

    cmp_ok $before, '>', 0, 'each is a read of the patient';
    is $admin->get("/api/v1/beds?freeFor=$patient&$here$_")->{status}, 200,
        "a page$_" for '', '&limit=1', '&total=true';
    is $env->sql($reads), $before + 3, 'once each';
    is $env->sql("SELECT count(*) FROM ehr.audit_logs WHERE entity = 'beds'
        AND action = 'READ' AND patient_id IS NULL"), 0,
        'beds by themselves are nobody\'s';
}

sub bad_ones_are_refused {
    for (['wardId=1', 'wardId'], ['freeFor=', 'freeFor'],
        ['equipment=OXYGEN,TELEVISION', 'equipment'],
        ['equipment=', 'equipment'], ['equipment=OXYGEN,', 'equipment'],
        ['sexPolicy=male', 'sexPolicy'],
        ["wardId=$ward&wardId=$ward", 'wardId'])
    {
        my ($query, $field) = @$_;
        my $answer = $admin->get("/api/v1/beds?$query");
        is $answer->{status}, 400, $query or diag $answer->{body};
        ok $answer->{json}{errors}{$field}, "names $field";
    }
}
