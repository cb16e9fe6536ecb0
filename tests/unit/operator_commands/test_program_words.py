"""Everything `greenpoints program` says has its Chinese, with the same places, and no translation is left over."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages.pofile import read_po

from services.operator.program.words import VERDICTS, catalogue, label
from shared.programs.controls.c31_filings import NEEDED
from shared.programs.findings import catalogue as catalogue_of_packs
from shared.programs.parts import field_names
from shared.programs.unbuilt import UNBUILT

ROOT = Path(__file__).parents[3]
PACKS, COMMAND = ROOT / "shared" / "programs", ROOT / "services" / "operator" / "program"
# What a table's head or a call with a computed sentence says.
OF_TABLES = ("line", "field", "finding", "what", "before", "after", "for members", "error", "warning", "note")
OF_HISTORY = ("version", "effective at", "published at", "publisher", "stands")


def strings_in(folder: Path) -> set[str]:
    return {
        node.value
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def sentences_of_findings() -> Iterator[str]:
    """Every string that is the sentence of a call of finding(), _never() or _contradiction(), or assigned to one."""
    for path in PACKS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("finding", "_never", "_contradiction"):
                parts: list[ast.expr] = list(node.args)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "sentence":
                parts = [node.value]
            else:
                continue
            for part in parts:
                for one in [part.body, part.orelse] if isinstance(part, ast.IfExp) else [part]:
                    if isinstance(one, ast.Constant) and isinstance(one.value, str) and " " in one.value:
                        yield one.value


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_finding_has_its_chinese_with_the_same_places() -> None:
    chinese = catalogue_of_packs("zh-CN")
    said = set(sentences_of_findings()) | {part.words for part in UNBUILT} | set(NEEDED)
    assert len(said) > 40
    assert sorted(said - chinese.keys()) == []
    assert sorted(chinese.keys() - said) == [], "nobody says it any more"
    assert [sentence for sentence in said if places(sentence) != places(chinese[sentence])] == []


def test_every_word_of_the_command_and_every_part_of_a_pack_has_its_chinese() -> None:
    chinese = catalogue("zh-CN")
    said = {*OF_TABLES, *OF_HISTORY, *VERDICTS.values(), *(label(name) for name in field_names())}
    assert sorted(said - chinese.keys() - {"zh-CN"}) == []
    own = {
        str(message.id)
        for path in (COMMAND / "translations" / "zh_CN").glob("*.po")
        for message in read_po(path.open("rb"))
        if message.id
    }
    assert sorted(own - said - strings_in(COMMAND)) == [], "nobody says it any more"
    assert [text for text in own if places(text) != places(chinese[text])] == []
