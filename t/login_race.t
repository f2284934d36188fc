# An account that is closed between the check of its password and its session
# gets the answer and the audit row of any refused login.

use EHR::Test;

my $env = environment();
my $user = accounts()->create_user('closing', 'NURSE');
my $postgres = sub {
    open my $out, '-|', $env->psql_command('postgres',
        map { ('-c', $_) } @_) or die "psql: $!";
    return $out;
};

# the row is locked, and closed when the login waits for it
my $closing = $postgres->("SET ehr.scope = 'system'", 'BEGIN',
    "UPDATE ehr.users SET status = 'INACTIVE' WHERE id = '$user->{id}'",
    'SELECT 1', 'SELECT pg_sleep(0.7)', 'COMMIT');
<$closing>;
my $answer = client()->sign_in($user->{email}, $user->{password});
close $closing;

is $answer->{status}, 401, 'refused';
is $env->sql("SELECT string_agg(action, ' ' ORDER BY seq) FROM ehr.audit_log
    WHERE entity_id = '$user->{id}' AND action LIKE 'LOGIN%'"),
    'LOGIN_FAILED', 'and written down as that';

logs_clean($env);
done_testing;
