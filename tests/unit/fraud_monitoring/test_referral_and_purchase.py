"""The device's partition learns of buyer and inviter whichever of purchase and referral comes first."""

from datetime import UTC, datetime, timedelta

import pytest

from services.fraud_monitoring.desk import Desk
from services.fraud_monitoring.domain.device_seen import DeviceSeen
from services.fraud_monitoring.domain.limits import Limits
from services.fraud_monitoring.handlers.on_purchase_completed import on_purchase_completed
from services.fraud_monitoring.handlers.on_referral_accepted import on_referral_accepted
from services.fraud_monitoring.shelves import Shelves, Table
from shared.events.event import EventData
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.keys import member_key
from shared.events.referral_accepted import ReferralAccepted
from shared.events.topics import load_topics
from shared.runtime.batch import Delivered, Fate
from shared.runtime.partitioner import partition_of
from tests.infrastructure.till import PROGRAM, purchase

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
INVITEE = "ivy"
PURCHASE = purchase("r-1", INVITEE, 5_000).model_copy(update={"device_hash": "d" * 64})
REFERRAL = ReferralAccepted(program_id=PROGRAM, inviter_id="ian", invitee_id=INVITEE)


def delivered(event_id: str, data: EventData) -> Delivered:
    key = member_key(PROGRAM, INVITEE)
    raw = encode(event_id, "/pos/tests/t1", data.TYPE, INVITEE, NOW - timedelta(hours=1), key, data)
    partition = partition_of(key.encode(), load_topics()[data.TOPIC].partitions)
    event = decode(data.TOPIC, key.encode(), raw, STRUCTURED_HEADERS)
    place = (data.TOPIC, partition, 0, key.encode(), raw, STRUCTURED_HEADERS)
    return Delivered(*place, recorded=NOW, arrival=NOW, attempt=1, event=event, rejection=None)


def sightings(*events: EventData) -> list[DeviceSeen]:
    """What goes on to the devices' partitions, event by event, each with a desk of its own."""
    tables: dict[str, Table] = {}
    shelves = Shelves(lambda name: tables.setdefault(name, {}))
    told: list[DeviceSeen] = []
    for place, data in enumerate(events):
        desk = Desk(shelves, Limits())
        handle = on_purchase_completed if data is PURCHASE else on_referral_accepted
        assert handle(delivered(f"e-{place}-{data.TYPE}", data), desk) is Fate.APPLIED
        told += desk.sightings
    return told


@pytest.mark.parametrize("events", [(PURCHASE, REFERRAL), (REFERRAL, PURCHASE)], ids=["purchase first", "link first"])
def test_in_either_order_the_device_hears_of_the_inviter(events: tuple[EventData, ...]) -> None:
    last = sightings(*events)[-1]
    assert last.device == "d" * 64
    assert last.member.member == INVITEE
    assert last.invited is not None
    assert last.invited.other == "ian"
