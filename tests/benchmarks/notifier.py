"""`python -m tests.benchmarks.notifier [--quick]`: what one notification worker does in a second, and its memory.

Three figures, each of one worker process on all partitions with a database that fsyncs: events from Kafka to the
committed notice, notices closed into messages, and e-mails handed over to a mail server that takes all at once.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass

import asyncpg
import orjson

from deploy.local.processes import Child
from services.operator.traffic.fruit import PROGRAM_ID
from shared.events.cloudevent import derived_id
from shared.events.contact_updated import ContactUpdated
from shared.events.event import EventData, Money
from shared.events.kafka_binding import encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.points_granted import GrantSource, PointsGranted
from shared.runtime.postgres import Connection
from tests.benchmarks.events import EVENTS_PER_MEMBER, Message, all_partitions, members_of, moment
from tests.benchmarks.stage import BenchmarkFailedError, Stage, refuse_ended, running_stage
from tests.benchmarks.usage import peak_resident_bytes
from tests.infrastructure.mail_server import running_mail_server

_RUN = "bench_notifier"
_EVENTS, _QUICK_EVENTS = 300_000, 20_000
_EMAILS, _QUICK_EMAILS = 5_000, 500
_STALLED_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Notifier:
    """Per second, of one worker; memory is the largest resident set it ever had, in bytes."""

    events: int
    events_per_second: int
    notices: int
    notices_closed_per_second: int
    emails: int
    emails_per_second: int
    peak_bytes: int


async def measure_notifier(stage: Stage, *, quick: bool = False) -> Notifier:
    """First the grants alone, told while they gather; then the closing; then e-mails, each on fresh topics."""
    events, emails = (_QUICK_EVENTS, _QUICK_EMAILS) if quick else (_EVENTS, _EMAILS)
    members = members_of(all_partitions(), events // EVENTS_PER_MEMBER)
    events_rate, peak = await _gather(stage, members, events)
    notices_rate, closing_peak = await _close(stage, members)
    emails_rate = await _mail(stage, members_of(all_partitions(), emails))
    await stage.drop(_RUN)
    return Notifier(
        events=events,
        events_per_second=round(events_rate),
        notices=len(members),
        notices_closed_per_second=round(notices_rate),
        emails=emails,
        emails_per_second=round(emails_rate),
        peak_bytes=max(peak, closing_peak),
    )


async def _gather(stage: Stage, members: list[str], events: int) -> tuple[float, int]:
    """Events per second from the first to the last commit, and the worker's memory; nothing closes meanwhile."""
    await _migrated(stage)
    await stage.publish(_grants(members, events))
    async with _worker(stage, GREENPOINTS_DIGEST_SECONDS="86400") as (child, connection):
        seconds = await _seconds_until(connection, child, "SELECT count(*) FROM notification.notice_cause", events)
        return events / seconds, peak_resident_bytes(child.pid)


async def _close(stage: Stage, members: list[str]) -> tuple[float, int]:
    """Notices per second that become two messages and two events each; the mail channel is off."""
    async with stage.admin(_RUN) as connection:
        await connection.execute("UPDATE notification.notice SET close_at = now()")
    async with _worker(stage) as (child, connection):
        count = "SELECT count(*) FROM notification.notice WHERE state = 'closed'"
        seconds = await _seconds_until(connection, child, count, len(members))
        told = await connection.fetchval("SELECT count(*) FROM notification.outbox")
        if told != 2 * len(members):
            raise BenchmarkFailedError(f"{told} outcomes of {len(members)} notices are in the outbox.")
        return len(members) / seconds, peak_resident_bytes(child.pid)


async def _mail(stage: Stage, members: list[str]) -> float:
    """E-mails per second that the server took on, one per member."""
    await _migrated(stage)
    await stage.publish(_people(members))
    await stage.publish(_grants(members, len(members)))
    async with running_mail_server() as server:
        settings = {
            "GREENPOINTS_SMTP": server.address,
            "GREENPOINTS_DIGEST_SECONDS": "1",
            "GREENPOINTS_SWEEP_MILLISECONDS": "100",
        }
        async with _worker(stage, **settings) as (child, connection):
            sent = "SELECT count(*) FROM notification.message WHERE state = 'sent' AND channel = 'email'"
            seconds = await _seconds_until(connection, child, sent, len(members))
        if len({mail.message_id for mail in server.mails}) != len(members) or len(server.mails) != len(members):
            raise BenchmarkFailedError(f"The mail server took on {len(server.mails)} e-mails for {len(members)}.")
        return len(members) / seconds


async def _seconds_until(connection: Connection, child: Child, count: str, wanted: int) -> float:
    """From the first row to the last."""
    began, moved, rows = None, time.perf_counter(), 0
    while rows < wanted:
        await asyncio.sleep(0.02)
        refuse_ended(child)
        before, rows = rows, await connection.fetchval(count)
        now = time.perf_counter()
        if rows > before:
            began, moved = began or (now, rows), now
        elif now - moved > _STALLED_SECONDS:
            raise BenchmarkFailedError(f"Notification stands at {rows} of {wanted}.")
    at, first = began or (moved, 0)
    if first >= wanted:
        raise BenchmarkFailedError(f"{wanted} were done too fast to measure; take more.")
    return (time.perf_counter() - at) * wanted / (wanted - first)


@asynccontextmanager
async def _worker(
    stage: Stage, **environment: str
) -> AsyncIterator[tuple[Child, "asyncpg.Connection[asyncpg.Record]"]]:
    dsns = await stage.dsns(_RUN)
    async with (
        stage.admin(_RUN) as connection,
        stage.worker("notification", dsns["notification"], environment=environment) as child,
    ):
        yield child, connection


async def _migrated(stage: Stage) -> None:
    """Fresh topics, and an empty database in which the service has been once."""
    await stage.drop(_RUN)
    await stage.fresh_topics()
    async with _worker(stage) as (child, connection):
        look = "SELECT count(*) FROM pg_tables WHERE schemaname = 'notification' AND tablename = 'message'"
        while not await connection.fetchval(look):
            refuse_ended(child)
            await asyncio.sleep(0.1)


def _people(members: list[str]) -> Iterator[Message]:
    now = moment()
    for member_id in members:
        profile = MemberRegistered(program_id=PROGRAM_ID, member_id=member_id, registered_at=now, phone_verified=True)
        yield _message(f"register-{member_id}", profile, member_id)
        contact = ContactUpdated(program_id=PROGRAM_ID, member_id=member_id, email=f"{member_id}@example.test")
        yield _message(f"contact-{member_id}", contact, member_id)


def _grants(members: list[str], number: int) -> Iterator[Message]:
    """`number` grants of one receipt each, the members in turn."""
    for place in range(number):
        member_id = members[place % len(members)]
        cause = f"/pos/bench#{place}"
        grant_id = str(derived_id("/bench", str(place), "grant"))
        data = PointsGranted(
            program_id=PROGRAM_ID,
            member_id=member_id,
            causation_id=cause,
            correlation_id=cause,
            rule_version=1,
            grant_id=grant_id,
            points=8,
            points_class="CONSUMPTION",
            source=GrantSource(type="greenpoints.purchase.completed.v1", id=str(place), receipt_id=f"r-{place}"),
            available_at=moment(),
            budget_id="marketing-2026",
            expected_cost=Money(amount_minor=40, currency="CNY"),
        )
        yield _message(grant_id, data, member_id)


def _message(event_id: str, data: EventData, member_id: str) -> Message:
    key = member_key(PROGRAM_ID, member_id)
    return Message(data.TOPIC, key.encode(), encode(event_id, "/earning", data.TYPE, member_id, moment(), key, data))


async def _main(*, quick: bool) -> None:
    async with running_stage() as stage:
        measured = await measure_notifier(stage, quick=quick)
    print(orjson.dumps(asdict(measured), option=orjson.OPT_INDENT_2).decode())


if __name__ == "__main__":
    asyncio.run(_main(quick="--quick" in sys.argv[1:]))
