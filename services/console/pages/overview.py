"""The overview: the whole flow with its live rates, lag, latency, budgets and health."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.live.source import CellSource, LiveSource
from services.console.pages.flow import draw
from services.console.pages.overview_cells import overview_cells, shown_services
from services.console.visitor import Visitor, require
from shared.events.topics import built_services, load_topics


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    async def show(request: Request, visitor: Annotated[Visitor, Depends(require(Right.LOOK))]) -> Response:
        reading = console.lag.reading
        return console.view.page(
            request,
            visitor,
            "overview.html",
            cells=overview_cells(console, visitor),
            drawing=draw(load_topics(), built_services()),
            services=shown_services(console),
            budgets=console.measures.budgets,
            trouble=None if reading is None else reading.error,
        )

    return router


class OverviewSource(CellSource):
    """The cells, and when Kafka's part of them was read."""

    def __init__(self, console: Console, visitor: Visitor) -> None:
        key = ("overview", visitor.language)
        super().__init__(lambda: console.renders.get(key, lambda: overview_cells(console, visitor)))
        self._console = console
        self._told: object = None

    def take(self) -> Mapping[str, object] | None:
        reading = self._console.lag.reading
        frame = dict(super().take() or {})
        if reading is not None and reading.at != self._told:
            self._told = reading.at
            frame["as_of"] = reading.at
        return frame or None


async def open_live(console: Console, visitor: Visitor, _parameter: str) -> LiveSource:
    return OverviewSource(console, visitor)


PAGE = Page("/", "Overview", routes, live={"overview": open_live})
