"""What counters and histograms of one or several processes say, from two looks at each. Pure: no I/O, no clock.

None means "not known"; 0 is a measured zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

Sample = tuple[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Scrape:
    """One look at one process: `at` in seconds of a steady clock, each sample's value, the metrics it knows at all.

    A counter without a sample has counted nothing yet: 0. One that the process does not know is unknown.
    """

    at: float
    values: Mapping[Sample, float]
    metrics: frozenset[str]

    def knows(self, name: str) -> bool:
        return name.removesuffix("_bucket") in self.metrics


def parse(at: float, exposed: str, wanted: tuple[str, ...] = ("greenpoints_",)) -> Scrape:
    """The samples of a process's /metrics whose names begin so: reading them all takes many times as long."""
    ours = "\n".join(line for line in exposed.splitlines() if line.startswith(wanted))
    return Scrape(
        at,
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(ours + "\n")
            for sample in family.samples
        },
        frozenset(line.split(" ", 3)[2] for line in exposed.splitlines() if line.startswith("# TYPE greenpoints_")),
    )


def increase(scrapes: Sequence[Scrape], name: str, labels: Mapping[str, str], seconds: float) -> float | None:
    """How much a counter of one process rose in the last `seconds`, over every sample that has these labels.

    A process that began anew counts from 0. None with fewer than two looks, or when the process has no such counter.
    """
    window = _window(scrapes, seconds)
    if window is None or not window[1].knows(name):
        return None
    first, last = window
    wanted = frozenset(labels.items())
    total = 0.0
    for sample, value in last.values.items():
        if sample[0] == name and wanted <= sample[1]:
            before = first.values.get(sample, 0.0)
            total += value - before if value >= before else value
    return total


def per_second(scrapes: Sequence[Scrape], name: str, labels: Mapping[str, str], seconds: float) -> float | None:
    """The same as a rate over the time really looked at."""
    window, rose = _window(scrapes, seconds), increase(scrapes, name, labels, seconds)
    return None if window is None or rose is None else rose / (window[1].at - window[0].at)


def latest(scrapes: Sequence[Scrape], name: str, labels: Mapping[str, str]) -> float | None:
    """A gauge's last value, added up over its other labels."""
    if not scrapes:
        return None
    wanted = frozenset(labels.items())
    found = [value for sample, value in scrapes[-1].values.items() if sample[0] == name and wanted <= sample[1]]
    return sum(found) if found else None


def quantile(
    processes: Iterable[Sequence[Scrape]], name: str, labels: Mapping[str, str], part: float, seconds: float
) -> float | None:
    """The value below which `part` of what a histogram saw in the last `seconds` lies, between two bounds in a line.

    None when it saw nothing, or when the answer lies above the last bound.
    """
    buckets: dict[float, float] = {}
    for scrapes in processes:
        for bound in {
            dict(sample[1])["le"] for sample in (scrapes[-1].values if scrapes else ()) if sample[0] == f"{name}_bucket"
        }:
            rose = increase(scrapes, f"{name}_bucket", {**labels, "le": bound}, seconds)
            buckets[float(bound)] = buckets.get(float(bound), 0.0) + (rose or 0.0)
    return _within(sorted(buckets.items()), part)


def _within(buckets: Sequence[tuple[float, float]], part: float) -> float | None:
    total = buckets[-1][1] if buckets else 0.0
    if total == 0:
        return None
    wanted, low, below = part * total, 0.0, 0.0
    for bound, so_far in buckets:
        if so_far >= wanted:
            if bound == float("inf"):
                return None
            share = (wanted - below) / (so_far - below) if so_far > below else 1.0
            return low + (bound - low) * share
        low, below = bound, so_far
    return None


def _window(scrapes: Sequence[Scrape], seconds: float) -> tuple[Scrape, Scrape] | None:
    if len(scrapes) < 2:
        return None
    last = scrapes[-1]
    first = next(scrape for scrape in scrapes if scrape.at >= last.at - seconds - 0.01)
    return (first, last) if first is not last else (scrapes[-2], last)
