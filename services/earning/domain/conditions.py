"""The conditions of a rule, made into functions once per version (points.md, Earning)."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date
from operator import attrgetter
from typing import NamedTuple, TypeVar

from services.earning.domain.basket import Basket
from services.earning.domain.days import day_tests
from services.earning.domain.facts import EarnFacts
from shared.calendar.day_facts import DayFacts
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine
from shared.programs.days import DayPattern
from shared.programs.rules import Occasion, When
from shared.programs.rules.conditions import Hours

MemberTest = Callable[[EarnFacts], bool]
ReceiptTest = Callable[[PurchaseCompleted], bool]
LineTest = Callable[[PurchaseLine], bool]
SpendTest = Callable[[int], bool]
Counted = Callable[[Basket], Sequence[int]]
_Asked = TypeVar("_Asked")
Named = tuple[str, Callable[[_Asked], bool]]
"""A test and what the pack calls it, such as when.weekdays or unless.skus."""


class Conditions(NamedTuple):
    """All must hold: of the day, of the member, of the receipt, of its whole basis, and of the lines counted.

    `lines` narrow what is counted; without any the rule counts every line, shipping included. `steps` are the amounts
    from which on a test of the whole basis may answer otherwise.
    """

    day: tuple[Named[DayFacts], ...]
    member: tuple[Named[EarnFacts], ...]
    receipt: tuple[Named[PurchaseCompleted], ...]
    whole: tuple[Named[int], ...]
    own: tuple[Named[int], ...]
    lines: tuple[Named[PurchaseLine], ...]
    asks: frozenset[str]
    steps: frozenset[int]

    def counted(self) -> Counted | None:
        return _counted([test for _, test in self.lines]) if self.lines else None


def compile_conditions(
    when: Occasion | None,
    unless: Occasion | None,
    member_day: DayPattern | None,
    lines: Sequence[Named[PurchaseLine]] = (),
) -> Conditions:
    """`lines` are what a kind narrows by itself. Days come first, the dearest to judge last."""
    day: list[Named[DayFacts]] = []
    member: list[Named[EarnFacts]] = []
    receipt: list[Named[PurchaseCompleted]] = []
    whole: list[Named[int]] = []
    own: list[Named[int]] = []
    of_lines = list(lines)
    asks: set[str] = set()
    steps: set[int] = set()
    for word, written in (("when", when), ("unless", unless)):
        if written is None:
            continue
        negate = word == "unless"
        day += _named(word, day_tests(written, member_day), negate)
        member += _named(word, _member_tests(written), negate)
        if isinstance(written, When):
            receipt += _named(word, _receipt_tests(written), negate)
            spend = _named(word, _spend_tests(written), negate)
            if written.spend_of == "receipt":
                whole += spend
                steps |= _spend_steps(written)
            else:
                own += spend
            of_lines += _named(word, _line_tests(written), negate)
        asks |= {name for name in ("hours", "tiers", "segments", "birthday", "first_order") if _asks(written, name)}
    if day:
        asks.add("day")
    return Conditions(
        tuple(day),
        tuple(member),
        tuple(receipt),
        tuple(whole),
        tuple(own),
        tuple(of_lines),
        frozenset(asks),
        frozenset(steps),
    )


def _asks(written: Occasion, name: str) -> bool:
    return getattr(written, name, None) is not None


def _named(word: str, tests: Iterator[tuple[str, Callable[[_Asked], bool]]], negate: bool) -> list[Named[_Asked]]:
    return [(f"{word}.{name}", _not(test) if negate else test) for name, test in tests]


def _not(test: Callable[[_Asked], bool]) -> Callable[[_Asked], bool]:
    return lambda asked: not test(asked)


def _member_tests(written: Occasion) -> Iterator[tuple[str, MemberTest]]:
    if written.hours is not None:
        yield "hours", _within_hours(written.hours)
    if (tiers := _wanted(written.tiers)) is not None:
        yield "tiers", lambda facts: facts.tier in tiers
    if (segments := _wanted(written.segments)) is not None:
        yield "segments", lambda facts: not segments.isdisjoint(facts.segments)
    if written.birthday is not None:
        yield "birthday", lambda facts: facts.birthday
    if isinstance(written, When) and written.first_order is not None:
        yield "first_order", lambda facts: facts.first_order


def _receipt_tests(written: When) -> Iterator[tuple[str, ReceiptTest]]:
    if (merchants := _wanted(written.merchants)) is not None:
        yield "merchants", lambda purchase: purchase.merchant_id in merchants
    if (stores := _wanted(written.stores)) is not None:
        yield "stores", lambda purchase: purchase.store_id in stores
    if (channels := _wanted(written.channels)) is not None:
        yield "channels", lambda purchase: purchase.channel in channels
    if (codes := _wanted(written.codes)) is not None:
        yield "codes", lambda purchase: not codes.isdisjoint(purchase.codes)


def _spend_tests(written: When) -> Iterator[tuple[str, SpendTest]]:
    least, most = written.min_spend_minor, written.max_spend_minor
    if least is not None:
        yield "min_spend_minor", lambda spent: spent >= least
    if most is not None:
        yield "max_spend_minor", lambda spent: spent <= most


def _spend_steps(written: When) -> set[int]:
    least = () if written.min_spend_minor is None else (written.min_spend_minor,)
    most = () if written.max_spend_minor is None else (written.max_spend_minor + 1,)
    return {*least, *most}


def one_of(field: str, words: Collection[str]) -> LineTest:
    """A line whose field is one of the words."""
    read, wanted = attrgetter(field), frozenset(words)
    return lambda line: read(line) in wanted


def _line_tests(written: When) -> Iterator[tuple[str, LineTest]]:
    if written.skus is not None:
        yield "skus", one_of("sku", written.skus)
    if written.categories is not None:
        yield "categories", one_of("category", written.categories)
    if (labels := _wanted(written.labels)) is not None:
        yield "labels", lambda line: not labels.isdisjoint(line.labels)
    if written.conditions is not None:
        yield "conditions", one_of("condition", written.conditions)
    if written.brands is not None:
        yield "brands", one_of("brand", written.brands)


def _wanted(names: Collection[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def _within_hours(windows: Sequence[Hours]) -> MemberTest:
    spans: list[tuple[int, int]] = []
    for first, end in (window.minutes() for window in windows):
        spans += [(first, end)] if first < end else [(first, 24 * 60), (0, end)]

    def within(facts: EarnFacts) -> bool:
        minute = facts.minute
        if minute is None:
            raise ValueError("a rule asks for the hour, and the facts of this decision do not have it")
        return any(first <= minute < end for first, end in spans)

    return within


def _counted(tests: Sequence[LineTest]) -> Counted:
    """The basis of each line that passes, 0 for the others and for the shipping, which is no line of any SKU."""

    def counted(basket: Basket) -> Sequence[int]:
        lines, bases = basket.purchase.lines, basket.bases
        own = [basis if all(passes(line) for passes in tests) else 0 for line, basis in zip(lines, bases, strict=False)]
        return own if len(own) == len(bases) else [*own, 0]

    return counted


def latest_start(when: Occasion | None, day: date) -> date:
    """When the campaign began that `day` lies in; a rule without dates began before all others."""
    starts = [period.from_ for period in (when.dates if when is not None else None) or () if period.from_ <= day]
    return max(starts, default=date.min)
