"""The demo's terminal: a live panel on a tty, plain lines every two seconds anywhere else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table

from services.operator.demo.figures import Figures

LINE_SECONDS = 2
PANEL_SECONDS = 0.25
FILE_WIDTH = 150


def console() -> Console:
    """The terminal's width, or room for the tables' rows in a file."""
    own = Console()
    return own if own.is_terminal else Console(width=FILE_WIDTH)


class Screen:
    """Sentences, tables and the live figures; everything goes to one console."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, sentence: str) -> None:
        """One sentence, as it is."""
        self.console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    def show(self, table: RenderableType) -> None:
        self.console.print(table)

    @asynccontextmanager
    async def live(self, title: str, now: Callable[[], Figures]) -> AsyncIterator[None]:
        """Show what `now` returns, again and again, until the block ends."""
        showing = self._panel if self.console.is_terminal else self._lines
        task = asyncio.create_task(showing(title, now))
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _panel(self, title: str, now: Callable[[], Figures]) -> None:
        with Live(_panel(title, now()), console=self.console, auto_refresh=False) as live:
            try:
                while True:
                    live.update(_panel(title, now()), refresh=True)
                    await asyncio.sleep(PANEL_SECONDS)
            finally:
                live.update(_panel(title, now()), refresh=True)

    async def _lines(self, title: str, now: Callable[[], Figures]) -> None:
        self.say(title)
        try:
            while True:
                await asyncio.sleep(LINE_SECONDS)
                self.say(now().line())
        finally:
            self.say(now().line())


def _panel(title: str, figures: Figures) -> Panel:
    table = Table.grid(padding=(0, 2))
    for label, value in figures.rows():
        table.add_row(label, value)
    return Panel(table, title=title, expand=False)
