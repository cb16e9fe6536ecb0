"""Apache Kafka without a container: one KRaft node from its Maven artifacts, for the demo and the tests."""

import asyncio
import base64
import contextlib
import logging
import shutil
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.local import ports, processes, software
from deploy.local.processes import Child, Say
from deploy.local.trouble import Trouble

POM = Path(__file__).parent / "kafka" / "pom.xml"
PREFERRED_PORT = 19_092
READY_SECONDS = 60
_ATTEMPTS = 3
_PORT_TAKEN = "Address already in use"

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
controller.listener.names=CONTROLLER
log.dirs={log_dir}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
# Small machine: the cleaner's default buffer alone would take 128 MiB of the heap.
log.cleaner.dedupe.buffer.size=16777216
num.recovery.threads.per.data.dir=4
"""

_JVM = (
    "-Xms128m",
    "-Xmx512m",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.logFile=System.out",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)
# The first compiler alone starts a broker in 2.1 s instead of 3.2 s and takes a third of the CPU of its first minute;
# a longer life repays the second one.
_SHORT_LIFE = ("-XX:TieredStopAtLevel=1",)


@dataclass(frozen=True, slots=True)
class Broker:
    bootstrap: str
    child: Child


@asynccontextmanager
async def running_kafka(
    state_dir: Path, jars_dir: Path, *, ephemeral: bool, brief: bool, say: Say
) -> AsyncIterator[Broker]:
    """One broker on 127.0.0.1, answering; its log in `<state>/kafka`, its jars shared in `jars_dir`.

    Raises Trouble when Java or Maven is missing, the jars cannot be fetched, or it does not come up.
    """
    java = software.java(say)
    await _fetch_jars(jars_dir, say)
    launch = [str(java), *_JVM, *(_SHORT_LIFE if ephemeral or brief else ()), "-cp", f"{jars_dir}/*"]
    child: Child | None = None
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            port = ports.chosen_port("Kafka", None if ephemeral or attempt > 1 else PREFERRED_PORT, say)
            properties = _write_properties(state_dir, port)
            await _format_once(launch, state_dir, properties)
            child = processes.start("kafka", [*launch, "kafka.Kafka", str(properties)], state_dir)
            bootstrap = f"127.0.0.1:{port}"
            if await _comes_up(child, bootstrap):
                yield Broker(bootstrap, child)
                return
            words = processes.last_words(child.log, marks=("ERROR", "FATAL", _PORT_TAKEN, "Exception"))
            await child.stop(signal.SIGKILL)
            if _PORT_TAKEN not in processes.last_words(child.log, marks=(_PORT_TAKEN,)):
                break
        raise Trouble(
            "KAFKA_DID_NOT_START",
            f"Kafka did not come up: {words}.",
            f"Its log is {child.log if child else state_dir}; `make clean` starts from nothing.",
        )
    finally:
        if child is not None:
            await child.stop()


async def answers(bootstrap: str) -> bool:
    """Does a Kafka there list its topics?"""
    # The client logs each refused connection; while a broker starts that says nothing.
    client_log = logging.getLogger("aiokafka")
    level = client_log.level
    client_log.setLevel(logging.CRITICAL)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        async with asyncio.timeout(6):
            await admin.start()
            await admin.list_topics()
    except (KafkaError, OSError, TimeoutError, asyncio.IncompleteReadError):
        return False
    else:
        return True
    finally:
        client_log.setLevel(level)
        with contextlib.suppress(KafkaError, OSError):
            await admin.close()


async def _comes_up(child: Child, bootstrap: str) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(READY_SECONDS):
            while child.exit_code is None:
                if await answers(bootstrap):
                    return True
                await asyncio.sleep(0.05)
    return False


async def _fetch_jars(jars_dir: Path, say: Say) -> None:
    """Let Maven fetch the jars once; a fetch that was killed half-way is never taken for a whole one."""
    if jars_dir.exists():
        return
    maven = software.maven(say)
    say("Fetching Apache Kafka's jars with Maven (44 MB, once).")
    half = jars_dir.with_name(f"{jars_dir.name}.{uuid.uuid4().hex}.half")
    half.mkdir(parents=True)
    try:
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={half}"]
        code, output = await processes.run([str(maven), "-q", "-B", "-f", str(POM), *goal])
        if code:
            errors = [line for line in output.splitlines() if "ERROR" in line]
            raise Trouble(
                "KAFKA_NOT_FETCHED",
                f"Maven could not fetch Kafka: {(errors or ['no reason given'])[0][:300]}.",
                "Check the network or Maven's settings.xml, then try again; "
                "or set GREENPOINTS_KAFKA and GREENPOINTS_POSTGRES to servers you have.",
            )
        with contextlib.suppress(OSError):  # another session was faster
            half.rename(jars_dir)
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _write_properties(state_dir: Path, port: int) -> Path:
    folder = state_dir / "kafka"
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    text = _PROPERTIES.format(
        port=port, controller_port=ports.free_port(port + 1 if port == PREFERRED_PORT else None), log_dir=folder / "log"
    )
    properties.write_text(text)
    return properties


async def _format_once(launch: list[str], state_dir: Path, properties: Path) -> None:
    """Format the log directory aside and rename it, so that one killed half-way is formatted again."""
    log_dir = state_dir / "kafka" / "log"
    if log_dir.exists():
        return
    half = log_dir.with_name("log.half")
    shutil.rmtree(half, ignore_errors=True)
    aside = properties.with_name("format.properties")
    aside.write_text(properties.read_text().replace(f"log.dirs={log_dir}", f"log.dirs={half}"))
    tool = ["kafka.tools.StorageTool", "format", "-t", _cluster_id(), "-c", str(aside)]
    code, output = await processes.run([*launch, *tool])
    if code:
        lines = output.strip().splitlines() or [f"exit code {code}"]
        raise Trouble(
            "KAFKA_NOT_FORMATTED",
            f"Kafka could not prepare {log_dir}: {lines[-1][:300]}.",
            "Check that there is room and that the directory is writable.",
        )
    half.rename(log_dir)


def _cluster_id() -> str:
    """A random id in Kafka's form; never starting with "-", which its command line takes for an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
    return text if not text.startswith("-") else _cluster_id()
