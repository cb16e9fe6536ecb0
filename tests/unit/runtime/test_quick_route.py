"""A quick route answers what the documented one would, and leaves it everything that is not plainly well formed."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, Header, Path
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from shared.events.fields import MAX_SAFE_INTEGER, Identifier, Identifiers
from shared.runtime.http import ProblemError, build_app, operator_guard
from shared.runtime.quick_route import IDENTIFIER_PART, QuickRequest, QuickRoute, RouterWithQuick

JSON = "application/json"
WELL_FORMED = {"points": 5, "name": "n", "labels": ["a", "é"], "exact": True}
HEADERS = {"Authorization": "Bearer right", "Idempotency-Key": "k-1", "Content-Type": JSON}


class Wish(BaseModel):
    """Of every kind of field that bodies at the till have."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    points: Annotated[int, Field(ge=1, le=MAX_SAFE_INTEGER)] | None = None
    name: Identifier
    labels: Identifiers = ()
    exact: bool = False
    parts: Annotated[tuple["Wish", ...], Field(max_length=3, strict=False)] = ()


class Told(BaseModel):
    """What both answer."""

    thing: str
    key: str
    wish: Wish


def client(read_quickly: list[str] | None = None) -> httpx.AsyncClient:
    """The service, with a quick route where its readings are to be noted."""
    router = RouterWithQuick(prefix="/v1")

    @router.post("/things/{thing}/uses", status_code=201, dependencies=[Depends(operator_guard("right"))])
    async def use(
        thing: Annotated[Identifier, Path()], wish: Wish, idempotency_key: Annotated[Identifier, Header()]
    ) -> Told:
        if wish.name == "refused":
            raise ProblemError(409, "REFUSED", "Not this one.", headers={"Retry-After": "2"})
        return Told(thing=thing, key=idempotency_key, wish=wish)

    async def use_quickly(asked: QuickRequest) -> Told | None:
        wish, key = asked.read(Wish), asked.idempotency_key
        if wish is None or key is None or asked.bearer != "right":
            return None
        if read_quickly is not None:
            read_quickly.append(key)
        return await use(asked.parts[0], wish, key)

    if read_quickly is not None:
        router.quick = (QuickRoute(f"/v1/things/({IDENTIFIER_PART})/uses", 201, use_quickly),)

    async def ready() -> str | None:
        return None

    return httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app("tests", [router], ready)), base_url="http://service"
    )


_READ: list[str] = []
_QUICK, _DOCUMENTED = client(_READ), client()


async def _both(
    path: str, content: bytes, headers: dict[str, str], more: Sequence[tuple[str, str]] = ()
) -> tuple[httpx.Response, int]:
    """The answer that both give, and how often it was read quickly."""
    _READ.clear()
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in (*headers.items(), *more)]
    one, other = [await each.post(path, content=content, headers=encoded) for each in (_QUICK, _DOCUMENTED)]
    assert (one.status_code, one.content) == (other.status_code, other.content)
    assert dict(one.headers) == dict(other.headers)
    assert one.status_code < 500, one.text
    return one, len(_READ)


async def test_a_plain_request_is_read_quickly() -> None:
    answer, read = await _both("/v1/things/t-1/uses", json.dumps(WELL_FORMED).encode(), HEADERS)
    assert (answer.status_code, read) == (201, 1)
    assert answer.json()["wish"]["labels"] == ["a", "é"]


@pytest.mark.parametrize(
    "twice", [("Idempotency-Key", "k-2"), ("Authorization", "Bearer wrong"), ("Content-Type", "a/b")]
)
async def test_of_a_header_that_came_twice_both_take_the_same(twice: tuple[str, str]) -> None:
    answer, _ = await _both("/v1/things/t-1/uses", json.dumps(WELL_FORMED).encode(), HEADERS, [twice])
    assert (answer.status_code, answer.json()["key"]) == (201, "k-1")


async def test_what_it_raises_is_answered_as_from_any_route() -> None:
    body = json.dumps({**WELL_FORMED, "name": "refused"}).encode()
    answer, read = await _both("/v1/things/t-1/uses", body, HEADERS)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"], read) == (409, "REFUSED", "2", 1)


@pytest.mark.parametrize(
    "changed",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": "bearer right"},
        {"Authorization": "Bearer  right"},
        {"Authorization": ""},
        {"Greenpoints-Actor": "mei"},
        {"Greenpoints-Actor": ""},
        {"Idempotency-Key": ""},
        {"Idempotency-Key": "k" * 129},
        {"Idempotency-Key": "k\xad"},
        {"Content-Type": "application/json; charset=utf-8"},
        {"Content-Type": "text/plain"},
        {"Content-Type": ""},
    ],
)
async def test_headers_of_another_shape_are_the_documented_routes(changed: dict[str, str]) -> None:
    _, read = await _both("/v1/things/t-1/uses", json.dumps(WELL_FORMED).encode(), {**HEADERS, **changed})
    assert read == 0


@pytest.mark.parametrize("path", ["t%201", "t%00", "%C3%A9", "t" * 129, "a%2Fb", ""])
async def test_so_are_paths(path: str) -> None:
    _, read = await _both(f"/v1/things/{path}/uses", json.dumps(WELL_FORMED).encode(), HEADERS)
    assert read == 0


async def test_other_methods_are_told_what_is_allowed() -> None:
    answer = await _QUICK.get("/v1/things/t-1/uses", headers=HEADERS)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


_TEXTS = st.one_of(st.text(max_size=4), st.sampled_from(["n", "refused", "", "\ud800", "\x00", "x" * 129]))
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS, st.sampled_from([1, 2**53, 2**53 + 1])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXTS, inner, max_size=2)),
    max_leaves=6,
)
_FIELDS = st.sampled_from(["points", "name", "labels", "exact", "parts", "other"])
_BODIES = st.one_of(
    st.dictionaries(_FIELDS, _VALUES).map(lambda some: json.dumps({**WELL_FORMED, **some})),
    # the same name twice; what Python's reader takes and JSON does not know
    st.tuples(_FIELDS, _VALUES).map(lambda pair: f'{{"name": "n", "{pair[0]}": {json.dumps(pair[1])}}}'),
    st.lists(st.sampled_from([*'{}[]",:0123456789.eE+-ntf\\u \t', "NaN", "Infinity", "name", "points"])).map("".join),
    _VALUES.map(json.dumps),
)


@settings(max_examples=300, deadline=None)
@given(body=_BODIES)
def test_arbitrary_bodies_are_answered_alike(body: str) -> None:
    asyncio.run(_both("/v1/things/t-1/uses", body.encode("utf-8", "surrogatepass"), HEADERS))
