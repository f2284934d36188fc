package EHR::Test::Inpatient;

# A hospital with wards, rooms and beds, for tests about who lies where.
#
#   my $hospital = EHR::Test::Inpatient->create($env);
#   my $ward = $hospital->ward;                         # ids
#   my $room = $hospital->room($ward, sexPolicy => 'FEMALE', class => 'Single');
#   my $bed = $hospital->bed($room, equipment => ['OXYGEN']);
#   my @beds = $hospital->rooms($ward, 5, 2, sexPolicy => 'SAME');  # 5 of 2
#   my @patients = $hospital->patients(20, gender => 'FEMALE', years => 40);
#   my $doctor = $hospital->doctor;
#   my $answer = $hospital->admit($patient, bedId => $bed);
#   my $admission = $hospital->admitted($patient, wardId => $ward);
#   my $answer = $hospital->act($admission, transfer => { bedId => $other });
#
# Everything but patients is made through the API, as the administrator; more
# fields of each may be given.  Age is years, or days.

use strict;
use warnings;
use EHR::Test ();

my $n = 0;

sub create {
    my ($class, $env) = @_;
    my $self = bless { env => $env, classes => {}, wards => [], beds => [],
        admin => EHR::Test::client('admin', $env) }, $class;

    $self->{id} = $self->add('hospitals', { name => "Hospital $$-" . ++$n });
    return $self;
}

sub id    { $_[0]{id} }
sub admin { $_[0]{admin} }
sub wards { @{ $_[0]{wards} } }
sub beds  { @{ $_[0]{beds} } }

# Posts as the administrator; the new row's id.
sub add {
    my ($self, $path, $body) = @_;
    return $self->{admin}->make("/api/v1/$path", $body)->{id};
}

# A room class by its name.
sub class {
    my ($self, $name) = @_;
    return $self->{classes}{$name} ||= $self->add('room-classes',
        { name => "$name $$-" . ++$n });
}

sub ward {
    my ($self, %more) = @_;
    push @{ $self->{wards} }, $self->add('wards', {
        hospitalId => $self->{id}, name => 'Ward ' . ++$n, %more });
    return $self->{wards}[-1];
}

sub room {
    my ($self, $ward, %more) = @_;
    my $class = delete $more{class} || 'Standard';
    return $self->add('ward-rooms', { wardId => $ward,
        roomClassId => $self->class($class), roomNumber => 'R' . ++$n,
        %more });
}

sub bed {
    my ($self, $room, %more) = @_;
    push @{ $self->{beds} }, $self->add('beds', { wardRoomId => $room,
        bedNumber => 'B' . ++$n, %more });
    return $self->{beds}[-1];
}

# So many rooms of so many beds, all alike: the ids of the beds.  The room's
# own: sexPolicy, class.
sub rooms {
    my ($self, $ward, $rooms, $size, %more) = @_;
    my %room = map { exists $more{$_} ? ($_ => delete $more{$_}) : () }
        qw(sexPolicy class);

    return map {
        my $room = $self->room($ward, %room);
        map { $self->bed($room, %more) } 1 .. $size;
    } 1 .. $rooms;
}

# Straight into the table.
sub patients {
    my ($self, $number, %of) = @_;
    my $gender = $of{gender} || 'FEMALE';
    my $age = defined $of{days} ? "$of{days} days"
        : ($of{years} // 40) . ' years';

    return split /\n/, $self->{env}->sql(<<"SQL");
INSERT INTO ehr.patients (first_name, last_name, date_of_birth, gender)
SELECT 'Inga', 'Number' || n, current_date - interval '$age', '$gender'
  FROM generate_series(1, $number) AS n RETURNING id
SQL
}

sub patient {
    my ($self, %of) = @_;
    my ($id) = $self->patients(1, %of);
    return $id;
}

sub doctor {
    my ($self) = @_;
    return $self->add('doctors', { firstName => 'Ines',
        lastName => 'Admitting', licenseNumber => "I-$$-" . ++$n });
}

# -- acts ---------------------------------------------------------------------

# The answer; `client` asks instead of the administrator.
sub admit {
    my ($self, $patient, %more) = @_;
    my $client = delete $more{client} || $self->{admin};
    return $client->post('/api/v1/admissions', json => {
        patientId => $patient, type => 'ELECTIVE', %more });
}

# The same, which must succeed: the admission.
sub admitted {
    my ($self, @admission) = @_;
    return EHR::Test::Client::made($self->admit(@admission), 'admission');
}

sub act {
    my ($self, $admission, $what, $body, %option) = @_;
    my $client = delete $option{client} || $self->{admin};
    return $client->post("/api/v1/admissions/$admission->{id}/$what",
        ($body ? (json => $body) : ()), %option);
}

sub bed_status {
    my ($self, $bed, $status, %more) = @_;
    return $self->{admin}->post("/api/v1/beds/$bed/status",
        json => { status => $status, %more });
}

1;
