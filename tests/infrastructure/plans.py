"""What PostgreSQL plans to do with a statement of a service, whatever its parameters will be."""

import re

from shared.runtime.postgres import Connection, Pool


async def analyze_all(pool: Pool) -> None:
    """Let the planner know every table of the service's schema as it is now, empty or full."""
    for table in await pool.fetch("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"):
        await pool.execute(f"VACUUM ANALYZE {table['tablename']}")


async def plan_of(pool: Pool, sql: str) -> str:
    """The generic plan, as the service's connections make it."""
    async with pool.acquire() as connection:
        return await plan_on(connection, sql)


async def plan_on(connection: Connection, sql: str) -> str:
    """The generic plan, as this connection makes it."""
    parameters = max([0, *(int(number) for number in re.findall(r"\$(\d+)", sql))])
    async with connection.transaction():
        await connection.execute(f"PREPARE planned AS {sql}")
        given = f"({', '.join(['NULL'] * parameters)})" if parameters else ""
        rows = await connection.fetch(f"EXPLAIN EXECUTE planned{given}")
        await connection.execute("DEALLOCATE planned")
    return "\n".join(row[0] for row in rows)


def read_whole(plan: str) -> list[str]:
    """Indexes that are read from end to end: no better than a scan of the table."""
    scans = re.findall(
        r"(?:Index(?: Only)? Scan using|Bitmap Index Scan on) (\w+)(?: on \w+)?(?: \w+)?  \([^)]*\)(?:\n|$)(.*)", plan
    )
    return [index for index, below in scans if not below.strip().startswith(("Index Cond", "Order"))]
