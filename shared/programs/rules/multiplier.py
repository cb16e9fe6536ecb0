"""Rule kind `multiplier`: more (or fewer) points from the rate rules of a receipt (M18, M22, M23)."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.types import StrictInt

from shared.events.fields import Identifier
from shared.programs.fields import Flag, PackPart
from shared.programs.rules.rule import ReceiptRule, Rounding

Combine = Literal["multiply", "best", "newest"]
"""How several multipliers on one line meet: one after the other, the largest factor, or the latest start."""

_FRACTION = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)


class Factor(PackPart):
    """An exact fraction of 0 or more. 0 means that nothing is left of the points it works on."""

    numerator: Annotated[StrictInt, Field(ge=0, le=1_000_000_000)]
    denominator: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] = 1

    @model_validator(mode="before")
    @classmethod
    def _written(cls, value: Any) -> Any:
        if type(value) is int:
            return {"numerator": value}
        if isinstance(value, str) and (found := _FRACTION.fullmatch(value)) is not None:
            return {"numerator": int(found[1]), "denominator": int(found[2])}
        if isinstance(value, str | float):
            message = f"{value!r} is no factor; write a whole number such as 2, or a fraction such as 3/2"
            raise ValueError(message)  # noqa: TRY004 - pydantic collects ValueErrors
        return value


def _some_rules(rules: Any) -> Any:
    if rules is not None and len(rules) == 0:
        raise ValueError("names no rule; leave of_rules out to multiply every rate rule")
    return rules


class MultiplierRule(ReceiptRule):
    """Multiplies the line points of the rate rules `of_rules` (all, if it names none) on the lines it counts.

    What it adds is its own: paid by its own budget, of its own class. It never touches fixed bonuses. A `green` one
    counts only lines under a green certificate that is good on the day (C12).
    """

    kind: Literal["multiplier"] = "multiplier"
    factor: Factor
    of_rules: Annotated[tuple[Identifier, ...], BeforeValidator(_some_rules), Field(max_length=200)] | None = None
    rounding: Rounding = "floor"
    green: Flag = False

    @model_validator(mode="after")
    def _caps_only_what_it_adds(self) -> Self:
        if self.caps and self.factor.numerator <= self.factor.denominator:
            raise ValueError("a factor of 1 or less adds nothing, so there is nothing to cap; take caps out")
        return self
