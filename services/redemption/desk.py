"""What one transaction of redemption knows and has decided: a worker's batch, a sweep or one request."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.redemption.domain.claw_back import ClawBack
from services.redemption.domain.debit import Debit
from services.redemption.domain.hold import Hold
from services.redemption.domain.lot import Account, Lot, Movement
from services.redemption.domain.wallet import Wallet
from shared.events.cloudevent import CloudEvent
from shared.events.points_granted import PointsGranted
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


class SettledClawBack(NamedTuple):
    """A claw-back and what became of it."""

    claw_back_id: UUID
    member: Member
    refund_id: str
    clawed_at: datetime
    outcome: ClawBack


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
    known_claw_backs: set[UUID] = field(default_factory=set)
    members: set[Member] = field(default_factory=set)
    opened: dict[UUID, OpenedLot] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    claw_backs: list[SettledClawBack] = field(default_factory=list)
    redemptions: list[Spending] = field(default_factory=list)

    def wallet(self, member: Member) -> Wallet:
        return self.wallets.get(member) or Wallet(*member)

    def keep(self, member: Member, wallet: Wallet) -> None:
        self.members.add(member)
        self.wallets[member] = wallet

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
