"""Any mix of grants, refunds, holds, debits and sweeps: the books hold, and the events alone tell the same balances."""

import random
from collections import Counter
from dataclasses import dataclass, field

import pytest

from services.redemption.sweep_maturity import sweep_maturity
from shared.events.points_forfeited import PointsForfeited
from shared.events.points_granted import PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_redeemed import PointsRedeemed
from shared.events.points_released import PointsReleased
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack
from tests.integration.redemption.harness import (
    Policy,
    Redemption,
    Told,
    clawed_back,
    confirmed,
    grant,
    hold,
    long_ago,
    released,
)

pytestmark = pytest.mark.asyncio(loop_scope="session")

_POLICIES: tuple[Policy, ...] = ("deficit", "deficit", "within_balance", "only_pending")


@dataclass(slots=True)
class Traffic:
    """Draws what happens next; what is granted and not yet clawed back is known, as earning knows it."""

    draw: random.Random
    granted: list[Told] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)
    names: dict[str, str] = field(default_factory=dict)
    refunds: int = 0
    holds: dict[str, str] = field(default_factory=dict)
    decided: dict[str, Told] = field(default_factory=dict)

    def batch(self) -> list[Told]:
        return [self._event() for _ in range(self.draw.randint(1, 12))]

    def reviews(self) -> list[Told]:
        """Holds of members and grants, the latter sometimes not granted yet; decisions, sometimes before their hold."""
        return [
            self._placed() if self.draw.random() < 0.5 else self._decision() for _ in range(self.draw.randint(0, 3))
        ]

    def _placed(self) -> Told:
        waiting = sorted(self.decided.keys() - self.holds.keys())
        name = waiting[0] if waiting else f"h{len(self.holds)}"
        member = f"m-{int(name[1:]) % 4 + 1}"
        self.holds[name] = member
        own = sorted(grant for grant, whose in self.names.items() if whose == member)
        of = self.draw.sample([*own, f"g{len(self.granted) + 3}"], 1) if self.draw.random() < 0.6 else ()
        return hold(name, *of, member=member, points=self.draw.choice((None, None, self.draw.randint(1, 400))))

    def _decision(self) -> Told:
        still = sorted(self.holds.keys() - self.decided.keys()) or [f"h{len(self.holds)}"]
        name = self.draw.choice(still)
        member = f"m-{int(name[1:]) % 4 + 1}"
        points = self.draw.randint(1, 200)
        told = released(name, member=member) if self.draw.random() < 0.6 else confirmed(name, points, member=member)
        return self.decided.setdefault(name, told)

    def _event(self) -> Told:
        open_grants = sorted(name for name, points in self.left.items() if points)
        if open_grants and self.draw.random() < 0.4:
            return self._refund(self.draw.choice(open_grants))
        name, member = f"g{len(self.granted)}", f"m-{self.draw.randint(1, 4)}"
        told = grant(
            name,
            self.draw.randint(1, 300),
            member=member,
            at=long_ago(self.draw.randint(1, 30)),
            wait_days=self.draw.choice((0, 7, None)),
            life_days=self.draw.choice((None, 90, 365)),
        )
        assert isinstance(told.data, PointsGranted)
        self.granted.append(told)
        self.left[name], self.names[name] = told.data.points, member
        return told

    def _refund(self, name: str) -> Told:
        self.refunds += 1
        points = self.draw.randint(1, self.left[name])
        self.left[name] -= points
        return clawed_back(
            f"f{self.refunds}", points, of=name, member=self.names[name], policy=self.draw.choice(_POLICIES)
        )


@pytest.mark.parametrize("seed", range(6))
async def test_the_books_hold_and_the_events_tell_them_completely(redemption: Redemption, seed: int) -> None:
    traffic = Traffic(random.Random(seed))  # noqa: S311 - a test's dice
    for step in range(25):
        await redemption.post(*traffic.batch())
        if reviews := traffic.reviews():
            await redemption.post(*reviews)
        member = f"m-{traffic.draw.randint(1, 4)}"
        await redemption.spend(traffic.draw.randint(1, 200), f"till-{step}", member=member)
        if traffic.draw.random() < 0.3:
            await sweep_maturity(redemption.running)
    await redemption.assert_books_hold()
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM dead_letter") == 0
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM claw_back") == traffic.refunds
    stored = await redemption.running.pool.fetch(_STORED)
    kept = {row["member_id"]: {account: row[account] for account in _ACCOUNTS} for row in stored}
    assert kept == await _told(redemption, traffic)


_ACCOUNTS = ("pending", "available", "held", "redeemed", "forfeited", "clawed_back", "deficit", "waived")
_STORED = """
    SELECT w.member_id, coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'pending'), 0)::bigint AS pending,
           coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'available'), 0)::bigint AS available,
           sum(l.held)::bigint AS held, sum(l.redeemed)::bigint AS redeemed,
           sum(l.forfeited)::bigint AS forfeited, sum(l.recalled)::bigint AS clawed_back, w.deficit, w.waived
      FROM wallet w JOIN lot l USING (program_id, member_id) GROUP BY w.program_id, w.member_id
"""


async def _told(redemption: Redemption, traffic: Traffic) -> dict[str, dict[str, int]]:
    """Each member's balance out of events alone."""
    told: dict[str, Counter[str]] = {}

    def add(member: str, **changes: int) -> None:
        sums = told.setdefault(member, Counter())
        for account, points in changes.items():
            sums[account] += points

    for event in traffic.granted:
        data = event.data
        assert isinstance(data, PointsGranted)
        at_once = data.available_at is not None and data.available_at <= event.time
        add(data.member_id, **{"available" if at_once else "pending": data.points})
    for matured in await redemption.published(PointsMatured):
        assert isinstance(matured, PointsMatured)
        add(matured.member_id, pending=-matured.points, available=matured.points)
    for repaid in await redemption.published(PointsSetOff):
        assert isinstance(repaid, PointsSetOff)
        add(repaid.member_id, available=-repaid.points, deficit=-repaid.points)
    for spent in await redemption.published(PointsRedeemed):
        assert isinstance(spent, PointsRedeemed)
        add(spent.member_id, available=-spent.points, redeemed=spent.points)
    for bound in await redemption.published(PointsHeld):
        assert isinstance(bound, PointsHeld)
        for newly in bound.allocations:
            add(bound.member_id, held=newly.points, **{newly.from_state: -newly.points})
    for freed in await redemption.published(PointsReleased):
        assert isinstance(freed, PointsReleased)
        for let_go in freed.allocations:
            add(freed.member_id, held=-let_go.points, **{let_go.to_state: let_go.points})
    for lost in await redemption.published(PointsForfeited):
        assert isinstance(lost, PointsForfeited)
        add(lost.member_id, held=-lost.points, forfeited=lost.points)
    for taken in await redemption.published(PointsTakenBack):
        assert isinstance(taken, PointsTakenBack)
        add(taken.member_id, clawed_back=taken.points, waived=taken.waived)
        add(taken.member_id, deficit=taken.deficit_after - taken.deficit_before)
        for part in taken.allocations:
            add(taken.member_id, **{part.from_state: -part.points})
    return {member: {account: sums[account] for account in _ACCOUNTS} for member, sums in told.items()}
