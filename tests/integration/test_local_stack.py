"""The local stack on real processes: it starts, stops, keeps its books, and gets over a killed run."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import asyncpg
import psutil
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from deploy.local import kafka as native_kafka
from deploy.local import postgres as native_postgres
from deploy.local.processes import resident_bytes
from deploy.local.stack import CHECKOUT, Stack, default_state_dir, native_stack, own_state
from deploy.local.trouble import Trouble
from services.operator.bootstrap import (
    AUDIT_ROLE,
    all_topics,
    bootstrap,
    create_topics,
    dsn_for,
)
from shared.events.topics import built_services
from shared.runtime.postgres import grant_audit
from tests.infrastructure.fixtures import Database, fresh_database


@pytest.fixture
def state_dir(stack: Stack, tmp_path: Path) -> Path:
    """A state directory of the test's own, with Kafka's jars in it, below one that only root may enter."""
    if stack.kind != "native":
        pytest.skip("the native stack is not what this session runs on")
    own = tmp_path / "state"
    own.mkdir()
    (own / "kafka-jars").symlink_to(default_state_dir() / "kafka-jars")
    return own


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack: Stack, passwords: Mapping[str, str]) -> AsyncIterator[Database]:
    """Bootstrapped as an operator's is: it is tested here, so no copy will do."""
    async with fresh_database(stack, passwords) as fresh:
        yield fresh


def _clean_up(state_dir: Path) -> None:
    record = native_postgres.place_record(state_dir)
    if record.exists():
        shutil.rmtree(record.read_text())


async def test_a_second_run_finds_the_topics_and_databases_of_the_first(state_dir: Path) -> None:
    said: list[str] = []
    for run in ("first", "second"):
        async with (
            own_state(state_dir, ephemeral=False, say=said.append) as own,
            native_stack(own, ephemeral=False, brief=True, say=said.append) as stack,
        ):
            pids = dict(stack.pids)
            admin = AIOKafkaAdminClient(bootstrap_servers=stack.kafka)
            await admin.start()
            connection = await asyncpg.connect(stack.postgres_admin_dsn)
            if run == "first":
                await admin.create_topics([NewTopic("kept", 1, 1)])
                await connection.execute("CREATE TABLE kept (points bigint); INSERT INTO kept VALUES (7)")
            else:
                assert "kept" in await admin.list_topics()
                assert await connection.fetchval("SELECT points FROM kept") == 7
            assert sum(resident_bytes(pid) for pid in pids.values()) < 1024**3
            await connection.close()
            await admin.close()
        assert not any(psutil.pid_exists(pid) for pid in pids.values())
    _clean_up(state_dir)


_RUNNER = """
import asyncio, sys
from pathlib import Path
from deploy.local.stack import native_stack, own_state
async def main():
    async with own_state(Path(sys.argv[1]), ephemeral=False, say=lambda _: None) as own:
        async with native_stack(own, ephemeral=False, brief=True, say=lambda _: None) as stack:
            print(*stack.pids.values(), stack.postgres_admin_dsn, flush=True)
            await asyncio.sleep(600)
asyncio.run(main())
"""


async def test_a_killed_run_leaves_no_process_and_the_next_one_starts(state_dir: Path) -> None:
    runner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUNNER, str(state_dir), stdout=subprocess.PIPE, cwd=CHECKOUT
    )
    assert runner.stdout is not None
    kafka_pid, postgres_pid, dsn = (await runner.stdout.readline()).decode().split()
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept (points bigint); INSERT INTO kept VALUES (7)")
    os.kill(int(postgres_pid), signal.SIGKILL)  # its lock file stays behind
    runner.send_signal(signal.SIGKILL)
    await runner.wait()
    connection.terminate()
    await asyncio.to_thread(_wait_until_gone, int(kafka_pid))
    for half_made in (state_dir / "kafka" / "log.half", state_dir / "kafka" / "log.half" / "x"):
        half_made.mkdir()  # what a run leaves that was killed while formatting
    async with (
        own_state(state_dir, ephemeral=False, say=lambda _: None) as own,
        native_stack(own, ephemeral=False, brief=True, say=lambda _: None) as stack,
    ):
        connection = await asyncpg.connect(stack.postgres_admin_dsn)
        assert await connection.fetchval("SELECT points FROM kept") == 7
        await connection.close()
    _clean_up(state_dir)


def _wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, f"process {pid} outlived the run that started it"
        time.sleep(0.05)


async def test_a_stale_lock_file_with_a_foreign_pid_is_no_obstacle(state_dir: Path) -> None:
    async with native_postgres.running_postgres(state_dir, ephemeral=True, say=lambda _: None):
        pass
    cluster = native_postgres.cluster_home(state_dir, None) / "cluster"
    (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n{cluster}\n0\n")
    async with native_postgres.running_postgres(state_dir, ephemeral=True, say=lambda _: None) as running:
        assert await native_postgres.answers(running.admin_dsn)
    _clean_up(state_dir)


async def test_taken_ports_are_said_and_others_used(state_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as foreigner:
        foreigner.bind(("127.0.0.1", 0))
        foreigner.listen()
        taken = foreigner.getsockname()[1]
        monkeypatch.setattr(native_kafka, "PREFERRED_PORT", taken)
        monkeypatch.setattr(native_postgres, "PREFERRED_PORT", taken)
        said: list[str] = []
        async with (
            own_state(state_dir, ephemeral=False, say=said.append) as own,
            native_stack(own, ephemeral=False, brief=True, say=said.append) as stack,
        ):
            assert await native_kafka.answers(stack.kafka)
            assert str(taken) not in stack.kafka
    assert sorted(said) == [
        f"Port {taken} is taken by another program; {name} uses {port}."
        for name, port in (
            ("Kafka", stack.kafka.rpartition(":")[2]),
            ("PostgreSQL", stack.postgres_admin_dsn.rpartition(":")[2].removesuffix("/postgres")),
        )
    ]
    _clean_up(state_dir)


async def test_a_broker_that_cannot_start_is_one_sentence_and_leaves_nothing_running(state_dir: Path) -> None:
    log = state_dir / "kafka" / "log"
    log.mkdir(parents=True)
    (log / "meta.properties").write_text("version=1\ncluster.id=other\nnode.id=99\n")
    with pytest.raises(Trouble) as caught:
        async with (
            own_state(state_dir, ephemeral=False, say=lambda _: None) as own,
            native_stack(own, ephemeral=False, brief=True, say=lambda _: None),
        ):
            pass
    assert caught.value.code == "KAFKA_DID_NOT_START"
    assert "99" in caught.value.sentence
    assert "\n" not in str(caught.value)
    assert list((state_dir / "run").iterdir()) == [], "PostgreSQL was stopped too"
    _clean_up(state_dir)


async def test_bootstrap_may_be_repeated(stack: Stack, database: Database, passwords: Mapping[str, str]) -> None:
    again = await bootstrap(
        stack.kafka, stack.postgres_admin_dsn, database.name, services=built_services(), passwords=passwords
    )
    assert again == database.dsns
    for name, dsn in again.items():
        connection = await asyncpg.connect(dsn)
        expected = "pg_catalog" if name == AUDIT_ROLE else f"{name}, pg_catalog"
        assert await connection.fetchval("SHOW search_path") == expected
        await connection.close()


async def test_a_topic_with_another_partition_count_is_refused(stack: Stack, fresh_topics: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=fresh_topics)
    await admin.start()
    name = next(name for name, topic in all_topics().items() if topic.partitions == 1)
    await admin.delete_topics([name])
    while name in await admin.list_topics():
        await asyncio.sleep(0.02)
    await admin.create_topics([NewTopic(name, 3, 1)])
    while name not in await admin.list_topics():  # the broker answers a moment before it shows the topic
        await asyncio.sleep(0.02)
    with pytest.raises(Trouble, match=f"Topic {name} has 3 partitions, but topics.yaml says 1") as caught:
        await create_topics(stack.kafka)
    assert caught.value.code == "PARTITION_COUNT_DIFFERS"
    await admin.delete_topics([name])
    while name in await admin.list_topics():
        await asyncio.sleep(0.02)
    await create_topics(stack.kafka)
    await admin.close()


async def test_topics_are_made_as_the_contract_says(kafka: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    await admin.close()
    assert {name: found.get(name) for name in all_topics()} == {
        name: topic.partitions for name, topic in all_topics().items()
    }


async def test_fresh_topics_are_empty(fresh_topics: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=fresh_topics) as producer:
        for _ in range(2):
            record = await producer.send_and_wait("pos.purchases.v1", b"{}", partition=0)
    assert record.offset == 1


async def test_a_role_is_shut_in_its_schema(database: Database) -> None:
    connection = await asyncpg.connect(database.dsns["earning"])
    await connection.execute("CREATE TABLE mine (points bigint)")
    for forbidden in (
        "CREATE TABLE redemption.theirs (points bigint)",
        "CREATE TABLE public.anybodys (points bigint)",
        "CREATE TEMP TABLE nobodys (points bigint)",
        "CREATE ROLE friend",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(forbidden)
    await connection.close()
    neighbour = await asyncpg.connect(database.dsns["redemption"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await neighbour.fetch("SELECT * FROM earning.mine")
    await neighbour.close()


async def test_the_audit_role_reads_audit_views_and_nothing_else(database: Database) -> None:
    earning = await asyncpg.connect(database.dsns["earning"])
    await earning.execute(
        "CREATE TABLE grant_row (points bigint); INSERT INTO grant_row VALUES (5);"
        "CREATE VIEW audit_grant AS SELECT points FROM grant_row; CREATE VIEW auditx AS SELECT 1 AS one"
    )
    await grant_audit(earning)
    await earning.close()
    auditor = await asyncpg.connect(database.dsns[AUDIT_ROLE])
    assert await auditor.fetchval("SELECT points FROM earning.audit_grant") == 5
    for forbidden in ("SELECT * FROM earning.grant_row", "SELECT * FROM earning.auditx"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await auditor.fetch(forbidden)
    await auditor.close()


async def test_a_stranger_cannot_enter_the_database(stack: Stack, database: Database, unique: str) -> None:
    admin = await asyncpg.connect(stack.postgres_admin_dsn)
    await admin.execute(f"CREATE ROLE stranger_{unique} LOGIN PASSWORD 'for-this-test'")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(dsn_for(stack.postgres_admin_dsn, database.name, f"stranger_{unique}", "for-this-test"))
    await admin.execute(f"DROP ROLE stranger_{unique}")
    await admin.close()
