"""What every service answers when it does not answer with success, and whom it lets in."""

from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from shared.runtime.http import ProblemError, build_app, operator_guard


class Named(BaseModel):
    name: str


class Several(BaseModel):
    several: tuple[Named, ...] = Field(min_length=1)


def app_of(token: str = "right", missing: str | None = None) -> httpx.AsyncClient:  # noqa: S107 - a test's token
    router = APIRouter()

    @router.get("/own/{number}")
    async def own(number: int, who: Annotated[str, Depends(operator_guard(token))]) -> dict[str, object]:
        return {"number": number, "who": who}

    @router.get("/gone")
    async def gone() -> None:
        raise ProblemError(
            410, "GONE_AWAY", "It went away; ask elsewhere.", headers={"Retry-After": "9"}, where="there"
        )

    @router.post("/several")
    async def take(body: Several) -> int:
        return len(body.several)

    async def ready() -> str | None:
        return missing

    transport = httpx.ASGITransport(build_app("tests", [router], ready))
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "UNAUTHENTICATED"),
        ("Basic cmlnaHQ=", 401, "UNAUTHENTICATED"),
        ("Bearer wrong", 403, "FORBIDDEN"),
        ("Bearer ", 401, "UNAUTHENTICATED"),
        ("Bearer right", 200, None),
    ],
)
async def test_only_the_operators_token_opens(header: str | None, status: int, code: str | None) -> None:
    async with app_of() as client:
        answer = await client.get("/own/7", headers={} if header is None else {"Authorization": header})
    if status == 200:
        assert answer.json() == {"number": 7, "who": "operator"}
        return
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("sent", ["", "right", "\u00fc"])
async def test_an_unset_token_lets_nobody_in(sent: str) -> None:
    async with app_of(token="") as client:
        answer = await client.get("/own/7", headers={b"Authorization": f"Bearer {sent}".encode()})
    assert answer.status_code in (401, 403)


async def test_a_problem_says_what_and_where() -> None:
    async with app_of() as client:
        answer = await client.get("/gone")
    assert answer.status_code == 410
    assert answer.headers["retry-after"] == "9"
    assert answer.json() == {
        "type": "urn:greenpoints:problem:gone_away",
        "title": "GONE_AWAY",
        "status": 410,
        "detail": "It went away; ask elsewhere.",
        "code": "GONE_AWAY",
        "where": "there",
    }


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "NOT_FOUND"), ("DELETE", "/gone", 405, "METHOD_NOT_ALLOWED")],
)
async def test_even_what_the_framework_refuses_is_a_problem(method: str, path: str, status: int, code: str) -> None:
    async with app_of() as client:
        answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["allow"] == "GET"


async def test_a_request_that_does_not_fit_names_its_fields() -> None:
    async with app_of() as client:
        answer = await client.get("/own/seven", headers={"Authorization": "Bearer right"})
    assert (answer.status_code, answer.json()["code"]) == (422, "MALFORMED")
    assert answer.json()["fields"][0]["path"] == "path.number"


async def test_a_list_is_not_called_too_short_because_its_items_are_wrong() -> None:
    async with app_of() as client:
        wrong = await client.post("/several", json={"several": [{"name": 7}]})
        empty = await client.post("/several", json={"several": []})
    assert [field["path"] for field in wrong.json()["fields"]] == ["body.several.0.name"]
    assert [field["path"] for field in empty.json()["fields"]] == ["body.several"]


@pytest.mark.parametrize(("missing", "status"), [(None, 200), ("The database is away.", 503)])
async def test_readiness_says_what_is_missing(missing: str | None, status: int) -> None:
    async with app_of(missing=missing) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == status
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/metrics")).status_code == 200
    if missing:
        assert answer.json()["detail"] == missing
