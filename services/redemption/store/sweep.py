"""Finding the wallets to which the clock has done something that the journal does not say yet."""

from collections.abc import Collection

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.wallet import Wallet
from services.redemption.store.lots import member_columns, read_due_lots
from shared.runtime.postgres import Connection

# Wallets that a batch, a request or another sweep holds are left to the next round.
LOCK_DUE_WALLETS = """
    SELECT w.program_id, w.member_id, w.deficit, w.waived
      FROM wallet w
      JOIN (SELECT DISTINCT program_id, member_id
              FROM (SELECT program_id, member_id FROM lot
                     WHERE posted_state = 'pending' AND available_at <= service_now()
                       AND (program_id, member_id) NOT IN (SELECT * FROM unnest($2::text[], $3::text[]))
                     ORDER BY available_at LIMIT $1) AS earliest) AS due USING (program_id, member_id)
     ORDER BY w.program_id, w.member_id
       FOR UPDATE OF w SKIP LOCKED
"""


async def load_due(connection: Connection, lots: int, stuck: Collection[Member]) -> RedemptionDesk:
    """Lock the wallets of the earliest due lots, about `lots` of them, none of `stuck`; read what the clock did."""
    rows = await connection.fetch(LOCK_DUE_WALLETS, lots, *member_columns(stuck))
    empty = {(row["program_id"], row["member_id"]): Wallet(**dict(row)) for row in rows}
    desk = RedemptionDesk(loaded=await read_due_lots(connection, empty) if empty else {})
    desk.wallets = dict(desk.loaded)
    return desk
