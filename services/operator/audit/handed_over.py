"""What earning hands to itself by `earning.effects.v1`: nothing of it is lost, and nothing of it comes from nowhere."""

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.under_way import lost
from services.operator.audit.verdict import Found

_TOPIC = "earning.effects.v1"


def in_no_books(row: str) -> str:
    """A condition: the event of `row` (event_id, event_key) is neither told, applied, waiting nor a dead letter."""
    return f"""
       NOT EXISTS (SELECT FROM earning.audit_outbox AS o WHERE o.event_id IN ({row}.event_id, {row}.event_key))
   AND NOT EXISTS (SELECT FROM earning.audit_inbox AS i WHERE i.event_key = {row}.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_waiting AS w WHERE w.event_key = {row}.event_key)
   AND NOT EXISTS (SELECT FROM earning.audit_dead_letter_key AS d
                    WHERE d.event_id = {row}.event_id AND d.topic = '{_TOPIC}'
                      AND (d.state <> 'replayed' OR EXISTS (
                          SELECT FROM earning.audit_outbox AS o WHERE o.event_id = d.dead_letter_id)))
"""  # noqa: S608 - texts of ours


def handed_over(name: str, promise: str, *, looked_at: str, without_cause: str, gone: str) -> Check:
    """The check of invariant 7 for one kind of event; of the rows of `gone`, `found` is the event's id."""

    async def look(evidence: Evidence) -> Found:
        """What the books do not explain must be among the records that earning has still to read."""
        total, rows = await evidence.differences(without_cause)
        missing = await lost(evidence, gone, _TOPIC, "earning")
        return Found(await evidence.count(looked_at), total + len(missing), [*rows, *missing][:ROWS_SHOWN])

    return Check(7, name, promise, look)
