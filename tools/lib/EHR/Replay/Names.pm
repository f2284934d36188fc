package EHR::Replay::Names;

# What a file of real data leaves out, derived from its ids: always the same.

use strict;
use warnings;

use Digest::SHA qw(sha256);

my @given = qw(Ana Bruno Carla Davi Elisa Fabio Gloria Heitor Ines Joao Karina
    Lucas Marina Nelson Olga Paulo Renata Sergio Teresa Vitor);
my @parts = qw(al bar cam dor es fer gon lim mar nev oli per ram sil tei vas);


# Numbers of its own for each purpose.
sub numbers {
    my ($purpose, $id) = @_;
    return unpack 'N*', sha256("$purpose $id");
}


# firstName and lastName of nobody.
sub of_patient {
    my ($id) = @_;
    my ($given, $first, $second) = numbers('patient', $id);

    return (
        firstName => $given[$given % @given],
        lastName  => ucfirst $parts[$first % @parts]
            . $parts[($first >> 8) % @parts] . ' '
            . ucfirst $parts[$second % @parts]
            . $parts[($second >> 8) % @parts],
    );
}

1;
