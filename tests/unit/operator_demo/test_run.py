"""The demo's parts without Kafka and PostgreSQL: spending, comparing balances, probes, the live screen."""

import asyncio
import json
from collections.abc import Callable
from io import StringIO

import httpx
import pytest
from rich.console import Console

from deploy.local.trouble import Trouble
from services.operator.demo import screen as screens
from services.operator.demo.compare import compare_members
from services.operator.demo.figures import Figures
from services.operator.demo.probes import POINTS, purchase, registration
from services.operator.demo.screen import Screen
from services.operator.demo.spend import MOST_POINTS, SPENDERS, spend
from services.operator.traffic.sent import Expectation, MemberExpectation
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.purchase_completed import PurchaseCompleted

NOTHING = dict.fromkeys(("pending", "available", "reserved", "held", "redeemed", "expired", "forfeited"), 0)
EMPTY = {**NOTHING, "issued": 0, "clawed_back": 0, "deficit": 0, "waived": 0}


def _client(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://redemption")


def _wallets(available: dict[str, int], *, refuses: bool = True) -> httpx.AsyncClient:
    """Redemption as far as spending needs it; one that does not refuse overspending is a defective one."""
    done: dict[str, tuple[int, str]] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        member_id = request.url.path.split("/")[5]
        if request.method == "GET":
            return httpx.Response(200, json={"available": available.get(member_id, 0)})
        key, points = request.headers["idempotency-key"], json.loads(request.content)["points"]
        if key not in done:
            if points > available[member_id] and refuses:
                return httpx.Response(409, json={"code": "INSUFFICIENT_POINTS"})
            available[member_id] -= points
            done[key] = (points, f"redemption-{len(done)}")
        return httpx.Response(201, json={"redemption_id": done[key][1], "points": done[key][0]})

    return _client(answer)


async def test_a_few_members_spend_once_and_never_more_than_they_have() -> None:
    available = {f"m{number:02}": 100 for number in range(20)} | {"m00": 0, "m01": 9_000}
    spent = await spend(_wallets(available), "fruit-shop", sorted(available))
    assert len(spent.points) == spent.refused == SPENDERS
    assert "m00" not in spent.points
    assert spent.points["m01"] == MOST_POINTS
    assert (available["m01"], available["m02"], available["m19"]) == (9_000 - MOST_POINTS, 0, 100)


async def test_a_redemption_beyond_the_balance_is_a_trouble() -> None:
    with pytest.raises(Trouble, match="answered member m1 with status 201"):
        await spend(_wallets({"m1": 5}, refuses=False), "fruit-shop", ["m1"])


async def test_each_member_with_other_points_is_named() -> None:
    balances = {
        "right": {**EMPTY, "issued": 10, "clawed_back": 4, "available": 5, "redeemed": 1},
        "owing": {**EMPTY, "issued": 10, "clawed_back": 10, "redeemed": 3, "deficit": 3},
        "short": {**EMPTY, "issued": 9, "available": 9},
        "lost": {**EMPTY, "issued": 10, "available": 9},
    }
    expectation = Expectation(
        members={
            "right": MemberExpectation(10, 4),
            "owing": MemberExpectation(10, 10),
            "short": MemberExpectation(10),
            "lost": MemberExpectation(10),
            "unknown": MemberExpectation(),
        }
    )

    def answer(request: httpx.Request) -> httpx.Response:
        balance = balances.get(request.url.path.split("/")[5])
        return httpx.Response(404) if balance is None else httpx.Response(200, json=balance)

    off = await compare_members(_client(answer), "fruit-shop", expectation, {"right": 1, "owing": 3})
    assert [sentence.split(":")[0] for sentence in off] == ["short", "lost", "unknown"]
    assert off[1].endswith(
        "expected 10 issued, 0 clawed back, 0 redeemed, 10 net; found 10 issued, 0 clawed back, 0 redeemed, 9 net"
    )
    assert "answered 404" in off[2]


def test_a_probe_is_a_sound_event_either_way() -> None:
    for sent in (registration("probe-1"), purchase("probe-1", "r1")):
        structured = decode(sent.topic, sent.key.encode(), sent.structured(), STRUCTURED_HEADERS)
        binary = decode(sent.topic, sent.key.encode(), sent.data, sent.binary_headers())
        assert (structured.event_key, structured.content_hash) == (binary.event_key, binary.content_hash)
    assert isinstance(structured.data, PurchaseCompleted)
    assert structured.data.total_minor == POINTS * 100


async def test_without_a_terminal_a_line_is_printed_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "LINE_SECONDS", 0.01)
    written = StringIO()
    seen = asyncio.Event()
    figures = iter(range(1, 1_000))

    def now() -> Figures:
        number = next(figures)
        if number == 3:
            seen.set()
        return Figures(sent=number)

    async with Screen(Console(file=written, width=200)).live("the title", now):
        await asyncio.wait_for(seen.wait(), 5)
    lines = written.getvalue().splitlines()
    assert lines[0] == "the title"
    assert [line.split()[1] for line in lines[1:4]] == ["1", "2", "3"]


async def test_a_terminal_gets_a_panel_with_the_last_figures() -> None:
    written = StringIO()
    console = Console(file=written, width=100, force_terminal=True, color_system=None)
    async with Screen(console).live("the title", lambda: Figures(sent=4711)):
        await asyncio.sleep(0)
    assert "the title" in written.getvalue()
    assert "4,711 (0 by HTTP, 0 by Kafka)" in written.getvalue()
