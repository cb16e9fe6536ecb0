"""What a good message becomes: one event with one key and one content hash, whatever its mode."""

import base64
import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import orjson
import pytest

from shared.events.cloudevent import CloudEvent, derived_id, event_key
from shared.events.http_binding import decode_request
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode, encode
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.reason_codes import ReasonCode
from shared.events.rejected import Rejected
from tests.unit.events.sales import (
    KEY,
    STRUCTURED,
    TOPIC,
    binary_headers,
    envelope,
    purchase_data,
    structured,
)


def decoded(value: bytes, headers: list[tuple[str, bytes]] | None = None) -> CloudEvent:
    return decode(TOPIC, KEY, value, STRUCTURED if headers is None else headers)


def test_a_structured_purchase() -> None:
    event = decoded(structured(traceparent="00-1-2-03", count=3, flag=True, nothing=None))
    assert event.id == "sale-1"
    assert event.source == "/pos/fruit-shop/till-1"
    assert event.subject == "member-1"
    assert event.time == datetime(2026, 5, 10, 1, 30, tzinfo=UTC)
    assert event.time.tzinfo is UTC
    assert event.partitionkey == "greenmart/member-1"
    assert event.extensions == {"traceparent": "00-1-2-03", "count": "3", "flag": "true"}
    assert event.event_key == event_key("/pos/fruit-shop/till-1", "sale-1")
    assert isinstance(event.data, PurchaseCompleted)
    assert event.data.lines[1].net_minor == 2_800
    assert len(event.content_hash) == 16


def test_all_modes_give_one_event() -> None:
    data = json.dumps(purchase_data()).encode()
    with_base64 = envelope() | {"data_base64": base64.b64encode(data).decode()}
    del with_base64["data"]
    attributes = envelope()
    del attributes["data"]
    http_headers = {f"ce-{name}": str(value) for name, value in attributes.items()}
    events = [
        decoded(structured()),
        decoded(structured(datacontenttype="application/json")),
        decoded(structured(), [("Content-Type", b"Application/CloudEvents+JSON")]),
        decoded(orjson.dumps(with_base64)),
        decoded(data, binary_headers()),
        decoded(data, binary_headers()[1:]),
        *decode_request("application/json", http_headers, data),
        *decode_request("", {name.upper(): value for name, value in http_headers.items()}, data),
        *decode_request("application/cloudevents+json", {}, structured()),
        *decode_request("application/cloudevents-batch+json", {}, b"[" + structured() + b"]"),
    ]
    assert len(events) == 10
    assert all(event == events[0] for event in events)


@pytest.mark.parametrize(
    "same",
    [
        {"member_id": "member-1", "cashier_id": None},
        {"shipping_minor": 0},
        {"shipping_minor": None},
        {"codes": []},
        {"codes": None},
        {"unknown": {"deep": [1, 2.5]}},
    ],
)
def test_absent_null_and_default_are_one_content(same: dict[str, Any]) -> None:
    event = decoded(structured(purchase_data(**same)))
    assert event.content_hash == decoded(structured()).content_hash
    assert event.known == decoded(structured()).known


@pytest.mark.parametrize(
    "other",
    [
        structured(purchase_data(receipt_id="R-2")),
        structured(purchase_data(member_id=None)),
        structured(subject=...),
        structured(time="2026-05-10T09:30:00.000001+08:00"),
        structured(purchase_data(codes=["SPRING"])),
    ],
)
def test_other_content_has_another_hash(other: bytes) -> None:
    assert decoded(other).content_hash != decoded(structured()).content_hash


def test_the_hash_ignores_envelope_extensions_order_and_offset() -> None:
    event = decoded(structured())
    reordered = purchase_data()
    reordered = dict(reversed(reordered.items()))
    changed = decoded(structured(reordered, time="2026-05-10T01:30:00Z", traceparent="x", partitionkey=...))
    assert changed.content_hash == event.content_hash
    assert changed.partitionkey == KEY.decode()


def test_the_order_of_a_mapping_means_nothing() -> None:
    def profile(consents: dict[str, bool]) -> bytes:
        data = {
            "program_id": "greenmart",
            "member_id": "member-1",
            "registered_at": "2026-01-01T00:00:00Z",
            "phone_verified": True,
            "consents": consents,
        }
        return structured(data, "member.registered")

    topic = "members.profiles.v1"
    one = decode(topic, KEY, profile({"a": True, "b": False}), STRUCTURED)
    two = decode(topic, KEY, profile({"b": False, "a": True}), STRUCTURED)
    three = decode(topic, KEY, profile({"b": True, "a": False}), STRUCTURED)
    assert one.content_hash == two.content_hash != three.content_hash


@pytest.mark.parametrize("member_id", [None, ...])
def test_an_anonymous_receipt(member_id: Any) -> None:
    data = {name: value for name, value in purchase_data(member_id=member_id).items() if value is not ...}
    event = decoded(structured(data, subject=...))
    assert isinstance(event.data, PurchaseCompleted)
    assert event.data.member_id is None


def test_stock_movements_at_price_0() -> None:
    lines = [
        *purchase_data()["lines"],
        {"line_id": "3", "sku": "crate", "condition": "new", "quantity": -1_000_000, "net_minor": 0},
        {"line_id": "4", "sku": "crate", "condition": "new", "quantity": 0, "net_minor": 0},
    ]
    event = decoded(structured(purchase_data(lines=lines)))
    assert isinstance(event.data, PurchaseCompleted)
    assert event.data.lines[2].quantity == -1_000_000


def test_an_escaped_backslash_before_u0000_is_text() -> None:
    text = structured().replace(b'"apple"', rb'"ap\\u0000ple"')
    event = decoded(text)
    assert isinstance(event.data, PurchaseCompleted)
    assert event.data.lines[0].sku == "ap\\u0000ple"


def test_escaped_text_is_the_same_text() -> None:
    named = purchase_data()
    named["lines"][0]["name"] = '苹果 "A": 1'
    escaped = json.dumps(envelope(named), ensure_ascii=True, separators=(" , ", " : ")).encode()
    assert decoded(escaped).content_hash == decoded(structured(named)).content_hash


def test_encode_is_read_back() -> None:
    event = decoded(structured(time="2026-05-10T09:30:00.25+08:00"))
    text = encode(event.id, event.source, event.type, event.subject, event.time, "k", event.data)
    assert orjson.loads(text)["time"] == "2026-05-10T01:30:00.250000Z"
    back = decode(TOPIC, None, text, STRUCTURED_HEADERS)
    assert (back.content_hash, back.data, back.partitionkey) == (event.content_hash, event.data, "k")
    whole = encode("1", "/pos/a/b", event.type, None, datetime(2026, 1, 1, tzinfo=UTC), "k", event.data)
    assert orjson.loads(whole)["time"] == "2026-01-01T00:00:00Z"
    assert "subject" not in orjson.loads(whole)


def test_forwarded_events_are_accepted_on_earnings_own_topic() -> None:
    assert decode("earning.effects.v1", KEY, structured(), STRUCTURED) == decoded(structured())


def test_derived_ids_are_stable_and_distinct() -> None:
    one = derived_id("/pos/a/b", "sale-1", "grant")
    assert one == derived_id("/pos/a/b", "sale-1", "grant")
    assert one.version == 5
    assert one != derived_id("/pos/a/b", "sale-1", "decline")
    assert event_key("/a", "b") != event_key("/a/b", "")
    assert event_key("/a", "b") == UUID(bytes=sha256(b"/a\x1fb").digest()[:16])


@pytest.mark.parametrize(
    ("content_type", "headers", "body"),
    [
        ("application/cloudevents-batch+json", {}, b"{}"),
        ("application/cloudevents-batch+json", {}, b'[{"a":1,"a":2}]'),
        ("application/cloudevents-batch+json", {}, b"[" + b",".join([b"{}"] * 1_001) + b"]"),
        ("application/cloudevents+avro", {}, b"{}"),
        ("application/cloudevents+json", {}, b"[]"),
        ("application/json", {}, b"{}"),
        ("application/json", {"ce-id": "1", "CE-ID": "2"}, b"{}"),
        ("application/json", {"ce-id": "%ff"}, b"{}"),
        ("application/json", {"ce-id": "é"}, b"{}"),
        ("text/plain", {"ce-id": "1"}, b"hello"),
    ],
)
def test_a_bad_request_is_one_rejection(content_type: str, headers: dict[str, str], body: bytes) -> None:
    (refusal,) = decode_request(content_type, headers, body)
    assert isinstance(refusal, Rejected)
    assert refusal.code is ReasonCode.MALFORMED


def test_http_headers_are_percent_decoded_and_unquoted() -> None:
    attributes = envelope(purchase_data(member_id="会员 1"), subject="会员 1")
    data = orjson.dumps(attributes.pop("data"))
    headers = {f"ce-{name}": str(value) for name, value in attributes.items()}
    headers["ce-subject"] = '"%E4%BC%9A%E5%91%98%201"'
    (event,) = decode_request("application/json", headers, data)
    assert isinstance(event, CloudEvent)
    assert event.subject == "会员 1"


def test_a_grant_may_be_longer_than_the_receipt_it_explains() -> None:
    lines = [
        {"line_id": str(n), "sku": "s" * 100, "points": 1, "rules": [{"rule_id": "r" * 100, "points": 1}]}
        for n in range(2_000)
    ]
    data = {
        "program_id": "greenmart",
        "member_id": "member-1",
        "causation_id": "sale-1",
        "correlation_id": "sale-1",
        "grant_id": str(derived_id("/pos/a/b", "sale-1", "grant")),
        "points": 2_000,
        "class": "CONSUMPTION",
        "source": {"type": "greenpoints.purchase.completed.v1", "id": "sale-1"},
        "lines": lines,
        "budget_id": "marketing",
        "expected_cost": {"amount_minor": 1, "currency": "CNY"},
    }
    value = structured(data, "points.granted")
    assert len(value) > MAX_MESSAGE_BYTES
    assert decode("points.grants.v1", KEY, value, STRUCTURED).id == "sale-1"
