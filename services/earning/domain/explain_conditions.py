"""Each condition of a rule by itself: what it looked at, and whether it holds."""

from collections.abc import Iterator, Sequence

from services.earning.domain.basket import Basket
from services.earning.domain.compiled_rule import CompiledRule
from services.earning.domain.conditions import Conditions
from services.earning.domain.facts import EarnFacts

Told = dict[str, object]


def conditions_of(rule: CompiledRule, basket: Basket, facts: EarnFacts, own: Sequence[int]) -> list[Told]:
    """`holds` is null where nobody asked: after a day that does not fit, days off may not even be published.

    `saw` is what the condition looked at: money in minor units, or the lines that pass.
    """
    conditions = rule.conditions
    return [
        *_of_day(conditions, facts),
        *(_told(name, holds(facts), _of_member(name, facts)) for name, holds in conditions.member),
        *(_told(name, holds(basket.purchase), _of_till(name, basket)) for name, holds in conditions.receipt),
        *(_told(name, holds(sum(basket.bases)), sum(basket.bases)) for name, holds in conditions.whole),
        *(_told(name, holds(sum(own)), sum(own)) for name, holds in conditions.own),
        *_of_lines(rule, basket),
    ]


def conditions_of_occasion(conditions: Conditions, facts: EarnFacts) -> list[Told]:
    """The same of a rule that judges no receipt."""
    return [
        *_of_day(conditions, facts),
        *(_told(name, holds(facts), _of_member(name, facts)) for name, holds in conditions.member),
    ]


def _told(name: str, holds: bool | None, saw: object) -> Told:
    return {"name": name, "holds": holds, "saw": saw}


def _of_day(conditions: Conditions, facts: EarnFacts) -> Iterator[Told]:
    day, open_still = facts.day, True
    for name, holds in conditions.day:
        if day is None or not open_still:
            yield _told(name, None, None)
            continue
        open_still = holds(day)
        yield _told(name, open_still, day.day.isoformat())


def _of_member(name: str, facts: EarnFacts) -> object:
    word = name.rpartition(".")[2]
    if word == "hours" and facts.minute is not None:
        return f"{facts.minute // 60:02}:{facts.minute % 60:02}"
    seen: dict[str, object] = {
        "tiers": facts.tier,
        "segments": sorted(facts.segments),
        "birthday": facts.birthday,
        "first_order": facts.first_order,
    }
    return seen.get(word)


def _of_till(name: str, basket: Basket) -> object:
    purchase = basket.purchase
    seen: dict[str, object] = {
        "merchants": purchase.merchant_id,
        "stores": purchase.store_id,
        "channels": purchase.channel,
        "codes": sorted(purchase.codes),
    }
    return seen.get(name.rpartition(".")[2])


def _of_lines(rule: CompiledRule, basket: Basket) -> Iterator[Told]:
    """A condition on lines narrows what is counted; it holds where a line passes."""
    for name, passes in rule.conditions.lines:
        lines = [line.line_id for line in basket.purchase.lines if passes(line)]
        yield _told(name, bool(lines), lines)
