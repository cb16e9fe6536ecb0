"""Invariant 7: what the relays saw acknowledged is in Kafka's log."""

from aiokafka import TopicPartition

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Difference, Found

ACKNOWLEDGED = """
SELECT '{schema}' AS service, topic, partition, acknowledged_offset, published FROM {schema}.audit_relay
"""


async def look(evidence: Evidence) -> Found:
    """An acknowledged offset lies before the log's end, and the log is at least as long as what was published."""
    rows = await evidence.rows(ACKNOWLEDGED)
    bounds = await evidence.log.bounds({TopicPartition(row["topic"], row["partition"]) for row in rows})
    differing = []
    for row in rows:
        _, end = bounds.get(TopicPartition(row["topic"], row["partition"]), (0, 0))
        subject = f"{row['service']}: {row['topic']}/{row['partition']}"
        least = max(row["acknowledged_offset"] + 1, row["published"])
        if end < least:
            differing.append(Difference("Kafka's log ends before what was acknowledged", None, None, subject,
                                        f"at least {least}", str(end)))  # fmt: skip
    return Found(len(rows), len(differing), differing[:ROWS_SHOWN])


CHECK = Check(7, "relays", "every offset that Kafka acknowledged to a relay is in Kafka's log", look)
