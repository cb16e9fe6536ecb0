"""The worker's store: load a batch's facts under the wallets' locks, save what was decided about them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.expiry import EXPIRY_TEMPLATE
from services.redemption.domain.wallet import Wallet
from services.redemption.store.authorizations import load_authorizations, save_authorizations
from services.redemption.store.closing import save_closed
from services.redemption.store.debits import read_known_debits, save_debits
from services.redemption.store.expiry import save_given_notices
from services.redemption.store.extensions import save_idle_lots
from services.redemption.store.holds import HoldName, save_holds, with_holds
from services.redemption.store.lots import read_open_lots
from services.redemption.store.members import save_members
from services.redemption.store.purchased_lines import AskedLabels, save_purchased_lines
from services.redemption.store.restorations import open_child_lots, read_spent, save_restorations
from services.redemption.store.save import save_batch
from services.redemption.store.voucher_requests import recalled_already, save_voucher_requests
from shared.events.cloudevent import uuid_from
from shared.events.hold_confirmed import HoldConfirmed
from shared.events.hold_placed import HoldPlaced
from shared.events.hold_released import HoldReleased
from shared.events.member_closed import MemberClosed
from shared.events.message_sent import MessageSent
from shared.events.points_clawed_back import PointsClawedBack
from shared.events.points_corrected import PointsCorrected
from shared.events.points_granted import PointsGranted
from shared.events.points_scheduled import PointsScheduled
from shared.events.points_tender_refunded import PointsTenderRefunded
from shared.events.voucher_recalled import VoucherRecalled
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered
from shared.runtime.ledger import INBOX_COLUMNS, Postings, read_inbox
from shared.runtime.postgres import Connection
from shared.runtime.statement import load_statement, microseconds

# Wallets whose lots the batch changes, those with a deficit that a grant may repay or a hold that may bind it, and
# closed ones, where it is forfeited.
# Locks are taken in key order.
LOCK_WALLETS = """
    SELECT json_agg(locked) FROM (
        SELECT w.*
          FROM (SELECT * FROM unnest(:programs::text[], :members::text[], :touched::boolean[])
                    AS m (program_id, member_id, touched) ORDER BY program_id, member_id) AS m,
               LATERAL (SELECT w.program_id, w.member_id, w.deficit, w.waived, w.open_holds, w.closed_at
                         FROM wallet w
                         WHERE w.program_id = m.program_id AND w.member_id = m.member_id
                           AND (m.touched OR w.deficit > 0 OR w.open_holds > 0 OR w.closed_at IS NOT NULL)
                         OFFSET 0 FOR UPDATE) AS w) AS locked"""

LOAD = load_statement(
    {
        **INBOX_COLUMNS,
        "wallets": LOCK_WALLETS,
        "lots": """
            SELECT array_agg(k.lot_id)
              FROM unnest(:granted::uuid[]) AS k (lot_id),
                   LATERAL (SELECT FROM lot WHERE lot_id = k.lot_id OFFSET 0) AS known
        """,
        # by their places, for the driver takes long over ids and instants
        "overdue": """
            SELECT array_agg(place)
              FROM unnest(:available_at::bigint[]) WITH ORDINALITY AS d (available_at, place)
             WHERE NOT still_pending(instant(available_at), service_now())""",
        "claw_backs": """
            SELECT array_agg(k.claw_back_id)
              FROM unnest(:claw_backs::uuid[]) AS k (claw_back_id),
                   LATERAL (SELECT FROM claw_back WHERE claw_back_id = k.claw_back_id OFFSET 0) AS known
        """,
    }
)


class WalletBooks:
    """Redemption's API and sweeper write the same wallets, so a batch keeps their locks until it is saved.

    Only this partition's owner opens wallets, opens lots, raises deficits and places holds: a wallet read without
    deficit and open hold, to which the batch only adds lots, needs no lock, and nothing of it needs reading.
    """

    transactional = True

    def __init__(self) -> None:
        self._labels = AskedLabels()

    async def load(
        self, connection: Connection, _partition: int, events: Sequence[Delivered], programs: ProgramBook
    ) -> tuple[RedemptionDesk, dict[object, bytes]]:
        """One query; where wallets had to be locked a second one reads their lots, a third their holds if there are."""
        wanted = _Wanted(events)
        row = await connection.fetchrow(LOAD.sql, *LOAD.arguments(wanted.arguments()))
        assert row is not None  # noqa: S101 - sub-selects alone always make one row
        desk = RedemptionDesk(
            known_lots=set(row["lots"] or ()),
            overdue={wanted.dated[place - 1] for place in row["overdue"] or ()},
            known_claw_backs=set(row["claw_backs"] or ()),
            programs=programs,
            asked_labels=self._labels.of(programs),
        )
        locked = {(each["program_id"], each["member_id"]): each for each in orjson.loads(row["wallets"] or "[]")}
        if locked:
            holding = [member for member, wallet in locked.items() if wallet.pop("open_holds")]
            empty = {member: _empty(wallet) for member, wallet in locked.items()}
            filled = await read_open_lots(connection, empty, wanted.touched_lots)
            desk.loaded = await with_holds(connection, filled, holding, wanted.holds)
            desk.wallets = dict(desk.loaded)
            if wanted.authorizations:
                await _load_refunded(connection, desk, wanted.authorizations)
        if wanted.voucher_requests:
            desk.voucher_recalled = await recalled_already(connection, wanted.voucher_requests)
        if wanted.debits:
            desk.known_debits = await read_known_debits(connection, wanted.debits)
        return desk, read_inbox(row["inbox"])

    async def settle(self, _connection: Connection, _desk: RedemptionDesk) -> None:
        """Nothing has to be fetched between deciding and saving."""

    async def save(self, connection: Connection, postings: Postings, epoch: int, desk: RedemptionDesk) -> bool:
        saved = await save_batch(connection, desk, postings.arguments(epoch, desk.outbox))
        if saved:
            await open_child_lots(connection, desk)
            await save_restorations(connection, desk)
            await save_authorizations(connection, desk)
            await save_holds(connection, desk)
            await save_members(connection, desk)
            await save_voucher_requests(connection, desk)
            await save_purchased_lines(connection, desk)
            await save_given_notices(connection, desk)
            await save_closed(connection, desk)
            await save_idle_lots(connection, desk)
            await save_debits(connection, desk)
        return saved


class _Wanted:
    """What a batch's events need to know."""

    def __init__(self, events: Sequence[Delivered]) -> None:
        self.members: dict[Member, bool] = {}  # and whether lots that are there already change
        self.granted: list[UUID] = []
        self.dated: list[UUID] = []
        self.available_at: list[int] = []  # of `dated`, each in microseconds
        self.touched_lots: list[UUID] = []
        self.claw_backs: list[UUID] = []
        self.authorizations: list[UUID] = []
        self.debits: list[UUID] = []
        self.holds: list[HoldName] = []
        self.voucher_requests: list[UUID] = []  # that are recalled
        self.event_keys: list[UUID] = []
        for delivered in events:
            event = delivered.required_event
            self.event_keys.append(event.event_key)
            if isinstance(event.data, PointsGranted):
                lot_id = uuid_from(event.data.grant_id)
                self.granted.append(lot_id)
                self._date(lot_id, event.data.available_at)
                self.members.setdefault((event.data.program_id, event.data.member_id), False)
            elif isinstance(event.data, PointsCorrected):
                self.granted += _uuids(event.data.grant_id or "")
                self.members.setdefault((event.data.program_id, event.data.member_id), False)
                if event.data.points < 0:
                    self.members[event.data.program_id, event.data.member_id] = True
                    self.debits += _uuids(event.id)
            elif isinstance(event.data, PointsClawedBack | PointsScheduled):
                lot_id = uuid_from(event.data.grant_id)
                self.touched_lots.append(lot_id)
                self.members[event.data.program_id, event.data.member_id] = True
                if isinstance(event.data, PointsScheduled):
                    self._date(lot_id, event.data.available_at)
                else:
                    self.claw_backs += _uuids(event.id)
            elif isinstance(event.data, MemberClosed):
                self.members[event.data.program_id, event.data.member_id] = True
            elif isinstance(event.data, MessageSent):
                if event.data.template == EXPIRY_TEMPLATE:
                    self.members[event.data.program_id, event.data.member_id] = True
            elif isinstance(event.data, VoucherRecalled):
                self.voucher_requests.append(uuid_from(event.data.request_id))
            elif isinstance(event.data, PointsTenderRefunded | HoldPlaced | HoldReleased | HoldConfirmed):
                self.members[event.data.program_id, event.data.member_id] = True
                self._name(event.data)

    def _name(self, data: PointsTenderRefunded | HoldPlaced | HoldReleased | HoldConfirmed) -> None:
        if isinstance(data, PointsTenderRefunded):
            self.authorizations += _uuids(data.authorization_id)
        else:
            self.holds.append((data.program_id, data.member_id, data.hold_id))

    def _date(self, lot_id: UUID, available_at: datetime | None) -> None:
        if available_at is not None:
            self.dated.append(lot_id)
            self.available_at.append(microseconds(available_at))

    def arguments(self) -> dict[str, object]:
        return {
            "event_keys": self.event_keys,
            "programs": [program for program, _ in self.members],
            "members": [member for _, member in self.members],
            "touched": list(self.members.values()),
            "granted": self.granted,
            "available_at": self.available_at,
            "claw_backs": self.claw_backs,
        }


def _empty(locked: dict[str, Any]) -> Wallet:
    closed_at = locked.pop("closed_at")
    return Wallet(**locked, closed_at=closed_at and datetime.fromisoformat(closed_at))


async def _load_refunded(connection: Connection, desk: RedemptionDesk, wanted: Sequence[UUID]) -> None:
    """The authorizations whose bills were refunded, and what is still out of their redemptions."""
    await load_authorizations(connection, desk, wanted)
    for each in desk.authorizations.values():
        if each.redemption_id is not None:
            desk.spent |= await read_spent(connection, desk, each.member, [each.redemption_id])


def _uuids(event_id: str) -> list[UUID]:
    try:
        return [UUID(event_id)]
    except ValueError:  # the handler refuses it
        return []
