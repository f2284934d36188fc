package EHR::Test::Session;

# A psql that stays, for the many small questions of a test: a process, a
# connection and a backend for each of them cost more than all of their work.
#
#   my $session = EHR::Test::Session->new($env->psql_command('postgres'));
#   my ($status, $out, $err) = $session->run($sql);     # as run_command() does
#   $session->end;
#
# Each text finds what a new connection has, and ends psql at its first error.
# It has to be one that suits(), which leaves nothing open behind it.

use strict;
use warnings;
use IO::Handle;
use IPC::Open3 qw(open3);

my $began = 'session: begins';
my $done = 'session: is done';

sub new {
    my ($class, @command) = @_;
    return bless { command => \@command }, $class;
}

# Whether a text ends as it begins: no transaction stays open, and psql keeps
# nothing but what ask() sets back.
sub suits {
    my ($sql) = @_;
    return 0 if length $sql > 30_000;   # else both may wait for a full pipe
    my $plain = $sql =~ s/^\\(?:o|o \/dev\/null|set VERBOSITY verbose)$//mgr;
    return $plain !~ /\\/ && ($plain !~ /\b(?:BEGIN|START)\b/i
        || $plain =~ /\b(?:COMMIT|ROLLBACK);?\s*\z/);
}

# Its backend may be gone, with PostgreSQL or terminated by a test: then there
# is a new one, since of the text nothing was run.
sub run {
    my ($self, $sql) = @_;
    for my $is_new (!$self->{pid}, 1) {
        $self->start if $is_new;
        my ($was_run, @result) = $self->ask($sql);
        return @result if $was_run || $is_new;
    }
}

sub start {
    my ($self) = @_;
    open my $err, '+>', undef or die "temporary file: $!";
    $self->{err_file} = $err;
    $self->{pid} = open3(my $in, my $out, '>&' . fileno $err,
        @{ $self->{command} });
    @$self{qw(in out used)} = ($in, $out, 0);
    $in->autoflush(1);
}

# Whether the text was begun; status, output and errors.
sub ask {
    my ($self, $sql) = @_;
    my $said = '';

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } $self->{used}++
        ? "\\set VERBOSITY default\nDISCARD ALL;\n" : '',
        "\\echo $began\n$sql\n;\n\\o\n\\echo $done\n";
    1 while $said !~ /^\Q$done\E\n\z/m
        && sysread $self->{out}, $said, 65536, length $said;

    my $is_done = $said =~ s/^\Q$done\E\n\z//m;
    my $err = $self->errors;
    my $status = $is_done ? 0 : $self->reap;
    my $was_run = $said =~ s/\A.*?^\Q$began\E\n//ms;
    return ($was_run, $status, $said, $err);
}

sub errors {
    my ($self) = @_;
    my $file = $self->{err_file};
    local $/;
    seek $file, 0, 0;
    my $text = <$file> // '';
    truncate $file, 0;
    seek $file, 0, 0;
    return $text;
}

sub reap {
    my ($self) = @_;
    local $?;
    close $self->{in};
    waitpid delete $self->{pid}, 0;
    return $?;
}

# A child of the test's that lives on may hold the pipe open.
sub end {
    my ($self) = @_;
    return unless $self->{pid};
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{in} } "\\q\n";
    $self->reap;
}

1;
