"""The stream: how far each group is with each topic, and the records as they come."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.live.source import LiveSource
from services.console.pages.stream_cells import (
    ReadingSource,
    cells_of_partitions,
    cells_of_rows,
    partitions,
    rows,
)
from services.console.readings.masking import masked_event_id, masked_id, masked_key
from services.console.readings.tail import (
    Cursor,
    Line,
    Logs,
    TailRead,
    TailUnavailableError,
    Wanted,
    begin_near_the_end,
    jump_to_the_end,
    shown_topics,
)
from services.console.visitor import Visitor, require
from shared.runtime.http import ProblemError

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
Offset = Annotated[int, Field(ge=0, le=2**62)]
MOST_LINES = 60  # of one answer


class TailWish(BaseModel):
    """Where the browser is (`<topic>/<partition>` → next offset; null begins near the end), and what it wants.

    `most` 0 only counts what is left; `jump` leaves out everything up to the end.
    """

    model_config = ConfigDict(extra="forbid")

    cursor: dict[str, Offset] | None = None
    topic: str = Field(default="", max_length=200)
    contains: str = Field(default="", max_length=200)
    most: int = Field(default=MOST_LINES, ge=0, le=MOST_LINES)
    jump: bool = False


def routes(console: Console) -> APIRouter:
    router = APIRouter(prefix="/stream")

    @router.get("")
    async def show(request: Request, visitor: Signed) -> Response:
        reading = console.lag.reading
        return console.view.page(
            request,
            visitor,
            "stream.html",
            rows=rows(reading),
            cells=cells_of_rows(reading, visitor),
            topics=shown_topics(),
            error=reading.error if reading else None,
        )

    @router.get("/partitions")
    async def show_partitions(visitor: Signed, group: str, topic: str) -> Response:
        """The rows of one group and topic, for the page's script to put under theirs."""
        reading = console.lag.reading
        places = partitions(reading, group, topic)
        if not places:
            raise ProblemError(404, "NOT_FOUND", "No such group reads such a topic; load the page again.")
        cells = cells_of_partitions(reading, group, topic, visitor)
        html = console.view.fragment(
            visitor, "stream_partitions.html", group=group, topic=topic, places=places, cells=cells
        )
        return Response(html, media_type="text/html; charset=utf-8")

    @router.post("/tail")
    async def tail(visitor: Signed, wish: TailWish) -> dict[str, Any]:
        """What came since; the browser sends the cursor of this answer with its next question."""
        reading = console.lag.reading
        if reading is None or not reading.logs:
            raise ProblemError(503, "KAFKA_AWAY", "Kafka does not answer; the tail goes on where it stopped.")
        try:
            read = await _read(console, visitor, wish, reading.logs)
        except TailUnavailableError as away:
            raise ProblemError(503, "KAFKA_AWAY", str(away)) from away
        lines = [_shown(line, visitor) for line in read.lines]
        return {
            "cursor": {f"{topic}/{partition}": offset for (topic, partition), offset in read.cursor.items()},
            "html": console.view.fragment(visitor, "stream_lines.html", lines=lines),
            "lines": len(lines),
            "scanned": read.scanned,
            "skipped": read.skipped,
            "behind": read.behind,
        }

    return router


async def _read(console: Console, visitor: Visitor, wish: TailWish, logs: Logs) -> TailRead:
    topics = [topic for topic in shown_topics() if wish.topic in ("", topic)]
    cursor = begin_near_the_end(logs, topics) if wish.cursor is None else _cursor(wish.cursor)
    if wish.jump:
        return jump_to_the_end(cursor, logs, topics)
    wanted = Wanted(wish.contains.strip(), sees_ids=visitor.may(Right.SEE_IDS))
    return await console.tail.read(cursor, logs, topics, wanted, wish.most)


def _cursor(told: dict[str, int]) -> Cursor:
    cursor: Cursor = {}
    for place, offset in told.items():
        topic, _, number = place.rpartition("/")
        if number.isdigit() and len(number) < 6:
            cursor[topic, int(number)] = offset
    return cursor


def _shown(line: Line, visitor: Visitor) -> dict[str, Any]:
    """A line as this visitor may see it."""
    whole = visitor.may(Right.SEE_IDS)
    return {
        "at": line.at,
        "topic": line.topic,
        "place": f"{line.partition} @ {line.offset}",
        "type": (line.type or "").removeprefix("greenpoints.").removesuffix(".v1"),
        "event_id": line.event_id if whole or line.event_id is None else masked_event_id(line.event_id),
        "leads_on": line.event_id is not None and (whole or masked_event_id(line.event_id) == line.event_id),
        "key": line.key if whole or line.key is None else masked_key(line.key),
        "subject": line.subject if whole or line.subject is None else masked_id(line.subject),
        "size": line.size,
    }


async def open_lag(console: Console, visitor: Visitor, _parameter: str) -> LiveSource:
    return ReadingSource(lambda: console.lag.reading, lambda reading: cells_of_rows(reading, visitor), ordered=True)


async def open_partitions(console: Console, visitor: Visitor, parameter: str) -> LiveSource:
    """`parameter` is `<group>/<topic>`."""
    group, _, topic = parameter.partition("/")
    return ReadingSource(
        lambda: console.lag.reading, lambda reading: cells_of_partitions(reading, group, topic, visitor)
    )


PAGE = Page("/stream", "Stream", routes, live={"lag": open_lag, "partitions": open_partitions})
