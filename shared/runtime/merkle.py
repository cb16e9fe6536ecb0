"""Merkle trees as RFC 9162 builds them: SHA-256, leaves and nodes told apart by their first byte."""

from collections.abc import Sequence
from hashlib import sha256

_LEAF, _NODE = b"\x00", b"\x01"


def leaf_hashes(entries: bytes, size: int) -> list[bytes]:
    """The leaves of entries of `size` bytes each."""
    return [sha256(_LEAF + entries[start : start + size]).digest() for start in range(0, len(entries), size)]


def root_of(leaves: Sequence[bytes]) -> bytes:
    """The root over at least one leaf."""
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from leaf `index` up to the root, the lowest first."""
    path, level = [], leaves
    while len(level) > 1:
        if (beside := index ^ 1) < len(level):
            path.append(level[beside])
        level, index = _above(level), index // 2
    return path


def root_by_path(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf and its path lead to in a tree of `count` leaves; None where the path has another length."""
    rest, found = list(reversed(path)), leaf
    while count > 1:
        if index ^ 1 < count:
            if not rest:
                return None
            beside = rest.pop()
            found = sha256(_NODE + (beside + found if index % 2 else found + beside)).digest()
        index, count = index // 2, (count + 1) // 2
    return None if rest else found


def _above(level: Sequence[bytes]) -> list[bytes]:
    """The level above; a node without a neighbour goes up as it is."""
    paired = [sha256(_NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
    return paired if len(level) % 2 == 0 else [*paired, level[-1]]
