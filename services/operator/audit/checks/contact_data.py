"""Invariant 9: personal contact data lives in notification's schema and members.contacts.v1 alone."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Difference, Found
from shared.events.catalogue import EVENT_TYPES

CONTACTS_TOPIC = "members.contacts.v1"
CONTACT_NAME = "(^|_)(e_?mail|phone|telephone|tel|mobile|msisdn|wechat|weixin|open_?id|street)(s|_?number)?(_|$)"
LOOKED_AT = """
SELECT NULL::text, count(*)
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ',')) AND a.attnum > 0
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
# A flag such as phone_verified says that there is one, not which.
COLUMNS = """
SELECT 'a column is named like contact data' AS wrong, NULL AS program_id, NULL AS member_id,
       n.nspname || '.' || c.relname || '.' || a.attname AS subject, NULL AS expected,
       format_type(a.atttypid, NULL) AS found
  FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = ANY(string_to_array(current_setting('greenpoints.services'), ',')) AND n.nspname <> 'notification'
   AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
   AND a.atttypid <> 'boolean'::regtype
   AND a.attname ~* '_contact_name_'
"""


# An erasure leaves nothing that reaches the member; the views say whether there is an address, never which.
ERASED = """
SELECT 'an erased contact still has an address' AS wrong, program_id, member_id, 'contact' AS subject, NULL AS expected,
       NULL AS found
  FROM notification.audit_contact WHERE erased AND address_kept
UNION ALL
SELECT 'a message keeps an address', program_id, member_id, 'message ' || message_id, NULL, channel
  FROM notification.audit_message WHERE address_kept
"""


async def look(evidence: Evidence) -> Found:
    """Columns of every schema but notification's, fields of every event but the contacts', and what was erased."""
    total, rows = await evidence.differences(COLUMNS.replace("_contact_name_", CONTACT_NAME))
    erased, kept = await evidence.differences(ERASED) if evidence.has_books("notification") else (0, [])
    fields = [
        Difference("an event has a field named like contact data", None, None, field, None, None)
        for field in _fields_of_events()
    ]
    return Found(await evidence.count(LOOKED_AT), total + erased + len(fields), [*rows, *kept, *fields][:ROWS_SHOWN])


@cache  # the contract does not change while we run
def _fields_of_events() -> tuple[str, ...]:
    return tuple(
        f"{name}: {field}"
        for name, model in EVENT_TYPES.items()
        if model.TOPIC != CONTACTS_TOPIC
        for field in contact_fields(model.model_json_schema())
    )


def contact_fields(schema: Any) -> Iterator[str]:
    """The names, at any depth of a JSON Schema, that look like contact data and are no flag."""
    if isinstance(schema, list):
        for item in schema:
            yield from contact_fields(item)
    if not isinstance(schema, dict):
        return
    for name, field in schema.get("properties", {}).items():
        if re.search(CONTACT_NAME, name, re.IGNORECASE) and field.get("type") != "boolean":
            yield name
    for part in schema.values():
        yield from contact_fields(part)


CHECK = Check(
    9,
    "contact data",
    f"no column outside notification and no event outside {CONTACTS_TOPIC} holds contact data; erased is erased",
    look,
)
