"""Records decoded together are what each is by itself."""

import random
from datetime import timedelta

import orjson
import pytest
from aiokafka import ConsumerRecord
from msgspec.structs import asdict

from shared.events.event import EventData
from shared.events.http_binding import MAX_BATCH_BYTES
from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.parser import parse_structured
from shared.events.points_granted import PointsGranted
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.batch import ORIGIN_HEADER, Delivered, Headers, read_record, read_records
from tests.unit.events.test_quick import examples
from tests.unit.runtime.records import NOW

USUAL: Headers = STRUCTURED_HEADERS
CARRIED: Headers = (*USUAL, (ORIGIN_HEADER, b"1700000000000"))
HEADERS: tuple[Headers, ...] = (USUAL, USUAL, USUAL, CARRIED, ())
KEYS = (b"program/member", b"program/other", b"\xff", b"", None)


def values(model: type[EventData]) -> list[bytes | None]:
    """As we write them, in other words, without their key, and what is no such event at all."""
    told: list[bytes | None] = [None, b"", b"{", b'{"a":\n1}\n{"b":2}', b"x" * MAX_BATCH_BYTES]
    for example in examples(model):
        event = parse_structured(orjson.dumps(example))
        raw = encode(event.id, event.source, event.type, event.subject, NOW, "program/member", event.data)
        without = orjson.loads(raw)
        del without["partitionkey"]
        named = orjson.loads(raw) | {"subject": None, "id": "水果"}
        told += [raw, raw, orjson.dumps(without), orjson.dumps(named), raw.replace(b"1.0", b"1.1"), raw + b"\x7f"]
        told += [
            raw.replace(b"program_id", b"later"),
            raw.replace(b'"', b'\\"'),
            raw.replace(b":", b" : ", 1),
            raw[:-1],
        ]
    return told


def record(topic: str, offset: int, key: bytes | None, value: bytes | None, headers: Headers) -> ConsumerRecord:
    recorded = int((NOW + timedelta(seconds=offset)).timestamp() * 1000)
    return ConsumerRecord(topic, 3, offset, recorded, 1, key, value, None, 0, 0, headers)


def told(delivered: Delivered) -> dict[str, object]:
    """A refusal by what it says."""
    refused = delivered.rejection
    return asdict(delivered) | {"rejection": refused and (refused.code, refused.message, refused.fields)}


@pytest.mark.parametrize("model", [PurchaseCompleted, PointsGranted], ids=lambda model: model.__name__)
@pytest.mark.parametrize("topic", ["pos.purchases.v1", "points.grants.v1", "earning.effects.v1", "no.topic"])
def test_together_they_are_what_each_is_alone(model: type[EventData], topic: str) -> None:
    chance = random.Random(1)  # noqa: S311 - a fixed course
    records = [
        record(topic, offset, chance.choice(KEYS), value, chance.choice(HEADERS))
        for offset, value in enumerate(values(model) * 5)
    ]
    chance.shuffle(records)
    for some in (records, records[:1], [each for each in records if (each.value or b"").isascii()]):
        assert [told(each) for each in read_records(some)] == [told(read_record(each)) for each in some]
