"""A person looks at what fraud monitoring found: who is innocent is released, the ring is confirmed.

No machine decides here. The demo plays the person, for it made the traffic and knows who is who; in the console an
operator does the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import httpx

from deploy.local.trouble import Trouble
from services.operator.demo.spend import redeem
from shared.runtime.postgres import Connection

PERSON = "demo-reviewer"
_POINTS_UNKNOWN = "POINTS_UNKNOWN"  # fraud monitoring has not yet read what redemption really held
_PATIENCE_SECONDS = 30
# A case may hold several members: all who share a device, say.
_HOLDS = """
SELECT h.case_id, s.rule, h.program_id, h.member_id, h.state
  FROM fraud_monitoring.audit_hold AS h JOIN fraud_monitoring.audit_signal AS s USING (signal_id)
 WHERE strpos(h.member_id, $1) > 0 ORDER BY h.case_id, h.member_id
"""
Member = tuple[str, str]  # program and member id


@dataclass(slots=True)
class Review:
    """What was found (members by rule) and decided. Points by member, as redemption's balance shows them."""

    rules: Mapping[str, Collection[str]]
    cases: int = 0
    held: dict[str, int] = field(default_factory=dict)
    released: set[str] = field(default_factory=set)
    confirmed: set[str] = field(default_factory=set)
    forfeited: dict[str, int] = field(default_factory=dict)
    refused: str | None = None
    troubles: list[str] = field(default_factory=list)


async def review(
    audit: Connection,
    fraud: httpx.AsyncClient,
    redemption: httpx.AsyncClient,
    run: str,
    guilty: Collection[str],
) -> Review:
    """Look at each case of this run and decide it; one of the guilty tries to spend before that.

    Raises Trouble when fraud monitoring refuses a decision.
    """
    rules: dict[str, set[str]] = {}
    cases: dict[str, set[Member]] = {}
    for hold in await audit.fetch(_HOLDS, run):
        rules.setdefault(hold["rule"], set()).add(hold["member_id"])
        cases.setdefault(hold["case_id"], set()).add((hold["program_id"], hold["member_id"]))
    found = Review(rules, cases=len(cases))
    suspects = sorted({member for members in cases.values() for member in members})
    for member in suspects:
        found.held[member[1]] = (await _balance(redemption, member))["held"]
    found.troubles += [f"{member_id} of the ring was not found" for member_id in sorted(set(guilty) - set(found.held))]
    await _try_to_spend(redemption, found, [member for member in suspects if member[1] in guilty])
    for case_id, members in cases.items():
        await _look_at(fraud, case_id, {member_id for _, member_id in members}, guilty, found)
    return found


async def look_again(audit: Connection, redemption: httpx.AsyncClient, run: str, found: Review) -> None:
    """After everything was handled: nothing is held any more, and the ring alone lost points."""
    holds = await audit.fetch(_HOLDS, run)
    if left := sum(hold["state"] == "placed" for hold in holds):
        found.troubles.append(f"{left} holds of decided cases still stand")
    for program_id, member_id in sorted({(hold["program_id"], hold["member_id"]) for hold in holds}):
        balance = await _balance(redemption, (program_id, member_id))
        if balance["held"]:
            found.troubles.append(f"{member_id} still has {balance['held']} points held after the decision")
        if member_id in found.confirmed:
            found.forfeited[member_id] = balance["forfeited"]
        if bool(balance["forfeited"]) is not (member_id in found.confirmed and found.held.get(member_id, 0) > 0):
            found.troubles.append(f"{member_id} forfeited {balance['forfeited']} points")


async def _look_at(
    fraud: httpx.AsyncClient, case_id: str, members: Collection[str], guilty: Collection[str], found: Review
) -> None:
    """One case: confirmed if all of it is the ring's, released if none is."""
    if guilty_ones := set(members).intersection(guilty):
        if len(guilty_ones) < len(members):
            found.troubles.append(f"case {case_id} throws the ring and others together: {sorted(members)}")
        await _decide(fraud, case_id, "confirm", "accounts of one ring, made in one night on two phones")
        found.confirmed |= guilty_ones
    else:
        await _decide(fraud, case_id, "release", "looked at: nothing wrong here")
        found.released |= set(members)


async def _try_to_spend(redemption: httpx.AsyncClient, found: Review, guilty: list[Member]) -> None:
    """The first of the ring with points wants them now, and must not get them."""
    for member in guilty:
        member_id = member[1]
        if not found.held[member_id]:
            continue
        answer = await redeem(redemption, _path(member), found.held[member_id], "before-the-review")
        code = answer.json().get("code")
        if answer.status_code != httpx.codes.CONFLICT or code != "HELD_FOR_REVIEW":
            found.troubles.append(f"{member_id} could spend held points ({answer.status_code} {code})")
        found.refused = member_id
        return
    found.troubles.append("nobody of the ring had points that were held")


async def _decide(fraud: httpx.AsyncClient, case_id: str, verdict: str, note: str) -> None:
    decision = {"verdict": verdict, "person": PERSON, "note": note}
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_SECONDS
    while True:
        answer = await fraud.post(f"/v1/cases/{case_id}/decisions", json=decision)
        if answer.is_success:
            return
        if _POINTS_UNKNOWN not in answer.text or loop.time() > deadline:
            raise Trouble(
                "DECISION_REFUSED",
                f"Fraud monitoring answered the decision on case {case_id} with {answer.status_code}: "
                f"{answer.text[:300]}.",
                "This is a defect: keep the state directory and report it.",
            )
        await asyncio.sleep(0.2)


async def _balance(redemption: httpx.AsyncClient, member: Member) -> Mapping[str, int]:
    answer: Mapping[str, int] = (await redemption.get(f"{_path(member)}/balance")).raise_for_status().json()
    return answer


def _path(member: Member) -> str:
    program_id, member_id = member
    return f"/v1/programs/{program_id}/members/{member_id}"
