"""CloudEvents on Kafka: binary or structured mode, decided by the content type alone."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Final

import msgspec
import orjson
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from shared.events.cloudevent import CloudEvent
from shared.events.event import EventData, data_json
from shared.events.hot import HOT_READERS, HotReader
from shared.events.integrity import MAX_MESSAGE_BYTES, MAX_SERVICE_MESSAGE_BYTES, malformed, require_utf8_json
from shared.events.parser import parse_attributes_and_data, parse_structured
from shared.events.reason_codes import ReasonCode
from shared.events.rejected import Rejected
from shared.events.topics import load_topics

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
STRUCTURED_HEADERS: Final[tuple[tuple[str, bytes], ...]] = (("content-type", CONTENT_TYPE.encode()),)

_STRUCTURED_JSON: Final = ("application/cloudevents+json", "application/cloudevents")
_PREFIX: Final = "ce_"


def decode(
    topic: str, key: bytes | None, value: bytes | None, headers: Sequence[tuple[str, bytes | None]]
) -> CloudEvent:
    """The event of a Kafka record. Raises Rejected with a reason code and one sentence.

    `partitionkey` falls back to the record's key. Judging the event's time needs the record's arrival and is
    not done here.
    """
    if value is None:
        raise malformed("The record has no value.")
    known = load_topics().get(topic)
    if known is None:
        raise Rejected(ReasonCode.UNKNOWN_TYPE, f"{topic} is no topic of the contract.")
    max_bytes = _max_bytes(topic)
    content_type = CONTENT_TYPE if headers == STRUCTURED_HEADERS else _content_type(headers)
    if content_type is not None and content_type.lower().startswith("application/cloudevents"):
        _require_structured_json(content_type)
        event = parse_structured(value, max_bytes)
    else:
        event = parse_attributes_and_data(_binary_attributes(content_type, headers), value, max_bytes)
    if event.type not in known.accepted_types:
        raise Rejected(ReasonCode.UNKNOWN_TYPE, f"The type {event.type} does not belong to the topic {topic}.")
    if event.partitionkey is None and key:
        return _with_key(event, key)
    return event


def decode_hot(topic: str, keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> Sequence[CloudEvent | None]:
    """The same for many records with `STRUCTURED_HEADERS`; None for each that is no hot event in the usual words."""
    reader = _hot_reader(topic)
    if reader is None:
        return [None] * len(values)
    events = reader.read_many(values, _max_bytes(topic))
    return [
        event if event is None or event.partitionkey is not None else _with_key_or_none(event, key)
        for event, key in zip(events, keys, strict=True)
    ]


def encode(
    event_id: str,
    source: str,
    type_: str,
    subject: str | None,
    time: datetime,
    partitionkey: str,
    data: EventData,
) -> bytes:
    """The structured-mode JSON of an event; send it with `STRUCTURED_HEADERS`.

    Fields at their default are left out.
    """
    envelope = _envelope(event_id, source, type_, subject, time, partitionkey)
    return orjson.dumps(envelope, option=orjson.OPT_UTC_Z)[:-1] + b',"data":' + data_json(data) + b"}"


def encode_known(
    event_id: str,
    source: str,
    type_: str,
    subject: str | None,
    time: datetime,
    partitionkey: str,
    known: msgspec.Struct,
) -> bytes:
    """The same for data that our own code made field by field and a test holds against its model.

    `known` leaves out fields at their default and names the others as the contract does; instants are in UTC.
    """
    told = UNSET if subject is None else subject
    at = time if time.tzinfo is UTC else time.astimezone(UTC)
    return _known_json(_Envelope("1.0", event_id, source, type_, at, partitionkey, "application/json", told, known))


class _Envelope(msgspec.Struct, frozen=True, gc=False):
    """What `_envelope` says, in its order."""

    specversion: str
    id: str
    source: str
    type: str
    time: datetime
    partitionkey: str
    datacontenttype: str
    subject: str | UnsetType
    data: msgspec.Struct


_known_json: Final = msgspec.json.Encoder().encode


def _envelope(
    event_id: str, source: str, type_: str, subject: str | None, time: datetime, partitionkey: str
) -> dict[str, object]:
    envelope: dict[str, object] = {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": type_,
        "time": time.astimezone(UTC),
        "partitionkey": partitionkey,
        "datacontenttype": "application/json",
    }
    if subject is not None:
        envelope["subject"] = subject
    return envelope


def _content_type(headers: Sequence[tuple[str, bytes | None]]) -> str | None:
    found = None
    for name, value in headers:
        if len(name) == 12 and name.lower() == "content-type":
            if found is not None:
                raise malformed("The header content-type is there twice.")
            found = _text(name, value)
    return found


def _require_structured_json(content_type: str) -> None:
    if content_type == CONTENT_TYPE:
        return
    if require_utf8_json(content_type) not in _STRUCTURED_JSON:
        raise malformed(f"A structured event must be {CONTENT_TYPE}.")


def _binary_attributes(content_type: str | None, headers: Sequence[tuple[str, bytes | None]]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in headers:
        if name.startswith(_PREFIX):
            attribute = name[3:]
            if attribute in attributes:
                raise malformed(f"The header {name} is there twice.")
            attributes[attribute] = _text(name, value)
    # The content-type header is the data's type in binary mode; a ce_ header cannot speak over it.
    attributes.pop("datacontenttype", None)
    if content_type:
        attributes["datacontenttype"] = content_type
    return attributes


def _text(name: str, value: bytes | None) -> str:
    try:
        return value.decode() if value else ""
    except UnicodeDecodeError:
        raise malformed(f"The header {name} is not UTF-8.") from None


@cache
def _hot_reader(topic: str) -> HotReader | None:
    """Of the hot type that is the topic's own."""
    types = load_topics()[topic].types if topic in load_topics() else ()
    return next((HOT_READERS[type_] for type_ in types if type_ in HOT_READERS), None)


def _max_bytes(topic: str) -> int:
    return MAX_MESSAGE_BYTES if load_topics()[topic].is_inbound else MAX_SERVICE_MESSAGE_BYTES


def _with_key_or_none(event: CloudEvent, key: bytes | None) -> CloudEvent | None:
    try:
        return _with_key(event, key) if key else event
    except Rejected:
        return None


def _with_key(event: CloudEvent, key: bytes) -> CloudEvent:
    try:
        partitionkey = key.decode()
    except UnicodeDecodeError:
        raise malformed("The record's key is not UTF-8.") from None
    return replace(event, partitionkey=partitionkey)
