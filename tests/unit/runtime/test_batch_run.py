"""Every way in which a batch may have to be done again, with books in memory."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import asyncpg
import pytest

from shared.runtime.batch import Delivered, Fate
from shared.runtime.dead_letter_limit import DeadLetterLimit, NearlyEverythingBadError
from shared.runtime.gate import GateShutError
from shared.runtime.ledger import Postings
from shared.runtime.postgres import Connection
from shared.runtime.service import DecideAgainError
from tests.unit.runtime.records import NOW, MemoryBooks, MemoryPool, NamedDesk, batch, raw, record, run_of


def lost_claim() -> asyncpg.PostgresError:
    return asyncpg.PostgresError.new({"C": "GP001", "M": "another writer won the claim"})


def failing(times: int, error: Callable[[], Exception]) -> Callable[[Postings], None]:
    """Raise for the first `times` saves."""
    left = [times]

    def before_save(_postings: Postings) -> None:
        if left[0]:
            left[0] -= 1
            raise error()

    return before_save


async def test_an_event_twice_in_one_batch_is_applied_once() -> None:
    books = MemoryBooks()
    await run_of(books).post(batch(record("a"), record("b"), record("a")))
    assert (books.named, books.fates()) == (["a", "b"], {"applied": 2, "duplicate": 1})


async def test_the_same_id_with_other_content_is_a_dead_letter_and_the_first_stands() -> None:
    books = MemoryBooks()
    await run_of(books).post(batch(record("a"), record("a", member="bea"), record("b")))
    assert books.named == ["a", "b"]
    assert books.dead() == [(1, "DUPLICATE_ID_DIFFERENT_CONTENT", "Rejected")]


async def test_a_type_without_handler_is_ignored_and_a_foreign_one_is_a_dead_letter() -> None:
    books = MemoryBooks()
    foreign = raw(b"p/ann", b'{"specversion":"1.0","id":"x","source":"/s","type":"other.v1"}')
    await run_of(books).post(batch(record("a", closed=True), foreign))
    assert books.fates() == {"ignored": 1, "dead_lettered": 1}


@pytest.mark.parametrize(("ahead", "fates"), [(10, {"applied": 1}), (11, {"dead_lettered": 1})])
async def test_an_event_more_than_ten_minutes_ahead_of_its_arrival_is_a_dead_letter(
    ahead: int, fates: dict[str, int]
) -> None:
    books = MemoryBooks()
    await run_of(books).post(batch(record("a", at=NOW + timedelta(minutes=ahead))))
    assert books.fates() == fates
    assert all(code == "EVENT_IN_FUTURE" for _, code, _ in books.dead())


async def test_a_failing_handler_isolates_its_record_and_its_neighbours_are_applied() -> None:
    def handler(delivered: Delivered, desk: NamedDesk) -> Fate:
        desk.named.append(delivered.required_event.id)  # touched before it fails: the whole desk is dropped
        if delivered.required_event.id in ("b", "d"):
            raise ZeroDivisionError
        return Fate.APPLIED

    books = MemoryBooks()
    await run_of(books, handler).post(batch(*(record(name) for name in "abcde")))
    assert books.named == ["a", "c", "e"]
    assert books.dead() == [(1, "HANDLING_FAILED", "ZeroDivisionError"), (3, "HANDLING_FAILED", "ZeroDivisionError")]
    assert len(books.saved) == 1


async def test_a_lost_claim_is_decided_again_from_fresh_facts() -> None:
    books = MemoryBooks(failing(1, lost_claim))
    await run_of(books).post(batch(record("a"), record("b")))
    assert (books.named, books.loads) == (["a", "b"], [2, 2])


async def test_the_third_time_goes_in_halves() -> None:
    books = MemoryBooks(failing(2, lost_claim))
    await run_of(books).post(batch(record("a"), raw(b"k", b"{"), record("b")))
    assert books.loads == [2, 2, 1, 1]
    assert [postings.batch.to_offset for postings in books.saved] == [1, 3]
    assert books.fates() == {"applied": 2, "dead_lettered": 1}


async def test_a_record_that_the_database_refuses_becomes_a_dead_letter_alone() -> None:
    def before_save(postings: Postings) -> None:
        if any(delivered.required_event.id == "b" for delivered in postings.applied):
            raise asyncpg.CheckViolationError("no")

    books = MemoryBooks(before_save)
    await run_of(books).post(batch(record("a"), record("b"), record("c")))
    assert (books.named, books.dead()) == (["a", "c"], [(1, "HANDLING_FAILED", "CheckViolationError")])


@pytest.mark.parametrize("error", [OverflowError, KeyError, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "no")])
async def test_a_record_that_cannot_be_loaded_becomes_a_dead_letter_alone(error: Exception) -> None:
    def before_load(events: Sequence[Delivered]) -> None:
        if any(delivered.required_event.id == "b" for delivered in events):
            raise error

    books = MemoryBooks()
    books.before_load = before_load
    await run_of(books).post(batch(record("a"), record("b"), record("c")))
    assert books.named == ["a", "c"]
    assert [(offset, code) for offset, code, _ in books.dead()] == [(1, "HANDLING_FAILED")]


@pytest.mark.parametrize("error", [lost_claim, lambda: asyncpg.UniqueViolationError("twice in one statement")])
async def test_a_record_that_loses_every_race_becomes_a_dead_letter_and_stops_nobody(
    error: Callable[[], Exception],
) -> None:
    def before_save(postings: Postings) -> None:
        if postings.applied:
            raise error()

    books = MemoryBooks(before_save)
    await run_of(books).post(batch(record("a")))
    assert books.fates() == {"dead_lettered": 1}


@pytest.mark.parametrize(
    "error",
    [asyncpg.TooManyConnectionsError, asyncpg.AdminShutdownError, asyncpg.DiskFullError, asyncpg.UndefinedTableError],
)
async def test_a_fault_of_the_database_is_nobodys_dead_letter(error: type[Exception]) -> None:
    books = MemoryBooks(failing(1, lambda: error("down")))
    with pytest.raises(error):
        await run_of(books).post(batch(record("a")))
    assert books.saved == []


async def test_connection_lost_at_commit_and_the_offset_moved_counts_as_happened() -> None:
    books = MemoryBooks()

    def die() -> None:
        raise ConnectionResetError

    books.after_save = die
    await run_of(books).post(batch(record("a"), record("b")))
    assert (books.named, len(books.saved)) == (["a", "b"], 1)


async def test_connection_lost_and_the_offset_not_moved_is_raised() -> None:
    books = MemoryBooks(failing(1, ConnectionResetError))
    with pytest.raises(ConnectionResetError):
        await run_of(books).post(batch(record("a")))
    assert books.saved == []


async def test_connection_lost_and_the_offset_elsewhere_shuts_the_gate() -> None:
    books = MemoryBooks(failing(1, ConnectionResetError))
    books.next_offset = 7
    with pytest.raises(GateShutError):
        await run_of(books).post(batch(record("a")))


async def test_a_shut_gate_is_told() -> None:
    books = MemoryBooks()
    books.open = False
    with pytest.raises(GateShutError):
        await run_of(books).post(batch(record("a")))


@pytest.mark.parametrize(("transactional", "transactions"), [(False, 0), (True, 1)])
async def test_books_that_lock_are_loaded_and_saved_in_one_transaction(transactional: bool, transactions: int) -> None:
    books = MemoryBooks(transactional=transactional)
    pool = MemoryPool(books)
    await run_of(books, pool=pool).post(batch(record("a")))
    assert pool.connection.transactions == transactions


async def test_what_must_be_prepared_runs_in_the_transaction_of_the_next_try() -> None:
    prepared: list[int] = []

    async def prepare(_connection: Connection) -> None:
        prepared.append(pool.connection.transactions)

    class Scarce(MemoryBooks):
        async def settle(self, _connection: Connection, _desk: NamedDesk) -> None:
            if not prepared:
                raise DecideAgainError("scarce", prepare)

    books = Scarce()
    pool = MemoryPool(books)
    await run_of(books, pool=pool).post(batch(record("a"), record("b")))
    assert (prepared, books.named) == ([1], ["a", "b"])


async def test_a_batch_decided_again_counts_once_towards_the_limit() -> None:
    books = MemoryBooks(failing(1, lost_claim))
    run = run_of(books, limit=DeadLetterLimit(4, 100))
    await run.post(batch(raw(b"k", b"{"), raw(b"k", b"{")))
    with pytest.raises(NearlyEverythingBadError, match="earning found 4 of its last 4 records"):
        await run.post(batch(raw(b"k", b"{"), raw(b"k", b"{"), start=2))
    assert books.next_offset == 2, "nothing of the batch that stopped it was written"
