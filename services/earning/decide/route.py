"""Whose event is it, and does it lie under that key? (architecture.md, One member, one partition, one writer)"""

from datetime import timedelta

from services.earning.desk import EarningDesk, WaitingEntry
from shared.events.cloudevent import Rejected
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.programs.versions import ProgramVersion
from shared.runtime.batch import Delivered, Fate, forwarded, onward_headers

EFFECTS = "earning.effects.v1"


def require_program(desk: EarningDesk, program_id: str) -> None:
    """Raises UNKNOWN_PROGRAM: the runtime has read the versions' topic to its end before this batch."""
    if not desk.programs.knows(program_id):
        raise Rejected(
            ReasonCode.UNKNOWN_PROGRAM,
            f"Program {program_id} was never published; publish it with `greenpoints program apply`, then replay.",
            (),
        )


def forward_if_misplaced(delivered: Delivered, desk: EarningDesk, key: str) -> Fate | None:
    """An event under a wrong key is not applied here: it goes on, unchanged, under the right one."""
    if delivered.key == key.encode():
        return None
    if delivered.topic == EFFECTS and delivered.attempt > 3:
        raise Rejected(ReasonCode.MALFORMED, f"The event keeps arriving under a key other than {key}.", ())
    desk.emit(forwarded(delivered, EFFECTS, key))
    return Fate.FORWARDED


def wait_if_unregistered(delivered: Delivered, desk: EarningDesk, program_id: str, member_id: str) -> Fate | None:
    """An event before its member's registration waits for it, up to the program's grace from its arrival (C01).

    It leaves no inbox row while it waits; a repeat meanwhile is a duplicate of the waiting one.
    """
    if (program_id, member_id) in desk.members:
        return None
    event = delivered.required_event
    known = desk.waiting.get(event.event_key)
    if known is not None:
        if known.content_hash == event.content_hash:
            return Fate.DUPLICATE
        raise Rejected(
            ReasonCode.DUPLICATE_ID_DIFFERENT_CONTENT,
            f"Event {event.id} of {event.source} already waits with other content; the first one stands.",
            (),
        )
    grace = timedelta(hours=newest_version(desk, program_id).pack.registration_grace_hours)
    if delivered.recorded - delivered.arrival >= grace:
        return None
    desk.waiting[event.event_key] = WaitingEntry(
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
    return Fate.FORWARDED


def newest_version(desk: EarningDesk, program_id: str) -> ProgramVersion:
    return desk.programs.versions(program_id)[-1]
