"""A program with vouchers and benefits, and a till that uses them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.redemption.desk import Cause
from services.redemption.mint import VoucherMint
from services.redemption.requests.vouchers_of_orders import BoughtLine, end_vouchers, issue_vouchers
from services.redemption.store.queries import lock_wallet
from services.redemption.store.save import save_under_lock
from services.redemption.sweepers.sweep_vouchers import sweep_vouchers
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import Money
from shared.events.voucher_recalled import VoucherRecalled
from shared.events.voucher_requested import VoucherRequested
from shared.programs.pack import ProgramPack
from shared.programs.rewards import VoucherReward
from shared.programs.versions import ProgramBook, ProgramVersion
from tests.integration.redemption.harness import PROGRAM, Redemption, Told, long_ago, registered
from tests.unit.programs.packs import NAME, pack, reward

SHOP = f"/v1/programs/{PROGRAM}"
_VOUCHER = {"valid_days": 30}


def shop_pack(**changes: Any) -> ProgramPack:
    """50 yuan off anything, 10% off fruit up to 20 yuan from 100 yuan on, 5 yuan off at one merchant; a first order."""
    vouchers = [
        reward(reward_id="fifty", kind="voucher_amount", amount_minor=5_000, value=5_000, **_VOUCHER),
        reward(
            reward_id="tenth",
            kind="voucher_percent",
            percent="10%",
            max_minor=2_000,
            threshold_minor=10_000,
            lines={"categories": ["fruit"]},
            **_VOUCHER,
        ),
        reward(
            reward_id="five",
            kind="voucher_threshold",
            amount_minor=500,
            threshold_minor=2_000,
            merchants=["shop-1"],
            **_VOUCHER,
        ),
    ]
    given = {
        "voucher_id": "hello",
        "name": NAME,
        "given_for": "referral_invitee",
        "amount_minor": 500,
        "threshold_minor": 2_000,
        "valid_days": 30,
        "budget_id": "marketing",
    }
    written = {"program_id": PROGRAM, "rewards": vouchers, "vouchers": [given]}
    return pack(**{**written, **changes})


def open_shop(redemption: Redemption, *packs: ProgramPack) -> ProgramPack:
    """Publish the packs, in force since long ago; the first is returned."""
    book = ProgramBook()
    at = long_ago(400)
    for number, each in enumerate(packs or (shop_pack(),)):
        dated = each.model_copy(update={"effective_at": at + timedelta(days=number)})
        book = book.with_record(ProgramVersion.of(dated, at, at - timedelta(days=1)))
    redemption.running.programs = book
    return packs[0] if packs else shop_pack()


async def buy(
    redemption: Redemption,
    reward_id: str,
    *,
    units: int = 1,
    member: str = "m-1",
    order: str = "order-1",
    at: datetime | None = None,
) -> tuple[UUID, ...]:
    """What an order does when such a line is handed over."""
    sold = shop_pack()
    found = next(each for each in sold.rewards if each.reward_id == reward_id)
    assert isinstance(found, VoucherReward)
    await redemption.post(registered(member))
    line = BoughtLine(PROGRAM, member, order_id(order), "1", found, units, sold, order)
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, (PROGRAM, member))
        assert desk is not None
        mint = VoucherMint.of(redemption.running.settings)
        issued = await issue_vouchers(connection, desk, mint, line, cause(order, at or datetime.now(UTC)))
        await save_under_lock(connection, desk)
    return issued


async def give_back(redemption: Redemption, units: int, *, member: str = "m-1", order: str = "order-1") -> None:
    """What an order does when units of such a line are returned."""
    async with redemption.running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, (PROGRAM, member))
        assert desk is not None
        await end_vouchers(
            connection, desk, order_id(order), "1", units, cause(f"return of {order}", datetime.now(UTC))
        )
        await save_under_lock(connection, desk)


def order_id(order: str) -> UUID:
    return derived_id("/tests", order, "order")


def cause(name: str, at: datetime) -> Cause:
    return Cause("test", event_key("/tests", name), name, at)


def requested(name: str, *, member: str = "m-1", kind: str = "hello", at: datetime | None = None) -> Told:
    """voucher.requested as earning tells it."""
    data = VoucherRequested(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"referral-{name}",
        correlation_id=f"order-{name}",
        rule_version=1,
        request_id=str(request_id(name)),
        kind=kind,
        reason="referral_invitee",
        budget_id="marketing",
        expected_cost=Money(amount_minor=500, currency="CNY"),
    )
    return Told(f"requested-{name}", "/earning", at or long_ago(1), data)


def recalled(name: str, *, member: str = "m-1", event: str | None = None) -> Told:
    """voucher.recalled as earning tells it once the first order came back."""
    data = VoucherRecalled(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"refund-{name}",
        correlation_id=f"order-{name}",
        request_id=str(request_id(name)),
        refund_id=f"refund-{name}",
        reason="all of the first order came back",
    )
    return Told(event or f"recalled-{name}", "/earning", long_ago(0), data)


def request_id(name: str) -> UUID:
    return derived_id("/tests", name, "voucher-request")


async def sweep(redemption: Redemption) -> None:
    await sweep_vouchers(redemption.running)


async def vouchers(redemption: Redemption, member: str = "m-1") -> list[dict[str, Any]]:
    """The member's vouchers as the member sees them, newest first."""
    answer = await redemption.http.get(f"{SHOP}/members/{member}/vouchers")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["vouchers"]
    return found


async def code_of(redemption: Redemption, place: int = 0, member: str = "m-1") -> str:
    code: str = (await vouchers(redemption, member))[place]["code"]
    return code


def bill(*lines: tuple[str, int], merchant: str = "shop-1", **more: Any) -> dict[str, Any]:
    """Lines by category and money."""
    shown = [
        {"line_id": str(place), "sku": f"sku-{category}", "category": category, "labels": [], "net_minor": minor}
        for place, (category, minor) in enumerate(lines, start=1)
    ]
    return {"merchant_id": merchant, "currency": "CNY", "lines": shown, **more}


async def use(redemption: Redemption, code: str, key: str = "till-1", **changes: Any) -> httpx.Response:
    """Show the code for a bill of 120 yuan of fruit, or the one given."""
    body = {**bill(("fruit", 12_000)), "code": code, **changes}
    return await redemption.http.post(f"{SHOP}/voucher-uses", json=body, headers={"Idempotency-Key": key})


async def check(redemption: Redemption, code: str, **changes: Any) -> httpx.Response:
    body = {**bill(("fruit", 12_000)), "code": code, **changes}
    return await redemption.http.post(f"{SHOP}/voucher-checks", json=body)


async def undo(redemption: Redemption, use_id: str) -> httpx.Response:
    return await redemption.http.post(f"{SHOP}/voucher-uses/{use_id}/undo", json={"reason": "bill voided"})
