"""A person decides a case: under its lock, once per hold, told by one event each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import asyncpg

from services.fraud_monitoring.domain.seen import micros
from services.fraud_monitoring.outcomes import HoldFacts, confirmed, released
from shared.runtime.batch import Outgoing
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.http import ProblemError
from shared.runtime.ledger import outbox_arguments
from shared.runtime.postgres import Connection, Pool

Verdict = Literal["release", "confirm", "escalate"]
_STATE = {"release": "released", "confirm": "confirmed"}

LOCK_CASE = "SELECT case_id, state, service_now() AS now FROM fraud_case WHERE case_id = $1 FOR NO KEY UPDATE"
# A point has one hold, the earliest: what others of the member bind may be of this hold's scope all the same.
LOCK_HOLDS = """
    SELECT hold_id, case_id, program_id, member_id, correlation_id, placed_event_id, state, held_points, points,
           (SELECT coalesce(sum(other.held_points), 0)::bigint FROM hold AS other
             WHERE other.program_id = hold.program_id AND other.member_id = hold.member_id
               AND other.state = 'placed' AND other.hold_id <> hold.hold_id) AS held_by_others
      FROM hold WHERE case_id = $1 ORDER BY hold_id FOR NO KEY UPDATE
"""
SETTLE_HOLDS = """
    UPDATE hold SET state = $2, decided_by = $3, note = $4, decided_at = $5, decided_event_id = d.event_id,
                    confirmed_points = d.points
      FROM unnest($1::uuid[], $6::uuid[], $7::bigint[]) AS d (hold_id, event_id, points)
     WHERE hold.hold_id = d.hold_id
"""
SETTLE_CASE = """
    UPDATE fraud_case SET state = $2, decided_by = $3, note = $4, decided_at = $5 WHERE case_id = $1
"""
ESCALATE_CASE = """
    UPDATE fraud_case SET state = 'escalated', escalated_at = $2 WHERE case_id = $1 AND state = 'open'
"""
_INSERT_DECISION = """
    INSERT INTO decision (case_id, verdict, hold_ids, points, person, note, decided_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class Decision:
    """`hold_ids` None means all that wait; `points` are for one hold."""

    case_id: UUID
    verdict: Verdict
    person: str
    note: str
    hold_ids: tuple[UUID, ...] | None = None
    points: int | None = None


async def decide(pool: Pool, decision: Decision) -> None:
    """Carry the decision out in one transaction. The same decision again changes nothing.

    Raises ProblemError: 404 for an unknown case or hold, 409 ALREADY_DECIDED where someone decided otherwise,
    409 POINTS_UNKNOWN where redemption has not said yet how many points it holds, 422 for points it does not hold.
    """
    async with pool.acquire() as connection, connection.transaction():
        case = await connection.fetchrow(LOCK_CASE, decision.case_id)
        if case is None:
            raise ProblemError(404, "NOT_FOUND", f"There is no case {decision.case_id}; list them first.")
        holds = await connection.fetch(LOCK_HOLDS, decision.case_id)
        if decision.verdict == "escalate":
            await _escalate(connection, decision, case)
        else:
            await _settle(connection, decision, case, holds)


async def _escalate(connection: Connection, decision: Decision, case: asyncpg.Record) -> None:
    if case["state"] == "escalated":
        return
    if case["state"] != "open":
        raise _decided(decision, case["state"])
    await connection.execute(ESCALATE_CASE, decision.case_id, case["now"])
    await _record(connection, decision, case, ())


async def _settle(
    connection: Connection, decision: Decision, case: asyncpg.Record, holds: Sequence[asyncpg.Record]
) -> None:
    state = _STATE[decision.verdict]
    wanted = _wanted(decision, holds)
    if other := next((hold for hold in wanted if hold["state"] not in ("placed", state)), None):
        raise _decided(decision, other["state"])
    waiting = [hold for hold in wanted if hold["state"] == "placed"]
    if not waiting and case["state"] in ("released", "confirmed"):
        if not wanted and case["state"] != state:
            raise _decided(decision, case["state"])
        return
    points = [_points(decision, hold) for hold in waiting] if decision.verdict == "confirm" else [None] * len(waiting)
    events = [_told(decision, hold, lost, micros(case["now"])) for hold, lost in zip(waiting, points, strict=True)]
    await connection.execute(
        SETTLE_HOLDS,
        [hold["hold_id"] for hold in waiting],
        state,
        decision.person,
        decision.note,
        case["now"],
        [event.event_id for event in events],
        points,
    )
    if events:
        await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments(events)))
    await _record(connection, decision, case, tuple(hold["hold_id"] for hold in waiting))
    await _close(connection, decision, case, holds, waiting)


async def _close(
    connection: Connection,
    decision: Decision,
    case: asyncpg.Record,
    holds: Sequence[asyncpg.Record],
    settled: Sequence[asyncpg.Record],
) -> None:
    """A case is decided with its last hold; one confirmed hold makes it a confirmed case."""
    done = {hold["hold_id"] for hold in settled}
    if any(hold["state"] == "placed" and hold["hold_id"] not in done for hold in holds):
        return
    is_confirmed = decision.verdict == "confirm" or any(hold["state"] == "confirmed" for hold in holds)
    await connection.execute(
        SETTLE_CASE,
        decision.case_id,
        "confirmed" if is_confirmed else "released",
        decision.person,
        decision.note,
        case["now"],
    )


def _wanted(decision: Decision, holds: Sequence[asyncpg.Record]) -> list[asyncpg.Record]:
    """The holds the decision speaks of: those it names, or all that nobody has decided yet."""
    if decision.hold_ids is None:
        waiting = [hold for hold in holds if hold["state"] == "placed"]
        return waiting or list(holds)
    by_id = {hold["hold_id"]: hold for hold in holds}
    if unknown := [hold_id for hold_id in decision.hold_ids if hold_id not in by_id]:
        raise ProblemError(404, "NOT_FOUND", f"Case {decision.case_id} has no hold {unknown[0]}; look at the case.")
    return [by_id[hold_id] for hold_id in dict.fromkeys(decision.hold_ids)]


def _points(decision: Decision, hold: asyncpg.Record) -> int:
    """How many points a confirmation takes: those that are named, else all that may be held of its scope.

    That can be more than there are in its scope: redemption takes of them only what is, its own shares first.
    """
    own: int | None = hold["held_points"]
    if own is None:
        raise ProblemError(
            409,
            "POINTS_UNKNOWN",
            f"Redemption has not said yet what hold {hold['hold_id']} binds; try again in a moment.",
        )
    held: int = own + hold["held_by_others"]
    if decision.points is None:
        return held if hold["points"] is None else min(held, hold["points"])
    if decision.points > held:
        raise ProblemError(
            422,
            "TOO_MANY_POINTS",
            f"Hold {hold['hold_id']} binds {own} points, and the member's other holds {hold['held_by_others']}; "
            f"name at most {held}.",
        )
    return decision.points


def _told(decision: Decision, hold: asyncpg.Record, points: int | None, decided_at: int) -> Outgoing:
    facts = HoldFacts(
        hold["hold_id"],
        hold["case_id"],
        hold["program_id"],
        hold["member_id"],
        hold["correlation_id"],
        hold["placed_event_id"],
    )
    if points is None:
        return released(facts, decision.person, decision.note, decided_at)
    return confirmed(facts, points, decision.person, decision.note, decided_at)


async def _record(connection: Connection, decision: Decision, case: asyncpg.Record, hold_ids: tuple[UUID, ...]) -> None:
    await connection.execute(
        _INSERT_DECISION,
        decision.case_id,
        decision.verdict,
        list(hold_ids),
        decision.points,
        decision.person,
        decision.note,
        case["now"],
    )


def _decided(decision: Decision, state: str) -> ProblemError:
    return ProblemError(
        409,
        "ALREADY_DECIDED",
        f"Case {decision.case_id} or one of its holds is {state} already, and the first decision stands.",
    )
