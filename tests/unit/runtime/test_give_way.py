"""A process gives way to others, within its session and its session among others."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from shared.runtime.give_way import give_way

_SCRIPT = """
import os, sys
from pathlib import Path
from shared.runtime.give_way import give_way
before = os.nice(0)
give_way(int(sys.argv[1]), Path(sys.argv[2]))
print(os.nice(0) - before)
"""


def _raised_by(niceness: int, autogroup: Path) -> int:
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT, str(niceness), str(autogroup)], capture_output=True, text=True, check=True
    )
    return int(run.stdout)


def test_it_takes_the_niceness_and_tells_the_session(tmp_path: Path) -> None:
    autogroup = tmp_path / "autogroup"
    autogroup.touch()
    assert (_raised_by(0, autogroup), autogroup.read_text()) == (0, "")
    assert (_raised_by(3, autogroup), autogroup.read_text()) == (3, "3")


def test_a_system_without_sessions_of_their_own_is_no_trouble(tmp_path: Path) -> None:
    assert _raised_by(3, tmp_path / "there" / "is none") == 3


def test_it_waits_for_its_turn_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    class Busy(type(Path())):  # type: ignore[misc]
        def write_text(self, text: str, *_: object, **__: object) -> int:
            asked.append(text)
            raise BlockingIOError

    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    monkeypatch.setattr(os, "nice", lambda _more: 0)
    give_way(3, Busy("unused"))
    assert asked == ["3"] * 5
