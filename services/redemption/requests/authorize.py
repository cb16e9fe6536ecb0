"""A till asks how much of a bill points may pay, and reserves them: one transaction under the wallet's lock."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.authorization import Authorization, State
from services.redemption.domain.catalogue import day_at
from services.redemption.domain.debit import refusal_of
from services.redemption.domain.point_payment import Bill, Limit, Payable, most_payable, terms_of, would_pay_whole_bill
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.reservation import Moved, reserve
from services.redemption.domain.wallet import Wallet
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.outcomes import SOURCE
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering, key_reused, unknown_member
from services.redemption.requests.plan_order import in_force
from services.redemption.store.authorizations import find_by_key
from services.redemption.store.members import read_profile
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from services.redemption.store.till import authorize_at_once
from services.redemption.told.authorizations import placed_event, tell_placed
from shared.events.cloudevent import derived_id
from shared.events.fields import MAX_SAFE_INTEGER
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.programs.expiry import start_of_day
from shared.programs.pack import ProgramPack
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection
from shared.runtime.service import Running

_first_instant = lru_cache(maxsize=1000)(start_of_day)


@dataclass(frozen=True, slots=True)
class AuthorizationWish:
    """What a till asks: `points` None = as many as may be; `exact` = those or none."""

    member: Member
    merchant_id: str
    receipt_id: str | None
    currency: str
    bill: Bill
    points: int | None
    exact: bool
    idempotency_key: str
    body_hash: bytes

    @property
    def authorization_id(self) -> UUID:
        """One key, one authorization."""
        return derived_id(f"{SOURCE}/{member_key(*self.member)}", self.idempotency_key, "authorization")


async def authorize(running: Running, wish: AuthorizationWish) -> Authorization:
    """Reserve the most that may be, or nothing; one that this key asked for before is answered as it was placed.

    Raises ProblemError: 404 for an unknown program or member, 422 for another currency, 409 with a code.
    """
    at_once = await _at_once(running, wish)
    if at_once is not None:
        return at_once
    asked = Asked(*wish.member, "authorization", str(wish.authorization_id), wish.idempotency_key)
    async with answering(running.pool, asked), running.pool.acquire() as connection, connection.transaction():
        desk = await lock_wallet(connection, wish.member)
        if desk is None:
            raise unknown_member()
        known = await find_by_key(connection, wish.member, wish.idempotency_key)
        if known is not None:
            if known.body_hash != wish.body_hash:
                raise key_reused(asked)
            return known
        return await _place(connection, desk, running, wish)


async def _at_once(running: Running, wish: AuthorizationWish) -> Authorization | None:
    """The common case, in one round trip: all that the terms and the bill permit is there to be reserved.

    The process clock only guesses version and day; the database takes the answer if its own clock says the same.
    """
    guess = datetime.now(UTC) + timedelta(seconds=running.settings.clock_shift_seconds)
    version = running.programs.in_force(wish.member[0], guess)
    if version is None or version.pack.currency != wish.currency:
        return None
    pack, zone = version.pack, ZoneInfo(version.pack.time_zone)
    day = day_at(pack, guess)
    payable = most_payable(terms_of(pack, day), wish.bill, wish.points, MAX_SAFE_INTEGER)
    forbidden = payable.limited_by is Limit.WHOLE_BILL and wish.points is not None
    if not payable.points or forbidden or (wish.exact and payable.points != wish.points):
        return None
    later = [each.effective_at for each in running.programs.versions(pack.program_id) if each.effective_at > guess]
    holds_from = max(_first_instant(day.day, zone), version.effective_at)
    holds_until = min([_first_instant(day.day + timedelta(days=1), zone), *later])
    minutes = timedelta(minutes=running.settings.authorization_minutes)
    placed = _authorization(wish, pack, payable, guess, guess + minutes)
    told = placed_event(placed, Moved((), (), 0, 0))
    return await authorize_at_once(running.pool, placed, told, SOURCE, (holds_from, holds_until), minutes)


async def _place(
    connection: Connection, desk: RedemptionDesk, running: Running, wish: AuthorizationWish
) -> Authorization:
    profile = await read_profile(connection, wish.member)
    if profile is not None:
        require_may_redeem(profile)
    now = await read_clock(connection)
    pack = in_force(running.programs, wish.member[0], now).pack
    require_currency(pack, wish.currency)
    post_clock(desk, [wish.member])
    wallet = desk.wallet(wish.member)
    payable = decide_payable(pack, now, wish, wallet)
    minutes = running.settings.authorization_minutes
    placed = _authorization(wish, pack, payable, now, now + timedelta(minutes=minutes))
    if placed.state is State.PLACED:
        wallet, moved = reserve(wallet, placed.points)
        placed = replace(placed, shares=moved.allocations)
        desk.keep(wish.member, wallet)
        tell_placed(desk, placed, moved)
    desk.authorizations[placed.authorization_id] = placed
    await save_under_lock(connection, desk)
    return placed


def decide_payable(pack: ProgramPack, now: datetime, wish: AuthorizationWish, wallet: Wallet) -> Payable:
    """The most whole steps that all limits permit. Raises RefusedError where the wish must not be cut."""
    payable = most_payable(terms_of(pack, day_at(pack, now)), wish.bill, wish.points, wallet.spendable)
    _refuse_whole_bill(wish, payable)
    if payable.limited_by is Limit.BALANCE:
        payable = _held_or_short(wish, payable, wallet)
    if wish.exact and wish.points is not None and payable.points != wish.points:
        if wish.points > wallet.spendable:
            raise refusal_of(wallet, wish.points)
        raise RefusedError(
            ReasonCode.PAYMENT_LIMIT_REACHED,
            f"Exactly {wish.points} points were asked for and {payable.points} may pay this bill; "
            f"what bound them is {payable.limited_by}. Ask for fewer, or not for an exact number.",
            points=wish.points,
            available=wallet.spendable,
        )
    return payable


def require_currency(pack: ProgramPack, currency: str) -> None:
    """Raises ProblemError 422: points pay bills in the program's currency alone."""
    if currency != pack.currency:
        raise ProblemError(
            422, "MALFORMED", f"The program's currency is {pack.currency}; a bill in {currency} cannot be paid."
        )


def _refuse_whole_bill(wish: AuthorizationWish, payable: Payable) -> None:
    """A bill paid wholly is refused where that is forbidden and a number was asked for; else it is one step less."""
    if wish.points is None or payable.limited_by is not Limit.WHOLE_BILL or payable.terms is None:
        return
    if would_pay_whole_bill(payable.terms, wish.bill, wish.points):
        raise RefusedError(
            ReasonCode.PAYMENT_LIMIT_REACHED,
            f"{wish.points} points would pay the whole bill, which this program forbids; "
            f"{payable.points} points may pay {payable.amount_minor} minor units of it.",
            points=wish.points,
            available=payable.points,
        )


def _held_or_short(wish: AuthorizationWish, payable: Payable, wallet: Wallet) -> Payable:
    """A wish that only holds prevent is refused, so that the member is told why (C26)."""
    refused = refusal_of(wallet, wish.points or wallet.spendable + 1)
    if refused.code is not ReasonCode.HELD_FOR_REVIEW:
        return payable
    if wish.exact or not payable.points:
        raise refused
    return payable._replace(limited_by=Limit.HELD)


def _authorization(
    wish: AuthorizationWish, pack: ProgramPack, payable: Payable, now: datetime, releases_at: datetime
) -> Authorization:
    terms = payable.terms
    return Authorization(
        authorization_id=wish.authorization_id,
        program_id=wish.member[0],
        member_id=wish.member[1],
        merchant_id=wish.merchant_id,
        receipt_id=wish.receipt_id,
        idempotency_key=wish.idempotency_key,
        body_hash=wish.body_hash,
        points=payable.points,
        amount_minor=payable.amount_minor,
        currency=pack.currency,
        rate_points=terms.payment.points if terms else 1,
        rate_minor=terms.payment.minor if terms else 1,
        step_points=terms.payment.step if terms else 1,
        offset_day_id=terms.offset_day_id if terms else None,
        limited_by=payable.limited_by,
        price_version=pack.version,
        state=State.PLACED if payable.points else State.EMPTY,
        placed_at=now,
        releases_at=releases_at,
    )
