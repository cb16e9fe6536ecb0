"""An authorization ends: captured by the till, voided by it, or released by itself when its time is over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.redemption.desk import Cause, Member, RedemptionDesk, Spending, SpendingRequest
from services.redemption.domain.authorization import Authorization, State
from services.redemption.domain.binding import bind
from services.redemption.domain.debit import Debit
from services.redemption.domain.lot import LotPoints
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.reservation import let_go, redeem_reserved, split
from services.redemption.domain.wallet import set_off
from services.redemption.give_up import give_up_if_closed
from services.redemption.outcomes import SOURCE, tell_set_off
from services.redemption.post_clock import post_clock
from services.redemption.refusals import Asked, answering
from services.redemption.store.authorizations import load_authorizations, load_placed
from services.redemption.store.queries import lock_wallet, read_clock
from services.redemption.store.save import save_under_lock
from services.redemption.told.authorizations import PAID, tell_captured, tell_let_go, tell_paid
from services.redemption.told.holds import tell_held
from shared.events.cloudevent import derived_id
from shared.events.reason_codes import ReasonCode
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection, Pool


async def capture(pool: Pool, found: Authorization, points: int | None, receipt_id: str | None) -> Authorization:
    """Let the reserved points, or `points` of them, pay; the rest is free again in the same transaction.

    Doing it twice changes nothing. Raises ProblemError 422 for more than reserved or broken steps, and 409
    WRONG_STATE for one that ended otherwise or whose time is over.
    """
    asked = Asked(*found.member, "authorization", str(found.authorization_id), found.idempotency_key)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        desk, placed = await _locked(connection, found)
        wanted = placed.points if points is None else points
        if placed.state is State.CAPTURED and placed.captured_points == wanted:
            return placed
        now = await read_clock(connection)
        _require_placed(placed, now)
        _require_whole_steps(placed, wanted)
        post_clock(desk, [placed.member])
        captured = _capture(desk, placed, wanted, receipt_id, now)
        await save_under_lock(connection, desk)
        return captured


async def void(pool: Pool, found: Authorization) -> Authorization:
    """Let the reserved points go; one that ended without capture is answered as it is.

    Raises ProblemError 409 WRONG_STATE for a captured one: its points come back by a refund of the bill.
    """
    asked = Asked(*found.member, "authorization", str(found.authorization_id), found.idempotency_key)
    async with answering(pool, asked), pool.acquire() as connection, connection.transaction():
        desk, placed = await _locked(connection, found)
        if placed.state is State.CAPTURED:
            raise RefusedError(
                ReasonCode.WRONG_STATE,
                "This authorization was captured; refund the bill, and its points go back to the member.",
            )
        if placed.state is not State.PLACED:
            return placed
        now = await read_clock(connection)
        post_clock(desk, [placed.member])
        voided = release(desk, placed, State.VOIDED, now)
        await save_under_lock(connection, desk)
        return voided


async def release_open_authorizations(
    connection: Connection, desk: RedemptionDesk, member: Member, at: datetime
) -> tuple[Authorization, ...]:
    """Void all that the member has reserved, before the account is closed; the caller holds the lock and saves."""
    placed = await load_placed(connection, desk, member)
    return tuple(release(desk, each, State.VOIDED, at) for each in placed)


def release(desk: RedemptionDesk, placed: Authorization, state: State, at: datetime) -> Authorization:
    """Let all its points go and tell it; holds bind of them, then they repay a deficit."""
    ended = replace(placed, state=state, ended_at=at)
    wallet, freed = let_go(desk.wallet(placed.member), placed.shares)
    desk.keep(placed.member, wallet)
    desk.authorizations[ended.authorization_id] = ended
    _settle(desk, ended.member, tell_let_go(desk, ended, freed))
    return ended


async def _locked(connection: Connection, found: Authorization) -> tuple[RedemptionDesk, Authorization]:
    desk = await lock_wallet(connection, found.member)
    assert desk is not None  # noqa: S101 - what reserved points has a wallet
    await load_authorizations(connection, desk, [found.authorization_id])
    return desk, desk.authorizations[found.authorization_id]


def _capture(
    desk: RedemptionDesk, placed: Authorization, points: int, receipt_id: str | None, now: datetime
) -> Authorization:
    captured = replace(
        placed,
        state=State.CAPTURED,
        ended_at=now,
        receipt_id=receipt_id or placed.receipt_id,
        captured_points=points,
        captured_minor=placed.worth(points),
        redemption_id=derived_id(SOURCE, str(placed.authorization_id), "redemption"),
    )
    wallet = desk.wallet(placed.member)
    paying, rest = split(wallet, placed.shares, points)
    wallet, paid = redeem_reserved(wallet, paying)
    desk.redemptions.append(_spending(captured, paid.spendable_before, paying, now))
    wallet, freed = let_go(wallet, rest)
    desk.keep(placed.member, wallet)
    desk.authorizations[captured.authorization_id] = captured
    tell_paid(desk, captured, paid)
    cause = tell_captured(desk, captured, freed)
    if rest:
        _settle(desk, captured.member, cause)
    return captured


def _spending(captured: Authorization, before: int, paying: Sequence[LotPoints], now: datetime) -> Spending:
    """A capture is a redemption like any other: it is traced and given back alike."""
    assert captured.redemption_id is not None  # noqa: S101 - set by the capture
    request = SpendingRequest(
        redemption_id=captured.redemption_id,
        member=captured.member,
        points=captured.captured_points,
        reason=PAID,
        idempotency_key=f"authorization {captured.authorization_id}",
        body_hash=captured.body_hash,
    )
    points = captured.captured_points
    return Spending(request, now, Debit(points, tuple(paying), before, before - points, ()))


def _settle(desk: RedemptionDesk, member: Member, cause: Cause) -> None:
    """What became free: open holds bind of it first, then it repays a deficit."""
    wallet, bound = bind(desk.wallet(member)) if desk.wallet(member).holds else (desk.wallet(member), ())
    wallet, repaid = set_off(wallet)
    desk.keep(member, wallet)
    tell_held(desk, member, bound, cause)
    tell_set_off(desk, member, repaid, cause)
    give_up_if_closed(desk, member, cause)


def _require_placed(placed: Authorization, now: datetime) -> None:
    if placed.state is State.PLACED and now < placed.releases_at:
        return
    state = placed.state if placed.state is not State.PLACED else State.TIMED_OUT
    raise RefusedError(
        ReasonCode.WRONG_STATE, f"This authorization is {state.value}; authorize the bill again under a new key."
    )


def _require_whole_steps(placed: Authorization, points: int) -> None:
    if points > placed.points:
        raise ProblemError(422, "MALFORMED", f"{placed.points} points were authorized; {points} cannot be captured.")
    if points % placed.step_points:
        raise ProblemError(
            422, "MALFORMED", f"Points pay in steps of {placed.step_points}; {points} is no whole number of steps."
        )
