"""Which rules may count for a receipt, and on which of its lines, without asking each of them.

The conditions of all rules together look at a handful of things: the day, the hour, the member, the till, how much was
spent, and a line's SKU, category, label, condition or brand. Each is looked up once per receipt or line. What is found
says of every rule whether its conditions on that thing hold, as one bit (bit n: the rule at place n of the order), and
is remembered for the next receipt that looks the same. So a rule that cannot count costs nothing.
"""

from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import Generic, TypeAlias, TypeVar

from services.earning.domain.basket import Basket
from services.earning.domain.compiled_rule import CompiledRule
from services.earning.domain.conditions import Conditions, Named
from services.earning.domain.facts import EarnFacts
from shared.calendar.day_facts import DayFacts
from shared.events.purchase_completed import PurchaseLine

Rules: TypeAlias = int
"""A set of rules of one program, a bit each."""

_Asked = TypeVar("_Asked")

# What the conditions look at, by the pack's name for them. Things that vary by themselves are looked up by themselves.
_HOUR = {"hours": "minute"}
_MEMBER = {"tiers": "tier", "segments": "segments", "birthday": "birthday", "first_order": "first_order"}
_TILL = {"merchants": "merchant_id", "stores": "store_id", "channels": "channel", "codes": "codes"}
_LINE = {
    "skus": "sku",
    "categories": "category",
    "labels": "labels",
    "conditions": "condition",
    "condition": "condition",
    "brands": "brand",
}


class _Look(Generic[_Asked]):
    """One thing that conditions look at: how to read it, what was `known` of it before, and whom to `ask` else."""

    def __init__(
        self,
        read: Callable[[_Asked], Hashable],
        tests: Sequence[Sequence[Callable[[_Asked], bool]]],
        most: int,
    ) -> None:
        self.read, self.tests, self.most = read, tests, most
        self.known: dict[Hashable, Rules] = {}

    def ask(self, asked: _Asked) -> Rules:
        """The rules whose tests hold, from the tests themselves; known from now on."""
        found = _bits(all(holds(asked) for holds in of_rule) for of_rule in self.tests)
        _remember(self.known, self.read(asked), found, self.most)
        return found


class Sieve:
    """The rules of one program, in order of evaluation. Answers are pure; only how fast they come depends on memory.

    `competing`: those that may have to give way to another. `most`: different answers that are remembered per thing
    looked at; a shop with more SKUs asks some of them again.
    """

    def __init__(self, rules: Sequence[CompiledRule], most: int = 8192) -> None:
        conditions = [rule.conditions for rule in rules]
        self._most = most
        self._rules = tuple(rules)
        self._all: Rules = (1 << len(rules)) - 1
        self.competing = _bits(rule.competes for rule in rules)
        self._asks_day = any(one.day for one in conditions)
        self._days: dict[date, tuple[DayFacts, Rules]] = {}
        self._of_facts = _looks([one.member for one in conditions], most, _HOUR, _MEMBER)
        self._of_till = _looks([one.receipt for one in conditions], most, _TILL)
        self._steps, self._of_spend = _by_spend([one.whole for one in conditions], conditions)
        self._of_lines = _looks([one.lines for one in conditions], most, _LINE)
        self._of_any_line = _bits(not one.lines for one in conditions)
        self._chosen: dict[Rules, tuple[CompiledRule, ...]] = {}

    def sift(self, basket: Basket, facts: EarnFacts) -> tuple[Rules, Sequence[Rules]]:
        """The rules that conditions of day, member, till and whole spend admit and that count a line that earns; and
        by line the rules that count it, whatever it earns (of the shipping those that name no lines).

        Raises ValueError where the facts lack what a rule asks for, and CalendarYearUnpublishedError where the
        days off of a year matter that nobody has published.
        """
        purchase, bases = basket.purchase, basket.bases
        found, lines = self._lines(purchase.lines, bases)
        known = None if (day := facts.day) is None else self._days.get(day.day)
        found &= known[1] if known is not None and known[0] is day else self.on(day)
        for of_facts in self._of_facts:
            rules = of_facts.known.get(of_facts.read(facts))
            found &= of_facts.ask(facts) if rules is None else rules
        for of_till in self._of_till:
            rules = of_till.known.get(of_till.read(purchase))
            found &= of_till.ask(purchase) if rules is None else rules
        if self._steps:
            found &= self._of_spend[bisect_right(self._steps, sum(bases))]
        return found, lines

    def _lines(self, bought: Sequence[PurchaseLine], bases: Sequence[int]) -> tuple[Rules, Sequence[Rules]]:
        """The rules that count a line that earns, and by line those that count it."""
        if not self._of_lines:
            return (self._all if any(bases) else 0), [self._all] * len(bases)
        (look,) = self._of_lines
        read, known = look.read, look.known
        found, lines = 0, []
        for line, basis in zip(bought, bases):  # noqa: B905 - dear, and the shipping may be one more
            rules = known.get(read(line))
            if rules is None:
                rules = look.ask(line)
            lines.append(rules)
            if basis:
                found |= rules
        if len(bases) > len(lines):
            lines.append(self._of_any_line)
            if bases[-1]:
                found |= self._of_any_line
        return found, lines

    def on(self, day: DayFacts | None) -> Rules:
        """The rules whose conditions on the day hold: each day is judged once."""
        if not self._asks_day:
            return self._all
        if day is None:
            raise ValueError("a rule asks for the day, and the facts of this decision do not have it")
        known = self._days.get(day.day)
        if known is not None and (known[0] is day or known[0] == day):
            return known[1]
        found = _bits(all(holds(day) for _, holds in rule.conditions.day) for rule in self._rules)
        _remember(self._days, day.day, (day, found), self._most)
        return found

    def chosen(self, rules: Rules) -> tuple[CompiledRule, ...]:
        """These rules, in order of evaluation."""
        known = self._chosen.get(rules)
        if known is None:
            known = tuple(rule for place, rule in enumerate(self._rules) if rules >> place & 1)
            _remember(self._chosen, rules, known, self._most)
        return known

    def of(self, rule_ids: Iterable[str]) -> Rules:
        """The same of rule ids; ids of other rules are left out."""
        wanted = frozenset(rule_ids)
        return _bits(rule.rule_id in wanted for rule in self._rules)


def _looks(tests: Sequence[Sequence[Named[_Asked]]], most: int, *things: Mapping[str, str]) -> list[_Look[_Asked]]:
    """`tests` by rule → a look-up for each of the `things` that one of them looks at.

    Raises ValueError for a test that looks at none of them: left out, its rule would always count.
    """
    asked = {name: _field(name) for of_rule in tests for name, _ in of_rule}
    for name, field in asked.items():
        if not any(field in thing for thing in things):
            raise ValueError(f"nothing says what condition {name} looks at; add it to the tables of the sieve")
    return [_look(tests, most, thing) for thing in things if not thing.keys().isdisjoint(asked.values())]


def _look(tests: Sequence[Sequence[Named[_Asked]]], most: int, thing: Mapping[str, str]) -> _Look[_Asked]:
    by_rule = [[test for name, test in of_rule if _field(name) in thing] for of_rule in tests]
    fields = {thing[_field(name)] for of_rule in tests for name, _ in of_rule if _field(name) in thing}
    return _Look(attrgetter(*sorted(fields)), by_rule, most)


def _field(name: str) -> str:
    """when.skus, unless.skus, and the skus a kind narrows itself by: all look at the same."""
    return name.rpartition(".")[2]


def _by_spend(tests: Sequence[Sequence[Named[int]]], conditions: Sequence[Conditions]) -> tuple[list[int], list[Rules]]:
    """The amounts from which on another set of rules is admitted, and those sets; the first is of less than all."""
    steps = sorted({step for one in conditions for step in one.steps})
    return steps, [_bits(all(holds(spent) for _, holds in of_rule) for of_rule in tests) for spent in (-1, *steps)]


def _bits(holding: Iterable[bool]) -> Rules:
    return sum(1 << place for place, holds in enumerate(holding) if holds)


_Seen = TypeVar("_Seen")
_Found = TypeVar("_Found")


def _remember(known: dict[_Seen, _Found], seen: _Seen, found: _Found, most: int) -> None:
    if len(known) >= most:
        known.clear()
    known[seen] = found
