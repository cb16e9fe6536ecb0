"""When a worker stops by itself, what settings it refuses, and where a test may kill it."""

from collections import Counter

import pytest
from pydantic import ValidationError

from shared.events.reason_codes import ReasonCode
from shared.runtime import crash_points
from shared.runtime.batch import DeadLetter, Fate
from shared.runtime.dead_letter_limit import DeadLetterLimit, NearlyEverythingBadError
from shared.runtime.ledger import Postings
from shared.runtime.settings import Settings
from tests.unit.runtime.records import batch, raw

REQUIRED = {"kafka": "k", "database": "d"}


def postings(good: int, bad: int) -> Postings:
    letter = DeadLetter(raw(b"k", b"{"), ReasonCode.MALFORMED, "no", "Rejected")
    return Postings(
        batch(raw(b"k", b"{")), "earning", Counter({Fate.APPLIED: good, Fate.DEAD_LETTERED: bad}), [], [letter] * bad
    )


def post(limit: DeadLetterLimit, good: int, bad: int) -> None:
    decided = postings(good, bad)
    limit.check(decided, "earning")
    limit.count(decided)


def test_a_short_history_stops_nobody() -> None:
    limit = DeadLetterLimit(100, 95)
    post(limit, 0, 99)
    with pytest.raises(NearlyEverythingBadError, match="mostly MALFORMED"):
        post(limit, 0, 1)


def test_one_batch_may_be_the_whole_window() -> None:
    with pytest.raises(NearlyEverythingBadError, match="95 of its last 100"):
        DeadLetterLimit(100, 95).check(postings(5, 95), "earning")
    DeadLetterLimit(100, 95).check(postings(6, 94), "earning")


def test_old_records_leave_the_window() -> None:
    limit = DeadLetterLimit(100, 95)
    for _ in range(10):
        post(limit, 100, 0)
    post(limit, 0, 90)
    with pytest.raises(NearlyEverythingBadError):
        post(limit, 0, 10)


def test_checking_alone_moves_nothing() -> None:
    limit = DeadLetterLimit(100, 95)
    for _ in range(5):
        limit.check(postings(0, 50), "earning")


@pytest.mark.parametrize(
    "setting",
    [{"clock_shift_seconds": 1}, {"clock_shift_seconds": -1}, {"crash_at": "after_poll"}, {"stop_at": "decided"}],
)
def test_production_refuses_what_only_tests_may_do(setting: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GREENPOINTS_ENVIRONMENT", raising=False)
    with pytest.raises(ValidationError, match="are for tests and the demo"):
        Settings.model_validate({**REQUIRED, **setting})
    for environment in ("test", "demo"):
        Settings.model_validate({**REQUIRED, **setting, "environment": environment})


def test_settings_come_from_the_environment_and_secrets_stay_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "KAFKA": "k:1", "DATABASE": "postgresql://secret", "OPERATOR_TOKEN": "hush", "ROLES": " relay, serve,",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"GREENPOINTS_{name}", value)
    settings = Settings()
    assert settings.role_set == {"relay", "serve"}
    assert "secret" not in repr(settings)
    assert "hush" not in repr(settings)


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValidationError, match="names \\['cook'\\]"):
        Settings.model_validate({**REQUIRED, "roles": "consume,cook"})


def test_only_the_armed_crash_point_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: killed.append(number))
    with pytest.raises(ValueError, match="Unknown crash point 'lunch'"):
        crash_points.arm("lunch")
    try:
        crash_points.arm("after_poll")
        for point in crash_points.POINTS:
            crash_points.reach(point)
        assert len(killed) == 1
        assert crash_points.is_armed("after_poll")
    finally:
        crash_points.arm("")
    for point in crash_points.POINTS:
        crash_points.reach(point)
    assert len(killed) == 1


def test_an_armed_crash_point_is_passed_alive_as_often_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr("os.kill", lambda _pid, number: killed.append(number))
    try:
        crash_points.arm("relay_read", after=2)
        for passed in range(3):
            assert len(killed) == 0, passed
            crash_points.reach("after_poll")
            crash_points.reach("relay_read")
        assert len(killed) == 1
    finally:
        crash_points.arm("")
