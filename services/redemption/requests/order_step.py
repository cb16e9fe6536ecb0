"""What a caller wants done with an order that was placed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.redemption.outcomes import SOURCE
from shared.events.cloudevent import derived_id


@dataclass(frozen=True, slots=True)
class StepRequest:
    """`units`: line id → units, none = all there are. `body_hash` is SHA-256 over the body's canonical form.

    A `defect` is shown by `evidence_sha256`. `slot` and `recipient_ref` are those of a replacement.
    """

    order_id: UUID
    idempotency_key: str
    body_hash: bytes
    reason: str
    units: Mapping[str, int] = field(default_factory=dict)
    defect: bool = False
    evidence_sha256: str | None = None
    no_show: bool = False
    slot: str | None = None

    @property
    def change_id(self) -> UUID:
        """One key, one change."""
        return derived_id(SOURCE, f"{self.order_id}/{self.idempotency_key}", "order change")
