"""Asking earning: a back-test is a process of its own, for the operator knows no service from inside."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from deploy.local.processes import Say
from deploy.local.stack import CHECKOUT, default_state_dir
from deploy.local.trouble import Trouble
from services.operator.simulate.scratch import scratch_databases
from shared.compiled import SETTING
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramVersion

Answer = Mapping[str, Any]
Progress = Callable[[int, int, int], None]
"""(read, of all, events that went through)."""
_MODULE = "services.earning.simulation"
_LINE_BYTES = 64 * 1024 * 1024  # an answer names every merchant and day
_LAST_WORDS = 600


@dataclass(frozen=True, slots=True)
class Wish:
    """What is tried, over which traffic, against what; `always`: `against` is a file that judges at every time."""

    draft: ProgramPack
    against: Sequence[ProgramVersion]
    always: bool
    since: datetime | None = None
    events: Path | None = None
    kafka: str | None = None
    scratch: str | None = None

    def question(self, live_database: str, draft_database: str) -> bytes:
        return orjson.dumps(
            {
                "draft": self.draft.model_dump(mode="json", by_alias=True),
                "against": [
                    {
                        "pack": version.pack.model_dump(mode="json", by_alias=True),
                        "published_at": version.published_at,
                        "recorded_at": version.recorded_at,
                        "always": self.always,
                    }
                    for version in self.against
                ],
                "since": None if self.since is None else self.since.astimezone(UTC),
                "events": None if self.events is None else str(self.events.absolute()),
                "kafka": self.kafka,
                "live_database": live_database,
                "draft_database": draft_database,
            }
        )


async def run(wish: Wish, progress: Progress, say: Say) -> Answer:
    """The answer of `services.earning.simulation`. Raises Trouble with its sentence where it has none."""
    async with scratch_databases(wish.scratch, default_state_dir(), say) as databases:
        return await _ask(wish.question(*databases), progress)


async def _ask(question: bytes, progress: Progress) -> Answer:
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            cwd=CHECKOUT, env=_environment(), limit=_LINE_BYTES,
        )  # fmt: skip
        try:
            answer = await _listen(process, question, progress)
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if answer is not None:
            return answer
        log.seek(max(0, log.seek(0, os.SEEK_END) - _LAST_WORDS))
        words = log.read().decode(errors="replace").strip().splitlines()
    raise Trouble(
        "SIMULATION_ENDED",
        f"The simulation ended without an answer: {words[-1] if words else 'it said nothing'}.",
        "Try again; if it ends so again, report it.",
    )


async def _listen(process: asyncio.subprocess.Process, question: bytes, progress: Progress) -> Answer | None:
    if process.stdin is None or process.stdout is None:
        raise ValueError("The process has no pipes.")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(question)
        await process.stdin.drain()
        process.stdin.close()
    answer: Answer | None = None
    async for line in process.stdout:
        told = orjson.loads(line)
        if "trouble" in told:
            raise Trouble(told["trouble"], told["sentence"], "Check the traffic that you named.")
        if "answer" in told:
            answer = told["answer"]
        else:
            progress(told["read"], told["total"], told["records"])
    return answer


def _environment() -> dict[str, str]:
    """Ours without what is meant for running services: no crash point or clock of theirs reaches a back-test."""
    return {name: value for name, value in os.environ.items() if name == SETTING or not name.startswith("GREENPOINTS_")}
