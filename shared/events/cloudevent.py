"""A decoded event, the identity it is deduplicated by, and the hash of what it says."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
import orjson
from asyncpg.pgproto import pgproto  # its UUID is a uuid.UUID, made and stored several times as fast

from shared.events.event import EventData, data_json
from shared.events.rejected import FieldError, Rejected

__all__ = ["CloudEvent", "FieldError", "Rejected", "content_hash", "derived_id", "event_key", "known_json", "uuid_from"]

_SEPARATOR: Final = "\x1f"  # no id or source can hold it
_NAMESPACE: Final = UUID("6d1f1c0e-52a5-5d0b-9f0a-6f7b1d6b7a11")
_HASHED_NAMESPACE: Final = hashlib.sha1(_NAMESPACE.bytes, usedforsecurity=False)
_VERSION_5: Final = 0x5000_8000_0000_0000_0000  # version and variant; the other bits are the hash's
_RANDOM_BITS: Final = ~0xF000_C000_0000_0000_0000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class CloudEvent(msgspec.Struct, frozen=True, gc=False):
    """One event as it was meant, whatever mode it came in.

    `time` is UTC. `event_key` identifies (source, id); `content_hash` is 16 bytes over type, subject, time
    and the known data, so equal keys with different hashes are two events that share an id. `known` is the
    known data as JSON, without fields at their default.
    """

    id: str
    source: str
    type: str
    subject: str | None
    time: datetime
    partitionkey: str | None
    data: EventData
    extensions: Mapping[str, str]
    event_key: UUID
    content_hash: bytes
    known: bytes


def uuid_from(text: str) -> UUID:
    """The UUID that a field of the contract spells. Raises ValueError for any other text."""
    return pgproto.UUID(text)


def event_key(source: str, event_id: str) -> UUID:
    """The dedupe key of an event: the first 16 bytes of SHA-256 over its source and id."""
    return pgproto.UUID(hashlib.sha256(f"{source}{_SEPARATOR}{event_id}".encode()).digest()[:16])


def derived_id(cause_source: str, cause_id: str, purpose: str) -> UUID:
    """The id of something that follows from an event: the same cause and purpose always give the same id.

    A UUIDv5 (RFC 9562).
    """
    name = _SEPARATOR.join((cause_source, cause_id, purpose)).encode()
    hashed = _HASHED_NAMESPACE.copy()
    hashed.update(name)
    number = int.from_bytes(hashed.digest()[:16], "big") & _RANDOM_BITS | _VERSION_5
    return pgproto.UUID(number.to_bytes(16, "big"))


def known_json(data: EventData) -> bytes:
    """The known data as JSON, fields at their default left out: absent and null are one."""
    known = data_json(data)
    return orjson.dumps(orjson.loads(known), option=orjson.OPT_SORT_KEYS) if data.HAS_MAPPINGS else known


def content_hash(type_: str, subject: str | None, time: datetime, known: bytes) -> bytes:
    """16 bytes over type, subject, time and the known data (`known_json`).

    A field added to the contract later does not change the hash of an event that does not use it.
    """
    micros = (time - _EPOCH) // _MICROSECOND
    has_subject = "" if subject is None else f"={subject}"
    head = f"{type_}{_SEPARATOR}{has_subject}{_SEPARATOR}{micros}{_SEPARATOR}".encode()
    return hashlib.sha256(head + known).digest()[:16]
