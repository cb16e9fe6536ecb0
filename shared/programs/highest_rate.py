"""The most points that one minor unit spent can earn under a pack's rate rules and multipliers together (C05).

An upper bound: where it cannot be told from the pack alone whether two rules may meet on one line, they count as
meeting. Two never meet when their conditions exclude each other: other merchants, categories, dates, weekdays … .
Caps, stops and thresholds are left out: they lower what a member gets, not the rate on a line that earns.
"""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import combinations

from shared.programs.over import rule_is_over
from shared.programs.pack import ProgramPack
from shared.programs.rules import MultiplierRule, RateRule, ReceiptRule, When

_MAX_SETS = 20_000
"""More sets of rules than this are not looked through: then all rules count as meeting."""

# One value of each at a time: two rules that share none of them never meet. Labels are many at once.
_EXCLUSIVE = ("skus", "categories", "conditions", "brands", "merchants", "stores", "channels", "weekdays", "tiers")

_Meeting = frozenset[int]


def highest_points_per_minor(pack: ProgramPack) -> Fraction:
    """Points per minor unit on one line, at the worst stacking; 0 where nothing earns by spending.

    The rates count as written: rounding once per receipt is not part of a rate.
    """
    rules = [rule for rule in pack.rules if rule.enabled and isinstance(rule, RateRule | MultiplierRule)]
    rules = [rule for rule in rules if not isinstance(rule, MultiplierRule) or _raises(rule)]
    rules = [rule for rule in rules if not _matches_nothing(rule) and not rule_is_over(rule, pack)]
    return max((_rate([rules[place] for place in met], pack) for met in _meetings(rules)), default=Fraction(0))


def _raises(rule: MultiplierRule) -> bool:
    """A factor below 1 lowers; the worst case is that it does not apply."""
    return rule.factor.numerator > rule.factor.denominator


def _rate(rules: Sequence[RateRule | MultiplierRule], pack: ProgramPack) -> Fraction:
    """All of these apply to one line: the stackable sum, or the best other, each multiplied."""
    multipliers = [rule for rule in rules if isinstance(rule, MultiplierRule)]
    worth = {
        rule.rule_id: Fraction(rule.points, rule.per_minor) * _factor(rule, multipliers, pack)
        for rule in rules
        if isinstance(rule, RateRule)
    }
    stackable: dict[str, Fraction] = {}
    others = [Fraction(0)]
    for rule in rules:
        if isinstance(rule, RateRule):
            rate = worth[rule.rule_id]
            if not rule.stackable:
                others.append(rate)
            else:
                group = f"group {rule.exclusive_group}" if rule.exclusive_group is not None else f"rule {rule.rule_id}"
                stackable[group] = max(stackable.get(group, Fraction(0)), rate)
    return max(sum(stackable.values(), Fraction(0)), *others)


def _best_of_groups(multipliers: Iterable[MultiplierRule]) -> Iterator[MultiplierRule]:
    best: dict[str, MultiplierRule] = {}
    for rule in multipliers:
        if rule.exclusive_group is None:
            yield rule
        elif rule.exclusive_group not in best or _value(rule) > _value(best[rule.exclusive_group]):
            best[rule.exclusive_group] = rule
    yield from best.values()


def _value(rule: MultiplierRule) -> Fraction:
    return Fraction(rule.factor.numerator, rule.factor.denominator)


def _factor(rate: RateRule, multipliers: Iterable[MultiplierRule], pack: ProgramPack) -> Fraction:
    working = [rule for rule in multipliers if rule.of_rules is None or rate.rule_id in rule.of_rules]
    factors = [_value(rule) for rule in _best_of_groups(working)]
    product = Fraction(1)
    if pack.combine_multipliers != "multiply":
        # Which is the newest depends on the day: the largest bounds it.
        return max(factors, default=product)
    for factor in factors:
        product *= factor
    return product


def _meetings(rules: Sequence[ReceiptRule]) -> Iterator[_Meeting]:
    """The largest sets of rules of which every two may meet; all of them in one set where there are too many."""
    everyone = frozenset(range(len(rules)))
    friends = {place: set(everyone - {place}) for place in everyone}
    for one, other in combinations(range(len(rules)), 2):
        if never_meet(rules[one], rules[other]):
            friends[one].discard(other)
            friends[other].discard(one)
    found = []
    for clique in _cliques(frozenset(), everyone, frozenset(), friends):
        found.append(clique)
        if len(found) > _MAX_SETS:
            return iter((everyone,))
    return iter(found)


def _cliques(chosen: _Meeting, open_: _Meeting, closed: _Meeting, friends: dict[int, set[int]]) -> Iterator[_Meeting]:
    """Bron and Kerbosch's search with a pivot."""
    if not open_ and not closed:
        yield chosen
        return
    pivot = max(open_ | closed, key=lambda place: len(friends[place] & open_))
    for place in sorted(open_ - friends[pivot]):
        yield from _cliques(chosen | {place}, open_ & friends[place], closed & friends[place], friends)
        open_, closed = open_ - {place}, closed | {place}


def never_meet(one: ReceiptRule, other: ReceiptRule) -> bool:
    """Whether no line of any receipt can be counted by both."""
    mine, theirs = _conditions(one), _conditions(other)
    for field in _EXCLUSIVE:
        a, b = mine.get(field), theirs.get(field)
        if a is not None and b is not None and not a & b:
            return True
    return (
        _dates_apart(one.when, other.when)
        or _spend_apart(one.when, other.when)
        or _spend_apart(other.when, one.when)
        or _denied(one.when, other.unless)
        or _denied(other.when, one.unless)
    )


def _matches_nothing(rule: ReceiptRule) -> bool:
    """An empty list matches nothing, nor do two that share nothing."""
    written = rule.when is not None and any(getattr(rule.when, field) == () for field in When.model_fields)
    return written or any(not values for values in _conditions(rule).values())


def _conditions(rule: ReceiptRule) -> dict[str, frozenset[object]]:
    found = {
        field: frozenset(values)
        for field in _EXCLUSIVE
        if rule.when is not None and (values := getattr(rule.when, field)) is not None
    }
    condition = getattr(rule, "condition", None)
    if condition is not None:
        found["conditions"] = found.get("conditions", frozenset({condition})) & {condition}
    return found


def _dates_apart(one: When | None, other: When | None) -> bool:
    if one is None or other is None or one.dates is None or other.dates is None:
        return False
    return not any(a.from_ < b.to and b.from_ < a.to for a in one.dates for b in other.dates)


def _spend_apart(low: When | None, high: When | None) -> bool:
    """One is for small receipts and the other for large ones."""
    if low is None or high is None or not low.spend_of == high.spend_of == "receipt":
        return False
    most, least = low.max_spend_minor, high.min_spend_minor
    return most is not None and least is not None and most < least


def _denied(when: When | None, unless: When | None) -> bool:
    """One asks for what the other excludes."""
    if when is None or unless is None:
        return False
    for field in _EXCLUSIVE:
        asked, excluded = getattr(when, field), getattr(unless, field)
        if asked is not None and excluded is not None and set(asked) <= set(excluded):
            return True
    return any(getattr(when, field) and getattr(unless, field) for field in ("member_day", "birthday", "first_order"))
