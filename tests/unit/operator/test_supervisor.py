"""The supervisor with small processes of its own: ready, restarted, stopped, never left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from deploy.local.ports import free_port
from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from services.operator.supervisor import Process, Supervisor, until_interrupted

_READY_SERVER = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Ready(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
print("serving", flush=True)
HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
_MUTE = "import time; time.sleep(600)"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


def _server(name: str) -> Process:
    port = free_port()
    argv = (sys.executable, "-c", _READY_SERVER, str(port))
    return Process(name, argv, {"SECRET": "hush"}, ready_url=f"http://127.0.0.1:{port}/readyz")


def _silent(_: str) -> None:
    pass


async def test_all_are_ready_inside_and_gone_outside(tmp_path: Path) -> None:
    async with Supervisor([_server("one"), _server("two")], tmp_path, _silent) as supervisor:
        pids = supervisor.pids()
        assert set(pids) == {"one", "two"}
        assert all(psutil.pid_exists(pid) for pid in pids.values())
        assert all(size > 1_000_000 for size in supervisor.resident_bytes().values())
    assert not any(psutil.pid_exists(pid) for pid in pids.values())
    assert "serving" in (tmp_path / "logs" / "one.log").read_text()
    assert list((tmp_path / "run").iterdir()) == []


async def test_a_crashed_process_is_restarted_and_said(tmp_path: Path) -> None:
    said: list[str] = []
    async with (
        Supervisor([_server("one")], tmp_path, said.append, first_pause_seconds=0.05) as supervisor,
        asyncio.timeout(20),
    ):
        before = supervisor.pids()["one"]
        supervisor.kill("one")
        while supervisor.pids()["one"] == before:
            await asyncio.sleep(0.02)
        await supervisor.wait_until_ready("one")
        assert supervisor.restarts == {"one": 1}
    assert said[0].startswith("one ended (SIGKILL); restarting it in 0.05 s.")


async def test_one_that_ends_while_starting_stops_the_others(tmp_path: Path) -> None:
    good = _server("good")
    argv = (sys.executable, "-c", "import sys; sys.exit('no such table')")
    bad = Process("bad", argv, {}, f"http://127.0.0.1:{free_port()}/readyz")
    supervisor = Supervisor([good, bad], tmp_path, _silent)
    with pytest.raises(Trouble, match="bad ended while starting: no such table") as caught:
        await supervisor.__aenter__()
    assert caught.value.code == "SERVICE_ENDED"
    assert supervisor.pids() == {}


async def test_one_that_is_never_ready_is_named(tmp_path: Path) -> None:
    mute = Process("mute", (sys.executable, "-c", _MUTE), {}, f"http://127.0.0.1:{free_port()}/readyz")
    with pytest.raises(Trouble, match="mute is not ready in time") as caught:
        async with Supervisor([mute], tmp_path, _silent, ready_seconds=0.3):
            pass
    assert caught.value.code == "SERVICE_NOT_READY"


async def test_one_that_does_not_obey_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.operator.supervisor.STOP_SECONDS", 0.2)
    said: list[str] = []
    async with Supervisor([Process("deaf", (sys.executable, "-c", _DEAF), {})], tmp_path, said.append) as supervisor:
        pid = supervisor.pids()["deaf"]
        while "deaf" not in (tmp_path / "logs" / "deaf.log").read_text():
            await asyncio.sleep(0.02)
    assert not psutil.pid_exists(pid)
    assert said == ["deaf did not stop in time and was killed."]


def test_secrets_are_not_in_a_repr() -> None:
    assert "hush" not in repr(_server("one"))


_RUNNER = """
import asyncio, sys
from pathlib import Path
from services.operator.supervisor import Process, Supervisor, until_interrupted
sleeper = Process("sleeper", (sys.executable, "-c", "import time; time.sleep(600)"), {})
async def work():
    async with Supervisor([sleeper], Path(sys.argv[1]), print) as supervisor:
        print(supervisor.pids()["sleeper"], flush=True)
        await asyncio.Event().wait()
print("interrupted" if until_interrupted(work) else "ended", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_everything_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    runner, child = _run(tmp_path)
    runner.send_signal(number)
    output, _ = runner.communicate(timeout=20)
    assert output == "interrupted\n"
    assert runner.returncode == 0
    assert not psutil.pid_exists(child)


def test_children_do_not_survive_a_killed_runner(tmp_path: Path) -> None:
    runner, child = _run(tmp_path)
    runner.send_signal(signal.SIGKILL)
    runner.communicate(timeout=20)
    deadline = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the child outlived its parent"
        time.sleep(0.02)


def test_work_that_ends_by_itself_was_not_interrupted() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    assert until_interrupted(work) is False


def _run(tmp_path: Path) -> tuple[subprocess.Popen[str], int]:
    runner = subprocess.Popen(
        [sys.executable, "-c", _RUNNER, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, env=os.environ
    )
    assert runner.stdout is not None
    return runner, int(runner.stdout.readline())
