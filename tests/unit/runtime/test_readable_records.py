"""Header names that are not UTF-8: every record of the batch is read, nothing but the names is another."""

import re
import struct
import time
from dataclasses import dataclass
from itertools import count

import pytest
from aiokafka.codec import gzip_encode, lz4_encode, snappy_encode, zstd_encode
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from shared.events.reason_codes import ReasonCode
from shared.runtime import readable_records
from shared.runtime.readable_records import UNREADABLE_HEADER, readable
from tests.infrastructure.raw_batches import ATTRIBUTES_AT, CRC_AT, RECORDS_AT, sealed, with_names
from tests.unit.runtime.records import record

ENCODERS = {1: gzip_encode, 2: snappy_encode, 3: lz4_encode, 4: zstd_encode}
CONTROL, LOG_APPEND_TIME = 0x20, 0x08
PADDED = len("placeholder-0000-")


def is_utf8(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def padded(name: bytes) -> bytes:
    return name.ljust(PADDED, b"x")


@dataclass(frozen=True)
class Sent:
    """One record as its sender meant it."""

    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[bytes, bytes | None], ...]

    def expected_headers(self) -> list[tuple[str, bytes | None]]:
        """As read: foreign bytes became question marks, and a mark shows the first such name."""
        bad = [padded(name) for name, _ in self.headers if not is_utf8(name)]
        expected = [
            (name.decode() if is_utf8(name) else re.sub(rb"[\x80-\xff]", b"?", padded(name)).decode(), value)
            for name, value in self.headers
        ]
        return [*expected, (UNREADABLE_HEADER, ascii(bad[0][:60]).encode())] if bad else expected


def header_names(*, broken: bool) -> st.SearchStrategy[bytes]:
    good = st.text(st.characters(exclude_categories=["Cs"]), max_size=200).map(str.encode)
    bad = st.binary(min_size=1, max_size=200).filter(lambda name: not is_utf8(name))
    return good | bad if broken else good


def records(*, broken: bool) -> st.SearchStrategy[list[Sent]]:
    bytes_or_none = st.none() | st.binary(max_size=300)
    headers = st.lists(st.tuples(header_names(broken=broken), bytes_or_none), max_size=4).map(tuple)
    return st.lists(
        st.builds(Sent, st.integers(0, 2**43), bytes_or_none, bytes_or_none, headers), min_size=1, max_size=8
    )


def built(sent: list[Sent], *, codec: int = 0, base_offset: int = 0, more_attributes: int = 0) -> bytes:
    """A v2 batch as a broker hands it out. Bad names are padded to `PADDED` bytes at least."""
    builder = DefaultRecordBatchBuilder(2, 0, 0, 7, 1, 5, 10_000_000)
    names: dict[str, bytes] = {}
    numbers = count()
    for offset, each in enumerate(sent):
        headers: list[tuple[str, bytes | None]] = []
        for name, value in each.headers:
            if is_utf8(name):
                headers.append((name.decode(), value))
            else:
                placeholder = f"placeholder-{next(numbers):04}-".ljust(len(name), "p")
                names[placeholder] = padded(name)
                headers.append((placeholder, value))
        builder.append(offset, each.timestamp, each.key, each.value, headers)
    batch = bytearray(with_names(bytes(builder.build()), names))
    if codec:
        batch[RECORDS_AT:] = ENCODERS[codec](bytes(batch[RECORDS_AT:]))
    struct.pack_into(">q", batch, 0, base_offset)
    struct.pack_into(">h", batch, ATTRIBUTES_AT, codec | more_attributes)
    return sealed(bytes(batch))


def parsed(raw: bytes) -> list[list[tuple[int, int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]]]:
    """Every batch as the client's own parser reads it; checksums are verified."""
    batches = []
    memory = MemoryRecords(raw)
    while memory.has_next():
        batch = memory.next_batch()
        assert batch.validate_crc()
        batches.append([(each.offset, each.timestamp, each.key, each.value, each.headers) for each in batch])
    return batches


@given(records(broken=True), st.sampled_from(range(5)), st.sampled_from([0, LOG_APPEND_TIME]))
def test_every_record_of_the_batch_is_read(sent: list[Sent], codec: int, time_type: int) -> None:
    raw = built(sent, codec=codec, base_offset=1_000_000, more_attributes=time_type)
    (batch,) = parsed(readable(raw))
    latest = max(each.timestamp for each in sent)
    for place, (each, read) in enumerate(zip(sent, batch, strict=True)):
        timestamp = latest if time_type else each.timestamp
        assert read == (1_000_000 + place, timestamp, each.key, each.value, each.expected_headers())


@given(st.lists(records(broken=False), max_size=3), st.sampled_from(range(5)), st.binary(max_size=100))
def test_what_is_readable_passes_byte_for_byte(batches: list[list[Sent]], codec: int, rest: bytes) -> None:
    whole = b"".join(built(sent, codec=codec) for sent in batches)
    for raw in (whole, whole + built([Sent(1, None, b"v", ())])[:-1], whole + b"\x00" * 8 + b"\x7f\xff\xff\xff" + rest):
        assert readable(raw) == raw
        assert readable(memoryview(raw)) == raw


BAD = [Sent(1_000, b"k", b"v", ()), Sent(1_001, b"k", b"w", ((b"ce_\xff\xfe", b"1"), (b"later", None)))]


def test_only_the_bad_batch_is_rewritten() -> None:
    good = built([Sent(5, b"k", b"v", ((b"a", b"b"),))], codec=4)
    bad, cut = built(BAD, codec=4, base_offset=1), built(BAD, base_offset=3)[:-1]
    mended = readable(good + bad + good + cut)
    assert mended.startswith(good)
    assert mended.endswith(good + cut)
    header = mended[len(good) : len(good) + RECORDS_AT]
    kept = struct.Struct(">iqqqhii")  # last offset delta, times, producer, epoch, sequence, count
    assert kept.unpack_from(header, ATTRIBUTES_AT + 2) == kept.unpack_from(bad, ATTRIBUTES_AT + 2)
    assert parsed(mended)[1][0] == (1, 1_000, b"k", b"v", [])
    (name, value), later, mark = parsed(mended)[1][1][4]
    assert name.startswith("ce_??") and value == b"1" and later == ("later", None)
    assert mark[0] == UNREADABLE_HEADER and mark[1] is not None and mark[1].startswith(rb"b'ce_\xff\xfe")


def test_a_rewritten_record_grows_by_its_mark_alone() -> None:
    """Else its dead letter might not fit into its topic."""
    sent = [Sent(1, None, b"v", tuple((b"\xff" * 100, b"") for _ in range(100)))]
    assert len(readable(built(sent))) - len(built(sent)) < 400


def test_control_damaged_and_older_batches_stay_as_they_are() -> None:
    damaged = bytearray(built(BAD))
    damaged[CRC_AT] ^= 1
    older = bytearray(built(BAD))
    older[16] = 1
    for raw in (built(BAD, more_attributes=CONTROL), bytes(damaged), bytes(older), b"", b"\x00" * 200, b"\xff" * 200):
        assert readable(raw) == raw


def test_the_fetcher_rewrites_only_while_switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "MemoryRecords", fetcher.MemoryRecords)  # put back afterwards
    monkeypatch.setattr(readable_records, "_until", float("-inf"))
    readable_records.install()

    def values() -> list[bytes | None]:
        return [each.value for each in fetcher.MemoryRecords(built(BAD)).next_batch()]

    with pytest.raises(UnicodeDecodeError):
        values()
    readable_records.switch_on()
    assert values() == [b"v", b"w"]
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 61)
    with pytest.raises(UnicodeDecodeError):
        values()


def test_a_fault_in_here_does_not_end_the_fetch_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: bytes) -> bytes:
        raise IndexError

    monkeypatch.setattr(readable_records, "readable", failing)
    monkeypatch.setattr(readable_records, "_until", float("inf"))
    raw = built([Sent(1, b"k", b"v", ())])
    assert readable_records._memory_records(raw).size_in_bytes() == len(raw)


@pytest.mark.parametrize("value", [rb"b'\xff'", None, b"\xff" * 1000])
def test_a_marked_record_is_malformed_whoever_marked_it(value: bytes | None) -> None:
    read = record("a", headers=((UNREADABLE_HEADER, value),))
    assert read.event is None and read.rejection is not None and read.value
    assert read.rejection.code is ReasonCode.MALFORMED
    assert read.rejection.message.startswith("A header's name is not UTF-8 (") and len(read.rejection.message) < 500
