"""What is missing on a machine is installed where we may, else named in one sentence."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local import docker, software
from deploy.local.trouble import Trouble

Fake = Callable[[str, str], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Puts a shell script on a PATH that holds nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)

    def make(name: str, body: str) -> Path:
        script = folder / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        return script

    return make


def test_java_of_a_fitting_version_is_found(fake: Fake) -> None:
    script = fake("java", """echo 'openjdk version "21.0.2" 2024-01-16' >&2""")
    assert software.find_java() == script


def test_java_that_first_says_which_options_it_picked_up_is_found(fake: Fake) -> None:
    script = fake("java", """echo 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g'; echo 'openjdk version "21.0.2"'""")
    assert software.find_java() == script


@pytest.mark.parametrize("version", ['java version "1.8.0_392"', 'openjdk version "11.0.2"'])
def test_java_too_old_counts_as_none(fake: Fake, version: str) -> None:
    fake("java", f"echo '{version}' >&2")
    assert software.find_java() is None


def test_missing_java_is_one_sentence_with_a_command(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Trouble) as caught:
        software.java(lambda _: pytest.fail("an ordinary user may not install"))
    assert caught.value.code == "JAVA_MISSING"
    assert caught.value.sentence == "Java 17 or newer was not found on this machine."
    assert "sudo apt-get install default-jre-headless" in caught.value.way_on


def test_root_on_debian_installs_what_is_missing(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    java = fake("java.packed", """echo 'openjdk version "17.0.1"' >&2""")
    asked = java.parent / "asked"
    copy = f"{shutil.which('cp', path='/usr/bin:/bin')} {java} {java.parent}/java"
    fake("apt-get", f'echo "$*" >> {asked}\ncase "$*" in *default-jre-headless) {copy};; install*) exit 100;; esac')
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    said: list[str] = []
    assert software.java(said.append) == java.parent / "java"
    assert [line.rsplit(" ", 1)[-1] for line in asked.read_text().splitlines()] == [
        "-qq",
        "openjdk-17-jre-headless",
        "-qq",
        "default-jre-headless",
    ]
    assert said[-1] == "Java 17 or newer is missing; installing the Debian package default-jre-headless."


def test_an_installation_that_fails_is_one_sentence(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("apt-get", "exit 100")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(Trouble, match="Maven was not found on this machine"):
        software.maven(lambda _: None)


def test_a_chromium_that_runs_is_found_and_a_broken_one_passed_over(fake: Fake, tmp_path: Path) -> None:
    assert software.find_chromium(tmp_path) is None
    fake("chromium", "exit 127")  # a wrapper whose browser is gone
    script = fake("google-chrome", "echo 'Google Chrome 156.0.8078.79'")
    assert software.find_chromium(tmp_path) == script


def test_missing_chromium_is_one_sentence_with_a_command(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("apt-get", "exit 1")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(software, "find_chromium", lambda: None)
    with pytest.raises(Trouble) as caught:
        software.chromium(lambda _: None)
    assert (caught.value.code, caught.value.sentence) == (
        "CHROMIUM_MISSING",
        "Chromium was not found on this machine.",
    )
    assert "sudo apt-get install chromium" in caught.value.way_on


def test_postgresql_is_found_off_the_path_and_newest_first(tmp_path: Path, fake: Fake) -> None:
    for version in ("14.2", "15.6", "17.1"):
        place = tmp_path / "usr/lib/postgresql" / version.split(".")[0] / "bin"
        place.mkdir(parents=True)
        fake("postgres", f"echo 'postgres (PostgreSQL) {version}'").rename(place / "postgres")
    newest = software.find_postgres(root=tmp_path)
    assert newest is not None
    assert newest.major == 17
    same_as_cluster = software.find_postgres(15, root=tmp_path)
    assert same_as_cluster is not None
    assert same_as_cluster.major == 15
    assert software.find_postgres(14, root=tmp_path) is None, "older than the SQL we use"


def test_a_cluster_of_a_version_that_is_gone_says_which(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("brew", "exit 0")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(software, "find_postgres", lambda _major=None: None)
    with pytest.raises(Trouble) as caught:
        software.postgres(lambda _: None, 16)
    assert caught.value.sentence == "PostgreSQL 16 was not found on this machine."
    assert "`brew install postgresql@16`" in caught.value.way_on


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo 27.1.1", "27.1.1"),
        ("echo 'Cannot connect to the Docker daemon' >&2; exit 1", None),  # a client without an engine
        ('case "$1" in compose) exit 1;; *) echo 27.1.1;; esac', None),  # an engine without compose
    ],
)
def test_the_engine_is_asked_not_the_client(fake: Fake, script: str, version: str | None) -> None:
    fake("docker", script)
    assert docker.engine_version() == version


@pytest.mark.usefixtures("fake")
def test_no_docker_client_is_no_engine() -> None:
    assert docker.engine_version() is None


async def test_images_that_cannot_be_pulled_count_as_no_engine(fake: Fake, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    fake("docker", f'echo "$*" >> {asked}\ncase "$*" in *up*) echo "pull access denied"; exit 1;; esac')
    said: list[str] = []
    async with docker.running_compose(tmp_path, ephemeral=True, say=said.append) as composed:
        assert composed is None
    assert said[-1].startswith("Docker could not start Kafka and PostgreSQL (pull access denied)")
    assert asked.read_text().splitlines()[-1].endswith("down --volumes"), "nothing is left behind"


async def test_a_composed_pair_is_stopped_and_its_volumes_kept(fake: Fake, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    fake("docker", f'echo "$COMPOSE_PROJECT_NAME $*" >> {asked}')
    async with docker.running_compose(tmp_path, ephemeral=False, say=lambda _: None) as composed:
        assert composed is not None
        assert composed.password not in repr(composed)
        assert composed.bootstrap.startswith("127.0.0.1:")
    commands = asked.read_text().splitlines()
    assert all(command.startswith("greenpoints-") for command in commands)
    assert [command.split(".yml ")[1] for command in commands] == ["down", "up --wait --detach", "down"]
