# Workers die at named points of a booking's way (src/store/crash_point.h):
# first one booking at a time, then while many clients book.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use EHR::Test::Workers qw(worker_of);

my $workers = 3;

# Whether what is booked is in the database when the worker dies.
my %done = ('booking-claimed' => 'no', 'unit-sent' => 'perhaps',
    'result-arrived' => 'perhaps', 'unit-synced' => 'yes',
    'batch-settled' => 'yes', 'engine-locked' => 'perhaps');
my @many = (sort keys %done, qw(batch-reported engine-fed feed-change));

unless ($ENV{EHR_NGINX}) {      # sanitizers come with the points
    chomp($ENV{EHR_MODULE} = must_run(undef,
        top() . '/t/chaos/build-crash-points'));
    my @words = (@many, qw(feed-row EHR_CRASH_POINT ehr_crash));
    is_deeply [words_of($ENV{EHR_MODULE}, @words)], \@words,
        'the module has points to die at';
    is_deeply [words_of(top() . '/build/ngx_http_ehr_module.so', @words)], [],
        'the one that is installed has none';
}

my $env = chaos_environment(name => 'crash-points', workers => $workers,
    no_nginx => 1);
my $control = $env->dir . '/crash-point';
my @killed;

$env->as_service('sh', '-c', 'head -c 64 /dev/zero > "$1"', 'make', $control);
$env->make_files;
{
    local $ENV{EHR_CRASH_POINT} = $control;
    $env->start_nginx;
}
$env->wait_ready;
my $place = booking_place($env);
my $client = client('reception', $env);
my $next = $place->{first} + 6 * 3600;      # the next start to book
until_engine_is_live($client) or die "the engine is not live\n";

for my $point (sort keys %done) {
    subtest "one booking dies: $point" => sub {
        my ($booking, $key) = booking_that_dies($point);
        my ($made) = made($booking);

        is $made, $done{$point} eq 'yes' ? 1 : 0,
            $done{$point} eq 'yes' ? 'it is in the database' : 'it is not'
            unless $done{$point} eq 'perhaps';

        my $again;
        wait_until(10, sub {        # the database may still be at it
            $again = $client->post('/api/v1/appointments', json => $booking,
                headers => { 'Idempotency-Key' => $key });
            return $again->{body} !~ /still under way/;
        });
        is $again->{status}, 201, 'the repetition is told of it'
            or diag $again->{body};
        is made($booking), 1, 'it is there once';

        my $gone = $client->delete('/api/v1/appointments/'
            . $again->{data}{id}, json => { reason => 'Chaos' });
        is $gone->{status}, 200, 'it can be cancelled';
        is $client->post('/api/v1/appointments', json => $booking)->{status},
            201, 'and its time be had by somebody else';
    };
}

subtest 'a claim dies with its worker' => sub {
    my ($booking) = booking_that_dies('booking-claimed');
    my $answer = $client->post('/api/v1/appointments', json => $booking);
    is $answer->{status}, 201, 'the slot is free at once'
        or diag $answer->{body};
};

for my $point (@many) {
    subtest "many book: $point" => sub {
        my $load = start_bookings($env);
        until_over(1, sub { die_at($point, 1 + int rand 30) }, 3);
        check_bookings($env, $load, $load->stop, "killed: $point");
    };
}

subtest 'many book: while the engine is loaded' => sub {
    my $load = start_bookings($env);
    until_over(1, sub {
        die_at('feed-change', 1);
        arm('feed-row', 1 + int rand 20);
        # whoever has the feed now may be through already: then once more
        wait_until(2, sub { victim() }) or $env->sql('SELECT
            pg_terminate_backend(active_pid) FROM pg_replication_slots
             WHERE active');
        one_dies('feed-row');
    }, 2);
    check_bookings($env, $load, $load->stop, 'killed: feed-row');
};

check_audit_chain($env);
my $killed = join '|', @killed;
my $locked = qr/zone "ehr_availability" was locked by (?:$killed)$/m;
like read_file($env->error_log), $locked, 'some died with the mutex';
logs_clean($env, allow => deaths_of(@killed));
done_testing;

# Those of the words that a program has, its symbols' names included.
sub words_of {
    my ($program, @words) = @_;
    my $bytes = read_file($program) or die "$program is not there\n";
    return grep { index($bytes, $_) >= 0 } @words;
}

# The next worker that passes the point for the n-th time dies; a new one
# takes its place.
sub die_at {
    my ($point, $passes) = @_;
    arm($point, $passes);
    one_dies($point);
}

sub one_dies {
    my ($point) = @_;
    wait_until(20, sub { victim() }) or BAIL_OUT("nobody passes $point");
    replaced();
}

sub arm {
    my ($point, $passes) = @_;
    open my $file, '+<:raw', $control or die "$control: $!";
    syswrite $file, pack('l l Z56', 0, 0, $point) or die "$control: $!";
    sysseek $file, 0, 0 or die "$control: $!";
    syswrite $file, pack('l', $passes) or die "$control: $!";
    close $file or die "$control: $!";
}

sub victim { return (unpack 'l l', read_file($control))[1] }

sub replaced {
    my $victim = victim();
    push @killed, $victim;
    wait_until(10, sub {
        my @now = $env->worker_pids;
        return @now == $workers && !grep { $_ == $victim } @now;
    }) or BAIL_OUT('no workers');
}

# A booking that nobody has answered, and its key.  Others than the booking
# pass the point, too: then there is another try.
sub booking_that_dies {
    my ($point) = @_;

    for my $try (1 .. 10) {
        my $key = "$point-$$-" . $next;
        my $booking = { patientId => $place->{patients}[0],
            doctorId => $place->{doctors}[0], start => iso($next),
            durationMinutes => 10, type => 'CONSULTATION', reason => $key };
        $next += 600;
        my $quiet = quiet_client();
        arm($point, 1);
        my $answer = $quiet->post('/api/v1/appointments',
            json => $booking, headers => { 'Idempotency-Key' => $key });
        replaced() if wait_until(5, sub { victim() });
        return ($booking, $key) unless $answer->{status};
    }
    BAIL_OUT("no booking dies at $point");
}

# Of a worker that has the feed and the chores not to do: nothing but the booking
# brings it to a point of what is asked of the database.
sub quiet_client {
    my @quiet;

    # who had the feed last may be dead, and the next not have said so
    wait_until(20, sub {
        my ($busy) = read_file($env->error_log)
            =~ /.*\[notice\] (\d+)#\d+: change feed: live/s;
        @quiet = grep { $_ != $busy } $env->worker_pids;
        return @quiet < $workers;
    }) or die "nobody has the feed\n";

    for (1 .. 200) {
        my $one = $client->with_token($client->{token});
        next if $one->get('/ready')->{status} != 200;   # it just begins
        return $one if worker_of($one, @quiet);
    }
    die "no connection to a worker without the feed\n";
}

sub made {
    my ($booking) = @_;
    return $env->sql('SELECT count(*) FROM ehr.appointments WHERE reason ='
        . " '$booking->{reason}'");
}
