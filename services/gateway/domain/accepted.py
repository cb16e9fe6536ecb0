"""Which events come in by the gateway, and the record each of them becomes."""

from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from shared.events.activity_completed import ActivityCompleted
from shared.events.cloudevent import CloudEvent
from shared.events.contact_updated import ContactUpdated
from shared.events.fields import is_printable
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.events.kafka_binding import encode
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode
from shared.events.recycling_collected import RecyclingCollected
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.events.rejected import FieldError, Rejected

OfReceipt: TypeAlias = PurchaseCompleted | PurchaseRefunded | PurchaseDelivered
OfDrop: TypeAlias = RecyclingCollected | RecyclingRejected
OfMember: TypeAlias = MemberRegistered | MemberUpdated | ContactUpdated | ReferralAccepted | ActivityCompleted
AcceptedData: TypeAlias = OfReceipt | OfDrop | OfMember
ACCEPTED_TYPES: Final = tuple(
    model.TYPE
    for model in (
        PurchaseCompleted,
        PurchaseRefunded,
        PurchaseDelivered,
        RecyclingCollected,
        RecyclingRejected,
        ReferralAccepted,
        ActivityCompleted,
        MemberRegistered,
        MemberUpdated,
        ContactUpdated,
    )
)
NOT_ACCEPTED: Final = f"This release of the gateway does not accept this type; it accepts {', '.join(ACCEPTED_TYPES)}."


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record, in structured mode."""

    topic: str
    key: bytes
    value: bytes


def accepted_data(event: CloudEvent) -> AcceptedData:
    """The event's data, if its type comes in here. Raises Rejected(UNKNOWN_TYPE)."""
    if not isinstance(event.data, OfReceipt | OfDrop | OfMember):
        raise Rejected(ReasonCode.UNKNOWN_TYPE, NOT_ACCEPTED)
    return event.data


def record_key(data: AcceptedData) -> str:
    """The key that decides the partition: the member's, else the receipt's ("One member, one partition").

    Of a referral the invitee is the member. A refund that names neither can match nothing; it is keyed by itself and
    becomes an open claim.
    """
    if isinstance(data, ReferralAccepted):
        return member_key(data.program_id, data.invitee_id)
    if data.member_id is not None:
        return member_key(data.program_id, data.member_id)
    if isinstance(data, PurchaseRefunded):
        return receipt_key(data.program_id, data.receipt_id or data.refund_id)
    return receipt_key(data.program_id, data.receipt_id)


def to_record(event: CloudEvent) -> Record:
    """The record that says exactly what the event said, extensions included. Raises Rejected.

    The key comes from the data; a `partitionkey` of the sender's is not used.
    """
    data = accepted_data(event)
    key = record_key(data)
    value = encode(event.id, event.source, event.type, event.subject, event.time, key, data)
    if event.extensions:
        value = value[:-1] + b"," + orjson.dumps(_carried(event))[1:]
    if len(value) > MAX_MESSAGE_BYTES:
        raise Rejected(ReasonCode.MALFORMED, f"The event is larger than {MAX_MESSAGE_BYTES} bytes.")
    return Record(data.TOPIC, key.encode(), value)


def _carried(event: CloudEvent) -> dict[str, str]:
    """Extensions are carried, not judged, as long as every consumer can read them."""
    wrong = [name for name, text in event.extensions.items() if not (is_printable(name) and is_printable(text))]
    if wrong:
        fields = tuple(FieldError(name, "holds a character that is not printable") for name in wrong[:20])
        raise Rejected(ReasonCode.MALFORMED, "An extension attribute holds a character that is not printable.", fields)
    return dict(event.extensions)
