"""How one field of a pack is judged when it changes: a function of the old and the new value."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any

from shared.programs.changes.change import Verdict
from shared.programs.fields import fraction_of

Judge = Callable[[Any, Any], Verdict]


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list whose items are known by their `key` fields: what a new one and a lost one mean to members.

    `inside`: what any change within an item means; None = the item's fields say.
    """

    key: tuple[str, ...]
    gained: Verdict = "better"
    lost: Verdict = "worse"
    inside: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """A part that is compared field by field: what it means when it comes or goes."""

    gained: Verdict = "undecided"
    lost: Verdict = "undecided"


def told_elsewhere(_old: object, _new: object) -> Verdict:
    """Compared day by day with other fields (prices.py), and not on its own."""
    return "neutral"


def neutral(_old: object, _new: object) -> Verdict:
    return "neutral"


def undecided(_old: object, _new: object) -> Verdict:
    return "undecided"


def more(old: Any, new: Any) -> Verdict:
    """More is better for members; nothing said is the least."""
    if old is None or new is None:
        return "better" if old is None else "worse"
    return "better" if new > old else "worse"


def less(old: Any, new: Any) -> Verdict:
    """Less is better for members; nothing said asks for nothing."""
    if old is None or new is None:
        return "better" if new is None else "worse"
    return "better" if new < old else "worse"


def more_or_unlimited(old: Any, new: Any) -> Verdict:
    """More is better, and nothing said, or the word unlimited, is the most."""
    without_end = (None, "unlimited")
    if old in without_end or new in without_end:
        return "better" if new in without_end else "worse"
    return "better" if new > old else "worse"


def more_percent(old: str, new: str) -> Verdict:
    before, after = fraction_of(old), fraction_of(new)
    return "neutral" if before == after else "better" if after > before else "worse"


def wider(old: Any, new: Any) -> Verdict:
    """A list that keeps all it had is no worse; no list at all admits everything."""
    if old is None or new is None:
        return "better" if new is None else "worse"
    lost, gained = set(old) - set(new), set(new) - set(old)
    return "worse" if lost else "better" if gained else "neutral"


def wider_or_empty(old: tuple[object, ...], new: tuple[object, ...]) -> Verdict:
    """The same where it is the empty list that admits everything."""
    return wider(old or None, new or None)


def rising(*words: str) -> Judge:
    """Words from worst to best for members."""

    def judge(old: str, new: str) -> Verdict:
        return "better" if words.index(new) > words.index(old) else "worse"

    return judge


def more_of(numerator: str, denominator: str) -> Callable[[Any], Fraction]:
    """The exact share that two fields of a part make together."""

    def share(part: Any) -> Fraction:
        return Fraction(getattr(part, numerator), getattr(part, denominator))

    return share


def covers(period: Any, day: date) -> bool:
    return bool(period.from_ <= day < period.to)
