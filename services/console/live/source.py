"""What a page shows live: cells that change, and whatever else a page's own script understands."""

import time
from collections.abc import Callable, Hashable, Mapping
from typing import NamedTuple, Protocol


class Cell(NamedTuple):
    """What an element shows: its text (None leaves it alone), a state for colour, a title, SVG attributes.

    States: `ok`, `warning`, `bad`, `unknown`, `zero`, or empty. "0" and "unknown" must differ: use `unknown()`.
    """

    text: str | None
    state: str = ""
    title: str = ""
    attributes: Mapping[str, str] | None = None


UNKNOWN = Cell("–", "unknown")


class RenderCache:
    """What all browsers are shown alike is rendered once for all that ask within a frame's time."""

    def __init__(self, seconds: float = 0.25) -> None:
        self._seconds = seconds
        self._rendered: dict[Hashable, tuple[float, Mapping[str, Cell]]] = {}

    def get(self, key: Hashable, render: Callable[[], Mapping[str, Cell]]) -> Mapping[str, Cell]:
        """`key` holds all that the cells depend on beside the readings: the page, the language, the rights."""
        now = time.monotonic()
        at, cells = self._rendered.get(key, (0.0, {}))
        if now - at > self._seconds:
            cells = render()
            self._rendered[key] = (now, cells)
        return cells


class LiveSource(Protocol):
    """One browser's view of one live topic."""

    def take(self) -> Mapping[str, object] | None:
        """What to send since the last take, JSON-able; None when nothing changed. Called 2 to 4 times a second.

        `cells` are shown by the page as they are. `append` is sent once and forgotten; every other key is state,
        which a tab that joins later is given too.
        """
        ...

    async def close(self) -> None:
        """The last tab that showed it is gone or hidden."""
        ...


class CellSource:
    """Cells rendered anew at each take; only those that changed are sent."""

    def __init__(self, render: Callable[[], Mapping[str, Cell]]) -> None:
        self._render = render
        self._sent: dict[str, Cell] = {}

    def take(self) -> Mapping[str, object] | None:
        cells = self._render()
        changed = {key: cell for key, cell in cells.items() if self._sent.get(key) != cell}
        self._sent.update(changed)
        return {"cells": {key: list(cell) for key, cell in changed.items()}} if changed else None

    async def close(self) -> None:
        """Nothing to let go."""
