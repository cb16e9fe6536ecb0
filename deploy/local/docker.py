"""Kafka and PostgreSQL from docker-compose.yml, where a Docker *engine* answers."""

import hashlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import kafka, ports, postgres, processes
from deploy.local.processes import Say

COMPOSE_FILE = Path(__file__).parents[2] / "docker-compose.yml"


@dataclass(frozen=True, slots=True)
class Composed:
    """One use of docker-compose.yml: its project, its ports, its secret."""

    project: str
    kafka_port: int
    postgres_port: int
    password: str

    def __repr__(self) -> str:
        return f"Composed({self.project})"

    @property
    def environment(self) -> dict[str, str]:
        """What docker-compose.yml asks for."""
        return {
            "COMPOSE_PROJECT_NAME": self.project,
            "GREENPOINTS_KAFKA_PORT": str(self.kafka_port),
            "GREENPOINTS_POSTGRES_PORT": str(self.postgres_port),
            "GREENPOINTS_POSTGRES_PASSWORD": self.password,
        }

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.kafka_port}"

    @property
    def admin_dsn(self) -> str:
        return f"postgresql://{postgres.ADMIN}:{self.password}@127.0.0.1:{self.postgres_port}/postgres"


def engine_version() -> str | None:
    """The version of the engine behind the docker client; None = no client, no engine or no compose."""
    client = shutil.which("docker")
    if client is None:
        return None
    answers = []
    for question in (["version", "--format", "{{.Server.Version}}"], ["compose", "version"]):
        try:
            result = subprocess.run([client, *question], capture_output=True, text=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if result.returncode:
            return None
        answers.append(result.stdout.strip())
    return answers[0] or None


def project_of(state_dir: Path) -> str:
    """The compose project of a state directory, so that two checkouts do not share containers."""
    return f"greenpoints-{hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:8]}"


@asynccontextmanager
async def running_compose(state_dir: Path, *, ephemeral: bool, say: Say) -> AsyncIterator[Composed | None]:
    """The composed pair, healthy; None, with a sentence, when the engine cannot give it (no images, say)."""
    password = postgres.admin_password(state_dir)
    project = project_of(state_dir)
    await compose(Composed(project, 0, 0, password), "down")  # what a killed run left would hold our ports
    composed = Composed(
        project,
        kafka_port=ports.chosen_port("Kafka", None if ephemeral else kafka.PREFERRED_PORT, say),
        postgres_port=ports.chosen_port("PostgreSQL", None if ephemeral else postgres.PREFERRED_PORT, say),
        password=password,
    )
    try:
        say(f"Starting Kafka and PostgreSQL in Docker ({project}).")
        code, output = await compose(composed, "up", "--wait", "--detach")
        if code:
            lines = output.strip().splitlines() or [f"exit code {code}"]
            say(f"Docker could not start Kafka and PostgreSQL ({lines[-1][:200]}); starting them without it.")
        yield None if code else composed
    finally:
        await compose(composed, "down", *(["--volumes"] if ephemeral else []))


async def compose(composed: Composed, *arguments: str) -> tuple[int, str]:
    """Run one `docker compose` command on docker-compose.yml: exit code and what it printed."""
    command = ["docker", "compose", "--file", str(COMPOSE_FILE), *arguments]
    return await processes.run(command, env=composed.environment)
