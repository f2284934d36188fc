package EHR::Test::Clinic;

# A clinic with doctors who are there every day, and patients who book.
#
#   my $clinic = EHR::Test::Clinic->create($env, zone => 'America/New_York');
#   my $doctor = $clinic->doctor;               # an id; from 09:00 to 17:00
#   my $one = $clinic->patient;                 # {id}
#   my $two = $clinic->patient(account => 1);   # {id}, {client}, {user}
#   my $start = $clinic->at(3, '10:30');        # in three days, as the API's
#   my $day = $clinic->date(3);                 # "2026-11-25"
#   my $appointment = $clinic->book($one, $doctor, $start);     # its answer
#
# Options of doctor(): from, to, slot, capacity, specialtyIds.
#
# Days are counted from the clinic's date when it was made, or from `today`:
# midnight within a test moves none.

use strict;
use warnings;
use EHR::Test ();

my $n = 0;

sub create {
    my ($class, $env, %option) = @_;
    my $self = bless { env => $env, zone => $option{zone} || 'Europe/Madrid',
        admin => EHR::Test::client('admin', $env) }, $class;

    $self->{id} = $self->add('clinics', { name => "Clinic " . ++$n,
        timeZone => $self->{zone} })->{id};
    $self->{today} = $option{today} || $env->sql(
        "SELECT (now() AT TIME ZONE '$self->{zone}')::date");
    return $self;
}

# A zone where it is that hour now.
sub zone_at {
    my ($class, $hour) = @_;
    my $ahead = $hour - (gmtime)[2];

    $ahead -= 24 if $ahead > 12;
    $ahead += 24 if $ahead < -11;
    return $ahead ? sprintf 'Etc/GMT%+d', -$ahead : 'Etc/GMT';
}

sub id    { $_[0]{id} }
sub admin { $_[0]{admin} }

# Posts as the administrator; the row.
sub add {
    my ($self, $path, $body) = @_;
    return $self->{admin}->make("/api/v1/$path", $body);
}

sub doctor {
    my ($self, %option) = @_;
    my ($from, $to) = ($option{from} || '09:00', $option{to} || '17:00');
    my ($slot, $seats) = ($option{slot} || 30, $option{capacity} || 1);
    my $doctor = $self->add('doctors', { firstName => 'Dora',
        lastName => 'Doctor ' . ++$n, licenseNumber => "C-$$-$n",
        specialtyIds => $option{specialtyIds} || [] })->{id};

    $self->{env}->sql(<<"SQL");
INSERT INTO ehr.doctor_schedules (doctor_id, clinic_id, day_of_week,
       start_time, end_time, slot_minutes, capacity, valid_from)
SELECT '$doctor', '$self->{id}', d, '$from', '$to', $slot, $seats,
       '2020-01-01'
  FROM generate_series(1, 7) AS d
SQL
    return $doctor;
}

sub patient {
    my ($self, %option) = @_;
    my $name = 'walker' . ++$n . "-$$";
    my $user = $option{account}
        && EHR::Test::accounts($self->{env})->create_user($name, 'PATIENT');
    my $patient = $self->add('patients', { firstName => 'Pat',
        lastName => ucfirst $name, ($user ? (userId => $user->{id}) : ()) });

    return { id => $patient->{id}, ($user ? (user => $user->{id},
        client => EHR::Test::client($name, $self->{env})) : ()) };
}

# The date so many days ahead.
sub date {
    my ($self, $days) = @_;
    return $self->{env}->sql("SELECT date '$self->{today}' + $days");
}

# A wall time of the clinic so many days ahead.
sub at {
    my ($self, $days, $wall) = @_;
    return $self->{env}->sql(<<"SQL");
SELECT to_char(((date '$self->{today}' + $days + time '$wall')
           AT TIME ZONE '$self->{zone}') AT TIME ZONE 'UTC',
           'YYYY-MM-DD"T"HH24:MI:SS"Z"')
SQL
}

sub book {
    my ($self, $patient, $doctor, $start, %more) = @_;
    my $client = delete $more{client} || $self->{admin};
    return $client->post('/api/v1/appointments', json => {
        patientId => $patient->{id}, doctorId => $doctor, start => $start,
        durationMinutes => 30, type => 'CONSULTATION', %more });
}

# The same, which must succeed: the appointment.
sub booked {
    my ($self, @booking) = @_;
    return EHR::Test::Client::made($self->book(@booking), 'booking');
}

1;
