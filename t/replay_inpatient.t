# Admissions made up in the form of the real ones, a dozen of them broken,
# moved through beds and proved by tools/replay-inpatient; the real ones: make
# replay-inpatient.

use EHR::Test;
use JSON::PP;

my $data = top() . '/t/replay_inpatient';
my $dir = top() . "/build/test/replay-inpatient-$$";

for my $together (0, 1) {
    my ($status, $out, $err) = run_command(undef,
        top() . '/tools/replay-inpatient', '--quiet', '--directory', $dir,
        '--report', "$dir.report", $together ? '--together'
            : ('--alter', "$data/alter.sql"), $data);

    is $status >> 8, 0, 'everything is proved' or diag $out, $err;
    note $out;
    my $result = decode_json(read_file("$dir.report"));
    unlink "$dir.report";
    check($result);
    next if $together;

    # only an act that was acknowledged twice cannot be made here
    my $altered = $result->{altered};
    cmp_ok $altered->{$_}, '>', 0, "the proof finds $_" for
        grep { !/twice/ } sort keys %$altered;
}

sub check {
    my ($result) = @_;
    my %fault = map { $_->{row} => $_->{fault} } @{ $result->{left_out} };
    my @first = qw(1061 1071 1081 1092 1101 1111 1121 1131 1141 1151 1161 1171
        1191);

    is $result->{rows}, 48, 'rows';
    is_deeply [map { $fault{$_} =~ s/.* left out: //r } @first], [
        '1061 has no time',
        'nobody says where the patient was before 1072',
        '1082 begins before 1081 ends', 'it ends when it begins',
        'its patient has a negative age',
        'there is no such patient in the file', 'nothing says that it ended',
        '1131 has no care unit',
        '1142 ends it at another time than its last stay',
        'its rows name several patients',
        'there is no such admission in the file', 'it ends when it begins',
        '1191 has no time'], 'what was left out, and why';
    is scalar(keys %fault), 25, 'with the other rows of those admissions';

    is_deeply [map { "$_->{row} $_->{act} $_->{rule}" }
        sort { $a->{row} <=> $b->{row} } @{ $result->{refused} }],
        ['1041 admit patient_in_bed', '1052 order before_last_movement'],
        'what the API refused';
    my $latency = $result->{latency};
    is_deeply +{ map { $_ => $latency->{$_}{n} } keys %$latency }, {
        admit => 7, transfer => 7, order => 4, discharge => 6, cancel => 1,
        clean => 14 }, 'and what it did';
    is_deeply +{ map { $_->{ward} => [@$_{qw(stays patients)}] }
        @{ $result->{wards} } }, {
            'Medicine' => [6, 5], 'Surgery' => [2, 2], 'Unknown' => [1, 1],
            'Intensive Care (ICU)' => [1, 1],
            'Emergency Department' => [2, 2] }, 'stays in each ward';
    is $result->{findings}{$_}, 0, "none of the $_"
        for sort keys %{ $result->{findings} };
}

done_testing;
