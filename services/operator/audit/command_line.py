"""`greenpoints audit` on the command line."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.trouble import Trouble
from services.operator.audit.report import print_report
from services.operator.audit.run import run_audit

_DATABASE = "GREENPOINTS_AUDIT_DATABASE"
_KAFKA = "GREENPOINTS_KAFKA"


def command(
    database: Annotated[str, typer.Option(envvar=_DATABASE, help="DSN of the role greenpoints_audit.")] = "",
    kafka: Annotated[str, typer.Option(envvar=_KAFKA, help="Kafka's bootstrap servers.")] = "",
    program: Annotated[list[str] | None, typer.Option(help="Audit this program alone; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Prove that every point adds up, in every service, while traffic flows.

    Exit code 0: clean; 1: rows differ; 2: the audit could not run.
    """
    for value, variable, option in ((database, _DATABASE, "--database"), (kafka, _KAFKA, "--kafka")):
        if not value:
            raise Trouble("ADDRESS_MISSING", f"The audit was not told {variable}.", f"Set it, or give {option}.")
    verdict = asyncio.run(run_audit(database, kafka, programs=program or None))
    if as_json:
        print(json.dumps(verdict.to_json(), ensure_ascii=False, indent=2))
    else:
        print_report(verdict, Console())
    if not verdict.clean:
        raise typer.Exit(1)
