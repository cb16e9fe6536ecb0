"""Settling with a partner or a recipient of donations: its claim is matched, then its payment is noted (C28)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.redemption.domain.claim import ClaimedLine, Difference, Sum, differences
from services.redemption.domain.refused import RefusedError
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, key_reused
from services.redemption.store.queries import read_clock
from services.redemption.store.statements import (
    StatementName,
    close_statement,
    find_claim,
    find_claim_by_key,
    find_claim_of,
    lock_book,
    read_lines,
)
from shared.events.cloudevent import derived_id
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import business_day
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection, Pool

_INSERT_CLAIM = """
    INSERT INTO settlement_claim (
        claim_id, program_id, payee_kind, payee_id, period, period_from, period_to, units, owed_minor, currency,
        idempotency_key, body_hash, person, claimed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, service_now())
"""
_PAY = """
    UPDATE settlement_claim SET document = $2, paid_on = $3, payment_key = $4, payment_hash = $5, paid_by = $6
     WHERE claim_id = $1
"""


@dataclass(frozen=True, slots=True)
class ClaimRequest:
    """What the payee asks for; `zone` is the program's time zone, `person` who entered it."""

    name: StatementName
    lines: Sequence[ClaimedLine]
    idempotency_key: str
    body_hash: bytes
    person: str
    zone: ZoneInfo

    @property
    def claim_id(self) -> UUID:
        return derived_id(f"{SOURCE}/{self.name.program_id}", self.idempotency_key, "settlement claim")


@dataclass(frozen=True, slots=True)
class PaymentRequest:
    """The bank's document of a payment that was made, and its day."""

    claim_id: UUID
    document: str
    paid_on: date
    idempotency_key: str
    body_hash: bytes
    person: str


class UnmatchedError(RefusedError):
    """The claim is not the statement; `found` says where."""

    def __init__(self, detail: str, found: Sequence[Difference] = ()) -> None:
        super().__init__(ReasonCode.SETTLEMENT_UNMATCHED, detail)
        self.found = found


async def claim(pool: Pool, request: ClaimRequest) -> UUID:
    """Match the claim with its statement and close that; the same request again finds the same claim.

    Raises ProblemError 409: SETTLEMENT_UNMATCHED with each `difference`, for a statement that is still open or was
    claimed before; IDEMPOTENCY_KEY_REUSED.
    """
    asked = Asked(request.name.program_id, "", "settlement claim", str(request.claim_id), request.idempotency_key)
    try:
        async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
            return await _claim(connection, request, asked)
    except ProblemError as error:
        if isinstance(error.__cause__, UnmatchedError):
            error.extra["differences"] = [one._asdict() for one in error.__cause__.found]
        raise


async def _claim(connection: Connection, request: ClaimRequest, asked: Asked) -> UUID:
    await lock_book(connection, request.name)
    done = await find_claim_by_key(connection, request.name.program_id, request.idempotency_key)
    if done is not None:
        if done["body_hash"] != request.body_hash:
            raise key_reused(asked)
        return request.claim_id
    before = await find_claim_of(connection, request.name)
    if before is not None:
        raise UnmatchedError(f"This statement was claimed before, by claim {before['claim_id']}; claim the next one.")
    lines = await read_lines(connection, request.name)
    _require_match(request.lines, lines)
    period_to: date = lines[0]["period_to"]
    if business_day(await read_clock(connection), request.zone) < period_to:
        raise UnmatchedError(f"This statement is open until {period_to}; claim it on that day or later.")
    await _insert(connection, request, lines)
    await close_statement(connection, request.name, period_to)
    return request.claim_id


def _require_match(claimed: Sequence[ClaimedLine], lines: Sequence[asyncpg.Record]) -> None:
    found = differences(claimed, _by_reward(lines))
    if found:
        first = found[0]
        raise UnmatchedError(
            f"The claim is not the statement in {len(found)} rewards: of {first.reward_id} it names "
            f"{first.claimed_units} units, and {first.statement_units} are to be paid; correct it and send it again.",
            found,
        )
    if not lines:
        raise UnmatchedError("Nothing was handed over for this partner in this period; there is nothing to claim.")


def _by_reward(lines: Sequence[asyncpg.Record]) -> Mapping[str, Sum]:
    sums: dict[str, Sum] = {}
    for line in lines:
        units, owed = sums.get(line["reward_id"], Sum(0, 0))
        units += int(line["fulfilled"] - line["returned"])
        sums[line["reward_id"]] = Sum(units, owed + int(line["owed_minor"]))
    return sums


async def _insert(connection: Connection, request: ClaimRequest, lines: Sequence[asyncpg.Record]) -> None:
    units = sum(int(line["fulfilled"] - line["returned"]) for line in lines)
    owed = sum(int(line["owed_minor"]) for line in lines)
    first = lines[0]
    await connection.execute(
        _INSERT_CLAIM,
        request.claim_id,
        *request.name,
        first["period_from"],
        first["period_to"],
        units,
        owed,
        first["currency"],
        request.idempotency_key,
        request.body_hash,
        request.person,
    )


async def pay(pool: Pool, request: PaymentRequest) -> None:
    """Note that a matched claim was paid, once; the same request again changes nothing.

    Raises ProblemError: 404 for an unknown claim, 409 where another payment is noted already.
    """
    async with pool.acquire() as connection, connection.transaction():
        found = await find_claim(connection, request.claim_id, lock=True)
        if found is None:
            raise ProblemError(404, "NOT_FOUND", f"There is no claim {request.claim_id}.")
        if found["payment_key"] is None:
            await connection.execute(
                _PAY,
                request.claim_id,
                request.document,
                request.paid_on,
                request.idempotency_key,
                request.body_hash,
                request.person,
            )
            return
        _require_same(found, request)


def _require_same(found: asyncpg.Record, request: PaymentRequest) -> None:
    asked = Asked(found["program_id"], "", "settlement payment", str(request.claim_id), request.idempotency_key)
    if found["payment_key"] != request.idempotency_key:
        raise ProblemError(
            409, "ALREADY_PAID", f"This claim was paid by {found['document']} on {found['paid_on']}; it is paid once."
        )
    if found["payment_hash"] != request.body_hash:
        raise key_reused(asked)
