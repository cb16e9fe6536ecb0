"""Authorizations of the till: reading them under their wallet's lock, writing what a desk made of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg
import orjson

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.authorization import Authorization, State
from services.redemption.domain.lot import LotPoints
from services.redemption.store.lots import read_named_lots
from shared.runtime.postgres import Connection, Pool
from shared.runtime.statement import compile_sql

_COLUMNS = """
    SELECT a.*, (SELECT coalesce(json_agg(json_build_array(s.lot_id, l.grant_id, s.points)), '[]')
                   FROM authorization_share AS s,
                        LATERAL (SELECT grant_id FROM lot WHERE lot_id = s.lot_id OFFSET 0) AS l
                  WHERE s.authorization_id = a.authorization_id) AS shares"""
AUTHORIZATION = _COLUMNS + " FROM point_authorization AS a WHERE a.authorization_id = $1"
AUTHORIZATION_BY_KEY = (
    _COLUMNS + " FROM point_authorization AS a WHERE a.program_id = $1 AND a.member_id = $2 AND a.idempotency_key = $3"
)
AUTHORIZATIONS = f"""
    {_COLUMNS} FROM unnest($1::uuid[]) AS k (authorization_id),
         LATERAL (SELECT * FROM point_authorization WHERE authorization_id = k.authorization_id OFFSET 0) AS a
"""  # noqa: S608 - the columns are ours
PLACED_OF_MEMBER = (
    _COLUMNS + " FROM point_authorization AS a WHERE a.program_id = $1 AND a.member_id = $2 AND a.state = 'placed'"
)
# The earliest whose time is over; which wallet is free to be locked is seen one by one.
DUE_AUTHORIZATIONS = """
    SELECT authorization_id, program_id, member_id FROM point_authorization
     WHERE state = 'placed' AND releases_at <= service_now()
     ORDER BY releases_at LIMIT $1
"""
SAVE_AUTHORIZATIONS = compile_sql(
    """
    WITH kept AS (
        INSERT INTO point_authorization (
            authorization_id, program_id, member_id, merchant_id, receipt_id, idempotency_key, body_hash, points,
            amount_minor, currency, rate_points, rate_minor, step_points, offset_day_id, limited_by, price_version,
            state, placed_at, releases_at, ended_at, captured_points, captured_minor, redemption_id, refunded_minor,
            given_back)
        SELECT a.* FROM unnest(
            :id::uuid[], :program::text[], :member::text[], :merchant::text[], :receipt::text[], :key::text[],
            :body::bytea[], :points::bigint[], :amount::bigint[], :currency::text[], :rate_points::bigint[],
            :rate_minor::bigint[], :step::bigint[], :offset_day::text[], :limited_by::text[], :version::integer[],
            :state::text[], :placed_at::timestamptz[], :releases_at::timestamptz[], :ended_at::timestamptz[],
            :captured_points::bigint[], :captured_minor::bigint[], :redemption::uuid[], :refunded::bigint[],
            :given_back::bigint[]) AS a
        ON CONFLICT (authorization_id) DO UPDATE
           SET state = excluded.state, ended_at = excluded.ended_at, receipt_id = excluded.receipt_id,
               captured_points = excluded.captured_points, captured_minor = excluded.captured_minor,
               redemption_id = excluded.redemption_id, refunded_minor = excluded.refunded_minor,
               given_back = excluded.given_back
    ), refunded AS (
        INSERT INTO tender_refund (tender_refund_id, authorization_id, program_id, member_id, refund_id, amount_minor,
                                   points, restoration_id, told_at)
        SELECT r.* FROM unnest(:r_id::uuid[], :r_authorization::uuid[], :r_program::text[], :r_member::text[],
                               :r_refund::text[], :r_amount::bigint[], :r_points::bigint[], :r_restoration::uuid[],
                               :r_at::timestamptz[]) AS r
    )
    INSERT INTO authorization_share (authorization_id, lot_id, points)
    SELECT s.* FROM unnest(:s_id::uuid[], :s_lot::uuid[], :s_points::bigint[]) AS s
    """
)


async def find_authorization(connection: Connection | Pool, authorization_id: UUID) -> Authorization | None:
    """As it stands; only under its wallet's lock will it stay so."""
    row = await connection.fetchrow(AUTHORIZATION, authorization_id)
    return None if row is None else authorization_of(row)


async def find_by_key(connection: Connection, member: Member, idempotency_key: str) -> Authorization | None:
    """The authorization that this key once asked for."""
    row = await connection.fetchrow(AUTHORIZATION_BY_KEY, *member, idempotency_key)
    return None if row is None else authorization_of(row)


async def load_authorizations(connection: Connection, desk: RedemptionDesk, wanted: Sequence[UUID]) -> None:
    """Put authorizations of locked wallets, and their lots, on the desk."""
    for row in await connection.fetch(AUTHORIZATIONS, wanted):
        await _put(connection, desk, authorization_of(row))


async def load_placed(connection: Connection, desk: RedemptionDesk, member: Member) -> tuple[Authorization, ...]:
    """Put the member's authorizations that still reserve points, and their lots, on the desk; the wallet is locked."""
    placed = [authorization_of(row) for row in await connection.fetch(PLACED_OF_MEMBER, *member)]
    for each in placed:
        await _put(connection, desk, each)
    return tuple(sorted(placed, key=lambda each: (each.placed_at, each.authorization_id)))


async def read_due(connection: Connection | Pool, limit: int) -> list[tuple[UUID, Member]]:
    rows = await connection.fetch(DUE_AUTHORIZATIONS, limit)
    return [(row["authorization_id"], (row["program_id"], row["member_id"])) for row in rows]


async def save_authorizations(connection: Connection, desk: RedemptionDesk) -> None:
    """Write the authorizations that were placed, ended or refunded; most desks have none."""
    changed = [each for key, each in desk.authorizations.items() if desk.loaded_authorizations.get(key) is not each]
    if changed or desk.tender_refunds:
        arguments = {**_rows(changed), **_share_rows(desk, changed), **_refund_rows(desk)}
        await connection.execute(SAVE_AUTHORIZATIONS.sql, *SAVE_AUTHORIZATIONS.arguments(arguments))


async def _put(connection: Connection, desk: RedemptionDesk, found: Authorization) -> None:
    if found.member not in desk.wallets:
        return  # another member's: the wallet that is locked is not its own
    desk.authorizations[found.authorization_id] = desk.loaded_authorizations[found.authorization_id] = found
    if found.state is State.PLACED:
        lots = [share.lot_id for share in found.shares]
        desk.load_more(found.member, await read_named_lots(connection, lots))


def _rows(changed: Sequence[Authorization]) -> dict[str, object]:
    return {
        "id": [each.authorization_id for each in changed],
        "program": [each.program_id for each in changed],
        "member": [each.member_id for each in changed],
        "merchant": [each.merchant_id for each in changed],
        "receipt": [each.receipt_id for each in changed],
        "key": [each.idempotency_key for each in changed],
        "body": [each.body_hash for each in changed],
        "points": [each.points for each in changed],
        "amount": [each.amount_minor for each in changed],
        "currency": [each.currency for each in changed],
        "rate_points": [each.rate_points for each in changed],
        "rate_minor": [each.rate_minor for each in changed],
        "step": [each.step_points for each in changed],
        "offset_day": [each.offset_day_id for each in changed],
        "limited_by": [each.limited_by for each in changed],
        "version": [each.price_version for each in changed],
        "state": [each.state.value for each in changed],
        "placed_at": [each.placed_at for each in changed],
        "releases_at": [each.releases_at for each in changed],
        "ended_at": [each.ended_at for each in changed],
        "captured_points": [each.captured_points for each in changed],
        "captured_minor": [each.captured_minor for each in changed],
        "redemption": [each.redemption_id for each in changed],
        "refunded": [each.refunded_minor for each in changed],
        "given_back": [each.given_back for each in changed],
    }


def _share_rows(desk: RedemptionDesk, changed: Sequence[Authorization]) -> dict[str, object]:
    """Shares are written once, with their authorization."""
    rows = [
        (each.authorization_id, share)
        for each in changed
        if each.authorization_id not in desk.loaded_authorizations
        for share in each.shares
    ]
    return {
        "s_id": [authorization_id for authorization_id, _ in rows],
        "s_lot": [share.lot_id for _, share in rows],
        "s_points": [share.points for _, share in rows],
    }


def _refund_rows(desk: RedemptionDesk) -> dict[str, object]:
    refunds = desk.tender_refunds
    return {
        "r_id": [each.tender_refund_id for each in refunds],
        "r_authorization": [each.authorization_id for each in refunds],
        "r_program": [each.member[0] for each in refunds],
        "r_member": [each.member[1] for each in refunds],
        "r_refund": [each.refund_id for each in refunds],
        "r_amount": [each.amount_minor for each in refunds],
        "r_points": [each.points for each in refunds],
        "r_restoration": [each.restoration_id for each in refunds],
        "r_at": [each.told_at for each in refunds],
    }


def authorization_of(row: asyncpg.Record) -> Authorization:
    """A row of point_authorization; its shares where they were read with it."""
    known: dict[str, Any] = dict(row)
    known["state"] = State(known["state"])
    if (shares := known.get("shares")) is not None:
        known["shares"] = tuple(
            LotPoints(UUID(lot_id), UUID(grant_id), points) for lot_id, grant_id, points in orjson.loads(shares)
        )
    return Authorization(**known)
