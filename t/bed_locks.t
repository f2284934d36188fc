#!/usr/bin/perl

# Acts on beds that meet: who waits for whom, and that nobody waits in vain.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;
use EHR::Test::Chaos qw(hold release wait_until);
use EHR::Test::Inpatient;
use EHR::Test::Together qw(together);
use JSON::PP ();

my $env = environment();
my $hospital = EHR::Test::Inpatient->create($env);
my $as_system = "SELECT set_config('ehr.scope', 'system', true);";

# What is searched for is not found in time: the patient has got another bed.
subtest 'a patient who is admitted twice at once' => sub {
    my ($here, $there) = map { $hospital->ward } 1, 2;
    $hospital->rooms($_, 1, 2) for $here, $there;
    my $patient = $hospital->patient;
    my $other = hold($env, "$as_system SELECT ehr.admission_create("
        . "gen_random_uuid(), '$patient', NULL, NULL, '$here', NULL, NULL,"
        . " NULL, 'EMERGENCY', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
        . ' NULL, NULL, NULL, NULL, NULL)');

    my ($answer) = together($env, 1, 'POST', '/api/v1/admissions',
        token => accounts($env)->token('admin'),
        json => { patientId => $patient, type => 'EMERGENCY',
            wardId => $there },
        meanwhile => sub {
            ok wait_until(5, sub { $env->sql('SELECT count(*) FROM'
                . " pg_stat_activity WHERE wait_event_type = 'Lock'") }),
                'one waits for the other';
            release($other);
        });
    is $answer->{status}, 409, 'the second is refused';
    is $answer->{data}{rule}, 'patient_in_bed', 'because of the first';
    is $env->sql('SELECT count(*) FROM ehr.admissions WHERE patient_id ='
        . " '$patient'"), 1, 'there is one';
};

# Each lies where the other lay: neither is of interest to the other any more.
subtest 'two who changed beds are cancelled' => sub {
    my ($first, $second) = $hospital->rooms($hospital->ward, 2, 1);
    my ($one, $two) = map { $hospital->admitted($hospital->patient,
        bedId => $_) } $first, $second;
    is $hospital->act($one, swap => { otherAdmissionId => $two->{id} })
        ->{status}, 200, 'they change beds';
    my $other = hold($env, "$as_system SELECT ehr.admission_cancel("
        . "'$one->{id}', NULL, 'Test')");

    my $answer = $hospital->act($two, cancel => { reason => 'Test' });
    is $answer->{status}, 200, 'one need not wait for the other'
        or diag $answer->{body};
    release($other);
    is $env->sql("SELECT count(*) FROM ehr.beds WHERE id IN ('$first',"
        . " '$second') AND status = 'CLEANING'"), 2, 'both beds are left';
};

logs_clean($env);
done_testing;
