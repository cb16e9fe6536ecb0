"""`greenpoints program`: check a pack, publish it, list what is published."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import NAMESPACE_URL, uuid5

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from rich.console import Console
from rich.table import Table

from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from services.operator.running import find_addresses
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import version_key
from shared.events.program_published import ProgramPublished
from shared.programs.load import InvalidPackError, load_pack
from shared.programs.pack import ProgramPack
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.program_feed import read_version

TOPIC = "programs.versions.v1"
SOURCE = "/operator"
SHIPPED = ("fruit-shop.yaml", "community-recycling.yaml")
_PLACE = TopicPartition(TOPIC, 0)

app = typer.Typer(help="Check, publish and list program packs.", no_args_is_help=True)
Pack = Annotated[Path, typer.Argument(help="The pack's YAML file.", exists=True, dir_okay=False)]
Kafka = Annotated[
    str | None, typer.Option(envvar="GREENPOINTS_KAFKA", help="Kafka's bootstrap servers; else those running here.")
]


@app.command()
def check(pack: Pack) -> None:
    """Read a pack and say what is wrong with it: file, line and field."""
    read = read_pack(pack)
    print(f"{pack}: program {read.program_id} version {read.version} is in order.")


@app.command()
def apply(pack: Pack, kafka: Kafka = None) -> None:
    """Publish a pack; every service takes it without a restart. The same version again changes nothing."""
    print(asyncio.run(publish_pack(_bootstrap(kafka), read_pack(pack))))


@app.command("list")
def list_versions(kafka: Kafka = None) -> None:
    """The versions that stand, as every service reads them."""
    book = asyncio.run(read_book(_bootstrap(kafka)))
    table = Table("program", "version", "effective at", "published at", "budgets")
    for program_id in book.programs():
        for version in book.versions(program_id):
            budgets = ", ".join(budget.budget_id for budget in version.pack.budgets)
            table.add_row(
                program_id,
                str(version.version),
                version.effective_at.isoformat(),
                version.published_at.isoformat(),
                budgets,
            )
    Console().print(table)


def _bootstrap(kafka: str | None) -> str:
    """As given, else of the GreenPoints that runs here; raises Trouble when there is neither."""
    found = kafka or find_addresses().kafka
    if found is None:
        raise Trouble("ADDRESS_UNKNOWN", "Where Kafka answers is not known.", "Set GREENPOINTS_KAFKA.")
    return found


def read_pack(path: Path) -> ProgramPack:
    """Raises Trouble with every mistake of the pack, each with file, line and field."""
    try:
        return load_pack(path.read_text(encoding="utf-8"), str(path))
    except InvalidPackError as error:
        raise Trouble("PACK_INVALID", "; ".join(map(str, error.errors)), "Mend these lines and try again.") from error


async def apply_shipped(kafka: str, names: Sequence[str] = SHIPPED) -> None:
    """Publish packs that come with the product, as far as they are not published yet."""
    for name in names:
        await publish_pack(kafka, read_pack(CHECKOUT / "deploy" / "programs" / name))


async def publish_pack(kafka: str, pack: ProgramPack) -> str:
    """Publish unless this very version stands already; returns one sentence. Raises Trouble if it would be void."""
    book = await read_book(kafka)
    standing = book.version(pack.program_id, pack.version)
    if standing is not None:
        if standing.pack == pack:
            return f"Program {pack.program_id} version {pack.version} is published already; nothing to do."
        raise Trouble(
            "VERSION_TAKEN",
            f"Program {pack.program_id} version {pack.version} is published with other content.",
            "Give the changed pack a higher version.",
        )
    now = datetime.now(UTC)
    version = ProgramVersion.of(pack, now, now + timedelta(seconds=30))
    if (refusal := book.refusal(version) or _changed_budget(book, pack)) is not None:
        raise Trouble("VERSION_VOID", refusal[0].upper() + refusal[1:] + ".", "Change the pack and apply it again.")
    await _publish(kafka, pack, now)
    return f"Program {pack.program_id} version {pack.version} is published; it judges from {pack.effective_at}."


def _changed_budget(book: ProgramBook, pack: ProgramPack) -> str | None:
    """A budget line's amount is approved once: more money is a new line with its own document."""
    for version in book.versions(pack.program_id):
        approved = {budget.budget_id: budget.approved_minor for budget in version.pack.budgets}
        for budget in pack.budgets:
            if approved.get(budget.budget_id, budget.approved_minor) != budget.approved_minor:
                return f"budget {budget.budget_id} was approved with another amount; add a new budget line"
    return None


async def _publish(kafka: str, pack: ProgramPack, published_at: datetime) -> None:
    published = ProgramPublished(
        program_id=pack.program_id,
        version=pack.version,
        published_at=published_at,
        effective_at=pack.effective_at,
        pack=pack.model_dump(mode="json", by_alias=True),
    )
    key = version_key(pack.program_id, pack.version)
    event_id = str(uuid5(NAMESPACE_URL, f"greenpoints:program:{key}"))
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        value = encode(event_id, SOURCE, published.TYPE, None, published_at, key, published)
        await producer.send_and_wait(TOPIC, value, key=key.encode(), headers=list(STRUCTURED_HEADERS))
    finally:
        await producer.stop()


async def read_book(kafka: str) -> ProgramBook:
    """Every version that stands, read from the topic's beginning to its present end."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([_PLACE])
        await consumer.seek_to_beginning(_PLACE)
        end = (await consumer.end_offsets([_PLACE]))[_PLACE]
        book = ProgramBook()
        while await consumer.position(_PLACE) < end:
            for record in (await consumer.getmany(_PLACE, timeout_ms=200)).get(_PLACE, []):
                if (version := read_version(record)) is not None:
                    book = book.with_record(version)
        return book
    finally:
        await consumer.stop()
