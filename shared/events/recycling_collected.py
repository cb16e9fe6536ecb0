"""`recycling.collected`: a member handed in material at a station."""

from typing import ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import EventData, Part
from shared.events.fields import MAX_LINES, FullDate, Grams, Identifier, PositiveQuantity, ProgramId, Sha256Hex


class RecyclingItem(Part):
    """One material, by weight in grams or by pieces."""

    material: Identifier
    grams: Grams | None = None
    pieces: PositiveQuantity | None = None
    scale_id: Identifier | None = None

    @model_validator(mode="after")
    def _is_weighed_or_counted(self) -> Self:
        if (self.grams is None) == (self.pieces is None):
            raise PydanticCustomError("grams_or_pieces", "an item has either grams or pieces")
        return self


class RecyclingCollected(EventData):
    """A drop at a station. Its weights are judged against the station's capacity and scale (C11)."""

    TYPE: ClassVar[str] = "greenpoints.recycling.collected.v1"
    TOPIC: ClassVar[str] = "pos.recycling.v1"

    program_id: ProgramId
    station_id: Identifier
    drop_id: Identifier
    member_id: Identifier
    items: tuple[RecyclingItem, ...] = Field(min_length=1, max_length=MAX_LINES)
    photo_sha256: Sha256Hex | None = None
    operator_id: Identifier | None = None
    scale_calibrated_on: FullDate | None = None
