"""What an explanation says, whatever is explained: its outcome, red lines, sums and events."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from services.operator.explain.shown import Block, Grid, Sentence, Tone
from services.operator.explain.words import refusal
from services.operator.printed import instant, short_type
from shared.languages import Language

Row = Mapping[str, Any]
Say = Callable[..., str]
TONE_OF_A_RULE: Mapping[bool, Tone] = {True: "", False: "dim"}
_TONES: Mapping[str, Tone] = {"refused": "red", "applied": "yellow"}


def outcome(answer: Row, say: Say, language: Language) -> Iterator[Block]:
    yield Sentence(say("Outcome: {outcome}", outcome=say(answer["outcome"])))
    if answer["code"]:
        yield Sentence(f"  {refusal(language, answer['code'])}", "yellow")


def red_lines(explanation: Row, say: Say) -> Iterator[Block]:
    """Kept, applied (it took something away) or refused; what was looked at."""
    checked: Sequence[Row] = explanation.get("red_lines", ())
    heads = tuple(map(say, ("control", "code", "result", "looked at")))
    rows = [(one["control"] or "-", one["code"], say(one["result"]), _inputs(one["inputs"], say)) for one in checked]
    yield Grid(say("Red lines"), heads, rows, tones=[_TONES.get(one["result"], "") for one in checked])


def sums(answer: Row, say: Say) -> Iterator[Block]:
    """The grants, and whether the books are what the facts give: said loudly where not."""
    heads = tuple(map(say, ("grant", "class", "budget", "points", "clawed back", "remains")))
    rows = [
        (
            grant["grant_id"],
            grant["class"],
            grant["budget_id"],
            grant["points"],
            grant.get("clawed_back", 0),
            grant["points"] - grant.get("clawed_back", 0),
        )
        for grant in answer["grants"]
    ]
    yield Grid(say("Granted"), heads, rows, numbers=frozenset({3, 4, 5}))
    yield Sentence(
        say(
            "Granted: {granted} points; clawed back: {clawed}; remains: {left}",
            granted=answer["granted"],
            clawed=answer["clawed_back"],
            left=answer["granted"] - answer["clawed_back"],
        )
    )
    yield from equality(answer, say)


def equality(answer: Row, say: Say) -> Iterator[Block]:
    if answer.get("recomputes"):
        yield Sentence(say("Recomputed from the stored facts: equal."))
    if not answer.get("differences"):
        return
    yield Sentence(
        say(
            "!!! NOT EQUAL [{code}]: the books differ from what the stored facts and rule version {version} give. "
            "Run `greenpoints audit`, and do not trust what is written here.",
            code=answer["difference_code"],
            version=answer["explanation"]["version"],
        ),
        "red",
    )
    heads = tuple(map(say, ("what", "class", "budget", "in the books", "recomputed")))
    rows = [
        (say(one["what"]), one["points_class"], one["budget_id"], one["booked"], one["computed"])
        for one in answer["differences"]
    ]
    yield Grid(say("Differences"), heads, rows, numbers=frozenset({3, 4}), tones=["red"] * len(rows))


def events(decisions: Sequence[Row], say: Say) -> Iterator[Block]:
    heads = tuple(map(say, ("time", "event", "id", "outcome", "code")))
    rows = [
        (
            instant(one["event_time"]),
            short_type(one["event_type"]),
            one["event_id"],
            say(one["outcome"]),
            one["code"] or "",
        )
        for one in decisions
    ]
    yield Grid(say("Events"), heads, rows)


def condition(one: Row, say: Say) -> str:
    """A condition of a rule: whether it holds, and what it looked at."""
    mark = {True: "✓", False: "✗", None: "–"}[one["holds"]]
    saw = one["saw"]
    seen = ", ".join(map(str, saw)) if isinstance(saw, list) else "" if saw is None else str(saw)
    return f"{mark} {one['name']}: {seen or say('none')}"


def cap(cap: Row, say: Say) -> str:
    """A cap of a rule, and what was left of it."""
    return say(
        "{points} points per {window}, {left} were left; beyond it {over}",
        points=cap["points"],
        window=say(cap["per"].replace("_", " ")),
        left=cap["left"],
        over=say(cap["over"]),
    )


def _inputs(inputs: Row, say: Say) -> str:
    return ", ".join(f"{say(name.replace('_', ' '))} {_value(value, say)}" for name, value in inputs.items())


def _value(value: object, say: Say) -> str:
    if isinstance(value, bool):
        return say("yes") if value else say("no")
    if isinstance(value, list):
        return ", ".join(map(str, value)) or say("none")
    return say("none") if value is None else str(value)
