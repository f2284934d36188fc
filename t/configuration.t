# The production configuration: nginx accepts it as it stands, but for the
# paths, names and ports of this machine.

use EHR::Test;

my $port = free_port();
my $env = start_environment(name => 'configuration', no_wait => 1,
    edit => \&production);
my $dir = $env->dir;

my ($status, $said) = $env->check_configuration;
is $status, 0, 'nginx accepts the production configuration' or diag $said;
unlike $said, qr/\[(?:warn|error)\]/, 'without a warning';

# -- what it says to a client over TLS

my $tls = sub {
    my ($head) = @_;
    my ($code, $out) = run_command("$head\r\nConnection: close\r\n\r\n",
        'openssl', 's_client', '-quiet', '-ign_eof', '-connect',
        "127.0.0.1:$port", '-servername', 'localhost', @_[1 .. $#_]);
    return $out;
};

my $answer = $tls->("GET /health HTTP/1.1\r\nHost: localhost\r\n"
    . 'Origin: https://portal.hospital.example');
like $answer, qr{^HTTP/1\.1 200 }, 'answers over TLS';
like $answer, qr/^$_: /mi, "sends $_"
    for qw(Strict-Transport-Security X-Content-Type-Options X-Frame-Options
        Referrer-Policy Content-Security-Policy);
like $answer, qr{^Access-Control-Allow-Origin:\ https://portal\.
    hospital\.example\r$}xm, 'lets a known origin in';

$answer = $tls->("GET /health HTTP/1.1\r\nHost: localhost\r\n"
    . 'Origin: https://elsewhere.example');
unlike $answer, qr/^Access-Control-/mi, 'says nothing to another origin';

my $large = $env->dir . '/large';
write_file($large, 'x' x 1_100_000);
($status, $said) = run_command(undef, 'curl', '-ski', '--http2',
    '-H', 'Content-Type: application/json', '--data-binary', "\@$large",
    "https://127.0.0.1:$port/api/v1/patients");
like $said, qr{^HTTP/2 413 }, 'a body too large over HTTP/2';
like $said, qr/^\{"statusCode":413,/m, 'is refused in the form of the API';

is $tls->("GET /health HTTP/1.1\r\nHost: localhost", '-tls1_1',
    '-cipher', 'ALL:@SECLEVEL=0'), '', 'refuses TLS 1.1';

like $tls->("GET /nothing?name=Canary HTTP/1.1\r\nHost: localhost"),
    qr{^HTTP/1\.1 404 }, 'no such file';
$env->stop;
my $log = read_file($env->access_log);
like $log, qr/"status":404/, 'the access log has the request';
unlike $log, qr/Canary|nothing/, 'but neither its path nor its query';

logs_clean($env);

# -- mistakes in a connection string name the directive's line

my $good = read_file($env->conf_file);
for my $directive ('ehr_database  main', 'ehr_database  reports',
    'ehr_database_feed')
{
    for (['hoost=x', qr/invalid connection option "hoost"/],
        ['sslmode=prefer', qr/sslmode=prefer may end in plain text/],
        ['host=nowhere.invalid', qr/"nowhere\.invalid" not found/])
    {
        my ($given, $says) = @$_;
        my $conf = $good =~ s/^(\s*$directive\s+"[^"]*)"/$1 $given"/mr;
        my ($before) = $conf =~ /\A(.*\Q$given\E[^;]*;)/s or die $directive;
        my $line = 1 + $before =~ tr/\n//;

        write_file($env->conf_file, $conf);
        ($status, $said) = $env->check_configuration;
        isnt $status, 0, "$directive with $given is refused";
        like $said, $says, 'and said why';
        like $said, qr/nginx\.conf:$line$/m, "in line $line";
    }
}

done_testing;

# The file with this environment's paths.
sub production {
    my $conf = read_file(top() . '/conf/nginx.production.conf');
    my $run = $_[0] =~ /^pid\s+(\S+)\/nginx\.pid;/m ? $1 : die 'no pid';
    my ($host) = $_[0] =~ /"host=(\S+) /;
    my %key = ('jwt-2026' => 'jwt', 'field-1' => 'field');

    make_certificate($run);
    $conf =~ s{^load_module modules/}{load_module $run/modules/}m;
    $conf =~ s/^user\s.*\n//m;
    $conf =~ s/^worker_rlimit_nofile.*\n//m;
    $conf =~ s/worker_connections\s+\d+/worker_connections 512/;
    $conf =~ s/worker_processes\s+auto/worker_processes 1/;
    $conf =~ s{/run/nginx\.pid}{$run/nginx.pid};
    $conf =~ s{/var/log/nginx/}{$run/log/}g;
    $conf =~ s{ buffer=64k flush=1s}{};
    $conf =~ s{/var/lib/ehr/}{$run/}g;
    $conf =~ s{/etc/nginx/ehr/tls}{$run/tls}g;
    $conf =~ s{/etc/nginx/ehr/([\w-]+)(?=[ ;])}
        {"$run/keys/" . ($key{$1} || $1)}ge;
    $conf =~ s{"host=[^"]*\buser=(\w+)[^"]*"}{"host=$host dbname=ehr user=$1"}g;
    $conf =~ s/listen\s+\[::\]:\d+.*\n//g;
    $conf =~ s/listen\s+443/listen 127.0.0.1:$port/;
    $conf =~ s/listen\s+80/listen 127.0.0.1:@{[ free_port() ]}/;
    $conf =~ s{^http \{\n}{http \{\n@{[ temporary_paths($run) ]}}m;
    return $conf;
}

sub temporary_paths {
    my ($run) = @_;
    return join '', map
        { sprintf "%s_temp_path %s/tmp/%s;\n", $_, $run, $_ }
        qw(client_body proxy fastcgi uwsgi scgi);
}

sub make_certificate {
    my ($run) = @_;
    must_run(undef, top() . '/tools/as-service', 'openssl', 'req', '-x509',
        '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj',
        '/CN=localhost', '-keyout', "$run/tls.key", '-out', "$run/tls.crt");
}
