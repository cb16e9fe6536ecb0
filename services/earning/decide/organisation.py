"""An organisation's own budget line and caps: they are for the activities it registered (M48)."""

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from services.earning.desk import EarningDesk
from services.earning.domain.award import Award, AwardLine
from services.earning.domain.periods import start_of_period
from services.earning.domain.program import CompiledProgram
from services.earning.occasions import OrganisationPeriod
from shared.programs.community import Organisation


def awards_of_organisation(awards: tuple[Award, ...], organisation: Organisation | None) -> tuple[Award, ...]:
    """Drawn on the organisation's budget line where it has one: then one award per class."""
    if organisation is None or organisation.budget_id is None:
        return awards
    by_class: dict[str, Award] = {}
    for award in awards:
        known = by_class.get(award.points_class)
        joined = award if known is None else _joined(known, award)
        by_class[award.points_class] = replace(joined, budget_id=organisation.budget_id)
    return tuple(by_class.values())


def is_beyond_caps(
    program: CompiledProgram,
    organisation: Organisation | None,
    day: date,
    awards: Sequence[Award],
    desk: EarningDesk,
) -> bool:
    """Whether they would give more than one of its caps still allows; then nothing of them is given."""
    wanted = sum(award.points for award in awards)
    return any(desk.occasions.given(period) + wanted > limit for period, limit in _periods(program, organisation, day))


def count_points(
    program: CompiledProgram, organisation: Organisation | None, day: date, points: int, desk: EarningDesk
) -> None:
    for period, limit in _periods(program, organisation, day):
        desk.occasions.give(period, points, limit)


def _periods(
    program: CompiledProgram, organisation: Organisation | None, day: date
) -> Iterator[tuple[OrganisationPeriod, int]]:
    """Each capped period that the day lies in, with its tightest limit."""
    if organisation is None:
        return
    limits: dict[OrganisationPeriod, int] = {}
    for cap in organisation.caps:
        period = (program.program_id, organisation.organisation_id, cap.per, start_of_period(day, cap.per))
        limits[period] = min(cap.points, limits.get(period, cap.points))
    yield from limits.items()


def _joined(one: Award, other: Award) -> Award:
    """Of one class, both for the same single line."""
    rules = (*one.lines[0].rules, *other.lines[0].rules)
    total = one.points + other.points
    return replace(one, points=total, lines=(AwardLine(one.lines[0].line_id, total, rules),))
