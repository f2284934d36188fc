package EHR::Import::Report;

# What an import did, as a table for people and as JSON for programs.

use strict;
use warnings;

use Exporter 'import';
use JSON::PP ();

our @EXPORT_OK = qw(print_report save_report);

my %TITLE = (
    reasons => 'Not taken, and why (with one id of each):',
    notes   => 'Worth knowing (with one id of each):',
);


# outcome: hash of facts that follow the table.
sub print_report {
    my ($tally, $outcome) = @_;

    my $would = $outcome->{dryRun} ? 'would take' : 'taken';
    my $format = "%-24s %9s %10s %13s %9s\n";

    print "\n";
    printf $format, 'resource', 'in files', $would, 'already there',
        'not taken';
    for my $type ($tally->types, undef) {
        printf $format, $type // 'all',
            map { $tally->count($_, $type) } qw(files taken there refused);
    }

    for my $kind (qw(reasons notes)) {
        my @rows = $tally->list($kind) or next;
        print "\n$TITLE{$kind}\n";
        printf "%7d  %s: %s  [%s]\n", $_->[2], @$_[0, 1, 3] for @rows;
    }

    print "\n";
    print "$_\n" for _facts($tally, $outcome);
}


sub _facts {
    my ($tally, $outcome) = @_;
    my @facts;
    my $patients = $outcome->{patients};
    my $seconds = $outcome->{seconds};

    push @facts, sprintf '%d of %d patients %s there.',
        $patients->{there}, $patients->{inFiles},
        $outcome->{dryRun} ? 'would be' : 'are' if $patients;
    push @facts, "Missing: $_" for @{ $patients->{missing} // [] };
    push @facts, "Not read: $_" for @{ $outcome->{unreadable} };
    push @facts, map { "The counts of $_ do not add up: an error of this tool" }
        $tally->unbalanced;
    push @facts, sprintf '%d resources in %.1f s, %d of them sent '
        . '(%.0f a second).', $tally->count('files'), $seconds,
        $tally->count('taken'), $tally->count('taken') / ($seconds || 1)
        if !$outcome->{dryRun};
    push @facts, "Stopped: $outcome->{stopped}",
        'Run it again: it goes on where it stopped.' if $outcome->{stopped};

    return @facts;
}


sub save_report {
    my ($file, $tally, $outcome) = @_;

    my %report = (
        %$outcome,
        resources => {
            map { my $type = $_; ($type => {
                inFiles      => $tally->count(files => $type),
                taken        => $tally->count(taken => $type),
                alreadyThere => $tally->count(there => $type),
                notTaken     => $tally->count(refused => $type),
            }) } $tally->types
        },
        notTaken => _rows($tally, 'reasons', 'reason'),
        notes    => _rows($tally, 'notes', 'note'),
        balanced => $tally->unbalanced ? JSON::PP::false : JSON::PP::true,
    );

    open my $handle, '>', $file or die "cannot write $file: $!\n";
    print {$handle} JSON::PP->new->utf8->canonical->pretty->encode(\%report);
    close $handle or die "cannot write $file: $!\n";
}


sub _rows {
    my ($tally, $kind, $word) = @_;
    return [map { { resource => $_->[0], $word => $_->[1],
                    count => $_->[2], example => $_->[3] } }
            $tally->list($kind)];
}

1;
