"""What those see who may not see whose records these are: ids of people and their things masked. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

MASK = "…"
# Fields of events, of the services' answers and of CloudEvents that name a person, or a thing that leads to one.
_NAMING = frozenset({
    "member_id", "invitee_id", "inviter_id", "other_member_id", "subject", "partitionkey", "record_key",
    "ce_subject", "ce_partitionkey", "receipt_id", "refund_id", "authorization_id", "voucher_code", "idempotency_key",
    "device_hash", "instrument_hash", "photo_sha256", "evidence_sha256", "cashier_id", "operator_id", "decided_by",
    "person", "subject_key", "note", "birth_year", "birth_month_day", "organisation_id", "recipient_ref", "email",
    "phone", "webhook", "address",
})  # fmt: skip
# Ids of events: their sender chose them, and may have put a person's id in. Ours are UUIDs, which tell nothing.
_TOLD_IDS = frozenset({
    "id", "ce_id", "event_id", "correlation_id", "causation_id", "source_id", "cause_id", "granted_event_id",
})  # fmt: skip


def masked_id(text: str) -> str:
    """`member-0042` → `m…42`; a short one says nothing."""
    return f"{text[0]}{MASK}{text[-2:]}" if len(text) > 5 else MASK


def masked_key(key: str) -> str:
    """`fruit-shop/member-0042` → `fruit-shop/m…42`: the program is nobody's secret."""
    program, slash, rest = key.partition("/")
    return f"{program}{slash}{masked_id(rest)}" if slash else masked_id(key)


def masked_event_id(text: str) -> str:
    """As it is where it is one of ours."""
    try:
        UUID(text)
    except ValueError:
        return masked_id(text)
    return text


def masked(content: Any, name: str = "") -> Any:
    """JSON with the values of every naming field masked, however deep."""
    if isinstance(content, Mapping):
        return {key: masked(value, key) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        return [masked(each, name) for each in content]
    if isinstance(content, str) and name in _TOLD_IDS:
        return masked_event_id(content)
    if content is None or name not in _NAMING:
        return content
    text = str(content)
    return masked_key(text) if name in ("partitionkey", "ce_partitionkey", "record_key") else masked_id(text)
