"""The till's bodies read straight from JSON are those that the documented routes read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from services.redemption.routes.bill import RequestBody
from services.redemption.routes.till import BillShown, CaptureWish
from shared.events.fields import MAX_SAFE_INTEGER
from shared.runtime.quick_route import QuickRequest

_LINE = {"line_id": "1", "sku": "apple", "category": "fruit", "labels": ["fresh", "果"], "net_minor": 500}
_BILL = {"member_id": "m/1", "merchant_id": "shop-1", "currency": "CNY", "points": 100, "exact": True, "lines": [_LINE]}
_VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, 1.0, "", "x" * 129, "a\u200b", [], [_LINE], [_LINE] * 2, ["a"], {}]),
    st.text(max_size=3),
)
_LINES = st.dictionaries(st.sampled_from([*_LINE, "other"]), _VALUES, max_size=2).map(lambda some: {**_LINE, **some})
_FIELDS = st.sampled_from([*_BILL, "shipping_minor", "vouchers_minor", "receipt_id", "other"])
_BILLS = st.builds(
    lambda some, lines: {**_BILL, "lines": lines, **some},
    st.dictionaries(_FIELDS, _VALUES, max_size=2),
    st.lists(_LINES, min_size=1, max_size=2),
)
_WISHES = st.dictionaries(st.sampled_from(["points", "receipt_id", "other"]), _VALUES)


def _as_documented(model: type[RequestBody], body: bytes) -> RequestBody | None:
    try:
        return model.model_validate(json.loads(body))
    except ValidationError:
        return None


def _agree(model: type[RequestBody], shown: object) -> None:
    body = json.dumps(shown).encode()
    quick = QuickRequest((), {b"content-type": b"application/json"}, body).read(model)
    documented = _as_documented(model, body)
    assert quick == documented
    if quick is not None and documented is not None:
        assert quick.sha256() == documented.sha256()


@settings(max_examples=300, deadline=None)
@given(shown=_BILLS)
def test_bills(shown: object) -> None:
    _agree(BillShown, shown)


@given(shown=_WISHES)
def test_what_to_capture(shown: object) -> None:
    _agree(CaptureWish, shown)


def test_a_plain_bill_is_one() -> None:
    _agree(BillShown, _BILL)
    assert _as_documented(BillShown, json.dumps(_BILL).encode()) is not None


@pytest.mark.parametrize(
    ("nets", "shipping", "is_one"),
    [
        ([MAX_SAFE_INTEGER], 0, True),
        ([MAX_SAFE_INTEGER - 2, 1], 1, True),
        ([MAX_SAFE_INTEGER, 1], 0, False),
        ([MAX_SAFE_INTEGER], 1, False),
        ([MAX_SAFE_INTEGER] * 2, MAX_SAFE_INTEGER, False),
    ],
)
def test_the_total_of_a_bill_is_an_amount_of_money(nets: list[int], shipping: int, is_one: bool) -> None:
    shown = {**_BILL, "lines": [{**_LINE, "net_minor": net} for net in nets], "shipping_minor": shipping}
    _agree(BillShown, shown)
    assert (_as_documented(BillShown, json.dumps(shown).encode()) is not None) == is_one
