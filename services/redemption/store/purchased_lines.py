"""Lines of receipts with a label that some reward asks for: kept by batches, served by orders (M43)."""

from collections.abc import Mapping

import orjson

from services.redemption.desk import RedemptionDesk
from shared.programs.versions import ProgramBook
from shared.runtime.postgres import Connection

# A line that two grants tell, each for another budget, is one line: the first told stays.
_KEEP = """
    INSERT INTO purchased_line (program_id, member_id, merchant_id, receipt_id, line_id, grant_id, labels, points,
                                bought_at)
    SELECT program_id, member_id, merchant_id, receipt_id, line_id, grant_id,
           ARRAY(SELECT json_array_elements_text(labels::json)), points, bought_at
      FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::uuid[], $7::text[], $8::bigint[],
                  $9::timestamptz[])
           AS l (program_id, member_id, merchant_id, receipt_id, line_id, grant_id, labels, points, bought_at)
     ORDER BY program_id, member_id, merchant_id, receipt_id, line_id
    ON CONFLICT DO NOTHING
"""
RETURN_LINES = """
    UPDATE purchased_line AS bought SET clawed_back = bought.clawed_back + r.points
      FROM (SELECT grant_id, line_id, sum(points) AS points
              FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS r (grant_id, line_id, points)
             GROUP BY grant_id, line_id) AS r
     WHERE bought.grant_id = r.grant_id AND bought.line_id = r.line_id
"""


class AskedLabels:
    """The labels that rewards of any known version of a program ask for, worked out once for each book of programs.

    A version's own labels are kept from when it is published on: what was bought before serves nobody.
    """

    def __init__(self) -> None:
        self._book: ProgramBook | None = None
        self._labels: Mapping[str, frozenset[str]] = {}

    def of(self, programs: ProgramBook) -> Mapping[str, frozenset[str]]:
        """By program; a program that asks for none is not in it."""
        if programs is not self._book:
            labels = {program_id: _labels(programs, program_id) for program_id in programs.programs()}
            self._labels = {program_id: asked for program_id, asked in labels.items() if asked}
            self._book = programs
        return self._labels


def _labels(programs: ProgramBook, program_id: str) -> frozenset[str]:
    return frozenset(
        label
        for version in programs.versions(program_id)
        for reward in version.pack.rewards
        if reward.eligibility.purchased is not None
        for label in reward.eligibility.purchased.labels
    )


async def save_purchased_lines(connection: Connection, desk: RedemptionDesk) -> None:
    """Write what the batch heard, in its transaction and under its locks; most batches heard nothing."""
    if desk.bought:
        await connection.execute(_KEEP, *_columns(desk))
    if desk.returned:
        await connection.execute(
            RETURN_LINES,
            [line.grant_id for line in desk.returned],
            [line.line_id for line in desk.returned],
            [line.points for line in desk.returned],
        )


def _columns(desk: RedemptionDesk) -> list[list[object]]:
    lines = desk.bought
    return [
        [line.member[0] for line in lines],
        [line.member[1] for line in lines],
        [line.merchant_id for line in lines],
        [line.receipt_id for line in lines],
        [line.line_id for line in lines],
        [line.grant_id for line in lines],
        [orjson.dumps(line.labels).decode() for line in lines],
        [line.points for line in lines],
        [line.bought_at for line in lines],
    ]
