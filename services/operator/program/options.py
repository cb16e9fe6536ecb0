"""Arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

Pack = Annotated[Path, typer.Argument(help="The pack's YAML file.", exists=True, dir_okay=False)]
Packs = Annotated[list[Path], typer.Argument(help="The packs' YAML files.", exists=True, dir_okay=False)]
Kafka = Annotated[
    str | None, typer.Option(envvar="GREENPOINTS_KAFKA", help="Kafka's bootstrap servers; else those running here.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs: JSON on standard output.")]
InLanguage = Annotated[str | None, typer.Option("--language", help="zh-CN or en; else as LANG says.")]
Events = Annotated[
    Path | None,
    typer.Option(help="CloudEvents in structured mode, one JSON object a line.", exists=True, dir_okay=False),
]
Since = Annotated[str | None, typer.Option(help="Traffic of Kafka from then on: 30d, 12h, or a time (RFC 3339).")]
Against = Annotated[
    str | None, typer.Option(help="What to compare with: a pack's file or PROGRAM@VERSION; else what is published.")
]
