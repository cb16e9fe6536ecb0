"""Whether an event lies within the scope of the API key that brought it."""

from collections.abc import Iterator

from services.gateway.domain.accepted import AcceptedData, OfMember, OfReceipt
from services.gateway.domain.api_key import Scope
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.recycling_collected import RecyclingCollected
from shared.events.rejected import FieldError

OUT_OF_SCOPE = "OUT_OF_SCOPE"


def out_of_scope(scope: Scope, source: str, data: AcceptedData) -> tuple[FieldError, ...]:
    """The fields that lie outside; empty when the key may send this event.

    `source` is part of the scope because (source, id) is the dedupe key: who could write under another's
    source could make that one's next event a duplicate.
    """
    return tuple(_outside(scope, source, data))


def _outside(scope: Scope, source: str, data: AcceptedData) -> Iterator[FieldError]:
    if data.program_id != scope.program_id:
        yield FieldError("program_id", "is not the program of this API key")
    if isinstance(data, OfReceipt):
        if scope.merchant_id is None:
            yield FieldError(
                "merchant_id",
                "needs an API key of its own: receipts, refunds and deliveries are the merchant's to send",
            )
            return
        if data.merchant_id != scope.merchant_id:
            yield FieldError("merchant_id", "is not the merchant of this API key")
    if isinstance(data, PurchaseCompleted) and scope.terminal_id is not None and data.terminal_id != scope.terminal_id:
        yield FieldError("terminal_id", "is not the terminal of this API key")
    if isinstance(data, RecyclingCollected) and scope.terminal_id is not None and data.station_id != scope.terminal_id:
        yield FieldError("station_id", "is not the terminal of this API key")
    roots = _sources(scope, member_event=isinstance(data, OfMember))
    if not any(_is_below(source, root) for root in roots):
        yield FieldError("source", f"must be, or begin with, {' or '.join(roots)}")


def _sources(scope: Scope, *, member_event: bool) -> tuple[str, ...]:
    """The sources a key may write under; one that ends with "/" wants something below it."""
    if scope.merchant_id is None:
        return (f"/crm/{scope.program_id}",)
    till = f"/pos/{scope.merchant_id}"
    if scope.terminal_id is not None:
        return (f"{till}/{scope.terminal_id}",)
    return (f"{till}/", f"/crm/{scope.merchant_id}") if member_event else (f"{till}/",)


def _is_below(source: str, root: str) -> bool:
    return source == root or source.startswith(root.rstrip("/") + "/")
