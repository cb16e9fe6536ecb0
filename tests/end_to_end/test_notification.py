"""Notification as processes on Kafka: what members get while processes die, the mail server goes, contacts go."""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from deploy.local.stack import Stack
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from tests.infrastructure.fixtures import Database
from tests.infrastructure.mail_server import MailServer, running_mail_server
from tests.infrastructure.services import Services, eventually, producer, running_services
from tests.integration.notification import harness
from tests.integration.notification.harness import PROGRAM, Told

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CONTACTS = "members.contacts.v1"
_SETTLED = """
    SELECT count(*) = 0 FROM (
        SELECT FROM notice WHERE state = 'gathering'
        UNION ALL
        SELECT FROM message WHERE state IN ('queued', 'sending')
        UNION ALL
        SELECT FROM outbox) AS open
"""


@dataclass(slots=True)
class Town:
    """Members who get mail; `names` are this test's own."""

    services: Services
    mail: MailServer
    kafka: str
    sender: AIOKafkaProducer
    unique: str = field(default_factory=lambda: uuid.uuid4().hex[:8])
    environment: dict[str, str] = field(default_factory=dict)

    def names(self, number: int) -> list[str]:
        return [f"{self.unique}-{place}" for place in range(number)]

    async def publish(self, *told: Told, times: int = 1) -> None:
        sending = []
        for event_id, source, time, data in [each for each in told for _ in range(times)]:
            member = _member(data)
            key = member_key(PROGRAM, member)
            value = encode(event_id, source, data.TYPE, member, time, key, data)
            sending.append(
                await self.sender.send(data.TOPIC, value, key=key.encode(), headers=list(STRUCTURED_HEADERS))
            )
        await asyncio.gather(*sending)

    async def erase(self, member: str) -> None:
        await self.sender.send_and_wait(_CONTACTS, None, key=member_key(PROGRAM, member).encode())

    async def start(self, name: str = "notification", ordinal: int = 0, **environment: str) -> None:
        await self.services.start(
            "notification", name=name, ordinal=ordinal, environment={**self.environment, **environment}
        )

    async def until_settled(self, causes: int, what: str = "end of the messages") -> None:
        """Every cause read, every message settled, every outcome published."""

        async def settled() -> bool:
            async with self.services.connection("notification") as connection:
                read = await connection.fetchval("SELECT count(*) FROM notice_cause")
                return read >= causes and bool(await connection.fetchval(_SETTLED))

        await eventually(what, settled, seconds=90)

    async def emails(self) -> dict[str, str]:
        """Member → what became of the e-mail."""
        async with self.services.connection("notification") as connection:
            rows = await connection.fetch("SELECT member_id, state FROM message WHERE channel = 'email'")
            assert len({row["member_id"] for row in rows}) == len(rows)
            return {row["member_id"]: row["state"] for row in rows}


def _member(data: EventData) -> str:
    return str(getattr(data, "member_id", None) or getattr(data, "invitee_id"))  # noqa: B009


def people(names: list[str]) -> list[Told]:
    """Each registered, with an address."""
    return [told for name in names for told in (harness.registered(name), harness.contact(name))]


@asynccontextmanager
async def _town(kafka: str, database: Database, home: Path) -> AsyncIterator[Town]:
    async with (
        running_mail_server() as mail,
        running_services(kafka, database, home) as services,
        producer(kafka) as sender,
    ):
        environment = {
            "GREENPOINTS_SMTP": mail.address,
            "GREENPOINTS_DIGEST_SECONDS": "1",
            "GREENPOINTS_NOTICE_SECONDS": "0",
            "GREENPOINTS_QUIET_SECONDS": "1",
            "GREENPOINTS_SMTP_LEASE_SECONDS": "7",
            "GREENPOINTS_SMTP_TIMEOUT_SECONDS": "3",
        }
        yield Town(services, mail, kafka, sender, environment=environment)


async def test_one_message_per_cause_and_channel_under_duplicates(
    fresh_topics: str, database: Database, stack: Stack
) -> None:
    async with _town(fresh_topics, database, stack.state_dir) as town:
        names = town.names(30)
        await town.start()
        await town.publish(*people(names), times=2)
        grants = [harness.grant(f"g-{name}", 10, name) for name in names]
        repeated = grants * 3
        repeated.sort(key=lambda told: hashlib.sha256(told[0].encode()).digest())  # in no order, always the same
        await town.publish(*repeated)
        await town.until_settled(len(names))
        assert sorted(mail.recipients[0] for mail in town.mail.mails) == sorted(f"{n}@example.test" for n in names)
        assert set((await town.emails()).values()) == {"sent"}


@pytest.mark.parametrize(
    ("point", "ends"),
    [
        # claimed only: nothing was handed over, the next process does it
        pytest.param("email_claimed", {"sent": 3}, id="claimed"),
        # between the mark and DATA, and between the server's 250 and our commit: nobody can know any more
        pytest.param("email_marked", {"sent": 2, "unknown": 1}, id="marked"),
        pytest.param("email_accepted_not_saved", {"sent": 2, "unknown": 1}, id="accepted"),
        # the batch's own points: its messages come of what was committed
        pytest.param("statement_sent", {"sent": 3}, id="statement sent"),
        pytest.param("committed_reply_unread", {"sent": 3}, id="committed"),
    ],
)
async def test_a_process_killed_anywhere_sends_nothing_twice(
    fresh_topics: str, database: Database, stack: Stack, point: str, ends: dict[str, int]
) -> None:
    async with _town(fresh_topics, database, stack.state_dir) as town:
        names = town.names(3)
        await town.start(GREENPOINTS_CRASH_AT=point, GREENPOINTS_SMTP_CONNECTIONS="1", GREENPOINTS_DIGEST_SECONDS="2")
        await town.publish(*people(names))
        await town.publish(*(harness.grant(f"g-{name}", 10, name) for name in names))
        dying = town.services.running.pop("notification")
        await dying.wait(60)
        assert f"crash point {point}" in town.services.log("notification")
        await town.start(GREENPOINTS_SMTP_CONNECTIONS="1")
        await town.until_settled(len(names))
        states = list((await town.emails()).values())
        assert {state: states.count(state) for state in set(states)} == ends
        received = [mail.recipients[0] for mail in town.mail.mails]
        assert len(set(received)) == len(received)  # never two
        taken_on = ends["sent"] + (point == "email_accepted_not_saved")
        assert len(received) == taken_on


async def test_two_processes_and_kills_between_them(fresh_topics: str, database: Database, stack: Stack) -> None:
    """Whoever dies, each member gets one e-mail at most, and all but those caught in the hand-over get one."""
    async with _town(fresh_topics, database, stack.state_dir) as town:
        names = town.names(120)
        await asyncio.gather(town.start("one", 0), town.start("two", 1))
        await town.publish(*people(names))
        kills = 0
        for batch in range(4):
            await town.publish(*(harness.grant(f"g-{name}", 10, name) for name in names[batch * 30 : batch * 30 + 30]))
            await asyncio.sleep(1.5)
            name = "one" if batch % 2 else "two"
            await town.services.kill(name)
            kills += 1
            await town.start(name, 0 if name == "one" else 1)
        await town.until_settled(len(names))
        received = [mail.recipients[0] for mail in town.mail.mails]
        assert len(set(received)) == len(received)
        states = await town.emails()
        assert len(states) == len(names)
        unknown = [name for name, state in states.items() if state == "unknown"]
        assert set(states.values()) <= {"sent", "unknown"}
        assert len(unknown) <= kills * 4  # those in hand on the connections of a killed process
        assert {name for name, state in states.items() if state == "sent"} <= {
            address.partition("@")[0] for address in received
        }


async def test_a_mail_server_that_was_down_gets_every_message_once(
    fresh_topics: str, database: Database, stack: Stack
) -> None:
    async with _town(fresh_topics, database, stack.state_dir) as town:
        await town.mail.stop()
        await town.start()
        names = town.names(20)
        await town.publish(*people(names))
        await town.publish(*(harness.grant(f"g-{name}", 10, name) for name in names))

        async def queued() -> bool:
            return list((await town.emails()).values()) == ["queued"] * len(names)

        await eventually("queue of e-mails", queued)
        await town.mail.start()
        await town.until_settled(len(names))
        assert sorted(mail.recipients[0] for mail in town.mail.mails) == sorted(f"{n}@example.test" for n in names)


async def test_a_stopped_process_finishes_the_message_in_hand(
    fresh_topics: str, database: Database, stack: Stack
) -> None:
    """A restart in peace leaves no outcome unknown, however slow the server."""
    async with _town(fresh_topics, database, stack.state_dir) as town:
        await town.start(GREENPOINTS_SMTP_LEASE_SECONDS="60", GREENPOINTS_SMTP_TIMEOUT_SECONDS="20")
        (name,) = town.names(1)
        town.mail.seconds_at_data = 3
        await town.publish(harness.registered(name), harness.contact(name), harness.grant("g", 10, name))

        async def at_data() -> bool:
            return town.mail.at_data > 0

        await eventually("message in hand", at_data)
        await town.services.running.pop("notification").stop(seconds=15)
        assert await town.emails() == {name: "sent"}
        assert len(town.mail.mails) == 1


async def test_an_erasure_by_a_record_without_value(fresh_topics: str, database: Database, stack: Stack) -> None:
    async with _town(fresh_topics, database, stack.state_dir) as town:
        await town.start()
        kept, erased = town.names(2)
        await town.publish(*people([kept, erased]))
        await town.sender.send_and_wait(
            _CONTACTS, b'{"email": "hidden@example.test"', key=f"{PROGRAM}/{erased}".encode()
        )
        await town.erase(erased)

        async def is_erased() -> bool:
            async with town.services.connection("notification") as connection:
                return bool(
                    await connection.fetchval(
                        "SELECT erased_at IS NOT NULL AND email IS NULL FROM contact WHERE member_id = $1", erased
                    )
                    and await connection.fetchval("SELECT bool_and(record_value IS NULL) FROM dead_letter")
                )

        await eventually("erased contact", is_erased)
        await town.publish(harness.grant("g1", 10, kept), harness.grant("g2", 10, erased))
        await town.until_settled(2)
        assert await town.emails() == {kept: "sent", erased: "suppressed"}
        # no contact data beside the contact table: not in logs, metrics, nor any topic but its own
        log = town.services.log("notification")
        metrics = (await town.services.operator("notification").get("/metrics")).text
        assert "example.test" not in log + metrics
        assert erased not in metrics
        async with town.services.connection("greenpoints_audit") as audit:
            offsets = await audit.fetch("SELECT * FROM notification.audit_offset WHERE topic = $1", _CONTACTS)
            assert sum(row["applied"] for row in offsets) == 3
            assert sum(row["dead_lettered"] for row in offsets) == 1
