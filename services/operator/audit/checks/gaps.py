"""Invariant 8: a gap is an offset without a record. Each is read again."""

from aiokafka import TopicPartition

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Difference, Found

GAPS = """
SELECT '{schema}' AS service, topic, partition, from_offset, to_offset FROM {schema}.audit_gap
"""


async def look(evidence: Evidence) -> Found:
    """A record found inside a gap was skipped."""
    gaps = sorted(await evidence.rows(GAPS), key=lambda gap: tuple(gap.values()))
    skipped = [
        Difference(
            "a record lies in a gap: it was skipped",
            None,
            None,
            f"{gap['service']}: {gap['topic']}/{gap['partition']}@{record.offset}",
            "no record",
            f"{len(record.value or b'')} bytes",
        )
        for gap in gaps
        async for record in evidence.log.read(
            TopicPartition(gap["topic"], gap["partition"]), gap["from_offset"], gap["to_offset"]
        )
    ]
    return Found(len(gaps), len(skipped), skipped[:ROWS_SHOWN])


CHECK = Check(8, "gaps", "no gap that was counted holds a record in Kafka: nothing was ever skipped", look)
