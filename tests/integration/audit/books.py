"""Books to audit: filled by real services under traffic, audited on the way, then left standing still."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import asyncpg
from aiokafka import AIOKafkaProducer, TopicPartition

from services.operator.audit import Verdict, run_audit
from services.operator.audit.kafka_log import open_log
from services.operator.program import apply_shipped
from services.operator.traffic.community.place import PROGRAM_ID as COMMUNITY
from services.operator.traffic.community.simulate import simulate_community
from services.operator.traffic.publish import publish
from services.operator.traffic.simulate import Shares, simulate
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import Tender
from shared.events.purchase_delivered import PurchaseDelivered
from tests.infrastructure.services import Services, eventually, producer
from tests.infrastructure.till import MERCHANT, PROGRAM, Till, purchase, refund
from tests.integration.audit.reviews import AUDIT, decide, hold_and_review


@dataclass(slots=True)
class Books:
    """Schemas that no service writes any more, and the verdicts of the audits made before."""

    services: Services
    during_traffic: list[Verdict]
    at_rest: Verdict
    under_way_in_kafka: Verdict
    under_way_in_outbox: Verdict

    async def audit(self, programs: list[str] | None = None) -> Verdict:
        return await audit(self.services, programs)

    @asynccontextmanager
    async def superuser(self) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """One whom neither triggers nor privileges hold back."""
        connection = await asyncpg.connect(self.services.database.admin_dsn)
        try:
            await connection.execute("SET session_replication_role = replica")
            yield connection
        finally:
            await connection.close()


async def audit(services: Services, programs: list[str] | None = None) -> Verdict:
    return await run_audit(services.database.dsns[AUDIT], services.kafka, programs=programs)


async def fill(services: Services) -> Books:
    """Traffic of every kind, audited while it flows, at rest, and with events under way in Kafka and in the outbox."""
    await apply_shipped(services.kafka)
    await asyncio.gather(
        *(services.start(name) for name in ("earning", "redemption", "fraud_monitoring")),
        services.start("notification", environment={"GREENPOINTS_DIGEST_SECONDS": "1"}),
    )
    during = await _audit_while(services, asyncio.create_task(_simulated(services)))
    async with producer(services.kafka) as sender:
        till = Till(sender, "audit")
        await _spend_and_refund(services, till)
        await _pay_with_points(services, till)
        await _order_rewards(services, till)
        await _donate(services, till)
        await _correct(services, till)
        await hold_and_review(services, till)
        at_rest = await audit(services)
        await asyncio.gather(*(services.kill(name, signal.SIGTERM) for name in ("redemption", "notification")))
        await decide(services, "carl-2", "release")
        await services.kill("fraud_monitoring", signal.SIGTERM)
        await till.send("late-1", purchase("late-1", "ann", 4_000), ago=1)
        await until_drained(services, "earning")
        in_kafka = await audit(services)
        await services.kill("earning", signal.SIGTERM)
        await services.start("earning", environment={"GREENPOINTS_ROLES": "consume,serve"})
        await till.send("late-2", purchase("late-2", "ann", 5_000), ago=1)
        await till.raw("pos.purchases.v1", f"{PROGRAM}/ann".encode(), b"no event")
        await _until_in_outbox(services)
        in_outbox = await audit(services)
    await services.stop()
    return Books(services, during, at_rest, in_kafka, in_outbox)


async def until_drained(services: Services, *names: str) -> None:
    """Wait until the named services have read every record and published every row."""

    async def drained() -> bool:
        for name in names:
            async with services.connection(AUDIT) as reader, open_log(services.kafka) as log:
                waiting = await reader.fetchval(f"SELECT count(*) FROM {name}.audit_outbox")  # noqa: S608
                rows = await reader.fetch(f"SELECT topic, partition, next_offset FROM {name}.audit_offset")  # noqa: S608
                ends = await log.bounds(TopicPartition(row["topic"], row["partition"]) for row in rows)
            stand = {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}
            if waiting or any(stand[place] < end for place, (_, end) in ends.items()):
                return False
        return True

    await eventually(f"empty backlog of {names}", drained)


async def _simulated(services: Services) -> None:
    """A month of a fruit shop and of a community, sent within seconds; the gateway has no part in it."""
    shares = Shares(refunded=150, anonymous=30, duplicate=30, poison=10)
    until = datetime.now(UTC).replace(microsecond=0)
    traffic = [
        *simulate_community(seed=7, members=25, until=until),
        *simulate(seed=7, members=120, purchases=1_000, until=until, shares=shares),
    ]
    await publish(
        traffic, kafka=services.kafka, gateway="http://127.0.0.1:9", api_keys={}, http_percent=0, events_per_second=300
    )


async def _audit_while(services: Services, work: "asyncio.Task[None]") -> list[Verdict]:
    verdicts = []
    while not work.done():
        verdicts.append(await audit(services))
    await work
    return verdicts


async def _spend_and_refund(services: Services, till: Till) -> None:
    """Points spent before their refund leave a deficit, the next ones repay it; one event waits, one goes astray.

    An online order's lot gets its date when it is delivered.

    A transaction's end takes an offset without a record: a gap, known once the next record of its partition is read.
    """
    await _register_in_a_transaction(services)
    await till.register("ann")
    await till.register("bea")
    await till.send("ann-1", purchase("ann-1", "ann", 10_000, 2_800), ago=9)
    await till.send("ann-2", purchase("ann-2", "ann", 6_000), ago=8)
    await till.send("bea-1", purchase("bea-1", "bea", 9_000, 3_000), ago=9)
    await till.send("ann-3", purchase("ann-3", "ann", 3_000, channel="online"), ago=9)
    await till.send("stranger", purchase("stranger-1", "stranger", 1_000), ago=1)
    await till.send("astray", purchase("astray-1", "bea", 700), ago=1, key=f"{PROGRAM}/somebody-else")
    await _eventually_drained(services)
    await _redeem(services, "ann", 150)
    await _redeem(services, "bea", 120)
    await till.send("bea-back", refund("f1", "bea-1", "bea", ("2", 3_000)), ago=7)
    await till.send("ann-back", refund("f2", "ann-1", "ann", ("2", 2_800)), ago=7)
    await _eventually_drained(services)
    there = PurchaseDelivered(
        program_id=PROGRAM, merchant_id=MERCHANT, receipt_id="ann-3", member_id="ann",
        delivered_at=till.now - timedelta(days=3),
    )  # fmt: skip
    await till.send("ann-3-there", there, ago=3)
    await till.send("bea-2", purchase("bea-2", "bea", 2_000), ago=9)
    await _eventually_drained(services)


async def _pay_with_points(services: Services, till: Till) -> None:
    """Half a bill paid with 200 points, and then refunded: the points go back to their lot."""
    await till.register("ida")
    await till.send("ida-1", purchase("ida-1", "ida", 30_000), ago=9)
    await _eventually_drained(services)
    path = f"/v1/programs/{PROGRAM}/authorizations"
    bill = {
        "member_id": "ida", "merchant_id": MERCHANT, "currency": "CNY", "points": 200,
        "lines": [{"line_id": "1", "sku": "apple-1", "net_minor": 2_000}],
    }  # fmt: skip
    async with services.operator("redemption") as client:
        placed = await client.post(path, json=bill, headers={"Idempotency-Key": "ida-2"})
        assert placed.json()["points"] == 200, placed.text
        authorization_id = placed.json()["authorization_id"]
        captured = await client.post(f"{path}/{authorization_id}/capture", json={"receipt_id": "ida-2"})
    assert captured.status_code == 200, captured.text
    tenders = (
        Tender(kind="points", amount_minor=1_000, authorization_id=authorization_id),
        Tender(kind="cash", amount_minor=1_000),
    )
    await till.send("ida-2", purchase("ida-2", "ida", 2_000, tenders=tenders), ago=8)
    await till.send("ida-back", refund("f3", "ida-2", "ida", ("1", 2_000)), ago=7)
    await _eventually_drained(services)


async def _order_rewards(services: Services, till: Till) -> None:
    """A fruit box, of which there are so many a day, and a voucher, together for 1,500 points."""
    await till.register("fay")
    await till.send("fay-1", purchase("fay-1", "fay", 160_000), ago=9)
    await _eventually_drained(services)
    lines = [{"reward_id": reward_id, "quantity": 1} for reward_id in ("fruit-box-25", "voucher-50")]
    async with services.operator("redemption") as client:
        answer = await client.post(
            f"/v1/programs/{PROGRAM}/members/fay/orders", json={"lines": lines}, headers={"Idempotency-Key": "fay-2"}
        )
    assert answer.status_code == 201, answer.text


async def _donate(services: Services, till: Till) -> None:
    """Books for a school for 400 points, given: 20.00 are owed to the recipient."""
    registered = MemberRegistered(
        program_id=COMMUNITY, member_id="gil", registered_at=till.now - timedelta(days=60), phone_verified=True
    )
    await till.send("reg-gil", registered, ago=60)
    bought = purchase("gil-1", "gil", 50_000, program_id=COMMUNITY)
    second_hand = tuple(line.model_copy(update={"condition": "second_hand"}) for line in bought.lines)
    await till.send("gil-1", bought.model_copy(update={"lines": second_hand}), ago=9)
    await _eventually_drained(services)
    lines = [{"reward_id": "school-books", "quantity": 1}]
    async with services.operator("redemption") as client:
        placed = await client.post(
            f"/v1/programs/{COMMUNITY}/members/gil/orders", json={"lines": lines}, headers={"Idempotency-Key": "gil-2"}
        )
        assert placed.status_code == 201, placed.text
        path = f"/v1/orders/{placed.json()['order_id']}/fulfilments"
        given = await client.post(path, json={}, headers={"Idempotency-Key": "gil-3"})
    assert given.status_code == 201, given.text


async def _correct(services: Services, till: Till) -> None:
    """Two operators agree that eve is owed 40 points, then that she owes 55: she has 40, and 15 are a deficit."""
    await till.register("eve")
    await until_drained(services, "earning")
    path = f"/v1/programs/{PROGRAM}/corrections"
    asked = {
        "correction_id": "eve-1", "member_id": "eve", "points": 40, "budget_id": "marketing-2026-2029",
        "reason": "the till lost a receipt", "evidence": "mail-7", "person": "mei",
    }  # fmt: skip
    async with services.operator("earning") as client:
        for where, body in (
            (path, asked),
            (f"{path}/eve-1/decisions", {"verdict": "approve", "note": "seen", "person": "jun"}),
        ):
            answer = await client.post(where, json=body)
            assert answer.is_success, answer.text
        await _eventually_drained(services)
        owed = {**asked, "correction_id": "eve-2", "points": -55, "may_leave_deficit": True}
        for where, body in (
            (path, owed),
            (f"{path}/eve-2/decisions", {"verdict": "approve", "note": "seen", "person": "jun"}),
        ):
            answer = await client.post(where, json=body)
            assert answer.is_success, answer.text
    await _eventually_drained(services)


async def _register_in_a_transaction(services: Services) -> None:
    """Done when the marker of the transaction's end is in the log as well; Kafka writes it a moment later."""
    before = await _profiles_end(services)
    sender = AIOKafkaProducer(bootstrap_servers=services.kafka, transactional_id="till-of-the-audit")
    await sender.start()
    try:
        async with sender.transaction():
            await Till(sender, "audit").register("ann", event_id="reg-ann-in-a-transaction")
    finally:
        await sender.stop()

    async def ended() -> bool:
        return await _profiles_end(services) == before + 2

    await eventually("marker of the transaction's end", ended)


async def _profiles_end(services: Services) -> int:
    async with open_log(services.kafka) as log:
        bounds = await log.bounds(TopicPartition("members.profiles.v1", number) for number in range(8))
    return sum(end for _, end in bounds.values())


async def _eventually_drained(services: Services) -> None:
    await until_drained(services, "earning", "redemption", "earning")


async def _redeem(services: Services, member_id: str, points: int) -> None:
    async with services.operator("redemption") as client:
        answer = await client.post(
            f"/v1/programs/{PROGRAM}/members/{member_id}/redemptions",
            json={"points": points, "reason": "fruit box"},
            headers={"Idempotency-Key": f"{member_id}-{points}"},
        )
    assert answer.status_code == 201, answer.text


async def _until_in_outbox(services: Services) -> None:
    async def there() -> bool:
        async with services.connection(AUDIT) as reader:
            return bool(await reader.fetchval("SELECT count(*) = 2 FROM earning.audit_outbox"))

    await eventually("grant and dead letter in the outbox that nobody relays", there)
