"""The refusal of an event that does not follow the contract."""

from dataclasses import dataclass

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
