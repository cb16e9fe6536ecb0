"""Publishing a pack: judged by the publish controls first, then one record on programs.versions.v1."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from aiokafka import AIOKafkaProducer

from deploy.local.stack import CHECKOUT
from deploy.local.trouble import Trouble
from services.operator.program.history import SOURCE, TOPIC, read_book
from services.operator.program.written import written_in
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import version_key
from shared.events.program_published import ProgramPublished
from shared.programs.check import check_pack
from shared.programs.compliance import ComplianceSettings, load_compliance
from shared.programs.controls.c21_notice import promised_versions
from shared.programs.controls.context import PublishContext
from shared.programs.findings import Finding
from shared.programs.load import InvalidPackError, load_pack
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import unbuilt_parts
from shared.programs.versions import ProgramBook, ProgramVersion

SHIPPED = ("fruit-shop.yaml", "community-recycling.yaml")
COMPLIANCE = CHECKOUT / "deploy" / "compliance.yaml"
_ON_ITS_WAY = timedelta(seconds=30)


class RefusedPack(Trouble):
    """The pack must not be published; `findings` are all that were found, the worst first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [one for one in findings if one.severity == "error"]
        told = "; ".join(one.text("en") for one in errors)
        super().__init__(errors[0].code, f"{told[0].upper()}{told[1:]}.", "Change the pack and apply it again.")
        self.findings = tuple(findings)


def read_pack(path: Path) -> ProgramPack:
    """Raises Trouble with every mistake of the pack, each with file, line and field."""
    try:
        return load_pack(written_in(path), str(path))
    except InvalidPackError as error:
        raise invalid(error) from error


def read_compliance(path: Path = COMPLIANCE) -> ComplianceSettings:
    """Raises Trouble with every mistake of the compliance role's file."""
    try:
        return load_compliance(written_in(path), str(path))
    except InvalidPackError as error:
        raise invalid(error) from error
    except OSError as error:
        raise Trouble(
            "COMPLIANCE_UNREADABLE", f"{path} cannot be read: {error.strerror}.", "Name the file by --compliance."
        ) from error


def invalid(error: InvalidPackError) -> Trouble:
    codes = {fault.code for fault in error.errors}
    code = next(iter(codes)) if len(codes) == 1 else "PACK_INVALID"
    return Trouble(code, "; ".join(map(str, error.errors)) + ".", "Mend these lines and try again.")


async def apply_shipped(kafka: str, names: Sequence[str] = SHIPPED) -> None:
    """Publish packs that come with the product, of programs that are not published yet.

    A program that has an earlier version keeps it: its operator says from when the shipped one judges, by
    `program apply --effective-at`.
    """
    book = await read_book(kafka)
    for name in names:
        pack = read_pack(CHECKOUT / "deploy" / "programs" / name)
        if not book.knows(pack.program_id):
            await publish_pack(kafka, pack)


async def publish_pack(
    kafka: str, pack: ProgramPack, *, compliance: ComplianceSettings | None = None, source: str = SOURCE
) -> str:
    """Publish unless this very version stands already; returns one sentence.

    Raises RefusedPack where a publish control refuses, Trouble where the record would be void.
    """
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
    version = ProgramVersion.of(pack, now, now + _ON_ITS_WAY)
    if (refusal := book.refusal(version) or _changed_budget(book, pack)) is not None:
        raise Trouble("VERSION_VOID", refusal[0].upper() + refusal[1:] + ".", "Change the pack and apply it again.")
    findings = judge(pack, book, compliance or read_compliance(), now)
    if any(one.severity == "error" for one in findings):
        raise RefusedPack(findings)
    await _publish(kafka, pack, now, source)
    return f"Program {pack.program_id} version {pack.version} is published; it judges from {pack.effective_at}."


def judge(
    pack: ProgramPack, book: ProgramBook, compliance: ComplianceSettings, published_at: datetime
) -> tuple[Finding, ...]:
    """Every finding about this pack if it were published at this instant after what `book` holds."""
    arrives_at = published_at + _ON_ITS_WAY
    context = PublishContext(arrives_at, compliance.of(pack.program_id))
    previous = promised_versions(book, pack, arrives_at)
    return (*unbuilt_parts(pack), *check_pack(pack, previous, context))


def _changed_budget(book: ProgramBook, pack: ProgramPack) -> str | None:
    """A budget line's amount is approved once: more money is a new line with its own document."""
    for version in book.versions(pack.program_id):
        approved = {budget.budget_id: budget.approved_minor for budget in version.pack.budgets}
        for budget in pack.budgets:
            if approved.get(budget.budget_id, budget.approved_minor) != budget.approved_minor:
                return f"budget {budget.budget_id} was approved with another amount; add a new budget line"
    return None


async def _publish(kafka: str, pack: ProgramPack, published_at: datetime, source: str) -> None:
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
        value = encode(event_id, source, published.TYPE, None, published_at, key, published)
        await producer.send_and_wait(TOPIC, value, key=key.encode(), headers=list(STRUCTURED_HEADERS))
    finally:
        await producer.stop()
