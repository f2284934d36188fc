package EHR::Test::Appointments;

# Appointments for tests that are about something else: straight from the
# database, no schedule needed.
#
#   my $id = appointment($env, $patient);           # with a doctor of its own
#   my $id = appointment($env, $patient, $doctor);

use strict;
use warnings;
use Exporter qw(import);

our @EXPORT_OK = qw(appointment);

my $n = 0;

# An emergency, for those need no schedule; each at another time, and after a
# month, where no test books.
sub appointment {
    my ($env, $patient, $doctor) = @_;
    my $at = 288 * (31 + $n++ % 270) + $$ % 288;

    $doctor ||= $env->sql(<<'SQL');
SET ROLE ehr_owner;
INSERT INTO ehr.doctors (first_name, last_name, license_number)
VALUES ('Anna', 'Appointed', gen_random_uuid()::text) RETURNING id
SQL
    return $env->sql(<<"SQL");
SET ROLE ehr_owner;
SET ehr.scope = 'system';
SELECT id FROM (SELECT gen_random_uuid() AS id OFFSET 0) AS a,
    LATERAL ehr.appointment_book(a.id, '$patient', '$doctor',
        date_bin('5 minutes', now(), '2000-01-01') + $at * interval '5 minutes',
        30, 'EMERGENCY', NULL, NULL, NULL, NULL, false, 'For a test', NULL,
        NULL, NULL, NULL)
SQL
}

1;
