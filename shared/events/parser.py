"""The strict CloudEvents parser: attributes and JSON data to a CloudEvent, the same from every mode.

Nothing is invented: a missing id or time is refused, because an invented one would defeat the dedupe key.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError, create_model
from pydantic_core import SchemaValidator

from shared.events.catalogue import EVENT_TYPES
from shared.events.cloudevent import CloudEvent, content_hash, event_key, known_json
from shared.events.event import EventData
from shared.events.fields import is_printable, parse_timestamp
from shared.events.hot import MAX_ID, MAX_KEY, MAX_SOURCE, MAX_TIME, NO_EXTENSIONS, read_hot
from shared.events.integrity import MAX_MESSAGE_BYTES, load_json, malformed
from shared.events.member_closed import MemberClosed
from shared.events.quick import quick_reader
from shared.events.reason_codes import ReasonCode
from shared.events.rejected import Rejected, told_errors

__all__ = ["MAX_MESSAGE_BYTES", "parse_attributes_and_data", "parse_structured", "require_json"]

_MAX_FIELD_ERRORS: Final = 20
_KNOWN: Final = frozenset(
    ("specversion", "id", "source", "type", "subject", "time", "partitionkey", "datacontenttype", "data",
     "data_base64")
)  # fmt: skip
_JSON_TYPE: Final = re.compile(
    r"(?:application|text)/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*\"?utf-?8\"?\s*)?", re.IGNORECASE | re.ASCII
)
# The one type whose truth lies with a single service (design: topic members.profiles.v1).
AUTHORITIES: Final[Mapping[str, str]] = MappingProxyType({MemberClosed.TYPE: "/redemption"})


def parse_structured(raw: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> CloudEvent:
    """A structured-mode event: one JSON object with the attributes and `data`. Raises Rejected."""
    if len(raw) <= max_bytes and (hot := read_hot(raw)) is not None:
        return hot
    envelope = load_json(raw, max_bytes)
    if not isinstance(envelope, dict):
        raise malformed("A structured event is one JSON object with the CloudEvents attributes.")
    if "data_base64" in envelope:
        return _parse_base64(envelope)
    model = _model_of(envelope)
    if envelope.get("data") is None:
        raise malformed("The event has no data.")
    require_json(envelope.get("datacontenttype"))
    if (read := _read_quickly(model, raw, envelope["data"])) is not None:
        return _assemble(_printable_attributes(envelope), *read)
    try:
        data = _structured_validator(model).validate_json(raw).data
    except ValidationError as error:
        raise _rejection(model, error, depth=1) from None
    return _assemble(_attributes(envelope), data, known_json(data))


def parse_attributes_and_data(
    attributes: Mapping[str, Any], raw: bytes, max_bytes: int = MAX_MESSAGE_BYTES
) -> CloudEvent:
    """A binary-mode event: the attributes by name and the data as JSON text. Raises Rejected."""
    loaded = load_json(raw, max_bytes)
    model = _model_of(attributes)
    require_json(attributes.get("datacontenttype"))
    if (read := _read_quickly(model, raw, loaded)) is not None:
        return _assemble(_attributes(attributes), *read)
    try:
        data = model.__pydantic_validator__.validate_json(raw)
    except ValidationError as error:
        raise _rejection(model, error, depth=0) from None
    return _assemble(_attributes(attributes), data, known_json(data))


def _read_quickly(model: type[EventData], raw: bytes, loaded: object) -> tuple[EventData, bytes] | None:
    reader = quick_reader(model)
    return None if reader is None else reader.read(raw, loaded)


def require_json(content_type: object) -> None:
    """Refuses data of any other type than JSON in UTF-8; absent means JSON."""
    if content_type is None or content_type == "application/json":
        return
    if not isinstance(content_type, str) or _JSON_TYPE.fullmatch(content_type.strip()) is None:
        raise malformed("The data must be JSON in UTF-8: datacontenttype is application/json.")


def _parse_base64(envelope: dict[str, Any]) -> CloudEvent:
    encoded = envelope["data_base64"]
    if "data" in envelope or not isinstance(encoded, str):
        raise malformed("An event carries either data or data_base64, a text.")
    try:
        raw = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise malformed("data_base64 is not valid base64.") from None
    return parse_attributes_and_data(envelope, raw)


def _model_of(attributes: Mapping[str, Any]) -> type[EventData]:
    if attributes.get("specversion") != "1.0":
        raise malformed('The attribute specversion must be "1.0".')
    type_ = _required(attributes, "type", MAX_ID)
    model = EVENT_TYPES.get(type_)
    if model is None:
        raise Rejected(ReasonCode.UNKNOWN_TYPE, f"No event type {type_!r} is part of the contract.")
    return model


class _Attributes(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """What a usual envelope holds, each attribute within its length; whatever is otherwise is read one by one."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)]
    source: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_SOURCE)]
    time: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TIME)]
    specversion: str  # this and the type were looked at before
    type: str
    data: Any
    subject: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID)] | None = None
    partitionkey: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_KEY)] | None = None
    datacontenttype: str | None = None
    extensions: Mapping[str, str] = NO_EXTENSIONS  # never the envelope's own word


def _printable_attributes(envelope: Mapping[str, Any]) -> _Attributes:
    """Of an envelope that holds no unprintable text. Raises Rejected."""
    try:
        found = msgspec.convert(envelope, _Attributes)
    except msgspec.ValidationError:
        return _attributes(envelope)
    return found if found.extensions is NO_EXTENSIONS else _attributes(envelope)


def _attributes(given: Mapping[str, Any]) -> _Attributes:
    """Each looked at by itself. Raises Rejected."""
    return _Attributes(
        _required(given, "id", MAX_ID),
        _required(given, "source", MAX_SOURCE),
        _required(given, "time", MAX_TIME),
        given["specversion"],
        given["type"],
        None,
        _optional(given, "subject", MAX_ID),
        _optional(given, "partitionkey", MAX_KEY),
        extensions=_extensions(given),
    )


def _assemble(attributes: _Attributes, data: EventData, known: bytes) -> CloudEvent:
    event_id, source, subject = attributes.id, attributes.source, attributes.subject
    type_ = data.TYPE
    _check_subject(subject, data)
    authority = AUTHORITIES.get(type_)
    if authority is not None and source != authority:
        raise Rejected(
            ReasonCode.NOT_AUTHORITATIVE,
            f"Only {authority} may publish {type_}; ask it to close the account.",
        )
    try:
        time = parse_timestamp(attributes.time)
    except ValueError as error:
        raise malformed(f"The attribute time is wrong: {error}.") from None
    return CloudEvent(
        event_id,
        source,
        type_,
        subject,
        time,
        attributes.partitionkey,
        data,
        attributes.extensions,
        event_key(source, event_id),
        content_hash(type_, subject, time, known),
        known,
    )


def _check_subject(subject: str | None, data: EventData) -> None:
    if subject is None or data.MEMBER_FIELD is None:
        return
    member_id = getattr(data, data.MEMBER_FIELD)
    if member_id is not None and member_id != subject:
        raise malformed(f"The attribute subject must be the {data.MEMBER_FIELD} of the data.")


def _required(attributes: Mapping[str, Any], name: str, longest: int) -> str:
    value = _optional(attributes, name, longest)
    if value is None:
        raise malformed(f"The required attribute {name} is missing.")
    return value


def _optional(attributes: Mapping[str, Any], name: str, longest: int) -> str | None:
    value = attributes.get(name)
    if type(value) is str and value.isprintable() and value.isascii() and 0 < len(value) <= longest:
        return value  # nearly always
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > longest or not is_printable(value):
        raise malformed(f"The attribute {name} must be a text of 1 to {longest} printable characters.")
    return value


def _extensions(attributes: Mapping[str, Any]) -> Mapping[str, str]:
    names = attributes.keys() - _KNOWN
    if not names:
        return NO_EXTENSIONS
    return MappingProxyType(
        {
            name: value if isinstance(value, str) else orjson.dumps(value).decode()
            for name, value in sorted((name, attributes[name]) for name in names)
            if value is not None
        }
    )


class _Structured(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


@cache
def _structured_validator(model: type[EventData]) -> SchemaValidator:
    """Reads `data` out of a structured envelope without a second copy of the text."""
    envelope = create_model(f"Structured{model.__name__}", __base__=_Structured, data=(model, ...))
    return envelope.__pydantic_validator__  # type: ignore[return-value]


def _rejection(model: type[EventData], error: ValidationError, depth: int) -> Rejected:
    found = error.errors(include_url=False, include_context=False, include_input=False)
    code = ReasonCode.MALFORMED
    if any(item["type"] == "amounts_do_not_sum" for item in found):
        code = ReasonCode.AMOUNTS_DO_NOT_SUM
    told = told_errors(found, depth)
    fields = tuple(told[:_MAX_FIELD_ERRORS])
    first = fields[0]
    where = f"{first.path}: " if first.path else ""
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return Rejected(code, f"The data is no {model.TYPE}: {where}{first.message}{more}.", fields)
