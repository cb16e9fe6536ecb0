"""The command line `greenpoints`."""

import errno
import importlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import typer

from deploy.local.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Command:
    """A sub-command: the `app` of its module, else its `function`. Imported only when it is called."""

    name: str
    module: str
    help: str
    function: str = "command"


COMMANDS = (
    Command("demo", "services.operator.demo", "Start everything, replay traffic, show it, audit it."),
    Command("up", "services.operator.up", "Run Kafka, PostgreSQL and the services until Ctrl-C."),
    Command("program", "services.operator.program", "Check, publish and compare program packs."),
    Command("audit", "services.operator.audit", "Prove that every point adds up, in every service."),
    Command("trace", "services.operator.trace", "Follow one event through all services."),
    Command("explain", "services.operator.explain", "Say why a receipt, drop or referral earned what it earned."),
    Command("simulate", "services.operator.simulate", "Try a pack on recorded traffic before it is published."),
    Command("keys", "services.operator.access_keys", "Issue and revoke access keys of tills and members."),
    Command("dead-letters", "services.operator.dead_letters", "List dead letters and replay them."),
    Command("replay", "services.operator.online_retail.command", "Replay recorded purchases: online-retail."),
)

app = typer.Typer(name="greenpoints", no_args_is_help=True, add_completion=False, rich_markup_mode=None)


@app.callback()
def _greenpoints() -> None:
    """Loyalty points of which every one can be proved."""


def _register(command: Command) -> None:
    def run(context: typer.Context) -> None:
        module = importlib.import_module(command.module)
        inner = getattr(module, "app", None)
        if inner is None:
            inner = typer.Typer(add_completion=False, rich_markup_mode=None)
            inner.command()(getattr(module, command.function))
        inner(args=context.args, prog_name=f"greenpoints {command.name}", standalone_mode=True)

    app.command(
        command.name,
        help=command.help,
        add_help_option=False,
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    )(run)


for _command in COMMANDS:
    if find_spec(_command.module) is not None:
        _register(_command)


def main() -> None:
    """Run the command line. A known trouble is one sentence on stderr and exit code 2, never a traceback."""
    # Topics made a moment ago have no leader yet, and aiokafka says so many times over; what matters is raised.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    sys.exit(exit_code_of(app))


def exit_code_of(work: Callable[[], object]) -> int:
    """Run `work` and turn its outcome into an exit code, saying known troubles in one sentence."""
    try:
        work()
    except Trouble as trouble:
        print(f"{trouble} [{trouble.code}]", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        print("The disk is full. Free some space, then try again. [DISK_FULL]", file=sys.stderr)
        return 2
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    return 0
