"""The review without services: the ring is confirmed, others are released, and every wrong answer is a trouble."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import httpx
import pytest

from deploy.local.trouble import Trouble
from services.operator.demo.review import Review, look_again, review
from services.operator.demo.tale import review_sentences
from shared.runtime.postgres import Connection

RUN = "7-abc"
RING, FAMILY = f"ring-1-{RUN}", f"family-1-{RUN}"


class _Audit:
    """The books of fraud monitoring as far as the review reads them: cases and whom they hold."""

    def __init__(self, cases: Mapping[str, Sequence[str]], state: str) -> None:
        self._cases, self._state = cases, state

    async def fetch(self, _statement: str, _run: str) -> list[dict[str, Any]]:
        hold = {"rule": "DEVICE_SHARED", "program_id": "p", "state": self._state}
        return [{**hold, "case_id": case, "member_id": member} for case, some in self._cases.items() for member in some]


def _audit(cases: Mapping[str, Sequence[str]], state: str = "placed") -> Connection:
    return cast(Connection, _Audit(cases, state))


def _client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://service")


def _redemption(balances: Mapping[str, Mapping[str, int]], *, refuses: bool = True) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        member = request.url.path.split("/")[5]
        if request.method == "GET":
            return httpx.Response(200, json={"held": 0, "forfeited": 0, **balances[member]})
        return httpx.Response(409, json={"code": "HELD_FOR_REVIEW"}) if refuses else httpx.Response(201, json={})

    return _client(answer)


def _fraud(decided: dict[str, str], *, answers: int = 0) -> httpx.AsyncClient:
    """Says POINTS_UNKNOWN `answers` times, then takes every decision."""
    left = [answers]

    def answer(request: httpx.Request) -> httpx.Response:
        if left[0]:
            left[0] -= 1
            return httpx.Response(409, json={"code": "POINTS_UNKNOWN"})
        body = json.loads(request.content)
        assert body["person"] and len(body["note"]) > 3
        decided[request.url.path.split("/")[3]] = body["verdict"]
        return httpx.Response(200, json={})

    return _client(answer)


async def test_the_ring_is_confirmed_and_the_family_released() -> None:
    decided: dict[str, str] = {}
    balances = {RING: {"held": 90}, FAMILY: {"held": 20}}
    found = await review(
        _audit({"c1": [RING], "c2": [FAMILY]}), _fraud(decided, answers=1), _redemption(balances), RUN, {RING}
    )
    assert decided == {"c1": "confirm", "c2": "release"}
    assert (found.held, found.refused, found.troubles) == ({RING: 90, FAMILY: 20}, RING, [])
    after = {RING: {"forfeited": 90}, FAMILY: {}}
    await look_again(_audit({"c1": [RING], "c2": [FAMILY]}, "decided"), _redemption(after), RUN, found)
    assert (found.forfeited, found.troubles) == ({RING: 90}, [])
    told = " ".join(review_sentences(found))
    assert "110 points of 2 members were held in 2 cases and none was taken" in told
    assert "Released: 1 members, whose points are free again (1 of a family that shares a tablet)." in told
    assert "Confirmed: 1 accounts of the ring, which lost 90 points." in told


async def test_whoever_was_not_found_or_could_spend_is_a_trouble() -> None:
    found = await review(
        _audit({"c1": [RING]}), _fraud({}), _redemption({RING: {"held": 5}}, refuses=False), RUN, {RING, "ring-2"}
    )
    assert found.troubles == ["ring-2 of the ring was not found", f"{RING} could spend held points (201 None)"]
    nobody = await review(_audit({"c1": [RING]}), _fraud({}), _redemption({RING: {}}), RUN, {RING})
    assert nobody.troubles == ["nobody of the ring had points that were held"]


@pytest.mark.parametrize(
    ("after", "state", "trouble"),
    [
        (
            {RING: {"forfeited": 90}, FAMILY: {"held": 3}},
            "decided",
            f"{FAMILY} still has 3 points held after the decision",
        ),
        ({RING: {"forfeited": 90}, FAMILY: {"forfeited": 3}}, "decided", f"{FAMILY} forfeited 3 points"),
        ({RING: {}, FAMILY: {}}, "decided", f"{RING} forfeited 0 points"),
        ({RING: {"forfeited": 90}, FAMILY: {}}, "placed", "2 holds of decided cases still stand"),
    ],
)
async def test_what_is_wrong_after_the_decisions_is_named(
    after: Mapping[str, Mapping[str, int]], state: str, trouble: str
) -> None:
    found = Review({}, held={RING: 90, FAMILY: 20}, released={FAMILY}, confirmed={RING})
    await look_again(_audit({"c1": [RING], "c2": [FAMILY]}, state), _redemption(after), RUN, found)
    assert found.troubles == [trouble]


async def test_a_case_of_guilty_and_innocent_alike_is_a_trouble() -> None:
    balances = {RING: {"held": 90}, FAMILY: {"held": 20}}
    found = await review(_audit({"c1": [RING, FAMILY]}), _fraud({}), _redemption(balances), RUN, {RING})
    assert found.troubles == [f"case c1 throws the ring and others together: {sorted([RING, FAMILY])}"]


async def test_a_refused_decision_is_a_trouble() -> None:
    refusing = _client(lambda _: httpx.Response(422, json={"code": "NOTE_MISSING"}))
    with pytest.raises(Trouble, match="NOTE_MISSING"):
        await review(_audit({"c1": [RING]}), refusing, _redemption({RING: {"held": 5}}), RUN, {RING})
