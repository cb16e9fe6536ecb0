"""The very rows a worker wrote, laid aside by batches of 1,000 events, so that SQL alone can post them again.

Nothing is listed by hand: a row belongs to the run when the transaction that wrote it also wrote an inbox row of the
run's topic, and a table whose rows are not explained by that stops the benchmark.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.runtime.postgres import Connection
from tests.benchmarks.stage import INPUT, PREPARED, BenchmarkFailedError, Stage

BATCH_EVENTS = 1000
# Rows the save changes in place; `floor.post` and the naive way change the first two as well. Members (their first
# order, a tier's anniversary) and the slices of campaigns that floor is spared.
_CHANGED_IN_PLACE = {"partition_offset", "budget_slice", "member", "campaign_slice"}
# Written when a partition is claimed or a slice is fetched: not by a batch.
_BESIDE = {"partition_owner", "budget", "campaign_cap"}
# Written by sweepers, however many batches there are; what it costs counts against the worker alone.
_SWEPT = {"journal_block", "seal_horizon"}

_TABLES = """
SELECT c.relname AS name,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum) FROM pg_attribute a
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
       (SELECT array_agg(a.attname::text ORDER BY a.attnum)
          FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = ''
           AND coalesce(pg_get_expr(d.adbin, d.adrelid), '') NOT LIKE 'nextval(%') AS given,
       coalesce((SELECT array_agg(a.attname::text ORDER BY array_position(i.indkey::smallint[], a.attnum))
          FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey)
         WHERE i.indrelid = c.oid AND i.indisprimary), '{}') AS key
  FROM pg_class c
 WHERE c.relnamespace = $1::text::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
 ORDER BY c.oid
"""
# The transactions that posted batches: `turn` is the place of their partition among the partitions.
_WRITTEN = """
CREATE TABLE floor.written AS
SELECT xid, partition, first, events, sum(events) OVER (PARTITION BY partition)::bigint AS total,
       dense_rank() OVER (ORDER BY partition) - 1 AS turn
  FROM (SELECT xmin::text::bigint AS xid, partition, min(record_offset) AS first, count(*) AS events
          FROM inbox WHERE topic = '{topic}' GROUP BY 1, 2) AS w
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table that grew. `given` are the columns to insert (the others draw from a sequence), `key` their order."""

    name: str
    columns: tuple[str, ...]
    given: tuple[str, ...]
    key: tuple[str, ...]
    rows: int

    @property
    def insert(self) -> str:
        """Posts one batch's rows, in key order."""
        columns = ", ".join(self.given)
        order = ", ".join(column for column in self.key if column in self.given) or "nth"
        return (
            f"INSERT INTO {self.name} ({columns}) SELECT {columns} FROM floor.{self.name} "  # noqa: S608 - our own schema
            f"WHERE batch = $1 ORDER BY {order}"
        )


@dataclass(frozen=True, slots=True)
class Staged:
    """A database with the rows laid aside in schema `floor`; `partitions` in the order of their numbers."""

    database: str
    service: str
    events: int
    partitions: tuple[int, ...]
    tables: tuple[Table, ...]
    batches: int

    def rows_per_event(self) -> Mapping[str, float]:
        return {table.name: table.rows / self.events for table in self.tables}


async def lay_aside(stage: Stage, service: str, worked: str, database: str) -> Staged:
    """Copy `worked`, where a worker has just worked off a backlog, to `database`, and lay its rows aside there."""
    await stage.copy(database, of=worked)
    async with stage.admin(PREPARED) as before, stage.admin(database) as connection:
        await before.execute(f"SET search_path = {service}")
        await connection.execute(f"SET search_path = {service}; CREATE SCHEMA floor")
        await connection.execute(_WRITTEN.format(topic=INPUT[service]))
        tables = await _grown(before, connection)
        partitions = [
            row[0] for row in await connection.fetch("SELECT DISTINCT partition FROM floor.written ORDER BY 1")
        ]
        for table in tables:
            await _lay_aside(connection, table, len(partitions))
        await _number_batches(connection, len(partitions), INPUT[service], has_budget=service == "earning")
        events = await connection.fetchval("SELECT sum(events)::bigint FROM floor.written")
        batches = await connection.fetchval("SELECT count(*) FROM floor.step")
        await connection.execute(
            "VACUUM ANALYZE " + ", ".join(f"floor.{table.name}" for table in tables) + ", floor.step"
        )
    return Staged(database, service, events, tuple(partitions), tuple(tables), batches)


async def _grown(before: Connection, connection: Connection) -> Sequence[Table]:
    """The tables the run inserted into; raises when a table changed in a way that nothing here would post."""
    grown: list[Table] = []
    for row in await connection.fetch(_TABLES, await connection.fetchval("SELECT current_schema()")):
        name = row["name"]
        counted = f"SELECT count(*) FROM {name}"  # noqa: S608 - a table of ours
        growth = await connection.fetchval(counted) - await before.fetchval(counted)
        written = await connection.fetchval(
            f"SELECT count(*) FROM {name} AS t JOIN floor.written AS w ON w.xid = t.xmin::text::bigint"  # noqa: S608
        )
        if (name in _CHANGED_IN_PLACE | _BESIDE and growth == 0) or (name in _SWEPT and not written):
            continue
        if growth != written:
            raise BenchmarkFailedError(
                f"{name} grew by {growth} rows, the run's batches wrote {written}: the floor would post other rows."
            )
        if written:
            key = tuple(row["key"])
            grown.append(Table(name, tuple(row["columns"]), tuple(row["given"]), key, written))
    return grown


async def _lay_aside(connection: Connection, table: Table, partitions: int) -> None:
    """Rows in the order they were written, dealt to batches in proportion: n rows an event, n × 1,000 rows a batch."""
    columns = ", ".join(table.columns)
    await connection.execute(
        f"""
        CREATE UNLOGGED TABLE floor.{table.name} AS
        SELECT (nth - 1) * total / among / {BATCH_EVENTS} * {partitions} + turn AS batch,
               (nth - 1) * total / among AS event, turn, nth, {columns}
          FROM (SELECT t.*, w.total, w.turn,
                       row_number() OVER (PARTITION BY w.partition ORDER BY w.first, t.tableoid, t.ctid) AS nth,
                       count(*) OVER (PARTITION BY w.partition) AS among
                  FROM {table.name} AS t JOIN floor.written AS w ON w.xid = t.xmin::text::bigint) AS numbered
         ORDER BY 1, nth;
        CREATE INDEX ON floor.{table.name} (batch);
        CREATE TABLE floor.before_{table.name} AS
        SELECT t.* FROM {table.name} AS t
         WHERE NOT EXISTS (SELECT FROM floor.written AS w WHERE w.xid = t.xmin::text::bigint);
        """  # noqa: S608 - names of ours
    )


async def _number_batches(connection: Connection, partitions: int, topic: str, *, has_budget: bool) -> None:
    """floor.step: per batch its partition and events; floor.spent: what it spends of the partition's budget slices."""
    slices = (
        "budget_slice"
        if has_budget
        else "(VALUES (''::text, 0, 0::bigint)) AS none (budget_id, partition, spent_minor)"
    )
    await connection.execute(
        f"""
        CREATE TABLE floor.step AS
        SELECT number * {partitions} + turn AS batch, '{topic}'::text AS topic, w.partition,
               least({BATCH_EVENTS}, total - number * {BATCH_EVENTS}) AS events, total
          FROM (SELECT DISTINCT partition, total, turn FROM floor.written) AS w,
               generate_series(0, (total - 1) / {BATCH_EVENTS}) AS number;
        ALTER TABLE floor.step ADD PRIMARY KEY (batch);
        CREATE TABLE floor.spent AS
        SELECT t.batch, t.partition, s.budget_id, (s.spent_minor * t.events / t.total)::bigint AS spent
          FROM floor.step AS t JOIN (SELECT budget_id, partition, spent_minor FROM {slices}) AS s USING (partition)
         WHERE s.spent_minor > 0;
        CREATE INDEX ON floor.spent (batch);
        """  # noqa: S608 - names of ours
    )
