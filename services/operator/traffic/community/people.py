"""Who lives in the community. Every address is of a domain reserved for examples (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

_NAMES = (
    "lin", "mei", "wei", "xia", "yan", "hui", "jun", "tao", "ning", "rui", "shan", "ting",
    "anna", "ben", "clara", "david", "emma", "finn", "grace", "henry",
)  # fmt: skip
_FOREIGN = frozenset(_NAMES[12:])


@dataclass(frozen=True, slots=True)
class Person:
    """A member. `email` is None for one who left no address; `device` the phone that pays, hashed by the till."""

    member_id: str
    locale: str
    joined: datetime
    email: str | None = None
    device: str | None = None
    inviter_id: str | None = None


def neighbour(number: int, run: str, joined: datetime, inviter_id: str | None) -> Person:
    """The `number`th neighbour of a run; two in three left an e-mail address, every one pays with a phone."""
    round_, place = divmod(number, len(_NAMES))
    name = f"{_NAMES[place]}{round_ or ''}-{run}"
    return Person(
        member_id=name,
        locale="en" if _NAMES[place] in _FOREIGN else "zh-CN",
        joined=joined,
        email=f"{name}@example.com" if number % 3 else None,
        device=f"phone-{name}",
        inviter_id=inviter_id,
    )
