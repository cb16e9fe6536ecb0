"""What a pack may write for each rule kind. What a kind means is in services/earning/domain/rules/<kind>.py.

A new kind is a class here, its name in RULE_KINDS and AnyRule, and one file with its calculation there.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from shared.events.fields import Condition, Identifier, PointsClass
from shared.programs.fields import Flag, PackPart, PositiveMinorUnits, PositivePoints, PositiveWhole

Rounding = Literal["floor", "half_up", "ceil"]
Side = Literal["inviter", "invitee"]


class Rule(PackPart):
    """What every rule says, whatever its kind: whose money pays for it and of which class its points are."""

    rule_id: Identifier
    enabled: Flag = True
    budget_id: Identifier
    points_class: PointsClass = "CONSUMPTION"


class RateRule(Rule):
    """`points` points per `per_minor` minor units of the receipt's basis, rounded once per receipt (M26).

    `condition` narrows it to lines of new or of second-hand goods.
    """

    kind: Literal["rate"] = "rate"
    points: PositivePoints
    per_minor: PositiveMinorUnits
    rounding: Rounding = "floor"
    condition: Condition | None = None


class MaterialRule(Rule):
    """A material tariff for recycling drops: `points` points per weight, per piece or per CO2e avoided.

    Exactly one of `per_grams`, `per_pieces` and `per_grams_co2e` is written; the last goes by the pack's cited
    factors. Rounded once per drop. `needs_photo`: without one the rule gives nothing (C09).
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


class ReferralRule(Rule):
    """What one side of a referral gets once the invitee's first order has earned; one level only (C10).

    Of several rules for a side the best alone counts (points, then rule id).
    """

    kind: Literal["referral"] = "referral"
    points_class: Literal["PROMO"] = "PROMO"
    side: Side
    points: PositivePoints


RULE_KINDS: Mapping[str, type[Rule]] = {
    "rate": RateRule,
    "material": MaterialRule,
    "referral": ReferralRule,
}


def _of_a_known_kind(rule: Any) -> Any:
    if isinstance(rule, Mapping) and str(rule.get("kind")) not in RULE_KINDS:
        built = ", ".join(RULE_KINDS)
        if "kind" not in rule:
            raise ValueError(f"a rule must say its kind; built so far: {built}")
        raise ValueError(f"rule kind {rule['kind']!r} is not built yet; built so far: {built}")
    return rule


AnyRule = Annotated[
    RateRule | MaterialRule | ReferralRule, Field(discriminator="kind"), BeforeValidator(_of_a_known_kind)
]
