# Files of an import that are none: each is told of with its reason, nothing of
# it arrives, and all of the good one beside them does.

use EHR::Test;
use JSON::PP;

my $env = environment();
my $admin = client('admin');
my $json = JSON::PP->new->canonical;
my $folder = $env->dir . '/import';
my $whole = bundle('whole');

# A file's name => what is in it, and what is said of it.
my %file = (
    'array.json' => ['[]', 'is not a FHIR bundle'],
    'binary.json' => ["\xff\xfe\{\0}\0", 'is not valid JSON'],
    'blank.json' => ["\n", 'is not valid JSON: it is empty'],
    'deep.json' => [bundle('deep') =~ s/:"Patient"/ "Patient"/r,
        'is not valid JSON in entry 3'],
    'empty.json' => ['', 'is not valid JSON: it is empty'],
    'entries.json' => ['{"resourceType":"Bundle","type":"batch","entry":{}}',
        'is not a FHIR bundle to take: its entries are no list'],
    'entry.json' => [bundle('entry') =~ s/"entry":\[\K/7,/r,
        'is not a FHIR bundle to take: entry 1 is not shaped as FHIR R4 says'],
    'fhir-list.json' => ['{"resourceType":"List","entry":[7]}',
        'is not a FHIR bundle'],
    'good.json' => [$whole, undef],
    'history.json' => [bundle('history', type => 'history'),
        'is not a FHIR bundle to take: its type is history'],
    'none.json' => ['{"resourceType":"Bundle","type":"transaction"}',
        'is not a FHIR bundle to take: it has no entries'],
    'number.json' => ['7', 'is not a FHIR bundle'],
    'object.json' => ['{}', 'is not a FHIR bundle'],
    'patient.json' => ['{"resourceType":"Patient","id":"import-patient"}',
        'is not a FHIR bundle'],
    'short-by-half.json' => cut_short(bundle('half'), 0.5),
    'short-by-one.json' => cut_short(bundle('one'), 1),
    'two.json' => [bundle('two') . "\n{}", 'is not valid JSON near byte '
        . length bundle('two')],
    'type.json' => [bundle('type', type => 'parcel'),
        'is not a FHIR bundle to take: its type is none of R4'],
    'untyped.json' => [bundle('untyped') =~ s/,"type":"transaction"//r,
        'is not a FHIR bundle to take: its type is none of R4'],
    'word.json' => ['bundle', 'is not valid JSON'],
);
my %said = (
    'a-folder.json' => 'Is a directory',
    'gone.json' => 'No such file or directory',
    'locked.json' => 'Permission denied',
);

$env->as_service('mkdir', $folder);
for my $name (keys %file) {
    write_file("$folder/$name", $file{$name}[0]);
    $said{$name} = $file{$name}[1];
}
write_file("$folder/locked.json", bundle('locked'));
chmod 0, "$folder/locked.json" or die "chmod: $!";
mkdir "$folder/a-folder.json" or die "mkdir: $!";
symlink 'nowhere', "$folder/gone.json" or die "symlink: $!";

my $number = 0;
my @expected = map { $number++; defined $said{$_}
    ? "document $number: $said{$_}" : () } sort keys %said;
push @expected, archives();

for my $dry (1, 0) {
    my $what = $dry ? 'a dry run' : 'the import';
    my ($status, $report) = import_folder($dry ? '--dry-run' : ());
    is $status >> 8, 1, "$what fails";
    is_deeply [sort @{ $report->{unreadable} }], [sort @expected],
        'each file is told of';
    is_deeply [@{ $report->{patients} }{qw(inFiles there)}], [1, 1],
        'the one patient would be or is there';
    is_deeply { map { $_ => $report->{resources}{$_}{taken} }
        keys %{ $report->{resources} } },
        { Organization => 1, Practitioner => 1, Patient => 1 },
        'and what belongs to it';
}

for my $table (qw(hospitals doctors patients)) {
    is $env->sql("SELECT string_agg(external_id, ' ') FROM ehr.$table"
        . " WHERE external_id LIKE 'import-%'"), 'import-whole',
        "$table: of the good file only";
}

logs_clean($env);
done_testing;

# A hospital, a doctor and a patient.
sub bundle {
    my ($name, %option) = @_;
    my $id = "import-$name";
    return $json->encode({ resourceType => 'Bundle',
        type => $option{type} || 'transaction',
        entry => [map { { fullUrl => "urn:uuid:$_->{resourceType}-$id",
            resource => { id => $id, %$_ } } }
            { resourceType => 'Organization', name => "Hospital $name" },
            { resourceType => 'Practitioner',
                name => [{ family => "Doctor $name", given => ['Ana'] }] },
            { resourceType => 'Patient', birthDate => '1980-02-29',
                name => [{ family => "Patient $name", given => ['Bo'] }] }] });
}

# Without its last bytes, or without such a part of it.
sub cut_short {
    my ($text, $by) = @_;
    my $bytes = length($text) - ($by < 1 ? int $by * length $text : $by);
    return [substr($text, 0, $bytes),
        "is not valid JSON: it ends too early, at byte $bytes"];
}

# Archives, too; what is said of them.
sub archives {
    must_run(undef, 'tar', 'czf', "$folder/of-others.tgz", '-C', $folder,
        '--transform', 's/json/txt/', 'good.json');
    write_file("$folder/z-short.tar.gz", substr(
        read_file("$folder/of-others.tgz"), 0, -20));
    write_file("$folder/z-none.tgz", 'no archive');
    return map { "$_->[0]: $_->[1]" }
        ['of-others.tgz', 'holds no .json file'],
        ['z-none.tgz', 'is not a whole tar archive of gzip'],
        ['z-short.tar.gz', 'is not a whole tar archive of gzip'];
}

# Runs it as the servers' user, whom a file's mode keeps out also where the
# test is root's.  Returns the exit status and the report.
sub import_folder {
    my (@option) = @_;
    my $user = accounts()->{users}{admin};
    my $report = "$folder/report";
    my ($status, $out, $err) = run_command(undef, top() . '/tools/as-service',
        top() . '/tools/import-fhir', '--quiet', '--url', $env->url,
        '--email', $user->{email}, '--password', $user->{password},
        '--report', $report, @option, $folder);
    my $text = read_file($report) or diag $out, $err;
    return ($status, decode_json($text || '{}'));
}
