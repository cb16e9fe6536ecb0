"""A pack with campaigns, as its file is written, through the real books: granted, refunded, explained."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest_asyncio
from pydantic import SecretStr

from services.earning import api
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.load import load_pack
from shared.runtime.http import build_app
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import MERCHANT, PROGRAM, purchase, refund
from tests.integration.earning.harness import NOW, Earning, record, started

PACK = """
program_id: fruit-shop
version: 1
name: {zh-CN: 鲜果, en: Fruit}
issuer: Fruit Shop
currency: CNY
time_zone: Asia/Shanghai
effective_at: 2000-01-01T00:00:00+08:00
member_day: {days_of_month: [1]}
combine_multipliers: best
basis: {shipping_earns: true}
expiry: never
max_event_age_days: unlimited
budgets:
  - budget_id: marketing
    source: marketing_expense
    approver: Head of Marketing
    document: MKT-1
    period: {from: 2000-01-01, to: 2100-01-01}
    approved_minor: 10_000_000
    cost_per_point: {minor: 5, points: 1}
  - budget_id: campaign
    source: marketing_expense
    approver: Head of Marketing
    document: MKT-2
    period: {from: 2000-01-01, to: 2100-01-01}
    approved_minor: 10_000_000
    cost_per_point: {minor: 5, points: 1}
rules:
  - {rule_id: base, kind: rate, points: 1, per_minor: 100, budget_id: marketing}
  - rule_id: holiday
    kind: multiplier
    factor: 2
    budget_id: campaign
    points_class: PROMO
    when: {statutory: [holiday], min_spend_minor: 10_000}
  - {rule_id: member-day, kind: multiplier, factor: 3/2, budget_id: campaign, when: {member_day: true}}
  - rule_id: lunar-market
    kind: per_order
    points: 30
    budget_id: campaign
    when: {lunar_market_days: [1, 11, 21], hours: [{from: "09:00", to: "17:00"}]}
  - {rule_id: apples, kind: per_sku, skus: [apple-1], points: 8, budget_id: campaign, exclusive_group: fruit}
  - {rule_id: pears, kind: per_sku, skus: [apple-2], points: 5, budget_id: campaign, exclusive_group: fruit}
  - {rule_id: welcome, kind: first_order, points: 40, budget_id: campaign}
  - rule_id: clerk
    kind: per_order
    points: 900
    budget_id: campaign
    caps: [{points: 60, per: transaction}]
    stackable: false
    unless: {channels: [online]}
"""
TOKEN = "operator-token"  # noqa: S105 - of this test alone
NATIONAL_DAY = datetime(2026, 10, 1, 4, tzinfo=UTC)  # noon in Shanghai; day 21 of the eighth lunar month


@pytest_asyncio.fixture(loop_scope="session")
async def campaigns(database: Database) -> AsyncIterator[Earning]:
    pack = load_pack(PACK, "campaigns.yaml")
    async with started(database.dsns["earning"], pack) as earning:
        earning.running.settings.operator_token = SecretStr(TOKEN)
        yield earning


def basket(receipt_id: str, *nets: int) -> PurchaseCompleted:
    """Lines of these amounts and 10.00 yuan for shipping."""
    goods = purchase(receipt_id, "ann", *nets)
    tender = goods.tenders[0].model_copy(update={"amount_minor": goods.total_minor + 1_000})
    changed = {"shipping_minor": 1_000, "total_minor": goods.total_minor + 1_000, "tenders": (tender,)}
    return goods.model_copy(update=changed)


async def granted(earning: Earning) -> dict[str, int]:
    """Points granted so far by rule."""
    rows = await earning.running.pool.fetch(
        """
        SELECT rule ->> 0 AS rule_id, sum((rule ->> 1)::bigint)::bigint AS points
          FROM issued_grant, json_array_elements(lines) AS line, json_array_elements(line -> 'rules') AS rule
         GROUP BY 1
        """
    )
    return {row["rule_id"]: row["points"] for row in rows}


async def explained(earning: Earning, receipt_id: str) -> dict[str, Any]:
    app = build_app("earning", api.routes(earning.running), _ready)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://earning", headers=headers
    ) as client:
        path = f"/v1/programs/{PROGRAM}/merchants/{MERCHANT}/receipts/{receipt_id}/explanation"
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_campaigns_grant_are_refunded_to_nothing_and_explained(campaigns: Earning) -> None:
    await campaigns.register("ann")
    ago = NOW - NATIONAL_DAY
    await campaigns.post(record("buy", basket("r1", 8_000, 4_000), ago=ago))
    # basis 130.00 with shipping; the holiday's double beats the member day's 3/2; the clerk's 60 are less than all that
    assert await granted(campaigns) == {"base": 130, "holiday": 130, "lunar-market": 30, "apples": 8, "welcome": 40}
    told = await explained(campaigns, "r1")
    assert told["granted"] == told["explanation"]["totals"]["points"] == 338
    why = {rule["rule_id"]: rule["why_not"] for rule in told["explanation"]["rules"]}
    assert [rule_id for rule_id, reason in why.items() if reason is None] == [
        "apples", "base", "holiday", "lunar-market", "welcome",
    ]  # fmt: skip
    assert (why["pears"], why["clerk"]) == (
        "rule apples of group fruit gives as much or more",
        "does not stack, and the rules that do give as much or more together",
    )
    awards = {(award["points_class"], award["budget_id"]): award["points"] for award in told["explanation"]["awards"]}
    assert awards == {(grant["class"], grant["budget_id"]): grant["points"] for grant in told["grants"]}
    await campaigns.post(record("part", refund("f1", "r1", "ann", ("2", 4_000)), ago=ago / 2))
    # 90.00 are left: 40 of the rate, and all of the holiday, whose threshold is no longer met
    assert await campaigns.points() == (338, 170)
    told = await explained(campaigns, "r1")
    assert told["explanation_of_what_remains"]["totals"]["points"] == 168
    await campaigns.post(record("rest", refund("f2", "r1", "ann", ("1", 8_000)), ago=ago / 3))
    assert await campaigns.points() == (338, 338)
    assert (await explained(campaigns, "r1"))["explanation_of_what_remains"]["totals"]["points"] == 0
    await campaigns.assert_books_hold()


async def test_another_day_another_order_other_rules(campaigns: Earning) -> None:
    await campaigns.register("ann")
    workday = NOW - NATIONAL_DAY.replace(day=9)
    await campaigns.post(
        record("first", basket("r1", 1_000), ago=workday), record("second", basket("r2", 1_000), ago=workday)
    )
    # 20 + 8 + 40 for the first order in the batch; for the second 20 + 8, so the clerk's 60 alone
    outbox = await campaigns.outbox("points.grants.v1")
    assert len(outbox) == 3
    assert await granted(campaigns) == {"base": 20, "apples": 8, "welcome": 40, "clerk": 60}
    told = await explained(campaigns, "r2")
    assert told["granted"] == told["explanation"]["totals"]["points"] == 60
    clerk = next(rule for rule in told["explanation"]["rules"] if rule["rule_id"] == "clerk")
    assert (clerk["before_caps"], clerk["result"]) == (900, 60)
    await campaigns.assert_books_hold()


async def test_days_off_nobody_has_published_are_a_dead_letter_and_leave_nothing_behind(campaigns: Earning) -> None:
    await campaigns.register("ann")
    long_ago = NOW - datetime(2001, 10, 1, tzinfo=UTC)
    await campaigns.post(
        record("early", basket("r1", 8_000), ago=long_ago),
        record("now", basket("r2", 1_000), ago=NOW - NATIONAL_DAY.replace(day=9)),
    )
    rows = await campaigns.running.pool.fetch("SELECT code FROM dead_letter")
    assert [row["code"] for row in rows] == ["CALENDAR_YEAR_UNPUBLISHED"]
    assert await campaigns.outcomes() == [("now", "granted", None)]
    assert await campaigns.running.pool.fetchval("SELECT count(*) FROM receipt") == 1
    await campaigns.assert_books_hold()


async def _ready() -> str | None:
    return None
