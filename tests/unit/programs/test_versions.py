"""Which version of a program is in force: alike for every reader of the topic."""

from datetime import UTC, datetime, timedelta

from shared.programs.versions import ProgramBook, ProgramVersion
from tests.unit.earning.builders import pack

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = timedelta(minutes=1)
DAYS = timedelta(days=1)


def record(version: int, effective_at: datetime, recorded_at: datetime, issuer: str = "A") -> ProgramVersion:
    written = pack(version=version, effective_at=effective_at, issuer=issuer)
    return ProgramVersion.of(written, recorded_at, recorded_at)


def book(*records: ProgramVersion) -> ProgramBook:
    read = ProgramBook()
    for one in records:
        read = read.with_record(one)
    return read


def in_force(read: ProgramBook, at: datetime) -> int | None:
    found = read.in_force("fruit-shop", at)
    return found.version if found is not None else None


FIRST = record(1, START, START + 30 * DAYS)  # a first version may take effect before it is published


def test_an_empty_book_knows_nothing() -> None:
    assert not ProgramBook().knows("fruit-shop")
    assert in_force(ProgramBook(), START) is None


def test_a_version_judges_from_its_first_instant_on() -> None:
    read = book(FIRST, record(2, START + 60 * DAYS, START + 40 * DAYS))
    assert in_force(read, START - MINUTES) is None
    assert in_force(read, START) == 1
    assert in_force(read, START + 60 * DAYS - timedelta(microseconds=1)) == 1
    assert in_force(read, START + 60 * DAYS) == 2
    assert read.knows("fruit-shop")
    assert not read.knows("beauty")
    assert [one.version for one in read.versions("fruit-shop")] == [1, 2]


def test_a_version_needs_fifteen_minutes_between_its_record_and_its_effect() -> None:
    effect = START + 60 * DAYS
    assert in_force(book(FIRST, record(2, effect, effect - 15 * MINUTES)), effect) == 2
    late = record(2, effect, effect - 15 * MINUTES + timedelta(microseconds=1))
    assert in_force(book(FIRST, late), effect) == 1
    assert "less than 15 minutes" in (book(FIRST).refusal(late) or "")


def test_the_first_record_of_a_version_counts() -> None:
    again = record(1, START, START + 31 * DAYS, issuer="B")
    read = book(FIRST, again)
    found = read.in_force("fruit-shop", START)
    assert found is not None
    assert found.pack.issuer == "A"
    assert "first record counts" in (book(FIRST).refusal(again) or "")


def test_a_void_record_uses_up_its_number() -> None:
    void = record(2, START + 40 * DAYS, START + 40 * DAYS)
    sound = record(2, START + 60 * DAYS, START + 41 * DAYS)
    assert in_force(book(FIRST, void, sound), START + 90 * DAYS) == 1
    assert in_force(book(FIRST, void, record(3, START + 60 * DAYS, START + 41 * DAYS)), START + 90 * DAYS) == 3


def test_versions_must_rise() -> None:
    third = record(3, START + 60 * DAYS, START + 40 * DAYS)
    second = record(2, START + 70 * DAYS, START + 41 * DAYS)
    assert in_force(book(FIRST, third, second), START + 90 * DAYS) == 3
    assert "versions must rise" in (book(FIRST, third).refusal(second) or "")


def test_a_later_version_replaces_one_that_was_still_to_come() -> None:
    planned = record(2, START + 90 * DAYS, START + 40 * DAYS)
    instead = record(3, START + 60 * DAYS, START + 41 * DAYS)
    read = book(FIRST, planned, instead)
    assert in_force(read, START + 60 * DAYS) == 3
    assert in_force(read, START + 90 * DAYS) == 3


def test_a_stored_decision_finds_its_original_version() -> None:
    read = book(FIRST, record(2, START + 60 * DAYS, START + 40 * DAYS))
    assert read.version("fruit-shop", 1) == FIRST
    assert read.version("fruit-shop", 9) is None
    assert read.version("beauty", 1) is None


def test_reading_on_leaves_an_earlier_book_as_it_was() -> None:
    before = book(FIRST)
    before.with_record(record(2, START + 60 * DAYS, START + 40 * DAYS))
    assert in_force(before, START + 60 * DAYS) == 1
