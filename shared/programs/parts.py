"""The classes a pack is made of, for what speaks of all of them: the names of fields, the reference docs/packs.md."""

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from shared.programs.pack import ProgramPack


@cache
def parts_of_a_pack() -> tuple[type[BaseModel], ...]:
    """Every class that may stand in a pack, each once, in the order in which a pack names them."""
    found: dict[type[BaseModel], None] = {}
    _gather(ProgramPack, found)
    return tuple(found)


def written_fields(part: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Each field's name in the class and in the file."""
    for name, field in part.model_fields.items():
        yield name, field.alias or name


@cache
def field_names() -> frozenset[str]:
    """Every key that a pack may write."""
    return frozenset(written for part in parts_of_a_pack() for _, written in written_fields(part))


def _gather(part: type[BaseModel], found: dict[type[BaseModel], None]) -> None:
    if part not in found:
        found[part] = None
        for field in part.model_fields.values():
            for below in _parts_in(field.annotation):
                _gather(below, found)


def _parts_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts_in(argument)
