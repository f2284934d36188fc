package EHR::Test::Shared;

# The environment the ordinary HTTP tests share.  `make test` starts it once
# and names its state in EHR_TEST_SHARED; a test run alone starts its own.

use strict;
use warnings;
use EHR::Test::Accounts;
use EHR::Test::Environment;
use EHR::Test::Log qw(faults_in);
use EHR::Test::Process qw(read_file write_file);
use JSON::PP;

my $environment;

# Its accounts are in {accounts}.
sub environment {
    return $environment ||= $ENV{EHR_TEST_SHARED}
        ? attach($ENV{EHR_TEST_SHARED}) : begin(name => "alone-$$");
}

sub attach {
    my ($file) = @_;
    my $state = decode_json(read_file($file));
    my $env = EHR::Test::Environment->attach($state->{environment});

    $env->{accounts} =
        EHR::Test::Accounts->attach($env, $state->{accounts});
    return $env;
}

sub begin {
    my $env = EHR::Test::Environment->start(workers => 2, @_);
    $env->{accounts} = EHR::Test::Accounts->create($env);
    return $env;
}

# For tools/test: starts it for other processes.
sub start {
    my ($class, $file) = @_;
    my $env = begin(name => 'shared', keep => 1);
    write_file($file, encode_json({ environment => $env->state,
        accounts => $env->{accounts}->state }));
}

# Stops it; false, and what was found on standard error, if it left faults in
# its log.
sub finish {
    my ($class, $file) = @_;
    my $env = attach($file);
    $env->stop;
    unlink $file;

    my @faults = map { @$_ } faults_in($env);
    print STDERR "faults in ", $env->error_log, ":\n", @faults if @faults;
    return !@faults;
}

1;
