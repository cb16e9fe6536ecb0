"""Java, Maven, PostgreSQL and Chromium on this machine: found, installed where we may, else named in one sentence."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from deploy.local.processes import Say
from deploy.local.trouble import Trouble

Found = TypeVar("Found")

JAVA_AT_LEAST = 17
POSTGRES_AT_LEAST = 15
_DEBIAN_JAVA = ("openjdk-17-jre-headless", "default-jre-headless")
_DEBIAN_MAVEN = ("maven",)
_DEBIAN_POSTGRES = ("postgresql",)
_DEBIAN_CHROMIUM = ("chromium",)
_BREWED = {
    "default-jre-headless": "openjdk@21",
    "maven": "maven",
    "postgresql": "postgresql@17",
    "chromium": "--cask chromium",
}
_CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
_CHROMIUM_OFF_PATH = (
    "Applications/Chromium.app/Contents/MacOS/Chromium",
    "Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_POSTGRES_PLACES = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "opt/homebrew/opt/postgresql*/bin",
    "usr/local/opt/postgresql*/bin",
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One installed PostgreSQL server."""

    major: int
    bin: Path


def java(say: Say) -> Path:
    """A Java runtime of at least version 17."""
    return _found_or_installed(find_java, f"Java {JAVA_AT_LEAST} or newer", "JAVA_MISSING", _DEBIAN_JAVA, say)


def maven(say: Say) -> Path:
    """Maven, which fetches Kafka's jars on the first run."""
    return _found_or_installed(find_maven, "Maven", "MAVEN_MISSING", _DEBIAN_MAVEN, say)


def postgres(say: Say, major: int | None = None) -> Postgres:
    """A PostgreSQL server, of exactly `major` where a cluster of that version exists already."""
    name = f"PostgreSQL {major}" if major else f"PostgreSQL {POSTGRES_AT_LEAST} or newer"
    packages = (f"postgresql-{major}",) if major else _DEBIAN_POSTGRES
    return _found_or_installed(lambda: find_postgres(major), name, "POSTGRESQL_MISSING", packages, say)


def chromium(say: Say) -> Path:
    """A Chromium or Chrome, in which the tests look at the console's pages."""
    return _found_or_installed(find_chromium, "Chromium", "CHROMIUM_MISSING", _DEBIAN_CHROMIUM, say)


def find_java() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    candidates = [Path(home) / "bin" / "java"] if home else []
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path))
    return next((path for path in candidates if (_version_of(path, "-version") or 0) >= JAVA_AT_LEAST), None)


def find_maven() -> Path | None:
    found = shutil.which("mvn")
    return Path(found) if found else None


def find_postgres(major: int | None = None, root: Path = Path("/")) -> Postgres | None:
    """The newest server found on PATH or where distributions keep it off PATH."""
    found = [
        Postgres(version, place)
        for place in _postgres_places(root)
        if (version := _version_of(place / "postgres", "--version")) is not None
    ]
    fitting = [each for each in found if each.major >= POSTGRES_AT_LEAST and major in (None, each.major)]
    return max(fitting, key=lambda each: each.major, default=None)


def find_chromium(root: Path = Path("/")) -> Path | None:
    """The first one that runs, on PATH or where macOS keeps applications."""
    on_path = (Path(found) for name in _CHROMIUM_NAMES if (found := shutil.which(name)))
    candidates = [*on_path, *(place for name in _CHROMIUM_OFF_PATH if (place := root / name).exists())]
    return next((path for path in candidates if _version_of(path, "--version") is not None), None)


def _postgres_places(root: Path) -> Iterator[Path]:
    on_path = shutil.which("initdb")
    if on_path:
        yield Path(on_path).resolve().parent
    for pattern in _POSTGRES_PLACES:
        yield from sorted(root.glob(pattern))


def _version_of(program: Path, option: str) -> int | None:
    try:
        result = subprocess.run(
            [str(program), option],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    said = re.sub(
        r"^Picked up .*$", "", result.stdout + result.stderr, flags=re.MULTILINE
    )  # Java's, of JAVA_TOOL_OPTIONS
    number = re.search(r"\d+", said)
    return int(number.group()) if result.returncode == 0 and number else None


def _found_or_installed(
    find: Callable[[], Found | None], name: str, code: str, packages: Sequence[str], say: Say
) -> Found:
    found = find()
    if found is None and _may_install():
        for package in packages:
            say(f"{name} is missing; installing the Debian package {package}.")
            if _install(package) and (found := find()) is not None:
                break
    if found is None:
        raise Trouble(code, f"{name} was not found on this machine.", _advice(packages[-1]))
    return found


def _may_install() -> bool:
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def _install(package: str) -> bool:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    steps = (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "-qq", "--no-install-recommends", package],
    )
    results = [
        subprocess.run(step, env=environment, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        for step in steps
    ]
    return results[-1].returncode == 0


def _advice(package: str) -> str:
    if shutil.which("apt-get"):
        return f"Install it with `sudo apt-get install {package}`, then try again."
    if shutil.which("brew"):
        brewed = package.replace("-", "@") if package.startswith("postgresql-") else _BREWED[package]
        return f"Install it with `brew install {brewed}`, then try again."
    return "Install it with your system's package manager, then try again."
