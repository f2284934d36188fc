package EHR::Test::Load;

# Clients that read and write vitals while something is broken.  Every request
# and how it ended is recorded; a write that did not get a definite answer is
# repeated with its Idempotency-Key, as a careful client would.
#
#   my $load = EHR::Test::Load->start($env, tokens => [$token, …],
#       patients => [$id, …]);
#   … break something …
#   my $records = $load->stop;          # ends the requests under way, first
#
# Options are those of EHR::Test::Generators and mix { read => 4, … } (kinds
# below, by weight), login ([email, password], for the kind login).
#
# A record: {kind} {key} {request} (X-Request-Id) {marker} {account} {patient}
# (positions in tokens and patients) {try} (1, 2 …)
# {status} (0: none) {error} ('', refused, cut: no byte of an answer, torn:
# part of one, hung: nothing within the deadline) {said} (the message)
# {retry_after} {id} (of what was made) {fresh} (first request of its
# connection) {began} {ended} (absolute seconds).

use strict;
use warnings;
use EHR::Test::Generators;
use Time::HiRes qw(time);

our @ISA = qw(EHR::Test::Generators);

my %default = (mix => { read => 3, list => 2, write => 5, bare => 1 });

# The heart rate that tells the kind refused from bare: the test makes the
# database refuse it.
our $refused_rate = 199;

sub start {
    my ($class, $env, %option) = @_;
    return $class->SUPER::start($env, %default, again => [], %option);
}

# -- in the child -------------------------------------------------------------

sub told {
    my ($self, $client, $request, $answer) = @_;
    my %record = (%$request, map { $_ => $answer->{$_} }
        qw(status error fresh began ended));

    delete @record{qw(body token path method)};
    ($record{retry_after}) = $answer->{head} =~ /^retry-after: (\d+)/mi;
    ($record{id}) = $answer->{head} =~ m{^location: \S*/([0-9a-f-]{36})\r}mi
        if $answer->{status} == 201;
    ($record{said}) = $answer->{body} =~ /"message":"([^"]*)"/
        if $answer->{status} >= 400;
    $record{$_} //= '' for qw(retry_after id said);

    push @{ $self->{again} }, [time() + 0.05 + rand 0.5, $request]
        if $request->{key} && unsettled(\%record);
    return \%record;
}

# Whether a write with a key is worth repeating: nobody knows that it is done.
sub unsettled {
    my ($record) = @_;
    return !$record->{status} || $record->{status} == 503
        || ($record->{status} == 409 && $record->{try} > 1);
}

sub next_request {
    my ($self) = @_;
    my $again = $self->{again};

    return (shift @$again)->[1] if @$again && $again->[0][0] <= time();
    my %kind = %{ $self->{mix} };
    my @kinds = map { ($_) x $kind{$_} } sort keys %kind;
    my $kind = $kinds[rand @kinds];
    my $request = $self->request_name;
    my %request = (kind => $kind, request => $request, method => 'GET');
    my $patient = '/patients/';

    if ($self->{patients}) {
        $request{patient} = int rand @{ $self->{patients} };
        $patient .= $self->{patients}[ $request{patient} ];
    }
    if ($self->{tokens}) {
        $request{account} = int rand @{ $self->{tokens} };
        $request{token} = $self->{tokens}[ $request{account} ];
    }
    if ($kind eq 'read') {
        $request{path} = $patient;
    } elsif ($kind eq 'list') {
        $request{path} = "$patient/vitals?limit=3";
    } elsif ($kind eq 'login') {
        @request{qw(method path body)} = ('POST', '/auth/login',
            sprintf '{"email":"%s","password":"%s"}', @{ $self->{login} });
    } elsif ($kind eq 'plain') {
        @request{qw(base path)} = ('', '/plain');
    } else {
        $request{marker} = $request;
        $request{key} = $request if $kind eq 'write';
        @request{qw(method path body)} = ('POST', "$patient/vitals",
            vitals($request));
        $request{body} =~ s/72/$refused_rate/ if $kind eq 'refused';
    }
    return \%request;
}

# The body of a write, which its marker tells again in the database.
sub vitals { return qq({"heartRate":72,"temperature":37.1,"notes":"$_[0]"}) }

1;
