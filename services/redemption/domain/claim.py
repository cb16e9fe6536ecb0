"""A partner's claim against its statement: they match to the unit and the minor unit, or nothing is paid (C28)."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Sum(NamedTuple):
    """Units handed over less those returned, and what they owe in minor units; both may be below 0."""

    units: int
    owed_minor: int


class Difference(NamedTuple):
    """A reward of which the claim says other than the statement. `claimed_minor` None: the claim named no sum."""

    reward_id: str
    claimed_units: int
    claimed_minor: int | None
    statement_units: int
    statement_minor: int


class ClaimedLine(NamedTuple):
    """Units of one reward, and the sum asked for them where one is named."""

    reward_id: str
    units: int
    owed_minor: int | None = None


def differences(claimed: Iterable[ClaimedLine], statement: Mapping[str, Sum]) -> tuple[Difference, ...]:
    """Every reward in which they differ, by name; a reward that is not claimed is claimed with 0 units."""
    asked = {line.reward_id: line for line in claimed}
    found = []
    for reward_id in sorted(asked.keys() | statement.keys()):
        line = asked.get(reward_id, ClaimedLine(reward_id, 0))
        stated = statement.get(reward_id, Sum(0, 0))
        if line.units != stated.units or (line.owed_minor is not None and line.owed_minor != stated.owed_minor):
            found.append(Difference(reward_id, line.units, line.owed_minor, *stated))
    return tuple(found)
