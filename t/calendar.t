# Appointments in calendars: the file, the links and the private feeds, read
# by a parser of our own that knows RFC 5545 and nothing of what wrote them.

use EHR::Test;
use EHR::Test::Bookings;
use EHR::Test::Hospital;
use Digest::SHA qw(sha256_hex);
use Time::HiRes qw(sleep);

my $env = start_environment(name => 'calendar',
    server_conf => 'location /denied/ { deny all; ehr api; }');
my $hospital = EHR::Test::Hospital->create($env);
my $accounts = accounts($env);
my $bookings = EHR::Test::Bookings->new($env, $hospital);
my %client = map { $_ => client($_, $env) }
    qw(admin doctor nurse reception patient pharmacist portal);
my $nobody = client(undef, $env);
my $own = $hospital->id('own');
my $visit = $bookings->add(patient => 'own', days => 3,
    reason => 'Suspected pneumonia');
my $foreign = $bookings->add(patient => 'foreign', days => 4);

subtest 'the file of an appointment' => \&the_file;
subtest 'what the file says of changes' => \&changes;
subtest 'a virtual visit' => \&virtual;
subtest 'links' => \&links;
subtest 'whose appointment' => \&ownership;
subtest 'a doctor makes a feed' => \&doctors_feed;
subtest 'how much a feed shows' => \&detail;
subtest 'a patient makes a feed' => \&patients_feed;
subtest 'who may have a feed' => \&who_may;
subtest 'repeating' => \&repeating;
subtest 'a client that has it already' => \&conditional;
subtest 'a key that is none' => \&wrong_keys;
subtest 'ended feeds and accounts' => \&ended;
subtest 'a long calendar' => \&long;
subtest 'the rate of a feed' => \&rate;
subtest 'no log has a key' => \&logs;

logs_clean($env);
done_testing;

# -- reading iCalendar --------------------------------------------------------

# The content lines as [name, {parameters}, value], unfolded; what is wrong
# with the text is a failure.
sub content_lines {
    my ($text) = @_;
    my @wrong;

    push @wrong, 'does not end in CRLF' if $text !~ /\r\n\z/;
    push @wrong, 'has a bare CR or LF'
        if $text =~ /\r(?!\n)|(?<!\r)\n/;
    push @wrong, map { "longer than 75 octets: $_" }
        grep { length $_ > 75 } split /\r\n/, $text;
    $text =~ s/\r\n[ \t]//g;
    push @wrong, 'is not UTF-8' unless utf8::decode(my $copy = $text);

    my @lines;
    for my $line (split /\r\n/, $text) {
        my ($head, $value) = $line
            =~ /\A([A-Z0-9-]+(?:;[A-Z0-9-]+=(?:"[^"]*"|[^";:,]*))*):(.*)\z/s
            or do { push @wrong, "no content line: $line"; next };
        my ($name, @parameters) = split /;(?=[A-Z0-9-]+=)/, $head;
        push @wrong, "a control character: $line" if $value =~ /[\x00-\x08\x0a-\x1f\x7f]/;
        push @lines, [$name, { map { split /=/, $_, 2 } @parameters }, $value];
    }
    is_deeply \@wrong, [], 'is well-formed iCalendar';
    return @lines;
}

# {properties of the calendar, events => [{name => value}]}
sub calendar {
    my ($text) = @_;
    my (%calendar, @open);
    my @wrong;

    for my $line (content_lines($text)) {
        my ($name, $parameters, $value) = @$line;
        if ($name eq 'BEGIN') {
            push @open, $value;
            push @{ $calendar{events} }, {} if $value eq 'VEVENT';
        } elsif ($name eq 'END') {
            push @wrong, "END:$value" if (pop @open || '') ne $value;
        } else {
            my $in = "@open" eq 'VCALENDAR' ? \%calendar
                : $calendar{events}[-1];
            push @wrong, "$name twice" if exists $in->{$name};
            $in->{$name} = $name =~ /\A(?:SUMMARY|LOCATION|NAME)\z/
                ? text_of($value) : $value;
        }
    }
    push @wrong, "open: @open" if @open;
    for my $event (@{ $calendar{events} ||= [] }) {
        push @wrong, map { "an event without $_" } grep { !$event->{$_} }
            qw(UID DTSTAMP DTSTART DTEND ORGANIZER);
        push @wrong, "a bad time: $_" for grep { !/\A\d{8}T\d{6}Z\z/ }
            @$event{qw(DTSTAMP DTSTART DTEND LAST-MODIFIED)};
    }
    push @wrong, 'an event twice' if keys %{ { map { $_->{UID} => 1 }
        @{ $calendar{events} } } } != @{ $calendar{events} };
    is_deeply \@wrong, [], 'its parts are in order';
    is $calendar{VERSION}, '2.0', 'its version';
    is $calendar{METHOD}, 'PUBLISH', 'its method';
    return \%calendar;
}

sub text_of {
    my ($value) = @_;
    $value =~ s/\\([\\;,nN])/lc $1 eq 'n' ? "\n" : $1/ge;
    return $value;
}

sub event_of {
    my ($calendar, $appointment) = @_;
    my ($event) = grep { $_->{UID} eq $appointment->{id} }
        @{ $calendar->{events} };
    return $event;
}

# "2026-11-24T09:00:00Z" as iCalendar writes it.
sub basic {
    my ($time) = @_;
    return $time =~ s/\.\d+Z/Z/r =~ s/[-:]//gr;
}

sub file_of {
    my ($client, $appointment, @more) = @_;
    return $client->get("/api/v1/appointments/$appointment->{id}/calendar"
        . (@more ? "?$more[0]" : ''));
}

# -- one appointment ----------------------------------------------------------

sub the_file {
    my $answer = file_of($client{portal}, $visit);
    is $answer->{status}, 200, 'a patient gets it';
    is $answer->{headers}{'content-type'}, 'text/calendar; charset=utf-8',
        'its type';
    is $answer->{headers}{'content-disposition'},
        'attachment; filename="appointment.ics"', 'its name';

    my $calendar = calendar($answer->{body});
    my ($event, @more) = @{ $calendar->{events} };
    is scalar @more, 0, 'one event';
    is $event->{UID}, $visit->{id}, 'its UID is the appointment';
    is $event->{DTSTART}, basic($visit->{start}), 'begins with it';
    is $event->{DTEND}, basic($visit->{end}), 'and ends with it';
    is $event->{STATUS}, 'CONFIRMED', 'is confirmed';
    is $event->{SUMMARY}, 'Appointment with Dora Doctor', 'with the doctor';
    like $event->{LOCATION}, qr/North/, 'at the clinic';
    is $event->{CLASS}, 'PRIVATE', 'for the reader only';
    unlike $answer->{body}, qr/pneumonia|Own|Patient|DESCRIPTION|ATTENDEE/,
        'neither why nor who';

    my $other = $client{portal}->get(
        "/api/v1/booking/calendar/$visit->{id}");
    is $other->{body}, $answer->{body}, '/booking/calendar is the same';
    is file_of($client{reception}, $visit)->{body}, $answer->{body},
        'and so is what reception gets';
    like $client{portal}->get("/api/v1/booking/calendar/$visit->{id}",
        headers => { 'Accept-Language' => 'es' })->{body},
        qr/^SUMMARY:Cita con Dora Doctor\r$/m, 'in Spanish';
    is_read('appointments', $visit->{id}, $own);
}

# The newest READ row is of this.
sub is_read {
    my ($entity, $id, $patient) = @_;
    my ($row) = $env->rows("SELECT entity, entity_id, patient_id
        FROM ehr.audit_logs WHERE action = 'READ' ORDER BY created_at DESC,
        id DESC LIMIT 1");
    is_deeply $row, [$entity, $id, $patient || ''], 'the audit log says so';
}

sub changes {
    my $appointment = $bookings->add(patient => 'own', days => 5);
    my $event = sub { calendar(file_of($client{patient}, $appointment)
        ->{body})->{events}[0] };
    my $before = $event->();
    is $before->{SEQUENCE}, $appointment->{version} - 1,
        'SEQUENCE counts changes';

    my $cancelled = $bookings->cancel($appointment);
    my $after = $event->();
    is $after->{STATUS}, 'CANCELLED', 'what is cancelled says so';
    is $after->{SEQUENCE}, $cancelled->{version} - 1, 'and is newer';
    cmp_ok $after->{SEQUENCE}, '>', $before->{SEQUENCE}, 'than before';
    is $after->{UID}, $before->{UID}, 'the same event';
    is $after->{'LAST-MODIFIED'}, $after->{DTSTAMP}, 'changed then';
}

sub virtual {
    my $appointment = $bookings->add(patient => 'own', days => 6,
        isVirtual => JSON::PP::true());
    my $event = calendar(file_of($client{portal}, $appointment)->{body})
        ->{events}[0];
    like $event->{URL}, qr{\Ahttps://}, 'has the address of the meeting';
    is $event->{LOCATION}, $event->{URL}, 'as its place, too';
    unlike file_of($client{portal}, $appointment, 'format=links')->{body},
        qr/\Q$event->{URL}\E|location=|in_loc=/, 'links do not';
}

sub links {
    my $answer = file_of($client{portal}, $visit, 'format=links');
    is $answer->{status}, 200, 'format=links';
    my $links = $answer->{data};
    is_deeply [sort keys %$links],
        [qw(google ics office365 outlook yahoo)], 'to whom';
    my ($start, $end) = map { basic($visit->{$_}) } qw(start end);
    like $links->{google}, qr{\Ahttps://calendar\.google\.com/calendar/render
        \?action=TEMPLATE&text=Appointment&dates=${start}%2F$end
        &location=North}x, 'Google';
    like $links->{yahoo}, qr{&st=$start&et=$end&}, 'Yahoo';
    my $extended = $visit->{start} =~ s/\.\d+Z/Z/r =~ s/:/%3A/gr;
    like $links->{$_}, qr/&startdt=\Q$extended\E&/, $_
        for qw(outlook office365);
    unlike $answer->{body}, qr/Doctor|Own|pneumonia/, 'nothing else';
    is $client{portal}->get($links->{ics})->{status}, 200, 'the file';

    my $accept = sub { $client{portal}->get(
        "/api/v1/booking/calendar/$visit->{id}$_[1]",
        headers => { Accept => $_[0] })->{headers}{'content-type'} };
    is $accept->('application/json', ''), 'application/json', 'by Accept';
    is $accept->('text/calendar, application/json', ''),
        'text/calendar; charset=utf-8', 'the file if it is accepted';
    is $accept->('*/*', ''), 'text/calendar; charset=utf-8', 'or anything';
    is $accept->('application/json', '?format=ics'),
        'text/calendar; charset=utf-8', 'format= decides';
    is file_of($client{portal}, $visit, $_)->{status}, 400, $_
        for 'format=pdf', 'formats=ics', 'format=ics&format=links';
}

sub ownership {
    is file_of($client{$_}, $foreign)->{status}, 404,
        "$_: not yours, not there" for qw(portal patient);
    is file_of($client{reception}, $foreign)->{status}, 200, 'reception';
    is file_of($nobody, $visit)->{status}, 401, 'nobody';
    is file_of($client{reception}, { id => '1' })->{status}, 400, 'no id';
}

# -- feeds --------------------------------------------------------------------

# The path of a new feed of this client.
sub new_feed {
    my ($client, %body) = @_;
    my $answer = $client->post('/api/v1/calendar/feeds', json => \%body);
    is $answer->{status}, 201, 'a feed is made' or diag $answer->{body};
    my $url = $env->url;
    like $answer->{data}{url},
        qr{\A\Q$url\E/api/v1/calendar/feeds/[\w-]{43}\.ics\z}, 'its address';
    return { id => $answer->{data}{id},
        path => $answer->{data}{url} =~ s{\A\Q$url\E}{}r };
}

sub events {
    my ($feed) = @_;
    my $answer = $nobody->get($feed->{path});
    is $answer->{status}, 200, 'the feed answers' or return {};
    return calendar($answer->{body});
}

my $doctors;

sub doctors_feed {
    $doctors = new_feed($client{doctor}, name => 'Dora; "work"');
    my $calendar = events($doctors);
    is $calendar->{NAME}, 'Dora; "work"', 'its name';
    ok event_of($calendar, $visit), 'the own visits are in it';
    ok !event_of($calendar, $foreign), 'no other doctor\'s';
    is event_of($calendar, $visit)->{SUMMARY}, 'Appointment: O. P.',
        'by the patient\'s initials';
    is_read('calendar_feeds', $doctors->{id}, undef);

    my $list = $client{doctor}->get('/api/v1/calendar/feeds');
    is $list->{data}[0]{id}, $doctors->{id},
        'the doctor has it in a list';
    is $list->{data}[0]{doctorId}, $hospital->id('doctors'), 'as the own';
    my ($key) = $doctors->{path} =~ m{([\w-]{43})\.ics};
    unlike $list->{body}, qr/\Q$key\E/, 'without the key';
    is $env->sql("SELECT count(*) FROM ehr.calendar_feeds f
        WHERE f::text LIKE '%$key%'"), 0, 'which the database has not';
    is $env->sql("SELECT encode(token_hash, 'hex') FROM ehr.calendar_feeds
        WHERE id = '$doctors->{id}'"), sha256_hex($key), 'but its hash';
}

sub detail {
    my $parameter;
    for my $case (['NONE', 'Appointment'], ['NAME', 'Appointment: Own Patient'],
        ['INITIALS', 'Appointment: O. P.'], ['ALL', 'Appointment: O. P.'])
    {
        my ($value, $summary) = @$case;
        my $answer = $parameter
            ? $client{admin}->patch("/api/v1/system-parameters/$parameter",
                json => { value => { value => $value } })
            : $client{admin}->post('/api/v1/system-parameters', json => {
                key => 'calendarFeedDetail', value => { value => $value } });
        $parameter ||= $answer->{data}{id};
        my $calendar = events($doctors);
        is event_of($calendar, $visit)->{SUMMARY}, $summary, $value;
        next unless $value eq 'NAME';
        is_deeply [$env->rows("SELECT actor_id, count(*) FROM ehr.audit_logs
            WHERE action = 'READ' AND entity = 'appointments'
              AND request_id = (SELECT request_id FROM ehr.audit_logs
                  WHERE action = 'READ'
                  ORDER BY created_at DESC, id DESC LIMIT 1)
            GROUP BY 1")], [[$accounts->{users}{doctor}{id},
                scalar @{ $calendar->{events} }]],
            'each that is named is in the audit log, read by the doctor';
    }
}

sub patients_feed {
    my $feed = new_feed($client{portal});
    my $child = $env->sql("SELECT patient_id FROM ehr.family_members
        WHERE id = '" . $hospital->id('family') . "'");
    my $childs = $bookings->add(patientId => $child, days => 8);
    my $calendar = events($feed);
    is $calendar->{NAME}, 'Appointments', 'its name';
    is event_of($calendar, $visit)->{SUMMARY},
        'Appointment with Dora Doctor', 'the own visit';
    is event_of($calendar, $childs)->{SUMMARY},
        'Appointment with Dora Doctor (C. C.)', 'a child\'s';
    ok !event_of($calendar, $foreign), 'nobody else\'s';
    unlike join('', map { %$_ } @{ $calendar->{events} }), qr/pneumonia/,
        'not why';

    $client{portal}->delete('/api/v1/user/family/'
        . $hospital->id('family'));
    ok !event_of(events($feed), $childs), 'no child, no visits of it';
    $client{portal}->patch('/api/v1/user/profile',
        json => { language => 'es' });
    is event_of(events($feed), $visit)->{SUMMARY}, 'Cita con Dora Doctor',
        'in the account\'s language';
}

sub who_may {
    my $try = sub { $client{$_[0]}->post('/api/v1/calendar/feeds',
        json => $_[1]) };
    my $other = $hospital->id('other-doctor');
    my $theirs = new_feed($client{reception}, doctorId => $other);
    ok event_of(events($theirs), $foreign), 'reception, for a doctor';
    ok !(grep { $_->{id} eq $theirs->{id} }
        @{ $client{doctor}->get('/api/v1/calendar/feeds')->{data} }),
        'whom it is not of does not see it';
    is $client{doctor}->delete("/api/v1/calendar/feeds/$theirs->{id}")
        ->{status}, 404, 'or end it';

    my $his = new_feed($client{reception},
        doctorId => $hospital->id('doctors'));
    is $client{doctor}->delete("/api/v1/calendar/feeds/$his->{id}")
        ->{status}, 200, 'a doctor ends what others made of the own calendar';
    is $nobody->get($his->{path})->{status}, 404, 'and it is gone';

    is $try->('doctor', { doctorId => $other })->{status}, 403,
        'no doctor has another\'s';
    is $try->('portal', { doctorId => $other })->{status}, 403,
        'no patient has a doctor\'s';
    is $try->('pharmacist', {})->{status}, 403,
        'none without appointments.read';
    my $answer = $try->('reception', {});
    is $answer->{status}, 422, 'reception has no calendar of its own';
    ok $answer->{json}{errors}{doctorId}, 'doctorId is wanted';
    is $try->('reception', { doctorId => $own })->{status}, 422,
        'a doctor who is none';
    is $try->('doctor', { name => "a\nb" })->{status}, 422, 'a bad name';

    my @made = map { $try->('patient', { name => "n$_" }) } 1 .. 10;
    my @statuses = map { $_->{status} } @made;
    is $statuses[-1], 409, 'the eleventh is one too many' or diag "@statuses";
    $client{patient}->delete("/api/v1/calendar/feeds/$_->{data}{id}")
        for grep { $_->{status} == 201 } @made;
}

sub repeating {
    my $try = sub { $client{doctor}->post('/api/v1/calendar/feeds',
        json => { name => $_[0] }, headers => { 'Idempotency-Key' => 'f1' }) };
    my $first = $try->('Once');
    my $again = $try->('Once');
    is $again->{status}, 201, 'a repetition is answered';
    is $again->{headers}{'idempotency-replayed'}, 'true', 'as one';
    is_deeply $again->{data}, { id => $first->{data}{id}, url => undef },
        'the same feed, its address is not told again';
    is $try->('Other')->{status}, 422, 'another body with the same key';
    is $env->sql("SELECT count(*) FROM ehr.calendar_feeds
        WHERE name IN ('Once', 'Other')"), 1, 'one feed';
    my ($key) = $first->{data}{url} =~ m{([\w-]{43})\.ics};
    is $env->sql("SELECT count(*) FROM ehr.idempotency_keys k
        WHERE k::text LIKE '%$key%'"), 0, 'the key is not kept';
}

sub conditional {
    my $first = $nobody->get($doctors->{path});
    my $tag = $first->{headers}{etag};
    like $tag, qr/\A"[0-9a-f]{32}"\z/, 'a strong ETag';
    my $again = sub { $nobody->get($doctors->{path},
        headers => { 'If-None-Match' => $_[0] }) };
    is $again->($tag)->{status}, 304, 'nothing is new';
    is $again->($tag)->{body} // '', '', 'nothing is sent';
    is $again->("\"a\", W/$tag")->{status}, 304, 'one of several';
    is $again->('"0"')->{status}, 200, 'another tag';
    is $nobody->get($doctors->{path}, headers => { 'If-None-Match' => $tag,
        'If-Modified-Since' => 'Sat, 01 Jan 2000 00:00:00 GMT' })->{status},
        304, 'a date does not matter';
    for my $odd ("x$tag", uc $tag, '*', "$tag$tag") {
        my $answer = $again->($odd);
        is scalar @{ calendar($answer->{body})->{events} },
            scalar @{ calendar($first->{body})->{events} }, "all of it: $odd"
            if $answer->{status} != 304;
    }

    my $new = $bookings->add(patient => 'own', days => 9);
    my $answer = $again->($tag);
    is $answer->{status}, 200, 'a new visit is new';
    isnt $answer->{headers}{etag}, $tag, 'with another tag';
    is $nobody->head($doctors->{path})->{status}, 200, 'HEAD';
}

sub wrong_keys {
    my ($key) = $doctors->{path} =~ m{([\w-]{43})\.ics};
    my $id = $doctors->{id};
    for my $wrong ($key =~ tr/A-Za-z/B-ZAb-za/r, substr($key, 1), $key . 'A',
        $id, '%2e%2e', "$key.ics", '%20', "'")
    {
        is $nobody->get("/api/v1/calendar/feeds/$wrong.ics")->{status}, 404,
            'not a key';
    }
    is $nobody->get("/api/v1/calendar/feeds/$key")->{status}, 405,
        'without .ics it is no feed';
    is $nobody->delete($doctors->{path})->{status}, 405, 'only to read';
    is $client{doctor}->delete('/api/v1/calendar/feeds/x')->{status}, 400,
        'an id is a UUID still';
}

sub ended {
    my $feed = new_feed($client{doctor});
    is $client{reception}->delete("/api/v1/calendar/feeds/$feed->{id}")
        ->{status}, 404, 'nobody else ends it';
    is $client{doctor}->delete("/api/v1/calendar/feeds/$feed->{id}")
        ->{status}, 200, 'its owner does';
    is $nobody->get($feed->{path})->{status}, 404, 'at once';

    my $user = $accounts->{users}{doctor}{id};
    my $doctor = $hospital->id('doctors');
    for my $case (
        ['a banned account', "/users/$user", { status => 'BANNED' },
            { status => 'ACTIVE' }],
        ['another role', "/users/$user", { roles => ['PHARMACIST'] },
            { roles => ['DOCTOR'] }],
        ['a profile of somebody else', "/doctors/$doctor",
            { userId => undef }, { userId => $user }])
    {
        my ($what, $path, $change, $back) = @$case;
        is $client{admin}->patch("/api/v1$path", json => $change)->{status},
            200, $what;
        is $nobody->get($doctors->{path})->{status}, 404, 'has no feed';
        $client{admin}->patch("/api/v1$path", json => $back);
        is $nobody->get($doctors->{path})->{status}, 200,
            'until it is as before';
    }
    $client{admin}->delete("/api/v1/users/$user");
    is $nobody->get($doctors->{path})->{status}, 404, 'a deleted account';
    $client{admin}->post("/api/v1/users/$user/restore");
    is $nobody->get($doctors->{path})->{status}, 200, 'restored';
}

# More than one page of events, and those outside of its time.
sub long {
    my @made = $bookings->many(patient => 'own', number => 600);
    my $calendar = events($doctors);
    my %there = map { $_->{UID} => 1 } @{ $calendar->{events} };
    is scalar(grep { !$there{$_} } @made), 0, 'all 600 are there';

    my $past = $bookings->insert(patient => 'own', days => -31);
    my $recent = $bookings->insert(patient => 'own', days => -29);
    my $late = $bookings->insert(patient => 'own', days => 366);
    $calendar = events($doctors);
    ok event_of($calendar, $recent), 'last month';
    ok !event_of($calendar, $_), 'not before or after a year'
        for $past, $late;
}

sub rate {
    my $env = start_environment(name => 'calendar-rate',
        rate_limits => 'ehr_rate_limit account rate=60r/m burst=150;');
    my $hospital = EHR::Test::Hospital->create($env);
    my $feed = client('doctor', $env)->post('/api/v1/calendar/feeds',
        json => {});
    is $feed->{status}, 201, 'a feed' or return diag $feed->{body};
    my $path = $feed->{data}{url} =~ s{\Ahttp://[^/]+}{}r;
    my @answers = map { client(undef, $env)->get($path) } 1 .. 160;
    is_deeply [grep { $_->{status} != 200 } @answers[0 .. 149]], [],
        'as many as an account may';
    is $answers[-1]{status}, 429, 'then it is enough';
    ok $answers[-1]{headers}{'retry-after'}, 'for a while';
    is client(undef, $env)->get($path =~ tr/A-Za-z/B-ZAb-za/r)->{status}, 404,
        'another key is another rate';
    logs_clean($env);
}

sub logs {
    my ($key) = $doctors->{path} =~ m{([\w-]{43})\.ics};
    is $nobody->get("/denied/v1/calendar/feeds/$key.ics?q=$key")->{status}, 403,
        'refused by another module of nginx';
    my $access = read_file($env->access_log);
    like $access, qr{"route":"/calendar/feeds/\{token\}\.ics","status":200},
        'the access log has the template';
    unlike $access, qr/\Q$key\E/, 'and not the key';
    like read_file($env->error_log),
        qr/access forbidden by rule.*request: "GET -"/,
        'the error log has a line of another module';
    unlike read_file($env->error_log), qr/\Q$key\E/, 'nor the error log';
    unlike read_file($env->database_log), qr/\Q$key\E/, 'nor PostgreSQL';
    is $env->sql("SELECT count(*) FROM ehr.audit_log a
        WHERE a::text LIKE '%$key%'"), 0, 'nor the audit log';
}
