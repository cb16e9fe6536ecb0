"""`greenpoints trace`: follow one event, receipt, grant, lot, claw-back or redemption through all services."""

import json
import sys
from collections.abc import Sequence
from typing import Annotated
from urllib.parse import quote

import typer

from services.operator.printed import plain, show, tree_lines
from services.operator.running import Operator, find_addresses
from services.operator.story import Story, story_tree

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
) -> None:
    """Follow an id through all services, in the order in which it happened."""
    with Operator(find_addresses()) as operator:
        story, left_out = tell(operator, wanted)
    if story.is_empty():
        print(
            f"No service knows {plain(wanted)!r}, and no dead letter names it; it may not have been handled yet.",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    if as_json:
        print(json.dumps({**story.as_json(), "left_out": left_out}, ensure_ascii=False, indent=2))
        return
    show(tree_lines(story_tree(story)))
    if left_out:
        print(f"{left_out} more purchases are left out; trace their lots one by one.", file=sys.stderr)


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
