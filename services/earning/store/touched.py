"""Which members, receipts, drops and referrals the events of a batch touch: the parameters of the load."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from services.earning.deeds import key_of_drop, key_of_referral
from services.earning.desk import MemberKey, key_of_receipt
from services.earning.store.load_occasions import occasion_load_arguments
from shared.events.activity_completed import ActivityCompleted
from shared.events.birthday_reached import BirthdayReached
from shared.events.correction_requested import CorrectionRequested
from shared.events.event import EventData
from shared.events.member_closed import MemberClosed
from shared.events.member_registered import MemberRegistered
from shared.events.member_updated import MemberUpdated
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_delivered import PurchaseDelivered
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.recycling_collected import RecyclingCollected
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.events.tier_floor_requested import TierFloorRequested
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.statement import ids_as_text

_OF_ONE_MEMBER = (
    MemberUpdated,
    MemberClosed,
    ActivityCompleted,
    BirthdayReached,
    CorrectionRequested,
    TierFloorRequested,
)


def load_arguments(partition: int, events: Sequence[Delivered], programs: ProgramBook) -> dict[str, object]:
    """Every parameter of `load.LOAD`."""
    touched = _Touched()
    others: list[Delivered] = []
    for delivered in events:
        body = delivered.required_event.data
        touched.programs.add(getattr(body, "program_id", ""))
        if isinstance(body, PurchaseCompleted):
            touched.by_purchase(body)
        elif isinstance(body, PurchaseRefunded | PurchaseDelivered):
            touched.by_what_follows(body)
        else:
            touched.by_other(body)
            others.append(delivered)
    return {
        "partition": partition,
        "event_keys": [delivered.required_event.event_key for delivered in events],
        **touched.arguments(),
        **occasion_load_arguments(others, programs),
    }


@dataclass(slots=True)
class _Touched:
    members: set[MemberKey] = field(default_factory=set)
    new: set[MemberKey] = field(default_factory=set)
    invitees: set[MemberKey] = field(default_factory=set)
    receipts: set[UUID] = field(default_factory=set)
    alone: set[UUID] = field(default_factory=set)  # named without their member
    skus: set[tuple[str, str, str]] = field(default_factory=set)
    drops: set[UUID] = field(default_factory=set)
    rewards: set[UUID] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)

    def by_purchase(self, body: PurchaseCompleted) -> None:
        self.receipts.add(key_of_receipt(body.program_id, body.merchant_id, body.receipt_id))
        if body.member_id is not None:
            self.members.add((body.program_id, body.member_id))

    def by_what_follows(self, body: PurchaseRefunded | PurchaseDelivered) -> None:
        if body.member_id is not None:
            self.members.add((body.program_id, body.member_id))
        if body.receipt_id is not None:
            key = key_of_receipt(body.program_id, body.merchant_id, body.receipt_id)
            self.receipts.add(key)
            if body.member_id is None:
                self.alone.add(key)
        elif isinstance(body, PurchaseRefunded) and body.member_id is not None:
            self.skus.update((body.program_id, body.member_id, line.sku) for line in body.lines)

    def by_other(self, body: EventData) -> None:
        if isinstance(body, MemberRegistered):
            self.new.add((body.program_id, body.member_id))
        elif isinstance(body, _OF_ONE_MEMBER):
            self.members.add((body.program_id, body.member_id))
        elif isinstance(body, RecyclingCollected | RecyclingRejected):
            self.members.add((body.program_id, body.member_id))
            self.drops.add(key_of_drop(body.program_id, body.drop_id))
        elif isinstance(body, ReferralAccepted):
            self.invitees.add((body.program_id, body.invitee_id))
        elif isinstance(body, ReferralQualified | ReferralReversed):
            self.members.add((body.program_id, body.member_id))
            self.rewards.add(key_of_referral(body.program_id, body.invitee_id))

    def arguments(self) -> dict[str, object]:
        members = self.members | self.new | self.invitees
        return {
            "member_program": ids_as_text(program for program, _ in members),
            "member_id": ids_as_text(member for _, member in members),
            "new_program": [program for program, _ in self.new],
            "new_member": [member for _, member in self.new],
            "receipt_key": list(self.receipts),
            "receipt_alone": list(self.alone),
            "sku_program": [program for program, _, _ in self.skus],
            "sku_member": [member for _, member, _ in self.skus],
            "sku": [sku for _, _, sku in self.skus],
            "invitee_program": [program for program, _ in self.invitees],
            "invitee_id": [member for _, member in self.invitees],
            "drop_key": list(self.drops),
            "reward_key": list(self.rewards),
            "programs": list(self.programs),
        }
