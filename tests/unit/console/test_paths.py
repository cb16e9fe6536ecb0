"""One story, asked of services that know parts of it, and arranged by what caused what."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from services.console.readings.paths import Hop, arranged, ask, key_of
from services.console.services import ServiceAwayError, ServiceRefusedError
from shared.events.cloudevent import event_key

GRANT, STORY = "ff47ddf4-648d-5824-8e20-459ceb4da564", "/pos/1#buy"
DECISION = {
    "event_key": "k1", "event_id": "buy", "event_source": "/pos/1", "event_type": "greenpoints.purchase.completed.v1",
    "event_time": "2026-11-22T10:00:00+00:00", "outcome": "granted", "correlation_id": STORY,
}  # fmt: skip
EARNING = {"decisions": [DECISION], "grants": [{"grant_id": GRANT, "event_key": "k1", "points": 12}]}
LOT = {"lot_id": GRANT, "correlation_id": STORY, "points": 12, "state": "held"}
JOURNAL = [
    {"program_id": "p", "member_id": "m", "entry_id": entry, "lot_id": GRANT, "cause_type": cause, "cause_id": "c"}
    for entry, cause in ((10, "greenpoints.points.matured.v1"), (9, "greenpoints.points.granted.v1"))
]
HELD = {"hold_id": "h1", "member_id": "m", "case_id": "c1", "placed_key": "pk"}


class Known:
    """Services that answer a question only under the names they know."""

    def __init__(self, answers: Mapping[tuple[str, str], Any], away: str = "") -> None:
        self._answers = answers
        self._away = away
        self.asked: list[tuple[str, str]] = []

    def names(self) -> tuple[str, ...]:
        return ("gateway", "earning", "redemption", "fraud_monitoring")

    def names_with_dead_letters(self) -> tuple[str, ...]:
        return ("earning",)

    async def get(self, service: str, path: str, params: Mapping[str, Any] | None = None) -> Any:
        self.asked.append((service, path))
        if service == self._away:
            raise ServiceAwayError(service, "It is away.")
        if service == "gateway":
            raise ServiceRefusedError(service, 404, "NOT_FOUND", "It traces nothing.")
        if path == "/v1/dead-letters":
            return []
        if path == "/v1/arrivals":
            place = {"topic": "points.grants.v1", "partition": 3, "record_offset": 8}
            keys = (params or {})["event_key"]
            return [{"event_key": key, **place} for key in keys if service == "redemption" and key == told_by_earning()]
        return self._answers.get((service, unquote(path.removeprefix("/v1/trace/"))), {})


def told_by_earning() -> str:
    return str(event_key("/earning", GRANT))


def everything() -> Mapping[tuple[str, str], Any]:
    """Earning knows the event by its id; the others know the story, the lot or the case."""
    return {
        ("earning", "buy"): EARNING,
        ("redemption", STORY): {"lots": [LOT], "journal": JOURNAL, "holds": [HELD]},
        ("redemption", GRANT): {"lots": [LOT], "journal": JOURNAL},
        ("fraud_monitoring", "c1"): {
            "cases": [{"case_id": "c1", "state": "open"}],
            "signals": [{"signal_id": "s1", "case_id": "c1"}],
            "holds": [{"hold_id": "h1", "member_id": "m", "case_id": "c1"}],
        },
    }


def outline(hops: list[Hop]) -> list[Any]:
    return [(hop.kind, outline(hop.below)) if hop.below else hop.kind for hop in hops]


async def test_each_service_is_asked_for_what_the_others_found_and_rows_told_twice_count_once() -> None:
    story = await ask(Known(everything()), "buy")
    assert outline(arranged(story)) == [
        ("decisions", [("grants", [("lots", ["journal", "journal"])])]),
        ("cases", ["signals", ("holds", ["held"])]),
    ]
    [decision, _] = arranged(story)
    assert [hop.row["entry_id"] for hop in decision.below[0].below[0].below] == [9, 10], "in the order of the journal"
    assert story.away == {} and story.left_out == 0


async def test_a_hop_says_where_its_event_was_read() -> None:
    [decision, _] = arranged(await ask(Known(everything()), "buy"))
    [read] = decision.below[0].reads
    assert (read.service, read.topic, read.partition, read.offset) == ("redemption", "points.grants.v1", 3, 8)
    assert decision.reads == (), "nobody said where"


async def test_a_service_that_is_away_is_named_and_the_rest_is_told() -> None:
    story = await ask(Known(everything(), away="redemption"), "buy")
    assert story.away == {"redemption": "It is away."}
    assert outline(arranged(story)) == [("decisions", ["grants"])]


async def test_no_question_is_asked_twice() -> None:
    known = Known(everything())
    await ask(known, "buy")
    traces = [each for each in known.asked if "/trace/" in each[1]]
    assert len(traces) == len(set(traces))


async def test_what_nobody_knows_is_empty() -> None:
    story = await ask(Known({}), "nothing")
    assert story.is_empty() and arranged(story) == []


def test_which_event_told_a_hop() -> None:
    assert key_of("decisions", DECISION) == "k1"
    assert key_of("grants", {"grant_id": GRANT}) == told_by_earning()
    assert key_of("journal", JOURNAL[0]) == str(event_key("/redemption", "c"))
    assert key_of("journal", JOURNAL[1]) is None, "the grant's hop says it already"
    assert key_of("held", HELD) == "pk" and key_of("lots", LOT) is None
