# A short run of Debian's nginx under valgrind: no access to memory that is not
# ours, none to memory that was never written.

use EHR::Test;
use EHR::Test::Chaos;
use POSIX ();

plan skip_all => 'a sanitizer and valgrind do not go together'
    if $ENV{EHR_NGINX};

my $env = chaos_environment(name => 'valgrind', no_nginx => 1, edit => sub {
    return "daemon off;\nmaster_process off;\n$_[0]";
});
$env->make_files;
my $report = $env->dir . '/log/valgrind';
my ($as, undef, @nginx) = $env->nginx_command;      # without env's place
my $pid = fork;
die "fork: $!" unless defined $pid;
if (!$pid) {
    exec $as, '/usr/bin/valgrind', '-q', '--error-exitcode=99',
        '--vgdb=no', "--log-file=$report", @nginx
        or POSIX::_exit(127);
}
$env->wait_ready(120);

my %place = place($env);
my $load = EHR::Test::Load->start($env, %place, processes => 1,
    deadline => 120);
my $client = client('nurse', $env);
sleep soak_seconds(5);
is $client->get('/api/v1/openapi.json')->{status}, 200, 'the document';
is $client->post("/api/v1/patients/$place{patients}[0]/vitals",
    body => '{"heartRate":')->{status}, 400, 'half a body';
is $client->post("/api/v1/patients/$place{patients}[0]/vitals",
    json => { heartRate => 'x', notes => 5 })->{status}, 422, 'bad fields';
is $client->get('/api/v1/patients?q=load&limit=2&fields=id,lastName')
    ->{status}, 200, 'a search';
$env->sql('SELECT pg_terminate_backend(pid) FROM pg_stat_activity'
    . " WHERE usename = 'ehr_app'");
sleep 1;
check_load($env, $load, $load->stop, 'valgrind');

kill 'QUIT', $env->master_pid || $pid;
waitpid $pid, 0;
is $? >> 8, 0, 'nginx ends well under valgrind';
ok -e $report, 'it watched';
is read_file($report), '', 'and has nothing to report';
logs_clean($env);
done_testing;
