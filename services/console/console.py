"""What every page works with, and how a page names itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter

from services.console.dead_letter_runs import Runs
from services.console.domain.rights import Right
from services.console.live.hub import Hub
from services.console.live.source import LiveSource, RenderCache
from services.console.measures import Measures
from services.console.passwords import Passwords
from services.console.readings.lag_watch import LagWatch
from services.console.readings.tail import Tail
from services.console.services import Services
from services.console.settings import ConsoleSettings
from services.console.store.actions import ActionLog
from services.console.store.operators import OperatorStore
from services.console.store.sessions import SessionStore
from services.console.view import View
from services.console.visitor import Visitor
from shared.runtime.postgres import Pool


@dataclass(frozen=True, slots=True)
class Console:
    """One running console."""

    settings: ConsoleSettings
    pool: Pool
    operators: OperatorStore
    sessions: SessionStore
    passwords: Passwords
    actions: ActionLog
    services: Services
    lag: LagWatch
    tail: Tail
    measures: Measures
    runs: Runs
    hub: Hub
    renders: RenderCache
    view: View


OpenPageLive = Callable[[Console, Visitor, str], Awaitable[LiveSource]]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its routes, its link (`title` is a message id; None shows no link), what it shows live."""

    path: str
    title: str | None
    routes: Callable[[Console], APIRouter]
    right: Right = Right.LOOK
    live: Mapping[str, OpenPageLive] = field(default_factory=dict)
