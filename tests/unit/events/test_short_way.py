"""Hot events in the usual words are read the short way, and never mean anything else than the long way."""

import json
import random
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.events import parser
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.event import data_json
from shared.events.hot import HOT_READERS, read_hot
from shared.events.kafka_binding import encode
from shared.events.parser import parse_structured
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted
from tests.unit.events.test_quick import examples


def written() -> list[bytes]:
    """Every example of a grant, as earning would publish it; purchases without a date also as tills may write them."""
    told = []
    for example in (*examples(PointsGranted), *examples(PurchaseCompleted)):
        event = parse_structured(orjson.dumps(example))
        key = event.partitionkey or "program/member"
        raw = encode(event.id, event.source, event.type, event.subject, event.time, key, event.data)
        told.append(raw)
        data = orjson.loads(raw)["data"]
        if isinstance(event.data, PurchaseCompleted) and data.pop("delivered_at", "") is not None:
            sale = {**orjson.loads(raw), "data": data}
            told += [json.dumps(sale, ensure_ascii=False).encode(), orjson.dumps(sale, option=orjson.OPT_SORT_KEYS)]
            told.append(json.dumps({name: sale[name] for name in sale if name != "datacontenttype"}, indent=1).encode())
            told.append(orjson.dumps({**sale, "data": _with_name(data, "水果 & 茶")}))
    return [raw for raw in told if b"\\u" not in raw]


def _with_name(data: dict[str, Any], name: str) -> dict[str, Any]:
    first, *others = data["lines"]
    return {**data, "lines": [{**first, "name": name}, *others]}


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
    (b'"lines":[{', b'"lines":[{"earns":true,'),
    (b'"lines":[{', b'"lines":[{"name":null,'),
    (b'"lines":[{', b'"lines":[{"labels":[],"name":null,'),
    (b'"lines":[{', b'"lines":[{"labels":[],"labels":[],'),
    (b'"lines":[{', b'"lines":[{"name":":[]","later":[],'),
    (b'"tenders":[', b'"codes":[],"tenders":['),
    (b'"lines":[{', b'"lines":[{"later":{"a":1,"a":2},'),
    (b'"lines":[{', b'"lines":[{"earns":true,"earns":true,'),
    (b'"lines":[{', b'"lines":[{"later":9999999999999999999,'),
    (b'"lines":[{', b'"lines":[{"later":1e400,'),
    (b'"lines":[{', b'"lines":[{"later":' + b"[" * 300 + b"]" * 300 + b","),
    (b'"net_minor":', b'"net_minor":-0,"net_minor":'),
    (b'"net_minor":', b'"net_minor":1'),
    (b'"net_minor":', b'"net_minor":1e2,"x":'),
    (b'"quantity":1', b'"quantity":01'),
    (b'"total_minor":', b'"later":1,"total_minor":'),
    (b'"currency"', b'"delivered_at":"2026-05-10T09:30:00Z","currency"'),
    (b'"currency"', b'"delivered_at":null,"currency"'),
    (b'"currency"', b'"delivered_at":"2026-05-10 09:30:00Z","currency"'),
)


def _read(raw: bytes, *, short: bool) -> object:
    """The event and its hash, or the refusal."""
    with patch.object(parser, "read_hot", read_hot if short else lambda _: None):
        try:
            event = parse_structured(raw)
        except Rejected as rejected:
            return rejected.code, rejected.message, rejected.fields
        return event, event.known, event.content_hash


def test_what_we_write_is_read_the_short_way() -> None:
    for raw in WRITTEN:
        assert isinstance(read_hot(raw), CloudEvent)
        assert _read(raw, short=True) == _read(raw, short=False)


def test_defaults_that_are_written_out_are_read_the_short_way() -> None:
    for raw in WRITTEN:
        said = orjson.loads(raw)
        if said["type"] == PurchaseCompleted.TYPE and "delivered_at" not in said["data"]:
            full = {"codes": [], "tax_minor": None, **said["data"]}
            full["lines"] = [{"labels": [], "brand": None, "earns": True, **line} for line in full["lines"]]
            told = orjson.dumps({**said, "data": full})
            as_told = read_hot(told)
            assert as_told == read_hot(raw)
            assert as_told is not None
            assert as_told.known == data_json(as_told.data)
            assert _read(told, short=True) == _read(told, short=False)
            assert read_hot(told.replace(b'"codes":', b'"codes":[],"codes":', 1)) is None


@pytest.mark.parametrize(("old", "new"), _REPLACED)
def test_what_is_written_otherwise_means_the_same_both_ways(old: bytes, new: bytes) -> None:
    for raw in WRITTEN:
        changed = raw.replace(old, new, 1)
        assert _read(changed, short=True) == _read(changed, short=False)


def test_what_is_too_long_is_refused() -> None:
    for raw in WRITTEN:
        hot = HOT_READERS[orjson.loads(raw)["type"]]
        assert hot.read_many([raw, None, raw], len(raw)) == [read_hot(raw), None, read_hot(raw)]
        assert hot.read_many([raw, b""], len(raw) - 1) == [None, None]
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
