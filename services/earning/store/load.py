"""One query: the facts of every member and receipt of a batch."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import orjson

from services.earning.desk import (
    ClaimEntry,
    EarningDesk,
    LineEntry,
    MemberEntry,
    ReceiptEntry,
    RefundReference,
    SliceEntry,
    WaitingEntry,
)
from services.earning.domain.facts import EarnFacts
from services.earning.domain.refund import Claim
from services.earning.store.load_counted import COUNTED_COLUMNS, read_uses
from services.earning.store.load_occasions import OCCASION_COLUMNS, fill_occasions
from services.earning.store.load_tiers import TIER_COLUMNS
from services.earning.store.stored_deeds import drop_of, grant_of, referral_of, reward_of
from shared.events.purchase_completed import PurchaseCompleted
from shared.runtime.ledger import INBOX_COLUMNS, unpack_headers
from shared.runtime.statement import load_statement

LOAD = load_statement(
    {
        **INBOX_COLUMNS,
        "members": """
            SELECT json_agg(json_build_array(m.program_id, m.member_id, m.registered_at, m.phone_verified,
                                             m.listed_party, m.first_order, m.birth_month_day, m.organisation_id,
                                             m.segments, m.closed_at, m.referral))
              FROM (SELECT * FROM unnest(ids(:member_program), ids(:member_id))
                     UNION ALL -- whose receipt is named without its member: what comes back may end a referral
                    SELECT r.program_id, r.member_id
                      FROM unnest(:receipt_alone::uuid[]) AS k (receipt_key),
                           LATERAL (SELECT program_id, member_id FROM receipt
                                     WHERE receipt_key = k.receipt_key OFFSET 0) AS r
                   ) AS k (program_id, member_id),
                   LATERAL (SELECT m.*, CASE WHEN m.referral_key IS NOT NULL THEN (
                                SELECT json_build_object('row', r, 'grant', (
                                           SELECT to_json(g) FROM issued_grant AS g
                                            WHERE g.referral_key = r.referral_key AND g.member_id = r.invitee_id))
                                  FROM referral AS r WHERE r.referral_key = m.referral_key) END AS referral
                              FROM member AS m
                             WHERE program_id = k.program_id AND member_id = k.member_id OFFSET 0) AS m
        """,
        # Receipts named by the batch, those that a refund without receipt may take from, and the first orders of those
        # who accept an invitation.
        "receipts": """
            SELECT json_agg(json_build_object(
                       'receipt', r,
                       'lines', (SELECT json_agg(l ORDER BY l.position)
                                   FROM receipt_line l WHERE l.receipt_key = r.receipt_key),
                       'grants', (SELECT json_agg(g ORDER BY g.grant_id)
                                    FROM issued_grant g WHERE g.receipt_key = r.receipt_key)))
              FROM (SELECT unnest(:receipt_key::uuid[])
                     UNION
                    SELECT l.receipt_key
                      FROM unnest(:sku_program::text[], :sku_member::text[], :sku::text[])
                           AS s (program_id, member_id, sku),
                           LATERAL (SELECT receipt_key FROM receipt_line
                                     WHERE program_id = s.program_id AND member_id = s.member_id AND sku = s.sku
                                       AND refunded_quantity < quantity OFFSET 0) AS l
                     UNION
                    SELECT f.first_order
                      FROM unnest(:invitee_program::text[], :invitee_id::text[]) AS i (program_id, member_id),
                           LATERAL (SELECT first_order FROM member
                                     WHERE program_id = i.program_id AND member_id = i.member_id OFFSET 0) AS f
                   ) AS k (receipt_key),
                   LATERAL (SELECT * FROM receipt WHERE receipt_key = k.receipt_key OFFSET 0) AS r
        """,
        "drops": """
            SELECT json_agg(json_build_object(
                       'drop', d,
                       'grants', (SELECT json_agg(g ORDER BY g.grant_id)
                                    FROM issued_grant AS g WHERE g.drop_key = d.drop_key),
                       'rejections', (SELECT json_agg(r) FROM drop_rejection AS r
                                       WHERE r.drop_key = d.drop_key AND r.state = 'open')))
              FROM unnest(:drop_key::uuid[]) AS k (drop_key),
                   LATERAL (SELECT * FROM recycling_drop WHERE drop_key = k.drop_key OFFSET 0) AS d
        """,
        "rewards": """
            SELECT json_agg(json_build_object(
                       'row', w,
                       'grant', (SELECT to_json(g) FROM issued_grant AS g
                                  WHERE g.referral_key = w.referral_key AND g.member_id = w.inviter_id)))
              FROM unnest(:reward_key::uuid[]) AS k (referral_key),
                   LATERAL (SELECT * FROM referral_reward WHERE referral_key = k.referral_key OFFSET 0) AS w
        """,
        "claims": """
            SELECT json_agg(c)
              FROM unnest(:receipt_key::uuid[]) AS k (receipt_key),
                   LATERAL (SELECT * FROM open_claim
                             WHERE state = 'open' AND receipt_key = k.receipt_key OFFSET 0) AS c
        """,
        "claims_by_sku": """
            SELECT json_agg(c)
              FROM unnest(ids(:member_program), ids(:member_id)) AS k (program_id, member_id),
                   LATERAL (SELECT * FROM open_claim
                             WHERE state = 'open' AND receipt_key IS NULL
                               AND program_id = k.program_id AND member_id = k.member_id OFFSET 0) AS c
        """,
        "waiting": """
            SELECT json_agg(json_build_object('row', w, 'key', encode(w.record_key, 'base64'),
                                              'value', encode(w.record_value, 'base64'),
                                              'hash', encode(w.content_hash, 'hex')) ORDER BY w.position)
              FROM (SELECT unnest(:event_keys::uuid[])
                     UNION
                    SELECT m.event_key
                      FROM unnest(:new_program::text[], :new_member::text[]) AS n (program_id, member_id),
                           LATERAL (SELECT event_key FROM waiting_event
                                     WHERE program_id = n.program_id AND member_id = n.member_id OFFSET 0) AS m
                   ) AS k (event_key),
                   LATERAL (SELECT * FROM waiting_event WHERE event_key = k.event_key OFFSET 0) AS w
        """,
        "under_way": """
            SELECT json_agg(json_build_array(w.program_id, w.member_id))
              FROM (SELECT * FROM unnest(ids(:member_program), ids(:member_id))
                     UNION
                    SELECT r.program_id, r.member_id
                      FROM unnest(:receipt_alone::uuid[]) AS k (receipt_key),
                           LATERAL (SELECT program_id, member_id FROM receipt
                                     WHERE receipt_key = k.receipt_key OFFSET 0) AS r
                   ) AS k (program_id, member_id),
                   LATERAL (SELECT * FROM waiting_event
                             WHERE program_id = k.program_id AND member_id = k.member_id AND sent_on OFFSET 0) AS w
        """,
        "slices": """
            SELECT json_agg(json_build_object('program_id', b.program_id, 'budget_id', b.budget_id, 'left', own.minor,
                                              'elsewhere', b.remainder_minor + others.minor))
              FROM budget b,
                   LATERAL (SELECT s.reserved_minor - s.spent_minor AS minor FROM budget_slice s
                             WHERE s.partition = :partition AND s.program_id = b.program_id
                               AND s.budget_id = b.budget_id) AS own,
                   LATERAL (SELECT coalesce(sum(s.reserved_minor - s.spent_minor), 0)::bigint AS minor
                              FROM budget_slice s
                             WHERE s.partition <> :partition AND s.program_id = b.program_id
                               AND s.budget_id = b.budget_id) AS others
             WHERE b.program_id = ANY(:programs::text[])
        """,
        **OCCASION_COLUMNS,
        **COUNTED_COLUMNS,
        **TIER_COLUMNS,
    }
)


class _StoredMember(msgspec.Struct, array_like=True, gc=False):
    """A row of `members`: of these there is one for nearly every event."""

    program_id: str
    member_id: str
    registered_at: datetime
    phone_verified: bool
    listed_party: bool
    first_order: UUID | None
    birth_month_day: str | None
    organisation_id: str | None
    segments: frozenset[str] | None
    closed_at: datetime | None
    referral: dict[str, Any] | None


_MEMBERS = msgspec.json.Decoder(list[_StoredMember])


def fill_desk(desk: EarningDesk, row: Mapping[str, Any]) -> None:
    """Put the loaded facts on the desk."""
    for member in _MEMBERS.decode(row["members"] or "[]"):
        desk.members[member.program_id, member.member_id] = MemberEntry(
            member.registered_at,
            member.phone_verified,
            member.listed_party,
            member.first_order,
            None if member.referral is None else referral_of(member.referral["row"], member.referral["grant"]),
            member.birth_month_day,
            member.organisation_id,
            member.segments or frozenset(),
            member.closed_at,
        )
    for stored in _rows(row["drops"]):
        drop = drop_of(stored["drop"], stored["grants"] or [], stored["rejections"] or [])
        desk.drops[drop.drop_key] = drop
    for stored in _rows(row["rewards"]):
        reward = reward_of(stored["row"], stored["grant"])
        desk.rewards[reward.referral_key] = reward
    for stored in _rows(row["receipts"]):
        desk.put_receipt(receipt_of(stored["receipt"], stored["lines"] or [], stored["grants"] or []))
    for stored in (*_rows(row["claims"]), *_rows(row["claims_by_sku"])):
        desk.put_claim(_claim(stored))
    for stored in _rows(row["waiting"]):
        entry = _waiting(stored)
        desk.waiting[entry.event_key] = entry
    desk.under_way.update((program_id, member_id) for program_id, member_id in _rows(row["under_way"]))
    fill_occasions(desk.occasions, row)
    for stored in _rows(row["slices"]):
        desk.slices[stored["program_id"], stored["budget_id"]] = SliceEntry(stored["left"], stored["elsewhere"])


def _rows(column: str | None) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = orjson.loads(column) if column else []
    return rows


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def receipt_of(
    stored: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], grants: Sequence[Mapping[str, Any]]
) -> ReceiptEntry:
    """A stored receipt with its lines and grants."""
    purchase = None if stored["purchase"] is None else orjson.dumps(stored["purchase"]).decode()
    return ReceiptEntry(
        UUID(stored["receipt_key"]),
        stored["program_id"],
        stored["merchant_id"],
        stored["receipt_id"],
        stored["member_id"],
        None if stored["event_key"] is None else UUID(stored["event_key"]),
        stored["event_source"],
        stored["event_id"],
        _time(stored["event_time"]),
        stored["outcome"],
        stored["code"],
        stored["rule_version"],
        EarnFacts() if stored["facts"] is None else EarnFacts.from_json(stored["facts"]),
        None if purchase is None else PurchaseCompleted.model_validate_json(purchase),
        purchase,
        stored["returned_points_minor"],
        stored["returned_voucher_minor"],
        stored["revision"],
        read_uses(stored["cap_uses"]),
        [
            LineEntry(
                line["line_id"],
                line["position"],
                line["sku"],
                line["quantity"],
                line["net_minor"],
                line["refunded_quantity"],
                line["refunded_net_minor"],
            )
            for line in lines
        ],
        [grant_of(grant) for grant in grants],
        stored["counted_minor"],
    )


def _claim(stored: Mapping[str, Any]) -> ClaimEntry:
    refund = RefundReference(
        UUID(stored["event_key"]),
        stored["event_source"],
        stored["event_id"],
        stored["refund_id"],
        datetime.fromisoformat(stored["refunded_at"]),
        stored["points_minor"],
        stored["voucher_minor"],
    )
    return ClaimEntry(
        UUID(stored["claim_id"]),
        refund,
        stored["program_id"],
        stored["member_id"],
        None if stored["receipt_key"] is None else UUID(stored["receipt_key"]),
        Claim(stored["line_index"], stored["line_id"], stored["sku"], stored["quantity"], stored["net_minor"]),
    )


def _waiting(stored: Mapping[str, Any]) -> WaitingEntry:
    row = stored["row"]
    return WaitingEntry(
        UUID(row["event_key"]),
        bytes.fromhex(stored["hash"]),
        row["program_id"],
        row["member_id"],
        row["event_type"],
        datetime.fromisoformat(row["arrival"]),
        None,
        b64decode(stored["key"]),
        b64decode(stored["value"]),
        unpack_headers(orjson.dumps(row["headers"]).decode()),
        row["sent_on"],
    )
