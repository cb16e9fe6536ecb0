"""Stored grants, drops and referrals as the desk holds them; the rows come as JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from services.earning.deeds import DropEntry, GivenVoucherEntry, ReferralEntry, RejectionEntry, RewardEntry
from services.earning.desk import GrantEntry, GrantLineEntry, RefundReference
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.rejection import RejectedItem
from services.earning.store.load_counted import read_uses
from shared.events.recycling_collected import RecyclingCollected

Row = Mapping[str, Any]


def maybe_uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def maybe_time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def grant_of(stored: Row) -> GrantEntry:
    """A stored grant with its lines."""
    event_time = datetime.fromisoformat(stored["event_time"])
    return GrantEntry(
        UUID(stored["grant_id"]),
        UUID(stored["event_key"]),
        stored["class"],
        stored["budget_id"],
        stored["points"],
        stored["clawed_back"],
        stored["cost_minor"],
        stored["cost_returned_minor"],
        [
            GrantLineEntry(
                line["line_id"],
                line["sku"],
                tuple(line["labels"]),
                line["points"],
                line["clawed_back"],
                tuple((rule, points) for rule, points in line["rules"]),
            )
            for line in stored["lines"]
        ],
        stored["rule_version"],
        event_time,
        maybe_time(stored["available_at"]),
        maybe_time(stored["expires_at"]),
        stored["correlation_id"],
    )


def drop_of(stored: Row, grants: Sequence[Row], rejections: Sequence[Row]) -> DropEntry:
    """A stored drop with its grants and its open rejections."""
    collected = None if stored["collected"] is None else orjson.dumps(stored["collected"]).decode()
    return DropEntry(
        UUID(stored["drop_key"]),
        stored["program_id"],
        stored["drop_id"],
        stored["station_id"],
        stored["member_id"],
        maybe_uuid(stored["event_key"]),
        stored["event_source"],
        stored["event_id"],
        maybe_time(stored["event_time"]),
        stored["outcome"],
        stored["code"],
        stored["rule_version"],
        None if collected is None else RecyclingCollected.model_validate_json(collected),
        collected,
        list(stored["rejected"]),
        stored["revision"],
        [grant_of(grant) for grant in grants],
        [_rejection(rejection) for rejection in rejections],
        organisation_id=stored["organisation_id"],
        facts=_facts(stored),
        cap_uses=read_uses(stored["cap_uses"]),
    )


def _facts(stored: Row) -> EarnFacts:
    return UNLISTED if stored["facts"] is None else EarnFacts.from_json(stored["facts"])


def _rejection(stored: Row) -> RejectionEntry:
    event_id = stored["event_id"]
    time = datetime.fromisoformat(stored["event_time"])
    return RejectionEntry(
        RefundReference(UUID(stored["event_key"]), stored["event_source"], event_id, event_id, time, None, None),
        stored["program_id"],
        stored["member_id"],
        [_rejected_item(item) for item in stored["items"]],
        settled=stored["state"] == "settled",
    )


def _rejected_item(stored: Row) -> RejectedItem:
    weighed = "grams" in stored
    return RejectedItem(stored["material"], weighed, stored["grams" if weighed else "pieces"])


def referral_of(stored: Row, grant: Row | None) -> ReferralEntry:
    """A stored referral with the invitee's own grant."""
    return ReferralEntry(
        UUID(stored["referral_key"]),
        stored["program_id"],
        stored["invitee_id"],
        stored["inviter_id"],
        UUID(stored["event_key"]),
        stored["event_source"],
        stored["event_id"],
        datetime.fromisoformat(stored["event_time"]),
        stored["state"],
        maybe_uuid(stored["receipt_key"]),
        maybe_uuid(stored["qualified_id"]),
        maybe_uuid(stored["reversed_id"]),
        None if grant is None else grant_of(grant),
        voucher=_voucher(stored),
    )


def _voucher(stored: Row) -> GivenVoucherEntry | None:
    request_id = maybe_uuid(stored["voucher_request_id"])
    if request_id is None:
        return None
    return GivenVoucherEntry(
        request_id,
        stored["voucher_id"],
        stored["voucher_budget_id"],
        stored["voucher_cost_minor"],
        maybe_uuid(stored["voucher_recall_id"]),
    )


def reward_of(stored: Row, grant: Row | None) -> RewardEntry:
    """A stored reward of an inviter with its grant."""
    return RewardEntry(
        UUID(stored["referral_key"]),
        stored["program_id"],
        stored["inviter_id"],
        stored["invitee_id"],
        maybe_uuid(stored["event_key"]),
        maybe_uuid(stored["reversal_key"]),
        stored["outcome"],
        None if grant is None else grant_of(grant),
        facts=_facts(stored),
        cap_uses=read_uses(stored["cap_uses"]),
    )
