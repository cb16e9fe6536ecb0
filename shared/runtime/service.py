"""What a service hands to the runtime: its whole wiring, as `app.py` shows it."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol

from fastapi import APIRouter
from starlette.middleware import Middleware

from shared.events.event import EventData
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.batch import Delivered, DeskT, Handler
from shared.runtime.ledger import Postings
from shared.runtime.postgres import Connection, Pool
from shared.runtime.settings import Settings

if TYPE_CHECKING:
    from shared.runtime.program_feed import ProgramFeed

Prepare = Callable[[Connection], Awaitable[None]]


class DecideAgainError(Exception):
    """The books changed under the decisions (a claim lost, a slice fetched): load and decide once more.

    With `prepare` the next try runs in one transaction that begins with it, so that what it locked stays locked
    until the decisions are saved.
    """

    def __init__(self, reason: str, prepare: Prepare | None = None) -> None:
        super().__init__(reason)
        self.prepare = prepare


class Books(Protocol[DeskT]):
    """A service's store as the worker uses it. `transactional` books lock rows in `load` and keep them to `save`."""

    transactional: bool

    async def load(
        self, connection: Connection, partition: int, events: Sequence[Delivered], programs: ProgramBook
    ) -> tuple[DeskT, dict[object, bytes]]:
        """One query: the facts of every member and receipt of the batch, and the inbox (event key → content hash)."""
        ...

    async def settle(self, connection: Connection, desk: DeskT) -> None:
        """Called after deciding, before saving; raises DecideAgainError when it had to fetch something first."""
        ...

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: DeskT) -> bool:
        """One statement behind the gate; False when the gate was shut."""
        ...


Workers = Callable[["Running", "ProgramFeed"], Sequence[Coroutine[Any, Any, None]]]
AdoptProgram = Callable[[Connection, ProgramVersion], Awaitable[None]]
Timer = Callable[["Running"], Awaitable[None]]
# Takes applied records once more, the latest first, and keeps of each member's first ones what the books lack.
Recall = Callable[[Connection, "Running", Sequence[Delivered]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Service(Generic[DeskT]):
    """The wiring: which topics come in, which handler answers which event, which store keeps it, what it serves."""

    name: str
    migrations: Path
    topics: tuple[str, ...] = ()
    handlers: Mapping[type[EventData], Handler[DeskT]] = field(default_factory=dict)
    on_erased: Handler[DeskT] | None = None  # a record without value on a compacted topic erases its key
    on_read_again: Recall | None = None  # what a migration asked to be read again (read_again.py)
    books: Books[DeskT] | None = None
    routers: Callable[["Running"], Sequence[APIRouter]] = lambda _running: ()
    middleware: Callable[["Running"], Sequence[Middleware]] = lambda _running: ()  # the last one is outermost
    sweepers: Sequence[Timer] = ()
    adopt_program: AdoptProgram | None = None
    workers: Workers = lambda _running, _feed: ()  # what else consumes, for as long as the process runs


@dataclass(slots=True)
class Running:
    """What a running process shares with its routes and sweepers."""

    settings: Settings
    pool: Pool
    programs: ProgramBook
