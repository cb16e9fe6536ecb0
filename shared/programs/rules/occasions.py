"""What rules of the kinds sign_up, birthday and activity have in common: a fixed reward for no purchase (C09)."""

from shared.programs.fields import PositivePoints
from shared.programs.rules.conditions import Occasion
from shared.programs.rules.rule import CappedRule, Priority


class OccasionRule(CappedRule):
    """`points` points if what `when` says holds and nothing of what `unless` says."""

    priority: Priority = 0
    points: PositivePoints
    when: Occasion | None = None
    unless: Occasion | None = None
