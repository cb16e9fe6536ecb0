"""`greenpoints up`: Kafka, PostgreSQL and the services on this machine, until Ctrl-C."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.processes import Say
from deploy.local.stack import Stack, running_stack
from services.operator.bootstrap import bootstrap, new_passwords
from services.operator.local_run import LocalRun, recorded_run
from services.operator.program import apply_shipped
from services.operator.supervisor import Process, Supervisor, until_interrupted
from shared.events.topics import built_services

# In the order events flow, which is the order they are stopped in.
PREFERRED_PORTS = {"gateway": 8080, "earning": 8081, "redemption": 8082}
WITH_RELAY = ("earning", "redemption")  # in processes of their own


@dataclass(frozen=True, slots=True)
class Greenpoints:
    """Everything running: where each service answers, and what an operator needs to speak to it."""

    stack: Stack
    supervisor: Supervisor
    urls: Mapping[str, str]
    dsns: Mapping[str, str] = field(repr=False)
    operator_token: str = field(repr=False)

    def resident_bytes(self) -> Mapping[str, int]:
        """Memory by process name in bytes, Kafka and PostgreSQL included where they are ours."""
        stack = {name: processes.resident_bytes(pid) for name, pid in self.stack.pids.items()}
        return {**stack, **self.supervisor.resident_bytes()}


@asynccontextmanager
async def running_greenpoints(
    state_dir: Path | None = None,
    *,
    say: Say = print,
    ephemeral: bool = False,
    prepare: Callable[[Stack], Awaitable[None]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Greenpoints]:
    """Start the stack, create what the services need, run `prepare` (publishing programs, say), start them.

    `environment` is added to each service's. Everything is stopped at the end; raises Trouble.
    """
    async with running_stack(state_dir, ephemeral=ephemeral, say=say) as stack:
        secret = _secrets(stack.state_dir)
        token = secret["operator_token"]
        dsns = await bootstrap(stack.kafka, stack.postgres_admin_dsn, services=built_services(), passwords=secret)
        if prepare is not None:
            await prepare(stack)
        ports = {
            name: processes.chosen_port(f"The {name} service", None if ephemeral else preferred, say)
            for name, preferred in PREFERRED_PORTS.items()
        }

        def process(name: str, service: str, roles: str, port: int) -> Process:
            return Process(
                name,
                (sys.executable, "-m", f"services.{service}"),
                {
                    "GREENPOINTS_ENVIRONMENT": "demo",
                    **(environment or {}),
                    "GREENPOINTS_KAFKA": stack.kafka,
                    "GREENPOINTS_DATABASE": dsns[service],
                    "GREENPOINTS_HTTP_HOST": "127.0.0.1",
                    "GREENPOINTS_HTTP_PORT": str(port),
                    "GREENPOINTS_OPERATOR_TOKEN": token,
                    "GREENPOINTS_ROLES": roles,
                },
                ready_url=f"http://127.0.0.1:{port}/readyz",
            )

        wanted = [process(name, name, "consume,serve", port) for name, port in ports.items()]
        # beside a busy worker a relay waits for its turn: redemption got 1,200 events/s of earning's 6,800
        wanted += [process(f"{name}-relay", name, "relay,serve", processes.free_port()) for name in WITH_RELAY]
        async with Supervisor(wanted, stack.state_dir, say) as supervisor:
            urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
            with recorded_run(stack.state_dir, LocalRun(urls, stack.kafka, dsns, token)):
                yield Greenpoints(stack, supervisor, urls, dsns, token)


def command() -> None:
    """Run Kafka, PostgreSQL and the services until Ctrl-C."""
    until_interrupted(_up)
    print("Everything has stopped.")


async def _up() -> None:
    async with running_greenpoints(prepare=publish_shipped_programs) as greenpoints:
        for line in _addresses(greenpoints):
            print(line)
        await asyncio.Event().wait()


async def publish_shipped_programs(stack: Stack) -> None:
    """Publish the program packs that ship, before any service starts, so that each knows them at once."""
    await apply_shipped(stack.kafka)


def _addresses(greenpoints: Greenpoints) -> list[str]:
    stack = greenpoints.stack
    return [
        f"Kafka       {stack.kafka} ({stack.kind})",
        *(f"{name:<11} {url}" for name, url in greenpoints.urls.items()),
        f"Logs and passwords are in {stack.state_dir}. Ctrl-C stops everything.",
    ]


def _secrets(state_dir: Path) -> Mapping[str, str]:
    """The passwords of the roles and the operator's token, made once, readable by us alone."""
    file = state_dir / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {"operator_token": secrets.token_urlsafe(32), **new_passwords(built_services())}
    if missing := wanted.keys() - known.keys():
        known |= {name: wanted[name] for name in missing}
        file.touch(mode=0o600)
        file.write_text(json.dumps(known))
    return known
