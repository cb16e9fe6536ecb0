"""SQL parts become one statement: numbered once, casts untouched, behind the gate."""

from shared.runtime.gate import BATCH_GATE
from shared.runtime.ledger import BATCH_PARTS
from shared.runtime.statement import Part, compile_sql, gated_statement, load_statement


def test_a_name_used_twice_keeps_its_number() -> None:
    compiled = compile_sql("SELECT :b, :a, :b")
    assert (compiled.sql, compiled.names) == ("SELECT $1, $2, $1", ("b", "a"))
    assert compiled.arguments({"a": 1, "b": 2, "more": 3}) == [2, 1]


def test_casts_and_times_are_no_parameters() -> None:
    sql = "SELECT :keys::uuid[], now()::text, '12:30'::time, a::b FROM t WHERE x=:x AND y[1:2]"
    assert compile_sql(sql).sql == "SELECT $1::uuid[], now()::text, '12:30'::time, a::b FROM t WHERE x=$2 AND y[1:2]"


def test_more_than_nine_parameters_are_told_apart() -> None:
    compiled = compile_sql(" ".join(f":p{number}" for number in "abcdefghijkl"))
    assert compiled.sql.endswith("$10 $11 $12")


def test_a_load_is_one_row_of_sub_selects() -> None:
    compiled = load_statement({"one": "SELECT :x::int", "two": "SELECT :y::int + :x::int"})
    assert compiled.sql == "SELECT (SELECT $1::int) AS one,\n(SELECT $2::int + $1::int) AS two"


def test_a_gated_statement_demands_what_its_parts_expect_only_behind_an_open_gate() -> None:
    parts = [Part("free", "INSERT INTO a SELECT 1 FROM gate"), Part("strict", "UPDATE b RETURNING 1", expects="keys")]
    sql = gated_statement([Part("gate", "SELECT 1 WHERE :epoch = 1")], parts).sql
    assert sql.startswith(
        "WITH gate AS (SELECT 1 WHERE $1 = 1),\nfree AS (INSERT INTO a SELECT 1 FROM gate),\nstrict AS"
    )
    assert "(SELECT count(*) FROM gate) AS open" in sql
    assert "EXISTS (SELECT FROM gate) AND (SELECT count(*) FROM strict) <> coalesce(cardinality($2), 0)" in sql
    assert "claim_lost('strict')" in sql
    assert "claim_lost('free')" not in sql


def test_every_part_of_the_runtime_writes_only_behind_the_gate() -> None:
    assert BATCH_GATE[-1].name == "gate"
    for part in BATCH_PARTS:
        assert "FROM gate, unnest(" in part.sql, part.name
