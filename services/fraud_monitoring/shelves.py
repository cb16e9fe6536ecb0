"""The windows by name, each in a table of its own; a table is any mapping of bytes, Faust's in a running worker."""

from collections.abc import Callable, MutableMapping
from typing import Generic, TypeAlias, TypeVar

import msgspec

from services.fraud_monitoring.detectors.implausible_weight import Brought
from services.fraud_monitoring.detectors.refund_after_earning import Earned
from services.fraud_monitoring.domain.device_seen import Links
from services.fraud_monitoring.domain.seen import Seen
from services.fraud_monitoring.domain.window import Window

T = TypeVar("T")
Table: TypeAlias = MutableMapping[bytes, bytes]
_encode = msgspec.msgpack.Encoder().encode

TABLES = (
    "member-velocity",
    "refund-after-earning",
    "implausible-weight",
    "member-links",
    "device-shared",
    "referral-ring",
)


class Shelf(Generic[T]):
    """One table with typed values. What did not change is not written: a repeat leaves the changelog alone."""

    def __init__(self, table: Table, kind: type[T], empty: Callable[[], T]) -> None:
        self._table = table
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._empty = empty

    def take(self, key: str) -> T:
        found = self._table.get(key.encode())
        return self._empty() if found is None else self._decode(found)

    def put(self, key: str, before: T, after: T) -> None:
        if after != before:
            self._table[key.encode()] = _encode(after)


class Shelves:
    """Every window of the service; keys are those of members and devices."""

    def __init__(self, table: Callable[[str], Table]) -> None:
        self.member_velocity = Shelf[Window](table("member-velocity"), dict[int, dict[str, Seen]], dict)
        self.refund_after_earning = Shelf(table("refund-after-earning"), Earned, Earned)
        self.implausible_weight = Shelf(table("implausible-weight"), Brought, Brought)
        self.member_links = Shelf(table("member-links"), Links, Links)
        self.device_shared = Shelf[Window](table("device-shared"), dict[int, dict[str, Seen]], dict)
        self.referral_ring = Shelf[Window](table("referral-ring"), dict[int, dict[str, Seen]], dict)
