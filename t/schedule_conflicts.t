# Changes of a schedule that hit what is booked: refused with a list, or, by
# force, marked and told.

use EHR::Test;
use EHR::Test::Clinic;

my $env = environment();
my $clinic = EHR::Test::Clinic->create($env);
my $admin = $clinic->admin;

a_rule_changes();
time_off_is_taken();
a_clinic_closes();
extra_hours_go();
seats_go();
a_doctor_sees_nobody();
a_clinic_has_other_clocks();
what_harms_nobody();

logs_clean($env);
done_testing;

# Fewer seats: who sits on one that is gone.
sub seats_go {
    my $doctor = $clinic->doctor(capacity => 2);
    my $start = $clinic->at(8, '10:00');
    booking($doctor, $start) for 1, 2;
    my $out = $env->sql("SELECT id FROM ehr.appointments
        WHERE doctor_id = '$doctor' AND seat = 1");
    my %rule = rules($doctor);
    my $path = "/api/v1/schedules/$rule{weekday(8)}{id}";

    is_deeply conflicts($admin->patch($path, json => { capacity => 1 })),
        [409, [$out]], 'one seat less hits who sits there';
    is $admin->patch("$path?force=true", json => { capacity => 1 })->{status},
        200, 'by force it goes';
    is needs_attention({ id => $out }), 1, 'they need attention';
    is $admin->patch($path, json => { capacity => 2 })->{status}, 200,
        'it comes back';
    is needs_attention({ id => $out }), 0, 'then they do not';
}

sub a_doctor_sees_nobody {
    my $doctor = $clinic->doctor;
    my @booked = map { booking($doctor, $clinic->at(9, $_)) } '10:00', '11:00';
    my $path = "/api/v1/doctors/$doctor";

    is_deeply conflicts($admin->patch($path, json => { isAvailable =>
        JSON::PP::false })), [409, [map { $_->{id} } @booked]],
        'a doctor who sees nobody any more';
    my $answer = $admin->patch("$path?force=true",
        json => { isAvailable => JSON::PP::false });
    is $answer->{status}, 200, 'by force' or diag $answer->{body};
    is_deeply [map { needs_attention($_) } @booked], [1, 1],
        'all need attention';
    is $admin->patch($path, json => { isAvailable => JSON::PP::true })
        ->{status}, 200, 'the doctor is back';
    is_deeply [map { needs_attention($_) } @booked], [0, 0], 'all is well';
}

sub a_clinic_has_other_clocks {
    my $other = EHR::Test::Clinic->create($env, zone => 'America/Sao_Paulo');
    my $doctor = $other->doctor;
    my $morning = $other->booked($other->patient, $doctor,
        $other->at(9, '09:00'));
    my $evening = $other->booked($other->patient, $doctor,
        $other->at(9, '16:00'));
    my $path = '/api/v1/clinics/' . $other->id;

    # five hours later there, and hours until 17:00
    my %zone = (json => { timeZone => 'Asia/Kolkata' });
    is_deeply conflicts($admin->patch($path, %zone)),
        [409, [map { $_->{id} } $morning, $evening]],
        'what lies outside the hours by other clocks';
    is $admin->patch("$path?force=true", %zone)->{status}, 200, 'by force';
    is_deeply [map { needs_attention($_) } $morning, $evening], [1, 1],
        'both need attention';
}

# Of a request: status and what stands in the way.
sub conflicts {
    my ($answer) = @_;
    return [$answer->{status}, [map { $_->{appointmentId} }
        @{ $answer->{json}{data}{conflicts} || [] }]];
}

sub booking {
    my ($doctor, $start, $patient) = @_;
    return $clinic->booked($patient || $clinic->patient, $doctor, $start);
}

sub needs_attention {
    my ($appointment) = @_;
    return $admin->get("/api/v1/appointments/$appointment->{id}")
        ->{data}{needsAttention} ? 1 : 0;
}

# The rules of a doctor, by the day of the week.
sub rules {
    my ($doctor) = @_;
    my $answer = $admin->get("/api/v1/doctors/$doctor/schedules?limit=100");
    is $answer->{status}, 200, 'the rules' or diag $answer->{body};
    return map { $_->{dayOfWeek} => $_ } @{ $answer->{data} };
}

sub weekday {
    my ($days) = @_;
    return $env->sql("SELECT extract(isodow FROM date '"
        . $clinic->date($days) . "')");
}

sub exception {
    my ($body, $query) = @_;
    return $admin->post('/api/v1/schedule-exceptions' . ($query || ''),
        json => $body);
}

sub a_rule_changes {
    my $doctor = $clinic->doctor;
    my $me = $clinic->patient(account => 1);
    my $early = booking($doctor, $clinic->at(7, '09:30'), $me);
    my $noon = booking($doctor, $clinic->at(7, '12:00'));
    my $later = booking($doctor, $clinic->at(14, '09:00'));
    my $other = booking($doctor, $clinic->at(8, '09:30'));
    my $rule = { rules($doctor) }->{ weekday(7) };
    my $path = "/api/v1/schedules/$rule->{id}";

    my $answer = $admin->patch($path, json => { startTime => '10:00' });
    is_deeply conflicts($answer), [409, [$early->{id}, $later->{id}]],
        'a later beginning hits two' or diag $answer->{body};
    is_deeply [@{ $answer->{data}{conflicts}[0] }{qw(start end doctorId
        patientId)}], [@$early{qw(start end)}, $doctor, $me->{id}],
        'which says when and who';
    is $admin->get($path)->{data}{startTime}, '09:00', 'nothing is changed';
    is_deeply conflicts($admin->delete($path)),
        [409, [map { $_->{id} } $early, $noon, $later]],
        'without the rule they all have no hours';

    $answer = $admin->patch("$path?force=true",
        json => { startTime => '10:00' });
    is $answer->{status}, 200, 'by force it goes on' or diag $answer->{body};
    is_deeply [map { needs_attention($_) } $early, $noon, $later, $other],
        [1, 0, 1, 0], 'what was hit needs attention';
    my ($news) = @{ $me->{client}->get('/api/v1/notifications')->{data} };
    is_deeply [$news->{message}, $news->{data}],
        ['APPOINTMENT_NEEDS_ATTENTION', { appointmentId => $early->{id} }],
        'and the patient is told';
    is $env->sql("SELECT count(*) FROM ehr.claims
        WHERE ref = '$early->{id}'"), 2, 'it stays booked';
    is_deeply conflicts($admin->delete($path)), [409, [$noon->{id}]],
        'what was said once is not said again';

    is $admin->patch($path, json => { startTime => '09:00' })->{status}, 200,
        'the hours come back';
    is_deeply [map { needs_attention($_) } $early, $later], [0, 0],
        'and with them the peace';
    is $admin->patch("$path?force=true", json => { startTime => '10:00' })
        ->{status}, 200, 'once more';
    is $admin->patch("/api/v1/appointments/$early->{id}",
        json => { start => $clinic->at(7, '11:00') })->{status}, 200,
        'it is moved';
    is needs_attention($early), 0, 'and needs no attention any more';
}

sub time_off_is_taken {
    my $doctor = $clinic->doctor;
    my $hit = booking($doctor, $clinic->at(7, '10:00'));
    my $missed = booking($doctor, $clinic->at(7, '12:00'));
    my %off = (kind => 'TIME_OFF', doctorId => $doctor,
        start => $clinic->at(7, '09:00'), end => $clinic->at(7, '11:00'));

    my $answer = exception(\%off);
    is_deeply conflicts($answer), [409, [$hit->{id}]], 'time off hits one'
        or diag $answer->{body};
    is $env->sql("SELECT count(*) FROM ehr.schedule_exceptions
        WHERE doctor_id = '$doctor'"), 0, 'and is not taken';
    $answer = exception(\%off, '?force=true');
    is $answer->{status}, 201, 'by force it is' or diag $answer->{body};
    is_deeply [map { needs_attention($_) } $hit, $missed], [1, 0],
        'one needs attention';
    is_deeply conflicts($admin->patch(
        "/api/v1/schedule-exceptions/$answer->{data}{id}",
        json => { end => $clinic->at(7, '13:00') })),
        [409, [$missed->{id}]], 'longer, it hits another';

    my $path = "/api/v1/schedule-exceptions/$answer->{data}{id}";
    is $admin->delete($path)->{status}, 200, 'it is given up';
    is_deeply conflicts($admin->post("$path/restore")), [409, [$hit->{id}]],
        'taken again, it hits again';
    is $admin->post("$path/restore?force=true")->{status}, 200, 'but for force';

    my $claims = sub { $env->sql("SELECT string_agg(c.kind || ' '
        || (upper(c.during) - lower(c.during)), ', ' ORDER BY c.during)
        FROM ehr.claims c JOIN ehr.resources r ON r.id = c.resource
        WHERE r.entity_id = '$doctor'
          AND c.during && tstzrange('$off{start}', '$off{end}')") };
    is $claims->(), 'time_off 01:00:00, appointment 00:30:00, '
        . 'time_off 00:30:00', 'it is cut around what is booked';
    $admin->delete("/api/v1/appointments/$hit->{id}");
    like $claims->(), qr/^time_off \S+, time_off \S+, time_off \S+$/,
        'and covers it once that is gone';
}

sub a_clinic_closes {
    my $other = EHR::Test::Clinic->create($env);
    my @doctors = map { $other->doctor } 1, 2;
    my @hit = map { $other->booked($other->patient, $_,
        $other->at(9, '10:00')) } @doctors;
    my $elsewhere = booking($clinic->doctor, $clinic->at(9, '10:00'));

    my $answer = exception({ kind => 'HOLIDAY', clinicId => $other->id,
        start => $other->at(9, '00:00'), end => $other->at(10, '00:00') });
    is_deeply [sort @{ conflicts($answer)->[1] }],
        [sort map { $_->{id} } @hit], 'a holiday hits every doctor'
        or diag $answer->{body};
    is needs_attention($elsewhere), 0, 'of this clinic';
}

sub extra_hours_go {
    my $doctor = $clinic->doctor;
    my $extra = exception({ kind => 'EXTRA_HOURS', doctorId => $doctor,
        clinicId => $clinic->id, start => $clinic->at(7, '18:00'),
        end => $clinic->at(7, '20:00'), slotMinutes => 30 });
    is $extra->{status}, 201, 'extra hours' or diag $extra->{body};
    my $hit = booking($doctor, $clinic->at(7, '18:30'));
    my $path = "/api/v1/schedule-exceptions/$extra->{data}{id}";
    is_deeply conflicts($admin->delete($path)), [409, [$hit->{id}]],
        'what is booked in them keeps them';
    is $admin->delete("$path?force=true")->{status}, 200, 'but for force';
    is needs_attention($hit), 1, 'then it needs attention';
}

sub what_harms_nobody {
    my $doctor = $clinic->doctor;
    booking($doctor, $clinic->at(7, '10:00'));
    my %rule = rules($doctor);
    is $admin->patch('/api/v1/schedules/' . $rule{ weekday(7) }{id},
        json => { endTime => '18:00', capacity => 2 })->{status}, 200,
        'more hours and seats';
    is $admin->delete('/api/v1/schedules/' . $rule{ weekday(8) }{id})
        ->{status}, 200, 'a day without bookings';
    is exception({ kind => 'TIME_OFF', doctorId => $doctor,
        start => $clinic->at(20, '09:00'), end => $clinic->at(21, '11:00') })
        ->{status}, 201, 'time off without any';
    is client('nurse')->delete('/api/v1/schedules/' . $rule{ weekday(7) }{id}
        . '?force=true')->{status}, 403, 'force is no permission';
}
