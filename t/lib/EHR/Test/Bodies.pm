package EHR::Test::Bodies;

# Valid bodies, made of the OpenAPI document's schemas, and the rows that they
# refer to.
#
#   my $bodies = EHR::Test::Bodies->new($document, $env);
#   my $body = $bodies->full($resource);        # every field that may be set
#   my $body = $bodies->least($resource);       # what is required
#   my $item = $bodies->make($resource, %more); # created: its data
#   $bodies->collection($resource)              # its address, parent filled in
#   $bodies->client($resource)                  # who may do all that
#
# No two bodies are alike: what has to be unique is.

use strict;
use warnings;
use EHR::Test ();
use EHR::Test::Appointments ();
use EHR::Test::Document;
use JSON::PP ();

my $n = 0;

# What a schema does not tell.
my %known = (
    'bpSystolic'           => 120,
    'bpDiastolic'          => 80,
    'startedAt'            => '2026-01-05T09:00:00Z',
    'endedAt'              => '2026-01-05T09:30:00Z',
    'recordedAt'           => '2026-01-05T09:10:00Z',
    'dateOfBirth'          => '1980-02-29',
    'deceasedAt'           => '2025-12-31',
    'resolvedDate'         => '2025-11-30',
    'endDate'              => '2026-02-28',
    'date'                 => '2025-10-20',
    'timeZone'             => 'Europe/Madrid',
    'language'             => 'es-MX',
    'currency'             => 'EUR',
    'password'             => 'Passing-Through-7',
    'users.roles'          => ['NURSE'],
    'roles.permissions'    => ['vitals.read', 'account.use'],
    'encounters.status'    => 'PLANNED',
    'medical-history.status' => 'RESOLVED',
    'slotMinutes'          => 20,
    'startTime'            => '09:00',
    'endTime'              => '12:00',
    'waiting-list.earliest' => '2099-12-31T08:00:00Z',
    'waiting-list.latest'   => '2099-12-31T18:00:00Z',
    'waiting-list.durationMinutes' => 30,
    'schedule-exceptions.start' => '2099-01-07T09:00:00Z',
    'schedule-exceptions.end'   => '2099-01-07T12:00:00Z',
    'appointments.type'            => 'CONSULTATION',
    'appointments.durationMinutes' => 30,
);

sub new {
    my ($class, $document, $env) = @_;
    my $self = bless { document => $document, env => $env, ids => {} },
        $class;

    $self->{resource}{$_->{name}} = $_ for $document->resources;
    $self->{clients}{admin} = EHR::Test::client('admin', $env);
    return $self;
}

sub resource { $_[0]{resource}{$_[1]} or die "no resource $_[1]" }

# A patient who can sign in; ratings are theirs.
sub portal_patient {
    my ($self) = @_;
    return $self->{portal} ||= do {
        my $name = 'rater' . ++$n . "-$$";
        my $accounts = EHR::Test::accounts($self->{env});
        my $user = $accounts->create_user($name, 'PATIENT');
        my $patient = $self->make($self->resource('patients'),
            userId => $user->{id});
        { client => $accounts->client($name), id => $patient->{id} };
    };
}

sub client {
    my ($self, $resource) = @_;
    return $resource->{name} eq 'ratings'
        ? $self->portal_patient->{client} : $self->{clients}{admin};
}

# -- references ---------------------------------------------------------------

# A row of this resource, always the same; one that may be used once only is
# made anew.
sub reference {
    my ($self, $name) = @_;
    return $self->make($self->resource('users'))->{id} if $name eq 'users';
    return $self->signed_note if $name eq 'notes';
    return $self->appointment if $name eq 'appointments';
    return $self->{ids}{admissions} ||= $self->admission
        if $name eq 'admissions';
    return $self->{ids}{$name} ||= $self->make($self->resource($name))->{id};
}

# Of the patient whose record everything belongs to.
sub appointment {
    my ($self) = @_;
    return EHR::Test::Appointments::appointment($self->{env},
        $self->reference('patients'), $self->reference('doctors'));
}

# Of a new patient in a new bed.
sub admission {
    my ($self) = @_;
    return $self->{clients}{admin}->make('/api/v1/admissions', {
        type => 'ELECTIVE',
        bedId => $self->make($self->resource('beds'))->{id},
        patientId => $self->make($self->resource('patients'))->{id} })->{id};
}

sub signed_note {
    my ($self) = @_;
    my $note = $self->make($self->resource('notes'));
    my $answer = $self->{clients}{admin}->post(
        "/api/v1/notes/$note->{id}/sign");
    die "sign: $answer->{status} $answer->{body}\n"
        unless $answer->{status} == 200;
    return $note->{id};
}

# A completed visit of the patient who rates, with the doctor.
sub completed_visit {
    my ($self) = @_;
    my $patient = $self->portal_patient->{id};
    return $self->{clients}{admin}->make(
        "/api/v1/patients/$patient/encounters", {
        doctorId => $self->reference('doctors'), status => 'COMPLETED',
        startedAt => $known{startedAt}, endedAt => $known{endedAt} })->{id};
}

sub collection {
    my ($self, $resource) = @_;
    return $resource->{collection} unless $resource->{parent};
    my %parent = (patientId => 'patients', doctorId => 'doctors');
    return EHR::Test::Document::fill($resource->{collection},
        $self->reference($parent{$resource->{parent}}));
}

sub item {
    my ($self, $resource, $id) = @_;
    return EHR::Test::Document::fill($resource->{item}, $id);
}

# -- values -------------------------------------------------------------------

sub full {
    my ($self, $resource) = @_;
    my $schema = $resource->{create};
    my %body = map {
        $_ => $self->value($resource, $_, $schema->{properties}{$_})
    } grep { $_ ne ($resource->{parent} || '') }
        sort keys %{ $schema->{properties} };

    # an account is one person's; who amends must say why
    delete @body{qw(amendsId amendmentReason)}
        if $resource->{name} eq 'notes' && !$self->{amend};
    $body{roles} = $known{'users.roles'} if $resource->{name} eq 'users';
    one_day(\%body) if $resource->{name} eq 'schedules';
    # a slot's id says what other fields say, and a hold is used up
    delete @body{qw(slotId holdToken overbookReason)}
        if $resource->{name} eq 'appointments';
    return \%body;
}

sub least {
    my ($self, $resource) = @_;
    my $schema = $resource->{create};
    my %body = map {
        $_ => $self->value($resource, $_, $schema->{properties}{$_})
    } @{ $schema->{required} || [] };

    if ($resource->{name} eq 'appointments') {
        $body{$_} = $self->value($resource, $_, {}) for qw(doctorId start);
        $body{patientId} = $self->reference('patients')
            unless $resource->{parent};
    }
    $body{heartRate} = 70 if $resource->{name} eq 'vitals';
    $body{illness} = 'Influenza' if $resource->{name} eq 'medical-history';
    @body{qw(kind clinicId)} = ('HOLIDAY', $self->reference('clinics'))
        if $resource->{name} eq 'schedule-exceptions';
    $body{clinicId} = $self->reference('clinics')
        if $resource->{name} eq 'waiting-list';
    one_day(\%body) if $resource->{name} eq 'schedules';
    return \%body;
}

# Weekly hours that are valid for a day do not overlap others.
sub one_day {
    my ($body) = @_;
    my @day = gmtime 86400 * (36525 + $n++);
    $body->{validFrom} = $body->{validTo} =
        sprintf '%d-%02d-%02d', $day[5] + 1900, $day[4] + 1, $day[3];
}

sub value {
    my ($self, $resource, $name, $schema) = @_;
    my $type = EHR::Test::Document::type($schema);
    my $format = $schema->{format} || '';

    for my $key ("$resource->{name}.$name", $name) {
        return $known{$key} if exists $known{$key};
    }
    return $self->completed_visit
        if $resource->{name} eq 'ratings' && $name eq 'encounterId';
    if ($resource->{name} eq 'appointments') {
        return $self->busy_doctor if $name eq 'doctorId';
        return $self->next_start if $name eq 'start';
    }
    if (my $reference = $schema->{'x-reference'}) {
        # a doctor is in a team once
        my $id = $resource->{name} eq 'care-team'
            ? $self->make($self->resource('doctors'))->{id}
            : $self->reference($reference);
        return $type eq 'array' ? [$id] : $id;
    }
    return $schema->{enum}[0] if $schema->{enum};
    return $self->text($name, $schema) if $type eq 'string';
    return JSON::PP::true() if $type eq 'boolean';
    return 60 if $type eq 'any';
    return { note => 'ünïcode', list => [1, 2.5, undef] }
        if $type eq 'object';
    return [$schema->{items}{enum}[0]]
        if $type eq 'array' && $schema->{items}{enum};
    return ['First', 'Sécond, "quoted" {braced} \\ back']
        if $type eq 'array';

    my $low = defined $schema->{minimum} ? $schema->{minimum} : 1;
    return $low < 1 ? 1 : $low + ($type eq 'integer' ? 1 : 0.5) if
        !defined $schema->{maximum} || $low + 1 <= $schema->{maximum};
    return $low;
}

# A doctor who is there day and night, and a time never given before.
sub busy_doctor {
    my ($self) = @_;
    return $self->{busy} ||= do {
        my $doctor = $self->make($self->resource('doctors'))->{id};
        my $clinic = $self->make($self->resource('clinics'),
            timeZone => 'UTC')->{id};
        $self->{clients}{admin}->make("/api/v1/doctors/$doctor/schedules", {
            clinicId => $clinic, dayOfWeek => $_, startTime => '00:00',
            endTime => '24:00', slotMinutes => 5 }) for 1 .. 7;
        $doctor;
    };
}

sub next_start {
    my ($self) = @_;
    my @time = gmtime 1800 * (int(time / 1800) + 48 + ++$self->{starts});
    return sprintf '%04d-%02d-%02dT%02d:%02d:00Z', $time[5] + 1900,
        $time[4] + 1, @time[3, 2, 1];
}

sub text {
    my ($self, $name, $schema) = @_;
    my $format = $schema->{format} || '';
    my $pattern = $schema->{pattern} || '';

    $n++;
    return unique_id() if $format eq 'uuid';
    return "p$n.$$\@mail.example" if $format eq 'email';
    return "https://pictures.example/$n.png?size=2" if $format eq 'uri';
    return $known{date} if $format eq 'date';
    return $known{recordedAt} if $format eq 'date-time';
    return sprintf '+34 (91) %05d-%04d', $$ % 100000, $n % 10000
        if $pattern =~ /\Q[+]?\E/;
    return "ROLE_${$}_$n" if $pattern =~ /\Q^[A-Z][A-Z0-9_]*\E/;
    return "c$n-$$" if $pattern =~ /\Q^[A-Za-z0-9][A-Za-z0-9._:\E/;
    my $text = "$name $n-$$";
    return length $text <= $schema->{maxLength} ? $text
        : substr("$n-$$-$name", 0, $schema->{maxLength});
}

# As gen_random_uuid() makes them.
sub unique_id {
    my @hex = map { sprintf '%04x', int rand 65536 } 1 .. 8;
    return sprintf '%s%s-%s-4%s-8%s-%s%s%s', @hex[0 .. 2],
        substr($hex[3], 1), substr($hex[4], 1), @hex[5 .. 7];
}

# Creates one with a full body; more fields may be given, undef leaves one
# out.  Its data.
sub make {
    my ($self, $resource, %more) = @_;
    my %body = (%{ $self->least($resource) }, %more);
    return $self->client($resource)->make($self->collection($resource),
        \%body);
}

1;
