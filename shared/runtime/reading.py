"""The next batch of a slot: read and decoded while the present one is posted, and for as long as it waits its turn."""

import asyncio
import contextlib
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from shared.runtime import crash_points
from shared.runtime.batch import Delivered, read_records
from shared.runtime.readable_records import UnreadableHeaderError, switch_on
from shared.runtime.settings import Settings

_DECODE_SLICE = 100
_LOOK_AGAIN_SECONDS = 0.02


class Reading:
    """Begins at once. `some` is done as soon as there is anything, `batch` some time after `want` was called.

    What comes in between goes into this batch, too: else it waited for one more, and the busier the worker, the
    smaller and dearer its batches. Failures come out of `batch`.
    """

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        settings: Settings,
        decoding: asyncio.Semaphore,
    ) -> None:
        self._consumer = consumer
        self._decoding = decoding
        self._settings = settings
        self._wanted = asyncio.Event()
        self._read: dict[TopicPartition, list[Delivered]] = {place: [] for place in places}
        self.some: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.batch = asyncio.create_task(self._gather())

    def want(self) -> None:
        """Whoever posts is free: `batch` may end."""
        self._wanted.set()

    async def end(self) -> None:
        """Drop it; what it has read is read again after the next claim."""
        self.batch.cancel()
        await asyncio.gather(self.batch, return_exceptions=True)

    async def _gather(self) -> list[list[Delivered]]:
        """Up to a batch, in the order in which the service lists its topics."""
        most = self._settings.batch_records
        try:
            while not (count := self._count()):
                await self._poll(self._settings.poll_milliseconds, most)
            self.some.set_result(None)
            while not self._wanted.is_set() and count < most:
                # the client asks for a partition again when its records were taken
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), _LOOK_AGAIN_SECONDS)
                await self._poll(0, most - count)
                count = self._count()
            await self._wanted.wait()
        finally:
            if not self.some.done():
                self.some.set_result(None)
        return [records for records in self._read.values() if records]

    def _count(self) -> int:
        return sum(map(len, self._read.values()))

    async def _poll(self, milliseconds: int, most: int) -> None:
        """Add what comes within the time."""
        try:
            polled = await self._consumer.getmany(*self._read, timeout_ms=milliseconds, max_records=most)
        except UnicodeDecodeError as error:
            # the records this call had already taken are gone with it: only a new claim seeks back to them
            switch_on()
            raise UnreadableHeaderError(error.reason) from error
        if not polled:
            return
        crash_points.reach("after_poll")
        for place, records in polled.items():
            if len(records) <= _DECODE_SLICE:
                self._read[place].extend(read_records(records))
            else:
                async with self._decoding:  # one after the other: side by side each would be as late as the last
                    self._read[place].extend(await _decode(records))
        crash_points.reach("after_decode")


async def _decode(records: Sequence["ConsumerRecord[bytes, bytes]"]) -> list[Delivered]:
    """Decode in slices, so that replies from the database are read in between."""
    delivered: list[Delivered] = []
    for start in range(0, len(records), _DECODE_SLICE):
        delivered.extend(read_records(records[start : start + _DECODE_SLICE]))
        await asyncio.sleep(0)
    return delivered
