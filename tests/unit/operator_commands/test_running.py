"""How another terminal finds what runs: its record, the environment before it, and one sentence for nothing."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.local.trouble import Trouble
from services.operator.local_run import RECORD, LocalRun, local_runs, recorded_run
from services.operator.running import find_addresses

RUN = LocalRun(
    {"gateway": "http://127.0.0.1:1", "earning": "http://127.0.0.1:2", "redemption": "http://127.0.0.1:3"},
    "127.0.0.1:9092",
    {"greenpoints_audit": "postgresql://audit@db/greenpoints"},
    "secret-token",
)


def test_a_run_is_found_while_it_lasts_and_by_nobody_else(tmp_path: Path) -> None:
    with recorded_run(tmp_path, RUN):
        assert stat.S_IMODE((tmp_path / RECORD).stat().st_mode) == 0o600
        found = find_addresses(tmp_path, {})
        assert found.url("redemption") == "http://127.0.0.1:3"
        assert found.services_with_dead_letters() == ["earning", "redemption"]
        assert (found.operator_token, found.kafka) == ("secret-token", "127.0.0.1:9092")
        assert found.dsns["greenpoints_audit"] == "postgresql://audit@db/greenpoints"
    assert [file.name for file in tmp_path.iterdir()] == []


def test_the_record_goes_when_the_run_fails(tmp_path: Path) -> None:
    with pytest.raises(KeyError), recorded_run(tmp_path, RUN):
        raise KeyError
    assert local_runs(tmp_path) == []


def test_what_a_killed_run_left_is_no_run_and_no_obstacle(tmp_path: Path) -> None:
    with recorded_run(tmp_path, replace(RUN, started=RUN.started - 3600)):
        assert local_runs(tmp_path) == [], "the pid lives, but as another process"
    (tmp_path / RECORD).write_text("{")
    assert local_runs(tmp_path) == []
    with recorded_run(tmp_path, RUN):
        assert stat.S_IMODE((tmp_path / RECORD).stat().st_mode) == 0o600
        assert local_runs(tmp_path) == [RUN]


def test_secrets_are_not_printed() -> None:
    assert "secret-token" not in repr(RUN)
    assert "postgresql" not in repr(RUN)
    assert "secret-token" not in repr(find_addresses(Path("/nowhere"), environment()))


def environment() -> dict[str, str]:
    return {
        "GREENPOINTS_EARNING_URL": "https://earning.example/",
        "GREENPOINTS_OPERATOR_TOKEN": "secret-token",
        "GREENPOINTS_KAFKA": "kafka.example:9092",
        "GREENPOINTS_AUDIT_DATABASE": "postgresql://audit@other/greenpoints",
    }


def test_the_environment_goes_before_the_record(tmp_path: Path) -> None:
    with recorded_run(tmp_path, RUN):
        found = find_addresses(tmp_path, environment() | {"GREENPOINTS_OPERATOR_TOKEN": "another"})
    assert found.url("earning") == "https://earning.example"
    assert found.url("redemption") == "http://127.0.0.1:3"
    assert (found.operator_token, found.kafka) == ("another", "kafka.example:9092")
    assert found.dsns["greenpoints_audit"] == "postgresql://audit@other/greenpoints"


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    found = find_addresses(tmp_path, environment())
    assert found.url("earning") == "https://earning.example"
    with pytest.raises(Trouble, match="GREENPOINTS_REDEMPTION_URL") as caught:
        found.url("redemption")
    assert caught.value.code == "ADDRESS_UNKNOWN"
    with pytest.raises(Trouble, match="There is no service nobody") as caught:
        found.url("nobody")
    assert caught.value.code == "SERVICE_UNKNOWN"


def test_nothing_running_is_one_sentence_with_a_way_on(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="`greenpoints up`") as caught:
        find_addresses(tmp_path, {})
    assert caught.value.code == "NOT_RUNNING"


def test_an_ephemeral_run_is_found_and_of_two_none_is_guessed(tmp_path: Path) -> None:
    one, two = (tmp_path / "ephemeral" / name for name in ("one", "two"))
    one.mkdir(parents=True)
    two.mkdir()
    with recorded_run(one, RUN):
        assert find_addresses(tmp_path, {}).kafka == RUN.kafka
        with recorded_run(two, RUN), pytest.raises(Trouble, match="GREENPOINTS_STATE_DIR") as caught:
            find_addresses(tmp_path, {})
        assert caught.value.code == "SEVERAL_RUNNING"
        assert find_addresses(one, {}).kafka == RUN.kafka
