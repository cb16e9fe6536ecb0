"""Rule kind `material`: a tariff for what recycling drops bring (M12)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from shared.events.fields import Identifier
from shared.programs.fields import Flag, PositivePoints, PositiveWhole
from shared.programs.rules.rule import CappedRule, Rounding


class MaterialRule(CappedRule):
    """A material tariff for recycling drops: `points` points per weight, per piece or per CO2e avoided.

    Exactly one of `per_grams`, `per_pieces` and `per_grams_co2e` is written; the last goes by the pack's cited
    factors. Rounded once per drop, then capped. `needs_photo`: without one the rule gives nothing (C09).
    """

    kind: Literal["material"] = "material"
    points_class: Literal["GREEN_ACTION"] = "GREEN_ACTION"
    materials: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=200)]
    points: PositivePoints
    per_grams: PositiveWhole | None = None
    per_pieces: PositiveWhole | None = None
    per_grams_co2e: PositiveWhole | None = None
    rounding: Rounding = "floor"
    needs_photo: Flag = False

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        measures = (self.per_grams, self.per_pieces, self.per_grams_co2e)
        if sum(measure is not None for measure in measures) != 1:
            raise ValueError("say exactly one of per_grams, per_pieces, per_grams_co2e")
        if len(set(self.materials)) != len(self.materials):
            raise ValueError("materials names a material twice; each counts once")
        return self
