"""Drops, rejections and referrals in a save: their SQL parts and the parameters for them."""

from collections.abc import Iterator
from uuid import UUID

import msgspec
import orjson

from services.earning.deeds import DropEntry, ReferralEntry, RejectionEntry, RewardEntry
from services.earning.desk import EarningDesk, GrantEntry
from services.earning.domain.facts import UNLISTED, EarnFacts
from services.earning.domain.rejection import RejectedItem
from services.earning.store.save_counted import written_uses
from shared.runtime.statement import Part, maybe_microseconds, microseconds

Origin = tuple[UUID | None, UUID | None, UUID | None]
"""Of a grant: the key of its drop, of its referral or of its occasion."""

DEED_PARTS = (
    # A plain INSERT: the same drop on two partitions at once has one winner, the other decides again.
    Part(
        "drop_rows",
        """
        INSERT INTO recycling_drop (drop_key, program_id, drop_id, station_id, member_id, event_key, event_source,
                                    event_id, event_time, outcome, code, rule_version, collected, rejected,
                                    organisation_id, facts, cap_uses)
        SELECT drop_key, program_id, drop_id, station_id, member_id, event_key, event_source, event_id,
               instant(event_time), outcome, code, rule_version, collected::json, rejected::json, organisation_id,
               facts::json, cap_uses::json
          FROM gate, unnest(:drops::drop_row[])
         ORDER BY drop_key
        """,
    ),
    Part(
        "drop_changes",
        """
        UPDATE recycling_drop AS d
           SET station_id = c.station_id, member_id = c.member_id, event_key = c.event_key,
               event_source = c.event_source, event_id = c.event_id, event_time = instant(c.event_time),
               outcome = c.outcome, code = c.code, rule_version = c.rule_version, collected = c.collected::json,
               rejected = c.rejected::json, organisation_id = c.organisation_id, facts = c.facts::json,
               cap_uses = c.cap_uses::json, revision = d.revision + 1
          FROM (SELECT c.*, v.revision, there.ctid AS place
                  FROM gate, unnest(:changed_drops::drop_row[]) AS c
                  JOIN unnest(:changed_drop_key::uuid[], :changed_drop_revision::integer[]) AS v (drop_key, revision)
                       USING (drop_key),
                       LATERAL (SELECT ctid FROM recycling_drop WHERE drop_key = c.drop_key OFFSET 0) AS there
                 ORDER BY drop_key) AS c
         WHERE d.ctid = c.place AND d.revision = c.revision
        RETURNING 1
        """,
        expects="changed_drop_key",
    ),
    Part(
        "rejection_rows",
        """
        INSERT INTO drop_rejection (event_key, event_source, event_id, event_time, drop_key, program_id, member_id,
                                    items, state)
        SELECT event_key, event_source, event_id, instant(event_time), drop_key, program_id, member_id, items::json,
               state
          FROM gate, unnest(:rejections::rejection_row[])
         ORDER BY event_key
        """,
    ),
    Part(
        "rejection_changes",
        """
        UPDATE drop_rejection AS r SET state = 'settled'
          FROM gate, unnest(:settled_rejections::uuid[]) AS k (event_key),
               LATERAL (SELECT ctid FROM drop_rejection WHERE event_key = k.event_key OFFSET 0) AS there
         WHERE r.ctid = there.ctid AND r.state = 'open'
        RETURNING 1
        """,
        expects="settled_rejections",
    ),
    # Referrals and rewards have one writer each, the owner of their partition.
    Part(
        "referral_rows",
        """
        INSERT INTO referral (referral_key, program_id, invitee_id, inviter_id, event_key, event_source, event_id,
                              event_time, state, receipt_key, qualified_id, reversed_id, voucher_request_id,
                              voucher_id, voucher_budget_id, voucher_cost_minor, voucher_recall_id)
        SELECT referral_key, program_id, invitee_id, inviter_id, event_key, event_source, event_id,
               instant(event_time), state, receipt_key, qualified_id, reversed_id, voucher_request_id, voucher_id,
               voucher_budget_id, voucher_cost_minor, voucher_recall_id
          FROM gate, unnest(:referrals::referral_row[])
         ORDER BY referral_key
        ON CONFLICT (referral_key) DO UPDATE
           SET state = excluded.state, receipt_key = excluded.receipt_key, qualified_id = excluded.qualified_id,
               reversed_id = excluded.reversed_id, voucher_request_id = excluded.voucher_request_id,
               voucher_id = excluded.voucher_id, voucher_budget_id = excluded.voucher_budget_id,
               voucher_cost_minor = excluded.voucher_cost_minor, voucher_recall_id = excluded.voucher_recall_id
        """,
    ),
    Part(
        "reward_rows",
        """
        INSERT INTO referral_reward (referral_key, program_id, inviter_id, invitee_id, event_key, reversal_key, outcome,
                                     facts, cap_uses)
        SELECT referral_key, program_id, inviter_id, invitee_id, event_key, reversal_key, outcome, facts::json,
               cap_uses::json
          FROM gate, unnest(:rewards::reward_row[])
         ORDER BY referral_key
        ON CONFLICT (referral_key) DO UPDATE
           SET event_key = excluded.event_key, reversal_key = excluded.reversal_key, outcome = excluded.outcome,
               facts = excluded.facts, cap_uses = excluded.cap_uses
        """,
    ),
    Part(
        "deed_grant_rows",
        """
        INSERT INTO issued_grant (grant_id, event_key, drop_key, referral_key, program_id, member_id, class, budget_id,
                                  points, clawed_back, cost_minor, cost_returned_minor, lines, rule_version, event_time,
                                  available_at, expires_at, correlation_id, occasion_key)
        SELECT grant_id, event_key, drop_key, referral_key, program_id, member_id, class, budget_id, points,
               clawed_back, cost_minor, cost_returned_minor, lines::json, rule_version, instant(event_time),
               instant(available_at), instant(expires_at), correlation_id, occasion_key
          FROM gate, unnest(:deed_grants::deed_grant_row[])
         ORDER BY grant_id
        """,
    ),
)


def deed_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of DEED_PARTS."""
    drops = [drop for drop in desk.drops.values() if drop.changed]
    changed = [drop for drop in drops if drop.revision > 0]
    rejections = [(drop, entry) for drop in drops for entry in drop.rejections]
    return {
        "drops": [_drop_row(drop) for drop in drops if drop.revision == 0],
        "changed_drops": [_drop_row(drop) for drop in changed],
        "changed_drop_key": [drop.drop_key for drop in changed],
        "changed_drop_revision": [drop.revision for drop in changed],
        "rejections": [_rejection_row(drop, entry) for drop, entry in rejections if entry.new],
        "settled_rejections": [entry.rejection.event_key for _, entry in rejections if entry.changed and not entry.new],
        "referrals": [_referral_row(referral) for referral in referrals_of(desk) if referral.changed],
        "rewards": [_reward_row(reward) for reward in desk.rewards.values() if reward.changed],
        "deed_grants": list(_new_grant_rows(desk)),
    }


def referrals_of(desk: EarningDesk) -> Iterator[ReferralEntry]:
    for member in desk.members.values():
        if member.referral is not None:
            yield member.referral


def deed_grants(desk: EarningDesk) -> Iterator[GrantEntry]:
    """The grants on the desk that came from no receipt."""
    for drop in desk.drops.values():
        yield from drop.grants
    for referral in referrals_of(desk):
        if referral.grant is not None:
            yield referral.grant
    for reward in desk.rewards.values():
        if reward.grant is not None:
            yield reward.grant
    for entry in desk.occasions.entries.values():
        yield from entry.grants


def _new_grant_rows(desk: EarningDesk) -> Iterator[tuple[object, ...]]:
    for drop in desk.drops.values():
        for grant in drop.grants:
            if grant.new:
                yield _grant_row(grant, (drop.drop_key, None, None), drop.program_id, drop.member_id)
    for referral in referrals_of(desk):
        if referral.grant is not None and referral.grant.new:
            origin = (None, referral.referral_key, None)
            yield _grant_row(referral.grant, origin, referral.program_id, referral.invitee_id)
    for reward in desk.rewards.values():
        if reward.grant is not None and reward.grant.new:
            origin = (None, reward.referral_key, None)
            yield _grant_row(reward.grant, origin, reward.program_id, reward.inviter_id)
    for entry in desk.occasions.entries.values():
        for grant in entry.grants:
            if grant.new:
                yield _grant_row(grant, (None, None, entry.occasion_key), entry.program_id, entry.member_id)


def _grant_row(grant: GrantEntry, origin: Origin, program_id: str, member_id: str) -> tuple[object, ...]:
    drop_key, referral_key, occasion_key = origin
    return (
        grant.grant_id,
        grant.event_key,
        drop_key,
        referral_key,
        program_id,
        member_id,
        grant.points_class,
        grant.budget_id,
        grant.points,
        grant.clawed_back,
        grant.cost_minor,
        grant.cost_returned_minor,
        grant_lines(grant),
        grant.rule_version,
        microseconds(grant.event_time),
        maybe_microseconds(grant.available_at),
        maybe_microseconds(grant.expires_at),
        grant.correlation_id,
        occasion_key,
    )


def grant_lines(grant: GrantEntry) -> str:
    """Its lines as they are stored."""
    return msgspec.json.encode(grant.lines).decode()


def _drop_row(drop: DropEntry) -> tuple[object, ...]:
    return (
        drop.drop_key,
        drop.program_id,
        drop.drop_id,
        drop.station_id,
        drop.member_id,
        drop.event_key,
        drop.event_source,
        drop.event_id,
        maybe_microseconds(drop.event_time),
        drop.outcome,
        drop.code,
        drop.rule_version,
        drop.collected_json,
        orjson.dumps(drop.rejected).decode(),
        drop.organisation_id,
        _facts(drop.facts),
        written_uses(drop.cap_uses),
    )


def _facts(facts: EarnFacts) -> str | None:
    """None where caps left everything, which is nearly always."""
    return None if facts == UNLISTED else orjson.dumps(facts.to_json()).decode()


def _rejection_row(drop: DropEntry, entry: RejectionEntry) -> tuple[object, ...]:
    return (
        entry.rejection.event_key,
        entry.rejection.source,
        entry.rejection.event_id,
        microseconds(entry.rejection.time),
        drop.drop_key,
        entry.program_id,
        entry.member_id,
        orjson.dumps([_item(item) for item in entry.items]).decode(),
        "settled" if entry.settled else "open",
    )


def _item(item: RejectedItem) -> dict[str, object]:
    return {"material": item.material, "grams" if item.weighed else "pieces": item.amount}


def _referral_row(referral: ReferralEntry) -> tuple[object, ...]:
    return (
        referral.referral_key,
        referral.program_id,
        referral.invitee_id,
        referral.inviter_id,
        referral.event_key,
        referral.event_source,
        referral.event_id,
        microseconds(referral.event_time),
        referral.state,
        referral.receipt_key,
        referral.qualified_id,
        referral.reversed_id,
        *_voucher(referral),
    )


def _voucher(referral: ReferralEntry) -> tuple[object, ...]:
    given = referral.voucher
    if given is None:
        return (None,) * 5
    return given.request_id, given.voucher_id, given.budget_id, given.cost_minor, given.recall_id


def _reward_row(reward: RewardEntry) -> tuple[object, ...]:
    return (
        reward.referral_key,
        reward.program_id,
        reward.inviter_id,
        reward.invitee_id,
        reward.event_key,
        reward.reversal_key,
        reward.outcome,
        _facts(reward.facts),
        written_uses(reward.cap_uses),
    )
