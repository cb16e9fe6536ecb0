"""Redemption's own metrics, each with what a high value means to an operator."""

from prometheus_client import Counter

QUOTES_DELETED = Counter(
    "greenpoints_quotes_deleted_total",
    "Quotes deleted long after their end; many more than orders placed: someone asks for prices all day.",
)
