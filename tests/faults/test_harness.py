"""The harness itself: its traffic repeats, its picture shows every difference, its clock measures outages."""

import zlib
from email.message import EmailMessage

import pytest

from tests.faults.books import Picture
from tests.faults.mail import judge
from tests.faults.progress import Progress, Sample, Strike
from tests.faults.record import Traffic
from tests.faults.traffic import drawn_until, mixed_traffic
from tests.infrastructure.mail_server import Mail


def small(seed: int) -> Traffic:
    return mixed_traffic(300, seed=seed, until=drawn_until())


def test_a_seed_gives_the_same_traffic_byte_for_byte() -> None:
    assert small(7) == small(7)
    assert small(7).fire != small(8).fire


def test_a_picture_names_what_is_missing_too_much_or_other() -> None:
    calm = Picture({"lot": {"a": "1 left", "b": "2 left"}, "told": {"e": zlib.compress(b'{"points":1}')}})
    assert calm.differences(Picture(dict(calm.sections))) == []
    found = Picture({"lot": {"b": "3 left", "c": "4 left"}, "told": {"e": zlib.compress(b'{"points":2}')}})
    assert calm.differences(found) == [
        "lot: a is missing, expected 1 left",
        "lot: c is too much: 4 left",
        "lot: b: expected 2 left, found 3 left",
        'told: e: expected {"points":1}, found {"points":2}',
    ]


def test_mail_that_is_missing_doubled_forbidden_or_astray_is_wrong() -> None:
    rows = [
        {"message_id": name, "state": state, "email": "ann@mail.test"}
        for name, state in (
            ("sent", "sent"),
            ("missing", "sent"),
            ("doubled", "sent"),
            ("open", "unknown"),
            ("perhaps", "unknown"),
            ("twice", "unknown"),
            ("no", "suppressed"),
            ("astray", "sent"),
        )
    ]
    mails = [mail(name) for name in ("sent", "doubled", "doubled", "perhaps", "twice", "twice", "no", "stranger")]
    post = judge(rows, [*mails, mail("astray", to="bob@mail.test")])
    assert (post.mails, post.unknown) == (9, 3)
    assert [line.split(" ")[1] if line.startswith("message") else "stranger" for line in post.wrong] == [
        "stranger",
        "missing",
        "doubled",
        "twice",
        "no",
        "astray",
    ]


def mail(message_id: str, *, to: str = "ann@mail.test") -> Mail:
    message = EmailMessage()
    message["Message-ID"] = f"<{message_id}@greenpoints.test>"
    return Mail([to], message)


@pytest.mark.parametrize(("outage", "expected"), [(0, 0), (4, 4)])
def test_recovery_is_the_time_until_nine_tenths_of_the_rate_held(outage: int, expected: int) -> None:
    """100 records a tenth of a second, none during the outage that begins at 5 s."""
    progress, done = Progress(), 0
    for tenth in range(150):
        done += 0 if 50 <= tenth < 50 + outage * 10 else 100
        progress.samples.append(Sample(tenth / 10, {"earning": done}))
    progress.strikes.append(Strike("broken", 5.0, ("earning",)))
    (recovery,) = progress.recoveries()
    assert recovery.rate == pytest.approx(1000, rel=0.05)
    assert recovery.seconds == pytest.approx(expected, abs=0.2)


def test_traffic_that_ends_during_the_outage_measures_nothing() -> None:
    progress = Progress([Sample(tenth / 10, {"earning": min(tenth, 50)}) for tenth in range(60)])
    progress.strikes.append(Strike("broken", 5.0, ("earning",)))
    (recovery,) = progress.recoveries()
    assert (recovery.seconds, str(recovery)) == (None, "broken: 10 records/s before, the traffic ended first")
