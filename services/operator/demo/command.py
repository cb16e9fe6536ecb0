"""The `demo` command."""

from __future__ import annotations

import secrets
from typing import Annotated

import typer

from services.operator.demo.result import Plan
from services.operator.demo.run import run_demo
from services.operator.demo.screen import Screen, console
from services.operator.supervisor import until_interrupted

INTERRUPTED = 130


def command(
    *,
    purchases: Annotated[int, typer.Option(min=1, max=1_000_000, help="Receipts of the last 30 days.")] = 4000,
    seed: Annotated[int | None, typer.Option(min=0, help="Repeats the traffic of another run.")] = None,
    rate: Annotated[int, typer.Option(min=1, help="Events per second.")] = 300,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything running at the end, until Ctrl-C.")] = False,
) -> None:
    """Start everything, replay a fruit shop's traffic, show it live, compare each member's points, audit.

    Exit code 0 only if every member has exactly the points expected and the audit is clean.
    """
    plan = Plan(purchases, secrets.randbelow(2**16) if seed is None else seed, rate, keep)
    screen = Screen(console())
    passed: list[bool] = []

    async def work() -> None:
        passed.append(await run_demo(plan, screen))

    interrupted = until_interrupted(work)
    screen.say("Everything has stopped.")
    if not passed and interrupted:
        raise typer.Exit(INTERRUPTED)
    raise typer.Exit(0 if passed == [True] else 1)
