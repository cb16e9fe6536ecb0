"""Every route under arbitrary requests: it answers as its OpenAPI document says, and never with a failure of ours."""

import asyncio
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from services.redemption.app import SERVICE
from shared.runtime.http import build_app
from tests.integration.redemption.harness import PROGRAM, TOKEN, Redemption, clawed_back, grant, hold
from tests.integration.redemption.ordering import done, enrol, line, open_for_orders, ordered
from tests.integration.redemption.storefront import ask_quote

pytestmark = pytest.mark.asyncio(loop_scope="session")

_EXAMPLES = int(os.environ.get("GREENPOINTS_FUZZ_EXAMPLES", "8"))  # per route, and twice: well and ill formed
_SEED = int(os.environ.get("GREENPOINTS_FUZZ_SEED", "20261122"))
_CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@asynccontextmanager
async def _served(redemption: Redemption) -> AsyncIterator[str]:
    """The service on a port of this machine, as the fuzzer's threads reach it."""

    async def ready() -> str | None:
        return None

    app = build_app("redemption", SERVICE.routers(redemption.running), ready, SERVICE.middleware(redemption.running))
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="critical", lifespan="off"))
    serving = asyncio.create_task(server._serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def _things(redemption: Redemption) -> dict[str, str]:
    """A member with a past, and by the name of a path's part what is really there."""
    open_for_orders(redemption, point_payment={"points": 100, "minor": 500})
    await enrol(redemption)
    await redemption.post(grant("held", 40), grant("short", 30))
    await redemption.post(clawed_back("1", 10, of="short"))
    await redemption.post(hold("h-1", "held"))
    spent = (await redemption.spend(20, "k-1")).json()
    placed = await ordered(redemption, line("fruit-box"), key="order-1")
    handed_over = await ordered(redemption, line("coupon"), line("milk-tea"), key="order-2")
    await done(redemption, handed_over["order_id"], "fulfilments")
    of_member = f"/v1/programs/{PROGRAM}/members/m-1"
    quote = await ask_quote(redemption, line("fruit-box"))
    (voucher,) = (await redemption.http.get(f"{of_member}/vouchers")).json()["vouchers"]
    bill = {"member_id": "m-1", "merchant_id": "shop-1", "receipt_id": "r-1", "currency": "CNY", "points": 100}
    lines = [{"line_id": "1", "sku": "apple", "net_minor": 5_000}]
    reserved = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/authorizations", json={**bill, "lines": lines}, headers={"Idempotency-Key": "till-1"}
    )
    return {
        "program": PROGRAM,
        "member": "m-1",
        "redemption_id": spent["redemption_id"],
        "order_id": placed["order_id"],
        "quote_id": quote.json()["quote_id"],
        "voucher_id": voucher["voucher_id"],
        "authorization_id": reserved.json()["authorization_id"],
        "reward": "spa",
    }


def _operations(schema: Any) -> Iterator[Any]:
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/v1/"):
            yield operation


def _fuzz(url: str, things: dict[str, str]) -> dict[str, Counter[int]]:
    """By route, how often which status was answered."""
    document = httpx.get(f"{url}/openapi.json", trust_env=False).text
    # No request can hold half a surrogate pair, and where a pattern names them the fuzzer ignores it.
    schema = schemathesis.openapi.from_dict(json.loads(document.replace(r"\\ud800-\\udfff", "")))
    schema.config.update(base_url=url)
    answers: dict[str, Counter[int]] = {}
    for operation in _operations(schema):
        names = [parameter.name for parameter in operation.path_parameters]
        known = {name: things[name] for name in names if name in things}
        for shape, parts in ((GenerationMode.POSITIVE, known), (GenerationMode.NEGATIVE, {})):
            _ask(operation, shape, parts, answers.setdefault(operation.label, Counter()))
    return answers


def _ask(operation: Any, shape: GenerationMode, parts: dict[str, str], answers: Counter[int]) -> None:
    strategy = operation.as_strategy(generation_mode=shape, **({"path_parameters": parts} if parts else {}))

    @seed(_SEED)
    @settings(
        max_examples=_EXAMPLES, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=strategy)
    def examples(case: Any) -> None:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        if shape is GenerationMode.POSITIVE:
            case.body = _of_a_known_member(case.body)
        response = case.call(headers=headers)
        answers[response.status_code] += 1
        case.validate_response(response, checks=_CHECKS, headers=headers)
        if response.status_code >= 400:
            told = response.json()
            assert told["status"] == response.status_code and told["code"] and told["detail"], told

    with suppress(Unsatisfiable):  # a route that takes nothing has no ill formed requests
        examples()


def _of_a_known_member(body: Any) -> Any:
    """Whole numbers as integers, which the contract asks for, and a member who is there: so requests get further."""
    if isinstance(body, float) and body.is_integer():
        return int(body)
    if isinstance(body, list):
        return [_of_a_known_member(each) for each in body]
    if isinstance(body, dict):
        return {name: "m-1" if name == "member_id" else _of_a_known_member(value) for name, value in body.items()}
    return body


async def test_arbitrary_requests_are_answered_as_documented(redemption: Redemption) -> None:
    things = await _things(redemption)
    async with _served(redemption) as url:
        answers = await asyncio.to_thread(_fuzz, url, things)
    asked = sum((told.total() for told in answers.values()), 0)
    print(f"seed {_SEED}: {asked} requests to {len(answers)} routes")
    assert [route for route, told in answers.items() if not told.total()] == []
    reached = [route for route, told in answers.items() if any(status < 400 for status in told)]
    assert len(reached) > len(answers) / 3, "requests get past the contract and the guards"
    await redemption.assert_books_hold()


async def test_the_document_tells_problems_keys_and_pages(redemption: Redemption) -> None:
    async with _served(redemption) as url, httpx.AsyncClient() as client:
        document = (await client.get(f"{url}/openapi.json")).json()
    for path, methods in document["paths"].items():
        if not path.startswith("/v1/"):
            continue
        for method, told in methods.items():
            named = f"{method} {path}"
            assert told["security"], f"{named} does not say which key it wants"
            for status in ("401", "403", "404", "409", "422", "429"):
                assert "application/problem+json" in told["responses"][status]["content"], (named, status)
            parameters = {each["name"]: each for each in told.get("parameters", [])}
            if "limit" in parameters:
                assert parameters["limit"]["schema"]["maximum"] <= 1000, named
                assert {"after", "before"} & parameters.keys(), f"{named} has pages, and no way to the next"
            assert told.get("tags"), f"{named} belongs to no chapter"


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"{\xff}", b"1" * 100_000, b"[" * 5_000])
async def test_a_body_that_is_no_json_object_is_a_problem(redemption: Redemption, body: bytes) -> None:
    answer = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/m-1/redemptions",
        content=body,
        headers={"Idempotency-Key": str(uuid4()), "Content-Type": "application/json"},
    )
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
