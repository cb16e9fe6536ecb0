"""Every text has its Chinese, and no translation is left that nobody shows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from services.console.domain.rights import Role
from services.console.languages import catalogue, preferred_language, text
from services.console.pages import PAGES
from services.console.view import TEMPLATES
from shared.events.topics import built_services

CONSOLE = TEMPLATES.parent
_IN_TEMPLATE = re.compile(r"""\bt\(\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')""")


def python_files() -> list[Path]:
    return sorted(CONSOLE.rglob("*.py"))


def in_templates() -> Iterator[str]:
    for path in sorted(TEMPLATES.rglob("*.html")):
        for literal in _IN_TEMPLATE.findall(path.read_text()):
            yield ast.literal_eval(literal)


def in_python() -> Iterator[str]:
    """What is translated at once, and the sentences of problems, which their page translates."""
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            place = {"t": 0, "ProblemError": 2}.get(name)
            if place is not None and len(node.args) > place:
                argument = node.args[place]
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value


def named_elsewhere() -> Iterator[str]:
    yield from (page.title for page in PAGES if page.title is not None)
    yield from (role.value for role in Role)
    yield from (name for name in built_services() if name != "console")
    yield from ("started", "done", "refused", "failed")


def literals() -> set[str]:
    """Every string in the console's Python: what a constant or a table holds is translated where it is shown."""
    return {
        node.value
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def test_every_text_has_its_chinese() -> None:
    wanted = {*in_templates(), *in_python(), *named_elsewhere()}
    assert sorted(wanted - catalogue("zh-CN").keys()) == []


def test_no_translation_is_left_over() -> None:
    assert sorted(catalogue("zh-CN").keys() - {*in_templates(), *literals(), *named_elsewhere()}) == []


@pytest.mark.parametrize("sentence", sorted(catalogue("zh-CN")))
def test_the_places_of_a_sentence_are_the_same_in_both_languages(sentence: str) -> None:
    def places(of: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(of) if name is not None}

    assert places(catalogue("zh-CN")[sentence]) == places(sentence)


def test_values_are_filled_in_and_never_read_as_places() -> None:
    assert text("en", "{count} behind, {time}", count="{x}", time="2 s") == "{x} behind, 2 s"
    assert text("zh-CN", "{count} behind, {time}", count="1", time="2 s") == "待 1 条，2 s"


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        (None, "", "en"),
        (None, "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        (None, "de, en;q=0.5, zh;q=0.4", "en"),
        (None, "de, zh-Hant;q=0.5", "zh-CN"),
        (None, "zh;q=nonsense", "en"),
        ("en", "zh-CN", "en"),
        ("xx", "zh-CN", "zh-CN"),
    ],
)
def test_the_language_is_the_chosen_one_else_the_browsers(cookie: str | None, accepted: str, language: str) -> None:
    assert preferred_language(cookie, accepted) == language
