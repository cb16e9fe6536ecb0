"""Cases and decisions: found twice is found once, a person decides once, a deadline only escalates."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
import orjson
import pytest
import pytest_asyncio

from services.fraud_monitoring.sweep_deadlines import sweep_deadlines
from tests.infrastructure.fixtures import Database
from tests.integration.fraud_monitoring.books import NOW, REVIEW, REVIEWER, Books, books_in, crowd


@pytest_asyncio.fixture(loop_scope="session")
async def books(database: Database) -> AsyncIterator[Books]:
    async with books_in(database.dsns["fraud_monitoring"]) as books:
        yield books


async def test_the_same_finding_again_writes_and_tells_nothing(books: Books) -> None:
    await books.find(crowd("phone", 5))
    before = (await books.cases(), await books.outbox("hold.placed"), await books.outbox("signal.raised"))
    for _ in range(3):
        await books.find(crowd("phone", 5), crowd("phone", 5))
    assert (await books.cases(), await books.outbox("hold.placed"), await books.outbox("signal.raised")) == before
    assert [len(part) for part in before] == [1, 5, 1]


async def test_a_sixth_member_joins_the_case(books: Books) -> None:
    await books.find(crowd("phone", 5))
    await books.find(crowd("phone", 6), crowd("other", 5))
    case = next(case for case in await books.cases() if case["subject_key"] == "shop/device/phone")
    assert case["value"] == 6
    assert len((await books.case(case["case_id"]))["holds"]) == 6
    assert len((await books.case(case["case_id"]))["signals"]) == 1
    await books.find(crowd("phone", 5))
    assert (await books.case(case["case_id"]))["value"] == 6, "a smaller count later lowers nothing"


async def test_two_workers_at_once_place_each_hold_once(books: Books) -> None:
    await asyncio.gather(*(books.find(crowd("phone", size)) for size in (5, 6, 7, 5, 6, 7)))
    placed = [orjson.loads(row["payload"])["data"] for row in await books.outbox("hold.placed")]
    assert sorted(hold["member_id"] for hold in placed) == [f"m{number}" for number in range(7)]


async def test_what_is_told_names_each_members_own_event_and_no_wall_clock(books: Books) -> None:
    yesterday = NOW - timedelta(days=1)
    await books.find(crowd("phone", 5, at=yesterday))
    for row in await books.outbox("hold.placed"):
        event = orjson.loads(row["payload"])
        number = event["subject"].removeprefix("m")
        assert event["data"]["causation_id"] == f"/pos/t1#phone-{number}"
        assert row["aggregateid"] == f"shop/m{number}".encode()
        assert event["time"] == yesterday.isoformat().replace("+00:00", "Z")
        assert event["data"]["deadline"] == (yesterday + REVIEW).isoformat().replace("+00:00", "Z")


async def test_a_release_frees_every_hold_once(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    for _ in range(2):
        assert (await books.decide(case["case_id"], "release")).status_code == 201
    told = [orjson.loads(row["payload"])["data"] for row in await books.outbox("hold.released")]
    assert sorted(hold["member_id"] for hold in told) == [f"m{number}" for number in range(5)]
    assert {(hold["person"], hold["note"]) for hold in told} == {("li.na", "looked at the receipts")}
    shown = await books.case(case["case_id"])
    assert (shown["state"], shown["decided_by"], len(shown["decisions"])) == ("released", "li.na", 1)


async def test_a_confirmation_takes_what_redemption_holds(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    refused = await books.decide(case["case_id"], "confirm")
    assert (refused.status_code, refused.json()["code"]) == (409, "POINTS_UNKNOWN")
    holds = (await books.case(case["case_id"]))["holds"]
    rows = [(UUID(hold["hold_id"]), 10 * place, 7) for place, hold in enumerate(holds)]
    await books.held(*rows)
    await books.held((rows[4][0], 999, 6))  # said before, read again
    answer = await books.decide(case["case_id"], "confirm")
    assert (answer.status_code, answer.json()["state"]) == (201, "confirmed")
    told = [orjson.loads(row["payload"])["data"] for row in await books.outbox("hold.confirmed")]
    assert {hold["hold_id"]: hold["points"] for hold in told} == {str(row[0]): row[1] for row in rows}


async def test_one_hold_is_confirmed_for_fewer_points_and_the_rest_released(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    first = (await books.case(case["case_id"]))["holds"][0]["hold_id"]
    await books.held((UUID(first), 100, 7))
    too_many = await books.decide(case["case_id"], "confirm", hold_ids=[first], points=101)
    assert (too_many.status_code, too_many.json()["code"]) == (422, "TOO_MANY_POINTS")
    answer = await books.decide(case["case_id"], "confirm", hold_ids=[first], points=40)
    assert answer.json()["state"] == "open", "four holds still wait"
    assert (await books.decide(case["case_id"], "release")).json()["state"] == "confirmed"
    shown = await books.case(case["case_id"])
    assert sorted(hold["state"] for hold in shown["holds"]) == ["confirmed"] + ["released"] * 4
    assert [hold["confirmed_points"] for hold in shown["holds"] if hold["state"] == "confirmed"] == [40]


async def test_a_confirmation_names_what_an_earlier_hold_of_the_member_binds_too(books: Books) -> None:
    """A point has one hold: else the later case is confirmed for nothing, and the earlier one's release frees it."""
    await books.find(crowd("phone", 5), crowd("tablet", 5))
    earlier, later = [await books.case(case["case_id"]) for case in await books.cases()]
    await books.held(*((UUID(hold["hold_id"]), 100, 7) for hold in earlier["holds"]))
    await books.held(*((UUID(hold["hold_id"]), 0, 8) for hold in later["holds"]))
    one, *rest = (hold["hold_id"] for hold in later["holds"])
    too_many = await books.decide(later["case_id"], "confirm", hold_ids=[one], points=101)
    assert (too_many.status_code, too_many.json()["code"]) == (422, "TOO_MANY_POINTS")
    assert (await books.decide(later["case_id"], "confirm", hold_ids=[one], points=30)).status_code == 201
    assert (await books.decide(later["case_id"], "confirm")).json()["state"] == "confirmed"
    told = [orjson.loads(row["payload"])["data"] for row in await books.outbox("hold.confirmed")]
    assert {hold["hold_id"]: hold["points"] for hold in told} == {one: 30, **dict.fromkeys(rest, 100)}


async def test_of_two_reviewers_at_once_one_decides(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    holds = (await books.case(case["case_id"]))["holds"]
    await books.held(*((UUID(hold["hold_id"]), 5, 7) for hold in holds))
    answers = await asyncio.gather(*(books.decide(case["case_id"], verdict) for verdict in ("release", "confirm") * 3))
    told = [len(await books.outbox(type_)) for type_ in ("hold.released", "hold.confirmed")]
    assert sorted(told) == [0, 5]
    refused = [answer.json()["code"] for answer in answers if answer.status_code == 409]
    assert refused == ["ALREADY_DECIDED"] * 3


async def test_a_member_found_after_the_decision_opens_the_case_again(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    await books.decide(case["case_id"], "release")
    await books.find(crowd("phone", 5))
    assert not await books.cases(), "the same five again change nothing"
    await books.find(crowd("phone", 6))
    (again,) = await books.cases()
    assert (again["case_id"], again["decided_by"]) == (case["case_id"], None)
    await books.decide(case["case_id"], "release")
    assert len(await books.outbox("hold.released")) == 6


async def test_past_its_deadline_a_case_is_escalated_and_nothing_else_happens(database: Database) -> None:
    async with books_in(database.dsns["fraud_monitoring"]) as books:
        await books.find(crowd("phone", 5))
        await sweep_deadlines(books.running)
        assert len(await books.cases()) == 1, "there is time"
    late = int(REVIEW.total_seconds()) + 60
    async with books_in(database.dsns["fraud_monitoring"], clock_shift_seconds=late) as books:
        before = await books.outbox("hold.placed")
        for _ in range(2):
            await sweep_deadlines(books.running)
        (case,) = await books.cases("escalated")
        assert {hold["state"] for hold in (await books.case(case["case_id"]))["holds"]} == {"placed"}
        assert await books.outbox("hold.placed") == before
        assert not [*await books.outbox("hold.released"), *await books.outbox("hold.confirmed")]
        assert (await books.decide(case["case_id"], "release")).json()["state"] == "released"


async def test_a_machine_cannot_decide(books: Books) -> None:
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    wrong: list[dict[str, Any]] = [{"person": None}, {"note": ""}, {"points": 3}, {"verdict": "forfeit"}]
    for body in wrong:
        assert (await books.decide(case["case_id"], **{"verdict": "release", **body})).status_code == 422, body
    with pytest.raises(asyncpg.CheckViolationError):
        await books.running.pool.execute("UPDATE hold SET state = 'released'")
    with pytest.raises(asyncpg.CheckViolationError):
        await books.running.pool.execute("UPDATE fraud_case SET state = 'confirmed'")
    await books.decide(case["case_id"], "escalate")
    for table in ("signal", "decision"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await books.running.pool.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours


async def test_who_may_see_cases(books: Books) -> None:
    assert (await books.client.get("/v1/cases", headers={"Authorization": "Bearer wrong"})).status_code == 403
    assert (await books.client.get("/v1/cases", headers={"Authorization": ""})).status_code == 401
    as_reviewer = {"Authorization": f"Bearer {REVIEWER}"}
    assert (await books.client.get("/v1/cases", headers=as_reviewer)).status_code == 200
    await books.find(crowd("phone", 5))
    (case,) = await books.cases()
    for token in (as_reviewer, {}):
        decision = {"verdict": "release", "note": "a family"}
        route = f"/v1/cases/{case['case_id']}/decisions"
        nobody = await books.client.post(route, json=decision, headers=token)
        assert (nobody.status_code, nobody.json()["code"]) == (422, "PERSON_MISSING")
        answer = await books.client.post(route, json=decision, headers={**token, "Greenpoints-Actor": "wang.fang"})
        assert answer.json()["decided_by"] == "wang.fang"


async def test_queue_trace_and_rules(books: Books) -> None:
    for number in range(3):
        await books.find(crowd(f"phone{number}", 5, at=NOW - timedelta(hours=number)))
    listed = await books.cases()
    assert [case["subject_key"][-1] for case in listed] == ["2", "1", "0"], "least time left first"
    assert await books.cases(after=listed[0]["case_id"]) == listed[1:]
    assert await books.cases(member="m3", rule="DEVICE_SHARED") == listed
    assert await books.cases(member="nobody") == []
    hold = (await books.case(listed[0]["case_id"]))["holds"][0]
    for wanted in (hold["hold_id"], listed[0]["case_id"], hold["correlation_id"]):
        traced = (await books.client.get(f"/v1/trace/{quote(wanted)}")).json()
        assert [case["case_id"] for case in traced["cases"]] == [listed[0]["case_id"]], wanted
        assert (len(traced["signals"]), len(traced["holds"])) == (1, 5)
    nothing = (await books.client.get("/v1/trace/pos#1")).json()
    assert nothing == {"signals": [], "cases": [], "holds": []}
    rules = {rule["rule"]: rule for rule in (await books.client.get("/v1/rules")).json()}
    assert (len(rules), rules["DEVICE_SHARED"]["waiting"], rules["DEVICE_SHARED"]["limit"]["threshold"]) == (5, 3, 5)
