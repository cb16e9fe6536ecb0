"""docs/packs.md names every field of a pack, with an example that reads and what happens if it is left out."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, NamedTuple

import pytest
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

from deploy.local.stack import CHECKOUT
from shared.programs.parts import parts_of_a_pack
from shared.programs.yaml_file import parse_yaml

PAGE = CHECKOUT / "docs" / "packs.md"
_HEADING = re.compile(r"### .*\(`(\w+)`\)")
_ROW = re.compile(r"\| `([\w-]+)` \| `(.*?)` \| (.*?) \| (.*?) \|")


class Row(NamedTuple):
    """One line of a table: `part` is the class its heading names."""

    part: str
    field: str
    example: str
    left_out: str


@cache
def rows() -> tuple[Row, ...]:
    return tuple(_rows(PAGE.read_text(encoding="utf-8").splitlines()))


def _rows(lines: list[str]) -> Iterator[Row]:
    part = ""
    for line in lines:
        if heading := _HEADING.fullmatch(line):
            part = heading[1]
        elif row := _ROW.fullmatch(line):
            yield Row(part, row[1], row[2], row[3])


def fields_of(part: type[BaseModel]) -> dict[str, FieldInfo]:
    return {field.alias or name: field for name, field in part.model_fields.items()}


def described(part: type[BaseModel]) -> dict[str, Row]:
    """The rows of the class and of those it is made from; its own come first."""
    found: dict[str, Row] = {}
    for one in part.__mro__:
        for row in rows():
            if row.part == one.__name__:
                found.setdefault(row.field, row)
    return found


@pytest.mark.parametrize("part", parts_of_a_pack(), ids=lambda part: f"{part.__module__}.{part.__name__}")
def test_every_field_is_described_with_an_example_that_reads(part: type[BaseModel]) -> None:
    known = described(part)
    assert sorted(fields_of(part).keys() - known.keys()) == []
    for name, field in fields_of(part).items():
        _, document = parse_yaml(f"example: {known[name].example}", "packs.md")
        whole: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        TypeAdapter(whole).validate_python(document["example"])


def test_no_row_describes_what_is_not_there() -> None:
    there = {
        (one.__name__, name)
        for part in parts_of_a_pack()
        for one in part.__mro__
        if issubclass(one, BaseModel)
        for name in fields_of(one)
    }
    assert [row for row in rows() if (row.part, row.field) not in there] == []
    assert len(rows()) > 250


@pytest.mark.parametrize("part", parts_of_a_pack(), ids=lambda part: f"{part.__module__}.{part.__name__}")
def test_what_happens_if_a_field_is_left_out_is_as_the_page_says(part: type[BaseModel]) -> None:
    for name, field in fields_of(part).items():
        said = described(part)[name]
        if said.part == part.__name__ and name != "kind":
            assert said.left_out == _left_out(field), (part.__name__, name)


def _left_out(field: FieldInfo) -> str:
    if field.is_required():
        return "must be written"
    default = field.get_default(call_default_factory=True)
    if isinstance(default, BaseModel):
        return "its defaults"
    if isinstance(default, bool):
        return "`true`" if default else "`false`"
    return "–" if default is None else "none" if default == () else f"`{default}`"
