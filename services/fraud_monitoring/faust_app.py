"""The Faust application as this service needs it: its settings, its tables, and what Faust itself cannot be told."""

from asyncio import Future
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.tables.table import Table
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, FutureMessage, ProducerT, TransportT

from services.fraud_monitoring.shelves import TABLES
from shared.events.topics import load_internal_topics, load_topics
from shared.runtime.settings import Settings

DEVICES = "fraud_monitoring.devices.v1"
_MOST_FETCHED_BYTES = 4 * 1024 * 1024
_MOST_UNSENT = 20_000
_FETCH_WAIT_MILLISECONDS = 20
# One RocksDB a table and partition: its defaults (64 MiB to write, 2 GiB to read) are for one database alone.
_STORE_OPTIONS = {
    "write_buffer_size": 1024 * 1024,
    "max_write_buffer_number": 2,
    "target_file_size_base": 4 * 1024 * 1024,
    "block_cache_size": 2 * 1024 * 1024,
    "max_open_files": 32,
}


class _CommittedOnly(driver.AIOKafkaConsumerThread):
    """An aborted transaction of a till was never said; Faust reads it unless it runs transactions itself.

    And a fetch waits briefly: one at a time goes to a broker, and while it waits for quiet topics (Faust: 1.5 s) new
    records of a busy one are not asked for.
    """

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MILLISECONDS
        return consumer


class _Consumer(driver.Consumer):
    """Reads what was committed, and commits without emptying the producer's buffer first.

    Faust waits for an empty buffer, which under load never comes: offsets stood still. What is acknowledged here was
    acknowledged by Kafka before (flush.py).
    """

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _CommittedOnly(self, loop=self.loop, beacon=self.beacon)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:  # noqa: ASYNC109 - Faust's
        """Asks for the partitions that are active now.

        Faust hands over the set itself, which is emptied while the consumer's thread still waits: an empty set means
        all partitions there, and what it then returns of paused ones is dropped, read for good and never handled.
        """
        return await super()._getmany(None if active_partitions is None else set(active_partitions), timeout)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        assigned = self.assignment()
        ours = {place: offset for place, offset in offsets.items() if place in assigned}
        if not ours:
            return False
        done = await self._commit(ours)
        if done:  # Faust notes a refused commit as done: the events, read again after the rejoin, are never committed
            self._committed_offset.update(ours)
        return done


class _Transport(driver.Transport):
    Consumer = _Consumer


class _SeekFirst(Recovery):
    """Seeks to the committed offsets before it lets partitions be read.

    Faust does it the other way round: a record that is read in between is put aside as too early, and left out when
    it is read again after the seek, for it counts as read. Nothing acknowledges it, so its partition stands still.
    """

    async def on_recovery_completed(self, generation_id: int = 0) -> None:
        app, consumer = self.app, self.app.consumer
        await app.on_rebalance_complete.send()
        self._set_recovery_ended()
        for table in self.tables.values():
            await table.on_recovery_completed(self.actives_for_table[table], self.standbys_for_table[table])
        if app.consumer_generation_id != generation_id:
            return  # rebalanced again: the next recovery ends here, too
        if assignment := consumer.assignment():
            await self._wait(consumer.perform_seek(), timeout=app.conf.broker_request_timeout)
            if app.consumer_generation_id != generation_id:
                return
            # until the flow is on nothing is awaited, so nothing is read in between
            consumer.resume_partitions({place for place in assignment if not self._is_changelog_tp(place)})
        self.completed.set()
        app.flow_control.resume()
        consumer.resume_flow()
        await cast(faust.App, app)._fetcher.maybe_start()
        self.tables.on_actives_ready()
        if not app.assignor.assigned_standbys():
            self.tables.on_standbys_ready()
        app.on_rebalance_end()


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
            stream_wait_empty=False,  # the flusher knows better what is still under way
            consumer_auto_offset_reset="earliest",
        )
        self.pending: list[FutureMessage] = []
        tables = cast(TableManager, self.tables)
        tables._recovery = _SeekFirst(self, tables, beacon=tables.beacon, loop=tables.loop)

    def _new_producer(self) -> ProducerT:
        """With room for what the flusher lets through: above its own small limit Faust stops reading and logs."""
        producer = super()._new_producer()
        producer.buffer.max_messages = _MOST_UNSENT
        return producer

    def _new_transport(self) -> TransportT:
        return _Transport(self.conf.broker_consumer, self)

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
