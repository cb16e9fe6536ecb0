"""Members beside their points: profile and tier, written by batches, read by requests."""

from datetime import datetime

from services.redemption.desk import Member, RedemptionDesk
from services.redemption.domain.profile import Profile
from shared.runtime.postgres import Connection, Pool
from shared.runtime.statement import compile_sql

# A member with a wallet, or one that is known: the tier is the last told before the moment, later words first.
PROFILE = """
    SELECT $1 AS program_id, $2 AS member_id, m.registered_at, coalesce(m.listed_party, false) AS listed_party,
           m.locale, w.closed_at, t.tier_id, t.effective_at AS tier_since, t.valid_until AS tier_until
      FROM (VALUES (1)) AS one
      LEFT JOIN LATERAL (SELECT * FROM wallet WHERE program_id = $1 AND member_id = $2 OFFSET 0) AS w ON true
      LEFT JOIN LATERAL (SELECT * FROM member WHERE program_id = $1 AND member_id = $2 OFFSET 0) AS m ON true
      LEFT JOIN LATERAL (SELECT * FROM tier_told
                          WHERE program_id = $1 AND member_id = $2
                            AND effective_at <= coalesce($3::timestamptz, service_now())
                          ORDER BY effective_at DESC, place DESC LIMIT 1) AS t ON true
     WHERE w.member_id IS NOT NULL OR m.member_id IS NOT NULL
"""

SAVE_MEMBERS = compile_sql(
    """
    WITH registered AS (
        INSERT INTO member AS known (program_id, member_id, registered_at, listed_party, locale)
        SELECT program_id, member_id, registered_at, listed_party, locale
          FROM unnest(:program::text[], :member::text[], :registered_at::timestamptz[], :listed::boolean[],
                      :locale::text[], :registers::boolean[])
               AS p (program_id, member_id, registered_at, listed_party, locale, registers)
         WHERE registers
         ORDER BY program_id, member_id
        ON CONFLICT (program_id, member_id) DO UPDATE
           SET registered_at = least(known.registered_at, excluded.registered_at),
               listed_party = excluded.listed_party, locale = excluded.locale
    ), updated AS (
        UPDATE member AS known SET listed_party = p.listed_party, locale = p.locale
          FROM unnest(:program::text[], :member::text[], :listed::boolean[], :locale::text[], :registers::boolean[])
               AS p (program_id, member_id, listed_party, locale, registers),
               LATERAL (SELECT ctid FROM member
                         WHERE program_id = p.program_id AND member_id = p.member_id OFFSET 0) AS there
         WHERE NOT p.registers AND known.ctid = there.ctid
    )
    INSERT INTO tier_told (program_id, member_id, effective_at, tier_id, valid_until, event_id)
    SELECT program_id, member_id, effective_at, tier_id, valid_until, event_id
      FROM unnest(:t_program::text[], :t_member::text[], :t_from::timestamptz[], :t_tier::text[],
                  :t_until::timestamptz[], :t_event::uuid[])
           WITH ORDINALITY AS t (program_id, member_id, effective_at, tier_id, valid_until, event_id, told)
     ORDER BY told
    ON CONFLICT (event_id) DO NOTHING
    """
)


async def read_profile(
    connection: "Connection | Pool", member: Member, moment: datetime | None = None
) -> Profile | None:
    """The member as known now, with the tier at `moment`, at service_now() without one.

    None for a member who was never registered and has no wallet. Under the wallet's lock `closed_at` is exact.
    """
    row = await connection.fetchrow(PROFILE, *member, moment)
    return None if row is None else Profile(**dict(row))


async def save_members(connection: Connection, desk: RedemptionDesk) -> None:
    """Write what the batch heard of members, in the batch's transaction; most batches heard nothing."""
    if desk.profiles or desk.tiers:
        await connection.execute(SAVE_MEMBERS.sql, *SAVE_MEMBERS.arguments(_rows(desk)))


def _rows(desk: RedemptionDesk) -> dict[str, object]:
    words = list(desk.profiles.values())
    tiers = [told.data for told in desk.tiers]
    return {
        "program": [program for program, _ in desk.profiles],
        "member": [member for _, member in desk.profiles],
        "registered_at": [each.registered_at for each in words],
        "listed": [each.listed_party for each in words],
        "locale": [each.locale for each in words],
        "registers": [each.registers for each in words],
        "t_program": [each.program_id for each in tiers],
        "t_member": [each.member_id for each in tiers],
        "t_from": [each.effective_at for each in tiers],
        "t_tier": [each.tier_after for each in tiers],
        "t_until": [each.valid_until for each in tiers],
        "t_event": [told.event_id for told in desk.tiers],
    }
