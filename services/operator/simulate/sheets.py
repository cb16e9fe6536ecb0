"""A back-test's answer as sheets that terminal and picture share, and as sentences. No I/O."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from services.operator.simulate.words import text
from shared.events.reason_codes import ReasonCode, describe
from shared.languages import Language
from shared.programs.money import amount

Row = Mapping[str, Any]
Say = Callable[..., str]
MOST = 20  # merchants and days shown; the file for spreadsheets has all


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: two values to compare, each with how it is written."""

    name: str
    live: int
    draft: int
    live_text: str
    draft_text: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table, its first column names. `bars` draw its comparison, or nothing. `left_out` rows are in the CSV alone."""

    name: str
    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    bars: Sequence[Bar] = ()
    left_out: int = 0


def sheets(answer: Row, language: Language) -> list[Sheet]:
    say: Say = partial(text, language)
    money = partial(amount, currency=answer["currency"])
    return [
        _sums(answer, say, money),
        _budgets(answer, say, money),
        _groups("tiers", say("Winners and losers by tier"), say("tier"), answer["tiers"], say, say("no tier")),
        _groups(
            "merchants", say("Winners and losers by merchant"), say("merchant"), answer["merchants"], say,
            say("no merchant"),
        ),
        _rules(answer, say),
        _days(answer, say, money),
    ]  # fmt: skip


def sentences(answer: Row, language: Language) -> Iterator[tuple[str, str]]:
    """(severity, sentence): what a reader must know before the numbers; warnings are yellow."""
    say: Say = partial(text, language)
    money = partial(amount, currency=answer["currency"])
    yield (
        "",
        say(
            "{events} events; the draft (version {draft}) against version {live}; counted from {first} to {last}.",
            events=f"{answer['records']:,}",
            draft=answer["draft_version"],
            live=", ".join(map(str, answer["against_versions"])),
            first=_instant(answer["first"]),
            last=_instant(answer["last"]),
        ),
    )
    members = answer["members"]
    yield (
        "",
        say(
            "{members} members earned; {winners} would have earned more, {losers} less, {same} the same.",
            members=f"{members['members']:,}",
            winners=f"{members['winners']:,}",
            losers=f"{members['losers']:,}",
            same=f"{members['members'] - members['winners'] - members['losers']:,}",
        ),
    )
    for budget in answer["budgets"]:
        yield from _about(budget, say, money)
    for code, count in answer["draft"]["dead_letters"].items():
        yield "warning", say("{count} events were not judged: {why}", count=count, why=_reason(code, language))
    if answer["history_incomplete"]:
        yield (
            "warning",
            say("The topics do not go back to their beginning: caps, tiers and refunds may be judged otherwise."),
        )


def _about(budget: Row, say: Say, money: Callable[[int], str]) -> Iterator[tuple[str, str]]:
    if budget["refused_awards"]:
        yield (
            "warning",
            say(
                "Budget {budget} ran out at {at}: {awards} awards worth {cost} were refused.",
                budget=budget["budget_id"],
                at=_instant(budget["first_refused_at"]),
                awards=budget["refused_awards"],
                cost=money(budget["refused_cost_minor"]),
            ),
        )
    if not budget["period_judged"]:
        yield (
            "note",
            say(
                "Budget {budget} is the draft's own; its period ({begin} to {end}) was not judged.",
                budget=budget["budget_id"],
                begin=budget["from"],
                end=budget["to"],
            ),
        )


def _sums(answer: Row, say: Say, money: Callable[[int], str]) -> Sheet:
    live, draft = answer["live"], answer["draft"]
    rows = [
        _compared(say("points granted"), live["granted"], draft["granted"], _points),
        _compared(say("points clawed back"), live["clawed_back"], draft["clawed_back"], _points),
        _compared(say("cost"), live["cost_minor"], draft["cost_minor"], money),
    ]
    for code in sorted(live["declined"].keys() | draft["declined"].keys()):
        counts = live["declined"].get(code, 0), draft["declined"].get(code, 0)
        rows.append(_compared(say("declined: {code}", code=code), *counts, _points))
    return Sheet("sums", say("In all"), (say("what"), *_sides(say)), rows)


def _budgets(answer: Row, say: Say, money: Callable[[int], str]) -> Sheet:
    heads = ("budget", "approved", "spent before", "live", "draft", "left", "refused awards")
    rows = [
        (
            budget["budget_id"],
            money(budget["approved_minor"]),
            money(budget["spent_before_minor"]),
            money(budget["live_cost_minor"]),
            money(budget["draft_cost_minor"]),
            money(budget["left_minor"]),
            _points(budget["refused_awards"]),
        )
        for budget in answer["budgets"]
    ]
    bars = [
        _bar(budget["budget_id"], budget["live_cost_minor"], budget["draft_cost_minor"], money)
        for budget in answer["budgets"]
    ]
    return Sheet("budgets", say("Cost against budget"), tuple(map(say, heads)), rows, bars)


def _groups(name: str, title: str, head: str, groups: Sequence[Row], say: Say, nameless: str) -> Sheet:
    """The largest differences first."""
    ordered = sorted(groups, key=lambda group: (-(group["won"] + group["lost"]), group["name"]))
    heads = ("members", "winners", "losers", "live", "draft", "points won", "points lost")
    rows = [
        (
            group["name"] or nameless,
            *(
                _points(group[part])
                for part in ("members", "winners", "losers", "live_points", "draft_points", "won", "lost")
            ),
        )
        for group in ordered[:MOST]
    ]
    bars = [
        _bar(group["name"] or nameless, group["live_points"], group["draft_points"], _points)
        for group in ordered[:MOST]
    ]
    return Sheet(name, title, (head, *map(say, heads)), rows, bars, max(0, len(ordered) - MOST))


def _rules(answer: Row, say: Say) -> Sheet:
    rows = [_compared(rule["rule_id"], rule["live_points"], rule["draft_points"], _points) for rule in answer["rules"]]
    bars = [_bar(rule["rule_id"], rule["live_points"], rule["draft_points"], _points) for rule in answer["rules"]]
    return Sheet("rules", say("Points by rule"), (say("rule"), *_sides(say)), rows, bars)


def _days(answer: Row, say: Say, money: Callable[[int], str]) -> Sheet:
    """All budgets together; the last days."""
    live: dict[str, int] = {}
    draft: dict[str, int] = {}
    for row in answer["days"]:
        live[row["day"]] = live.get(row["day"], 0) + row["live_cost_minor"]
        draft[row["day"]] = draft.get(row["day"], 0) + row["draft_cost_minor"]
    days = sorted(live)
    shown = days[-MOST:]
    rows = [_compared(day, live[day], draft[day], money) for day in shown]
    bars = [_bar(day, live[day], draft[day], money) for day in shown]
    return Sheet("days", say("Cost by day"), (say("day"), *_sides(say)), rows, bars, len(days) - len(shown))


def _compared(name: str, live: int, draft: int, told: Callable[[int], str]) -> tuple[str, ...]:
    return (name, told(live), told(draft), _signed(draft - live, told))


def _bar(name: str, live: int, draft: int, told: Callable[[int], str]) -> Bar:
    return Bar(name, live, draft, told(live), told(draft))


def _sides(say: Say) -> tuple[str, ...]:
    return say("live"), say("draft"), say("difference")


def _points(points: int) -> str:
    return f"{points:,}"


def _signed(difference: int, told: Callable[[int], str]) -> str:
    return f"+{told(difference)}" if difference > 0 else told(difference)


def _instant(written: str | None) -> str:
    return "-" if written is None else written[:16].replace("T", " ") + "Z"


def _reason(code: str, language: Language) -> str:
    if code not in ReasonCode.__members__:
        return code
    reason = describe(ReasonCode(code))
    return f"{code} ({reason.zh if language == 'zh-CN' else reason.en})"
