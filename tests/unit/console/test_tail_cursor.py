"""A cursor is never moved past a record without saying so."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.readings.tail import (
    RECENT,
    Wanted,
    begin_near_the_end,
    jump_to_the_end,
    left,
    line_of,
    placed,
    shown_topics,
)

A, B = ("a", 0), ("b", 1)
LOGS = {A: (10, 100), B: (0, 7)}


def test_a_fresh_cursor_begins_a_few_records_before_the_end() -> None:
    assert begin_near_the_end(LOGS, {"a", "b"}) == {A: 100 - RECENT, B: 7 - RECENT}
    assert begin_near_the_end({A: (99, 100)}, {"a"}) == {A: 99}
    assert begin_near_the_end(LOGS, {"b"}).keys() == {B}


def test_what_retention_deleted_is_counted_as_skipped() -> None:
    read = placed({A: 4, B: 7}, LOGS, {"a", "b"})
    assert (read.cursor, read.skipped) == ({A: 10, B: 7}, 6)


def test_a_topic_made_anew_is_read_from_its_beginning_and_a_new_one_from_its_end() -> None:
    read = placed({A: 101}, LOGS, {"a", "b"})
    assert (read.cursor, read.skipped) == ({A: 10, B: 7}, 0)


def test_jumping_says_how_many_it_left_out() -> None:
    read = jump_to_the_end({A: 60, B: 7}, LOGS, {"a", "b"})
    assert (read.cursor, read.skipped) == ({A: 100, B: 7}, 40)


@given(st.integers(0, 120), st.integers(0, 50), st.integers(50, 120))
def test_skipped_and_left_are_everything_between_the_cursor_and_the_end(cursor: int, begin: int, end: int) -> None:
    logs = {A: (begin, end)}
    read = placed({A: cursor}, logs, {"a"})
    expected = end - cursor if cursor <= end else end - begin
    assert read.skipped + left(read.cursor, logs) == expected


def test_contact_data_is_never_shown() -> None:
    assert "members.contacts.v1" not in shown_topics()
    assert "pos.purchases.v1" in shown_topics()


def record(value: bytes | None, *headers: tuple[str, bytes | None], key: bytes | None = b"p/m") -> Any:
    return SimpleNamespace(
        topic="a", partition=0, offset=3, timestamp=1_800_000_000_000, key=key, value=value, headers=headers
    )


def test_both_modes_of_an_event_are_read() -> None:
    structured = record(b'{"id": "e1", "type": "t", "subject": "m"}', ("content-type", b"application/cloudevents+json"))
    binary = record(
        b"{}", ("ce_id", b"e1"), ("ce_type", b"t"), ("ce_subject", b"m"), ("content-type", b"application/json")
    )
    for line in map(line_of, (structured, binary)):
        assert (line.event_id, line.type, line.subject, line.source) == ("e1", "t", "m", None)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[1]", b'"x"', b"\xff", b'{"id": 5, "type": {"a": 1}}'])
def test_a_hostile_record_is_a_line_like_any(value: bytes | None) -> None:
    line = line_of(record(value, ("content-type", b"application/cloudevents+json"), ("x", None), key=b"\xff"))
    assert (line.event_id, line.type, line.size) == (None, None, len(value or b""))


def test_a_filter_is_no_way_to_learn_of_a_person() -> None:
    headers = (("ce_id", b"reg-Mei"), ("ce_subject", b"Mei"), ("ce_type", b"a-type"))
    line = line_of(record(b"{}", *headers, key=b"fruit-shop/Mei"))
    assert Wanted("mei").holds(line)
    assert not Wanted("mei", sees_ids=False).holds(line)
    assert Wanted("A-TYPE", sees_ids=False).holds(line) and Wanted().holds(line)
