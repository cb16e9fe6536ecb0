"""The short way of nearly every record: an event of a hot type in the usual words, in one pass over the message.

Whatever may mean anything else is left to the long way (parser.py), which alone refuses. A message says what was read
of it, and no more, when it is written again byte for byte or with as many colons: then no key was named twice, unknown
or at its default, for without a backslash no text can lose a colon; the empty lists that tills like to write out are
written again too. Where there are fewer, orjson's reading says whether a key was named twice. With a time in the data
only the same bytes will do, for times have many spellings.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic_core import PydanticCustomError

from shared.events.cloudevent import CloudEvent, content_hash, event_key
from shared.events.event import EventData, without_empty
from shared.events.fields import parse_timestamp
from shared.events.integrity import is_sound
from shared.events.quick import HOT_TYPES, QuickReader, is_plain, quick_reader

MAX_ID: Final = 128
MAX_SOURCE: Final = 256
MAX_TIME: Final = 64
MAX_KEY: Final = 2 * MAX_ID + 1
NO_EXTENSIONS: Final[Mapping[str, str]] = MappingProxyType({})

_DATA: Final = b'"data":'  # a key for certain: a plain text holds no quote
_OTHERWISE: Final = (msgspec.MsgspecError, PydanticCustomError, ValueError, RecursionError)
_write: Final = msgspec.json.Encoder().encode


class HotReader:
    """Reads the events of one hot type."""

    def __init__(self, quick: QuickReader) -> None:
        model = quick.model
        if model.MEMBER_FIELD is None:
            raise TypeError(f"{model.__name__} has no member for the subject to repeat.")
        self.type = model.TYPE
        self._mark = f'{model.TYPE}"'.encode()
        self._member = model.MEMBER_FIELD
        self._checks, self._times = quick.checks, quick.times
        self._twin = quick.twin
        self._decode = msgspec.json.Decoder(_envelope(model, quick.twin)).decode

    def read_many(self, raws: Sequence[bytes | None], max_bytes: int) -> list[CloudEvent | None]:
        """Each by itself; what all have in common is looked at once."""
        plain = _is_plain(b"".join(raw for raw in raws if raw is not None))
        return [
            self.read(raw) if raw is not None and len(raw) <= max_bytes and (plain or _is_plain(raw)) else None
            for raw in raws
        ]

    def read(self, raw: bytes) -> CloudEvent | None:
        """The event that a plain message says; None when it is of another type, or said in other words."""
        if self._mark not in raw:
            return None
        try:
            said = self._decode(raw)
            data = said.data
            for check in self._checks:
                check(data)
            time = parse_timestamp(said.time)
        except _OTHERWISE:
            return None
        written = _write(said)
        same = written == raw
        if not same and written.count(b":") != raw.count(b":") and not is_sound(raw):
            return None
        for name in self._times:
            instant = getattr(data, name)
            if instant is not None and not (same and instant.tzinfo is UTC):
                return None
        event_id, source, subject = said.id, said.source, said.subject
        if subject is not None and (member := getattr(data, self._member)) is not None and member != subject:
            return None
        known = without_empty(written[written.index(_DATA) + len(_DATA) : -1], self._twin)
        return CloudEvent(
            event_id,
            source,
            self.type,
            subject,
            time,
            said.partitionkey,
            data,
            NO_EXTENSIONS,
            event_key(source, event_id),
            content_hash(self.type, subject, time, known),
            known,
        )


def _envelope(model: type[EventData], twin: type[msgspec.Struct]) -> Any:
    """In the order in which we write it, so that our own events are written again byte for byte."""
    id_, source, time, key = (
        Annotated[str, msgspec.Meta(min_length=1, max_length=longest)]
        for longest in (MAX_ID, MAX_SOURCE, MAX_TIME, MAX_KEY)
    )
    return msgspec.defstruct(
        f"{model.__name__}Envelope",
        [
            ("specversion", Literal["1.0"]),
            ("id", id_),
            ("source", source),
            ("type", Literal[model.TYPE]),
            ("time", time),
            ("partitionkey", key | None, None),
            ("datacontenttype", Literal["application/json"] | None, None),
            ("subject", id_ | None, None),
            ("data", twin),
        ],
        frozen=True,
        kw_only=True,
        omit_defaults=True,
        forbid_unknown_fields=True,
        gc=False,
    )


HOT_READERS: Final[Mapping[str, HotReader]] = MappingProxyType(
    {quick.model.TYPE: HotReader(quick) for model in HOT_TYPES if (quick := quick_reader(model)) is not None}
)


def read_hot(raw: bytes) -> CloudEvent | None:
    """An event of any hot type in the usual words; None for whatever may be meant otherwise."""
    if not _is_plain(raw):
        return None
    for reader in HOT_READERS.values():
        if (event := reader.read(raw)) is not None:
            return event
    return None


def _is_plain(raw: bytes) -> bool:
    try:
        return is_plain(raw)
    except UnicodeDecodeError:
        return False
