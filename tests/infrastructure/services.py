"""Real service processes for a test: started, killed, started again, on fresh topics and a fresh database."""

import asyncio
import signal
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from aiokafka import AIOKafkaProducer

from deploy.local import ports, processes
from deploy.local.processes import Child
from deploy.local.stack import CHECKOUT
from shared.runtime.trusted import trusted
from tests.infrastructure.fixtures import Database

OPERATOR_TOKEN = "operator-of-the-tests"  # noqa: S105 - of no worth outside the test
VOUCHER_KEY = "a-voucher-key-of-the-tests-that-is-long-enough"
_READY_SECONDS = 40
_TRUST = trusted([])  # no service is asked by TLS


@dataclass(slots=True)
class Services:
    """Where everything answers; `start` runs one more process of a service, `kill` ends one as a crash would."""

    kafka: str
    database: Database
    state_dir: Path
    ports: dict[str, int] = field(default_factory=dict)
    running: dict[str, Child] = field(default_factory=dict)

    async def start(
        self, service: str, *, name: str | None = None, ordinal: int = 0, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start a process of `service` under `name` and wait until it is ready."""
        name = name or service
        port = self.ports.setdefault(name, ports.free_port())
        env = {
            "GREENPOINTS_ENVIRONMENT": "test",
            "GREENPOINTS_KAFKA": self.kafka,
            "GREENPOINTS_DATABASE": self.database.dsns[service],
            "GREENPOINTS_HTTP_HOST": "127.0.0.1",
            "GREENPOINTS_HTTP_PORT": str(port),
            "GREENPOINTS_OPERATOR_TOKEN": OPERATOR_TOKEN,
            "GREENPOINTS_VOUCHER_KEY": VOUCHER_KEY,
            "GREENPOINTS_ORDINAL": str(ordinal),
            "GREENPOINTS_SWEEP_MILLISECONDS": "200",
            "GREENPOINTS_SESSION_MILLISECONDS": "6000",
            **(environment or {}),
        }
        argv = (sys.executable, "-m", f"services.{service}")
        self.running[name] = processes.start(name, argv, self.state_dir, env=env, cwd=CHECKOUT)
        await self._ready(name, port)

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def log(self, name: str) -> str:
        return (self.state_dir / "logs" / f"{name}.log").read_text(errors="replace")

    async def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """End one process by a signal and wait until it is gone."""
        child = self.running.pop(name)
        child.send(number)
        await child.wait(20)

    async def stop(self) -> None:
        await asyncio.gather(*(child.stop(seconds=15) for child in self.running.values()))
        self.running.clear()

    async def get(self, name: str, path: str) -> Any:
        """The JSON answer of a service to the operator; raises for any status but success."""
        async with self.operator(name) as client:
            answer = await client.get(path)
            answer.raise_for_status()
            return answer.json()

    def operator(self, name: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url(name),
            headers={"Authorization": f"Bearer {OPERATOR_TOKEN}"},
            timeout=30,
            trust_env=False,
            verify=_TRUST,
        )

    @asynccontextmanager
    async def connection(self, role: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """A connection as one service's role, or as greenpoints_audit."""
        connection = await asyncpg.connect(self.database.dsns[role])
        try:
            yield connection
        finally:
            await connection.close()

    async def _ready(self, name: str, port: int) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False, verify=_TRUST) as client:
            async with asyncio.timeout(_READY_SECONDS):
                while True:
                    if (code := self.running[name].exit_code) is not None:
                        raise AssertionError(f"{name} ended with {code}: {self.log(name)[-2000:]}")
                    try:
                        if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == httpx.codes.OK:
                            return
                    except httpx.HTTPError:
                        pass
                    await asyncio.sleep(0.05)


@asynccontextmanager
async def running_services(kafka: str, database: Database, state_dir: Path, *names: str) -> AsyncIterator[Services]:
    """Start the named services; stop every process at the end and print the logs' ends if the test failed."""
    services = Services(kafka, database, state_dir / uuid.uuid4().hex[:8])
    services.state_dir.mkdir(parents=True)
    try:
        await asyncio.gather(*(services.start(name) for name in names))
        yield services
    except BaseException:
        for name in services.ports:
            code = services.running[name].exit_code if name in services.running else None
            print(f"--- {name}{'' if code is None else f', ended with {code}'}\n{services.log(name)[-3000:]}")
        raise
    finally:
        await services.stop()


async def eventually(
    what: str, look: Callable[[], Awaitable[bool]], *, seconds: float = 60, pause: float = 0.1
) -> None:
    """Wait until `look` answers true; fails naming `what` it waited for."""
    try:
        async with asyncio.timeout(seconds):
            while not await look():
                await asyncio.sleep(pause)
    except TimeoutError:
        raise AssertionError(f"After {seconds} s there is still no {what}.") from None


@asynccontextmanager
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    """A POS's own producer: idempotent, acks=all, murmur2."""
    sender = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all", linger_ms=2)
    await sender.start()
    try:
        yield sender
    finally:
        await sender.stop()
