"""`points.granted` is written field by field; it says what the contract's model would say, byte for byte."""

from datetime import timedelta
from typing import Any, cast

import orjson
import pytest

from services.earning.app import SERVICE
from services.earning.desk import EarningDesk
from shared.events.hot import read_hot
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.batch import Outgoing
from tests.unit.earning.builders import NOON, line, purchase
from tests.unit.earning_handlers.test_histories import Happening, delivered, open_desk


def told(bought: PurchaseCompleted) -> Outgoing:
    desk: EarningDesk = open_desk()
    record = delivered(Happening("sale-1", bought, NOON + timedelta(microseconds=250)))
    SERVICE.handlers[PurchaseCompleted](record, desk)
    (outgoing,) = desk.outbox
    return outgoing


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"channel": "online"},
        {"channel": "online", "delivered_at": NOON + timedelta(days=2)},
        {"lines": (line(1_200, labels=("green", "本地")), line(3_450, line_id="2"), line(1, line_id="3"))},
    ],
    ids=["in a shop", "not delivered yet", "delivered", "labels and a line without points"],
)
def test_it_is_what_the_model_would_write(changes: dict[str, Any]) -> None:
    lines = changes.pop("lines", (line(6_000),))
    outgoing = told(purchase(*lines, member_id="alice", **changes))
    assert outgoing.payload is not None
    event = decode(outgoing.topic, outgoing.key, outgoing.payload, STRUCTURED_HEADERS)
    assert isinstance(event.data, PointsGranted)
    key = (outgoing.key or b"").decode()
    again = encode(event.id, event.source, event.type, event.subject, event.time, key, event.data)
    assert orjson.loads(outgoing.payload) == orjson.loads(again)
    assert outgoing.payload == again


@pytest.mark.parametrize(
    "labels", [{}, {"labels": []}, {"labels": ["green"]}], ids=["none", "named, but empty", "some"]
)
def test_a_purchase_as_a_till_wrote_it_is_told_like_its_model(labels: dict[str, list[str]]) -> None:
    bought = purchase(line(1_200, labels=tuple(labels.get("labels", ()))), member_id="alice")
    said = orjson.loads(encode("sale-1", "/pos", bought.TYPE, "alice", NOON, "fruit-shop/alice", bought))
    said["data"]["lines"][0].update(labels)
    as_written = read_hot(orjson.dumps(said))
    assert as_written is not None
    assert told(cast(PurchaseCompleted, as_written.data)).payload == told(bought).payload
