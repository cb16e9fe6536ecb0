"""Hot modules compiled to machine code (`make compiled`), used in place of their sources.

The sources stay the truth: a process takes a build only if it is told of one, and only if no source has changed since,
compiled or not: constants of other modules are compiled in. Without a build everything does the same, slower.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib.abc import MetaPathFinder
from importlib.machinery import EXTENSION_SUFFIXES, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

SETTING: Final = "GREENPOINTS_COMPILED"
"""The folder of a build; unset or empty = none."""
MANIFEST: Final = "manifest.json"
CHECKOUT: Final = Path(__file__).resolve().parents[1]


class UnusableBuildError(Exception):
    """A build that must not be used; the sentence says what to do."""


def use_build(folder: str | None) -> None:
    """Let what is imported from now on come from that build. Exits with a sentence if it must not be used."""
    if not folder:
        return
    try:
        sys.meta_path.insert(0, _Compiled(checked_build(Path(folder))))
    except UnusableBuildError as unusable:
        sys.exit(str(unusable))


def is_in_use() -> bool:
    """Whether this process takes its hot modules from a build."""
    return any(isinstance(finder, _Compiled) for finder in sys.meta_path)


def checked_build(folder: Path) -> Mapping[str, Path]:
    """The compiled file of each module of a build. Raises UnusableBuildError."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        modules: list[str] = manifest["modules"]
        hashes: dict[str, str] = manifest["sources"]
    except (OSError, ValueError, KeyError):
        raise _unusable(f"there is no whole build in {folder}") from None
    today = source_hashes()
    if changed := next((name for name in sorted({*today, *hashes}) if today.get(name) != hashes.get(name)), None):
        raise _unusable(f"{changed} has changed since the build in {folder}")
    files = {module: compiled_file(folder, module) for module in modules}
    if missing := next((module for module, file in files.items() if not file.is_file()), None):
        raise _unusable(f"the build in {folder} has no {missing} for this Python")
    return files


def compiled_file(folder: Path, module: str) -> Path:
    return folder.joinpath(*module.split(".")).with_suffix(EXTENSION_SUFFIXES[0])


def source_hashes() -> Mapping[str, str]:
    """SHA-256 of every source of the services and of what they share, by its path in the checkout."""
    return {
        file.relative_to(CHECKOUT).as_posix(): sha256(file.read_bytes()).hexdigest()
        for top in ("services", "shared")
        for file in (CHECKOUT / top).rglob("*.py")
    }


class _Compiled(MetaPathFinder):
    """Finds the modules of a build, before anything else looks for them."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)


def _unusable(reason: str) -> UnusableBuildError:
    return UnusableBuildError(f"{SETTING} cannot be used: {reason}. Run 'make compiled' again, or unset it.")
