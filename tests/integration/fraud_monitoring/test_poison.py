"""Bad records among good ones: one dead letter each with its reason, and the partition goes on."""

import json
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaProducer

from shared.events.kafka_binding import STRUCTURED_HEADERS, encode
from shared.events.keys import member_key
from shared.events.topics import dead_letter_topic
from shared.runtime.partitioner import partition_of
from tests.infrastructure.raw_batches import RawNamesBuilder
from tests.infrastructure.services import eventually
from tests.infrastructure.till import PROGRAM, purchase
from tests.integration.fraud_monitoring.scene import Scene, record_count

TOPIC = "pos.purchases.v1"


def poison(good: bytes, early: bytes) -> dict[str, tuple[bytes | None, str]]:
    """Name → (record value, the code it must end with)."""
    return {
        "bad JSON": (good[:-1], "MALFORMED"),
        "null value": (None, "MALFORMED"),
        "not UTF-8": (good.replace(b'"apple-1"', b'"appl\xff-1"'), "MALFORMED"),
        "wrong sums": (good.replace(b'"total_minor":1000', b'"total_minor":1001'), "AMOUNTS_DO_NOT_SUM"),
        "future time": (early, "EVENT_IN_FUTURE"),
        "unknown type": (good.replace(b"purchase.completed", b"purchase.imagined"), "UNKNOWN_TYPE"),
        "unknown program": (good.replace(b'"program_id":"fruit-shop"', b'"program_id":"nobodys"'), "UNKNOWN_PROGRAM"),
        "of another topic": (good.replace(b"purchase.completed", b"points.granted"), "MALFORMED"),
    }


async def test_each_is_a_dead_letter_and_what_follows_is_counted(scene: Scene) -> None:
    member = scene.member("mia")
    key = member_key(PROGRAM, member).encode()
    partition = partition_of(key, 8)
    data = purchase("bad", member, 1_000)
    good, early = (
        encode("bad", "/pos/tests/t1", data.TYPE, member, scene.now + ahead, key.decode(), data)
        for ahead in (timedelta(0), timedelta(minutes=20))
    )
    bad = poison(good, early)
    for number in range(14):
        await scene.buy(member, f"good-{number}", at=30)
    for value, _ in bad.values():
        await scene.sender.send_and_wait(TOPIC, value, key=key, headers=list(STRUCTURED_HEADERS))
    unreadable = RawNamesBuilder({"placeholder": b"plac\xffholder"})
    unreadable.append(key=key, value=good, timestamp=None, headers=[("placeholder", b"v"), *STRUCTURED_HEADERS])
    await (await scene.sender.send_batch(unreadable, TOPIC, partition=partition))
    await _abort(scene)
    await scene.buy(member, "good-14", at=29)
    await scene.until_held(member)
    letters = await scene.services.get("fraud_monitoring", "/v1/dead-letters?limit=100")
    assert sorted(letter["code"] for letter in letters) == sorted([*(code for _, code in bad.values()), "MALFORMED"])
    assert all(letter["message"].endswith(".") for letter in letters), "each says its reason in a sentence"
    copies = dead_letter_topic(TOPIC, "fraud_monitoring")

    async def copied() -> bool:
        return await record_count(scene.services.kafka, copies) == len(letters)

    await eventually("copy of each on its dead-letter topic", copied)
    holds = await scene.holds()
    assert [(hold["member_id"], hold["reason"]) for hold in holds] == [(member, "MEMBER_VELOCITY")]


async def _abort(scene: Scene) -> None:
    """A till that sent 20 purchases in a transaction and took it back: it never said them."""
    till = AIOKafkaProducer(bootstrap_servers=scene.services.kafka, transactional_id=f"till-{scene.unique}")
    await till.start()
    try:
        await till.begin_transaction()
        other = scene.member("never")
        own = member_key(PROGRAM, other)
        for number in range(20):
            data = purchase(f"never-{number}", other, 1_000)
            value = encode(f"never-{number}", "/pos/tests/t1", data.TYPE, other, scene.now, own, data)
            await till.send_and_wait(TOPIC, value, key=own.encode(), headers=list(STRUCTURED_HEADERS))
        await till.abort_transaction()
    finally:
        await till.stop()


def test_the_poison_is_poison() -> None:
    """The replacements above found what they replace."""
    data = purchase("bad", "mia", 1_000)
    good = encode("bad", "/s", data.TYPE, "mia", datetime(2026, 11, 22, tzinfo=UTC), "k", data)
    assert all(value != good for value, _ in poison(good, b"early").values())
    assert json.loads(good)["data"]["total_minor"] == 1_000
