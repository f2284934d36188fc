package EHR::Import::Source;

# The documents of a folder: *.json, and those inside *.tar.gz and *.tgz,
# which are read without unpacking them to disk.  One document is in memory
# at a time.  Documents are known by number: file names of patients' bundles
# often hold their names.

use strict;
use warnings;

use Archive::Tar;
use IPC::Open3 qw(open3);

# path: a folder, or one of such files
sub new {
    my ($class, $path) = @_;
    my @files;

    if (-d $path) {
        opendir my $handle, $path or die "cannot read $path: $!\n";
        @files = map { "$path/$_" } sort grep { _is_input($_) }
            readdir $handle;
        die "no .json, .tar.gz or .tgz files in $path\n" if !@files;
    } elsif (-f $path && _is_input($path)) {
        @files = ($path);
    } else {
        die "$path is neither a folder nor a .json, .tar.gz or .tgz file\n";
    }

    return bless { files => \@files }, $class;
}


sub _is_input {
    return $_[0] =~ /\.(?:json|tar\.gz|tgz)$/i && $_[0] !~ m{(?:^|/)\.};
}


# Calls $each->(number, reference to the text) for every document, in the
# same order each time.  What cannot be read is told to $broken->(number or
# archive, why).
sub each_document {
    my ($self, $each, $broken) = @_;
    my $number = 0;

    for my $file (@{ $self->{files} }) {
        if ($file =~ /\.json$/i) {
            my $text = _slurp($file);
            $number++;
            if (defined $text) {
                $each->($number, \$text);
            } else {
                $broken->("document $number", "$!");
            }
        } else {
            my $why = _each_member($file, sub { $each->(++$number, $_[0]) });
            $broken->(_base($file), $why) if defined $why;
        }
    }

    return $number;
}


sub _slurp {
    my ($file) = @_;
    open my $handle, '<:raw', $file or return undef;
    local $/;
    my $text = <$handle>;
    return defined $text && close $handle ? $text : undef;
}


sub _base {
    my ($file) = @_;
    return $file =~ s{.*/}{}r;
}


# Calls $each with a reference to each document of an archive.  Returns what is
# wrong with the archive, or undef.
sub _each_member {
    my ($file, $each) = @_;
    my ($broken, $any);

    open my $packed, '<:raw', $file or return "$!";
    return 'Is a directory' if -d $packed;

    # Archive::Tar tells of an archive that is cut short by a warning only
    my $quietly = sub {
        my ($act) = @_;
        local $Archive::Tar::WARN = 1;
        local $SIG{__WARN__} = sub { $broken = 1 };
        return $act->();
    };

    open my $nowhere, '>', '/dev/null' or die "/dev/null: $!\n";
    my $gzip = open3('<&' . fileno $packed, my $unpacked,
                     '>&' . fileno $nowhere, qw(gzip -dc));
    my $next = $quietly->(sub {
        Archive::Tar->iter($unpacked, undef, { filter => qr/\.json$/i })
    });

    while (my $member = $quietly->($next)) {
        next if !$member->is_file || _base($member->name) =~ /^\./;
        my $text = $member->get_content;
        $each->(\$text);
        $any = 1;
    }

    # gzip sees at the end of the file whether it is whole; 2 is a warning
    1 while read $unpacked, my $padding, 65536;
    waitpid $gzip, 0;

    return $broken || $? && $? >> 8 != 2 ? 'is not a whole tar archive of gzip'
        : $any ? undef : 'holds no .json file';
}

1;
