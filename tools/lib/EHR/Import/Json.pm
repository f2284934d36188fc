package EHR::Import::Json;

# Reads a FHIR bundle entry by entry.
#
# Most of a bundle is what we have no place for (claims, bills).  JSON::PP
# takes two seconds for four megabytes of it; a regular expression finds the
# end of a value twenty times faster.  So values are skipped as text, and only
# those we want are parsed.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(bundle_resources decode);

my $json = JSON::PP->new->utf8;

my $STRING = qr/"(?:[^"\\]++|\\.)*+"/s;

# A whole value.  What is between brackets need only balance here.
my $VALUE = qr/(?: $STRING
                 | (?<nested> [{\[] (?: [^][{}"]++ | $STRING | (?&nested) )*+
                              [\]}] )
                 | [-+.\w]++ )/xs;

# What R4 has bundles of: records as they are, or what was done to them.
my $OF_RECORDS = qr/transaction|batch|collection|document|searchset/;
my $OF_OTHERS = qr/history|message|transaction-response|batch-response/;


# Calls $each with every resource of a bundle: its text, its type (undef if it
# has none), its members and the fullUrl of its entry.  Dies, with the reason,
# unless the text is a bundle of records as they are; what it was called with
# before counts for nothing then.
sub bundle_resources {
    my ($text, $each) = @_;
    my ($type, $is_bundle, $entries, $fault) = ('', 0, 0);
    my %reader = (
        resourceType => sub { $is_bundle = $_[0] eq '"Bundle"' },
        type         => sub { $type = $_[0] },
        entry        => sub { $fault = 'its entries are no list' },
    );

    _begin(\$text);
    _walk(\$text, sub {
        my ($key) = @_;

        if ($key eq 'entry' && $text =~ /\G\s*+\[/gc) {
            _list(\$text, sub {
                _resource($_[0], ++$entries, $each) or $fault //=
                    "entry $entries is not shaped as FHIR R4 says";
            });
        } else {
            my $value = _value(\$text);
            $reader{$key}->($value) if $reader{$key};
        }
    });

    $text =~ /\G\s*+\z/gc or _broken(\$text);
    die "is not a FHIR bundle\n" if !$is_bundle;
    ($type) = $type =~ /^"($OF_RECORDS|$OF_OTHERS)"$/;
    $fault //= !defined $type ? 'its type is none of R4'
        : $type !~ /^$OF_RECORDS$/ ? "its type is $type"
        : !$entries ? 'it has no entries' : undef;
    die "is not a FHIR bundle to take: $fault\n" if defined $fault;
}


# Goes to the beginning of a text's object; dies if it is something else.
sub _begin {
    my ($text) = @_;

    return if $$text =~ /\G(?:\xef\xbb\xbf)?\s*+(?=\{)/gc;
    die "is not valid JSON: it is empty\n"
        if $$text =~ /\A(?:\xef\xbb\xbf)?\s*+\z/;
    decode($$text =~ s/\A\xef\xbb\xbf//r);
    die "is not a FHIR bundle\n";
}


# Calls $each with the resource of an entry's text, if it has one.  False if
# it or the entry is no object.
sub _resource {
    my ($text, $number, $each) = @_;
    my $read = sub {
        return eval { members($_[0]) }
            // die "is not valid JSON in entry $number\n";
    };

    return 0 if $text !~ /^\{/;
    my $entry = $read->($text);
    my $resource = $entry->{resource} // return 1;

    return 0 if $resource !~ /^\{/;
    my $members = $read->($resource);
    my ($type) = ($members->{resourceType} // '') =~ /^"(\w+)"$/;
    my $full = decode($entry->{fullUrl} // '""') // '';

    $each->($resource, $type, $members, $full);
    return 1;
}


# The members of an object's text: name => text of the value.
sub members {
    my ($text) = @_;
    my %members;

    _walk(\$text, sub { $members{$_[0]} = _value(\$text) });

    return \%members;
}


# A text as a Perl value.  Dies if it is not JSON.
sub decode {
    my ($text) = @_;
    my $value = eval { $json->allow_nonref->decode($text) };

    # JSON::PP's message quotes the text
    die "is not valid JSON\n" if !defined $value && $text ne 'null';

    return $value;
}


# Calls $each with every key of the object that begins at pos(); it has to
# read the value.
sub _walk {
    my ($text, $each) = @_;

    $$text =~ /\G\{\s*+/gc or _broken($text);
    return if $$text =~ /\G\}/gc;

    for (;;) {
        $$text =~ /\G\s*+"((?:[^"\\]++|\\.)*+)"\s*+:\s*+/gcs
            or _broken($text);
        $each->($1);
        $$text =~ /\G\s*+([,}])/gc or _broken($text);
        return if $1 eq '}';
    }
}


sub _list {
    my ($text, $each) = @_;

    return if $$text =~ /\G\s*+\]/gc;

    for (;;) {
        $each->(_value($text));
        $$text =~ /\G\s*+([,\]])/gc or _broken($text);
        return if $1 eq ']';
    }
}


sub _value {
    my ($text) = @_;

    $$text =~ /\G\s*+/gc;
    my $start = pos $$text // 0;
    $$text =~ /\G$VALUE/gc or _broken($text);

    return substr $$text, $start, pos($$text) - $start;
}


# Dies; without strings, what is open and not closed shows a text cut short.
sub _broken {
    my ($text) = @_;
    my $bare = $$text =~ s/$STRING//gr;

    die 'is not valid JSON: it ends too early, at byte ' . length($$text) . "\n"
        if $bare =~ /"/ || ($bare =~ tr/{[//) > ($bare =~ tr/}]//);
    die 'is not valid JSON near byte ' . (pos $$text // 0) . "\n";
}

1;
