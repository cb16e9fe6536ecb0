"""What the checks look at: one snapshot of all schemas, and Kafka's log."""

from collections.abc import Sequence

import asyncpg

from services.operator.audit.kafka_log import KafkaLog
from services.operator.audit.verdict import Difference
from shared.runtime.postgres import Connection

ROWS_SHOWN = 20
IN_KAFKA = frozenset({"fraud_monitoring"})  # a stream processor's offsets are its group's commits
# `_sql_` stands for a check's own statement; a row of no program belongs to every program.
_DIFFERING = """
WITH differing AS (_sql_)
SELECT wrong, program_id, member_id, subject, expected, found, count(*) OVER () AS total
  FROM differing
 WHERE $1::text[] IS NULL OR program_id IS NULL OR program_id = ANY($1)
 ORDER BY wrong, program_id, member_id, subject
 LIMIT $2
"""
_COUNT = """
SELECT coalesce(sum(looked_at), 0)::bigint
  FROM (_sql_) AS counted (program_id, looked_at)
 WHERE $1::text[] IS NULL OR program_id IS NULL OR program_id = ANY($1)
"""


class Evidence:
    """`services` are those whose schema holds the runtime's books; `{schema}` in a statement means each of them.

    `{consumer}` means those of them that count their offsets themselves, in the transaction of what they wrote.
    """

    def __init__(
        self, connection: Connection, log: KafkaLog, services: Sequence[str], programs: Sequence[str] | None
    ) -> None:
        self.log = log
        self.programs = None if programs is None else list(programs)
        self.connection = connection
        self._services = services

    def has_books(self, service: str) -> bool:
        """Whether the service has ever run: before, its schema is empty."""
        return service in self._services

    async def differences(self, sql: str, limit: int | None = ROWS_SHOWN) -> tuple[int, list[Difference]]:
        """How many rows differ, and the first of them (all with `limit=None`)."""
        statement = _DIFFERING.replace("_sql_", self._for_each_service(sql))
        rows = await self.connection.fetch(statement, self.programs, limit)
        return (rows[0]["total"] if rows else 0), [
            Difference(row["wrong"], row["program_id"], row["member_id"], row["subject"], row["expected"], row["found"])
            for row in rows
        ]

    async def count(self, sql: str) -> int:
        """The sum over rows of (program id or null, count)."""
        counted: int = await self.connection.fetchval(
            _COUNT.replace("_sql_", self._for_each_service(sql)), self.programs
        )
        return counted

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Plain rows of a statement and its own arguments."""
        return await self.connection.fetch(self._for_each_service(sql), *arguments)

    def _for_each_service(self, sql: str) -> str:
        """Names of schemas are no parameters; these come from topics.yaml."""
        for mark, services in (("{schema}", self._services), ("{consumer}", self._consumers)):
            if mark in sql:
                return "\nUNION ALL\n".join(f"({sql.replace(mark, service)})" for service in services)
        return sql

    @property
    def _consumers(self) -> list[str]:
        return [service for service in self._services if service not in IN_KAFKA]
