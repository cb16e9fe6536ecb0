"""Paths that must not exist (C07, C08, C13, C14)."""

import pytest

from shared.runtime.prohibited_path import prohibition
from tests.unit.gateway.door import POS, SECOND, Gateway, bearer


@pytest.mark.parametrize(
    ("path", "code", "control"),
    [
        ("/v1/transfer", "TRANSFER_PROHIBITED", "C14"),
        ("/v1/members/anna/Transfers", "TRANSFER_PROHIBITED", "C14"),
        ("/v1/points/exchange", "CROSS_ISSUER_EXCHANGE_PROHIBITED", "C08"),
        ("/cash-out", "CASH_OUT_PROHIBITED", "C13"),
        ("/v2/cash_out/now", "CASH_OUT_PROHIBITED", "C13"),
        ("/v1/top-up", "POINTS_SALE_PROHIBITED", "C07"),
        ("/v1/%74opup", "POINTS_SALE_PROHIBITED", "C07"),
        ("/v1/members/anna/withdrawals", "CASH_OUT_PROHIBITED", "C13"),
        ("/v1/recharge", "POINTS_SALE_PROHIBITED", "C07"),
        ("/v1/pools/family", "POOLED_REDEMPTION_PROHIBITED", "C14"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_each_is_refused_with_its_code_and_recorded(method: str, path: str, code: str, control: str) -> None:
    gateway = Gateway()

    answer = await gateway.http.request(method, f"{path}?amount=5")

    assert answer.status_code == 403
    problem = answer.json()
    assert (problem["code"], problem["control"]) == (code, control)
    assert problem["reason"]["zh-CN"]
    assert problem["appeal"]["en"]
    ((recorded, recorded_path, key_id),) = gateway.records.rows
    assert (recorded, key_id) == (code, None)
    assert "amount" not in recorded_path


async def test_a_valid_key_is_named_in_the_record() -> None:
    gateway = Gateway()

    await gateway.http.post("/v1/transfer", headers=bearer(POS))
    await gateway.http.post("/v1/transfer", headers=bearer(POS, "t" * 43))

    assert [key_id for _, _, key_id in gateway.records.rows] == [POS.key_id, None]


async def test_no_refusal_without_its_record() -> None:
    gateway = Gateway()
    gateway.records.away = True

    assert (await gateway.http.post("/v1/transfer")).status_code == 503


async def test_strangers_cannot_fill_the_database() -> None:
    gateway = Gateway()

    answers = [(await gateway.http.get("/transfer")).status_code for _ in range(1001)]

    assert answers == [403] * 1000 + [429]
    gateway.clock.now += SECOND
    assert (await gateway.http.get("/transfer")).status_code == 403


@pytest.mark.parametrize("path", ["/v1/events", "/v1/transferred", "/healthz", "/v1/api-keys/exchanger"])
def test_other_paths_are_free(path: str) -> None:
    assert prohibition(path) is None
