"""Rule kind `referral`: a reward for whoever invited, or for the invited (M20)."""

from typing import Literal

from shared.programs.fields import PositivePoints
from shared.programs.rules.rule import Rule

Side = Literal["inviter", "invitee"]


class ReferralRule(Rule):
    """What one side of a referral gets once the invitee's first order has earned; one level only (C10).

    Of several rules for a side the best alone counts (points, then rule id).
    """

    kind: Literal["referral"] = "referral"
    points_class: Literal["PROMO"] = "PROMO"
    side: Side
    points: PositivePoints
