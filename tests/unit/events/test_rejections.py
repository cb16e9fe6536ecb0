"""Every way in which a message may break the contract is refused with its code and a sentence."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.http_binding import decode_request
from shared.events.integrity import MAX_MESSAGE_BYTES
from shared.events.kafka_binding import decode
from shared.events.reason_codes import ReasonCode
from shared.events.rejected import Rejected
from tests.unit.events.sales import (
    KEY,
    STRUCTURED,
    TOPIC,
    binary_headers,
    envelope,
    purchase_data,
    refund_data,
    structured,
)

TEXT = structured().decode()
LINE = {"line_id": "1", "sku": "apple", "condition": "new", "quantity": 1, "net_minor": 12_800}


def rejected(value: bytes | None, headers: list[tuple[str, bytes]] | None = None, topic: str = TOPIC) -> Rejected:
    with pytest.raises(Rejected) as caught:
        decode(topic, KEY, value, STRUCTURED if headers is None else headers)
    assert caught.value.message.endswith(".")
    return caught.value


@pytest.mark.parametrize("attribute", ["id", "source", "type", "time", "specversion"])
@pytest.mark.parametrize("absent", [..., None, ""])
def test_a_required_attribute_is_missing(attribute: str, absent: Any) -> None:
    refusal = rejected(structured(**{attribute: absent}))
    assert refusal.code is ReasonCode.MALFORMED
    assert attribute in refusal.message


@pytest.mark.parametrize("attribute", ["id", "source", "type", "time", "specversion"])
def test_a_required_header_is_missing(attribute: str) -> None:
    headers = [header for header in binary_headers() if header[0] != f"ce_{attribute}"]
    refusal = rejected(json.dumps(purchase_data()).encode(), headers)
    assert refusal.code is ReasonCode.MALFORMED
    assert attribute in refusal.message


@pytest.mark.parametrize(
    "attributes",
    [
        {"specversion": "0.3"},
        {"specversion": 1.0},
        {"id": 7},
        {"id": "x" * 129},
        {"id": "a\nb"},
        {"id": "a\u200bb"},
        {"source": "s" * 257},
        {"subject": 1},
        {"time": "2026-05-10T09:30:00"},
        {"time": "2026-05-10"},
        {"time": "20260510T093000Z"},
        {"time": "2026-02-30T09:30:00Z"},
        {"time": "2026-05-10T09:30:00+0800"},
        {"time": "0001-01-01T00:00:00+08:00"},
        {"time": "0001-01-01T00:00:00Z"},
        {"time": "9999-12-31T23:59:59Z"},
        {"time": 1_778_376_600},
        {"datacontenttype": "application/xml"},
        {"datacontenttype": "application/json; charset=gbk"},
        {"datacontenttype": 3},
        {"subject": "member-2"},
        {"data": ...},
        {"data": None},
        {"data": []},
        {"data": "text"},
        {"data_base64": "e30="},
    ],
)
def test_an_attribute_is_wrong(attributes: dict[str, Any]) -> None:
    value = json.dumps({name: it for name, it in (envelope() | attributes).items() if it is not ...})
    assert rejected(value.encode()).code is ReasonCode.MALFORMED


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"null",
        b"[]",
        b"7",
        b"{",
        TEXT.encode("utf-16"),
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.replace("apple", "appl\udc80").encode("utf-8", "surrogatepass"),
        TEXT.replace("apple", "appl\\ud800").encode(),
        TEXT.replace("apple", "appl\\u0000").encode(),
        TEXT.replace("apple", "appl\\\\\\u0000").encode(),
        TEXT.replace("apple", "appl\x00").encode(),
        TEXT.replace('"sku":"apple"', '"unknown":{"deep":["\\u0000"]},"sku":"apple"').encode(),
        TEXT.replace("12800", "NaN").encode(),
        TEXT.replace("12800", "Infinity").encode(),
        TEXT.replace("12800", "1e400").encode(),
        TEXT.replace('"sku":"apple"', '"unknown":9223372036854775808,"sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"unknown":-9223372036854775809,"sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', f'"unknown":{"9" * 5_000},"sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"sku":"pear","sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"sku" : "pear","sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"\\u0073ku":"pear","sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"unknown":{"a":1,"b":{"c":1,"\\u0063":2}},"sku":"apple"').encode(),
        TEXT.replace('"sku":"apple"', '"x":1,"x":2,"y":"\\u0022:","sku":"apple"').encode(),
        TEXT.replace('"id":"sale-1"', '"id":"sale-0","id":"sale-1"').encode(),
        TEXT.replace('"sku":"apple"', '"unknown":' + "[" * 10_000 + "]" * 10_000 + ',"sku":"apple"').encode(),
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b"[" * 10_000,
        TEXT.encode() + b" " * MAX_MESSAGE_BYTES,
    ],
)
def test_the_text_is_no_sound_json_object(value: bytes | None) -> None:
    assert rejected(value).code is ReasonCode.MALFORMED


@pytest.mark.parametrize("depth", [150, 199, 205, 253, 254, 255, 500, 950, 990, 1000, 1010, 1023, 1024, 1100])
@pytest.mark.parametrize("key", ['"a"', '"\\u0061"'])
def test_any_depth_is_decoded_or_refused(depth: int, key: str) -> None:
    deep = f'"unknown":{f"{{{key}:" * depth}1{"}" * depth},"sku":"apple"'
    value = TEXT.replace('"sku":"apple"', deep).encode()
    try:
        decode(TOPIC, KEY, value, STRUCTURED)
    except Rejected as refusal:
        assert refusal.code is ReasonCode.MALFORMED
        assert depth > 150
    batch = b"[" + value + b"]"
    assert len(decode_request("application/cloudevents-batch+json", {}, batch)) == 1
    extension = TEXT.replace('"id":', f'"ext":{f"{{{key}:" * depth}1{"}" * depth},"id":').encode()
    assert len(decode_request("application/cloudevents+json", {}, extension)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"total_minor": 12_800.0},
        {"total_minor": "12800"},
        {"total_minor": -1},
        {"total_minor": 2**53 + 1},
        {"shipping_minor": True},
        {"currency": "cny"},
        {"currency": "CNY\n"},
        {"channel": "phone"},
        {"lines": []},
        {"lines": [LINE, LINE], "total_minor": 25_600},
        {"lines": [LINE | {"quantity": 1_000_001}]},
        {"lines": [LINE | {"quantity": -1}]},
        {"lines": [LINE | {"quantity": 1.0}]},
        {"lines": [LINE | {"net_minor": -1}]},
        {"lines": [LINE | {"earns": 1}]},
        {"lines": [LINE | {"name": "a\u0085b"}]},
        {"lines": [LINE | {"name": "n" * 501}]},
        {"lines": [LINE | {"labels": "organic"}]},
        {"lines": [LINE | {"labels": ["x" * 129]}]},
        {"lines": [LINE | {"line_id": str(n), "net_minor": 0} for n in range(2_001)]},
        {"member_id": ""},
        {"member_id": 7},
        {"program_id": "green/mart"},
        {"program_id": None},
        {"merchant_id": None},
        {"store_id": None},
        {"terminal_id": None},
        {"delivered_at": "2026-05-10T09:30:00"},
        {"delivered_at": 1_778_376_600},
        {"delivered_at": "1778376600"},
    ],
)
def test_a_field_is_wrong(changes: dict[str, Any]) -> None:
    refusal = rejected(structured(purchase_data(**changes)))
    assert refusal.code is ReasonCode.MALFORMED
    assert refusal.fields


def test_the_refusal_names_the_field_and_never_its_value() -> None:
    refusal = rejected(structured(purchase_data(lines=[LINE | {"sku": 4711}])))
    assert [field.path for field in refusal.fields] == ["lines.0.sku"]
    assert "4711" not in f"{refusal} {refusal.fields}"


@pytest.mark.parametrize(
    "changes",
    [
        {"total_minor": 12_799},
        {"shipping_minor": 1},
        {"tenders": []},
        {"tenders": [{"kind": "cash", "amount_minor": 12_700}]},
    ],
)
def test_a_purchase_does_not_add_up(changes: dict[str, Any]) -> None:
    assert rejected(structured(purchase_data(**changes))).code is ReasonCode.AMOUNTS_DO_NOT_SUM


def test_a_refund_adds_up_where_it_names_tenders() -> None:
    cash = {"kind": "cash", "amount_minor": 2_700}
    refusal = rejected(structured(refund_data(tenders=[cash]), "purchase.refunded"))
    assert refusal.code is ReasonCode.AMOUNTS_DO_NOT_SUM
    decode(TOPIC, KEY, structured(refund_data(), "purchase.refunded"), STRUCTURED)


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_refund_is_of_at_least_one(quantity: int) -> None:
    line = {"sku": "pear", "quantity": quantity, "net_minor": 0}
    refusal = rejected(structured(refund_data(lines=[line]), "purchase.refunded"))
    assert refusal.code is ReasonCode.MALFORMED


def test_unknown_types_and_types_of_other_topics() -> None:
    unknown = rejected(structured(type_="purchase.dreamt"))
    elsewhere = rejected(structured(), topic="pos.recycling.v1")
    no_topic = rejected(structured(), topic="pos.purchases.v2")
    assert {unknown.code, elsewhere.code, no_topic.code} == {ReasonCode.UNKNOWN_TYPE}
    assert len({unknown.message, elsewhere.message, no_topic.message}) == 3


def test_only_redemption_closes_accounts() -> None:
    data = {
        "program_id": "greenmart",
        "member_id": "member-1",
        "causation_id": "request-1",
        "correlation_id": "request-1",
        "closed_at": "2026-05-10T09:30:00Z",
    }
    refusal = rejected(structured(data, "member.closed"), topic="members.profiles.v1")
    assert refusal.code is ReasonCode.NOT_AUTHORITATIVE
    event = decode("members.profiles.v1", KEY, structured(data, "member.closed", source="/redemption"), STRUCTURED)
    assert event.source == "/redemption"


@pytest.mark.parametrize(
    "extra",
    [
        ("ce_id", b"sale-2"),
        ("content-type", b"application/json"),
        ("Content-Type", b"application/json"),
        ("ce_subject2", b"\xff"),
    ],
)
def test_headers_come_once_and_in_utf8(extra: tuple[str, bytes]) -> None:
    value = json.dumps(purchase_data()).encode()
    decode(TOPIC, KEY, value, binary_headers())
    assert rejected(value, [*binary_headers(), extra]).code is ReasonCode.MALFORMED


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents-batch+json",
        b"application/cloudevents+avro",
        b"application/cloudevents+json; charset=gbk",
    ],
)
def test_a_structured_format_we_do_not_read(content_type: bytes) -> None:
    assert rejected(structured(), [("content-type", content_type)]).code is ReasonCode.MALFORMED


@given(st.data())
def test_a_damaged_message_is_an_event_or_a_refusal(data: st.DataObject) -> None:
    value = bytearray(TEXT.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(value) - 1))
        value[position : position + data.draw(st.integers(0, 6))] = data.draw(st.binary(max_size=4))
    headers = data.draw(st.sampled_from([STRUCTURED, binary_headers(), []]))
    with suppress(Rejected):
        decode(TOPIC, KEY, bytes(value), headers)


@given(st.lists(st.tuples(st.sampled_from([name for name, _ in binary_headers()]), st.binary(max_size=8))))
def test_damaged_headers_are_an_event_or_a_refusal(headers: list[tuple[str, bytes]]) -> None:
    with suppress(Rejected):
        decode(TOPIC, KEY, json.dumps(purchase_data()).encode(), headers)
