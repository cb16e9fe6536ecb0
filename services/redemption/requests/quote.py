"""A price promised for the minutes that the program says (C16): kept once, answered alike for one idempotency key."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.redemption.desk import Member
from services.redemption.domain.claims import PlannedClaim, Wish
from services.redemption.domain.clock import catch_up
from services.redemption.outcomes import SOURCE
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.plan_order import plan_order
from services.redemption.store.queries import read_clock, read_wallet
from services.redemption.store.quotes import NewQuote, Quote, find_quote, keep_quote
from services.redemption.store.stock import out_of_stock, read_taken
from shared.events.cloudevent import derived_id
from shared.events.keys import member_key
from shared.runtime.postgres import Connection
from shared.runtime.service import Running


@dataclass(frozen=True, slots=True)
class QuoteRequest:
    """`body_hash` is SHA-256 over the body's canonical form."""

    member: Member
    wishes: Sequence[Wish]
    idempotency_key: str
    body_hash: bytes

    @property
    def quote_id(self) -> UUID:
        """One key, one quote."""
        return derived_id(f"{SOURCE}/{member_key(*self.member)}", self.idempotency_key, "quote")


async def quote(running: Running, request: QuoteRequest) -> Quote:
    """Promise today's price for what the member could order now, points apart; stock is looked at, not reserved.

    Raises ProblemError: what `plan_order` raises, 409 OUT_OF_STOCK, and 409 IDEMPOTENCY_KEY_REUSED for another body.
    """
    asked = Asked(*request.member, "quote", str(request.quote_id), request.idempotency_key)
    async with answering(running.pool, asked), running.pool.acquire() as connection, connection.transaction():
        kept = await find_quote(connection, request.member, request.quote_id)
        if kept is None:
            await _promise(running, connection, request)
            kept = await find_quote(connection, request.member, request.quote_id)
        if kept is None or kept.body_hash != request.body_hash:
            raise key_reused(asked)
        return kept


async def _promise(running: Running, connection: Connection, request: QuoteRequest) -> None:
    wallet = await read_wallet(connection, request.member)
    if wallet is None:
        raise unknown_member()
    now = await read_clock(connection)
    caught_up, *_ = catch_up(wallet)
    plan = await plan_order(connection, running.programs, request.member, caught_up, request.wishes, now)
    await _require_in_stock(connection, request.member[0], plan.claims)
    new = NewQuote(
        quote_id=request.quote_id,
        member=request.member,
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash,
        version=plan.price_version,
        claims=plan.claims,
        quoted_at=now,
        expires_at=now + timedelta(minutes=plan.catalogue.pack.quote_minutes),
    )
    await keep_quote(connection, new)


async def _require_in_stock(connection: Connection, program_id: str, claims: Sequence[PlannedClaim]) -> None:
    """Nobody is promised what is gone already. Raises RefusedError."""
    taken = await read_taken(connection, program_id, (count for claim in claims for count in claim.counts))
    for claim in claims:
        for count in claim.counts:
            taken[count] += claim.quantity
            if taken[count] > count.allowed:
                raise out_of_stock(claim.reward.reward_id)
