package EHR::Test::Environment;

# A PostgreSQL cluster and an nginx with the module, below build/test.
#
#   my $env = EHR::Test::Environment->start(name => 'faults', workers => 2);
#   $env->url, $env->port, $env->error_log, …
#   $env->stop;                     # also at the end of the process
#
# Options of start():
#   name             directory below build/test
#   directory        another place
#   workers          1 by default
#   zone             size of the shared zone, '16m'
#   log_level        of the error log, 'notice'; 'debug' for everything
#   database         text added to both ehr_database directives
#   lane_options     { main => 'connections=2 queue=4' } instead of the
#                    development configuration's
#   conninfo         instead of the socket of the own cluster
#   rate_limits      configuration lines; none by default
#   password_cost    4 by default, the least: only tests of logins themselves
#                    need what is real
#   conf             lines added at http level
#   server_conf      lines added in the server
#   edit             code that gets and returns the whole configuration text
#   pg_settings      lines for postgresql.conf
#   schema           stops at this migration
#   no_nginx         only the database
#   no_wait          does not wait for /ready
#   keep             leaves it running at the end of the process
#   environment      ['NAME=value', …] of nginx
#
# Another node of the same hospital, an nginx with the database and keys of an
# environment; options as above, those of the first by default:
#
#   my $node = EHR::Test::Environment->beside($env, name => 'second');

use strict;
use warnings;
use EHR::Test::Client;
use EHR::Test::Process qw(top run_command must_run free_port read_file
    write_file wait_until);
use EHR::Test::Session;
use Time::HiRes qw(sleep time);

my %running;                    # by directory: stopped at the end

sub start {
    my ($class, %option) = @_;
    my $name = $option{name} or die 'an environment needs a name';
    my $asked = $option{directory} || top() . "/build/test/$name";

    my $self = bless { option => \%option, name => $name }, $class;
    remove($asked);
    must_run(undef, 'mkdir', '-p', $asked);
    chomp($self->{dir} = must_run(undef, top() . '/tools/make-place', $asked));
    $self->{pid} = $$;
    $running{$self->{dir}} = $self unless $option{keep};

    {
        local $ENV{EHR_PG_TEMPLATE} = $option{schema} ? ''
            : $ENV{EHR_TEST_TEMPLATE} || '';
        $self->start_database;
        $self->create_schema unless $ENV{EHR_PG_TEMPLATE};
    }
    unless ($option{no_nginx}) {
        $self->make_files;
        $self->start_nginx;
        $self->wait_ready unless $option{no_wait};
    }
    return $self;
}

# For tools/test: makes a database with the newest schema that others begin
# as, if EHR_TEST_TEMPLATE names it; its path.
sub template {
    my ($class) = @_;
    my $self = $class->start(name => 'template', no_nginx => 1, keep => 1);
    $self->stop_database;
    return "$self->{dir}/pg";
}

sub beside {
    my ($class, $first, %option) = @_;
    my %own = (name => $first->name . "-$option{name}", pid => $$,
        socket => $first->socket,
        option => { %{ $first->{option} }, %option });
    my $self = bless { %own, database => $first }, $class;
    my $asked = top() . "/build/test/$self->{name}";

    remove($asked);
    must_run(undef, 'mkdir', '-p', $asked);
    chomp($self->{dir} = must_run(undef, top() . '/tools/make-place', $asked));
    $running{$self->{dir}} = $self;
    $self->make_files;
    $self->as_service('cp', '-r', $first->dir . '/keys', $self->{dir});
    $self->start_nginx;
    $self->wait_ready unless $option{no_wait};
    return $self;
}

# What another process needs to attach() to it, and back.
sub state {
    my ($self) = @_;
    return { map { $_ => $self->{$_} } qw(name dir port) };
}

sub attach {
    my ($class, $state) = @_;
    return bless { %$state, option => {}, attached => 1 }, $class;
}

# -- paths and addresses ------------------------------------------------------

sub is_shared   { $_[0]{attached} }
sub dir         { $_[0]{dir} }
sub name        { $_[0]{name} }
sub port        { $_[0]{port} }
sub url         { 'http://127.0.0.1:' . $_[0]{port} }
sub error_log   { $_[0]{dir} . '/log/error.log' }
sub access_log  { $_[0]{dir} . '/log/access.log' }
sub database_log { $_[0]{dir} . '/log/postgresql.log' }
sub conf_file   { $_[0]{dir} . '/nginx.conf' }
sub key_file    { $_[0]{dir} . "/keys/$_[1]" }  # jwt field index audit …
sub audit_head  { $_[0]{dir} . '/audit-head' }

sub setup_token {
    my ($self) = @_;
    my $token = read_file($self->key_file('setup-token'));
    $token =~ s/\s+\z//;
    return $token;
}

# The directory of PostgreSQL's socket: host= of a conninfo.
sub socket {
    my ($self) = @_;
    return $self->{socket} ||= do {
        chomp(my $dir = must_run(undef, top() . '/tools/cluster', 'socket',
            $self->{dir}));
        $dir;
    };
}

# -- the database -------------------------------------------------------------

sub start_database {
    my ($self) = @_;
    local $ENV{EHR_PG_SETTINGS} = "$self->{dir}/pg-settings";

    write_file($ENV{EHR_PG_SETTINGS}, join "\n", 'fsync = off',
        'shared_buffers = 64MB', $self->{option}{pg_settings} || '', '')
        unless -e $ENV{EHR_PG_SETTINGS};
    must_run(undef, top() . '/tools/cluster', 'start', $self->{dir});
}

# mode: smart, fast or immediate
sub stop_database {
    my ($self, $mode) = @_;
    $self->end_sessions;
    must_run(undef, top() . '/tools/cluster', 'stop', $self->{dir},
        $mode || 'fast');
}

sub restart_database {
    my ($self, $mode) = @_;
    $self->stop_database($mode);
    $self->start_database;
}

sub create_schema {
    my ($self) = @_;
    my $roles = top() . '/sql/roles.sql';

    must_run(undef, $self->psql_command('postgres', '-f', $roles));
    $self->migrate($self->{option}{schema});
}

# Brings the schema to a migration, or to the newest.
sub migrate {
    my ($self, $last) = @_;
    my @files = grep { !$last || m{/(\d+)_[^/]+$} && $1 <= $last }
        glob top() . '/sql/migrations/*.sql';
    my $some = "$self->{dir}/migrations";
    local @ENV{qw(PGHOST PGDATABASE PGUSER)} =
        ($self->socket, 'ehr', 'ehr_migration');

    must_run(undef, 'mkdir', '-p', $some);
    must_run(undef, 'cp', @files, $some);
    must_run(undef, top() . '/tools/migrate', '--directory', $some);
}

sub psql_command {
    my ($self, $user, @arguments) = @_;
    return ('/usr/bin/psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-F', "\t",
        '-h', $self->socket, '-U', $user, '-d', 'ehr', @arguments);
}

# Runs SQL as a role (postgres, ehr_owner …): (ok, output, errors).
sub psql {
    my ($self, $user, $sql) = @_;
    local $ENV{PGOPTIONS} = '--client-min-messages=warning';
    my ($status, $out, $err) = EHR::Test::Session::suits($sql)
        ? $self->session($user)->run($sql)
        : run_command($sql, $self->psql_command($user));
    chomp $out;
    return (!$status, $out, $err);
}

# A psql of this process that stays, for each role.
sub session {
    my ($self, $user) = @_;
    return $self->{sessions}{$$}{$user} ||=
        EHR::Test::Session->new($self->psql_command($user));
}

sub end_sessions {
    my ($self) = @_;
    $_->end for values %{ delete $self->{sessions}{$$} || {} };
}

# SQL as the superuser, the owner (no login: SET ROLE) and the application;
# dies if it fails, returns the output: columns by tab, rows by newline.
sub sql { return $_[0]->sql_as('postgres', $_[1]) }
sub sql_owner { return $_[0]->sql_as('postgres', "SET ROLE ehr_owner;\n$_[1]") }
sub sql_app { return $_[0]->sql_as('ehr_app', $_[1]) }

sub sql_as {
    my ($self, $user, $sql) = @_;
    my ($ok, $out, $err) = $self->psql($user, $sql);
    die "$sql\n$err" unless $ok;
    return $out;
}

# The rows of a query as the superuser: a list of array references.
sub rows {
    my ($self, $sql) = @_;
    return map { [split /\t/, $_, -1] } split /\n/, $self->sql($sql);
}

# What bin/ehr-audit-verify says of the audit log: (exit status, text).
# Options: database, key (a file, or [VERSION=]FILE of several), head (a file,
# or those of several nodes).
sub verify_audit {
    my ($self, %option) = @_;
    my $heads = $option{head} || $self->audit_head;
    my $keys = $option{key} || $self->key_file('audit');
    my ($status, $out, $err) = run_command(undef, $^X,
        top() . '/bin/ehr-audit-verify',
        (map { ('--key', $_) } ref $keys ? @$keys : $keys),
        (map { ('--head', $_) } ref $heads ? @$heads : $heads),
        '--conninfo', 'host='
        . $self->socket . ' dbname=' . ($option{database} || 'ehr')
        . ' user=ehr_app');
    return ($status >> 8, $out . $err);
}

# -- nginx --------------------------------------------------------------------

sub make_files {
    my ($self) = @_;
    my $dir = $self->{dir};
    my $module = $ENV{EHR_MODULE}
        || top() . '/build/ngx_http_ehr_module.so';

    $self->as_service('mkdir', '-p', "$dir/log", "$dir/modules", "$dir/tmp");
    must_run(read_file(top() . '/tools/make-keys'), top()
        . '/tools/as-service', 'bash', '-s', '--', "$dir/keys");
    must_run(undef, 'install', '-m', '644', $module, "$dir/modules/");
    must_run(undef, 'install', '-m', '755', $ENV{EHR_NGINX}, "$dir/nginx")
        if $ENV{EHR_NGINX};
    $self->{port} ||= free_port();
    write_file($self->conf_file, $self->configuration);
}

# Rewrites the configuration from changed options; reload() uses it.  Before
# make_files() there is none to rewrite.
sub reconfigure {
    my ($self, %option) = @_;
    $self->{option} = { %{ $self->{option} }, %option };
    write_file($self->conf_file, $self->configuration) if $self->{port};
}

# The development configuration, with what the options change.
sub configuration {
    my ($self) = @_;
    my $option = $self->{option};
    my $conf = read_file(top() . '/conf/nginx.conf');
    my $host = $self->socket;
    my $conninfo = $option->{conninfo};

    if (defined $conninfo) {
        $conf =~ s/"host=\@SOCKET\@ dbname=ehr user=ehr_app"/"$conninfo"/g;
    }
    for my $lane (keys %{ $option->{lane_options} || {} }) {
        $conf =~ s/(ehr_database\s+$lane\s+"[^"]*")[^;]*;/$1
            $option->{lane_options}{$lane};/;
    }
    if (my $more = $option->{database}) {
        $conf =~ s/(ehr_database\s+\w+\s+"[^"]*"[^;]*);/$1 $more;/g;
    }

    my $log_level = $option->{log_level} || 'notice';
    my $zone = $option->{zone} || '16m';
    my $http = join "\n", rate_limits($option->{rate_limits} || ''),
        $option->{conf} || '';
    my $server = $option->{server_conf} || '';
    my $workers = $option->{workers} || 1;

    my $cost = $option->{password_cost} || 4;

    $conf =~ s/(ehr_password_pool\s+\w+\s+cost)=\d+/$1=$cost/;
    $conf =~ s/\@RUN\@/$self->{dir}/g;
    $conf =~ s/\@SOCKET\@/$host/g;
    $conf =~ s/\@PORT\@/$self->{port}/g;
    $conf =~ s/\@WORKERS\@/$workers/g;
    $conf =~ s/^(error_log\s+\S+)\s+\w+;/$1 $log_level;/m;
    $conf =~ s/^\s*ehr_rate_limit\b[^;]*;\n//mg;
    $conf =~ s/(ehr_zone\s+\w+)\s+\w+;/$1 $zone;/;
    $conf =~ s/^(    server \{\n)/$http\n$1$server\n/m;
    # or a binary that takes over runs without them
    $conf = join '', map({ "env ${_}SAN_OPTIONS;\n" } qw(A L UB)), $conf
        if $ENV{EHR_NGINX};
    $conf = $option->{edit}->($conf) if $option->{edit};
    return $conf;
}

# The lines given; what they do not limit is not limited.
sub rate_limits {
    my ($lines) = @_;
    return join "\n", $lines, map { "ehr_rate_limit $_ off;" }
        grep { $lines !~ /ehr_rate_limit\s+$_\b/ }
        qw(address account login_address login_account);
}

sub as_service {
    my ($self, @command) = @_;
    return must_run(undef, top() . '/tools/as-service', @command);
}

# The command that runs nginx here; more arguments: -t, -s reload …
sub nginx_command {
    my ($self, @arguments) = @_;
    my $dir = $self->{dir};
    my $program = -x "$dir/nginx" ? "$dir/nginx" : '/usr/sbin/nginx';

    return (top() . '/tools/as-service',
        'env', $self->sanitizer_options(@arguments),
        @{ $self->{option}{environment} || [] }, $program,
        '-p', $dir, '-e', $self->error_log, '-c', $self->conf_file, @arguments);
}

# In the environment of an nginx with sanitizers: reports go to files beside
# the log.  `nginx -t` frees nothing at its end.
#
# libasan of GCC 12 looks before a block of thread-local memory for a header
# that glibc no longer writes.  One time in 256 the block begins where it
# thinks so; then it reads its own allocation's header, takes the thread's
# number and a hash for an address, and dies of it when it looks for leaks.
# Without intercept_tls_get_addr it takes the dynamic linker's word.
sub sanitizer_options {
    my ($self, @arguments) = @_;
    my $dir = $self->{dir};
    my $log = "log_path=$dir/log/sanitizer";
    my $leaks = grep({ $_ eq '-t' } @arguments) ? 0 : 1;

    return () unless $ENV{EHR_NGINX};
    for my $name (qw(leaks undefined)) {
        write_file("$dir/$name.txt",
            read_file(top() . "/t/sanitizers/$name.txt"));
    }
    return ('ASAN_OPTIONS=detect_odr_violation=0:intercept_tls_get_addr=0:'
        . "detect_leaks=$leaks:$log",
        "LSAN_OPTIONS=suppressions=$dir/leaks.txt:print_suppressions=0",
        "UBSAN_OPTIONS=suppressions=$dir/undefined.txt:print_stacktrace=1:"
        . $log);
}

# Returns nginx's exit status and what it said: for configurations it refuses.
sub check_configuration {
    my ($self) = @_;
    my ($status, $out, $err) = run_command(undef, $self->nginx_command('-t'));
    return ($status >> 8, $out . $err);
}

sub start_nginx {
    my ($self) = @_;
    must_run(undef, $self->nginx_command);
}

# Stops nginx and waits until it is gone; signal QUIT, TERM or KILL.  A master
# that is killed leaves its workers: they are killed with it.
sub stop_nginx {
    my ($self, $signal) = @_;
    my $master = $self->master_pid or return;
    my @workers = $self->worker_pids;

    $signal ||= 'QUIT';
    kill $signal, $master, $signal eq 'KILL' ? @workers : ();
    $self->wait_for(40, 'nginx to stop',
        sub { !grep { is_alive($_) } $master, @workers });
    unlink "$self->{dir}/nginx.pid" if $signal eq 'KILL';
}

sub restart_nginx {
    my ($self) = @_;
    $self->stop_nginx;
    $self->start_nginx;
}

# Reloads the configuration and waits until new workers serve.
sub reload {
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->worker_pids;

    kill 'HUP', $self->master_pid or die "no nginx to reload";
    $self->wait_for(20, 'new workers after a reload',
        sub { grep { !$old{$_} } $self->worker_pids });
}

# Waits until /ready answers 200; dies with the reason it gave instead.
sub wait_ready {
    my ($self, $seconds) = @_;
    my ($status, $out, $err) = run_command(undef,
        top() . '/tools/wait-ready', $self->url . '/ready', $seconds || 20);

    die "$self->{name} is not ready: $err\n"
        . tail(read_file($self->error_log)) if $status;
}

# The value that /metrics has now, by its name with its labels; undef if it is
# not there.
sub metric {
    my ($self, $name) = @_;
    my $page = EHR::Test::Client->new(port => $self->port)->get('/metrics')
        ->{body} || '';
    return $page =~ /^\Q$name\E (\S+)$/m ? $1 : undef;
}

sub master_pid {
    my ($self) = @_;
    my ($pid) = read_file("$self->{dir}/nginx.pid") =~ /(\d+)/;
    return $pid && is_alive($pid) ? $pid : undef;
}

# Worker processes that serve; those that are shutting down are not among
# them.
sub worker_pids {
    my ($self) = @_;
    my $master = $self->master_pid or return;
    my @workers;

    for my $stat (glob '/proc/[0-9]*/stat') {
        my ($pid, $parent) = read_file($stat) =~ /^(\d+) \(.*\) \S (\d+) /s
            or next;
        push @workers, $pid if $parent == $master
            && read_file("/proc/$pid/cmdline") =~ /\Anginx: worker process\0*\z/;
    }
    return sort { $a <=> $b } @workers;
}

# Resident memory of a process in kB.
sub resident {
    my ($self, $pid) = @_;
    return read_file("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

# -- the end ------------------------------------------------------------------

# Stops both; the logs stay, the data does not.
sub stop {
    my ($self) = @_;
    return if $self->{stopped}++;
    delete $running{$self->{dir}};
    $self->stop_nginx;
    return if $self->{database};        # another's
    $self->stop_database('fast');
    must_run(undef, 'rm', '-rf', "$self->{dir}/pg");
}

# Calls code until it returns true; dies after that many seconds.
sub wait_for {
    my ($self, $seconds, $what, $code) = @_;
    wait_until($seconds, $code)
        or die "waited $seconds seconds in vain for $what\n";
}

sub is_alive {
    my ($pid) = @_;
    return read_file("/proc/$pid/stat") =~ /^\d+ \(.*\) [^ZX] /s;
}

# Stops what an interrupted run left in a directory and removes it.
sub remove {
    my ($asked) = @_;
    return unless -d $asked;
    run_command(undef, top() . '/tools/dev-stop', $asked);
    my $place = read_file("$asked/location");
    chomp $place;
    must_run(undef, 'rm', '-rf', '--', $asked, grep { length } $place);
}

sub tail {
    my @lines = split /^/, $_[0];
    return join '', @lines > 15 ? @lines[-15 .. -1] : @lines;
}

sub stop_all {
    for my $env (values %running) {
        next if $env->{pid} != $$;      # a fork of the test's own
        eval { $env->stop; 1 } or warn $@;
    }
}

END {
    my $status = $?;
    stop_all();
    $? = $status;
}
$SIG{$_} ||= sub { exit 130 } for qw(INT TERM HUP);

1;
