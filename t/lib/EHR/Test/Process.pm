package EHR::Test::Process;

# Running programs and finding ports: what the harness needs of the system.

use strict;
use warnings;
use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use IO::Socket::INET;
use IPC::Open3 qw(open3);
use Symbol qw(gensym);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(top run_command must_run free_port read_file write_file
    wait_until);

my $top = abs_path(dirname(__FILE__) . '/../../../..');

# The repository's directory.
sub top { return $top }

# Runs a command without a shell; input is its standard input.  Returns
# (exit status, standard output, standard error).  Output goes through files,
# so that a daemon that keeps them open does not hold us up.
sub run_command {
    my ($input, @command) = @_;

    open my $in, '+>', undef or die "temporary file: $!";
    open my $out, '+>', undef or die "temporary file: $!";
    open my $err, '+>', undef or die "temporary file: $!";
    print $in $input if defined $input;
    $in->flush;
    seek $in, 0, 0;

    my $pid = open3('<&' . fileno $in, '>&' . fileno $out,
        '>&' . fileno $err, @command);
    waitpid $pid, 0;
    my $status = $?;

    my @text = map { seek $_, 0, 0; local $/; scalar <$_> } $out, $err;
    return ($status, map { defined ? $_ : '' } @text);
}

# The same; dies with what the command said if it fails.  Returns its output.
sub must_run {
    my ($input, @command) = @_;
    my ($status, $out, $err) = run_command($input, @command);

    die "@command: exit status " . ($status >> 8) . ", signal "
        . ($status & 127) . "\n$out$err" if $status;
    return $out;
}

# A TCP port of 127.0.0.1 that nobody listens on.
sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => 0, Proto => 'tcp', Listen => 1)
        or die "no free port: $!";
    return $socket->sockport;
}

# The bytes of a file from an offset; '' if there is no such file.
sub read_file {
    my ($path, $offset) = @_;
    open my $file, '<:raw', $path or return '';
    seek $file, $offset || 0, 0;
    local $/;
    my $text = <$file>;
    return defined $text ? $text : '';
}

# Writes by rename, so that a reader never sees half of it.
sub write_file {
    my ($path, $text) = @_;
    open my $file, '>:raw', "$path.new" or die "$path.new: $!";
    print {$file} $text;
    close $file or die "$path.new: $!";
    rename "$path.new", $path or die "$path: $!";
}

# Waits until code returns true; false after that many seconds.  From one look
# to the next counts a second at most: a machine that stands still costs no
# time.
sub wait_until {
    my ($seconds, $code) = @_;

    while (1) {
        my $began = time();
        return 1 if $code->();
        return 0 if $seconds <= 0;
        sleep 0.02;
        my $passed = time() - $began;
        $seconds -= $passed < 1 ? $passed : 1;
    }
}

1;
