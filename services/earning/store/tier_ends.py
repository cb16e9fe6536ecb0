"""The timer of tiers: tells by earning's own topic whose tier has come to its end, once per member and end."""

from services.earning.decide.tiers import due_event
from shared.runtime.dead_letters import INSERT_OUTBOX
from shared.runtime.ledger import outbox_arguments
from shared.runtime.service import Running

AT_ONCE = 1000
# Row locks make it safe with several workers; rows that another one or a batch holds are left to the next round.
DUE = """
UPDATE member_tier AS t SET asked_for = t.due_at, told = t.told + 1
  FROM (SELECT program_id, member_id FROM member_tier
         WHERE due_at <= service_now() AND due_at IS DISTINCT FROM asked_for
         ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS due
 WHERE t.program_id = due.program_id AND t.member_id = due.member_id
RETURNING t.program_id, t.member_id, t.due_at
"""


async def tell_tier_ends(running: Running) -> None:
    """Tell all ends that have come by the database's clock; the owner of the member's partition judges them."""
    while await _tell_some(running) == AT_ONCE:
        continue


async def _tell_some(running: Running) -> int:
    """One transaction; how many were due."""
    async with running.pool.acquire() as connection, connection.transaction():
        due = await connection.fetch(DUE, AT_ONCE)
        if due:
            told = [due_event((row["program_id"], row["member_id"]), row["due_at"]) for row in due]
            await connection.execute(INSERT_OUTBOX.sql, *INSERT_OUTBOX.arguments(outbox_arguments(told)))
        return len(due)
