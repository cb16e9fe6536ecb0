"""The `online-retail` command: replays UCI's Online Retail file into a running platform."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console

from services.operator.online_retail.replay import Progress, ReplayError, replay
from services.operator.online_retail.table import TableError

STATE_FILE = Path(".state/online-retail-replay.json")


def online_retail(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The table as CSV or CSV in gzip.")],
    *,
    kafka: Annotated[str, typer.Option(envvar="GREENPOINTS_KAFKA", help="Kafka bootstrap servers.")],
    speed: Annotated[int | None, typer.Option(min=1, help="Events per second; as fast as possible if absent.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay only the file's first N invoices.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start at the first invoice, whatever an earlier run sent.")
    ] = False,
    state_file: Annotated[Path, typer.Option(help="Remembers how far the replay got.")] = STATE_FILE,
) -> None:
    """Publish every invoice of the file as an event, in order of time; run it again to resume."""
    console = Console()
    if fresh:
        state_file.unlink(missing_ok=True)
    try:
        with console.status("Reading the file …") as status:

            def show(done: Progress) -> None:
                status.update(f"{done.invoices:,} invoices acknowledged, {done.events:,} events sent …")

            done = asyncio.run(replay(path, kafka, speed=speed, limit=limit, state_file=state_file, progress=show))
    except (TableError, ReplayError, KafkaError) as error:
        console.print(f"[red]{error}[/red]")
        raise typer.Exit(1) from error
    console.print(f"{done.invoices:,} invoices are in Kafka; this run sent {done.events:,} events.")
