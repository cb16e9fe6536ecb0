"""A scarce total shared by all partitions: slices of it are reserved per partition, and used inside the slice.

So the hot path never meets on one row. `fetch_slice` reserves more in a small transaction of its own; where that falls
short, `call_back_slices` takes back what other partitions hold and have not used, in the transaction that goes on to
decide and save.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from services.earning.metrics import SLICES_FETCHED
from shared.runtime.postgres import Connection

# A fetch takes at least this share of what is left, so that fetching stays rare and the last slices small.
SHARE_OF_REMAINDER = 64
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Escrow:
    """SQL of one kind of total, in which $1 and $2 are the key of the total, $3 the partition."""

    lock: str  # answers what of it is not reserved
    reserve: str  # $4: by how much this partition's slice grows
    take: str  # $3: what is left unreserved
    call_back: str  # answers what the other partitions had unused and have no longer


async def fetch_slice(connection: Connection, escrow: Escrow, partition: int, key: Key, short: int) -> bool:
    """Move `short` or more of what is not reserved into this partition's slice; False when that falls short."""
    async with connection.transaction():
        remainder: int = await connection.fetchval(escrow.lock, *key)
        if remainder < short:
            return False
        await _move(connection, escrow, partition, key, remainder, short)
    SLICES_FETCHED.inc()
    return True


async def call_back_slices(connection: Connection, escrow: Escrow, partition: int, short: Mapping[Key, int]) -> None:
    """Within a transaction: as `fetch_slice`, from what the other partitions have reserved and not used as well.

    The totals stay locked until the transaction ends, so what is fetched here can be used in it. Where a total has
    less than what is short, all of it is fetched: an award of exactly what is left passes.
    """
    for key in sorted(short):
        remainder: int = await connection.fetchval(escrow.lock, *key)
        remainder += await connection.fetchval(escrow.call_back, *key, partition)
        await _move(connection, escrow, partition, key, remainder, min(remainder, short[key]))


async def _move(
    connection: Connection, escrow: Escrow, partition: int, key: Key, remainder: int, at_least: int
) -> None:
    taken = max(at_least, remainder // SHARE_OF_REMAINDER)
    await connection.execute(escrow.reserve, *key, partition, taken)
    await connection.execute(escrow.take, *key, remainder - taken)
