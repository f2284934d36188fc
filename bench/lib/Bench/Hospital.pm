package Bench::Hospital;

# The PostgreSQL and nginx that are measured, below build/bench: as `make run`
# has them, but without rate limits and with 10,000 patients.  A token lives
# longer than storing ten million appointments takes.

use strict;
use warnings;
use EHR::Test::Accounts;
use EHR::Test::Environment;
use EHR::Test::Process qw(top read_file);

our $accounts = 4;              # of each kind, whose tokens requests carry

# The database is durable; nothing else differs from the defaults but memory,
# a zone that holds all doctors and beds, and what keeps a checkpoint, and an
# autovacuum after which every backend makes its plans anew, out of a round of
# seconds.
my $pg_settings = <<'END';
fsync = on
synchronous_commit = on
shared_buffers = 256MB
min_wal_size = 2GB
max_wal_size = 4GB
checkpoint_timeout = 1h
autovacuum = off
max_connections = 400
END

sub start {
    my ($class, %option) = @_;
    my $self = bless {}, $class;

    $self->{env} = EHR::Test::Environment->start(name => 'bench',
        directory => top() . '/build/bench', pg_settings => $pg_settings,
        workers => 'auto', conf => 'ehr_access_lifetime 1d;',
        password_cost => 10, %option,
        edit => sub {
            my $conf = roomy($_[0]);
            return $option{edit} ? $option{edit}->($conf) : $conf;
        });
    $self->{accounts} = EHR::Test::Accounts->create($self->{env});
    for my $number (1 .. $accounts) {
        $self->{accounts}->create_user("nurse$number", 'NURSE');
        $self->{accounts}->create_user("desk$number", 'RECEPTIONIST');
    }
    $self->env->sql(read_file(top() . '/bench/sql/patients.sql'));
    $self->env->sql('VACUUM ANALYZE');
    $self->use_log(1024);
    return $self;
}

# Room for the beds of Bench::Ward, and a log as production has it.
sub roomy {
    my ($conf) = @_;
    my $production = read_file(top() . '/conf/nginx.production.conf');
    my ($buffer) = $production =~ /access_log \s+ \S+ \s+ ehr (\s[^;]+);/x
        or die "production's log is not buffered\n";
    $conf =~ s/(access_log\s+\S+\s+ehr);/$1$buffer;/
        or die "the configuration has no access_log\n";
    $conf =~ s/(ehr_availability_zone\s+\w+)\s+\w+;/$1 128m;/
        or die "the configuration has no ehr_availability_zone\n";
    return $conf;
}

sub env { $_[0]{env} }

# Access tokens of nurses or of others, one an account.
sub tokens {
    my ($self, $kind) = @_;
    $kind ||= 'nurse';
    return @{ $self->{tokens}{$kind} ||=
        [map { $self->{accounts}->token("$kind$_") } 1 .. $accounts] };
}

# What autovacuum and the next checkpoint would do in the middle of a round.
# Writes so many MB to the write-ahead log, whose files are then used again, as
# on a server that is not new: one that is stops all commits while it fills a
# file with zeros, every 16 MB.
sub use_log {
    my ($self, $megabytes) = @_;
    $self->env->sql("SELECT pg_logical_emit_message(false, 'bench', ''),"
        . ' pg_switch_wal() FROM generate_series(1, ' . $megabytes / 16 . ')');
    $self->env->sql('CHECKPOINT');
}

sub settle { $_[0]->env->sql($_) for 'VACUUM ANALYZE', 'CHECKPOINT' }

# The body of a login that succeeds.
sub login {
    my ($self) = @_;
    my $user = $self->{accounts}{users}{nurse1};
    return qq({"email":"$user->{email}","password":"$user->{password}"});
}

sub actor { $_[0]{accounts}{users}{ $_[1] || 'nurse1' }{id} }

sub client {
    my ($self, $name) = @_;
    return $self->{accounts}->client($name || 'nurse1');
}

sub get {
    my ($self, $path) = @_;
    return $self->client->get($path);
}

# Adds a location that answers these bytes as they are, with the headers of
# an answer of the API.
sub serve_plain {
    my ($self, $path, $body) = @_;

    $self->{plain}{$path} = plain($path, $body);
    $self->env->reconfigure(server_conf =>
        join '', map { $self->{plain}{$_} } sort keys %{ $self->{plain} });
    $self->env->restart_nginx;
    $self->env->wait_ready;
    $self->wait_live;
    sleep 1;                    # for the other worker
}

# Until the engine answers.
sub wait_live {
    my ($self) = @_;
    $self->env->wait_for(600, 'the engine to be live', sub {
        $self->get('/metrics')->{body} =~ /^ehr_feed_live 1$/m });
}

sub plain {
    my ($path, $body) = @_;
    my $id = '019aa000-0000-7000-8000-000000000000';

    die "no quotes, please" if $body =~ /['\$\\]/;
    # nginx takes no parameter of 4096 bytes
    (my $name = $path) =~ tr/a-z/_/c;
    my @parts = $body =~ /(.{1,3000})/gs;
    my $set = join '', map { "set \$plain${name}_$_ '$parts[$_]';\n" }
        0 .. $#parts;
    my $whole = join '', map { "\${plain${name}_$_}" } 0 .. $#parts;
    return <<"END";
        location = $path {
            default_type  application/json;
            add_header    Cache-Control no-store;
            add_header    X-Request-Id $id;
            $set
            return 200    "$whole";
        }
END
}

# The text of the statement that a request has run, as PostgreSQL got it.
sub statement {
    my ($self, $like) = @_;
    my $found = $self->env->sql(<<"END");
SELECT query FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
 WHERE rolname = 'ehr_app' AND query LIKE '$like' ORDER BY calls DESC LIMIT 1
END
    die "no statement like '$like' was run\n" unless length $found;
    return $found;
}

# What went wrong meanwhile: a feed that was lost or a worker that died makes
# the numbers another machine's.
sub faults {
    my ($self) = @_;
    return grep { /\[(?:error|crit|alert|emerg)\]/ }
        split /\n/, read_file($self->env->error_log);
}

# MB of each worker's own memory.  Shared zones are not among it: a page of
# theirs exists once, however many workers have touched it.
sub resident {
    my ($self) = @_;
    return map {
        my $status = read_file("/proc/$_/status");
        my %kb = $status =~ /^(RssAnon|RssFile):\s+(\d+)/mg;
        ($kb{RssAnon} + $kb{RssFile}) / 1024;
    } $self->env->worker_pids;
}

sub stop { $_[0]{env}->stop }

1;
