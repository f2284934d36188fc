# The key of blind indexes changes while two nodes are at work: whoever is
# looked for is found, and nobody gets an e-mail address twice, at any time.

use EHR::Test;
use EHR::Test::Environment;
use EHR::Test::Hospital;
use EHR::Test::Process qw(wait_until);
use Time::HiRes qw(sleep);

my $env = start_environment(name => 'index-key', workers => 2);
my $hospital = EHR::Test::Hospital->create($env);
my $other = EHR::Test::Environment->beside($env, name => 'second');
my $admin = client('admin', $env);
my $second = EHR::Test::Client->new(port => $other->port)
    ->with_token(accounts($env)->token('admin'));
my %node = (first => $admin, second => $second);
my $password = 'Test-Pass-2026!';
my $n = 0;
my %patient;                    # by phone: id
my @columns = map { { table => $_->[0], column => $_->[1] } } $env->rows(
    "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a
         ON a.attrelid = c.oid AND a.atttypid = 'bytea'::regtype
      WHERE c.relnamespace = 'ehr'::regnamespace AND c.relkind = 'r'
        AND a.attname LIKE '%\\_index' ORDER BY 1, 2");
is @columns, 7, 'columns with blind indexes';

# -- one key

patient($admin) for 1 .. 150;
my @users = map { user($admin, "u$_\@index.example") } 1 .. 30;
is((grep { $_->{status} != 201 } @users), 0, 'accounts');
my $doctor = doctor($admin, 'd1@index.example');
is $doctor->{status}, 201, 'a doctor' or diag $doctor->{body};
my %kept = (json => { firstName => 'Kept', lastName => 'Index',
    phone => '+34690000001' }, headers => { 'Idempotency-Key' => 'kept-1' });
my $kept = $admin->post('/api/v1/patients', %kept);
is versions(), '1', 'one version';
is of_version(1), of_version('> 0'), 'of which all are';
verified($users[0]);
my $rows = rows_as_they_are();
my $changes = changes();

# -- a second one is made known, to one node after the other

my $key = read_file($env->key_file('index')) =~ tr/0-9a-f/f0-9a-e/r;
for my $where ($env, $other) {
    write_file($where->key_file('index-2'), $key);
    chmod 0600, $where->key_file('index-2');
    chown +(stat $where->key_file('index'))[4, 5], $where->key_file('index-2');
}
keys_are($env, 'index', 'index-2 version=2');
all_is_well('known to one node');
keys_are($other, 'index', 'index-2 version=2');
all_is_well('known to both');
is versions(), '1', 'but not written';
is of_version('> 1'), 0, 'anywhere';

# one account's address does not open: the round cannot end
$env->sql("SET session_replication_role = replica; UPDATE ehr.users
    SET email = set_byte(email, 20, 255 - get_byte(email, 20))
    WHERE id = '$users[7]{data}{id}'");

# -- it is written, while everybody goes on

keys_are($env, 'index', 'index-2 version=2 write');
my ($rounds, $before) = (0, 0);
wait_until(60, sub {
    return 1 if of_version(1) == 1;
    $before++ if of_version(1) > 100;
    all_is_well('round ' . ++$rounds);
    return 0;
});
is of_version(1), 1, "all but one are moved after $rounds rounds";
cmp_ok $before, '>=', 1, 'some were asked for in the middle';
sleep 3;
is versions(), '1,2', 'the round has not ended';
is user($second, 'u8@index.example')->{status}, 409,
    'nor is the one address given twice that could not be moved';
is $admin->patch("/api/v1/users/$users[7]{data}{id}",
    json => { email => 'u8@index.example' })->{status}, 200,
    'but its owner may write it again';
is of_version(1), 1, 'as it is';
is $admin->patch("/api/v1/users/$users[7]{data}{id}",
    json => { email => 'eight@index.example' })->{status}, 200, 'or another';
is of_version(1), 0, 'which is of the new version';
is versions(), '1,2', 'the round has still not ended';

# -- who lacks a key writes none of it

keys_are($other, 'index');
is user($second, 'late@index.example')->{status}, 503, 'without the new one';
keys_are($other, 'index-2 version=2');
is user($second, 'late@index.example')->{status}, 503,
    'or without the old one too early';
is user($admin, 'late@index.example')->{status}, 201, 'which was not done';
like read_file($other->error_log), qr/EH503/, 'and is told';
my $read = $second->get("/api/v1/patients/$kept->{data}{id}");
is $read->{data}{phone}, '+34690000001', 'all else goes on';
is $second->patch("/api/v1/patients/$kept->{data}{id}",
    json => { city => 'Y' })->{status}, 200, 'changes of other fields, too';

# -- the old one goes

keys_are($env, 'index', 'index-2 version=2 write');
$env->wait_for(30, 'the end of the round', sub { versions() eq '2' });
is of_version(2), of_version('> 0'), 'all are of the new version';
like read_file($env->error_log), qr/all blind indexes are of version 2/,
    'and it is said';
# a body's hash is of the keys there were, of which one must be left
%kept = (json => { firstName => 'Kept', lastName => 'Two' },
    headers => { 'Idempotency-Key' => 'kept-2' });
is $admin->post('/api/v1/patients', %kept)->{status}, 201, 'under both keys';
keys_are($env, 'index-2 version=2');
all_is_well('the new one alone');
is rows_as_they_are(), $rows, 'no row is another version for it';
is changes(), $changes, 'and nobody did it, says the log';
is $env->sql("SELECT email_verified FROM ehr.users
    WHERE id = '$users[0]{data}{id}'"), 't', 'a verified address is one still';

# -- mistakes

my $good = read_file($env->conf_file);
for my $try (
    ['two of one version', 'index version=2', qr/two index keys have version/],
    ['three', "index; ehr_index_key @{[ $env->key_file('index') ]} version=9",
        qr/at most 2 index keys/],
    ['the old one written', 'index write', qr/write belongs to version 2/],
    ['version 0', 'index version=0', qr/version= from 1 to 255|positive/],
    ['version 256', 'index version=256', qr/version= from 1 to 255/],
    ['another word', 'index sign', qr/version= from 1 to 255, and write/],
) {
    my ($what, $line, $says) = @$try;
    my $dir = $env->dir;
    write_file($env->conf_file, $good =~
        s/^(\s*ehr_index_key[^\n]*\n)/$1    ehr_index_key $dir\/keys\/$line;\n/mr);
    my ($status, $said) = $env->check_configuration;
    isnt $status, 0, "$what: refused";
    like $said, $says, 'and said';
    like $said, qr/nginx\.conf:\d+/, 'with the line';
}
write_file($env->conf_file, $good);

logs_clean($env, allow => qr/ehr_index_key|index key|does not open|"version=/);
logs_clean($other, allow => qr/EH503/);
done_testing;


# -- what is done over and over

# On both nodes: what is there is found, what is new is found by the other,
# and nobody has the address that somebody has.
sub all_is_well {
    my ($when) = @_;
    my @wrong;
    my ($phone) = (sort keys %patient)[$n % keys %patient];

    for my $name (sort keys %node) {
        my ($here, $there) = map { $node{$_} } $name,
            grep { $_ ne $name } keys %node;
        my $found = $here->get('/api/v1/patients?phone='
            . $phone =~ s/\+/%2B/r);
        push @wrong, "$name: $phone is not found"
            unless ($found->{data}[0]{id} || '') eq $patient{$phone};

        my $made = patient($here);
        $found = $there->get('/api/v1/patients?phone='
            . $made->{phone} =~ s/\+/%2B/r);
        push @wrong, "$name: the new $made->{phone} is not found elsewhere"
            unless ($found->{data}[0]{id} || '') eq $made->{id};
        # the same phone: one of them must be told of the other
        my $twin = $there->post('/api/v1/patients', json => {
            firstName => "Twin$n", lastName => 'Index', phone => $phone });
        push @wrong, "$name: $phone has no duplicate"
            unless grep { $_ eq $patient{$phone} }
                @{ $twin->{data}{possibleDuplicateIds} || [] };

        my $taken = 1 + $n++ % 7;
        my $again = user($here, "U$taken\@index.example");
        push @wrong, "$name: account u$taken twice: $again->{status}"
            unless $again->{status} == 409;
        $again = doctor($here, 'd1@index.example');
        push @wrong, "$name: doctor d1 twice: $again->{status}"
            unless $again->{status} == 409;
        my $signed = EHR::Test::Client->new(port => $here->{port})
            ->sign_in('u' . (2 + $n % 5) . '@index.example', $password);
        push @wrong, "$name: cannot sign in: $signed->{status}"
            unless $signed->{status} == 200;
        $again = $here->post('/api/v1/patients', %kept);
        push @wrong, "$name: a repeated request: $again->{status}"
            unless ($again->{headers}{'idempotency-replayed'} || '') eq 'true';
        # what is set again is what it was
        $again = $here->patch("/api/v1/users/$users[0]{data}{id}",
            json => { email => 'u1@index.example' });
        push @wrong, "$name: u1 again: $again->{status}"
            unless $again->{status} == 200;
    }

    # both at the same moment
    my $email = 'race' . $n++ . '@index.example';
    my %body = (json => { email => $email, password => $password,
        firstName => 'R', lastName => 'R', roles => ['NURSE'] });
    my @made = race(\%body);
    push @wrong, "$email: @made" unless "@made" eq '201 409';
    is_deeply \@wrong, [], $when;
}

# Sends the same to both nodes before it reads; the statuses, in order.
sub race {
    my ($body) = @_;
    my @pids;
    my $dir = $env->dir;
    for my $name (sort keys %node) {
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            my $client = EHR::Test::Client->new(port => $node{$name}{port})
                ->with_token(accounts($env)->token('admin'));
            my $answer = $client->post('/api/v1/users', %$body);
            write_file("$dir/race-$name", $answer->{status});
            require POSIX;
            POSIX::_exit(0);
        }
        push @pids, $pid;
    }
    waitpid $_, 0 for @pids;
    return sort map { read_file("$dir/race-$_") } keys %node;
}

sub patient {
    my ($client) = @_;
    my $phone = sprintf '+3461%07d', ++$n;
    my $made = $client->post('/api/v1/patients', json => {
        firstName => "Patient$n", lastName => 'Index', phone => $phone,
        email => "p$n\@index.example", insurancePolicyNumber => "P-$n" });
    $patient{$phone} = $made->{data}{id};
    return { phone => $phone, id => $made->{data}{id} };
}

sub user {
    my ($client, $email) = @_;
    return $client->post('/api/v1/users', json => { email => $email,
        password => $password, firstName => 'U', lastName => 'Index',
        roles => ['NURSE'] });
}

sub doctor {
    my ($client, $email) = @_;
    return $client->post('/api/v1/doctors', json => { firstName => 'D',
        lastName => 'Index', email => $email, specialization => 'X',
        licenseNumber => 'L-' . ++$n });
}

sub verified {
    my ($user) = @_;
    $env->sql("SET session_replication_role = replica; UPDATE ehr.users
        SET email_verified = true WHERE id = '$user->{data}{id}'");
}

sub keys_are {
    my ($where, @keys) = @_;
    my $dir = $where->dir;
    my $lines = join '', map { "    ehr_index_key $dir/keys/$_;\n" } @keys;

    $where->reconfigure(edit => sub { $_[0] =~
        s/^\s*ehr_index_key[^\n]*\n/$lines/mr });
    $where->reload;
    $where->wait_for(10, 'new workers',
        sub { my @workers = $where->worker_pids; @workers == 2 });
    $_->disconnect for values %node;
}

sub versions {
    return $env->sql("SELECT string_agg(version::text, ',' ORDER BY version)
        FROM ehr.index_keys");
}

sub of_version {
    my ($which) = @_;
    $which = "= $which" if $which =~ /^\d/;
    return $env->sql('SELECT sum(n) FROM (' . join(' UNION ALL ', map {
        "SELECT count(*) AS n FROM ehr.$_->{table}
          WHERE ehr.index_version($_->{column}) $which" } @columns) . ') AS c');
}

# Of the accounts made first, but the one that is changed all the time.
sub rows_as_they_are {
    return join '', map { "@$_\n" } $env->rows("SELECT id, version, updated_at
        FROM ehr.users WHERE id IN (" . join(', ', map { "'$_->{data}{id}'" }
        @users[1 .. 6, 8 .. 29]) . ") ORDER BY id");
}

sub changes {
    return $env->sql("SELECT count(*) FROM ehr.audit_log WHERE entity = 'users'
        AND action = 'UPDATE' AND entity_id IN (" . join(', ',
        map { "'$_->{data}{id}'" } @users[1 .. 6, 8 .. 29]) . ')');
}
