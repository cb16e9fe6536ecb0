"""The commands of `greenpoints program`."""

import asyncio
import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from deploy.local.trouble import Trouble
from services.operator.printed import plain
from services.operator.program.history import SOURCE, read_book, read_history
from services.operator.program.named import bootstrap_of, draft_in, named_pack
from services.operator.program.options import Against, Events, InLanguage, Json, Kafka, Pack, Packs, Since
from services.operator.program.publish import COMPLIANCE, RefusedPack, judge, publish_pack, read_compliance
from services.operator.program.report import as_json, faults_in, found_in, show_changes, show_findings
from services.operator.program.words import chosen_language, text
from services.operator.simulate.forecast import findings_of
from services.operator.simulate.wish import answer_to, simulated, wish_for
from shared.events.fields import parse_timestamp
from shared.languages import Language
from shared.programs.changes.compare import changes
from shared.programs.check import check_pack
from shared.programs.compliance import ComplianceSettings
from shared.programs.controls.context import PublishContext
from shared.programs.findings import Finding
from shared.programs.load import Draft, InvalidPackError
from shared.programs.pack import ProgramPack
from shared.programs.unbuilt import unbuilt_parts
from shared.programs.versions import ProgramBook

app = typer.Typer(help="Check, publish, compare and list program packs.", no_args_is_help=True)
Compliance = Annotated[
    Path, typer.Option(envvar="GREENPOINTS_COMPLIANCE", help="What the compliance role sets, a YAML file.")
]


@app.command()
def check(
    packs: Packs,
    published: Annotated[bool, typer.Option("--published", help="Compare with what is published in Kafka.")] = False,
    on: Annotated[str | None, typer.Option(help="As if published at this time (RFC 3339); else now.")] = None,
    kafka: Kafka = None,
    compliance: Compliance = COMPLIANCE,
    events: Events = None,
    since: Since = None,
    against: Against = None,
    json_output: Json = False,
    language: InLanguage = None,
) -> None:
    """Say everything that is wrong with packs: file, line, field, code, in zh-CN and en. Exit code 1 if one is refused.

    Of two versions of a program among the files, the higher is compared with the lower (notice of adverse changes).
    With --events or --since the pack is tried on that traffic, and budgets it would use up too early are named.
    """
    chosen, settings, at = chosen_language(language), read_compliance(compliance), _instant(on)
    book = asyncio.run(read_book(bootstrap_of(kafka))) if published else None
    told: list[dict[str, object]] = []
    drafts: list[Draft] = []
    for path in packs:
        try:
            drafts.append(draft_in(path))
        except InvalidPackError as error:
            told += faults_in(error.errors)
    for draft in drafts:
        found = _findings(draft, drafts, book, settings, at)
        if events is not None or since is not None:
            found += _forecast(draft, (events, since, against, kafka), at, chosen)
        told += found_in(draft, found)
    refused = any(one["severity"] == "error" for one in told)
    if json_output:
        print(as_json({"refused": refused, "findings": told}))
    else:
        show_findings(told, chosen)
        for draft in drafts:
            if not any(one["file"] == draft.file and one["severity"] == "error" for one in told):
                print(_in_order(draft, chosen))
    if refused:
        raise typer.Exit(1)


@app.command()
def apply(
    pack: Pack,
    kafka: Kafka = None,
    compliance: Compliance = COMPLIANCE,
    by: Annotated[str | None, typer.Option(help="Who publishes; else the user of this machine.")] = None,
    effective_at: Annotated[
        str | None, typer.Option(help="From when it judges instead of the file's own effective_at, with offset.")
    ] = None,
    json_output: Json = False,
    language: InLanguage = None,
) -> None:
    """Publish a pack; every service takes it without a restart. The same version again changes nothing.

    What `check` finds wrong is refused: nothing is published, exit code 1.
    """
    chosen, settings = chosen_language(language), read_compliance(compliance)
    try:
        draft = draft_in(pack)
        source = f"{SOURCE}/{plain(by or getpass.getuser())}"
        from_when = {} if effective_at is None else {"effective_at": _instant(effective_at, "--effective-at")}
        wanted = draft.pack.model_copy(update=from_when)
        said = asyncio.run(publish_pack(bootstrap_of(kafka), wanted, compliance=settings, source=source))
    except InvalidPackError as error:
        told = faults_in(error.errors)
    except RefusedPack as refusal:
        told = found_in(draft, refusal.findings)
    else:
        print(as_json({"refused": False, "said": said}) if json_output else said)
        return
    if json_output:
        print(as_json({"refused": True, "findings": told}))
    else:
        show_findings(told, chosen)
        print(text(chosen, "{file} is refused; nothing was published.", file=pack))
    raise typer.Exit(1)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="A pack's file, or PROGRAM@VERSION as published.")],
    new: Annotated[str, typer.Argument(help="The same, for the later one.")],
    kafka: Kafka = None,
    json_output: Json = False,
    language: InLanguage = None,
) -> None:
    """What changes for members from one version to another; what is adverse needs 7 days' notice."""
    chosen = chosen_language(language)
    before, after = (named_pack(name, kafka) for name in (old, new))
    found = changes(before, after)
    if json_output:
        print(as_json([{**_fields(change), "adverse": change.adverse} for change in found]))
    elif found:
        show_changes(found, chosen, after.currency)
    else:
        print(text(chosen, "Nothing differs."))


@app.command()
def history(program: str, kafka: Kafka = None, json_output: Json = False, language: InLanguage = None) -> None:
    """Every version of a program that was published: when, by whom, from when it judges, and whether it stands."""
    chosen = chosen_language(language)
    found = asyncio.run(read_history(bootstrap_of(kafka), program))
    if not found:
        raise Trouble("UNKNOWN_PROGRAM", f"No version of {plain(program)} was published.", "See `program list`.")
    rows = [
        {
            "version": one.version.version,
            "effective_at": one.version.effective_at.isoformat(),
            "published_at": one.version.published_at.isoformat(),
            "recorded_at": one.version.recorded_at.isoformat(),
            "publisher": one.publisher,
            "void": one.void,
        }
        for one in found
    ]
    if json_output:
        print(as_json(rows))
        return
    heads = ("version", "effective at", "published at", "publisher", "stands")
    table = Table(*(text(chosen, head) for head in heads))
    for row in rows:
        stands = text(chosen, "yes") if row["void"] is None else text(chosen, "no: {why}", why=row["void"])
        cells = (row["version"], row["effective_at"], row["published_at"], row["publisher"], stands)
        table.add_row(*(plain(cell) for cell in cells))
    Console().print(table)


@app.command("list")
def list_versions(kafka: Kafka = None) -> None:
    """The versions that stand, as every service reads them."""
    book = asyncio.run(read_book(bootstrap_of(kafka)))
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


def _findings(
    draft: Draft, drafts: Sequence[Draft], book: ProgramBook | None, settings: ComplianceSettings, at: datetime
) -> tuple[Finding, ...]:
    pack = draft.pack
    if book is not None:
        return judge(pack, book, settings, at)
    # Without Kafka the files themselves are what was published.
    lower = [one.pack for one in drafts if _is_lower(one.pack, pack)]
    previous = (max(lower, key=lambda one: one.version),) if lower else ()
    found = check_pack(pack, previous, PublishContext(at, settings.of(pack.program_id)))
    return (*found, *unbuilt_parts(pack, severity="warning"))


def _forecast(
    draft: Draft,
    traffic: tuple[Path | None, str | None, str | None, str | None],
    at: datetime,
    language: Language,
) -> tuple[Finding, ...]:
    """What a back-test on the named traffic says of the pack's budgets."""
    wish = wish_for(simulated(draft), *traffic)
    return findings_of(draft.pack, answer_to(wish, language), at)


def _is_lower(one: ProgramPack, pack: ProgramPack) -> bool:
    return one.program_id == pack.program_id and one.version < pack.version


def _in_order(draft: Draft, language: Language) -> str:
    sentence = "{file}: program {program} version {version} is in order."
    if unbuilt_parts(draft.pack):
        sentence = "{file}: program {program} version {version} breaks no rule, but it cannot be applied yet."
    return text(language, sentence, file=draft.file, program=draft.pack.program_id, version=draft.pack.version)


def _instant(written: str | None, option: str = "--on") -> datetime:
    if written is None:
        return datetime.now(UTC)
    try:
        return parse_timestamp(written)
    except ValueError as error:
        raise Trouble("TIME_INVALID", f"{option}: {error}.", "Write it so.") from error


def _fields(change: object) -> dict[str, object]:
    return {name: getattr(change, name) for name in ("path", "location", "old", "new", "verdict")}
