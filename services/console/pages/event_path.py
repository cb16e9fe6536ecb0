"""One event's whole path: every hop through every service, found by any id of its story."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.console.console import Console, Page
from services.console.domain.rights import Right
from services.console.languages import moment
from services.console.numbers import count
from services.console.pages.event_path_facts import FACTS, TITLES
from services.console.readings.masking import masked
from services.console.readings.paths import Arrival, Hop, Row, arranged, ask
from services.console.visitor import Visitor, require

Signed = Annotated[Visitor, Depends(require(Right.LOOK))]
# Which column of a hop says when it happened here, the first that is there.
_WHEN = ("arrival", "posted_at", "raised_at", "opened_at", "placed_at", "sent_at", "told_at", "requested_at",
         "clawed_at")  # fmt: skip
# Columns whose values are words of ours, and so have a translation.
_WORDS = ("outcome", "state", "channel", "from_account", "to_account")


@dataclass(frozen=True, slots=True)
class Shown:
    """A hop in the visitor's words. `raw` is everything its service told."""

    service: str
    title: str
    state: str
    at: str | None
    facts: Sequence[tuple[str, str]]
    reads: Sequence[Arrival]
    raw: Sequence[tuple[str, str]]
    letter: str | None
    below: "Sequence[Shown]"


def routes(console: Console) -> APIRouter:
    router = APIRouter()

    @router.get("/stream/event")
    async def show(
        request: Request, visitor: Signed, event_id: Annotated[str, Query(alias="id", min_length=1, max_length=400)]
    ) -> Response:
        story = await ask(console.services, event_id.strip())
        hops = [shown(hop, visitor) for hop in arranged(story)]
        return console.view.page(
            request,
            visitor,
            "event_path.html",
            404 if story.is_empty() else 200,
            wanted=event_id.strip(),
            hops=hops,
            away=story.away,
            left_out=story.left_out,
        )

    return router


def shown(hop: Hop, visitor: Visitor) -> Shown:
    """Masked first where the visitor may not see ids; what is told afterwards cannot give them away."""
    row: Row = hop.row
    if not visitor.may(Right.SEE_IDS):
        told = {"message": row["error"]} if hop.kind == "dead_letters" else {}  # a message may quote an id
        row = masked({**row, **told})
    return Shown(
        service=hop.service,
        title=_title(hop.kind, row, visitor),
        state=_state(hop.kind, row),
        at=next((moment(visitor.language, _instant(row[name])) for name in _WHEN if row.get(name)), None),
        facts=[
            (visitor.t(label), _fact(row[column], visitor))
            for column, label in FACTS.get(hop.kind, {}).items()
            if row.get(column) not in (None, "", [], 0)
        ],
        reads=hop.reads,
        raw=[(name, _raw(value)) for name, value in row.items()],
        letter=str(row["dead_letter_id"]) if hop.kind == "dead_letters" else None,
        below=[shown(below, visitor) for below in hop.below],
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _fact(value: Any, visitor: Visitor) -> str:
    if isinstance(value, bool):
        return visitor.t("yes") if value else visitor.t("no")
    if isinstance(value, int):
        return count(value)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    text = str(value)
    if len(text) >= 20 and text[4:5] == "-" and "T" in text:
        try:
            return moment(visitor.language, _instant(text))
        except ValueError:
            return text
    return _short_type(text)


def _raw(value: Any) -> str:
    return "–" if value is None else str(value)


def _short_type(text: str) -> str:
    return text.removeprefix("greenpoints.").removesuffix(".v1") if text.startswith("greenpoints.") else text


def _state(kind: str, row: Row) -> str:
    """What colours a hop: only what needs somebody."""
    if kind == "dead_letters":
        return {"open": "bad"}.get(str(row.get("state")), "")
    if kind in ("cases", "holds", "held"):
        return "warning" if row.get("state") in ("open", "escalated", "placed") else ""
    if kind == "messages":
        return {"failed": "bad", "unknown": "warning"}.get(str(row.get("state")), "")
    return "warning" if kind == "waiting" or row.get("outcome") == "declined" else ""


def _title(kind: str, row: Row, visitor: Visitor) -> str:
    words = {name: visitor.t(str(row.get(name))) for name in _WORDS}
    type_ = _short_type(str(row.get("event_type")))
    given = {"type": type_, "points": count(row.get("points")), "rule": row.get("rule"), "code": row.get("code")}
    return visitor.t(TITLES[kind], **words, **given)


PAGE = Page("/stream/event", None, routes)
