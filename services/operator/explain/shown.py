"""An explanation as blocks: sentences and tables, and how they look on a terminal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.operator.printed import plain

Tone = Literal["", "red", "yellow", "dim"]
_FILE_WIDTH = 170


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    tone: Tone = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; `numbers` are the columns set to the right. A row may have a tone of its own, as its last part."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: frozenset[int] = frozenset()
    tones: Sequence[Tone] = ()


Block = Sentence | Grid


def show(blocks: Iterable[Block]) -> None:
    own = Console()
    console = own if own.is_terminal else Console(width=_FILE_WIDTH)
    for block in blocks:
        if isinstance(block, Sentence):
            console.print(Text(plain(block.text), style=block.tone), soft_wrap=True)
        elif block.rows:
            console.print(_table(block))


def _table(grid: Grid) -> Table:
    table = Table(title=Text(plain(grid.title)), title_justify="left", show_lines=True)
    for column, head in enumerate(grid.heads):
        table.add_column(Text(head), justify="right" if column in grid.numbers else "left", overflow="fold")
    for place, row in enumerate(grid.rows):
        cells = (Text("\n".join(map(plain, str(cell).split("\n")))) for cell in row)
        table.add_row(*cells, style=grid.tones[place] if grid.tones else "")
    return table
