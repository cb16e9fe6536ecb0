"""What a member may be told, and of which class each is (C23)."""

from enum import StrEnum


class Channel(StrEnum):
    """The ways to a member."""

    EMAIL = "email"
    IN_APP = "in_app"


class MessageClass(StrEnum):
    """A service message tells members about what is theirs: points, orders, vouchers. Marketing invites them."""

    SERVICE = "service"
    MARKETING = "marketing"


class Template(StrEnum):
    """Each is a file per language in templates/."""

    POINTS_GRANTED = "points_granted"
    POINTS_MATURED = "points_matured"
    POINTS_CLAWED_BACK = "points_clawed_back"
    POINTS_HELD = "points_held"
    POINTS_RELEASED = "points_released"
    POINTS_FORFEITED = "points_forfeited"
    POINTS_EXPIRING = "points_expiring"
    ORDER_PLACED = "order_placed"
    ORDER_FULFILLED = "order_fulfilled"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_RETURNED = "order_returned"
    ORDER_EXCHANGED = "order_exchanged"
    VOUCHER_ISSUED = "voucher_issued"
    REFERRAL_WELCOME = "referral_welcome"


DIGESTS = frozenset((Template.POINTS_GRANTED, Template.POINTS_MATURED))
"""Told once per window, however many causes came."""

STANDING = frozenset((Template.POINTS_HELD,))
"""Each cause states the whole anew: the last one's points count, not their sum."""


def class_of(template: Template) -> MessageClass:
    return MessageClass.MARKETING if template is Template.REFERRAL_WELCOME else MessageClass.SERVICE
