"""hold.placed: fraud monitoring wants points kept until a person has looked (C26)."""

from uuid import UUID

from services.redemption.desk import RedemptionDesk
from services.redemption.domain.binding import bind, place
from services.redemption.domain.hold import Placed, Scope
from services.redemption.end_hold import end_hold
from services.redemption.outcomes import cause_of
from services.redemption.post_clock import post_clock
from services.redemption.told.holds import tell_held
from shared.events.cloudevent import CloudEvent, Rejected, uuid_from
from shared.events.hold_placed import HoldPlaced
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_hold_placed(delivered: Delivered, desk: RedemptionDesk) -> Fate:
    """Bind what the hold names and is there; the rest it binds when it comes.

    A hold that is known binds nothing more. One whose decision came before it is bound and ended at once, so that
    the order of the two makes no difference.
    """
    event, asked = delivered.required_event, _data(delivered)
    member = (asked.program_id, asked.member_id)
    known = desk.wallet(member).holds.get(asked.hold_id)
    if known is not None and known.placed is not None:
        return Fate.DUPLICATE
    placed = _placed(event, asked)
    post_clock(desk, [member])
    cause = cause_of(event)
    wallet, bound = bind(place(desk.wallet(member), asked.hold_id, placed))
    desk.keep(member, wallet)
    tell_held(desk, member, bound, cause, placed_now=asked.hold_id)
    if known is not None and known.decision is not None:
        end_hold(desk, member, asked.hold_id, known.decision)
    return Fate.APPLIED


def _placed(event: CloudEvent, asked: HoldPlaced) -> Placed:
    return Placed(
        scope=Scope(asked.scope),
        grant_ids=frozenset(_grant_id(each) for each in asked.grant_ids),
        asked=asked.points,
        reason=asked.reason,
        deadline=asked.deadline,
        case_id=asked.case_id,
        event_id=event.id,
        event_key=event.event_key,
        correlation_id=asked.correlation_id,
        at=event.time,
    )


def _grant_id(text: str) -> UUID:
    try:
        return uuid_from(text)
    except ValueError:
        raise Rejected(
            ReasonCode.MALFORMED, f"The hold names the grant {text}, which is no UUID; send the ids of points.granted."
        ) from None


def _data(delivered: Delivered) -> HoldPlaced:
    data = delivered.required_event.data
    assert isinstance(data, HoldPlaced)  # noqa: S101 - the runtime chooses the handler by this type
    return data
