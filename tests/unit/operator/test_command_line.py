"""The command line: quick, lazy, and one sentence for a known trouble."""

import errno
import re
import subprocess
import sys

import pytest

from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from services.operator.bootstrap import dsn_for
from services.operator.cli import exit_code_of


def test_a_known_trouble_is_one_sentence_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise Trouble("JAVA_MISSING", "Java was not found.", "Install it.")

    assert exit_code_of(work) == 2
    assert capsys.readouterr().err == "Java was not found. Install it. [JAVA_MISSING]\n"


def test_a_full_disk_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    assert exit_code_of(work) == 2
    assert capsys.readouterr().err.startswith("The disk is full.")


def test_a_bug_keeps_its_traceback() -> None:
    def work() -> None:
        raise OSError(errno.EBADF, "Bad file descriptor")

    with pytest.raises(OSError, match="Bad file descriptor"):
        exit_code_of(work)


def test_help_imports_no_sub_command() -> None:
    script = (
        "import sys; sys.argv = ['greenpoints', '--help']\n"
        "from services.operator.cli import exit_code_of, app\n"
        "assert exit_code_of(app) == 0\n"
        "assert 'services.operator.up' not in sys.modules and 'aiokafka' not in sys.modules\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert result.returncode == 0, result.stderr
    assert re.search(r"^  up +Run Kafka", result.stdout, re.MULTILINE)


def test_a_role_dsn_keeps_server_and_options_and_quotes_the_password() -> None:
    admin = "postgresql://admin:secret@db.example:5433/postgres?sslmode=require"
    assert dsn_for(admin, "g", "earning", "a/b@c") == "postgresql://earning:a%2Fb%40c@db.example:5433/g?sslmode=require"
    assert dsn_for(admin, "g") == "postgresql://admin:secret@db.example:5433/g?sslmode=require"


def test_the_lock_file_holds_hashes_and_no_address_or_path() -> None:
    lines = (CHECKOUT / "requirements.lock").read_text().splitlines()
    assert not [line for line in lines if "://" in line or "--index" in line or "--find" in line or " @ " in line]
    pins = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert len(pins) > 50
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^ ]+( ; .+)? \\", pin) for pin in pins)
