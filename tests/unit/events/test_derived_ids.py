"""Ids are made by hand for speed; they are the UUIDs that the standard says."""

from uuid import UUID, uuid5

from hypothesis import given
from hypothesis import strategies as st

from shared.events.cloudevent import derived_id, event_key, uuid_from

_NAMESPACE = UUID("6d1f1c0e-52a5-5d0b-9f0a-6f7b1d6b7a11")


@given(st.text(), st.text(), st.text())
def test_a_derived_id_is_the_version_5_uuid_of_its_cause(source: str, event_id: str, purpose: str) -> None:
    made = derived_id(source, event_id, purpose)
    assert made == uuid5(_NAMESPACE, "\x1f".join((source, event_id, purpose)))
    assert isinstance(made, UUID)
    assert made.version == 5


@given(st.uuids())
def test_ids_are_equal_and_hash_alike_however_they_were_made(written: UUID) -> None:
    read = uuid_from(str(written))
    assert (read, hash(read), str(read)) == (written, hash(written), str(written))
    assert {read: 1}[written] == 1


def test_a_key_tells_source_and_id_apart() -> None:
    assert event_key("/pos/1", "2") != event_key("/pos", "/12")
