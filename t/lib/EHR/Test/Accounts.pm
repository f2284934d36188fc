package EHR::Test::Accounts;

# One account for each role, made through the API: the first administrator by
# /setup, the others by /users.
#
#   my $accounts = EHR::Test::Accounts->create($env);
#   $accounts->token('doctor'); $accounts->client('nurse')->get(…);
#   $accounts->{users}{doctor}{id}, {email}, {password}
#
# Names: admin doctor nurse reception pharmacist lab patient, and portal,
# which is the patient's account signed in through the patient portal.

use strict;
use warnings;
use EHR::Test::Client;
use Exporter qw(import);

our @EXPORT_OK = qw(%role_of @names);

our %role_of = (
    admin      => 'ADMIN',
    doctor     => 'DOCTOR',
    nurse      => 'NURSE',
    reception  => 'RECEPTIONIST',
    pharmacist => 'PHARMACIST',
    lab        => 'LAB_TECHNICIAN',
    patient    => 'PATIENT',
);
our @names = ((sort keys %role_of), 'portal');

my $password = 'Test-Pass-2026!';

sub create {
    my ($class, $env) = @_;
    my $client = EHR::Test::Client->new(port => $env->port);
    my $self = bless { client => $client, users => {} }, $class;

    $self->{users}{admin} = $self->keep('admin',
        $client->post('/api/v1/setup', json => {
            token => $env->setup_token, $self->person('admin') }));
    for my $name (grep { $_ ne 'admin' } sort keys %role_of) {
        $self->{users}{$name} = $self->create_user($name, $role_of{$name});
    }
    $self->{users}{portal} = $self->{users}{patient};
    return $self;
}

# For another process: state() is plain data.
sub state { return { users => $_[0]{users} } }

sub attach {
    my ($class, $env, $state) = @_;
    return bless { %$state,
        client => EHR::Test::Client->new(port => $env->port) }, $class;
}

sub person {
    my ($self, $name) = @_;
    return (email => "$name\@test.example", password => $password,
        firstName => ucfirst $name, lastName => 'Tester');
}

# A further account with these roles; its user: id, email, password.  Known
# afterwards to token() and client() by its name.
sub create_user {
    my ($self, $name, @roles) = @_;
    my $answer = $self->client('admin')->post('/api/v1/users',
        json => { $self->person($name), roles => \@roles });

    return $self->{users}{$name} = $self->keep($name, $answer);
}

sub keep {
    my ($self, $name, $answer) = @_;
    my $data = $answer->{data} || {};
    my $user = ref $data->{user} ? $data->{user} : $data;

    die "account $name: $answer->{status} "
        . ($answer->{body} || $answer->{error} || '') . "\n"
        unless $answer->{status} == 201 && $user->{id};
    return { id => $user->{id}, email => "$name\@test.example",
        password => $password };
}

# Signs in anew; the data of the answer: accessToken, refreshToken …
sub sign_in {
    my ($self, $name) = @_;
    my $user = $self->{users}{$name} or die "no account $name";
    my $answer = $self->{client}->sign_in($user->{email}, $user->{password},
        portal => $name eq 'portal');

    die "signing in $name: $answer->{status} "
        . ($answer->{body} || $answer->{error} || '') . "\n"
        unless $answer->{status} == 200;
    return $answer->{data};
}

# An access token, of the first sign-in in this process.
sub token {
    my ($self, $name) = @_;
    return $self->{tokens}{$name} ||= $self->sign_in($name)->{accessToken};
}

# A client of its own connection that is signed in.
sub client {
    my ($self, $name) = @_;
    return $self->{client}->with_token($self->token($name));
}

1;
