"""Invariant 8: where reading began and where it stands, against Kafka's own offsets."""

from aiokafka import TopicPartition

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Difference, Found

OFFSETS = "SELECT '{schema}' AS service, topic, partition, first_offset, next_offset FROM {schema}.audit_offset"


async def look(evidence: Evidence) -> Found:
    """Nothing before the first offset is still in the log, and nothing was read beyond its end."""
    rows = await evidence.rows(OFFSETS)
    bounds = await evidence.log.bounds({TopicPartition(row["topic"], row["partition"]) for row in rows})
    differing = []
    for row in rows:
        begin, end = bounds.get(TopicPartition(row["topic"], row["partition"]), (0, 0))
        subject = f"{row['service']}: {row['topic']}/{row['partition']}"
        if row["next_offset"] > end:
            differing.append(Difference("the books are ahead of Kafka's log", None, None, subject,
                                        f"at most {end}", str(row["next_offset"])))  # fmt: skip
        if row["first_offset"] > begin:
            differing.append(Difference("records before the first offset were never read", None, None, subject,
                                        f"at most {begin}", str(row["first_offset"])))  # fmt: skip
    return Found(len(rows), len(differing), differing[:ROWS_SHOWN])


CHECK = Check(8, "log ends", "reading began with the log's first record and never passed its end", look)
