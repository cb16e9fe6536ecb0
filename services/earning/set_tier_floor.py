"""A tier floor: asked by one operator, decided by another, set by earning's own event (points.md, Tiers)."""

from dataclasses import dataclass

import asyncpg

from services.earning.decide.route import EFFECTS, OWN_SOURCE
from services.earning.second_person import STATE_OF, Verdict, awaits, refusal
from services.earning.store import corrections, tier_floors
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.events.tier_floor_requested import TierFloorRequested
from shared.runtime.batch import Outgoing, outgoing_event
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Pool


@dataclass(frozen=True, slots=True)
class FloorRequest:
    """`tier_id` None lifts the floor; `evidence` says where the papers are."""

    program_id: str
    floor_id: str
    member_id: str
    tier_id: str | None
    reason: str
    evidence: str
    person: str

    def values(self) -> tuple[object, ...]:
        """In the order of the columns."""
        return (self.program_id, self.floor_id, self.member_id, self.tier_id, self.reason, self.evidence)


async def ask(pool: Pool, request: FloorRequest) -> None:
    """Enter the request; the same one again changes nothing.

    Raises ProblemError: 404 for an unknown member, 409 IDEMPOTENCY_KEY_REUSED for an id that says something else.
    """
    if not await corrections.is_member(pool, request.program_id, request.member_id):
        raise ProblemError(404, "NOT_FOUND", f"Program {request.program_id} has no member {request.member_id}.")
    if await tier_floors.request(pool, request.values(), request.person):
        return
    known = await tier_floors.read(pool, request.program_id, request.floor_id)
    names = ("program_id", "floor_id", "member_id", "tier_id", "reason", "evidence", "requested_by")
    if known is None or tuple(known[name] for name in names) != (*request.values(), request.person):
        raise refusal(
            409,
            ReasonCode.IDEMPOTENCY_KEY_REUSED,
            f"Tier floor {request.floor_id} was asked for before in other words; use a new id.",
        )


async def decide(pool: Pool, program_id: str, floor_id: str, verdict: Verdict, person: str, note: str) -> None:
    """Approve or refuse, under the row's lock; the same decision again changes nothing.

    Raises ProblemError: 404 for an unknown floor, 409 ALREADY_DECIDED, 409 SECOND_PERSON_REQUIRED where who asked for
    it would approve it.
    """
    async with pool.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(tier_floors.LOCK, program_id, floor_id)
        if row is None:
            raise unknown(program_id, floor_id)
        if not awaits(row, f"tier floor {floor_id}", verdict, person):
            return
        told = _told(row, person) if verdict == "approve" else None
        await tier_floors.settle(connection, row, STATE_OF[verdict], person, note, told)


def unknown(program_id: str, floor_id: str) -> ProblemError:
    return ProblemError(404, "NOT_FOUND", f"Program {program_id} has no tier floor {floor_id}; list them first.")


def _told(row: asyncpg.Record, approver: str) -> Outgoing:
    """Its id follows from the floor's, its time is the decision's stored one."""
    program_id, member_id = row["program_id"], row["member_id"]
    event_id = derived_id(OWN_SOURCE, f"{program_id}/{row['floor_id']}", "tier/floor")
    own = f"{OWN_SOURCE}#{event_id}"
    data = TierFloorRequested(
        program_id=program_id,
        member_id=member_id,
        causation_id=own,
        correlation_id=own,
        floor_id=row["floor_id"],
        tier_id=row["tier_id"],
        reason=row["reason"],
        evidence=row["evidence"],
        requested_by=row["requested_by"],
        approved_by=approver,
    )
    return outgoing_event(EFFECTS, member_key(program_id, member_id), event_id, OWN_SOURCE, member_id, row["now"], data)
