"""Somebody tries to make money of points, or somebody else's points, by every route there is (C07, C08, C13, C14)."""

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.integration.redemption.harness import PROGRAM, Redemption
from tests.integration.redemption.ordering import done, enrol, line, open_for_orders, order, ordered

pytestmark = pytest.mark.asyncio(loop_scope="session")

_ANNA, _BEN = "anna", "ben"
_POINTS = 5_000
_CHANGES = ("post", "put", "patch", "delete")
_PROHIBITED = {
    "transfer": ("TRANSFER_PROHIBITED", "C14"),
    "exchange": ("CROSS_ISSUER_EXCHANGE_PROHIBITED", "C08"),
    "cash-out": ("CASH_OUT_PROHIBITED", "C13"),
    "top-up": ("POINTS_SALE_PROHIBITED", "C07"),
    "pool": ("POOLED_REDEMPTION_PROHIBITED", "C14"),
}


async def test_a_path_named_so_is_refused_and_on_record(redemption: Redemption) -> None:
    for method, name in itertools.product(("GET", "POST", "PUT", "DELETE"), _PROHIBITED):
        path = f"/v1/programs/{PROGRAM}/members/{_ANNA}/{name}"
        answer = await redemption.http.request(method, path, params={"to": _BEN}, headers={"Authorization": ""})
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["control"]) == (403, *_PROHIBITED[name])
        assert problem["reason"]["zh-CN"]
        assert problem["appeal"]["en"]
        (kept,) = await redemption.running.pool.fetch(
            "SELECT code, program_id, subject FROM audit_refusal WHERE request_id = $1", problem["request_id"]
        )
        assert tuple(kept) == (_PROHIBITED[name][0], PROGRAM, "prohibited path")


async def test_whatever_anna_sends_ben_gets_no_points_and_nobody_gets_more_than_there_was(
    redemption: Redemption,
) -> None:
    seed = random.randrange(2**32)  # noqa: S311 - no secret
    print(f"seed {seed}")
    await _two_members(redemption)
    before = await _holdings(redemption, _BEN)
    sent = carried_out = 0
    for attempt in range(6):
        for method, path, body in _requests(redemption, random.Random(f"{seed} {attempt}")):  # noqa: S311
            answer = await redemption.http.request(
                method, path, json=body, headers={"Idempotency-Key": f"try-{sent}", "Greenpoints-Actor": _ANNA}
            )
            assert answer.status_code < 500, (path, body, answer.text)
            sent += 1
            carried_out += answer.is_success
    assert sent > 60
    assert carried_out > 3, "some of it is really done"
    assert await _holdings(redemption, _BEN) == before
    assert await redemption.running.pool.fetchval("SELECT sum(points) FROM lot WHERE child_of IS NULL") == 2 * _POINTS
    await redemption.assert_books_hold()


async def test_a_friend_may_receive_a_reward_and_gets_no_points_by_it(redemption: Redemption) -> None:
    """A friend is a delivery reference; what comes back goes to who paid, as points for points, money for money."""
    await _two_members(redemption)
    before = await _holdings(redemption, _BEN)
    placed = await ordered(redemption, line("pan", 2), member=_ANNA, recipient_ref=_BEN)
    await done(redemption, placed["order_id"], "fulfilments", "hand over")
    back = await done(redemption, placed["order_id"], "returns", "bring back")

    assert await _holdings(redemption, _BEN) == before
    assert (await redemption.balance(_ANNA))["available"] == _POINTS
    assert back["amount_minor"] == placed["amount_minor"] == 2 * 2_000, "the money part alone, which was paid in money"


async def test_two_members_cannot_pay_one_order(redemption: Redemption) -> None:
    await _two_members(redemption)
    for more in ({"members": [_ANNA, _BEN]}, {"payers": [_BEN]}, {"member_id": _BEN}):
        answer = await order(redemption, line("fruit-box"), member=_ANNA, **more)
        assert answer.status_code == 422, "a field that is not there is refused, not overlooked"
    assert (await redemption.balance(_BEN))["available"] == _POINTS


async def _two_members(redemption: Redemption) -> None:
    open_for_orders(redemption)
    await enrol(redemption, _POINTS, _ANNA)
    await enrol(redemption, _POINTS, _BEN)


async def _holdings(redemption: Redemption, member: str) -> list[dict[str, Any]]:
    """Every point of the member, and where it is."""
    rows = await redemption.running.pool.fetch(
        "SELECT lot_id, points, remaining, reserved, redeemed, held FROM lot WHERE member_id = $1 ORDER BY lot_id",
        member,
    )
    return [dict(row) for row in rows]


def _requests(redemption: Redemption, chance: random.Random) -> Iterator[tuple[str, str, Any]]:
    """One request for every route that changes something, in anna's name, with ben wherever somebody can be named."""
    document = redemption.http._transport.app.openapi()  # type: ignore[attr-defined]  # the very application
    schemas = document["components"]["schemas"]
    for path, methods in document["paths"].items():
        for method in methods:
            if method not in _CHANGES or "access-keys" in path:
                continue
            content = methods[method].get("requestBody", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            body = _value(schema, schemas, chance, "") if schema else None
            yield method.upper(), _filled(path, chance), body


def _filled(path: str, chance: random.Random) -> str:
    names = {"program": PROGRAM, "member": _ANNA}
    parts = [part[1:-1] if part.startswith("{") else None for part in path.split("/")]
    return "/".join(
        written if name is None else names.get(name, f"00000000-0000-4000-8000-{chance.randrange(10**12):012}")
        for name, written in zip(parts, path.split("/"), strict=True)
    )


def _value(schema: Mapping[str, Any], schemas: Mapping[str, Any], chance: random.Random, name: str) -> Any:  # noqa: PLR0911
    """Something that fits the schema often enough, all optional fields given or left out by chance."""
    if "$ref" in schema:
        return _value(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, chance, name)
    if "anyOf" in schema or "oneOf" in schema:
        return _value(chance.choice(schema.get("anyOf") or schema["oneOf"]), schemas, chance, name)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            required = set(schema.get("required", ()))
            return {
                key: _value(part, schemas, chance, key)
                for key, part in schema.get("properties", {}).items()
                if key in required or chance.random() < 0.5
            }
        case "array":
            return [_value(schema.get("items", {}), schemas, chance, name)]
        case "integer":
            return chance.choice([1, 2, 100, 500, _POINTS])
        case "boolean":
            return chance.random() < 0.5
        case "null":
            return None
        case "string":
            return _text(schema, chance, name)
    return None


def _text(schema: Mapping[str, Any], chance: random.Random, name: str) -> str:
    if schema.get("format") == "date":
        return "2025-10-05"
    if schema.get("format") == "uuid":
        return f"00000000-0000-4000-8000-{chance.randrange(10**12):012}"
    known = {
        "reward_id": ["fruit-box", "pan", "pair", "coupon", "milk-tea", "plant-a-tree"],
        "currency": ["CNY"],
        "merchant_id": ["m-1"],
        "member_id": [_ANNA],  # a till names who pays; ben paying for himself is no transfer
    }
    return chance.choice(known.get(name, [_BEN, f"{PROGRAM}/{_BEN}", "gift"]))
