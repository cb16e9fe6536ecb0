"""What our own services wrote is read the short way, and never means anything else than the long way."""

import random
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import parser
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.kafka_binding import encode
from shared.events.parser import parse_structured
from shared.events.points_granted import PointsGranted
from tests.unit.events.test_quick import examples


def written() -> list[bytes]:
    """Every example of a grant, as earning would publish it."""
    told = []
    for example in examples(PointsGranted):
        event = parse_structured(orjson.dumps(example))
        key = event.partitionkey or "program/member"
        told.append(encode(event.id, event.source, event.type, event.subject, event.time, key, event.data))
    return told


WRITTEN = written()
_REPLACED = (
    (b'"specversion":"1.0"', b'"specversion":"1.1"'),
    (b'{"specversion"', b'{"id":"other","specversion"'),
    (b'"data":{', b'"data":{"points":1,'),
    (b'"data":{', b'"data":{"later":true,'),
    (b'"data":{', b'"data": {'),
    (b'"datacontenttype":"application/json"', b'"datacontenttype":"text/plain"'),
    (b'"datacontenttype":"application/json",', b""),
    (b'"datacontenttype"', b'"tracestate":"a:b","datacontenttype"'),
    (b'"datacontenttype"', b'"extensions":{},"datacontenttype"'),
    (b'"datacontenttype"', b'"extensions":"x","datacontenttype"'),
    (b'Z","', b'+00:00","'),
    (b'Z","', b'+08:00","'),
    (b'Z","', b'","'),
    (b'Z","', b'.1234567Z","'),
    (b'"points":', b'"points":0'),
    (b'"points":', b'"points":1.0,"x":'),
    (b'"points":', b'"points":-'),
    (b'"points":', b'"points":9999999999999999999'),
    (b'"program_id":"', b'"program_id":"\\u0061'),
    (b'"program_id":"', b'"program_id":"\x7f'),
    (b'"program_id":"', '"program_id":"水\u200b'.encode()),
    (b'"program_id":"', b'"program_id":"a/'),
    (b'"subject":"', b'"subject":"other'),
    (b'"id":"', b'"id":"' + b"x" * 128),
    (b'"source":"', b'"source":"a:b'),
)


def _read(raw: bytes, *, short: bool) -> object:
    """The event and its hash, or the refusal."""
    with patch.object(parser, "_read_own", parser._read_own if short else lambda *_: None):
        try:
            event = parse_structured(raw)
        except Rejected as rejected:
            return rejected.code, rejected.message, rejected.fields
        return event, event.known, event.content_hash


def test_what_we_write_is_read_the_short_way() -> None:
    for raw in WRITTEN:
        assert isinstance(parser._read_own(raw, 10**6), CloudEvent)
        assert _read(raw, short=True) == _read(raw, short=False)


@pytest.mark.parametrize(("old", "new"), _REPLACED)
def test_what_is_written_otherwise_means_the_same_both_ways(old: bytes, new: bytes) -> None:
    for raw in WRITTEN:
        changed = raw.replace(old, new, 1)
        assert _read(changed, short=True) == _read(changed, short=False)


def test_what_is_too_long_is_refused() -> None:
    for raw in WRITTEN:
        assert parser._read_own(raw, len(raw) - 1) is None
        with pytest.raises(Rejected):
            parse_structured(raw, len(raw) - 1)


@settings(max_examples=400)
@given(st.sampled_from(WRITTEN), st.randoms(use_true_random=False), st.integers(1, 3))
def test_any_byte_may_be_another(raw: bytes, chance: random.Random, times: int) -> None:
    changed = bytearray(raw)
    for _ in range(times):
        place = chance.randrange(len(changed))
        changed[place : place + chance.randrange(2)] = bytes([chance.choice(b'":,{}[]0159.-+eETZa/\\ \x7f\xe6')])
    assert _read(bytes(changed), short=True) == _read(bytes(changed), short=False)
