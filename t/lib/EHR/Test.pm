package EHR::Test;

# What a test file needs:
#
#   use EHR::Test;                          # Test::More comes with it
#
#   my $env = environment();                # shared by the HTTP tests
#   my $doctor = client('doctor');          # signed in
#   my $nobody = client();                  # not signed in
#   is $doctor->get('/api/v1/patients')->{status}, 200;
#
#   logs_clean($env);
#   done_testing;
#
# A test that stops, kills or reconfigures something starts its own:
#
#   my $env = start_environment(name => 'kill', workers => 4);
#   my $accounts = accounts($env);

use strict;
use warnings;
use EHR::Test::Accounts;
use EHR::Test::Client;
use EHR::Test::Environment;
use EHR::Test::Log qw(mark_log logs_clean deaths_of);
use EHR::Test::Process qw(top free_port read_file write_file run_command
    must_run);
use EHR::Test::Shared;
use Test::More;

our @EXPORT = (@Test::More::EXPORT, qw(environment start_environment accounts
    client without_engine logs_clean deaths_of top free_port read_file write_file
    run_command must_run));

sub import {
    my ($class) = @_;
    my $caller = caller;

    strict->import;
    warnings->import;
    no strict 'refs';
    for my $name (@EXPORT) {
        my ($sigil, $word) = $name =~ /\A([\$\@%]?)(.*)\z/;
        *{"${caller}::$word"} = $sigil eq '$' ? \${$word}
            : $sigil eq '@' ? \@{$word} : $sigil eq '%' ? \%{$word} : \&{$word};
    }
}

# The shared environment.
sub environment {
    my $env = EHR::Test::Shared::environment();
    mark_log($env) if $env->is_shared && !$env->{marked}++;
    return $env;
}

# An environment of the test's own, stopped when it ends.  Options:
# EHR::Test::Environment.
sub start_environment {
    my (%option) = @_;
    $option{name} .= "-$$";
    return EHR::Test::Environment->start(%option);
}

# As the option `edit` of an environment: PostgreSQL alone answers.
sub without_engine {
    return $_[0] =~ s/^\s*ehr_(?:availability_zone|database_feed)\s.*?;\n//gmsr;
}

# The accounts of an environment, the shared one by default; made at the
# first call for one of the test's own.
sub accounts {
    my ($env) = @_;
    $env ||= environment();
    return $env->{accounts} ||= EHR::Test::Accounts->create($env);
}

# A client of the shared environment, or of the one given: signed in if a
# name is given.
sub client {
    my ($name, $env) = @_;
    $env ||= environment();
    return accounts($env)->client($name) if defined $name;
    return EHR::Test::Client->new(port => $env->port);
}

1;
