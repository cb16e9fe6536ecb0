"""A correction of a balance: asked by one operator, decided by another, carried out by earning's own event."""

from dataclasses import dataclass

import asyncpg

from services.earning.decide.route import EFFECTS, OWN_SOURCE
from services.earning.second_person import STATE_OF, Verdict, awaits, refusal
from services.earning.store import corrections
from shared.events.cloudevent import derived_id
from shared.events.correction_requested import CorrectionRequested
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Outgoing, outgoing_event
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Pool


@dataclass(frozen=True, slots=True)
class Request:
    """Points to credit (above 0) or debit (below) on a budget line; `evidence` says where the papers are (C09)."""

    program_id: str
    correction_id: str
    member_id: str
    points: int
    budget_id: str
    reason: str
    evidence: str
    person: str
    may_leave_deficit: bool = False

    def values(self) -> tuple[object, ...]:
        """In the order of the columns."""
        wanted = (self.program_id, self.correction_id, self.member_id, self.points)
        return (*wanted, self.budget_id, self.reason, self.evidence, self.may_leave_deficit)


async def ask(pool: Pool, request: Request) -> None:
    """Enter the request; the same one again changes nothing.

    Raises ProblemError: 404 for an unknown member, 409 IDEMPOTENCY_KEY_REUSED for an id that says something else.
    """
    if not await corrections.is_member(pool, request.program_id, request.member_id):
        raise ProblemError(404, "NOT_FOUND", f"Program {request.program_id} has no member {request.member_id}.")
    if await corrections.request(pool, request.values(), request.person, request.reason):
        return
    known = await corrections.read(pool, request.program_id, request.correction_id)
    said = ("program_id", "correction_id", "member_id", "points", "budget_id", "reason", "evidence")
    names = (*said, "may_leave_deficit", "requested_by")
    if known is None or tuple(known[name] for name in names) != (*request.values(), request.person):
        raise refusal(
            409,
            ReasonCode.IDEMPOTENCY_KEY_REUSED,
            f"Correction {request.correction_id} was asked for before in other words; use a new id.",
        )


async def decide(pool: Pool, program_id: str, correction_id: str, verdict: Verdict, person: str, note: str) -> None:
    """Approve or refuse, under the row's lock; the same decision again changes nothing.

    Raises ProblemError: 404 for an unknown correction, 409 ALREADY_DECIDED, 409 SECOND_PERSON_REQUIRED where who asked
    for it would approve it.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(corrections.LOCK, program_id, correction_id)
        if row is None:
            raise unknown(program_id, correction_id)
        if not awaits(row, f"correction {correction_id}", verdict, person):
            return
        told = _told(row, person) if verdict == "approve" else None
        await corrections.settle(connection, row, STATE_OF[verdict], person, note, told)


def unknown(program_id: str, correction_id: str) -> ProblemError:
    return ProblemError(404, "NOT_FOUND", f"Program {program_id} has no correction {correction_id}; list them first.")


def _told(row: asyncpg.Record, approver: str) -> Outgoing:
    """Its id follows from the correction, its time is the decision's stored one."""
    program_id, member_id = row["program_id"], row["member_id"]
    event_id = derived_id(OWN_SOURCE, f"{program_id}/{row['correction_id']}", "correction")
    own = f"{OWN_SOURCE}#{event_id}"
    data = CorrectionRequested(
        program_id=program_id,
        member_id=member_id,
        causation_id=own,
        correlation_id=own,
        correction_id=row["correction_id"],
        points=row["points"],
        reason=row["reason"],
        evidence=row["evidence"],
        requested_by=row["requested_by"],
        approved_by=approver,
        budget_id=row["budget_id"],
        may_leave_deficit=row["may_leave_deficit"],
    )
    key = member_key(program_id, member_id)
    return outgoing_event(EFFECTS, key, event_id, OWN_SOURCE, member_id, row["now"], data)
