# The keys of encrypted fields: a new version takes over while nginx runs, what
# the old one encrypted is encrypted again, and without a good key nginx does
# not start.

use EHR::Test;
use EHR::Test::Hospital;
use Time::HiRes qw(sleep time);

my $env = start_environment(name => 'keys', workers => 2);
my $hospital = EHR::Test::Hospital->create($env);
my $admin = client('admin', $env);
my $anonymous = client(undef, $env);
my $users = accounts($env)->{users};
my $dir = $env->dir;

# -- under the first version

my %patient;                    # by id: what the API must tell
for my $n (1 .. 60) {
    my %fields = (firstName => "Patient$n", lastName => 'Keys',
        phone => sprintf('+3461%07d', $n), email => "p$n\@keys.example",
        insurancePolicyNumber => "POLICY-$n",
        emergencyContactPhone => sprintf('+3469%07d', $n));
    my $answer = $admin->post('/api/v1/patients', json => \%fields,
        headers => { 'Idempotency-Key' => "patient-$n" });
    $patient{ $answer->{data}{id} } = \%fields;
}
is keys %patient, 60, 'patients';
my @columns = map { { table => $_->[0], column => $_->[1] } } $env->rows(
    "SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a
         ON a.attrelid = c.oid AND a.atttypid = 'bytea'::regtype
      WHERE c.relnamespace = 'ehr'::regnamespace AND c.relkind = 'r'
        AND a.attname NOT LIKE '%\\_index' AND a.attname NOT LIKE '%hash'
        AND c.relname !~ '^audit_' ORDER BY 1, 2");
ok @columns >= 6, 'encrypted columns: ' . join ' ',
    map { "$_->{table}.$_->{column}" } @columns;
my $old = values_of(1);
ok $old > 240, "$old values";
is values_of('<> 1'), 0, 'all of version 1';
is wrong(), 0, 'all readable';
my $rows = rows_as_they_are();
my $audit = changes();

# one that does not open holds up no other
my ($spoilt) = sort keys %patient;
delete $patient{$spoilt};
$env->sql("SET session_replication_role = replica; UPDATE ehr.patients
    SET phone = set_byte(phone, 20, 255 - get_byte(phone, 20))
    WHERE id = '$spoilt'");

# -- a second version comes

make_key('field-2');
keys_are('field version=1', 'field-2 version=2');
is wrong(), 0, 'old values are readable at once';
my $new = $admin->post('/api/v1/patients', json => { firstName => 'New',
    lastName => 'Keys', phone => '+34677777777' });
is $new->{status}, 201, 'a new value';
is $env->sql("SELECT get_byte(phone, 0) FROM ehr.patients
    WHERE id = '$new->{data}{id}'"), 2, 'is of version 2';
is $env->sql("SELECT version FROM ehr.patients
    WHERE id = '$new->{data}{id}'"), 1, 'and its row as new as it is';

# an answer kept under the first version is still one
my ($first) = grep { $patient{$_}{firstName} eq 'Patient7' } keys %patient;
my $again = $admin->post('/api/v1/patients', json => $patient{$first},
    headers => { 'Idempotency-Key' => 'patient-7' });
is $again->{status}, 201, 'a request done under the first is repeated'
    or diag $again->{body};
is $again->{data}{id}, $first, 'and was done once';
is $again->{data}{phone}, $patient{$first}{phone}, 'with what it said';

# what is changed meanwhile stays changed
my @changed = (sort keys %patient)[0, 20, 40, 58];
for my $id (@changed) {
    $patient{$id}{phone} =~ s/\+3461/+3462/;
    is $admin->patch("/api/v1/patients/$id",
        json => { phone => $patient{$id}{phone} })->{status}, 200,
        'a change meanwhile';
}
my $began = time;
sleep 0.1 while values_of('< 2') > 1 && time - $began < 60;
is values_of('< 2'), 1, sprintf 'all are encrypted again after %.1f s',
    time - $began;
sleep 0.1 while kept_of(1) && time - $began < 60;
is kept_of(1), 0, 'and so are the answers that are kept';
cmp_ok kept_of(2), '>=', 60, 'as many as there are';
is $env->sql("SELECT get_byte(phone, 0) FROM ehr.patients
    WHERE id = '$spoilt'"), 1, 'but the one that does not open';
like read_file($env->error_log), qr/patients\.phone of row $spoilt does not/,
    'which is named';
cmp_ok $env->metric('ehr_fields_rekeyed_total'), '>=', $old - @changed - 1,
    'and counted';
is wrong(), 0, 'all readable';
is rows_as_they_are(@changed), $rows =~ s/^(?:@{[ join '|', @changed ]}).*\n
    //gmrx, 'no row is another version for it';
is changes() - @changed - 1, $audit, 'and nobody did it, says the log';
is $admin->get('/api/v1/patients?phone=%2B34610000005')->{data}[0]{email},
    'p5@keys.example', 'found by value as before';

# -- the first version goes

keys_are('field-2 version=2');
is wrong(), 0, 'all readable without the first key';
my ($ninth) = grep { $patient{$_}{firstName} eq 'Patient9' } keys %patient;
$again = $admin->post('/api/v1/patients', json => { %{ $patient{$ninth} },
    phone => '+34610000009' },
    headers => { 'Idempotency-Key' => 'patient-9' });
is $again->{status}, 201, 'an answer kept under it is given again'
    or diag $again->{body} || $again->{error};
is $again->{headers}{'idempotency-replayed'}, 'true', 'as one';
is_deeply [@{ $again->{data} }{qw(id phone insurancePolicyNumber)}],
    [$ninth, '+34610000009', 'POLICY-9'], 'with what it said';
is $anonymous->sign_in(@{ $users->{nurse} }{qw(email password)})->{status},
    200, 'signing in too';
# a value that does not open is no reason to serve another
$env->sql("SET session_replication_role = replica; UPDATE ehr.patients
    SET phone = set_byte(phone, 20, 255 - get_byte(phone, 20))
    WHERE id = '$first'");
my $broken = $admin->get("/api/v1/patients/$first");
unlike $broken->{body}, qr/\Q$patient{$first}{phone}\E/, 'changed by hand:';
is $broken->{status}, 500, 'not told';
$env->sql("SET session_replication_role = replica; UPDATE ehr.patients a
    SET phone = b.phone FROM ehr.patients b
    WHERE a.id = '$first' AND b.id = '$changed[0]'");
is $admin->get("/api/v1/patients/$first")->{status}, 500,
    'nor one taken from another row';

# -- without a good key

my $good = read_file($env->conf_file);
my @refused = (
    ['no field key', sub { s/^\s*ehr_field_key.*\n//m },
        qr/"ehr_field_key" is missing/],
    ['no index key', sub { s/^\s*ehr_index_key.*\n//m },
        qr/"ehr_index_key" is missing/],
    ['no audit key', sub { s/^\s*ehr_audit_key.*\n//m },
        qr/"ehr_audit_key" is missing/],
    ['no token key', sub { s/^\s*ehr_jwt_key.*\n//m }, qr/"ehr_jwt_key"/],
    ['no signing token key', sub { s/^(\s*ehr_jwt_key.*) sign;/$1;/m },
        qr/"ehr_jwt_key" signs/],
    ['no file of an RS256 key', sub {
            s/^(\s*ehr_jwt_key)\s.*;/$1 none id=a algorithm=RS256 sign;/m },
        qr/make one with: .*genpkey -algorithm RSA .* \S+none\)/],
    ['a secret as an ES256 key', sub {
            s/^(\s*ehr_jwt_key\s+\S+ ).*;/$1id=a algorithm=ES256 sign;/m },
        qr/not a private key in PEM .*genpkey -algorithm EC /],
    ['no version', sub { s/ version=2;/;/ }, qr/number of arguments|version=/],
    ['version 0', sub { s/version=2/version=0/ }, qr/version= from 1 to 255/],
    ['version 256', sub { s/version=2/version=256/ },
        qr/version= from 1 to 255/],
    ['a version twice', sub { s/^(\s*ehr_field_key.*\n)/$1$1/m },
        qr/two field keys have version 2/],
);
for my $try (@refused) {
    my ($what, $edit, $says) = @$try;
    my $conf = $good;
    $edit->() for $conf;
    isnt $conf, $good, $what;
    write_file($env->conf_file, $conf);
    my ($status, $said) = $env->check_configuration;
    isnt $status, 0, 'is refused';
    like $said, $says, 'and said';
    like $said, qr/nginx\.conf:\d+/, 'with the line'
        unless $said =~ /is missing|signs/;
}

for my $name (qw(field-2 index audit jwt setup-token)) {
    my $file = "$dir/keys/$name";
    my $key = read_file($file);
    my $secret = substr $key, 0, 20;

    for my $try (
        ['missing', sub { unlink $file }, qr/openssl rand -hex 32 > \Q$file/],
        ['mode 0644', sub { chmod 0644, $file }, qr/chmod 600 \Q$file/],
        ['mode 0640', sub { chmod 0640, $file }, qr/chmod 600 \Q$file/],
        ['too short', sub { store($file, substr($key, 0, 62) . "\n") },
            qr/31 bytes.*at least 32.*openssl rand -hex 32 > \Q$file/],
        ['empty', sub { store($file, '') }, qr/key file "\Q$file\E"/],
        ['no key', sub { store($file, "this is no key at all, is it?\n") },
            qr/not one line of hex or base64.*openssl rand/],
        ['two lines', sub { store($file, "$key$key") },
            qr/not one line of hex or base64/],
        ['a directory', sub { unlink $file; mkdir $file, 0755 },
            qr/not a regular file/],
    ) {
        my ($what, $spoil, $says) = @$try;
        write_file($env->conf_file, $good);
        $spoil->();
        my ($status, $said) = $env->check_configuration;
        isnt $status, 0, "$name $what: refused";
        like $said, $says, 'with the file and what fixes it';
        unlike $said, qr/$secret/, 'not with the key';
        -d $file ? rmdir $file : unlink $file;
        store($file, $key);
    }
}
is(($env->check_configuration)[0], 0, 'mended, it is accepted');

# a reload with a bad key leaves what runs
chmod 0644, "$dir/keys/field-2";
kill HUP => $env->master_pid;
$env->wait_for(10, 'the refusal in the log',
    sub { read_file($env->error_log) =~ /open to group or others.*\z/s });
is $admin->get("/api/v1/patients/$changed[0]")->{data}{phone},
    $patient{ $changed[0] }{phone}, 'a refused reload leaves what runs';
chmod 0600, "$dir/keys/field-2";
my $secret = substr read_file("$dir/keys/field-2"), 0, 20;
unlike read_file($env->error_log), qr/$secret/, 'no key in the log';

logs_clean($env, allow => qr/key file|ehr_\w+_key|_key" |two field keys|version=|ehr:/);
done_testing;

# A key file of the service's own.
sub make_key {
    my ($name) = @_;
    $env->as_service('sh', '-c',
        "umask 077; openssl rand -hex 32 > $dir/keys/$name");
}

# Writes a key file with the service as its owner.
sub store {
    my ($file, $text) = @_;
    my ($uid, $gid) = (stat "$dir/keys")[4, 5];
    write_file($file, $text);
    chown $uid, $gid, $file;
    chmod 0600, $file;
}

sub keys_are {
    my $lines = join '', map { "    ehr_field_key $dir/keys/$_;\n" } @_;

    $env->reconfigure(edit => sub { $_[0] =~
        s/^\s*ehr_field_key[^\n]*\n/$lines/mr });
    $env->reload;
    $env->wait_for(10, 'new workers',
        sub { my @workers = $env->worker_pids; @workers == 2 });
    $_->disconnect for $admin, $anonymous, accounts($env)->{client};
}

# How many encrypted values are of a version.
sub values_of {
    my ($which) = @_;
    $which = "= $which" if $which =~ /^\d/;
    return $env->sql('SELECT sum(n) FROM (' . join(' UNION ALL ', map {
        "SELECT count(*) AS n FROM ehr.$_->{table}
          WHERE get_byte($_->{column}, 0) $which" } @columns) . ') AS c');
}

# How many kept answers have a phone number of a version.
sub kept_of {
    my ($version) = @_;
    return $env->sql("SELECT count(*) FROM ehr.idempotency_keys
        WHERE relation = 'ehr.patients'::regclass AND EXISTS (SELECT
              FROM unnest('{email,phone,insurance_policy_number}'::text[]) AS f
             WHERE get_byte((row ->> f)::bytea, 0) = $version)");
}

# How many patients are not told as they were written.
sub wrong {
    my $wrong = 0;
    for my $id (keys %patient) {
        my $row = $admin->get("/api/v1/patients/$id")->{data} || {};
        $wrong++ if grep { ($row->{$_} || '') ne $patient{$id}{$_} }
            keys %{ $patient{$id} };
    }
    return $wrong;
}

# What a change would touch, of every row but these and the newest.
sub rows_as_they_are {
    my %but = map { $_ => 1 } @_, $new ? $new->{data}{id} : ();
    return join '', map { "@$_\n" } grep { !$but{ $_->[0] } }
        map { my $table = $_; $env->rows("SELECT id, '$table', version,
            updated_at, coalesce(updated_by::text, '') FROM ehr.$table
            ORDER BY id") } do { my %seen; grep { !$seen{$_}++ }
            map { $_->{table} } @columns };
}

sub changes {
    return $env->sql("SELECT count(*) FROM ehr.audit_log WHERE action
        <> 'READ' AND action NOT LIKE 'LOGIN%' AND entity <> 'care_team'");
}

