package EHR::Test::AuditLog;

# The audit log's segments: how they and their rows are signed (sql/README.md),
# for tests that sign by themselves, and waiting until all rows are in one.

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use EHR::Test::Process qw(wait_until);
use Exporter qw(import);

our @EXPORT = qw(segment_sql audit_mac wait_sealed);

# The statement that tells what a segment of these rows holds: to_xid,
# first_seq, last_seq, rows, digests.
sub segment_sql {
    my ($which) = @_;
    return <<"SQL";
SELECT max(xid) + 1, min(seq), max(seq), count(*),
       encode(string_agg(int8send(seq) || substr(sha256(convert_to(
           jsonb_build_array(seq, id,
               (extract(epoch FROM created_at) * 1000000)::bigint, xid,
               actor_id, action, entity, entity_id, patient_id, before, after,
               request_id, ip, user_agent, method, route, at, mac)::text,
           'UTF8')), 1, 16), ''::bytea ORDER BY seq), 'hex')
  FROM ehr.audit_log WHERE $which
SQL
}

# The mac of a row or a segment under a version of the key; @covered: what it
# covers, in its order.
sub audit_mac {
    my ($key, $version, @covered) = @_;
    return hmac_sha256_hex(join("\n", $version > 1 ? $version : (), @covered),
        $key);
}

# True as soon as every row is in a segment; false after 20 seconds.
sub wait_sealed {
    my ($env) = @_;
    return wait_until(20, sub { $env->sql('SELECT count(*) FROM ehr.audit_log
        WHERE xid >= coalesce((SELECT max(to_xid) FROM ehr.audit_seals), 0)')
        == 0 });
}

1;
