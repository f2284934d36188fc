package EHR::Import::Tally;

# Counts what becomes of every resource: in the files, taken, already there,
# not taken and why.  Holds ids and reasons only, no patient data.  A tally
# travels between processes as its plain hash.

use strict;
use warnings;

sub new {
    my ($class) = @_;
    return bless { types => {}, reasons => {}, notes => {} }, $class;
}


# A resource was met in a file.
sub met {
    my ($self, $type) = @_;
    $self->{types}{$type}{files}++;
}


sub taken {
    my ($self, $type) = @_;
    $self->{types}{$type}{taken}++;
}


sub there {
    my ($self, $type) = @_;
    $self->{types}{$type}{there}++;
}


sub refused {
    my ($self, $type, $id, $reason) = @_;
    $self->{types}{$type}{refused}++;
    _count($self->{reasons}{$type}{$reason} //= [0, $id], 1, $id);
}


# Something worth knowing of what was taken or there already.
sub note {
    my ($self, $type, $id, $note) = @_;
    _count($self->{notes}{$type}{$note} //= [0, $id], 1, $id);
}


# The same example wherever the processes were faster.
sub _count {
    my ($entry, $n, $id) = @_;
    $entry->[0] += $n;
    $entry->[1] = $id if $id lt $entry->[1];
}


# Adds the plain hash of another tally.
sub add {
    my ($self, $other) = @_;

    for my $type (keys %{ $other->{types} }) {
        my $counts = $other->{types}{$type};
        $self->{types}{$type}{$_} += $counts->{$_} for keys %$counts;
    }
    for my $kind (qw(reasons notes)) {
        for my $type (keys %{ $other->{$kind} }) {
            for my $text (keys %{ $other->{$kind}{$type} }) {
                my ($n, $id) = @{ $other->{$kind}{$type}{$text} };
                _count($self->{$kind}{$type}{$text} //= [0, $id], $n, $id);
            }
        }
    }
}


sub plain {
    my ($self) = @_;
    return { %$self };
}


sub types {
    my ($self) = @_;
    return sort keys %{ $self->{types} };
}


# files, taken, there or refused of a type, or of all.
sub count {
    my ($self, $what, $type) = @_;
    my $sum = 0;
    $sum += $self->{types}{$_}{$what} // 0
        for defined $type ? $type : $self->types;
    return $sum;
}


# Types whose parts do not add up to the whole.
sub unbalanced {
    my ($self) = @_;
    return grep {
        $self->count(files => $_) != $self->count(taken => $_)
            + $self->count(there => $_) + $self->count(refused => $_)
    } $self->types;
}


# [type, text, count, example], most frequent first; kind: reasons or notes.
sub list {
    my ($self, $kind) = @_;
    my @rows;

    for my $type (sort keys %{ $self->{$kind} }) {
        my $texts = $self->{$kind}{$type};
        push @rows, map { [$type, $_, @{ $texts->{$_} }] }
            sort { $texts->{$b}[0] <=> $texts->{$a}[0] || $a cmp $b }
            keys %$texts;
    }

    return @rows;
}

1;
