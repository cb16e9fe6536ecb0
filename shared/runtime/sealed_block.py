"""A sealed block of journal rows: what its hash covers, and the entries its tree is built of (C29)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from shared.runtime.merkle import leaf_hashes, root_of

ENTRY_BYTES = 40  # a row's entry_id in 8 bytes, big-endian, and its hash in 32
NO_BLOCK = bytes(32)  # what a program's first block names as the block before
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Header:
    """A block without its entries: it takes the program's rows with after_entry < entry_id <= up_to_entry."""

    program_id: str
    block_no: int
    after_entry: int
    up_to_entry: int
    rows: int
    sealed_at: datetime
    root: bytes
    previous_hash: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 over the fields as UTF-8 text joined by U+001F, as the database computes it."""
        fields = (
            self.program_id, str(self.block_no), str(self.after_entry), str(self.up_to_entry), str(self.rows),
            instant_hex(self.sealed_at), self.root.hex(), self.previous_hash.hex(),
        )  # fmt: skip
        return sha256("\x1f".join(fields).encode()).digest()


def instant_hex(instant: datetime) -> str:
    """Microseconds since 2000-01-01 UTC as 64 bits in hexadecimal: PostgreSQL's own form."""
    return f"{(instant - _EPOCH) // timedelta(microseconds=1) & 0xFFFFFFFFFFFFFFFF:016x}"


def entry(entry_id: int, row_hash: bytes) -> bytes:
    return entry_id.to_bytes(8, "big") + row_hash


def split_entries(entries: bytes) -> Iterator[tuple[int, bytes]]:
    """Each row's entry_id and hash."""
    for start in range(0, len(entries), ENTRY_BYTES):
        yield int.from_bytes(entries[start : start + 8], "big"), entries[start + 8 : start + ENTRY_BYTES]


def root_of_entries(entries: bytes) -> bytes:
    return root_of(leaf_hashes(entries, ENTRY_BYTES))
