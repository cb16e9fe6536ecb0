"""What each member got in either world, kept in the draft's database: a million members need no memory of ours."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from services.earning.simulation.tally import Share
from shared.runtime.postgres import Pool

Side = Literal["live", "draft"]

_TABLES = """
CREATE SCHEMA simulation
    CREATE TABLE share (
        member_id text NOT NULL,
        merchant_id text NOT NULL, -- '' = by no merchant's receipt
        live bigint NOT NULL,
        draft bigint NOT NULL,
        PRIMARY KEY (member_id, merchant_id))
    CREATE TABLE tier (member_id text PRIMARY KEY, tier text NOT NULL)
"""
_ADD = """
INSERT INTO simulation.share AS s (member_id, merchant_id, live, draft)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[])
ON CONFLICT (member_id, merchant_id) DO UPDATE SET live = s.live + excluded.live, draft = s.draft + excluded.draft
"""
_RISE = """
INSERT INTO simulation.tier (member_id, tier) SELECT * FROM unnest($1::text[], $2::text[])
ON CONFLICT (member_id) DO UPDATE SET tier = excluded.tier
"""
_SUMS = """
count(*) AS members, count(*) FILTER (WHERE draft > live) AS winners, count(*) FILTER (WHERE draft < live) AS losers,
coalesce(sum(live), 0)::bigint AS live_points, coalesce(sum(draft), 0)::bigint AS draft_points,
coalesce(sum(draft - live) FILTER (WHERE draft > live), 0)::bigint AS won,
coalesce(sum(live - draft) FILTER (WHERE draft < live), 0)::bigint AS lost
"""
_MEMBERS = "SELECT member_id, sum(live) AS live, sum(draft) AS draft FROM simulation.share GROUP BY member_id"
_BY_TIER = f"""
SELECT coalesce(t.tier, '') AS name, {_SUMS}
  FROM ({_MEMBERS}) AS m LEFT JOIN simulation.tier AS t USING (member_id) GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - constants alone
_BY_MERCHANT = f"SELECT merchant_id AS name, {_SUMS} FROM simulation.share GROUP BY 1 ORDER BY 1"  # noqa: S608
_ALL = f"SELECT {_SUMS} FROM ({_MEMBERS}) AS m"  # noqa: S608


class Members:
    """Winners earn more under the draft, losers less; tiers are those of the world compared with, at the end."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def open(self) -> None:
        await self._pool.execute(_TABLES)

    async def add(self, live: Counter[Share], draft: Counter[Share]) -> None:
        keys = sorted(live.keys() | draft.keys(), key=lambda key: (key[0], key[1] or ""))
        if keys:
            columns = [member_id for member_id, _ in keys], [merchant_id or "" for _, merchant_id in keys]
            await self._pool.execute(_ADD, *columns, [live[key] for key in keys], [draft[key] for key in keys])

    async def rise(self, tiers: Mapping[str, str]) -> None:
        if tiers:
            members = sorted(tiers)
            await self._pool.execute(_RISE, members, [tiers[member] for member in members])

    async def by_tier(self) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in await self._pool.fetch(_BY_TIER)]

    async def by_merchant(self) -> Sequence[Mapping[str, Any]]:
        return [dict(row) for row in await self._pool.fetch(_BY_MERCHANT)]

    async def together(self) -> Mapping[str, Any]:
        row = await self._pool.fetchrow(_ALL)
        return dict(row or {})
