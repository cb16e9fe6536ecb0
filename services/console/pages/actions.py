"""The audit log of what operators did, for those who check."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.visitor import Visitor, require

_AT_ONCE = 100


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get("/actions")
    async def show(
        request: Request,
        visitor: Annotated[Visitor, Depends(require(Right.READ_ACTIONS))],
        before: Annotated[int | None, Query(ge=1, le=2**62)] = None,
    ) -> Response:
        rows = await console.actions.latest(before, _AT_ONCE)
        older = rows[-1]["action_id"] if len(rows) == _AT_ONCE else None
        return console.view.page(request, visitor, "actions.html", rows=rows, older=older, before=before)

    return router


PAGE = Page("/actions", "Actions", routes, Right.READ_ACTIONS)
