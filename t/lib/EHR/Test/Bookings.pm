package EHR::Test::Bookings;

# Appointments for tests about what shows them.
#
#   my $bookings = EHR::Test::Bookings->new($env, $hospital);
#   my $appointment = $bookings->add(patient => 'own', days => 3);
#   $appointment->{id}, {version}, {start}, {end}       # times as the API's
#   $bookings->cancel($appointment);                    # its row
#   my @ids = $bookings->many(patient => 'own', number => 600);
#
# `patient` is the name of one of the hospital's, `patientId` any; `own` is
# seen by the doctor account, `foreign` by another doctor.  More of add(): reason, isVirtual.

use strict;
use warnings;

my $n = 0;

sub new {
    my ($class, $env, $hospital) = @_;
    return bless { env => $env, hospital => $hospital }, $class;
}

# At a day no booking reaches, too: straight into the table, past its rules.
sub insert {
    my ($self, %option) = @_;
    my ($id) = $self->rows(%option, number => 1);
    my ($row) = $self->{env}->rows(<<"SQL");
SELECT id, version,
       to_char(starts_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
       to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
  FROM ehr.appointments WHERE id = '$id'
SQL
    return { map { $_ => shift @$row } qw(id version start end) };
}

sub add { goto &insert }

# One after the other, half an hour each, from ten days ahead.
sub many {
    my ($self, %option) = @_;
    return $self->rows(days => 10, %option);
}

sub rows {
    my ($self, %option) = @_;
    my $hospital = $self->{hospital};
    my $patient = $option{patientId} || $hospital->id($option{patient});
    my $doctor = $hospital->id(($option{patient} || '') eq 'foreign'
        ? 'other-doctor' : 'doctors');
    my $clinic = $hospital->id('clinics');
    my $virtual = $option{isVirtual} ? 'true' : 'false';
    my $reason = $option{reason} || 'Cough';
    my ($first, $last) = $option{number} > 1 ? (1, $option{number})
        : ($n % 40, $n % 40);
    $n++;

    return map { $_->[0] } $self->{env}->rows(<<"SQL");
SET session_replication_role = replica;
INSERT INTO ehr.appointments (patient_id, doctor_id, clinic_id, starts_at,
        ends_at, duration_minutes, reason, is_virtual, meeting_url)
SELECT '$patient', '$doctor', '$clinic', s, s + interval '30 minutes', 30,
       '$reason', $virtual,
       CASE WHEN $virtual THEN 'https://meet.example/' || i END
  FROM generate_series($first, $last) AS i
 CROSS JOIN LATERAL (SELECT date_trunc('day', now())
     + interval '1 day' * $option{days} + interval '30 minutes' * i) AS t (s)
RETURNING id;
SQL
}

sub cancel {
    my ($self, $appointment) = @_;
    my ($row) = $self->{env}->rows("UPDATE ehr.appointments
        SET status = 'CANCELLED' WHERE id = '$appointment->{id}'
        RETURNING version");
    return { version => $row->[0] };
}

1;
