"""Whose events may have their effect on another member: what earning tells itself of them must come back at once.

In a running system it is back within a fraction of a second; here it comes with the next batch, so such an event ends
its batch. Held are the invited alone, not all members.
"""

from collections.abc import Iterable

import orjson

from shared.events.event import EventData
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.referral_accepted import ReferralAccepted
from shared.events.referral_qualified import ReferralQualified
from shared.events.referral_reversed import ReferralReversed
from shared.runtime.batch import Outgoing


class Invitees:
    """`_linked` wait for their first order; of `_qualified` it stands, and its refund takes both rewards back."""

    def __init__(self) -> None:
        self._linked: set[str] = set()
        self._qualified: set[str] = set()

    def may_tell(self, body: EventData) -> bool:
        """Whether this event, read next, may bring a referral to its end."""
        if isinstance(body, ReferralAccepted):
            self._linked.add(body.invitee_id)
            return True
        if isinstance(body, PurchaseCompleted):
            return body.member_id in self._linked
        return isinstance(body, PurchaseRefunded) and (body.member_id is None or body.member_id in self._qualified)

    def hear(self, outbox: Iterable[Outgoing]) -> None:
        for told in outbox:
            if told.type == ReferralQualified.TYPE:
                invitee = orjson.loads(told.payload or b"")["data"]["invitee_id"]
                self._linked.discard(invitee)
                self._qualified.add(invitee)
            elif told.type == ReferralReversed.TYPE:
                self._qualified.discard(orjson.loads(told.payload or b"")["data"]["invitee_id"])
