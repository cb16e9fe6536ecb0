"""What the demo plays: a fruit shop's month and a community's, and what must come of both."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from services.operator.demo.result import Plan
from services.operator.traffic import fruit
from services.operator.traffic.community import place
from services.operator.traffic.community.ring import cast
from services.operator.traffic.community.simulate import simulate_community
from services.operator.traffic.sent import Expectation, Sent
from services.operator.traffic.simulate import run_name, simulate

DAYS = 30
_PURCHASES_PER_MEMBER = 10
_PURCHASES_PER_NEIGHBOUR = 60


@dataclass(frozen=True, slots=True)
class Script:
    """The same traffic whenever it is asked for; `run` is in every id of it."""

    plan: Plan
    until: datetime

    @property
    def run(self) -> str:
        return run_name(self.plan.seed, self.until)

    @property
    def guilty(self) -> Collection[str]:
        """The members of the ring."""
        return {person.member_id for person in cast(self.run, self.until).ring}

    def messages(self) -> Iterator[Sent]:
        """Both programs' messages by business time."""
        plan = self.plan
        shop = simulate(
            seed=plan.seed,
            members=max(2, plan.purchases // _PURCHASES_PER_MEMBER),
            purchases=plan.purchases,
            until=self.until,
            days=DAYS,
        )
        return heapq.merge(shop, self.community(), key=lambda sent: sent.attributes["time"])

    def community(self) -> list[Sent]:
        """The community's messages alone."""
        members = max(20, self.plan.purchases // _PURCHASES_PER_NEIGHBOUR)
        return simulate_community(seed=self.plan.seed, members=members, until=self.until, days=DAYS)

    def expectations(self) -> Mapping[str, Expectation]:
        """By program, what the generators themselves say must come of their messages."""
        expected = {program_id: Expectation() for program_id in (fruit.PROGRAM_ID, place.PROGRAM_ID)}
        for sent in self.messages():
            # a spoilt message may name a program that nobody knows; its key tells whose till it was
            expected[sent.program_id].add(sent)
        return expected

    def title(self) -> str:
        plan = self.plan
        return (
            f"{self.run}: a month of a fruit shop ({plan.purchases:,} purchases) and of a community, "
            f"seed {plan.seed}, {plan.rate:,} events per second"
        )
