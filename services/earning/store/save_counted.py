"""Counted caps in a save: what members used and got back, and what this partition used of its campaign slices."""

from collections.abc import Mapping, Sequence

import orjson

from services.earning.counted import CapUse
from services.earning.desk import EarningDesk
from shared.runtime.statement import Part

COUNTED_PARTS = (
    Part(
        "counter_uses",
        """
        INSERT INTO member_counter AS c (program_id, member_id, period, rule_id, used)
        SELECT n.* FROM gate, unnest(:cu_program::text[], :cu_member::text[], :cu_period::text[], :cu_rule::text[],
                                     :cu_points::bigint[]) AS n
         ORDER BY 1, 2, 3, 4
        ON CONFLICT (program_id, member_id, period, rule_id) DO UPDATE SET used = c.used + excluded.used
        """,
    ),
    # What comes back was used: its row is there.
    Part(
        "counter_returns",
        """
        UPDATE member_counter AS c SET used = c.used - k.points
          FROM gate, unnest(:cr_program::text[], :cr_member::text[], :cr_period::text[], :cr_rule::text[],
                            :cr_points::bigint[])
               AS k (program_id, member_id, period, rule_id, points),
               LATERAL (SELECT ctid FROM member_counter
                         WHERE program_id = k.program_id AND member_id = k.member_id AND period = k.period
                           AND rule_id = k.rule_id OFFSET 0) AS there
         WHERE c.ctid = there.ctid
        RETURNING 1
        """,
        expects="cr_points",
    ),
    # As of a budget: using no more than the slice holds is tested here, not only in memory.
    Part(
        "campaign_changes",
        """
        UPDATE campaign_slice AS s SET used = s.used + c.points
          FROM gate, unnest(:ca_program::text[], :ca_rule::text[], :ca_points::bigint[])
               AS c (program_id, rule_id, points)
         WHERE s.partition = :partition AND s.program_id = c.program_id AND s.rule_id = c.rule_id
           AND s.used + c.points <= s.reserved
        RETURNING 1
        """,
        expects="ca_points",
    ),
)


def counted_arguments(desk: EarningDesk) -> dict[str, object]:
    """Every parameter of COUNTED_PARTS but the partition."""
    moved = sorted((*period, rule_id, points) for (period, rule_id), points in desk.counted.members.moved.items())
    uses = [row for row in moved if row[-1] > 0]
    returns = [(*row[:-1], -row[-1]) for row in moved if row[-1] < 0]
    campaigns = sorted((*key, entry.used) for key, entry in desk.counted.campaigns.items() if entry.used)
    return {
        **_columns("cu", ("program", "member", "period", "rule", "points"), uses),
        **_columns("cr", ("program", "member", "period", "rule", "points"), returns),
        **_columns("ca", ("program", "rule", "points"), campaigns),
    }


def written_uses(uses: Mapping[CapUse, int]) -> str | None:
    """What something uses of counted caps, as its row keeps it: [[rule, period, points]]; None where nothing."""
    return orjson.dumps([[*use, points] for use, points in sorted(uses.items())]).decode() if uses else None


def _columns(prefix: str, names: tuple[str, ...], rows: Sequence[tuple[str | int, ...]]) -> dict[str, object]:
    return {f"{prefix}_{name}": [row[place] for row in rows] for place, name in enumerate(names)}
