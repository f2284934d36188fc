# Clients that go away in the middle of a request, and bodies that come slowly
# or in part, beside others that are served all the while.

use EHR::Test;
use EHR::Test::Chaos;
use Socket qw(SOL_SOCKET SO_LINGER);

my $env = chaos_environment(name => 'clients', workers => 1, edit => sub {
    my ($conf) = @_;
    $conf =~ s/(client_body_timeout)\s+\w+;/$1 1s;/ or die;
    $conf =~ s/(client_body_buffer_size)\s+\w+;/$1 1k;/ or die;
    return $conf;
});
my %place = place($env);
my ($worker) = $env->worker_pids;
my $client = client(undef, $env);
my $collection = "/api/v1/patients/$place{patients}[0]/vitals";
my $serial = 0;

client('nurse', $env)->get('/api/v1/departments') for 1 .. 3;
my $load = start_load($env, processes => 1);
my $descriptors = open_descriptors();

subtest 'clients that go away' => sub {
    my (%whole, %part);
    my @ways = qw(head body whole reset pipelined);
    until_over(3, sub {
        my ($round) = @_;
        my $lock = $round % 4 ? undef
            : hold($env, 'LOCK TABLE ehr.vitals IN ACCESS EXCLUSIVE MODE');
        for my $way ((@ways) x 4) {
            my ($marker, $bytes) = write_request();
            my $cut = index($bytes, "\r\n\r\n") + 4;
            $cut += 1 + rand(length($bytes) - $cut - 1) if $way eq 'body';
            $cut = 1 + rand($cut - 2) if $way eq 'head';
            if ($way eq 'head' || $way eq 'body') {
                $part{$marker} = 1;
                depart(substr($bytes, 0, $cut), reset => rand() < 0.5);
            } elsif ($way eq 'pipelined') {
                my ($second, $more) = write_request();
                @whole{$marker, $second} = ();
                depart($bytes . $more);
            } else {
                $whole{$marker} = 1;
                depart($bytes, reset => $way eq 'reset');
            }
        }
        release($lock) if $lock;
    }, 8);
    sleep 0.3;
    my %once = map { @$_ } count_of('gone');
    my @half = grep { $once{$_} } sort keys %part;
    is "@half", '', 'half a request does nothing';
    my @twice = grep { $once{$_} > 1 } sort keys %once;
    is "@twice", '', 'a whole one at most one thing';

    my @failed = grep { repeat($_) != 201 } sort keys %whole;
    is "@failed", '', 'by its key everybody learns what became of it';
    my %now = map { @$_ } count_of('gone');
    is scalar(grep { !$now{$_} || $now{$_} != 1 } keys %whole), 0,
        'which is exactly one row for each of ' . keys %whole;
};

subtest 'readers that go away' => sub {
    my $token = $place{tokens}[0];
    until_over(1, sub {
        my $bytes = $client->compose('GET', $collection, { token => $token });
        depart($bytes x (1 + int rand 3), reset => rand() < 0.5) for 1 .. 20;
    }, 10);
    ok alive(), 'the worker lives';
};

subtest 'slow bodies' => sub {
    my ($marker, $bytes) = write_request('slow');
    my ($head, $body) = $bytes =~ /\A(.*?\r\n\r\n)(.*)\z/s;
    my @pieces = map { ($_, \0.02) } $body =~ /(.{1,8})/g;
    like $client->raw([$head, @pieces], timeout => 8), qr{\AHTTP/1.1 201 },
        'a slow body is read to its end';

    my $long = join '', map { "  \n" } 1 .. 3000;
    ($marker, $bytes) = write_request('slow', $long);
    ($head, $body) = $bytes =~ /\A(.*?\r\n\r\n)(.*)\z/s;
    like $client->raw([$head, map { ($_, \0.05) } $body =~ /(.{1,1500})/gs],
        timeout => 8), qr{\AHTTP/1.1 201 }, 'one that goes to a file, too';

    ($marker, $bytes) = write_request('slow', $long);
    $bytes =~ s/Content-Length: \d+/Transfer-Encoding: chunked/;
    ($head, $body) = $bytes =~ /\A(.*?\r\n\r\n)(.*)\z/s;
    my @chunks = map { sprintf "%x\r\n%s\r\n", length, $_ }
        $body =~ /(.{1,1000})/gs;
    like $client->raw([$head, (map { ($_, \0.03) } @chunks), "0\r\n\r\n"],
        timeout => 8), qr{\AHTTP/1.1 201 }, 'and one in chunks';
    my @rows = count_of('slow');
    is scalar(grep { $_->[1] == 1 } @rows), 3, 'each is there once';
};

subtest 'bodies that never end' => sub {
    my ($marker, $bytes) = write_request('never');
    my $began = time();
    is $client->raw([substr $bytes, 0, -5], timeout => 10), '',
        'nginx closes when nothing more comes';
    cmp_ok time() - $began, '<', 8, 'after its timeout';
    unlike $client->raw([substr $bytes, 0, -5], half_close => 1),
        qr{\AHTTP/1.1 (?:2|5)}, 'none for a body that was cut';
    $bytes =~ s/Content-Length: \d+/Transfer-Encoding: chunked/;
    my ($head) = $bytes =~ /\A(.*?\r\n\r\n)/s;
    like $client->raw(["${head}5\r\n{\"hea\r\nzz\r\n"]), qr{\AHTTP/1.1 400 },
        '400 for broken chunks';
    like $client->raw(["${head}5\r\n{\"hea\r\n0\r\n\r\n"], timeout => 2),
        qr{\AHTTP/1.1 400 .*"statusCode":400}s, 'and for half a document';
    is scalar(count_of('never')), 0, 'none of them did anything';
};

check_load($env, $load, $load->stop, 'others meanwhile');
is(($env->worker_pids)[0], $worker, 'the worker lived on');
ok wait_until(15, sub { open_descriptors() <= $descriptors + 8 }),
    'and keeps no connection open' or diag open_descriptors(), $descriptors;
my $page = $client->get('/metrics')->{body};
for my $gauge (qw(in_flight queued)) {
    my @values = $page =~ /^ehr_\w*$gauge\w*(?:\{[^}]*\})? (\d+)$/mg;
    ok @values && !grep({ $_ > 1 } @values), "nothing is $gauge";
}

check_audit_chain($env);
logs_clean($env);
done_testing;

# A write of its own: its marker, which is its key, and its bytes.
sub write_request {
    my ($prefix, $blank) = @_;
    my $marker = ($prefix || 'gone') . '-' . ++$serial;

    return ($marker, $client->compose('POST', $collection, {
        token => $place{tokens}[0], body => ($blank || '') . body($marker),
        headers => { 'Idempotency-Key' => $marker,
            ($prefix ? (Connection => 'close') : ()) } }));
}

sub body { return EHR::Test::Load::vitals($_[0]) }

# Sends and goes, after no time or a moment; with reset rudely.
sub depart {
    my ($bytes, %option) = @_;
    my $socket = $client->with_token(undef)->connection;

    local $SIG{PIPE} = 'IGNORE';
    syswrite $socket, $bytes;
    sleep rand 0.006 if rand() < 0.7;
    setsockopt $socket, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
        if $option{reset};
    close $socket;
}

sub repeat {
    my ($marker) = @_;
    my $status;

    wait_until(20, sub {
        $status = $client->post($collection, token => $place{tokens}[0],
            body => body($marker),
            headers => { 'Idempotency-Key' => $marker })->{status};
        return $status == 201;
    });
    return $status;
}

# [marker, rows] by prefix.
sub count_of {
    return $env->rows('SELECT notes, count(*) FROM ehr.vitals'
        . " WHERE notes LIKE '$_[0]-%' GROUP BY 1");
}

sub alive {
    return client(undef, $env)->get('/ready')->{status} == 200;
}

sub open_descriptors {
    my @open = glob "/proc/$worker/fd/*";
    return scalar @open;
}
