# make run and make stop: what they print, that both may be said twice, and
# what they say in trouble.

use EHR::Test;
use IO::Socket::INET;

my $dir = top() . '/build/test/run';
my $port = free_port();

sub run { return tool('dev-run', $_[1] // $dir, $_[0], module()) }
sub stop { return tool('dev-stop', $_[0] // $dir) }

# Its exit status and all that it said.
sub tool {
    my ($name, @arguments) = @_;
    my ($status, @said) = run_command(undef, top() . "/tools/$name",
        @arguments);
    return ($status, join '', @said);
}

sub module {
    return $ENV{EHR_MODULE} || top() . '/build/ngx_http_ehr_module.so';
}

# -- trouble

for my $wrong (0, 65536, '80a') {
    my ($status, $said) = run($wrong);
    isnt $status, 0, "port $wrong is refused";
    like $said, qr/PORT=$wrong is not a port number/, 'for being none';
}

my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my ($status, $said) = run($taken->sockport);
isnt $status, 0, 'a port that is taken is refused';
like $said, qr/port @{[ $taken->sockport ]} is taken .* make run PORT=\d/,
    'and another one named';
ok !-e "$dir/pg", 'before anything is started';

SKIP: {
    skip 'only root can make what belongs to another', 4 if $> != 0;
    my $other = "$dir-of-another";
    must_run(undef, 'mkdir', '-p', $other);
    write_file("$other/nginx.conf", '');
    must_run(undef, 'chown', 'nobody', $other);
    for (['run', sub { run($port, $other) }], ['stop', sub { stop($other) }]) {
        ($status, $said) = $_->[1]->();
        isnt $status, 0, "$_->[0]: not what belongs to another user";
        like $said, qr/belongs to nobody: run this as that user/, 'who is named';
    }
    must_run(undef, 'rm', '-r', $other);
}

# -- as it should be

($status, $said) = run($port);
is $status, 0, 'runs' or diag $said;
like $said, qr{is ready: http://127\.0\.0\.1:$port/api/v1 }, 'where';

for my $who (qw(admin doctor nurse reception patient pharmacist lab)) {
    like $said, qr/\b$who\@demo\.example\b/, "names $who";
    my $portal = $who eq 'patient' ? '/portal' : '';
    my $answer = EHR::Test::Client->new(port => $port)
        ->post("/api/v1$portal/auth/login", json => {
            email => "$who\@demo.example", password => 'Demo-Pass-2026!' });
    is $answer->{status}, 200, "who can sign in";
}

($status, $said) = run($port);
is $status, 0, 'a second time';
like $said, qr/running already: .*:$port/, 'it was there already';
unlike $said, qr/loading|applied/, 'and is left as it is';

($status, $said) = stop();
is $status, 0, 'stops';
like $said, qr/^stopped: nginx PostgreSQL$/m, 'both';
($status, $said) = stop();
is $status, 0, 'a second time';
like $said, qr/^nothing runs below /, 'there is nothing to stop';

done_testing;
