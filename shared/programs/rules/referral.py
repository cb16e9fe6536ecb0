"""Rule kind `referral`: a reward for whoever invited, or for the invited (M20)."""

from typing import Literal, Self

from pydantic import model_validator

from shared.programs.fields import MisplacedError, PositivePoints
from shared.programs.rules.rule import CappedRule

Side = Literal["inviter", "invitee"]


class ReferralRule(CappedRule):
    """What one side of a referral gets once the invitee's first order has earned; one level only (C10).

    Of several rules for a side the best alone counts (points after caps, then rule id). Caps are for the inviter: an
    invitee is rewarded once in a lifetime.
    """

    kind: Literal["referral"] = "referral"
    points_class: Literal["PROMO"] = "PROMO"
    side: Side
    points: PositivePoints

    @model_validator(mode="after")
    def _only_inviters_are_capped(self) -> Self:
        if self.side == "invitee" and self.caps:
            message = "caps are for the inviter's side: an invitee is rewarded once in a lifetime; take caps out"
            raise MisplacedError(("caps",), message)
        return self
