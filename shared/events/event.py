"""What every event's data has in common."""

from typing import ClassVar, Final

import msgspec
from pydantic import BaseModel, ConfigDict

from shared.events.fields import CauseId, Identifier, MinorUnits, ProgramId, Version
from shared.events.fields import Currency as CurrencyCode


class Part(BaseModel):
    """A part of an event's data: frozen and strict; fields it does not know are dropped."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="ignore",
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )


class EventData(Part):
    """The data of one event type.

    `TYPE` is the full type name, `TOPIC` the topic it belongs to. `MEMBER_FIELD` names the field that the
    CloudEvents subject must repeat. `HAS_MAPPINGS` says that the data holds mappings whose key order means
    nothing, so the content hash sorts them.
    """

    TYPE: ClassVar[str]
    TOPIC: ClassVar[str]
    MEMBER_FIELD: ClassVar[str | None] = "member_id"
    HAS_MAPPINGS: ClassVar[bool] = False


_twin_json: Final = msgspec.json.Encoder().encode


def data_json(data: EventData) -> bytes:
    """The data as JSON, fields at their default left out; of a model or its twin (quick.py)."""
    if isinstance(data, msgspec.Struct):
        return without_empty(_twin_json(data), type(data))
    return data.__pydantic_serializer__.to_json(data, exclude_defaults=True)


def without_empty(written: bytes, twin: type[msgspec.Struct]) -> bytes:
    """What a twin wrote, without the lists that a till named though they are empty."""
    if b":[]" in written:
        for named in twin.NAMED_EMPTY:  # type: ignore[attr-defined]
            written = written.replace(named, b"")
    return written


class CausedEvent(EventData):
    """An outbound event: it names its cause and the first POS event of its story."""

    program_id: ProgramId
    member_id: Identifier
    causation_id: CauseId
    correlation_id: CauseId
    rule_version: Version | None = None


class Money(Part):
    """An amount in minor units with its currency beside it."""

    amount_minor: MinorUnits
    currency: CurrencyCode
