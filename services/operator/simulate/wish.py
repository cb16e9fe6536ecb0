"""What a back-test is asked for: draft, traffic, what it is compared with; and what is shown while it runs."""

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from deploy.local.trouble import Trouble
from services.operator.printed import plain
from services.operator.program.history import read_book
from services.operator.program.named import draft_in, named_pack
from services.operator.program.publish import invalid
from services.operator.running import find_addresses
from services.operator.simulate.run import Answer, Wish, run
from services.operator.simulate.scratch import VARIABLE
from services.operator.simulate.words import text
from shared.events.fields import parse_timestamp
from shared.languages import Language
from shared.programs.load import Draft, InvalidPackError
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import unbuilt_parts
from shared.programs.versions import ProgramVersion

_AGO = re.compile(r"(\d{1,5})([dh])")


def answer_to(wish: Wish, language: Language) -> Answer:
    """Runs the back-test with a bar on standard error."""
    with _shown(language) as (progress, say):
        return asyncio.run(run(wish, progress, say))


def readable_draft(path: Path) -> ProgramPack:
    """Raises Trouble for a pack that does not read, or that `simulated` refuses."""
    try:
        return simulated(draft_in(path))
    except InvalidPackError as error:
        raise invalid(error) from error


def simulated(draft: Draft) -> ProgramPack:
    """Raises Trouble where earning would not act on a rule; parts that give no points do no harm here."""
    for part in unbuilt_parts(draft.pack):
        if part.location and part.location[0] == "rules":
            line, field = draft.place(part.location)
            raise Trouble(
                part.code, f"{draft.file}:{line}: {field}: {part.text('en')}.", "Take it out to simulate the rest."
            )
    return draft.pack


def wish_for(
    draft: ProgramPack, events: Path | None, since: str | None, against: str | None, kafka: str | None
) -> Wish:
    """Raises Trouble where no traffic is named, or two, or nothing to compare with is known."""
    if (events is None) == (since is None):
        raise Trouble("TRAFFIC_UNNAMED", "Which traffic is to be tried is not clear.", "Give --events or --since.")
    bootstrap = kafka or _running_kafka()
    if since is not None and bootstrap is None:
        raise Trouble("ADDRESS_UNKNOWN", "Where Kafka answers is not known.", "Set GREENPOINTS_KAFKA.")
    if against is not None:
        versions: Sequence[ProgramVersion] = (_judging_always(named_pack(against, bootstrap)),)
    else:
        versions = _published(draft, bootstrap)
    if any(version.program_id != draft.program_id for version in versions):
        raise Trouble("PROGRAM_DIFFERS", "The two packs are of different programs.", "Compare versions of one program.")
    return Wish(
        draft=draft,
        against=versions,
        always=against is not None,
        since=None if since is None else instant(since),
        events=events,
        kafka=None if since is None else bootstrap,
        scratch=os.environ.get(VARIABLE) or None,
    )


def instant(written: str) -> datetime:
    """`30d` or `12h` before now, else the time itself. Raises Trouble for anything else."""
    if (found := _AGO.fullmatch(written)) is not None:
        count = int(found[1])
        return datetime.now(UTC) - (timedelta(days=count) if found[2] == "d" else timedelta(hours=count))
    try:
        return parse_timestamp(written)
    except ValueError as error:
        raise Trouble(
            "TIME_INVALID", f"--since: {plain(written)} is neither a span nor a time.", "Write 30d, 12h, or a time."
        ) from error


def _judging_always(pack: ProgramPack) -> ProgramVersion:
    return ProgramVersion.of(pack, pack.effective_at, pack.effective_at)


def _published(draft: ProgramPack, kafka: str | None) -> Sequence[ProgramVersion]:
    versions = () if kafka is None else asyncio.run(read_book(kafka)).versions(draft.program_id)
    if not versions:
        raise Trouble(
            "LIVE_VERSION_UNKNOWN",
            f"No published version of {plain(draft.program_id)} is known to compare with.",
            "Name a pack's file or PROGRAM@VERSION with --against.",
        )
    return versions


def _running_kafka() -> str | None:
    try:
        return find_addresses().kafka
    except Trouble:
        return None


@contextmanager
def _shown(language: Language) -> Iterator[tuple[Callable[[int, int, int], None], Callable[[str], None]]]:
    console = Console(stderr=True)
    events = TextColumn("{task.fields[events]}")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), events, TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(text(language, "simulating"), total=None, events="")

        def progress(read: int, total: int, records: int) -> None:
            bar.update(task, completed=read, total=total, events=text(language, "{count} events", count=f"{records:,}"))

        yield progress, lambda sentence: bar.console.print(sentence, markup=False, highlight=False)
