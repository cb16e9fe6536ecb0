"""What the commands ask the services, and what they make of refusals, outages and long lists."""

import json
from collections.abc import Callable

import httpx
import pytest

from deploy.local.trouble import Trouble
from services.operator import dead_letters
from services.operator.running import Addresses, Operator
from services.operator.trace import tell

ADDRESSES = Addresses({"earning": "http://earning", "redemption": "http://redemption"}, "token")
Answer = Callable[[httpx.Request], httpx.Response]


def operator(answer: Answer) -> Operator:
    return Operator(ADDRESSES, httpx.MockTransport(answer))


def problem(status: int, **members: object) -> Answer:
    return lambda _: httpx.Response(status, json=members)


def trouble_of(answer: Answer) -> Trouble:
    with operator(answer) as asked, pytest.raises(Trouble) as caught:
        asked.get("earning", "/v1/trace/x")
    return caught.value


def test_a_refusal_keeps_the_services_own_words_and_code() -> None:
    trouble = trouble_of(
        problem(422, code="MALFORMED", detail="No.", fields=[{"path": "query.limit", "message": "low"}])
    )
    assert (trouble.code, trouble.way_on) == ("MALFORMED", "No. query.limit: low")


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"title": 1}'])
def test_an_answer_of_a_stranger_is_a_trouble_too(body: bytes) -> None:
    trouble = trouble_of(lambda _: httpx.Response(502, content=body))
    assert trouble.code == "REFUSED"
    assert "502" in str(trouble)


def test_an_outage_names_service_and_address() -> None:
    def down(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    trouble = trouble_of(down)
    assert trouble.code == "SERVICE_UNREACHABLE"
    assert "earning" in str(trouble)
    assert "http://earning" in str(trouble)


def test_only_not_found_is_no_answer() -> None:
    with operator(problem(404, code="NOT_FOUND", detail="No such thing.")) as asked:
        assert asked.find("earning", "/v1/x") is None
    with operator(problem(403, code="FORBIDDEN", detail="No.")) as asked, pytest.raises(Trouble):
        asked.find("earning", "/v1/x")


def test_the_token_is_sent_and_ids_are_quoted() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path.startswith("/v1/dead-letters"):
            return httpx.Response(200, json=[])
        return httpx.Response(200, json={name: [] for name in (*EARNING, *REDEMPTION)})

    with operator(answer) as connected:
        story, left_out = tell(connected, "/pos/a b#x?y")
    assert story.is_empty()
    assert left_out == 0
    assert {request.headers["Authorization"] for request in asked} == {"Bearer token"}
    assert asked[0].url.raw_path == b"/v1/trace/%2Fpos%2Fa%20b%23x%3Fy"
    assert asked[-1].url.params["contains"] == '"x?y"'


EARNING = ("decisions", "grants", "claw_backs", "waiting")
REDEMPTION = ("lots", "journal", "redemptions", "allocations", "claw_backs", "correlations")


def test_a_redemption_of_very_many_purchases_says_how_many_are_left_out() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/dead-letters"):
            return httpx.Response(200, json=[])
        found: dict[str, list[object]] = {name: [] for name in (*EARNING, *REDEMPTION)}
        if request.url.host == "redemption":
            found["correlations"] = [{"correlation_id": f"/pos#{number:03}"} for number in range(130)]
        else:
            asked.append(request.url.path.removeprefix("/v1/trace/"))
        return httpx.Response(200, json=found)

    with operator(answer) as connected:
        _, left_out = tell(connected, "redemption-1")
    assert asked == ["redemption-1", *(f"/pos#{number:03}" for number in range(100))]
    assert left_out == 30


def test_who_watches_and_tells_is_asked_for_the_event_and_its_story() -> None:
    asked: list[tuple[str, str]] = []
    found: dict[str, list[object]] = {name: [] for name in (*EARNING, *REDEMPTION, "cases", "signals", "holds")}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith("/v1/dead-letters"):
            return httpx.Response(200, json=[])
        asked.append((request.url.host, request.url.path.removeprefix("/v1/trace/")))
        told = dict(found)
        if request.url.host == "earning":
            told["decisions"] = [{"event_key": "k", "correlation_id": "/pos#buy"}]
        if request.url.host == "notification":
            told = {"messages": [{"message_id": "m1"}]}
        return httpx.Response(200, json=told)

    urls = {name: f"http://{name}" for name in ("earning", "redemption", "fraud_monitoring", "notification")}
    with Operator(Addresses(urls, "token"), httpx.MockTransport(answer)) as connected:
        story, _ = tell(connected, "buy")
    beside = [(host, path) for host, path in asked if host in ("fraud_monitoring", "notification")]
    assert beside == [
        (service, name) for service in ("fraud_monitoring", "notification") for name in ("buy", "/pos#buy")
    ]
    assert len(story.messages) == 1


def replaying(letters: int) -> tuple[list[int], Answer]:
    """A service with that many open letters; which chunks were asked of it."""
    chunks: list[int] = []
    left = letters

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal left
        if request.url.path.endswith("/unpublished"):
            return httpx.Response(200, json={"letters": 0})
        body = json.loads(request.content)
        taken = min(body["limit"], left)
        if not body["dry_run"]:
            chunks.append(body["limit"])
            left -= taken
        return httpx.Response(200, json={"dry_run": body["dry_run"], "letters": [str(n) for n in range(taken)]})

    return chunks, answer


@pytest.mark.parametrize(
    ("there", "limit", "wanted", "done"), [(250, 230, [100, 100, 30], 230), (7, 100, [7], 7), (0, 100, [], 0)]
)
def test_a_replay_goes_in_chunks_and_takes_what_was_there_at_the_start(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    there: int,
    limit: int,
    wanted: list[int],
    done: int,
) -> None:
    chunks, answer = replaying(there)
    monkeypatch.setattr(dead_letters, "find_addresses", lambda: ADDRESSES)
    monkeypatch.setattr(dead_letters, "Operator", lambda _: operator(answer))
    dead_letters.replay(service="earning", limit=limit)
    assert chunks == wanted
    printed = capsys.readouterr().out
    assert f"{done} dead letters of earning were replayed." in printed
    assert ("are published" in printed) == (done > 0)


def test_a_replay_whose_letters_another_operator_took_ends() -> None:
    with operator(replaying(20)[1]) as connected:
        assert len(dead_letters._replay(connected, "earning", {"dry_run": False}, 50, quiet=True)) == 20


def test_what_has_no_dead_letters_is_said() -> None:
    addresses = Addresses({"gateway": "http://gateway"}, "token")
    with Operator(addresses, httpx.MockTransport(problem(404))) as asked, pytest.raises(Trouble) as caught:
        dead_letters._services(asked, "gateway")
    assert caught.value.code == "NO_DEAD_LETTERS"
