"""`recycling.rejected`: a drop was found wrong afterwards; what it earned is taken back."""

from typing import ClassVar

from pydantic import Field

from shared.events.event import EventData
from shared.events.fields import MAX_LINES, FreeText, Identifier, ProgramId
from shared.events.recycling_collected import RecyclingItem


class RecyclingRejected(EventData):
    """The items of a drop that do not count, and why."""

    TYPE: ClassVar[str] = "greenpoints.recycling.rejected.v1"
    TOPIC: ClassVar[str] = "pos.recycling.v1"

    program_id: ProgramId
    station_id: Identifier
    drop_id: Identifier
    member_id: Identifier
    items: tuple[RecyclingItem, ...] = Field(min_length=1, max_length=MAX_LINES)
    reason: FreeText
