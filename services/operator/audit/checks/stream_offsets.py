"""Invariant 8, as far as it goes for fraud monitoring: its offsets are Kafka's, and say only where it stands."""

from aiokafka import TopicPartition

from services.operator.audit.check import Check
from services.operator.audit.evidence import ROWS_SHOWN, Evidence
from services.operator.audit.verdict import Difference, Found
from shared.events.topics import load_topics

GROUP = "fraud_monitoring"


LETTERS = "SELECT topic, partition, max(record_offset) AS highest FROM fraud_monitoring.audit_dead_letter GROUP BY 1, 2"


async def look(evidence: Evidence) -> Found:
    """No committed offset and no dead letter lies beyond its log's end, no offset before what retention has left.

    What became of each record a stream processor does not keep: a record that was read and made no row leaves no trace.
    """
    read = {name for name, topic in load_topics().items() if GROUP in topic.consumers}
    standing = {place: where for place, where in (await evidence.log.standing(GROUP)).items() if place.topic in read}
    differing = []
    for place, (begin, at, end) in sorted(standing.items()):
        subject = f"{GROUP}: {place.topic}/{place.partition}"
        if at > end:
            differing.append(Difference("the group is ahead of Kafka's log", None, None, subject,
                                        f"at most {end}", str(at)))  # fmt: skip
        if at < begin:
            differing.append(Difference("records were deleted before the group read them", None, None, subject,
                                        f"at least {begin}", str(at)))  # fmt: skip
    letters = await evidence.rows(LETTERS)
    ends = await evidence.log.bounds({TopicPartition(row["topic"], row["partition"]) for row in letters})
    for row in letters:
        _, end = ends.get(TopicPartition(row["topic"], row["partition"]), (0, 0))
        if row["highest"] >= end:
            subject = f"{GROUP}: {row['topic']}/{row['partition']}@{row['highest']}"
            differing.append(Difference("a dead letter of a record that is not in the log", None, None, subject,
                                        f"at most {end - 1}", str(row["highest"])))  # fmt: skip
    return Found(len(standing), len(differing), differing[:ROWS_SHOWN])


CHECK = Check(
    8,
    "stream offsets",
    "fraud monitoring's group stands inside the log of each topic it reads (Kafka keeps no more about it)",
    look,
    needs=(GROUP,),
)
