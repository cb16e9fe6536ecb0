"""A quick reader and its model agree on every message: the same data, the same hash, the same refusal."""

import copy
from collections import Counter
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from shared.events import parser
from shared.events.cloudevent import CloudEvent, Rejected
from shared.events.event import EventData, Part
from shared.events.generate import SCHEMAS
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.quick import HOT_TYPES, quick_reader

EXAMPLES = SCHEMAS.parent / "examples"
NUMBERS = (0, -1, 1, 2**31, 2**53, 2**53 + 1, 1_000_001, 2**62)
TEXTS = (
    *("", "0", "x" * 128, "x" * 129, "x" * 501, "a/b", "a\\b", 'a"b', "CNY", "cny", "CNY\n", "PROMO", "online"),
    *("a\x01b", "\x7f", "水果", "a\u200bb", "e\u0301", "\u2028", "\ud83c\udf4e", "0" * 36),
    *("53e72004-B725-5984-9d0b-af49761d9378", "2026-05-10t09:30:00.123456789z", "2026-05-10 09:30:00Z"),
    *("2026-13-10T09:30:00Z", "2026-05-10", "2026-05-10T09:30:00"),
)
STRANGE: tuple[object, ...] = (
    None,
    True,
    False,
    *NUMBERS,
    *TEXTS,
    1.0,
    0.5,
    [],
    {},
    [1],
    ["a"],
    ["a", "a"],
    [None],
    {"sku": "a"},
)
ADDED = ({"points_class": "PROMO"}, {"later": [1, {"a": 2.5}]}, {"class": "PROMO"})


def examples(model: type[EventData]) -> Iterator[dict[str, Any]]:
    folder = EXAMPLES / model.TYPE.removeprefix("greenpoints.")
    for path in sorted(folder.glob("*.json")):
        yield orjson.loads(path.read_bytes())


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place inside a JSON value that can be replaced or removed."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield (*path, step)
        yield from places(inner, (*path, step))


def data_places(envelope: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    return (path for path in places(envelope) if path[0] == "data" and len(path) > 1)


def changed(envelope: dict[str, Any], path: tuple[Any, ...], value: Any, remove: bool) -> dict[str, Any]:
    envelope = copy.deepcopy(envelope)
    inner = envelope
    for step in path[:-1]:
        inner = inner[step]
    if remove:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return envelope


def like(value: object) -> st.SearchStrategy[object]:
    """Half of the values are of the kind that was there, or nearly all would be refused."""
    if type(value) is int:
        return st.one_of(st.integers(-(2**60), 2**60), st.sampled_from(STRANGE))
    return st.one_of(st.text(max_size=20) if isinstance(value, str) else st.just(value), st.sampled_from(STRANGE))


def at(envelope: Any, path: tuple[Any, ...]) -> object:
    for step in path:
        envelope = envelope[step]
    return envelope


def outcome(model: type[EventData], raw: bytes) -> CloudEvent | tuple[object, ...]:
    try:
        return decode(model.TOPIC, b"k", raw, STRUCTURED_HEADERS)
    except Rejected as rejected:
        return (rejected.code, rejected.message, rejected.fields)


def agree(model: type[EventData], envelope: dict[str, Any]) -> str:
    """Read it both ways; says how it was read."""
    try:
        raw = orjson.dumps(envelope)
    except orjson.JSONEncodeError:
        return "cannot be sent"  # a lone surrogate
    quick = outcome(model, raw)
    with patch.object(parser, "quick_reader", return_value=None), patch.object(parser, "read_hot", return_value=None):
        slow = outcome(model, raw)
    if isinstance(quick, CloudEvent) and isinstance(slow, CloudEvent):
        assert replace(quick, data=slow.data) == slow
        assert same_fields(quick.data, slow.data)
        return "read quickly" if type(quick.data) is not model else "read by the model"
    assert quick == slow
    return "refused"


@pytest.mark.parametrize("model", HOT_TYPES, ids=lambda model: model.__name__)
def test_it_agrees_whatever_stands_in_one_place(model: type[EventData]) -> None:
    seen: Counter[str] = Counter()
    for envelope in examples(model):
        for path in data_places(envelope):
            seen[agree(model, changed(envelope, path, None, remove=True))] += 1
            seen.update(agree(model, changed(envelope, path, value, remove=False)) for value in STRANGE)
        seen.update(agree(model, envelope | {"data": envelope["data"] | added}) for added in ADDED)
    assert min(seen["read quickly"], seen["read by the model"], seen["refused"]) > 10, seen


@pytest.mark.parametrize("model", HOT_TYPES, ids=lambda model: model.__name__)
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_it_agrees_when_several_places_change(model: type[EventData], drawn: st.DataObject) -> None:
    envelope = drawn.draw(st.sampled_from(list(examples(model))))
    for _ in range(drawn.draw(st.integers(2, 4))):
        path = drawn.draw(st.sampled_from(list(data_places(envelope))))
        envelope = changed(envelope, path, drawn.draw(like(at(envelope, path))), drawn.draw(st.integers(0, 4)) == 0)
        if not envelope["data"]:
            break
    event(agree(model, envelope))


def same_fields(quick: object, slow: object) -> bool:
    """Each field of the model has the same value in the twin."""
    if isinstance(slow, Part):
        return all(same_fields(getattr(quick, name), getattr(slow, name)) for name in type(slow).model_fields)
    if isinstance(slow, tuple):
        assert isinstance(quick, tuple)
        return len(quick) == len(slow) and all(same_fields(q, s) for q, s in zip(quick, slow, strict=True))
    return type(quick) is type(slow) and quick == slow


@pytest.mark.parametrize("model", HOT_TYPES, ids=lambda model: model.__name__)
def test_every_example_is_read_quickly(model: type[EventData]) -> None:
    """Or nothing would be gained, and the property above would compare the model with itself."""
    for envelope in examples(model):
        decoded = decode(model.TOPIC, None, orjson.dumps(envelope), STRUCTURED_HEADERS)
        assert type(decoded.data) is not model
        assert isinstance(decoded.data, model)


def test_chinese_names_are_read_quickly() -> None:
    envelope = next(examples(PurchaseCompleted))
    envelope["data"]["lines"][0]["name"] = "红富士苹果"
    decoded = decode(PurchaseCompleted.TOPIC, None, orjson.dumps(envelope), STRUCTURED_HEADERS)
    assert type(decoded.data) is not PurchaseCompleted


def test_other_types_have_no_quick_reader() -> None:
    assert quick_reader(PointsGranted) is quick_reader(PointsGranted)
    assert quick_reader(EventData) is None
