"""One story through all services: asked over HTTP, arranged as the path it took, each hop under what caused it."""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

from services.console.services import ServiceAwayError, ServiceRefusedError
from shared.events.cloudevent import event_key

Row = Mapping[str, Any]

# More of a large redemption's purchases, or of its lots, are left out, and that is said.
MOST = 40
_MOST_KEYS = 200
_MOST_LETTERS = 20
# Kind of row → the columns that name it; a row told twice counts once.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "decisions": ("event_key",),
    "grants": ("grant_id",),
    "claw_backs": ("claw_back_id",),
    "waiting": ("event_key",),
    "lots": ("lot_id",),
    "journal": ("program_id", "member_id", "entry_id"),
    "redemptions": ("redemption_id",),
    "allocations": ("redemption_id", "lot_id"),
    "settled": ("claw_back_id",),
    "held": ("hold_id", "member_id"),
    "signals": ("signal_id",),
    "cases": ("case_id",),
    "holds": ("hold_id", "member_id"),
    "messages": ("message_id",),
    "dead_letters": ("service", "dead_letter_id"),
}
# What a service calls its rows, where another service means something else by the word.
_RENAMED = {("redemption", "claw_backs"): "settled", ("redemption", "holds"): "held"}


class Asking(Protocol):
    """What is needed of the services' client."""

    def names(self) -> Sequence[str]: ...
    def names_with_dead_letters(self) -> Sequence[str]: ...
    async def get(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> Any: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a service read an event."""

    service: str
    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Hop:
    """One thing that happened. `reads` is where the services read the event that told it."""

    kind: str
    service: str
    row: Row
    reads: Sequence[Arrival] = ()
    below: "list[Hop]" = field(default_factory=list)


@dataclass(slots=True)
class Story:
    """Rows by kind; `away` are services that did not answer, with their sentence; `left_out` ids not followed."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {kind: [] for kind in _KEYS})
    arrivals: dict[str, list[Arrival]] = field(default_factory=dict)
    away: dict[str, str] = field(default_factory=dict)
    left_out: int = 0

    def add(self, kind: str, rows: Iterable[Row]) -> None:
        """Rows of unknown kinds are not kept."""
        if kind not in _KEYS:
            return
        known = {_name(kind, row) for row in self.rows[kind]}
        self.rows[kind] += [row for row in rows if _name(kind, row) not in known]

    def is_empty(self) -> bool:
        return not any(self.rows.values())


def _name(kind: str, row: Row) -> tuple[Any, ...]:
    return tuple(row.get(column) for column in _KEYS[kind])


async def ask(services: Asking, wanted: str) -> Story:
    """Ask every service for the id, then for what the others found, then where each event was read."""
    story = Story()
    asked: set[tuple[str, str]] = set()
    await _trace(services, story, asked, [wanted])
    for _ in range(2):  # a redemption leads to its purchases, and these to their lots, holds and messages
        if not await _trace(services, story, asked, _leads(story)):
            break
    await _find_dead_letters(services, story, wanted)
    await _find_arrivals(services, story)
    return story


def _leads(story: Story) -> list[str]:
    """Story ids and the lots of grants: by these every service finds what it knows."""
    rows = story.rows
    stories = [row.get("correlation_id") for kind in ("decisions", "lots", "holds") for row in rows[kind]]
    grants = [row["grant_id"] for row in rows["grants"]]
    claws = [row["claw_back_id"] for row in rows["claw_backs"]]
    cases = [row.get("case_id") for row in rows["held"]]
    return list(dict.fromkeys(str(lead) for lead in (*stories, *grants, *claws, *cases) if lead))


async def _trace(services: Asking, story: Story, asked: set[tuple[str, str]], leads: Sequence[str]) -> bool:
    """Ask each service for those leads it was not asked for; whether there was any."""
    questions = [(name, lead) for lead in leads for name in services.names() if (name, lead) not in asked]
    kept = questions[: MOST * len(services.names())]
    story.left_out += len({lead for _, lead in questions} - {lead for _, lead in kept})
    asked.update(questions)
    answers = await asyncio.gather(
        *(_answer(services, story, name, f"/v1/trace/{quote(lead, safe='')}") for name, lead in kept)
    )
    for (name, _), answer in zip(kept, answers, strict=True):
        if isinstance(answer, Mapping):
            for kind, rows in answer.items():
                story.add(_RENAMED.get((name, str(kind)), str(kind)), rows)
    return bool(kept)


async def _answer(
    services: Asking, story: Story, service: str, path: str, params: Mapping[str, Any] | None = None
) -> Any:
    """None where the service has no such route or does not answer; the latter is told."""
    try:
        return await services.get(service, path, params)
    except ServiceRefusedError as refused:
        if refused.status not in (404, 422):
            story.away[service] = refused.sentence
    except ServiceAwayError as away:
        story.away[service] = away.sentence
    return None


async def _find_dead_letters(services: Asking, story: Story, wanted: str) -> None:
    """Letters whose record or headers hold the event's id as a JSON string."""
    name = json.dumps(wanted.rpartition("#")[2] or wanted, ensure_ascii=False)
    asked = {"contains": name, "limit": _MOST_LETTERS}
    questions = [
        (service, state)
        for service in services.names_with_dead_letters()
        for state in ("open", "replayed", "discarded")
    ]
    answers = await asyncio.gather(*(
        _answer(services, story, service, "/v1/dead-letters", {**asked, "state": state})
        for service, state in questions
    ))  # fmt: skip
    for (service, _), letters in zip(questions, answers, strict=True):
        story.add("dead_letters", ({**letter, "service": service} for letter in letters or ()))


async def _find_arrivals(services: Asking, story: Story) -> None:
    keys = sorted({key for kind, rows in story.rows.items() for row in rows if (key := key_of(kind, row)) is not None})
    if not keys:
        return
    names = [name for name in services.names() if name not in story.away]
    answers = await asyncio.gather(*(
        _answer(services, story, name, "/v1/arrivals", {"event_key": keys[:_MOST_KEYS]}) for name in names
    ))  # fmt: skip
    for name, answer in zip(names, answers, strict=True):
        for row in answer or ():
            place = Arrival(name, row["topic"], row["partition"], row["record_offset"])
            story.arrivals.setdefault(row["event_key"], []).append(place)


def key_of(kind: str, row: Row) -> str | None:
    """The key of the event that told this: a decision's own, and the outbound ones, whose ids are known."""
    if kind in ("decisions", "waiting"):
        return str(row["event_key"])
    if kind == "grants":
        return str(event_key("/earning", str(row["grant_id"])))
    if kind == "claw_backs":
        return str(event_key("/earning", str(row["claw_back_id"])))
    if kind == "journal" and ".points.matured." in str(row.get("cause_type")):
        return str(event_key("/redemption", str(row["cause_id"])))
    return str(row["placed_key"]) if kind == "held" and row.get("placed_key") else None


def arranged(story: Story) -> list[Hop]:
    """Each hop under what caused it: event → decision, grant, lot, journal; then spending, fraud, messages, trouble."""
    rows = story.rows
    decided = {row["event_key"] for row in rows["decisions"]}
    granted = {row["grant_id"] for row in rows["grants"]}
    told = {row["claw_back_id"] for row in rows["claw_backs"]}
    held_by_fraud = {row["hold_id"] for row in rows["holds"]}
    in_cases = {str(row.get("case_id")) for row in rows["cases"]}
    roots = [_decision(story, row) for row in sorted(rows["decisions"], key=lambda row: str(row.get("event_time")))]
    roots += [_grant(story, row) for row in rows["grants"] if row["event_key"] not in decided]
    roots += [_lot(story, row) for row in rows["lots"] if row["lot_id"] not in granted]
    roots += [_hop(story, "claw_backs", row) for row in rows["claw_backs"] if row["event_key"] not in decided]
    roots += [_hop(story, "settled", row) for row in rows["settled"] if row["claw_back_id"] not in told]
    roots += [_redemption(story, row) for row in rows["redemptions"]]
    roots += [_case(story, row) for row in rows["cases"]]
    roots += [_hold(story, row) for row in rows["holds"] if str(row.get("case_id")) not in in_cases]
    roots += [_hop(story, "held", row) for row in rows["held"] if row["hold_id"] not in held_by_fraud]
    for kind in ("messages", "waiting", "dead_letters"):
        roots += [_hop(story, kind, row) for row in rows[kind]]
    return roots


_SERVICE = {
    "decisions": "earning", "grants": "earning", "claw_backs": "earning", "waiting": "earning", "lots": "redemption",
    "journal": "redemption", "redemptions": "redemption", "allocations": "redemption", "settled": "redemption",
    "held": "redemption", "signals": "fraud_monitoring", "cases": "fraud_monitoring", "holds": "fraud_monitoring",
    "messages": "notification",
}  # fmt: skip


def _hop(story: Story, kind: str, row: Row, below: Iterable[Hop] = ()) -> Hop:
    key = key_of(kind, row)
    service = _SERVICE.get(kind) or str(row.get("service", ""))
    return Hop(kind, service, row, story.arrivals.get(key, ()) if key else (), list(below))


def _decision(story: Story, row: Row) -> Hop:
    rows, event = story.rows, row["event_key"]
    grants = [_grant(story, grant) for grant in rows["grants"] if grant["event_key"] == event]
    claws = [_claw_back(story, claw) for claw in rows["claw_backs"] if claw["event_key"] == event]
    return _hop(story, "decisions", row, [*grants, *claws])


def _grant(story: Story, row: Row) -> Hop:
    lots = [_lot(story, lot) for lot in story.rows["lots"] if lot["lot_id"] == row["grant_id"]]
    return _hop(story, "grants", row, lots)


def _lot(story: Story, row: Row) -> Hop:
    moved = sorted((each for each in story.rows["journal"] if each["lot_id"] == row["lot_id"]), key=_entry)
    return _hop(story, "lots", row, [_hop(story, "journal", each) for each in moved])


def _entry(row: Row) -> int:
    return int(row["entry_id"])


def _claw_back(story: Story, row: Row) -> Hop:
    settled = [each for each in story.rows["settled"] if each["claw_back_id"] == row["claw_back_id"]]
    return _hop(story, "claw_backs", row, [_hop(story, "settled", each) for each in settled])


def _redemption(story: Story, row: Row) -> Hop:
    shares = [each for each in story.rows["allocations"] if each["redemption_id"] == row["redemption_id"]]
    return _hop(story, "redemptions", row, [_hop(story, "allocations", each) for each in shares])


def _case(story: Story, row: Row) -> Hop:
    mine = str(row.get("case_id"))
    signals = [_hop(story, "signals", each) for each in story.rows["signals"] if str(each.get("case_id")) == mine]
    holds = [_hold(story, each) for each in story.rows["holds"] if str(each.get("case_id")) == mine]
    return _hop(story, "cases", row, [*signals, *holds])


def _hold(story: Story, row: Row) -> Hop:
    held = [_hop(story, "held", each) for each in story.rows["held"] if each["hold_id"] == row["hold_id"]]
    return _hop(story, "holds", row, held)
