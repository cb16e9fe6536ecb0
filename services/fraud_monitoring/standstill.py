"""Notices that a partition stands still: events lie there, and nothing acknowledges them.

Nothing is lost by it (unfinished.py), but nothing goes on either; the remedy is to begin again from Kafka's offset:
windows count an event once, so what is read again changes nothing.
"""

import asyncio
from collections.abc import Callable
from typing import cast

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from services.fraud_monitoring.faust_app import FraudApp
from services.fraud_monitoring.reading import Consumer
from shared.runtime.kafka_client import end_client
from shared.runtime.worker import WorkerStoppedError

log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_READ_SECONDS = 3.0


class StandstillError(WorkerStoppedError):
    """Some partitions stand still; starting again mends it."""


async def watch_progress(app: FraudApp, kafka: str, patience: float, is_busy: Callable[[], bool]) -> None:
    """Until a partition has stood still for `patience` seconds while nothing was under way: raises StandstillError.

    While Kafka does not answer, nothing stands still.
    """
    loop = asyncio.get_running_loop()
    known: dict[TP, int] = {}
    since = loop.time()
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        behind = {} if is_busy() or app.rebalancing or not app.tables.actives_ready else await _behind(app)
        if not behind or behind != known:
            known, since = behind, loop.time()
            continue
        if loop.time() - since >= patience:
            if unread := await _unread(kafka, known, app.conf.id):
                raise StandstillError(
                    f"fraud_monitoring stands still at {unread}: events lie there and nothing acknowledges them. "
                    "Start it again: it goes on where it was."
                )
            since = loop.time()


async def _behind(app: FraudApp) -> dict[TP, int]:
    """Where this worker has acknowledged less than there is, as far as Kafka can be asked."""
    consumer = cast(Consumer, app.consumer)
    places = [place for place in consumer.assignment() if not consumer._is_changelog_tp(place)]
    try:
        ends = await consumer.highwaters(*places)
    except KafkaError as error:
        log.debug("ends unknown", error=error)
        return {}
    done = {place: consumer.unfinished.committed.get(place, 0) for place in places}
    return {place: done[place] for place in places if done[place] < ends.get(place, 0)}


async def _unread(kafka: str, places: dict[TP, int], group: str) -> dict[str, int]:
    """Of these places those where a record follows what Kafka holds as done by the group.

    Another worker may have the partition by now, and what ends a transaction takes up offsets, too.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka,
        group_id=group,
        enable_auto_commit=False,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    found: dict[str, int] = {}
    try:
        await consumer.start()
        consumer.assign([TopicPartition(*place) for place in places])
        for place, offset in places.items():
            done = await consumer.committed(TopicPartition(*place))
            consumer.seek(TopicPartition(*place), max(offset, done or 0))
        async with asyncio.timeout(_READ_SECONDS):
            while len(found) < len(places):
                for place in await consumer.getmany(timeout_ms=500, max_records=len(places)):
                    found[f"{place.topic}/{place.partition}"] = places[TP(place.topic, place.partition)]
    except (KafkaError, TimeoutError) as error:
        log.debug("standstill looked at", found=found, error=error)
    finally:
        await end_client(consumer)
    return found
