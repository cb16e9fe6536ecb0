"""Redemption with a real database: batches as the worker posts them, requests as callers send them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import httpx
from fastapi import FastAPI
from fastapi.routing import APIRoute

from services.redemption.access import Access
from services.redemption.app import SERVICE
from shared.events.cloudevent import derived_id
from shared.events.event import CausedEvent, EventData, Money
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import GrantSource, PointsGranted
from shared.events.points_scheduled import PointsScheduled
from shared.runtime import gate
from shared.runtime.batch import Batch, Delivered
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.http import build_app
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate
from shared.runtime.service import Running
from shared.runtime.settings import Settings
from tests.infrastructure.kept_app import KeptApp, KeptApps

TOKEN = "a-token-of-the-tests"  # noqa: S105 - guards nothing but a test
PROGRAM = "fruit-shop"
_GRANTS = "points.grants.v1"
_DAY = timedelta(days=1)
_NOW = datetime.now(UTC).replace(microsecond=0)  # one for the session: what is told twice is told of one time

Policy = Literal["deficit", "within_balance", "only_pending"]


@dataclass(frozen=True, slots=True)
class Told:
    """An event of a test and when it happened."""

    id: str
    source: str
    time: datetime
    data: EventData


def long_ago(days: int = 30) -> datetime:
    """A time of day-precise age: lots granted then with a return window of a week have matured."""
    return _NOW - days * _DAY


def grant(
    name: str,
    points: int,
    *,
    member: str = "m-1",
    at: datetime | None = None,
    wait_days: int | None = 0,
    life_days: int | None = None,
    event: str | None = None,
) -> Told:
    """points.granted for receipt `name`; the grant's id follows from the name, whatever the event's."""
    time = at or long_ago()
    available_at = None if wait_days is None else time + wait_days * _DAY
    data = PointsGranted(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"purchase-{name}",
        correlation_id=f"purchase-{name}",
        rule_version=1,
        grant_id=str(grant_id(name)),
        points=points,
        points_class="CONSUMPTION",
        source=GrantSource(type="purchase.completed", id=f"purchase-{name}", receipt_id=f"receipt-{name}"),
        available_at=available_at,
        expires_at=None if life_days is None else time + life_days * _DAY,
        budget_id="marketing-2026",
        expected_cost=Money(amount_minor=5 * points, currency="CNY"),
    )
    return Told(event or f"granted-{name}", "/earning", time, data)


def grant_id(name: str) -> UUID:
    return derived_id("/tests", name, "grant")


def claw_back_id(name: str) -> UUID:
    return derived_id("/tests", name, "claw-back")


def clawed_back(
    name: str, points: int, *, of: str, member: str = "m-1", policy: Policy = "deficit", at: datetime | None = None
) -> Told:
    """points.clawed_back of the grant named `of`."""
    data = PointsClawedBack(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"refund-{name}",
        correlation_id=f"purchase-{of}",
        rule_version=1,
        grant_id=str(grant_id(of)),
        points=points,
        refund_id=f"refund-{name}",
        policy=policy,
        cost_minor=5 * points,
    )
    return Told(str(claw_back_id(name)), "/earning", at or long_ago(10), data)


def scheduled(of: str, available_at: datetime, *, member: str = "m-1", event: str = "") -> Told:
    """points.scheduled of the grant named `of`."""
    data = PointsScheduled(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"delivery-{of}",
        correlation_id=f"purchase-{of}",
        grant_id=str(grant_id(of)),
        available_at=available_at,
    )
    return Told(event or f"scheduled-{of}", "/earning", long_ago(12), data)


def debited(name: str, points: int, *, member: str = "m-1", deficit: bool = False, at: datetime | None = None) -> Told:
    """points.corrected: a debit that two operators agreed on."""
    data = PointsCorrected(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"correction-{name}",
        correlation_id=f"correction-{name}",
        rule_version=1,
        correction_id=name,
        points=-points,
        budget_id="marketing-2026",
        reason="credited twice",
        evidence="mail-7",
        requested_by="mei",
        approved_by="jun",
        may_leave_deficit=deficit,
    )
    return Told(str(derived_id("/tests", name, "debit")), "/earning", at or long_ago(9), data)


def declined(name: str, member: str = "m-1") -> Told:
    data = PointsDeclined(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"purchase-{name}",
        correlation_id=f"purchase-{name}",
        code="BUDGET_EXHAUSTED",
        would_have_earned=10,
        source=GrantSource(type="purchase.completed", id=f"purchase-{name}"),
    )
    return Told(f"declined-{name}", "/earning", long_ago(), data)


def hold(
    name: str,
    *of: str,
    member: str = "m-1",
    points: int | None = None,
    at: datetime | None = None,
    event: str | None = None,
) -> Told:
    """hold.placed of the grants named; of the member's points where none is."""
    time = at or long_ago(9)
    data = HoldPlaced(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"signal-{name}",
        correlation_id=f"story-{name}",
        hold_id=name,
        scope="grants" if of else "member",
        grant_ids=tuple(str(grant_id(each)) for each in of),
        points=points,
        reason="MEMBER_VELOCITY",
        deadline=time + 3 * _DAY,
        case_id=f"case-{name}",
    )
    return Told(event or f"placed-{name}", "/fraud_monitoring", time, data)


def released(name: str, *, member: str = "m-1", at: datetime | None = None, event: str | None = None) -> Told:
    """hold.released by a reviewer."""
    data = HoldReleased(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"placed-{name}",
        correlation_id=f"story-{name}",
        hold_id=name,
        case_id=f"case-{name}",
        person="reviewer-1",
        note="a family of five",
    )
    return Told(event or f"released-{name}", "/fraud_monitoring", at or long_ago(8), data)


def confirmed(name: str, points: int, *, member: str = "m-1", at: datetime | None = None) -> Told:
    """hold.confirmed by a reviewer, who names `points`."""
    data = HoldConfirmed(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"placed-{name}",
        correlation_id=f"story-{name}",
        hold_id=name,
        case_id=f"case-{name}",
        points=points,
        person="reviewer-1",
        note="receipts of one till",
    )
    return Told(f"confirmed-{name}", "/fraud_monitoring", at or long_ago(8), data)


def registered(member: str) -> Told:
    time = long_ago(40)
    data = MemberRegistered(program_id=PROGRAM, member_id=member, registered_at=time, phone_verified=True)
    return Told(f"registered-{member}", "/crm", time, data)


@dataclass(slots=True)
class Redemption:
    """One running service without Kafka: `post` is what the worker does with a batch of partition 0."""

    kept: KeptApp
    http: httpx.AsyncClient
    epoch: int = 0
    _offsets: dict[str, int] = field(default_factory=dict)

    @property
    def running(self) -> Running:
        return self.kept.running

    async def post(self, *told: Told) -> dict[str, int]:
        """Post the events as one batch of their topic; returns how many met which fate, ever."""
        topic = told[0].data.TOPIC
        start = self._offsets.get(topic, 0)
        delivered = [as_delivered(each, topic, start + place) for place, each in enumerate(told)]
        await self.deliver(topic, start, delivered)
        self._offsets[topic] = start + len(told)
        row = await self.running.pool.fetchrow("SELECT * FROM partition_offset WHERE topic = $1", topic)
        fates = ("applied", "duplicate", "ignored", "dead_lettered")
        return {fate: row[fate] for fate in fates if row[fate]} if row else {}

    def passed(self, topic: str, next_offset: int) -> None:
        """Somebody else found out how far the topic was posted."""
        self._offsets[topic] = next_offset

    async def deliver(self, topic: str, start: int, delivered: Sequence[Delivered]) -> None:
        async with self.running.pool.acquire() as connection:
            if not self.epoch:
                self.epoch = await gate.claim(connection, 0, "tests")
            await gate.begin_offsets(connection, 0, {topic: 0})
        run = BatchRun(SERVICE, self.running, self.epoch, DeadLetterLimit(2000, 95))
        await run.post(Batch(topic, 0, start, start + len(delivered), delivered))

    async def balance(self, member: str = "m-1") -> dict[str, object]:
        answer = await self.http.get(f"/v1/programs/{PROGRAM}/members/{member}/balance")
        assert answer.status_code == 200, answer.text
        shown: dict[str, object] = answer.json()
        return shown

    async def spend(self, points: int, key: str, *, member: str = "m-1", reason: str = "at the till") -> httpx.Response:
        return await self.http.post(
            f"/v1/programs/{PROGRAM}/members/{member}/redemptions",
            json={"points": points, "reason": reason},
            headers={"Idempotency-Key": key},
        )

    async def published(self, data_type: type[CausedEvent]) -> list[CausedEvent]:
        """What lies in the outbox of that type, in order, as a consumer would decode it."""
        rows = await self.running.pool.fetch(
            "SELECT aggregatetype, aggregateid, payload FROM outbox WHERE type = $1 ORDER BY id", data_type.TYPE
        )
        events = [
            decode(row["aggregatetype"], row["aggregateid"], row["payload"], STRUCTURED_HEADERS).data for row in rows
        ]
        return [event for event in events if isinstance(event, data_type)]

    async def assert_books_hold(self) -> None:
        """Invariant 1 from the journal, and the lots and wallets equal to what the journal says."""
        assert await self.running.pool.fetch(_BOOKS_THAT_DIFFER) == []
        assert await self.running.pool.fetch("SELECT * FROM audit_journal WHERE NOT hash_holds") == []


_BOOKS_THAT_DIFFER = """
    WITH legs AS (
        SELECT program_id, member_id, to_account AS account, points FROM journal
        UNION ALL
        SELECT program_id, member_id, from_account, -points FROM journal
    ), posted AS (
        SELECT program_id, member_id,
               -coalesce(sum(points) FILTER (WHERE account = 'issued'), 0) AS issued,
               coalesce(sum(points) FILTER (WHERE account = 'pending'), 0) AS pending,
               coalesce(sum(points) FILTER (WHERE account = 'available'), 0) AS available,
               coalesce(sum(points) FILTER (WHERE account = 'held'), 0) AS held,
               coalesce(sum(points) FILTER (WHERE account = 'reserved'), 0) AS reserved,
               coalesce(sum(points) FILTER (WHERE account = 'redeemed'), 0) AS redeemed,
               coalesce(sum(points) FILTER (WHERE account = 'forfeited'), 0) AS forfeited,
               coalesce(sum(points) FILTER (WHERE account = 'expired'), 0) AS expired,
               coalesce(sum(points) FILTER (WHERE account = 'clawed_back'), 0) AS clawed_back,
               -coalesce(sum(points) FILTER (WHERE account = 'deficit'), 0) AS deficit,
               -coalesce(sum(points) FILTER (WHERE account = 'waived'), 0) AS waived
          FROM legs GROUP BY program_id, member_id
    ), kept AS (
        SELECT w.program_id, w.member_id, coalesce(sum(l.points) FILTER (WHERE l.child_of IS NULL), 0) AS issued,
               coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'pending'), 0) AS pending,
               coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'available'), 0) AS available,
               coalesce(sum(l.held), 0) AS held, coalesce(sum(l.reserved), 0) AS reserved,
               coalesce(sum(l.redeemed), 0) AS redeemed,
               coalesce(sum(l.forfeited), 0) + (SELECT coalesce(sum(d.short), 0) FROM debit d
                 WHERE d.program_id = w.program_id AND d.member_id = w.member_id) AS forfeited,
               coalesce(sum(l.expired), 0) AS expired,
               coalesce(sum(l.recalled), 0) AS clawed_back,
               w.deficit::numeric AS deficit, w.waived::numeric AS waived
          FROM wallet w LEFT JOIN lot l USING (program_id, member_id) GROUP BY w.program_id, w.member_id
    )
    (SELECT 'only posted', * FROM (SELECT * FROM posted EXCEPT SELECT * FROM kept) AS p)
    UNION ALL
    (SELECT 'only kept', * FROM (SELECT * FROM kept EXCEPT SELECT * FROM posted) AS k)
    UNION ALL
    SELECT 'does not sum', * FROM posted
     WHERE issued <> pending + available + held + reserved + redeemed + forfeited + expired + clawed_back
                     - deficit - waived
"""


async def start(dsn: str, shift_seconds: int = 0) -> Redemption:
    """Migrate the schema and serve it; `shift_seconds` moves the database clock that the service reads."""
    settings = Settings(
        kafka="unused",
        database=dsn,
        environment="test",
        operator_token=TOKEN,
        voucher_key="a-voucher-key-of-the-tests-that-is-long-enough",
        clock_shift_seconds=shift_seconds,
    )
    pool = await connect_pool(settings)
    async with pool.acquire() as connection:
        await migrate(connection, [MIGRATIONS, SERVICE.migrations])
    kept = _APPS.take(settings, pool)
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(kept.app),
        base_url="http://redemption",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    return Redemption(kept, http)


def _build(running: Running) -> tuple[FastAPI, Callable[[], None]]:
    """The whole application; its one guard forgets which keys it saw, and how often."""

    async def ready() -> str | None:
        return None

    routers = SERVICE.routers(running)
    (guard,) = {
        guard
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute)
        for dependency in route.dependant.dependencies
        if isinstance(guard := getattr(dependency.call, "__self__", None), Access)
    }
    return build_app("tests", routers, ready, SERVICE.middleware(running)), lambda: Access.__init__(guard, running)


_APPS = KeptApps(_build)


async def stop(redemption: Redemption) -> None:
    await redemption.http.aclose()
    await redemption.running.pool.close()
    _APPS.give_back(redemption.kept)


def as_delivered(told: Told, topic: str, offset: int) -> Delivered:
    program_id, member_id = told.data.program_id, told.data.member_id  # type: ignore[attr-defined]
    key = member_key(program_id, member_id)
    value = encode(told.id, told.source, told.data.TYPE, member_id, told.time, key, told.data)
    now = datetime.now(UTC)
    return Delivered(
        topic=topic,
        partition=0,
        offset=offset,
        key=key.encode(),
        value=value,
        headers=STRUCTURED_HEADERS,
        recorded=now,
        arrival=now,
        attempt=1,
        event=decode(topic, key.encode(), value, STRUCTURED_HEADERS),
        rejection=None,
    )
