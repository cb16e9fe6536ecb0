"""Any mix of grants, refunds, holds, debits, bills paid with points and sweeps.

The books hold, and the events alone tell the same balances.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from services.redemption.sweepers.sweep_maturity import sweep_maturity
from shared.events.authorization_captured import AuthorizationCaptured
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.authorization_voided import AuthorizationVoided
from shared.events.points_debited import PointsDebited
from shared.events.points_forfeited import PointsForfeited
from shared.events.points_granted import PointsGranted
from shared.events.points_held import PointsHeld
from shared.events.points_matured import PointsMatured
from shared.events.points_redeemed import PointsRedeemed
from shared.events.points_released import PointsReleased
from shared.events.points_restored import PointsRestored
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack
from tests.integration.redemption.harness import (
    Policy,
    Redemption,
    Told,
    clawed_back,
    confirmed,
    debited,
    grant,
    hold,
    long_ago,
    released,
)
from tests.integration.redemption.till import ask, bill, capture, open_till, shown, tender_refunded, void

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
    debits: int = 0
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
        if open_grants and self.draw.random() < 0.1:
            self.debits += 1
            member, points = f"m-{self.draw.randint(1, 4)}", self.draw.randint(1, 150)
            return debited(f"c{self.debits}", points, member=member, deficit=self.draw.random() < 0.5)
        name, member = f"g{len(self.granted)}", f"m-{self.draw.randint(1, 4)}"
        told = grant(
            name,
            self.draw.randint(1, 300),
            member=member,
            at=long_ago(self.draw.randint(1, 30)),
            wait_days=self.draw.choice((0, 7, None)),
            life_days=self.draw.choice((None, 15, 90, 365)),  # without notices nothing expires
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


@dataclass(slots=True)
class Bills:
    """Bills that members pay with points, and what refunds gave back of each so far (minor units)."""

    draw: random.Random
    placed: dict[str, str] = field(default_factory=dict)  # authorization → member
    captured: dict[str, tuple[str, int]] = field(default_factory=dict)  # → member, captured amount
    refunded: Counter[str] = field(default_factory=Counter)
    refunds: int = 0

    async def some(self, redemption: Redemption, step: int) -> None:
        """One more is authorized; others are captured, voided, refunded or left alone."""
        member = f"m-{self.draw.randint(1, 4)}"
        wish = {} if self.draw.random() < 0.3 else {"points": self.draw.randint(1, 120)}
        answer = await ask(redemption, f"bill-{step}", bill(self.draw.randint(100, 2_000), member=member), **wish)
        if answer.status_code == 201 and answer.json()["points"]:
            self.placed[answer.json()["authorization_id"]] = member
        for each in [each for each in self.placed if self.draw.random() < 0.5]:
            await self._end(redemption, each)
        if self.captured and self.draw.random() < 0.5:
            await redemption.post(self._refund(self.draw.choice(sorted(self.captured))))

    async def _end(self, redemption: Redemption, authorization_id: str) -> None:
        member = self.placed.pop(authorization_id)
        if self.draw.random() < 0.3:
            assert (await void(redemption, authorization_id)).status_code == 200
            return
        points = (await shown(redemption, authorization_id))["points"]
        fewer = {} if self.draw.random() < 0.5 else {"points": self.draw.randint(1, points // 10) * 10}
        ended = await capture(redemption, authorization_id, **fewer)
        assert ended.status_code == 200, ended.text
        self.captured[authorization_id] = member, ended.json()["captured_minor"]

    def _refund(self, authorization_id: str) -> Told:
        member, amount = self.captured[authorization_id]
        self.refunds += 1
        self.refunded[authorization_id] += self.draw.randint(1, amount)
        return tender_refunded(f"t{self.refunds}", authorization_id, self.refunded[authorization_id], member=member)


@pytest.mark.parametrize("seed", range(6))
async def test_the_books_hold_and_the_events_tell_them_completely(redemption: Redemption, seed: int) -> None:
    traffic = Traffic(random.Random(seed))  # noqa: S311 - a test's dice
    bills = Bills(random.Random(seed))  # noqa: S311
    open_till(redemption, step_points=10)
    for step in range(25):
        await redemption.post(*traffic.batch())
        if reviews := traffic.reviews():
            await redemption.post(*reviews)
        member = f"m-{traffic.draw.randint(1, 4)}"
        await redemption.spend(traffic.draw.randint(1, 200), f"till-{step}", member=member)
        await bills.some(redemption, step)
        if traffic.draw.random() < 0.3:
            await sweep_maturity(redemption.running)
    await redemption.assert_books_hold()
    assert bills.refunds
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM debit") == traffic.debits > 3
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM dead_letter") == 0
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM claw_back") == traffic.refunds
    stored = await redemption.running.pool.fetch(_STORED)
    kept = {row["member_id"]: {account: row[account] for account in _ACCOUNTS} for row in stored}
    assert kept == await _told(redemption, traffic)


_ACCOUNTS = ("pending", "available", "held", "reserved", "redeemed", "forfeited", "clawed_back", "deficit", "waived")
_STORED = """
    SELECT w.member_id, coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'pending'), 0)::bigint AS pending,
           coalesce(sum(l.remaining) FILTER (WHERE l.posted_state = 'available'), 0)::bigint AS available,
           sum(l.held)::bigint AS held, sum(l.reserved)::bigint AS reserved, sum(l.redeemed)::bigint AS redeemed,
           sum(l.forfeited)::bigint + (SELECT coalesce(sum(d.short), 0)::bigint FROM debit d
             WHERE d.program_id = w.program_id AND d.member_id = w.member_id) AS forfeited,
           sum(l.recalled)::bigint AS clawed_back, w.deficit, w.waived
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
    await _told_of_spending(redemption, add)
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
    for owed in await redemption.published(PointsDebited):
        assert isinstance(owed, PointsDebited)
        add(owed.member_id, available=-sum(part.points for part in owed.allocations), forfeited=owed.points)
        add(owed.member_id, deficit=owed.deficit_after - owed.deficit_before)
    for taken in await redemption.published(PointsTakenBack):
        assert isinstance(taken, PointsTakenBack)
        add(taken.member_id, clawed_back=taken.points, waived=taken.waived)
        add(taken.member_id, deficit=taken.deficit_after - taken.deficit_before)
        for part in taken.allocations:
            add(taken.member_id, **{part.from_state: -part.points})
    return {member: {account: sums[account] for account in _ACCOUNTS} for member, sums in told.items()}


async def _told_of_spending(redemption: Redemption, add: Callable[..., None]) -> None:
    """Debits, reservations, what became of these, and what went back."""
    for placed in await redemption.published(AuthorizationPlaced):
        assert isinstance(placed, AuthorizationPlaced)
        add(placed.member_id, available=-placed.points, reserved=placed.points)
    at_the_till = set()
    for captured in await redemption.published(AuthorizationCaptured):
        assert isinstance(captured, AuthorizationCaptured)
        at_the_till.add(captured.redemption_id)
        released = captured.points_released
        add(captured.member_id, reserved=-captured.points - released, available=captured.points + released)
    for voided in await redemption.published(AuthorizationVoided):
        assert isinstance(voided, AuthorizationVoided)
        add(voided.member_id, reserved=-voided.points_released, available=voided.points_released)
    for spent in await redemption.published(PointsRedeemed):
        assert isinstance(spent, PointsRedeemed)
        add(spent.member_id, available=-spent.points, redeemed=spent.points)
    assert at_the_till, "some bill was paid with points"
    for restored in await redemption.published(PointsRestored):
        assert isinstance(restored, PointsRestored)
        add(restored.member_id, redeemed=-restored.points, available=restored.points)
