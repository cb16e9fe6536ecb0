"""Events that are in no books any more or not yet: only Kafka can still hold them."""

from collections.abc import Sequence

import orjson
from aiokafka import TopicPartition

from services.operator.audit.evidence import Evidence
from services.operator.audit.verdict import Difference
from shared.events.topics import load_topics


async def lost(evidence: Evidence, sql: str, topic: str, reader: str) -> list[Difference]:
    """Of the rows of a statement, whose `found` is an event's id, those that `reader` can no longer read.

    That is, those whose event lies nowhere between the reader's next offset in `topic` and the end of its log.
    """
    _, candidates = await evidence.differences(sql, limit=None)
    under_way = await _to_be_read(evidence, topic, reader, {row.found for row in candidates}) if candidates else set()
    return [
        Difference(row.wrong, row.program_id, row.member_id, row.subject, row.expected, None)
        for row in candidates
        if row.found not in under_way
    ]


async def _to_be_read(evidence: Evidence, topic: str, reader: str, wanted: set[str | None]) -> set[str | None]:
    known = {row["partition"]: row["next_offset"] for row in await evidence.rows(_next_offsets(reader), topic)}
    places: Sequence[TopicPartition] = [TopicPartition(topic, n) for n in range(load_topics()[topic].partitions)]
    found: set[str | None] = set()
    for place, (begin, end) in (await evidence.log.bounds(places)).items():
        async for record in evidence.log.read(place, known.get(place.partition, begin), end):
            if (event_id := _event_id(record.value)) in wanted:
                found.add(event_id)
    return found


def _next_offsets(reader: str) -> str:
    """Names of schemas are no parameters; this one is a check's own."""
    return f"SELECT partition, next_offset FROM {reader}.audit_offset WHERE topic = $1"  # noqa: S608


def _event_id(value: bytes | None) -> str | None:
    """Everything our services publish is a structured CloudEvent; anything else is not what we look for."""
    try:
        envelope = orjson.loads(value or b"null")
    except orjson.JSONDecodeError:
        return None
    event_id = envelope.get("id") if isinstance(envelope, dict) else None
    return event_id if isinstance(event_id, str) else None
