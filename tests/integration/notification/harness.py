"""Notification with a real database and a real mail server: batches as the worker posts them, sweeps when asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import asyncpg
import httpx
from msgspec.structs import replace

from services.notification.app import notification
from services.notification.desk import NotificationDesk
from services.notification.settings import NotificationSettings
from shared.events.cloudevent import Rejected, derived_id
from shared.events.contact_updated import ContactUpdated
from shared.events.event import EventData, Money
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.message_sent import MessageOutcome
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_debited import PointsDebited
from shared.events.points_expiring_soon import PointsExpiringSoon
from shared.events.points_granted import GrantSource, PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_released import PointsReleased
from shared.events.referral_accepted import ReferralAccepted
from shared.programs.versions import ProgramBook
from shared.runtime import gate
from shared.runtime.batch import Batch, Delivered
from shared.runtime.batch_run import BatchRun
from shared.runtime.dead_letter_limit import DeadLetterLimit
from shared.runtime.dead_letters import routes as dead_letter_routes
from shared.runtime.http import build_app
from shared.runtime.postgres import MIGRATIONS, connect_pool, migrate
from shared.runtime.service import Running, Service
from shared.runtime.settings import Settings

TOKEN = "a-token-of-the-tests"  # noqa: S105 - guards nothing but a test
PROGRAM = "fruit-shop"
CONTACTS = "members.contacts.v1"
Told = tuple[str, str, datetime, EventData]  # id, source, time, data


# One instant for the whole run: an event that is told again says the same.
HAPPENED = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


_NOW = datetime.now(UTC).replace(microsecond=0)  # one for the session: what is told twice is told of one time


def long_ago(hours: int = 1) -> datetime:
    """A time whose windows are over by now."""
    return _NOW - timedelta(hours=hours)


def grant(name: str, points: int, member: str = "m-1", *, kind: str = "greenpoints.purchase.completed.v1") -> Told:
    """points.granted of the receipt or drop `name`."""
    data = PointsGranted(
        **_caused(name, member),
        grant_id=str(derived_id("/tests", name, "grant")),
        points=points,
        points_class="CONSUMPTION",
        source=GrantSource(type=kind, id=name, receipt_id=f"receipt-{name}"),
        available_at=datetime(2026, 11, 22, 4, 30, tzinfo=UTC),
        budget_id="marketing-2026",
        expected_cost=Money(amount_minor=5 * points, currency="CNY"),
    )
    return f"granted-{name}", "/earning", HAPPENED, data


def matured(name: str, points: int, member: str = "m-1", *, repaid: int = 0) -> Told:
    data = PointsMatured(
        **_caused(name, member),
        lot_id=str(derived_id("/tests", name, "grant")),
        points=points,
        matured_at=HAPPENED,
        deficit_set_off=repaid,
    )
    return f"matured-{name}", "/redemption", HAPPENED, data


def clawed_back(name: str, points: int, member: str = "m-1", *, refund: str = "refund-1") -> Told:
    data = PointsClawedBack(
        **_caused(name, member),
        grant_id=str(derived_id("/tests", name, "grant")),
        points=points,
        refund_id=refund,
        policy="deficit",
        cost_minor=0,
    )
    return f"clawed-{name}", "/earning", HAPPENED, data


def hold_placed(hold: str, member: str = "m-1", *, reason: str = "seen on many devices") -> Told:
    data = HoldPlaced(
        **_caused(hold, member),
        hold_id=hold,
        scope="member",
        reason=reason,
        deadline=datetime(2026, 11, 29, tzinfo=UTC),
        case_id=f"case-{hold}",
    )
    return f"placed-{hold}", "/fraud_monitoring", HAPPENED, data


def hold_released(hold: str, member: str = "m-1", *, note: str = "a family with one phone") -> Told:
    data = HoldReleased(**_caused(hold, member), hold_id=hold, case_id=f"case-{hold}", person="reviewer-li", note=note)
    return f"hold-released-{hold}", "/fraud_monitoring", HAPPENED, data


def held(hold: str, points: int, member: str = "m-1") -> Told:
    data = PointsHeld(
        **_caused(hold, member),
        hold_id=hold,
        scope="member",
        points=points,
        deadline=datetime(2026, 11, 29, tzinfo=UTC),
        balance_before=points,
        balance_after=0,
    )
    return f"held-{hold}-{points}", "/redemption", HAPPENED, data


def released(hold: str, points: int, member: str = "m-1") -> Told:
    data = PointsReleased(**_caused(hold, member), hold_id=hold, points=points, balance_before=0, balance_after=points)
    return f"released-{hold}", "/redemption", HAPPENED, data


def debited(name: str, asked: int, member: str = "m-1", *, code: str | None = None) -> Told:
    """points.debited: two operators took points back; with a code nothing was taken."""
    data = PointsDebited(
        **_caused(name, member),
        debit_id=str(derived_id("/tests", name, "debit")),
        correction_id=name,
        asked=asked,
        points=0 if code else asked,
        balance_before=asked,
        balance_after=asked,
        deficit_before=0,
        deficit_after=0 if code else asked,
        code=code,
    )
    return f"debited-{name}", "/redemption", HAPPENED, data


def expiring(name: str, points: int, member: str = "m-1", *, days: Literal[30, 7] = 7, lots: int = 1) -> Told:
    """points.expiring_soon of so many lots, whose last day is 31 December 2026."""
    data = PointsExpiringSoon(
        **_caused(name, member),
        lot_ids=tuple(str(derived_id("/tests", f"{name}/{number}", "grant")) for number in range(lots)),
        days=days,
        points=points,
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )
    return str(derived_id("/tests", f"{name}/{days}", "notice")), "/redemption", HAPPENED, data


def registered(
    member: str = "m-1",
    *,
    locale: str | None = None,
    birth_year: int | None = None,
    consents: dict[str, bool] | None = None,
    update: str = "",
) -> Told:
    """member.registered, or member.updated where `update` names one."""
    kind: type[MemberRegistered] | type[MemberUpdated] = MemberUpdated if update else MemberRegistered
    data = kind(
        program_id=PROGRAM,
        member_id=member,
        registered_at=HAPPENED - timedelta(days=40),
        phone_verified=True,
        locale=locale,
        birth_year=birth_year,
        consents=consents or {},
    )
    return f"profile-{member}{update}", "/crm", HAPPENED, data


def contact(member: str = "m-1", email: str | None = None, *, event: str = "1") -> Told:
    data = ContactUpdated(program_id=PROGRAM, member_id=member, email=email or f"{member}@example.test")
    return f"contact-{member}-{event}", "/crm", HAPPENED, data


def invited(invitee: str = "m-1") -> Told:
    data = ReferralAccepted(program_id=PROGRAM, inviter_id="m-inviter", invitee_id=invitee)
    return f"referral-{invitee}", "/crm", HAPPENED, data


def _caused(name: str, member: str) -> dict[str, Any]:
    return {
        "program_id": PROGRAM,
        "member_id": member,
        "causation_id": f"cause-{name}",
        "correlation_id": f"/pos/tests#cause-{name}",
    }


@dataclass(slots=True)
class Notification:
    """One running service without Kafka: `post` is what the worker does with a batch of partition 0."""

    running: Running
    service: Service[NotificationDesk]
    http: httpx.AsyncClient
    epoch: int = 0
    _offsets: dict[str, int] = field(default_factory=dict)

    async def post(self, *told: Told, recorded: datetime | None = None) -> dict[str, int]:
        """Post the events as one batch of their topic; returns how many met which fate, ever."""
        topic = told[0][3].TOPIC
        start = self._offsets.get(topic, 0)
        return await self.deliver(
            topic, [as_delivered(each, start + place, recorded or long_ago()) for place, each in enumerate(told)]
        )

    async def erase(self, member: str = "m-1") -> dict[str, int]:
        """A record without value under the member's key."""
        return await self.deliver(CONTACTS, [raw(self._offsets.get(CONTACTS, 0), _key(member), None)])

    async def deliver(self, topic: str, delivered: Sequence[Delivered]) -> dict[str, int]:
        start = self._offsets.get(topic, 0)
        async with self.running.pool.acquire() as connection:
            if not self.epoch:
                self.epoch = await gate.claim(connection, 0, "tests")
            await gate.begin_offsets(connection, 0, {topic: 0})
        run = BatchRun(self.service, self.running, self.epoch, DeadLetterLimit(2000, 95))
        end = delivered[-1].offset + 1
        await run.post(Batch(topic, 0, start, end, delivered))
        self._offsets[topic] = end
        row = await self.running.pool.fetchrow("SELECT * FROM partition_offset WHERE topic = $1", topic)
        fates = ("applied", "duplicate", "ignored", "dead_lettered", "gap")
        return {fate: row[fate] for fate in fates if row[fate]} if row else {}

    async def sweep(self) -> None:
        """Every sweeper once, as the process does again and again."""
        for sweeper in self.service.sweepers:
            await sweeper(self.running)

    async def messages(self, member: str = "m-1") -> list[asyncpg.Record]:
        return await self.running.pool.fetch(
            """
            SELECT m.*, n.template, n.points, n.causes FROM message m JOIN notice n USING (notice_id)
             WHERE m.member_id = $1 ORDER BY entry_id
            """,
            member,
        )

    async def states(self, member: str = "m-1") -> dict[tuple[str, str], str]:
        """(template, channel) → state, with the code of a suppressed one."""
        return {
            (row["template"], row["channel"]): " ".join(filter(None, (row["state"], row["code"])))
            for row in await self.messages(member)
        }

    async def published(self) -> list[tuple[str, MessageOutcome]]:
        """Short type and data of what lies in the outbox, in order, as a consumer would decode it."""
        rows = await self.running.pool.fetch("SELECT * FROM outbox WHERE type LIKE 'greenpoints.message.%' ORDER BY id")
        found: list[tuple[str, MessageOutcome]] = []
        for row in rows:
            data = decode(row["aggregatetype"], row["aggregateid"], row["payload"], STRUCTURED_HEADERS).data
            assert isinstance(data, MessageOutcome)
            found.append((data.TYPE.split(".")[2], data))
        return found

    async def inbox(self, member: str = "m-1", **query: str | int) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/programs/{PROGRAM}/members/{member}/inbox", params=query)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def assert_books_hold(self) -> None:
        """Each cause in one notice, each closed notice one message per channel, sums right, applied = inbox."""
        assert await self.running.pool.fetch(_BOOKS_THAT_DIFFER) == []


_BOOKS_THAT_DIFFER = """
    SELECT 'causes', n.notice_id::text FROM notice n LEFT JOIN LATERAL (
        SELECT count(*) AS causes, sum(points) AS points FROM notice_cause WHERE notice_id = n.notice_id) AS c ON true
     WHERE n.causes <> c.causes OR (n.template <> 'points_held' AND n.points <> c.points)
    UNION ALL
    SELECT 'messages', n.notice_id::text FROM notice n LEFT JOIN message m USING (notice_id)
     GROUP BY n.notice_id, n.state
    HAVING count(m.message_id) <> CASE n.state WHEN 'closed' THEN 2 ELSE 0 END
    UNION ALL
    SELECT 'inbox', topic FROM (SELECT topic, sum(applied) AS applied FROM partition_offset GROUP BY topic) AS o
     WHERE applied <> (SELECT count(*) FROM inbox WHERE topic = o.topic)
"""


async def start(dsn: str, smtp: str = "", **settings: Any) -> Notification:
    """Migrate the schema and serve it. Windows of ten minutes; nothing waits longer than a test asks."""
    chosen = NotificationSettings(smtp=smtp, **{"quiet_seconds": 0, "smtp_timeout_seconds": 5, **settings})
    service = notification(chosen)
    process = Settings(
        kafka="unused",
        database=dsn,
        environment="test",
        operator_token=TOKEN,
        http_port=1,
    )
    pool = await connect_pool(process)
    async with pool.acquire() as connection:
        await migrate(connection, [MIGRATIONS, service.migrations])
    running = Running(process, pool, ProgramBook())

    async def ready() -> str | None:
        return None

    app = build_app("tests", [dead_letter_routes("notification", running), *service.routers(running)], ready)
    http = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://notification",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )
    return Notification(running, service, http)


async def stop(notification: Notification) -> None:
    await notification.http.aclose()
    await notification.running.pool.close()


def raw(offset: int, key: bytes | None, value: bytes | None, topic: str = CONTACTS) -> Delivered:
    """A record as it came, decoded as far as it can be."""
    now = long_ago()
    event, rejection = None, None
    try:
        event = decode(topic, key, value, STRUCTURED_HEADERS)
    except Rejected as rejected:
        rejection = rejected
    return Delivered(topic, 0, offset, key, value, STRUCTURED_HEADERS, now, now, 1, event, rejection)


def _key(member: str) -> bytes:
    return member_key(PROGRAM, member).encode()


def as_delivered(told: Told, offset: int, recorded: datetime) -> Delivered:
    event_id, source, time, data = told
    member = data.invitee_id if isinstance(data, ReferralAccepted) else data.member_id  # type: ignore[attr-defined]
    value = encode(event_id, source, data.TYPE, member, time, member_key(PROGRAM, member), data)
    delivered = raw(offset, _key(member), value, data.TOPIC)
    return replace(delivered, recorded=recorded, arrival=datetime.now(UTC))
