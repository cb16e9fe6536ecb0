"""The surroundings go away and come back: the services wait, and the books are as if nothing had happened."""

from collections.abc import Awaitable, Callable

import pytest

from deploy.local.stack import Stack
from tests.faults.course import Outcome
from tests.faults.outages import CLEAN, FAST, IMMEDIATE, KILLED, KafkaOutages, Outages, PostgresOutages, cannot_stop

Fought = Callable[..., Awaitable[Outcome]]


@pytest.mark.parametrize(
    "outages",
    [PostgresOutages((FAST, IMMEDIATE)), KafkaOutages((KILLED, CLEAN))],
    ids=lambda outages: outages.server,
)
async def test_a_server_goes_away_and_comes_back(outages: Outages, stack: Stack, fought: Fought) -> None:
    if why := cannot_stop(stack):
        pytest.skip(why)
    outcome = await fought(outages)
    assert len(outcome.notes) == len(outcome.recoveries) == 2
