"""Rule kind `birthday`: points once a year, when the member's birthday begins in the program's time zone."""

from typing import Literal

from shared.programs.rules.occasions import OccasionRule


class BirthdayRule(OccasionRule):
    """29 February counts as the 28th in other years. Of several that apply the best alone counts."""

    kind: Literal["birthday"] = "birthday"
    points_class: Literal["PROMO"] = "PROMO"
