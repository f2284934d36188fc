# Nobody is booked twice: thousands who want one slot, and clients that book,
# hold, move and cancel over few doctors at once.

use EHR::Test;
use EHR::Test::Chaos;
use EHR::Test::Booking;
use EHR::Test::Together qw(at_once);
use JSON::PP ();

my $crowd = 2000;
my $movers = 400;
my $env = chaos_environment(name => 'booking', edit => sub {
    my ($conf) = @_;
    $conf =~ s/(worker_connections)\s+\d+;/$1 8192;/ or die;
    return $conf;
});
my $place = booking_place($env);

ok until_engine_is_live(client(undef, $env)), 'the engine is live';

subtest "$crowd clients want one slot" => sub {
    my @patients = crowd_of_patients();
    my $before = calls('book');
    my $answers = at_once($env, map { +{
        method => 'POST', path => '/appointments',
        token => $place->{tokens}[0], body => JSON::PP::encode_json({
            patientId => $_, doctorId => $place->{doctors}[0],
            start => iso($place->{first} + 12 * 3600),
            durationMinutes => 30, type => 'CONSULTATION' }) } } @patients);
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
    cmp_ok calls('book') - $before, '<=', 8, 'the database was asked for a handful';
    is $env->sql('SELECT count(*) FROM ehr.appointments'), 1,
        'one is in the database';
    my @seconds = sort { $a <=> $b }
        map { $_->{ended} - $_->{began} } @$answers;
    note sprintf 'half of them knew in %.3f s, all in %.3f s',
        @seconds[@seconds / 2, -1];
};

subtest 'a key does not make the late ask for all of it' => sub {
    my $patient = $place->{patients}[0];
    my $before = calls('book');
    my $answers = at_once($env, map { +{
        method => 'POST', path => '/appointments', key => "late-$_-$$",
        token => $place->{tokens}[0], body => JSON::PP::encode_json({
            patientId => $patient, doctorId => $place->{doctors}[0],
            start => iso($place->{first} + 12 * 3600),
            durationMinutes => 30 }) } } 1 .. $movers);

    is scalar(grep { $_->{status} == 409 && $_->{body} =~ /"doctor":/
        && $_->{body} =~ /"alternatives":\[\{.*\}\]/ } @$answers), $movers,
        'all are told so, and offered others' or diag join "\n",
            map { "$_->{status} $_->{body}" } @$answers[0 .. 2];
    is calls('book'), $before, 'no booking was tried';
};

subtest "$movers clients move to one slot" => sub {
    my @appointments = crowd_of_appointments();
    my $slot = iso($place->{first} + 13 * 3600);
    my ($before, $versions) = (calls('reschedule'), versions());
    my $answers = at_once($env, map { +{
        method => 'PATCH', path => "/appointments/$_",
        token => $place->{tokens}[0],
        body => JSON::PP::encode_json({ start => $slot }) } } @appointments);
    my @moved = grep { $_->{status} == 200 } @$answers;
    my @taken = grep { $_->{status} == 409 && $_->{body} =~ /"doctor":/
        && $_->{body} =~ /"alternatives":\[\{.*\}\]/ } @$answers;

    is scalar(@moved), 1, 'one gets it';
    is scalar(@taken), $movers - 1, 'all others are told so, and offered'
        . ' others' or diag join "\n", map { "$_->{status} $_->{body}" }
            (grep { $_->{status} !~ /200|409/ } @$answers)[0 .. 2];
    my $asked = calls('reschedule') - $before;
    ok $asked >= 1 && $asked <= 8, "the database was asked for $asked of them";
    is versions(), $versions + 1, 'one appointment is another';
    is $env->sql("SELECT count(*) FROM ehr.appointments
        WHERE starts_at = '$slot' AND doctor_id = '$place->{doctors}[1]'"),
        1, 'it is in the database';
};

subtest 'book, hold, move and cancel at random' => sub {
    my $load = start_bookings($env);
    until_over(10, sub { sleep 0.5 });
    check_bookings($env, $load, $load->stop, 'at random', all => 1);
};

check_audit_chain($env);
logs_clean($env);
done_testing;

# As many calls of the function that does it.
sub calls {
    my ($act) = @_;
    return $env->sql('SELECT coalesce(sum(calls), 0) FROM pg_stat_statements'
        . " WHERE query LIKE '%ehr.appointment_$act(%' AND toplevel");
}

sub versions {
    return $env->sql('SELECT sum(version) FROM ehr.appointments');
}

# All of one doctor, on days that nobody else books.
sub crowd_of_appointments {
    my ($first, $doctor) = (iso($place->{first}), $place->{doctors}[1]);
    $env->sql(<<"SQL");
SELECT set_config('ehr.scope', 'system', false);
SELECT ehr.appointment_book(gen_random_uuid(), p.id, '$doctor',
           timestamptz '$first' + make_interval(days => 60 + p.n / 16,
               hours => 9, mins => 30 * (p.n % 16)), 30, 'CONSULTATION',
           'Crowd', NULL, '{}', NULL, false, NULL, NULL, NULL, '{}', NULL)
  FROM (SELECT id, row_number() OVER ()::integer - 1 AS n
          FROM ehr.patients WHERE first_name = 'Crowd' LIMIT $movers) AS p;
SQL
    return split /\n/,
        $env->sql("SELECT id FROM ehr.appointments WHERE reason = 'Crowd'");
}

sub crowd_of_patients {
    return split /\n/, $env->sql('INSERT INTO ehr.patients (first_name,'
        . " last_name, date_of_birth) SELECT 'Crowd', 'Number' || n,"
        . " '1990-01-01' FROM generate_series(1, $crowd) AS n RETURNING id");
}
