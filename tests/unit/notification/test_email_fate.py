"""What becomes of a queued e-mail, by what is known at that moment."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notification.domain.address import usable_address
from services.notification.domain.backoff import pause_after
from services.notification.domain.consent import Profile
from services.notification.domain.email_fate import (
    EmailFate,
    GiveUp,
    Patience,
    QueuedEmail,
    Send,
    Suppress,
    Wait,
    email_fate,
)
from services.notification.domain.language import language_of
from services.notification.domain.template import Template
from shared.events.reason_codes import ReasonCode

NOBODY_SAYS_NO = Profile()
QUEUED = datetime(2026, 11, 22, 10, tzinfo=UTC)
PATIENCE = Patience(contact=timedelta(minutes=15), news=timedelta(hours=72))
LATE, TOO_LATE = QUEUED + timedelta(minutes=15), QUEUED + timedelta(hours=72)


def queued(
    profile: Profile | None = NOBODY_SAYS_NO,
    email: str | None = "a@b.test",
    *,
    erased: bool = False,
) -> QueuedEmail:
    return QueuedEmail(Template.POINTS_GRANTED, 2026, QUEUED, profile, email, erased)


@pytest.mark.parametrize(
    ("known", "now", "fate"),
    [
        (queued(), QUEUED, Send("a@b.test")),
        (queued(profile=None), QUEUED, Wait(LATE)),
        (queued(email=None), QUEUED, Wait(LATE)),
        (queued(email="no address"), QUEUED, Wait(LATE)),
        (queued(profile=None), LATE, Suppress(ReasonCode.NO_CONSENT)),
        (queued(email=None), LATE, Suppress(ReasonCode.CONTACT_MISSING)),
        (queued(erased=True, email=None), QUEUED, Suppress(ReasonCode.CONTACT_ERASED)),
        (queued(Profile(consents={"email": False})), QUEUED, Suppress(ReasonCode.NO_CONSENT)),
        (queued(Profile(consents={"email": False}), None), QUEUED, Suppress(ReasonCode.NO_CONSENT)),
        (queued(), TOO_LATE - timedelta(seconds=1), Send("a@b.test")),
        (queued(), TOO_LATE, GiveUp("too-old")),
    ],
)
def test_the_fate(known: QueuedEmail, now: datetime, fate: EmailFate) -> None:
    assert email_fate(known, now, PATIENCE) == fate


def test_pauses_double_up_to_six_hours() -> None:
    first = timedelta(seconds=30)
    assert [pause_after(attempt, first).total_seconds() for attempt in (1, 2, 3, 4)] == [30, 60, 120, 240]
    assert pause_after(50, first) == timedelta(hours=6)


@pytest.mark.parametrize(
    ("locale", "language"),
    [
        (None, "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("zh", "zh-CN"),
        ("de", "zh-CN"),
        ("en", "en"),
        ("en_GB", "en"),
        ("EN", "en"),
    ],
)
def test_the_language(locale: str | None, language: str) -> None:
    assert language_of(locale) == language


@pytest.mark.parametrize(
    "text",
    ["a@b.test", "a.b+c@d-e.test", "o'neil@x.test", "李雷@例子.test", "x@[127.0.0.1", "@", "a@b@c", "a b@c.test"],
)
def test_an_address_is_one_address_or_none(text: str) -> None:
    good = {"a@b.test", "a.b+c@d-e.test", "o'neil@x.test", "李雷@例子.test"}
    assert usable_address(text) == (text if text in good else None)
