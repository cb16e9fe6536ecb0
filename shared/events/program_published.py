"""`program.published`: one version of a program, whole."""

from typing import ClassVar

from pydantic import Field, JsonValue

from shared.events.event import EventData
from shared.events.fields import ProgramId, Timestamp, Version


class ProgramPublished(EventData):
    """The whole program pack. It judges events whose own time is at or after `effective_at`."""

    TYPE: ClassVar[str] = "greenpoints.program.published.v1"
    TOPIC: ClassVar[str] = "programs.versions.v1"
    MEMBER_FIELD: ClassVar[str | None] = None
    HAS_MAPPINGS: ClassVar[bool] = True

    program_id: ProgramId
    version: Version
    published_at: Timestamp
    effective_at: Timestamp
    pack: dict[str, JsonValue] = Field(min_length=1)
