"""The official CloudEvents SDK as an independent sender: every mode is read as the same event."""

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as SdkEvent

from shared.events.cloudevent import CloudEvent
from shared.events.http_binding import decode_request
from shared.events.kafka_binding import decode
from shared.events.purchase_completed import PurchaseCompleted

TOPIC = "pos.purchases.v1"
CHINA = timezone(timedelta(hours=8))
DATA: dict[str, Any] = {
    "program_id": "greenmart",
    "merchant_id": "果铺",
    "store_id": "store-1",
    "terminal_id": "till-1",
    "receipt_id": "R 100%",
    "member_id": "会员-1",
    "currency": "CNY",
    "lines": [
        {
            "line_id": "1",
            "sku": "apple",
            "name": '苹果 "A": 1 kg',
            "labels": ["organic"],
            "condition": "new",
            "quantity": 2,
            "net_minor": 12_800,
        }
    ],
    "tenders": [{"kind": "wechat_pay", "amount_minor": 13_300}],
    "total_minor": 13_300,
    "shipping_minor": 500,
    "channel": "online",
}


def sdk_event(data: dict[str, Any] | bytes, **changes: Any) -> SdkEvent:
    attributes: dict[str, Any] = {
        "id": "sale-1",
        "source": "/pos/%E6%9E%9C%E9%93%BA/till-1",
        "type": "greenpoints.purchase.completed.v1",
        "subject": "会员-1",
        "time": datetime(2026, 5, 10, 9, 30, 0, 250_000, tzinfo=CHINA),
        "datacontenttype": "application/json",
        "partitionkey": "greenmart/会员-1",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    return SdkEvent(attributes | changes, data)


def from_kafka(message: kafka.KafkaMessage) -> CloudEvent:
    key = message.key.encode() if isinstance(message.key, str) else message.key
    return decode(TOPIC, key, message.value, list(message.headers.items()))


def from_http(message: http.HTTPMessage) -> CloudEvent:
    headers = {name.lower(): value for name, value in message.headers.items()}
    (event,) = decode_request(headers["content-type"], headers, message.body)
    assert isinstance(event, CloudEvent)
    return event


def by_every_way(event: SdkEvent) -> dict[str, CloudEvent]:
    form = JSONFormat()
    batch = b"[" + form.write(event) + b", " + form.write(event) + b"]"
    first, second = decode_request("application/cloudevents-batch+json", {}, batch)
    assert isinstance(first, CloudEvent)
    assert first == second
    return {
        "kafka binary": from_kafka(kafka.to_binary(event, form)),
        "kafka structured": from_kafka(kafka.to_structured(event, form)),
        "http binary": from_http(http.to_binary(event, form)),
        "http structured": from_http(http.to_structured(event, form)),
        "http batch": first,
    }


def test_every_mode_is_the_same_event() -> None:
    events = by_every_way(sdk_event(DATA))
    reference = events["kafka structured"]
    assert reference.time == datetime(2026, 5, 10, 1, 30, 0, 250_000, tzinfo=UTC)
    assert reference.subject == "会员-1"
    assert reference.extensions["traceparent"].startswith("00-0af7")
    assert isinstance(reference.data, PurchaseCompleted)
    assert reference.data.lines[0].name == '苹果 "A": 1 kg'
    for way, event in events.items():
        assert event == reference, way
        assert event.content_hash == reference.content_hash, way


def test_data_as_bytes_is_the_same_content() -> None:
    reference = by_every_way(sdk_event(DATA))["kafka binary"]
    for way, event in by_every_way(sdk_event(json.dumps(DATA).encode())).items():
        assert event == reference, way


@pytest.mark.parametrize("changes", [{"id": "sale-2"}, {"source": "/pos/other"}])
def test_another_identity_with_the_same_content(changes: dict[str, str]) -> None:
    reference = by_every_way(sdk_event(DATA))["http binary"]
    for event in by_every_way(sdk_event(DATA, **changes)).values():
        assert event.content_hash == reference.content_hash
        assert event.event_key != reference.event_key


def test_other_content_under_the_same_identity() -> None:
    reference = by_every_way(sdk_event(DATA))["http binary"]
    for event in by_every_way(sdk_event(DATA | {"receipt_id": "R-2"})).values():
        assert event.content_hash != reference.content_hash
        assert event.event_key == reference.event_key
