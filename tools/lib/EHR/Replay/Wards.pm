package EHR::Replay::Wards;

# Where patients are admitted: one hospital whose wards are the file's care
# units, with one room each and the beds it needs, and the doctors who admit;
# made through the API.
#
#   my $wards = EHR::Replay::Wards->new(records => …, stays => …);
#   $wards->set_up;
#   $wards->admit($progress);           # the patients
#   $wards->ward($name), ->doctor($id), ->patient($id)

use strict;
use warnings;


sub new {
    my ($class, %option) = @_;
    return bless { %option, wards => {}, doctors => {} }, $class;
}


sub ward { return $_[0]{wards}{$_[1]} }
sub doctor { return $_[0]{doctors}{$_[1]} }
sub patient { return $_[0]{records}->patient($_[1]) }


sub set_up {
    my ($self) = @_;
    my ($records, $stays) = @$self{qw(records stays)};
    my $beds = $stays->beds;
    my @names = sort keys %$beds;
    my ($hospital) = $records->make({ path => '/hospitals',
        name => 'Replay' });
    my ($class) = $records->make({ path => '/room-classes', name => 'Ward' });

    @{ $self->{wards} }{@names} = $records->make(map { { path => '/wards',
        name => $_, hospitalId => $hospital } } @names);
    my @rooms = $records->make(map { { path => '/ward-rooms',
        wardId => $self->{wards}{$_}, roomClassId => $class,
        roomNumber => '1' } } @names);
    $records->make(map { my $i = $_; map { { path => '/beds',
        wardRoomId => $rooms[$i], bedNumber => "$_" } }
        1 .. $beds->{ $names[$i] } } 0 .. $#names);

    my @doctors = $stays->doctors;
    @{ $self->{doctors} }{@doctors} = $records->make(map { {
        path => '/doctors', firstName => 'Provider', lastName => $_,
        licenseNumber => "Replay $_" } } @doctors);
}


sub admit {
    my ($self, $progress) = @_;
    $self->{records}->make_patients($progress, $self->{stays}->patients);
}

1;
