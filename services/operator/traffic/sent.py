"""One message of simulated traffic and what the platform must make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import orjson


class Kind(StrEnum):
    """What the simulator meant by a message."""

    REGISTRATION = "registration"
    PURCHASE = "purchase"
    ANONYMOUS = "anonymous purchase"
    REFUND = "refund"
    DUPLICATE = "duplicate"
    POISON = "poison"
    CONTACT = "contact"
    REFERRAL = "referral"
    DROP = "recycling drop"
    REJECTION = "rejected drop"


class Outcome(StrEnum):
    """What must become of a message; exactly one per message."""

    REGISTERED = "registered"
    GRANTED = "granted"
    DECLINED = "declined"
    CLAWED_BACK = "clawed back"
    NOTHING_TAKEN = "nothing taken"
    ALREADY_SEEN = "already seen"
    DEAD_LETTER = "dead letter"
    REFERRAL = "referral handled"  # linked or paid, as the invitee's first order was there already or not
    REWARDED = "inviter rewarded"
    REWARD_TAKEN = "inviter's reward taken back"
    KEPT = "kept"  # a contact, of which earning hears nothing


@dataclass(frozen=True, slots=True)
class Reward:
    """Points that an event makes a member earn, or lose, beside what it earns itself: a referral's."""

    member_id: str
    points: int


@dataclass(frozen=True, slots=True)
class Expected:
    """`points` granted or clawed back; `code` is the reason code of a refusal.

    `rewards` follow from the event and `taken` are rewards it takes back, each to or from the member it names.
    """

    outcome: Outcome
    points: int = 0
    code: str | None = None
    rewards: tuple[Reward, ...] = ()
    taken: tuple[Reward, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """A CloudEvent as a till would send it: `attributes` without specversion, `data` as raw JSON bytes."""

    topic: str
    key: str
    attributes: Mapping[str, str]
    data: bytes
    kind: Kind
    expected: Expected
    member_id: str | None = None

    @property
    def program_id(self) -> str:
        """The program whose key this is."""
        return self.key.partition("/")[0]

    def structured(self) -> bytes:
        """The event as one JSON document (structured mode); broken data makes a broken document."""
        envelope = orjson.dumps({"specversion": "1.0", "datacontenttype": "application/json", **self.attributes})
        return envelope[:-1] + b',"data":' + self.data + b"}"

    def binary_headers(self) -> list[tuple[str, bytes]]:
        """The Kafka headers of binary mode; the value is `data` alone."""
        headers = [("content-type", b"application/json"), ("ce_specversion", b"1.0")]
        headers.extend((f"ce_{name}", value.encode()) for name, value in self.attributes.items())
        return headers


@dataclass(slots=True)
class MemberExpectation:
    """Points a member must have been granted and must have lost again through refunds."""

    granted: int = 0
    clawed_back: int = 0

    @property
    def net(self) -> int:
        return self.granted - self.clawed_back


@dataclass(slots=True)
class Expectation:
    """Adds up, message by message, what the platform must arrive at."""

    members: dict[str, MemberExpectation] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, sent: Sent) -> None:
        expected = sent.expected
        self._count(f"{expected.outcome} {expected.code}" if expected.code else str(expected.outcome))
        if sent.member_id is None:
            return
        member = self._member(sent.member_id)
        if expected.outcome is Outcome.GRANTED:
            member.granted += expected.points
        elif expected.outcome is Outcome.CLAWED_BACK:
            member.clawed_back += expected.points
        for reward in expected.rewards:
            self._member(reward.member_id).granted += reward.points
            if reward.member_id != sent.member_id:
                self._count(Outcome.REWARDED)
        for reward in expected.taken:
            self._member(reward.member_id).clawed_back += reward.points
            if reward.member_id != sent.member_id:
                self._count(Outcome.REWARD_TAKEN)

    def _count(self, label: str) -> None:
        self.outcomes[label] = self.outcomes.get(label, 0) + 1

    def _member(self, member_id: str) -> MemberExpectation:
        return self.members.setdefault(member_id, MemberExpectation())
