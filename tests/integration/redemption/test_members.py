"""What redemption knows of members beside their points: profile and tier, as their own events tell them."""

from datetime import timedelta

import pytest

from services.redemption.domain.profile import Profile
from services.redemption.store.members import read_profile
from shared.events.cloudevent import derived_id
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.tier_changed import TierChanged
from tests.integration.redemption.harness import PROGRAM, Redemption, Told, grant, long_ago

pytestmark = pytest.mark.asyncio(loop_scope="session")

_MEMBER = (PROGRAM, "m-1")
_DAY = timedelta(days=1)


def _registered(days_ago: int = 40, *, listed: bool = False, name: str = "registered") -> Told:
    data = MemberRegistered(
        program_id=PROGRAM,
        member_id="m-1",
        registered_at=long_ago(days_ago),
        phone_verified=True,
        listed_party=listed,
        locale="zh-CN",
    )
    return Told(name, "/crm", long_ago(days_ago), data)


def _updated(*, listed: bool, name: str = "updated", locale: str = "en") -> Told:
    data = MemberUpdated(
        program_id=PROGRAM,
        member_id="m-1",
        registered_at=long_ago(40),
        phone_verified=True,
        listed_party=listed,
        locale=locale,
    )
    return Told(name, "/crm", long_ago(5), data)


def _tier(tier: str | None, days_ago: int, name: str = "") -> Told:
    data = TierChanged(
        program_id=PROGRAM,
        member_id="m-1",
        causation_id="c",
        correlation_id="c",
        tier_after=tier,
        direction="up",
        reason="qualified",
        counter=1000,
        effective_at=long_ago(days_ago),
        valid_until=long_ago(days_ago - 365),
    )
    event_id = str(derived_id("/tests", name or f"{tier}-{days_ago}", "tier"))
    return Told(event_id, "/earning", long_ago(days_ago), data)


async def _profile(redemption: Redemption) -> Profile:
    profile = await read_profile(redemption.running.pool, _MEMBER)
    assert profile is not None
    return profile


async def test_nobody_is_known_who_was_never_heard_of(redemption: Redemption) -> None:
    assert await read_profile(redemption.running.pool, _MEMBER) is None


async def test_a_registration_enters_the_member(redemption: Redemption) -> None:
    await redemption.post(_registered())
    profile = await _profile(redemption)
    assert (profile.registered_at, profile.listed_party, profile.locale) == (long_ago(40), False, "zh-CN")
    assert (profile.tier_id, profile.closed_at, profile.may_redeem) == (None, None, True)


async def test_a_wallet_without_registration_is_known_too(redemption: Redemption) -> None:
    await redemption.post(grant("r1", 10))
    assert (await _profile(redemption)).registered_at is None


async def test_who_is_listed_may_not_redeem_until_no_longer_listed(redemption: Redemption) -> None:
    await redemption.post(_registered())
    await redemption.post(_updated(listed=True))
    listed = await _profile(redemption)
    assert (listed.listed_party, listed.locale, listed.may_redeem) == (True, "en", False)
    await redemption.post(_updated(listed=False, name="cleared"))
    assert (await _profile(redemption)).may_redeem


async def test_the_last_word_of_one_batch_counts_and_the_earliest_registration(redemption: Redemption) -> None:
    await redemption.post(_registered(30), _updated(listed=True), _registered(40, name="again", listed=True))
    profile = await _profile(redemption)
    assert (profile.registered_at, profile.listed_party) == (long_ago(40), True)


async def test_an_update_registers_nobody(redemption: Redemption) -> None:
    assert await redemption.post(_updated(listed=True)) == {"applied": 1}
    assert await read_profile(redemption.running.pool, _MEMBER) is None


async def test_the_tier_at_a_moment_is_the_last_told_before_it(redemption: Redemption) -> None:
    await redemption.post(_registered())
    await redemption.post(_tier("silver", 20), _tier("gold", 10), _tier(None, 2))
    tiers = [
        profile and profile.tier_id
        for days in (25, 20, 15, 10, 3, 1)
        for profile in [await read_profile(redemption.running.pool, _MEMBER, long_ago(days))]
    ]
    assert tiers == [None, "silver", "silver", "gold", "gold", None]


async def test_of_two_tiers_at_one_instant_the_later_told_counts(redemption: Redemption) -> None:
    await redemption.post(_registered())
    await redemption.post(_tier("silver", 20), _tier("gold", 20))
    profile = await _profile(redemption)
    assert (profile.tier_id, profile.tier_since, profile.tier_until) == (
        "gold",
        long_ago(20),
        long_ago(20) + 365 * _DAY,
    )


async def test_a_tier_that_starts_later_is_not_had_yet(redemption: Redemption) -> None:
    await redemption.post(_registered())
    await redemption.post(_tier("gold", -1))
    assert (await _profile(redemption)).tier_id is None
