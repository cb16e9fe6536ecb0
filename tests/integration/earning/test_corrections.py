"""Operators' corrections: one asks, another approves, earning credits once, out of the line that was named,
or tells redemption once what to debit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
import pytest_asyncio
from pydantic import SecretStr

from services.earning.api import routes
from shared.runtime.http import build_app
from shared.runtime.service import Running
from tests.infrastructure.fixtures import Database
from tests.infrastructure.till import PROGRAM
from tests.integration.earning.harness import Earning, program, started
from tests.integration.earning.test_occasions import EFFECTS, decided, joined, told, updated

PATH = f"/v1/programs/{PROGRAM}/corrections"
ASKED = {
    "correction_id": "c-1", "member_id": "ann", "points": 100, "budget_id": "marketing", "reason": "lost receipt",
    "evidence": "mail-77", "person": "mei",
}  # fmt: skip


class Office:
    """Earning's books and its HTTP, as two operators use it."""

    def __init__(self, earning: Earning) -> None:
        self.earning = earning
        settings = earning.running.settings.model_copy(update={"operator_token": SecretStr("let-me-in")})
        running = Running(settings, earning.running.pool, earning.running.programs)

        async def ready() -> None:
            return None

        self.app = build_app("earning", routes(running), ready)

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://earning") as client:
            allowed = {"Authorization": "Bearer let-me-in", **headers}
            return await client.request(method, path, json=body, headers=allowed)

    async def ask(self, **changes: Any) -> httpx.Response:
        return await self.send("POST", PATH, {**ASKED, **changes})

    async def decide(self, person: str | None, verdict: str = "approve", correction: str = "c-1") -> httpx.Response:
        body = {"verdict": verdict, "note": "seen the papers", **({} if person is None else {"person": person})}
        return await self.send("POST", f"{PATH}/{correction}/decisions", body)


@pytest_asyncio.fixture(loop_scope="session")
async def office(database: Database) -> AsyncIterator[Office]:
    async with started(database.dsns["earning"], program(approved_minor=1_000 * 5)) as earning:
        await earning.register("ann")
        yield Office(earning)


def code(answer: httpx.Response) -> tuple[int, str | None]:
    return answer.status_code, answer.json().get("code")


async def test_a_credit_that_another_person_approves_is_granted_and_told_once(office: Office) -> None:
    for _ in range(2):
        assert code(await office.ask()) == (201, None)
    listed = (await office.send("GET", PATH)).json()
    assert [(one["correction_id"], one["points"], one["requested_by"]) for one in listed] == [("c-1", 100, "mei")]
    assert await office.earning.outbox(EFFECTS) == [], "nothing happens before the second person"
    for _ in range(2):
        assert code(await office.decide("jun")) == (201, None)
    (row,) = await office.earning.outbox(EFFECTS)
    await office.earning.redeliver(EFFECTS)
    await office.earning.running.pool.execute(
        "INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload) VALUES ($1, $2, $3, $4, $5)",
        *(row[name] for name in ("aggregatetype", "aggregateid", "type", "event_id", "payload")),
    )
    await office.earning.redeliver(EFFECTS)
    assert await office.earning.balances() == {"ann": 100}
    (corrected,) = await told(office.earning, "corrected")
    assert (corrected["points"], corrected["class"], corrected["requested_by"], corrected["approved_by"]) == (
        100, "PROMO", "mei", "jun",
    )  # fmt: skip
    assert corrected["expected_cost"] == {"amount_minor": 500, "currency": "CNY"}
    shown = (await office.send("GET", f"{PATH}/c-1")).json()
    assert [(step["step"], step["person"]) for step in shown["steps"]] == [("requested", "mei"), ("approved", "jun")]
    assert (shown["state"], shown["outcome"]) == ("approved", "granted")
    assert (await office.send("GET", PATH)).json() == []
    await office.earning.assert_books_hold()


async def test_who_asked_cannot_approve_not_even_by_another_door(office: Office) -> None:
    await office.ask()
    refused = await office.decide("mei")
    assert code(refused) == (409, "SECOND_PERSON_REQUIRED")
    assert (refused.json()["control"], set(refused.json()["reason"])) == ("C09", {"zh-CN", "en"})
    by_header = await office.send(
        "POST", f"{PATH}/c-1/decisions", {"verdict": "approve", "note": "seen"}, **{"Greenpoints-Actor": "mei"}
    )
    assert code(by_header) == (409, "SECOND_PERSON_REQUIRED")
    assert code(await office.decide(None)) == (422, "PERSON_MISSING")
    assert code(await office.send("POST", PATH, {**ASKED, "person": None, "correction_id": "c-2"})) == (
        422, "PERSON_MISSING",
    )  # fmt: skip
    with pytest.raises(asyncpg.CheckViolationError):
        await office.earning.running.pool.execute(
            "UPDATE correction SET state = 'approved', decided_by = 'mei', decided_at = now(), "
            "event_id = $1, event_key = $1",
            await office.earning.running.pool.fetchval("SELECT gen_random_uuid()"),
        )
    assert await office.earning.outbox(EFFECTS) == []


async def test_two_who_decide_at_once_make_one_decision(office: Office) -> None:
    for number in range(10):
        await office.ask(correction_id=f"c{number}", points=1)
        answers = await asyncio.gather(
            *(
                office.decide(person, verdict, f"c{number}")
                for person in ("jun", "bo")
                for verdict in ("approve", "refuse")
            )
        )
        codes = sorted(code(answer) for answer in answers)
        assert codes == [(201, None)] * 2 + [(409, "ALREADY_DECIDED")] * 2
    states = await office.earning.running.pool.fetch("SELECT state, event_key IS NOT NULL AS told FROM correction")
    assert {(row["state"], row["told"]) for row in states} <= {("approved", True), ("refused", False)}
    approved = sum(row["state"] == "approved" for row in states)
    assert len(await office.earning.outbox(EFFECTS)) == approved
    steps = await office.earning.running.pool.fetchval("SELECT count(*) FROM correction_step WHERE step <> 'requested'")
    assert steps == 10


async def test_what_is_asked_must_be_proved_known_and_said_alike(office: Office) -> None:
    assert code(await office.ask(evidence=None)) == (422, "EVIDENCE_MISSING")
    assert code(await office.ask(points=0)) == (422, "NO_POINTS")
    assert code(await office.ask(may_leave_deficit=True)) == (422, "NO_DEBIT")
    assert code(await office.ask(member_id="nobody")) == (404, "NOT_FOUND")
    assert code(await office.ask(budget_id="nothing")) == (404, "NOT_FOUND")
    assert code(await office.send("POST", "/v1/programs/none/corrections", ASKED)) == (404, "NOT_FOUND")
    assert code(await office.decide("jun")) == (404, "NOT_FOUND")
    assert code(await office.ask()) == (201, None)
    assert code(await office.ask(points=101)) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert (await office.send("GET", PATH, **{"Authorization": "Bearer wrong"})).status_code == 403
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await office.earning.running.pool.execute("UPDATE correction_step SET person = 'nobody'")


async def test_a_credit_that_its_line_cannot_pay_or_for_a_listed_party_is_declined(office: Office) -> None:
    await office.earning.post(joined("reg-b", "bea"))
    await office.ask(points=1_001)
    await office.ask(correction_id="c-2", member_id="bea")
    for correction in ("c-1", "c-2"):
        await office.decide("jun", correction=correction)
    await office.earning.post(updated("listed", "bea", listed_party=True))
    await office.earning.redeliver(EFFECTS)
    found = await decided(office.earning)
    assert sorted(code or "" for _, code in found.values() if code) == ["BUDGET_EXHAUSTED", "LISTED_PARTY"]
    assert await office.earning.balances() == {}
    assert (await office.send("GET", f"{PATH}/c-1")).json()["code"] == "BUDGET_EXHAUSTED"
    await office.earning.assert_books_hold()


@pytest.mark.parametrize("deficit", [False, True])
async def test_a_debit_is_told_once_and_draws_on_no_budget(office: Office, deficit: bool) -> None:
    asked = {"points": -70, "may_leave_deficit": deficit}
    assert code(await office.ask(**asked)) == (201, None)
    assert code(await office.ask(points=-70, may_leave_deficit=not deficit)) == (409, "IDEMPOTENCY_KEY_REUSED")
    assert code(await office.decide("mei")) == (409, "SECOND_PERSON_REQUIRED")
    await office.decide("jun")
    (row,) = await office.earning.outbox(EFFECTS)
    await office.earning.redeliver(EFFECTS)
    await office.earning.running.pool.execute(
        "INSERT INTO outbox (aggregatetype, aggregateid, type, event_id, payload) VALUES ($1, $2, $3, $4, $5)",
        *(row[name] for name in ("aggregatetype", "aggregateid", "type", "event_id", "payload")),
    )
    await office.earning.redeliver(EFFECTS)
    (corrected,) = await told(office.earning, "corrected")
    assert (corrected["points"], corrected.get("grant_id"), corrected.get("may_leave_deficit", False)) == (
        -70, None, deficit,
    )  # fmt: skip
    shown = (await office.send("GET", f"{PATH}/c-1")).json()
    (sent,) = await office.earning.outbox("points.grants.v1")
    assert (shown["outcome"], shown["debit_id"]) == ("debited", str(sent["event_id"]))
    assert await office.earning.balances() == {}
    await office.earning.assert_books_hold()


async def test_only_earning_itself_may_say_that_a_correction_was_approved(office: Office) -> None:
    await office.ask()
    await office.decide("jun")
    (row,) = await office.earning.outbox(EFFECTS)
    forged = orjson.loads(row["payload"])
    await office.earning.running.pool.execute(
        "UPDATE outbox SET payload = $1 WHERE id = $2", orjson.dumps({**forged, "source": "/pos/me"}), row["id"]
    )
    await office.earning.redeliver(EFFECTS)
    assert await office.earning.running.pool.fetchval("SELECT code FROM dead_letter") == "NOT_AUTHORITATIVE"
    assert await office.earning.balances() == {}
