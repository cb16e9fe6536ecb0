"""A purchase as a sender writes it, and the ways to put it on Kafka."""

from typing import Any

import orjson

TOPIC = "pos.purchases.v1"
STRUCTURED = [("content-type", b"application/cloudevents+json; charset=utf-8")]
KEY = b"greenmart/member-1"


def purchase_data(**changes: Any) -> dict[str, Any]:
    """A two-line receipt of 128.00 yuan; `changes` replace fields."""
    data: dict[str, Any] = {
        "program_id": "greenmart",
        "merchant_id": "fruit-shop",
        "store_id": "store-1",
        "terminal_id": "till-1",
        "receipt_id": "R-1",
        "member_id": "member-1",
        "currency": "CNY",
        "lines": [
            {"line_id": "1", "sku": "apple", "condition": "new", "quantity": 2, "net_minor": 10_000},
            {"line_id": "2", "sku": "pear", "condition": "new", "quantity": 1, "net_minor": 2_800},
        ],
        "tenders": [{"kind": "wechat_pay", "amount_minor": 12_800}],
        "total_minor": 12_800,
        "channel": "store",
    }
    return data | changes


def refund_data(**changes: Any) -> dict[str, Any]:
    """A refund of one pear; `changes` replace fields."""
    data: dict[str, Any] = {
        "program_id": "greenmart",
        "merchant_id": "fruit-shop",
        "refund_id": "F-1",
        "receipt_id": "R-1",
        "currency": "CNY",
        "lines": [{"sku": "pear", "quantity": 1, "net_minor": 2_800}],
    }
    return data | changes


def envelope(data: Any = None, type_: str = "purchase.completed", **changes: Any) -> dict[str, Any]:
    """A structured event around the data; a change to `...` leaves the attribute out."""
    attributes = {
        "specversion": "1.0",
        "id": "sale-1",
        "source": "/pos/fruit-shop/till-1",
        "type": f"greenpoints.{type_}.v1",
        "subject": "member-1",
        "time": "2026-05-10T09:30:00+08:00",
        "partitionkey": "greenmart/member-1",
        "data": purchase_data() if data is None else data,
    } | changes
    return {name: value for name, value in attributes.items() if value is not ...}


def structured(data: Any = None, type_: str = "purchase.completed", **changes: Any) -> bytes:
    """The JSON text of a structured event."""
    return orjson.dumps(envelope(data, type_, **changes))


def binary_headers(**changes: Any) -> list[tuple[str, bytes]]:
    """The ce_ headers of the same purchase."""
    attributes = envelope(**changes)
    del attributes["data"]
    return [
        ("content-type", b"application/json"),
        *((f"ce_{name}", str(value).encode()) for name, value in attributes.items()),
    ]
