"""Invariant 6, the part that exists: each journal row's hash, recomputed here and not by the audited schema."""

from services.operator.audit.check import Check, by_sql

LOOKED_AT = "SELECT program_id, count(*) FROM redemption.audit_journal GROUP BY 1"
# Fields as UTF-8 text joined by U+001F, instants as microseconds since 2000-01-01 UTC in hexadecimal.
DIFFERING = """
SELECT 'journal row and its hash differ' AS wrong, program_id, member_id,
       'entry ' || entry_id || ', lot ' || lot_id AS subject, encode(row_hash, 'hex') AS expected,
       encode(recomputed, 'hex') AS found
  FROM redemption.audit_journal,
       LATERAL (SELECT sha256(convert_to(
           program_id || E'\\x1f' || member_id || E'\\x1f' || lot_id || E'\\x1f' || grant_id || E'\\x1f'
           || from_account || E'\\x1f' || to_account || E'\\x1f' || points || E'\\x1f'
           || cause_type || E'\\x1f' || cause_key || E'\\x1f' || cause_id || E'\\x1f'
           || encode(timestamptz_send(business_time), 'hex') || E'\\x1f'
           || encode(timestamptz_send(posted_at), 'hex'), 'UTF8')) AS recomputed) AS hashed
 WHERE row_hash IS DISTINCT FROM recomputed
"""
CHECK = Check(
    6,
    "journal hashes",
    "the hash of every journal row, recomputed from its content, is the hash it was written with",
    by_sql(LOOKED_AT, DIFFERING),
)
