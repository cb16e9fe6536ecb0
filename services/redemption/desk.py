"""What one transaction of redemption knows and has decided: a worker's batch, a sweep or one request."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, TypeAlias
from uuid import UUID

from services.redemption.domain.claw_back import ClawBack
from services.redemption.domain.debit import Debit
from services.redemption.domain.lot import Lot, Movement
from services.redemption.domain.wallet import Wallet
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
    """A movement on its way into the journal."""

    member: Member
    movement: Movement
    cause: Cause


class OpenedLot(NamedTuple):
    """A new lot's grant as earning told it; the lot itself is in the wallet."""

    member: Member
    event_id: str
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

    def post(self, member: Member, movements: Iterable[Movement], cause: Cause) -> None:
        self.postings += [Posting(member, movement, cause) for movement in movements]

    def changed_wallets(self) -> list[Wallet]:
        """Wallets whose deficit or waived points are other than loaded, sorted."""
        changed = []
        for member in sorted(self.wallets):
            before, after = self.loaded.get(member) or Wallet(*member), self.wallets[member]
            if (before.deficit, before.waived) != (after.deficit, after.waived):
                changed.append(after)
        return changed

    def changed_lots(self) -> list[Lot]:
        """Lots that were there before and are other now, sorted."""
        changed = []
        for member, before in self.loaded.items():
            after = self.wallets[member].lots
            changed += [after[lot_id] for lot_id, lot in before.lots.items() if after[lot_id] is not lot]
        return sorted(changed, key=lambda lot: lot.lot_id)
