"""Holds what the services arrived at against the traffic generators' own expectation, for this run alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg
import httpx

from services.operator.traffic.sent import Expectation, Outcome
from shared.runtime.postgres import Connection

_ASKED_AT_ONCE = 16
# A refund or rejection handled before its purchase or drop is an open claim first, and a referral is linked or paid as
# the first order came later or earlier: each counts as handled, whatever it was first. What earning tells itself of
# another member has ids of its own making, so a run's events are known by their member too.
_DECISIONS = """
SELECT CASE WHEN event_type IN ('greenpoints.purchase.refunded.v1', 'greenpoints.recycling.rejected.v1')
            THEN 'refund or rejection handled'
            WHEN event_type = 'greenpoints.referral.accepted.v1' AND outcome <> 'declined' THEN 'referral handled'
            WHEN event_type = 'greenpoints.referral.qualified.v1' AND outcome = 'granted' THEN 'inviter rewarded'
            WHEN event_type = 'greenpoints.referral.reversed.v1' THEN 'inviter''s reward taken back'
            ELSE concat_ws(' ', outcome, code) END AS label, count(*) AS events
  FROM earning.audit_decision
 WHERE program_id = $1 AND (strpos(event_id, $2) > 0 OR strpos(member_id, $2) > 0) GROUP BY 1
"""
_DEAD_LETTERS = "SELECT 'dead letter ' || code AS label, count(*) AS events FROM earning.audit_dead_letter GROUP BY 1"
_TAKEN = (Outcome.CLAWED_BACK, Outcome.NOTHING_TAKEN)
# A repeated event must have left nothing at all; of contacts earning hears nothing.
_NOT_DECIDED = (Outcome.ALREADY_SEEN, Outcome.KEPT)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: what was expected and what was found."""

    label: str
    expected: int
    found: int

    @property
    def equal(self) -> bool:
        return self.expected == self.found


async def read_dead_letters(audit: Connection) -> Counter[str]:
    """Dead letters by code, over all runs."""
    return _counted(await audit.fetch(_DEAD_LETTERS))


async def compare_outcomes(
    audit: Connection, program_id: str, run: str, expectation: Expectation, letters_before: Mapping[str, int] | None
) -> list[Row]:
    """Every outcome expected or found at one program, with both counts.

    Dead letters name no program: they are compared where `letters_before`, those of earlier runs, is given.
    """
    found = _counted(await audit.fetch(_DECISIONS, program_id, run))
    if letters_before is not None:
        letters = await read_dead_letters(audit)
        letters.subtract(letters_before)
        found.update({label: count for label, count in letters.items() if count})
    expected: Counter[str] = Counter()
    for label, count in expectation.outcomes.items():
        if label not in _NOT_DECIDED:
            expected["refund or rejection handled" if label in _TAKEN else label] += count
    return [Row(label, expected[label], found[label]) for label in sorted(expected.keys() | found.keys())]


async def compare_members(
    redemption: httpx.AsyncClient, program_id: str, expectation: Expectation, spent: Mapping[str, int]
) -> list[str]:
    """One sentence for every member whose balance is not exactly as expected; asked over redemption's API."""
    turn = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def one(member_id: str) -> str | None:
        async with turn:
            answer = await redemption.get(f"/v1/programs/{program_id}/members/{member_id}/balance")
        expected = expectation.members[member_id]
        wanted = (expected.granted, expected.clawed_back, spent.get(member_id, 0), expected.net)
        if answer.status_code != httpx.codes.OK:
            return f"{member_id}: expected {_words(*wanted)}, but redemption answered {answer.status_code}"
        balance = answer.json()
        held = balance["pending"] + balance["available"] + balance["reserved"] + balance["held"]
        net = held + balance["redeemed"] + balance["expired"] + balance["forfeited"]
        net -= balance["deficit"] + balance["waived"]
        found = (balance["issued"], balance["clawed_back"], balance["redeemed"], net)
        return None if found == wanted else f"{member_id}: expected {_words(*wanted)}; found {_words(*found)}"

    answers = await asyncio.gather(*map(one, expectation.members))
    return [answer for answer in answers if answer is not None]


def _words(issued: int, clawed_back: int, redeemed: int, net: int) -> str:
    return f"{issued} issued, {clawed_back} clawed back, {redeemed} redeemed, {net} net"


def _counted(rows: list[asyncpg.Record]) -> Counter[str]:
    return Counter({row["label"]: row["events"] for row in rows})
