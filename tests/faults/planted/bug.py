"""A planted bug: a small unified patch whose first lines say what it breaks, why that matters and what catches it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PATCHES = Path(__file__).parent
_HEADER = re.compile(r"^(Broken|Matters|Caught by): (.+)$")


class DoesNotApplyError(Exception):
    """The tree has moved on: the patch's old lines are not there, or more than once."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines of one file, before and after; line numbers are not looked at, so that the tree may move."""

    path: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Bug:
    """`caught_by` are pytest selections, fastest first."""

    name: str
    broken: str
    matters: str
    caught_by: Sequence[str]
    hunks: Sequence[Hunk]

    def planted(self, tree: Path) -> dict[str, str]:
        """The tree's changed files with the bug in them, by path; raises DoesNotApplyError."""
        texts: dict[str, str] = {}
        for hunk in self.hunks:
            text = texts.get(hunk.path) or (tree / hunk.path).read_text()
            if (found := text.count(hunk.before)) != 1:
                raise DoesNotApplyError(f"{self.name}: {found} places in {hunk.path} read\n{hunk.before}")
            texts[hunk.path] = text.replace(hunk.before, hunk.after)
        return texts


def _number(path: Path) -> int:
    return int(path.name.partition("-")[0])


def read_bugs() -> list[Bug]:
    return [read_bug(path) for path in sorted(PATCHES.glob("*.patch"), key=_number)]


def read_bug(path: Path) -> Bug:
    lines = path.read_text().splitlines(keepends=True)
    told: dict[str, list[str]] = {"Broken": [], "Matters": [], "Caught by": []}
    while lines and (header := _HEADER.match(lines[0])):
        told[header[1]].append(header[2])
        del lines[0]
    (broken,), (matters,) = told["Broken"], told["Matters"]
    return Bug(path.stem, broken, matters, told["Caught by"], _hunks(lines))


def _hunks(lines: Sequence[str]) -> list[Hunk]:
    hunks: list[Hunk] = []
    path = ""
    for line in lines:
        if line.startswith("+++ b/"):
            path = line.removeprefix("+++ b/").strip()
        elif line.startswith("@@ "):
            hunks.append(Hunk(path, "", ""))
        elif not line.startswith("--- "):
            last = hunks[-1]
            before = last.before + (line[1:] if line[0] in " -" else "")
            after = last.after + (line[1:] if line[0] in " +" else "")
            hunks[-1] = Hunk(path, before, after)
    return hunks
