"""`greenpoints dead-letters`: records no service could handle; listed, shown, replayed, discarded."""

import base64
import json
import time
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from deploy.local.trouble import Trouble
from services.operator.printed import instant, plain, reason_lines, show
from services.operator.running import Operator, find_addresses

Row = Mapping[str, Any]
State = Literal["open", "replayed", "discarded"]

app = typer.Typer(
    help="List dead letters, replay them, or discard them with a reason.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)
Service = Annotated[str | None, typer.Option(help="One service; without it, all that have dead letters.")]
OneService = Annotated[str | None, typer.Option(help="The service; with an id it is found.")]
Code = Annotated[str | None, typer.Option(help="Only letters with this reason code.")]
Topic = Annotated[str | None, typer.Option(help="Only letters from this topic.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="At most so many letters, the oldest first.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
InState = Annotated[State, typer.Option(help="Which letters.")]
LetterId = Annotated[UUID | None, typer.Argument(metavar="ID", help="One letter.")]
AsJson = Annotated[bool, typer.Option("--json", help="The answer as JSON.")]

_AT_ONCE = 100  # letters per transaction, so that a long replay shows how far it is
_PUBLISH_SECONDS = 30
_SHOWN_CHARACTERS = 4000


@app.command("list")
def list_letters(
    service: Service = None,
    code: Code = None,
    topic: Topic = None,
    limit: Limit = 100,
    state: InState = "open",
    as_json: AsJson = False,
) -> None:
    """The letters, the oldest first."""
    with Operator(find_addresses()) as operator:
        letters = [
            {"service": name, **letter}
            for name in _services(operator, service)
            for letter in operator.get(name, "/v1/dead-letters", state=state, code=code, topic=topic, limit=limit)
        ]
    if as_json:
        _json(letters)
    elif not letters:
        print(f"There are no {state} dead letters of this kind.")
    else:
        show(_summary(letter) for letter in letters)


@app.command()
def groups(service: Service = None, state: InState = "open", as_json: AsJson = False) -> None:
    """How many letters there are of each topic, code and error."""
    with Operator(find_addresses()) as operator:
        found = [
            {"service": name, **group}
            for name in _services(operator, service)
            for group in operator.get(name, "/v1/dead-letters/groups", state=state)
        ]
    if as_json:
        _json(found)
        return
    if not found:
        print(f"There are no {state} dead letters.")
        return
    table = Table("service", "topic", "code", "error", "letters", "first", "last")
    for group in found:
        cells = [group["service"], group["topic"], group["code"], group["error_class"], group["letters"]]
        times = [instant(group["first_arrival"]), instant(group["last_arrival"])]
        table.add_row(*(Text(plain(cell)) for cell in [*cells, *times]))
    Console().print(table)


@app.command("show")
def show_letter(letter_id: UUID, service: OneService = None, as_json: AsJson = False) -> None:
    """One letter whole: why it failed, and the record as it came."""
    with Operator(find_addresses()) as operator:
        name, letter = _find(operator, letter_id, service)
    if as_json:
        _json({"service": name, **letter})
        return
    show(_whole(name, letter))


@app.command()
def replay(
    letter_id: LetterId = None,
    service: OneService = None,
    code: Code = None,
    topic: Topic = None,
    limit: Limit = 100,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Publish letters again, byte by byte, under their key; whatever was applied before is not applied twice."""
    with Operator(find_addresses()) as operator:
        name = _one_service(operator, letter_id, service)
        selection = {"dead_letter_id": letter_id and str(letter_id), "code": code, "topic": topic}
        wanted = operator.post(name, "/v1/dead-letters/replay", {**selection, "limit": limit, "dry_run": True})[
            "letters"
        ]
        if dry_run:
            _report(name, "would be replayed", wanted, as_json, dry_run=True)
            return
        done = _replay(operator, name, selection, len(wanted), quiet=as_json)
        unpublished = _wait_until_published(operator, name) if done else 0
    _report(name, "replayed", done, as_json, unpublished=unpublished)


@app.command()
def discard(
    reason: Annotated[str, typer.Option(help="Why; it stays in the books with the letter.")],
    letter_id: LetterId = None,
    service: OneService = None,
    code: Code = None,
    topic: Topic = None,
    limit: Limit = 100,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Close letters for good. They stay in the books, with the reason, and can still be shown."""
    if letter_id is None and code is None and topic is None:
        raise Trouble("SELECTION_MISSING", "This would discard whatever is there.", "Name an id, --code or --topic.")
    with Operator(find_addresses()) as operator:
        name = _one_service(operator, letter_id, service)
        body = {
            "dead_letter_id": letter_id and str(letter_id),
            "code": code,
            "topic": topic,
            "limit": limit,
            "dry_run": dry_run,
            "reason": reason,
        }
        done = operator.post(name, "/v1/dead-letters/discard", body)["letters"]
    _report(name, "would be discarded" if dry_run else "discarded", done, as_json, dry_run=dry_run)


def _services(operator: Operator, service: str | None) -> list[str]:
    return operator.addresses.services_with_dead_letters() if service is None else [_having_letters(operator, service)]


def _having_letters(operator: Operator, service: str) -> str:
    operator.addresses.url(service)
    if service not in operator.addresses.services_with_dead_letters():
        raise Trouble(
            "NO_DEAD_LETTERS", f"The {service} service has no dead letters: it reads no topics.", "Name another."
        )
    return service


def _one_service(operator: Operator, letter_id: UUID | None, service: str | None) -> str:
    if service is not None:
        return _having_letters(operator, service)
    if letter_id is None:
        raise Trouble("SERVICE_MISSING", "Whose dead letters is not said.", "Name the service with --service.")
    return _find(operator, letter_id, None)[0]


def _find(operator: Operator, letter_id: UUID, service: str | None) -> tuple[str, Row]:
    for name in _services(operator, service):
        letter = operator.find(name, f"/v1/dead-letters/{letter_id}")
        if letter is not None:
            return name, letter
    raise Trouble(
        "NOT_FOUND", f"There is no dead letter {letter_id}.", "List them with `greenpoints dead-letters list`."
    )


def _replay(operator: Operator, service: str, selection: Row, count: int, *, quiet: bool) -> list[str]:
    """As many as were there at the start, the oldest first; one that fails again is younger and stays for later."""
    done: list[str] = []
    with Progress(console=Console(stderr=True), disable=quiet or count <= _AT_ONCE, transient=True) as progress:
        task = progress.add_task("replaying", total=count)
        while len(done) < count:
            chunk = operator.post(
                service,
                "/v1/dead-letters/replay",
                {**selection, "limit": min(_AT_ONCE, count - len(done)), "dry_run": False},
            )["letters"]
            if not chunk:
                break  # another operator was quicker
            done += chunk
            progress.update(task, completed=len(done))
    return done


def _wait_until_published(operator: Operator, service: str) -> int:
    """Wait until Kafka has acknowledged what was replayed; how many it has not after half a minute."""
    deadline = time.monotonic() + _PUBLISH_SECONDS
    while (waiting := int(operator.get(service, "/v1/dead-letters/unpublished")["letters"])) > 0:
        if time.monotonic() > deadline:
            return waiting
        time.sleep(0.1)
    return 0


def _report(
    service: str, what: str, letters: list[str], as_json: bool, *, dry_run: bool = False, unpublished: int = 0
) -> None:
    published = 0 if dry_run or what != "replayed" else max(0, len(letters) - unpublished)
    if as_json:
        _json({"service": service, "dry_run": dry_run, "letters": letters, "published": published})
        return
    if dry_run:
        show(letters)
    print(f"{len(letters)} dead letters of {service} {'' if dry_run else 'were '}{what}.")
    if what == "replayed" and letters:
        print(f"{published} of them are published" + (f"; {unpublished} still wait for Kafka." if unpublished else "."))
        print("One that fails again becomes a new dead letter; list them to see.")


def _summary(letter: Row) -> str:
    return (
        f"{letter['dead_letter_id']}  {letter['service']}  {letter['code']}  {instant(letter['arrival'])}  "
        f"{letter['topic']}/{letter['partition']}@{letter['record_offset']} attempt {letter['attempt']}  "
        f"{plain(letter['message'])}"
    )


def _whole(service: str, letter: Row) -> list[str]:
    fields = json.loads(letter["fields"])
    settled = (
        [f"{letter['state']} by {letter['settled_by']} at {instant(letter['settled_at'])}: "
         f"{plain(letter['settled_reason'] or 'no reason given')}"]
        if letter["settled_at"]
        else []
    )  # fmt: skip
    return [
        f"Dead letter {letter['dead_letter_id']} of {service}, {letter['state']}",
        *settled,
        f"{letter['topic']}/{letter['partition']}@{letter['record_offset']}, first arrived "
        f"{instant(letter['arrival'])}, attempt {letter['attempt']}, error {letter['error_class']}",
        *reason_lines(letter["code"]),
        f"message: {plain(letter['message'])}",
        *(f"field {plain(field['path'])}: {plain(field['message'])}" for field in fields),
        f"key: {_raw(letter['key_base64'])}",
        *(f"header {plain(name)}: {'(none)' if value is None else plain(value)}" for name, value in letter["headers"]),
        f"value: {_raw(letter['value_base64'])}",
    ]


def _raw(encoded: str | None) -> str:
    if encoded is None:
        return "(none)"
    text = plain(base64.b64decode(encoded).decode("utf-8", "backslashreplace"))
    more = len(text) - _SHOWN_CHARACTERS
    return text if more <= 0 else f"{text[:_SHOWN_CHARACTERS]} … and {more} more characters; --json has all of them"


def _json(answer: object) -> None:
    print(json.dumps(answer, ensure_ascii=False, indent=2))
