"""Set-based SQL out of named parts, so that a service's save stays readable and travels as one statement.

A part is one (writable) CTE with `:name` parameters. `SaveStatement` puts the parts behind the gate and numbers
the parameters once, at import.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_][a-z0-9_]*)")


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Part:
    """One CTE. `expects` names an array parameter: the part must touch as many rows as it has elements."""

    name: str
    sql: str
    expects: str | None = None


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL with numbered parameters, and the names in their order."""

    sql: str
    names: tuple[str, ...]

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        return [values[name] for name in self.names]


def compile_sql(sql: str) -> Compiled:
    """Number the `:name` parameters of a statement; a name used twice keeps its number."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in names:
            names.append(name)
        return f"${names.index(name) + 1}"

    return Compiled(_PARAMETER.sub(number, sql), tuple(names))


def load_statement(columns: Mapping[str, str]) -> Compiled:
    """One query with one row, whose columns are the given scalar sub-selects."""
    return compile_sql("SELECT " + ",\n".join(f"({sql}) AS {name}" for name, sql in columns.items()))


def gated_statement(gate: Sequence[Part], parts: Sequence[Part]) -> Compiled:
    """Compose the CTEs; the last of `gate` is named `gate` and yields a row only while it stands open.

    Every part selects FROM gate, so a shut gate writes nothing. Returns one row: `open` (0 or 1). A part that
    touched other than the expected number of rows raises SQLSTATE GP001.
    """
    ctes = ",\n".join(f"{part.name} AS ({part.sql})" for part in (*gate, *parts))
    demands = "".join(  # only names and texts of this repo are composed; values stay parameters
        f",\nCASE WHEN EXISTS (SELECT FROM gate) AND (SELECT count(*) FROM {part.name})"  # noqa: S608
        f" <> coalesce(cardinality(:{part.expects}), 0) THEN claim_lost('{part.name}') END"
        for part in parts
        if part.expects
    )
    return compile_sql(f"WITH {ctes}\nSELECT (SELECT count(*) FROM gate) AS open{demands}")  # noqa: S608


def ids_as_text(ids: Iterable[str]) -> str:
    """A column of ids as one parameter, for SQL `ids(:name)`: an array takes the driver ten times as long.

    No id holds U+001F, and none is empty.
    """
    return "\x1f".join(ids)


def microseconds(instant: datetime) -> int:
    """Since 1970 in UTC: rows carry instants so (SQL `instant()`); a datetime takes the driver six times as long."""
    return (instant - _EPOCH) // _MICROSECOND


def maybe_microseconds(instant: datetime | None) -> int | None:
    """The same where there may be none."""
    return None if instant is None else (instant - _EPOCH) // _MICROSECOND
