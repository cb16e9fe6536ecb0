"""Whether the books say what the stored facts and the version give: then a decision is proved, else something is wrong.

Points are compared by class and budget, since a receipt or drop has one grant of each.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from services.earning.domain.award import Award
from services.earning.domain.claw_back import Granted
from shared.events.reason_codes import ReasonCode

Key = tuple[str, str]
"""(points class, budget id)."""


class Difference(NamedTuple):
    """What one class and budget has in the books, and what it should have."""

    what: str  # "granted" or "remains"
    points_class: str
    budget_id: str
    booked: int
    computed: int


def differences(
    computed: Sequence[Award],
    remaining: Sequence[Award],
    grants: Sequence[Granted],
    *,
    declined: bool,
    budget_refused: bool,
    judged_anew_once: bool,
) -> list[Difference]:
    """Of what was granted, and of what remains after all that came back.

    A declined event grants nothing, and a budget that refused may lack awards. A rule that gives more for less may
    leave less than now remains, if more than one thing came back (`judged_anew_once` says that there was one at most).
    """
    due = {} if declined else _points(computed)
    booked = {_key(grant): grant.points for grant in grants}
    return [*_granted(due, booked, budget_refused), *_remains(_points(remaining), grants, judged_anew_once)]


def _granted(due: Mapping[Key, int], booked: Mapping[Key, int], budget_refused: bool) -> list[Difference]:
    return [
        Difference("granted", *key, booked.get(key, 0), due.get(key, 0))
        for key in sorted(due.keys() | booked.keys())
        if booked.get(key, 0) != due.get(key, 0) and not (budget_refused and key not in booked)
    ]


def _remains(remaining: Mapping[Key, int], grants: Sequence[Granted], judged_anew_once: bool) -> list[Difference]:
    found = []
    for grant in grants:
        left, due = grant.points - grant.clawed_back, min(grant.points, remaining.get(_key(grant), 0))
        if left > due or (left < due and judged_anew_once):
            found.append(Difference("remains", *_key(grant), left, due))
    return found


def _points(awards: Sequence[Award]) -> dict[Key, int]:
    return {(award.points_class, award.budget_id): award.points for award in awards}


def _key(grant: Granted) -> Key:
    return grant.points_class, grant.budget_id


def told(found: Sequence[Difference]) -> dict[str, object]:
    """As plain data: what does not recompute carries a code."""
    return {
        "recomputes": not found,
        "difference_code": ReasonCode.EXPLANATION_DIFFERS.value if found else None,
        "differences": [difference._asdict() for difference in found],
    }
