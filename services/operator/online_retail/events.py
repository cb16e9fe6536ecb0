"""Turns invoices into the events a till would have published (design events.md, "Inbound data")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from pydantic import ValidationError

from services.operator.online_retail.table import Invoice, Line
from shared.events.event import Part
from shared.events.fields import is_printable
from shared.events.kafka_binding import encode
from shared.events.keys import member_key, receipt_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted, PurchaseLine, Tender
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine

PROGRAM_ID = "online-retail"
MERCHANT_ID = "online-retail-uk"
STORE_ID = "web-shop"
TERMINAL_ID = "web-shop-1"
CURRENCY = "GBP"
SOURCE = f"/pos/{MERCHANT_ID}/replay"
NO_STOCK_CODE = "(no code)"
NAME_LENGTH = 200

# Postage, fees, manual entries, samples, discounts and donations are no goods (shared data description).
SERVICE_CODES = frozenset({"POST", "DOT", "M", "m", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS"})
GIFT_CARD_PREFIX = "gift_0001_"

P = TypeVar("P", bound=Part)
Events = MemberRegistered | PurchaseCompleted | PurchaseRefunded


@dataclass(frozen=True, slots=True)
class Message:
    """A Kafka record: a structured-mode CloudEvent under the key that decides its partition."""

    topic: str
    key: str
    value: bytes
    event_id: str


class Conversion:
    """Converts invoices in their order; registers each customer before that customer's first invoice.

    Ids derive from the invoice and customer numbers alone, so a second run repeats the same events.
    """

    def __init__(self) -> None:
        self._registered: set[str] = set()

    def messages(self, invoice: Invoice) -> list[Message]:
        """The invoice's event, after the registration of a customer met for the first time."""
        messages = []
        customer = invoice.customer_id
        if customer is not None and customer not in self._registered:
            self._registered.add(customer)
            messages.append(_registration(customer, invoice.time))
        messages.append(_refund(invoice) if invoice.is_cancellation else _purchase(invoice))
        return messages


def _registration(customer: str, time: datetime) -> Message:
    fields = {
        "program_id": PROGRAM_ID,
        "member_id": customer,
        "registered_at": time,
        "phone_verified": False,  # the file knows nothing of phones
    }
    key = member_key(PROGRAM_ID, customer)
    return _message(f"member-{customer}", customer, key, time, _part(MemberRegistered, fields))


def _purchase(invoice: Invoice) -> Message:
    total_minor = invoice.total_minor
    fields = {
        "program_id": PROGRAM_ID,
        "merchant_id": MERCHANT_ID,
        "store_id": STORE_ID,
        "terminal_id": TERMINAL_ID,
        "receipt_id": invoice.number,
        "member_id": invoice.customer_id,
        "currency": CURRENCY,
        "lines": tuple(_purchase_line(place, line) for place, line in enumerate(invoice.lines, start=1)),
        "tenders": (_card(total_minor),),
        "total_minor": total_minor,
        "channel": "online",
        "delivered_at": invoice.time,  # the file knows no deliveries; without one the lot would wait
    }
    data = _part(PurchaseCompleted, fields)
    return _message(f"purchase-{invoice.number}", invoice.customer_id, _key(invoice), invoice.time, data)


def _purchase_line(place: int, line: Line) -> PurchaseLine:
    fields = {
        "line_id": str(place),
        "sku": _sku(line.stock_code),
        "name": _name(line.description),
        "condition": "new",
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor if line.quantity > 0 else None,
        "net_minor": line.net_minor,
        "earns": _earns(line.stock_code),
    }
    return _part(PurchaseLine, fields)


def _refund(invoice: Invoice) -> Message:
    """A cancellation names no sale, so neither the refund nor its lines name a receipt."""
    fields = {
        "program_id": PROGRAM_ID,
        "merchant_id": MERCHANT_ID,
        "refund_id": invoice.number,
        "member_id": invoice.customer_id,
        "currency": CURRENCY,
        "lines": tuple(_refund_line(line) for line in invoice.lines),
        "tenders": (_card(-invoice.total_minor),),
        "reason": "cancelled",
    }
    data = _part(PurchaseRefunded, fields)
    return _message(f"refund-{invoice.number}", invoice.customer_id, _key(invoice), invoice.time, data)


def _refund_line(line: Line) -> RefundLine:
    fields = {"sku": _sku(line.stock_code), "quantity": -line.quantity, "net_minor": -line.net_minor}
    return _part(RefundLine, fields)


def _card(amount_minor: int) -> Tender:
    return _part(Tender, {"kind": "card", "amount_minor": amount_minor})


def _message(event_id: str, customer: str | None, key: str, time: datetime, data: Events) -> Message:
    value = encode(event_id, SOURCE, data.TYPE, customer, time, key, data)
    return Message(topic=data.TOPIC, key=key, value=value, event_id=event_id)


def _part(model: type[P], fields: dict[str, Any]) -> P:
    """What the contract refuses (a bad debt's negative amounts) is sent all the same, to be dead-lettered."""
    try:
        return model(**fields)
    except ValidationError:
        return cast("P", model.model_construct(None, **fields))


def _key(invoice: Invoice) -> str:
    if invoice.customer_id is None:
        return receipt_key(PROGRAM_ID, invoice.number)
    return member_key(PROGRAM_ID, invoice.customer_id)


def _earns(stock_code: str) -> bool:
    return stock_code not in SERVICE_CODES and not stock_code.startswith(GIFT_CARD_PREFIX)


def _sku(stock_code: str) -> str:
    return _printable(stock_code) or NO_STOCK_CODE


def _name(description: str) -> str | None:
    return _printable(description)[:NAME_LENGTH].rstrip() or None


def _printable(text: str) -> str:
    if is_printable(text):
        return text.strip()
    return "".join(character for character in text if is_printable(character)).strip()
