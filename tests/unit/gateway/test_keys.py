"""Who may call: missing, wrong and revoked keys, and how long a look-up is remembered."""

from dataclasses import replace

import pytest

from services.gateway.key_book import PREFIX
from shared.runtime.secret_keys import hash_secret, make_key, parse_key
from tests.unit.gateway.door import POS, REVOKED, SECOND, STRUCTURED, Gateway, bearer, purchase


def test_what_is_issued_can_be_read_back() -> None:
    for _ in range(200):  # secrets may hold "_" and "-"
        key = make_key(PREFIX)
        parsed = parse_key(PREFIX, key.text)
        assert parsed is not None
        assert (parsed[0], hash_secret(parsed[1])) == (key.key_id, key.secret_hash)
        assert parse_key("gpr", key.text) is None  # another service's key


@pytest.mark.parametrize("text", ["", "gp_", "gp_00000000000000a1_short", "xx_00000000000000a1_" + "s" * 43])
def test_other_texts_are_no_keys(text: str) -> None:
    assert parse_key(PREFIX, text) is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": bearer(POS)["Authorization"].replace("Bearer", "Basic")},
        bearer(POS, "t" * 43),
        bearer(REVOKED),
        bearer(replace(POS, key_id="ffffffffffffffff")),
    ],
)
async def test_without_a_valid_key_nothing_is_read(headers: dict[str, str]) -> None:
    gateway = Gateway()

    answer = await gateway.http.post("/v1/events", content=b"{", headers={"Content-Type": STRUCTURED, **headers})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "UNAUTHENTICATED"


async def test_a_key_is_looked_up_every_few_seconds_and_a_revocation_takes_effect() -> None:
    gateway = Gateway()

    await gateway.send(purchase())
    await gateway.send(purchase())
    assert gateway.store.asked == 1
    gateway.store.keys[POS.key_id] = replace(POS, active=False)
    gateway.clock.now += 3 * SECOND

    assert (await gateway.send(purchase())).status_code == 401
    assert gateway.store.asked == 2


async def test_a_forgotten_key_is_looked_up_at_once() -> None:
    gateway = Gateway()
    await gateway.send(purchase())
    gateway.store.keys.clear()

    gateway.keys.forget(POS.key_id)

    assert (await gateway.send(purchase())).status_code == 401


async def test_a_database_that_is_away_is_no_wrong_key() -> None:
    gateway = Gateway()
    gateway.store.away = True

    answer = await gateway.send(purchase())

    assert (answer.status_code, answer.json()["code"]) == (503, "DATABASE_AWAY")
    assert "retry-after" in answer.headers
