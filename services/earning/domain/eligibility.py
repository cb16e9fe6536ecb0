"""Whether a purchase may earn at all, before its lines are looked at: the first red line it meets."""

from datetime import datetime, timedelta

from services.earning.domain.basis import POINTS_SALE_CATEGORIES
from services.earning.domain.facts import EarnFacts
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.programs.pack import ProgramPack


def refusal_of_deed(
    *, event_time: datetime, arrival: datetime, registered: bool, listed: bool, pack: ProgramPack
) -> ReasonCode | None:
    """What holds for everything a member may earn by: C01, C27 and the age of the event."""
    if not registered:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    if listed:
        return ReasonCode.LISTED_PARTY
    return ReasonCode.EVENT_TOO_OLD if _is_too_old(event_time, arrival, pack) else None


def refusal_of(
    purchase: PurchaseCompleted,
    *,
    event_time: datetime,
    arrival: datetime,
    registered: bool,
    facts: EarnFacts,
    pack: ProgramPack,
) -> ReasonCode | None:
    """C01 (known members only), C07 (points are never sold), C27 (listed parties) and the age of the event."""
    if purchase.member_id is None or not registered:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    if facts.listed:
        return ReasonCode.LISTED_PARTY
    for line in purchase.lines:
        if line.category in POINTS_SALE_CATEGORIES:
            return ReasonCode.POINTS_SALE_PROHIBITED
    return ReasonCode.EVENT_TOO_OLD if _is_too_old(event_time, arrival, pack) else None


def _is_too_old(event_time: datetime, arrival: datetime, pack: ProgramPack) -> bool:
    days = pack.max_event_age_days
    return days != "unlimited" and arrival - event_time > timedelta(days=days)
