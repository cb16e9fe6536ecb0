"""Tests run against a copy of the tree, with or without a bug in it."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.stack import default_state_dir
from shared.compiled import SETTING

LONGEST_SECONDS = 700
_FAILED = re.compile(r"^FAILED (.+?)(?: - (.*))?$", re.MULTILINE)
_ERROR = re.compile(r"^(?:ERROR|E  ) .*$", re.MULTILINE)
# A patch that has rotted into nonsense fails every test, and shows nothing of the test.
_NONSENSE = re.compile(
    r"\b(?:SyntaxError|ImportError|ModuleNotFoundError|NameError|UnboundLocalError|AttributeError"
    r"|PostgresSyntaxError|Undefined\w+Error|AmbiguousColumnError|IndeterminateDatatypeError)\b.*"
)
_WHERE = "import deploy, services, shared, tests; print(*(m.__path__[0] for m in (deploy, services, shared, tests)))"


@dataclass(frozen=True, slots=True)
class Trial:
    """What pytest said. `failed` is the first test that failed, None unless one did; `said` is why, in a line."""

    passed: bool
    failed: str | None
    said: str
    seconds: float


@asynccontextmanager
async def copied_tree(source: Path) -> AsyncIterator[Path]:
    """A copy of a working tree without what its .gitignore names, in which Python runs the copy's own code."""
    ignored = [line.strip().rstrip("/") for line in (source / ".gitignore").read_text().splitlines()]
    with tempfile.TemporaryDirectory(prefix="greenpoints-planted-") as folder:
        tree = Path(folder).resolve() / "tree"
        await asyncio.to_thread(shutil.copytree, source, tree, ignore=shutil.ignore_patterns(".git", *ignored))
        _, printed = await _run(tree, "-c", _WHERE)
        if printed.split() != [str(tree / name) for name in ("deploy", "services", "shared", "tests")]:
            raise RuntimeError(f"Not the copy's code would run, but {printed.strip()}.")
        yield tree


async def tried(tree: Path, selections: Sequence[str], *, to_the_end: bool = False) -> Trial:
    """Run the selections in their order, up to the first failure."""
    options = ["-q", "--no-header", "-p", "no:cacheprovider", "-rfE", "--tb=short", "-o", "timeout=300"]
    started = time.monotonic()
    code, printed = await _run(tree, "-m", "pytest", *options, *(() if to_the_end else ("-x",)), *selections)
    seconds = time.monotonic() - started
    failure = _FAILED.search(printed)
    if code == 0 or failure is None:
        said = "" if code == 0 else _last(_ERROR, printed) or printed.strip()[-300:]
        return Trial(code == 0, None, said, seconds)
    if nonsense := _NONSENSE.search(printed):
        return Trial(False, None, f"the patched code does not make sense: {nonsense[0][:200]}", seconds)
    return Trial(False, failure[1], (failure[2] or "").strip()[:200], seconds)


def _last(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.findall(text)
    return str(found[-1])[:300] if found else ""


async def _run(tree: Path, *arguments: str) -> tuple[int | None, str]:
    """Python in the copy: exit code (None: not within LONGEST_SECONDS) and everything it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=tree,
        # the environment's own installation of this project comes after PYTHONPATH; jars are shared, stacks are not
        env={
            **os.environ,
            "PYTHONPATH": str(tree),
            "COLUMNS": "400",
            "GREENPOINTS_STATE_DIR": str(default_state_dir()),
            SETTING: "",  # a build of compiled modules has no bugs planted
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            printed, _ = await process.communicate()
    except TimeoutError:
        return None, f"It did not end within {LONGEST_SECONDS} s."
    finally:
        if process.returncode is None:  # its services end with it
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return process.returncode, printed.decode(errors="replace")
