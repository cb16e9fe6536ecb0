"""The command `greenpoints simulate`."""

from pathlib import Path
from typing import Annotated

import typer

from services.operator.program.options import Against, Events, InLanguage, Json, Kafka, Pack, Since
from services.operator.program.report import as_json
from services.operator.program.words import chosen_language
from services.operator.simulate import picture, spreadsheet, table
from services.operator.simulate.wish import answer_to, readable_draft, wish_for


def command(
    pack: Pack,
    events: Events = None,
    since: Since = None,
    against: Against = None,
    kafka: Kafka = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write all numbers to this file.", dir_okay=False)] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page with charts.", dir_okay=False)] = None,
    json_output: Json = False,
    language: InLanguage = None,
) -> None:
    """Try a pack on recorded traffic: cost against budget, and who wins or loses against the live version."""
    chosen = chosen_language(language)
    wish = wish_for(readable_draft(pack), events, since, against, kafka)
    answer = answer_to(wish, chosen)
    if csv is not None:
        spreadsheet.write(answer, csv)
    if html is not None:
        picture.write(answer, chosen, html)
    if json_output:
        print(as_json(answer))
    else:
        table.show(answer, chosen)
