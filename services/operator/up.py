"""`greenpoints up`: Kafka, PostgreSQL and the services on this machine, until Ctrl-C."""

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local import processes
from deploy.local.ports import chosen_port, free_port
from deploy.local.processes import Say
from deploy.local.stack import Stack, running_stack
from services.operator.bootstrap import bootstrap, new_passwords
from services.operator.local_run import LocalRun, recorded_run
from services.operator.mailbox import Mailbox, open_mailbox
from services.operator.program import apply_shipped
from services.operator.serving import NICENESS_SETTING, serving_processes, workers_niceness
from services.operator.supervisor import Process, Supervisor, until_interrupted
from shared.events.topics import built_services

# In the order events flow; the first is stopped before the others.
PREFERRED_PORTS = {
    "gateway": 8080,
    "earning": 8081,
    "redemption": 8082,
    "fraud_monitoring": 8083,
    "notification": 8084,
    "console": 8090,
}
WITH_RELAY = ("earning", "redemption")  # in a process of its own
SERVED_APART = ("redemption",)  # by processes that share its port: no till waits for a batch
CONSOLE_USER = "admin"


@dataclass(frozen=True, slots=True)
class Greenpoints:
    """Everything running: where each service answers, and what an operator needs to speak to it."""

    stack: Stack
    supervisor: Supervisor
    urls: Mapping[str, str]
    mailbox: Mailbox
    dsns: Mapping[str, str] = field(repr=False)
    operator_token: str = field(repr=False)
    console_password: str = field(repr=False)

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
    brief: bool = False,
    prepare: Callable[[Stack], Awaitable[None]] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Greenpoints]:
    """Start the stack, create what the services need, run `prepare` (publishing programs, say), start them.

    `environment` is added to each service's. Everything is stopped at the end; raises Trouble.
    """
    async with running_stack(state_dir, ephemeral=ephemeral, brief=brief, say=say) as stack:
        secret = _secrets(stack.state_dir)
        token = secret["operator_token"]
        dsns = await bootstrap(stack.kafka, stack.postgres_admin_dsn, services=built_services(), passwords=secret)
        if prepare is not None:
            await prepare(stack)
        ports = {
            name: chosen_port(f"The {name} service", None if ephemeral else preferred, say)
            for name, preferred in PREFERRED_PORTS.items()
        }
        running = _processes(ports)
        urls = {name: _url(port) for name, port in ports.items()}
        async with open_mailbox(stack.state_dir / "mail") as mailbox:
            own = _own_settings(stack, running, mailbox, secret)
            common = {
                "GREENPOINTS_ENVIRONMENT": "demo",
                **(environment or {}),
                "GREENPOINTS_KAFKA": stack.kafka,
                "GREENPOINTS_HTTP_HOST": "127.0.0.1",
                "GREENPOINTS_OPERATOR_TOKEN": token,
            }
            settings = {
                name: {**own.get(name, {}), **common, "GREENPOINTS_DATABASE": dsns[name]} for name in PREFERRED_PORTS
            }
            wanted = [each.with_settings(settings[each.service]) for each in running]
            async with Supervisor(wanted, stack.state_dir, say) as supervisor:
                with recorded_run(stack.state_dir, LocalRun(urls, stack.kafka, dsns, token)):
                    yield Greenpoints(stack, supervisor, urls, mailbox, dsns, token, secret["console_admin"])


@dataclass(frozen=True, slots=True)
class _Role:
    """A process of a service: `port` is its own, `shared_port` the one it answers at with others."""

    name: str
    service: str
    roles: str
    port: int
    shared_port: int = 0

    def with_settings(self, settings: Mapping[str, str]) -> Process:
        environment = {
            **settings,
            "GREENPOINTS_HTTP_PORT": str(self.port),
            "GREENPOINTS_HTTP_SHARED_PORT": str(self.shared_port),
            "GREENPOINTS_ROLES": self.roles,
        }
        if self.service in WITH_RELAY and "consume" in self.roles:
            environment[NICENESS_SETTING] = workers_niceness()
        argv = (sys.executable, "-m", f"services.{self.service}")
        return Process(self.name, argv, environment, ready_url=f"{_url(self.port)}/readyz")


def _processes(ports: Mapping[str, int]) -> list[_Role]:
    """One process per service; beside a busy worker relays and tills wait for their turn, so these have their own."""
    # measured: redemption without its own relay got 1,200 events/s of earning's 6,800
    roles = {name: "consume,serve" if name in WITH_RELAY else "consume,relay,serve" for name in ports}
    return [
        *(
            _Role(name, name, roles[name], free_port() if name in SERVED_APART else port)
            for name, port in ports.items()
        ),
        *(_Role(f"{name}-relay", name, "relay,serve", free_port()) for name in WITH_RELAY),
        *(
            _Role(f"{name}-serving-{number}", name, "serve", free_port(), shared_port=ports[name])
            for name in SERVED_APART
            for number in range(1, serving_processes() + 1)
        ),
    ]


def _url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def _own_settings(
    stack: Stack, running: Sequence[_Role], mailbox: Mailbox, secret: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """What a service is told beside what all are told. Nothing that notification sends leaves this machine."""
    # the first address of a service is asked, all of them are measured: at a shared port nobody knows who answers
    measured: dict[str, list[str]] = {}
    for each in sorted(running, key=lambda each: not each.shared_port):
        if each.service != "console":
            measured.setdefault(each.service, []).append(_url(each.port))
    return {
        "redemption": {"GREENPOINTS_VOUCHER_KEY": secret["voucher_key"]},
        "fraud_monitoring": {"GREENPOINTS_STORE_DIR": str(stack.state_dir / "fraud_monitoring")},
        "notification": {
            "GREENPOINTS_SMTP": mailbox.address,
            "GREENPOINTS_DIGEST_SECONDS": "5",
            "GREENPOINTS_CONTACT_SECONDS": "10",
        },
        "console": {
            "GREENPOINTS_SERVICE_URLS": json.dumps(measured),
            "GREENPOINTS_CONSOLE_ADMIN_PASSWORD": secret["console_admin"],
        },
    }


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
        f"{'Kafka':<16} {stack.kafka} ({stack.kind})",
        *(f"{name:<16} {url}" for name, url in greenpoints.urls.items()),
        *console_lines(greenpoints),
        f"Logs, mails and passwords are in {stack.state_dir}. Ctrl-C stops everything.",
    ]


def console_lines(greenpoints: Greenpoints) -> list[str]:
    """Where an operator looks, and how to sign in the first time."""
    return [
        f"Watch it in a browser: {greenpoints.urls['console']}",
        f"First sign-in: {CONSOLE_USER}, password {greenpoints.console_password} (until it is changed there).",
    ]


def _secrets(state_dir: Path) -> Mapping[str, str]:
    """The passwords of the roles and the operator's token, made once, readable by us alone."""
    file = state_dir / "secrets.json"
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    wanted = {
        "operator_token": secrets.token_urlsafe(32),
        "voucher_key": secrets.token_urlsafe(32),
        "console_admin": secrets.token_urlsafe(15),
        **new_passwords(built_services()),
    }
    if missing := wanted.keys() - known.keys():
        known |= {name: wanted[name] for name in missing}
        file.touch(mode=0o600)
        file.write_text(json.dumps(known))
    return known
