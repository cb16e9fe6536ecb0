"""A record without value on members.contacts.v1: forget how to reach this member."""

from services.notification.desk import NotificationDesk
from shared.events.cloudevent import Rejected
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_contact_erased(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Delete contact and recipients, and empty the dead letters of this key; what is still queued is suppressed."""
    program_id, _, member_id = _text(delivered.key).partition("/")
    if not program_id or not member_id:
        raise Rejected(ReasonCode.MALFORMED, "An erasure is keyed by <program_id>/<member_id>.", ())
    desk.forget((program_id, member_id))
    return Fate.APPLIED


def _text(key: bytes | None) -> str:
    try:
        return (key or b"").decode()
    except UnicodeDecodeError:
        return ""
