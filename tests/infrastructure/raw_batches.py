"""Record batches that no well-behaved producer can build: header names of any bytes, under a right checksum."""

import struct

from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.util import calc_crc32c

LENGTH_AT, CRC_AT, ATTRIBUTES_AT, RECORDS_AT = 8, 17, 21, 61


def with_names(batch: bytes, names: dict[str, bytes]) -> bytes:
    """An uncompressed v2 batch with each placeholder replaced by bytes of the same length."""
    for placeholder, name in names.items():
        assert len(placeholder) == len(name)
        assert batch.count(placeholder.encode()) == 1
        batch = batch.replace(placeholder.encode(), name)
    return sealed(batch)


def sealed(batch: bytes) -> bytes:
    """The batch with its length and CRC-32C put right."""
    mutable = bytearray(batch)
    struct.pack_into(">i", mutable, LENGTH_AT, len(batch) - LENGTH_AT - 4)
    struct.pack_into(">I", mutable, CRC_AT, calc_crc32c(bytes(mutable[ATTRIBUTES_AT:])))
    return bytes(mutable)


class RawNamesBuilder(BatchBuilder):  # type: ignore[misc]
    """For `AIOKafkaProducer.send_batch`: what it sends has `names` in the place of their placeholders."""

    def __init__(self, names: dict[str, bytes]) -> None:
        super().__init__(1_000_000, 0)
        self._names = names
        self._raw: bytes | None = None

    def _build(self) -> bytearray:
        if self._raw is None:
            self._raw = with_names(bytes(super()._build()), self._names)
        return bytearray(self._raw)
