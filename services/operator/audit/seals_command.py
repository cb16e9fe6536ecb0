"""`greenpoints audit seals`: find the journal row that somebody changed, removed or inserted after it was sealed."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.stack import default_state_dir
from deploy.local.trouble import Trouble
from services.operator.audit.run import snapshot
from services.operator.audit.seals import Heads, SealedBooks, read_seals
from services.operator.bootstrap import AUDIT_ROLE
from services.operator.local_run import local_runs
from services.operator.printed import plain
from shared.events.reason_codes import ReasonCode, describe

_DATABASE = "GREENPOINTS_AUDIT_DATABASE"


def seals(
    database: Annotated[str, typer.Option(envvar=_DATABASE, help="DSN of the role greenpoints_audit.")] = "",
    program: Annotated[list[str] | None, typer.Option(help="This program alone; may be repeated.")] = None,
    expect: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Heads written down earlier: the chain must hold them."),
    ] = None,
    write: Annotated[Path | None, typer.Option(dir_okay=False, help="Write each program's last block here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The findings as JSON.")] = False,
) -> None:
    """Verify the sealed blocks of the journal and name every row that was touched since.

    Who owns the database could forge the whole chain anew. So keep what --write wrote elsewhere, and --expect it next
    time. Exit code 0: untouched; 1: touched; 2: it could not be read.
    """
    books = asyncio.run(_read(database or _of_local_run(), program, _heads(expect)))
    if as_json:
        print(json.dumps(_told(books), ensure_ascii=False, indent=2))
    else:
        _print(books)
    if books.wrong:
        raise typer.Exit(1)
    if write is not None:
        heads = {name: {"block_no": number, "block_hash": digest} for name, (number, digest) in books.heads.items()}
        write.write_text(json.dumps(heads, indent=2) + "\n")


async def _read(dsn: str, programs: list[str] | None, expected: Heads | None) -> SealedBooks:
    async with snapshot(dsn) as connection:
        if await connection.fetchval("SELECT to_regclass('redemption.audit_journal_block') IS NULL"):
            raise Trouble(
                "VIEWS_MISSING",
                "Redemption has not sealed anything here.",
                "Start the service once (greenpoints up), so that it brings its schema up to date.",
            )
        return await read_seals(connection, programs or None, expected)


def _heads(file: Path | None) -> Heads | None:
    if file is None:
        return None
    try:
        return {
            name: (int(head["block_no"]), str(head["block_hash"]))
            for name, head in json.loads(file.read_text()).items()
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Trouble(
            "HEADS_UNREADABLE", f"{file} does not hold heads ({error!r}).", "Give the file that --write wrote."
        ) from error


def _of_local_run() -> str:
    runs = local_runs(default_state_dir())
    if len(runs) != 1:
        raise Trouble(
            "ADDRESS_MISSING",
            f"It was not told {_DATABASE}, and {len(runs)} GreenPoints run on this machine, not one.",
            f"Set {_DATABASE}, or start `greenpoints up` in another terminal.",
        )
    return runs[0].dsns[AUDIT_ROLE]


def _print(books: SealedBooks) -> None:
    for row in books.wrong:
        where = f"{row.program_id}/{row.member_id}" if row.member_id else row.program_id
        print(plain(f"{row.wrong}: {where}, {row.subject}"))
        print(f"    sealed {row.expected or '-'}\n    found  {row.found or '-'}")
    if books.wrong:
        reason = describe(ReasonCode.LEDGER_TAMPERED)
        print(f"{len(books.wrong)} wrong in {books.rows:,} sealed rows. {reason.en} [{reason.code.value}]")
        return
    print(f"Untouched: {books.rows:,} sealed rows in {books.blocks:,} blocks of {len(books.heads)} programs.")


def _told(books: SealedBooks) -> dict[str, object]:
    return {
        "untouched": not books.wrong,
        "code": ReasonCode.LEDGER_TAMPERED.value if books.wrong else None,
        "rows": books.rows,
        "blocks": books.blocks,
        "wrong": [asdict(row) for row in books.wrong],
        "heads": {name: {"block_no": number, "block_hash": digest} for name, (number, digest) in books.heads.items()},
    }
