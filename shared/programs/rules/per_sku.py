"""Rule kind `per_sku`: a fixed bonus for certain goods."""

from typing import Annotated, Literal

from pydantic import Field

from shared.events.fields import Identifier
from shared.programs.fields import PositivePoints
from shared.programs.rules.rule import PointsRule


class PerSkuRule(PointsRule):
    """`points` points for each line of one of `skus` that earns at all: once, or for each unit of it."""

    kind: Literal["per_sku"] = "per_sku"
    skus: Annotated[tuple[Identifier, ...], Field(min_length=1, max_length=2_000)]
    points: PositivePoints
    per: Literal["line", "unit"] = "line"
