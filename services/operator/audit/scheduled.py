"""The ids of points.scheduled: derived from the delivery and the grant, so no book needs to keep them."""

from uuid import UUID

from services.operator.audit.evidence import Evidence
from shared.events.cloudevent import derived_id, event_key

EARNING = "/earning"
_SCHEDULED = """
SELECT d.event_source, d.event_id, g.grant_id
  FROM earning.audit_decision AS d JOIN earning.audit_grant AS g USING (receipt_key)
 WHERE d.outcome = 'scheduled'
"""


async def scheduled_event_keys(evidence: Evidence) -> set[str]:
    """The inbox keys that dating a lot may have left with redemption."""
    return {
        str(event_key(EARNING, str(_event_id(row["event_source"], row["event_id"], row["grant_id"]))))
        for row in await evidence.rows(_SCHEDULED)
    }


def _event_id(source: str, event_id: str, grant_id: UUID) -> UUID:
    return derived_id(source, event_id, f"scheduled/{grant_id}")
