"""A viewer learns nothing of who it was."""

import json

import pytest

from services.console.readings.masking import MASK, masked, masked_id, masked_key


@pytest.mark.parametrize(
    ("text", "shown"), [("member-0042", "m…42"), ("ann", MASK), ("12345", MASK), ("123456", "1…56")]
)
def test_an_id_keeps_its_first_and_last_letters_at_most(text: str, shown: str) -> None:
    assert masked_id(text) == shown


def test_of_a_key_the_program_stays() -> None:
    assert masked_key("fruit-shop/member-0042") == "fruit-shop/m…42"
    assert masked_key("whatever-it-is") == "w…is"


def test_every_naming_field_is_masked_however_deep() -> None:
    event = {
        "id": "e1",
        "subject": "member-0042",
        "partitionkey": "fruit-shop/member-0042",
        "data": {
            "member_id": "member-0042",
            "total_minor": 1280,
            "lines": [{"sku": "apple"}],
            "source": {"other_member_id": "member-0007"},
            "receipt_id": 1234567,
            "cashier_id": None,
        },
    }
    shown = json.dumps(masked(event))
    assert "member-00" not in shown and "1234567" not in shown
    assert masked(event)["data"]["total_minor"] == 1280
    assert masked(event)["data"]["lines"] == [{"sku": "apple"}]
    assert masked([{"ce_subject": "member-0042"}]) == [{"ce_subject": "m…42"}]


def test_an_events_id_is_masked_unless_it_is_one_of_ours() -> None:
    ours = "ff47ddf4-648d-5824-8e20-459ceb4da564"
    told = {"event_id": "reg-member-0042", "cause_id": ours, "correlation_id": "/crm#reg-member-0042"}
    assert masked(told) == {"event_id": "r…42", "cause_id": ours, "correlation_id": "/…42"}
