# Two nodes book over one database, and one of them has the wrong time.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use File::Temp qw(tempdir);

my $env = chaos_environment(name => 'booking-nodes');
my @nodes = ($env);             # all that wrote audit heads

booking_place($env);

subtest 'two nodes' => sub {
    my $other = EHR::Test::Environment->beside($env, name => 'second');
    push @nodes, $other;
    my @ports = ($env->port, $other->port);
    my $load = start_bookings($env, ports => \@ports);

    ok until_engine_is_live(client(undef, $_)), 'the engine is live'
        for $env, $other;
    until_over(3, sub { sleep 0.5 });
    note 'one of them is killed, and comes back';
    $other->stop_nginx('KILL');
    sleep 1;
    $other->start_nginx;
    $other->wait_ready;
    sleep 2;
    check_bookings($env, $load, $load->stop, 'two nodes', refused => 1);
    logs_clean($other);
};

SKIP: {
    skip 'a sanitizer wants to be loaded first', 1 if $ENV{EHR_NGINX};
    wrong_time();
}

check_audit_chain(@nodes);
logs_clean($env);
done_testing;

# A clock that is a day ahead or behind from the start, and one that jumps
# while clients book.
sub wrong_time {
    my $folder = tempdir('/tmp/ehr-clock.XXXXXX', CLEANUP => 1);
    my ($shim, $clock) = ("$folder/clock.so", "$folder/clock");

    chmod 0755, $folder or die "$folder: $!";
    must_run(undef, 'cc', '-shared', '-fPIC', '-O1', '-o', $shim,
        top() . '/t/chaos/clock.c');
    move($clock, 0);
    my $other = EHR::Test::Environment->beside($env, name => 'clock',
        environment => ["LD_PRELOAD=$shim", "EHR_TEST_CLOCK=$clock"]);
    push @nodes, $other;

    for my $days (1, -1) {
        subtest "the clock of a node moves by $days day" => sub {
            my $load = start_bookings($env, ports => [$env->port]);
            move($clock, 86400 * $days);
            sleep 0.5;

            # tokens are good where they were signed
            my $theirs = start_bookings($env, ports => [$other->port],
                processes => 1, tokens => [tokens_of($other)],
                beside => $load);
            until_over(3, sub { sleep 0.5 });
            my @records = map { $_->stop } $theirs, $load;
            check_bookings($env, $theirs, $records[0], 'the wrong time');
            check_bookings($env, $load, $records[1], 'the right one');
            move($clock, 0);
            sleep 0.5;
        };
    }
    logs_clean($other);
}

# In place: nginx has mapped the file.
sub move {
    my ($clock, $seconds) = @_;
    open my $file, (-e $clock ? '+<' : '>'), $clock or die "$clock: $!";
    syswrite $file, pack('q', $seconds) or die "$clock: $!";
    close $file or die "$clock: $!";
}

sub tokens_of {
    my ($node) = @_;
    my $accounts = EHR::Test::Accounts->attach($node, accounts($env)->state);
    return map { $accounts->token($_) } qw(admin reception);
}
