"""A till's common case: one statement, one round trip, decided under the wallet's lock inside the database."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import orjson

from services.redemption.domain.authorization import Authorization
from services.redemption.store.authorizations import authorization_of
from shared.events.authorization_captured import AuthorizationCaptured
from shared.events.authorization_placed import AuthorizationPlaced
from shared.events.cloudevent import derived_id, event_key
from shared.events.event import data_json
from shared.events.keys import member_key
from shared.events.points_redeemed import PointsRedeemed
from shared.runtime.postgres import Pool

# Values one by one: the driver takes a row or an array apart several times as slowly.
AUTHORIZE = """
    SELECT placed_at, releases_at FROM authorize_at_till(
        ROW($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::bytea, $8::bigint, $9::bigint, $10::text,
            $11::bigint, $12::bigint, $13::bigint, $14::text, $15::text, $16::integer, NULL, NULL, NULL, NULL, NULL,
            NULL, NULL, NULL, NULL)::point_authorization,
        $17::timestamptz, $18::timestamptz, $19::interval, $20::uuid, $21::uuid, $22::text, $23::text, $24::jsonb,
        $25::jsonb)
"""
CAPTURE = """
    SELECT * FROM capture_at_till($1::uuid, $2::text, $3::text, $4::bigint, $5::text, $6::uuid,
                                  ARRAY[$7::uuid, $8::uuid], ARRAY[$9::uuid, $10::uuid], ARRAY[$11::text, $12::text],
                                  $13::text)
"""


async def authorize_at_once(
    pool: Pool,
    asked: Authorization,
    told: AuthorizationPlaced,
    source: str,
    holds: tuple[datetime, datetime],
    releases_after: timedelta,
) -> Authorization | None:
    """Reserve `asked.points` if they are simply there; None = nothing was written, decide it step by step.

    `holds`: from when until when, by the database clock, the answer is the right one. What of `told` depends on the
    wallet or the clock is put in by the database.
    """
    event_id = derived_id(source, str(asked.authorization_id), "authorization.placed")
    key = member_key(*asked.member)
    envelope = {
        "specversion": "1.0",
        "id": str(event_id),
        "source": source,
        "type": told.TYPE,
        "subject": asked.member_id,
        "partitionkey": key,
        "datacontenttype": "application/json",
    }
    row = await pool.fetchrow(
        AUTHORIZE,
        *_as_row(asked),
        *holds,
        releases_after,
        event_id,
        event_key(source, str(event_id)),
        told.TYPE,
        key,
        orjson.dumps(envelope).decode(),
        data_json(told).decode(),
    )
    return None if row is None else replace(asked, placed_at=row["placed_at"], releases_at=row["releases_at"])


async def capture_at_once(
    pool: Pool,
    wanted: UUID,
    program_id: str,
    merchant_id: str | None,
    points: int | None,
    receipt_id: str | None,
    source: str,
    reason: str,
) -> Authorization | None:
    """Let all the reserved points pay, if nothing else is to be done; None = nothing was written.

    `merchant_id` None = whichever merchant's it is.
    """
    redemption_id = derived_id(source, str(wanted), "redemption")
    redeemed = derived_id(source, str(redemption_id), "points.redeemed")
    captured = derived_id(source, str(wanted), "authorization.captured")
    row = await pool.fetchrow(
        CAPTURE,
        wanted,
        program_id,
        merchant_id,
        points,
        receipt_id,
        redemption_id,
        redeemed,
        captured,
        event_key(source, str(redeemed)),
        event_key(source, str(captured)),
        PointsRedeemed.TYPE,
        AuthorizationCaptured.TYPE,
        reason,
    )
    return None if row is None else authorization_of(row)


def _as_row(asked: Authorization) -> tuple[object, ...]:
    """In the order of the table's columns, up to its state."""
    return (
        asked.authorization_id,
        asked.program_id,
        asked.member_id,
        asked.merchant_id,
        asked.receipt_id,
        asked.idempotency_key,
        asked.body_hash,
        asked.points,
        asked.amount_minor,
        asked.currency,
        asked.rate_points,
        asked.rate_minor,
        asked.step_points,
        asked.offset_day_id,
        asked.limited_by,
        asked.price_version,
    )
