"""`greenpoints demo` as a user runs it: passes, says so, ends cleanly on Ctrl-C, and leaves nothing running."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest

from deploy.local.stack import CHECKOUT, default_state_dir, remove

PROGRAM = "from services.operator.cli import main; main()"
MOST_SECONDS = 240
STATE = "GREENPOINTS_STATE_DIR"
SUMMARY = (
    r"sent \d.* lag .* p50 \d+ ms, p95 \d+ ms, p99 \d+ ms",
    r"Events: [\d,]+ sent, [1-9]\d* through the gateway and [1-9]\d* by Kafka\.$",
    r"Points: [\d,]+ issued, [1-9][\d,]* clawed back, [1-9][\d,]* redeemed by 25 members; 24 wishes",
    r"Watch it in a browser: http://127\.0\.0\.1:\d+$",
    r"First sign-in: admin, password \S{12,} ",
    r"\d+ members bought [1-9]\d* used things and earned [\d,]+ points by it",
    r"\d+ members brought [1-9]\d* drops to the stations and earned [\d,]+ points",
    r"[1-9]\d* rewards of [\d,]+ points were paid to \d+ members for invitations",
    r"│ (DEVICE_SHARED|MEMBER_VELOCITY|REFERRAL_RING|REFUND_AFTER_EARNING|WEIGHT_IMPLAUSIBLE) ",
    r"ring-\d+-\S+ wanted to spend before that: refused, HELD_FOR_REVIEW\.$",
    r"Released: \d+ members, .* \(5 of a family that shares a tablet",
    r"Confirmed: 10 accounts of the ring, which lost [1-9][\d,]* points\.$",
    r"shopper-\S+ ordered a fruit box and a voucher at the quoted 1,500 points; asked twice, .* once: trace \S+\.$",
    r"Of the next bill of 120\.00 yuan the voucher took off 50\.00 and 100 points paid 5\.00; .* earned: 65 points\.$",
    r"│ redemption +│ .* redemptions, [1-9]\d* orders",
    r"│ fraud_monitoring +│ [1-9]\d* signals, [1-9]\d* cases, [1-9]\d* holds",
    r"│ notification +│ .* messages sent",
    r"Messages: .*[1-9]\d* email sent",
    r"Publish to balance: p50 \d+ ms, .* \([1-9]\d* probes\)\.$",
    r"Memory: .* [\d,]+ MB in all\.$",
    r"Times: .* s until ready, .* s until first points, .* s until audited\.$",
    r"Clean: \d+ checks over [\d,]+ rows, no difference\.$",
    r"PASSED: all 68 members have exactly the points expected, the ring was found, and the audit is clean\.$",
)

# A ctrl-c comes long before this much traffic is sent.
LONG = ("--purchases", "3000", "--rate", "50")

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        any(name in os.environ for name in ("GREENPOINTS_KAFKA", "GREENPOINTS_POSTGRES")),
        reason="The demo starts its own Kafka and PostgreSQL here; unset the given addresses to run it.",
    ),
]


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A fresh one; only Kafka's jars come from the usual place, if they are there, to spare a download."""
    jars = default_state_dir() / "kafka-jars"
    if jars.is_dir():
        (tmp_path / jars.name).symlink_to(jars)
    yield tmp_path
    remove(tmp_path)  # the database may have had to live elsewhere


@asynccontextmanager
async def _demo(state_dir: Path, *options: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, "demo", *options),
        cwd=CHECKOUT,
        # the tests beside it are none whom its workers should give way to
        env={**os.environ, STATE: str(state_dir), "GREENPOINTS_NICENESS": "0"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await asyncio.wait_for(process.communicate(), 60)


@contextmanager
def _nothing_left(state_dir: Path) -> Iterator[None]:
    """Fails for every process that began meanwhile and belongs to this state directory."""
    yield
    left = [process.info for process in psutil.process_iter(["pid", "cmdline"]) if _belongs(process, state_dir)]
    assert left == []
    assert list((state_dir / "run").glob("*")) == []
    assert not (state_dir / "running.json").exists()


def _belongs(process: psutil.Process, state_dir: Path) -> bool:
    try:
        told = [*process.cmdline(), process.environ().get(STATE, "")]
        return process.pid != os.getpid() and any(str(state_dir) in text for text in told)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


async def test_the_demo_passes_twice_on_one_state(state_dir: Path) -> None:
    for _ in range(2):
        with _nothing_left(state_dir):
            async with _demo(state_dir, "--purchases", "300", "--seed", "7") as process:
                output, _ = await asyncio.wait_for(process.communicate(), MOST_SECONDS)
        text = output.decode()
        assert process.returncode == 0, text
        for pattern in SUMMARY:
            assert re.search(f"^{pattern}", text, re.MULTILINE), f"{pattern} is not in {text}"
        assert text.rstrip().endswith("Everything has stopped.")


@pytest.mark.parametrize("when", ["while starting", "in the middle"])
async def test_ctrl_c_stops_everything(state_dir: Path, when: str) -> None:
    with _nothing_left(state_dir):
        async with _demo(state_dir, *LONG) as process:
            if when == "in the middle":
                await asyncio.wait_for(_until_line(process, b"sent "), MOST_SECONDS)
            else:
                await asyncio.wait_for(_until_started(state_dir, "kafka"), MOST_SECONDS)
            process.send_signal(signal.SIGINT)
            output, _ = await asyncio.wait_for(process.communicate(), 60)
    text = output.decode()
    assert process.returncode == 130, text
    assert text.rstrip().endswith("Everything has stopped."), text
    assert "Traceback" not in text


async def _until_line(process: asyncio.subprocess.Process, beginning: bytes) -> None:
    assert process.stdout is not None
    before = b""
    while not (line := await process.stdout.readline()).startswith(beginning):
        assert line, f"the demo ended before it sent anything: {before.decode()}"
        before += line


async def _until_started(state_dir: Path, name: str) -> None:
    record = state_dir / "run" / f"{name}.json"
    while not (record.exists() and record.stat().st_size and json.loads(record.read_text())["pid"]):
        await asyncio.sleep(0.05)
