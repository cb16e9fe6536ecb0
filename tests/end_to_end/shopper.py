"""A member who orders, changes their mind, and pays bills at the till: what redemption tells when all goes its way."""

from dataclasses import dataclass
from typing import Any

import httpx

from shared.events.purchase_completed import Tender
from tests.infrastructure.services import Services, eventually
from tests.infrastructure.till import MERCHANT, PROGRAM, Till, purchase, refund

_PROGRAM = f"/v1/programs/{PROGRAM}"
_BILL = 12_000  # fen
_PAID_POINTS, _PAID_MINOR = 100, 500  # as the fruit shop's point_payment says


async def shop(services: Services, till: Till, member_id: str) -> None:
    """Every order is placed, handed over, exchanged, returned or cancelled; a voucher and points pay and come back."""
    await till.register(member_id)
    await till.send(f"{member_id}-rich", purchase(f"{member_id}-rich", member_id, 400_000), ago=9)
    async with services.operator("redemption") as client:
        counter = _Counter(client, member_id)
        await eventually(f"points of {member_id}", counter.is_rich)
        await _voucher_there_and_back(counter)
        await _box_exchanged_and_cancelled(counter)
        authorization_id = await _paid_with_points(counter)
    tenders = (
        Tender(kind="points", amount_minor=_PAID_MINOR, authorization_id=authorization_id),
        Tender(kind="cash", amount_minor=_BILL - _PAID_MINOR),
    )
    await till.send(f"{member_id}-bill", purchase(f"{member_id}-bill", member_id, _BILL, tenders=tenders), ago=1)
    await till.send(f"{member_id}-back", refund(f"{member_id}-f", f"{member_id}-bill", member_id, ("1", _BILL)))


async def _voucher_there_and_back(counter: "_Counter") -> None:
    """Bought, used, the bill voided, the order returned: the voucher ends."""
    order = await counter.order("voucher-50")
    (voucher,) = (await counter.get(f"{counter.member}/vouchers"))["vouchers"]
    used = await counter.post(f"{_PROGRAM}/voucher-uses", {**counter.bill(), "code": voucher["code"]})
    await counter.post(f"{_PROGRAM}/voucher-uses/{used['use_id']}/undo", {"reason": "the bill was voided"})
    await counter.post(f"/v1/orders/{order['order_id']}/returns", {"reason": "not wanted"})


async def _box_exchanged_and_cancelled(counter: "_Counter") -> None:
    order = await counter.order("fruit-box-25")
    await counter.post(f"/v1/orders/{order['order_id']}/fulfilments", {})
    defect = {"reason": "bruised", "defect": True, "evidence_sha256": "0" * 64}
    await counter.post(f"/v1/orders/{order['order_id']}/replacements", defect)
    another = await counter.order("fruit-box-25")
    await counter.post(f"/v1/orders/{another['order_id']}/cancellations", {"reason": "not wanted"})


async def _paid_with_points(counter: "_Counter") -> str:
    """One authorization is voided, the next pays; its id."""
    wish = {**counter.bill(), "member_id": counter.member_id, "points": _PAID_POINTS}
    for step in ("void", "capture"):
        placed = await counter.post(f"{_PROGRAM}/authorizations", wish)
        authorization_id = str(placed["authorization_id"])
        assert (placed["points"], placed["amount_minor"]) == (_PAID_POINTS, _PAID_MINOR)
        await counter.post(f"{_PROGRAM}/authorizations/{authorization_id}/{step}", {} if step == "capture" else None)
    return authorization_id


@dataclass(slots=True)
class _Counter:
    """Asks redemption for one member, each time under a key of its own."""

    client: httpx.AsyncClient
    member_id: str
    asked: int = 0

    @property
    def member(self) -> str:
        return f"{_PROGRAM}/members/{self.member_id}"

    def bill(self) -> dict[str, Any]:
        lines = [{"line_id": "1", "sku": "apple-1", "net_minor": _BILL}]
        return {"merchant_id": MERCHANT, "currency": "CNY", "receipt_id": f"{self.member_id}-bill", "lines": lines}

    async def is_rich(self) -> bool:
        answer = await self.client.get(f"{self.member}/balance")
        return answer.is_success and answer.json()["available"] == 4_000

    async def order(self, reward_id: str) -> Any:
        return await self.post(f"{self.member}/orders", {"lines": [{"reward_id": reward_id, "quantity": 1}]})

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path)
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, body: object) -> Any:
        self.asked += 1
        answer = await self.client.post(path, json=body, headers={"Idempotency-Key": f"{self.member_id}-{self.asked}"})
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()
