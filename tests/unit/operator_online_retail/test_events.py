"""Invoices become the events of the contract, and what the contract refuses is sent all the same."""

from pathlib import Path

import pytest

from services.operator.online_retail.events import NAME_LENGTH, NO_STOCK_CODE, Conversion, Message
from services.operator.online_retail.table import read_invoices
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.reason_codes import ReasonCode
from tests.unit.operator_online_retail.files import row, write_table


def _messages(directory: Path, *rows: str) -> list[Message]:
    conversion = Conversion()
    invoices = read_invoices(write_table(directory / "t.csv", *rows))
    return [message for invoice in invoices for message in conversion.messages(invoice)]


def _event(message: Message) -> CloudEvent:
    return decode(message.topic, message.key.encode(), message.value, STRUCTURED_HEADERS)


def _purchase(message: Message) -> PurchaseCompleted:
    data = _event(message).data
    assert isinstance(data, PurchaseCompleted)
    return data


def test_a_sale_is_a_purchase_of_its_member(tmp_path: Path) -> None:
    _, message = _messages(tmp_path, row("536365", quantity=6, price="2.55"), row("536365", "POST", price="18.00"))

    purchase = _purchase(message)

    assert (message.topic, message.key) == ("pos.purchases.v1", "online-retail/17850")
    assert _event(message).subject == purchase.member_id == "17850"
    assert (purchase.receipt_id, purchase.currency, purchase.total_minor) == ("536365", "GBP", 1530 + 1800)
    assert [(tender.kind, tender.amount_minor) for tender in purchase.tenders] == [("card", 3330)]
    assert [(line.line_id, line.sku, line.earns) for line in purchase.lines] == [
        ("1", "85123A", True),
        ("2", "POST", False),
    ]
    assert (purchase.channel, purchase.delivered_at) == ("online", _event(message).time)


def test_each_member_is_registered_once_before_the_first_invoice(tmp_path: Path) -> None:
    messages = _messages(tmp_path, row("C1", quantity=-1), row("2"), row("3", customer="12346"))

    assert [_event(message).type.split(".", 1)[1] for message in messages] == [
        "member.registered.v1",
        "purchase.refunded.v1",
        "purchase.completed.v1",
        "member.registered.v1",
        "purchase.completed.v1",
    ]
    registration = _event(messages[0])
    assert isinstance(registration.data, MemberRegistered)
    assert registration.data.registered_at == registration.time == _event(messages[1]).time
    assert messages[0].key == messages[1].key


def test_a_cancellation_names_no_receipt(tmp_path: Path) -> None:
    _, message = _messages(tmp_path, row("C536379", quantity=-2, price="3.10"))

    refund = _event(message).data

    assert isinstance(refund, PurchaseRefunded)
    assert (refund.refund_id, refund.receipt_id, refund.member_id) == ("C536379", None, "17850")
    assert [(line.line_id, line.sku, line.quantity, line.net_minor) for line in refund.lines] == [
        (None, "85123A", 2, 620)
    ]


def test_an_anonymous_sale_is_keyed_by_its_receipt(tmp_path: Path) -> None:
    [message] = _messages(tmp_path, row("7", customer=""))

    assert message.key == "online-retail/7"
    assert _purchase(message).member_id is None


def test_a_stock_write_off_is_an_anonymous_purchase_of_nothing(tmp_path: Path) -> None:
    [message] = _messages(tmp_path, row("7", quantity=-9600, price="0.0", customer=""))

    purchase = _purchase(message)

    assert (purchase.total_minor, purchase.lines[0].quantity) == (0, -9600)


def test_a_negative_bad_debt_is_published_and_refused_by_the_contract(tmp_path: Path) -> None:
    [message] = _messages(tmp_path, row("A563186", "B", price="-11062.06", customer=""))

    assert b'"total_minor":-1106206' in message.value
    with pytest.raises(Rejected) as refusal:
        _event(message)
    assert refusal.value.code is ReasonCode.MALFORMED


def test_a_quantity_beyond_the_contract_does_not_stop_the_conversion(tmp_path: Path) -> None:
    _, message = _messages(tmp_path, row("7", quantity=1_000_001))

    with pytest.raises(Rejected):
        _event(message)


@pytest.mark.parametrize(
    "code", ["POST", "DOT", "M", "m", "C2", "D", "S", "BANK CHARGES", "AMAZONFEE", "CRUK", "PADS", "gift_0001_40"]
)
def test_service_codes_earn_nothing(tmp_path: Path, code: str) -> None:
    _, message = _messages(tmp_path, row("1", code))

    assert _purchase(message).lines[0].earns is False


@pytest.mark.parametrize("code", ["85123A", "DCGS0003", "Post", "gift_0002_40", "B"])
def test_goods_earn(tmp_path: Path, code: str) -> None:
    _, message = _messages(tmp_path, row("1", code))

    assert _purchase(message).lines[0].earns is True


def test_a_blank_stock_code_keeps_its_line(tmp_path: Path) -> None:
    _, message = _messages(tmp_path, row("1", " "), row("1"))

    assert [line.sku for line in _purchase(message).lines] == [NO_STOCK_CODE, "85123A"]


def test_descriptions_are_cleaned_and_bounded(tmp_path: Path) -> None:
    _, message = _messages(
        tmp_path,
        row("1", description=" CAFÉ\tSIGN\u200b "),
        row("1", description="X" * 900),
        row("1", description="  "),
    )

    assert [line.name for line in _purchase(message).lines] == ["CAFÉSIGN", "X" * NAME_LENGTH, None]


def test_converting_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    rows = (row("1"), row("C2", quantity=-1), row("3", customer=""))

    assert _messages(tmp_path, *rows) == _messages(tmp_path, *rows)
