"""A back-test from start to end: the traffic through both worlds, batch by batch, and the answer."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from services.earning.simulation.answer import answer
from services.earning.simulation.invitees import Invitees
from services.earning.simulation.kafka_traffic import KafkaTraffic
from services.earning.simulation.members import Members
from services.earning.simulation.question import Question
from services.earning.simulation.tally import Tally
from services.earning.simulation.traffic import FileTraffic, Traffic
from services.earning.simulation.world import World, opened_world
from shared.events.member_registered import MemberRegistered
from shared.runtime.batch import Delivered

BATCH = 1000
_START = datetime(1970, 1, 1, tzinfo=UTC)
Progress = Callable[[int, int, int], None]
"""(read, of all, records that went through the worlds)."""


@dataclass(slots=True)
class Course:
    """Both worlds side by side, and what each came to."""

    live: World
    draft: World
    live_tally: Tally
    draft_tally: Tally
    members: Members
    shortest_grace: timedelta
    invitees: Invitees = field(default_factory=Invitees)
    records: int = 0
    now: datetime = _START

    async def run(self, traffic: Traffic, program_id: str, progress: Progress) -> None:
        """The same batches through both worlds. A batch ends where earning tells itself something: that comes next."""
        batch: list[Delivered] = []
        async for arrived in traffic.records():
            delivered = arrived.delivered
            if _is_of_another(delivered, program_id):
                continue
            if batch and (len(batch) >= BATCH or self._is_over(batch, delivered.arrival)):
                await self._post(batch)
                progress(arrived.read, traffic.total, self.records)
                batch = []
            if self._a_grace_ended(delivered.arrival):
                await self._release(delivered.arrival)
            self.now = max(self.now, delivered.recorded)
            batch.append(delivered)
        await self._post(batch)
        while self.live.coming_back or self.draft.coming_back:
            await self._post([])
        progress(traffic.total, traffic.total, self.records)

    def _is_over(self, batch: Sequence[Delivered], at: datetime) -> bool:
        """By the record that was read last, or by the end of a grace before `at`: of who waits, or begins to (C01)."""
        last = batch[-1]
        if self._a_grace_ended(at) or at - batch[0].arrival >= self.shortest_grace:
            return True
        if last.event is None:
            return False
        waits = isinstance(last.event.data, MemberRegistered) and self._somebody_waits()
        return waits or self.invitees.may_tell(last.event.data)

    def _somebody_waits(self) -> bool:
        return any(world.deadline is not None for world in (self.live, self.draft))

    def _a_grace_ended(self, at: datetime) -> bool:
        return any(world.deadline is not None and at >= world.deadline for world in (self.live, self.draft))

    async def _release(self, at: datetime) -> None:
        self.now = max(self.now, at)
        for world in (self.live, self.draft):
            await world.release_overdue(self.now)
        await self._post([])

    async def _post(self, batch: list[Delivered]) -> None:
        self.records += len(batch)
        await asyncio.gather(
            self._through(self.live, self.live_tally, batch), self._through(self.draft, self.draft_tally, batch)
        )
        live, tiers = self.live_tally.taken_shares()
        draft, _ = self.draft_tally.taken_shares()
        await self.members.add(live, draft)
        await self.members.rise(tiers)

    async def _through(self, world: World, tally: Tally, batch: list[Delivered]) -> None:
        posted = await world.post(batch, self.now)
        self.invitees.hear(posted.outbox)
        await tally.count(posted, world.running.pool)


@asynccontextmanager
async def opened_course(question: Question) -> AsyncIterator[Course]:
    zone = ZoneInfo(question.draft.time_zone)
    async with (
        opened_world(question.live_database, question.live_book()) as live,
        opened_world(question.draft_database, question.draft_book()) as draft,
    ):
        members = Members(draft.running.pool)
        await members.open()
        tallies = Tally(zone, question.since), Tally(zone, question.since)
        yield Course(live, draft, *tallies, members, question.shortest_grace())


def traffic_of(question: Question) -> Traffic:
    if question.events is not None:
        return FileTraffic(Path(question.events))
    if question.kafka is None:
        raise ValueError("A back-test needs a file of events or Kafka's address.")
    return KafkaTraffic(question.kafka)


async def simulate(question: Question, progress: Progress) -> Mapping[str, Any]:
    """The whole answer, as plain data for JSON."""
    traffic = traffic_of(question)
    async with opened_course(question) as course:
        await course.run(traffic, question.draft.program_id, progress)
        return await answer(question, course, traffic.incomplete)


def _is_of_another(delivered: Delivered, program_id: str) -> bool:
    """A record that cannot be read may be of any program, and goes in."""
    event = delivered.event
    return event is not None and getattr(event.data, "program_id", program_id) != program_id
