"""points.granted: earning issued points; they become one lot."""

from datetime import datetime
from uuid import UUID

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.binding import bind
from services.redemption.domain.inactivity import idle_expiry
from services.redemption.domain.lot import Lot, LotState, Origin
from services.redemption.domain.wallet import open_lot, set_off
from services.redemption.give_up import give_up_if_closed
from services.redemption.note_purchase import note_purchase
from services.redemption.outcomes import cause_of, tell_set_off
from services.redemption.told.holds import tell_held
from shared.events.cloudevent import CloudEvent, Rejected, uuid_from
from shared.events.points_granted import PointsGranted
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_points_granted(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Open the grant's lot; a grant that has one already pays nothing, however late it is repeated."""
    return open_granted(delivered.required_event, _data(delivered), desk)


def open_granted(event: CloudEvent, granted: PointsGranted, desk: RedemptionDesk) -> Fate:
    """What every sort of issued points has in common.

    A lot available from the grant's own time on is born available and repays a deficit at once. Any other is born
    pending and matures by an event of its own, so that a rebuild, whenever it runs, posts the same rows.
    What an open hold waits for it binds before a deficit is repaid: held points are not spendable. A closed account
    gives up the rest at once (C22).
    """
    if not granted.points:
        raise Rejected(ReasonCode.MALFORMED, f"Grant {granted.grant_id} grants no points; a grant has at least 1.")
    lot_id = uuid_from(granted.grant_id)
    if lot_id in desk.known_lots:
        return Fate.DUPLICATE
    member = (granted.program_id, granted.member_id)
    at_once = granted.available_at is not None and granted.available_at <= event.time
    overdue = at_once or (granted.available_at is not None and lot_id in desk.overdue)
    lot = Lot(
        lot_id=lot_id,
        grant_id=lot_id,
        points=granted.points,
        remaining=granted.points,
        posted=LotState.AVAILABLE if at_once else LotState.PENDING,
        state=LotState.AVAILABLE if overdue else LotState.PENDING,
        granted_at=event.time,
        available_at=granted.available_at,
        expires_at=granted.expires_at or _idle_expiry(event, granted, lot_id, desk),
        origin=Origin(event.id, granted.correlation_id, granted.rule_version),
    )
    wallet = open_lot(desk.wallet(member), lot)
    wallet, bound = bind(wallet) if wallet.holds else (wallet, ())
    wallet, repaid = set_off(wallet)
    desk.keep(member, wallet)
    desk.open(lot_id, lot.account, event, granted)
    if desk.asked_labels and granted.lines:
        note_purchase(desk, event, granted, lot_id)
    if bound or repaid is not None or wallet.closed_at is not None:
        cause = cause_of(event)
        tell_held(desk, member, bound, cause)
        tell_set_off(desk, member, repaid, cause)
        give_up_if_closed(desk, member, cause)
    return Fate.APPLIED


def _idle_expiry(event: CloudEvent, granted: PointsGranted, lot_id: UUID, desk: RedemptionDesk) -> datetime | None:
    """Of points that expire by inactivity, earning leaves the date open: a grant is an activity itself."""
    date = idle_expiry(desk.programs, granted.program_id, granted.rule_version, event.time)
    if date is not None:
        desk.idle_lots[lot_id] = event.time
    return date


def _data(delivered: Delivered) -> PointsGranted:
    data = delivered.required_event.data
    assert isinstance(data, PointsGranted)  # noqa: S101 - the runtime chooses the handler by this type
    return data
