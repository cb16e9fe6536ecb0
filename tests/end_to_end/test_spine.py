"""The spine on real Kafka and PostgreSQL: what a POS sends, and what the member then has."""

import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio
from aiokafka import AIOKafkaProducer

from services.operator.audit import run_audit
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.purchase_completed import Tender
from shared.events.purchase_delivered import PurchaseDelivered
from shared.runtime.partitioner import partition_of
from tests.infrastructure.services import Services, eventually, producer
from tests.infrastructure.till import MERCHANT, PROGRAM, Till, purchase, refund


@pytest_asyncio.fixture(loop_scope="session")
async def till(spine: Services, unique: str) -> AsyncIterator[Till]:
    async with producer(spine.kafka) as sender:
        yield Till(sender, unique)


async def decisions(spine: Services) -> list[tuple[str, str, str | None]]:
    async with spine.connection("greenpoints_audit") as audit:
        rows = await audit.fetch("SELECT event_id, outcome, code FROM earning.audit_decision ORDER BY event_id")
    return [(row["event_id"], row["outcome"], row["code"]) for row in rows]


async def until_decided(spine: Services, count: int) -> list[tuple[str, str, str | None]]:
    """Wait until that many events are decided and everything told is in redemption's books."""

    async def drained() -> bool:
        async with spine.connection("greenpoints_audit") as audit:
            return bool(
                await audit.fetchval(
                    """
                    SELECT (SELECT count(*) FROM earning.audit_decision) >= $1
                       AND (SELECT count(*) FROM earning.audit_outbox) = 0
                       AND (SELECT coalesce(sum(points), 0) FROM earning.audit_grant)
                         = (SELECT coalesce(sum(points), 0) FROM redemption.audit_lot)
                       AND (SELECT count(*) FROM earning.audit_claw_back)
                         = (SELECT count(*) FROM redemption.audit_claw_back)
                    """,
                    count,
                )
            )

    await eventually(f"{count} decisions", drained)
    return await decisions(spine)


async def balance(spine: Services, member_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = await spine.get("redemption", f"/v1/programs/{PROGRAM}/members/{member_id}/balance")
    return answer


async def redeem(spine: Services, member_id: str, points: int, key: str) -> int:
    async with spine.operator("redemption") as client:
        answer = await client.post(
            f"/v1/programs/{PROGRAM}/members/{member_id}/redemptions",
            json={"points": points, "reason": "fruit box"},
            headers={"Idempotency-Key": key},
        )
        return answer.status_code


async def test_the_golden_path(spine: Services, till: Till) -> None:
    """128.00 yuan, a refund of a 28.00 line, matured 100, all spent (events.md)."""
    await till.register("ann")
    await till.send("buy", purchase("r1", "ann", 10_000, 2_800), ago=8)
    await till.send("back", refund("f1", "r1", "ann", ("2", 2_800)), ago=7)
    assert await until_decided(spine, 3) == [
        ("back", "clawed_back", None),
        ("buy", "granted", None),
        ("reg-ann", "registered", None),
    ]
    state = await balance(spine, "ann")
    assert (state["available"], state["pending"], state["clawed_back"], state["deficit"]) == (100, 0, 28, 0)
    assert await redeem(spine, "ann", 100, "k1") == 201
    assert await redeem(spine, "ann", 100, "k1") in (200, 201), "the same key is answered alike"
    assert await redeem(spine, "ann", 1, "k2") == 409
    state = await balance(spine, "ann")
    assert (state["available"], state["redeemed"], state["lifetime"]) == (0, 100, 100)


async def test_points_wait_for_the_return_window(spine: Services, till: Till) -> None:
    await till.register("bea")
    await till.send("new", purchase("r1", "bea", 5_000), ago=0)
    await till.send("old", purchase("r2", "bea", 7_000), ago=10)
    await until_decided(spine, 3)
    state = await balance(spine, "bea")
    assert (state["pending"], state["available"]) == (50, 70)
    assert await redeem(spine, "bea", 71, "k") == 409


async def test_an_event_before_its_registration_waits_for_it(spine: Services, till: Till) -> None:
    await till.send("early", purchase("r1", "cyd", 9_900), ago=9)

    async def waits() -> bool:
        async with spine.connection("greenpoints_audit") as audit:
            return bool(await audit.fetchval("SELECT count(*) FROM earning.audit_waiting"))

    await eventually("waiting event", waits)
    assert await decisions(spine) == []
    await till.send("early", purchase("r1", "cyd", 9_900), ago=9)  # repeated meanwhile
    await till.register("cyd")
    assert await until_decided(spine, 2) == [("early", "granted", None), ("reg-cyd", "registered", None)]
    assert (await balance(spine, "cyd"))["available"] == 99
    assert not await waits()


async def test_a_refund_before_its_purchase_is_settled_when_it_arrives(spine: Services, till: Till) -> None:
    await till.register("dan")
    await till.send("back", refund("f1", "r1", "dan", ("1", 3_000)), ago=8)
    await till.send("buy", purchase("r1", "dan", 3_000, 4_000), ago=9)
    assert await until_decided(spine, 3) == [
        ("back", "open_claim", "REFUND_WITHOUT_PURCHASE"),
        ("buy", "granted", None),
        ("reg-dan", "registered", None),
    ]
    state = await balance(spine, "dan")
    assert (state["available"], state["clawed_back"]) == (40, 30)
    async with spine.connection("greenpoints_audit") as audit:
        assert await audit.fetchval("SELECT count(*) FROM earning.audit_open_claim WHERE state = 'open'") == 0


async def test_a_refund_without_member_finds_the_receipts_member_in_another_partition(
    spine: Services, till: Till
) -> None:
    await till.register("eve")
    await till.send("buy", purchase("r1", "eve", 1_000, 1_000, 1_000, 1_000), ago=9)
    await until_decided(spine, 2)
    for place in range(1, 5):  # whatever partition such keys fall into
        await till.send(
            f"back{place}", refund(f"f{place}", "r1", None, (str(place), 1_000)), ago=8, key=f"elsewhere-{place}"
        )

    async def taken() -> bool:
        return bool((await balance(spine, "eve"))["clawed_back"] == 40)

    await until_decided(spine, 6)
    await eventually("claw-back of every line", taken)


async def test_an_event_under_a_wrong_key_is_forwarded_and_applied_once(spine: Services, till: Till) -> None:
    await till.register("fay")
    for key in ("fruit-shop/someone", "fruit-shop/else", "fruit-shop/entirely"):
        await till.send("buy", purchase("r1", "fay", 6_000), ago=9, key=key)
    assert await until_decided(spine, 2) == [("buy", "granted", None), ("reg-fay", "registered", None)]
    assert (await balance(spine, "fay"))["available"] == 60


async def test_a_right_key_in_a_wrong_partition_is_forwarded(spine: Services, till: Till) -> None:
    """What librdkafka's default partitioner does: two writers of one member must not come of it."""
    await till.register("lea")
    data, key = purchase("r1", "lea", 6_000), member_key(PROGRAM, "lea")
    value = encode("buy", "/pos/tests/t1", data.TYPE, "lea", till.now - timedelta(days=9), key, data)
    elsewhere = (partition_of(key.encode(), 8) + 1) % 8
    await till.producer.send_and_wait(
        data.TOPIC, value, key=key.encode(), partition=elsewhere, headers=list(STRUCTURED_HEADERS)
    )
    assert await until_decided(spine, 2) == [("buy", "granted", None), ("reg-lea", "registered", None)]
    async with spine.connection("greenpoints_audit") as audit:
        fates = await audit.fetchrow(
            "SELECT forwarded, applied FROM earning.audit_offset WHERE topic = $1 AND partition = $2",
            data.TOPIC,
            elsewhere,
        )
    assert fates is not None and (fates["forwarded"], fates["applied"]) == (1, 0)
    assert (await balance(spine, "lea"))["available"] == 60


async def test_one_receipt_earns_once_whatever_id_it_comes_under(spine: Services, till: Till) -> None:
    await till.register("gus")
    await till.send("one", purchase("r1", "gus", 6_000), ago=9)
    await till.send("two", purchase("r1", "gus", 6_000), ago=9)
    assert ("two", "declined", "DUPLICATE_EARN") in await until_decided(spine, 3)
    assert (await balance(spine, "gus"))["available"] == 60


async def test_what_earns_nothing_says_why(spine: Services, till: Till) -> None:
    await till.register("hal")
    await till.register("ivy", listed=True)
    points_paid = (Tender(kind="points", amount_minor=4_000), Tender(kind="cash", amount_minor=6_000))
    await till.send("anonymous", purchase("r1", None, 5_000), ago=9)
    await till.send("listed", purchase("r2", "ivy", 5_000), ago=9)
    await till.send("loop", purchase("r3", "hal", 10_000, tenders=points_paid), ago=9)
    await till.send("tiny", purchase("r4", "hal", 99), ago=9)
    await till.send("ancient", purchase("r5", "hal", 5_000), ago=200)
    await till.send("over", refund("f1", "r3", "hal", ("1", 10_000), quantity=2), ago=8)
    await until_decided(spine, 8)
    await till.send("other", refund("f2", "r3", "ivy", ("1", 100)), ago=8)
    assert await until_decided(spine, 9) == [
        ("ancient", "declined", "EVENT_TOO_OLD"),
        ("anonymous", "declined", "ISSUE_TO_UNSPECIFIED"),
        ("listed", "declined", "LISTED_PARTY"),
        ("loop", "granted", None),
        ("other", "declined", "REFUND_MEMBER_MISMATCH"),
        ("over", "clawed_back", "OVER_REFUND"),
        ("reg-hal", "registered", None),
        ("reg-ivy", "registered", None),
        ("tiny", "declined", "NO_QUALIFYING_TRANSACTION"),
    ]
    explained = await spine.get("earning", f"/v1/programs/{PROGRAM}/merchants/{MERCHANT}/receipts/r3/explanation")
    assert explained["granted"] == explained["explanation"]["totals"]["points"] == 60


async def test_an_online_order_waits_for_its_delivery(spine: Services, till: Till) -> None:

    await till.register("jon")
    await till.send("buy", purchase("r1", "jon", 6_000, channel="online"), ago=20)
    await until_decided(spine, 2)
    assert (await balance(spine, "jon"))["pending"] == 60
    delivered = PurchaseDelivered(
        program_id=PROGRAM, merchant_id=MERCHANT, receipt_id="r1", member_id="jon",
        delivered_at=till.now - timedelta(days=8),
    )  # fmt: skip
    await till.send("there", delivered, ago=8)
    await until_decided(spine, 3)

    async def available() -> bool:
        return bool((await balance(spine, "jon"))["available"] == 60)

    await eventually("available points after the delivery", available)


async def test_an_aborted_transaction_of_a_till_earns_nothing(spine: Services, till: Till) -> None:
    await till.register("kim")
    transactional = AIOKafkaProducer(bootstrap_servers=spine.kafka, transactional_id=f"till-{till.unique}")
    await transactional.start()
    try:
        own = Till(transactional, till.unique)
        with contextlib.suppress(RuntimeError):
            async with transactional.transaction():
                await own.send("taken back", purchase("r1", "kim", 9_000), ago=9)
                raise RuntimeError("the till changes its mind")
        async with transactional.transaction():
            await own.send("meant", purchase("r2", "kim", 5_000), ago=9)
    finally:
        await transactional.stop()
    await till.send("last", purchase("r3", "kim", 1_000), ago=9)
    assert await until_decided(spine, 3) == [
        ("last", "granted", None),
        ("meant", "granted", None),
        ("reg-kim", "registered", None),
    ]
    verdict = await run_audit(spine.database.dsns["greenpoints_audit"], spine.kafka)
    assert verdict.clean, verdict.text()
