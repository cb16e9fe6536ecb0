"""Ownership of a partition number, and the gate that every batch passes.

A claim raises the owner epoch before any fact is loaded. A batch's statement locks the owner row and moves the
offset by compare-and-set. When the epoch or the offset is another, the gate yields no row and nothing at all is
written.
"""

from collections.abc import Sequence

from shared.runtime.postgres import Connection
from shared.runtime.statement import Part

OWNER = Part(
    "owner",
    # SHARE: a claim (an UPDATE of this row) waits until this statement is through, or shuts it out
    "SELECT 1 FROM partition_owner WHERE partition = :partition AND epoch = :epoch FOR SHARE",
)
BATCH_GATE = (
    OWNER,
    Part(
        "gate",
        """
        UPDATE partition_offset AS o
           SET next_offset = :to_offset,
               applied = o.applied + :applied::bigint,
               duplicate = o.duplicate + :duplicate::bigint,
               ignored = o.ignored + :ignored::bigint,
               forwarded = o.forwarded + :forwarded::bigint,
               dead_lettered = o.dead_lettered + :dead_lettered::bigint,
               gap = o.gap + :gap::bigint
          FROM owner
         WHERE o.topic = :topic AND o.partition = :partition AND o.next_offset = :from_offset
        RETURNING o.next_offset
        """,
    ),
)


class GateShutError(Exception):
    """Another owner holds this partition, or its offset is elsewhere: drop all facts and claim again."""


async def claim(connection: Connection, partition: int, owner: str) -> int:
    """Take the partition number over and return the new epoch; waits for a batch that is being written."""
    epoch: int = await connection.fetchval(
        """
        INSERT INTO partition_owner (partition, epoch, owner) VALUES ($1, 1, $2)
        ON CONFLICT (partition) DO UPDATE
            SET epoch = partition_owner.epoch + 1, owner = excluded.owner, claimed_at = now()
        RETURNING epoch
        """,
        partition,
        owner,
    )
    return epoch


async def next_offsets(connection: Connection, partition: int, topics: Sequence[str]) -> dict[str, int]:
    """The next offset per topic, for the topics this schema has begun to read."""
    rows = await connection.fetch(
        "SELECT topic, next_offset FROM partition_offset WHERE partition = $1 AND topic = ANY($2::text[])",
        partition,
        list(topics),
    )
    return {row["topic"]: row["next_offset"] for row in rows}


async def begin_offsets(connection: Connection, partition: int, first: dict[str, int]) -> None:
    """Record where reading of a topic begins: a first start is an explicit decision, never a reset."""
    await connection.execute(
        """
        INSERT INTO partition_offset (topic, partition, first_offset, next_offset)
        SELECT topic, $1, first, first FROM unnest($2::text[], $3::bigint[]) AS t (topic, first)
        ON CONFLICT DO NOTHING
        """,
        partition,
        list(first),
        list(first.values()),
    )
