package EHR::Test::Beds;

# Clients that admit, plan, transfer, swap, discharge and cancel over few beds
# while something is broken, and the checker of what came of it.
#
#   my $load = start_beds($env);        # options: those of EHR::Test::Actors
#   … break something …
#   check_beds($env, $load, $load->stop, 'what was broken');
#
# What the checker wants (each a test of a subtest):
#
#   I1  each acknowledged act is in the database, and nothing else is
#   I2  nobody lies in two beds, nobody shares one; beds, claims, movements
#       and admissions say the same
#   I3  what each node has in memory is what the database has, bed by bed
#       (EHR::Test::BedEngine)
#   I4  an act of unknown outcome, repeated with its key, is there once
#   I5  each act has one audit row
#
# The reason of every act is its request's name, so that the row tells who
# made it.  What has no key is not repeated: after an unknown outcome a client
# looks what the admission is, and goes on from there with that version.

use strict;
use warnings;
use EHR::Test;
use EHR::Test::Actors qw(check_ends settle check_audit none summary describe
    is_open is_done);
use EHR::Test::BedEngine;
use EHR::Test::Booking qw(iso until_engine_is_live);
use EHR::Test::Checker qw(wait_until);
use EHR::Test::Client;
use EHR::Test::Inpatient;
use Exporter qw(import);
use Time::HiRes qw(time);

our @ISA = qw(EHR::Test::Actors);
our @EXPORT = qw(start_beds check_beds check_wards tell_deadlocks
    until_engine_is_live @acts);

my $more = Test::More->builder;
my %good = (admission => 201, plan => 201, newborn => 201,
    map { $_ => 200 } qw(admit transfer swap order withdraw done leave return
        cancel status look wards));
our @acts = sort keys %good;

# Those that take beds, and how many movements each makes.
my %moves = (admission => 1, newborn => 1, admit => 1, transfer => 1,
    swap => 2);

# -- what is fought for -------------------------------------------------------

# 36 beds of all kinds, and more patients than beds; of each load its own.
sub place {
    my ($env) = @_;
    my $hospital = EHR::Test::Inpatient->create($env);
    my ($general, $small) = map { $hospital->ward } 1, 2;
    my @any = $hospital->rooms($general, 4, 3);
    my @beds = (@any,
        $hospital->rooms($general, 3, 2, sexPolicy => 'SAME'),
        $hospital->rooms($general, 1, 2, sexPolicy => 'MALE'),
        $hospital->rooms($small, 1, 3, sexPolicy => 'FEMALE',
            equipment => ['MONITOR']),
        $hospital->rooms($small, 2, 2, class => 'Single', isolation => JSON::PP::true(),
            equipment => [qw(MONITOR OXYGEN)]),
        $hospital->rooms($small, 3, 2, sexPolicy => 'SAME',
            equipment => ['OXYGEN']),
        $hospital->rooms($small, 1, 3, ageGroup => 'CHILD'));

    return (hospital => $hospital->id, wards => [$general, $small],
        class => $hospital->class('Single'), beds => \@beds,
        patients => [map { $hospital->patients(12, gender => $_),
            $hospital->patients(6, gender => $_, years => 9) }
            qw(MALE FEMALE)],
        newborns => [$hospital->patients(20, days => 3)],
        doctor => $hospital->doctor,
        tokens => [accounts($env)->token('admin')]);
}

sub start_beds {
    my ($env, %option) = @_;
    my $self = __PACKAGE__->start($env, clients => 16, think => 0.01,
        place($env), %option);

    wait_until(20, sub { $self->count > 40 }) or die "no admissions\n";
    return $self;
}

# -- in a process -------------------------------------------------------------

sub one_of { return $_[0][rand @{ $_[0] }] }

# What a client does next.  An admission of its own is a hash: id, status,
# version, ordered, and doubt when it does not know them.
sub choose {
    my ($self, $client) = @_;
    my $own = $client->{own} ||= [];
    my $chance = rand;

    if (my ($doubt) = grep { $_->{doubt} } @$own) {
        return $self->act('look', GET => "/admissions/$doubt->{id}", undef,
            of => $doubt->{id});
    }
    return $self->clean if $chance < 0.25;
    return $self->wards if $chance < 0.30;
    return $self->go_on(one_of($own)) if @$own && $chance < 0.80;
    return $self->planned if $chance < 0.83;
    return @$own < 2 ? $self->admission : $self->go_on(one_of($own));
}

# Most often a bed after somebody has left it.
sub clean {
    my ($self) = @_;
    my $chance = rand;
    my $status = $chance < 0.9 ? 'AVAILABLE'
        : $chance < 0.95 ? 'CLEANING' : 'OUT_OF_SERVICE';
    return $self->act('status', POST => '/beds/' . one_of($self->{beds})
        . '/status', sub { +{ status => $status, reason => $_[0] } },
        about => $status, key => undef);
}

sub wards {
    my ($self) = @_;
    return $self->act('wards', GET => '/wards/' . one_of($self->{wards})
        . '/board');
}

# A bed, or what it must have.
sub wish {
    my ($self) = @_;
    my $chance = rand;
    return $chance < 0.45 ? (bedId => one_of($self->{beds}))
        : $chance < 0.75 ? (wardId => one_of($self->{wards}))
        : $chance < 0.85 ? (hospitalId => $self->{hospital},
            equipment => [one_of([qw(MONITOR OXYGEN)])])
        : $chance < 0.95 ? (roomClassId => $self->{class})
        : (hospitalId => $self->{hospital}, isolation => JSON::PP::true());
}

sub admission {
    my ($self) = @_;
    my %body = (patientId => one_of($self->{patients}), $self->wish,
        type => one_of([qw(EMERGENCY ELECTIVE OBSERVATION)]),
        (rand() < 0.5 ? (admittingDoctorId => $self->{doctor}) : ()));

    $body{waits} = JSON::PP::true() if !$body{bedId} && rand() < 0.1;
    return $self->act('admission', POST => '/admissions',
        sub { +{ %body, reason => $_[0] } }, patient => $body{patientId});
}

# From now on, in some seconds, or for an hour another day.
sub planned {
    my ($self) = @_;
    my $chance = rand;
    my $start = time() + ($chance < 0.4 ? 1 + rand 3
        : 86400 * (1 + int rand 20));
    my %body = (patientId => one_of($self->{patients}), $self->wish,
        type => 'ELECTIVE', plannedStart => iso($start),
        ($chance > 0.6 ? (plannedEnd => iso($start + 3600)) : ()));

    return $self->act('plan', POST => '/admissions',
        sub { +{ %body, reason => $_[0] } }, patient => $body{patientId});
}

# An act on an admission, most often one that is possible.
sub go_on {
    my ($self, $one) = @_;
    my $chance = rand;
    my $status = rand() < 0.03 ? 'ADMITTED' : $one->{status};

    if ($status eq 'ADMITTED') {
        return $chance < 0.35 ? $self->to($one, transfer => { $self->wish })
            : $chance < 0.50 ? $self->swap($one)
            : $chance < 0.55 && !$one->{newborn} ? $self->newborn($one)
            : $chance < 0.62 ? $self->to($one, leave => {
                until => iso(time() + 86400) })
            : $chance < 0.67 ? $self->to($one, cancel => {})
            : $chance < 0.78 && $one->{ordered}
                ? $self->step($one, withdraw => 'WITHDRAWN')
            : $one->{ordered} || $chance < 0.72
                ? $self->step($one, done => 'DONE')
            : $self->step($one, order => 'ORDERED');
    }
    if ($status eq 'ON_LEAVE') {
        return $chance < 0.7 ? $self->to($one, return => undef)
            : $self->step($one, done => 'DONE', 'AGAINST_ADVICE');
    }
    return $chance < 0.4 ? $self->to($one, admit => {})
        : $chance < 0.7 ? $self->to($one, admit => { $self->wish })
        : $self->to($one, cancel => {});
}

# POST to the admission's sub-resource of that name, or `path`.
sub to {
    my ($self, $one, $act, $body, %more) = @_;
    my $path = delete $more{path} || $act;
    return $self->act($act, POST => "/admissions/$one->{id}/$path",
        $body && sub { +{ %$body, reason => $_[0] } }, key => undef,
        of => $one->{id}, (rand() < 0.5 ? (match => $one->{version}) : ()),
        %more);
}

sub step {
    my ($self, $one, $act, $step, $disposition) = @_;
    $disposition ||= rand() < 0.2 ? 'DECEASED' : 'HOME';
    return $self->to($one, $act, { step => $step,
        ($step eq 'DONE' ? (disposition => $disposition) : ()) },
        path => 'discharge', about => $disposition);
}

# With one that another client of this process has.
sub swap {
    my ($self, $one) = @_;
    my @others = grep { $_ ne $one->{id} } keys %{ $self->{inside} };
    return $self->to($one, transfer => { $self->wish }) unless @others;
    my $other = one_of(\@others);
    return $self->to($one, swap => { otherAdmissionId => $other },
        other => $other);
}

sub newborn {
    my ($self, $one) = @_;
    my $patient = one_of($self->{newborns});
    my %body = (patientId => $patient, type => 'NEWBORN',
        motherAdmissionId => $one->{id});
    return $self->act('newborn', POST => '/admissions',
        sub { +{ %body, reason => $_[0] } }, patient => $patient);
}

sub kept {
    my ($self, $act, $answer) = @_;
    my ($status, $data) = @$answer{qw(status data)};
    my %kept = map { $_ => $act->{$_} } qw(of other match patient);

    if ($status =~ /\A20/ && ref $data eq 'HASH') {
        @kept{qw(id version state)} = ($data->{id}, $data->{version},
            state($data)) if $act->{act} !~ /\A(?:status|wards)\z/;
    } elsif ($status =~ /\A4/ && ref $data eq 'HASH') {
        $kept{rule} = $data->{rule};
        $kept{expected} = scalar @{ $data->{expected} }
            if ref $data->{expected} eq 'ARRAY';
    }
    return %kept;
}

# What of an admission is compared.
sub state {
    my ($data) = @_;
    return join ' ', $data->{status}, $data->{bedId} || '-',
        $data->{dischargeOrderedAt} ? 'ordered' : '-';
}

sub remember {
    my ($self, $client, $act, $record) = @_;
    my $own = $client->{own} ||= [];
    my $id = $act->{of} || $record->{id} or return;

    if ($record->{state} && $record->{id}) {
        my ($one) = grep { $_->{id} eq $id } @$own;
        push @$own, $one = { id => $id, newborn => $act->{act} eq 'newborn' }
            if !$one;
        @$one{qw(status ordered)} = ($record->{state} =~ /\A(\w+)/,
            $record->{state} =~ /ordered/ ? 1 : 0);
        $one->{version} = $record->{version};
        $one->{doubt} = 0;
        delete $self->{inside}{$id};
        $self->{inside}{$id} = 1 if $one->{status} eq 'ADMITTED';
        @$own = grep { $_->{id} ne $id } @$own
            if $one->{status} =~ /\A(?:DISCHARGED|CANCELLED)\z/;
    } elsif (is_open($record) || $record->{status} == 412
        || $record->{status} == 409 && rand() < 0.3)
    {
        # what it is may have changed: by a swap, by this very act
        $_->{doubt} = 1 for grep { $_->{id} eq $id } @$own;
    }
}

# -- the checker --------------------------------------------------------------

# Options: refused (connections may be), needed (acts of which some must be
# done; @acts: all there are).
sub check_beds {
    my ($env, $load, $records, $name, %option) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return $more->subtest("$name: the checker", sub {
        check_ends($records, %option, good => \%good, may => \&may_end,
            needed => $option{needed} || [qw(admission transfer status)]);
        check_refusals($records);
        my $known = settle($load, $records);
        check_bed_engine($env, port => $_, token => $load->{tokens}[0],
            wards => $load->{wards}) for @{ $load->{ports} };
        check_made($env, $load, $records, $known);
        check_states($env, $records, $known);
        check_movements($env, $load, $records, $known);
        check_audit($env, $load, $records, good => \%good,
            entities => [qw(admissions)], action => {
                map({ $_ => 'UPDATE' } qw(admit transfer swap order withdraw
                    done leave return cancel)),
                map({ $_ => 'CREATE' } qw(admission plan newborn)) },
            # of two who swap, of newborns, of who waits and is offered a bed
            others => { map { $_ => 1 } qw(swap transfer admit cancel done) },
            beside => { status => 1 });
        check_statuses($env, $load, $records);
        check_wards($env);
        summary($records);
        tell_deadlocks($env);
        $more->done_testing;
    });
}

# Refused for a reason that has a name; by If-Match.
sub may_end {
    my ($record) = @_;
    return $record->{status} =~ /\A(?:409|422)\z/ && $record->{rule}
        || $record->{status} == 412 && $record->{match};
}

sub check_refusals {
    my ($records) = @_;
    my @bare = map { describe($_) } grep { ($_->{rule} || '')
        =~ /\A(?:no_bed_free|bed_taken)\z/ && !defined $_->{expected} }
        @$records;
    none(\@bare, 'who gets no bed is told which is free next');
}

# I1 and I4: an admission for each that was acknowledged.
sub check_made {
    my ($env, $load, $records, $known) = @_;
    my (%told, @strange);
    my %found = map { @$_ } $env->rows('SELECT id, patient_id FROM'
        . " ehr.admissions WHERE reason LIKE '$load->{name}-%'");

    for my $record (grep { is_done($_) } values %$known) {
        next if $record->{act} eq 'status';
        push @strange, describe($record) . ': there twice'
            if $told{ $record->{id} }++;
        push @strange, describe($record) . ': not there'
            if ($found{ $record->{id} } || '') ne $record->{patient};
    }
    push @strange, map { "$_: there, but nobody was told" }
        grep { !$told{$_} } sort keys %found;
    none(\@strange, 'I1: all admissions that were acknowledged are there once,'
        . ' no others');
}

# I1: each version of an admission is what was told of it, and as many changes
# were made as were acknowledged or may have been.
sub check_states {
    my ($env, $records, $known) = @_;
    my (%told, %may, %waits, @strange);

    for my $record (@$records, values %$known) {
        my ($id, $state) = @$record{qw(id state)};
        if ($state) {
            my $before = $told{$id}{ $record->{version} };
            push @strange, describe($record) . ": $state, was $before"
                if defined $before && $before ne $state;
            $told{$id}{ $record->{version} } = $state;
            # an offer, a plan that lapses, a mother who is moved
            $waits{$id} = 1 if $state =~ /\A(?:PLANNED|WAITING)/
                || $record->{act} eq 'newborn';
        }
        next unless is_done($record) || is_open($record);
        $may{$_}{ $record->{request} } = 1 for grep { defined }
            is_open($record) ? $record->{of} : (), $record->{other};
    }
    my %row = map { shift @$_ => $_ } $env->rows('SELECT id, version, status,'
        . " coalesce(bed_id::text, '-'), CASE WHEN discharge_ordered_at IS"
        . " NULL THEN '-' ELSE 'ordered' END FROM ehr.admissions");

    for my $id (sort keys %told) {
        my ($version, @is) = @{ $row{$id} || [0] };
        my $told = $told{$id}{$version};
        my ($last) = sort { $b <=> $a } keys %{ $told{$id} };
        push @strange, "$id: version $version is @is, told $told"
            if defined $told && $told ne "@is";
        push @strange, "$id: version $version, told of $last"
            if $last > $version;
        my $more = $version - keys %{ $told{$id} };
        my $may = keys %{ $may{$id} || {} };
        push @strange, "$id: $more changes that nobody was told of, may be"
            . " $may" if $more > $may && !$waits{$id};
    }
    none(\@strange, 'I1: admissions are what was told of them');
}

# I1: as many movements as each act makes, none of what was refused.
sub check_movements {
    my ($env, $load, $records, $known) = @_;
    my (%acts, @strange);
    my %found = map { @$_ } $env->rows('SELECT reason, count(DISTINCT'
        . ' patient_id) FROM ehr.admission_movements WHERE seat = 0 AND'
        . " reason LIKE '$load->{name}-%' GROUP BY 1");
    my %rooms_in = map { @$_ } $env->rows('SELECT reason, count(*) FROM'
        . " ehr.admission_movements WHERE kind = 'ROOM_IN' AND reason LIKE"
        . " '$load->{name}-%' GROUP BY 1");

    for my $record (@$records, values %$known) {
        my $of = $acts{ $record->{request} } ||= { record => $record };
        $of->{done} = $record if is_done($record);
        $of->{open} = 1 if is_open($record);
    }
    for my $request (sort keys %acts) {
        my $act = $acts{$request};
        my $most = $moves{ $act->{record}{act} } || 0;
        my $does = $act->{record}{act};
        # a newborn that is moved into its mother's bed rooms in, too
        my $is = $does eq 'newborn' ? 0 : delete $found{$request} || 0;
        $is += delete $rooms_in{$request} || 0
            if $does =~ /\A(?:newborn|transfer)\z/;
        my $waits = $act->{done} && $act->{done}{state}
            && $act->{done}{state} =~ /\A(?:PLANNED|WAITING)/;
        my @right = $act->{done} ? ($waits ? 0 : $most)
            : $act->{open} ? (0, $most) : 0;
        push @strange, describe($act->{record}) . ": $is movements"
            unless grep { $_ == $is } @right;
    }
    push @strange, map { "$_: nobody sent it" } sort keys %found;
    none(\@strange, 'I1: each act made its movements, once');
}

# I1 and I5: what was said of beds.  One that is clean and promised becomes
# RESERVED with the same act.
sub check_statuses {
    my ($env, $load, $records) = @_;
    my @strange;
    my $own = "LIKE '$load->{name}-%' GROUP BY 1";
    my %changes = map { @$_ } $env->rows('SELECT reason, count(*) FROM'
        . " ehr.bed_status_changes WHERE reason $own");
    my %audited = map { @$_ } $env->rows('SELECT request_id, count(*) FROM'
        . " ehr.audit_log WHERE entity = 'beds' AND action <> 'READ' AND"
        . " request_id $own");

    for my $record (grep { $_->{act} eq 'status' } @$records) {
        my $n = $changes{ $record->{request} } || 0;
        my $rows = $audited{ $record->{request} } || 0;
        push @strange, describe($record) . ": $n changes, $rows audit rows"
            if $n > 1 || !$n != !$rows || $rows > 2
                || !is_open($record) && $n != is_done($record);
    }
    none(\@strange, 'I1, I5: beds became what was acknowledged');
}

# I2: what must always be so, whoever wrote it.
my $movements = 'ehr.admission_movements';
my $stays = "$movements m JOIN ehr.resources r ON r.kind = 'bed'"
    . ' AND r.entity_id = m.bed_id';
my %never = (
    'no claims overlap' => 'SELECT a.ref, b.ref FROM ehr.claims a JOIN'
        . ' ehr.claims b ON a.resource = b.resource AND a.seat = b.seat'
        . ' AND a.during && b.during AND a.id < b.id',
    'no patient lies in two beds' => "SELECT a.id, b.id FROM $movements a"
        . " JOIN $movements b ON a.patient_id = b.patient_id AND a.id <"
        . ' b.id AND a.during && b.during WHERE a.cancelled_at IS NULL AND'
        . ' b.cancelled_at IS NULL',
    'no bed has two patients' => "SELECT a.id, b.id FROM $movements a JOIN"
        . " $movements b ON a.bed_id = b.bed_id AND a.seat = b.seat AND"
        . ' a.id < b.id AND a.during && b.during WHERE a.cancelled_at IS'
        . ' NULL AND b.cancelled_at IS NULL',
    'no room for one sex has two' => "SELECT a.id, b.id FROM $movements a"
        . " JOIN $movements b ON a.ward_room_id = b.ward_room_id AND a.id"
        . ' < b.id AND a.during && b.during AND a.sex <> b.sex WHERE'
        . ' a.is_same_sex AND b.is_same_sex AND a.cancelled_at IS NULL AND'
        . ' b.cancelled_at IS NULL',
    'occupied is where somebody lies' => 'SELECT b.id, b.status FROM'
        . " ehr.beds b JOIN ehr.resources r ON r.kind = 'bed' AND"
        . " r.entity_id = b.id WHERE (b.status = 'OCCUPIED') <> EXISTS"
        . ' (SELECT FROM ehr.claims c WHERE c.resource = r.id AND c.seat ='
        . " 0 AND c.kind = 'admission' AND upper_inf(c.during))",
    'reserved is what is promised' => 'SELECT b.id FROM ehr.beds b JOIN'
        . " ehr.resources r ON r.kind = 'bed' AND r.entity_id = b.id"
        . " WHERE b.status = 'RESERVED' AND NOT EXISTS (SELECT FROM"
        . ' ehr.claims c WHERE c.resource = r.id AND c.kind ='
        . " 'reservation' AND c.during && tstzrange(now() - interval '5 s',"
        . ' now()))',
    'each movement has its claim' => "SELECT m.id FROM $stays WHERE"
        . ' m.cancelled_at IS NULL AND (SELECT count(*) FROM ehr.claims c'
        . ' WHERE c.resource = r.id AND c.seat = m.seat AND c.ref ='
        . " m.admission_id AND c.kind = 'admission' AND c.during ="
        . ' m.during) <> 1',
    'each stay has its movement' => 'SELECT c.id FROM ehr.claims c JOIN'
        . " ehr.resources r ON r.id = c.resource AND r.kind = 'bed' WHERE"
        . " c.kind = 'admission' AND (SELECT count(*) FROM $movements m"
        . ' WHERE m.bed_id = r.entity_id AND m.seat = c.seat AND'
        . ' m.admission_id = c.ref AND m.during = c.during AND'
        . ' m.cancelled_at IS NULL) <> 1',
    'who lies somewhere is admitted' => 'SELECT a.id, a.status FROM'
        . ' ehr.admissions a WHERE (a.status IN (\'ADMITTED\','
        . " 'ON_LEAVE')) <> EXISTS (SELECT FROM $movements m WHERE"
        . ' m.admission_id = a.id AND upper_inf(m.during) AND'
        . ' m.cancelled_at IS NULL AND m.bed_id = a.bed_id)',
    'a patient is busy while in bed' => "SELECT m.id FROM $movements m"
        . " JOIN ehr.resources r ON r.kind = 'patient' AND r.entity_id ="
        . ' m.patient_id WHERE m.cancelled_at IS NULL AND (SELECT count(*)'
        . ' FROM ehr.claims c WHERE c.resource = r.id AND c.seat = 1 AND'
        . ' c.ref = m.admission_id AND c.during @> m.during) <> 1',
    'what is reserved has its plan or offer' => 'SELECT c.id FROM'
        . " ehr.claims c JOIN ehr.resources r ON r.id = c.resource AND"
        . " r.kind = 'bed' LEFT JOIN ehr.admissions a ON a.id = c.ref"
        . " WHERE c.kind = 'reservation' AND upper(c.during) > now() AND"
        . " (a.status NOT IN ('PLANNED', 'WAITING') OR a.id IS NULL OR"
        . ' a.bed_id <> r.entity_id)',
    "a bed's history leads to what it is" => 'SELECT b.id FROM ehr.beds b'
        . ' WHERE b.status IS DISTINCT FROM (SELECT h.status FROM'
        . ' ehr.bed_status_changes h WHERE h.bed_id = b.id ORDER BY h.at'
        . ' DESC, h.id DESC LIMIT 1)',
    'and each change follows on the one before' => 'SELECT bed_id FROM'
        . ' (SELECT bed_id, was, lag(status) OVER (PARTITION BY bed_id'
        . ' ORDER BY at, id) AS before FROM ehr.bed_status_changes) AS h'
        . ' WHERE before IS NOT NULL AND was IS DISTINCT FROM before',
);

sub check_wards {
    my ($env) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $more->is_eq($env->sql("$never{$_} LIMIT 5"), '', "I2: $_")
        for sort keys %never;
}

# What PostgreSQL had to break; the module tries once more, so that nobody
# hears of it (check_ends).
sub tell_deadlocks {
    my ($env) = @_;
    my @said = read_file($env->database_log) =~ /deadlock detected\n
        ((?:\t.*\n|.*\ (?:DETAIL|CONTEXT):.*\n|.*\ HINT:.*\n)*)/gx;
    $more->note(scalar(@said) . ' deadlocks so far', @said) if @said;
}

1;
