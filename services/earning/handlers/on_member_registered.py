"""`member.registered`: the member may earn from now on, and what waited for the registration goes on (C01)."""

from typing import cast

from services.earning.decide.decline import decide
from services.earning.decide.route import EFFECTS, forward_if_misplaced, require_program
from services.earning.desk import EarningDesk, MemberEntry, WaitingEntry
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.runtime.batch import Delivered, Fate, Outgoing


def on_member_registered(delivered: Delivered, desk: EarningDesk) -> Fate:
    """Enter the member; a later registration of the same member only brings its profile up to date."""
    profile = cast(MemberRegistered, delivered.required_event.data)
    require_program(desk, profile.program_id)
    key = member_key(profile.program_id, profile.member_id)
    if (fate := forward_if_misplaced(delivered, desk, key)) is not None:
        return fate
    member = (profile.program_id, profile.member_id)
    known = desk.members.get(member)
    first = profile.registered_at if known is None else min(known.registered_at, profile.registered_at)
    desk.members[member] = MemberEntry(first, profile.phone_verified, profile.listed_party)
    desk.changed_members.add(member)
    for waiting in [entry for entry in desk.waiting.values() if (entry.program_id, entry.member_id) == member]:
        _release(waiting, desk)
    decide(delivered, desk, "registered")
    return Fate.APPLIED


def _release(waiting: WaitingEntry, desk: EarningDesk) -> None:
    """The waiting event goes on unchanged; it is decided when it comes back under this member's key."""
    del desk.waiting[waiting.event_key]
    if not waiting.new:
        desk.released.append(waiting.event_key)
    desk.emit(
        Outgoing(
            EFFECTS,
            waiting.record_key,
            waiting.event_type,
            waiting.event_key,
            waiting.record_value,
            waiting.headers,
        )
    )
