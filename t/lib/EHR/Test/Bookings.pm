package EHR::Test::Bookings;

# Appointments for tests about what shows them.
#
#   my $bookings = EHR::Test::Bookings->new($env, $hospital);
#   my $appointment = $bookings->add(patient => 'own', days => 3);
#   $appointment->{id}, {version}, {start}, {end}       # as the API shows it
#   $bookings->cancel($appointment);                    # the same, cancelled
#   my @ids = $bookings->many(patient => 'own', number => 600);
#
# `patient` is the name of one of the hospital's, `patientId` any; `own` is
# seen by the doctor account, `foreign` by another doctor.  More of add():
# reason, isVirtual.  days is at least 3, one appointment of a patient a day.

use strict;
use warnings;

# Both doctors are there around the clock; the hospital has hours on Mondays.
sub new {
    my ($class, $env, $hospital) = @_;
    my $self = bless { env => $env, hospital => $hospital, n => 0 }, $class;
    my $clinic = $hospital->id('clinics');

    for my $doctor (qw(doctors other-doctor)) {
        for my $day (1 .. 7) {
            my @hours = $doctor eq 'doctors' && $day == 1
                ? (['00:00', '09:00'], ['12:00', '24:00'])
                : (['00:00', '24:00']);
            $hospital->add('doctors/' . $hospital->id($doctor) . '/schedules',
                { clinicId => $clinic, dayOfWeek => $day,
                  startTime => $_->[0], endTime => $_->[1] }) for @hours;
        }
    }
    $hospital->add('system-parameters', { key => 'meetingUrlTemplate',
        value => { value => 'https://meet.example/{room}' } });
    return $self;
}

sub doctor {
    my ($self, %option) = @_;
    return $self->{hospital}->id(($option{patient} || '') eq 'foreign'
        ? 'other-doctor' : 'doctors');
}

sub patient {
    my ($self, %option) = @_;
    return $option{patientId} || $self->{hospital}->id($option{patient});
}

sub add {
    my ($self, %option) = @_;
    my @day = gmtime(time + 86400 * $option{days});
    my $half = $self->{n}++ % 40;

    return $self->{hospital}->add('appointments', {
        patientId => $self->patient(%option),
        doctorId => $self->doctor(%option), durationMinutes => 30,
        start => sprintf('%04d-%02d-%02dT%02d:%02d:00Z', $day[5] + 1900,
            $day[4] + 1, $day[3], $half / 2, $half % 2 * 30),
        map { $_ => $option{$_} } grep { exists $option{$_} }
            qw(reason isVirtual) });
}

sub cancel {
    my ($self, $appointment) = @_;
    my $answer = $self->{hospital}{admin}->delete(
        "/api/v1/appointments/$appointment->{id}",
        json => { reason => 'For a test' });

    die "cancel: $answer->{status} $answer->{body}\n"
        unless $answer->{status} == 200;
    return $answer->{data};
}

# -- straight into the table, past its rules ----------------------------------

# At a day no booking reaches.
sub insert {
    my ($self, %option) = @_;
    my ($id) = $self->many(%option, number => 1);
    return { id => $id };
}

# One after the other, half an hour each, from ten days ahead.
sub many {
    my ($self, %option) = @_;
    my $patient = $self->patient(%option);
    my $doctor = $self->doctor(%option);
    my $clinic = $self->{hospital}->id('clinics');
    my $days = $option{days} || 10;

    return map { $_->[0] } $self->{env}->rows(<<"SQL");
SET session_replication_role = replica;
INSERT INTO ehr.appointments (patient_id, doctor_id, clinic_id, starts_at,
        ends_at, duration_minutes)
SELECT '$patient', '$doctor', '$clinic', s, s + interval '30 minutes', 30
  FROM generate_series(1, $option{number}) AS i
 CROSS JOIN LATERAL (SELECT date_trunc('day', now())
     + interval '1 day' * $days + interval '30 minutes' * i) AS t (s)
RETURNING id;
SQL
}

1;
