"""How findings and changes look: a table for people, JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from services.operator.printed import plain
from services.operator.program.words import VERDICTS, text, told_path, told_value
from shared.events.reason_codes import ReasonCode, describe
from shared.languages import Language
from shared.programs.changes.change import Change
from shared.programs.findings import Finding
from shared.programs.load import Draft, PackError

_COLOURS = {"error": "red", "warning": "yellow", "note": "dim"}


def found_in(draft: Draft, findings: Iterable[Finding]) -> list[dict[str, object]]:
    """Each finding with its place in the file, both languages, and where to appeal."""
    return [_told(draft, one) for one in findings]


def _told(draft: Draft, one: Finding) -> dict[str, object]:
    line, field = draft.place(one.location)
    return {
        "file": draft.file,
        "line": line,
        "field": field,
        "severity": one.severity,
        "code": one.code.value,
        "control": one.control,
        "zh-CN": one.text("zh-CN"),
        "en": one.text("en"),
        "appeal": describe(one.code).appeal,
        "appeal_zh": describe(one.code).appeal_zh,
    }


def faults_in(errors: Iterable[PackError]) -> list[dict[str, object]]:
    """Faults of a file that is no pack, told alike; their sentence is English, the red line's reason in both."""
    return [_fault(error) for error in errors]


def _fault(error: PackError) -> dict[str, object]:
    known = describe(ReasonCode(error.code)) if error.code in ReasonCode.__members__ else None
    return {
        "file": error.file,
        "line": error.line,
        "field": error.field,
        "severity": "error",
        "code": str(error.code),
        "control": known.control if known is not None else None,
        "zh-CN": f"{known.zh} {error.message}" if known is not None else error.message,
        "en": error.message,
        "appeal": known.appeal if known is not None else "",
        "appeal_zh": known.appeal_zh if known is not None else "",
    }


def show_findings(told: Sequence[Mapping[str, object]], language: Language) -> None:
    """A table for each file; nothing where nothing was found."""
    for file in dict.fromkeys(str(one["file"]) for one in told):
        table = Table(*(text(language, head) for head in ("line", "field", "finding")), title=Text(plain(file)))
        for one in told:
            if one["file"] == file:
                severity = str(one["severity"])
                kind = " ".join(str(word) for word in (text(language, severity), one["control"], one["code"]) if word)
                table.add_row(
                    plain(one["line"]),
                    Text(plain(one["field"])),
                    Text(f"{plain(kind)}\n{plain(one[language])}"),
                    style=_COLOURS.get(severity, ""),
                )
        Console().print(table)


def show_changes(changes: Sequence[Change], language: Language, currency: str) -> None:
    table = Table(*(text(language, head) for head in ("what", "before", "after", "for members")))
    for change in changes:
        values = (told_value(language, change, value, currency) for value in (change.old, change.new))
        cells = (told_path(language, change), *values, text(language, VERDICTS[change.verdict]))
        table.add_row(*(Text(plain(cell)) for cell in cells), style="red" if change.adverse else "")
    Console().print(table)


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2)
