"""Everything that differs between two versions of a pack, part by part: judged by table.py, prices.py and rules.py."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from shared.programs.changes.change import Change, Location, Verdict
from shared.programs.changes.expiry import judge_expiry
from shared.programs.changes.judges import Inside, Keyed, told_elsewhere
from shared.programs.changes.prices import price_changes
from shared.programs.changes.rules import judge_rule, judge_rule_gained, judge_rule_gone
from shared.programs.changes.shown import shown
from shared.programs.changes.table import judgement
from shared.programs.fields import PackPart
from shared.programs.pack import Expiry, ProgramPack
from shared.programs.point_payment import PointPayment
from shared.programs.rewards import Reward
from shared.programs.rules import Factor, MaterialRule, RateRule, Rule
from shared.programs.texts import Name

# Fields that only together say how much: compared as one exact share, more being better.
_SHARES: tuple[tuple[type[PackPart], str, str], ...] = (
    (RateRule, "points", "per_minor"),
    (MaterialRule, "points", "per_grams"),
    (MaterialRule, "points", "per_pieces"),
    (MaterialRule, "points", "per_grams_co2e"),
    (PointPayment, "minor", "points"),
    (Factor, "numerator", "denominator"),
)


def changes(old: ProgramPack, new: ProgramPack) -> tuple[Change, ...]:
    """From `old` to `new`, in the order of a pack's parts. Exact dates count from the day `new` takes effect."""
    return (*_Comparison(old, new).of_parts(old, new, (), ()), *_prices(old, new))


class _Comparison:
    def __init__(self, old: ProgramPack, new: ProgramPack) -> None:
        self._old = old
        self._new = new

    def of_parts(self, old: PackPart, new: PackPart, path: tuple[str, ...], at: Location) -> Iterator[Change]:
        """Two parts of one class, or of two kinds of it."""
        if type(old) is not type(new):
            yield Change(path, at, shown(old), shown(new), "undecided")
            return
        together = yield from _shares(old, new, path, at)
        if isinstance(old, PointPayment) and isinstance(new, PointPayment) and old.step != new.step:
            # Whoever could pay in whole old steps still can if they are whole new ones.
            verdict: Verdict = "undecided" if old.step % new.step else "better"
            yield Change((*path, "step_points"), (*at, "step_points"), str(old.step), str(new.step), verdict)
        for field, info in type(new).model_fields.items():
            before, after = getattr(old, field), getattr(new, field)
            if field not in together and before != after:
                name = info.alias or field
                yield from self._of_field(type(new), field, (before, after), (*path, name), (*at, name))

    def _of_field(
        self, part: type[PackPart], field: str, values: tuple[Any, Any], path: tuple[str, ...], at: Location
    ) -> Iterator[Change]:
        old, new = values
        judge = judgement(part, field)
        if judge is told_elsewhere:
            return
        if isinstance(old, Expiry) and isinstance(new, Expiry):
            yield Change(path, at, shown(old), shown(new), judge_expiry(old, new, self._new))
        elif isinstance(judge, Keyed):
            yield from self._of_items(judge, old, new, path, at)
        elif isinstance(judge, Inside):
            if old is None or new is None:
                verdict = judge.gained if old is None else judge.lost
                yield Change(path, at, shown(old), shown(new), verdict)
            else:
                yield from self.of_parts(old, new, path, at)
        elif isinstance(old, PackPart) and isinstance(new, PackPart) and not isinstance(new, Name):
            verdict = judge(old, new)
            yield from (replace(change, verdict=verdict) for change in self.of_parts(old, new, path, at))
        else:
            yield Change(path, at, shown(old), shown(new), judge(old, new))

    def _of_items(
        self, keyed: Keyed, old: Sequence[PackPart], new: Sequence[PackPart], path: tuple[str, ...], at: Location
    ) -> Iterator[Change]:
        before = {_key(item, keyed): item for item in old}
        after = {_key(item, keyed): item for item in new}
        for key, item in before.items():
            if key not in after:
                yield Change((*path, key), at, shown(item), "", self._lost(item, keyed))
        for place, item in enumerate(new):
            key = _key(item, keyed)
            here, there = (*path, key), (*at, place)
            if key not in before:
                yield Change(here, there, "", shown(item), self._gained(item, keyed))
            elif before[key] != item:
                found = self._of_item(before[key], item, here, there)
                yield from found if keyed.inside is None else (replace(one, verdict=keyed.inside) for one in found)

    def _of_item(self, old: PackPart, new: PackPart, path: tuple[str, ...], at: Location) -> Iterator[Change]:
        found = self.of_parts(old, new, path, at)
        if isinstance(old, Rule) and isinstance(new, Rule):
            for change in found:
                yield judge_rule(change, old, new, self._old, self._new)
        else:
            yield from found

    def _lost(self, item: PackPart, keyed: Keyed) -> Verdict:
        if isinstance(item, Rule):
            return judge_rule_gone(item, self._new)
        if isinstance(item, Reward):
            return "worse" if any(price_changes(item, None, (self._old, self._new), (), ())) else "neutral"
        return keyed.lost if getattr(item, "enabled", True) else "neutral"

    def _gained(self, item: PackPart, keyed: Keyed) -> Verdict:
        return judge_rule_gained(item, self._new) if isinstance(item, Rule) else keyed.gained


def _prices(old: ProgramPack, new: ProgramPack) -> Iterator[Change]:
    """What each reward costs on each day; a season may move a price that no line of the reward shows."""
    before = {reward.reward_id: reward for reward in old.rewards}
    for place, reward in enumerate(new.rewards):
        if reward.reward_id in before:
            path: tuple[str, ...] = ("rewards", reward.reward_id)
            yield from price_changes(before[reward.reward_id], reward, (old, new), path, ("rewards", place))


def _shares(
    old: PackPart, new: PackPart, path: tuple[str, ...], at: Location
) -> Generator[Change, None, frozenset[str]]:
    """The change of a share, if any; returns the names of the fields that make it."""
    for part, above, below in _SHARES:
        if isinstance(new, part) and None not in (getattr(old, below), getattr(new, below)):
            before, after = (Fraction(getattr(one, above), getattr(one, below)) for one in (old, new))
            words = [f"{getattr(one, above)} / {getattr(one, below)}" for one in (old, new)]
            if words[0] != words[1]:
                verdict: Verdict = "neutral" if before == after else "better" if after > before else "worse"
                yield Change((*path, above, below), (*at, above), words[0], words[1], verdict)
            return frozenset({above, below})
    return frozenset()


def _key(item: PackPart, keyed: Keyed) -> str:
    return " ".join(word for field in keyed.key if (word := shown(getattr(item, field))))
