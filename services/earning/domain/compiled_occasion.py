"""One rule that rewards something other than a purchase, compiled: sign_up, birthday or activity."""

from dataclasses import dataclass

from services.earning.domain.conditions import Conditions, compile_conditions
from services.earning.domain.facts import EarnFacts
from shared.programs.days import DayPattern
from shared.programs.rules import ActivityRule, Cap, OccasionRule


@dataclass(frozen=True, slots=True)
class CompiledOccasion:
    """`activities`: those it rewards; empty for the other kinds."""

    rule: OccasionRule
    activities: frozenset[str]
    conditions: Conditions

    @property
    def rule_id(self) -> str:
        return self.rule.rule_id

    @property
    def caps(self) -> tuple[Cap, ...]:
        return self.rule.caps

    def admits(self, facts: EarnFacts) -> bool:
        """Raises ValueError if it asks for the day and the facts do not have it."""
        if self.conditions.day:
            day = facts.day
            if day is None:
                raise ValueError(f"rule {self.rule_id} asks for the day, and the facts of this decision do not have it")
            if not all(holds(day) for _, holds in self.conditions.day):
                return False
        return all(holds(facts) for _, holds in self.conditions.member)


def compile_occasion(rule: OccasionRule, member_day: DayPattern | None) -> CompiledOccasion:
    activities = frozenset(rule.activities) if isinstance(rule, ActivityRule) else frozenset[str]()
    return CompiledOccasion(rule, activities, compile_conditions(rule.when, rule.unless, member_day))
