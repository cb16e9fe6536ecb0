"""What the benchmarks publish: members of chosen partitions, their registrations, and purchases of two sizes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count, cycle, islice
from typing import Any, Literal, TypeAlias

import orjson

from services.operator.traffic.fruit import CURRENCY, MERCHANT_ID, PROGRAM_ID
from services.operator.traffic.sent import Kind
from services.operator.traffic.simulate import simulate
from shared.events.fields import format_timestamp
from shared.events.kafka_binding import encode
from shared.events.keys import member_key
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.topics import load_topics
from shared.runtime.partitioner import partition_of
from tests.benchmarks.market import receipts

Size: TypeAlias = Literal["small", "basket", "market"]
SIZES: tuple[Size, ...] = ("small", "basket")  # of these the fruit shop's own pack makes points
PURCHASES, PROFILES, GRANTS = PurchaseCompleted.TOPIC, MemberRegistered.TOPIC, "points.grants.v1"
EVENTS_PER_MEMBER = 10
# Distinct baskets; more would only take longer to make.
_BASKETS = 5_000


@dataclass(frozen=True, slots=True)
class Message:
    """One structured CloudEvent, ready to send."""

    topic: str
    key: bytes
    value: bytes


def all_partitions() -> tuple[int, ...]:
    return tuple(range(load_topics()[PURCHASES].partitions))


def members_of(partitions: tuple[int, ...], number: int) -> list[str]:
    """`number` member ids whose keys lie in `partitions`, in equal shares and in turn."""
    total = load_topics()[PURCHASES].partitions
    wanted = {partition: number // len(partitions) for partition in partitions}
    for partition in partitions[: number % len(partitions)]:
        wanted[partition] += 1
    found: dict[int, list[str]] = {partition: [] for partition in partitions}
    for candidate in count():
        member_id = f"m-{candidate:07}"
        partition = partition_of(member_key(PROGRAM_ID, member_id).encode(), total)
        if partition in found and len(found[partition]) < wanted[partition]:
            found[partition].append(member_id)
            if all(len(found[known]) == wanted[known] for known in found):
                break
    return [found[partitions[n % len(partitions)]][n // len(partitions)] for n in range(number)]


def registrations(members: list[str], now: datetime) -> Iterator[Message]:
    for member_id in members:
        data = MemberRegistered(
            program_id=PROGRAM_ID,
            member_id=member_id,
            registered_at=now - timedelta(days=60),
            phone_verified=True,
        )
        key = member_key(PROGRAM_ID, member_id)
        value = encode(
            f"register-{member_id}", f"/crm/{MERCHANT_ID}", data.TYPE, member_id, now - timedelta(days=60), key, data
        )
        yield Message(PROFILES, key.encode(), value)


def purchases(size: Size, members: list[str], number: int, now: datetime, seed: int) -> Iterator[Message]:
    """`number` purchases by the members in turn, all of the last hour, each worth points.

    `small` is the prototype's event, 588 bytes on average, one or two lines in turn; `basket` a receipt of the
    simulated fruit shop, one to six lines; `market` one of the simulated supermarket, one to twelve.
    """
    baskets = cycle(_receipts(size, seed, now))
    for place, member_id, receipt in zip(range(number), cycle(members), baskets, strict=False):
        time = now - timedelta(hours=1) + timedelta(milliseconds=3_600_000 * place // number)
        yield purchase(f"{size}-{seed:x}-{place}", member_id, receipt, time)


def purchase(receipt_id: str, member_id: str, receipt: dict[str, Any], time: datetime) -> Message:
    """The receipt as bought by this member; `receipt` is JSON without its ids."""
    key = member_key(PROGRAM_ID, member_id)
    value = orjson.dumps(
        {
            "specversion": "1.0",
            "id": receipt_id,
            "source": f"/pos/{receipt['terminal_id']}",
            "type": PurchaseCompleted.TYPE,
            "time": format_timestamp(time),
            "partitionkey": key,
            "subject": member_id,
            "data": {**receipt, "receipt_id": receipt_id, "member_id": member_id},
        }
    )
    return Message(PURCHASES, key.encode(), value)


def small_receipt() -> dict[str, Any]:
    """One line: what the latency is measured with."""
    return _small_receipts()[0]


def _receipts(size: Size, seed: int, now: datetime) -> list[dict[str, Any]]:
    if size == "small":
        return _small_receipts()
    return _baskets(seed, now) if size == "basket" else [receipt for receipt, _ in receipts(_BASKETS, seed)]


def _small_receipts() -> list[dict[str, Any]]:
    lines = [
        {"line_id": "1", "sku": "apple", "condition": "new", "quantity": 1, "net_minor": 880},
        {"line_id": "2", "sku": "pear", "condition": "new", "quantity": 1, "net_minor": 690},
    ]
    return [_small_receipt(lines[:1]), _small_receipt(lines)]


def _small_receipt(lines: list[dict[str, Any]]) -> dict[str, Any]:
    total = sum(line["net_minor"] for line in lines)
    return {
        "program_id": PROGRAM_ID,
        "merchant_id": "fruit-shop",
        "store_id": "s1",
        "terminal_id": "s1-1",
        "currency": CURRENCY,
        "lines": lines,
        "tenders": [{"kind": "cash", "amount_minor": total}],
        "total_minor": total,
        "channel": "store",
    }


def _baskets(seed: int, now: datetime) -> list[dict[str, Any]]:
    traffic = simulate(seed=seed, members=50, purchases=_BASKETS * 2, until=now)
    bought = (sent for sent in traffic if sent.kind is Kind.PURCHASE and sent.expected.points)
    return [orjson.loads(sent.data) for sent in islice(bought, _BASKETS)]


def moment() -> datetime:
    """Now, to the second."""
    return datetime.now(UTC).replace(microsecond=0)
