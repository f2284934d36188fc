package EHR::Replay::Findings;

# Counts in the database what must not be.

use strict;
use warnings;


# env: with sql(); first: SQL that makes the tables of what was told; then
# pairs [what must not be, SQL that counts it].  Returns the pairs [what, how
# many]: all zeros is the proof.
sub count {
    my ($env, $first, @must_not_be) = @_;
    my $sql = "\\set QUIET on\n$first"
        . join '', map { "$_->[1];\n" } @must_not_be;
    my @counts = split /\n/, $env->sql($sql);

    die "the proof is not whole\n" if @counts != @must_not_be;
    return map { [$must_not_be[$_][0], $counts[$_]] } 0 .. $#counts;
}


# SQL that fills the columns of a table with rows, hashes by column.  undef is
# null.
sub copied {
    my ($table, $columns, @rows) = @_;
    my @names = split ' ', $columns;

    return "COPY $table (" . join(', ', @names) . ") FROM STDIN;\n"
        . join('', map { join("\t", map { text($_) } @$_{@names}) . "\n" }
            @rows) . "\\.\n";
}


sub text {
    my ($value) = @_;
    return '\N' if !defined $value;
    $value =~ s/([\\\t\n\r])/sprintf '\\x%02x', ord $1/ge;
    return $value;
}

1;
