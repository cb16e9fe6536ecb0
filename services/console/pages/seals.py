"""Seals (C29): how far the journal is sealed, each program's last block, and on demand whether some of them hold."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Form, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.numbers import seconds
from services.console.visitor import Visitor, require

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
Verifier = Annotated[Visitor, Depends(require(Right.VERIFY_SEALS))]
VERIFIED = 100
_SECONDS = 60.0
_LATE = 60  # the sealer's round is 3 s; a long transaction may hold it up for some more
_WRONG = {
    "ROWS_CHANGED": "its rows were changed, removed or added to",
    "TREE_CHANGED": "its hashes are not its tree's",
    "BLOCK_CHANGED": "its own fields were changed",
    "CHAIN_BROKEN": "its neighbour is missing or was changed",
}


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/seals")

    @router.get("")
    async def show(request: Request, visitor: Signed) -> Response:
        return await _page(console, request, visitor, None)

    @router.post("")
    async def verify(
        request: Request,
        visitor: Verifier,
        program: Annotated[str, Form(min_length=1, max_length=128)],
        before: Annotated[int | None, Form(ge=2, le=2**31 - 1)] = None,
    ) -> Response:
        path = f"/v1/programs/{quote(program, safe='')}/seals/verification"
        asked = {"blocks": VERIFIED, "before": before}
        async with console.actions.doing(visitor, "seals.verify", program) as told:
            found = await console.services.get("redemption", path, asked, seconds=_SECONDS)
            told["newest"], told["oldest"], told["broken"] = found["newest"], found["oldest"], len(found["broken"])
        return await _page(console, request, visitor, found)

    return router


async def _page(console: Console, request: Request, visitor: Visitor, verified: Mapping[str, Any] | None) -> Response:
    seals, programs = await asyncio.gather(
        console.services.get("redemption", "/v1/seals"), console.services.get("redemption", "/v1/programs")
    )
    names = {one["program_id"]: one["name"][visitor.language] for one in programs["programs"]}
    as_of = datetime.fromisoformat(seals["as_of"])

    def age(sealed_at: str) -> float:
        return (as_of - datetime.fromisoformat(sealed_at)).total_seconds()

    late = bool(seals["waiting"]) and age(seals["sealed_at"]) > _LATE
    return console.view.page(
        request, visitor, "seals.html", seals=seals, names=names, verified=verified, late=late, wrong=_WRONG,
        age=lambda sealed_at: seconds(age(sealed_at)),
    )  # fmt: skip


PAGE = Page("/seals", "Seals", routes)
