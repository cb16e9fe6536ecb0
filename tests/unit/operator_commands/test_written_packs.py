"""A pack in another encoding is one fault with its line, like any other."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.stack import CHECKOUT
from services.operator.cli import app

_PACK = (CHECKOUT / "deploy/programs/fruit-shop.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (_PACK.encode("utf-16"), 1),
        (b"program_id: a\nname: caf\xe9\n", 2),
        (bytes(range(256)), 2),
    ],
    ids=["utf-16", "latin-1", "no text"],
)
def test_check_names_the_line_that_is_no_utf_8(tmp_path: Path, content: bytes, line: int) -> None:
    file = tmp_path / "pack.yaml"
    file.write_bytes(content)
    done = CliRunner().invoke(app, ["program", "check", "--json", str(file)])
    assert (done.exit_code, type(done.exception)) == (1, SystemExit), done.output
    assert f'"line": {line}' in done.output and "save the file as UTF-8" in done.output
