"""Bad records among good ones: one dead letter each with its reason, every neighbour posted, the partition goes on."""

import asyncio
import base64
import json
from collections import Counter
from datetime import timedelta

from aiokafka import AIOKafkaConsumer

from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.partitioner import partition_of
from tests.infrastructure.raw_batches import RawNamesBuilder
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
        await _until_registered(spine)  # else they would wait for it, and some be in the other topic below
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


async def test_a_header_name_that_is_not_utf8_costs_its_own_record_only(spine: Services, unique: str) -> None:
    """One record batch with such a name in its middle: the client cannot parse any of it as it comes."""
    key = member_key(PROGRAM, "mia")
    bad_place, good, placeholder = 10, 20, "placeholder-name"
    async with producer(spine.kafka) as sender:
        till = Till(sender, unique)
        await till.register("mia")
        await _until_registered(spine)
        together = RawNamesBuilder({placeholder: b"ce_\xff\xfe\x80placeholde"})
        bad = structured(till, "bad", "bad")
        for place in range(good + 1):
            headers = list(STRUCTURED_HEADERS)
            value = bad if place == bad_place else structured(till, f"good-{place}", f"r{place}")
            if place == bad_place:
                headers.append((placeholder, b"1"))
            together.append(timestamp=None, key=key.encode(), value=value, headers=headers)
        sent = await sender.send_batch(together, TOPIC, partition=partition_of(key.encode(), 8))
        first = (await sent).offset
        await _until_handled(spine, good + 1)
        await till.send("after", purchase("last", "mia", 1_000), ago=9)
        await _until_handled(spine, good + 2)
    (letter,) = await spine.get("earning", "/v1/dead-letters")
    assert (letter["record_offset"], letter["code"]) == (first + bad_place, "MALFORMED")
    assert letter["message"].startswith("A header's name is not UTF-8 (b'ce_\\xff\\xfe")
    whole = await spine.get("earning", f"/v1/dead-letters/{letter['dead_letter_id']}")
    assert base64.b64decode(whole["value_base64"]) == bad
    assert base64.b64decode(whole["key_base64"]) == key.encode()
    async with spine.connection("greenpoints_audit") as audit:
        points = await audit.fetchval("SELECT sum(points)::bigint FROM earning.audit_grant")
    assert points == (good + 1) * 10
    assert "header name not UTF-8, reading again" in spine.log("earning")
    assert await _dead_letter_topic(spine, 1) == Counter({"MALFORMED": 1})


async def _until_registered(spine: Services) -> None:
    async def registered() -> bool:
        async with spine.connection("greenpoints_audit") as audit:
            return bool(await audit.fetchval("SELECT count(*) FROM earning.audit_member"))

    await eventually("registered member", registered)


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
