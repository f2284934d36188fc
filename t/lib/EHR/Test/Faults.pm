package EHR::Test::Faults;

# Input that does not belong, and what is wrong with the answer to it.
#
#   for my $case (bad_values($schema)) {        # of the OpenAPI document
#       my ($raw, $statuses) = @$case;          # JSON text
#       push @faults, refusal($client->post($path, body => qq({"$field":$raw})),
#           $field, $statuses, "POST $raw");
#   }
#
# @sql are texts that would do harm in a statement.

use strict;
use warnings;
use EHR::Test::Document;
use Exporter qw(import);
use JSON::PP ();

our @EXPORT_OK = qw(@sql bad_values refusal);

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

our @sql = ("'; DROP TABLE ehr.patients; --", "' OR '1'='1", "1; SELECT 1",
    "') UNION SELECT password_hash FROM ehr.user_secrets --", "\\'; --",
    "\$1", "\$\$; COMMIT; \$\$", "%s%n%1\$s", "lastName) --", "/**/",
    "'||(SELECT pg_sleep(9))||'", "{\"a\":1}", "{1,2}", "NULL", "x\\x00",
    "\xe2\x80\x99 OR 1=1", "\$(id)", "<script>", "../../../etc/passwd");

# What a refusal has wrong: nothing, or a sentence.
sub refusal {
    my ($answer, $field, $statuses, $about) = @_;
    my $status = $answer->{status};
    $about = substr($about, 0, 80) . ": $status";

    return "$about $answer->{body}"
        unless grep { $_ == $status } @$statuses;
    return "$about names " . join ',', keys %{ $answer->{json}{errors} }
        if $status == 422 && !exists $answer->{json}{errors}{$field};
    return ();
}

# Values as JSON text that the schema forbids, with the statuses that are
# right: 422, or 400 where JSON itself forbids it.
sub bad_values {
    my ($schema) = @_;
    my $type = EHR::Test::Document::type($schema);
    my %other = (
        string  => [qw(12 1.5 true {} [] ["a"] {"a":"b"})],
        integer => [qw("12" true {} [] [1] 1.5 "x" 1e3), '""'],
        number  => [qw("12" true {} [] [1] "x"), '""'],
        boolean => [qw("true" 1 0 {} [] "yes"), '""'],
        array   => [qw("x" 1 true {} [1] [null] [{}] [[]]), '""'],
        object  => [qw("x" 1 true [] [{}]), '""'],
        any     => ['"' . 'x' x 17000 . '"'],
    );
    my @refused = @{ $other{$type} };
    my @malformed = ('"\u0000"', '"a\u0000b"', "\"\x01\"", "\"\xff\"",
        "\"\xc0\x80\"", "\"\xed\xa0\x80\"", '"\ud800"', '01', '+1', '.5',
        'NaN', 'Infinity', "'x'", 'undefined', '1e400', '-1e400',
        '9223372036854775808', '99999999999999999999999999', '"\x27"');

    push @refused, 'null' unless EHR::Test::Document::is_nullable($schema);
    push @refused, bad_texts($schema) if $type eq 'string';
    push @refused, bad_numbers($schema) if $type =~ /integer|number/;
    push @refused, bad_lists($schema) if $type eq 'array';
    push @refused, '{"a":"' . 'x' x 17000 . '"}' if $type eq 'object';
    return ((map { [$_, [422]] } @refused), (map { [$_, [400]] } @malformed));
}

sub bad_texts {
    my ($schema) = @_;
    my $format = $schema->{format} || '';
    my $pattern = $schema->{pattern} || '';
    my $length = $schema->{maxLength};
    my @texts = (map { $json->encode($_) } grep { /\A[ -~]+\z/ } @sql);
    my @control = map { sprintf '"a\u%04x"', $_ } 1, 7, 8, 0x0b, 0x1b, 0x1f,
        0x7f;

    return (@texts, @control, qw("" "x" "zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"),
        '"{01a1fc00-0000-7000-8000-000000000000}"',
        '"01a1fc00000070008000000000000000"', long()) if $format eq 'uuid';
    return (@texts, @control, map { "\"$_\"" } '', '2026-02-30', '2026-13-01',
        '0000-01-01', '99999-01-01', 'today', 'infinity',
        '-infinity', '2026-1-1', '20260101', '2026-01-01 ',
        '2026-01-01T00:00:00Z', '2026-01-01 BC') if $format eq 'date';
    return (@texts, @control, map { "\"$_\"" } '', 'now', 'infinity', 'epoch',
        '2026-01-01', '2026-01-01T25:00:00Z', '2026-01-01T00:00:00',
        '2026-02-30T00:00:00Z', '2026-01-01T00:00:00+99:00',
        '99999-12-31T00:00:00Z')
        if $format eq 'date-time';
    return (@texts, @control, long(), map { "\"$_\"" } '', 'NOT_ONE',
        lc "$schema->{enum}[0]x", "$schema->{enum}[0] ", "\xf0\x9d\x94\x98")
        if $schema->{enum};

    push @control, map { sprintf '"a\u%04x"', $_ } 9, 10, 13 if $pattern;
    push @control, long(), '"' . 'x' x ($length + 1) . '"',
        '"' . "\xf0\x9d\x94\x98" x ($length + 1) . '"';
    push @control, '"' . 'x' x ($schema->{minLength} - 1) . '"'
        if $schema->{minLength};
    my $is_formatted = $format || ($pattern && $pattern !~ /\Q[^\E/);
    push @control, @texts[0 .. 4], "\"\xf0\x9f\x98\x80\"", '""'
        if $is_formatted;
    return @control;
}

# Nearly a megabyte.
sub long { return '"' . 'x' x 1_000_000 . '"' }

sub bad_numbers {
    my ($schema) = @_;
    my $step = EHR::Test::Document::type($schema) eq 'integer' ? 1 : 0.1;
    my @numbers = (-9223372036854775808, '1e308', '-1e308');
    push @numbers, $schema->{minimum} - $step if defined $schema->{minimum};
    push @numbers, $schema->{maximum} + $step, '9223372036854775807'
        if defined $schema->{maximum};
    push @numbers, '1.' . '0' x $schema->{'x-scale'} . '1'
        if defined $schema->{'x-scale'};
    return map { $_ == int $_ && !/[e.]/ ? sprintf '%s', $_ : $_ } @numbers;
}

sub bad_lists {
    my ($schema) = @_;
    my $is_uuid = ($schema->{items}{format} || '') eq 'uuid';
    my @texts = map { "[$_]" } $is_uuid
        ? bad_texts($schema->{items})
        : ('"' . 'x' x 201 . '"', '"a\u0001"', long());
    my $one = '01a1fc00-0000-7000-8000-%012d';
    my $item = $is_uuid ? $one : 'item %d';
    my $many = join ',', map { sprintf "\"$item\"", $_ }
        0 .. $schema->{maxItems};

    push @texts, "[$many]";
    push @texts, '[]' if $schema->{minItems};
    push @texts, '["01a1fc00-0000-7000-8000-000000000000",'
        . '"01A1FC00-0000-7000-8000-000000000000"]' if $is_uuid;
    return @texts;
}

1;
