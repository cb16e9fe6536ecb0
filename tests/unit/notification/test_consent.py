"""Who may be told what by which channel (C23)."""

import itertools

import pytest

from services.notification.domain.consent import Profile, refusal
from services.notification.domain.template import Channel, MessageClass, Template, class_of
from shared.events.reason_codes import ReasonCode

SERVICE, MARKETING = MessageClass.SERVICE, MessageClass.MARKETING
EMAIL, IN_APP = Channel.EMAIL, Channel.IN_APP


@pytest.mark.parametrize("template", list(Template))
def test_all_but_the_welcome_are_service_messages(template: Template) -> None:
    """They tell members about their own points; only the welcome invites to buy."""
    assert class_of(template) is (MARKETING if template is Template.REFERRAL_WELCOME else SERVICE)


@pytest.mark.parametrize(
    ("message_class", "channel", "profile", "code"),
    [
        (SERVICE, EMAIL, Profile(), None),
        (SERVICE, EMAIL, Profile(consents={"email": False}), ReasonCode.NO_CONSENT),
        (SERVICE, EMAIL, Profile(consents={"marketing": False}), None),
        (SERVICE, IN_APP, Profile(consents={"email": False, "marketing": False}), None),
        (SERVICE, EMAIL, Profile(birth_year=2012), ReasonCode.GUARDIAN_CONSENT_REQUIRED),
        (SERVICE, EMAIL, Profile(birth_year=2011), None),
        (SERVICE, IN_APP, Profile(birth_year=2020), None),
        (SERVICE, EMAIL, Profile(birth_year=2020, consents={"guardian": True}), None),
        (MARKETING, EMAIL, Profile(), ReasonCode.NO_CONSENT),
        (MARKETING, EMAIL, Profile(consents={"marketing": False}), ReasonCode.MARKETING_OPTED_OUT),
        (MARKETING, EMAIL, Profile(consents={"marketing": True}), None),
        (MARKETING, EMAIL, Profile(consents={"marketing": True, "email": False}), ReasonCode.NO_CONSENT),
        (MARKETING, IN_APP, Profile(consents={"marketing": True, "email": False}), None),
        (MARKETING, IN_APP, Profile(consents={"marketing": False}), ReasonCode.MARKETING_OPTED_OUT),
        (
            MARKETING,
            IN_APP,
            Profile(birth_year=2008, consents={"marketing": True}),
            ReasonCode.GUARDIAN_CONSENT_REQUIRED,
        ),
        (MARKETING, IN_APP, Profile(birth_year=2007, consents={"marketing": True}), None),
        (MARKETING, EMAIL, Profile(birth_year=2020, consents={"marketing": True, "guardian": True}), None),
    ],
)
def test_the_rule(message_class: MessageClass, channel: Channel, profile: Profile, code: ReasonCode | None) -> None:
    """In 2026: born 2012 may still be under 14, born 2008 may still be a minor."""
    assert refusal(message_class, channel, profile, 2026) is code


def test_marketing_never_reaches_whom_a_service_message_may_not_reach() -> None:
    said = (None, False, True)
    for email, marketing, guardian, year, channel in itertools.product(said, said, said, (None, 2000, 2015), Channel):
        consents = {"email": email, "marketing": marketing, "guardian": guardian}
        profile = Profile(
            birth_year=year, consents={name: given for name, given in consents.items() if given is not None}
        )
        if refusal(SERVICE, channel, profile, 2026) is not None:
            assert refusal(MARKETING, channel, profile, 2026) is not None
