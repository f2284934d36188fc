# Who may do what: every route by every kind of caller, against the committed
# expectation in t/matrix/expected.txt (`perl -It/lib t/matrix.t --update`
# writes it anew; read the difference before committing it).
#
# One rule makes the request of every route, and changes nothing:
#
#   {id}, {patientId}, {doctorId}, {appointmentId}, {token}, {holdToken}
#            a row that is there: the patient is the PATIENT account's own and
#            of the DOCTOR account's care team, a {id} below a patient is
#            that patient's; in DELETE and in POST without a body a random id
#   body     of POST, PUT and PATCH that take one: {"unknownField": 1}
#
# so that who may gets 200 (GET), 400 (a GET that needs a query), 422 (a body)
# or 404 (a random id), and who may not 403, or 401 without a valid token.
# What someone else's rows answer is t/ownership.t's business.

use EHR::Test;
use EHR::Test::Accounts qw(%role_of);
use EHR::Test::Hospital;
use EHR::Test::Routes qw(table documented method_path);
use EHR::Test::Token;

my $file = top() . '/t/matrix/expected.txt';
my $update = grep { $_ eq '--update' } @ARGV;
my @staff = qw(admin doctor nurse reception patient pharmacist lab);
my @callers = ((map { $role_of{$_} } @staff),
    qw(portal anonymous expired revoked));
my @methods = qw(GET POST PUT PATCH DELETE);
my $random = '7f3b7d1c-5f0e-4c59-9d0a-3f6f0c1e2b4a';

my $env = start_environment(name => 'matrix');
my $hospital = EHR::Test::Hospital->create($env);
my %client = callers();
my @routes = grep { !$_->{root} } table();
my %methods_of;
push @{ $methods_of{ $_->{path} } }, $_->{method} for @routes;

# -- the table, the document and what is served are one

my %documented = map { method_path($_) => $_ }
    documented($client{anonymous}->get('/api/v1/openapi.json')->{json});
is_deeply [sort keys %documented], [sort map { method_path($_) } @routes],
    'the document has every route of the table and no other';
is_deeply [grep { ($documented{ method_path($_) }{permission} || '')
        ne ($_->{permission} || '') } @routes], [],
    'and its permission';
is_deeply [grep { !$_->{public} && !$_->{permission} } @routes], [],
    'every route has a permission or is public';

# -- every route by every caller

my %got = map { method_path($_) => [try($_)] } @routes;
write_expected(\%got) if $update;
my %expected = read_expected();
is_deeply [sort keys %expected], [sort keys %got],
    'the expectation has every route';
for my $route (sort keys %got) {
    is "@{ $got{$route} }", "@{ $expected{$route} || [] }", $route;
}

# -- the expectation follows from roles and permissions

my %granted = map { $_->{name} => { map { $_ => 1 } @{ $_->{permissions} } } }
    @{ $client{ADMIN}->get('/api/v1/roles?limit=50')->{data} };
is_deeply [map { contradictions($_) } @routes], [],
    'who is refused lacks the permission or the audience, and nobody else';

# -- the shorter prefix, HEAD

is_deeply [grep { $_->{method} eq 'GET' && $_->{path} ne '/openapi.json'
        && status($client{PATIENT}, $_, '/api')
            != $expected{ method_path($_) }[4] } @routes], [],
    '/api is the same as /api/v1';
is_deeply [grep { $_->{method} eq 'GET'
        && $client{NURSE}->head('/api/v1' . filled($_))->{status}
            != $expected{ method_path($_) }[2] } @routes], [],
    'HEAD answers as GET does';

# -- methods a path does not have

for my $path (sort keys %methods_of) {
    is_deeply [not_allowed($path)], [], "$path has no other methods";
}

my $answer = $client{anonymous}->options('/api/v1/patients');
is $answer->{status}, 204, 'OPTIONS';
is $answer->{headers}{allow}, 'GET, HEAD, POST, OPTIONS', 'and Allow';
for my $path ('/api/v1/nothing', '/api/v1/patients/', '/api/v1/Patients',
    '/api/v2/patients', '/api/v1/metrics', '/api/v1')
{
    is $client{ADMIN}->get($path)->{status}, 404, "no $path";
}
is $client{ADMIN}->get("/api/v1/patients/1' or '1'='1")->{status}, 400,
    'no id, no request';

logs_clean($env);
done_testing;

# Clients by the names of @callers.
sub callers {
    my $accounts = accounts($env);
    my %client = map { $role_of{$_} => client($_, $env) } @staff;
    my $token = EHR::Test::Token->new($env);
    my $admin = $accounts->{users}{admin};
    my $gone = $accounts->sign_in('admin')->{accessToken};

    @client{qw(portal anonymous)} = (client('portal', $env),
        client(undef, $env));
    $client{expired} = $client{anonymous}->with_token($token->make(
        claims => { sub => $admin->{id}, roles => ['ADMIN'],
            iat => time - 900, exp => time - 1 }));
    $client{revoked} = $client{anonymous}->with_token($gone);
    $client{revoked}->post('/api/v1/auth/logout');
    return %client;
}

# The statuses of a route, in the order of @callers.
sub try {
    my ($route) = @_;
    return map { status($client{$_}, $route, '/api/v1') } @callers;
}

sub status {
    my ($client, $route, $prefix) = @_;
    my $has_body = $route->{method} =~ /^P/ && !$route->{no_body};

    return $client->request($route->{method}, $prefix . filled($route),
        $has_body ? (json => { unknownField => 1 })
        : $route->{path} =~ /logout/ ? (json => { unknownField => 1 })
        : ())->{status};
}

# The path with its parameters.
sub filled {
    my ($route) = @_;
    my $path = $route->{path};
    my ($name) = $path =~ m{([\w-]+)/\{id\}};
    my $missing = $route->{method} eq 'DELETE' || $route->{no_body};

    $path =~ s/\{patientId\}/$hospital->id('own')/e;
    $path =~ s/\{doctorId\}/$hospital->id('doctors')/e;
    $path =~ s/\{appointmentId\}/$hospital->appointment('own')/e;
    $path =~ s/\{token\}/$hospital->id('feed-key')/e;
    $path =~ s/\{holdToken\}/$random/;
    $path =~ s/\{id\}/$missing ? $random : id_of($name)/e;
    return $path;
}

sub id_of {
    my ($name) = @_;
    return $hospital->id('own') if $name eq 'patients';
    return eval { $hospital->of('own', $name) } || $hospital->id($name);
}

# Methods of a path that are not refused with 405 and the right Allow.
sub not_allowed {
    my ($path) = @_;
    my %has = map { $_ => 1 } @{ $methods_of{$path} };
    my $allow = join ', ', (map { $_ eq 'GET' ? ('GET', 'HEAD') : $_ }
        grep { $has{$_} } @methods), 'OPTIONS';
    my $target = '/api/v1' . filled({ path => $path, method => 'GET' });
    my @wrong;

    for my $method ((grep { !$has{$_} } @methods), 'PROPFIND', 'REPORT') {
        for my $caller (qw(ADMIN anonymous)) {
            my $answer = $client{$caller}->request($method, $target);
            push @wrong, "$method by $caller: $answer->{status} "
                . ($answer->{headers}{allow} || 'without Allow')
                if $answer->{status} != 405
                || $answer->{headers}{allow} ne $allow;
        }
    }
    return @wrong;
}

# Where the expectation is not what the role's permissions say.
sub contradictions {
    my ($route) = @_;
    my @wrong;

    for my $i (0 .. $#callers) {
        my $caller = $callers[$i];
        my $role = $caller eq 'portal' ? 'PATIENT' : $caller;
        my $status = $expected{ method_path($route) }[$i];
        my $may = $route->{public} ? $status !~ /^40[13]/
            : $caller =~ /^[a-z]/ && $caller ne 'portal' ? $status == 401
            : $granted{$role}{ $route->{permission} }
                && $route->{ $caller eq 'portal' ? 'portal' : 'staff' }
                ? $status =~ /^(?:200|400|404|422)$/ : $status == 403;
        push @wrong, method_path($route) . " $caller $status" unless $may;
    }
    return @wrong;
}

sub read_expected {
    my %expected;
    for (split /\n/, read_file($file)) {
        next if /^#/ || !/\S/;
        my ($method, $path, @statuses) = split ' ';
        $expected{"$method $path"} = \@statuses;
    }
    return %expected;
}

sub write_expected {
    my ($got) = @_;
    my $text = sprintf("# %-6s %-42s", 'method', 'path')
        . join('', map { sprintf ' %-5s', substr $_, 0, 5 } @callers) . "\n";

    for my $route (@routes) {
        $text .= sprintf "%-8s %-42s%s\n", @$route{qw(method path)},
            join '', map { sprintf ' %-5s', $_ }
            @{ $got->{ method_path($route) } };
    }
    $text =~ s/ +$//mg;
    write_file($file, $text);
}
