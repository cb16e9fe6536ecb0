"""The community's messages in order of business time. Pure: the same arguments give the same messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random

from services.operator.traffic.community.neighbours import neighbours
from services.operator.traffic.community.ring import cast, family_life, ring_at_work
from services.operator.traffic.sent import Sent
from services.operator.traffic.simulate import run_name


def simulate_community(*, seed: int, members: int, until: datetime, days: int = 30) -> list[Sent]:
    """A month of `members` honest neighbours before `until`, and in its last night the ring and the family."""
    if members < 1:
        raise ValueError("The community needs at least one member.")
    run = run_name(seed, until)
    random = Random(f"community-{seed}")  # noqa: S311 - repeatable, not secret
    players = cast(run, until)
    timed = [
        *neighbours(random, run, members, until - timedelta(days=days), until),
        *ring_at_work(players),
        *family_life(players, until),
    ]
    return [sent for _, sent in sorted(timed, key=lambda entry: entry[0])]
