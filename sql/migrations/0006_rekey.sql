-- Encrypting again under the current key: finds and replaces ciphertexts of
-- older versions (their first byte), also of deleted rows, past the policies.
-- For the system only; neither the row's version nor the audit log changes,
-- for what it says does not.

-- Looks at the thousand rows that follow `after` by id: up to `most` of an older
-- version, and if there are fewer the last id looked at, with null.  No row:
-- all were looked at.
CREATE FUNCTION ehr.rekey_find(relation regclass, field text,
    version integer, most integer, after uuid)
RETURNS TABLE (id uuid, sealed bytea)
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();

    RETURN QUERY EXECUTE format(
        'WITH next AS MATERIALIZED (
             SELECT t.id, t.%I AS sealed FROM %s t
              WHERE t.id > $3 ORDER BY t.id LIMIT 1000
         ), older AS MATERIALIZED (
             SELECT n.id, n.sealed FROM next n
              WHERE get_byte(n.sealed, 0) < $1 ORDER BY n.id LIMIT $2
         )
         SELECT o.id, o.sealed FROM older o
         UNION ALL
         (SELECT n.id, NULL FROM next n
           WHERE (SELECT count(*) FROM older) < $2
           ORDER BY n.id DESC LIMIT 1)
         ORDER BY 1, 2', field, relation)
      USING version, most, after;
END
$$;

CREATE FUNCTION ehr.rekey(relation regclass, field text, row_id uuid,
    was bytea, becomes bytea) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM ehr.check_system();
    PERFORM set_config('ehr.rekey', 'on', true);

    EXECUTE format('UPDATE %s SET %I = $1 WHERE id = $2 AND %2$I = $3',
                   relation, field)
      USING becomes, row_id, was;

    PERFORM set_config('ehr.rekey', '', true);
END
$$;

-- Triggers stand aside for it: a condition on each that stamps or audits.  The
-- setting alone is not enough, for anybody can make it: it counts only inside
-- the function above, which runs as the owner.
DO $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT g.oid, g.tgname, g.tgrelid::regclass AS relation,
               pg_get_triggerdef(g.oid) AS definition
          FROM pg_trigger g
          JOIN pg_attribute a ON a.attrelid = g.tgrelid
                             AND a.atttypid = 'bytea'::regtype
                             AND NOT a.attisdropped
          JOIN pg_class c ON c.oid = g.tgrelid
         WHERE NOT g.tgisinternal AND c.relnamespace = 'ehr'::regnamespace
           AND c.relname <> ALL ('{audit_log,audit_seals,audit_sealed}')
           AND pg_get_triggerdef(g.oid) LIKE '%UPDATE%'
         GROUP BY g.oid, g.tgname, g.tgrelid
    LOOP
        CONTINUE WHEN t.definition LIKE '% WHEN %';
        EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
        EXECUTE replace(t.definition, ' EXECUTE FUNCTION ',
            ' WHEN (NOT (current_user = ''ehr_owner'' AND'
            ' coalesce(current_setting(''ehr.rekey'', true), '''') = ''on''))'
            ' EXECUTE FUNCTION ');
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION ehr.rekey_find(regclass, text, integer, integer,
        uuid),
    ehr.rekey(regclass, text, uuid, bytea, bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ehr.rekey_find(regclass, text, integer, integer,
        uuid),
    ehr.rekey(regclass, text, uuid, bytea, bytea) TO ehr_app;
