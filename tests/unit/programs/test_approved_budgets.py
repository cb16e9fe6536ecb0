"""What was approved for a budget line stays what it was first published with; more money is a line of its own."""

from datetime import UTC, datetime

import pytest

from shared.programs.check import check_pack
from shared.programs.controls.context import PublishContext
from shared.programs.pack import ProgramPack
from shared.programs.sense import approved_budgets
from tests.unit.programs.packs import pack, written

CONTEXT = PublishContext(datetime(2026, 11, 22, tzinfo=UTC))


def version(number: int, *approved: int | None) -> ProgramPack:
    (line,) = written()["budgets"]
    lines = [
        {**line, "budget_id": name, "approved_minor": minor}
        for name, minor in zip(("marketing", "more"), approved, strict=False)
        if minor is not None
    ]
    return pack(version=number, budgets=lines)


@pytest.mark.parametrize(
    ("before", "now", "told"),
    [([], 500, None), ([500], 500, None), ([500], 501, 500), ([500], 499, 500), ([500, 700], 700, 500)],
)
def test_another_amount_is_refused_up_or_down(before: list[int], now: int, told: int | None) -> None:
    previous = tuple(version(place, minor) for place, minor in enumerate(before, 1))
    found = approved_budgets.check(version(9, now), previous, CONTEXT)
    assert [(one.severity, one.location, dict(one.values)) for one in found] == (
        [] if told is None else [("error", ("budgets", 0, "approved_minor"), {"name": "marketing", "before": told})]
    )
    assert [one for one in check_pack(version(9, now), previous, CONTEXT) if one in found] == list(found)


def test_a_line_of_its_own_is_free() -> None:
    assert approved_budgets.check(version(2, 500, 300), (version(1, 500),), CONTEXT) == ()
