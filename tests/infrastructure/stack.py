"""Kafka and PostgreSQL for one test session: the demo's chain, with testcontainers for its Docker leg."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from testcontainers.compose import DockerCompose

from deploy.local import addresses, docker, ports, postgres
from deploy.local.postgres import admin_password
from deploy.local.processes import Say
from deploy.local.stack import Stack, default_state_dir, native_stack, own_state

MAY_DELETE = "GREENPOINTS_TEST_MAY_DELETE"
# Hundreds of databases are made and dropped, of 300 files each: on a disk that takes up to 15 times the CPU.
_MEMORY = Path("/dev/shm")  # noqa: S108 - a private directory is made in it
_MEMORY_BYTES = 4 * 1024**3


@asynccontextmanager
async def session_stack(say: Say = print) -> AsyncIterator[Stack]:
    """A stack for tests, ephemeral unless its addresses are given.

    Tests delete topics and set the services' passwords, so given servers need `GREENPOINTS_TEST_MAY_DELETE=yes`.
    """
    given = addresses.given_addresses()
    if given is not None and os.environ.get(MAY_DELETE) != "yes":
        raise RuntimeError(
            f"The tests would delete topics and change passwords at {addresses.KAFKA} and {addresses.POSTGRES}; "
            f"set {MAY_DELETE}=yes if nothing of worth is there, or unset both addresses."
        )
    async with own_state(default_state_dir(), ephemeral=True, say=say) as own:
        if given is not None:
            await addresses.check_addresses(*given)
            yield Stack(*given, kind="given", pids={}, state_dir=own)
            return
        if docker.engine_version() is not None and (composed := _compose(own, say)) is not None:
            engine, access = composed
            try:
                yield Stack(access.bootstrap, access.admin_dsn, kind="docker", pids={}, state_dir=own)
            finally:
                engine.stop()
            return
        if _memory_to_spare():
            postgres.keep_cluster_in(_MEMORY, own)
        async with native_stack(own, ephemeral=True, say=say) as stack:
            yield stack


def _memory_to_spare() -> bool:
    """Is there a file system in memory, with room for a session's cluster and for everything else?"""
    return (
        os.access(_MEMORY, os.W_OK)
        and shutil.disk_usage(_MEMORY).free >= _MEMORY_BYTES
        and psutil.virtual_memory().available >= _MEMORY_BYTES
    )


def _compose(own: Path, say: Say) -> tuple[DockerCompose, docker.Composed] | None:
    """docker-compose.yml, started and healthy, or None with a sentence when the engine cannot."""
    composed = docker.Composed(docker.project_of(own), ports.free_port(), ports.free_port(), admin_password(own))
    settings = own / "compose.env"
    settings.touch(mode=0o600)
    settings.write_text("".join(f"{name}={value}\n" for name, value in composed.environment.items()))
    engine = DockerCompose(
        docker.COMPOSE_FILE.parent, compose_file_name=docker.COMPOSE_FILE.name, env_file=str(settings)
    )
    try:
        engine.start()
    except subprocess.CalledProcessError as error:
        say(f"Docker could not start Kafka and PostgreSQL (exit code {error.returncode}); starting them without it.")
        engine.stop()
        return None
    return engine, composed
