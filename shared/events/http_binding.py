"""CloudEvents over HTTP: structured, binary or batch, decided by the content type alone."""

from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

import orjson

from shared.events.cloudevent import CloudEvent
from shared.events.integrity import load_json, malformed, require_utf8_json
from shared.events.parser import parse_attributes_and_data, parse_structured
from shared.events.rejected import Rejected

MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
MAX_BATCH_EVENTS: Final = 1_000

_STRUCTURED: Final = ("application/cloudevents+json", "application/cloudevents")
_BATCH: Final = "application/cloudevents-batch+json"
_PREFIX: Final = "ce-"


def decode_request(content_type: str, headers: Mapping[str, str], body: bytes) -> list[CloudEvent | Rejected]:
    """The events of a request in their order, each decoded or rejected by itself.

    A batch that is no sound JSON array is one rejection. Nothing is raised for bad input. Whether an event's
    type may come in by HTTP is the gateway's to judge.
    """
    try:
        if not content_type.strip().lower().startswith("application/cloudevents"):
            return [parse_attributes_and_data(_binary_attributes(content_type, headers), body)]
        media_type = require_utf8_json(content_type)
        if media_type == _BATCH:
            return _decode_batch(body)
        if media_type not in _STRUCTURED:
            raise malformed(f"Send {_STRUCTURED[0]}, {_BATCH}, or the data as JSON with ce- headers.")
        return [parse_structured(body)]
    except Rejected as rejected:
        return [rejected]


def _decode_batch(body: bytes) -> list[CloudEvent | Rejected]:
    events = load_json(body, MAX_BATCH_BYTES)
    if not isinstance(events, list):
        raise malformed("A batch is one JSON array of structured events.")
    if len(events) > MAX_BATCH_EVENTS:
        raise malformed(f"The batch has {len(events)} events; at most {MAX_BATCH_EVENTS} are allowed.")
    return [_decode_member(event) for event in events]


def _decode_member(event: object) -> CloudEvent | Rejected:
    try:
        return parse_structured(orjson.dumps(event))
    except Rejected as rejected:
        return rejected


def _binary_attributes(content_type: str, headers: Mapping[str, str]) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        lowered = name.lower()
        if lowered.startswith(_PREFIX):
            attribute = lowered[len(_PREFIX) :]
            if attribute in attributes:
                raise malformed(f"The header {lowered} is there twice.")
            attributes[attribute] = _header_text(lowered, value)
    attributes.pop("datacontenttype", None)
    if content_type.strip():
        attributes["datacontenttype"] = content_type
    return attributes


def _header_text(name: str, value: str) -> str:
    """Undoes the quoting and percent-encoding of the HTTP binding (section "HTTP Header Values")."""
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not text.isascii():
        raise malformed(f"The header {name} must be percent-encoded UTF-8.")
    if "%" not in text:
        return text
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise malformed(f"The header {name} is not percent-encoded UTF-8.") from None
