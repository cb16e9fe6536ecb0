"""Taking units of rewards and giving them back: exact under any number of requests at once, each in its transaction."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple
from uuid import UUID

from services.redemption.desk import Member
from services.redemption.domain.claims import PlannedClaim
from services.redemption.domain.counts import Count, smallest
from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode
from shared.runtime.postgres import Connection, Pool
from shared.runtime.statement import compile_sql

# A count is raised only where the units are left; its row is locked by that, in the order of the keys.
TAKE = compile_sql(
    """
    WITH claimed AS (
        INSERT INTO reward_claim (claim_id, program_id, member_id, reward_id, units, claimed_on, lines, periods)
        SELECT claim_id, :program, :member, reward_id, units, :day,
               ARRAY(SELECT line FROM unnest(:of_claim::uuid[], :of_line::text[], :of_period::text[])
                                      AS o (claim_id, line, period) WHERE o.claim_id = c.claim_id),
               ARRAY(SELECT period FROM unnest(:of_claim::uuid[], :of_line::text[], :of_period::text[])
                                        AS o (claim_id, line, period) WHERE o.claim_id = c.claim_id)
          FROM unnest(:claim::uuid[], :claim_reward::text[], :claim_units::bigint[])
               AS c (claim_id, reward_id, units)
    ), served AS (
        UPDATE purchased_line AS bought SET claim_id = s.claim_id
          FROM unnest(:s_claim::uuid[], :s_merchant::text[], :s_receipt::text[], :s_line::text[])
               AS s (claim_id, merchant_id, receipt_id, line_id)
         WHERE bought.program_id = :program AND bought.member_id = :member AND bought.merchant_id = s.merchant_id
           AND bought.receipt_id = s.receipt_id AND bought.line_id = s.line_id AND bought.claim_id IS NULL
        RETURNING 1
    ), counted AS (
        INSERT INTO stock_count AS counted (program_id, reward_id, line, period, allowed, taken)
        SELECT :program, reward_id, line, period, allowed, units
          FROM unnest(:reward::text[], :line::text[], :period::text[], :allowed::bigint[], :units::bigint[])
               AS w (reward_id, line, period, allowed, units)
         WHERE units <= allowed
         ORDER BY reward_id, line, period
        ON CONFLICT (program_id, reward_id, line, period) DO UPDATE
           SET taken = counted.taken + excluded.taken, allowed = excluded.allowed
         WHERE counted.taken + excluded.taken <= excluded.allowed
        RETURNING reward_id, line, period, allowed, taken
    )
    SELECT reward_id, line, period, allowed, taken, (SELECT count(*) FROM served) AS served FROM counted
    UNION ALL
    SELECT NULL, NULL, NULL, NULL, NULL, (SELECT count(*) FROM served)
    """
)
TAKEN = """
    SELECT w.reward_id, w.line, w.period, s.taken
      FROM unnest($2::text[], $3::text[], $4::text[]) AS w (reward_id, line, period),
           LATERAL (SELECT taken FROM stock_count WHERE program_id = $1 AND reward_id = w.reward_id
                       AND line = w.line AND period = w.period OFFSET 0) AS s
"""
LOCK_CLAIMED = """
    SELECT s.program_id, s.reward_id, s.line, s.period
      FROM stock_count s
      JOIN (SELECT DISTINCT c.program_id, c.reward_id, l.line, l.period
              FROM reward_claim c, unnest(c.lines, c.periods) AS l (line, period)
             WHERE c.claim_id = ANY ($1::uuid[])) AS named USING (program_id, reward_id, line, period)
     ORDER BY s.program_id, s.reward_id, s.line, s.period
       FOR UPDATE OF s
"""
# The same rows, and those of claims to come, in the same order: one that is not there yet is written and so locked.
LOCK_COUNTS = """
    INSERT INTO stock_count AS counted (program_id, reward_id, line, period, allowed, taken)
    SELECT program_id, reward_id, line, period, min(allowed), 0
      FROM (SELECT $1 AS program_id, w.*
              FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[]) AS w (reward_id, line, period, allowed)
            UNION ALL
            SELECT s.program_id, s.reward_id, s.line, s.period, s.allowed
              FROM reward_claim c, unnest(c.lines, c.periods) AS l (line, period), stock_count s
             WHERE c.claim_id = ANY ($2::uuid[]) AND s.program_id = c.program_id AND s.reward_id = c.reward_id
               AND s.line = l.line AND s.period = l.period) AS named
     GROUP BY program_id, reward_id, line, period
     ORDER BY program_id, reward_id, line, period
    ON CONFLICT (program_id, reward_id, line, period) DO UPDATE SET taken = counted.taken WHERE false
"""
GIVE_BACK = """
    WITH back AS (
        UPDATE reward_claim AS c SET given_back = c.given_back + g.units
          FROM unnest($1::uuid[], $2::bigint[]) AS g (claim_id, units)
         WHERE c.claim_id = g.claim_id
        RETURNING c.*, g.units AS now_back
    ), freed AS (
        UPDATE purchased_line AS bought SET claim_id = NULL
          FROM back WHERE bought.claim_id = back.claim_id AND back.given_back = back.units
    ), counted AS (
        UPDATE stock_count AS s SET taken = s.taken - b.units
          FROM (SELECT program_id, reward_id, l.line, l.period, sum(now_back) AS units
                  FROM back, unnest(back.lines, back.periods) AS l (line, period)
                 GROUP BY program_id, reward_id, l.line, l.period) AS b
         WHERE s.program_id = b.program_id AND s.reward_id = b.reward_id AND s.line = b.line AND s.period = b.period
    )
    SELECT count(*) FROM back
"""


class Taken(NamedTuple):
    """Units of a claim's tightest line of stock left before and after it; None for a reward that never runs out."""

    stock_before: int | None
    stock_after: int | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """`units` on one count, by all claims of the request together."""

    count: Count
    units: int


async def take(
    connection: Connection, member: Member, claims: Sequence[tuple[UUID, PlannedClaim]], day: date
) -> tuple[Taken, ...]:
    """Take all units and purchased lines of these claims, under the wallet's lock, in the caller's transaction.

    `day` is the business day they count on. Raises RefusedError: OUT_OF_STOCK for the first reward of which too few
    units are left, NOT_ELIGIBLE where a purchased line has served meanwhile; the transaction must then be undone.
    """
    wanted = _wanted(claims)
    rows = await connection.fetch(TAKE.sql, *TAKE.arguments(_arguments(member, claims, day, wanted)))
    counted = {(row["reward_id"], row["line"], row["period"]): row for row in rows}
    for each in wanted:
        if each.count[:3] not in counted:
            raise out_of_stock(each.count.reward_id)
    if rows[0]["served"] != sum(len(planned.purchases) for _, planned in claims):
        raise RefusedError(ReasonCode.NOT_ELIGIBLE, "A purchase that was to serve has served another claim.")
    before = {
        each.count[:3]: counted[each.count[:3]]["allowed"] - counted[each.count[:3]]["taken"] + each.units
        for each in wanted
    }
    return tuple(_told(planned, before) for _, planned in claims)


async def lock_counts(
    connection: Connection, program_id: str, old_claims: Sequence[UUID], planned: Sequence[PlannedClaim]
) -> None:
    """Lock all that giving units of `old_claims` back and then taking the `planned` ones will touch.

    Each of the two locks in order, but one after the other they do not: exchanges would wait for each other in a ring.
    """
    counts = smallest(each for one in planned for each in one.counts)
    columns = [[count[place] for count in counts] for place in range(4)]
    await connection.execute(LOCK_COUNTS, program_id, old_claims, *columns)


async def give_back(connection: Connection, units: Sequence[tuple[UUID, int]]) -> None:
    """Give units of claims back, each claim named once: stock, limits, and a purchased line once all units are back.

    In the caller's transaction, under the wallet's lock. Raises LookupError for a claim that is not known; the
    database refuses more than was taken.
    """
    claim_ids = [claim_id for claim_id, _ in units]
    await connection.execute(LOCK_CLAIMED, claim_ids)
    known = await connection.fetchval(GIVE_BACK, claim_ids, [number for _, number in units])
    if known != len(units):
        raise LookupError(f"{len(units) - known} of {len(units)} claims are not known.")


async def read_taken(connection: "Connection | Pool", program_id: str, counts: Iterable[Count]) -> Counter[Count]:
    """Units taken on each of the counts, 0 where none were."""
    named = {count[:3]: count for count in counts}
    columns = [[name[place] for name in named] for place in range(3)]
    rows = await connection.fetch(TAKEN, program_id, *columns) if named else []
    return Counter({named[row["reward_id"], row["line"], row["period"]]: row["taken"] for row in rows})


def out_of_stock(reward_id: str) -> RefusedError:
    return RefusedError(
        ReasonCode.OUT_OF_STOCK,
        f"Too few units of reward {reward_id} are left; nothing was taken.",
        reward_id=reward_id,
    )


def _wanted(claims: Sequence[tuple[UUID, PlannedClaim]]) -> list[_Wanted]:
    units: Counter[tuple[str, str, str]] = Counter()
    for _, planned in claims:
        for count in planned.counts:
            units[count[:3]] += planned.quantity
    return [_Wanted(count, units[count[:3]]) for count in smallest(each for _, one in claims for each in one.counts)]


def _told(planned: PlannedClaim, before: dict[tuple[str, str, str], int]) -> Taken:
    """What was left for this claim; the next claim of the request finds so much less."""
    if not planned.counts:
        return Taken(None, None)
    tightest = min(before[count[:3]] for count in planned.counts)
    for count in planned.counts:
        before[count[:3]] -= planned.quantity
    return Taken(tightest, tightest - planned.quantity)


def _arguments(
    member: Member, claims: Sequence[tuple[UUID, PlannedClaim]], day: date, wanted: Sequence[_Wanted]
) -> dict[str, object]:
    on = [(claim_id, count) for claim_id, planned in claims for count in planned.counts]
    serving = [(claim_id, line) for claim_id, planned in claims for line in planned.purchases]
    return {
        "program": member[0],
        "member": member[1],
        "day": day,
        "claim": [claim_id for claim_id, _ in claims],
        "claim_reward": [planned.reward.reward_id for _, planned in claims],
        "claim_units": [planned.quantity for _, planned in claims],
        "of_claim": [claim_id for claim_id, _ in on],
        "of_line": [count.line for _, count in on],
        "of_period": [count.period for _, count in on],
        "s_claim": [claim_id for claim_id, _ in serving],
        "s_merchant": [line.merchant_id for _, line in serving],
        "s_receipt": [line.receipt_id for _, line in serving],
        "s_line": [line.line_id for _, line in serving],
        "reward": [each.count.reward_id for each in wanted],
        "line": [each.count.line for each in wanted],
        "period": [each.count.period for each in wanted],
        "allowed": [each.count.allowed for each in wanted],
        "units": [each.units for each in wanted],
    }
