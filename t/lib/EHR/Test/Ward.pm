package EHR::Test::Ward;

# One ward of an EHR::Test::Inpatient hospital, for tests that look closely at
# single acts.  The nurse acts unless `client` says who does.
#
#   my $ward = EHR::Test::Ward->create($env);
#   my $bed = $ward->place(equipment => ['OXYGEN']);    # in a room of its own
#   my ($one, $two) = $ward->places(2, sexPolicy => 'SAME');    # in one room
#   my $patient = $ward->patient(gender => 'MALE');     # an id
#   my $me = $ward->account;                            # {id}, {client}, {user}
#   my $doctor = $ward->doctor_account;                 # the same
#   my $admission = $ward->admitted($patient, bedId => $bed);
#   $admission = $ward->acted($admission, transfer => { bedId => $one });
#   my $answer = $ward->say($bed, 'AVAILABLE');
#   $ward->shown($admission), $ward->status($bed)       # as they are now
#   my $before = $ward->state;                          # all of it, as text
#   $ward->is_still($before, '… and nothing happened'); # a test

use strict;
use warnings;
use parent 'EHR::Test::Inpatient';
use EHR::Test ();
use Test::More ();

my $n = 0;

sub create {
    my ($class, $env) = @_;
    my $self = $class->SUPER::create($env);

    $self->{nurse} = EHR::Test::client('nurse', $env);
    $self->{patients} = [];
    $self->{here} = $self->ward;
    return $self;
}

sub here  { $_[0]{here} }
sub nurse { $_[0]{nurse} }

sub places {
    my ($self, $size, %more) = @_;
    return $self->rooms($self->{here}, 1, $size, %more);
}

sub place {
    my ($self, %more) = @_;
    my ($bed) = $self->places(1, %more);
    return $bed;
}

# -- people -------------------------------------------------------------------

sub patients {
    my ($self, @of) = @_;
    my @patients = $self->SUPER::patients(@of);
    push @{ $self->{patients} }, @patients;
    return @patients;
}

# A patient who can sign in.
sub account {
    my ($self, %of) = @_;
    my $patient = $self->patient(%of);
    my $person = $self->person('PATIENT');

    my $answer = $self->admin->patch("/api/v1/patients/$patient",
        json => { userId => $person->{user} });
    die "account: $answer->{body}\n" unless $answer->{status} == 200;
    return { %$person, id => $patient };
}

# A doctor who can.
sub doctor_account {
    my ($self) = @_;
    my $person = $self->person('DOCTOR');

    return { %$person, id => $self->add('doctors', { firstName => 'Ines',
        lastName => 'Writing', licenseNumber => "D-$$-" . ++$n,
        userId => $person->{user} }) };
}

sub person {
    my ($self, $role) = @_;
    my $name = lc($role) . ++$n . "-$$";
    my $user = EHR::Test::accounts($self->{env})->create_user($name, $role);

    return { user => $user->{id},
        client => EHR::Test::client($name, $self->{env}) };
}

# -- acts ---------------------------------------------------------------------

sub admit {
    my ($self, $patient, %more) = @_;
    my ($client, $headers) = delete @more{qw(client headers)};
    return ($client || $self->{nurse})->post('/api/v1/admissions',
        headers => $headers || {},
        json => { patientId => $patient, type => 'EMERGENCY', %more });
}

sub act {
    my ($self, $admission, $what, $body, %option) = @_;
    return $self->SUPER::act($admission, $what, $body,
        client => $self->{nurse}, %option);
}

# The same, which must succeed: the admission as it is then.
sub acted {
    my ($self, $admission, $what, @more) = @_;
    my $answer = $self->act($admission, $what, @more);
    die "$what: $answer->{status} " . ($answer->{body} || '') . "\n"
        unless $answer->{status} == 200;
    return $answer->{data};
}

# Says what a bed is: the answer.
sub say {
    my ($self, $bed, $status, %more) = @_;
    my ($client, $headers) = delete @more{qw(client headers)};
    return ($client || $self->{nurse})->post("/api/v1/beds/$bed/status",
        headers => $headers || {}, json => { status => $status, %more });
}

# -- what is there ------------------------------------------------------------

sub shown {
    my ($self, $admission) = @_;
    return $self->admin->get("/api/v1/admissions/$admission->{id}")->{data};
}

sub status {
    my ($self, $bed) = @_;
    return $self->admin->get("/api/v1/beds/$bed")->{data}{status};
}

# So many hours from now, as the API writes it; the past is negative.
sub at {
    my ($self, $hours) = @_;
    my @time = gmtime time + 3600 * $hours;
    return sprintf '%04d-%02d-%02dT%02d:%02d:%02dZ', $time[5] + 1900,
        $time[4] + 1, @time[3, 2, 1, 0];
}

# All that is stored of its beds and patients: an act that was refused leaves
# it as it was.
sub state {
    my ($self) = @_;
    my ($beds, $patients) = map { join ', ', map { "'$_'" } @$_ }
        [$self->beds, $self->id], [@{ $self->{patients} }, $self->id];

    return $self->{env}->sql(<<"SQL");
SELECT b::text FROM ehr.beds b WHERE b.id IN ($beds)
UNION ALL SELECT c::text FROM ehr.bed_status_changes c
 WHERE c.bed_id IN ($beds)
UNION ALL SELECT a::text FROM ehr.admissions a WHERE a.patient_id IN ($patients)
UNION ALL SELECT m::text FROM ehr.admission_movements m
 WHERE m.patient_id IN ($patients)
UNION ALL SELECT c::text FROM ehr.claims c
  JOIN ehr.resources r ON r.id = c.resource
 WHERE r.entity_id IN ($beds, $patients)
UNION ALL SELECT c::text FROM ehr.care_team c WHERE c.patient_id IN ($patients)
UNION ALL SELECT l.id::text FROM ehr.audit_log l
 WHERE l.action <> 'READ' AND l.entity IN ('admissions', 'beds', 'care_team')
   AND (l.patient_id IN ($patients) OR l.entity_id IN ($beds))
 ORDER BY 1
SQL
}

sub is_still {
    my ($self, $before, $about) = @_;
    my ($was, $is) = map { my %line = map { $_ => 1 } split /\n/; \%line }
        $before, $self->state;
    my $test = Test::More->builder;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $test->ok("@{[sort keys %$was]}" eq "@{[sort keys %$is]}", $about)
        || $test->diag(map { "$_\n" } (map { "- $_" } grep { !$is->{$_} }
            sort keys %$was), map { "+ $_" } grep { !$was->{$_} }
            sort keys %$is);
}

1;
