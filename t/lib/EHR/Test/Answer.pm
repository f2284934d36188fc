package EHR::Test::Answer;

# An answer whose JSON is read when somebody looks at {json} or {data}: most
# tests of many requests want the status, and JSON::PP takes longer to read an
# answer than nginx to give it.

use strict;
use warnings;
use JSON::PP;
use Tie::Hash;
our @ISA = ('Tie::ExtraHash');

my $json = JSON::PP->new->utf8->allow_nonref;

# The answer, a hash with a body.
sub lazy {
    my ($answer) = @_;
    tie my %lazy, __PACKAGE__, { json => undef, data => undef, %$answer };
    return \%lazy;
}

# An object of Tie::ExtraHash: [what is in the hash, whether its JSON is read]
sub TIEHASH {
    my ($class, $answer) = @_;
    return bless [$answer, 0], $class;
}

sub FETCH {
    my ($self, $key) = @_;
    my ($answer, $is_read) = @$self;

    if (!$is_read && $key =~ /\A(?:json|data)\z/) {
        my $value = eval { $json->decode($answer->{body}) };
        $answer->{json} = $value;
        $answer->{data} = $value->{data} if ref $value eq 'HASH';
        $self->[1] = 1;
    }
    return $answer->{$key};
}

1;
