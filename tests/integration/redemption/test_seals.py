"""The journal sealed in blocks: every committed row once, and who touches one afterwards is found (C29)."""

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from services.operator.audit.seals import SealedBooks, read_seals
from services.redemption.sweepers import seal_journal
from services.redemption.sweepers.seal_journal import seal_up_to_now
from shared.runtime.sealed_block import split_entries
from tests.infrastructure.fixtures import Database
from tests.integration.redemption.harness import PROGRAM, Redemption, clawed_back, grant

pytestmark = pytest.mark.asyncio(loop_scope="session")

VERIFIER = Path(__file__).parents[3] / "docs" / "verify_export.py"
_A_ROW = """
    INSERT INTO redemption.journal OVERRIDING SYSTEM VALUE
    SELECT {entry}, {program}, {member}, lot_id, grant_id, from_account, to_account, points, cause_type,
           gen_random_uuid(), cause_id, business_time, posted_at, row_hash
      FROM redemption.journal ORDER BY entry_id LIMIT 1
    RETURNING entry_id
"""
_DRAWN = {"entry": "nextval('redemption.journal_entry_id_seq')", "program": "program_id", "member": "member_id"}
_REHASH = """
    UPDATE redemption.journal SET row_hash = redemption.journal_hash(program_id, member_id, lot_id, grant_id,
        from_account, to_account, points, cause_type, cause_key, cause_id, business_time, posted_at)
"""


async def test_every_row_is_sealed_once_and_blocks_follow_one_another(redemption: Redemption) -> None:
    await redemption.post(*(grant(f"a{n}", 10 + n) for n in range(5)), grant("b", 7, member="m-2"))
    assert await seal_up_to_now(redemption.running.pool)
    await redemption.post(grant("c", 3))
    await redemption.spend(20, "k-1")
    assert await seal_up_to_now(redemption.running.pool)
    assert await seal_up_to_now(redemption.running.pool), "nothing new is no failure"

    blocks = await redemption.running.pool.fetch("SELECT * FROM journal_block ORDER BY block_no")
    assert [block["block_no"] for block in blocks] == [1, 2]
    assert blocks[1]["previous_hash"] == blocks[0]["block_hash"]
    sealed = [entry for block in blocks for entry in split_entries(block["entries"])]
    rows = await redemption.running.pool.fetch("SELECT entry_id, row_hash FROM journal ORDER BY entry_id")
    assert sealed == [tuple(row) for row in rows]


async def test_the_sweeper_seals_by_itself_after_a_few_seconds_and_at_once_when_many_wait(
    redemption: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    await redemption.post(grant("a", 10))
    await seal_journal.seal_journal(redemption.running)
    assert await _sealed(redemption) == 1, "the first rows have waited since ever"
    await redemption.post(grant("b", 10))
    await seal_journal.seal_journal(redemption.running)
    assert await _sealed(redemption) == 1
    monkeypatch.setattr(seal_journal, "ENTRIES_AT_ONCE", 1)
    await seal_journal.seal_journal(redemption.running)
    assert await _sealed(redemption) == 2


async def test_a_row_whose_transaction_ends_late_is_waited_for(
    redemption: Redemption, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_journal, "_WRITERS_SECONDS", 0.2)
    await redemption.post(grant("a", 10))
    late = await asyncpg.connect(database.admin_dsn)
    try:
        transaction = late.transaction()
        await transaction.start()
        drawn_first = await late.fetchval(_A_ROW.format(**_DRAWN))
        await redemption.post(grant("b", 10), grant("c", 10))
        assert not await seal_up_to_now(redemption.running.pool), "a row below the others may still appear"
        assert await _sealed(redemption) == 0
        sealing = asyncio.create_task(seal_up_to_now(redemption.running.pool))
        await transaction.commit()
        assert await sealing
    finally:
        await late.close()
    entries = [entry for entry, _ in split_entries(await _entries(redemption))]
    assert drawn_first in entries and len(entries) == 4


async def test_many_sealers_at_once_seal_each_row_once(
    redemption: Redemption, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_journal, "ROWS_IN_A_BLOCK", 4)
    monkeypatch.setattr(seal_journal, "ENTRIES_AT_ONCE", 7)
    for round_ in range(4):
        await redemption.post(*(grant(f"{round_}-{n}", 10) for n in range(10)))
        await asyncio.gather(*(seal_up_to_now(redemption.running.pool) for _ in range(5)))
    assert await seal_up_to_now(redemption.running.pool)
    assert await _sealed(redemption) == 40
    books = await _audit(database)
    assert (books.rows, books.wrong) == (40, [])
    assert books.blocks > 8


@pytest.mark.parametrize(
    ("touch", "wrong"),
    [
        pytest.param("UPDATE redemption.journal SET points = points + 1 WHERE entry_id = $1", "changed", id="changed"),
        pytest.param(
            f"UPDATE redemption.journal SET points = points + 1 WHERE entry_id = $1; {_REHASH} WHERE entry_id = $1",  # noqa: S608
            "changed",
            id="changed with a fitting hash",
        ),
        pytest.param(
            "UPDATE redemption.journal SET posted_at = posted_at - interval '1 microsecond' WHERE entry_id = $1",
            "changed",
            id="backdated",
        ),
        pytest.param("DELETE FROM redemption.journal WHERE entry_id = $1", "removed", id="removed"),
    ],
)
async def test_a_touched_row_is_named(redemption: Redemption, database: Database, touch: str, wrong: str) -> None:
    await redemption.post(*(grant(f"a{n}", 10) for n in range(9)), grant("b", 7, member="m-2"))
    await seal_up_to_now(redemption.running.pool)
    victim = await redemption.running.pool.fetchval("SELECT entry_id FROM journal WHERE member_id = 'm-2'")
    await _as_superuser(database, touch.replace("$1", str(victim)))

    (found,) = (await _audit(database)).wrong

    assert wrong in found.wrong
    assert found.subject.startswith(f"entry {victim}")
    assert found.program_id == PROGRAM
    assert found.member_id == (None if wrong == "removed" else "m-2")


@pytest.mark.parametrize("entry", ["between", "twice", "of another program"])
async def test_an_inserted_row_is_named(redemption: Redemption, database: Database, entry: str) -> None:
    await redemption.post(*(grant(f"a{n}", 10) for n in range(3)))
    await redemption.running.pool.execute("SELECT nextval('journal_entry_id_seq')")  # a gap, as a rollback leaves it
    await redemption.post(grant("b", 7, member="m-2"))
    await seal_up_to_now(redemption.running.pool)
    gap = await redemption.running.pool.fetchval("SELECT max(entry_id) - 1 FROM journal")
    number = gap + 1 if entry == "twice" else gap
    program = "'elsewhere'" if entry == "of another program" else "program_id"
    await _as_superuser(database, _A_ROW.format(entry=number, program=program, member="'m-9'"))
    (found,) = (await _audit(database)).wrong
    assert "inserted" in found.wrong
    assert (found.member_id, found.subject.split(",")[0]) == ("m-9", f"entry {number}")


async def test_a_forged_block_is_found_and_a_forged_chain_by_who_noted_its_head(
    redemption: Redemption, database: Database
) -> None:
    await redemption.post(*(grant(f"a{n}", 10) for n in range(3)))
    await seal_up_to_now(redemption.running.pool)
    noted = (await _audit(database)).heads
    await redemption.post(grant("b", 10))
    await seal_up_to_now(redemption.running.pool)
    assert (await _audit(database, noted)).wrong == []

    await _as_superuser(database, f"UPDATE redemption.journal SET points = 11 WHERE entry_id = 1; {_REHASH}")  # noqa: S608
    await _as_superuser(
        database,
        """UPDATE redemption.journal_block SET entries = (
               SELECT string_agg(int8send(entry_id) || row_hash, ''::bytea ORDER BY entry_id) FROM redemption.journal j
                WHERE j.entry_id > after_entry AND j.entry_id <= up_to_entry)""",
    )
    assert {found.wrong for found in (await _audit(database)).wrong} == {"a block's entries are not its tree's"}

    # Who owns the database seals all anew: within the database nothing differs any more.
    await _as_superuser(
        database,
        "TRUNCATE redemption.journal_block; DELETE FROM redemption.seal_horizon; "
        "INSERT INTO redemption.seal_horizon (up_to_entry, sealed_at) VALUES (0, now())",
    )
    await seal_up_to_now(redemption.running.pool)
    assert (await _audit(database)).wrong == []
    (told,) = {found.wrong for found in (await _audit(database, noted)).wrong}
    assert told in ("a block is not the one written down", "a block is gone")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal_block SET rows = rows",
        "DELETE FROM journal_block",
        "DELETE FROM seal_horizon",
        "UPDATE seal_horizon SET up_to_entry = 0",
        "INSERT INTO journal_block SELECT program_id, 9, up_to_entry, up_to_entry + 1, 1, substr(entries, 1, 40), "
        "root, root, block_hash(program_id, 9, up_to_entry, up_to_entry + 1, 1, sealed_at, root, root), sealed_at "
        "FROM journal_block",
    ],
)
async def test_the_service_itself_cannot_unseal(redemption: Redemption, statement: str) -> None:
    await redemption.post(grant("a", 10))
    await seal_up_to_now(redemption.running.pool)
    with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
        await redemption.running.pool.execute(statement)


async def test_an_export_is_verified_by_the_script_alone(
    redemption: Redemption, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_journal, "ROWS_IN_A_BLOCK", 3)
    await redemption.post(*(grant(f"a{n}", 10) for n in range(7)), grant("语", 5, member="会员-2"))
    made = (await redemption.spend(25, "k-1")).json()
    await seal_up_to_now(redemption.running.pool)
    await redemption.post(clawed_back("late", 2, of="a6"))
    noted = {name: {"block_no": n, "block_hash": h} for name, (n, h) in (await _audit(database)).heads.items()}
    (tmp_path / "heads.json").write_text(json.dumps(noted))

    member = await _export(redemption, f"/v1/programs/{PROGRAM}/members/m-1/export")
    assert _verified(tmp_path, member) == f"{7 + 3} rows proved in 4 blocks, 1 rows not sealed yet"
    chinese = await _export(redemption, f"/v1/programs/{PROGRAM}/members/会员-2/export")
    assert _verified(tmp_path, chinese).startswith("1 rows proved")
    paid = await _export(redemption, f"/v1/redemptions/{made['redemption_id']}/export")
    assert {row["lot_id"] for row in paid["rows"]} == {each["lot_id"] for each in made["allocations"]}
    assert _verified(tmp_path, paid).startswith("6 rows proved")

    forgeries: list[tuple[str, Any]] = [
        ("points", 11), ("member_id", "m-2"), ("posted_at", "2026-01-01T00:00:00Z"), ("index", 2), ("path", []),
        ("entry_id", 2), ("block_no", 2), ("program_id", "other"),
    ]  # fmt: skip
    for name, value in forgeries:
        forged = json.loads(json.dumps(member))
        forged["rows"][0][name] = value
        assert "NOT PROVED: row" in _verified(tmp_path, forged), name
    for name, value in (("root", "00" * 32), ("rows", 4), ("previous_hash", "11" * 32), ("block_hash", "22" * 32)):
        forged = json.loads(json.dumps(member))
        forged["blocks"][-1][name] = value
        assert "NOT PROVED" in _verified(tmp_path, forged), name


async def test_pages_of_an_export_and_of_the_chain_join(
    redemption: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal_journal, "ROWS_IN_A_BLOCK", 2)
    await redemption.post(*(grant(f"a{n}", 10) for n in range(7)))
    await seal_up_to_now(redemption.running.pool)
    path = f"/v1/programs/{PROGRAM}/members/m-1/export"
    whole, pages, after = (await _export(redemption, path))["rows"], [], 0
    while after is not None:
        page = (await redemption.http.get(path, params={"after": after, "limit": 3})).json()
        pages += page["rows"]
        after = page["next_after"]
    assert pages == whole and len(whole) == 7

    first = (await redemption.http.get(f"/v1/programs/{PROGRAM}/seals", params={"limit": 3})).json()
    rest = (await redemption.http.get(f"/v1/programs/{PROGRAM}/seals", params={"after": first["next_after"]})).json()
    chain = [*first["blocks"], *rest["blocks"]]
    assert [block["block_no"] for block in chain] == [1, 2, 3, 4]
    assert all(later["previous_hash"] == block["block_hash"] for block, later in pairwise(chain))


async def test_a_row_inserted_into_a_closed_block_is_not_exported_as_sound(
    redemption: Redemption, database: Database
) -> None:
    await redemption.post(grant("a", 10))
    await redemption.running.pool.execute("SELECT nextval('journal_entry_id_seq')")
    await redemption.post(grant("b", 10))
    await seal_up_to_now(redemption.running.pool)
    await _as_superuser(database, _A_ROW.format(entry=2, program="program_id", member="member_id"))
    answer = await redemption.http.get(f"/v1/programs/{PROGRAM}/members/m-1/export")
    assert (answer.status_code, answer.json()["code"]) == (409, "LEDGER_TAMPERED")


async def test_nobody_erases_the_journal_and_who_asks_is_on_record(redemption: Redemption) -> None:
    await redemption.post(grant("a", 10))
    path = f"/v1/programs/{PROGRAM}/members/m-1/journal"
    answer = await redemption.http.delete(path)
    assert (answer.status_code, answer.json()["code"], answer.json()["control"]) == (409, "RETENTION_ACTIVE", "C29")
    assert {"zh-CN", "en"} == answer.json()["reason"].keys()
    kept = await redemption.running.pool.fetch("SELECT code, member_id, request_id FROM refusal")
    assert [tuple(row) for row in kept] == [("RETENTION_ACTIVE", "m-1", answer.json()["request_id"])]
    assert len((await redemption.http.get(path)).json()["rows"]) == 1
    assert (await redemption.http.delete(path.replace("m-1", "m-9"))).status_code == 404


async def _export(redemption: Redemption, path: str) -> dict[str, Any]:
    answer = await redemption.http.get(path)
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def _verified(folder: Path, export: dict[str, Any]) -> str:
    """What the script says, run as anybody would: no package of ours within its reach."""
    (folder / "export.json").write_text(json.dumps(export))
    done = subprocess.run(
        [sys.executable, "-I", str(VERIFIER), "export.json", "heads.json"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) == ("NOT PROVED" not in done.stderr), done.stderr
    return (done.stdout or done.stderr).strip()


async def _audit(database: Database, expected: dict[str, tuple[int, str]] | None = None) -> SealedBooks:
    audit = await asyncpg.connect(database.dsns["greenpoints_audit"])
    try:
        async with audit.transaction(isolation="repeatable_read", readonly=True):
            return await read_seals(audit, None, expected)
    finally:
        await audit.close()


async def _as_superuser(database: Database, statements: str) -> None:
    """With triggers off, as who owns the server can do."""
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await admin.execute(f"SET session_replication_role = replica; {statements}")
    finally:
        await admin.close()


async def _sealed(redemption: Redemption) -> int:
    return int(await redemption.running.pool.fetchval("SELECT coalesce(sum(rows), 0) FROM journal_block"))


async def _entries(redemption: Redemption) -> bytes:
    return bytes(await redemption.running.pool.fetchval("SELECT string_agg(entries, ''::bytea) FROM journal_block"))
