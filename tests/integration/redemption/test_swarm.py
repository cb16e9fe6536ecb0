"""Clients, refunds, holds, grants and sweeps race on one member's lots over lossy connections: one key, one effect."""

import asyncio
import random
from contextlib import suppress
from functools import partial

import httpx
import pytest

from services.operator.audit.checks import orders, stock
from services.redemption.app import SERVICE
from services.redemption.sweepers.sweep_expiry import sweep_expiry
from services.redemption.sweepers.sweep_maturity import sweep_maturity
from shared.runtime.http import build_app
from shared.runtime.postgres import DATABASE_AWAY
from tests.integration.redemption.harness import (
    PROGRAM,
    TOKEN,
    Redemption,
    Told,
    clawed_back,
    confirmed,
    grant,
    grant_id,
    hold,
    released,
    start,
    stop,
)
from tests.integration.redemption.ordering import REWARDS, SHOP, enrol, open_for_orders
from tests.integration.redemption.swarm import (
    Call,
    LossyTransport,
    Reply,
    Swarm,
    drawn_seed,
    kill_connections,
    post_surely,
    surely,
)
from tests.integration.redemption.till import AUTHORIZATIONS, bill

pytestmark = pytest.mark.asyncio(loop_scope="session")

_CLIENTS = 8
_CALLS = 12  # of each client
_MEMBERS = ("m-1", "m-2")
_NOTICES_GIVEN = """
    WITH held AS (SELECT FROM wallet WHERE (program_id, member_id) = ($1, $2) FOR UPDATE)
    UPDATE lot SET last_notice_at = granted_at, expiry_due_at = expires_at
      FROM held WHERE lot_id = $3 AND last_notice_at IS NULL
"""


@pytest.mark.parametrize("given", [1, 2, 3])
async def test_a_swarm_leaves_exact_books_and_one_effect_for_each_key(redemption: Redemption, given: int) -> None:
    draw = random.Random(drawn_seed(given))  # noqa: S311 - a seed that can be given again, no secret
    open_for_orders(redemption, *REWARDS[:6], point_payment={"points": 100, "minor": 500})
    for member in _MEMBERS:
        await enrol(redemption, 4_000, member)
    other = await start(_dsn(redemption))
    other.running.programs = redemption.running.programs
    swarm, over = Swarm(_lossy(redemption, draw), draw), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as beside:  # one failure ends all the others
            looks = beside.create_task(_watch(redemption, over))
            killed = beside.create_task(kill_connections(_dsn(redemption), draw, over))
            async with asyncio.TaskGroup() as busy:
                for _ in range(_CLIENTS):
                    busy.create_task(_client(swarm, draw))
                busy.create_task(_events(redemption, draw))
                for each in (redemption, other):
                    busy.create_task(_sweeps(each, draw))
            over.set()
    finally:
        await swarm.http.aclose()
        await stop(other)
    counts = swarm.counts()
    assert min(counts[reply] for reply in Reply) > 5, counts
    assert looks.result() > 5, looks
    assert killed.result() > 3, killed
    assert await redemption.running.pool.fetchval("SELECT count(*) FROM dead_letter") == 0
    await _assert_exact(redemption)
    await _assert_one_effect_each(redemption, swarm)


async def _client(swarm: Swarm, draw: random.Random) -> None:
    """Orders, spends, pays at the till, and does something with what it has before it goes on."""
    for _ in range(_CALLS):
        member = draw.choice(_MEMBERS)
        what = draw.random()
        if what < 0.2:
            await swarm.call(f"{SHOP}/members/{member}/redemptions", {"points": draw.randint(1, 900), "reason": "tea"})
        elif what < 0.45:
            await _pay(swarm, draw, member)
        else:
            lines = [
                {"reward_id": draw.choice(("fruit-box", "pan", "pair", "coupon")), "quantity": draw.randint(1, 2)}
                for _ in range(draw.randint(1, 2))
            ]
            placed = await swarm.call(f"{SHOP}/members/{member}/orders", {"lines": lines})
            if placed.last is Reply.DONE:
                await _go_on(swarm, draw, placed.told["order_id"])


async def _pay(swarm: Swarm, draw: random.Random, member: str) -> None:
    placed = await swarm.call(AUTHORIZATIONS, bill(10_000, member=member, points=draw.randint(1, 9) * 100))
    if placed.last is Reply.DONE and placed.told["points"]:
        end = draw.choice(("capture", "void"))
        await swarm.call(f"{AUTHORIZATIONS}/{placed.told['authorization_id']}/{end}", {})


async def _go_on(swarm: Swarm, draw: random.Random, order_id: str) -> None:
    """Two steps that may be the wrong ones, sometimes sent by two clients at once."""
    for _ in range(2):
        kind = draw.choice(("cancellations", "fulfilments", "fulfilments", "returns", "replacements"))
        body = {} if kind == "fulfilments" else {"reason": "swarm"}
        if kind in ("returns", "replacements") and draw.random() < 0.5:
            body["lines"] = [{"line_id": "1", "quantity": 1}]  # type: ignore[assignment]
        path, key = f"/v1/orders/{order_id}/{kind}", swarm.new_key()
        twins = 2 if draw.random() < 0.3 else 1
        await asyncio.gather(*(swarm.call(path, body, key) for _ in range(twins)))


async def _events(redemption: Redemption, draw: random.Random) -> None:
    """What the worker posts meanwhile: grants, refunds of them, holds and their ends; and lots come to their date."""
    for number in range(15):
        member = draw.choice(_MEMBERS)
        name = f"g-{number}"
        told: list[Told] = [grant(name, draw.randint(50, 400), member=member, life_days=draw.choice((None, 20)))]
        if draw.random() < 0.7:
            told.append(clawed_back(f"c-{number}", draw.randint(1, 50), of=name, member=member))
        if draw.random() < 0.3:
            told.append(clawed_back(f"d-{number}", draw.randint(50, 150), of=f"{member}-a", member=member))
        await post_surely(redemption, *told)
        if draw.random() < 0.5:
            await post_surely(redemption, hold(f"h-{number}", member=member, points=draw.choice((100, 500))))
            ended = draw.choice((released, partial(confirmed, points=draw.randint(1, 100))))
            await post_surely(redemption, ended(f"h-{number}", member=member))
        if draw.random() < 0.5:
            lot = grant_id(f"g-{draw.randint(0, number)}")
            await surely(partial(_give_notices, redemption, member, lot))


async def _give_notices(redemption: Redemption, member: str, lot: object) -> None:
    await redemption.running.pool.execute(_NOTICES_GIVEN, PROGRAM, member, lot)


async def _sweeps(redemption: Redemption, draw: random.Random) -> None:
    for _ in range(15):
        await surely(partial(sweep_expiry, redemption.running))
        await surely(partial(sweep_maturity, redemption.running))
        await asyncio.sleep(draw.random() / 10)


async def _watch(redemption: Redemption, over: asyncio.Event) -> int:
    """Whatever is committed at any instant is exact: each look is one snapshot."""
    looks = 0
    while not over.is_set():
        with suppress(*DATABASE_AWAY):
            await _assert_exact(redemption)
            looks += 1
    return looks


async def _assert_exact(redemption: Redemption) -> None:
    await redemption.assert_books_hold()
    for check in (orders, stock):
        assert await redemption.running.pool.fetch(check.DIFFERING) == []


async def _assert_one_effect_each(redemption: Redemption, swarm: Swarm) -> None:
    """What was answered done is in the books once, what was refused is not; asked again, each is answered alike."""
    pool = redemption.running.pool
    effects = {
        row["key"]: row["effects"]
        for row in await pool.fetch(
            "SELECT key, count(*) AS effects FROM ("
            " SELECT idempotency_key AS key FROM redemption WHERE NOT EXISTS (SELECT FROM point_authorization a"
            "  WHERE a.redemption_id = redemption.redemption_id)"
            "  AND NOT EXISTS (SELECT FROM reward_order o WHERE o.redemption_id = redemption.redemption_id)"
            " UNION ALL SELECT idempotency_key FROM reward_order WHERE exchanged_from IS NULL"
            " UNION ALL SELECT idempotency_key FROM order_change WHERE reason <> 'issued with the order'"
            " UNION ALL SELECT idempotency_key FROM point_authorization) AS done GROUP BY key"
        )
    }
    ends = ("/capture", "/void")
    calls: dict[str, Call] = {}
    for made in (each for each in swarm.log if not each.path.endswith(ends)):
        known = calls.setdefault(made.key, made)
        assert known.path == made.path, "two questions under one key prove nothing"
        if made.last is Reply.DONE:  # of two who asked at once, the first may be refused before it can be done
            calls[made.key] = made
    for key, made in calls.items():
        nothing_left = made.told.get("change_id") and made.last is Reply.DONE and key not in effects
        assert nothing_left or effects.get(key, 0) == (made.last is Reply.DONE), (made.path, made.replies)
    done = [made for made in calls.values() if made.last is Reply.DONE and "authorizations" not in made.path]
    for made in done:
        again = await redemption.http.post(made.path, json=made.body, headers={"Idempotency-Key": made.key})
        assert (again.is_success, again.json()) == (True, made.told)
    await _assert_exact(redemption)


def _lossy(redemption: Redemption, draw: random.Random) -> httpx.AsyncClient:
    async def ready() -> str | None:
        return None

    app = build_app("swarm", SERVICE.routers(redemption.running), ready, SERVICE.middleware(redemption.running))
    return httpx.AsyncClient(
        transport=LossyTransport(httpx.ASGITransport(app), draw),
        base_url="http://redemption",
        headers={"Authorization": f"Bearer {TOKEN}"},
    )


def _dsn(redemption: Redemption) -> str:
    return redemption.running.settings.database.get_secret_value()
