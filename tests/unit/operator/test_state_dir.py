"""One run at a time uses a state directory, and what killed runs left in it is no obstacle."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest

from deploy.local import addresses, ports, processes
from deploy.local.stack import own_state
from deploy.local.trouble import Trouble


def _sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])


def _silent(_: str) -> None:
    pass


async def test_a_second_run_from_the_same_directory_is_refused(tmp_path: Path) -> None:
    async with own_state(tmp_path, ephemeral=False, say=_silent):
        with pytest.raises(Trouble, match=f"already running from .* \\(process {os.getpid()}\\)") as caught:
            async with own_state(tmp_path, ephemeral=False, say=_silent):
                pass
    assert caught.value.code == "ALREADY_RUNNING"
    async with own_state(tmp_path, ephemeral=False, say=_silent) as own:
        assert own == tmp_path, "the lock is free again"


async def test_ephemeral_runs_stand_side_by_side_and_leave_nothing(tmp_path: Path) -> None:
    async with (
        own_state(tmp_path, ephemeral=True, say=_silent) as one,
        own_state(tmp_path, ephemeral=True, say=_silent) as other,
    ):
        assert one != other
        assert one.is_dir(), "the second run must not sweep the first"
    assert not one.exists()
    assert not other.exists()


async def test_an_abandoned_ephemeral_run_is_swept_with_its_cluster_elsewhere(tmp_path: Path) -> None:
    abandoned, elsewhere = tmp_path / "state/ephemeral/dead", tmp_path / "elsewhere"
    abandoned.mkdir(parents=True)
    elsewhere.mkdir()
    (abandoned / "lock").touch()
    (abandoned / "postgres.place").write_text(str(elsewhere))
    async with own_state(tmp_path / "state", ephemeral=False, say=_silent):
        assert not abandoned.exists()
        assert not elsewhere.exists()


async def test_too_little_space_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12, 500 * 1024**2))
    with pytest.raises(Trouble, match=r"Only 500 MiB are free .* GREENPOINTS_STATE_DIR") as caught:
        async with own_state(tmp_path, ephemeral=False, say=_silent):
            pass
    assert caught.value.code == "DISK_FULL"


async def test_a_state_directory_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Trouble, match="cannot be written: Not a directory") as caught:
        async with own_state(tmp_path / "file" / "state", ephemeral=False, say=_silent):
            pass
    assert caught.value.code == "STATE_DIR_UNUSABLE"


def _record(state_dir: Path, process: psutil.Process, started: float) -> Path:
    record = state_dir / "run" / "kafka.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"pid": process.pid, "started": started}))
    return record


async def test_a_process_of_a_killed_run_is_stopped_with_a_sentence(tmp_path: Path) -> None:
    with _sleeper() as sleeper:
        process = psutil.Process(sleeper.pid)
        record = _record(tmp_path, process, process.create_time())
        said: list[str] = []
        async with own_state(tmp_path, ephemeral=False, say=said.append):
            assert said == [f"A previous run left kafka running (process {sleeper.pid}); stopping it."]
            assert not psutil.pid_exists(sleeper.pid)
            assert not record.exists()


async def test_a_foreign_process_that_got_the_same_pid_is_left_alone(tmp_path: Path) -> None:
    with _sleeper() as sleeper:
        process = psutil.Process(sleeper.pid)
        record = _record(tmp_path, process, process.create_time() - 3600)
        async with own_state(tmp_path, ephemeral=False, say=pytest.fail):
            assert sleeper.poll() is None
            assert not record.exists()
        sleeper.kill()


def test_a_taken_port_gives_another_one_with_a_sentence() -> None:
    with socket.socket() as foreigner:
        foreigner.bind(("127.0.0.1", 0))
        foreigner.listen()
        taken = foreigner.getsockname()[1]
        said: list[str] = []
        port = ports.chosen_port("Kafka", taken, said.append)
    assert port != taken
    assert said == [f"Port {taken} is taken by another program; Kafka uses {port}."]


def test_one_address_without_the_other_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREENPOINTS_POSTGRES", raising=False)
    monkeypatch.setenv("GREENPOINTS_KAFKA", "kafka.example:9092")
    with pytest.raises(Trouble, match="GREENPOINTS_KAFKA is set but GREENPOINTS_POSTGRES is not") as caught:
        addresses.given_addresses()
    assert caught.value.code == "HALF_AN_ADDRESS"


async def test_a_given_address_where_nothing_answers_is_named() -> None:
    nobody = f"127.0.0.1:{ports.free_port()}"
    with pytest.raises(Trouble, match=f"No Kafka answers at {nobody}"):
        await addresses.check_addresses(nobody, "postgresql://admin:secret@127.0.0.1:1/postgres")


def test_the_last_words_of_a_log_are_its_telling_line(tmp_path: Path) -> None:
    log = tmp_path / "kafka.log"
    log.write_text("starting\nERROR no room left\nshutting down\n\n")
    assert processes.last_words(log) == "shutting down"
    assert processes.last_words(log, marks=("ERROR",)) == "ERROR no room left"
