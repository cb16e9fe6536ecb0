"""contact.updated: how to reach a member, or a friend who receives a reward."""

from services.notification.desk import Contact, NotificationDesk
from shared.events.cloudevent import Rejected
from shared.events.contact_updated import ContactUpdated
from shared.events.keys import member_key
from shared.events.reason_codes import ReasonCode
from shared.runtime.batch import Delivered, Fate


def on_contact_updated(delivered: Delivered, desk: NotificationDesk) -> Fate:
    """Keep the member's own contact data whole, or one recipient's address beside it.

    Under another key the record would outlive an erasure, so it is refused.
    """
    said = delivered.required_event.data
    assert isinstance(said, ContactUpdated)  # noqa: S101 - the runtime chooses the handler by this type
    if delivered.key != member_key(said.program_id, said.member_id).encode():
        raise Rejected(
            ReasonCode.MALFORMED,
            "The record's key is not <program_id>/<member_id> of its data; an erasure would not reach it.",
            (),
        )
    member = (said.program_id, said.member_id)
    if said.recipient_ref is not None and said.address is not None:
        desk.recipients[said.program_id, said.member_id, said.recipient_ref] = said.address
    else:
        desk.contacts[member] = Contact(said.email and said.email.strip(), said.phone, said.webhook)
    return Fate.APPLIED
