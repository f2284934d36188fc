# Nobody is booked twice: thousands who want one slot, and clients that book,
# hold, move and cancel over few doctors at once.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use POSIX ();

my $crowd = 2000;
my $env = chaos_environment(conf => "ehr_feed_stale 100ms;", name => "booking-stale", edit => sub {
    my ($conf) = @_;
    $conf =~ s/(worker_connections)\s+\d+;/$1 8192;/ or die;
    return $conf;
});
my $place = booking_place($env);

ok until_engine_is_live(client(undef, $env)), 'the engine is live';

subtest "$crowd clients want one slot" => sub {
    my @patients = crowd_of_patients();
    my $before = calls();
    my $answers = all_at_once(@patients);
    my @made = grep { $_->{status} == 201 } @$answers;
    my @taken = grep { $_->{status} == 409 } @$answers;

    is scalar(@made), 1, 'one gets it';
    is scalar(@taken), $crowd - 1, 'all others are told that it is taken'
        or diag join "\n", map { "$_->{status} $_->{error} $_->{body}" }
            (grep { $_->{status} !~ /201|409/ } @$answers)[0 .. 2];
    is scalar(grep { $_->{body} =~ /"doctor":/ } @taken), $crowd - 1,
        'by the doctor';
    is scalar(grep { $_->{body} =~ /"alternatives":\[\{.*\}\]/ } @taken),
        $crowd - 1, 'and offered others';
    cmp_ok calls() - $before, '<=', 8, 'the database was asked for a handful';
    is $env->sql('SELECT count(*) FROM ehr.appointments'), 1,
        'one is in the database';
    my @seconds = sort { $a <=> $b }
        map { $_->{ended} - $_->{began} } @$answers;
    note sprintf 'half of them knew in %.3f s, all in %.3f s',
        @seconds[@seconds / 2, -1];
};

subtest 'book, hold, move and cancel at random' => sub {
    my $load = start_bookings($env);
    until_over(10, sub { sleep 0.5 });
    check_bookings($env, $load, $load->stop, 'at random', all => 1);
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# As many calls of the function that books.
sub calls {
    return $env->sql('SELECT coalesce(sum(calls), 0) FROM pg_stat_statements'
        . " WHERE query LIKE '%ehr.appointment_book(%' AND toplevel");
}

sub crowd_of_patients {
    return split /\n/, $env->sql('INSERT INTO ehr.patients (first_name,'
        . " last_name, date_of_birth) SELECT 'Crowd', 'Number' || n,"
        . " '1990-01-01' FROM generate_series(1, $crowd) AS n RETURNING id");
}

# Each asks once, over a connection of its own that is open before.
sub all_at_once {
    my @patients = @_;
    my $parts = 4;
    my @pids;

    for my $part (0 .. $parts - 1) {
        my $pid = fork;
        die "fork: $!" unless defined $pid;
        if ($pid) {
            push @pids, $pid;
            next;
        }
        my $done = eval {
            ask($part, @patients[grep { $_ % $parts == $part }
                0 .. $#patients]);
            1;
        };
        print STDERR $@ unless $done;
        POSIX::_exit($done ? 0 : 1);
    }
    wait_until(30, sub { 4 == (my @ready = glob $env->dir . '/ready.*') })
        or die "no crowd\n";
    write_file($env->dir . '/go', '');
    for (@pids) {
        waitpid $_, 0;
        die "a client process failed\n" if $?;
    }
    return [map { @{ JSON::PP::decode_json(read_file($env->dir
        . "/answers.$_")) } } 0 .. $parts - 1];
}

sub ask {
    my ($part, @patients) = @_;
    my @answers;
    my $crowd = EHR::Crowd->new(port => $env->port,
        connections => scalar @patients);

    $crowd->connect_all;
    write_file($env->dir . "/ready.$part", '');
    wait_until(30, sub { -e $env->dir . '/go' }) or die "nobody said go\n";
    $crowd->run(
        next => sub {
            my $patient = shift @patients or return undef;
            return { method => 'POST', path => '/appointments',
                token => $place->{tokens}[0], body => JSON::PP::encode_json({
                    patientId => $patient, doctorId => $place->{doctors}[0],
                    start => iso($place->{first} + 12 * 3600),
                    durationMinutes => 30, type => 'CONSULTATION' }) };
        },
        done => sub { push @answers, $_[2] });
    write_file($env->dir . "/answers.$part", JSON::PP::encode_json(\@answers));
}
