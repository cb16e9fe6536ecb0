"""What a window keeps of one event."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """One counted thing. `at` (business time) and `arrival` are microseconds since 1970, UTC.

    `identity` is what counts once however often it comes; `amount` what it adds. `cause` and `correlation` name
    events as outbound events do (source#id). `other` is a second name a detector needs: the inviter, the grant.
    """

    identity: str
    at: int
    arrival: int
    amount: int
    member: str
    event_key: str
    cause: str
    correlation: str
    other: str = ""


def micros(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND


def instant(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
