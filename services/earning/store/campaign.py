"""Campaigns' caps and their slices: shared by all members, reserved per partition as budgets are."""

from services.earning.store.escrow import Escrow
from shared.events.topics import load_topics
from shared.programs.pack import ProgramPack
from shared.programs.rules import CappedRule
from shared.programs.versions import ProgramVersion
from shared.runtime.postgres import Connection

CAMPAIGNS = Escrow(
    lock="SELECT remainder FROM campaign_cap WHERE program_id = $1 AND rule_id = $2 FOR UPDATE",
    reserve="""
        UPDATE campaign_slice SET reserved = reserved + $4 WHERE program_id = $1 AND rule_id = $2 AND partition = $3
    """,
    take="UPDATE campaign_cap SET remainder = $3 WHERE program_id = $1 AND rule_id = $2",
    call_back="""
        WITH unused AS (
            SELECT partition, reserved - used AS points FROM campaign_slice
             WHERE program_id = $1 AND rule_id = $2 AND partition <> $3 AND reserved > used
             ORDER BY partition FOR UPDATE
        ), called_back AS (
            UPDATE campaign_slice AS s SET reserved = s.used
              FROM unused AS u
             WHERE s.program_id = $1 AND s.rule_id = $2 AND s.partition = u.partition
        )
        SELECT coalesce(sum(points), 0)::bigint FROM unused
    """,
)


async def adopt_campaigns(connection: Connection, version: ProgramVersion) -> None:
    """Enter the campaigns' caps a version names first; another number in a later version is refused at publish."""
    caps = campaign_caps(version.pack)
    await connection.execute(
        """
        INSERT INTO campaign_cap (program_id, rule_id, points, remainder)
        SELECT $1, rule_id, points, points FROM unnest($2::text[], $3::bigint[]) AS c (rule_id, points)
        ON CONFLICT DO NOTHING
        """,
        version.program_id,
        list(caps),
        list(caps.values()),
    )
    await connection.execute(
        """
        INSERT INTO campaign_slice (program_id, rule_id, partition)
        SELECT $1, rule_id, partition
          FROM unnest($2::text[]) AS c (rule_id), generate_series(0, $3 - 1) AS partition
        ON CONFLICT DO NOTHING
        """,
        version.program_id,
        list(caps),
        load_topics()["pos.purchases.v1"].partitions,
    )


def campaign_caps(pack: ProgramPack) -> dict[str, int]:
    """Points by rule."""
    return {
        rule.rule_id: cap.points
        for rule in pack.rules
        if isinstance(rule, CappedRule)
        for cap in rule.caps
        if cap.per == "campaign"
    }
