# What docs/operations.md says under "Installing" can be done as it says: the
# module by make install, the database, the least nginx.conf; and systemd
# understands the units of conf/.

use EHR::Test;
use File::Temp qw(tempdir);

my $env = environment();
my $dir = tempdir(CLEANUP => 1);

installs_by_rename();
takes_a_database_in_utf8_only();
least_configuration();
units_are_understood();

logs_clean($env);
done_testing;

sub installs_by_rename {
    my $modules = "$dir/root/usr/lib/nginx/modules";
    my @install = ('make', '-s', '-C', top(), 'install', "DESTDIR=$dir/root");
    my $said = must_run(undef, @install);
    my $first = (stat "$modules/ngx_http_ehr_module.so")[1];

    like $said, qr{^load_module\ /usr/lib/nginx/modules/
        ngx_http_ehr_module\.so;$}xm,
        'make install prints the line for nginx.conf';
    must_run(undef, @install);
    isnt +(stat "$modules/ngx_http_ehr_module.so")[1], $first,
        'a running nginx keeps its file';
    is_deeply [glob "$modules/{.n,}*"], ["$modules/ngx_http_ehr_module.so"],
        'and nothing else is left';
}

# As createdb makes it on a Debian without a locale.
sub takes_a_database_in_utf8_only {
    $env->sql("CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII'
        LOCALE 'C'");
    my ($status, $out, $err) = run_command(undef, $env->psql_command(
        'postgres', '-d', 'ascii', '-f', top() . '/sql/roles.sql'));
    $env->sql('DROP DATABASE ascii');

    isnt $status, 0, 'roles.sql refuses a database in SQL_ASCII';
    like $err, qr/in SQL_ASCII, not in UTF8\n.*createdb -T template0 -E UTF8/s,
        'and says how to make one';
}

sub least_configuration {
    my ($conf) = read_file(top() . '/docs/operations.md')
        =~ /^   ```nginx\n(.*?)^   ```/ms or die 'no configuration';
    my $place = $env->dir;
    my ($host, $port) = ($env->socket, free_port());

    $conf =~ s{/usr/lib/nginx/modules/}{$place/modules/};
    $conf =~ s{host=db\.internal}{host=$host};
    $conf =~ s{/etc/nginx/ehr/(jwt|field)[-\d]*}{$place/keys/$1}g;
    $conf =~ s{/etc/nginx/ehr/}{$place/keys/}g;
    my $paths = join '', map { "${_}_temp_path $place/tmp/least;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);
    $conf =~ s{http \{\n}{http \{\naccess_log off;\n$paths};
    $conf =~ s{server \{\n}{server \{\nlisten 127.0.0.1:$port;\n};
    $conf .= "pid $place/least.pid;\nevents {}\n";
    write_file("$place/least.conf", $conf);

    my ($status, $out, $err) = run_command(undef, $env->nginx_command('-t',
        '-c', "$place/least.conf"));
    is $status, 0, 'nginx takes the least nginx.conf' or diag $err;
}

# What systemd says of lines it does not know or cannot use names their file.
sub units_are_understood {
    my $units = "$dir/units";
    my ($conf, $verify) = (top() . '/conf', 'ehr-audit-verify');
    my $service = read_file("$conf/$verify.service");

    SKIP: {
        skip 'there is no systemd', 1 unless -x '/usr/bin/systemd-analyze';
        must_run(undef, 'install', '-D', '-m', '644',
            "$conf/nginx.service.conf", "$units/nginx.service.d/ehr.conf");
        must_run(undef, 'cp', "$conf/$verify.timer", $units);
        $service =~ s{/opt/nginx-ehr/}{@{[ top() ]}/};
        write_file("$units/$verify.service", $service);

        my ($status, $out, $err) = run_command(undef, 'env',
            "SYSTEMD_UNIT_PATH=$units:", 'systemd-analyze', '--man=no',
            'verify', 'nginx.service', "$verify.service", "$verify.timer");
        is_deeply [grep { index($_, $units) >= 0 || /$verify/ }
            split /\n/, $out . $err], [], 'systemd understands the units';
    }
}
