"""What one world gave: points, cost and refusals, read off the events it would have published."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.earning.decide.decline import GRANTS
from services.earning.simulation.world import Posted
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_declined import PointsDeclined
from shared.events.points_granted import PointsGranted
from shared.events.reason_codes import ReasonCode
from shared.events.tier_changed import TierChanged
from shared.events.voucher_requested import VoucherRequested
from shared.programs.expiry import business_day
from shared.runtime.postgres import Pool

# Where points come from that no merchant's receipt brought.
_ORIGIN = """
SELECT g.grant_id, g.budget_id, r.merchant_id FROM unnest($1::uuid[]) AS k (grant_id),
       LATERAL (SELECT grant_id, budget_id, receipt_key FROM issued_grant WHERE grant_id = k.grant_id OFFSET 0) AS g
       LEFT JOIN LATERAL (SELECT merchant_id FROM receipt WHERE receipt_key = g.receipt_key OFFSET 0) AS r ON true
"""
_COUNTED = frozenset({GRANTS, TierChanged.TOPIC})
Share = tuple[str, str | None]
"""Whose points, and by which merchant; None: a drop, a referral, an occasion or a correction."""


@dataclass(slots=True)
class Refusals:
    """Awards that a budget could not pay: the cost they would have had, and when the first was refused."""

    awards: int = 0
    cost_minor: int = 0
    first_at: datetime | None = None


@dataclass(slots=True)
class Tally:
    """Sums of what happened from `since` on, by the events' own time; what was before counts as spent before.

    Cost is net of what claw-backs gave back. `shares` is what the last batches brought, taken away by `taken_shares`.
    """

    zone: ZoneInfo
    since: datetime | None
    granted: int = 0
    clawed_back: int = 0
    first: datetime | None = None
    last: datetime | None = None
    cost_before: Counter[str] = field(default_factory=Counter)
    cost_by_day: Counter[tuple[str, date]] = field(default_factory=Counter)
    demand_by_day: Counter[tuple[str, date]] = field(default_factory=Counter)
    by_rule: Counter[str] = field(default_factory=Counter)
    declined: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    refusals: dict[str, Refusals] = field(default_factory=lambda: defaultdict(Refusals))
    shares: Counter[Share] = field(default_factory=Counter)
    tiers: dict[str, str] = field(default_factory=dict)

    async def count(self, posted: Posted, pool: Pool) -> None:
        """Add what one batch brought. `pool` is of the world that posted it."""
        self.dead_letters.update(posted.dead_letters)
        told = [
            (place, each.type, orjson.loads(each.payload))
            for place, each in enumerate(posted.outbox)
            if each.topic in _COUNTED and each.payload is not None
        ]
        clawed = [event["data"] for _, type_, event in told if type_ == PointsClawedBack.TYPE]
        origins = await _origins(pool, [data["grant_id"] for data in clawed]) if clawed else {}
        declined: list[tuple[int, datetime]] = []
        for place, type_, event in told:
            at = datetime.fromisoformat(event["time"])
            if type_ == PointsGranted.TYPE:
                self._granted(event["data"], at)
            elif type_ == VoucherRequested.TYPE:
                self._voucher_given(event["data"], at)
            elif type_ == PointsClawedBack.TYPE:
                self._clawed_back(event["data"], at, *origins[event["data"]["grant_id"]])
            elif type_ == PointsDeclined.TYPE:
                self._declined(event["data"], at)
                if event["data"]["code"] == ReasonCode.BUDGET_EXHAUSTED:
                    declined.append((place, at))
            elif type_ == TierChanged.TYPE:
                self.tiers[event["data"]["member_id"]] = event["data"].get("tier_after") or ""
        self._refused(posted, declined)

    def taken_shares(self) -> tuple[Counter[Share], dict[str, str]]:
        """What came since this was asked last, so that no member is held in memory for long."""
        shares, tiers = self.shares, self.tiers
        self.shares, self.tiers = Counter(), {}
        return shares, tiers

    def cost(self) -> Counter[str]:
        return _by_budget(self.cost_by_day)

    def _granted(self, data: dict[str, Any], at: datetime) -> None:
        cost = data["expected_cost"]["amount_minor"]
        if not self._counts(at):
            self.cost_before[data["budget_id"]] += cost
            return
        points = data["points"]
        self.granted += points
        self._spent(data["budget_id"], at, cost)
        self.shares[data["member_id"], data["source"].get("merchant_id")] += points
        for line in data.get("lines", ()):
            for rule in line["rules"]:
                self.by_rule[rule["rule_id"]] += rule["points"]

    def _voucher_given(self, data: dict[str, Any], at: datetime) -> None:
        """Its cost stays, whatever becomes of it."""
        cost = data["expected_cost"]["amount_minor"]
        if self._counts(at):
            self._spent(data["budget_id"], at, cost)
        else:
            self.cost_before[data["budget_id"]] += cost

    def _clawed_back(self, data: dict[str, Any], at: datetime, budget_id: str, merchant_id: str | None) -> None:
        if not self._counts(at):
            self.cost_before[budget_id] -= data["cost_minor"]
            return
        self.clawed_back += data["points"]
        self._spent(budget_id, at, -data["cost_minor"])
        self.shares[data["member_id"], merchant_id] -= data["points"]

    def _declined(self, data: dict[str, Any], at: datetime) -> None:
        if self._counts(at):
            self.declined[data["code"]] += 1

    def _refused(self, posted: Posted, declined: Sequence[tuple[int, datetime]]) -> None:
        """A refused draw has no time of its own: what was told of it next has."""
        for draw in posted.refused:
            at = next((at for place, at in declined if place >= draw.place), None)
            if at is None or not self._counts(at):
                continue
            refusals = self.refusals[draw.budget[1]]
            refusals.awards += 1
            refusals.cost_minor += draw.cost_minor
            refusals.first_at = at if refusals.first_at is None else min(refusals.first_at, at)
            self.demand_by_day[draw.budget[1], business_day(at, self.zone)] += draw.cost_minor

    def _spent(self, budget_id: str, at: datetime, cost_minor: int) -> None:
        day = business_day(at, self.zone)
        self.cost_by_day[budget_id, day] += cost_minor
        self.demand_by_day[budget_id, day] += cost_minor

    def _counts(self, at: datetime) -> bool:
        if self.since is not None and at < self.since:
            return False
        self.first = at if self.first is None else min(self.first, at)
        self.last = at if self.last is None else max(self.last, at)
        return True


def _by_budget(by_day: Counter[tuple[str, date]]) -> Counter[str]:
    sums: Counter[str] = Counter()
    for (budget_id, _), minor in by_day.items():
        sums[budget_id] += minor
    return sums


async def _origins(pool: Pool, grant_ids: Sequence[str]) -> dict[str, tuple[str, str | None]]:
    """Budget and merchant of each grant."""
    rows = await pool.fetch(_ORIGIN, [UUID(grant_id) for grant_id in set(grant_ids)])
    return {str(row["grant_id"]): (row["budget_id"], row["merchant_id"]) for row in rows}
