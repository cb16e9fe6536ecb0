"""Where a benchmark runs: a stack of its own that fsyncs, fresh topics, and databases copied from a prepared one."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from deploy.local import addresses, ports, processes
from deploy.local.processes import Child
from deploy.local.stack import CHECKOUT, Stack, default_state_dir, running_stack
from services.operator.bootstrap import all_topics, create_database, create_topics, dsn_for, new_passwords
from services.operator.program import SHIPPED, publish_pack, read_pack
from shared.events.kafka_binding import STRUCTURED_HEADERS
from shared.events.topics import built_services
from shared.programs.pack import ProgramPack
from tests.benchmarks.events import GRANTS, PROFILES, PURCHASES, Message, moment, registrations
from tests.infrastructure.stack import MAY_DELETE

PREPARED = "bench_prepared"
CONSUMING = ("earning", "redemption")
_STOP_SECONDS = 30
# Fen; the shipped pack's own budget would run dry after some million purchases, which then rightly earn nothing.
_BUDGET_MINOR = 10**14
_ACKNOWLEDGE_EVERY = 10_000


class BenchmarkFailedError(Exception):
    """The run did not do what it was to measure; its figures would be worth nothing."""


@dataclass(frozen=True, slots=True)
class Stage:
    """The running stack and the roles' passwords; figures are of this machine and this stack only."""

    stack: Stack
    passwords: Mapping[str, str] = field(repr=False)

    @property
    def kafka(self) -> str:
        return self.stack.kafka

    def admin_dsn(self, database: str) -> str:
        return dsn_for(self.stack.postgres_admin_dsn, database)

    @asynccontextmanager
    async def admin(self, database: str = "postgres") -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
        """The administrator's connection, planned like a service's own, and without a time limit."""
        connection = await asyncpg.connect(
            self.admin_dsn(database),
            server_settings={
                "application_name": "greenpoints benchmark",
                "jit": "off",
                "timezone": "UTC",
                "plan_cache_mode": "force_generic_plan",
            },
        )
        try:
            yield connection
        finally:
            await connection.close()

    async def fresh_topics(self, pack: ProgramPack | None = None) -> None:
        """Delete and make every topic anew, and publish the pack (the fruit shop's) with a budget for millions."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka)
        await admin.start()
        try:
            present = set(await admin.list_topics()) & set(all_topics())
            if present:
                await admin.delete_topics(sorted(present))
            async with asyncio.timeout(60):
                while present & set(await admin.list_topics()):  # deletion goes on after the answer
                    await asyncio.sleep(0.05)
        finally:
            await admin.close()
        await create_topics(self.kafka)
        pack = pack or read_pack(CHECKOUT / "deploy" / "programs" / SHIPPED[0])
        rich = [budget.model_copy(update={"approved_minor": _BUDGET_MINOR}) for budget in pack.budgets]
        await publish_pack(self.kafka, pack.model_copy(update={"budgets": tuple(rich)}))

    async def prepare(self, members: Sequence[str], pack: ProgramPack | None = None) -> None:
        """Fresh topics, and the database PREPARED in which both services have registered `members`.

        Nothing is analyzed: what nobody has looked at yet counts as ten pages to the planner, as in a new installation;
        an analyzed empty table would count as one row, and every plan made on it would scan it whole for ever after.
        """
        await self.drop(PREPARED)
        await self.fresh_topics(pack)
        await self.publish(registrations(list(members), moment()))
        dsns = await self.dsns(PREPARED)
        for service in CONSUMING:
            async with self.worker(service, dsns[service]), self.admin(PREPARED) as connection:
                table = "member" if service == "earning" else "wallet"
                await _until_count(connection, f"{service}.{table}", len(members))

    async def copy(self, database: str, of: str = PREPARED) -> Mapping[str, str]:
        """A copy of a database nobody is connected to, with everything of it on disk; the DSNs of its roles."""
        await self.drop(database)
        async with self.admin() as connection:
            await connection.execute(f'CREATE DATABASE "{database}" TEMPLATE "{of}"')
        dsns = await self.dsns(database)
        async with self.admin(database) as connection:
            await connection.execute("CHECKPOINT")
        return dsns

    async def drop(self, *databases: str) -> None:
        async with self.admin() as connection:
            for database in databases:
                await connection.execute(f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    async def dsns(self, database: str) -> Mapping[str, str]:
        """The DSN of each role; the database and what the roles need in it are made if missing."""
        return await create_database(
            self.stack.postgres_admin_dsn, database, services=built_services(), passwords=self.passwords
        )

    async def publish(self, messages: Iterable[Message]) -> int:
        """Send everything and wait for Kafka's acknowledgements; the number sent."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.kafka, enable_idempotence=True, acks="all", linger_ms=5, max_batch_size=128 * 1024
        )
        await producer.start()
        sent, pending = 0, []
        try:
            for message in messages:
                pending.append(
                    await producer.send(message.topic, message.value, key=message.key, headers=list(STRUCTURED_HEADERS))
                )
                sent += 1
                if len(pending) >= _ACKNOWLEDGE_EVERY:
                    await asyncio.gather(*pending)
                    pending.clear()
            await asyncio.gather(*pending)
        finally:
            await producer.stop()
        return sent

    async def ends(self, topic: str) -> Mapping[int, int]:
        """The end offset of each partition that is not empty."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka)
        await consumer.start()
        try:
            places = [TopicPartition(topic, number) for number in range(all_topics()[topic].partitions)]
            return {place.partition: end for place, end in (await consumer.end_offsets(places)).items() if end}
        finally:
            await consumer.stop()

    @asynccontextmanager
    async def worker(
        self,
        service: str,
        dsn: str,
        *,
        roles: str = "consume",
        name: str | None = None,
        module: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Child]:
        """One process of `service` in these roles, stopped at the end; raises BenchmarkFailedError if it ends before.

        It is started only: whoever measures waits for what it does. `module` replaces `services.<service>`.
        """
        env = {
            "GREENPOINTS_ENVIRONMENT": "test",
            "GREENPOINTS_KAFKA": self.kafka,
            "GREENPOINTS_DATABASE": dsn,
            "GREENPOINTS_HTTP_PORT": str(ports.free_port()),
            "GREENPOINTS_ROLES": roles,
            **(environment or {}),
        }
        argv = (sys.executable, "-m", *(module or (f"services.{service}",)))
        child = processes.start(name or service, argv, self.stack.state_dir, env=env, cwd=CHECKOUT)
        try:
            yield child
            refuse_ended(child)
        finally:
            await child.stop(signal.SIGTERM, seconds=_STOP_SECONDS)


def refuse_ended(child: Child) -> None:
    """Raises BenchmarkFailedError when the process is no longer there."""
    if child.exit_code is not None:
        raise BenchmarkFailedError(f"{child.name} ended with {child.exit_code}: {processes.last_words(child.log)}")


@asynccontextmanager
async def running_stage(state_dir: Path | None = None) -> AsyncIterator[Stage]:
    """Kafka and PostgreSQL with their real settings, empty at the start and removed at the end."""
    if addresses.given_addresses() is not None and os.environ.get(MAY_DELETE) != "yes":
        raise BenchmarkFailedError(
            f"The benchmarks would delete topics and databases at {addresses.KAFKA} and {addresses.POSTGRES}; "
            f"set {MAY_DELETE}=yes if nothing of worth is there, or unset both addresses."
        )
    home = state_dir or default_state_dir() / "bench"
    _empty(home)
    try:
        async with running_stack(home) as stack:
            await _refuse_unsafe(stack)
            yield Stage(stack, new_passwords(built_services()))
    finally:
        _empty(home)


async def _refuse_unsafe(stack: Stack) -> None:
    """A database that does not wait for its disk would make every figure here a lie."""
    connection = await asyncpg.connect(stack.postgres_admin_dsn)
    try:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if (value := await connection.fetchval("SELECT current_setting($1)", setting)) != "on":
                raise BenchmarkFailedError(f"PostgreSQL runs with {setting} = {value}; the benchmarks need it on.")
    finally:
        await connection.close()


def _empty(home: Path) -> None:
    """Remove what an earlier run left, except Kafka's jars. A run that is alive keeps its lock, and is left alone."""
    if not home.exists() or _is_alive(home):
        return
    processes.stop_leftovers(home, print)
    if (place := home / "postgres.place").exists():
        shutil.rmtree(place.read_text(), ignore_errors=True)
        place.unlink()
    for name in ("kafka", "postgres"):
        shutil.rmtree(home / name, ignore_errors=True)
    (home / "postgres.password").unlink(missing_ok=True)


def _is_alive(home: Path) -> bool:
    with (home / "lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


async def _until_count(
    connection: "asyncpg.Connection[asyncpg.Record]", table: str, number: int, seconds: float = 120
) -> None:
    rows = 0
    try:
        async with asyncio.timeout(seconds):
            while rows < number:
                await asyncio.sleep(0.1)
                with contextlib.suppress(asyncpg.UndefinedTableError):  # the service is still migrating
                    rows = await connection.fetchval(f"SELECT count(*) FROM {table}")  # noqa: S608 - names of ours
    except TimeoutError:
        raise BenchmarkFailedError(
            f"{table} holds {rows} rows after {seconds:g} s, and should hold {number}."
        ) from None


INPUT = {"earning": PURCHASES, "redemption": GRANTS}
__all__ = ["GRANTS", "INPUT", "PREPARED", "PROFILES", "PURCHASES", "BenchmarkFailedError", "Stage", "running_stage"]
