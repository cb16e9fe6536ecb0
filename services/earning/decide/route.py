"""Whose event is it, and does it lie under that key? (architecture.md, One member, one partition, one writer)"""

from datetime import timedelta

from services.earning.desk import EarningDesk, MemberKey, WaitingEntry
from shared.events.cloudevent import Rejected
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.programs.versions import ProgramVersion
from shared.runtime.batch import Delivered, Fate, Outgoing, forwarded, onward_headers

EFFECTS = "earning.effects.v1"
OWN_SOURCE = "/earning"


def require_program(desk: EarningDesk, program_id: str) -> None:
    """Raises UNKNOWN_PROGRAM: the runtime has read the versions' topic to its end before this batch."""
    if not desk.programs.knows(program_id):
        raise Rejected(
            ReasonCode.UNKNOWN_PROGRAM,
            f"Program {program_id} was never published; publish it with `greenpoints program apply`, then replay.",
            (),
        )


def require_own(delivered: Delivered) -> None:
    """Raises NOT_AUTHORITATIVE: earning alone says that a referral qualified or was reversed."""
    event = delivered.required_event
    if event.source != OWN_SOURCE:
        raise Rejected(
            ReasonCode.NOT_AUTHORITATIVE,
            f"{event.type} comes from {OWN_SOURCE} alone, not from {event.source}; publish referral.accepted instead.",
            (),
        )


def forward_if_misplaced(delivered: Delivered, desk: EarningDesk, key: str) -> Fate | None:
    """An event under a wrong key or in a wrong partition is not applied here: it goes on as it is.

    That ends: the key follows from the event and its receipt's member, which never changes, and the relay
    partitions as this worker expects.
    """
    if delivered.key == key.encode() and not delivered.misplaced:
        return None
    desk.emit(forwarded(delivered, EFFECTS, key))
    return Fate.FORWARDED


def wait_for_turn(delivered: Delivered, desk: EarningDesk, program_id: str, member_id: str) -> Fate | None:
    """None when the event is to be decided now.

    Before its member's registration an event waits for it, up to the program's grace from its arrival (C01). What
    waited is sent on through earning's own topic; until all of it is back, the member's later events queue behind.
    There is no inbox row meanwhile: a repeat is a duplicate of the one that waits.
    """
    event, member = delivered.required_event, (program_id, member_id)
    if member in desk.members and not desk.waiting and not desk.under_way:
        return None  # nearly every event: nothing waits
    if event.event_key in desk.waiting:
        return end_wait(delivered, desk)
    grace = _grace(desk, program_id)
    if member not in desk.members and delivered.recorded - delivered.arrival < grace:
        _put_to_wait(delivered, desk, member, grace)
        return Fate.FORWARDED
    return queue_behind(delivered, desk, program_id, member_id)


def queue_behind(delivered: Delivered, desk: EarningDesk, program_id: str, member_id: str) -> Fate | None:
    """None unless earlier events of the member are still on their way back: then this one follows them."""
    member = (program_id, member_id)
    if not desk.under_way or desk.under_way[member] <= 0 or delivered.topic == EFFECTS:
        return None
    send_on(_put_to_wait(delivered, desk, member, _grace(desk, program_id)), desk)
    return Fate.FORWARDED


def _grace(desk: EarningDesk, program_id: str) -> timedelta:
    return timedelta(hours=newest_version(desk, program_id).pack.registration_grace_hours)


def _put_to_wait(delivered: Delivered, desk: EarningDesk, member: MemberKey, grace: timedelta) -> WaitingEntry:
    event, (program_id, member_id) = delivered.required_event, member
    entry = WaitingEntry(
        event_key=event.event_key,
        content_hash=event.content_hash,
        program_id=program_id,
        member_id=member_id,
        event_type=event.type,
        arrival=delivered.arrival,
        deadline=delivered.arrival + grace,
        record_key=member_key(program_id, member_id).encode(),
        record_value=delivered.value or b"",
        headers=onward_headers(delivered),
        new=True,
    )
    desk.waiting[event.event_key] = entry
    return entry


def end_wait(delivered: Delivered, desk: EarningDesk) -> Fate | None:
    """None when the event does not wait, or is back from its wait and to be decided now; else a repeat of it."""
    event = delivered.required_event
    known = desk.waiting.get(event.event_key)
    if known is None:
        return None
    if known.content_hash != event.content_hash:
        raise Rejected(
            ReasonCode.DUPLICATE_ID_DIFFERENT_CONTENT,
            f"Event {event.id} of {event.source} already waits with other content; the first one stands.",
            (),
        )
    if not (known.sent_on and delivered.topic == EFFECTS):
        return Fate.DUPLICATE
    take_back_in(known, desk)
    return None


def send_on(waiting: WaitingEntry, desk: EarningDesk) -> None:
    """The waiting event goes on unchanged; it is decided when it comes back under its member's key."""
    waiting.sent_on = waiting.goes_on = True
    desk.under_way[waiting.program_id, waiting.member_id] += 1
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


def take_back_in(waiting: WaitingEntry, desk: EarningDesk) -> None:
    """The event is back and its turn has come."""
    del desk.waiting[waiting.event_key]
    desk.came_back.append(waiting)
    desk.under_way[waiting.program_id, waiting.member_id] -= 1


def newest_version(desk: EarningDesk, program_id: str) -> ProgramVersion:
    return desk.programs.versions(program_id)[-1]
