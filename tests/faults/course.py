"""One run of a traffic through real processes on fresh topics and a fresh database, with faults acting during it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import asyncpg
import orjson

from deploy.local.processes import last_words
from deploy.local.stack import Stack
from services.operator.audit import run_audit
from services.operator.lag import EVERYBODY, reading_lag
from services.operator.program import apply_shipped
from tests.faults.books import Picture, read_books
from tests.faults.fault import Fault
from tests.faults.mail import Post, read_post
from tests.faults.progress import Progress, Recovery, watching
from tests.faults.record import Record, Traffic
from tests.faults.reviewing import review_all
from tests.faults.spending import spend_all
from tests.infrastructure.fixtures import Database, fresh_database, renew_topics
from tests.infrastructure.mail_server import MailServer, running_mail_server
from tests.infrastructure.services import Services, eventually, producer, running_services

AUDIT = "greenpoints_audit"
_SLICE = 100  # records sent together
DRAIN_SECONDS = 90  # without any progress: longer than fraud monitoring takes to notice a standstill and begin again


@dataclass(frozen=True, slots=True)
class Process:
    """How one of the course's processes is run."""

    service: str
    ordinal: int
    roles: str


PROCESSES: Mapping[str, Process] = {
    "earning": Process("earning", 0, "consume,serve"),
    "earning-relay": Process("earning", 0, "relay,serve"),
    "redemption": Process("redemption", 0, "consume,serve"),
    "redemption-relay": Process("redemption", 0, "relay,serve"),
    "fraud_monitoring": Process("fraud_monitoring", 0, "consume,serve"),
    "fraud_monitoring-relay": Process("fraud_monitoring", 0, "relay,serve"),
    "notification": Process("notification", 0, "consume,serve"),
    "notification-relay": Process("notification", 0, "relay,serve"),
}
SECOND_WORKERS: Mapping[str, Process] = {
    "earning-2": Process("earning", 1, "consume,serve"),
    "redemption-2": Process("redemption", 1, "consume,serve"),
    "notification-2": Process("notification", 1, "consume,serve"),
}
_LIMITS = {"refund_after_earning": {"soon_minutes": 4}}  # the fruit shop's refunds come later, and are nobody's fraud
_OWN_SETTINGS: Mapping[str, Mapping[str, str]] = {
    "fraud_monitoring": {
        "GREENPOINTS_LIMITS": orjson.dumps(_LIMITS).decode(),
    },
    "notification": {
        "GREENPOINTS_DIGEST_SECONDS": "2",
        "GREENPOINTS_NOTICE_SECONDS": "1",
        "GREENPOINTS_QUIET_SECONDS": "0",
        "GREENPOINTS_CONTACT_SECONDS": "0",  # every address is there before the first message
        "GREENPOINTS_SMTP_LEASE_SECONDS": "5",
        "GREENPOINTS_SMTP_TIMEOUT_SECONDS": "2",
    },
}


@dataclass(slots=True)
class Course:
    """What a fault works with. `dice` is drawn from the seed; `base_records` is what earning had handled before."""

    stack: Stack
    database: Database
    services: Services
    traffic: Traffic
    faults: Sequence[Fault]
    dice: Random
    progress: Progress
    post_office: MailServer
    base_records: int = 0
    notes: list[str] = field(default_factory=list)
    restarted: list[str] = field(default_factory=list)

    async def start(self, name: str, extra: Mapping[str, str] | None = None) -> None:
        """Start one of PROCESSES or SECOND_WORKERS and wait until it is ready."""
        process = {**PROCESSES, **SECOND_WORKERS}[name]
        environment = {
            "GREENPOINTS_ROLES": process.roles,
            # Small bites, so that many batches are under way while things break.
            "GREENPOINTS_BATCH_RECORDS": str(min(1000, max(25, self.traffic.events // 100))),
            "GREENPOINTS_RELAY_ROWS": str(min(2000, max(50, self.traffic.events // 50))),
        }
        environment |= _OWN_SETTINGS.get(process.service, {})
        if process.service == "notification":
            environment["GREENPOINTS_SMTP"] = self.post_office.address
        if process.service == "fraud_monitoring":
            environment["GREENPOINTS_STORE_DIR"] = str(self.store_dir)
        for fault in self.faults:
            environment |= fault.environment(name)
        await self.services.start(
            process.service, name=name, ordinal=process.ordinal, environment={**environment, **(extra or {})}
        )

    @property
    def store_dir(self) -> Path:
        """Where fraud monitoring keeps the local copy of its tables."""
        return self.services.state_dir / "tables"

    async def kill(self, name: str) -> None:
        """SIGKILL, noted as a strike."""
        self.progress.strike(f"{name} killed", name)
        await self.services.kill(name)

    async def until_share(self, share: float) -> None:
        """Wait until earning has handled that share of the fire's records."""
        await self.progress.until_earning(self.base_records + int(share * len(self.traffic.fire)))

    def note(self, what: str) -> None:
        """Something that was shown to have happened."""
        self.notes.append(what)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a course. `rate` is of earning, over the whole fire, in records/s."""

    picture: Picture
    post: Post
    audit: str
    clean: bool
    notes: Sequence[str]
    recoveries: Sequence[Recovery]
    events: int
    seconds: float
    rate: float
    lost_replies: int
    restarted: Sequence[str]


async def run_course(
    stack: Stack,
    passwords: Mapping[str, str],
    traffic: Traffic,
    faults: Sequence[Fault] = (),
    *,
    paced: bool = False,
    turn: int = 0,
) -> Outcome:
    """Base in peace, then fire, spending and the faults in turn at once; when all is drained, audit and picture.

    `paced`: half of the fire comes at once, the rest over the time that the faults name; else all of it at once.
    `turn`: another one draws otherwise for the same faults.
    """
    await renew_topics(stack.kafka)
    await apply_shipped(stack.kafka)
    async with (
        fresh_database(stack, passwords) as database,
        running_services(stack.kafka, database, stack.state_dir) as services,
        watching(database.dsns[AUDIT]) as progress,
        running_mail_server() as post_office,
    ):
        dice = Random(f"{traffic.seed} {turn} {[fault.name for fault in faults]}")  # noqa: S311 - repeatable, not secret
        course = Course(stack, database, services, traffic, faults, dice, progress, post_office)
        try:
            for fault in faults:
                await fault.prepare(course)
            await asyncio.gather(*(course.start(name) for name in PROCESSES))
            supervising = asyncio.create_task(_supervise(course))
            try:
                return await _run(course, sum(fault.seconds for fault in faults) if paced else 0)
            finally:
                supervising.cancel()
                await asyncio.wait({supervising})
        finally:
            for fault in faults:
                await fault.mend(course)


async def _supervise(course: Course) -> None:
    """As `greenpoints up` does: a process that ended by itself is started again. Those that are killed are not ours."""
    while True:
        for name, child in list(course.services.running.items()):
            if (code := child.exit_code) is not None and code > 0:
                course.restarted.append(f"{name} ended by itself and was started again: {last_words(child.log)}")
                await course.start(name)
        await asyncio.sleep(0.5)


async def _run(course: Course, seconds: float) -> Outcome:
    traffic, loop = course.traffic, asyncio.get_running_loop()
    for part in (traffic.base, traffic.settled):
        await publish(course.stack.kafka, part)
        await _drained(course)
    await spend_all(course.services, "redemption", traffic.base_spends)
    await _drained(course)
    course.base_records = course.progress.earning
    began = loop.time()

    def spread(over: Sequence[object]) -> Callable[[int], Awaitable[None]]:
        return lambda place: course.until_share(0.9 * place / len(over))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(publish(course.stack.kafka, traffic.fire, seconds))
        spending = tasks.create_task(spend_all(course.services, "redemption", traffic.spends, spread(traffic.spends)))
        reviewing = tasks.create_task(
            review_all(course.services, "fraud_monitoring", traffic.reviews, spread(traffic.reviews))
        )
        for fault in course.faults:
            await fault.act(course)
    await _drained(course)
    took = loop.time() - began
    await spend_all(course.services, "redemption", traffic.last_spends)
    await _drained(course)
    verdict = await run_audit(course.database.dsns[AUDIT], course.stack.kafka)
    return Outcome(
        picture=await read_books(course.database.admin_dsn, course.stack.kafka, traffic),
        post=await _post(course),
        audit=verdict.text(),
        clean=verdict.clean,
        notes=course.notes,
        recoveries=course.progress.recoveries(),
        events=traffic.events,
        seconds=took,
        rate=(course.progress.earning - course.base_records) / took,
        lost_replies=spending.result() + reviewing.result(),
        restarted=course.restarted,
    )


async def publish(kafka: str, records: Sequence[Record], seconds: float = 0) -> None:
    """In order within each partition; half at once, the rest over `seconds`. Returns when all are acknowledged."""
    half = len(records) // 2 if seconds else len(records)
    slices = [records[:half], *(records[start : start + _SLICE] for start in range(half, len(records), _SLICE))]
    async with producer(kafka) as sender:
        for part in slices:
            acknowledged = [
                await sender.send(one.topic, one.value, key=one.key, headers=list(one.headers), partition=one.partition)
                for one in part
            ]
            await asyncio.gather(*acknowledged)
            await asyncio.sleep(seconds / len(slices))


async def _post(course: Course) -> Post:
    connection = await asyncpg.connect(course.database.admin_dsn)
    try:
        return await read_post(connection, course.post_office.mails)
    finally:
        await connection.close()


_DUE = """
SELECT (SELECT count(*) FROM redemption.audit_lot WHERE posted_state = 'pending' AND state <> 'pending')
     + (SELECT count(*) FROM redemption.audit_voucher_request WHERE state IN ('requested', 'recalled'))
     + (SELECT count(*) FROM notification.audit_notice WHERE state = 'gathering')
     + (SELECT count(*) FROM notification.audit_message WHERE state IN ('queued', 'sending'))
"""


async def _drained(course: Course) -> None:
    """Wait until nothing is to be read, sent or posted any more, what the clock has matured included."""
    audit_dsn = course.database.dsns[AUDIT]

    async def nothing_due() -> bool:
        async with course.services.connection(AUDIT) as audit:
            return not await audit.fetchval(_DUE)

    async with reading_lag(audit_dsn, course.stack.kafka, EVERYBODY) as lag:
        while True:
            await lag.until_drained(DRAIN_SECONDS)
            await eventually("lot matured, voucher issued, notice closed and e-mail sent", nothing_due)
            if not (await lag.read()).total and await nothing_due():
                return
