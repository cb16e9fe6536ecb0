"""Holds of locked wallets: read with what they bind, written whole after a batch changed them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias
from uuid import UUID

import asyncpg
import orjson

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.hold import Decision, Hold, Placed, Scope, Verdict
from services.redemption.domain.wallet import Wallet
from shared.runtime.postgres import Connection
from shared.runtime.statement import compile_sql

HoldName: TypeAlias = tuple[str, str, str]  # program, member, hold id

_WITH_SHARES = """
    SELECT h.*, (SELECT json_object_agg(s.lot_id, s.points) FROM hold_share AS s
                  WHERE s.program_id = h.program_id AND s.member_id = h.member_id AND s.hold_id = h.hold_id
                    AND s.points > 0) AS shares"""
# The open holds of some wallets, and those that a batch's events name, whatever became of them.
HOLDS = f"""
    {_WITH_SHARES}
      FROM unnest($1::text[], $2::text[]) AS m (program_id, member_id),
           LATERAL (SELECT * FROM hold WHERE program_id = m.program_id AND member_id = m.member_id
                       AND state = 'open' OFFSET 0) AS h
    UNION ALL
    {_WITH_SHARES}
      FROM unnest($3::text[], $4::text[], $5::text[]) AS k (program_id, member_id, hold_id),
           LATERAL (SELECT * FROM hold WHERE program_id = k.program_id AND member_id = k.member_id
                       AND hold_id = k.hold_id AND state <> 'open' OFFSET 0) AS h
"""  # noqa: S608 - the columns are ours

SAVE_HOLDS = compile_sql(
    """
    WITH kept AS (
        INSERT INTO hold (program_id, member_id, hold_id, scope, grant_ids, asked, reason, deadline, case_id,
                          placed_event_id, placed_key, correlation_id, placed_at, state, named_points, person, note,
                          decided_event_id, decided_key, decided_story, decided_at, bound, held, taken_back, forfeited,
                          released)
        SELECT program_id, member_id, hold_id, scope,
               ARRAY(SELECT json_array_elements_text(grant_ids::json)::uuid), asked, reason, deadline, case_id,
               placed_event_id, placed_key, correlation_id, placed_at, state, named_points, person, note,
               decided_event_id, decided_key, decided_story, decided_at, bound, held, taken_back, forfeited, released
          FROM unnest(:program::text[], :member::text[], :hold::text[], :scope::text[], :grants::text[],
                      :asked::bigint[], :reason::text[], :deadline::timestamptz[], :case::text[], :placed_by::text[],
                      :placed_key::uuid[], :story::text[], :placed_at::timestamptz[], :state::text[],
                      :named::bigint[], :person::text[], :note::text[], :decided_by::text[], :decided_key::uuid[],
                      :decided_story::text[], :decided_at::timestamptz[], :bound::bigint[], :held::bigint[],
                      :taken_back::bigint[], :forfeited::bigint[], :released::bigint[])
               AS h (program_id, member_id, hold_id, scope, grant_ids, asked, reason, deadline, case_id,
                     placed_event_id, placed_key, correlation_id, placed_at, state, named_points, person, note,
                     decided_event_id, decided_key, decided_story, decided_at, bound, held, taken_back, forfeited,
                     released)
         ORDER BY program_id, member_id, hold_id
        ON CONFLICT (program_id, member_id, hold_id) DO UPDATE
           SET scope = excluded.scope, grant_ids = excluded.grant_ids, asked = excluded.asked,
               reason = excluded.reason, deadline = excluded.deadline, case_id = excluded.case_id,
               placed_event_id = excluded.placed_event_id, placed_key = excluded.placed_key,
               correlation_id = excluded.correlation_id, placed_at = excluded.placed_at, state = excluded.state,
               named_points = excluded.named_points, person = excluded.person, note = excluded.note,
               decided_event_id = excluded.decided_event_id, decided_key = excluded.decided_key,
               decided_story = excluded.decided_story, decided_at = excluded.decided_at, bound = excluded.bound,
               held = excluded.held, taken_back = excluded.taken_back, forfeited = excluded.forfeited,
               released = excluded.released
    )
    INSERT INTO hold_share (program_id, member_id, hold_id, lot_id, points)
    SELECT program_id, member_id, hold_id, lot_id, points
      FROM unnest(:s_program::text[], :s_member::text[], :s_hold::text[], :s_lot::uuid[], :s_points::bigint[])
           AS s (program_id, member_id, hold_id, lot_id, points)
     ORDER BY program_id, member_id, hold_id, lot_id
    ON CONFLICT (program_id, member_id, hold_id, lot_id) DO UPDATE SET points = excluded.points
    """
)


async def with_holds(
    connection: Connection, wallets: Mapping[Member, Wallet], holding: Sequence[Member], named: Sequence[HoldName] = ()
) -> dict[Member, Wallet]:
    """The locked wallets, those of `holding` with their open holds, and with those of `named` that are theirs.

    Like the lots, they are read after the lock, in a statement of their own.
    """
    filled = dict(wallets)
    if not holding and not named:
        return filled
    rows = await connection.fetch(HOLDS, *_columns(holding, 2), *_columns(named, 3))
    for row in rows:
        member = (row["program_id"], row["member_id"])
        if member in filled:
            filled[member] = filled[member].with_holds((_hold(row),))
    return filled


async def save_holds(connection: Connection, desk: RedemptionDesk) -> None:
    """Write the holds that the batch placed, ended or shrank, in the batch's transaction; most batches have none."""
    changed = desk.changed_holds()
    if changed:
        arguments = {**_rows(changed), **_shares(changed)}
        await connection.execute(SAVE_HOLDS.sql, *SAVE_HOLDS.arguments(arguments))


def _columns(rows: Sequence[tuple[str, ...]], width: int) -> list[list[str]]:
    return [[row[place] for row in rows] for place in range(width)]


def _rows(changed: Sequence[tuple[Member, Hold]]) -> dict[str, object]:
    placed = [hold.placed for _, hold in changed]
    decided = [hold.decision for _, hold in changed]
    return {
        "program": [member[0] for member, _ in changed],
        "member": [member[1] for member, _ in changed],
        "hold": [hold.hold_id for _, hold in changed],
        "scope": [each and each.scope for each in placed],
        "grants": [_grants(each) for each in placed],
        "asked": [each and each.asked for each in placed],
        "reason": [each and each.reason for each in placed],
        "deadline": [each and each.deadline for each in placed],
        "case": [each and each.case_id for each in placed],
        "placed_by": [each and each.event_id for each in placed],
        "placed_key": [each and each.event_key for each in placed],
        "story": [each and each.correlation_id for each in placed],
        "placed_at": [each and each.at for each in placed],
        "state": [each.verdict.value if each else "open" for each in decided],
        "named": [each and each.points for each in decided],
        "person": [each and each.person for each in decided],
        "note": [each and each.note for each in decided],
        "decided_by": [each and each.event_id for each in decided],
        "decided_key": [each and each.event_key for each in decided],
        "decided_story": [each and each.correlation_id for each in decided],
        "decided_at": [each and each.at for each in decided],
        "bound": [hold.bound for _, hold in changed],
        "held": [hold.held for _, hold in changed],
        "taken_back": [hold.taken_back for _, hold in changed],
        "forfeited": [hold.forfeited for _, hold in changed],
        "released": [hold.released for _, hold in changed],
    }


def _grants(placed: Placed | None) -> str:
    return orjson.dumps(sorted(str(grant_id) for grant_id in placed.grant_ids) if placed else []).decode()


def _shares(changed: Iterable[tuple[Member, Hold]]) -> dict[str, object]:
    rows = [
        (member, hold.hold_id, lot_id, points) for member, hold in changed for lot_id, points in hold.shares.items()
    ]
    return {
        "s_program": [member[0] for member, *_ in rows],
        "s_member": [member[1] for member, *_ in rows],
        "s_hold": [hold_id for _, hold_id, _, _ in rows],
        "s_lot": [lot_id for _, _, lot_id, _ in rows],
        "s_points": [points for *_, points in rows],
    }


def _hold(row: asyncpg.Record) -> Hold:
    shares: dict[str, int] = orjson.loads(row["shares"] or "{}")
    return Hold(
        hold_id=row["hold_id"],
        placed=_placed(row),
        decision=_decision(row),
        shares={UUID(lot_id): points for lot_id, points in shares.items()},
        bound=row["bound"],
        taken_back=row["taken_back"],
        forfeited=row["forfeited"],
        released=row["released"],
    )


def _placed(row: asyncpg.Record) -> Placed | None:
    if row["scope"] is None:
        return None
    return Placed(
        scope=Scope(row["scope"]),
        grant_ids=frozenset(row["grant_ids"]),
        asked=row["asked"],
        reason=row["reason"],
        deadline=row["deadline"],
        case_id=row["case_id"],
        event_id=row["placed_event_id"],
        event_key=row["placed_key"],
        correlation_id=row["correlation_id"],
        at=row["placed_at"],
    )


def _decision(row: asyncpg.Record) -> Decision | None:
    if row["state"] == "open":
        return None
    return Decision(
        verdict=Verdict(row["state"]),
        points=row["named_points"],
        person=row["person"],
        note=row["note"],
        event_id=row["decided_event_id"],
        event_key=row["decided_key"],
        correlation_id=row["decided_story"],
        at=row["decided_at"],
    )
