"""Standing rights at the till, and what advisers compose of them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shared.events.benefit_restored import BenefitRestored
from shared.events.benefit_used import BenefitUsed
from tests.integration.redemption import storefront
from tests.integration.redemption.harness import Redemption, grant, long_ago, registered
from tests.integration.redemption.shop import SHOP, bill
from tests.unit.programs.packs import NAME, reward, written

pytestmark = pytest.mark.asyncio(loop_scope="session")

FACIAL = {
    "benefit_id": "facial",
    "kind": "service",
    "name": NAME,
    "lifetime_at_least": 1_000,
    "times": 1,
    "per": "lifetime",
    "market_value_minor": 50_000,
    "budget_id": "benefits",
}
CUSTOM = {
    "benefit_id": "custom",
    "kind": "percent",
    "name": NAME,
    "tiers": ["gold"],
    "percent": "10%",
    "max_minor": 2_000,
    "lines": {"categories": ["custom"]},
    "times": 2,
    "per": "month",
    "budget_id": "benefits",
}


def terms(approved_minor: int = 1_000_000, **changes: Any) -> dict[str, Any]:
    marketing = written()["budgets"][0]
    own = {**marketing, "budget_id": "benefits", "approved_minor": approved_minor}
    tiers = storefront.BRONZE_AND_GOLD
    return {"benefits": [FACIAL, CUSTOM], "budgets": [marketing, own], "tiers": tiers, **changes}


async def join(redemption: Redemption, member: str = "m-1", *, points: int = 0, tier: str | None = None) -> None:
    await redemption.post(registered(member))
    if points:
        await redemption.post(grant(f"of-{member}", points, member=member))
    if tier is not None:
        await storefront.give_tier(redemption, tier, member)


async def use(redemption: Redemption, benefit: str, key: str = "till-1", **changes: Any) -> httpx.Response:
    body = {**bill(("custom", 12_000)), "member_id": "m-1", "benefit_id": benefit, **changes}
    return await redemption.http.post(f"{SHOP}/benefit-uses", json=body, headers={"Idempotency-Key": key})


async def undo(redemption: Redemption, use_id: str) -> httpx.Response:
    return await redemption.http.post(f"{SHOP}/benefit-uses/{use_id}/undo", json={"reason": "bill voided"})


async def shown(redemption: Redemption, member: str = "m-1") -> dict[str, dict[str, Any]]:
    answer = await redemption.http.get(f"{SHOP}/members/{member}/benefits")
    assert answer.status_code == 200, answer.text
    return {each["benefit_id"]: each for each in answer.json()["benefits"]}


async def budget_used(redemption: Redemption) -> int:
    used: int | None = await redemption.running.pool.fetchval("SELECT used_minor FROM benefit_budget")
    return used or 0


async def test_a_threshold_gift_is_had_once_and_burns_no_points(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, points=1_000)
    before = await redemption.balance()
    used = await use(redemption, "facial", receipt_id="R-1")
    assert (used.status_code, used.json()["amount_minor"]) == (201, 50_000), used.text
    assert (await use(redemption, "facial", receipt_id="R-1")).json() == used.json()
    again = await use(redemption, "facial", "till-2")
    assert (again.status_code, again.json()["code"]) == (409, "LIMIT_REACHED")
    reused = await use(redemption, "facial", receipt_id="R-2")
    assert reused.json()["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert (await redemption.balance())["available"] == before["available"] == 1_000
    (told,) = await redemption.published(BenefitUsed)
    assert isinstance(told, BenefitUsed)
    assert (told.period, told.times_after, told.budget_used_before, told.budget_used_after) == (
        "lifetime",
        1,
        0,
        50_000,
    )
    assert await budget_used(redemption) == 50_000


async def test_points_short_of_the_threshold_or_without_the_tier_have_none(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, points=999, tier="bronze")
    for benefit in ("facial", "custom"):
        refused = await use(redemption, benefit)
        assert (refused.status_code, refused.json()["code"]) == (409, "NOT_ELIGIBLE")
    seen = await shown(redemption)
    assert {name: (each["entitled"], each["left"]) for name, each in seen.items()} == {
        "facial": (False, 0),
        "custom": (False, 0),
    }
    assert await budget_used(redemption) == 0


async def test_pending_points_count_for_no_threshold(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, points=999)
    await redemption.post(grant("pending", 1, at=long_ago(1), wait_days=7))
    assert (await use(redemption, "facial")).json()["code"] == "NOT_ELIGIBLE"


async def test_a_percentage_is_off_its_lines_up_to_its_maximum_and_counted_by_the_month(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, tier="gold")
    none = await use(redemption, "custom", **bill(("fruit", 12_000)))
    assert none.json()["code"] == "VOUCHER_NOT_APPLICABLE"
    first = await use(redemption, "custom", "till-1b", **bill(("custom", 12_345), ("fruit", 90_000)))
    assert first.json()["amount_minor"] == 1_235  # half up
    second = await use(redemption, "custom", "till-2", **bill(("custom", 90_000)))
    assert second.json()["amount_minor"] == 2_000
    assert (await use(redemption, "custom", "till-3")).json()["code"] == "LIMIT_REACHED"
    assert (await shown(redemption))["custom"]["left"] == 0
    assert second.json()["period"] == f"{datetime.now(UTC) + timedelta(hours=8):%Y-%m}"


async def test_a_voided_bill_gives_the_use_and_its_cost_back(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, tier="gold")
    uses = [(await use(redemption, "custom", f"till-{number}")).json()["use_id"] for number in range(2)]
    for _ in range(2):
        assert (await undo(redemption, uses[0])).status_code == 200
    assert await budget_used(redemption) == 1_200
    assert (await shown(redemption))["custom"]["left"] == 1
    assert (await use(redemption, "custom", "till-3")).status_code == 201
    assert (await use(redemption, "custom", "till-4")).json()["code"] == "LIMIT_REACHED"
    (told,) = await redemption.published(BenefitRestored)
    assert isinstance(told, BenefitRestored)
    assert (told.budget_used_before, told.budget_used_after) == (2_400, 1_200)


async def test_of_many_tills_at_once_as_many_win_as_the_right_allows(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, tier="gold")
    answers = await asyncio.gather(*(use(redemption, "custom", f"till-{number}") for number in range(16)))
    assert sorted(answer.status_code for answer in answers) == [201, 201] + [409] * 14
    assert await budget_used(redemption) == 2_400


async def test_the_budget_is_a_hard_stop(redemption: Redemption) -> None:
    """Left for exactly one facial: of many members at once one has it."""
    storefront.open_shop(redemption, terms(approved_minor=99_999))
    members = [f"m-{number}" for number in range(8)]
    for member in members:
        await join(redemption, member, points=1_000)
    answers = await asyncio.gather(
        *(use(redemption, "facial", f"till-{member}", member_id=member) for member in members)
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"BUDGET_EXHAUSTED"}
    assert await budget_used(redemption) == 50_000


async def test_what_was_approved_first_counts(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms(approved_minor=50_000), terms(approved_minor=500_000))
    await join(redemption, "m-1", points=1_000)
    await join(redemption, "m-2", points=1_000)
    assert (await use(redemption, "facial")).status_code == 201
    assert (await use(redemption, "facial", "till-2", member_id="m-2")).json()["code"] == "BUDGET_EXHAUSTED"


async def test_a_listed_party_and_an_unknown_benefit(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, points=1_000)
    assert (await use(redemption, "massage")).status_code == 404
    assert (await use(redemption, "facial", member_id="stranger")).status_code == 404
    await redemption.running.pool.execute("UPDATE member SET listed_party = true")
    assert (await use(redemption, "facial")).json()["code"] == "LISTED_PARTY"


async def compose(redemption: Redemption, member: str = "m-1", **plan: Any) -> httpx.Response:
    body = {"words": {"zh": "为您准备", "en": "For you"}, **plan}
    return await redemption.http.post(
        f"{SHOP}/members/{member}/plan", json=body, headers={"Greenpoints-Actor": "adviser-1"}
    )


def coming(days: int, reward_id: str) -> dict[str, Any]:
    first = (datetime.now(UTC) + timedelta(hours=8)).date() + timedelta(days=days)
    period = {"from": first.isoformat(), "to": (first + timedelta(days=30)).isoformat()}
    return reward(reward_id=reward_id, available=period)


async def test_an_adviser_composes_of_what_is_published_for_the_tier(redemption: Redemption) -> None:
    bronze = {**CUSTOM, "benefit_id": "bronze-only", "tiers": ["bronze"]}
    rewards = [coming(7, "soon"), coming(8, "later")]
    storefront.open_shop(redemption, terms(benefits=[FACIAL, CUSTOM, bronze], rewards=rewards))
    await join(redemption, tier="gold")
    assert (await redemption.http.get(f"{SHOP}/members/m-1/plan")).status_code == 404
    made = await compose(redemption, benefits=["facial", "custom"], rewards=["soon"])
    assert made.status_code == 201, made.text
    again = await compose(redemption, benefits=["facial", "custom"], rewards=["soon"])
    assert again.json() == made.json()
    for part, name in (("benefits", "bronze-only"), ("rewards", "later"), ("rewards", "unknown")):
        answer = await compose(redemption, **dict[str, Any]({part: [name]}))
        assert (answer.status_code, answer.json()["code"]) == (409, "PERSONALISED_PRICE_UNJUSTIFIED")
    other = await compose(redemption, benefits=["facial"])
    seen = (await redemption.http.get(f"{SHOP}/members/m-1/plan")).json()
    assert seen == other.json()
    assert (seen["number"], seen["benefits"], seen["adviser"], seen["tier_id"]) == (2, ["facial"], "adviser-1", "gold")


async def test_plans_are_for_the_top_tier_and_hold_no_terms_of_their_own(redemption: Redemption) -> None:
    storefront.open_shop(redemption, terms())
    await join(redemption, "m-1", tier="bronze")
    await join(redemption, "m-2")
    for member in ("m-1", "m-2"):
        assert (await compose(redemption, member, benefits=["facial"])).json()["code"] == "NOT_ELIGIBLE"
    for extra in ({"price": 1}, {"percent": "50%"}):
        assert (await compose(redemption, benefits=["facial"], **extra)).status_code == 422
    assert (await compose(redemption)).status_code == 422
