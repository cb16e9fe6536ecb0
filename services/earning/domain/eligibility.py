"""Whether a purchase may earn at all, before its lines are looked at: the first red line it meets."""

from datetime import datetime, timedelta

from services.earning.domain.basis import POINTS_SALE_CATEGORIES
from services.earning.domain.facts import EarnFacts
from services.earning.domain.licence import refusal_by_licence
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.programs.pack import ProgramPack


def refusal_of_deed(
    *, event_time: datetime, arrival: datetime, registered: bool, listed: bool, pack: ProgramPack
) -> ReasonCode | None:
    """What holds for everything a member may earn by: C01, C27, the age of the event, and C06."""
    return refusal_of_member(
        event_time=event_time, arrival=arrival, registered=registered, listed=listed, pack=pack
    ) or refusal_by_licence(pack, event_time)


def refusal_of_member(
    *, event_time: datetime, arrival: datetime, registered: bool, listed: bool, pack: ProgramPack
) -> ReasonCode | None:
    """The same where nothing is issued yet: without C06."""
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
    """C01 (known members only), C07 (points are never sold), C27 (listed parties), the age of the event, and C06."""
    if purchase.member_id is None or not registered:
        return ReasonCode.ISSUE_TO_UNSPECIFIED
    if facts.listed:
        return ReasonCode.LISTED_PARTY
    for line in purchase.lines:
        if line.category in POINTS_SALE_CATEGORIES:
            return ReasonCode.POINTS_SALE_PROHIBITED
    if _is_too_old(event_time, arrival, pack):
        return ReasonCode.EVENT_TOO_OLD
    return refusal_by_licence(pack, event_time)


def _is_too_old(event_time: datetime, arrival: datetime, pack: ProgramPack) -> bool:
    days, age = pack.max_event_age_days, arrival - event_time
    return days != "unlimited" and age.days >= days and age > timedelta(days=days)
