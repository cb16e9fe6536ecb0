"""Drops and referrals as the desk of a batch holds them: as loaded, changed by each decision, saved at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from asyncpg.pgproto import pgproto

from services.earning.counted import CapUse
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.rejection import RejectedItem
from shared.events.recycling_collected import RecyclingCollected

if TYPE_CHECKING:
    from services.earning.desk import GrantEntry, RefundReference


def key_of_drop(program_id: str, drop_id: str) -> UUID:
    """A drop id is unique per program; its key is 16 bytes of their hash."""
    return _key("drop", program_id, drop_id)


def key_of_referral(program_id: str, invitee_id: str) -> UUID:
    """An invitee has one inviter, so the invitee names the referral."""
    return _key("referral", program_id, invitee_id)


def _key(*parts: str) -> UUID:
    return pgproto.UUID(sha256("\x1f".join(parts).encode()).digest()[:16])


@dataclass(slots=True)
class RejectionEntry:
    """A `recycling.rejected`; not `settled` while its drop has not come."""

    rejection: RefundReference  # its `refund_id` is the event's id
    program_id: str
    member_id: str
    items: Sequence[RejectedItem]
    settled: bool = False
    new: bool = False
    changed: bool = False


@dataclass(slots=True)
class DropEntry:
    """A drop; without `collected` it is awaited: a rejection came first.

    `rejected` holds of each item, in the drop's order, the grams or pieces that do not count. `facts`: what caps left
    when it came. `cap_uses`: points that its grants use of counted caps, as things stand, by rule and period.
    """

    drop_key: UUID
    program_id: str
    drop_id: str
    station_id: str
    member_id: str
    event_key: UUID | None = None
    event_source: str | None = None
    event_id: str | None = None
    event_time: datetime | None = None
    outcome: str = "awaited"
    code: str | None = None
    rule_version: int | None = None
    collected: RecyclingCollected | None = None
    collected_json: str | None = None  # the same as it is stored
    rejected: list[int] = field(default_factory=list)
    revision: int = 0
    grants: list[GrantEntry] = field(default_factory=list)
    rejections: list[RejectionEntry] = field(default_factory=list)  # the open ones, and this batch's
    changed: bool = False
    organisation_id: str | None = None  # the member's when it came
    facts: EarnFacts = UNLISTED
    cap_uses: dict[CapUse, int] = field(default_factory=dict)

    @property
    def correlation_id(self) -> str:
        return f"{self.event_source}#{self.event_id}"


@dataclass(slots=True)
class GivenVoucherEntry:
    """A voucher asked of redemption for an invitee; `cost_minor` was drawn on the budget."""

    request_id: UUID
    voucher_id: str
    budget_id: str
    cost_minor: int
    recall_id: UUID | None = None


@dataclass(slots=True)
class ReferralEntry:
    """Who invited a member, as the invitee's partition knows it; `grant` is the invitee's own reward."""

    referral_key: UUID
    program_id: str
    invitee_id: str
    inviter_id: str
    event_key: UUID
    event_source: str
    event_id: str
    event_time: datetime
    state: Literal["linked", "qualified", "declined", "reversed"] = "linked"
    receipt_key: UUID | None = None  # the first order
    qualified_id: UUID | None = None
    reversed_id: UUID | None = None
    grant: GrantEntry | None = None
    changed: bool = False
    voucher: GivenVoucherEntry | None = None


@dataclass(slots=True)
class RewardEntry:
    """What an inviter got for one invitee, as the inviter's partition knows it; `facts`, `cap_uses` as of a drop."""

    referral_key: UUID
    program_id: str
    inviter_id: str
    invitee_id: str
    event_key: UUID | None = None
    reversal_key: UUID | None = None
    outcome: Literal["granted", "declined", "reversed"] = "declined"
    grant: GrantEntry | None = None
    changed: bool = False
    facts: EarnFacts = UNLISTED
    cap_uses: dict[CapUse, int] = field(default_factory=dict)
