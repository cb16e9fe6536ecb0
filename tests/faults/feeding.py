"""Work until the last one is dead: known events, sent again and again. They are read and change nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from shared.events.member_registered import MemberRegistered
from tests.faults.course import Course, publish
from tests.faults.record import SUSPECT_PREFIX, Record, Traffic

_PAUSE_SECONDS = 0.5


@asynccontextmanager
async def fed(course: Course) -> AsyncIterator[None]:
    """Everybody has something to read as long as the context lasts, however slow the machine is."""
    feeding = asyncio.create_task(_feed(course, _repeatable(course.traffic)))
    try:
        yield
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


def _repeatable(traffic: Traffic) -> list[Record]:
    """What cases were made of, in its order: fraud monitoring finds them again; and registrations, which all read."""
    suspect = SUSPECT_PREFIX.encode()
    registrations = [record for record in traffic.base if record.topic == MemberRegistered.TOPIC]
    return [record for record in (*registrations, *traffic.plain) if suspect in (record.key or b"")]


async def _feed(course: Course, records: Sequence[Record]) -> None:
    while True:
        await publish(course.stack.kafka, records)
        await asyncio.sleep(_PAUSE_SECONDS)
