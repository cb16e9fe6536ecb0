"""A closed account earns nothing afterwards, whatever arrives when; what happened before its end still counts."""

from datetime import timedelta
from typing import Any

import pytest_asyncio
from msgspec.structs import replace

from services.earning.store.birthdays import tell_birthdays
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM, purchase
from tests.integration.earning.harness import NOW, Earning, program, record, started
from tests.unit.earning.builders import ONE_PER_YUAN
from tests.unit.earning.rule_builders import rule

DAY = timedelta(days=1)


@pytest_asyncio.fixture(loop_scope="session")
async def shop(database: Database) -> Any:
    rules = (ONE_PER_YUAN, rule("cake", "birthday", points=66), rule("join", "sign_up", points=30))
    async with started(database.dsns["earning"], program(rules=rules)) as books:
        yield books


def closed(days: int, member_id: str = "ann") -> Delivered:
    """Redemption's word that the account was closed so many days ago."""
    data = MemberClosed(
        program_id=PROGRAM, member_id=member_id, causation_id="k", correlation_id="k", closed_at=NOW - days * DAY
    )
    key, topic = member_key(PROGRAM, member_id), data.TOPIC
    value = encode(f"closed-{member_id}", "/redemption", data.TYPE, member_id, NOW - days * DAY, key, data)
    event = decode(topic, key.encode(), value, STRUCTURED_HEADERS)
    return replace(record("closed", _profile(MemberUpdated), ago=days * DAY), value=value, event=event)


def _profile(kind: type[Any], **changes: Any) -> Any:
    known = {"registered_at": NOW - 60 * DAY, "phone_verified": True, **changes}
    return kind(program_id=PROGRAM, member_id="ann", **known)


async def test_what_happened_before_the_end_counts_and_what_came_after_does_not(shop: Earning) -> None:
    await shop.post(record("reg", _profile(MemberRegistered), ago=60 * DAY))
    await shop.post(closed(5))
    await shop.post(
        record("before", purchase("r-1", "ann", 10_000), ago=6 * DAY),
        record("after", purchase("r-2", "ann", 10_000), ago=4 * DAY),
    )
    assert await shop.balances() == {"ann": 130}
    assert ("after", "declined", "ISSUE_TO_UNSPECIFIED") in await shop.outcomes()
    await shop.assert_books_hold()


async def test_a_later_profile_opens_nothing_again(shop: Earning) -> None:
    await shop.post(record("reg", _profile(MemberRegistered, phone_verified=False), ago=60 * DAY))
    await shop.post(closed(5))
    await shop.post(
        record("update", _profile(MemberUpdated), ago=4 * DAY), record("again", _profile(MemberRegistered), ago=3 * DAY)
    )
    assert await shop.balances() == {}
    outcomes = await shop.outcomes()
    assert {code for _, outcome, code in outcomes if outcome == "declined"} >= {"ISSUE_TO_UNSPECIFIED"}
    assert await shop.running.pool.fetchval("SELECT closed_at FROM member") == NOW - 5 * DAY


async def test_no_birthday_comes_any_more(shop: Earning) -> None:
    await shop.post(record("reg", _profile(MemberRegistered, birth_month_day="01-01"), ago=60 * DAY))
    assert await shop.running.pool.fetchval("SELECT due_at FROM birthday_timer") is not None
    await shop.post(closed(5))
    assert await shop.running.pool.fetchval("SELECT due_at FROM birthday_timer") is None
    await tell_birthdays(shop.running)
    assert await shop.balances() == {"ann": 30}


async def test_an_unknown_member_is_not_entered_by_a_closing(shop: Earning) -> None:
    await shop.post(replace(closed(5), arrival=NOW - 3 * DAY))
    assert await shop.running.pool.fetchval("SELECT count(*) FROM member") == 0
    assert [(outcome, code) for _, outcome, code in await shop.outcomes()] == [("declined", "ISSUE_TO_UNSPECIFIED")]
