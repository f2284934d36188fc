package EHR::Test::Actors;

# Careful clients that act on what they have made: they repeat with its
# Idempotency-Key what got no definite answer, so that of everything it is
# known what it may be.  What they do is a subclass's:
#
#   our @ISA = qw(EHR::Test::Actors);
#   sub choose { my ($self, $client) = @_; … $self->act(…) }
#   sub remember { my ($self, $client, $act, $record) = @_; … }
#   sub kept { my ($self, $act, $answer) = @_; … }  # more of a record: a list
#
# Options are those of EHR::Test::Generators and tokens.
#
# A record: {act} {method} {path} {body} {request} {key} {account} (position in
# tokens) {try} {about} {status} (0: none) {error} {said} (the message)
# {errors} {retry_after} {began} {ended}, and what kept() says.
#
# What a checker begins with; each is a test:
#
#   check_ends($records, good => { act => status }, may => sub { … })
#   my $known = settle($load, $records);        # key → its last record
#   check_audit($env, $load, $records, entities => […], good => {…},
#       action => { act => 'CREATE' }, others => {…});
#   none(\@strange, 'what there should not be');
#   summary($records);

use strict;
use warnings;
use EHR::Test::Checker ();
use EHR::Test::Client;
use EHR::Test::Generators;
use Exporter qw(import);
use JSON::PP ();
use Test::More ();
use Time::HiRes qw(sleep time);

our @ISA = qw(EHR::Test::Generators);
our @EXPORT_OK = qw(check_ends settle check_audit none summary describe is_open
    is_done);

my $json = JSON::PP->new->utf8->canonical;
my $more = Test::More->builder;

# -- in a process -------------------------------------------------------------

# A request.  about: a text for who reads of it; more is the caller's.
sub act {
    my ($self, $act, $method, $path, $body, %more) = @_;
    my $request = $self->request_name;
    my $account = $more{account} // int rand @{ $self->{tokens} };

    return { act => $act, method => $method, path => $path, try => 0,
        request => $request, account => $account,
        token => $self->{tokens}[$account],
        ($method eq 'POST' ? (key => $request) : ()),
        ($body ? (body => $json->encode(ref $body eq 'CODE'
            ? $body->($request) : $body)) : ()), %more };
}

sub next_request {
    my ($self, $client) = @_;
    return delete $client->{again} || $self->choose($client);
}

sub told {
    my ($self, $client, $act, $answer) = @_;
    my $told = $answer->{status} && $answer->{body} =~ /\A\{/
        ? $json->decode($answer->{body}) : {};
    my %record = (map({ $_ => $act->{$_} } qw(act method path body request key
        account try about)), map({ $_ => $answer->{$_} } qw(status error)),
        said => $answer->{status} >= 400 ? $told->{message} // '' : '',
        retry_after => $answer->{head} =~ /^retry-after:/mi ? 1 : 0,
        errors => $told->{errors},
        $self->kept($act, { %$answer, data => $told->{data} }));

    if (is_open(\%record) && $act->{key}) {
        $client->{again} = $act;
        $client->{wake} = time() + 0.05 + rand 0.5;
    }
    $self->remember($client, $act, \%record);
    return \%record;
}

# -- what became of it --------------------------------------------------------

sub is_done { return $_[0]{status} =~ /\A20[01]\z/ }

# Whether nobody knows yet what became of an act.
sub is_open {
    my ($record) = @_;
    return 1 if !$record->{status} || $record->{said} =~ /outcome is unknown/;
    return $record->{key} && ($record->{status} == 503
        || $record->{status} == 409 && $record->{said} =~ /still under way/);
}

# Options: good, may (whether a record may end as it did), refused (connections
# may be), needed (acts of which some must be done).
sub check_ends {
    my ($records, %option) = @_;
    my (%done, @strange);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        if ($end eq $option{good}{ $record->{act} }) {
            $done{ $record->{act} }++;
        } elsif ($end ne 'cut' && !($end eq 'refused' && $option{refused})
            && !($end eq '503' && $record->{retry_after})
            && !$option{may}->($record))
        {
            push @strange, describe($record);
        }
    }
    none(\@strange, 'every request ended as it may');
    $more->ok($done{$_}, "some $_") for @{ $option{needed} };
}

# Repeats what can be repeated; key → record of its last answer.
sub settle {
    my ($load, $records) = @_;
    my $client = EHR::Test::Client->new(port => $load->{ports}[0]);
    my (%last, @failed, @changed, $open);

    for my $record (grep { $_->{key} } @$records) {
        my $before = $last{ $record->{key} };
        push @changed, describe($record) if $before && $before->{id}
            && $record->{id} && $before->{id} ne $record->{id};
        $last{ $record->{key} } = $record
            unless $before && is_done($before) && !is_done($record);
    }
    for my $key (grep { is_open($last{$_}) } sort keys %last) {
        my $record = repeat($client, $load, $last{$key});
        $open++;
        push @failed, describe($record) if is_open($record);
        $last{$key} = $record;
    }
    none(\@changed, 'repetitions of a key tell of the same row');
    none(\@failed, 'all ' . ($open || 0) . ' unsettled acts are settled by'
        . ' their keys');
    return \%last;
}

sub repeat {
    my ($client, $load, $record) = @_;
    my $end = time() + 30;

    while (1) {
        my $answer = $client->request($record->{method},
            "/api/v1$record->{path}",
            token => $load->{tokens}[ $record->{account} ],
            (defined $record->{body} ? (body => $record->{body}) : ()),
            headers => { 'Idempotency-Key' => $record->{key},
                'X-Request-Id' => $record->{request} });
        my %last = (%$record, status => $answer->{status}, error => '',
            said => ($answer->{json} || {})->{message} // '',
            errors => ($answer->{json} || {})->{errors},
            $load->kept($record, $answer));
        return \%last if !is_open(\%last) || time() > $end;
        sleep 0.1;
    }
}

# Each act that is done has one row of the log about what it was on, each other
# at most one.  Options: entities, good, action (of an act; one that is not
# named has none), others (acts that change, once each, more than one row),
# beside (acts on something else that may bring about a change, too).
sub check_audit {
    my ($env, $load, $records, %option) = @_;
    my $action = $option{action};
    my $entities = join ',', map { "'$_'" } @{ $option{entities} };
    my (%done, %rows, @strange);

    $rows{ $_->[0] }{ $_->[1] } = [@$_[2, 3]] for $env->rows(
        'SELECT request_id, entity_id, max(action), count(*) FROM'
        . " ehr.audit_log WHERE entity IN ($entities) AND action <> 'READ'"
        . " AND request_id LIKE '$load->{name}-%' GROUP BY 1, 2");

    for my $record (grep { $action->{ $_->{act} } } @$records) {
        my $state = $done{ $record->{request} } ||= { record => $record };
        $state->{open} = 1 if is_open($record);
        next if $record->{status} != $option{good}{ $record->{act} };
        $state->{is} = 1;
        $state->{about} = $record->{of} || $record->{id};
    }
    delete @rows{ map { $_->{request} }
        grep { $option{beside}{ $_->{act} } } @$records };
    for my $request (sort keys %done) {
        my $state = $done{$request};
        my $found = delete $rows{$request} || {};
        my $act = $state->{record}{act};
        my $one = $state->{is} && delete $found->{ $state->{about} }
            || !$state->{is} && $state->{open} && delete $found->{
                $state->{record}{of} || (keys %$found)[0] || '' };
        my @more = values %$found;
        push @strange, describe($state->{record}) . ': no audit row'
            if $state->{is} && !$one;
        push @strange, describe($state->{record}) . ": $one->[0],"
            . " $one->[1] audit rows"
            if $one && ($one->[1] != 1 || $one->[0] ne $action->{$act});
        push @strange, describe($state->{record}) . ': audit rows of others'
            if @more && !($option{others}{$act} && ($state->{is}
                || $state->{open}) && !grep { $_->[1] != 1 } @more);
    }
    push @strange, map { "$_: nobody sent it" } sort keys %rows;
    none(\@strange, 'each act has one audit row');
}

# -- telling ------------------------------------------------------------------

sub none {
    my ($list, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return EHR::Test::Checker::empty($list, $name);
}

sub describe {
    my ($record) = @_;
    return sprintf '%s %s try %d%s: %s %s %s after %.3f s',
        @$record{qw(act request try)},
        $record->{about} ? " ($record->{about})" : '',
        $record->{status} || $record->{error}, $record->{said},
        $record->{errors} ? $json->encode($record->{errors}) : '',
        $record->{ended} - $record->{began};
}

sub summary {
    my ($records) = @_;
    my (%ends, $longest);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        $end .= " ($record->{said})" if $end eq '503';
        $ends{ $record->{act} }{$end}++;
        my $took = $record->{ended} - $record->{began};
        $longest = $took if !defined $longest || $took > $longest;
    }
    for my $act (sort keys %ends) {
        my $of = $ends{$act};
        $more->note("$act: ", join ', ', map { "$of->{$_} × $_" }
            sort keys %$of);
    }
    $more->note(sprintf 'the longest %.3f s', $longest || 0);
}

1;
