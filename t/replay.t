# The first of the real appointments, booked and proved by tools/replay; all of
# them: make replay.

use EHR::Test;
use JSON::PP;

my $data = $ENV{EHR_APPOINTMENTS} || top() . '/../shared/data/appointments';
plan skip_all => "there is no file of appointments at $data"
    unless glob "$data/*appointments*.csv.gz";

my $rows = 2000;
my $dir = top() . "/build/test/replay-$$";
my ($status, $out, $err) = run_command(undef, top() . '/tools/replay',
    '--quiet', '--rows', $rows, '--directory', $dir, '--report',
    "$dir.report", $data);

is $status >> 8, 0, 'everything is proved' or diag $out, $err;
note $out;
my $result = decode_json(read_file("$dir.report"));
unlink "$dir.report";

is $result->{rows}, $rows + 6, 'rows';
my $ends = 0;
$ends += $_ for values %{ $result->{ends} };
is $ends, $result->{rows}, 'each came to an end';
cmp_ok $result->{ends}{'booked as asked'}, '>', $rows * 0.6,
    'most were booked as asked';
cmp_ok $result->{bookings}, '>', $rows * 0.9, 'nearly all in the end';
cmp_ok $result->{bookings}, '<', $rows, 'not all';

my %fault;
for my $row (@{ $result->{faulty} }) {
    is $row->{status}, 422, "$row->{row}: $row->{fault}";
    $fault{ $row->{fault} } = join ' ', sort keys %{ $row->{errors} };
}
is_deeply \%fault, { 'booked after its day' => 'start',
    'the age is negative' => 'dateOfBirth' }, 'and refused for that';
is $result->{findings}{$_}, 0, "none of the $_"
    for sort keys %{ $result->{findings} };

done_testing;
