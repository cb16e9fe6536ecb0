"""A back-test as CSV: one number a row, whole and unformatted, for spreadsheets and programs."""

import csv
from collections.abc import Iterator
from pathlib import Path

from services.operator.simulate.sheets import Row

HEADS = ("part", "name", "measure", "live", "draft")
Cell = str | int | None
# A spreadsheet would take a name that begins so for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write(answer: Row, path: Path) -> None:
    """Money in minor units. UTF-8 with a byte order mark, without which Excel garbles Chinese."""
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADS)
        for part, name, measure, live, draft in rows(answer):
            writer.writerow((part, _harmless(name), measure, live, draft))


def rows(answer: Row) -> Iterator[tuple[str, str, str, Cell, Cell]]:
    """What holds for one side alone leaves the other empty; winners, losers and what they won are of both."""
    live, draft = answer["live"], answer["draft"]
    for measure in ("granted", "clawed_back", "cost_minor"):
        yield "sums", "", measure, live[measure], draft[measure]
    for kind in ("declined", "dead_letters"):
        for code in sorted(live[kind].keys() | draft[kind].keys()):
            yield kind, code, "events", live[kind].get(code, 0), draft[kind].get(code, 0)
    for measure in ("members", "winners", "losers", "won", "lost"):
        yield "members", "", measure, None, answer["members"][measure]
    for budget in answer["budgets"]:
        name = budget["budget_id"]
        yield "budget", name, "cost_minor", budget["live_cost_minor"], budget["draft_cost_minor"]
        for measure in ("approved_minor", "spent_before_minor", "left_minor", "refused_awards", "refused_cost_minor"):
            yield "budget", name, measure, None, budget[measure]
    for part, groups in (("tier", answer["tiers"]), ("merchant", answer["merchants"])):
        for group in groups:
            yield part, group["name"], "points", group["live_points"], group["draft_points"]
            for measure in ("members", "winners", "losers", "won", "lost"):
                yield part, group["name"], measure, None, group[measure]
    for rule in answer["rules"]:
        yield "rule", rule["rule_id"], "points", rule["live_points"], rule["draft_points"]
    for day in answer["days"]:
        name = f"{day['day']} {day['budget_id']}"
        yield "day", name, "cost_minor", day["live_cost_minor"], day["draft_cost_minor"]


def _harmless(name: str) -> str:
    return f"'{name}" if name.startswith(_FORMULA) else name
