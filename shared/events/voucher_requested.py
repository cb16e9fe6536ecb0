"""`voucher.requested`: a rule gives a voucher instead of points."""

from typing import ClassVar

from shared.events.event import CausedEvent, Money
from shared.events.fields import FreeText, Identifier, UuidText
from shared.events.points_granted import GrantSource


class VoucherRequested(CausedEvent):
    """Redemption issues one voucher of this kind; `reason` is the rule's id or the operator's words.

    `kind` is a voucher of the pack of `rule_version`; `budget_id` has paid the `expected_cost` already (C04).
    """

    TYPE: ClassVar[str] = "greenpoints.voucher.requested.v1"
    TOPIC: ClassVar[str] = "points.grants.v1"

    request_id: UuidText
    kind: Identifier
    reason: FreeText
    source: GrantSource | None = None
    budget_id: Identifier | None = None
    expected_cost: Money | None = None
