"""A shop with one reward of each sort, and members who order."""

from typing import Any

import httpx

from tests.integration.redemption.harness import PROGRAM, Redemption, grant, registered
from tests.integration.redemption.storefront import open_shop
from tests.unit.programs.packs import reward
from tests.unit.redemption.contracts import agreement, donation, partner, partners_reward

SHOP = f"/v1/programs/{PROGRAM}"
PHOTO = "ab" * 32
SPA = {"capacity": 2, "slots": ["10:00", "14:00"], "free_until_hours": 24, "no_show_points": 300}
REWARDS = (
    reward(500, 5_000, stock=[{"units": 10}]),
    reward(300, 4_000, reward_id="pan", price={"points": 300, "money_minor": 2_000}, return_days=5),
    reward(100, 600, reward_id="pair", units_per_claim=2, stock=[{"units": 10}], limits=[{"units": 4, "per": "day"}]),
    reward(50, 500, reward_id="cheese", return_exclusion={"zh-CN": "生鲜不退", "en": "Fresh food"}),
    reward(400, 9_000, reward_id="spa", kind="service_booking", booking=SPA),
    reward(200, 2_500, reward_id="coupon", kind="voucher_amount", amount_minor=2_500, valid_days=30),
    partners_reward(),
    donation(),
)


def open_for_orders(redemption: Redemption, *rewards: dict[str, Any], **parts: Any) -> None:
    """The program is in force with these rewards, or one of each sort."""
    paid = {
        "partners": [partner(until="2030-01-01")],
        "donation_agreements": [agreement(period={"from": "2025-01-01", "to": "2030-01-01"})],
    }
    open_shop(redemption, {"rewards": list(rewards or REWARDS), **({} if rewards else paid), **parts})


async def enrol(redemption: Redemption, points: int = 5_000, member: str = "m-1") -> None:
    """A registered member with points to spend, from two receipts."""
    await redemption.post(registered(member))
    await redemption.post(
        grant(f"{member}-a", points // 2, member=member), grant(f"{member}-b", points - points // 2, member=member)
    )


def line(reward_id: str = "fruit-box", quantity: int = 1, slot: str | None = None) -> dict[str, Any]:
    return {"reward_id": reward_id, "quantity": quantity, **({} if slot is None else {"slot": slot})}


async def order(
    redemption: Redemption, *lines: dict[str, Any], key: str = "order-1", member: str = "m-1", **more: Any
) -> httpx.Response:
    body = {"lines": list(lines), **more} if lines else more
    return await redemption.http.post(f"{SHOP}/members/{member}/orders", json=body, headers={"Idempotency-Key": key})


async def ordered(redemption: Redemption, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An order that must be accepted."""
    answer = await order(redemption, *lines, **more)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def step(redemption: Redemption, order_id: str, kind: str, key: str = "", **body: Any) -> httpx.Response:
    """One of cancellations, fulfilments, no-shows, returns, replacements; the key is the kind where none is given."""
    if kind != "fulfilments":
        body = {"reason": "as the member asked", **body}
    return await redemption.http.post(
        f"/v1/orders/{order_id}/{kind}", json=body, headers={"Idempotency-Key": key or kind}
    )


async def done(redemption: Redemption, order_id: str, kind: str, key: str = "", **body: Any) -> dict[str, Any]:
    """A step that must be accepted."""
    answer = await step(redemption, order_id, kind, key, **body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def shown(redemption: Redemption, order_id: str) -> dict[str, Any]:
    answer = await redemption.http.get(f"/v1/orders/{order_id}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def left(redemption: Redemption, reward_id: str = "fruit-box") -> int:
    """Units of a reward's stock in all that are left."""
    row = await redemption.running.pool.fetchrow(
        "SELECT allowed - taken AS left FROM stock_count WHERE reward_id = $1 AND line = 'total'", reward_id
    )
    assert row is not None
    units: int = row["left"]
    return units
