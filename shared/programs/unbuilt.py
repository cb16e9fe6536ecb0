"""Parts that a pack may write and `program check` checks, but no service acts on yet.

They are refused when a pack is applied and when a service reads a version, so that nothing a pack promises is ignored
in silence. Once a service acts on a part, its line here is taken out: that is all.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from shared.events.reason_codes import ReasonCode
from shared.programs.findings import Finding, Location, Severity, Term, finding
from shared.programs.pack import ProgramPack


@dataclass(frozen=True, slots=True)
class Unbuilt:
    """`path` leads through the model, `*` for each item of a list; `words` names the part in a sentence.

    The part counts as used when its value differs from the model's default, or, where `value` is given, equals it.
    """

    path: str
    words: str
    value: object = None


UNBUILT: Final[tuple[Unbuilt, ...]] = ()


def unbuilt_parts(
    pack: ProgramPack, unbuilt: tuple[Unbuilt, ...] = UNBUILT, severity: Severity = "error"
) -> tuple[Finding, ...]:
    """Every part of the pack that no service would act on; empty = it may be applied."""
    return tuple(
        finding(
            ReasonCode.PART_NOT_BUILT,
            severity,
            location,
            "{part}: this is not built yet; take it out, or leave the default",
            part=Term(part.words),
        )
        for part in unbuilt
        for location in _used(pack, part.path.split("."), part.value, ())
    )


def _used(model: object, path: list[str], value: object, at: Location) -> Iterator[Location]:
    """Where `path` leads to a value that counts as used."""
    step, rest = path[0], path[1:]
    if step == "*":
        for place, item in enumerate(model if isinstance(model, tuple) else ()):
            yield from _used(item, rest, value, (*at, place)) if rest else ((*at, place),)
    elif isinstance(model, BaseModel) and step in type(model).model_fields:
        found, field = getattr(model, step), type(model).model_fields[step]
        here = (*at, field.alias or step)
        if rest:
            yield from _used(found, rest, value, here)
        elif (found == value) if value is not None else (found != field.get_default(call_default_factory=True)):
            yield here
    elif isinstance(model, Mapping) and step in model:
        yield from _used(model[step], rest, value, (*at, step)) if rest else ((*at, step),)
