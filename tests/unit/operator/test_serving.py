"""How many processes serve, at which ports, and who gives way to them."""

import os

import pytest

from deploy.local.trouble import Trouble
from services.operator import up
from services.operator.serving import NICENESS_SETTING, SETTING, serving_processes


@pytest.mark.parametrize(("cores", "number"), [(None, 1), (1, 1), (2, 1), (3, 1), (4, 2), (8, 4), (64, 4)])
def test_one_for_every_second_core(monkeypatch: pytest.MonkeyPatch, cores: int | None, number: int) -> None:
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    assert serving_processes() == number


@pytest.mark.parametrize("text", ["0", "65", "-1", "two", "1.5", "²"])
def test_no_number_is_trouble(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(SETTING, text)
    with pytest.raises(Trouble, match=SETTING):
        serving_processes()


def test_what_serves_alone_shares_the_services_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SETTING, "3")
    ports = dict(up.PREFERRED_PORTS)
    roles = {each.name: each for each in up._processes(ports)}
    serve = [each for each in roles.values() if each.roles == "serve"]
    assert {each.shared_port for each in serve} == {ports["redemption"]}
    assert len({each.port for each in roles.values()}) == len(roles), "each has a port of its own, to be measured at"
    assert roles["redemption"].port != ports["redemption"]
    assert all(each.port == ports[each.name] for each in roles.values() if each.name in ports.keys() - {"redemption"})
    assert sum("consume" in each.roles for each in roles.values() if each.service == "redemption") == 1
    process = serve[0].with_settings({"GREENPOINTS_HTTP_PORT": "1"})
    assert NICENESS_SETTING not in process.env
    assert process.env["GREENPOINTS_HTTP_SHARED_PORT"] == str(ports["redemption"])
    assert process.ready_url == f"http://127.0.0.1:{serve[0].port}/readyz"


@pytest.mark.parametrize(("said", "niceness"), [(None, "5"), ("0", "0"), ("9", "9")])
def test_workers_give_way_and_nobody_else(monkeypatch: pytest.MonkeyPatch, said: str | None, niceness: str) -> None:
    monkeypatch.delenv(NICENESS_SETTING, raising=False)
    if said is not None:
        monkeypatch.setenv(NICENESS_SETTING, said)
    started = [each.with_settings({}) for each in up._processes(dict(up.PREFERRED_PORTS))]
    nice = {process.name: process.env[NICENESS_SETTING] for process in started if NICENESS_SETTING in process.env}
    assert nice == {"earning": niceness, "redemption": niceness}
