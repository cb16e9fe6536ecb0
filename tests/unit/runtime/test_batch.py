"""What travels through a worker: gaps, single records, what forwards and replays carry along."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from shared.runtime.batch import (
    ARRIVAL_HEADER,
    ATTEMPT_HEADER,
    Headers,
    arrival_milliseconds,
    forwarded,
)
from shared.runtime.ledger import pack_headers, unpack_headers
from tests.unit.runtime.records import NOW, batch, raw, record

any_headers = st.lists(
    st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.binary()), max_size=5
)


def test_gaps_are_what_kafka_did_not_deliver() -> None:
    whole = batch(record("a"), record("b"), record("c"))
    assert whole.gaps() == []
    spread = [structs.replace(each, offset=place) for each, place in zip(whole.delivered, (12, 13, 17), strict=True)]
    holed = replace(whole, from_offset=10, to_offset=20, delivered=spread)
    assert holed.gaps() == [(10, 12), (14, 17), (18, 20)]


def test_halves_cover_the_same_offsets() -> None:
    whole = batch(record("a"), record("b"), record("c"), start=5)
    spread = [structs.replace(each, offset=place) for each, place in zip(whole.delivered, (7, 8, 11), strict=True)]
    holed = replace(whole, to_offset=13, delivered=spread)
    first, second = holed.halves()
    assert [(half.from_offset, half.to_offset) for half in (first, second, *second.halves())] == [
        (5, 8),
        (8, 13),
        (8, 9),
        (9, 13),
    ]
    assert [gap for half in (first, *second.halves()) for gap in half.gaps()] == holed.gaps()


@pytest.mark.parametrize(
    ("headers", "earlier", "attempt"),
    [
        (((ARRIVAL_HEADER, b"%d" % arrival_milliseconds(NOW - timedelta(hours=2))),), timedelta(hours=2), 1),
        (((ARRIVAL_HEADER, b"%d" % arrival_milliseconds(NOW + timedelta(hours=2))),), timedelta(), 1),
        (((ARRIVAL_HEADER, b"99999999999999"),), timedelta(), 1),
        (((ARRIVAL_HEADER, b"-5"), (ATTEMPT_HEADER, b"soon")), timedelta(), 1),
        (((ARRIVAL_HEADER, b"9" * 400), (ATTEMPT_HEADER, b"9" * 400)), timedelta(), 1),
        (((ARRIVAL_HEADER, "\u0662".encode()), (ATTEMPT_HEADER, b"3")), timedelta(), 3),
        (((ARRIVAL_HEADER, None), (ATTEMPT_HEADER, None)), timedelta(), 1),
        (((ARRIVAL_HEADER, b""), (ATTEMPT_HEADER, b"")), timedelta(), 1),
    ],
)
def test_a_carried_arrival_is_never_later_than_the_records_own(
    headers: Headers, earlier: timedelta, attempt: int
) -> None:
    read = record("a", headers=headers)
    assert (read.recorded, read.arrival, read.attempt) == (NOW, NOW - earlier, attempt)


@given(st.none() | st.binary(max_size=40), st.none() | st.binary(max_size=200), any_headers)
def test_no_record_can_make_reading_fail(
    key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]
) -> None:
    read = raw(key, value, headers=tuple(headers))
    assert (read.key, read.value) == (key, value)
    assert read.event is not None or read.rejection is not None
    assert read.arrival <= read.recorded


@given(any_headers)
def test_packed_headers_come_back_whatever_their_bytes(headers: list[tuple[str, bytes]]) -> None:
    packed = pack_headers(tuple(headers))
    assert packed.isascii()
    assert unpack_headers(packed) == tuple(headers)


def test_a_forward_is_the_same_record_with_its_first_arrival() -> None:
    first = NOW - timedelta(hours=3)
    own = (("trace", b"1"), (ARRIVAL_HEADER, b"%d" % arrival_milliseconds(first)), (ATTEMPT_HEADER, b"2"))
    read = record("a", headers=own)
    row = forwarded(read, "earning.effects.v1", "p/bea")
    assert (row.topic, row.key, row.payload, row.event_id) == (
        "earning.effects.v1", b"p/bea", read.value, read.required_event.event_key
    )  # fmt: skip
    again = raw(row.key, row.payload, headers=row.headers or ())
    assert (again.arrival, again.attempt, again.required_event.content_hash) == (
        first, 2, read.required_event.content_hash
    )  # fmt: skip
    assert forwarded(again, "earning.effects.v1", "p/bea") == row
