"""Bad records among good ones: one dead letter each with its reason, every neighbour posted, the partition goes on."""

import asyncio
import json
from collections import Counter
from datetime import timedelta

from aiokafka import AIOKafkaConsumer

from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.partitioner import partition_of
from tests.infrastructure.services import Services, eventually, producer
from tests.infrastructure.till import PROGRAM, Till, purchase

TOPIC = PurchaseCompleted.TOPIC
GOOD = 999


def structured(till: Till, event_id: str, receipt_id: str, *, ahead: timedelta = timedelta(days=-9)) -> bytes:
    data = purchase(receipt_id, "mia", 1_000)
    key = member_key(PROGRAM, "mia")
    return encode(event_id, "/pos/tests/t1", data.TYPE, "mia", till.now + ahead, key, data)


def poison(till: Till) -> dict[str, tuple[bytes | None, str]]:
    """Name → (record value, the code it must end with)."""
    good = structured(till, "bad", "bad")
    event = json.loads(good)
    missing = {name: value for name, value in event.items() if name != "id"}
    deep = good.replace(b'"data":{', b'"data":{"deep":' + b"[" * 10_000 + b"]" * 10_000 + b",")
    wrong = event | {"data": event["data"] | {"total_minor": 1_001}}
    return {
        "missing id": (json.dumps(missing).encode(), "MALFORMED"),
        "bad JSON": (good[:-1], "MALFORMED"),
        "null value": (None, "MALFORMED"),
        "not UTF-8": (good.replace(b'"apple-1"', b'"appl\xff-1"'), "MALFORMED"),
        "duplicate keys": (good.replace(b'"total_minor":1000', b'"total_minor":1,"total_minor":1000'), "MALFORMED"),
        "zero character": (good.replace(b'"apple-1"', b'"apple\\u0000"'), "MALFORMED"),
        "integer beyond 2^63": (good.replace(b'"quantity":1', b'"quantity":9223372036854775809'), "MALFORMED"),
        "depth 10,000": (deep, "MALFORMED"),
        "wrong sums": (json.dumps(wrong).encode(), "AMOUNTS_DO_NOT_SUM"),
        "oversize": (good[:-2] + b" " * 600_000 + b"}}", "MALFORMED"),
        "future time": (structured(till, "early", "early", ahead=timedelta(minutes=20)), "EVENT_IN_FUTURE"),
        "unknown type": (good.replace(b"purchase.completed", b"purchase.imagined"), "UNKNOWN_TYPE"),
        "unknown program": (good.replace(b'"program_id":"fruit-shop"', b'"program_id":"nobodys"'), "UNKNOWN_PROGRAM"),
        "same id, other content": (structured(till, "good-0", "another"), "DUPLICATE_ID_DIFFERENT_CONTENT"),
    }


async def test_the_other_999_of_the_batch_are_posted(spine: Services, unique: str) -> None:
    async with producer(spine.kafka) as sender:
        till = Till(sender, unique)
        await till.register("mia")
        values = [(f"good-{place}", structured(till, f"good-{place}", f"r{place}")) for place in range(GOOD)]
        bad = poison(till)
        for place, (name, (value, _)) in enumerate(bad.items()):
            values.insert(50 + place * 60, (name, value or b""))
        key = member_key(PROGRAM, "mia").encode()
        sent = [
            await sender.send(TOPIC, None if name == "null value" else value, key=key, headers=list(STRUCTURED_HEADERS))
            for name, value in values
        ]
        places = {name: await record for (name, _), record in zip(values, sent, strict=True)}
        await _until_handled(spine, GOOD + len(bad))
        await till.send("after", purchase("last", "mia", 1_000), ago=9)
        await _until_handled(spine, GOOD + len(bad) + 1)
    assert {place.partition for place in places.values()} == {partition_of(key, 8)}
    async with spine.connection("greenpoints_audit") as audit:
        letters = await audit.fetch("SELECT record_offset, code, message FROM earning.audit_dead_letter")
        points = await audit.fetchval("SELECT sum(points)::bigint FROM earning.audit_grant")
    by_offset = {row["record_offset"]: row["code"] for row in letters}
    assert by_offset == {places[name].offset: code for name, (_, code) in bad.items()}
    assert all(row["message"].endswith(".") for row in letters), "each says its reason in a sentence"
    assert points == (GOOD + 1) * 10
    copies = await _dead_letter_topic(spine, len(bad))
    assert copies == Counter(code for _, code in bad.values())


async def _until_handled(spine: Services, records: int) -> None:
    async def handled() -> bool:
        async with spine.connection("greenpoints_audit") as audit:
            moved = await audit.fetchval(
                "SELECT coalesce(sum(next_offset), 0) FROM earning.audit_offset WHERE topic = $1", TOPIC
            )
            return bool(moved == records)

    await eventually(f"{records} handled records", handled)


async def _dead_letter_topic(spine: Services, letters: int) -> Counter[str]:
    """The codes in the failure headers of the raw copies in the dead-letter topic."""
    consumer = AIOKafkaConsumer(
        f"{TOPIC}.earning.dlq", bootstrap_servers=spine.kafka, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    codes: Counter[str] = Counter()
    try:
        async with asyncio.timeout(30):
            while codes.total() < letters:
                record = await consumer.getone()
                codes[dict(record.headers)["greenpoints-error-code"].decode()] += 1
    finally:
        await consumer.stop()
    return codes
