# The documents are true: the commands they show work, and their tables list
# what there is.
#
# A block of commands is run when the line before it says <!-- tested -->, or
# <!-- tested: 412 --> when that is the status its requests get; all blocks of
# a document are one script.  A json block that follows shows what comes out:
# each of its keys must be there.

use EHR::Test;
use EHR::Test::Clinic;
use File::Temp qw(tempdir);

# Its own: the commands take the first free slot there is, and the documents'
# reader has no doctors but the demo's.
my $env = start_environment(name => 'docs', workers => 2);
my $client = client(undef, $env);
my $admin = client('admin', $env);
demo_accounts();
demo_beds();

commands_work($_) for qw(README.md docs/api.md);
routes_are_listed();
permissions_are_listed();
directives_are_listed();
metrics_are_listed();
links_lead_somewhere($_) for 'README.md', glob('docs/*.md'),
    glob('src/README.md'), glob('src/*/README.md'), 'sql/README.md';

logs_clean($env);
done_testing;


# Those of `make run` that the documents use.
sub demo_accounts {
    my %role = (admin => 'ADMIN', doctor => 'DOCTOR', patient => 'PATIENT',
        reception => 'RECEPTIONIST', nurse => 'NURSE');
    my %user;

    for my $name (sort keys %role) {
        my $answer = $admin->post('/api/v1/users', json => {
            email => "$name\@demo.example", password => 'Demo-Pass-2026!',
            firstName => ucfirst $name, lastName => 'Demo',
            roles => [$role{$name}] });
        is $answer->{status}, 201, "account $name\@demo.example"
            or diag $answer->{body};
        $user{$name} = $answer->{data}{id};
    }
    my $doctor = $admin->post('/api/v1/doctors', json => {
        userId => $user{doctor}, firstName => 'Doctor', lastName => 'Demo',
        licenseNumber => 'DOCS-1' });
    is $doctor->{status}, 201, 'who is a doctor';
    # where it is evening: no slot begins while the commands are run
    my $clinic = $admin->post('/api/v1/clinics', json => { name => 'Demo',
        timeZone => EHR::Test::Clinic->zone_at(19) });
    is $clinic->{status}, 201, 'at a clinic';
    is $admin->post("/api/v1/doctors/$doctor->{data}{id}/schedules", json => {
        clinicId => $clinic->{data}{id}, dayOfWeek => $_,
        startTime => '09:00', endTime => '17:00' })->{status}, 201,
        "on day $_" for 1 .. 7;
    is $admin->post('/api/v1/patients', json => { userId => $user{patient},
        firstName => 'Patient', lastName => 'Demo' })->{status}, 201,
        'who is a patient';
}

sub demo_beds {
    my $add = sub { my ($path, %body) = @_;
        my $answer = $admin->post("/api/v1/$path", json => \%body);
        is $answer->{status}, 201, "$path" or diag $answer->{body};
        return $answer->{data}{id}; };
    my $ward = $add->('wards', name => 'Ward 2 East',
        hospitalId => $add->('hospitals', name => 'Demo Hospital'));
    my $class = $add->('room-classes', name => 'Demo Private');

    for my $number ('202', '203') {
        my $room = $add->('ward-rooms', wardId => $ward,
            roomClassId => $class, roomNumber => $number);
        $add->('beds', wardRoomId => $room, bedNumber => "$number-1",
            $number eq '202' ? (equipment => ['OXYGEN']) : ());
    }
}

sub document { return read_file(top() . "/$_[0]") }

# Runs the blocks of a document and checks the status of every request.
sub commands_work {
    my ($file) = @_;
    my $text = document($file);
    my $url = $env->url;
    my (@blocks, $script);

    while ($text =~ /^<!--\ tested(?::\ (\d+))?\ -->\n```sh\n(.*?)^```\n
        (?:\n```json\n(.*?)^```\n)?/gmsx)
    {
        push @blocks, { expected => $1 || '2..', commands => $2,
            shown => $3 || '' };
    }
    ok @blocks > 0, "$file has commands" or return;

    $script = "set -e -o pipefail\ncd " . tempdir(CLEANUP => 1) . "\n"
        . "curl() { command curl -w '%{stderr}STATUS %{http_code}\\n' \"\$@\"; }\n";
    for my $i (0 .. $#blocks) {
        $script .= "echo 'BLOCK $i'; echo 'BLOCK $i' >&2\n"
            . $blocks[$i]{commands} . "echo\n";
    }
    $script =~ s{http://127\.0\.0\.1:8080}{$url}g;

    my ($status, $out, $err) = run_command($script, 'bash');
    is $status, 0, "$file: the commands succeed" or diag $err;
    for my $i (0 .. $#blocks) {
        my $block = $blocks[$i];
        my ($said) = $err =~ /^BLOCK $i\n(.*?)(?=^BLOCK|\z)/ms;
        my ($printed) = $out =~ /^BLOCK $i\n(.*?)(?=^BLOCK|\z)/ms;
        my @wrong = grep { !/\A$block->{expected}\z/ }
            defined $said ? $said =~ /^STATUS (\d+)$/mg : 'nothing';

        is_deeply \@wrong, [], "$file: block $i answers $block->{expected}"
            or diag $block->{commands}, $printed // '';
        my @missing = grep { index($printed // '', $_) < 0 }
            $block->{shown} =~ /("\w+":)/g;
        is_deeply \@missing, [], "$file: block $i answers as shown"
            if $block->{shown};
    }
}

# The rows of the table that follows a comment: lists of cells.
sub table_after {
    my ($text, $comment) = @_;
    my ($table) = $text =~ /^<!-- \Q$comment\E.*?-->\n(.*?)(?:\n\n|\z)/ms
        or return;
    my @rows = map { [map { s/\A\s+|\s+\z|`//gr } split /\|/, $_, -1] }
        split /\n/, $table;

    return map { [@$_[1 .. $#$_ - 1]] } @rows[0, 2 .. $#rows];
}

# Every route is in docs/api.md with its permission, and none that is not.
sub routes_are_listed {
    my $paths = $client->get('/api/v1/openapi.json')->{json}{paths};
    my ($head, @rows) = table_after(document('docs/api.md'), 'routes');
    my (%documented, %there);

    for my $row (@rows) {
        my ($path, @cells) = @$row;
        my @methods = (['get'], ['post'], ['put', 'patch'], ['delete']);
        for my $i (grep { length $cells[$_] } 0 .. $#methods) {
            my ($only, $may) = $cells[$i] =~ /\A(?:([A-Z]+): )?(.*)/;
            $documented{"$_ $path"} = $may
                for grep { !$only || $_ eq lc $only } @{ $methods[$i] };
        }
    }
    for my $path (keys %$paths) {
        for my $method (grep { ref $paths->{$path}{$_} eq 'HASH' }
            keys %{ $paths->{$path} })
        {
            $there{"$method $path"} =
                $paths->{$path}{$method}{'x-permission'} || 'public';
        }
    }
    my %restores = map { $_ => $there{$_} } grep { m{/restore\z} } keys %there;
    delete @there{keys %restores};

    is_deeply \%documented, \%there, 'docs/api.md lists the routes';
    is_deeply [grep { $restores{$_} ne 'restore' } keys %restores], [],
        'restoring needs the permission restore';
    my $for_good = join '|', qw(auth/sessions user/family calendar/feeds
        appointments);
    is_deeply [sort map { m{post (.*)/restore}; $1 } keys %restores],
        [sort map { m{delete (.*)}; $1 }
            grep { m{\Adelete /(?!$for_good)} } keys %there],
        'what can be deleted can be restored';
}

sub permissions_are_listed {
    my ($head, @rows) = table_after(document('docs/api.md'), 'permissions');
    my (undef, @roles) = @$head;
    my (%documented, %there);

    for my $row (@rows) {
        my ($permission, @cells) = @$row;
        push @{ $documented{$roles[$_]} }, $permission
            for grep { length $cells[$_] } 0 .. $#roles;
    }
    for my $role (@{ $admin->get('/api/v1/roles?builtIn=true&limit=100')
        ->{data} })
    {
        $there{$role->{name}} = [sort @{ $role->{permissions} }];
    }
    $_ = [sort @$_] for values %documented;
    is_deeply \%documented, \%there, 'docs/api.md lists the permissions';
}

sub directives_are_listed {
    my $text = document('docs/operations.md');
    my @there = document('ngx_http_ehr_module.c')
        =~ /^    \{ ngx_string\("(ehr\w*)"\),\n      NGX_HTTP/mg;

    ok @there > 15, 'the module has directives';
    is_deeply [$text =~ /^### (ehr\w*)$/mg], \@there,
        'docs/operations.md lists the directives in their order';
}

sub metrics_are_listed {
    my %documented = map { $_ => 1 }
        document('docs/operations.md') =~ /^\| `(ehr_\w+)[`{]/mg;
    my %there = map { $_ => 1 }
        $client->get('/metrics')->{body} =~ /^# TYPE (\w+) /mg;

    is_deeply \%documented, \%there, 'docs/operations.md lists the metrics';
}

# A heading as a link's fragment names it.
sub fragment { return lc($_[0] =~ s/[^\w -]//gr) =~ s/ /-/gr }

sub links_lead_somewhere {
    my ($file) = @_;
    my $text = document($file =~ s{\A\Q${\ top()}\E/}{}r);
    my ($folder) = $file =~ m{\A(.*/)} ? $1 : '';
    my @broken;

    while ($text =~ /\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g) {
        my ($path, $heading) = (length $1 ? "$folder$1" : $file, $2);
        my $there = -e top() . "/$path";

        $there &&= grep { fragment($_) eq $heading }
            document($path) =~ /^#+ (.*)$/mg if defined $heading;
        push @broken, $& unless $there;
    }
    is_deeply \@broken, [], "$file: links lead somewhere";
}
