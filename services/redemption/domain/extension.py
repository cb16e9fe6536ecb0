"""Dates of lots move on, never back (C20)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from services.redemption.domain.lot import Lot, LotState
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.wallet import Wallet
from shared.events.reason_codes import ReasonCode


class Extended(NamedTuple):
    """A lot with its new date, and the date before."""

    lot: Lot
    expires_before: datetime


def extend(wallet: Wallet, lots: Sequence[Lot], expires_at: datetime | None) -> tuple[Wallet, tuple[Extended, ...]]:
    """Give dated lots a later date, None = none any more. Their notices begin anew. The caller has chosen them."""
    later = tuple(Extended(_dated(lot, expires_at), lot.expires_at) for lot in lots if lot.expires_at is not None)
    return wallet.with_lots(each.lot for each in later), later


def chosen(wallet: Wallet, lot_ids: Collection[UUID] | None, expires_at: datetime | None) -> list[Lot]:
    """The lots that an extension means: those named, or all that have points and would expire sooner.

    Raises RefusedError EXPIRY_SHORTENED where a named one would live shorter, NOT_ELIGIBLE for one that has no points.
    """
    open_lots = {lot.lot_id: lot for lot in wallet.lots.values() if lot.remaining or lot.held or lot.reserved}
    if lot_ids is None:
        return sorted((lot for lot in open_lots.values() if _is_later(expires_at, lot)), key=lambda lot: lot.lot_id)
    named = []
    for lot_id in sorted(set(lot_ids)):
        lot = open_lots.get(lot_id)
        if lot is None:
            raise RefusedError(
                ReasonCode.NOT_ELIGIBLE, f"Lot {lot_id} is not this member's, or nothing of it is left to extend."
            )
        if expires_at is not None and (lot.expires_at is None or lot.expires_at > expires_at):
            until = "ever" if lot.expires_at is None else lot.expires_at.isoformat()
            raise RefusedError(
                ReasonCode.EXPIRY_SHORTENED,
                f"Lot {lot_id} lives until {until}, which {expires_at.isoformat()} would shorten; name a later date.",
            )
        if _is_later(expires_at, lot):
            named.append(lot)
    return named


def _is_later(expires_at: datetime | None, lot: Lot) -> bool:
    return lot.expires_at is not None and (expires_at is None or expires_at > lot.expires_at)


def _dated(lot: Lot, expires_at: datetime | None) -> Lot:
    state = LotState.AVAILABLE if lot.state is LotState.EXPIRED else lot.state
    return lot._replace(expires_at=expires_at, lapses_at=None, state=state)
