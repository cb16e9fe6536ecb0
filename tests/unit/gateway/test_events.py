"""What POST /v1/events takes, refuses and publishes."""

import orjson
import pytest

from shared.events.http_binding import decode_request
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from tests.unit.gateway.door import (
    BATCH,
    CRM,
    STRUCTURED,
    TILL,
    Gateway,
    activity,
    contact,
    delivery,
    drop,
    purchase,
    referral,
    refund,
    registration,
)


async def test_a_structured_event_is_published_under_its_members_key() -> None:
    gateway = Gateway()

    answer = await gateway.send(purchase())

    assert answer.status_code == 202
    assert answer.json() == {"accepted": [{"source": "/pos/m1/t1", "id": "e1"}]}
    (record,) = gateway.kafka.published
    assert (record.topic, record.key) == ("pos.purchases.v1", b"shop/anna")


async def test_the_record_says_what_the_sender_said() -> None:
    gateway = Gateway()
    sent = {**purchase(), "subject": "anna", "traceparent": "00-4bf9-01", "sequence": 7}

    await gateway.send(sent)

    (record,) = gateway.kafka.published
    (meant,) = decode_request(STRUCTURED, {}, orjson.dumps(sent))
    read = decode(record.topic, record.key, record.value, STRUCTURED_HEADERS)
    assert not isinstance(meant, Exception)
    assert (read.event_key, read.content_hash) == (meant.event_key, meant.content_hash)
    assert read.extensions == {"sequence": "7", "traceparent": "00-4bf9-01"}


async def test_binary_mode_publishes_the_same_record_as_structured_mode() -> None:
    gateway = Gateway()
    event = purchase()
    headers = {f"ce-{name}": str(value) for name, value in event.items() if name != "data"}

    answer = await gateway.send(event["data"], content_type="application/json", headers=headers)
    await gateway.send(event)

    assert answer.status_code == 202
    assert gateway.kafka.published[0] == gateway.kafka.published[1]


async def test_sending_again_is_taken_again() -> None:
    gateway = Gateway()

    answers = [(await gateway.send(purchase())).status_code for _ in range(2)]

    assert answers == [202, 202]
    assert gateway.kafka.published[0] == gateway.kafka.published[1]


@pytest.mark.parametrize(
    ("event", "key"),
    [
        (purchase("e9", member_id=None), b"shop/r-e9"),
        (refund(member_id=None), b"shop/r-e1"),
        (refund("f9", member_id=None, receipt_id=None), b"shop/refund-f9"),
        (delivery(), b"shop/anna"),
        (delivery(member_id=None), b"shop/r-e1"),
        (registration(source="/crm/m1"), b"shop/anna"),
        (drop(), b"shop/anna"),
        (drop("x1", "recycling.rejected", reason="wet"), b"shop/anna"),
        (referral(source="/crm/m1"), b"shop/anna"),
        (registration("u1", source="/crm/m1", name="member.updated"), b"shop/anna"),
        (contact(source="/crm/m1"), b"shop/anna"),
        (activity(source="/crm/m1"), b"shop/anna"),
    ],
)
async def test_keys_of_events(event: dict[str, object], key: bytes) -> None:
    gateway = Gateway()

    answer = await gateway.send({**event, "partitionkey": "somewhere/else"})

    assert answer.status_code == 202
    assert gateway.kafka.published[0].key == key


async def test_a_batch_is_published_in_its_order() -> None:
    gateway = Gateway()

    answer = await gateway.send([purchase("e1"), refund("f1"), purchase("e2")], content_type=BATCH)

    assert answer.status_code == 202
    assert [item["id"] for item in answer.json()["accepted"]] == ["e1", "f1", "e2"]
    assert [orjson.loads(record.value)["id"] for record in gateway.kafka.published] == ["e1", "f1", "e2"]


async def test_a_batch_with_a_bad_event_is_refused_whole_with_reasons_per_item() -> None:
    gateway = Gateway()

    answer = await gateway.send(
        [purchase("e1"), purchase("e2", currency="yuan"), purchase("e3", merchant_id="m2")], content_type=BATCH
    )

    assert answer.status_code == 422
    assert gateway.kafka.published == []
    problem = answer.json()
    assert problem["code"] == "BATCH_REFUSED"
    assert [(item["index"], item["code"]) for item in problem["items"]] == [(1, "MALFORMED"), (2, "OUT_OF_SCOPE")]
    assert problem["items"][0]["fields"][0]["path"] == "currency"


@pytest.mark.parametrize(
    ("event", "code", "path"),
    [
        (purchase(total_minor=1), "AMOUNTS_DO_NOT_SUM", ""),
        (purchase(lines=[]), "MALFORMED", "lines"),
        (purchase(total_minor=128.0), "MALFORMED", "total_minor"),
        ({**purchase(), "id": None}, "MALFORMED", None),
        ({**purchase(), "time": "2026-05-04T10:30:00"}, "MALFORMED", None),
        ({**purchase(), "extension": "right\u202eleft"}, "MALFORMED", "extension"),
    ],
)
async def test_bad_content_is_refused_with_the_field(event: dict[str, object], code: str, path: str | None) -> None:
    gateway = Gateway()

    answer = await gateway.send(event)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == code
    assert [field["path"] for field in problem["fields"]][:1] == ([] if path is None else [path])
    assert gateway.kafka.published == []


@pytest.mark.parametrize("name", ["birthday.reached", "nonsense"])
async def test_types_that_no_built_service_reads_are_refused(name: str) -> None:
    gateway = Gateway()
    causes = {"causation_id": "e-1", "correlation_id": "e-1"}
    data = {"program_id": "shop", "member_id": "anna", **causes, "birth_month_day": "05-04", "day": "2026-05-04"}

    answer = await gateway.send({**purchase(), "subject": "anna", "type": f"greenpoints.{name}.v1", "data": data})

    assert (answer.status_code, answer.json()["code"]) == (422, "UNKNOWN_TYPE")
    assert "greenpoints.purchase.completed.v1" in answer.json()["detail"]
    assert gateway.kafka.published == []


async def test_only_redemption_closes_accounts() -> None:
    gateway = Gateway()
    data = {"program_id": "shop", "member_id": "anna"}

    answer = await gateway.send({**registration(), "type": "greenpoints.member.closed.v1", "data": data})

    assert answer.status_code == 422
    assert gateway.kafka.published == []


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (purchase(program_id="other"), ["program_id"]),
        (purchase(merchant_id="m2"), ["merchant_id"]),
        (purchase(source="/pos/m2/t1"), ["source"]),
        (purchase(source="/pos/m10/t1"), ["source"]),
        (purchase(source="/pos/m1"), ["source"]),
        (refund(source="/crm/m1"), ["source"]),
        (registration(source="/pos/m2/t1"), ["source"]),
        (registration(source="/redemption"), ["source"]),
        (drop(source="/pos/m2/t1"), ["source"]),
        (drop(source="/crm/m1"), ["source"]),
        (referral(source="/crm/m2", program_id="other"), ["program_id", "source"]),
        (contact(source="/crm/shop"), ["source"]),
        (purchase(merchant_id="m2", program_id="other", source="/x"), ["program_id", "merchant_id", "source"]),
    ],
)
async def test_events_outside_a_merchants_key(event: dict[str, object], fields: list[str]) -> None:
    gateway = Gateway()

    answer = await gateway.send(event)

    assert answer.status_code == 403
    assert answer.json()["code"] == "OUT_OF_SCOPE"
    assert [field["path"] for field in answer.json()["fields"]] == fields
    assert gateway.kafka.published == []


async def test_a_tills_key_sends_for_its_till_alone() -> None:
    gateway = Gateway()

    other_till = await gateway.send(purchase(terminal_id="t2", source="/pos/m1/t2"), key=TILL)
    own_till = await gateway.send(purchase(), key=TILL)
    other_station = await gateway.send(drop(station_id="t2"), key=TILL)
    other_tills_refund = await gateway.send(refund(source="/pos/m1/t2"), key=TILL)

    assert [field["path"] for field in other_till.json()["fields"]] == ["terminal_id", "source"]
    assert own_till.status_code == 202
    assert [field["path"] for field in other_station.json()["fields"]] == ["station_id"]
    assert [field["path"] for field in other_tills_refund.json()["fields"]] == ["source"]


async def test_a_programs_key_registers_members_and_sells_nothing() -> None:
    gateway = Gateway()

    member = await gateway.send(registration(source="/crm/shop/kiosk-4"), key=CRM)
    sale = await gateway.send(purchase(), key=CRM)

    assert member.status_code == 202
    assert sale.status_code == 403
    assert [field["path"] for field in sale.json()["fields"]] == ["merchant_id"]


async def test_kafka_away_is_a_503_that_says_when_to_try_again() -> None:
    gateway = Gateway()
    gateway.kafka.away = True

    answer = await gateway.send(purchase())

    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "2"
    assert answer.json()["code"] == "KAFKA_AWAY"
