"""Recorded traffic as one stream of records in the order in which they arrived."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson
from msgspec.structs import replace

from services.earning.app import SERVICE
from services.earning.decide.decline import member_of
from services.earning.simulation.world import record_of
from shared.events.event import EventData
from shared.events.fields import parse_timestamp
from shared.events.keys import member_key, receipt_key
from shared.events.topics import load_topics
from shared.runtime.batch import Delivered, read_record

_ARRIVAL = "arrival"
_LEAST = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record, and how much of the whole traffic is read with it (bytes or records)."""

    delivered: Delivered
    read: int


class Traffic(Protocol):
    """Where recorded traffic lies. `total`: of what `Arrived.read` counts; known once `records` has begun."""

    total: int
    incomplete: bool  # what was published first is not kept any more

    def records(self) -> AsyncIterator[Arrived]: ...


class FileTraffic:
    """CloudEvents in structured mode, one a line; their extension `arrival` says when, else their time does."""

    incomplete = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self.total = path.stat().st_size

    async def records(self) -> AsyncIterator[Arrived]:
        read = 0
        with self._path.open("rb") as file:
            for line in file:
                read += len(line)
                if written := line.strip():
                    yield Arrived(_delivered(written), read)


def _delivered(line: bytes) -> Delivered:
    """Under the key of its member, as its sender would have published it; a line that is no event says why."""
    attributes = _attributes(line)
    topic = _topic_of().get(str(attributes.get("type")), SERVICE.topics[0])
    delivered = read_record(record_of(topic, None, line, _arrival(attributes)))
    if delivered.event is None:
        return delivered
    named = delivered.event.partitionkey or _key(delivered.event.data)
    return replace(delivered, key=named.encode())


def _attributes(line: bytes) -> dict[str, object]:
    try:
        read = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _arrival(attributes: dict[str, object]) -> datetime:
    """Years before 1970 are no record's time."""
    for name in (_ARRIVAL, "time"):
        try:
            return max(_LEAST, parse_timestamp(str(attributes.get(name))))
        except ValueError:
            continue
    return _LEAST


def _key(body: EventData) -> str:
    program_id, member_id = member_of(body)
    if member_id is not None:
        return member_key(program_id, member_id)
    return receipt_key(program_id, getattr(body, "receipt_id", None) or "-")


def _topic_of() -> dict[str, str]:
    return {type_: name for name in SERVICE.topics for type_ in load_topics()[name].types}
