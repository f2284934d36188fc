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

our @EXPORT_OK = qw(bundle_entries members decode);

my $json = JSON::PP->new->utf8;

my $STRING = qr/"(?:[^"\\]++|\\.)*+"/s;

# A whole value.  What is between brackets need only balance here.
my $VALUE = qr/(?: $STRING
                 | (?<nested> [{\[] (?: [^][{}"]++ | $STRING | (?&nested) )*+
                              [\]}] )
                 | [-+.\w]++ )/xs;


# Calls $each with the text of every entry of a bundle.  Dies unless the text
# is a bundle.
sub bundle_entries {
    my ($text, $each) = @_;
    my $is_bundle;

    _walk(\$text, sub {
        my ($key) = @_;

        if ($key eq 'entry' && $text =~ /\G\s*+\[/gc) {
            _list(\$text, $each);
        } else {
            my $value = _value(\$text);
            $is_bundle = 1 if $key eq 'resourceType'
                && $value eq '"Bundle"';
        }
    });

    $text =~ /\G\s*+\z/gc or _broken(\$text);
    die "is not a FHIR bundle\n" if !$is_bundle;
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

    $$text =~ /\G(?:\xef\xbb\xbf)?\s*+\{\s*+/gc or _broken($text);
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


sub _broken {
    my ($text) = @_;
    die 'is not valid JSON near byte ' . (pos $$text // 0) . "\n";
}

1;
