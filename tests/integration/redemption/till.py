"""A till at a program's merchant: it authorizes, captures and voids points; earning tells refunds of its bills."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import httpx

from services.redemption.sweepers.sweep_authorizations import sweep_authorizations
from shared.events.cloudevent import derived_id
from shared.events.points_tender_refunded import PointsTenderRefunded
from tests.integration.redemption.harness import PROGRAM, Redemption, Told, long_ago
from tests.integration.redemption.shop import open_shop
from tests.unit.programs.packs import pack

AUTHORIZATIONS = f"/v1/programs/{PROGRAM}/authorizations"
RATE = {"points": 100, "minor": 500}


def open_till(redemption: Redemption, **terms: Any) -> None:
    """100 points pay 5.00, unless said otherwise."""
    open_shop(redemption, pack(program_id=PROGRAM, point_payment={**RATE, **terms}))


def bill(*nets: int, member: str = "m-1", **more: Any) -> dict[str, Any]:
    lines = [
        {"line_id": str(number), "sku": f"sku-{number}", "category": "fruit", "net_minor": net}
        for number, net in enumerate(nets or (10_000,), 1)
    ]
    return {"member_id": member, "merchant_id": "shop-1", "currency": "CNY", "lines": lines, **more}


async def authorize(redemption: Redemption, key: str, shown: dict[str, Any] | None = None, **more: Any) -> Any:
    """Place it and expect it to be."""
    answer = await ask(redemption, key, shown, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def ask(redemption: Redemption, key: str, shown: dict[str, Any] | None = None, **more: Any) -> httpx.Response:
    body = {**(shown or bill()), **more}
    return await redemption.http.post(AUTHORIZATIONS, json=body, headers={"Idempotency-Key": key})


async def capture(redemption: Redemption, authorization_id: str, **wish: Any) -> httpx.Response:
    return await redemption.http.post(f"{AUTHORIZATIONS}/{authorization_id}/capture", json=wish)


async def void(redemption: Redemption, authorization_id: str) -> httpx.Response:
    return await redemption.http.post(f"{AUTHORIZATIONS}/{authorization_id}/void")


async def shown(redemption: Redemption, authorization_id: str) -> Any:
    return (await redemption.http.get(f"{AUTHORIZATIONS}/{authorization_id}")).json()


async def sweep(redemption: Redemption) -> None:
    await sweep_authorizations(redemption.running)


def tender_refunded(
    name: str, authorization_id: str, cumulative_minor: int, *, member: str = "m-1", at: datetime | None = None
) -> Told:
    """points.tender_refunded: so much of the authorization's amount went back in all."""
    data = PointsTenderRefunded(
        program_id=PROGRAM,
        member_id=member,
        causation_id=f"refund-{name}",
        correlation_id="purchase-of-the-bill",
        authorization_id=authorization_id,
        refund_id=f"refund-{name}",
        amount_minor=cumulative_minor,
        currency="CNY",
    )
    return Told(str(derived_id("/tests", name, "tender")), "/earning", at or long_ago(1), data)


def points_of(rows: Sequence[Any]) -> list[int]:
    return [row.points for row in rows]
