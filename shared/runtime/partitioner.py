"""Which partition a key belongs to: murmur2, as Java clients and aiokafka partition (architecture.md)."""

from functools import lru_cache

from aiokafka.partitioner import murmur2

_REMEMBERED_KEYS = 100_000


@lru_cache(maxsize=_REMEMBERED_KEYS)
def partition_of(key: bytes, partitions: int) -> int:
    """The partition number of `key` among `partitions`; remembered, because hashing costs 6 µs in Python."""
    number: int = (murmur2(key) & 0x7FFFFFFF) % partitions
    return number
