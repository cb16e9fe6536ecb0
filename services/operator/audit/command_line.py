"""`greenpoints audit` on the command line."""

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.stack import default_state_dir
from deploy.local.trouble import Trouble
from services.operator.audit.export_command import export
from services.operator.audit.report import print_report
from services.operator.audit.run import run_audit
from services.operator.audit.seals_command import seals
from services.operator.bootstrap import AUDIT_ROLE
from services.operator.local_run import local_runs

_DATABASE = "GREENPOINTS_AUDIT_DATABASE"
_KAFKA = "GREENPOINTS_KAFKA"

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command("seals")(seals)
app.command("export")(export)


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    database: Annotated[str, typer.Option(envvar=_DATABASE, help="DSN of the role greenpoints_audit.")] = "",
    kafka: Annotated[str, typer.Option(envvar=_KAFKA, help="Kafka's bootstrap servers.")] = "",
    program: Annotated[list[str] | None, typer.Option(help="Audit this program alone; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")] = False,
) -> None:
    """Prove that every point adds up, in every service, while traffic flows.

    Without addresses it audits what `greenpoints up` or `demo` runs on this machine.
    Exit code 0: clean; 1: rows differ; 2: the audit could not run.
    """
    if context.invoked_subcommand is not None:
        return
    if not database or not kafka:
        database, kafka = _of_local_run(database, kafka, default_state_dir())
    verdict = asyncio.run(run_audit(database, kafka, programs=program or None))
    if as_json:
        print(json.dumps(verdict.to_json(), ensure_ascii=False, indent=2))
    else:
        print_report(verdict, Console())
    if not verdict.clean:
        raise typer.Exit(1)


def _of_local_run(database: str, kafka: str, state_dir: Path) -> tuple[str, str]:
    """Fill in what was not given. Raises Trouble unless exactly one run of this machine can tell it."""
    runs = local_runs(state_dir)
    if len(runs) != 1:
        missing = " and ".join(name for name, given in ((_DATABASE, database), (_KAFKA, kafka)) if not given)
        raise Trouble(
            "ADDRESS_MISSING",
            f"The audit was not told {missing}, and {len(runs)} GreenPoints run on this machine, not one.",
            f"Set {missing}, or start `greenpoints up` in another terminal.",
        )
    return database or runs[0].dsns[AUDIT_ROLE], kafka or runs[0].kafka
