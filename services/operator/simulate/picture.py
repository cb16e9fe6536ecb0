"""A back-test as one HTML file that needs nothing else: charts drawn in it, each with the table of its numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from services.operator.printed import plain
from services.operator.simulate.sheets import Bar, Row, sentences, sheets
from services.operator.simulate.words import text
from shared.languages import Language

_WIDTH = 460  # of the longest bar
_ROW = 44
_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A bar's place: `y` from the top, both lengths in pixels."""

    bar: Bar
    y: int
    live_width: int
    draft_width: int


def write(answer: Row, language: Language, path: Path) -> None:
    path.write_text(page(answer, language), encoding="utf-8")


def page(answer: Row, language: Language) -> str:
    """Readable without colours, without a mouse and by a screen reader: every chart says what its table says."""
    whole: Mapping[str, object] = {
        "language": language,
        "say": partial(text, language),
        "program": answer["program_id"],
        "sentences": list(sentences(answer, language)),
        "sheets": [(sheet, drawn(sheet.bars)) for sheet in sheets(answer, language) if sheet.rows],
        "row_height": _ROW,
        "plain": plain,
    }
    return _ENVIRONMENT.get_template("picture.html").render(whole)


def drawn(bars: Sequence[Bar]) -> list[Drawn]:
    """Lengths in proportion to the largest; what is below zero has none, its number stands beside it."""
    largest = max((max(bar.live, bar.draft) for bar in bars), default=0)
    return [
        Drawn(bar, place * _ROW, _length(bar.live, largest), _length(bar.draft, largest))
        for place, bar in enumerate(bars)
    ]


def _length(value: int, largest: int) -> int:
    return max(0, value) * _WIDTH // largest if largest > 0 else 0
