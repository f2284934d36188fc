package EHR::Test::Hospital;

# One row of each resource, made through the API by the administrator: what
# tests about access need to have there.
#
#   my $hospital = EHR::Test::Hospital->create($env);
#   $hospital->id('beds'), $hospital->id('own'), $hospital->id('foreign')
#   $hospital->of('own', 'vitals')
#
# The patient `own` is the patient account's and of the doctor account's care
# team; `foreign` is nobody's and of another doctor's care team.  Both have one
# row of everything below a patient, and `own` has a family member.

use strict;
use warnings;
use EHR::Test::Accounts;
use EHR::Test::Appointments ();
use EHR::Test::Client;

# Below a patient, in the order they can be made.
our @clinical = qw(encounters vitals notes medical-history treatment-plans
    allergies medications);

our %body = (
    encounters        => { reason => 'Cough' },
    vitals            => { heartRate => 70 },
    notes             => { content => 'Coughs.' },
    'medical-history' => { illness => 'Asthma' },
    'treatment-plans' => { planDetails => 'Rest' },
    allergies         => { allergen => 'Penicillin' },
    medications       => { drugName => 'Salbutamol' },
);

sub create {
    my ($class, $env) = @_;
    my $accounts = $env->{accounts} ||= EHR::Test::Accounts->create($env);
    my $self = bless { env => $env, accounts => $accounts, ids => {},
        of => {}, admin => $accounts->client('admin') }, $class;

    $self->make_organisation;
    $self->make_people;
    $self->make_schedule;
    $self->make_patient($_) for qw(own foreign);
    $self->make_portal;
    $self->make_plans;
    $self->make_administration;
    $self->make_feed;
    return $self;
}

sub id { return $_[0]{ids}{$_[1]} || die "no $_[1]" }
sub of { return $_[0]{of}{$_[1]}{$_[2]} || die "no $_[2] of $_[1]" }

# Posts as the administrator; the row.
sub add {
    my ($self, $path, $body, $client) = @_;
    return ($client || $self->{admin})->make("/api/v1/$path", $body);
}

# The same and keeps the id under the collection's name.
sub keep {
    my ($self, $name, $body) = @_;
    return $self->{ids}{$name} = $self->add($name, $body)->{id};
}

sub make_organisation {
    my ($self) = @_;

    my $hospital = $self->keep('hospitals', { name => 'General' });
    my $clinic = $self->keep('clinics',
        { name => 'North', hospitalId => $hospital });
    $self->keep('departments',
        { name => 'Medicine', hospitalId => $hospital });
    $self->keep('specialties', { name => 'Lungs', clinicId => $clinic });
    $self->keep('rooms', { clinicId => $clinic, roomNumber => '12' });
    my $ward = $self->keep('wards',
        { name => 'East', hospitalId => $hospital });
    my $class = $self->keep('room-classes', { name => 'Double' });
    my $room = $self->keep('ward-rooms', { wardId => $ward,
        roomClassId => $class, roomNumber => '1' });
    $self->keep('beds', { wardRoomId => $room, bedNumber => '1' });
    $self->{ids}{"bed-$_"} = $self->add('beds', { wardRoomId => $room,
        bedNumber => $_ })->{id} for qw(own foreign);
    $self->keep('equipment', { clinicId => $clinic, name => 'Ultrasound' });
}

# When the doctor is there: a Monday morning, and a day off.
sub make_schedule {
    my ($self) = @_;
    my $doctor = 'doctors/' . $self->id('doctors');

    $self->{ids}{schedules} = $self->add("$doctor/schedules", {
        clinicId => $self->id('clinics'), dayOfWeek => 1,
        startTime => '09:00', endTime => '12:00' })->{id};
    $self->{ids}{'schedule-exceptions'} = $self->add(
        "$doctor/schedule-exceptions", { kind => 'TIME_OFF',
        start => '2099-01-07T00:00:00Z', end => '2099-01-08T00:00:00Z' })->{id};
}

sub make_people {
    my ($self) = @_;
    my $users = $self->{accounts}{users};

    $self->{ids}{'other-doctor'} = $self->add('doctors',
        { firstName => 'Olga', lastName => 'Other',
          licenseNumber => 'L-2' })->{id};
    $self->keep('doctors', { userId => $users->{doctor}{id},
        firstName => 'Dora', lastName => 'Doctor', licenseNumber => 'L-1' });
    $self->keep('staff', { userId => $users->{nurse}{id},
        firstName => 'Nora', lastName => 'Nurse', profession => 'NURSE' });
}

# A patient and one row of everything below.
sub make_patient {
    my ($self, $name) = @_;
    my $own = $name eq 'own';
    my $doctor = $self->id($own ? 'doctors' : 'other-doctor');

    my $patient = $self->{ids}{$name} = $self->add('patients', {
        firstName => ucfirst $name, lastName => 'Patient',
        dateOfBirth => '1980-02-03', phone => '+34600000001',
        email => "$name\@patient.example", insurancePolicyNumber => "P-$name",
        emergencyContactPhone => '+34600000002', primaryDoctorId => $doctor,
        ($own ? (userId => $self->{accounts}{users}{patient}{id}) : ()),
    })->{id};

    for my $kind (@clinical) {
        $self->{of}{$name}{$kind} = $self->add("patients/$patient/$kind",
            { %{ $body{$kind} }, $self->extra($kind, $name, $doctor) })->{id};
    }
    $self->{of}{$name}{admissions} = $self->add('admissions', {
        patientId => $patient, bedId => $self->id("bed-$name"),
        type => 'ELECTIVE', admittingDoctorId => $doctor })->{id};
    # drafts are not for patients
    $self->{admin}->post("/api/v1/notes/$self->{of}{$name}{notes}/sign")
        if $own;
    ($self->{of}{$name}{'care-team'}) = map { $_->{id} } @{ $self->{admin}
        ->get("/api/v1/patients/$patient/care-team")->{data} };
}

# What ties the rows of a patient together.
sub extra {
    my ($self, $kind, $name, $doctor) = @_;

    if ($kind eq 'encounters') {
        return (doctorId => $doctor, status => 'COMPLETED');
    }
    if ($kind eq 'treatment-plans') {
        return (appointmentId => $self->appointment($name));
    }
    return (encounterId => $self->of($name, 'encounters'));
}

sub appointment {
    my ($self, $name) = @_;
    return $self->{of}{$name}{appointments} ||=
        EHR::Test::Appointments::appointment($self->{env}, $self->id($name),
            $self->id($name eq 'own' ? 'doctors' : 'other-doctor'));
}

# What the patient account adds.
sub make_portal {
    my ($self) = @_;
    my $patient = $self->{accounts}->client('patient');

    $self->{ids}{family} = $self->add('user/family', { relation => 'CHILD',
        firstName => 'Carl', lastName => 'Child' }, $patient)->{id};
    $self->{ids}{ratings} = $self->add(
        'doctors/' . $self->id('doctors') . '/ratings',
        { encounterId => $self->of('own', 'encounters'), score => 4 },
        $patient)->{id};
}

# A private feed of the doctor's calendar, and its key.
sub make_feed {
    my ($self) = @_;
    my $feed = $self->add('calendar/feeds', {},
        $self->{accounts}->client('doctor'));

    $self->{ids}{feeds} = $feed->{id};
    ($self->{ids}{'feed-key'}) = $feed->{url} =~ m{([\w-]{43})\.ics\z};
}

# What the patient plans, and is told.
sub make_plans {
    my ($self) = @_;
    my $patient = $self->{accounts}->client('patient');
    my ($own, $doctor) = map { $self->id($_) } qw(own doctors);
    my $day = int(time / 86400) + 7;
    my @monday = gmtime 86400 * ($day + (11 - $day % 7) % 7);

    $self->{ids}{series} = $self->add('appointments/series', {
        patientId => $own, doctorId => $doctor, durationMinutes => 30,
        start => sprintf('%d-%02d-%02dT09:00:00Z', $monday[5] + 1900,
            $monday[4] + 1, $monday[3]),
        recurrence => { frequency => 'WEEKLY', count => 1 } }, $patient)->{id};
    $self->{ids}{'waiting-list'} = $self->add('waiting-list', {
        patientId => $own, doctorId => $doctor, durationMinutes => 30,
        latest => '2099-12-31T18:00:00Z' }, $patient)->{id};
    $self->{ids}{notifications} =
        $patient->get('/api/v1/notifications')->{data}[0]{id};
}

sub make_administration {
    my ($self) = @_;

    $self->keep('roles', { name => 'CLERK',
        permissions => ['organisation.read'] });
    $self->keep('system-parameters',
        { key => 'test.colour', value => { name => 'blue' } });
    $self->{ids}{users} = $self->{accounts}{users}{patient}{id};
    $self->{ids}{'audit-logs'} =
        $self->{admin}->get('/api/v1/audit-logs')->{data}[0]{id};
    $self->{ids}{sessions} =
        $self->{admin}->get('/api/v1/auth/sessions')->{data}[0]{id};
}

1;
