"""Compiled hot modules do what their sources do, and a build of other sources is never used."""

import ast
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import compiled as building
from deploy.local.compiled import MODULES, BuildError, build
from shared import compiled
from shared.compiled import CHECKOUT, MANIFEST, SETTING, UnusableBuildError, checked_build, compiled_file, source_hashes

# Those that go through the compiled modules; all kinds of tests can be run with a build switched on, by hand.
_PROPERTIES = "tests/unit/earning/test_engine_properties.py::test_"
_THE_ENGINES_OWN = (
    f"{_PROPERTIES}the_compiled_rules_give_what_the_plain_reading_gives",
    f"{_PROPERTIES}and_so_they_do_for_what_remains_after_refunds",
    f"{_PROPERTIES}refunding_everything_in_any_split_returns_to_exactly_nothing_and_never_earns",
    *(f"tests/unit/earning/test_{name}.py" for name in
      ("caps", "conditions", "dates", "earn", "eligibility", "facts", "fixed_bonuses", "largest_remainder",
       "multipliers", "sieve", "stacking")),
    *(f"tests/unit/earning_handlers/test_{name}.py" for name in ("histories", "tier_progress", "told_grants")),
)  # fmt: skip
_SAY_WHERE_FROM = "import importlib, sys; print(*(importlib.import_module(name).__file__ for name in sys.argv[1:]))"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compiled") / "build"
    try:
        assert build(folder)
    except BuildError as error:
        pytest.skip(str(error))
    return folder


def _python(folder: Path | str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, SETTING: str(folder), "PYTHONPATH": str(CHECKOUT)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=CHECKOUT, env=environment, capture_output=True, text=True, check=False
    )


def test_a_process_that_is_told_of_a_build_takes_every_hot_module_from_it(made: Path) -> None:
    asked = ["services", *MODULES]
    done = _python(made, "-c", _SAY_WHERE_FROM, *asked)
    assert done.stdout.split()[1:] == [str(compiled_file(made, module)) for module in MODULES], done.stderr
    assert not build(made), "what is of today's sources is not made again"


@pytest.mark.timeout(600)
def test_the_engines_own_tests_hold_for_compiled_modules(made: Path) -> None:
    done = _python(made, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *_THE_ENGINES_OWN)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-1000:]


def test_a_process_that_is_told_of_no_build_runs_the_sources() -> None:
    done = _python("", "-c", _SAY_WHERE_FROM, "services", MODULES[0])
    assert done.stdout.split()[1].endswith(".py"), done.stderr


def test_a_process_that_is_told_of_none_that_can_be_used_stops_with_a_sentence(tmp_path: Path) -> None:
    done = _python(tmp_path, "-c", "import services.earning.app")
    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"{SETTING} cannot be used: there is no whole build in {tmp_path}. Run 'make compiled' again, or unset it."
    )


def _one_that_changed(tree: Path) -> None:
    with (tree / "services/earning/desk.py").open("a") as source:  # not compiled, but its constants may be
        source.write("\n")


def _one_more(tree: Path) -> None:
    (tree / "shared/more.py").write_text("")


def _one_less(tree: Path) -> None:
    (tree / "shared/languages.py").unlink()


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        (_one_that_changed, "services/earning/desk.py"),
        (_one_more, "shared/more.py"),
        (_one_less, "shared/languages.py"),
    ],
)
def test_a_build_of_other_sources_is_refused_by_name(
    change: Callable[[Path], None], culprit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree, folder = tmp_path / "tree", tmp_path / "build"
    for top in ("services", "shared"):
        shutil.copytree(CHECKOUT / top, tree / top, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiled, "CHECKOUT", tree)
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps({"modules": [], "sources": source_hashes()}))
    assert checked_build(folder) == {}
    change(tree)
    with pytest.raises(UnusableBuildError, match=f"{culprit} has changed since the build"):
        checked_build(folder)


def test_a_build_for_another_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps({"modules": list(MODULES), "sources": source_hashes()}))
    with pytest.raises(UnusableBuildError, match=r"has no services\.earning\.decide\.count for this Python"):
        checked_build(tmp_path)


def test_without_a_c_compiler_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysconfig, "get_config_var", lambda _name: "no-such-compiler -pthread")
    with pytest.raises(
        BuildError, match=r"There is no C compiler \(no-such-compiler\)\. Install one, or go on without"
    ):
        build(tmp_path / "build")


def test_what_cannot_be_compiled_is_said_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MODULES", ("services.earning.no_such_module",))
    with pytest.raises(BuildError, match=r"could not be compiled: .*no_such_module"):
        build(tmp_path / "build")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", MODULES)
def test_no_hot_module_defines_a_class_whose_keywords_the_compiler_would_drop(module: str) -> None:
    source = CHECKOUT.joinpath(*module.split(".")).with_suffix(".py")
    classes = [node for node in ast.walk(ast.parse(source.read_text())) if isinstance(node, ast.ClassDef)]
    assert not [one.name for one in classes if one.keywords or "Struct" in ast.unparse(one).partition(":")[0]]
