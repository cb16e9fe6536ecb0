"""Reading what a member's claims depend on: no more of it than the rewards in question ask for."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from services.redemption.desk import Member
from services.redemption.domain.balance import balance
from services.redemption.domain.catalogue import Catalogue
from services.redemption.domain.profile import Profile
from services.redemption.domain.standing import PurchasedLine, Standing
from services.redemption.domain.wallet import Wallet
from services.redemption.store.queries import read_totals
from shared.programs.expiry import business_day, start_of_day
from shared.programs.rewards import AnyReward
from shared.runtime.postgres import Connection

CLAIMED = """
    SELECT c.reward_id, c.claimed_on, sum(c.units - c.given_back)::bigint AS units
      FROM reward_claim c
     WHERE c.program_id = $1 AND c.member_id = $2 AND c.reward_id = ANY ($3::text[]) AND c.given_back < c.units
     GROUP BY c.reward_id, c.claimed_on
"""
UNSERVED = """
    SELECT merchant_id, receipt_id, line_id, labels, bought_at
      FROM purchased_line
     WHERE program_id = $1 AND member_id = $2 AND claim_id IS NULL AND bought_at >= $3 AND clawed_back < points
     ORDER BY bought_at, merchant_id, receipt_id, line_id
"""


async def read_standing(
    connection: Connection, catalogue: Catalogue, profile: Profile | None, wallet: Wallet, rewards: Sequence[AnyReward]
) -> Standing:
    """`wallet` is the member's, with its open lots, matured; under its lock all of this is exact."""
    member = (wallet.program_id, wallet.member_id)
    needs_lifetime = any(reward.eligibility.lifetime_at_least is not None for reward in rewards)
    return Standing(
        tier=profile.tier_id if profile is not None else None,
        spendable=wallet.spendable,
        held=wallet.held_from_spending,
        lifetime=balance(wallet, await read_totals(connection, member)).lifetime if needs_lifetime else 0,
        claimed=await _claimed(connection, member, [one.reward_id for one in rewards if one.limits]),
        purchases=await _purchases(connection, member, catalogue, rewards),
    )


async def _claimed(connection: Connection, member: Member, reward_ids: Sequence[str]) -> dict[str, dict[date, int]]:
    found: dict[str, dict[date, int]] = defaultdict(dict)
    if reward_ids:
        for row in await connection.fetch(CLAIMED, *member, reward_ids):
            found[row["reward_id"]][row["claimed_on"]] = row["units"]
    return found


async def _purchases(
    connection: Connection, member: Member, catalogue: Catalogue, rewards: Iterable[AnyReward]
) -> tuple[PurchasedLine, ...]:
    asked = [one.eligibility.purchased for one in rewards if one.eligibility.purchased is not None]
    if not asked:
        return ()
    since = _first_instant(catalogue, max(one.within_days for one in asked))
    rows = await connection.fetch(UNSERVED, *member, since)
    return tuple(
        PurchasedLine(
            row["merchant_id"],
            row["receipt_id"],
            row["line_id"],
            frozenset(row["labels"]),
            business_day(row["bought_at"], catalogue.zone),
        )
        for row in rows
    )


def _first_instant(catalogue: Catalogue, days: int) -> datetime:
    return start_of_day(catalogue.today - timedelta(days=days), catalogue.zone)
