"""Merkle trees: known roots, and paths that lead to the root and nowhere else."""

from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.merkle import leaf_hashes, path_of, root_by_path, root_of


def _defined(entries: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if len(entries) == 1:
        return sha256(b"\x00" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\x01" + _defined(entries[:split]) + _defined(entries[split:])).digest()


@given(st.lists(st.binary(min_size=4, max_size=4), min_size=1, max_size=40))
def test_the_root_is_the_standards(entries: list[bytes]) -> None:
    assert root_of(leaf_hashes(b"".join(entries), 4)) == _defined(entries)


@given(st.integers(1, 70), st.data())
def test_a_path_leads_to_the_root_from_its_own_place_alone(count: int, draw: st.DataObject) -> None:
    index = draw.draw(st.integers(0, count - 1))
    leaves = leaf_hashes(b"".join(n.to_bytes(4, "big") for n in range(count)), 4)
    path = path_of(leaves, index)

    assert root_by_path(leaves[index], index, count, path) == root_of(leaves)
    other = draw.draw(st.integers(0, count - 1))
    if other != index:
        assert root_by_path(leaves[other], index, count, path) != root_of(leaves)
        assert root_by_path(leaves[index], other, count, path) != root_of(leaves)
    assert root_by_path(leaves[index], index, count, [*path, leaves[0]]) is None
    if path:
        assert root_by_path(leaves[index], index, count, path[:-1]) is None
