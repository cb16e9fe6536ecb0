"""Partners: what is owed to them in money, statement by statement; donations; how well points can be redeemed."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.visitor import Visitor, require

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
Id = Annotated[str, Query(min_length=1, max_length=128)]
Kind = Literal["partner", "donation"]
Period = Annotated[str, Query(pattern=r"^[0-9]{4}-(?:[0-9]{2}|W[0-9]{2})$")]
SHOWN = 100
_STATES = {"open": "", "ended": "warning", "claimed": "ok", "paid": "ok"}


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/partners")

    @router.get("")
    async def show(
        request: Request,
        visitor: Signed,
        program: Annotated[str | None, Query(max_length=128)] = None,
        after: Annotated[str | None, Query(max_length=200)] = None,
    ) -> Response:
        programs = (await console.services.get("redemption", "/v1/programs"))["programs"]
        chosen = next((one for one in programs if one["program_id"] == program), programs[0] if programs else None)
        if chosen is None:
            return console.view.page(request, visitor, "partners.html", programs=[], chosen=None)
        found = await _of_program(console, chosen["program_id"], after)
        return console.view.page(
            request, visitor, "partners.html", programs=programs, chosen=chosen, after=after, states=_STATES,
            called=_called(visitor), address=_address, **found,
        )  # fmt: skip

    @router.get("/statement")
    async def show_statement(
        request: Request, visitor: Signed, program: Id, kind: Kind, payee: Id, period: Period
    ) -> Response:
        statement = await console.services.get("redemption", _path(program, kind, payee, period))
        return console.view.page(
            request, visitor, "partners_statement.html", program=program, statement=statement, called=_called(visitor),
            address=_address,
        )  # fmt: skip

    @router.get("/statement.csv")
    async def download(visitor: Signed, program: Id, kind: Kind, payee: Id, period: Period) -> Response:
        content = await console.services.file("redemption", f"{_path(program, kind, payee, period)}/csv")
        named = f'attachment; filename="statement-{period}.csv"'
        return Response(content, media_type="text/csv", headers={"Content-Disposition": named})

    return router


async def _of_program(console: Console, program_id: str, after: str | None) -> Mapping[str, Any]:
    base = f"/v1/programs/{_part(program_id)}"
    get = console.services.get
    statements, donations = await asyncio.gather(
        get("redemption", f"{base}/statements", {"limit": SHOWN, "after": after}),
        get("redemption", f"{base}/donations"),
    )
    return {
        "statements": statements["statements"],
        "older": statements["next_after"],
        "agreements": donations["agreements"],
    }


def _called(visitor: Visitor) -> Any:
    """What something is called in the visitor's language; its id where no version names it."""

    def called(name: Mapping[str, str] | None, identifier: str) -> str:
        return name[visitor.language] if name else identifier

    return called


def _address(page: str, **query: str) -> str:
    return f"{page}?{urlencode(query)}"


def _path(program: str, kind: str, payee: str, period: str) -> str:
    return f"/v1/programs/{_part(program)}/statements/{kind}/{period}/{_part(payee)}"


def _part(text: str) -> str:
    return quote(text, safe="")


PAGE = Page("/partners", "Partners", routes)
