"""What notices tell, read for wording."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from services.notification.domain.details import read_details
from services.notification.domain.template import Template
from services.notification.wording import CAUSES_LISTED, Facts, ListedCause
from shared.runtime.postgres import Pool

NOTICES = """
    SELECT n.notice_id, n.program_id, n.template, n.points, n.causes, h.reason, h.deadline, h.note
      FROM unnest($1::uuid[]) AS k (notice_id),
           LATERAL (SELECT * FROM notice WHERE notice_id = k.notice_id OFFSET 0) AS n
           LEFT JOIN LATERAL (SELECT * FROM hold WHERE program_id = n.program_id AND member_id = n.member_id
                               AND hold_id = n.group_key OFFSET 0) AS h ON true
"""
CAUSES = f"""
    SELECT c.notice_id, c.kind, c.points, c.reference, c.at, c.details::text AS details
      FROM unnest($1::uuid[]) AS k (notice_id),
           LATERAL (SELECT * FROM notice_cause WHERE notice_id = k.notice_id ORDER BY position LIMIT {CAUSES_LISTED})
               AS c
"""  # noqa: S608 - a number of ours


async def read_facts(pool: Pool, notices: Sequence[UUID]) -> Mapping[UUID, Facts]:
    """The facts of closed notices; a hold's words as far as they have come."""
    if not notices:
        return {}
    listed: defaultdict[UUID, list[ListedCause]] = defaultdict(list)
    for row in await pool.fetch(CAUSES, list(notices)):
        details = read_details(row["details"])
        listed[row["notice_id"]].append(ListedCause(row["kind"], row["points"], row["reference"], row["at"], details))
    return {
        row["notice_id"]: Facts(
            program_id=row["program_id"],
            template=Template(row["template"]),
            points=row["points"],
            causes=row["causes"],
            listed=listed[row["notice_id"]],
            reason=row["reason"],
            deadline=row["deadline"],
            note=row["note"],
        )
        for row in await pool.fetch(NOTICES, list(notices))
    }
