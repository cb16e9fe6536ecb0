"""What redemption tells the world: each change of a wallet as one event, its id derived from its cause."""

from collections.abc import Iterable
from typing import Literal, cast
from uuid import UUID

from services.redemption.desk import Cause, Member, RedemptionDesk, Spending
from services.redemption.domain.claw_back import ClawBack
from services.redemption.domain.lot import Account
from services.redemption.domain.maturity import Matured, mature
from services.redemption.domain.wallet import SetOff
from shared.events.cloudevent import CloudEvent, derived_id, event_key
from shared.events.event import CausedEvent
from shared.events.keys import member_key
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_matured import PointsMatured
from shared.events.points_redeemed import Allocation, PointsRedeemed
from shared.events.points_set_off import PointsSetOff
from shared.events.points_taken_back import PointsTakenBack, TakenFromLot
from shared.runtime.batch import outgoing_event

SOURCE = "/redemption"
_NOT_A_LOTS = (Account.DEFICIT, Account.WAIVED, Account.HELD)  # held points are told by hold


def cause_of(event: CloudEvent) -> Cause:
    """An inbound event as the cause of journal rows."""
    return Cause(event.type, event.event_key, event.id, event.time)


def post_maturities(desk: RedemptionDesk, members: Iterable[Member]) -> None:
    """Post and tell what the clock has done to loaded wallets, and the deficits it repaid."""
    for member in members:
        wallet, told = mature(desk.wallet(member))
        desk.keep(member, wallet)
        for matured in told:
            tell_matured(desk, member, matured)


def tell_matured(desk: RedemptionDesk, member: Member, matured: Matured) -> None:
    lot = matured.lot
    data = PointsMatured(
        program_id=member[0],
        member_id=member[1],
        causation_id=lot.origin.granted_event_id,
        correlation_id=lot.origin.correlation_id,
        rule_version=lot.origin.rule_version,
        lot_id=str(lot.lot_id),
        points=matured.points,
        matured_at=matured.matured_at,
        deficit_set_off=matured.set_off.points if matured.set_off else 0,
    )
    event_id = derived_id(SOURCE, str(lot.lot_id), "points.matured")
    cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), matured.matured_at)
    desk.post(member, matured.movements, cause)
    emit(desk, event_id, cause, data)
    tell_set_off(desk, member, matured.set_off, cause)


def tell_set_off(desk: RedemptionDesk, member: Member, repaid: SetOff | None, because: Cause) -> None:
    """Post and tell each lot's share of a repaid deficit."""
    if repaid is None:
        return
    wallet, owed = desk.wallet(member), repaid.deficit_before
    for share, movement in zip(repaid.shares, repaid.movements, strict=True):
        origin = wallet.lots[share.lot_id].origin
        data = PointsSetOff(
            program_id=member[0],
            member_id=member[1],
            causation_id=because.id,
            correlation_id=origin.correlation_id,
            rule_version=origin.rule_version,
            lot_id=str(share.lot_id),
            points=share.points,
            deficit_before=owed,
            deficit_after=owed - share.points,
        )
        owed -= share.points
        event_id = derived_id(SOURCE, f"{because.key}/{share.lot_id}", "points.set_off")
        cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), because.time)
        desk.post(member, (movement,), cause)
        emit(desk, event_id, cause, data)


def tell_taken_back(desk: RedemptionDesk, event: CloudEvent, asked: PointsClawedBack, outcome: ClawBack) -> None:
    """Tell the complete account of a claw-back; its journal rows name the claw-back itself."""
    data = PointsTakenBack(
        program_id=asked.program_id,
        member_id=asked.member_id,
        causation_id=event.id,
        correlation_id=asked.correlation_id,
        rule_version=asked.rule_version,
        claw_back_id=event.id,
        grant_id=asked.grant_id,
        points=outcome.points,
        allocations=_taken_from(outcome),
        deficit_before=outcome.wallet_before.deficit,
        deficit_after=outcome.wallet_after.deficit,
        waived=outcome.waived,
        already_gone=outcome.already_gone,
    )
    event_id = derived_id(event.source, event.id, "points.taken_back")
    emit(desk, event_id, cause_of(event), data)


def _taken_from(outcome: ClawBack) -> tuple[TakenFromLot, ...]:
    """By lot and state; what was held, by hold."""
    free = [
        TakenFromLot(lot_id=str(moved.lot_id), points=moved.points, from_state=_state(moved.from_account))
        for moved in outcome.movements
        if moved.from_account not in _NOT_A_LOTS
    ]
    held = [
        TakenFromLot(lot_id=str(share.lot_id), points=share.points, from_state="held", hold_id=share.hold_id)
        for share in outcome.out_of_holds
    ]
    return (*free, *held)


def post_redemption(desk: RedemptionDesk, spending: Spending) -> None:
    """Post a member's debit and tell it with its allocations (C25)."""
    request, spent = spending.request, spending.debit
    data = PointsRedeemed(
        program_id=request.member[0],
        member_id=request.member[1],
        causation_id=request.idempotency_key,
        correlation_id=str(request.redemption_id),
        redemption_id=str(request.redemption_id),
        points=spent.points,
        allocations=tuple(
            Allocation(lot_id=str(share.lot_id), grant_id=str(share.grant_id), points=share.points)
            for share in spent.allocations
        ),
        balance_before=spent.spendable_before,
        balance_after=spent.spendable_after,
        idempotency_key=request.idempotency_key,
        body_hash=request.body_hash.hex(),
        reason=request.reason,
    )
    event_id = redeemed_event_id(request.redemption_id)
    cause = Cause(data.TYPE, event_key(SOURCE, str(event_id)), str(event_id), spending.requested_at)
    desk.post(request.member, spent.movements, cause)
    desk.redemptions.append(spending)
    emit(desk, event_id, cause, data)


def redeemed_event_id(redemption_id: UUID) -> UUID:
    """Of the points.redeemed that tells a debit."""
    return derived_id(SOURCE, str(redemption_id), "points.redeemed")


def redemption_id(member: Member, idempotency_key: str) -> UUID:
    """One key, one redemption."""
    return derived_id(f"{SOURCE}/{member_key(*member)}", idempotency_key, "redemption")


def emit(desk: RedemptionDesk, event_id: UUID, cause: Cause, data: CausedEvent) -> None:
    """One event of redemption's about one member."""
    key = member_key(data.program_id, data.member_id)
    desk.emit(outgoing_event(data.TOPIC, key, event_id, SOURCE, data.member_id, cause.time, data))


def _state(account: Account) -> Literal["pending", "held", "available", "reserved", "expired", "forfeited"]:
    return cast(Literal["pending", "held", "available", "reserved", "expired", "forfeited"], account.value)
