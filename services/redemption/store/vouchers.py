"""Vouchers and their uses. Every change is made under the lock of the member's wallet."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import asyncpg

from services.redemption.desk import Member
from services.redemption.domain.voucher import LineChoice, VoucherTerms
from services.redemption.store.lots import member_columns
from shared.runtime.postgres import Connection, Pool

_COLUMNS = """
    v.voucher_id, v.program_id, v.member_id, v.code_sha256, v.offer_id, v.kind, v.rule_version, v.name_zh, v.name_en,
    v.amount_minor, v.percent_hundredths, v.max_minor, v.threshold_minor, v.currency, v.merchants, v.skus,
    v.categories, v.labels, v.order_id, v.line_id, v.unit, v.request_id, v.correlation_id, v.issued_at, v.valid_until,
    CASE WHEN v.state = 'issued' AND v.valid_until <= service_now() THEN 'expired' ELSE v.state END AS state,
    v.end_reason, v.ended_at"""

INSERT_VOUCHER = """
    INSERT INTO voucher (voucher_id, program_id, member_id, code_sha256, offer_id, kind, rule_version, name_zh, name_en,
                         amount_minor, percent_hundredths, max_minor, threshold_minor, currency, merchants, skus,
                         categories, labels, order_id, line_id, unit, request_id, correlation_id, issued_at,
                         valid_until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
            $24, $25)
    ON CONFLICT (voucher_id) DO NOTHING
    RETURNING true
"""
LOCK_MEMBER = "SELECT FROM wallet WHERE program_id = $1 AND member_id = $2 FOR UPDATE"
OWNER_OF_CODE = "SELECT program_id, member_id FROM voucher WHERE code_sha256 = $1"
VOUCHER_BY_CODE = f"SELECT {_COLUMNS} FROM voucher v WHERE v.code_sha256 = $1"  # noqa: S608 - the columns are ours
VOUCHER = f"SELECT {_COLUMNS} FROM voucher v WHERE v.voucher_id = $1"  # noqa: S608 - the columns are ours
VOUCHER_PAGE = f"""
    SELECT {_COLUMNS}
      FROM voucher v
     WHERE v.program_id = $1 AND v.member_id = $2
       AND (v.issued_at, v.voucher_id) < (coalesce($3, 'infinity'::timestamptz),
                                          coalesce($4, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid))
     ORDER BY v.issued_at DESC, v.voucher_id DESC
     LIMIT $5
"""  # noqa: S608 - the columns are ours
UNUSED_OF_LINE = f"""
    SELECT {_COLUMNS} FROM voucher v
     WHERE v.order_id = $1 AND v.line_id = $2 AND (v.state = 'issued' OR v.end_reason = 'expired') ORDER BY v.unit DESC
"""  # noqa: S608 - the columns are ours
OPEN_OF_MEMBER = f"""
    SELECT {_COLUMNS} FROM voucher v
     WHERE v.program_id = $1 AND v.member_id = $2 AND v.state = 'issued' ORDER BY v.issued_at, v.voucher_id
"""  # noqa: S608 - the columns are ours
END = "UPDATE voucher SET state = 'ended', end_reason = $2, ended_at = $3 WHERE voucher_id = ANY($1)"
MARK = "UPDATE voucher SET state = $2 WHERE voucher_id = $1"

_USE_COLUMNS = """
    use_id, voucher_id, program_id, member_id, merchant_id, receipt_id, counted_minor, amount_minor, currency,
    body_hash, used_at, undone_at, undo_reason"""
USE_BY_KEY = f"""
    SELECT {_USE_COLUMNS} FROM voucher_use WHERE program_id = $1 AND merchant_id = $2 AND idempotency_key = $3
"""  # noqa: S608 - the columns are ours
USE = f"SELECT {_USE_COLUMNS} FROM voucher_use WHERE use_id = $1"  # noqa: S608 - the columns are ours
INSERT_USE = """
    INSERT INTO voucher_use (use_id, voucher_id, program_id, member_id, merchant_id, receipt_id, counted_minor,
                             amount_minor, currency, idempotency_key, body_hash, used_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""
UNDO_USE = "UPDATE voucher_use SET undone_at = $2, undo_reason = $3 WHERE use_id = $1"

# Members with vouchers whose date has passed; whom a batch or a request holds is left to the next round.
LOCK_EXPIRING = """
    SELECT w.program_id, w.member_id
      FROM wallet w
      JOIN (SELECT DISTINCT program_id, member_id
              FROM (SELECT program_id, member_id FROM voucher
                     WHERE state = 'issued' AND valid_until <= service_now()
                       AND (program_id, member_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
                     ORDER BY valid_until LIMIT $1) AS earliest) AS due USING (program_id, member_id)
     ORDER BY w.program_id, w.member_id
       FOR UPDATE OF w SKIP LOCKED
"""
EXPIRED = f"""
    SELECT {_COLUMNS}
      FROM unnest($1::text[], $2::text[]) AS m (program_id, member_id),
           LATERAL (SELECT * FROM voucher WHERE program_id = m.program_id AND member_id = m.member_id
                       AND state = 'issued' AND valid_until <= service_now() OFFSET 0) AS v
     ORDER BY v.program_id, v.member_id, v.valid_until, v.voucher_id
"""  # noqa: S608 - the columns are ours


@dataclass(frozen=True, slots=True)
class Voucher:
    """A stored voucher; `state` is expired where the clock has passed its date and no sweep has said so yet."""

    voucher_id: UUID
    program_id: str
    member_id: str
    code_sha256: bytes
    terms: VoucherTerms
    order_id: UUID | None
    line_id: str | None
    unit: int | None
    request_id: UUID | None
    correlation_id: str
    issued_at: datetime
    valid_until: datetime
    state: str = "issued"
    end_reason: str | None = None
    ended_at: datetime | None = None

    @property
    def member(self) -> Member:
        return self.program_id, self.member_id


@dataclass(frozen=True, slots=True)
class VoucherUse:
    """A stored use of a voucher at a till."""

    use_id: UUID
    voucher_id: UUID
    program_id: str
    member_id: str
    merchant_id: str
    receipt_id: str | None
    counted_minor: int
    amount_minor: int
    currency: str
    body_hash: bytes
    used_at: datetime
    undone_at: datetime | None = None
    undo_reason: str | None = None


async def insert_voucher(connection: Connection, voucher: Voucher) -> bool:
    """False where it was issued before: one unit or request has one voucher."""
    terms, lines = voucher.terms, voucher.terms.lines
    return bool(
        await connection.fetchval(
            INSERT_VOUCHER,
            voucher.voucher_id,
            *voucher.member,
            voucher.code_sha256,
            terms.offer_id,
            terms.kind,
            terms.rule_version,
            terms.name_zh,
            terms.name_en,
            terms.amount_minor,
            terms.percent_hundredths,
            terms.max_minor,
            terms.threshold_minor,
            terms.currency,
            terms.merchants,
            lines.skus,
            lines.categories,
            lines.labels,
            voucher.order_id,
            voucher.line_id,
            voucher.unit,
            voucher.request_id,
            voucher.correlation_id,
            voucher.issued_at,
            voucher.valid_until,
        )
    )


async def lock_member(connection: Connection, member: Member) -> None:
    """The member's wallet, for changes that move no points. What is read of the member must be read after it."""
    await connection.execute(LOCK_MEMBER, *member)


async def owner_of_code(connection: Connection, code_sha256: bytes) -> Member | None:
    row = await connection.fetchrow(OWNER_OF_CODE, code_sha256)
    return None if row is None else (row["program_id"], row["member_id"])


async def voucher_by_code(connection: Connection, code_sha256: bytes) -> Voucher | None:
    row = await connection.fetchrow(VOUCHER_BY_CODE, code_sha256)
    return None if row is None else _voucher(row)


async def read_voucher(connection: Connection | Pool, voucher_id: UUID) -> Voucher | None:
    row = await connection.fetchrow(VOUCHER, voucher_id)
    return None if row is None else _voucher(row)


async def read_vouchers(pool: Pool, member: Member, before: UUID | None, limit: int) -> list[Voucher]:
    """Vouchers issued before the voucher `before`, newest first; an unknown `before` starts at the newest."""
    earlier = None if before is None else await read_voucher(pool, before)
    after = (None, None) if earlier is None else (earlier.issued_at, earlier.voucher_id)
    return [_voucher(row) for row in await pool.fetch(VOUCHER_PAGE, *member, *after, limit)]


async def unused_of_line(connection: Connection, order_id: UUID, line_id: str) -> list[Voucher]:
    """Those of an order's line that nobody used, the last unit first; a passed date does not matter."""
    return [_voucher(row) for row in await connection.fetch(UNUSED_OF_LINE, order_id, line_id)]


async def open_of_member(connection: Connection, member: Member) -> list[Voucher]:
    return [_voucher(row) for row in await connection.fetch(OPEN_OF_MEMBER, *member)]


async def end(connection: Connection, vouchers: Sequence[Voucher], reason: str, at: datetime) -> None:
    await connection.execute(END, [voucher.voucher_id for voucher in vouchers], reason, at)


async def lock_expired(connection: Connection, at_most: int, stuck: Collection[Member]) -> list[Voucher]:
    """The vouchers whose date has passed, of members whose wallets could be locked, none of `stuck`."""
    members = await connection.fetch(LOCK_EXPIRING, at_most, *member_columns(stuck))
    rows = await connection.fetch(
        EXPIRED, [member["program_id"] for member in members], [member["member_id"] for member in members]
    )
    return [_voucher(row) for row in rows]


async def use_by_key(
    connection: Connection, program_id: str, merchant_id: str, idempotency_key: str
) -> VoucherUse | None:
    row = await connection.fetchrow(USE_BY_KEY, program_id, merchant_id, idempotency_key)
    return None if row is None else VoucherUse(**dict(row))


async def read_use(connection: Connection | Pool, use_id: UUID) -> VoucherUse | None:
    row = await connection.fetchrow(USE, use_id)
    return None if row is None else VoucherUse(**dict(row))


async def insert_use(connection: Connection, use: VoucherUse, idempotency_key: str) -> None:
    await connection.execute(
        INSERT_USE,
        use.use_id,
        use.voucher_id,
        use.program_id,
        use.member_id,
        use.merchant_id,
        use.receipt_id,
        use.counted_minor,
        use.amount_minor,
        use.currency,
        idempotency_key,
        use.body_hash,
        use.used_at,
    )
    await connection.execute(MARK, use.voucher_id, "used")


async def undo_use(connection: Connection, use: VoucherUse, at: datetime, reason: str) -> None:
    await connection.execute(UNDO_USE, use.use_id, at, reason)
    await connection.execute(MARK, use.voucher_id, "issued")


def _voucher(row: asyncpg.Record) -> Voucher:
    terms = VoucherTerms(
        offer_id=row["offer_id"],
        kind=row["kind"],
        rule_version=row["rule_version"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        amount_minor=row["amount_minor"],
        percent_hundredths=row["percent_hundredths"],
        max_minor=row["max_minor"],
        threshold_minor=row["threshold_minor"],
        currency=row["currency"],
        merchants=_names(row["merchants"]),
        lines=LineChoice(_names(row["skus"]), _names(row["categories"]), _names(row["labels"])),
    )
    return Voucher(
        voucher_id=row["voucher_id"],
        program_id=row["program_id"],
        member_id=row["member_id"],
        code_sha256=row["code_sha256"],
        terms=terms,
        order_id=row["order_id"],
        line_id=row["line_id"],
        unit=row["unit"],
        request_id=row["request_id"],
        correlation_id=row["correlation_id"],
        issued_at=row["issued_at"],
        valid_until=row["valid_until"],
        state=row["state"],
        end_reason=row["end_reason"],
        ended_at=row["ended_at"],
    )


def _names(names: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)
