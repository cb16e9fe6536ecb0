"""Who may call: every route refuses every wrong key, and lets in whom it is for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi.routing import APIRoute

from services.redemption import access as access_module
from services.redemption.access import KEY_PREFIX, Access
from services.redemption.app import SERVICE
from shared.runtime.secret_keys import make_key
from shared.runtime.token_bucket import TokenBucket
from tests.integration.redemption.harness import PROGRAM, TOKEN, Redemption, grant
from tests.integration.redemption.till import AUTHORIZATIONS, bill, open_till

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHER_PROGRAM, MERCHANT = "other-shop", "merchant-1"
# By guard: which of the keys of `Keys` it lets in; all others are 403.
LETS_IN = {
    "operator": {"operator"},
    "member": {"operator", "member"},
    "till": {"operator", "till", "other_merchant"},
    "of_program": {"operator", "member", "other_member", "till", "other_merchant"},
    "holder": {
        "operator", "member", "other_member", "till", "other_merchant", "elsewhere_till", "elsewhere_member",
    },
}  # fmt: skip
KEYS = sorted(LETS_IN["holder"])


@dataclass(frozen=True, slots=True)
class Keys:
    """One bearer text for each caller there can be."""

    operator: str
    till: str
    other_merchant: str
    elsewhere_till: str
    member: str
    other_member: str
    elsewhere_member: str
    revoked: str


async def _issue(redemption: Redemption, program: str, **bound: object) -> str:
    answer = await redemption.http.post(f"/v1/programs/{program}/access-keys", json=bound)
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["access_key"])


async def issue_keys(redemption: Redemption) -> Keys:
    till = {"kind": "till", "merchant_id": MERCHANT, "requests_per_second": 10_000}
    member = {"kind": "member", "member_id": "m-1", "requests_per_second": 10_000}
    revoked = await _issue(redemption, PROGRAM, **till)
    await redemption.http.delete(f"/v1/access-keys/{revoked.split('_')[1]}")
    return Keys(
        TOKEN,
        await _issue(redemption, PROGRAM, **till),
        await _issue(redemption, PROGRAM, **{**till, "merchant_id": "merchant-2"}),
        await _issue(redemption, OTHER_PROGRAM, **till),
        await _issue(redemption, PROGRAM, **member),
        await _issue(redemption, PROGRAM, **{**member, "member_id": "m-2"}),
        await _issue(redemption, OTHER_PROGRAM, **member),
        revoked,
    )


def _routes(redemption: Redemption) -> Iterator[tuple[str, str, str]]:
    """Method, path and guard of every route of redemption's own; each has exactly one guard."""
    for router in SERVICE.routers(redemption.running):
        for route in router.routes:
            assert isinstance(route, APIRoute)
            guards = [
                dependency.call.__name__
                for dependency in route.dependant.dependencies
                if isinstance(getattr(dependency.call, "__self__", None), Access) and dependency.call is not None
            ]
            assert len(guards) == 1, f"{route.path} has the guards {guards}"
            for method in sorted(route.methods or ()):
                yield method, _filled(route.path), guards[0]


def _filled(path: str) -> str:
    """A path of this program and member, with ids of nothing."""
    known = {"program": PROGRAM, "member": "m-1"}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda part: known.get(part.group(1)) or str(uuid4()), path)


async def _ask(redemption: Redemption, method: str, path: str, bearer: str | None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer is not None else {"Authorization": ""}
    return await redemption.http.request(method, path, headers=headers)


async def test_every_route_refuses_every_wrong_key(redemption: Redemption, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "_STRANGERS_PER_SECOND", 100_000)
    await redemption.post(grant("a", 10), grant("b", 10, member="m-2"))
    keys = await issue_keys(redemption)
    stranger = make_key(KEY_PREFIX).text
    wrong = {
        None: 401,
        "": 401,
        f"{TOKEN}x": 403,
        "gp_" + stranger.split("_", 1)[1]: 403,
        stranger: 401,
        keys.till[:-1] + ("A" if keys.till[-1] != "A" else "B"): 401,
        keys.revoked: 401,
    }
    routes = list(_routes(redemption))
    assert len(routes) > 10
    for method, path, guard in routes:
        for bearer, status in wrong.items():
            answer = await _ask(redemption, method, path, bearer)
            assert answer.status_code == status, (method, path, bearer, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for name in KEYS:
            answer = await _ask(redemption, method, path, getattr(keys, name))
            refused = answer.status_code == 403 and answer.json()["code"] == "OUT_OF_SCOPE"
            assert refused == (name not in LETS_IN[guard]), (method, path, name, answer.status_code, answer.text)
            assert answer.status_code not in (401, 429, 500), (method, path, name, answer.text)
            if guard == "holder" and name != "operator":
                assert answer.status_code in (404, 409, 422), "nothing of this id is anybody's"


async def test_the_tills_quick_routes_have_the_same_guard(redemption: Redemption) -> None:
    """With bodies that are read quickly, which those of the test above are not."""
    open_till(redemption)
    await redemption.post(grant("a", 1_000))
    keys = await issue_keys(redemption)
    stranger = make_key(KEY_PREFIX).text
    refused = {
        f"{TOKEN}x": (403, "FORBIDDEN"),
        stranger: (401, "UNAUTHENTICATED"),
        keys.till[:-1] + ("A" if keys.till[-1] != "A" else "B"): (401, "UNAUTHENTICATED"),
        keys.revoked: (401, "UNAUTHENTICATED"),
        keys.member: (403, "OUT_OF_SCOPE"),
        keys.elsewhere_till: (403, "OUT_OF_SCOPE"),
        keys.elsewhere_member: (403, "OUT_OF_SCOPE"),
    }
    shown = {**bill(member="m-1", points=100), "merchant_id": MERCHANT}

    async def send(bearer: str, path: str, body: object, key: str = "k") -> httpx.Response:
        headers = {"Authorization": f"Bearer {bearer}", "Idempotency-Key": key}
        return await redemption.http.post(path, json=body, headers=headers)

    placed = await send(keys.till, AUTHORIZATIONS, shown)
    assert placed.status_code == 201, placed.text
    one = f"{AUTHORIZATIONS}/{placed.json()['authorization_id']}/capture"
    for bearer, told in refused.items():
        for answer in (await send(bearer, AUTHORIZATIONS, shown, "other"), await send(bearer, one, {})):
            assert (answer.status_code, answer.json()["code"]) == told, (bearer, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
    answer = await send(keys.other_merchant, AUTHORIZATIONS, shown, "other")
    assert (answer.status_code, answer.json()["code"]) == (403, "OUT_OF_SCOPE")
    assert (await send(keys.other_merchant, one, {})).status_code == 404
    assert (await redemption.balance())["reserved"] == 100, "nothing was done for any of them"
    assert (await send(keys.till, one, {})).json()["state"] == "captured"


async def test_a_request_that_is_read_quickly_counts_once(
    redemption: Redemption, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = await _issue(redemption, PROGRAM, kind="till", merchant_id=MERCHANT)
    path, headers = f"{AUTHORIZATIONS}/{uuid4()}/capture", {"Authorization": f"Bearer {till}"}
    taken: list[int] = []

    def counted(bucket: TokenBucket, tokens: int, now: int) -> int:
        taken.append(tokens)
        return take(bucket, tokens, now)

    assert (await redemption.http.post(path, json={}, headers=headers)).status_code == 404, "the key is remembered"
    take = TokenBucket.take
    monkeypatch.setattr(TokenBucket, "take", counted)
    assert (await redemption.http.post(path, json={}, headers=headers)).status_code == 404
    assert taken == [1]


async def test_a_member_reads_and_spends_its_own_points_alone(redemption: Redemption) -> None:
    await redemption.post(grant("a", 100), grant("b", 100, member="m-2"))
    keys = await issue_keys(redemption)
    own = httpx.Headers({"Authorization": f"Bearer {keys.member}"})
    spent = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/m-1/redemptions",
        json={"points": 30, "reason": "tea"},
        headers={**own, "Idempotency-Key": "k-1"},
    )
    assert spent.status_code == 201, spent.text
    path = f"/v1/redemptions/{spent.json()['redemption_id']}"
    for suffix in ("", "/export"):
        assert (await _ask(redemption, "GET", path + suffix, keys.member)).status_code == 200
        for stranger in (keys.other_member, keys.elsewhere_member, keys.till, keys.other_merchant):
            answer = await _ask(redemption, "GET", path + suffix, stranger)
            assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")
    stolen = await redemption.http.post(
        f"/v1/programs/{PROGRAM}/members/m-2/redemptions",
        json={"points": 30, "reason": "tea"},
        headers={**own, "Idempotency-Key": "k-2"},
    )
    assert (stolen.status_code, stolen.json()["code"]) == (403, "OUT_OF_SCOPE")
    assert (await redemption.balance("m-2"))["available"] == 100


@pytest.mark.parametrize("path", ["m-1/lots/../../m-2", "m-1%2F..%2Fm-2", "m-2/x", "M-1", " m-1", "m-1%00"])
async def test_no_spelling_of_a_path_reaches_another_member(redemption: Redemption, path: str) -> None:
    await redemption.post(grant("a", 100), grant("b", 100, member="m-2"))
    keys = await issue_keys(redemption)
    answer = await _ask(redemption, "GET", f"/v1/programs/{PROGRAM}/members/{path}/balance", keys.member)
    assert answer.status_code in (403, 404, 422), answer.text


async def test_keys_are_kept_as_hashes_and_bound_for_ever(redemption: Redemption) -> None:
    keys = await issue_keys(redemption)
    secret = keys.till.split("_", 2)[2]
    rows = await redemption.running.pool.fetch("SELECT access_key::text AS everything FROM access_key")
    assert len(rows) == 7
    assert not any(secret in row["everything"] for row in rows)
    for statement in ("UPDATE access_key SET merchant_id = 'merchant-9' WHERE kind = 'till'", "DELETE FROM access_key"):
        with pytest.raises(Exception, match="never changed or deleted"):
            await redemption.running.pool.execute(statement)


async def test_keys_are_listed_by_page_and_revoked_at_once(redemption: Redemption) -> None:
    keys = await issue_keys(redemption)
    first = (await redemption.http.get(f"/v1/programs/{PROGRAM}/access-keys", params={"limit": 3})).json()
    rest = (
        await redemption.http.get(f"/v1/programs/{PROGRAM}/access-keys", params={"after": first["next_after"]})
    ).json()
    shown: list[dict[str, Any]] = first["keys"] + rest["keys"]
    assert len(shown) == 5 and rest["next_after"] is None
    assert [bool(key["revoked_at"]) for key in shown] == [True, False, False, False, False]

    path = f"/v1/programs/{PROGRAM}/members/m-1/balance"
    assert (await _ask(redemption, "GET", path, keys.member)).status_code == 404
    key_id = keys.member.split("_")[1]
    assert (await redemption.http.delete(f"/v1/access-keys/{key_id}")).status_code == 204
    assert (await _ask(redemption, "GET", path, keys.member)).status_code == 401
    assert (await redemption.http.delete(f"/v1/access-keys/{key_id}")).status_code == 204, "again changes nothing"
    assert (await redemption.http.delete(f"/v1/access-keys/{'0' * 16}")).status_code == 404


@pytest.mark.parametrize(
    "bound",
    [
        {"kind": "till"},
        {"kind": "till", "merchant_id": "m", "member_id": "m-1"},
        {"kind": "member", "merchant_id": "m"},
        {"kind": "operator"},
        {"kind": "till", "merchant_id": "m", "requests_per_second": 0},
    ],
)
async def test_a_key_bound_to_nothing_or_to_two_is_refused(redemption: Redemption, bound: dict[str, object]) -> None:
    assert (await redemption.http.post(f"/v1/programs/{PROGRAM}/access-keys", json=bound)).status_code == 422


async def test_a_key_may_ask_so_often_and_no_more(redemption: Redemption) -> None:
    slow = await _issue(redemption, PROGRAM, kind="member", member_id="m-1", requests_per_second=1)
    path = f"/v1/programs/{PROGRAM}/members/m-1/balance"
    answers = [await _ask(redemption, "GET", path, slow) for _ in range(12)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].status_code == 404 and limited
    assert limited[0].json()["code"] == "RATE_LIMITED"
    assert int(limited[0].headers["retry-after"]) >= 1
    assert (await redemption.http.get(path)).status_code == 404, "nobody else waits"


async def test_strangers_cannot_make_the_database_look_up_without_end(redemption: Redemption) -> None:
    path = f"/v1/programs/{PROGRAM}/members/m-1/balance"
    known = await _issue(redemption, PROGRAM, kind="member", member_id="m-1")
    assert (await _ask(redemption, "GET", path, known)).status_code == 404
    answers = {(await _ask(redemption, "GET", path, make_key(KEY_PREFIX).text)).status_code for _ in range(400)}
    assert answers == {401, 429}
    assert (await _ask(redemption, "GET", path, known)).status_code == 404, "who is remembered goes on"
