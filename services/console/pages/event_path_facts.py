"""The words (message ids) of hops: a title for each kind, the columns told in words. The rest is in "All fields"."""

from collections.abc import Mapping

TITLES: Mapping[str, str] = {
    "decisions": "{type}: {outcome}",
    "grants": "Grant of {points} points",
    "lots": "Lot of {points} points, {state}",
    "journal": "{points} points: {from_account} → {to_account}",
    "claw_backs": "Claw-back of {points} points",
    "settled": "Taken back from the wallet",
    "redemptions": "{points} points spent",
    "allocations": "{points} points of one lot",
    "held": "Points held in the wallet",
    "signals": "Signal {rule}",
    "cases": "Case {rule}, {state}",
    "holds": "Hold, {state}",
    "messages": "Message by {channel}, {state}",
    "waiting": "{type} waits for the registration of its member",
    "dead_letters": "Dead letter {code}, {state}",
}

_MEMBER = {"member_id": "Member", "program_id": "Program"}

FACTS: Mapping[str, Mapping[str, str]] = {
    "decisions": {
        "event_id": "Event",
        "event_source": "Source",
        **_MEMBER,
        "event_time": "Happened",
        "code": "Reason",
        "would_have_earned": "Would have earned",
    },
    "grants": {
        "class": "Class",
        "budget_id": "Budget",
        "rule_version": "Rule version",
        "cost_minor": "Expected cost, minor units",
        "clawed_back": "Clawed back",
        "available_at": "Available from",
        "expires_at": "Expires",
    },
    "lots": {
        "remaining": "Remaining",
        "held": "Held",
        "redeemed": "Spent",
        "clawed_back": "Clawed back",
        "set_off": "Set off",
        "expired": "Expired",
        "forfeited": "Forfeited",
        "available_at": "Available from",
        "expires_at": "Expires",
    },
    "journal": {"cause_type": "Because of", "business_time": "Happened"},
    "claw_backs": {"refund_id": "Refund", "grant_id": "Grant"},
    "settled": {
        "taken": "Taken",
        "set_off": "Set off",
        "already_gone": "Already gone",
        "deficit": "Deficit",
        "waived": "Waived",
        "policy": "Policy",
    },
    "redemptions": {**_MEMBER, "reason": "For what", "available_before": "Available before"},
    "allocations": {"lot_id": "Lot"},
    "held": {**_MEMBER, "bound": "Points bound", "reason": "Reason", "deadline": "Deadline", "state": "State"},
    "signals": {"value": "Value", "threshold": "Threshold", "window_start": "From", "window_end": "Until"},
    "cases": {**_MEMBER, "deadline": "Deadline", "decided_by": "Decided by", "note": "Note"},
    "holds": {
        **_MEMBER,
        "scope": "Scope",
        "reason": "Reason",
        "held_points": "Points bound",
        "deadline": "Deadline",
        "decided_by": "Decided by",
        "note": "Note",
    },
    "messages": {"template": "Template", "locale": "Language", "code": "Reason", "error": "Error", "sent_at": "Sent"},
    "waiting": {**_MEMBER, "deadline": "Deadline"},
    "dead_letters": {"message": "Message", "attempt": "Attempt"},
}

# Words of the services' rows that a title or fact may hold; each has its translation.
SERVICES_WORDS = (
    "granted", "declined", "registered", "updated", "clawed_back", "nothing_to_take", "open_claim", "linked",
    "scheduled", "issued", "pending", "available", "held", "redeemed", "set_off", "expired", "forfeited", "deficit",
    "waived", "recalled", "open", "replayed", "discarded", "placed", "released", "confirmed", "escalated",
    "email", "in_app", "queued", "sending", "sent", "failed", "suppressed", "unknown",
)  # fmt: skip
