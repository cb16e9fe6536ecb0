"""The Faust application as this service needs it: its settings, its tables, and what Faust itself cannot be told."""

from asyncio import Future
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import faust
from faust.tables.manager import TableManager
from faust.tables.table import Table
from faust.types import FutureMessage, ProducerT, TransportT

from services.fraud_monitoring.reading import Transport
from services.fraud_monitoring.recovery import SeekFirst
from services.fraud_monitoring.shelves import TABLES
from shared.events.topics import load_internal_topics, load_topics
from shared.runtime.settings import Settings

DEVICES = "fraud_monitoring.devices.v1"
_MOST_FETCHED_BYTES = 4 * 1024 * 1024
_MOST_UNSENT = 20_000
# One RocksDB a table and partition: its defaults (64 MiB to write, 2 GiB to read) are for one database alone.
_STORE_OPTIONS = {
    "write_buffer_size": 1024 * 1024,
    "max_write_buffer_number": 2,
    "target_file_size_base": 4 * 1024 * 1024,
    "block_cache_size": 2 * 1024 * 1024,
    "max_open_files": 32,
}


class WatchedTable(Table[bytes, bytes]):
    """A table that shows which of its changes Kafka has not acknowledged: no event is done before they are."""

    pending: list[FutureMessage]

    def send_changelog(self, *arguments: Any, **named: Any) -> FutureMessage:
        sent = super().send_changelog(*arguments, **named)
        self.pending.append(sent)
        return sent


class FraudApp(faust.App):
    """Faust without its web server, its own topics and its logging."""

    def __init__(self, name: str, settings: Settings, store_dir: Path) -> None:
        seconds = settings.session_milliseconds / 1000
        super().__init__(
            name,
            broker=[f"kafka://{address.strip()}" for address in settings.kafka.split(",")],
            store="rocksdb://",
            datadir=str(store_dir),
            autodiscover=False,
            key_serializer="raw",
            value_serializer="raw",
            processing_guarantee="at_least_once",
            topic_partitions=load_topics()["pos.purchases.v1"].partitions,
            topic_allow_declare=False,  # bootstrap creates them, with equal partition counts
            topic_disable_leader=True,
            web_enabled=False,
            broker_session_timeout=seconds,
            # else a member that dies amid a rebalance keeps its group waiting for a minute
            broker_rebalance_timeout=2 * seconds,
            # a worker that comes back within its session takes its own place again, at once
            consumer_group_instance_id=f"{name}-{settings.ordinal}",
            broker_heartbeat_interval=max(seconds / 5, 0.5),
            broker_commit_interval=0.5,
            consumer_max_fetch_size=_MOST_FETCHED_BYTES,
            producer_max_request_size=_MOST_FETCHED_BYTES,
            # windows are large: a full batch would keep the records of every other partition waiting behind it
            producer_max_batch_size=1024 * 1024,
            producer_linger=0.005,  # seconds: a few requests with many changelog records each
            # a standby loses what it was handed when the flow goes on, and a window promoted from it counts short
            table_standby_replicas=0,
            stream_wait_empty=False,  # the flusher knows better what is still under way
            consumer_auto_offset_reset="earliest",
        )
        self.pending: list[FutureMessage] = []
        tables = cast(TableManager, self.tables)
        tables._recovery = SeekFirst(self, tables, beacon=tables.beacon, loop=tables.loop)

    def _new_producer(self) -> ProducerT:
        """With room for what the flusher lets through: above its own small limit Faust stops reading and logs."""
        producer = super()._new_producer()
        producer.buffer.max_messages = _MOST_UNSENT
        return producer

    def _new_transport(self) -> TransportT:
        return Transport(self.conf.broker_consumer, self)

    def watched_table(self, name: str) -> WatchedTable:
        """The table `name`, a declared changelog topic its only durable copy."""
        topic = f"{self.conf.id}.{name}.changelog"
        partitions = load_internal_topics()[topic].partitions
        changelog = self.topic(
            topic,
            key_type=bytes,
            value_type=bytes,
            key_serializer="raw",
            value_serializer="raw",
            partitions=partitions,
            compacting=True,
            acks=False,
            internal=True,
            maxsize=131_072,
            allow_empty=True,
        )
        table = WatchedTable(
            self,
            name=name,
            key_type=bytes,
            value_type=bytes,
            partitions=partitions,
            changelog_topic=changelog,
            options=dict(_STORE_OPTIONS),
            beacon=self.tables.beacon,
        )
        table.pending = self.pending
        self.tables.add(table)
        return table

    def take_pending(self) -> Sequence["Future[Any]"]:
        """What was sent since the last call and may not be acknowledged yet."""
        taken = self.pending[:]
        self.pending.clear()
        return taken


def all_tables(app: FraudApp) -> dict[str, WatchedTable]:
    return {name: app.watched_table(name) for name in TABLES}
