"""Redeemability (M45): can members spend what they earned, today, on something that is there; and what was refused."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.numbers import percent, seconds
from services.console.visitor import Visitor, require
from shared.events.reason_codes import ReasonCode, describe

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
PERIODS = (1, 7, 30, 90)
_ASKED = {
    "redemption": "Spending points",
    "order": "Order",
    "order fulfilled": "Handing over",
    "order cancelled": "Cancelling an order",
    "order returned": "Return",
    "order exchanged": "Exchange",
    "quote": "Quote",
    "authorization": "Paying at the till",
    "voucher": "Voucher",
    "benefit": "Benefit",
    "adviser plan": "Adviser's plan",
    "closure": "Closing an account",
    "extension": "Extension",
    "erasure of the journal": "Erasing the journal",
    "settlement claim": "Partner's claim",
    "settlement payment": "Payment to a partner",
}
_KINDS = {
    "goods": "Goods",
    "service_booking": "Service booking",
    "upgrade": "Upgrade",
    "voucher_amount": "Voucher, amount off",
    "voucher_threshold": "Voucher, amount off from a threshold on",
    "voucher_percent": "Voucher, percentage off",
    "event_entry": "Event entry",
    "partner_benefit": "Partner's benefit",
    "donation": "Donation",
    "travel_coupon": "Travel coupon",
}


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get("/redeemability")
    async def show(
        request: Request,
        visitor: Signed,
        program: Annotated[str | None, Query(max_length=128)] = None,
        days: Annotated[int, Query(ge=1, le=366)] = 30,
    ) -> Response:
        programs = (await console.services.get("redemption", "/v1/programs"))["programs"]
        chosen = next((one for one in programs if one["program_id"] == program), programs[0] if programs else None)
        if chosen is None:
            return console.view.page(request, visitor, "redeemability.html", programs=[], chosen=None)
        path = f"/v1/programs/{quote(chosen['program_id'], safe='')}/redeemability"
        index = await console.services.get("redemption", path, {"days": days})
        return console.view.page(
            request, visitor, "redeemability.html", programs=programs, chosen=chosen, index=index, days=days,
            periods=PERIODS, share=_share(index), duration=seconds, asked=_ASKED, kinds=_KINDS,
            called=_called(visitor), said=_said(visitor), address=_address,
        )  # fmt: skip

    return router


def _share(index: Mapping[str, Any]) -> str:
    permille = index["share_permille"]
    return percent(None if permille is None else permille / 1000)


def _called(visitor: Visitor) -> Callable[[Mapping[str, str] | None, str], str]:
    """What something is called in the visitor's language; its id where no version names it."""
    return lambda name, identifier: name[visitor.language] if name else identifier


def _said(visitor: Visitor) -> Callable[[str], str]:
    """A reason code in words; none for a code that is not of this version."""

    def said(code: str) -> str:
        if code not in ReasonCode.__members__:
            return ""
        words = describe(ReasonCode(code))
        return words.en if visitor.language == "en" else words.zh

    return said


def _address(**query: object) -> str:
    return f"/redeemability?{urlencode(query)}"


PAGE = Page("/redeemability", "Redeemability", routes)
