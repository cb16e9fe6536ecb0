"""Invariant 9: one role per schema, and the audit role's views; nobody else, and nothing more."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = """
SELECT NULL::text, count(*)
  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ','))
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
"""
DIFFERING = """
WITH service AS (
    SELECT n.oid, n.nspname, n.nspowner, n.nspacl FROM pg_namespace AS n
     WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ','))
), relation AS (
    SELECT c.oid, c.relkind, c.relacl, c.relowner, s.nspname, s.nspowner, c.relname,
           c.relkind = 'v' AND c.relname LIKE 'audit\\_%' AS offered,
           format('%I.%I', s.nspname, c.relname) AS full_name
      FROM pg_class AS c JOIN service AS s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
), role AS (
    SELECT r.* FROM pg_roles AS r
     WHERE r.rolname = 'greenpoints_audit' OR r.rolname IN (SELECT nspname FROM service)
), grants AS (
    SELECT 'schema ' || s.nspname AS subject, s.nspowner, false AS offered, a.grantee, a.privilege_type AS privilege,
           a.is_grantable
      FROM service AS s, aclexplode(coalesce(s.nspacl, acldefault('n', s.nspowner))) AS a
    UNION ALL
    SELECT r.full_name, r.nspowner, r.offered, a.grantee, a.privilege_type, a.is_grantable
      FROM relation AS r,
           aclexplode(coalesce(
               r.relacl, acldefault((CASE r.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", r.relowner))) AS a
    UNION ALL
    SELECT r.full_name || '.' || t.attname, r.nspowner, r.offered, a.grantee, a.privilege_type, a.is_grantable
      FROM relation AS r JOIN pg_attribute AS t ON t.attrelid = r.oid, aclexplode(t.attacl) AS a
    UNION ALL
    SELECT 'database ' || datname, datdba, false, a.grantee, a.privilege_type, a.is_grantable
      FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS a
     WHERE datname = current_database() AND a.grantee = 0
    UNION ALL
    SELECT 'schema public', nspowner, false, a.grantee, a.privilege_type, a.is_grantable
      FROM pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) AS a
     WHERE nspname = 'public' AND a.grantee = 0
)
SELECT 'granted to one who owns it not' AS wrong, NULL AS program_id, NULL AS member_id, g.subject, NULL AS expected,
       coalesce(r.rolname, 'PUBLIC') || ': ' || g.privilege AS found
  FROM grants AS g LEFT JOIN pg_roles AS r ON r.oid = g.grantee
 WHERE g.grantee <> g.nspowner AND NOT coalesce(r.rolsuper, false)
   AND NOT (coalesce(r.rolname = 'greenpoints_audit', false) AND NOT g.is_grantable
            AND (g.subject LIKE 'schema %' AND g.privilege = 'USAGE' OR g.offered AND g.privilege = 'SELECT'))
UNION ALL
SELECT 'a role may touch another schema', NULL, NULL, 'schema ' || s.nspname, NULL, r.rolname || ': USAGE or CREATE'
  FROM role AS r, service AS s
 WHERE s.nspowner <> r.oid AND NOT (r.rolname = 'greenpoints_audit')
   AND (has_schema_privilege(r.oid, s.oid, 'USAGE') OR has_schema_privilege(r.oid, s.oid, 'CREATE'))
UNION ALL
SELECT 'a role may touch another schema', NULL, NULL, t.full_name, NULL, r.rolname || ': ' || p.privilege
  FROM role AS r, relation AS t,
       unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p (privilege)
 WHERE t.nspowner <> r.oid AND t.relkind <> 'S' AND has_table_privilege(r.oid, t.oid, p.privilege)
   AND NOT (r.rolname = 'greenpoints_audit' AND t.offered AND p.privilege = 'SELECT')
UNION ALL
SELECT 'a role may touch another schema', NULL, NULL, t.full_name, NULL, r.rolname || ': USAGE or more'
  FROM role AS r, relation AS t
 WHERE t.nspowner <> r.oid AND t.relkind = 'S' AND has_sequence_privilege(r.oid, t.oid, 'USAGE, SELECT, UPDATE')
UNION ALL
SELECT 'a role may do more than a service needs', NULL, NULL, 'role ' || r.rolname, NULL, extra.power
  FROM role AS r,
       LATERAL (VALUES ('SUPERUSER', r.rolsuper), ('CREATEROLE', r.rolcreaterole), ('CREATEDB', r.rolcreatedb),
                       ('REPLICATION', r.rolreplication), ('BYPASSRLS', r.rolbypassrls),
                       ('SET session_replication_role',
                        has_parameter_privilege(r.oid, 'session_replication_role', 'SET'))) AS extra (power, has)
 WHERE extra.has
UNION ALL
SELECT 'a role is a member of another', NULL, NULL, 'role ' || r.rolname, NULL, other.rolname
  FROM role AS r JOIN pg_auth_members AS m ON m.member = r.oid JOIN pg_roles AS other ON other.oid = m.roleid
UNION ALL
SELECT 'a function runs with its owner''s rights', NULL, NULL, 'function ' || f.oid::regprocedure, NULL,
       'SECURITY DEFINER'
  FROM pg_proc AS f JOIN service AS s ON s.oid = f.pronamespace WHERE f.prosecdef
UNION ALL
SELECT 'a schema is not its service''s own', NULL, NULL, 'schema ' || s.nspname, s.nspname, r.rolname
  FROM service AS s JOIN pg_roles AS r ON r.oid = s.nspowner WHERE r.rolname <> s.nspname
"""
CHECK = Check(
    9,
    "privileges",
    "no role can touch another's schema, the audit role reads audit_* views alone, and PUBLIC has nothing",
    by_sql(LOOKED_AT, DIFFERING),
)
