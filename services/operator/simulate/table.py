"""A back-test on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.operator.printed import plain
from services.operator.simulate.sheets import Row, Sheet, sentences, sheets
from services.operator.simulate.words import text
from shared.languages import Language

_COLOURS = {"warning": "yellow", "note": "dim"}
FILE_WIDTH = 150


def show(answer: Row, language: Language) -> None:
    own = Console()
    console = own if own.is_terminal else Console(width=FILE_WIDTH)
    for severity, sentence in sentences(answer, language):
        console.print(Text(plain(sentence), style=_COLOURS.get(severity, "")), soft_wrap=True)
    for sheet in sheets(answer, language):
        if sheet.rows:
            console.print(_table(sheet))
            if sheet.left_out:
                console.print(text(language, "{count} more rows are in the CSV.", count=sheet.left_out), style="dim")


def _table(sheet: Sheet) -> Table:
    table = Table(title=Text(plain(sheet.title)), title_justify="left")
    table.add_column(sheet.heads[0])
    for head in sheet.heads[1:]:
        table.add_column(head, justify="right")
    for row in sheet.rows:
        table.add_row(*(Text(plain(cell)) for cell in row))
    return table
