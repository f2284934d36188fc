-- The audit log's reads and seals.  sql/README.md says how a digest and a
-- mac are made.

-- The reads of several requests, as one row.
-- $1 the row's id, ending in six zeros; $2 the reads; $3 mac; $4 who read;
-- $5 about which patients and entries.  (None of them is counted.)
-- name: AUDIT_READS
SELECT ehr.audit_reads($1::uuid, $2::text, $3::text, $4::uuid[], $5::uuid[],
        0);

-- Merges what the index of whom reads concern has pending.
-- name: AUDIT_TIDY
SELECT ehr.audit_tidy();

-- The newest segment, all zeros and '' if there is none, and the oldest key
-- that serves; scope 'system' as those below.
-- $1 version of the key under which digests need not be seen
-- → segment, from_xid, to_xid, rows, previous_mac, mac, key_version,
--   oldest_key, digests (bytea), serving, known, whether the transaction
--   counter is behind to_xid
-- name: AUDIT_SEAL_HEAD
SELECT coalesce(s.segment, 0) AS segment, coalesce(s.from_xid, 0) AS from_xid,
       coalesce(s.to_xid, 0) AS to_xid, coalesce(s.rows, 0) AS rows,
       coalesce(s.previous_mac, '') AS previous_mac,
       coalesce(s.mac, '') AS mac, coalesce(s.key_version, 0) AS key_version,
       coalesce(s.oldest_key, 1) AS oldest_key,
       CASE WHEN s.key_version <> $1::integer THEN s.digests END AS digests,
       k.oldest AS serving, k.since IS NOT NULL AS known,
       coalesce(s.to_xid > pg_snapshot_xmax(pg_current_snapshot())::text
                               ::bigint, false) AS behind
  FROM ehr.audit_keys k
  LEFT JOIN (SELECT * FROM ehr.audit_seals
              ORDER BY segment DESC LIMIT 1) AS s ON true;

-- Rows of an older key than this are refused from now on; sent twice, segments
-- say so.
-- $1 version
-- name: AUDIT_KEY_RETIRE
SELECT ehr.audit_key_retire($1::integer);

-- json_build_array() writes what sql/README.md's jsonb_build_array() does, in
-- less time.
--
-- What the next segment holds: whole transactions from $1 on that are older
-- than the oldest still running, about 10,000 rows at most, and none from
-- where on older keys are retired beside one from before.
-- $1 to_xid of the head; $2 oldest_key of the head
-- → to_xid, first_seq, last_seq, rows, digests (bytea), oldest_key; no row:
-- nothing to do
-- name: AUDIT_SEAL_ROWS
WITH first AS (
    SELECT xid FROM ehr.audit_log
     WHERE xid >= $1::bigint ORDER BY xid LIMIT 1
), enough AS (
    SELECT xid FROM ehr.audit_log
     WHERE xid >= $1::bigint ORDER BY xid OFFSET 10000 LIMIT 1
), bound AS (
    SELECT least(pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
                 (SELECT greatest(enough.xid, first.xid + 1)
                    FROM enough, first),
                 (SELECT k.since FROM ehr.audit_keys k, first
                   WHERE first.xid < k.since)) AS xid
)
SELECT (SELECT xid FROM bound) AS to_xid, min(a.seq) AS first_seq,
       max(a.seq) AS last_seq, count(*) AS rows,
       string_agg(int8send(a.seq) || substr(sha256(convert_to(
           json_build_array(a.seq, a.id,
               (extract(epoch FROM a.created_at) * 1000000)::bigint, a.xid,
               a.actor_id, a.action, a.entity, a.entity_id, a.patient_id,
               a.before, a.after, a.request_id, a.ip, a.user_agent, a.method,
               a.route, a.at, a.mac)::text, 'UTF8')), 1, 16),
           ''::bytea ORDER BY a.seq) AS digests,
       greatest($2::integer, (SELECT k.oldest FROM ehr.audit_keys k, first
                               WHERE first.xid >= k.since)) AS oldest_key
  FROM ehr.audit_log a
 WHERE a.xid >= $1::bigint AND a.xid < (SELECT xid FROM bound)
HAVING count(*) > 0;

-- Stores a segment.  Fails with EH409 if it does not continue the head.
-- $1 segment (the head's + 1); $2 from_xid (the head's to_xid); $3 to_xid;
-- $4 first_seq; $5 last_seq; $6 rows; $7 digests, bytea; $8 previous mac;
-- $9 mac; $10 key_version; $11 oldest_key; $12 takes_over, null unless the
-- head's key is another
-- → segment; no row: another node was first
-- name: AUDIT_SEAL_WRITE
INSERT INTO ehr.audit_seals (segment, from_xid, to_xid, first_seq, last_seq,
        rows, digests, previous_mac, mac, key_version, oldest_key, takes_over)
VALUES ($1::bigint, $2::bigint, $3::bigint, $4::bigint, $5::bigint,
        $6::integer, $7::bytea, $8::text, $9::text, $10::smallint,
        $11::smallint, $12::text)
ON CONFLICT (segment) DO NOTHING
RETURNING segment;
