"""`greenpoints trace`: follow one event, receipt, grant, lot, claw-back or redemption through all services."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from services.operator.look_through import differences, look_through_tree
from services.operator.printed import plain, show, tree_lines
from services.operator.running import Operator, find_addresses
from services.operator.story import Story, story_tree
from shared.events.reason_codes import ReasonCode

_EARNING = ("decisions", "grants", "claw_backs", "waiting")
_REDEMPTION = {
    "lots": "lots",
    "journal": "journal",
    "redemptions": "redemptions",
    "allocations": "allocations",
    "claw_backs": "settled",
}
# What those know who only watch and tell; asked where they are at hand.
_BESIDE = {"fraud_monitoring": ("cases", "signals", "holds"), "notification": ("messages",)}
# A large redemption may reach hundreds of purchases; more than these are left out, and that is said.
_MOST = 100


def command(
    wanted: Annotated[
        str,
        typer.Argument(metavar="ID", help="Event, receipt, grant, lot, claw-back, redemption or story (source#id)."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Everything found as JSON.")] = False,
    table: Annotated[
        Path | None, typer.Option("--csv", dir_okay=False, help="Write a redemption's look-through as a table.")
    ] = None,
) -> None:
    """Follow an id through all services, in the order in which it happened.

    A redemption is also looked through (C25): its lots, grants, receipts and budgets, what it was spent on and what
    is owed for that. Exit code 1 where nothing is found, or the look-through has a gap.
    """
    with Operator(find_addresses()) as operator:
        story, left_out = tell(operator, wanted)
        seen = _look_through(operator, story, wanted, compared=not left_out)
        if table is not None:
            _write_table(operator, wanted, table)
    if story.is_empty():
        print(
            f"No service knows {plain(wanted)!r}, and no dead letter names it; it may not have been handled yet.",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if as_json:
        everything = {**story.as_json(), "look_through": seen, "left_out": left_out}
        print(json.dumps(everything, ensure_ascii=False, indent=2))
    else:
        show(tree_lines([*story_tree(story), *([look_through_tree(seen)] if seen else [])]))
    if left_out:
        print(f"{left_out} more purchases are left out; trace their lots one by one.", file=sys.stderr)
    if seen is not None and not seen["complete"]:
        raise typer.Exit(1)


def _look_through(operator: Operator, story: Story, wanted: str, *, compared: bool) -> dict[str, Any] | None:
    """Redemption's account, and beside its own gaps those that earning's books show; None for what is no redemption."""
    if not any(row["redemption_id"] == wanted for row in story.redemptions):
        return None
    told: dict[str, Any] = operator.get("redemption", f"/v1/redemptions/{wanted}/look-through")
    gaps = [*told["gaps"], *(differences(told, story) if compared else ())]
    code = ReasonCode.TRACE_INCOMPLETE.value if gaps else None
    return {**told, "gaps": gaps, "complete": not gaps, "code": code}


def _write_table(operator: Operator, wanted: str, table: Path) -> None:
    path = f"/v1/redemptions/{quote(wanted, safe='')}/look-through/csv"
    table.write_bytes(operator.download("redemption", path))


def tell(operator: Operator, wanted: str) -> tuple[Story, int]:
    """Ask earning and redemption for the id, each for what the other found, then who watches and tells.

    Also how many were too many to ask for.
    """
    story = Story()
    _ask_earning(operator, story, wanted)
    stories = _ask_redemption(operator, story, wanted)
    unknown_stories = sorted(stories - {decision["correlation_id"] for decision in story.decisions})
    unknown_lots = sorted({grant["grant_id"] for grant in story.grants} - {lot["lot_id"] for lot in story.lots})
    for correlation_id in unknown_stories[:_MOST]:
        _ask_earning(operator, story, correlation_id)
    for lot_id in unknown_lots[:_MOST]:
        _ask_redemption(operator, story, lot_id)
    _ask_beside(operator, story, [wanted, *sorted({decision["correlation_id"] for decision in story.decisions})])
    _ask_dead_letters(operator, story, wanted)
    return story, len(unknown_stories[_MOST:]) + len(unknown_lots[_MOST:])


def _ask_earning(operator: Operator, story: Story, wanted: str) -> None:
    found = operator.get("earning", f"/v1/trace/{quote(wanted, safe='')}")
    for kind in _EARNING:
        story.add(kind, found[kind])


def _ask_redemption(operator: Operator, story: Story, wanted: str) -> set[str]:
    found = operator.get("redemption", f"/v1/trace/{quote(wanted, safe='')}")
    for kind, kept_as in _REDEMPTION.items():
        story.add(kept_as, found[kind])
    return {row["correlation_id"] for row in found["correlations"]}


def _ask_beside(operator: Operator, story: Story, wanted: Sequence[str]) -> None:
    for service, kinds in _BESIDE.items():
        if service not in operator.addresses.urls:
            continue
        for name in wanted[:_MOST]:
            found = operator.get(service, f"/v1/trace/{quote(name, safe='')}")
            for kind in kinds:
                story.add(kind, found[kind])


def _ask_dead_letters(operator: Operator, story: Story, wanted: str) -> None:
    """Letters whose raw record or headers hold the event's id as a JSON string, at most 20 per service and state."""
    name = json.dumps(wanted.rpartition("#")[2] or wanted, ensure_ascii=False)
    for service in operator.addresses.services_with_dead_letters():
        for state in ("open", "replayed", "discarded"):
            letters = operator.get(service, "/v1/dead-letters", state=state, contains=name, limit=20)
            story.add("dead_letters", [{**letter, "service": service} for letter in letters])
