"""The planted bugs of `make planted` still fit the tree and name tests that exist."""

import ast
import re
from pathlib import Path

import pytest

from deploy.local.stack import CHECKOUT
from tests.faults.planted.bug import Bug, DoesNotApplyError, read_bug, read_bugs

BUGS = read_bugs()
_HEADER = "Broken: b\nMatters: m\nCaught by: c\n"


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_applies_and_is_python_still(bug: Bug) -> None:
    changed = bug.planted(CHECKOUT)
    assert changed
    for path, text in changed.items():
        assert text != (CHECKOUT / path).read_text()
        ast.parse(text, path)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_what_is_to_catch_it_exists(bug: Bug) -> None:
    assert bug.caught_by
    for selection in bug.caught_by:
        path, _, name = selection.partition("::")
        text = (CHECKOUT / path).read_text()
        assert re.search(rf"^(async )?def {name.partition('[')[0] or 'test_'}", text, re.MULTILINE), selection


def test_a_patch_whose_lines_are_gone_or_come_twice_does_not_apply(tmp_path: Path) -> None:
    path = tmp_path / "01-some.patch"
    path.write_text(f"{_HEADER}--- a/f.py\n+++ b/f.py\n@@ -1 +1,2 @@\n-x\n+y\n+z\n")
    bug = read_bug(path)
    for text, planted in (("a\nx\n", "a\ny\nz\n"), ("a\n", None), ("x\nx\n", None)):
        (tmp_path / "f.py").write_text(text)
        if planted is not None:
            assert bug.planted(tmp_path) == {"f.py": planted}
            continue
        with pytest.raises(DoesNotApplyError, match="places in f"):
            bug.planted(tmp_path)


def test_they_are_at_least_fourteen_and_numbered() -> None:
    assert [int(bug.name.partition("-")[0]) for bug in BUGS] == list(range(1, len(BUGS) + 1))
    assert len(BUGS) >= 14
