"""Referrals against real books: invitee and inviter in two partitions, each fact loaded from where it was left."""

from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import permutations

import pytest
import pytest_asyncio

from shared.events.keys import member_key
from shared.events.referral_accepted import ReferralAccepted
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, program, record, registration, returned, started
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning_handlers.deeds import INVITEE, INVITER

DAY = timedelta(days=1)
EFFECTS = "earning.effects.v1"
INVITEES, INVITERS = 0, 1  # their partitions


def accepted(event_id: str, invitee_id: str, inviter_id: str) -> Delivered:
    data = ReferralAccepted(program_id=PROGRAM, inviter_id=inviter_id, invitee_id=invitee_id)
    return record(event_id, data, ago=3 * DAY)


@pytest_asyncio.fixture(loop_scope="session")
async def community(database: Database) -> AsyncIterator[Earning]:
    async with started(database.dsns["earning"], program(rules=(ONE_PER_YUAN, INVITER, INVITEE))) as books:
        yield books


async def deliver(earning: Earning) -> None:
    """Bring what earning told itself until nothing is left: the inviters' to their partition, the rest to the other."""
    while rows := await earning.outbox(EFFECTS):
        ids = [row["id"] for row in rows]
        await earning.running.pool.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", ids)
        for row in rows:
            inviters = row["aggregateid"].startswith(member_key(PROGRAM, "bob").encode())
            await earning.post(returned(row, NOW), partition=INVITERS if inviters else INVITEES)


async def decided(earning: Earning, event_type: str) -> list[tuple[str, str | None]]:
    rows = await earning.running.pool.fetch(
        "SELECT outcome, code FROM decision WHERE event_type = $1", f"greenpoints.{event_type}.v1"
    )
    return [(row["outcome"], row["code"]) for row in rows]


LINK = accepted("link", "carol", "bob")
ORDER = record("buy", purchase("r1", "carol", 6_000, 2_000), ago=2 * DAY)
BACK = record("back", refund("f1", "r1", "carol", ("1", 6_000), ("2", 2_000)), ago=DAY)
BACK_UNNAMED = record(
    "back", refund("f1", "r1", None, ("1", 6_000), ("2", 2_000)), ago=DAY, key=member_key(PROGRAM, "carol")
)


@pytest.mark.parametrize("back", [BACK, BACK_UNNAMED, None], ids=["refunded", "refunded without member", "kept"])
@pytest.mark.parametrize("first", [0, 1, 2], ids=["link first", "order first", "refund first"])
async def test_rewards_come_and_go_with_the_first_order(community: Earning, back: Delivered | None, first: int) -> None:
    events = [event for event in (LINK, ORDER, back) if event is not None]
    order = [*events[first % len(events) :], *events[: first % len(events)]]
    await community.register("carol")
    await community.register("bob", partition=INVITERS)
    for event in order:
        await community.post(event, event)
        await deliver(community)
    for event in order:
        await community.post(event)
    await community.post(record("later", purchase("r2", "carol", 1_000), ago=DAY / 2))
    await deliver(community)
    kept = back is None
    found = await community.balances()
    assert (found["carol"], found.get("bob", 0)) == ((80 + 50 + 10, 100) if kept else (10, 0))
    await community.assert_books_hold()


async def test_every_order_of_registrations_link_and_order_pays_both_once(community: Earning) -> None:
    """A couple for each order of its four events."""
    orders = list(permutations(("invitee", "inviter", "link", "order")))
    for number, names in enumerate(orders):
        carol, bob = f"carol{number}", f"bob{number}"
        events = {
            "invitee": (registration(carol), INVITEES),
            "inviter": (registration(bob), INVITERS),
            "link": (accepted(f"link{number}", carol, bob), INVITEES),
            "order": (record(f"buy{number}", purchase(f"r{number}", carol, 6_000), ago=2 * DAY), INVITEES),
        }
        for name in names:
            event, partition = events[name]
            await community.post(event, event, partition=partition)
            await deliver(community)
    found = await community.balances()
    assert found == {f"carol{number}": 60 + 50 for number in range(len(orders))} | {
        f"bob{number}": 100 for number in range(len(orders))
    }
    await community.assert_books_hold()


async def test_a_reversal_that_overtakes_its_qualification_leaves_nothing_to_pay(community: Earning) -> None:
    """Bob is not registered when both are told; the qualification waits, the reversal does not."""
    await community.register("carol")
    await community.post(LINK)
    await community.post(ORDER)
    await community.post(BACK)
    await deliver(community)
    assert await community.running.pool.fetchval("SELECT outcome FROM referral_reward") == "reversed"
    await community.register("bob", partition=INVITERS)
    await deliver(community)
    assert await community.balances() == {"carol": 0}
    assert await decided(community, "referral.qualified") == [("declined", "NO_QUALIFYING_TRANSACTION")]
    await community.assert_books_hold()


async def test_an_inviter_nobody_registers_is_declined_after_the_grace(community: Earning) -> None:
    await community.register("carol")
    await community.post(LINK)
    await community.post(ORDER)
    (told,) = await community.outbox(EFFECTS)
    await community.running.pool.execute("DELETE FROM outbox WHERE id = $1", told["id"])
    await community.post(returned(told, NOW), partition=INVITERS)
    (waiting,) = await community.running.pool.fetch("SELECT arrival, headers FROM waiting_event")
    assert waiting["arrival"] == NOW
    await community.running.pool.execute("UPDATE waiting_event SET sent_on = true")
    again = returned({**dict(told), "headers": waiting["headers"]}, NOW + timedelta(hours=25))
    await community.post(again, partition=INVITERS)
    assert await decided(community, "referral.qualified") == [("declined", "ISSUE_TO_UNSPECIFIED")]
    assert await community.balances() == {"carol": 80 + 50}
    await community.assert_books_hold()


async def test_nobody_else_may_say_that_a_referral_qualified(community: Earning) -> None:
    """A forged event is a dead letter: only earning's own source counts."""
    await community.register("carol")
    await community.post(LINK)
    await community.post(ORDER)
    (told,) = await community.outbox(EFFECTS)
    await community.register("bob", partition=INVITERS)
    forged = returned({**dict(told), "payload": told["payload"].replace(b'"/earning"', b'"/pos/me"')}, NOW)
    await community.post(forged, partition=INVITERS)
    assert await community.running.pool.fetchval("SELECT code FROM dead_letter") == "NOT_AUTHORITATIVE"
    assert await community.balances() == {"carol": 80 + 50}


async def test_a_profile_brought_up_to_date_keeps_the_first_order_and_the_referral(community: Earning) -> None:
    await community.register("carol")
    await community.post(LINK)
    await community.post(ORDER)
    again = record("again", registration("carol").required_event.data, ago=DAY)
    await community.post(again)
    await community.post(accepted("other", "carol", "dan"))
    assert ("other", "declined", "DUPLICATE_EARN") in await community.outcomes()
    row = await community.running.pool.fetchrow("SELECT first_order, referral_key FROM member")
    assert row is not None and None not in tuple(row)
