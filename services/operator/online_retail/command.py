"""`greenpoints replay online-retail`: UCI's Online Retail file into a running platform, and what came of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.text import Text

from deploy.local.stack import default_state_dir
from deploy.local.trouble import Trouble
from services.operator.bootstrap import AUDIT_ROLE
from services.operator.lag import LagReader, reading_lag
from services.operator.online_retail.outcomes import Outcomes, read_outcomes
from services.operator.online_retail.replay import Progress, ReplayError, replay
from services.operator.online_retail.report import outcome_table
from services.operator.online_retail.table import TableError, count_invoices
from services.operator.program import apply_shipped
from services.operator.running import Addresses, Operator, find_addresses

PACK = "online-retail.yaml"
STATE_FILE = "online-retail-replay.json"
_STALLED_SECONDS = 60  # without any progress
_LINE_SECONDS = 5

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _replay() -> None:
    """Replay recorded purchases into a running platform."""


@app.command("online-retail")
def online_retail(
    path: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The table as CSV or CSV in gzip.")],
    *,
    kafka: Annotated[str | None, typer.Option(envvar="GREENPOINTS_KAFKA", help="Kafka bootstrap servers.")] = None,
    speed: Annotated[int | None, typer.Option(min=1, help="Events per second; as fast as possible if absent.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Replay only the file's first N invoices.")] = None,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start at the first invoice, whatever an earlier run sent.")
    ] = False,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End when Kafka has everything; no report.")] = False,
    state_file: Annotated[Path | None, typer.Option(help="Remembers how far the replay got.")] = None,
) -> None:
    """Publish every invoice of the file as an event, in order of time; run it again to resume.

    Then waits until the services have handled everything, and reports what became of the invoices.
    """
    console = Console()
    addresses = addresses_for(kafka, wait=not no_wait)
    bootstrap = kafka or addresses.kafka or ""
    remembered = state_file or default_state_dir() / STATE_FILE
    if fresh:
        remembered.unlink(missing_ok=True)
    try:
        done = asyncio.run(_publish(path, bootstrap, speed, limit, remembered, console))
    except (TableError, ReplayError, KafkaError) as error:
        raise Trouble("REPLAY_STOPPED", f"The replay stopped: {error}", "What Kafka has is remembered.") from error
    console.print(f"{done.invoices:,} invoices are in Kafka; this run sent {done.events:,} events.", highlight=False)
    if no_wait:
        return
    asyncio.run(_wait(addresses.dsns[AUDIT_ROLE], bootstrap, console))
    with Operator(addresses) as operator:
        outcomes = read_outcomes(operator)
    if not report(console, outcomes, done.invoices):
        raise typer.Exit(1)


def addresses_for(kafka: str | None, *, wait: bool) -> Addresses:
    """Where to publish and whom to ask. Raises Trouble when nothing runs, or nobody could be asked afterwards."""
    try:
        found = find_addresses()
    except Trouble as trouble:
        if kafka is None or trouble.code != "NOT_RUNNING":
            raise
        found = Addresses({}, "", kafka)
    if kafka is None and found.kafka is None:
        raise Trouble("KAFKA_UNKNOWN", "The address of Kafka is not known.", "Set GREENPOINTS_KAFKA, or give --kafka.")
    if wait and (AUDIT_ROLE not in found.dsns or "earning" not in found.urls):
        raise Trouble(
            "NOBODY_TO_ASK",
            "The report needs earning's address and the audit role's database, and they are not known.",
            "Give --no-wait, or set GREENPOINTS_EARNING_URL, GREENPOINTS_OPERATOR_TOKEN and "
            "GREENPOINTS_AUDIT_DATABASE.",
        )
    return found


def report(console: Console, outcomes: Outcomes, published: int) -> bool:
    """Print what became of the invoices; False when some of those published have no outcome."""
    console.print(outcome_table(outcomes.invoices))
    console.print(
        f"Points: {outcomes.issued:,} issued, {outcomes.clawed_back:,} clawed back; "
        f"{outcomes.open_claims:,} refund lines wait for a purchase.",
        highlight=False,
    )
    found = sum(outcomes.invoices.values())
    if found < published:
        console.print(f"{published:,} invoices were published, but only {found:,} have an outcome.", style="red")
        return False
    more = f" (and {found - published:,} more of other replays)" if found > published else ""
    console.print(f"All {published:,} invoices published have exactly one outcome{more}.", highlight=False)
    return True


async def _publish(
    path: Path, kafka: str, speed: int | None, limit: int | None, state_file: Path, console: Console
) -> Progress:
    await apply_shipped(kafka, [PACK])
    total = await asyncio.to_thread(count_invoices, path)
    with _shown(console, min(total, limit or total)) as show:
        return await replay(path, kafka, speed=speed, limit=limit, state_file=state_file, progress=show)


@contextmanager
def _shown(console: Console, total: int) -> Iterator[Callable[[Progress], None]]:
    """A bar with rate and time left on a terminal, a line every few seconds anywhere else."""
    if not console.is_terminal:
        yield _lines(console, total)
        return
    columns = (TextColumn("Invoices"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Bar(*columns, console=console) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, completed=done.invoices)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.0f}/s" if task.speed else "")


def _lines(console: Console, total: int) -> Callable[[Progress], None]:
    started = last = time.monotonic()

    def show(done: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _LINE_SECONDS:
            return
        last = now
        rate = round(done.events / (now - started))
        console.print(f"{done.invoices:,} of {total:,} invoices, {rate:,} events/s", highlight=False)

    return show


async def _wait(audit_dsn: str, kafka: str, console: Console) -> None:
    async with reading_lag(audit_dsn, kafka) as lag:
        with console.status("The services are handling it …") as status:
            telling = asyncio.create_task(_tell(lag, status.update))
            try:
                await lag.until_drained(_STALLED_SECONDS)
            finally:
                telling.cancel()


async def _tell(lag: LagReader, say: Callable[[str], None]) -> None:
    while True:
        if (seen := lag.seen) is not None:
            say(f"The services are handling it: {seen.total:,} steps left …")
        await asyncio.sleep(0.5)
