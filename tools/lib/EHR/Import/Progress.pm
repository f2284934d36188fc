package EHR::Import::Progress;

# How far it is: a bar on a terminal, else a line every few seconds.

use strict;
use warnings;

use Time::HiRes qw(time);

use constant WIDTH => 30;


# total: of whatever is counted; quiet: say nothing
sub new {
    my ($class, %option) = @_;

    return bless {
        %option, done => 0, records => 0, began => time, shown => 0,
        terminal => -t STDERR,
    }, $class;
}


sub add {
    my ($self, $done, $records) = @_;
    $self->{done} += $done;
    $self->{records} += $records;
    $self->show;
}


sub show {
    my ($self, $now) = @_;
    my $pause = $self->{terminal} ? 0.1 : 5;

    return if $self->{quiet} || (!$now && time - $self->{shown} < $pause);
    return if !$self->{terminal} && !$now && time - $self->{began} < $pause;
    $self->{shown} = time;

    my $part = $self->{total} ? $self->{done} / $self->{total} : 1;
    my $full = int($part * WIDTH);
    my $text = sprintf '%3d%%  %d records, %.0f a second', 100 * $part,
        $self->{records}, $self->{records} / (time - $self->{began} || 1);

    if ($self->{terminal}) {
        printf STDERR "\r[%s%s] %s\e[K", '#' x $full, '.' x (WIDTH - $full),
            $text;
    } else {
        print STDERR "$text\n";
    }
}


sub end {
    my ($self) = @_;
    $self->show(1);
    print STDERR "\n" if $self->{terminal} && !$self->{quiet};
}

1;
