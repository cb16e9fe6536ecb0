"""Rules of every receipt kind as hypothesis draws them: conditions, stacking, caps, multipliers; and their facts."""

from datetime import date, timedelta
from typing import Any

from hypothesis import strategies as st

from services.earning.domain.facts import EarnFacts
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.pack import Basis, ProgramPack
from tests.unit.earning.builders import line, pack, purchase
from tests.unit.earning.rule_builders import facts_on, rule
from tests.unit.earning.test_conditions import GOLD

DAYS = st.dates(date(2026, 1, 1), date(2026, 12, 31))
SKUS = ["apple", "pear", "plum"]


def some(values: list[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(st.sampled_from(values), unique=True, max_size=3)


@st.composite
def conditions(draw: st.DrawFn, *, monotone: bool = False) -> dict[str, Any]:
    """A few conditions; `monotone`: none that more spend could make fail."""
    written: dict[str, Any] = {}
    for word in draw(st.lists(st.sampled_from(_WORDS if not monotone else _MONOTONE), unique=True, max_size=2)):
        written[word] = draw(_VALUES[word])
    if "min_spend_minor" in written and draw(st.booleans()):
        written["spend_of"] = "own_lines"
    return written


def _period(first: date) -> dict[str, str]:
    return {"from": str(first), "to": str(first + timedelta(days=120))}


_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "skus": some(SKUS),
    "categories": some(["fruit", "veg"]),
    "labels": some(["organic", "local"]),
    "conditions": some(["new", "second_hand"]),
    "brands": some(["Orchard", "Farm"]),
    "min_spend_minor": st.integers(0, 20_000),
    "max_spend_minor": st.integers(0, 40_000),
    "weekdays": st.lists(st.integers(1, 7), unique=True, max_size=7),
    "dates": st.lists(DAYS.map(_period), max_size=2),
    "lunar_market_days": st.lists(st.integers(1, 30), unique=True, max_size=20),
    "stores": some(["s-1", "s-2"]),
    "channels": some(["store", "online"]),
    "first_order": st.just(True),
    "tiers": some(["gold"]),
}
_LINES = ["skus", "categories", "labels", "conditions", "brands"]
_WORDS = list(_VALUES)
_MONOTONE = [word for word in _WORDS if word not in {"max_spend_minor", *_LINES}]


@st.composite
def caps(draw: st.DrawFn, *, monotone: bool = False) -> list[dict[str, Any]]:
    windows = draw(some(["transaction", "member_day", "campaign"])) if draw(st.integers(0, 2)) == 0 else []
    overs = ["partial"] if monotone else ["partial", "reject"]
    return [{"points": draw(st.integers(1, 300)), "per": per, "over": draw(st.sampled_from(overs))} for per in windows]


@st.composite
def rules(draw: st.DrawFn, rule_id: str, *, monotone: bool = False) -> Any:
    """`monotone`: a rule of which the design promises that more spend never earns less."""
    kind = draw(st.sampled_from(["rate", "rate", "per_order", "per_sku", "first_order", "multiplier", "multiplier"]))
    fields: dict[str, Any] = {
        "when": draw(st.none() | conditions(monotone=monotone)),
        "unless": None if monotone else draw(st.none() | conditions()),
        "priority": draw(st.integers(-1, 1)),
        "stop": not monotone and draw(st.integers(0, 7)) == 0,
        "budget_id": draw(st.sampled_from(["marketing", "green"])),
        "enabled": draw(st.integers(0, 9)) > 0,
    }
    rounding = "floor" if monotone else draw(st.sampled_from(["floor", "half_up", "ceil"]))
    if kind == "multiplier":
        fields["exclusive_group"] = draw(st.sampled_from([None, None, "m"]))
        fields["factor"] = draw(st.sampled_from(["2", "3/2", "5", *([] if monotone else ["0", "1/3", "1"])])) + ""
        fields["factor"] = fields["factor"] if "/" in fields["factor"] else int(fields["factor"])
        fields["rounding"] = rounding
        if fields["factor"] not in (0, 1, "1/3"):
            fields["caps"] = draw(caps(monotone=monotone))
        return rule(rule_id, kind, **fields)
    fields["caps"] = draw(caps(monotone=monotone))
    fields["exclusive_group"] = draw(st.sampled_from([None, None, "g", "h"]))
    # one that stands alone and wins its group takes the others' points away, however few it gives
    joins = monotone and fields["exclusive_group"] is not None
    fields["stackable"] = joins or draw(st.integers(0, 3)) > 0
    fields["points"] = draw(st.integers(1, 200)) if kind != "rate" else draw(st.integers(1, 20))
    if kind == "rate":
        fields |= {"per_minor": draw(st.integers(1, 500)), "rounding": rounding}
    if kind == "per_sku":
        fields |= {"skus": draw(some(SKUS).filter(bool)), "per": draw(st.sampled_from(["line", "unit"]))}
    return rule(rule_id, kind, **fields)


@st.composite
def packs(draw: st.DrawFn, *, monotone: bool = False) -> ProgramPack:
    drawn = [draw(rules(f"rule-{number}", monotone=monotone)) for number in range(draw(st.integers(1, 6)))]
    basis = Basis(
        tax="included" if monotone else draw(st.sampled_from(["included", "included", "excluded"])),
        shipping_earns=draw(st.booleans()),
    )
    combine = draw(st.sampled_from(["multiply", "best", "newest"]))
    return pack(*drawn, basis=basis, combine_multipliers=combine, tiers=GOLD)


@st.composite
def facts(draw: st.DrawFn) -> EarnFacts:
    left = {
        (f"rule-{number}", window): draw(st.integers(0, 200))
        for number in range(3)
        for window in ("member_day", "campaign")
        if draw(st.booleans())
    }
    return facts_on(
        draw(DAYS),
        first_order=draw(st.booleans()),
        tier=draw(st.sampled_from([None, "gold"])),
        left=left,
    )


@st.composite
def baskets(draw: st.DrawFn, *, without_tenders: bool = False) -> PurchaseCompleted:
    lines = [
        line(
            draw(st.integers(0, 20_000)),
            line_id=str(number),
            quantity=draw(st.integers(1, 4)),
            sku=draw(st.sampled_from(SKUS)),
            category=draw(st.sampled_from([None, "fruit", "veg", "gift_card"])),
            labels=tuple(draw(some(["organic", "local"]))),
            brand=draw(st.sampled_from([None, "Orchard"])),
            condition=draw(st.sampled_from(["new", "second_hand"])),
            earns=draw(st.integers(0, 5)) > 0,
        )
        for number in range(draw(st.integers(1, 4)))
    ]
    shipping = draw(st.sampled_from([0, 800]))
    total = sum(one.net_minor for one in lines) + shipping
    points = 0 if without_tenders or draw(st.booleans()) else draw(st.integers(0, total))
    return purchase(
        *lines,
        shipping=shipping,
        points=points,
        store_id=draw(st.sampled_from(["s-1", "s-3"])),
        channel=draw(st.sampled_from(["store", "online"])),
        tax_minor=draw(st.none() | st.integers(0, total)),
    )
