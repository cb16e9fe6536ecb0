"""Which facts a program asks for, so that a decision reads and stores those alone."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from services.earning.domain.conditions import Conditions
from services.earning.domain.facts import Counter
from shared.programs.rules import Cap


@dataclass(frozen=True, slots=True)
class FactsAsked:
    """Caps over more than a receipt: `counters` count each member, `campaigns` are rules that count all together."""

    day: bool = False
    minute: bool = False
    first_order: bool = False
    birthday: bool = False
    tier: bool = False
    segments: bool = False
    counters: frozenset[Counter] = frozenset()
    campaigns: tuple[str, ...] = ()


NOTHING_ASKED = FactsAsked()
"""`listed` alone is read; asked for by this very object."""


class Capped(Protocol):
    """Any rule with caps."""

    @property
    def rule_id(self) -> str: ...
    @property
    def caps(self) -> tuple[Cap, ...]: ...


class Asking(Capped, Protocol):
    """A compiled rule of receipts or of occasions."""

    @property
    def conditions(self) -> Conditions: ...


def asked_by(rules: Iterable[Asking]) -> FactsAsked:
    """What these rules ask for."""
    rules = tuple(rules)
    asks = frozenset[str]().union(*(rule.conditions.asks for rule in rules))
    asked = replace(
        asked_by_caps(rules),
        day="day" in asks,
        minute="hours" in asks,
        first_order="first_order" in asks,
        birthday="birthday" in asks,
        tier="tiers" in asks,
        segments="segments" in asks,
    )
    return NOTHING_ASKED if asked == NOTHING_ASKED else asked


def asked_by_caps(rules: Iterable[Capped]) -> FactsAsked:
    """What their caps alone ask for."""
    counters = [(rule.rule_id, cap.per) for rule in rules for cap in rule.caps if cap.per != "transaction"]
    asked = FactsAsked(
        counters=frozenset(counter for counter in counters if counter[1] != "campaign"),
        campaigns=tuple(rule_id for rule_id, window in counters if window == "campaign"),
    )
    return NOTHING_ASKED if asked == NOTHING_ASKED else asked
