"""Earning's own metrics, each with what a high value means to an operator."""

from prometheus_client import Counter

SLICES_FETCHED = Counter(
    "greenpoints_slices_fetched_total",
    "Slices of a budget or campaign reserved for a partition; one a batch: what is left of it is nearly nothing.",
)
