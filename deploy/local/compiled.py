"""`make compiled`: builds the hot modules with mypyc, in half a minute. It needs a C compiler and Python's headers."""

import json
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from deploy.local.stack import CHECKOUT, default_state_dir
from shared.compiled import MANIFEST, SETTING, UnusableBuildError, checked_build, compiled_file, source_hashes

# Where a receipt's time goes. mypyc drops the keywords of a class, so what msgspec makes stays elsewhere.
MODULES: Final = (
    "services.earning.decide.count",
    "services.earning.decide.decline",
    "services.earning.decide.issue",
    "services.earning.decide.referral",
    "services.earning.decide.route",
    "services.earning.decide.tiers",
    "services.earning.decide.told_grant",
    "services.earning.domain.basis",
    "services.earning.domain.caps",
    "services.earning.domain.dates",
    "services.earning.domain.earn",
    "services.earning.domain.eligibility",
    "services.earning.domain.evaluate",
    "services.earning.domain.gather_facts",
    "services.earning.domain.rules.rate",
    "services.earning.domain.sieve",
    "services.earning.handlers.on_purchase_completed",
    "shared.programs.largest_remainder",
)
_LIBRARY: Final = "greenpoints"  # what all of them have in common is in one file of this name


class BuildError(Exception):
    """The sentence says what is missing."""


def build(folder: Path) -> bool:
    """Make a build of today's sources in `folder`; False if it is there already. Raises BuildError."""
    try:
        checked_build(folder)
        return False
    except UnusableBuildError:
        pass
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    if shutil.which(compiler) is None:
        raise BuildError(
            f"There is no C compiler ({compiler}). Install one, or go on without: all works the same, slower."
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    hashes = source_hashes()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="compiling-") as scratch:
        made = Path(scratch) / "made"
        _compile(made, Path(scratch))
        modules = [f"{_LIBRARY}__mypyc", *MODULES]
        if missing := [module for module in modules if not compiled_file(made, module).is_file()]:
            raise BuildError(f"The compiler made no {missing[0]}.")
        (made / MANIFEST).write_text(json.dumps({"modules": modules, "sources": hashes}, indent=1))
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
    return True


def _compile(made: Path, scratch: Path) -> None:
    """In a process of its own: the compiler's front end writes and exits as it likes."""
    sources = [module.replace(".", "/") + ".py" for module in MODULES]
    result = subprocess.run(
        [sys.executable, "-c", _IN_A_PROCESS, str(made), str(scratch), _LIBRARY, *sources],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        said = [line for line in (result.stdout + result.stderr).splitlines() if "error" in line.lower()]
        reason = said[0] if said else f"exit code {result.returncode}"
        raise BuildError(f"The hot modules could not be compiled: {reason} Go on without: all works the same, slower.")


_IN_A_PROCESS: Final = """
import sys
from mypyc.build import mypycify
from setuptools import Distribution
made, scratch, name, *sources = sys.argv[1:]
options = ["--cache-dir", f"{scratch}/types", *sources]
extensions = mypycify(options, group_name=name, target_dir=f"{scratch}/c", debug_level="0")
build = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
build.build_lib, build.build_temp = made, f"{scratch}/objects"
build.ensure_finalized()
build.run()
"""


def main() -> None:
    folder = default_state_dir() / "compiled"
    print("Compiling the hot modules; half a minute.")
    try:
        made = build(folder)
    except BuildError as error:
        sys.exit(str(error))
    print("Made anew." if made else "They are of today's sources already.", f"Use them: export {SETTING}={folder}")


if __name__ == "__main__":
    main()
