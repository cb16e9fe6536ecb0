"""The working set of one batch: facts as loaded, changed by each decision, written by `store.save` at the end."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg.pgproto import pgproto

from services.earning.counted import CapUse, Counted
from services.earning.deeds import DropEntry, ReferralEntry, RewardEntry, key_of_drop, key_of_referral
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.program import CompiledProgram
from services.earning.domain.refund import BoughtLine, Claim
from services.earning.domain.returned import Returned
from services.earning.occasions import Occasions
from services.earning.tier_book import TierBook
from shared.events.cloudevent import CloudEvent
from shared.events.fields import PointsClass
from shared.events.purchase_completed import PurchaseCompleted
from shared.programs.versions import ProgramBook
from shared.runtime.batch import Delivered, Desk, Headers

MemberKey = tuple[str, str]
BudgetKey = tuple[str, str]
ClaimOwner = UUID | tuple[str, str | None]  # the receipt it names, else the member


@lru_cache(maxsize=10_000)  # a batch asks three times for each
def key_of_receipt(program_id: str, merchant_id: str, receipt_id: str) -> UUID:
    """A receipt id is unique per merchant of a program; its key is 16 bytes of their hash."""
    return pgproto.UUID(sha256(f"{program_id}\x1f{merchant_id}\x1f{receipt_id}".encode()).digest()[:16])


def reference(event: CloudEvent) -> str:
    """How decisions and outbound events name an event: its source and id."""
    return f"{event.source}#{event.id}"


class MemberEntry(msgspec.Struct, gc=False):
    """What earning knows of a registered member.

    `first_order` is the receipt that earned first, set once; `referral` says who invited the member.
    """

    registered_at: datetime
    phone_verified: bool
    listed_party: bool
    first_order: UUID | None = None
    referral: ReferralEntry | None = None
    birth_month_day: str | None = None
    organisation_id: str | None = None
    segments: frozenset[str] = frozenset()
    closed_at: datetime | None = None

    def is_open_at(self, time: datetime) -> bool:
        """Whether the account was not closed then: what happened before its end may still arrive."""
        return self.closed_at is None or time < self.closed_at


class LineEntry(msgspec.Struct, gc=False):
    """A bought line and what came back of it."""

    line_id: str
    position: int
    sku: str
    quantity: int
    net_minor: int
    refunded_quantity: int = 0
    refunded_net_minor: int = 0
    changed: bool = False


class GrantLineEntry(msgspec.Struct, gc=False):
    """One line of a grant, as it is stored."""

    line_id: str
    sku: str | None  # of a drop: the material
    labels: tuple[str, ...]
    points: int
    clawed_back: int
    rules: tuple[tuple[str, int], ...]


class GrantEntry(msgspec.Struct, gc=False):
    """A grant of a receipt, drop or referral: new in this batch, or loaded and perhaps changed."""

    grant_id: UUID
    event_key: UUID
    points_class: PointsClass
    budget_id: str
    points: int
    clawed_back: int
    cost_minor: int
    cost_returned_minor: int
    lines: list[GrantLineEntry]
    rule_version: int
    event_time: datetime
    available_at: datetime | None
    expires_at: datetime | None
    correlation_id: str
    new: bool = False
    changed: bool = False


class ReceiptEntry(msgspec.Struct):
    """A receipt; without a purchase it is awaited: a refund came first.

    `cap_uses`: points that its grants use of counted caps, as things stand. `counted_minor`: what it counts for a tier
    by money, where that is less than its basis as things stand.
    """

    receipt_key: UUID
    program_id: str
    merchant_id: str
    receipt_id: str
    member_id: str | None = None
    event_key: UUID | None = None
    event_source: str | None = None
    event_id: str | None = None
    event_time: datetime | None = None
    outcome: str = "awaited"
    code: str | None = None
    rule_version: int | None = None
    facts: EarnFacts = UNLISTED
    purchase: PurchaseCompleted | None = None
    purchase_json: str | None = None  # the same as it is stored
    returned_points_minor: int = 0
    returned_voucher_minor: int = 0
    revision: int = 0
    cap_uses: dict[CapUse, int] = msgspec.field(default_factory=dict)
    lines: list[LineEntry] = msgspec.field(default_factory=list)
    grants: list[GrantEntry] = msgspec.field(default_factory=list)
    counted_minor: int | None = None
    changed: bool = False
    lines_new: bool = False

    def returned(self) -> Returned:
        """All refunds so far, as the domain reads them."""
        back = [
            (line.line_id, line.refunded_quantity, line.refunded_net_minor)
            for line in self.lines
            if line.refunded_quantity or line.refunded_net_minor
        ]
        return Returned().plus(back, self.returned_points_minor, self.returned_voucher_minor)

    def bought_lines(self) -> Iterator[BoughtLine]:
        """The lines for matching. Among receipts of one instant the receipt id orders them."""
        if self.event_time is None:
            return
        for line in self.lines:
            yield BoughtLine(
                f"{self.receipt_id}\x1f{self.merchant_id}",
                line.line_id,
                line.sku,
                line.position,
                line.quantity,
                line.net_minor,
                line.refunded_quantity,
                line.refunded_net_minor,
                self.event_time,
            )


@dataclass(frozen=True, slots=True)
class RefundReference:
    """The event behind a claim or a claw-back: a refund, rejection or reversal; tenders None = it names none."""

    event_key: UUID
    source: str
    event_id: str
    refund_id: str
    time: datetime
    points_minor: int | None
    voucher_minor: int | None


@dataclass(slots=True)
class ClaimEntry:
    """A refund line that matched nothing (yet)."""

    claim_id: UUID
    refund: RefundReference
    program_id: str
    member_id: str | None
    receipt_key: UUID | None
    claim: Claim
    new: bool = False
    settled_by: UUID | None = None
    changed: bool = False


@dataclass(slots=True)
class WaitingEntry:
    """An event that waits for its member's registration, or (`sent_on`) is on its way back after it.

    `new`: put there by this batch. `goes_on`: this batch sends it on.
    """

    event_key: UUID
    content_hash: bytes
    program_id: str
    member_id: str
    event_type: str
    arrival: datetime
    deadline: datetime | None
    record_key: bytes
    record_value: bytes
    headers: Headers  # with its first arrival, as it will go on
    sent_on: bool = False
    new: bool = False
    goes_on: bool = False


@dataclass(slots=True)
class SliceEntry:
    """This partition's slice of a budget; `elsewhere_minor` is unspent in the remainder and in other slices.

    Both are of one instant, so an award beyond their sum is beyond the budget; one beyond the slice alone has to
    fetch first.
    """

    left_minor: int
    elsewhere_minor: int
    spent_minor: int = 0  # by this batch; below zero when more came back than went out


class DecisionRow(msgspec.Struct, gc=False):
    """What became of one event."""

    delivered: Delivered
    program_id: str
    member_id: str | None
    outcome: str
    code: str | None
    would_have_earned: int
    receipt_key: UUID | None
    correlation_id: str


@dataclass(slots=True)
class TenderRefundRow:
    """A points.tender_refunded; `amount_minor` of the authorization is given back in all."""

    tender_refund_id: UUID
    event_key: UUID
    receipt_key: UUID
    program_id: str
    member_id: str
    authorization_id: str
    refund_id: str
    amount_minor: int


@dataclass(slots=True)
class ClawBackRow:
    claw_back_id: UUID
    grant_id: UUID
    event_key: UUID
    program_id: str
    member_id: str
    refund_id: str
    points: int
    cost_minor: int


class RefusedDraw(NamedTuple):
    """An award that its budget could not pay. `place`: what is told of it goes to the outbox there or later."""

    budget: BudgetKey
    cost_minor: int
    place: int


@dataclass(slots=True)
class EarningDesk(Desk):
    """Facts and rows of a batch. Keys are (program id, member id), receipt keys and (program id, budget id)."""

    partition: int = 0
    programs: ProgramBook = field(default_factory=ProgramBook)
    compiled: Mapping[tuple[str, int], CompiledProgram] = field(default_factory=dict)
    members: dict[MemberKey, MemberEntry] = field(default_factory=dict)
    receipts: dict[UUID, ReceiptEntry] = field(default_factory=dict)
    claims: dict[ClaimOwner, list[ClaimEntry]] = field(default_factory=dict)
    drops: dict[UUID, DropEntry] = field(default_factory=dict)
    rewards: dict[UUID, RewardEntry] = field(default_factory=dict)  # by the key of their referral
    occasions: Occasions = field(default_factory=Occasions)
    waiting: dict[UUID, WaitingEntry] = field(default_factory=dict)
    slices: dict[BudgetKey, SliceEntry] = field(default_factory=dict)
    counted: Counted = field(default_factory=Counted)
    tiers: TierBook = field(default_factory=TierBook)
    changed_members: set[MemberKey] = field(default_factory=set)
    came_back: list[WaitingEntry] = field(default_factory=list)
    under_way: Counter[MemberKey] = field(default_factory=Counter)  # events sent on and not back yet
    decisions: list[DecisionRow] = field(default_factory=list)
    claw_backs: list[ClawBackRow] = field(default_factory=list)
    tender_refunds: list[TenderRefundRow] = field(default_factory=list)
    refused: list[RefusedDraw] = field(default_factory=list)
    # made when a refund without receipt asks first
    receipts_of_member: dict[MemberKey, dict[UUID, ReceiptEntry]] | None = None

    def receipt(self, program_id: str, merchant_id: str, receipt_id: str) -> ReceiptEntry | None:
        return self.receipts.get(key_of_receipt(program_id, merchant_id, receipt_id))

    def drop(self, program_id: str, drop_id: str) -> DropEntry | None:
        return self.drops.get(key_of_drop(program_id, drop_id))

    def reward(self, program_id: str, invitee_id: str) -> RewardEntry | None:
        return self.rewards.get(key_of_referral(program_id, invitee_id))

    def put_receipt(self, entry: ReceiptEntry) -> None:
        self.receipts[entry.receipt_key] = entry
        if self.receipts_of_member is not None:
            self._index(self.receipts_of_member, entry)

    @staticmethod
    def _index(receipts_of_member: dict[MemberKey, dict[UUID, ReceiptEntry]], entry: ReceiptEntry) -> None:
        if entry.member_id is not None:
            receipts_of_member.setdefault((entry.program_id, entry.member_id), {})[entry.receipt_key] = entry

    def put_claim(self, claim: ClaimEntry) -> None:
        owner = claim.receipt_key or (claim.program_id, claim.member_id)
        self.claims.setdefault(owner, []).append(claim)

    def claims_on(self, receipt: ReceiptEntry) -> list[ClaimEntry]:
        """Open claims that name the receipt, and its member's claims that name none."""
        named = self.claims.get(receipt.receipt_key, [])
        unnamed = [] if receipt.member_id is None else self.claims.get((receipt.program_id, receipt.member_id), [])
        return [claim for claim in (*named, *unnamed) if claim.settled_by is None]

    def receipts_with(self, member: MemberKey, skus: Iterable[str]) -> list[ReceiptEntry]:
        """The member's receipts at hand that hold one of the SKUs."""
        wanted = set(skus)
        if self.receipts_of_member is None:
            self.receipts_of_member = {}
            for entry in self.receipts.values():
                self._index(self.receipts_of_member, entry)
        return [
            entry
            for entry in self.receipts_of_member.get(member, {}).values()
            if any(line.sku in wanted for line in entry.lines)
        ]

    def draw(self, budget: BudgetKey, cost_minor: int) -> bool:
        """Spend; refused only when the whole budget has not that much left, wherever it lies (C04)."""
        entry = self.slices.get(budget)
        if entry is None:
            return False
        if cost_minor > entry.left_minor + entry.elsewhere_minor - entry.spent_minor:
            self.refused.append(RefusedDraw(budget, cost_minor, len(self.outbox)))
            return False
        entry.spent_minor += cost_minor
        return True

    def give_back(self, budget: BudgetKey, cost_minor: int) -> None:
        self.slices[budget].spent_minor -= cost_minor
