"""The refusal of an event that does not follow the contract."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.events.reason_codes import ReasonCode


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is wrong: its dotted path in the data and what is wrong with it, never its value."""

    path: str
    message: str


class Rejected(Exception):  # noqa: N818  the contract's word; it is an outcome more than an error
    """An event that is not applied: a machine-readable code, one sentence, and the fields at fault."""

    def __init__(self, code: ReasonCode, message: str, fields: tuple[FieldError, ...] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = fields


def told_errors(found: Sequence[Mapping[str, Any]], under: int = 0) -> list[FieldError]:
    """Pydantic's errors as they are told: paths in the data that lies `under` so many steps, never a value.

    A list whose items are wrong is reported once more as too short; the items say it better.
    """
    parents = {item["loc"][:steps] for item in found for steps in range(len(item["loc"]))}
    return [
        FieldError(".".join(str(step) for step in item["loc"][under:]), item["msg"])
        for item in found
        if not item["loc"] or item["loc"] not in parents
    ]
