"""What the operator's endpoints tell of dead letters and arrivals, and what they change."""

import base64
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from shared.events.cloudevent import event_key
from shared.runtime import arrivals, dead_letters
from shared.runtime.batch import ARRIVAL_HEADER, ATTEMPT_HEADER, arrival_milliseconds
from shared.runtime.http import build_app
from tests.infrastructure.plans import analyze_all, plan_of
from tests.integration.runtime.harness import TOPIC, Ledger, batch, raw, record

TOKEN = "a-token"  # noqa: S105 - of no worth outside the test


@pytest_asyncio.fixture(loop_scope="session")
async def operator(ledger: Ledger) -> AsyncIterator[httpx.AsyncClient]:
    ledger.running.settings.operator_token = SecretStr(TOKEN)

    async def ready() -> None:
        return None

    routers = [dead_letters.routes("earning", ledger.running), arrivals.routes(ledger.running)]
    transport = httpx.ASGITransport(build_app("test", routers, ready))
    headers = {"Authorization": f"Bearer {TOKEN}", "Greenpoints-Actor": "mei"}
    async with httpx.AsyncClient(transport=transport, base_url="http://test", headers=headers) as client:
        yield client


async def post_bad(
    ledger: Ledger, *values: bytes, start: int = 0, attempt: int = 1, arrival: int | None = None
) -> None:
    carried = () if arrival is None else ((ARRIVAL_HEADER, b"%d" % arrival), (ATTEMPT_HEADER, b"%d" % attempt))
    good = record(f"good-{start}")
    bad = [raw(b"p/ann", value, headers=(*good.headers, *carried)) for value in values]
    epoch = await ledger.claim()
    await ledger.run(epoch).post(batch(good, *bad, start=start))


async def get(operator: httpx.AsyncClient, path: str, **params: Any) -> Any:
    answer = await operator.get(path, params=params)
    answer.raise_for_status()
    return answer.json()


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Receipt r-17 was refunded 3 times.", "Receipt N was refunded N times."),
        ("The claw-back's id 9b1f is no UUID; earning's are.", "The claw-back's id N is no UUID; earning's are."),
        ("field 'total' and (\"net\") differ", "field … and (…) differ"),
        ("Nothing to hide.", "Nothing to hide."),
        ("x" * 500, "x" * 300),
    ],
)  # fmt: skip
async def test_messages_lose_what_they_quote_ids_and_numbers(ledger: Ledger, message: str, error: str) -> None:
    assert await ledger.running.pool.fetchval("SELECT normalised_error($1)", message) == error


async def test_letters_are_grouped_found_and_replayed_by_error_and_by_id(
    ledger: Ledger, operator: httpx.AsyncClient
) -> None:
    await post_bad(ledger, b"{", b"{}", b'{"specversion":"1.0"}')
    groups = await get(operator, "/v1/dead-letters/errors")
    assert sum(group["letters"] for group in groups) == 3
    group = groups[0]
    assert group["topic"] == TOPIC and group["code"] == "MALFORMED"
    letters = await get(operator, "/v1/dead-letters", error=group["error"])
    assert len(letters) == group["letters"]
    assert {letter["error"] for letter in letters} == {group["error"]}

    body = {"error": group["error"], "limit": 1, "dry_run": True}
    tried = (await operator.post("/v1/dead-letters/replay", json=body)).json()
    assert (tried["dry_run"], len(tried["letters"])) == (True, 1)
    assert await ledger.count("outbox WHERE type = 'replay'") == 0, "a dry run changes nothing"

    ids = [letter["dead_letter_id"] for letter in await get(operator, "/v1/dead-letters")][:2]
    done = (await operator.post("/v1/dead-letters/replay", json={"dead_letter_ids": ids})).json()
    assert sorted(done["letters"]) == sorted(ids)
    again = (await operator.post("/v1/dead-letters/replay", json={"dead_letter_ids": ids})).json()
    assert again["letters"] == [], "what is not open any more is passed over"
    assert await ledger.count("outbox WHERE type = 'replay'") == 2, "each was published once"
    shown = await get(operator, f"/v1/dead-letters/{ids[0]}")
    assert (shown["state"], shown["settled_by"]) == ("replayed", "mei"), "the person is named, not the token"


async def test_a_letter_larger_than_its_topic_is_not_replayed(ledger: Ledger, operator: httpx.AsyncClient) -> None:
    """It would wait in the outbox for ever, and all later events of its key behind it."""
    await post_bad(ledger, b"{", b"{" * 3_000_000)
    large = next(each for each in await get(operator, "/v1/dead-letters") if each["record_offset"] == 2)
    answer = await operator.post("/v1/dead-letters/replay", json={"dead_letter_id": large["dead_letter_id"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "DEAD_LETTER_TOO_LARGE")
    done = (await operator.post("/v1/dead-letters/replay", json={})).json()
    assert len(done["letters"]) == 1
    assert [each["dead_letter_id"] for each in await get(operator, "/v1/dead-letters")] == [large["dead_letter_id"]]
    body = {"dead_letter_id": large["dead_letter_id"], "reason": "sent again in parts"}
    assert (await operator.post("/v1/dead-letters/discard", json=body)).status_code == 200


async def test_every_attempt_at_a_record_is_told(ledger: Ledger, operator: httpx.AsyncClient) -> None:
    await post_bad(ledger, b"{", b"{}")
    first = (await get(operator, "/v1/dead-letters"))[0]
    letter = await get(operator, f"/v1/dead-letters/{first['dead_letter_id']}")
    value = base64.b64decode(letter["value_base64"])
    arrival = arrival_milliseconds(datetime.fromisoformat(first["arrival"]))
    await post_bad(ledger, value, start=3, attempt=2, arrival=arrival)
    attempts = await get(operator, f"/v1/dead-letters/{first['dead_letter_id']}/attempts")
    of_same_bytes = [each for each in attempts if each["attempt"] == 2]
    assert [each["attempt"] for each in attempts] == [1, 2]
    assert of_same_bytes[0]["dead_letter_id"] != first["dead_letter_id"]
    assert attempts == await get(operator, f"/v1/dead-letters/{of_same_bytes[0]['dead_letter_id']}/attempts")


async def test_where_an_event_was_read(ledger: Ledger, operator: httpx.AsyncClient) -> None:
    epoch = await ledger.claim()
    await ledger.run(epoch).post(batch(record("one"), record("two"), start=0))
    keys = [str(event_key("/crm", name)) for name in ("two", "three")]
    assert await get(operator, "/v1/arrivals", event_key=keys) == [
        {"event_key": keys[0], "topic": TOPIC, "partition": 0, "record_offset": 1}
    ]


async def test_looking_for_arrivals_reads_no_whole_table(ledger: Ledger) -> None:
    await analyze_all(ledger.running.pool)
    plan = await plan_of(ledger.running.pool, arrivals.ARRIVALS)
    assert "Seq Scan" not in plan and "inbox_0_pkey" in plan, plan


async def test_nobody_without_the_token_is_told_where(ledger: Ledger, operator: httpx.AsyncClient) -> None:
    answer = await operator.get(
        "/v1/arrivals", params={"event_key": str(event_key("/crm", "x"))}, headers={"Authorization": "Bearer other"}
    )
    assert answer.status_code == 403
