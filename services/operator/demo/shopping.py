"""One member does all that points are for: orders rewards at a quoted price, then pays a bill by voucher and points."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from deploy.local.trouble import Trouble
from services.operator.demo.clients import Clients
from services.operator.demo.figures import yuan
from services.operator.demo.probes import registration
from services.operator.traffic.fruit import CURRENCY, MERCHANT_ID, PROGRAM_ID
from services.operator.traffic.message import message
from services.operator.traffic.sent import Expectation, Expected, Kind, Outcome, Sent
from shared.events.keys import member_key
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender

REWARDS = ("fruit-box-25", "voucher-50")
FIRST_BILL_MINOR = 200_000  # so long ago that its points can be spent
SECOND_BILL_MINOR = 12_000
POINTS_AT_THE_TILL = 100
TERMINAL = "shopper-1"
_PROGRAM = f"/v1/programs/{PROGRAM_ID}"


@dataclass(frozen=True, slots=True)
class Shopped:
    """What the member ordered, and what paid the bill. Points are whole, money in fen."""

    member_id: str
    order_id: str
    ordered: int
    voucher_minor: int
    paid: int
    paid_minor: int
    earned: int

    @property
    def points(self) -> int:
        """All that the member redeemed."""
        return self.ordered + self.paid

    def sentences(self) -> Iterator[str]:
        yield (
            f"{self.member_id} ordered a fruit box and a voucher at the quoted {self.ordered:,} points; asked twice, "
            f"the order was placed once: trace {self.order_id}."
        )
        yield (
            f"Of the next bill of {yuan(SECOND_BILL_MINOR)} yuan the voucher took off {yuan(self.voucher_minor)} and "
            f"{self.paid} points paid {yuan(self.paid_minor)}; only the rest earned: {self.earned} points."
        )


async def shop(
    clients: Clients, run: str, expectation: Expectation, drained: Callable[[], Awaitable[None]]
) -> Shopped | None:
    """Buy, order, and buy again; None where the published version of the program offers no such rewards.

    Raises Trouble when redemption answers otherwise than it must.
    """
    member_id = f"shopper-{run}"
    now = datetime.now(UTC).replace(microsecond=0)
    till = _Till(clients, expectation, member_id)
    offered = await till.get(f"{_PROGRAM}/catalogue")
    if not set(REWARDS) <= {one["reward"]["reward_id"] for one in offered["rewards"]}:
        return None
    await till.send(registration(member_id))
    await till.buys("first", now - timedelta(days=9), FIRST_BILL_MINOR, FIRST_BILL_MINOR)
    await drained()

    order = await _order(till)
    voucher_minor = await _use_voucher(till)
    bill = {**_bill(member_id), "vouchers_minor": voucher_minor, "points": POINTS_AT_THE_TILL}
    placed = await till.post(f"{_PROGRAM}/authorizations", bill, "pays")
    authorization_id, paid_minor = placed["authorization_id"], placed["amount_minor"]
    await till.post(f"{_PROGRAM}/authorizations/{authorization_id}/capture", {"receipt_id": f"{member_id}-second"})
    rest = SECOND_BILL_MINOR - voucher_minor - paid_minor
    tenders = (
        Tender(kind="voucher", amount_minor=voucher_minor),
        Tender(kind="points", amount_minor=paid_minor, authorization_id=authorization_id),
        Tender(kind="wechat_pay", amount_minor=rest),
    )
    await till.buys("second", now, SECOND_BILL_MINOR, rest, *tenders)
    await drained()
    return Shopped(
        member_id, order["order_id"], order["points"], voucher_minor, placed["points"], paid_minor, rest // 100
    )


async def _order(till: _Till) -> Mapping[str, Any]:
    """At the quoted price, twice under one key."""
    member = f"{_PROGRAM}/members/{till.member_id}"
    lines = [{"reward_id": reward_id, "quantity": 1} for reward_id in REWARDS]
    quote = await till.post(f"{member}/quotes", {"lines": lines}, "asks")
    wish = {"quote_id": quote["quote_id"]}
    order: Mapping[str, Any] = await till.post(f"{member}/orders", wish, "orders")
    again = await till.post(f"{member}/orders", wish, "orders")
    if order["points"] != quote["points"] or again["order_id"] != order["order_id"]:
        raise Trouble(
            "ORDER_WRONG",
            f"Member {till.member_id} was quoted {quote['points']} points and the orders are {order} and {again}.",
            "This is a defect: keep the state directory and report it.",
        )
    return order


async def _use_voucher(till: _Till) -> int:
    """What the voucher that was just ordered takes off the bill."""
    member = f"{_PROGRAM}/members/{till.member_id}"
    (voucher,) = (await till.get(f"{member}/vouchers"))["vouchers"]
    bill = _bill(till.member_id)
    shown = {name: bill[name] for name in ("merchant_id", "currency", "receipt_id", "lines")}
    used = await till.post(f"{_PROGRAM}/voucher-uses", {**shown, "code": voucher["code"]}, "uses")
    return int(used["amount_minor"])


def _bill(member_id: str) -> dict[str, Any]:
    return {
        "member_id": member_id,
        "merchant_id": MERCHANT_ID,
        "currency": CURRENCY,
        "receipt_id": f"{member_id}-second",
        "lines": [{"line_id": "1", "sku": "shopper-fruit", "net_minor": SECOND_BILL_MINOR}],
    }


@dataclass(frozen=True, slots=True)
class _Till:
    """Where the member buys, and speaks to redemption."""

    clients: Clients
    expectation: Expectation
    member_id: str

    async def buys(self, name: str, at: datetime, net_minor: int, earning_minor: int, *tenders: Tender) -> None:
        """One receipt; `earning_minor` of it are no points and no voucher."""
        data = PurchaseCompleted(
            program_id=PROGRAM_ID,
            merchant_id=MERCHANT_ID,
            store_id="shopper",
            terminal_id=TERMINAL,
            receipt_id=f"{self.member_id}-{name}",
            member_id=self.member_id,
            currency=CURRENCY,
            lines=(PurchaseLine(line_id="1", sku="shopper-fruit", condition="new", quantity=1, net_minor=net_minor),),
            tenders=tenders or (Tender(kind="cash", amount_minor=net_minor),),
            total_minor=net_minor,
            channel="store",
        )
        await self.send(
            message(
                f"sale-{data.receipt_id}",
                f"/pos/{MERCHANT_ID}/{TERMINAL}",
                at,
                data,
                key=member_key(PROGRAM_ID, self.member_id),
                member_id=self.member_id,
                kind=Kind.PURCHASE,
                expected=Expected(Outcome.GRANTED, earning_minor // 100),
            )
        )

    async def send(self, sent: Sent) -> None:
        self.expectation.add(sent)
        producer = self.clients.producer
        await producer.send_and_wait(sent.topic, sent.data, key=sent.key.encode(), headers=sent.binary_headers())

    async def get(self, path: str) -> Any:
        return self._answered(await self.clients.redemption.get(path))

    async def post(self, path: str, body: object, purpose: str = "") -> Any:
        """`purpose` makes the idempotency key where the route asks for one."""
        headers = {"Idempotency-Key": f"{purpose}-{self.member_id}"} if purpose else {}
        return self._answered(await self.clients.redemption.post(path, json=body, headers=headers))

    def _answered(self, answer: httpx.Response) -> Any:
        if not answer.is_success:
            raise Trouble(
                "REDEMPTION_WRONG",
                f"Redemption answered member {self.member_id} with status {answer.status_code}: {answer.text[:300]}.",
                "This is a defect: keep the state directory and report it.",
            )
        return answer.json()
