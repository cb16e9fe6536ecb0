"""What an earning decision read besides the receipt and the program; stored with it, so it can be recomputed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

_FORMAT = 1


@dataclass(frozen=True, slots=True)
class EarnFacts:
    """`listed`: the member was a listed party (C27) when the event was handled, and so earns nothing."""

    listed: bool = False

    def to_json(self) -> dict[str, int]:
        return {"format": _FORMAT, "listed": int(self.listed)}

    @classmethod
    def from_json(cls, stored: Mapping[str, object]) -> Self:
        """Raises ValueError if the record was written by another format than this code reads."""
        if stored.get("format") != _FORMAT or stored.keys() != {"format", "listed"}:
            raise ValueError(f"stored earning facts {dict(stored)!r} are not of format {_FORMAT}")
        if stored["listed"] not in (0, 1):
            raise ValueError(f"stored earning fact listed is {stored['listed']!r}, neither 0 nor 1")
        return cls(listed=stored["listed"] == 1)


UNLISTED = EarnFacts()
LISTED = EarnFacts(listed=True)
