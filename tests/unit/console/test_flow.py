"""The drawing is the contract's: every service that writes or reads a topic is on its lane, and nobody else."""

from itertools import pairwise

from services.console.pages.flow import AFTER_LAST, WIDTH, draw
from shared.events.topics import built_services, load_topics

BUILT = ("gateway", "earning", "redemption", "fraud_monitoring", "notification", "console")


def test_every_edge_of_the_contract_is_drawn_once() -> None:
    drawing = draw(load_topics(), BUILT)
    at = {column.service: column.x for column in drawing.columns}
    for lane in drawing.lanes:
        topic = load_topics()[lane.topic]
        assert sorted(lane.writers) == sorted(at[name] for name in topic.producers if name in at)
        assert sorted(reader.service for reader in lane.readers) == sorted(topic.consumers)
        reached = [*lane.writers, *(reader.x for reader in lane.readers)]
        assert (lane.start, lane.end) == (min(reached), max(reached))
    assert {lane.topic for lane in drawing.lanes} == set(load_topics()) - {"programs.versions.v1"}


def test_columns_leave_room_for_figures_and_do_not_overlap() -> None:
    columns = draw(load_topics(), BUILT).columns
    assert [column.service for column in columns] == list(BUILT[:5])
    assert columns[-1].x <= WIDTH - AFTER_LAST
    assert all(right.left >= left.left + 196 for left, right in pairwise(columns))


def test_arrows_come_from_the_writer() -> None:
    lanes = {lane.topic: lane for lane in draw(load_topics(), BUILT).lanes}
    directions = {(topic, reader.service): reader.direction for topic, lane in lanes.items() for reader in lane.readers}
    assert directions["pos.purchases.v1", "earning"] == 1
    assert directions["fraud.holds.v1", "redemption"] == -1
    assert directions["earning.effects.v1", "earning"] == 0
    assert directions["members.profiles.v1", "redemption"] == 1


def test_a_part_of_the_services_is_drawn_too() -> None:
    drawing = draw(load_topics(), ("gateway", "earning"))
    assert [column.service for column in drawing.columns] == ["gateway", "earning"]
    assert all(reader.service == "earning" for lane in drawing.lanes for reader in lane.readers)
    assert draw(load_topics(), built_services()).columns
