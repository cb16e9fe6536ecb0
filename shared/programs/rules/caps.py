"""How much a rule may give at most (points.md, Earning; C09)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from shared.programs.fields import PackPart, PositivePoints

CapWindow = Literal["transaction", "member_day", "member_month", "member_lifetime", "campaign"]
"""Days and months are of the program's time zone; `campaign` is all members together, as long as the rule lives."""


class Cap(PackPart):
    """At most `points` of this rule per window. Beyond it: what is left (`partial`), or nothing at all (`reject`)."""

    points: PositivePoints
    per: CapWindow
    over: Literal["partial", "reject"] = "partial"


def _one_each(caps: tuple[Cap, ...]) -> tuple[Cap, ...]:
    if len({cap.per for cap in caps}) != len(caps):
        raise ValueError("names a window twice; keep the smaller cap")
    return caps


Caps = Annotated[tuple[Cap, ...], Field(max_length=5), AfterValidator(_one_each)]
