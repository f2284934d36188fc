# What PostgreSQL rolls back because two stood in each other's way is done once
# more, unnoticed; what meets that twice is refused for now.

use EHR::Test;
use EHR::Test::Clinic;

my $env = environment();
my $clinic = EHR::Test::Clinic->create($env);
my $doctor = $clinic->doctor;
my $patient = $clinic->patient;

# Counts how often a booking was tried, and rolls some of them back; a sequence
# is not rolled back.
$env->sql("CREATE SEQUENCE ehr.tries_$$;
    GRANT USAGE ON ehr.tries_$$ TO PUBLIC;
    CREATE FUNCTION ehr.rolls_back_$$() RETURNS trigger
    LANGUAGE plpgsql AS \$\$
    BEGIN
        IF nextval('ehr.tries_$$') <= split_part(NEW.reason, ' ', 2)::integer
        THEN
            RAISE EXCEPTION USING ERRCODE = split_part(NEW.reason, ' ', 3);
        END IF;
        RETURN NULL;
    END \$\$;
    CREATE TRIGGER rolls_back AFTER INSERT ON ehr.appointments FOR EACH ROW
    WHEN (NEW.reason LIKE 'deadlock %')
    EXECUTE FUNCTION ehr.rolls_back_$$()");
my $clock = 9;

for my $state (qw(40P01 40001)) {
    is_deeply try_with("deadlock 0 $state"), [201, 1, 1], 'all is well';
    is_deeply try_with("deadlock 1 $state"), [201, 2, 1],
        "$state: done the second time";
    is_deeply try_with("deadlock 2 $state"), [503, 2, 0],
        "$state twice: refused for now";
}
is_deeply try_with('deadlock 1 55P03'), [503, 1, 0], 'others are not repeated';

$env->sql("DROP FUNCTION ehr.rolls_back_$$() CASCADE;
    DROP SEQUENCE ehr.tries_$$");
logs_clean($env);
done_testing;

# Status, how often it was tried, how many there are.
sub try_with {
    my ($reason) = @_;
    $env->sql("ALTER SEQUENCE ehr.tries_$$ RESTART");
    my $answer = $clinic->book($patient, $doctor,
        $clinic->at(5, sprintf '%02d:00', $clock++), reason => $reason);
    my $tries = $env->sql("SELECT last_value FROM ehr.tries_$$");
    my $made = $env->sql('SELECT count(*) FROM ehr.appointments WHERE'
        . " reason = '$reason' AND doctor_id = '$doctor'");
    return [$answer->{status}, $tries, $made];
}
