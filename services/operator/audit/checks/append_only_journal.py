"""Invariant 9: a journal row or sealed block, once written, can be neither changed nor deleted (C29)."""

from services.operator.audit.check import Check, by_sql

_JOURNALS = """
    SELECT c.oid, c.relowner, format('%I.%I', n.nspname, c.relname) AS full_name
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ','))
       AND c.relname IN ('journal', 'journal_block') AND c.relkind IN ('r', 'p')
    UNION
    SELECT c.oid, c.relowner, c.oid::regclass::text
      FROM pg_class AS c JOIN pg_inherits AS i ON i.inhrelid = c.oid JOIN pg_class AS p ON p.oid = i.inhparent
           JOIN pg_namespace AS n ON n.oid = p.relnamespace
     WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ',')) AND p.relname = 'journal'
"""
LOOKED_AT = "SELECT NULL::text, count(*) FROM (_journals_) AS journals".replace("_journals_", _JOURNALS)
# Bits of pg_trigger.tgtype: 2 BEFORE, 8 DELETE, 16 UPDATE, 32 TRUNCATE. A trigger that refuses raises first of all,
# on every column and under every condition.
DIFFERING = """
WITH journal AS (_journals_), refusing AS (
    SELECT t.tgrelid, t.tgtype
      FROM pg_trigger AS t JOIN pg_proc AS f ON f.oid = t.tgfoid
     WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'A') AND t.tgtype & 2 = 2 AND t.tgqual IS NULL
       AND coalesce(array_length(t.tgattr::int2[], 1), 0) = 0 AND f.prosrc ~* '^\\s*BEGIN\\s+RAISE\\s+EXCEPTION'
)
SELECT 'no trigger refuses it' AS wrong, NULL AS program_id, NULL AS member_id, j.full_name AS subject,
       'a trigger BEFORE ' || o.operation AS expected, NULL AS found
  FROM journal AS j, (VALUES ('DELETE', 8), ('UPDATE', 16), ('TRUNCATE', 32)) AS o (operation, bit)
 WHERE NOT EXISTS (SELECT FROM refusing AS r WHERE r.tgrelid = j.oid AND r.tgtype & o.bit = o.bit)
UNION ALL
SELECT 'a role holds the privilege', NULL, NULL, j.full_name, NULL, r.rolname || ': ' || p.privilege
  FROM journal AS j, pg_roles AS r, unnest(ARRAY['UPDATE', 'DELETE', 'TRUNCATE']) AS p (privilege)
 WHERE (r.oid = j.relowner OR r.rolname = 'greenpoints_audit'
        OR r.rolname = ANY(string_to_array(current_setting('greenpoints.services'), ',')))
   AND has_table_privilege(r.oid, j.oid, p.privilege)
UNION ALL
SELECT 'there is no journal', NULL, NULL, t.name, 'a table', NULL
  FROM (VALUES ('redemption.journal'), ('redemption.journal_block')) AS t (name) WHERE to_regclass(t.name) IS NULL
""".replace("_journals_", _JOURNALS)
CHECK = Check(
    9,
    "append-only journal",
    "nobody holds UPDATE, DELETE or TRUNCATE on a journal, and an enabled trigger refuses each of them",
    by_sql(LOOKED_AT, DIFFERING),
)
