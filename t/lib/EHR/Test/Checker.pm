package EHR::Test::Checker;

# Judges what a load recorded (EHR::Test::Load) against the database: what was
# acknowledged is there exactly once, what is unknown becomes exactly one by a
# repetition with its key, what was refused is not there, each act has its one
# audit row, and nothing hung.
#
#   check_load($env, $load, $records, 'what was broken');
#   check_load(…, also => ['refused']);  # other ways in which a request may end
#   check_load(…, none => 1);       # perhaps none was acknowledged
#   check_audit_chain($env, @nodes);    # no audit row was changed or lost
#
# Each is a test of the file, in a subtest named so.

use strict;
use warnings;
use EHR::Test::Client;
use EHR::Test::Load;
use EHR::Test::Process qw(wait_until);
use Exporter qw(import);
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT = qw(check_load check_audit_chain acknowledged first_success
    wait_until);

my $maybe = qr/outcome is unknown/;
my $more = Test::More->builder;

sub check_load {
    my ($env, $load, $records, $name, %option) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $more->subtest("$name: the checker", sub {
        check_ends($records, %option);
        my $rows = settle($env, $load, $records);
        check_rows($env, $load, $records, $rows);
        check_audit($env, $load, $records, $rows);
        summary($records);
        $more->done_testing;
    });
}

# When all rows are in segments, the chain is whole.
sub check_audit_chain {
    my ($env, @nodes) = @_;
    my ($newest) = $env->sql('SELECT coalesce(max(xid), 0) FROM ehr.audit_log');
    my $sealed = wait_until(20, sub {
        return $env->sql('SELECT coalesce(max(to_xid), 0) FROM ehr.audit_seals')
            > $newest;
    });
    my ($status, $said) = $env->verify_audit(
        head => [map { $_->audit_head } $env, @nodes]);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $more->ok($sealed, 'every audit row was sealed');
    $more->is_num($status, 0, 'the audit chain is whole') or $more->diag($said);
}

# Requests that got what they asked for.
sub acknowledged {
    my ($records, $kind) = @_;
    return grep { $_->{status} =~ /\A20[01]\z/
        && (!$kind || $_->{kind} eq $kind) } @$records;
}

# When the first answer without a failure came after a moment.
sub first_success {
    my ($records, $moment) = @_;
    my ($first) = sort { $a <=> $b } grep { $_ >= $moment }
        map { $_->{ended} } acknowledged($records);
    return $first;
}

# -- how the requests ended ---------------------------------------------------

sub check_ends {
    my ($records, %option) = @_;
    my $expected = join '|', qw(200 201 cut), @{ $option{also} || [] };
    my (%ends, @strange);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        $ends{$end}++;
        next if $end =~ /\A(?:$expected)\z/;
        next if $end eq '422' && $record->{kind} eq 'refused';
        next if $end eq '503' && $record->{retry_after};
        next if $end eq '409' && $record->{try} > 1;        # still under way
        push @strange, describe($record);
    }
    empty(\@strange, 'every request ended as it may');
    $more->ok(scalar(acknowledged($records)), 'and some as they should')
        unless $option{none};
}

# Repeats each write that nobody knows the outcome of until it is known.
# Returns marker → id of what was made, for all writes that are done.
sub settle {
    my ($env, $load, $records) = @_;
    my $client = EHR::Test::Client->new(port => $env->port);
    my (%id, %open, @changed, @failed);

    for my $record (grep { $_->{kind} eq 'write' } @$records) {
        my $key = $record->{key};
        $open{$key} = $record;
        next unless $record->{status} == 201;
        push @changed, describe($record)
            if exists $id{$key} && $id{$key} ne $record->{id};
        $id{$key} = $record->{id};
    }
    empty(\@changed, 'repetitions of a key tell of the same row');

    delete @open{keys %id};
    for my $key (sort keys %open) {
        my $answer = repeat($client, $load, $open{$key});
        $id{$key} = $answer->{data}{id};
        push @failed, describe($open{$key}) . ": $answer->{status}"
            unless $answer->{status} == 201;
    }
    empty(\@failed, 'all ' . keys(%open) . ' unsettled writes are settled by '
        . 'their keys');
    return \%id;
}

sub repeat {
    my ($client, $load, $record) = @_;
    my $end = time() + 30;

    while (1) {
        my $answer = $client->post('/api/v1/patients/'
            . $load->{patients}[$record->{patient}] . '/vitals',
            token => $load->{tokens}[$record->{account}],
            body => EHR::Test::Load::vitals($record->{marker}),
            headers => { 'Idempotency-Key' => $record->{key},
                'X-Request-Id' => $record->{request} });
        return $answer if $answer->{status} == 201 || time() > $end;
        sleep 0.1;
    }
}

# -- what is in the database --------------------------------------------------

sub check_rows {
    my ($env, $load, $records, $rows) = @_;
    my (%wanted, %bare, @strange);
    my %found = map { @$_ } $env->rows("SELECT notes, string_agg(id::text, ',')"
        . " FROM ehr.vitals WHERE notes LIKE '$load->{name}-%' GROUP BY 1");

    $bare{$_->{marker}} = $_
        for grep { $_->{kind} =~ /\A(?:bare|refused)\z/ } @$records;
    for my $marker (sort keys %bare) {
        my $record = $bare{$marker};
        next if !$record->{status} && $record->{error} ne 'refused';
        next if $record->{status} == 503 && $record->{said} =~ $maybe;
        $wanted{$marker} = $record->{status} == 201 ? $record->{id} : '';
    }
    %wanted = (%wanted, %$rows);

    for my $marker (sort keys %wanted) {
        my $got = defined $found{$marker} ? $found{$marker} : '';
        push @strange, "$marker: there is '$got', told '$wanted{$marker}'"
            if $got ne $wanted{$marker};
    }
    for my $marker (sort keys %found) {
        push @strange, "$marker: twice" if $found{$marker} =~ /,/;
        push @strange, "$marker: nobody sent it"
            unless exists $bare{$marker} || exists $rows->{$marker};
    }
    empty(\@strange, 'all that was acknowledged is there once, nothing else');

    my ($keys) = $env->sql('SELECT count(*) FROM ehr.idempotency_keys WHERE '
        . "key LIKE '$load->{name}-%'");
    $more->is_num($keys, scalar(keys %$rows), 'as many keys are kept');
}

# -- what the audit log says --------------------------------------------------

sub check_audit {
    my ($env, $load, $records, $rows) = @_;

    my $odd = $env->sql("SELECT v.notes, count(a.seq) FROM ehr.vitals v"
        . " LEFT JOIN ehr.audit_log a ON a.entity = 'vitals'"
        . " AND a.action = 'CREATE' AND a.entity_id = v.id"
        . " WHERE v.notes LIKE '$load->{name}-%' GROUP BY v.id, v.notes"
        . " HAVING count(a.seq) <> 1");
    $more->is_eq($odd, '', 'every row that was made has its one audit row');

    my %audited = map { ("$_->[0] $_->[1]" => $_->[2]) } $env->rows(
        'SELECT request_id, action, count(*) FROM ehr.audit_logs WHERE'
        . " request_id LIKE '$load->{name}-%' GROUP BY 1, 2");
    my %action = (read => 'READ', list => 'READ', login => 'LOGIN',
        map { $_ => 'CREATE' } qw(write bare refused));
    my (@strange, %made, %tries);

    $tries{$_->{request}}++ for @$records;
    for my $record (grep { $action{$_->{kind}} } @$records) {
        my $n = delete $audited{"$record->{request} $action{$record->{kind}}"}
            || 0;
        my $done = $record->{status} =~ /\A20[01]\z/
            || ($record->{key} && $rows->{$record->{key}});
        next if $made{$record->{request}}++;
        push @strange, describe($record) . ": $n audit rows"
            if $n > 1 || ($done && $n != 1);
    }
    push @strange, map { "$_: nobody sent it" } sort keys %audited;
    empty(\@strange, 'each act has one audit row');
}

# -- telling ------------------------------------------------------------------

sub empty {
    my ($list, $name) = @_;
    my $n = @$list;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $more->is_num($n, 0, $name) and return;
    $more->diag(join "\n", @$list[0 .. ($n > 8 ? 7 : $n - 1)],
        $n > 8 ? '…' : ());
}

sub describe {
    my ($record) = @_;
    return sprintf '%s try %d: %s %s after %.3f s', @$record{qw(request try)},
        $record->{status} || $record->{error}, $record->{said},
        $record->{ended} - $record->{began};
}

sub summary {
    my ($records) = @_;
    my (%ends, $longest);

    for my $record (@$records) {
        my $end = $record->{status} || $record->{error};
        my $took = $record->{ended} - $record->{began};
        $ends{ $record->{said} =~ $maybe ? "$end unknown" : $end }++;
        $longest = $took if !defined $longest || $took > $longest;
    }
    $more->note(join ', ', map({ "$ends{$_} × $_" } sort keys %ends),
        sprintf 'the longest %.3f s', $longest || 0);
}

1;
