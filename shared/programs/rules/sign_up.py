"""Rule kind `sign_up`: a reward for joining the program."""

from typing import Literal

from shared.programs.rules.occasions import OccasionRule


class SignUpRule(OccasionRule):
    """Once per member, with a verified phone (C01). Of several that apply the best alone counts."""

    kind: Literal["sign_up"] = "sign_up"
    points_class: Literal["PROMO"] = "PROMO"
