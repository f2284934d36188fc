package EHR::Test::AuditLog;

# How rows and segments of the audit log are signed (sql/README.md), for tests
# that sign by themselves.

use strict;
use warnings;
use Digest::SHA qw(hmac_sha256_hex);
use Exporter qw(import);

our @EXPORT = qw(segment_sql audit_mac);

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

1;
