"""Two partitions, two owners, one receipt: whoever comes second sees the first."""

import asyncio
import random
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from services.earning.desk import key_of_receipt
from shared.events.keys import member_key
from tests.infrastructure.fixtures import Database
from tests.infrastructure.services import eventually
from tests.infrastructure.till import MERCHANT, PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, program, record, registration, returned, started

DAY = timedelta(days=1)


async def test_one_receipt_for_two_members_at_once_earns_once(earning: Earning) -> None:
    await earning.register("ann")
    await earning.register("bea", partition=1)
    for number in range(40):
        receipt = f"r{number}"
        await asyncio.gather(
            earning.post(record(f"a{number}", purchase(receipt, "ann", 6_000))),
            earning.post(record(f"b{number}", purchase(receipt, "bea", 6_000)), partition=1),
        )
    outcomes = await earning.outcomes()
    assert sorted(code or "" for _, _, code in outcomes) == [""] * 40 + ["DUPLICATE_EARN"] * 40
    assert await earning.points() == (40 * 60, 0)
    await earning.assert_books_hold()


async def test_a_batch_whose_events_cannot_be_told_decides_nothing(earning: Earning) -> None:
    """What is granted and what is told of it stand or fall together, whatever dies between them."""
    await earning.register("ann")
    sale = record("a", purchase("r1", "ann", 6_000))
    await earning.running.pool.execute("ALTER TABLE outbox ADD CONSTRAINT nothing_is_told CHECK (false) NOT VALID")
    with pytest.raises(RuntimeError, match="could be neither applied nor dead-lettered"):
        await earning.post(sale)
    assert await earning.outcomes() == []
    assert await earning.points() == (0, 0)
    await earning.running.pool.execute("ALTER TABLE outbox DROP CONSTRAINT nothing_is_told")
    await earning.post(sale)
    assert await earning.points() == (60, 0)
    await earning.assert_books_hold()


@pytest.mark.parametrize(
    ("others", "hold"),
    [
        (
            "purchases",
            "INSERT INTO receipt_line "
            "(receipt_key, line_id, position, program_id, sku, event_time, quantity, net_minor) "
            "VALUES ($1, '1', 0, $2, 'apple-1', now(), 1, 6000)",
        ),
        (
            "refunds",
            "INSERT INTO receipt (receipt_key, program_id, merchant_id, receipt_id, outcome) "
            "VALUES ($1, $2, 'm', 'r100', 'awaited')",
        ),
    ],
    ids=["purchases", "refunds"],
)
async def test_many_receipts_in_opposite_order_do_not_deadlock(earning: Earning, others: str, hold: str) -> None:
    """A deadlock would be retried, and cost a second: so nothing may be decided again but for the receipts themselves.

    A row in the middle is kept from both until both wait: unsorted, each would by then hold half of the others.
    """
    await earning.register("ann")
    await earning.register("bea", partition=1)
    numbers = range(200)
    mine = [record(f"a{number}", purchase(f"r{number}", "ann", 6_000), ago=2 * DAY) for number in numbers]
    if others == "purchases":
        yours = [record(f"b{number}", purchase(f"r{number}", "bea", 6_000)) for number in numbers]
    else:
        yours = [record(f"b{number}", refund(f"f{number}", f"r{number}", None, ("1", 6_000))) for number in numbers]
    with capture_logs() as logs:
        async with earning.running.pool.acquire() as third:
            held = third.transaction()
            await held.start()
            await third.execute(hold, key_of_receipt(PROGRAM, MERCHANT, "r100"), PROGRAM)
            posts = asyncio.gather(earning.post(*mine), earning.post(*reversed(yours), partition=1))

            async def both_wait() -> bool:
                waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'transactionid' AND NOT granted"
                return bool(await earning.running.pool.fetchval(waiting) == 2)

            await eventually("saves that wait", both_wait, seconds=20, pause=0.01)
            await held.rollback()
        await posts
    assert {told["sqlstate"] for told in logs if told["event"] == "decided again"} == {"23505"}
    await earning.redeliver("earning.effects.v1")
    assert (await earning.points())[0] - (await earning.points())[1] == (200 * 60 if others == "purchases" else 0)
    await earning.assert_books_hold()


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_purchase_and_its_refunds_on_other_partitions_settle_in_every_interleaving(
    earning: Earning, seed: int
) -> None:
    """Refunds that name no member lie under keys of their own; the purchase or the forwarded refund takes back."""
    chance = random.Random(seed)  # noqa: S311 - repeatable on purpose
    await earning.register("ann")
    for number in range(40):
        bought = record(f"buy{number}", purchase(f"r{number}", "ann", 1_000, 2_000, 3_000), ago=2 * DAY)
        backs = [
            record(
                f"back{number}-{place}", refund(f"f{number}-{place}", f"r{number}", None, (str(place), net)), ago=DAY
            )
            for place, net in ((1, 1_000), (2, 2_000))
        ]
        posts = [earning.post(bought), *(earning.post(back, partition=1 + place) for place, back in enumerate(backs))]
        chance.shuffle(posts)
        if chance.random() < 0.2:
            for post in posts:
                await post
        else:
            await asyncio.gather(*posts)
        await earning.redeliver("earning.effects.v1")
    assert await earning.running.pool.fetchval("SELECT count(*) FROM open_claim WHERE state = 'open'") == 0
    issued, taken = await earning.points()
    assert (issued, taken) == (40 * 60, 40 * 30)
    assert await earning.running.pool.fetchval("SELECT count(*) FROM receipt WHERE outcome = 'awaited'") == 0
    await earning.assert_books_hold()


async def test_a_registration_releases_what_waits_once_while_the_sweeper_runs(database: Database) -> None:
    async with started(database.dsns["earning"], program(registration_grace_hours=1)) as earning:
        sweep = earning.service.sweepers[0]
        long_ago = NOW - timedelta(hours=3)  # overdue, so that the sweeper wants it as well
        for number in range(30):
            member = f"m{number}"
            bought = [
                record(f"{member}-{place}", purchase(f"r{member}-{place}", member, 1_000), ago=DAY, arrival=long_ago)
                for place in range(3)
            ]
            await earning.post(*bought)
            assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 3
            await asyncio.gather(earning.post(registration(member)), sweep(earning.running), sweep(earning.running))
            assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event WHERE NOT sent_on") == 0
            released = await earning.outbox("earning.effects.v1")
            assert sorted(row["event_id"] for row in released) == sorted(
                each.required_event.event_key for each in bought
            )
            await earning.redeliver("earning.effects.v1")
            assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 0
        outcomes = await earning.outcomes()
        assert [outcome for _, outcome, _ in outcomes] == ["granted"] * 90
        await earning.assert_books_hold()


async def test_after_the_grace_what_waited_is_declined(database: Database) -> None:
    """Headers that a JSON reader may choke on travel along."""
    async with started(database.dsns["earning"], program(registration_grace_hours=1)) as earning:
        arrived = NOW - timedelta(hours=2)
        odd = (("span", b"\x00\x01\xff"), ("\u0000name", b"\x00"), ('quote"\\', b"\\"), ("empty", None))
        await earning.post(
            record("a", purchase("r1", "ann", 6_000), ago=DAY, arrival=arrived, headers=odd),
            record("b", purchase("r2", "bea", 6_000), ago=DAY, arrival=arrived),
        )
        await earning.service.sweepers[0](earning.running)
        rows = await earning.outbox("earning.effects.v1")
        assert len(rows) == 2
        await earning.redeliver("earning.effects.v1")
        assert [code for _, _, code in await earning.outcomes()] == ["ISSUE_TO_UNSPECIFIED"] * 2
        assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 0
        arrivals = await earning.running.pool.fetch("SELECT DISTINCT arrival FROM decision")
        assert [row["arrival"] for row in arrivals] == [arrived]


async def test_what_comes_after_a_registration_queues_behind_what_waited_for_it(database: Database) -> None:
    """Else the refund would overtake its purchase, find nothing and stay an open claim."""
    async with started(database.dsns["earning"], program()) as earning:
        await earning.post(record("buy", purchase("r1", "ann", 6_000), ago=2 * DAY))
        await earning.register("ann")
        later = refund("f1", None, "ann", ("1", 2_000))
        await earning.post(record("back", later, ago=DAY), record("back", later, ago=DAY))
        assert [event for event, _, _ in await earning.outcomes() if event == "back"] == []
        await earning.redeliver("earning.effects.v1")
        assert [(event, outcome) for event, outcome, _ in await earning.outcomes()] == [
            ("back", "clawed_back"),
            ("buy", "granted"),
        ]
        await earning.post(record("next", purchase("r2", "ann", 1_000), ago=DAY))
        assert ("next", "granted", None) in await earning.outcomes(), "the queue is empty again"
        assert await earning.points() == (70, 20)
        await earning.assert_books_hold()


async def test_a_refund_that_waited_with_its_purchase_leaves_the_queue_when_it_is_back(earning: Earning) -> None:
    """Its receipt is known by then, so that it is decided by another way than the one it went to wait by."""
    buy = record("buy", purchase("r1", "ann", 6_000), ago=2 * DAY)
    back = record("back", refund("f1", "r1", "ann", ("1", 2_000)), ago=DAY)
    await earning.post(buy, back)
    await earning.register("ann")
    released = await earning.outbox("earning.effects.v1")
    await earning.redeliver("earning.effects.v1")
    assert len(released) == 2
    assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 0
    await earning.post(back)
    assert ("back", "clawed_back", None) in await earning.outcomes()
    assert await earning.points() == (60, 20)
    await earning.assert_books_hold()


@pytest.mark.parametrize("named", ["ann", None], ids=["with its member", "without"])
async def test_a_later_refund_of_a_known_receipt_does_not_overtake_an_earlier_one(
    earning: Earning, named: str | None
) -> None:
    """The purchase is back already, the first refund is not: whoever comes now has to follow it."""
    whole = ("1", 6_000)
    await earning.post(record("buy", purchase("r1", "ann", 6_000), ago=3 * DAY))
    await earning.post(record("first", refund("f1", "r1", "ann", whole), ago=2 * DAY))
    await earning.register("ann")
    bought, first = await earning.outbox("earning.effects.v1")
    await earning.post(returned(bought, NOW))
    second = record("second", refund("f2", "r1", named, whole), ago=DAY, key=member_key(PROGRAM, "ann"))
    await earning.post(second)
    assert [event for event, _, _ in await earning.outcomes()] == ["buy"]
    await earning.post(returned(first, NOW))
    await earning.running.pool.execute("DELETE FROM outbox WHERE id <= $1", first["id"])
    await earning.redeliver("earning.effects.v1")
    assert await earning.outcomes() == [
        ("buy", "granted", None),
        ("first", "clawed_back", None),
        ("second", "declined", "OVER_REFUND"),
    ]
    assert await earning.running.pool.fetchval("SELECT count(*) FROM waiting_event") == 0
    await earning.assert_books_hold()
