"""Everything `explain` and `simulate` say, and every reason earning gives, has its Chinese with the same places."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from services.earning.domain.red_lines import Result
from services.operator.explain.words import catalogue as of_explain
from services.operator.simulate.words import catalogue as of_simulate
from shared.programs.rules import Cap

ROOT = Path(__file__).parents[3]
OPERATOR, DOMAIN = ROOT / "services" / "operator", ROOT / "services" / "earning" / "domain"
MIGRATIONS = ROOT / "services" / "earning" / "migrations"
_SAYING = {"say", "text"}


def said_in(folder: Path) -> Iterator[str]:
    """Literals given to say(), text() or map(say, …), in code and in templates; heads that a function passes on."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in {*_SAYING, "why"}:
                yield from _texts(node.args)
            elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "map" and _name(node.args[0]) == "say":
                parts = node.args[1].elts if isinstance(node.args[1], ast.Tuple) else []
                yield from _texts(parts)
            elif (
                isinstance(node, ast.Assign) and _name(node.targets[0]) == "heads" and isinstance(node.value, ast.Tuple)
            ):
                yield from _texts(node.value.elts)
    for path in folder.rglob("*.html"):
        yield from re.findall(r'say\("([^"]+)"', path.read_text(encoding="utf-8"))


def _texts(parts: Sequence[ast.expr]) -> Iterator[str]:
    return (part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _name(part: ast.expr) -> str:
    return getattr(part, "id", "")


def outcomes() -> set[str]:
    """Of decisions and receipts, as the migrations allow them."""
    texts = " ".join(path.read_text(encoding="utf-8") for path in sorted(MIGRATIONS.glob("*.sql")))
    return {
        word
        for listed in re.findall(r"(?:outcome|state)\s+(?:text NOT NULL CHECK \(\w+ )?IN \(([^)]*)\)", texts)
        for word in re.findall(r"'(\w+)'", listed)
    }


def words_of_answers() -> set[str]:
    """What comes as a word in an answer and is told in the language."""
    windows = {word.replace("_", " ") for word in get_args(Cap.model_fields["per"].annotation)}
    overs = set(get_args(Cap.model_fields["over"].annotation))
    return {*get_args(Result), *windows, *overs, "granted", "remains", "grams", "pieces", "invitee", "inviter"}


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(
    ("folder", "chinese"),
    [(OPERATOR / "explain", of_explain("zh-CN")), (OPERATOR / "simulate", of_simulate("zh-CN")),
     (DOMAIN, of_explain("zh-CN"))],
    ids=["explain", "simulate", "reasons"],
)  # fmt: skip
def test_every_sentence_has_its_chinese_with_the_same_places(folder: Path, chinese: Mapping[str, str]) -> None:
    said = set(said_in(folder))
    assert len(said) > 15
    assert sorted(said - chinese.keys()) == []
    assert [one for one in said if places(one) != places(chinese[one])] == []


def test_every_word_of_an_answer_has_its_chinese() -> None:
    assert len(outcomes()) > 10
    assert sorted((words_of_answers() | outcomes()) - of_explain("zh-CN").keys()) == []


def test_no_translation_of_simulate_is_left_over() -> None:
    assert sorted(of_simulate("zh-CN").keys() - set(said_in(OPERATOR / "simulate"))) == []
