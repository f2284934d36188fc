# A client that does not wait for its login takes the check of its password
# back: whoever comes next does not wait for that.

use EHR::Test;
use EHR::Test::Client;
use EHR::Test::Process qw(read_file wait_until);

my $env = start_environment(name => 'login-gone', password_cost => 10,
    pg_settings => 'pg_stat_statements.track = all');
my $user = accounts($env)->create_user('staying', 'NURSE');
my $looked_for = sub { $env->sql("SELECT coalesce(sum(calls), 0)
    FROM pg_stat_statements WHERE query ~ 'LEFT JOIN ehr.user_secrets'") };
my $before = $looked_for->();
my @clients = map { EHR::Test::Client->new(port => $env->port) } 1 .. 40;

for my $n (0 .. $#clients) {
    EHR::Test::Client::send_all($clients[$n]->connection,
        $clients[$n]->compose('POST', '/api/v1/auth/login', { json => {
            email => "nobody$n\@test.example",
            password => 'Wrong-Pass-2026!' } }), time + 20);
}
ok wait_until(20, sub { $looked_for->() == $before + 40 }),
    'forty wait for their check';
undef @clients;

is client(undef, $env)->sign_in($user->{email}, $user->{password})->{status},
    200, 'another one signs in';
my %status;
ok wait_until(20, sub {
    %status = ();
    $status{$_}++ for read_file($env->access_log)
        =~ m{"route":"/auth/login","status":(\d+)}g;
    return ($status{499} || 0) + ($status{401} || 0) == 40;
}), 'the others are over';
cmp_ok $status{401} || 0, '<', 30,
    'and not all of them got as far as an answer';

logs_clean($env);
done_testing;
