# A bed says what it is: not by direct SQL of any role does it say something
# else, nor is its history rewritten.

use EHR::Test;
use EHR::Test::Stays;

start_stays('inpatient-sql');

subtest 'a stay by hand' => \&by_hand;
subtest 'direct SQL' => \&direct_sql;
subtest 'the application by itself' => \&application;
subtest 'the history is kept' => \&kept;
all_is_whole();
done_testing;

sub by_hand {
    my ($bed, $patient) = (bed(), patient());
    is by_sql(stay(id => id(), bed => $bed, patient => $patient), 'owner'),
        '', 'a whole stay is a stay, whoever writes it';
    is status_of($bed), 'OCCUPIED FEMALE', 'and the bed says so';

    for my $part (qw(admission movement bed_claim patient_claim bed)) {
        ($bed, $patient) = (bed(), patient());
        for my $as (qw(owner superuser)) {
            like by_sql(stay(id => id(), bed => $bed, patient => $patient,
                without => [$part]), $as),
                qr/differ|admission_movements_admission_id_fkey/,
                "not without its $part, by the $as";
        }
        is status_of($bed), 'AVAILABLE', 'nothing of it is left';
    }
}

sub direct_sql {
    my $same = room(ward(), 'SAME');
    my ($bed, $free, $promised) = beds($same, 3);
    my $patient = patient();
    my $stay = lying(bed => $bed, patient => $patient);
    my $planned = id();
    done(admission(id => $planned, patient => patient(), bed => $promised,
        planned_start => "now() + interval '1 day'"), 'planned');
    my ($other, $man) = (bed(), patient('MALE'));
    my $now = "tstzrange(lower(during), now())";

    my @cases = (
        ['a bed that is occupied by nobody', "UPDATE ehr.beds SET status =
            'OCCUPIED' WHERE id = '$free'", qr/beds_claims|differ/],
        ['one by somebody who is elsewhere', "UPDATE ehr.beds SET status =
            'OCCUPIED', admission_id = '$stay', occupant_sex = 'FEMALE'
            WHERE id = '$free'", qr/differ/],
        ['a bed that is reserved for nobody', "UPDATE ehr.beds SET status =
            'RESERVED' WHERE id = '$free'", qr/differ/],
        ['one reserved before the reservation begins', "UPDATE ehr.beds SET
            status = 'RESERVED', admission_id = '$planned' WHERE id =
            '$promised'", qr/differ/],
        ['an occupied bed that is to be cleaned', "UPDATE ehr.beds SET
            status = 'CLEANING' WHERE id = '$bed'", qr/differ/],
        ['one that is free', "UPDATE ehr.beds SET status = 'AVAILABLE'
            WHERE id = '$bed'", qr/illegal_status/],
        ['one out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$bed'",
            qr/bed_taken/],
        ['a promised one out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$promised'",
            qr/bed_reserved/],
        ['out of service without a reason', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE' WHERE id = '$free'", qr/field_required/],
        ['an occupied bed deleted', "UPDATE ehr.beds SET deleted_at = now()
            WHERE id = '$bed'", qr/bed_taken/],
        ['a promised bed deleted', "UPDATE ehr.beds SET deleted_at = now()
            WHERE id = '$promised'", qr/bed_reserved/],
        ['an occupied bed gone', "DELETE FROM ehr.beds WHERE id = '$bed'",
            qr/_fkey/],
        ['a promised bed gone', "DELETE FROM ehr.beds WHERE id =
            '$promised'", qr/_fkey/],
        ['an occupied bed carried elsewhere', "UPDATE ehr.beds SET
            ward_room_id = (SELECT ward_room_id FROM ehr.beds
                WHERE id = '$other') WHERE id = '$bed'", qr/bed_taken/],
        ['its room in another ward', "UPDATE ehr.ward_rooms SET ward_id =
            (SELECT id FROM ehr.wards WHERE id <> ward_id LIMIT 1)
            WHERE id = '$same'", qr/bed_taken/],
        ['another who lies there', "UPDATE ehr.beds SET admission_id =
            '$planned' WHERE id = '$bed'", qr/differ/],
        ['of another sex', "UPDATE ehr.beds SET occupant_sex = 'MALE'
            WHERE id = '$bed'", qr/differ/],
        ['a new bed that is occupied', "INSERT INTO ehr.beds (ward_room_id,
            bed_number, status) VALUES ('$same', 'Z', 'OCCUPIED')",
            qr/illegal_status/],
        ['no claims any more', "DELETE FROM ehr.claims WHERE ref = '$stay'",
            qr/differ/],
        ['only the patient is claimed', "DELETE FROM ehr.claims WHERE ref =
            '$stay' AND seat = 0", qr/differ/],
        ['claims that end', "UPDATE ehr.claims SET during = $now WHERE ref =
            '$stay'", qr/differ/],
        ['claims of another bed', "UPDATE ehr.claims SET resource =
            ehr.resource_of('bed', '$free') WHERE ref = '$stay'
            AND seat = 0", qr/differ/],
        ['claims that began before', "UPDATE ehr.claims SET during =
            tstzrange(lower(during) - interval '1 hour', NULL)
            WHERE ref = '$stay'", qr/differ/],
        ['a reservation that is none', claim(id(), 'bed', $free, 0,
            'reservation'), qr/differ/],
        ['a second one of a plan', claim($planned, 'bed', $free, 0,
            'reservation'), qr/differ/],
        ['a newborn without a mother', claim($stay, 'bed', $bed, 1),
            qr/differ/],
        ['a plan that begins later', "UPDATE ehr.admissions SET planned_start
            = planned_start + interval '1 hour' WHERE id = '$planned'",
            qr/differ/],
        ['a movement that ends', "UPDATE ehr.admission_movements SET during =
            $now WHERE admission_id = '$stay'", qr/differ/],
        ['a discharge that frees nothing', "UPDATE ehr.admissions SET status
            = 'DISCHARGED', discharged_at = now(), disposition = 'HOME',
            bed_id = NULL WHERE id = '$stay'", qr/differ/],
        ['a discharge that frees the bed alone', "UPDATE ehr.admissions SET
            status = 'DISCHARGED', discharged_at = now(), disposition =
            'HOME', bed_id = NULL WHERE id = '$stay'; UPDATE ehr.beds SET
            status = 'CLEANING' WHERE id = '$bed'", qr/differ/],
        ['an admission elsewhere', "UPDATE ehr.admissions SET bed_id =
            '$free' WHERE id = '$stay'", qr/differ/],
        ['a cancelled one that lies there', "UPDATE ehr.admissions SET status
            = 'CANCELLED', bed_id = NULL WHERE id = '$stay'", qr/differ/],
        ['a plan that never was', "UPDATE ehr.admissions SET status =
            'CANCELLED', bed_id = NULL WHERE id = '$planned'", qr/differ/],
        ['back to the plan', "UPDATE ehr.admissions SET status = 'PLANNED',
            planned_start = now() WHERE id = '$stay'", qr/illegal_status/],
        ['a stay of another patient', "UPDATE ehr.admissions SET patient_id =
            '$man' WHERE id = '$stay'", qr/field_immutable/],
        ['a second patient in the bed', stay(id => id(), bed => $bed,
            patient => patient()), qr/claims_during_excl/],
        ['a patient in a second bed', stay(id => id(), bed => $free,
            patient => $patient), qr/admissions_one_stay|_excl/],
        ['a promised bed', stay(id => id(), bed => $promised,
            patient => patient()), qr/claims_during_excl/],
        ['a bed out of service', "UPDATE ehr.beds SET status =
            'OUT_OF_SERVICE', status_reason = 'x' WHERE id = '$other';"
            . stay(id => id(), bed => $other, patient => patient(),
                without => ['bed']), qr/differ/],
        ['a deleted bed', "UPDATE ehr.beds SET deleted_at = now() WHERE id =
            '$other';" . stay(id => id(), bed => $other,
                patient => patient()), qr/differ/],
        ['a man among women', stay(id => id(), bed => $free,
            patient => $man) =~ s/'FEMALE'/'MALE'/r,
            qr/admission_movements_sex_excl/],
        ['a woman who is a man', "UPDATE ehr.admission_movements SET sex =
            'MALE' WHERE admission_id = '$stay'", qr/only ends/],
        ['one whom the room does not mind', "UPDATE ehr.admission_movements
            SET is_same_sex = false WHERE admission_id = '$stay'",
            qr/only ends/],
    );
    for my $case (@cases) {
        my ($what, $sql, $wanted) = @$case;
        like by_sql($sql, $_), $wanted, "$what: not by the $_"
            for qw(owner superuser);
    }
    all_is_whole();
}

sub application {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $free = bed();

    for my $sql (stay(id => id(), bed => $free, patient => patient()),
        "UPDATE ehr.admissions SET status = 'DISCHARGED'",
        "UPDATE ehr.admissions SET bed_id = NULL",
        'DELETE FROM ehr.admissions',
        "INSERT INTO ehr.admission_movements (admission_id) VALUES ('$stay')",
        'UPDATE ehr.admission_movements SET seat = 1',
        "UPDATE ehr.beds SET occupant_sex = 'MALE'",
        'UPDATE ehr.beds SET admission_id = NULL',
        "INSERT INTO ehr.bed_status_changes (bed_id) VALUES ('$bed')",
        'DELETE FROM ehr.bed_status_changes')
    {
        my ($error) = $world->staff($sql);
        like $error, qr/^42501 permission denied/, 'not permitted: '
            . substr($sql, 0, 40) =~ s/\s+/ /gr;
    }
    refused("UPDATE ehr.beds SET status = '$_' WHERE id = '$free'",
        'EH409 illegal_status', 'status', "nor is a bed $_")
        for qw(OCCUPIED RESERVED);
    refused("UPDATE ehr.beds SET status = 'CLEANING' WHERE id = '$bed'",
        'EH409 illegal_status', 'status', 'nor one freed');
    refused("UPDATE ehr.beds SET deleted_at = now() WHERE id = '$bed'",
        'EH409 bed_taken', '', 'nor an occupied one deleted');
}

sub kept {
    my $bed = bed();
    my $stay = lying(bed => $bed);
    my $moved = "WHERE admission_id = '$stay'";

    for my $sql ("DELETE FROM ehr.admission_movements $moved",
        "UPDATE ehr.admission_movements SET bed_id = gen_random_uuid()
            $moved",
        "UPDATE ehr.admission_movements SET during = tstzrange(now() -
            interval '1 day', NULL) $moved",
        "UPDATE ehr.admission_movements SET during = tstzrange(lower(during),
            now() + interval '1 day') $moved")
    {
        like by_sql($sql), qr/only ends/, 'kept: '
            . substr($sql, 0, 60) =~ s/\s+/ /gr;
    }
    like by_sql($_), qr/append-only/, "kept: $_"
        for "UPDATE ehr.bed_status_changes SET was = 'CLEANING'",
        'DELETE FROM ehr.bed_status_changes',
        'TRUNCATE ehr.bed_status_changes', 'TRUNCATE ehr.admission_movements';

    done(leaves(id => $stay), 'discharged');
    like by_sql("UPDATE ehr.admission_movements SET during = tstzrange(
        lower(during), upper(during) - interval '1 microsecond') $moved"),
        qr/only ends/, 'an end stays where it is';
    is $env->sql("SELECT string_agg(coalesce(was, '-') || '>' || status, ' '
            ORDER BY at) FROM ehr.bed_status_changes
        WHERE bed_id = '$bed'"),
        '->AVAILABLE AVAILABLE>OCCUPIED OCCUPIED>CLEANING',
        'each change of a bed is written down';
    is $env->sql("SELECT count(DISTINCT admission_id) || ' ' ||
            count(admission_id) FROM ehr.bed_status_changes
        WHERE bed_id = '$bed'"), '1 2', 'and because of whom';
}
