"""What one transaction of redemption knows and has decided: a worker's batch, a sweep or one request."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.redemption.domain.authorization import Authorization
from services.redemption.domain.claw_back import ClawBack
from services.redemption.domain.debit import Debit
from services.redemption.domain.debit_by_correction import CorrectedDown
from services.redemption.domain.expiry import Days
from services.redemption.domain.hold import Hold
from services.redemption.domain.lot import Account, Lot, Movement
from services.redemption.domain.profile import ProfileWords
from services.redemption.domain.restore import Restored, Spent
from services.redemption.domain.wallet import Wallet
from shared.events.cloudevent import CloudEvent
from shared.events.points_granted import PointsGranted
from shared.events.tier_changed import TierChanged
from shared.events.voucher_requested import VoucherRequested
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Desk

Member: TypeAlias = tuple[str, str]  # program id, member id


class Cause(NamedTuple):
    """The event that tells a movement: one event posts each movement of a lot once."""

    type: str
    key: UUID
    id: str
    time: datetime


class Posting(NamedTuple):
    """A movement on its way into the journal; `place` is its turn among all the desk posts."""

    place: int
    member: Member
    movement: Movement
    cause: Cause


class OpenedLot(NamedTuple):
    """A new lot's grant as earning told it, and its first journal row; the lot itself is in the wallet."""

    place: int
    opened_as: Account
    event: CloudEvent
    granted: PointsGranted


class ToldTier(NamedTuple):
    """A tier as earning told it; the event's id keeps it from being entered twice."""

    event_id: UUID
    data: TierChanged


class AskedNotice(NamedTuple):
    """A points.expiring_soon that was told: the lots of one member that expire at one instant (C20)."""

    notice_id: UUID
    member: Member
    days: Days
    expires_at: datetime
    points: int
    lots: tuple[UUID, ...]


class GivenNotice(NamedTuple):
    """A message that gave such a notice, and when Kafka recorded it."""

    notice_id: UUID
    message_id: UUID
    at: datetime


class LabelledLine(NamedTuple):
    """A line of a receipt that a grant told, with a label that some reward asks for (M43)."""

    member: Member
    merchant_id: str
    receipt_id: str
    line_id: str
    grant_id: UUID
    labels: tuple[str, ...]
    points: int
    bought_at: datetime


class ReturnedLine(NamedTuple):
    """Points of a grant's line that a refund took back."""

    grant_id: UUID
    line_id: str
    points: int


class SettledClawBack(NamedTuple):
    """A claw-back and what became of it."""

    claw_back_id: UUID
    member: Member
    refund_id: str
    clawed_at: datetime
    outcome: ClawBack


class BookedDebit(NamedTuple):
    """A debit by correction and what became of it."""

    member: Member
    correction_id: str
    debited_at: datetime
    outcome: CorrectedDown


class TenderRefund(NamedTuple):
    """A points.tender_refunded: `amount_minor` in all so far, and the points given back for it."""

    tender_refund_id: UUID
    authorization_id: UUID
    member: Member
    refund_id: str
    amount_minor: int
    points: int
    restoration_id: UUID | None
    told_at: datetime


@dataclass(frozen=True, slots=True)
class SpendingRequest:
    """A member's wish to spend points; `body_hash` is SHA-256 over the body's canonical form."""

    redemption_id: UUID
    member: Member
    points: int
    reason: str
    idempotency_key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Spending:
    """A request that was granted: at which stored time, and which lots paid."""

    request: SpendingRequest
    requested_at: datetime
    debit: Debit


class Restoration(NamedTuple):
    """Points of a redemption given back; `cause_id` is the event or request that asked for it."""

    restoration_id: UUID
    redemption_id: UUID
    member: Member
    reason: str
    cause_id: str
    restored_at: datetime
    restored: Restored


class RequestedVoucher(NamedTuple):
    """A voucher that earning asked for."""

    event_id: str
    requested_at: datetime
    data: VoucherRequested


class RecalledVoucher(NamedTuple):
    """A request whose voucher must end."""

    request_id: UUID
    event_id: str
    recalled_at: datetime


@dataclass(slots=True)
class RedemptionDesk(Desk):
    """`loaded` holds the locked wallets as they were read; `wallets` as the decisions so far leave them.

    A member without deficit who only receives grants is not loaded: such a wallet starts empty here. `overdue`
    names the batch's grants whose date, granted or scheduled, the database clock has already passed.
    """

    loaded: dict[Member, Wallet] = field(default_factory=dict)
    wallets: dict[Member, Wallet] = field(default_factory=dict)
    known_lots: set[UUID] = field(default_factory=set)
    overdue: set[UUID] = field(default_factory=set)
    asked_labels: Mapping[str, frozenset[str]] = field(default_factory=dict)  # by program: what makes a line count
    known_claw_backs: set[UUID] = field(default_factory=set)
    known_debits: set[UUID] = field(default_factory=set)
    members: set[Member] = field(default_factory=set)
    opened: dict[UUID, OpenedLot] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    claw_backs: list[SettledClawBack] = field(default_factory=list)
    debits: list[BookedDebit] = field(default_factory=list)
    redemptions: list[Spending] = field(default_factory=list)
    restorations: list[Restoration] = field(default_factory=list)
    loaded_authorizations: dict[UUID, Authorization] = field(default_factory=dict)
    authorizations: dict[UUID, Authorization] = field(default_factory=dict)
    tender_refunds: list[TenderRefund] = field(default_factory=list)
    spent: dict[UUID, Spent] = field(default_factory=dict)  # by redemption, what is still out of it
    profiles: dict[Member, ProfileWords] = field(default_factory=dict)
    tiers: list[ToldTier] = field(default_factory=list)
    notices: list[AskedNotice] = field(default_factory=list)
    given: list[GivenNotice] = field(default_factory=list)
    closed: dict[Member, datetime] = field(default_factory=dict)
    idle_lots: dict[UUID, datetime] = field(default_factory=dict)  # new ones that expire by inactivity
    bought: list[LabelledLine] = field(default_factory=list)
    returned: list[ReturnedLine] = field(default_factory=list)

    programs: ProgramBook = field(default_factory=ProgramBook)
    voucher_recalled: dict[UUID, bool] = field(default_factory=dict)  # of the requests that the batch recalls
    voucher_requests: list[RequestedVoucher] = field(default_factory=list)
    voucher_recalls: list[RecalledVoucher] = field(default_factory=list)

    def wallet(self, member: Member) -> Wallet:
        return self.wallets.get(member) or Wallet(*member)

    def keep(self, member: Member, wallet: Wallet) -> None:
        self.members.add(member)
        self.wallets[member] = wallet

    def load_more(self, member: Member, lots: Iterable[Lot]) -> None:
        """Lots of a locked wallet that were read after it; those that are here already stay as they are."""
        missing = [lot for lot in lots if lot.lot_id not in self.wallets[member].lots]
        self.loaded[member] = self.loaded[member].with_lots(missing)
        self.wallets[member] = self.wallets[member].with_lots(missing)

    def open(self, lot_id: UUID, opened_as: Account, event: CloudEvent, granted: PointsGranted) -> None:
        """Enter a new lot, which also posts its points."""
        self.known_lots.add(lot_id)
        self.opened[lot_id] = OpenedLot(len(self.opened) + len(self.postings), opened_as, event, granted)

    def post(self, member: Member, movements: Iterable[Movement], cause: Cause) -> None:
        for movement in movements:
            place = len(self.opened) + len(self.postings)
            self.postings.append(Posting(place, member, movement, cause))

    def changed_wallets(self) -> list[Wallet]:
        """Wallets whose deficit, waived points or number of open holds are other than loaded, sorted."""
        changed = []
        for member, after in self.wallets.items():
            before = self.loaded.get(member)
            if before is None:
                owing = after.deficit or after.waived
            else:
                owing = before.deficit != after.deficit or before.waived != after.waived
            if owing or (after.holds and self.more_open_holds(after)):
                changed.append((member, after))
        return [wallet for _, wallet in sorted(changed, key=itemgetter(0))]

    def more_open_holds(self, wallet: Wallet) -> int:
        """How many more of the member's holds are open than when the wallet was loaded."""
        if not wallet.holds:
            return 0
        before = self.loaded.get((wallet.program_id, wallet.member_id))
        return wallet.open_holds - (before.open_holds if before else 0)

    def loaded_hold(self, member: Member, hold_id: str) -> Hold | None:
        loaded = self.loaded.get(member)
        return loaded.holds.get(hold_id) if loaded else None

    def changed_holds(self) -> list[tuple[Member, Hold]]:
        """Holds that are new, or other than loaded."""
        return [
            (member, hold)
            for member, wallet in self.wallets.items()
            for hold_id, hold in wallet.holds.items()
            if self.loaded_hold(member, hold_id) is not hold
        ]

    def changed_lots(self) -> list[Lot]:
        """Lots that were there before and are other now, sorted."""
        changed = []
        for member, before in self.loaded.items():
            after = self.wallets[member].lots
            changed += [after[lot_id] for lot_id, lot in before.lots.items() if after[lot_id] is not lot]
        return sorted(changed, key=lambda lot: lot.lot_id)
