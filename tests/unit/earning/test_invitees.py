"""Which events of a back-test end their batch, because earning may tell itself something of them."""

from datetime import UTC, datetime
from uuid import UUID

from services.earning.simulation.invitees import Invitees
from shared.events.event import EventData
from shared.events.kafka_binding import encode
from shared.events.points_granted import GrantSource
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.runtime.batch import Outgoing
from tests.infrastructure.till import PROGRAM, purchase, refund

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def told(data: EventData) -> Outgoing:
    payload = encode("e1", "/earning", data.TYPE, "bob", NOW, "fruit-shop/bob", data)
    return Outgoing("earning.effects.v1", b"fruit-shop/bob", data.TYPE, UUID(int=0), payload)


QUALIFIED = ReferralQualified(
    program_id=PROGRAM, member_id="bob", invitee_id="carol", qualified_at=NOW, causation_id="c#1",
    correlation_id="c#1", source=GrantSource(type=PurchaseCompleted.TYPE, id="buy"),
)  # fmt: skip


def test_the_first_order_of_somebody_invited_and_its_refund_end_a_batch_and_no_others_do() -> None:
    invitees = Invitees()
    order, back = purchase("r1", "carol", 100), refund("f1", "r1", "carol", ("1", 100))
    assert not invitees.may_tell(order), "nobody has invited her"
    assert invitees.may_tell(ReferralAccepted(program_id=PROGRAM, inviter_id="bob", invitee_id="carol"))
    assert invitees.may_tell(order)
    assert not invitees.may_tell(purchase("r2", "dave", 100))
    assert not invitees.may_tell(back), "no order of hers has qualified"
    invitees.hear([told(QUALIFIED)])
    assert not invitees.may_tell(order), "the first order is behind her"
    assert invitees.may_tell(back)
    assert invitees.may_tell(refund("f2", "r1", None, ("1", 100))), "whose it is the receipt alone says"
