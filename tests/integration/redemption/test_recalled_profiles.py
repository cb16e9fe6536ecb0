"""Members of before redemption kept profiles: read again, the last words count, and what is known stays."""

from pathlib import Path

import pytest

from services.redemption.app import SERVICE
from services.redemption.store.members import read_profile
from services.redemption.store.recall_profiles import recall_profiles
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.runtime.batch import Delivered
from tests.integration.redemption.harness import PROGRAM, Redemption, Told, as_delivered, grant, long_ago

pytestmark = pytest.mark.asyncio(loop_scope="session")

MIGRATION = Path(SERVICE.migrations) / "0017_profiles_read_again.sql"


def said(
    kind: type, name: str, days_ago: int, *, listed: bool = False, locale: str = "en", member: str = "m-1"
) -> Told:
    data = kind(
        program_id=PROGRAM, member_id=member, registered_at=long_ago(days_ago), phone_verified=True,
        listed_party=listed, locale=locale,
    )  # fmt: skip
    return Told(name, "/crm", long_ago(days_ago), data)


def delivered(*told: Told) -> list[Delivered]:
    return [as_delivered(each, "members.profiles.v1", place) for place, each in enumerate(told)]


async def recall(redemption: Redemption, records: list[Delivered], *, step: int) -> None:
    """From the last to the first, in steps as they would be read."""
    for end in range(len(records), 0, -step):
        async with redemption.running.pool.acquire() as connection, connection.transaction():
            await recall_profiles(connection, redemption.running, records[max(0, end - step) : end][::-1])


async def known(redemption: Redemption, member: str = "m-1") -> tuple[object, ...] | None:
    profile = await read_profile(redemption.running.pool, (PROGRAM, member))
    return None if profile is None else (profile.registered_at, profile.listed_party, profile.locale)


@pytest.mark.parametrize("step", [1, 2, 5])
async def test_it_is_as_if_they_had_been_heard_when_they_came(redemption: Redemption, step: int) -> None:
    told = (
        said(MemberRegistered, "late", 30, locale="zh-CN"),
        said(MemberUpdated, "listed", 20, listed=True),
        said(MemberRegistered, "again", 40, listed=True, locale="fr"),
        said(MemberRegistered, "other", 35, member="m-2"),
        said(MemberUpdated, "cleared", 10, locale="de"),
    )
    await redemption.post(*told)
    whole = await known(redemption), await known(redemption, "m-2")
    assert whole[0] == (long_ago(40), False, "de")
    await redemption.running.pool.execute("DELETE FROM member")
    for _ in range(2):
        await recall(redemption, delivered(*told), step=step)
        assert (await known(redemption), await known(redemption, "m-2")) == whole


async def test_what_was_heard_since_stays(redemption: Redemption) -> None:
    old = said(MemberRegistered, "old", 40, listed=True)
    await redemption.post(old)
    await redemption.running.pool.execute("DELETE FROM member")
    await redemption.post(said(MemberRegistered, "new", 5, locale="zh-CN"))
    await recall(redemption, delivered(old), step=1)
    assert await known(redemption) == (long_ago(40), False, "zh-CN")


async def test_an_update_alone_registers_nobody(redemption: Redemption) -> None:
    update = said(MemberUpdated, "update", 5, listed=True)
    await recall(redemption, delivered(update), step=1)
    assert await known(redemption) is None
    await redemption.post(grant("r1", 10))
    await recall(redemption, delivered(update), step=1)
    assert await known(redemption) == (None, True, "en"), "it has points, so it is listed; when it joined nobody said"


async def test_the_migration_marks_what_was_read(redemption: Redemption) -> None:
    pool = redemption.running.pool
    assert await pool.fetchval("SELECT count(*) FROM read_again") == 0
    await redemption.post(said(MemberRegistered, "reg", 5))
    await redemption.post(grant("r1", 10))
    await pool.execute(MIGRATION.read_text())
    assert [tuple(row) for row in await pool.fetch("SELECT * FROM read_again")] == [("members.profiles.v1", 0, None)]
