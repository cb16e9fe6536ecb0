"""CloudEvents on Kafka: binary or structured mode, decided by the content type alone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import orjson

from shared.events.cloudevent import CloudEvent
from shared.events.event import EventData, data_json
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
    max_bytes = MAX_MESSAGE_BYTES if known.is_inbound else MAX_SERVICE_MESSAGE_BYTES
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
    known: Mapping[str, object],
) -> bytes:
    """The same for data that our own code made field by field and a test holds against its model.

    `known` leaves out fields at their default and names the others as the contract does; instants are in UTC.
    """
    envelope = _envelope(event_id, source, type_, subject, time, partitionkey)
    envelope["data"] = known
    return orjson.dumps(envelope, option=orjson.OPT_UTC_Z)


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


def _with_key(event: CloudEvent, key: bytes) -> CloudEvent:
    try:
        partitionkey = key.decode()
    except UnicodeDecodeError:
        raise malformed("The record's key is not UTF-8.") from None
    return event._replace(partitionkey=partitionkey)
