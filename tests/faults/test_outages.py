"""The surroundings go away and come back: the services wait, and the books are as if nothing had happened."""

from collections.abc import Awaitable, Callable

import pytest

from deploy.local.stack import Stack
from tests.faults.course import Outcome
from tests.faults.outages import FAST, IMMEDIATE, KILLED, KafkaOutages, Outages, PostgresOutages, cannot_stop

Fought = Callable[..., Awaitable[Outcome]]


@pytest.mark.parametrize(
    ("outages", "stops"),
    # a killed broker lets itself in again after 12 s only; the long run stops it cleanly as well
    [(PostgresOutages((FAST, IMMEDIATE)), 2), (KafkaOutages((KILLED,)), 1)],
    ids=["postgresql", "kafka"],
)
async def test_a_server_goes_away_and_comes_back(outages: Outages, stops: int, stack: Stack, fought: Fought) -> None:
    if why := cannot_stop(stack):
        pytest.skip(why)
    outcome = await fought(outages)
    assert len(outcome.notes) == len(outcome.recoveries) == stops
