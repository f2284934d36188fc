package EHR::Import::Source;

# The documents of a folder: *.json, and those inside *.tar.gz and *.tgz,
# which are read without unpacking them to disk.  One document is in memory
# at a time.  Documents are known by number: file names of patients' bundles
# often hold their names.

use strict;
use warnings;

use Archive::Tar;
use Archive::Tar::Constant ();

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
            _each_member($file, sub { $each->(++$number, $_[0]) })
                or $broken->(_base($file), 'is not a whole tar archive of gzip');
        }
    }

    return $number;
}


sub _slurp {
    my ($file) = @_;
    open my $handle, '<:raw', $file or return undef;
    local $/;
    return scalar <$handle>;
}


sub _base {
    my ($file) = @_;
    return $file =~ s{.*/}{}r;
}


sub _each_member {
    my ($file, $each) = @_;
    my $broken;

    # Archive::Tar tells of an archive that is cut short by a warning only
    my $quietly = sub {
        my ($act) = @_;
        local $Archive::Tar::WARN = 1;
        local $SIG{__WARN__} = sub { $broken = 1 };
        return $act->();
    };

    my $next = $quietly->(sub {
        Archive::Tar->iter($file, Archive::Tar::Constant::COMPRESS_GZIP(),
                           { filter => qr/\.json$/i })
    }) or return 0;

    while (my $member = $quietly->($next)) {
        next if !$member->is_file || _base($member->name) =~ /^\./;
        my $text = $member->get_content;
        $each->(\$text);
    }

    return !$broken;
}

1;
