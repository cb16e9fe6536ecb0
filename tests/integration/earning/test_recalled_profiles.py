"""Members of before birthdays: their profile read again sets the timer, and pays nothing that the rules do not owe."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest_asyncio

from services.earning.app import SERVICE
from services.earning.store.birthdays import tell_birthdays
from services.earning.store.recall_profiles import recall_profiles
from shared.runtime.batch import Delivered
from tests.infrastructure.fixtures import Database
from tests.integration.earning.harness import NOW, Earning, started
from tests.integration.earning.test_closed import closed
from tests.integration.earning.test_occasions import DAY, EFFECTS, TODAY, joined, occasions, updated

MIGRATION = Path(SERVICE.migrations) / "0014_profiles_read_again.sql"
# What an earlier release left of the same events.
OF_BEFORE = """
UPDATE member SET birth_month_day = NULL, organisation_id = NULL, segments = NULL;
DELETE FROM birthday_timer;
"""


@pytest_asyncio.fixture(loop_scope="session")
async def shop(database: Database) -> AsyncIterator[Earning]:
    async with occasions(database.dsns["earning"]) as books:
        yield books


def day(days: int) -> str:
    return f"{TODAY + timedelta(days=days):%m-%d}"


async def forget(shop: Earning) -> None:
    await shop.running.pool.execute(OF_BEFORE)


async def recall(shop: Earning, *records: Delivered) -> None:
    """Given in the order in which they came; read again, the last is first."""
    async with shop.running.pool.acquire() as connection, connection.transaction():
        await recall_profiles(connection, shop.running, list(reversed(records)))


async def known(shop: Earning, member_id: str = "ann") -> tuple[object, ...]:
    row = await shop.running.pool.fetchrow(
        "SELECT m.birth_month_day, organisation_id, segments, t.birth_month_day AS timed, due_at, told"
        "  FROM member AS m LEFT JOIN birthday_timer AS t USING (program_id, member_id) WHERE member_id = $1",
        member_id,
    )
    assert row is not None
    return tuple(row.values())


async def told_now(shop: Earning, *, after: int = 0) -> dict[str, int]:
    """What members have once the timers have gone off, read at their own time."""
    await tell_birthdays(shop.running)
    await shop.redeliver(EFFECTS, recorded=NOW + after * DAY)
    return await shop.balances()


async def test_the_profile_is_as_if_it_had_been_heard_and_joining_is_not_paid_again(shop: Earning) -> None:
    profile: dict[str, Any] = {"birth_month_day": day(20), "organisation_id": "school", "segments": ("kids", "art")}
    records = [joined("reg", **profile), updated("later", **profile)]
    await shop.post(*records)
    whole, outbox = await known(shop), await shop.running.pool.fetch("SELECT * FROM outbox")
    await forget(shop)
    for _ in range(2):
        await recall(shop, *records)
        assert await known(shop) == whole
    assert await shop.running.pool.fetch("SELECT * FROM outbox") == outbox
    assert await told_now(shop) == {"ann": 30}
    await shop.assert_books_hold()


async def test_the_birthday_comes_once_when_it_begins(database: Database) -> None:
    async with occasions(database.dsns["earning"]) as shop:
        record = joined("reg", birth_month_day=day(20))
        await shop.post(record)
        await forget(shop)
        await recall(shop, record)
    async with occasions(database.dsns["earning"], shift=21 * DAY) as shop:
        for _ in range(2):
            assert await told_now(shop, after=21) == {"ann": 96}
            await recall(shop, record)
        await shop.assert_books_hold()


async def test_one_that_passed_unseen_is_owed_while_an_event_of_that_day_would_be(shop: Earning) -> None:
    """Told late, as for a profile that comes late: up to the program's greatest age, by the version of that day."""
    records = [
        joined("reg-new", "ann", days=170, birth_month_day=day(-150)),
        joined("reg-old", "bea", days=500, birth_month_day=day(-185)),
        joined("reg-young", "cai", days=60, birth_month_day=day(-61)),
    ]
    await shop.post(*records)
    before = await shop.balances()
    await forget(shop)
    await recall(shop, *records)
    after = await told_now(shop)
    assert {member: points - before.get(member, 0) for member, points in after.items()} == {"ann": 66, "cai": 0}
    declined = await shop.running.pool.fetchval("SELECT count(*) FROM decision WHERE code = 'EVENT_TOO_OLD'")
    assert declined == 1, "the registration of 500 days ago, and no birthday of then"


async def test_the_last_words_count_in_whatever_steps_they_come(shop: Earning) -> None:
    records = [
        joined("reg-a", "ann", birth_month_day=day(-50)), joined("reg-b", "bea", birth_month_day=day(-50)),
        updated("new-a", "ann", birth_month_day=day(30)), updated("none-b", "bea"),
    ]  # fmt: skip
    await shop.post(*records)
    for step in (1, 2, 4):
        await forget(shop)
        for start in reversed(range(0, 4, step)):
            await recall(shop, *records[start : start + step])
            assert await told_now(shop) == {"ann": 30, "bea": 30}, "no older birthday goes off in between"
        assert (await known(shop))[0::3] == (day(30), await _due(shop))
        assert (await known(shop, "bea"))[0] is None


async def _due(shop: Earning) -> str:
    """The timer's own day."""
    day_: str = await shop.running.pool.fetchval("SELECT birth_month_day FROM birthday_timer WHERE member_id = 'ann'")
    return day_


async def test_a_timer_that_is_there_stays(shop: Earning) -> None:
    """Its member was heard since, and had the birthday of the year."""
    old, new = joined("reg", birth_month_day=day(30)), updated("moved", days=55, birth_month_day=day(-50))
    await shop.post(old, new)
    assert await told_now(shop) == {"ann": 96}
    stands = await known(shop)
    await recall(shop, old, new)
    assert await known(shop) == stands
    assert await told_now(shop) == {"ann": 96}


async def test_what_was_declined_and_who_is_closed_teach_nothing(shop: Earning) -> None:
    reg = joined("reg", birth_month_day=day(30))
    late = updated("late", days=2, birth_month_day=day(-10))
    await shop.post(reg)
    await shop.post(closed(5))
    await shop.post(late)
    await forget(shop)
    await recall(shop, reg, late)
    assert (await known(shop))[0::3] == (None, None)
    await shop.running.pool.execute("UPDATE member SET closed_at = NULL")
    await recall(shop, reg, late)
    assert (await known(shop))[0] == day(30), "the update after the closing was no word"


async def test_the_migration_marks_what_was_read_and_an_empty_schema_has_nothing_to_read(database: Database) -> None:
    async with started(database.dsns["earning"]) as empty:
        assert await empty.running.pool.fetchval("SELECT count(*) FROM read_again") == 0
        await empty.post(joined("reg", birth_month_day=day(30)))
        await empty.running.pool.execute(MIGRATION.read_text())
        row = await empty.running.pool.fetchrow("SELECT * FROM read_again")
        assert tuple(row or ()) == ("members.profiles.v1", 0, None)
