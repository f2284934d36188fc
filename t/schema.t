#!/usr/bin/perl

# The descriptors and queries against the migrated schema: every statement
# prepares as the application, every field has its column, every table that
# holds people's data is guarded by row-level security.

use FindBin;
use lib "$FindBin::Bin/lib";
use EHR::Test;

my $env = environment();
my $program = build();

statements_prepare('the resources',
    split /\0/, must_run(undef, $program, 'statements'));
statements_prepare('sql/queries', queries());
columns_exist();
tables_are_guarded();
application_owns_nothing();

logs_clean($env);
done_testing();


sub build {
    my $program = top() . '/build/test/describe';
    my @sources = grep { !m{/(?:fuzz|test)} } glob top() . '/src/model/*.c';
    must_run(undef, 'gcc', '-std=gnu11', '-Wall', '-Wextra', '-Werror',
        '-o', $program, top() . '/t/schema/describe.c', @sources,
        '-ljansson');
    return $program;
}


# The texts as tools/queries.pl cuts them.
sub queries {
    my @texts;

    for my $file (sort glob top() . '/sql/queries/*.sql') {
        my $text = read_file($file);
        push @texts, $1 while $text =~ m{^-- name: \w+\n(.*?;)\s*$}gms;
    }

    return map { s/;\s*\z//r } @texts;
}


# One session prepares all; a failure is reported with its text.
sub statements_prepare {
    my ($what, @texts) = @_;
    my ($n, $script) = (0, "\\set ON_ERROR_STOP off\n");

    for my $text (@texts) {
        $script .= "PREPARE s$n AS $text;\n";
        $n++;
    }

    my (undef, undef, $errors) = $env->psql('ehr_app', $script);
    cmp_ok($n, '>', 10, "$what: $n statements");
    is($errors, '', "$what: all prepare as ehr_app");
}


sub columns_exist {
    my %column;

    for my $row ($env->rows(<<'SQL')) {
SELECT table_name, column_name, data_type, is_nullable = 'NO',
       coalesce(numeric_scale, -1),
       (SELECT relkind FROM pg_class
         WHERE oid = format('ehr.%I', table_name)::regclass)
  FROM information_schema.columns WHERE table_schema = 'ehr'
SQL
        my ($table, $name, @rest) = @$row;
        $column{$table}{$name} = \@rest;
    }

    my $wrong = 0;
    my $checked = 0;

    for my $line (split /\n/, must_run(undef, $program, 'columns')) {
        my ($table, $name, $type, $required, $sorted, $scale)
            = split /\t/, $line;
        my $found = $column{$table}{$name};
        $checked++;

        my $fault = !$found ? 'is missing'
            : !same_type($type, $found->[0]) ? "is $found->[0], not $type"
            : $found->[3] eq 'v' ? undef      # a view tells no NOT NULL
            : $required && $found->[1] ne 't' ? 'may be null'
            : $sorted && $found->[1] ne 't' ? 'is sorted by and may be null'
            : $scale >= 0 && $found->[2] != $scale
            ? "has scale $found->[2], not $scale"
            : undef;

        if ($fault) {
            $wrong++;
            diag("ehr.$table.$name $fault");
        }
    }

    cmp_ok($checked, '>', 300, "$checked columns are described");
    is($wrong, 0, 'each column is as its field says');
}


sub same_type {
    my ($wanted, $found) = @_;

    return $wanted eq $found || $wanted eq 'integer' && $found eq 'bigint';
}


sub tables_are_guarded {
    my @open = map { $_->[0] } $env->rows(<<'SQL');
SELECT relname FROM pg_class
 WHERE relnamespace = 'ehr'::regnamespace AND relkind IN ('r', 'p')
   AND NOT (relrowsecurity AND relforcerowsecurity)
   AND relname NOT IN ('permissions', 'schema_migrations')
 ORDER BY 1
SQL
    is_deeply(\@open, [], 'row-level security is forced on every table');
}


sub application_owns_nothing {
    is($env->sql(<<'SQL'), '0', 'the application role owns nothing');
SELECT count(*) FROM pg_class WHERE relowner = 'ehr_app'::regrole
SQL
    is($env->sql(<<'SQL'), 'f|f|f' =~ tr/|/\t/r, 'and has no power');
SELECT rolsuper, rolbypassrls, rolcreaterole FROM pg_roles
 WHERE rolname = 'ehr_app'
SQL
    is($env->sql(<<'SQL'), 'f|f|f' =~ tr/|/\t/r, 'over the audit log');
SELECT has_table_privilege('ehr_app', 'ehr.audit_log', 'UPDATE'),
       has_table_privilege('ehr_app', 'ehr.audit_log', 'DELETE'),
       has_table_privilege('ehr_app', 'ehr.audit_log', 'TRUNCATE')
SQL
}
